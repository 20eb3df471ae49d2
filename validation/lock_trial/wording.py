"""What the planted changes look for and put in its place: data of each language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tomoscribe.core.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Wording:
    """Patterns and sentences of one language; patterns are regular expressions.

    Args:
        numeral: a number that can be changed.
        protected: where no number is one (dates, thresholds, names of quantities).
        reason: behind this word numbers belong to a reason.
        units: (unit of a number, other units).
        sides: a side; ``swaps`` gives the other one.
        sites: (site, what is put there, guard): with guard ``lung`` not for a lesion whose lobe is determined, with
            guard ``brain`` for measured organs only.
        denied, doubted, asserted: sentences with ``{name}``, ``{where}`` and ``{sentence}`` (its first letter lowered).
        counted: what stands behind a number that counts; ``counting``: before it.
        count_words: spelled numbers from zero on; ``count_word``: one of them from two on.
        opposites: (direction, what is put there).
        classed: a sentence with an attenuation class; ``classes``: each class and the wrong one, longest first.
        normal, absent: sentences with ``{organ}``, ``{organ_c}`` (capitalized) and ``{is_are}``.
    """

    numeral: str
    protected: str
    reason: str
    units: tuple[tuple[str, tuple[str, ...]], ...]
    sides: str
    swaps: Mapping[str, str]
    sites: tuple[tuple[str, str, str], ...]
    denied: tuple[str, ...]
    doubted: tuple[str, ...]
    asserted: tuple[str, ...]
    counted: str
    counting: str
    count_words: tuple[str, ...]
    count_word: str
    opposites: tuple[tuple[str, str], ...]
    classed: str
    classes: Mapping[str, str]
    normal: tuple[str, ...]
    absent: tuple[str, ...]


_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
ENGLISH = Wording(
    numeral=r"(?<![\w.<-])-?\d+(?:\.\d+)?(?![\w-]|\.\d|:|th\b| HU threshold)",
    protected=r"\d{4}-\d{2}-\d{2}|-950 HU|LAA-950|15th|Perc15|T2|mm3",
    reason="because",
    units=(
        (r"(?<=\d) mm(?![\w³3])", (" cm", " ml", " HU")),
        (r"(?<=\d) mm[3³]", (" ml", " mm", " cc")),
        (r"(?<=\d) cubic millimeters", (" milliliters", " millimeters")),
        (r"(?<=\d) (?:ml|mL|cc|milliliters)\b", (" mm3", " mm", " liters")),
        (r"(?<=\d) (?:HU|Hounsfield units)(?!\w)", (" %", " mm")),
        (r"(?<=\d)(?: ?%| percent)", (" HU", " ml")),
    ),
    sides=r"\b(left|right|Left|Right)\b",
    swaps={"left": "right", "right": "left", "Left": "Right", "Right": "Left"},
    sites=(
        (r"\b(left|right) upper lobe\b", r"\1 lower lobe", ""),
        (r"\b(left|right) lower lobe\b", r"\1 upper lobe", ""),
        (r"\bright middle lobe\b", "right lower lobe", ""),
        (r"\blobe not determined\b|\bthe lobe is not determined\b|\blobe undetermined\b", "upper lobe", ""),
        (r"\b(left|right) lung\b(?! volume)", r"\1 upper lobe", "lung"),
        (r"\b([Ll])ungs?\b", "pleura", ""),
        (r"\b[Aa]irways?\b|\btracheobronchial tree\b", "brain", ""),
        (r"\b[Ii]ntracranial\b", "ventricular", ""),
        (r"\b[Vv]entric(?:ular|les)\b", "intracranial", ""),
        (r"\b[Bb]rain\b", "intracranial", "brain"),
        (r"\bpleural effusion\b", "consolidation", ""),
        (r"\bwhite matter\b", "ventricles", ""),
    ),
    denied=(
        "No {name}{where}.",
        "There is no {name}{where}.",
        "No {sentence}",
        "The {name}{where} is no longer seen.",
    ),
    doubted=("Possible {name}{where}.", "Possible {sentence}"),
    asserted=("{name_c}{where}.", "There is a {name}{where}."),
    counted=(
        r"^\s*(?:separate |pulmonary |solid |lung |possible |white matter )*(?:lesions|nodules|masses|foci|"
        r"in the (?:left|right) lung\b)"
    ),
    counting=r"(?i:(?:number of (?:lung |pulmonary )?(?:nodules|lesions)|total of):?\s*$)",
    count_words=_WORDS,
    count_word=rf"\b(?:{'|'.join(_WORDS[2:])})\b",
    opposites=(
        (r"\bhas increased\b|\bhas grown\b|\bhas enlarged\b|\bincreased\b", "decreased"),
        (r"\bhas become smaller\b|\bhas decreased\b|\bdecreased\b", "increased"),
        (r"\bgrowth nor regression\b", "change in shape"),
        (r"\b[Ee]nlarging\b", "shrinking"),
        (r"\bgrowth\b", "regression"),
        (r"\b[Pp]artial regression\b|\bregression\b|\breduction\b", "growth"),
        (r"\b[Uu]nchanged\b|\b[Ss]table\b|\bthe same as\b", "increased"),
    ),
    classed=r"(?i:\b(part-solid|solid|ground-glass) (nodule|mass|lung))",
    classes={"part-solid": "solid", "ground-glass": "part-solid", "solid": "ground-glass"},
    normal=(
        "The {organ} {is_are} normal.",
        "{organ_c} {is_are} unremarkable.",
        "No abnormality of the {organ}.",
        "Normal {organ}.",
        "The {organ} {is_are} clear.",
    ),
    absent=(
        "No {organ}.",
        "There is no {organ}.",
        "{organ_c} is excluded.",
        "No evidence of {organ}.",
        "{organ_c}: none.",
    ),
)

_ZH_WORDS = ("零", "一", "两", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二")
CHINESE = Wording(
    numeral=r"(?<![A-Za-z0-9.<-])-?\d+(?:\.\d+)?(?![\d-]|\.\d)",
    protected=r"\d{4}-\d{2}-\d{2}|-950 ?HU|LAA-950|第?15百分位|Perc15|T2|mm3|层厚[\d.]+ mm",
    reason="原因",
    units=(
        (r"(?<=\d) ?mm(?![a-z³3])|(?<=\d) ?毫米", (" cm", " ml", " HU", "厘米")),
        (r"(?<=\d) ?mm[3³]|(?<=\d) ?立方毫米", (" ml", " mm", "立方厘米")),
        (r"(?<=\d) ?(?:ml|mL)|(?<=\d) ?毫升", (" mm³", " mm", "升")),
        (r"(?<=\d) ?(?:HU|亨氏单位)", ("%", " mm")),
        (r"(?<=\d) ?%", (" HU", " ml")),
    ),
    sides=r"[左右]",
    swaps={"左": "右", "右": "左"},
    sites=(
        (r"([左右])肺上叶", r"\1肺下叶", ""),
        (r"([左右])肺下叶", r"\1肺上叶", ""),
        (r"右肺中叶", "右肺下叶", ""),
        (r"(?:所在)?肺叶(?:未确定|不确定|未能确定|归属未定|无法确定|未定)", "位于上叶", ""),
        (r"([左右])侧?肺(?!体积|容积|内?体积|叶)", r"\1肺上叶", "lung"),
        (r"[双两]肺", "双侧胸膜", ""),
        (r"[左右]肺", "左侧胸膜", "lung"),
        (r"肺", "脑", "lung"),
        (r"气道|气管支气管树|气管及支气管|气管、支气管", "脑", ""),
        (r"颅内|颅腔", "脑室", "brain"),
        (r"脑室系统|脑室", "颅内", ""),
        (r"脑实质|脑组织|全脑|脑(?!白质|室|内)", "颅内", "brain"),
        (r"胸腔积液|胸水", "实变", ""),
        (r"脑白质|白质", "脑室", ""),
    ),
    denied=("无{where}{name}。", "未见{where}{name}。", "未见{sentence}", "{where}{name}已消失。"),
    doubted=("可疑{where}{name}。", "可疑{sentence}"),
    asserted=("{where}{name}。", "{where}见{name}。"),
    counted=r"^\s*(?:枚|个|处)",
    counting=r"(?:病灶数|数目|总数为|数目：)\s*$",
    count_words=_ZH_WORDS,
    count_word=rf"(?:{'|'.join(sorted(_ZH_WORDS[2:], key=len, reverse=True))})(?=枚|个|处)",
    opposites=(
        (r"增大|增加到|增至|增长|变大|增加", "缩小至"),
        (r"部分吸收缩小|缩小|减至|减小|降至|变小|减少", "增大至"),
        (r"新发|新增|新出现|新生", "缩小"),
        (r"无明显变化|未见明显增大或缩小|无变化|未见变化|稳定|大小相仿|大小同前|变化在测量误差范围内", "增大"),
    ),
    classed=r"(?:部分实性|实性|磨玻璃)(?:密度)?(?:结节|肿块|团块)",
    classes={"部分实性": "实性", "磨玻璃": "部分实性", "实性": "磨玻璃"},
    normal=("{organ}正常。", "{organ}未见异常。", "{organ}未见明显异常。", "正常{organ}。", "{organ}清晰。"),
    absent=("无{organ}。", "未见{organ}。", "已排除{organ}。", "未见{organ}征象。", "{organ}：无。"),
)

_BY_CODE = {"en": ENGLISH, "zh": CHINESE}


def wording_of(code: str) -> Wording:
    """The wording of a language's planted changes.

    Raises:
        ConfigError: there is none for this language.
    """
    if code not in _BY_CODE:
        raise ConfigError(f"expected a language of {', '.join(_BY_CODE)}, found '{code}'")
    return _BY_CODE[code]
