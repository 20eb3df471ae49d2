"""Writers who need no patient: everything is normal, the same for everybody, or no better than chance."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tomoscribe.validation.honesty.pairs import Pairs
from tomoscribe.validation.honesty.settings import Settings
from tomoscribe.validation.records import Flag, Score, Severity

NORMAL, CHANCE = "always_normal", "not_beyond_chance"
FEW, SAME = 0.02, 0.9


def normal_test(pairs: Pairs, settings: Settings) -> tuple[tuple[Flag, ...], str | None]:
    """A flag when (almost) no report states a finding though patients have some, or (almost) all reports are one."""
    ill: NDArray[np.bool_] = np.asarray(pairs.truth.any(axis=1))
    if ill.sum() < settings.min_patients:
        return (), f"whether everything is called normal: {int(ill.sum())} case(s) with a finding"
    saying: NDArray[np.bool_] = np.asarray(pairs.found.any(axis=1))
    plain = Counter(re.sub(r"[\d\W]+", " ", t.lower()).strip() for t in pairs.texts)
    most = plain.most_common(1)[0][1] / len(pairs.texts)
    if saying.mean() > FEW and most < SAME:
        return (), None
    evidence = (
        f"{int(saying.sum())} of {len(saying)} reports state a finding, {int(ill.sum())} patients have one; "
        f"{100 * most:.0f} % of the reports are the same but for their numbers"
    )
    cases = tuple(pairs.cases[n].case_id for n in range(len(saying)) if ill[n] and not saying[n])[:5]
    return (Flag(name=NORMAL, severity=Severity.CRITICAL, evidence=evidence, cases=cases),), None


def chance_flags(scores: Sequence[Score]) -> tuple[Flag, ...]:
    """A warning when a figure that counts is not beyond a writer who looks at no patient."""
    counted = [s for s in scores if s.name == "findings/macro_f1" and s.subgroup == "all"]
    return tuple(
        Flag(
            name=CHANCE,
            severity=Severity.WARNING,
            evidence=f"{s.name} {s.value:.3f} ({s.low:.3f} to {s.high:.3f}), chance {s.chance:.3f}",
        )
        for s in counted
        if s.is_beyond_chance is False
    )
