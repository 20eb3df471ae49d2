"""The writer's Chinese phrases: data, with the keys and slots of ``phrases.PHRASES``.

Simplified Chinese as radiologists write reports: side and organ first, sizes as long by short axis, Arabic digits.
"""

from __future__ import annotations

PHRASES_ZH: dict[str, tuple[str, ...]] = {
    "nodule_head": (
        "{side}肺{density}{entity}",
        "{side}肺见{density}{entity}",
        "{side}肺内见一{density}{entity}",
        "{side}肺可见{density}{entity}影",
        "{density}{entity}位于{side}肺",
    ),
    "nodule_head_undetermined": (
        "{side}肺{entity}，密度类型未确定",
        "{side}肺见{entity}，密度类型不能确定",
        "{entity}位于{side}肺，密度类型未确定",
    ),
    "nodule_head_plain": ("{side}肺{entity}", "{side}肺见{entity}", "{entity}位于{side}肺"),
    "nodule_head_no_side": ("肺内{density}{entity}，侧别未确定",),
    "lobe": ("位于{lobe}", "在{lobe}", "所在肺叶：{lobe}"),
    "lobe_unknown": ("肺叶未确定", "所在肺叶未确定"),
    "axes": (
        "长径×短径 {long} mm×{short} mm",
        "大小约{long} mm×{short} mm",
        "长径{long} mm，短径{short} mm",
        "大小{long}×{short} mm",
        "长短径分别为{long} mm和{short} mm",
    ),
    "long": ("长径{long} mm", "长径为{long} mm"),
    "short": ("短径{short} mm",),
    "mean": ("平均直径{mean} mm", "平均直径为{mean} mm", "平均径{mean} mm"),
    "core": ("实性成分{core} mm", "实性成分直径{core} mm"),
    "volume": ("体积{volume}", "体积约{volume}", "体积为{volume}"),
    "attenuation": ("平均CT值{attenuation} HU", "平均CT值约{attenuation} HU"),
    "images": ("（序列{series}，图像{image}）", "（序列{series}图像{image}）", "（图像{image}，序列{series}）"),
    "image_only": ("（图像{image}）",),
    "changed": (
        "与{date}比较，{quantity}由{prior}{direction}至{now}{percent}",
        "{quantity}由{date}的{prior}{direction}至{now}{percent}",
        "较{date}，{quantity}{direction}至{now}{percent}，原{prior}",
    ),
    "changed_only": ("{quantity}较{date}{direction}",),
    "stable_only": ("{quantity}较{date}稳定",),
    "stable": (
        "与{date}比较，{quantity}在重复性范围内无变化：原{prior}，现{now}",
        "{quantity}稳定：现{now}，{date}为{prior}",
    ),
    "new": ("较{date}新发：{subject}", "{subject}：{date}以来新发", "{date}未见，新发：{subject}"),
    "not_comparable": ("{quantity}无法与{date}比较，原因：{reason}",),
    "increased": ("增大", "增加", "增长"),
    "decreased": ("缩小", "减小", "减少"),
    "emphysema": ("双肺肺气肿：{parts}", "双肺见肺气肿：{parts}", "肺气肿累及双肺，{parts}"),
    "emphysema_of": ("{place}肺气肿：{parts}",),
    "laa950": (
        "低于-950 HU的肺组织占{laa950}%",
        "低衰减区（LAA-950）{laa950}%",
        "LAA-950为{laa950}%",
    ),
    "perc15": ("第15百分位数{perc15} HU", "Perc15 {perc15} HU", "第15百分位数为{perc15} HU"),
    "lesions": (
        "{place}脑白质病变：{parts}",
        "{place}见脑白质病变，{parts}",
        "{place}脑白质病灶：{parts}",
    ),
    "count": ("病灶{count}个", "病灶数{count}"),
    "total_volume": ("总体积{volume}", "合计体积{volume}"),
    "organ_side": ("{side}肺体积：{volume}", "{side}肺体积为{volume}", "{side}肺体积{volume}"),
    "organ_lungs": ("双肺总体积：{volume}", "双肺合计体积：{volume}"),
    "organ_airways": ("气道容积：{volume}", "气道容积为{volume}"),
    "organ_intracranial": ("颅内容积：{volume}", "颅内容积为{volume}"),
    "organ_brain": ("脑体积：{volume}", "脑体积为{volume}", "全脑体积：{volume}"),
    "organ_ventricles": ("脑室体积：{volume}", "脑室系统体积：{volume}"),
    "plain": ("{place}{entity}：{parts}", "{place}{entity}，{parts}"),
    "plain_bare": ("{place}{entity}", "{place}见{entity}"),
    "nodule_counts": (
        "{entities}共{total}枚：右肺{right}枚，左肺{left}枚",
        "肺内{entities}共{total}枚，其中右肺{right}枚、左肺{left}枚",
    ),
    "review": (
        "可疑{place}{entity}，供复核{detail}",
        "供复核：可能为{place}{entity}{detail}",
        "疑似{place}{entity}，待复核{detail}",
    ),
    "review_many": ("可疑{entity}{count}枚，供复核，长径{low} mm至{high} mm",),
    "probability": ("概率{probability}%", "可能性{probability}%"),
    "unassessed": ("{place}{entity}：未评估（{note}）", "{place}{entity}未作评估（{note}）"),
    "unexcluded": ("{place}{entity}：不能排除", "不能排除{place}{entity}"),
}
