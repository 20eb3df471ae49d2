"""The Chinese words the evidence lock understands: data. A character that begins no phrase makes a sentence fail.

Phrases are separated by ``|``; the lexer brings them into the form of the text (half-width, digits for counting
numerals) and the longest one wins. No single character that denies, doubts or compares may ever stand among the
neutral words.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tomoscribe.core import Code, Direction, Laterality, terms
from tomoscribe.reports.lock.lexicon import ATTENUATION, AXES, DIAMETER, MEAN, PROBABILITY, Kind, Tables, Tag, rows_of

CLASSIFIERS = ("枚", "个", "处", "只", "颗")
"""Measure words; a Chinese numeral before one of them is a number, and the number before it counts."""

NEUTRAL = (
    "的|为|约|于|在|内|内部|其|该|此|呈|示|由此|系|者|一|本|所见|见|可见|见到|见有|有|存在|显示|发现|检出|测得|测量|测量值|"
    "测量得|位于|大小|大小约|约为|大约|最大截面|最大层面|截面|轴位|横断面|横轴位|扫描|所示|如上所述|详见|影像所见|上述|"
    "其中|共|共计|计|总计|总共|合计|累计|累及|均|各|分别|经|软件|分割|所得|范围|影像|图像上|ct|mr|mri|flair|t1|t2|flair上|ct上|"
    "序列上|原因|原因为|由于|因|受|影响|占|占比|值|值约|达|了|检查|本次检查|阈值|定量|定量分析|定量测量|"
    "性|样|形成|部位|部|区域|因素|经过|进行|作出|作|予以|以来|较前|与前相比|与前片相比|较前片|有所|较前有所|表现|征象|总|"
    "与|及其|以及|含|包含|包括|表示|是|而|整体|状|从|数值|结果|说明|单位|估算|估计|计算|自动|视觉|肉眼|可测|扫描所及|阅片|本次阅片|最佳显示|给出|给出的|赋予|赋予的|相比|比较|对照"
)

ENTITIES: dict[str, tuple[Code, ...]] = {
    "结节|结节影|结节灶|结节状影|结节样病灶|结节样影|结节病灶": (terms.NODULE,),
    "肿块|肿块影|团块|团块影|肿块灶|团块状影|团块状病灶|团块状病变|肿块样病灶": (terms.MASS, terms.BRAIN_MASS),
    "病灶|病变": (terms.NODULE, terms.MASS, terms.WHITE_MATTER_LESIONS, terms.BRAIN_MASS),
    "结节及肿块|结节和肿块|结节与肿块|肿块及结节|结节、肿块": (terms.NODULE, terms.MASS),
    "肺气肿|肺气肿改变|肺气肿性改变|肺气肿征象|肺气肿表现": (terms.EMPHYSEMA,),
    "胸腔积液|胸水|胸膜腔积液|胸腔内积液|胸膜腔内积液|积液": (terms.PLEURAL_EFFUSION,),
    "实变|实变影|实变灶": (terms.CONSOLIDATION,),
    "脑白质病变|白质病变|脑白质高信号|白质高信号|脑白质病灶|白质病灶|脑白质高信号灶|白质高信号灶|大脑白质病变|"
    "大脑白质高信号|脑白质高信号病灶|高信号灶|高信号病灶|大脑白质病灶|脑白质异常信号|高信号白质病灶": (
        terms.WHITE_MATTER_LESIONS,
    ),
    "脑室扩大|脑室扩张|脑室增宽|脑室系统扩大|脑室系统扩张|脑室增大": (terms.VENTRICULAR_ENLARGEMENT,),
    "占位性病变|占位": (terms.BRAIN_MASS,),
}
"""Noun to the finding types it may name."""

PLURALS = "结节及肿块|结节和肿块|结节与肿块|肿块及结节|结节、肿块"
SIDES: dict[str, Laterality] = {
    "右|右侧|右边": Laterality.RIGHT,
    "左|左侧|左边": Laterality.LEFT,
    "双|双侧|左、右|左右两侧|左右双侧|双边": Laterality.BILATERAL,
    "中线|中线区|居中": Laterality.MIDLINE,
}
SITES: dict[str, Code] = {
    "肺|肺内|肺部|肺脏|肺实质|肺实质内|肺野|肺野内|肺组织|肺容积|肺体积": terms.LUNG,
    "胸膜|胸膜腔|胸腔": terms.PLEURA,
    "气道|气管支气管|气管支气管树|气管及支气管|气管、支气管|气管和支气管|气道管腔|中央气道": terms.AIRWAYS,
    "胸椎松质骨|胸椎椎体松质骨": terms.THORACIC_VERTEBRAE,
    "颅内|颅腔|颅腔内|icv": terms.INTRACRANIAL,
    "脑|脑内|脑实质|脑组织|全脑|脑部": terms.BRAIN,
    "脑白质|大脑白质|白质|脑白质内|大脑白质内|白质内": terms.CEREBRAL_WHITE_MATTER,
    "脑室|脑室系统|各脑室|脑室内": terms.VENTRICLES,
}
LEVELS = {"上叶": "upper", "中叶": "middle", "下叶": "lower"}
DENSITIES: dict[str, Code] = {
    "实性|实性密度": terms.SOLID,
    "部分实性|半实性|混合磨玻璃|混合性磨玻璃|混合密度|部分实性密度|含磨玻璃成分在内": terms.PART_SOLID,
    "磨玻璃|纯磨玻璃|磨玻璃密度|非实性|纯磨玻璃密度|毛玻璃": terms.GROUND_GLASS,
}
QUANTITIES: dict[str, Code | str] = {
    "长径|最长径|最大径|最大直径|最大长径|长轴|长轴径|最长直径|轴位最大直径|轴位最大径|横断面最大径": terms.LONG_AXIS,
    "短径|短轴|短轴径|最短径|垂直径|垂直短径|与之垂直径|与之垂直的短径|垂直直径|与之垂直的径线|"
    "与其垂直的短径": terms.SHORT_AXIS,
    "平均直径|平均径|均径|两径平均值|两径均值|直径平均值|平均径线|长短径平均值": terms.MEAN_DIAMETER,
    "三维长径|三维最长径": terms.LONG_AXIS_3D,
    "三维短径": terms.SHORT_AXIS_3D,
    "体积倍增时间|倍增时间": terms.VOLUME_DOUBLING_TIME,
    "倍增时间下限": terms.VOLUME_DOUBLING_TIME_LOW,
    "倍增时间上限": terms.VOLUME_DOUBLING_TIME_HIGH,
    "实性成分|实性部分|实性成分直径|实性成分最大径|实性成分长径|实性核心|实性部分直径|"
    "实性成分的直径": terms.SOLID_DIAMETER,
    "体积|容积|总体积|总容积|容量|体积为|病灶总负荷|病灶负荷|合计体积|累计体积": terms.VOLUME,
    "平均ct值|ct值|ct均值|平均密度|平均密度值|平均ct密度|平均衰减值|ct值均值": terms.MEAN_ATTENUATION,
    "密度类型|密度类别|密度分类|密度性质|密度": ATTENUATION,
    "第15百分位数|第十五百分位数|15百分位数|第15百分位ct值|第15百分位密度|第15百分位|perc15|perc 15|perc15值|"
    "第15百分位数ct值": terms.PERC15,
    "平均|平均值|均值": MEAN,
    "概率|可能性|可能性为|分类概率|预测概率|置信度|评分": PROBABILITY,
    "病灶数|病灶数目|数目|数量|总数|结节数目|结节数|结节总数|个数|病灶个数": terms.COUNT,
    "长径×短径|长短径|长、短径|长径和短径|长径及短径|长径、短径|长轴×短轴|长短轴|长径与短径": AXES,
    "直径|径": DIAMETER,
}
"""Name of a quantity to its code, or to one of the words of ``lexicon`` for what is no measurement of its own."""

LAA = (
    "低于-950 hu|低于 -950 hu|-950 hu以下|小于-950 hu|<-950 hu|阈值-950 hu|laa-950|laa950|laa 950|低衰减区|低密度区|"
    "肺气肿指数|低衰减区百分比|低于-950hu|ct值低于-950 hu|低于-950亨氏单位|低衰减区域"
)
UNITS: dict[str, tuple[Code, str]] = {
    "mm|毫米": (terms.MM, "1"),
    "cm|厘米|公分": (terms.MM, "10"),
    "mm3|立方毫米": (terms.MM3, "1"),
    "ml|毫升|cc|cm3|立方厘米": (terms.ML, "1"),
    "l|升": (terms.ML, "1000"),
    "hu|亨氏单位|亨斯菲尔德单位": (terms.HU, "1"),
    "天": (terms.DAY, "1"),
    "%": (terms.PERCENT, "1"),
}
"""Unit word to (UCUM unit, exact factor)."""

SEEN: dict[str, tuple[Code, Code]] = {
    "完全钙化|完全性钙化": (terms.CALCIFICATION, terms.CALCIFIED_COMPLETELY),
    "中央钙化|中心性钙化": (terms.CALCIFICATION, terms.CALCIFIED_CENTRALLY),
    "环形钙化": (terms.CALCIFICATION, terms.CALCIFIED_RING),
    "偏心钙化|偏心性钙化": (terms.CALCIFICATION, terms.CALCIFIED_ECCENTRICALLY),
    "形态未定的钙化|形态未定钙化": (terms.CALCIFICATION, terms.CALCIFIED_OTHERWISE),
    "内含脂肪|含脂肪": (terms.FAT, terms.CONTAINED),
    "紧贴胸膜|与胸膜相贴": (terms.PLEURAL_RELATION, terms.TOUCHING),
    "紧邻支气管壁|与支气管壁相贴": (terms.AIRWAY_RELATION, terms.TOUCHING),
}
"""What else was seen of a lesion: attribute and value."""

REFERENCES: dict[str, str] = {
    "序列|序列号|系列|序列编号": "series",
    "图像|图|最佳显示层面|最佳层面|图像号|层面|影像号|图像编号|图像层面": "image",
}
INCREASED = "增大|增加|增长|变大|增|长大|较前增大|明显增大|升高|上升|有增长|有增大|较前变大|较前增长|较前增加"
DECREASED = "缩小|减小|减少|变小|减|降|下降|降低|部分吸收缩小|较前缩小|较前减小|较前变小|明显缩小|有缩小|较前减少"
STABLE = (
    "稳定|无变化|未见变化|无明显变化|未见明显变化|无显著变化|未见显著变化|大小相仿|相仿|同前|大小同前|大致同前|大致相仿|"
    "在重复性范围内无变化|重复性范围内无变化|未见明显增大或缩小|未见增大或缩小|未见增大|未见缩小|保持稳定|基本稳定|"
    "变化在测量误差范围内|在测量误差范围内|无明显增大|无增大|未增大|没有变化|没有明显变化|大小无变化"
)
NEW = (
    "新发|新增|新出现|新生|新出现的|新发现|新近出现|新发病灶|<date>未见|<date>未显示|<date>未发现|<date>尚未出现|"
    "<date>检查时尚未出现|<date>检查未见|<date>片上未显示的|<date>片上未见|<date>无此结节|<date>无此病灶|<date>时未见|"
    "<date>尚无|<date>检查中未见"
)
NOT_COMPARABLE = (
    "无法与<date>比较|不能与<date>比较|无法与<date>对比|不能与<date>对比|无法比较|不可比较|不能比较|无法对比|不可对比|"
    "与<date>不可比较|与<date>无法比较"
)
DIRECTIONS: dict[str, Direction] = {
    INCREASED: Direction.INCREASED,
    DECREASED: Direction.DECREASED,
    STABLE: Direction.STABLE,
    NEW: Direction.NEW,
    NOT_COMPARABLE: Direction.NOT_COMPARABLE,
}
COMPARED = (
    "与<date>比较|与<date>相比|与<date>对比|较<date>|对比<date>|对比<date>片|与<date>旧片对照|与<date>旧片比较|自<date>以来|"
    "<date>以来|自<date>起|与<date>的检查比较|与<date>的检查相比|与<date>检查比较|与<date>检查相比|比较<date>|较<date>片|"
    "和<date>比较|和<date>相比|与<date>前片比较|较日期不详的既往检查|与日期不详的既往检查比较|自日期不详的既往检查以来"
)
"""Phrases that name the prior without tying a number to it."""

PRIORS = "原|原为|前次|前次为|既往|既往为|此前|先前|上次|上次为|当时|当时为|以前|以往|之前|原先|旧片|前片|前值"
NOWS = "现|现为|目前|目前为|本次|本次为|此次|当前|今|现测|现在|现测得"
NEGATIONS = (
    "未|无|不|没|没有|非|否|勿|未见|未发现|不见|不存在|阴性|否认|排除|已排除|除外|已除外|消失|已消失|消散|吸收|已吸收|"
    "不再|缺如|缺失|免于|未能见|未显示|不符|并非|不是|无法|不能|未能"
)
NORMALS = (
    "正常|未见异常|无异常|未见明显异常|无明显异常|通畅|清晰|完整|良好|无特殊|良性|健康|无殊|未见病变|光滑|规则|对称|"
    "未见确切异常|大致正常|在正常范围|生理性|无恙|无碍|居中无移位|清楚|透亮"
)
HEDGES = (
    "可疑|疑似|怀疑|疑|可能|可能为|可能有|可能存在|似|似有|考虑|考虑为|待排|待排除|待查|待定|供复核|待复核|请复核|建议复核|"
    "请医师复核|待医师复核|待确认|请放射科医师确认|请医师确认|未经核实|未经证实|未经测量证实|未经确认|待核实|仅供参考|"
    "低于报告阈值|未达报告阈值|低于阈值|未达阈值|分类器|网络|神经网络|模型|算法|图像分类器|分类器提示|提示|"
    "候选|不能确定的|不确定的|不确定|倾向|供参考|不典型|人工复核|需复核|有待复核|有待证实"
)
UNASSESSED = (
    "未评估|未作评估|未予评估|不予评估|未做评估|均未评估|均未作评估|无法评估|不能评估|未能评估|未作评价|不作评价|未评价|"
    "未予评价|不予评价|无法评价|未进行评估|不在本次评估范围之内|不在本次评估范围内|不在评估范围内|不在评估范围之内|"
    "本软件未予评估|未纳入评估|未列入评估|未作判断|不作判断|无法作出评价|无法作出评估"
)
UNEXCLUDED = "不能排除|未排除|无法排除|不除外|不能除外|未能排除|尚不能排除|未除外|不能完全排除|不排除"
LOBE_UNKNOWN = (
    "肺叶未确定|所在肺叶未确定|肺叶不确定|肺叶未能确定|所在肺叶未能确定|肺叶无法确定|所在肺叶无法确定|肺叶未定|肺叶归属未定|"
    "肺叶不能确定|肺叶不详|肺叶归属不详|具体肺叶无法判定|具体肺叶未确定|未能确定肺叶|所在肺叶不确定|肺叶不明"
)
DENSITY_UNKNOWN = (
    "密度类型未确定|密度类型不能确定|密度类型未能确定|密度类型未定|密度类型未定的|密度类型不确定|密度类型未评估|密度类型不详|"
    "密度性质不确定|密度类型无法确定|密度分类不详|无法判断其为实性或亚实性|密度未确定|密度类型不明"
)
LARGEST = (
    "最大者|其中最大者|最大的|较大者|最大的一个|最大一个|最大的一枚|最大一枚|其中较大者|者为最大|为最大|其中最大的|最大"
)
SIZE_WORDS = {
    "多发|数枚|多枚|多个|数个|多处": "multiple",
    "大|较大|大的|较大的": "large",
    "小|较小|微小|细小|小的": "small",
}
ASSESSED = "评估|评价|纳入|覆盖"
DETERMINED = "确定|判定|明确|判断|定位|归类"
CONFIRMED = "证实|确认|核实|确诊|验证"
UNDETERMINED = "不详|未定|不明|未明"
REFUSED = (
    "大于|小于|多于|少于|高于|低于|大小不等|大小不一|左右|侧脑室|左侧脑室|右侧脑室|双侧脑室|两侧脑室|上肺|中肺|下肺|同侧|对侧|"
    "原发|新旧|大小形态|大部|大叶|小叶|大泡|多数|少数|无数|数十|上下|前后|内外|内侧|外侧|上方|下方|前方|后方"
)
"""What would be misread in parts."""
NEUTRAL_SENTENCES = (
    "侧别未确定|未提及并不代表没有疾病|未提及不代表没有疾病|未提及者不代表无疾病|以下各项|以下内容|以下情况|"
    "本报告|本软件|本版本|层厚所限|因层厚较厚|层厚较厚|因层厚所限"
)
TOPICS: dict[str, str] = {
    "肺栓塞|肺动脉栓塞|肺动脉|肺栓子": "pulmonary_embolism",
    "气胸": "pneumothorax",
    "主动脉夹层|夹层|主动脉|胸主动脉": "aortic_dissection",
    "淋巴结|纵隔淋巴结|肺门淋巴结|淋巴结肿大": "lymph_nodes",
    "肝脏|肝|肝内": "liver",
    "肾上腺|双侧肾上腺": "adrenals",
    "骨质破坏性病变|骨质破坏|骨病变|骨骼|骨质|肋骨|脊柱|椎体|胸椎": "bone_lesions",
    "心脏及冠状动脉|心脏|冠状动脉|心影|心包|冠脉": "heart",
    "纵隔": "mediastinum",
    "脾|脾脏": "spleen",
    "肾|肾脏|双肾": "kidneys",
    "甲状腺": "thyroid",
    "脑梗死|梗死|脑梗塞|急性脑梗死|缺血": "infarct",
    "颅内出血|出血|脑出血": "hemorrhage",
    "动脉瘤|颅内动脉瘤": "aneurysm",
    "脑膜": "meninges",
    "鼻窦|副鼻窦|眼眶": "sinuses",
    "其他肺结节|其它肺结节|其余肺结节|其他结节": "further_nodules",
    "脑内其他病变|脑内其它病变|其他病变|其他脑内病变": "further_lesions",
    "疾病": "disease",
}
"""Organs and diseases that nothing in this version assesses, to the keys of ``writer.header``."""

NO_PRIORS = (
    "无既往检查可供对比|无可对比的既往检查|无既往检查|没有既往检查|无前片对照|无前片|无旧片|没有旧片|没有旧片可供比较|"
    "未提供既往影像资料|无既往影像|无既往影像资料|无对比|无法对比|未提供既往检查|无前片可供对比|无"
)
NO_PRIOR_FILLERS = "对比|比较|可供|可供对比|可供比较|无法对比|资料|影像|检查|故|的|对照|既往|均"
"""What a sentence on missing priors may hold besides."""
SEEING = "见|可见|见到|见有|所见|显示|示|发现|检出|测得|测量|评估|评价|纳入|覆盖|包括|包含|有|存在"
_FUNCTION: tuple[tuple[Kind, str], ...] = (
    (Kind.TIMES, "x"),
    (Kind.FROM, "由|从|自"),
    (Kind.TO, "至|到"),
    (Kind.AND, "和|及|并|以及"),
    (Kind.WITH, "伴|伴有|合并"),
    (Kind.CLASSIFIER, "|".join(CLASSIFIERS)),
    (Kind.LOBE, "肺叶|叶|所在肺叶|具体肺叶|肺叶归属"),
)
_VALUED: tuple[tuple[Kind, dict[str, Any]], ...] = (
    (Kind.SEEN, SEEN),
    (Kind.ENTITY, ENTITIES),
    (Kind.TOPIC, TOPICS),
    (Kind.SIDE, SIDES),
    (Kind.SITE, SITES),
    (Kind.LEVEL, LEVELS),
    (Kind.DENSITY, DENSITIES),
    (Kind.QUANTITY, QUANTITIES),
    (Kind.UNIT, UNITS),
    (Kind.REFERENCE, REFERENCES),
    (Kind.DIRECTION, DIRECTIONS),
    (Kind.SIZE_WORD, SIZE_WORDS),
    (Kind.UNASSESSED, {UNASSESSED: False, UNEXCLUDED: True}),
    (Kind.NUMBER, {"单个": Decimal(1)}),
)
_PLAIN: tuple[tuple[Kind, str], ...] = (
    (Kind.LAA, LAA),
    (Kind.REFUSED, REFUSED),
    (Kind.NEUTRAL, NEUTRAL_SENTENCES),
    (Kind.LOBE_UNKNOWN, LOBE_UNKNOWN),
    (Kind.DENSITY_UNKNOWN, DENSITY_UNKNOWN),
    (Kind.NEUTRAL, COMPARED),
    (Kind.PRIOR, PRIORS),
    (Kind.NOW, NOWS),
    (Kind.NEGATION, NEGATIONS),
    (Kind.NORMAL, NORMALS),
    (Kind.UNDETERMINED, UNDETERMINED),
    (Kind.LARGEST, LARGEST),
    (Kind.HEDGE, HEDGES),
    (Kind.CONFIRMED, CONFIRMED),
    (Kind.CONFIRMED, DETERMINED),
    (Kind.ASSESSED, ASSESSED),
    *_FUNCTION,
    (Kind.NEUTRAL, NEUTRAL),
)


def _phrases(words: str) -> frozenset[str]:
    return frozenset(words.split("|"))


TABLES_ZH = Tables(
    code="zh",
    rows=tuple(rows_of(_VALUED, _PLAIN)),
    tags={
        Tag.ASSESSED: _phrases(ASSESSED),
        Tag.DETERMINED: _phrases(DETERMINED),
        Tag.CONFIRMED: _phrases(CONFIRMED),
        Tag.SEEING: _phrases(SEEING),
        Tag.PLURAL: _phrases(PLURALS),
        Tag.DELTA_BEHIND: _phrases(INCREASED) | _phrases(DECREASED),
    },
    no_priors=tuple(NO_PRIORS.split("|")),
    no_prior_fillers=_phrases(NO_PRIOR_FILLERS),
    neutral=_phrases(NEUTRAL),
    shortest_note=4,
)
