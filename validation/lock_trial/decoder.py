"""Reports by the decoder for the counted trial: drafted at temperature 1, then locked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from tomoscribe.core import Report, Source
from tomoscribe.findings.sheet import FactSheet
from tomoscribe.reports.lock import lock_report
from tomoscribe.reports.wording import with_sentences
from tomoscribe.reports.writer import write_report
from tomoscribe.validation.lock_trial.patients import PROVENANCE, Case, random_case

if TYPE_CHECKING:
    from tomoscribe.fusion.prompts import TaggedSentence
    from tomoscribe.fusion.types import StudyTokens


class Decoder(Protocol):
    """What the trial needs of a report model."""

    def write_many(
        self,
        studies: Sequence[tuple[FactSheet, StudyTokens | None]],
        *,
        temperature: float = 0.0,
        seed: int = 0,
        batch: int = 32,
    ) -> list[tuple[TaggedSentence, ...]]:
        """Tagged sentences for each sheet."""


def shipped_decoder() -> DecoderSource | None:
    """A source on the decoder that ships, None where no decoder weights are in the package."""
    from tomoscribe.fusion.report_model import NAME, ReportModel
    from tomoscribe.fusion.tokenizer import FOLDER

    if not any(FOLDER.glob(f"{NAME}*.safetensors")):
        return None
    return DecoderSource(ReportModel.load())


class DecoderSource:
    """A report source that drafts blocks of cases at once, since single ones are many times slower.

    Args:
        decoder: the report model; it gets the sheet and no image.
        temperature: 1 samples from the model as it is.
        block: how many cases are drafted together.
    """

    def __init__(self, decoder: Decoder, *, temperature: float = 1.0, block: int = 64) -> None:
        self._decoder = decoder
        self._temperature = temperature
        self._block = block
        self._sentences: dict[int, tuple[TaggedSentence, ...]] = {}
        self.num_sentences = 0
        self.num_refused = 0

    def __call__(self, case: Case, seed: int) -> Report:
        """The decoder's report on a case, its refused sentences replaced; counts both kinds."""
        if seed not in self._sentences:
            self._draft(seed)
        written = write_report(case.study, case.findings, provenance=PROVENANCE)
        sheet = FactSheet.from_findings(written.findings)
        draft = with_sentences(written, sheet, self._sentences[seed])
        locked = lock_report(draft, written, case.study)
        self.num_sentences += sum(s.source is Source.DECODER for s in draft.statements)
        self.num_refused += sum(s.replaces is not None for s in locked.statements)
        return locked

    def _draft(self, first: int) -> None:
        seeds = range(first, first + self._block)
        sheets = [(FactSheet.from_findings(random_case(s).findings), None) for s in seeds]
        drafts = self._decoder.write_many(sheets, temperature=self._temperature, seed=first)
        self._sentences |= dict(zip(seeds, drafts, strict=True))
