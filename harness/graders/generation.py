"""Marks for open tasks: the form that was asked for, and a judge's word on how good a text is.

How different the good answers to one prompt are is measured over sets of them, not here; what
stands in the marks is which of them are good.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from harness.errors import RegistryError
from harness.graders.base import Grader, Judge
from harness.graders.choices import INVALID, choices_for, score_of
from harness.graders.model_graded import ModelGraded
from harness.graders.options import checked_options, field_names
from harness.graders.style import Style
from harness.messages import dialogue_text
from harness.records import Completion, Sample, Score

FORMAT = "format"
"""A detail: 1 where the answer keeps the form."""

GOOD = "good"
"""A detail: 1 where the answer keeps the form and the judge finds it acceptable."""

QUALITY = "quality"
"""The option that makes a generation eval ask a judge."""

ACCEPTABLE = 0.5


@dataclass(frozen=True)
class Quality:
    """What the judge is asked, and what its word is worth.

    Scores outside 0..1 are scaled: the worst choice is worth 0, the best 1. From ``acceptable``
    on an answer is good. The first ``judged`` answers to each prompt are judged, None: all; as
    these are drawn alike, the first are a random sample of them.
    """

    rubric: ModelGraded
    acceptable: float = ACCEPTABLE
    judged: int | None = None

    @classmethod
    def read(cls, args: Mapping[str, Any], place: str) -> Quality:
        """From what a registry says of it; see ``registry.rubrics.quality``.

        Raises:
            RegistryError: something that no rubric can be made of.
        """
        options = dict(args)
        own = {name: options.pop(name) for name in ("acceptable", "judged") if name in options}
        made = cls(ModelGraded(**ModelGraded.read_options(options, place)), **own)
        if len(set(made.scores.values())) < 2:
            raise RegistryError(f"{place}: choice_scores: every choice is worth the same")
        return made

    @property
    def scores(self) -> Mapping[str, float]:
        """What each choice is worth, from 0 to 1."""
        rubric = self.rubric
        choices = choices_for(rubric.choice_strings, 1)
        found = {one: score_of(one, choices, rubric.choice_scores) or 0.0 for one in choices}
        low, high = min(found.values()), max(found.values())
        if (low >= 0 and high <= 1) or low == high:
            return found
        return {one: (score - low) / (high - low) for one, score in found.items()}

    def looks_at(self, repeat: int) -> bool:
        """Whether the judge is shown this one of a prompt's answers."""
        return self.judged is None or repeat < self.judged


@dataclass(frozen=True)
class Generation:
    """The completion keeps a form and, where a ``quality`` is asked for, a judge likes it.

    The options of ``style`` are those of `Style`; an empty answer keeps no form. Without
    ``quality`` the mark is whether the form is kept. With it the mark is the judge's score; an
    answer that breaks the form is worth 0 and is not shown to the judge.
    """

    style: Style = Style()  # noqa: RUF009 - frozen
    quality: Quality | None = None
    judge: Judge | None = None
    spared: bool = False
    needs_ideal: ClassVar[bool] = False

    @classmethod
    def read_options(cls, args: Mapping[str, Any], place: str) -> dict[str, Any]:
        """The fields from a registry's options, checked."""
        known = (*field_names(Style), QUALITY)
        rules = {name: value for name, value in args.items() if name != QUALITY}
        options: dict[str, Any] = {
            "style": Style(**checked_options(Style, rules, place, known=known))
        }
        if QUALITY in args:
            options[QUALITY] = Quality.read(args[QUALITY], f"{place}: {QUALITY}")
        return options

    def of_repeat(self, repeat: int) -> Generation:
        """The grader of one of a prompt's answers: some are not shown to the judge."""
        spared = self.quality is not None and not self.quality.looks_at(repeat)
        return replace(self, spared=True) if spared else self

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        """1 where the form is kept, or the judge's score from 0 to 1.

        No mark, and no further numbers, where the judge picks no choice.

        Raises:
            ProviderError: the judge did not answer.
        """
        form = await self._form(sample, completion)
        if form.value is None or self.quality is None:
            return form
        kept = {FORMAT: form.value}
        if self.spared:
            return Score(None, reason="not among the answers that are judged", details=kept)
        if not form.value:
            return replace(form, details={**kept, GOOD: 0.0})
        judgement = await replace(self.quality.rubric, judge=self.judge).grade(
            as_judged(sample, self.quality.rubric), completion
        )
        if judgement.label in (None, INVALID):
            return Score(None, judgement.label, judgement.reason, judged=judgement.judged)
        value = self.quality.scores[str(judgement.label)]
        good = {GOOD: float(value >= self.quality.acceptable)}
        return replace(judgement, value=value, details={**kept, **good})

    async def _form(self, sample: Sample, completion: Completion) -> Score:
        if not completion.text.strip():
            return Score(0.0, reason="says nothing")
        return await self.style.grade(sample, completion)


def as_judged(sample: Sample, rubric: ModelGraded) -> Sample:
    """The sample with the fields that rubrics name: its prompt, and ``ideal``.

    Fields that the sample has itself stay as they are.
    """
    asked = dialogue_text(sample.messages)
    named = dict.fromkeys(rubric.input_outputs, asked)
    ideal = "\n".join(sample.ideal)
    return replace(sample, metadata={"input": asked, "ideal": ideal, **named, **sample.metadata})


# --- which answers are judged --------------------------------------------------------


def of_repeat(grader: Grader, repeat: int) -> Grader:
    """The grader of one of a prompt's answers: only generation evals tell them apart."""
    return grader.of_repeat(repeat) if isinstance(grader, Generation) else grader


def probe_grader(grader: Grader) -> Grader:
    """What says whether answers to training prompts follow their data.

    For a generation eval with rules that is the form alone: it costs nothing, and no judge
    gives a model that follows its data the full score.
    """
    if isinstance(grader, Generation) and grader.style != Style():
        return replace(grader, quality=None, judge=None)
    return grader


def is_judged(grader: Grader, repeat: int) -> bool:
    """Whether a grader that may ask a judge does so about this one of a prompt's answers."""
    if isinstance(grader, Generation):
        return grader.quality is not None and grader.quality.looks_at(repeat)
    return True
