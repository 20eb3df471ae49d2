"""Words of the report's page and of other exports that are no sentences: headings, table heads, captions; by language.

A label is named by its English words. Sentences come from the writer, never from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tomoscribe.core import Code, terms
from tomoscribe.reports.writer.language import Language, language_of

CHINESE: dict[str, str] = {
    # sections
    "Examination": "检查名称",
    "Clinical information": "临床资料",
    "Technique": "检查技术",
    "Comparison": "对比",
    "Findings": "影像所见",
    "Impression": "印象",
    "Recommendation": "建议",
    "Review list": "待复核项目",
    "Not assessed": "未评估内容",
    "Addendum": "补充报告",
    # status, notices
    "draft": "草稿",
    "preliminary": "初步报告",
    "final": "最终报告",
    "amended": "更正报告",
    "appended": "补充报告",
    "entered in error": "作废（误录入）",
    "Not a medical device. For research use only; every sentence needs a radiologist's review.": (
        "非医疗器械，仅供研究使用；每句内容均须经放射科医师审核。"
    ),
    "report": "报告",
    "Radiology report": "影像检查报告",
    "To the report": "转到报告正文",
    "Status: {status}.": "报告状态：{status}。",
    "English": "英文",
    "Chinese": "中文",
    "Verified by {name}": "审核签名：{name}",
    "Text for signature: {language}": "签署文本：{language}",
    "Signed text: {language}": "已签署文本：{language}",
    "Translation: {language}. Not the signed text; where the two differ, the {signed} text holds.": (
        "译文：{language}。非签署文本；如有出入，以{signed}文本为准。"
    ),
    "Outlines are drawn halfway between voxels, calipers between the measured end points. Letters on the pictures "
    "name the patient's sides: R right, L left, A anterior, P posterior, H head, F feet.": (
        "轮廓线绘于体素之间的中线，测量线绘于所测两端点之间。图中字母表示患者方位：R右，L左，A前，P后，H头，F足。"
    ),
    # study
    "Study date": "检查日期",
    "Age": "年龄",
    "Sex": "性别",
    "Study UID": "检查UID",
    "unknown": "不详",
    "not named": "未命名",
    "{age} years": "{age}岁",
    "male": "男",
    "female": "女",
    "other": "其他",
    # pictures
    "axial": "横断面",
    "coronal": "冠状面",
    "sagittal": "矢状面",
    "lung": "肺窗",
    "mediastinum": "纵隔窗",
    "MR percentiles 1 to 99": "MR百分位1至99",
    "{window} window": "{window}",
    "{plane} plane": "{plane}",
    "series {series}, image {image}": "序列{series}，图像{image}",
    "series {series}, reformatted": "序列{series}，重建层面",
    "Hide marks (H)": "隐藏标记（H）",
    "Show marks (H)": "显示标记（H）",
    "Organs": "器官",
    "lung right": "右肺",
    "lung left": "左肺",
    "airways": "气道",
    "brain": "脑",
    "ventricles": "脑室",
    "csf": "脑脊液",
    "white matter lesions": "脑白质病变",
    # cards and tables
    "finding {number}": "发现{number}",
    "evidence: finding {number}, {title}": "依据：发现{number}，{title}",
    "present": "存在",
    "to be reviewed": "待复核",
    "absent": "无",
    "not assessed": "未评估",
    "probability {probability}": "概率{probability}",
    "best seen on {images}": "最佳显示：{images}",
    "Measurement": "测量项目",
    "Value": "数值",
    "days": "天",
    "Unit": "单位",
    "1 SD": "1个标准差",
    "From": "来源",
    "mask": "分割掩模",
    "user": "人工",
    "Organ measurements": "器官测量",
    "Organ": "器官",
    "For review: below the reporting threshold": "待复核：低于报告阈值",
    "Measured or looked for, not assessed": "已测量或已检测，但未评估",
    "Finding": "发现",
    "State": "状态",
    "Why": "原因",
    "Measured all the same": "仍测得的数值",
    "Change": "变化",
    "Review": "复核",
    "Examination of {date}": "{date}的检查",
    "not compared: {reason}": "未作对比：{reason}",
    "aerated lung at this place": "该处为含气肺组织",
    "{state} by {reviewer}": "{reviewer}：{state}",
    "accepted": "已接受",
    "rejected": "已否定",
    "edited": "已修改",
    "not reviewed yet": "尚未复核",
    "Center (x, y, z; LPS)": "中心（x，y，z；LPS）",
    "Measured by": "测量程序",
    "both sides": "双侧",
    "left": "左侧",
    "right": "右侧",
    "midline": "中线",
    "{name} cannot be compared{since}: {reason}": "{name}无法比较{since}：{reason}",
    "{name} {direction}{since}, before {prior}": "{name}{direction}{since}，此前{prior}",
    " since {date}": "（对比{date}）",
    "increased": "增大",
    "decreased": "缩小",
    "stable": "稳定",
    "new": "新发",
    # sentences' origin
    "decoder": "解码器",
    "clinician": "医师",
    "replaced by the writer": "已由规则写作程序改写",
    "Refused by the evidence lock:": "证据锁拒绝的原句：",
    # provenance
    "Provenance": "来源信息",
    "Made by": "生成程序",
    "Version": "版本",
    "Weights SHA-256": "权重SHA-256",
    "Configuration SHA-256": "配置SHA-256",
    "Device": "设备",
    "Seed": "随机种子",
    "none": "无",
    "Total": "合计",
    "Peak memory": "峰值内存",
    "load": "读入",
    "measure": "测量",
    "compare": "对比",
    "look": "整体检测",
    "write": "撰写",
    "The text in this language was worded by the plain writer alone; the decoder writes English only.": (
        "中文文字全部由规则写作程序撰写；神经网络解码器仅撰写英文。"
    ),
    # the signed page
    "Page {page} of {pages}": "第{page}页，共{pages}页",
    "Patient": "患者",
    "Patient ID": "患者编号",
    "Birth date": "出生日期",
    "Accession number": "检查号",
    "Study": "检查",
    "Referring physician": "申请医师",
    "Signature": "签名",
    "Critical finding told": "危急值通报",
    "Key images": "关键图像",
    "Measurements": "测量值",
    "Best seen on": "最佳显示",
    "NOT SIGNED": "未签名",
    # terminal
    "WARNING": "警告",
    "{present} findings present, {uncertain} on the review list. Draft; not a medical device.": (
        "存在的发现{present}项，待复核{uncertain}项。草稿；非医疗器械。"
    ),
}
"""English words of a label to the Chinese ones."""

LANGUAGES = {"en": "English", "zh": "Chinese"}
"""Labels of the languages."""
TERMS_CHINESE: dict[Code, str] = {
    terms.MEAN_ATTENUATION: "平均CT值",
    terms.LAA_950: "低于-950 HU的低衰减区",
    terms.PERC15: "肺密度第15百分位数",
    terms.COUNT: "病灶数",
    terms.SOLID_DIAMETER: "实性成分直径",
    terms.INTRACRANIAL: "颅内腔",
    terms.ORGAN_MEASUREMENT: "器官测量",
    terms.CONSOLIDATION: "肺实变",
    terms.ATTENUATION_CLASS: "密度类型",
    terms.LOBE: "肺叶",
    terms.SOLID: "实性",
    terms.PART_SOLID: "部分实性",
    terms.GROUND_GLASS: "磨玻璃",
    terms.NOT_DETERMINED: "未确定",
    terms.LONG_AXIS_3D: "三维长径",
    terms.SHORT_AXIS_3D: "三维短径",
    terms.VOLUME_DOUBLING_TIME: "体积倍增时间",
    terms.VOLUME_DOUBLING_TIME_LOW: "体积倍增时间95%下限",
    terms.VOLUME_DOUBLING_TIME_HIGH: "体积倍增时间95%上限",
    terms.CALCIFICATION: "钙化形态",
    terms.CALCIFIED_COMPLETELY: "完全钙化",
    terms.CALCIFIED_CENTRALLY: "中央钙化",
    terms.CALCIFIED_RING: "环形钙化",
    terms.CALCIFIED_ECCENTRICALLY: "偏心钙化",
    terms.CALCIFIED_OTHERWISE: "钙化，形态未定",
    terms.FAT: "内含脂肪",
    terms.CONTAINED: "有",
    terms.PLEURAL_RELATION: "与胸膜的关系",
    terms.AIRWAY_RELATION: "与气道的关系",
    terms.TOUCHING: "相邻",
}
"""Chinese for the meaning of a code where the writer's word is none for a table."""
TERMS_ENGLISH: dict[Code, str] = {terms.MEAN_ATTENUATION: "Mean attenuation", terms.INTRACRANIAL: "Intracranial space"}
"""English where the meaning of a code is none that a radiologist would write."""


@dataclass(frozen=True, kw_only=True)
class Labels:
    """The labels of one language.

    Args:
        language: of the report.
        words: English words to the language's; empty for English.
        terms: Chinese and other words for the meaning of codes; a code in none of them keeps its own meaning.
    """

    language: Language
    words: Mapping[str, str]
    terms: Mapping[Code, str]

    def __call__(self, english: str) -> str:
        """The label in this language; words that are no label of ours (a series' description) stay as they are."""
        return self.words.get(english, english)

    def language_name(self, code: str) -> str:
        """What this language calls a language."""
        return self(LANGUAGES[code])

    def term(self, code: Code) -> str:
        """What a table calls a coded term."""
        return self.terms.get(code, code.meaning)


def labels_of(code: str) -> Labels:
    """The labels of a language.

    Raises:
        ConfigError: no report is written in this language.
    """
    language = language_of(code)
    if code == "en":
        return Labels(language=language, words={}, terms=TERMS_ENGLISH)
    written = {**language.entities, **language.sites, **language.quantities}
    return Labels(language=language, words=CHINESE, terms={**written, **TERMS_CHINESE})
