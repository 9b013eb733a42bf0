"""What a report says, before any renderer words, rounds or colours it.

The pipeline fills a Document from journals and analysis; the renderers read nothing else.
All scores are fractions in [0, 1] unless a Panel's unit says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.records import (
    Advice,
    BreakEven,
    Comparison,
    DataGain,
    Estimate,
    Finding,
    Gate,
    Latency,
    Prompting,
    Round,
    Task,
)

Role = Literal["heldout", "train", "base", "reference", "seed", "curve", "gate"]
FlipKind = Literal["fixed", "broken", "both_wrong"]
Spender = Literal["model", "judge"]
Unit = Literal["share", "loss", "nats", "ratio", "count"]
Axis = Literal["epochs", "examples", "runs"]
"""What a chart goes over: epochs of training, examples of training data, or runs in order."""

SCORE = "accuracy"
"""The name of an eval's own score among its metrics, whatever its Section calls it."""

FIELD = "field:"
"""Opens the names of metrics that are about a single field of the answer."""


@dataclass(frozen=True, slots=True)
class Point:
    """One measured value after ``epoch`` epochs (0: the base model), or there on another axis."""

    epoch: float
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Series:
    """A line of a chart; ``role`` decides its look (a seed is thin, a base or reference level)."""

    name: str
    role: Role
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart over epochs. ``takeaway`` says in a sentence what the reader should see."""

    title: str
    unit: Unit
    series: tuple[Series, ...]
    takeaway: str = ""
    axis: Axis = "epochs"


@dataclass(frozen=True, slots=True)
class Flip:
    """One sample whose verdict changed, or that both models missed.

    ``cluster`` is the document that it shares with other samples.
    """

    kind: FlipKind
    sample_id: str
    prompt: str
    ideal: str
    base_text: str
    tuned_text: str
    tuned_model: str
    cluster: str | None = None


@dataclass(frozen=True, slots=True)
class Miss:
    """One sample that a model got wrong, where no other model is there to compare with.

    ``answer`` is its first that was not all right, ``reason`` what the grader said about it;
    ``mark`` the mean over all its answers.
    """

    sample_id: str
    prompt: str
    ideal: str
    answer: str
    mark: float
    reason: str = ""
    cluster: str | None = None


@dataclass(frozen=True, slots=True)
class Gallery:
    """Several answers to one prompt, per model: how an open task reads at each epoch count."""

    sample_id: str
    prompt: str
    answers: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that several answers share: how many have them, of how many prompts; ``share`` is
    of all answers."""

    text: str
    answers: int
    share: float
    prompts: int


@dataclass(frozen=True, slots=True)
class Repetition:
    """What one model's answers to an open task repeat most, and how most of them begin."""

    label: str
    model: str
    answers: int
    phrases: tuple[Phrase, ...]
    openings: tuple[Phrase, ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """An answer that repeats a training completion.

    ``run`` is the longest part they share, as the answer writes it, of so many ``tokens`` (words
    and punctuation marks).
    """

    model: str
    sample_id: str
    prompt: str
    answer: str
    training: str
    run: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """Which labels one model answered to the samples of each label, where there are few.

    ``counts`` has a row for each right label and a column for each answered one, in the order of
    ``labels``; ``no_label`` counts, row by row, answers that name none of them. Of these,
    ``unaccepted`` name the right one in a form that is marked wrong. Only answers with a mark
    count.
    """

    model: str
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    no_label: tuple[int, ...]
    unaccepted: int = 0


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Samples of one model without a mark, by kind of failure, with one message as an example."""

    model: str
    kind: str
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class Result:
    """All metrics of one model on one eval; ``units`` of those that are no shares."""

    eval: str
    task: Task
    model: str
    epochs: float | None
    seed: int | None
    metrics: Mapping[str, Estimate]
    excluded: int
    units: Mapping[str, Unit] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Section:
    """Everything about one eval.

    ``rivals`` says that ``base`` is the base of none of the others: models beside each other, all
    called by their names.
    """

    eval: str
    task: Task
    description: str
    metric: str
    base: str
    advice: tuple[Advice, ...] = ()
    panels: tuple[Panel, ...] = ()
    results: tuple[Result, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    flips: tuple[Flip, ...] = ()
    flips_omitted: int = 0
    galleries: tuple[Gallery, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    findings: tuple[Finding, ...] = ()
    misses: tuple[Miss, ...] = ()
    misses_omitted: int = 0
    repetitions: tuple[Repetition, ...] = ()
    copies: tuple[Copy, ...] = ()
    copies_omitted: int = 0
    prompting: Prompting | None = None
    data_gain: DataGain | None = None
    break_evens: tuple[BreakEven, ...] = ()
    confusions: tuple[Confusion, ...] = ()
    rivals: bool = False


@dataclass(frozen=True, slots=True)
class Spending:
    """What the answers of one model to one eval (None: to all) took.

    Those that were ``replayed``, by the cache or from a file, cost nothing and took no time;
    ``saved_usd`` is what they would have cost. None is not known.
    """

    role: Spender
    model: str
    eval: str | None
    answers: int
    replayed: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    saved_usd: float | None
    latency: Latency | None


@dataclass(frozen=True, slots=True)
class Performance:
    """What a run took: all that clocks, caches and prices decide, and nothing else.

    Two runs with the same answers differ in this alone.
    """

    models: tuple[Spending, ...]
    evals: tuple[Spending, ...]
    first_answer_s: float | None = None
    prices_as_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Provenance:
    """How to get the same numbers again. Hashes are SHA-256 of files, by path."""

    command: str
    harness_version: str
    provider: str
    base: str
    seeds: tuple[int, ...] = ()
    created_at: str | None = None
    study_hash: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    embeddings: str | None = None
    """Whose vectors said what answers mean, and where that model is."""


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report."""

    title: str
    description: str
    sections: tuple[Section, ...]
    provenance: Provenance
    findings: tuple[Finding, ...] = ()
    gate: Gate | None = None
    performance: Performance | None = None
    rounds: tuple[Round, ...] = ()
    """The rounds of tuning that led here, this one included; none where there was no other."""
