"""Words that negate, doubt or rule out that a finding is meant, and where their reach ends."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Context:
    """The context words of one language, as compiled patterns.

    Args:
        splits: where one clause ends and the next begins.
        not_a_finding: the sentence speaks of the question, the history, advice or what was not assessed.
        negated_before, uncertain_before: searched in the clause before the finding.
        negated_after, uncertain_after: searched in the clause behind the finding.
        negated_inside: searched within the words that name the finding.
        affirmed: turns of phrase with a negation that affirm.
    """

    splits: re.Pattern[str]
    not_a_finding: re.Pattern[str]
    negated_before: re.Pattern[str]
    negated_after: re.Pattern[str]
    negated_inside: re.Pattern[str]
    uncertain_before: re.Pattern[str]
    uncertain_after: re.Pattern[str]
    affirmed: re.Pattern[str]

    def clauses(self, sentence: str) -> list[str]:
        """The sentence's clauses, in order."""
        return [part for part in self.splits.split(sentence) if part and part.strip()]


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


ENGLISH = Context(
    splits=_words(
        r";",
        r"\.\s",
        r",?\s+\bbut\b",
        r",?\s+\bwhile\b",
        r",?\s+\bwhereas\b",
        r",?\s+\bhowever\b",
        r",\s+(?=(?:no|without)\b)",
        r",\s+(?=(?:moderate|mild|severe|small|large)\b(?![^.;]*\b(?:or|and)\b))",
        r"(?<!free)(?<!evidence)\s+(?=without\b)",
        r",\s+(?=(?:(?! or | and )[a-z -])+ (?:is|are) (?:not|absent|present)\b)",
        r"\s+and\s+(?=no\b)",
    ),
    not_a_finding=_words(
        r"\b(is|are|was|were) not assessed\b",
        r"\bclinical (information|question|history)\b",
        r"\bindication\b",
        r"\breferred (to|for)\b",
        r"\bhistory of\b",
        r"\bto (exclude|look for|rule out)\b",
        r"^\s*comparison\b",
        r"\bcontrast medium\b",
        r"^\s*not (assessed|excluded)\b",
        r"\b(kVp|tube voltage|CTDIvol)\b",
        r"\b(Fleischner|Lung-RADS|guideline class)\b",
    ),
    negated_before=_words(
        r"\bno\b(?! longer)(?! doubt)",
        r"\bwithout\b",
        r"\bneither\b",
        r"\bnor\b",
        r"\b(free|clear) of\b",
        r"\babsence of\b",
        r"\bnegative for\b",
        r"\bnothing to suggest\b",
        r"\bfails? to show\b",
        r"\bnot (show|demonstrate|reveal)\b",
        r"\bnot\b[^,;]{0,20}$",
    ),
    negated_after=_words(
        r"^[^;]{0,60}\b(is|are|was|were) (not|no longer|never)\b(?! changed)(?! (excluded|distinguish))",
        r"^[^;]{0,40}\b(is|are|was|were) absent\b",
        r"\bhas (not been|resolved|disappeared)\b",
        r"\bhave resolved\b",
        r"\bnot (seen|present|detected|identified|observed|found|demonstrated|visible|thickened|a feature)\b",
        r"\bno longer\b",
        r":\s*(none|no)\b",
        r"\bis normal\b",
        r"\bare clear\b",
        r"\bdo(es)? not\b",
        r"\bwithin normal\b",
        r"\bis not\s*$",
    ),
    negated_inside=_words(r"\bnot\b", r"\bfree of\b", r"\bno\b"),
    uncertain_before=_words(
        r"\bmay\b",
        r"\bmight\b",
        r"\bpossibl[ey]\b",
        r"\bprobabl[ey]\b",
        r"\bsuspicio\w+ (for|of)\b",
        r"\bsuspected\b",
        r"\bcould (be|represent|reflect)\b",
        r"\bversus\b",
        r"\bequivocal\b",
        r"\bquestionable\b",
        r"\bborderline\b",
        r"\bcannot be distinguished\b",
        r"\bconcerning for\b",
        r"\bsuggest(s|ing|ive of)\b",
    ),
    uncertain_after=_words(
        r"\b(cannot|can not|could not) be (excluded|ruled out|distinguished)\b",
        r"\bis (possible|suspected)\b",
        r"\b(is|are) (questionable|equivocal|suspected|possible)\b",
        r"\bversus\b",
        r"\bdifficult to assess\b",
        r"^\s+or motion\b",
        r"\bnot excluded\b",
        r"\b(may|could) (be|reflect|represent)\b",
    ),
    affirmed=_words(
        r"\bno doubt\b",
        r"\bno (increase|decrease|progression) (in|of)\b",
        r"\bno (significant )?(change|interval change)\b",
        r"\bnot changed\b",
    ),
)

CHINESE = Context(
    splits=_words(
        r"[;;。]",
        r"[,,](?=\s*(?:但|而|无|未|心|冠|双侧胸|合并|肺气肿))",
        r"(?<=[^无未])[,,](?=[^,,]{0,8}(?:无|未见|不大))",
    ),
    not_a_finding=_words(
        r"Fleischner|Lung-RADS|指南|管电压",
        r"^\s*不能排除\s*:",
        r"未(?:作|予)?评估",
        r"临床(?:要求|资料|诊断)",
        r"家族",
        r"建议复查",
        r"如症状",
        r"^\s*对比[::]",
    ),
    negated_before=_words(r"未(?:见|发现|显示|提示|及)", r"无(?!变化)(?!明显变化)", r"没有", r"不伴"),
    negated_after=_words(
        r"^[^,,;;。]{0,12}(?:已消失|已吸收|消失|未显示|未见|阴性)",
        r"^\s*[::]\s*(?:无|阴性|未见)",
        r"^[^,,;;。]{0,6}无(?!变化)(?!明显)",
        r"现未显示",
    ),
    negated_inside=_words(r"无", r"未见", r"不大", r"正常", r"均未"),
    uncertain_before=_words(r"可疑", r"疑似", r"考虑", r"可能"),
    uncertain_after=_words(
        r"可能",
        r"可疑",
        r"不(?:能)?(?:除外|排除)",
        r"待(?:鉴别|查|排)",
        r"难以(?:鉴别|评估)",
        r"与[^,,]{1,6}难以",
        r"或运动伪影",
    ),
    affirmed=_words(r"较前无(?:明显)?变化"),
)
