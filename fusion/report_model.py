"""The report model as the rest of the package calls it: sheet and image tokens in, tagged sentences out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tomoscribe.core.errors import ConfigError, WeightsError
from tomoscribe.findings.sheet import FactSheet
from tomoscribe.fusion import prompts
from tomoscribe.fusion.prompts import Piece, TaggedSentence
from tomoscribe.fusion.questions import rows_for
from tomoscribe.fusion.tokenizer import FOLDER, IMPRESSION, NONE, load_tokenizer
from tomoscribe.fusion.types import StudyTokens

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerFast

    from tomoscribe.fusion.language import Language
    from tomoscribe.fusion.licence import Licence
    from tomoscribe.fusion.locked import Lock
    from tomoscribe.fusion.model import FusionModel

NAME = "report"
NOT_ASSESSED = "This was not assessed."
TOKENS_PER_SENTENCE = 76


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer and the rows it stands on.

    Args:
        text: the sentences, or that it was not assessed.
        tags: of the cited rows on the sheet; empty when not assessed.
        sentences: one for each cited row.
    """

    text: str
    tags: tuple[str, ...]
    sentences: tuple[TaggedSentence, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class _Job:
    """One sequence to generate: prompt, lock, and which study it is about."""

    piece: Piece
    prompt: str
    order: tuple[str, ...]
    study: int


@dataclass(frozen=True, kw_only=True, eq=False)
class ReportModel:
    """Decoder, tokenizer and lock together.

    Args:
        weights_sha256: None for a model that was built in memory (training, tests).
    """

    model: FusionModel
    tokenizer: PreTrainedTokenizerFast
    language: Language
    device: str = "cpu"
    weights_sha256: str | None = None

    @classmethod
    def load(cls, device: str = "cpu", folder: Path = FOLDER, *, bits: int | None = None) -> ReportModel:
        """The shipped weights.

        Args:
            bits: 8 or 4 to keep the weights packed: a half or a quarter of the memory, not faster.

        Raises:
            WeightsError: missing, altered, or not fitting.
            ConfigError: neither 8 nor 4 bits.
        """
        from tomoscribe.encoders.weights import fit, load_weights
        from tomoscribe.fusion.config import FusionConfig
        from tomoscribe.fusion.language import Language
        from tomoscribe.fusion.model import FusionModel
        from tomoscribe.fusion.packed import pack

        weights = load_weights(NAME, folder)
        tokenizer = load_tokenizer(folder / "tokenizer.json")
        try:
            config = FusionConfig.from_dict(weights.config["model"])
            spoken = [int(n) for n in weights.config["spoken"]]
        except (KeyError, TypeError, ValueError, ConfigError) as error:
            raise WeightsError(f"the configuration inside the weights '{NAME}' is not valid: {error}") from error
        if config.vocab_size != len(tokenizer):
            raise WeightsError(f"expected a tokenizer of {config.vocab_size} tokens, found {len(tokenizer)}")
        model = FusionModel(config)
        weights.tensors["lm_head.weight"] = weights.tensors["model.embed_tokens.weight"]
        fit(model, weights, NAME)
        if bits is not None:
            pack(model, bits)
        return cls(
            model=model.to(device).eval(),
            tokenizer=tokenizer,
            language=Language(tokenizer, spoken),
            device=device,
            weights_sha256=weights.sha256,
        )

    def write(
        self,
        sheet: FactSheet,
        tokens: StudyTokens | None = None,
        *,
        temperature: float = 0.0,
        seed: int = 0,
        batch: int = 32,
    ) -> tuple[TaggedSentence, ...]:
        """The sentences of FINDINGS and IMPRESSION on all present rows (and on withheld ones, from the image).

        Args:
            temperature: 0 = the likeliest word each time.
            seed: of the sampling; the same seed and batch give the same words.
            batch: sequences generated together.
        """
        return self.write_many([(sheet, tokens)], temperature=temperature, seed=seed, batch=batch)[0]

    def write_many(
        self,
        studies: Sequence[tuple[FactSheet, StudyTokens | None]],
        *,
        temperature: float = 0.0,
        seed: int = 0,
        batch: int = 32,
    ) -> list[tuple[TaggedSentence, ...]]:
        """As ``write`` for many studies at once, which is many times faster."""
        jobs = [
            _Job(piece=piece, prompt=piece.prompt, order=piece.order, study=n)
            for n, (sheet, _) in enumerate(studies)
            for piece in prompts.report_pieces(sheet)
        ]
        texts = self._generate(jobs, [t for _, t in studies], temperature=temperature, seed=seed, batch=batch)
        sentences: list[list[TaggedSentence]] = [[] for _ in studies]
        for job, text in zip(jobs, texts, strict=True):
            sentences[job.study] += prompts.parse_report(job.piece, text)
        sections = [prompts.SectionName.FINDINGS, prompts.SectionName.IMPRESSION]
        return [tuple(sorted(rows, key=lambda s: sections.index(s.section))) for rows in sentences]

    def answer(self, question: str, sheet: FactSheet, tokens: StudyTokens | None = None, *, batch: int = 32) -> Answer:
        """The sentences of the rows that a question is about, or that it was not assessed."""
        jobs = [
            _Job(
                piece=piece,
                prompt=prompts.question_prompt(piece, question),
                order=prompts.answer_order(piece),
                study=0,
            )
            for piece in prompts.answer_pieces(rows_for(question, sheet))
        ]
        texts = self._generate(jobs, [tokens], temperature=0.0, seed=0, batch=batch)
        found = [s for job, text in zip(jobs, texts, strict=True) for s in prompts.parse_answer(job.piece, text)]
        if not found:
            return Answer(text=NOT_ASSESSED, tags=())
        return Answer(text=" ".join(s.text for s in found), tags=tuple(s.tag for s in found), sentences=tuple(found))

    def _generate(
        self,
        jobs: Sequence[_Job],
        studies: Sequence[StudyTokens | None],
        *,
        temperature: float,
        seed: int,
        batch: int,
    ) -> list[str]:
        """What follows the prompt of each job; short sequences are generated with short ones."""
        import torch

        order = sorted(range(len(jobs)), key=lambda n: (len(jobs[n].order), len(jobs[n].prompt)))
        texts = [""] * len(jobs)
        with torch.random.fork_rng(devices=[]), torch.inference_mode():
            torch.manual_seed(seed)
            states = self._states(studies)
            for start in range(0, len(order), batch):
                chosen = order[start : start + batch]
                rows = None if states is None else states[[jobs[n].study for n in chosen]]
                for n, text in zip(chosen, self._one_batch([jobs[n] for n in chosen], rows, temperature), strict=True):
                    texts[n] = text
        return texts

    def _states(self, studies: Sequence[StudyTokens | None]) -> Tensor | None:
        """Visual states of all studies; zeros (which add nothing) for those without tokens."""
        import torch

        if not self.model.fusion.sources or all(s is None for s in studies):
            return None
        empty = StudyTokens(parts=())
        each = {id(s): s for s in studies if s is not None} | {id(None): empty}
        seen = {key: self.model.see([study]) for key, study in each.items()}
        return torch.cat([seen[id(s)] for s in studies])

    def _one_batch(self, jobs: Sequence[_Job], states: Tensor | None, temperature: float) -> list[str]:
        from transformers import LogitsProcessorList

        from tomoscribe.fusion.locked import LockedGeneration

        inputs = self.tokenizer([job.prompt for job in jobs], padding=True, return_tensors="pt").to(self.device)
        start = inputs["input_ids"].shape[1]
        lock = LockedGeneration(self.language, [self._lock(job) for job in jobs], start)
        room = self.model.config.max_position_embeddings - start
        most = max(len(job.order) for job in jobs) * TOKENS_PER_SENTENCE
        sampling = {"do_sample": True, "temperature": temperature, "top_k": 0} if temperature > 0 else {}
        out = self.model.generate(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            visual_states=states,
            logits_processor=LogitsProcessorList([lock]),
            max_new_tokens=min(most, room),
            **({"do_sample": False} | sampling),
        )
        return [str(t) for t in self.tokenizer.batch_decode(out[:, start:])]

    def _lock(self, job: _Job) -> Lock:
        from tomoscribe.fusion.licence import licence_for
        from tomoscribe.fusion.locked import Lock, Script

        token = self.language.token
        silent = frozenset({token(IMPRESSION), token(NONE), self.tokenizer.eos_token_id})
        script = Script(order=tuple(token(t) for t in job.order), silent=silent)
        sheet, slots = job.piece.sheet, iter(job.piece.slots)
        licences: list[Licence | None] = []
        for tag in job.order:
            spoken = tag.startswith("<f") and tag[2:-1].isdigit()
            comparison = spoken and next(slots).comparison
            licences.append(licence_for(sheet, tag[1:-1], self.language, comparison=comparison) if spoken else None)
        return Lock(script=script, licences=tuple(licences))
