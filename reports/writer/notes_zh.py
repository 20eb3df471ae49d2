"""Notes, reasons and warnings of the measuring, the heads and the reader in Chinese: data.

Findings carry them in English, whatever the report's language. One that no row holds is quoted as it is and marked as
English: to lose it would be worse than to show it untranslated.
"""

from __future__ import annotations

import re
from collections.abc import Callable

UNTRANSLATED = "英文原注：“{note}”"

EXACT: dict[str, str] = {
    # chest
    "the scan does not cover the lungs entirely": "扫描范围未完整包括双肺",
    "size approximate because of thick slices": "层厚较厚，大小为近似值",
    "intravenous contrast": "静脉对比剂",
    "thick slices": "层厚过厚",
    "slices are thicker than 1.5 mm": "层厚大于1.5 mm",
    "a sharp reconstruction kernel": "锐利重建卷积核",
    "a sharp kernel": "锐利重建卷积核",
    "reconstruction kernel": "重建卷积核",
    "depth of inspiration": "吸气程度",
    "kernel and contrast": "重建卷积核及对比剂",
    "the trachea was not found; airways are part of the lung volumes": "未找到气管；肺体积中包含气道",
    "only one lung was found": "仅找到一侧肺",
    "the kernels differ": "重建卷积核不同",
    "other slice thickness": "层厚不同",
    "the two examinations could not be aligned": "两次检查无法配准",
    "no lungs were found in the earlier examination": "既往检查中未找到肺",
    "the place lies outside the earlier examination": "该部位不在既往检查的扫描范围内",
    "no counterpart could be matched with certainty": "无法确切找到对应病灶",
    "it is too small to be told on the earlier slices": "病灶太小，在既往检查的层厚下无法辨认",
    "it cannot be read": "无法读取",
    "the spine was not found": "未找到脊柱",
    "too few vertebrae were found": "找到的椎体过少",
    "the attenuation found is implausible for trabecular bone": "所得CT值对松质骨而言不合理",
    "a tube voltage other than 120 kVp": "管电压非120 kVp",
    "tube voltage": "管电压",
    "median of the thoracic vertebrae, levels uncertain": "为各胸椎的中位数，节段不确定",
    "median of the thoracic vertebrae, levels uncertain; intravenous contrast not known": (
        "为各胸椎的中位数，节段不确定；静脉对比剂不详"
    ),
    "median of the thoracic vertebrae, levels uncertain; tube voltage not known": (
        "为各胸椎的中位数，节段不确定；管电压不详"
    ),
    "median of the thoracic vertebrae, levels uncertain; intravenous contrast and tube voltage not known": (
        "为各胸椎的中位数，节段不确定；静脉对比剂及管电压不详"
    ),
    "median of the thoracic vertebrae, levels uncertain; raised by intravenous contrast": (
        "为各胸椎的中位数，节段不确定；受静脉对比剂影响偏高"
    ),
    # brain
    "a T1 series is needed": "需要T1序列",
    "a FLAIR series is needed": "需要FLAIR序列",
    "brain and fluid could not be told apart on T1": "T1上无法区分脑组织与脑脊液",
    "brain and fluid could not be told apart on FLAIR": "FLAIR上无法区分脑组织与脑脊液",
    "nothing could be outlined: there is no segmentation beside this report": "未能勾画任何结构：本报告不附分割结果",
    "the skull and scalp are missing from the images": "图像中缺少颅骨和头皮",
    "the scan does not cover the whole brain": "扫描范围未包括全脑",
    "the intracranial volume found is implausible for an adult head": "所得颅内容积对成人头颅而言不合理",
    "the share of brain tissue found is implausible": "所得脑组织比例不合理",
    "the share of the ventricles found is implausible": "所得脑室比例不合理",
    "a bright region on FLAIR is too large for a white-matter lesion and needs a look": (
        "FLAIR上有一高信号区，过大而不能视为脑白质病变，需人工查看"
    ),
    "too many bright places on FLAIR to tell lesions from artifact": "FLAIR上高信号处过多，无法区分病变与伪影",
    "none was outlined, and how many the software misses in real patients is not documented": (
        "软件未勾画出病灶，而其在真实患者中的漏检率尚无资料"
    ),
    # heads, ages
    "seen by a network that was trained on generated patients only": "由仅以合成病例训练的网络提示",
    "the patient is younger than 18 years and this version reads adults only": "患者未满18岁，本版本仅用于成人",
    # the series and the input
    "the header's padding value is a tissue value as well; it was left as it is": (
        "文件头所注填充值同时也是组织值，故保留未改"
    ),
    "rescale slope or intercept differ between slices; each slice was rescaled with its own": (
        "各层的重定标斜率或截距不同；各层均按自身参数换算"
    ),
    "the images were compressed with loss": "图像经过有损压缩",
    "the series of this study carry different patient IDs: check whose they are": (
        "本检查各序列的患者编号不一致：请核实属于何人"
    ),
    "the series of this study contradict each other in the patient's birth date or sex": (
        "本检查各序列的患者出生日期或性别相互矛盾"
    ),
    "the plain writer words the report, because the decoder does not fit into memory": (
        "内存不足以运行神经网络解码器，报告文字由规则写作程序生成"
    ),
}

