"""A model as judge: a rubric, a question and the choices it may answer with.

This is ModelBasedClassify of OpenAI evals, verdict for verdict.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from harness.errors import RegistryError, UsageError
from harness.graders.base import Judge
from harness.graders.choices import (
    INVALID,
    MATCHES,
    choices_for,
    picked_choice,
    score_of,
)
from harness.graders.rubrics import (
    ANSWER_PROMPTS,
    filled,
    filled_messages,
    named_fields,
    quoted_choices,
    scrubbed,
)
from harness.records import Completion, Messages, Sample, Sampling, Score

CHOICE = "choice/"
"""Opens the name of a detail: 1 where the judge picked that choice, else 0."""

METASCORE = "metascore"
JUDGE_SAMPLING = Sampling(
    temperature=0.0, top_p=1.0, max_tokens=1024, frequency_penalty=0.0, presence_penalty=0.0
)


@dataclass(frozen=True)
class ModelGraded:
    """A judge picks a choice; the choice's score is the mark.

    ``prompt`` is the rubric; names in braces stand for fields of the sample, for the
    completions (named by the values of ``input_outputs``), for ``arguments`` and for ``n``, the
    number of completions shown together (None: one of each model that was asked).
    ``eval_type`` says where in its answer the judge writes the choice; ``asks_for_choice``
    whether the question for it is put behind the rubric. Without ``choice_scores`` choices
    are only counted. ``metaeval`` compares the choice with the sample's field ``choice``.
    """

    prompt: Messages
    choice_strings: str | tuple[str, ...]
    input_outputs: Mapping[str, str]
    eval_type: str = "cot_classify"
    asks_for_choice: str | None = None
    choice_scores: Mapping[str, float] | str | None = None
    match_fn: str = "starts_or_endswith"
    output_template: str | None = None
    n: int | None = 1
    arguments: Mapping[str, Any] = field(default_factory=dict)
    metaeval: bool = False
    sampling: Sampling = JUDGE_SAMPLING
    judge: Judge | None = None
    needs_ideal: ClassVar[bool] = False

    @classmethod
    def read_options(cls, args: Mapping[str, Any], place: str) -> dict[str, Any]:
        """The fields from what a registry says of a rubric; see ``registry.rubrics``.

        Raises:
            RegistryError: something that no rubric can be made of.
        """
        options = dict(args)
        try:
            options["prompt"] = tuple(args["prompt"])
            options["sampling"] = Sampling(**args.get("sampling", {}))
            declared = args["choice_strings"]
            options["choice_strings"] = declared if isinstance(declared, str) else tuple(declared)
            made = cls(**options)
        except (KeyError, TypeError) as error:
            raise RegistryError(
                f"{place}: no rubric can be made of its options ({error})"
            ) from error
        try:
            made.check()
        except RegistryError as error:
            raise RegistryError(f"{place}: {error}") from error
        return options

    def check(self) -> None:
        """See that every judgement can be asked for and read.

        Raises:
            RegistryError: what is wrong.
        """
        if self.match_fn not in MATCHES:
            raise RegistryError(f"match_fn: {self.match_fn!r} is none of {', '.join(MATCHES)}")
        choices = choices_for(self.choice_strings, self.n or 2)
        for choice in choices:
            score_of(choice, choices, self.choice_scores)
        for message in self.prompt:
            named_fields(message["content"])
        if self.shows_several and self.output_template is None:
            raise RegistryError("several completions are judged together: add an output_template")
        if self.output_template is not None:
            named_fields(self.output_template)

    @property
    def shows_several(self) -> bool:
        """Whether the judge sees several completions of one prompt together."""
        return self.n is None or self.n > 1

    async def grade(self, sample: Sample, completion: Completion) -> Score:
        """The score of the choice that the judge picks; the label is the choice.

        The value is None where choices have no scores.

        Raises:
            ProviderError: the judge did not answer.
        """
        if self.judge is None:
            raise UsageError("this eval is marked by a model; name one with --judge")
        try:
            question = self.question(sample, completion)
        except RegistryError as error:
            return Score(None, reason=str(error))
        answer = await self.judge.answer(question, self.sampling, sample.id)
        return self.read(sample, completion, answer)

    def question(self, sample: Sample, completion: Completion) -> Messages:
        """What the judge is asked.

        Raises:
            RegistryError: a name in the rubric that nothing has a value for.
        """
        n = self._count(sample, completion)
        messages = self.prompt
        if self.asks_for_choice is not None:
            wanted = {"choices": quoted_choices(choices_for(self.choice_strings, n))}
            asked = filled(ANSWER_PROMPTS[self.asks_for_choice], wanted)
            last = messages[-1]
            messages = (*messages[:-1], {**last, "content": f"{last['content']}\n\n{asked}"})
        return filled_messages(messages, self._values(sample, completion, n))

    def read(self, sample: Sample, completion: Completion, answer: Completion) -> Score:
        """The mark that a judge's answer means."""
        choices = choices_for(self.choice_strings, self._count(sample, completion))
        reasons_first = self.eval_type.startswith("cot_classify")
        choice = picked_choice(answer.text, choices, self.match_fn, last_first=reasons_first)
        details = {f"{CHOICE}{one}": float(one == choice) for one in (*choices, INVALID)}
        if self.metaeval:
            if "choice" not in sample.metadata:
                return Score(None, choice, "this sample has no 'choice' to compare with")
            details[METASCORE] = float(choice == sample.metadata["choice"])
        value = score_of(choice, choices, self.choice_scores)
        reason = f"the judge picked {choice}" if choice != INVALID else "no choice in the judgement"
        return Score(value, choice, reason, details, (answer,))

    def _count(self, sample: Sample, completion: Completion) -> int:
        if self.n is not None:
            return self.n
        asked = len(self._asked(sample))
        return max(1, len(completion.parts) // asked) if asked else 1

    def _asked(self, sample: Sample) -> list[str]:
        """Names of the completions that were asked for; a sample may bring some itself."""
        return [name for name in self.input_outputs.values() if name not in sample.metadata]

    def _values(self, sample: Sample, completion: Completion, n: int) -> dict[str, Any]:
        texts = [part.text for part in completion.parts] or [completion.text]
        names = self._asked(sample)
        values: dict[str, Any] = {"n": n}
        for place, name in enumerate(names):
            values[name] = self._shown(texts[place * n : (place + 1) * n])
        values |= sample.metadata
        values |= {k: scrubbed(sample.metadata[k]) for k in self.input_outputs if k in values}
        return {**values, **self.arguments}

    def _shown(self, texts: Sequence[str]) -> str:
        if not self.shows_several:
            return texts[0] if texts else ""
        return "".join(self._numbered(texts)).strip()

    def _numbered(self, texts: Sequence[str]) -> Iterator[str]:
        for place, text in enumerate(texts):
            yield filled(
                self.output_template or "{output}",
                {
                    "i": place + 1,
                    "i_abc": string.ascii_lowercase[place % 26],
                    "i_ABC": string.ascii_uppercase[place % 26],
                    "output": text,
                    "n": len(texts),
                },
            )
