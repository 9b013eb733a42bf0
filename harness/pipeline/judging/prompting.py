"""The base model with its best prompt: what tuning has to beat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean

from harness.pipeline.measuring.measurement import Answers, clusters_of
from harness.pipeline.measuring.scores import difference, score
from harness.pipeline.measuring.track import Track
from harness.records import Comparison, Estimate, Finding, Prompting, PromptScore, PromptVariant

OWN = "the prompt of the data"
LEAST_ANSWERED = 0.9
"""A prompt with marks for fewer of the samples is no candidate: most likely it is too long."""


@dataclass(frozen=True, slots=True)
class BestPrompt:
    """The base model's prompts on the samples that all of them have a mark for."""

    track: Track
    tables: Mapping[str, Mapping[str, float]]

    @classmethod
    def of(cls, track: Track) -> BestPrompt | None:
        """None where the base model was asked in one way only."""
        if track.is_general or not track.experiment.prompts:
            return None
        own = track.scores(0)
        asked = {prompt.name: marks_of(track, prompt) for prompt in track.experiment.prompts}
        enough = {
            name: marks for name, marks in asked.items() if len(marks) >= LEAST_ANSWERED * len(own)
        }
        if not own or not enough:
            return None
        tables = {OWN: own, **enough}
        keys = [key for key in own if all(key in table for table in tables.values())]
        return cls(track, {n: {key: t[key] for key in keys} for n, t in tables.items()})

    @property
    def name(self) -> str:
        """The prompt that scores best; of equals the first."""
        return max(self.tables, key=lambda name: mean(self.tables[name].values()))

    @property
    def is_own(self) -> bool:
        """Whether no other prompt is better than that of the data."""
        return self.name == OWN

    @property
    def marks(self) -> Mapping[str, float]:
        """Those of the best prompt."""
        return self.tables[self.name]

    @property
    def is_correctable(self) -> bool:
        """Whether having been picked can be corrected: for fractions of independent samples."""
        values = (value for table in self.tables.values() for value in table.values())
        independent = clusters_of(list(self.marks), self.track.heldout) is None
        return independent and all(0 <= value <= 1 for value in values)

    def score(self) -> Estimate:
        """The best prompt's score, corrected for having been picked."""
        from harness.analysis.stats import selected_score

        if self.is_correctable:
            return selected_score([list(table.values()) for table in self.tables.values()])
        found = score(self.marks, self.track.heldout)
        if found is None:
            raise ValueError("no marks of the best prompt")
        return found

    def gain_of(self, tuned: Mapping[str, float]) -> tuple[Estimate, float] | None:
        """Tuned minus the base model with its best prompt, and the p value."""
        from harness.analysis.stats import against_selected, bonferroni

        keys = [key for key in self.marks if key in tuned]
        if not keys:
            return None
        ours = [tuned[key] for key in keys]
        if self.is_correctable and all(0 <= value <= 1 for value in ours):
            rows = [[table[key] for key in keys] for table in self.tables.values()]
            return against_selected(ours, rows)
        found = difference({key: tuned[key] for key in keys}, self.marks, self.track.heldout)
        if found is not None and found[0].value < 0:
            return found[0], bonferroni(found[1], len(self.tables))
        return found

    def tokens(self, name: str) -> float | None:
        """Prompt tokens of a call with one of the prompts, where the server says them."""
        answers = answers_of(self.track, name)
        return mean_prompt_tokens(answers) if answers else None


def marks_of(track: Track, prompt: PromptVariant) -> dict[str, float]:
    """The base model's marks with one prompt."""
    answers = track.prompted(track.base, prompt.name)
    return answers.by_prompt if answers else {}


def answers_of(track: Track, name: str) -> Answers | None:
    """The base model's answers with the prompt of this name."""
    return track.of(track.base) if name == OWN else track.prompted(track.base, name)


def mean_prompt_tokens(answers: Answers) -> float | None:
    """Of one answer; None where the server does not say."""
    account = answers.accounts.own
    known = account.answers - account.uncounted
    return account.prompt_tokens / known if known else None


# --- what a report says --------------------------------------------------------------


def prompting(track: Track) -> Prompting | None:
    """All prompts with their scores; None where there is one."""
    best = BestPrompt.of(track)
    if best is None:
        return None
    variants = {prompt.name: prompt for prompt in track.experiment.prompts}
    scores = []
    for name, marks in best.tables.items():
        found = score(marks, track.heldout)
        if found is not None:
            row = PromptScore(name, found, best.tokens(name))
            if name in variants:
                row = replace(row, system=variants[name].system, few_shot=variants[name].few_shot)
            scores.append(row)
    return Prompting(track.spec.name, track.base, tuple(scores), best.name, best.score())


def against_best_prompt(track: Track, compared: Comparison) -> Comparison:
    """A comparison with the base model's best prompt in the place of that of the data."""
    best, answers = BestPrompt.of(track), track.of(compared.tuned)
    found = best.gain_of(answers.by_prompt) if best and answers else None
    if best is None or found is None or best.is_own:
        return compared
    tuned = answers.by_prompt if answers else {}
    keys = [key for key in best.marks if key in tuned]
    changes = [tuned[key] - best.marks[key] for key in keys]
    binary = compared.fixed is not None
    return replace(
        compared,
        base=f"{compared.base}, prompt '{best.name}'",
        base_score=best.score(),
        delta=found[0],
        p_value=found[1],
        excluded=len(track.heldout) - len(keys),
        fixed=sum(change > 0 for change in changes) if binary else None,
        broken=sum(change < 0 for change in changes) if binary else None,
        detectable=_detectable(track, best, tuned, keys),
    )


def _detectable(
    track: Track, best: BestPrompt, tuned: Mapping[str, float], keys: Sequence[str]
) -> float | None:
    """The smallest true difference from the best prompt that these samples would show."""
    from harness.analysis.stats import smallest_detectable_effect

    ours, theirs = [tuned[key] for key in keys], [best.marks[key] for key in keys]
    return smallest_detectable_effect(ours, theirs, clusters_of(keys, track.heldout))


def prompt_findings(track: Track) -> Iterator[Finding]:
    """Prompts that could not be judged."""
    if track.is_general or not track.experiment.prompts:
        return
    own = track.scores(0)
    for prompt in track.experiment.prompts if own else ():
        marks = marks_of(track, prompt)
        if len(marks) >= LEAST_ANSWERED * len(own):
            continue
        answers = track.prompted(track.base, prompt.name)
        why = next(iter(answers.examples.values()), "") if answers else ""
        yield Finding(
            "prompts",
            "warn",
            f"prompt '{prompt.name}' is left out: {len(marks)} of {len(own)} samples have a mark"
            + (f" ({why})" if why else ""),
            {"prompt": prompt.name, "marked": len(marks)},
        )