PATTERNS: tuple[tuple[str, str], ...] = (
    (r"size approximate because slices are ([\d.]+) mm thick", "层厚{0} mm，大小为近似值"),
    (r"the slice thickness of ([\d.]+) mm", "层厚{0} mm"),
    (r"the examination of (\S+) cannot be read and was not compared", "{0}的检查无法读取，未作对比"),
    (r"(\d+) padding pixels outside the field of view set to (-?\d+) HU", "视野外{0}个填充像素已设为{1} HU"),
    (r"(\d+) DICOM files? (?:is|are) damaged and left out", "{0}个DICOM文件损坏，未读入"),
    (r"(\d+) DICOM files? (?:is|are) not readable \(permissions\) and left out", "{0}个DICOM文件无读取权限，未读入"),
    (
        r"(\d+) DICOM files? (?:is|are) without study, series or instance UID and left out",
        "{0}个DICOM文件缺少检查、序列或实例UID，未读入",
    ),
    (r"(\d+) DICOM files? (?:is|are) identical with another one and left out", "{0}个DICOM文件与其他文件相同，未读入"),
    (
        r"(\d+) earlier stud(?:y|ies) under the same patient ID not used for comparison: birth date or sex contradict",
        "同一患者编号下的{0}次既往检查因出生日期或性别矛盾，未用于对比",
    ),
    (
        r"the networks run on the CPU, because (\S+) has ([\d.]+) GB free",
        "{0}仅余{1} GB内存，网络改在CPU上运行",
    ),
)
"""Regular expression over the whole note, Chinese with its groups."""


def note_in_chinese(note: str) -> str:
    """The note in Chinese; one that is not known is quoted in English and marked so."""
    return _known(note.strip().rstrip(".")) or UNTRANSLATED.format(note=note)


def is_known(note: str) -> bool:
    """Whether the note has a Chinese wording."""
    return _known(note.strip().rstrip(".")) is not None


def _known(note: str) -> str | None:
    if note in EXACT:
        return EXACT[note]
    for pattern, chinese in PATTERNS:
        match = re.fullmatch(pattern, note)
        if match:
            return chinese.format(*match.groups())
    for pattern, wrap in _LISTS:
        match = re.fullmatch(pattern, note)
        items = _items(match.group(1)) if match else None
        if items is not None:
            return wrap(items)
    series = re.fullmatch(r"Series (\S+): (.+)", note)
    rest = _known(series.group(2)) if series else None
    return f"序列{series.group(1)}：{rest}" if series and rest else None


_LISTS: tuple[tuple[str, Callable[[str], str]], ...] = (
    (r"not reliable because of (.+)", lambda items: f"因{items}而不可靠"),
    (r"(.+) not known", lambda items: f"{items}不详"),
)
"""Regular expression whose group is a list of known words, and the Chinese around the list."""


def _items(words: str) -> str | None:
    known = [_known(w) for w in re.split(r", | and ", words)]
    return "、".join(k for k in known if k) if all(known) else None
