"""The nouns: frozen dataclasses that every room shares. No I/O, nothing beyond their own shape."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

Message = Mapping[str, Any]
"""One chat message in the wire format: role, content, optional name."""

Messages = tuple[Message, ...]
Task = Literal["one-answer", "open"]
Layout = Literal["chat", "fields", "multiple_choice"]
Endpoint = Literal["chat", "completions"]
Severity = Literal["info", "warn", "block"]
Confidence = Literal["high", "medium", "low"]


DEFAULT_SEED = 20220722
"""What OpenAI evals draws from, with a sample's id, where an eval shuffles options."""


# --- what is asked -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to decode. ``None`` leaves a parameter to the server's default.

    ``n`` is the number of choices asked for in one request; ``logprobs`` the number of
    alternatives a token to return (0: only the chosen token's, None: off). ``extra`` holds
    further parameters of the server, sent as they are.
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    n: int = 1
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logprobs: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """One item of an eval: what is asked and which answers are right.

    ``ideal`` is empty where a task has no reference answer. ``cluster`` names the
    document that several samples share. ``metadata`` holds the line's other fields;
    ``tools`` are the functions that a model may call, in the wire format.
    """

    id: str
    messages: Messages
    ideal: tuple[str, ...] = ()
    cluster: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tools: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """One line of a training file: a conversation whose last assistant turn is to be learnt.

    ``line`` counts from 1 as editors do. ``metadata`` holds the line's other fields.
    """

    messages: Messages
    line: int
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a model. It asks for ``sampling.n`` choices, the repeats ``repeat * n ...``.

    ``sample_id`` says who asks, for answers recorded by id; it is no part of the key.
    """

    model: str
    messages: Messages
    sampling: Sampling = Sampling()
    repeat: int = 0
    endpoint: Endpoint = "chat"
    sample_id: str | None = field(default=None, compare=False)
    tools: tuple[Mapping[str, Any], ...] = ()

    @property
    def key(self) -> str:
        """A stable hash of everything that decides the answer, and of the repeat's index."""
        parts: tuple[Any, ...] = (
            *(self.endpoint, self.model, self.messages, self.sampling, self.repeat),
            *([self.tools] if self.tools else []),
        )
        text = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
        return hashlib.blake2b(text, digest_size=16).hexdigest()


# --- what comes back -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request. With several choices the first carries them all and the others
    carry zero, so that sums over choices are right."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Completion:
    """One choice of a model's answer. ``usage`` is None when the server does not say.

    Where a grader looks at several answers together, ``parts`` are these and ``text`` joins
    them; usage and latency are their sums. ``tool_calls`` are calls in the wire format. A
    latency of 0 was not measured, as in a batch.
    """

    text: str
    finish_reason: str | None = None
    usage: Usage | None = None
    latency_s: float = 0.0
    replayed: bool = False
    logprobs: tuple[Mapping[str, Any], ...] | None = None
    parts: tuple[Completion, ...] = ()
    tool_calls: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """A grader's mark. ``value`` None means "no mark", never a wrong answer.

    ``label`` is what was picked; ``details`` are further numbers by name (``f1_score``,
    ``field:city``), averaged over samples beside the value. ``judged`` is what judges said.
    """

    value: float | None
    label: str | None = None
    reason: str | None = None
    details: Mapping[str, float] = field(default_factory=dict)
    judged: tuple[Completion, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a sample has no answer: an error's ``kind`` and message. Excluded and counted."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """One journal line: what one model answered to one repeat of one sample, and its marks."""

    eval: str
    model: str
    sample_id: str
    repeat: int
    request_key: str
    completion: Completion | None = None
    scores: Mapping[str, Score] = field(default_factory=dict)
    failure: Failure | None = None


# --- what is evaluated ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EvalSpec:
    """A registered eval. ``grader`` is a key of ``graders.GRADERS``; ``args`` its options.

    ``samples`` is a resolved path; ``layout`` says how its lines are read, ``fetched_from`` where
    it is loaded from when it is not there. ``repeats`` asks every prompt that often, one request
    each; ``sampling.n`` asks for several choices in one request.

    With the layout "fields", ``inputs`` names each field that holds a prompt and what its
    completion is called, and ``drafts`` is how many completions of each make one answer
    (None: one of every model whose names are joined by commas). ``class_name`` is the class
    of the registry.
    """

    name: str
    grader: str
    samples: Path
    task: Task = "one-answer"
    args: Mapping[str, Any] = field(default_factory=dict)
    sampling: Sampling = Sampling()
    repeats: int = 1
    metrics: tuple[str, ...] = ()
    few_shot: Path | None = None
    num_few_shot: int = 0
    description: str = ""
    source: Path | None = None
    layout: Layout = "chat"
    inputs: Mapping[str, str] = field(default_factory=dict)
    drafts: int | None = 1
    instructions: str = ""
    seed: int = DEFAULT_SEED
    fetched_from: str | None = None
    class_name: str = ""
    files: tuple[Path, ...] = ()
    """Further data files that decide the marks: those that options of the grader name."""

    @property
    def answers_per_prompt(self) -> int:
        """k: how many answers each prompt gets."""
        return self.repeats * self.sampling.n


@dataclass(frozen=True, slots=True)
class EvalSet:
    """A named list of eval patterns."""

    name: str
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tuned model at the end of an epoch, with what its training said (fractions in [0, 1])."""

    model: str
    epoch: float
    step: int | None = None
    seed: int | None = None
    train_loss: float | None = None
    valid_loss: float | None = None
    train_token_accuracy: float | None = None
    valid_token_accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class Tuning:
    """How to tune: which epoch counts to judge, with which seeds and hyperparameters."""

    epochs: tuple[int, ...]
    seeds: tuple[int, ...] = (1,)
    batch_size: int | None = None
    learning_rate_multiplier: float | None = None
    spares: tuple[int, ...] = ()
    """Further epoch counts to judge where a job keeps their checkpoint; none is run for them."""


@dataclass(frozen=True, slots=True)
class PromptVariant:
    """One way to ask an untuned model.

    ``system`` takes the place of the system messages of the data (None: they stay); ``few_shot``
    worked examples of the training data stand before what is asked.
    """

    name: str
    system: str | None = None
    few_shot: int = 0


@dataclass(frozen=True, slots=True)
class Doubling:
    """Tuning on random parts of the data, to estimate what twice as much would bring.

    ``epochs`` None is the most of the experiment's. ``step_matched`` trains every part as many
    steps as the whole, too.
    """

    halves: int = 3
    quarters: int = 0
    step_matched: bool = True
    epochs: int | None = None


@dataclass(frozen=True, slots=True)
class InsteadOf:
    """The dearer model that a tuned one is to replace, and what decides when that pays.

    ``prompt`` is how the dearer model is asked. It answers the held-out samples where ``ask``
    says so; else it is taken to answer as long as the tuned model does. ``days`` is the time in
    which training shall be paid back; ``hosting_usd_per_day`` what keeping the tuned model costs
    beside its use.
    """

    model: str
    prompt: PromptVariant
    ask: bool = False
    calls_per_day: float | None = None
    days: float = 30.0
    hosting_usd_per_day: float = 0.0


@dataclass(frozen=True, slots=True)
class Experiment:
    """One training set and what it is judged by: tune it here (``tuning``) or read ``tuned``.

    ``others`` are models to compare with the base whose epochs are unknown; ``target`` is the
    score that the team wants, ``ceiling`` the best that the data allow (annotator agreement,
    1 - label noise); both fractions.
    """

    name: str
    evals: tuple[str, ...]
    training_data: Path | None = None
    tuning: Tuning | None = None
    tuned: tuple[Checkpoint, ...] = ()
    others: tuple[str, ...] = ()
    forgetting: tuple[str, ...] = ()
    """Evals of what the base model could do before, and a tuned one should still: no epoch is
    chosen by them, but what was forgotten is measured on them."""
    settings: Mapping[str, str | float] = field(default_factory=dict)
    """What else was set in training (rank, learning rate): where it changes, advice begins anew."""
    target: float | None = None
    ceiling: float = 1.0
    wanted_refusals: float | None = None
    """The share of refusals that is wanted at inference; None: as many as the ideals have."""
    train_probe: int = 300
    prompts: tuple[PromptVariant, ...] = ()
    """Further ways to ask the base model; tuning is compared with the best of all."""
    doubling: Doubling | None = None
    instead_of: InsteadOf | None = None


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Whose vectors say what answers mean: a model at ``base_url``, or ``module:function``.

    ``base_url`` None is the server of the models, or that of the environment.
    """

    model: str
    base_url: str | None = None

    @property
    def is_code(self) -> bool:
        """Whether it is a function. A server's model may be written so, too: its address says."""
        module, _, function = self.model.partition(":")
        return self.base_url is None and all(
            part.isidentifier() for part in (*module.split("."), function)
        )


@dataclass(frozen=True, slots=True)
class Route:
    """Where the requests to ``name`` go: which model on which server, with what added.

    ``base_url`` None is the server of the others; ``extra`` overrules a request's sampling.
    """

    name: str
    model: str
    provider: str = "openai"
    base_url: str | None = None
    endpoint: Endpoint = "chat"
    extra: Mapping[str, Any] = field(default_factory=dict)


GateOutcome = Literal["pass", "fail", "inconclusive", "unjudged"]
"""What a gate or one of its checks says; "unjudged": the evidence is not whole."""

Demand = Literal[
    "non_inferior",
    "superior",
    "gain",
    "floor",
    "ceiling",
    "must_pass",
    "diversity",
    "forgetting",
]
Combination = Literal["all", "any"]
WhenInconclusive = Literal["fail", "warn"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One demand of a policy on the evals that ``pattern`` means.

    ``limit`` is the margin, the gain, the floor, the ceiling or the loss, in the unit of what is
    measured (fractions for shares). ``metric`` names one of the grader's further numbers, or what
    a ceiling caps; "" is the eval's own score. ``samples`` are the ids that must be all right.
    """

    demand: Demand
    pattern: str
    limit: float = 0.0
    metric: str = ""
    lower_is_better: bool = False
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens of one model cost, in US dollars, and when that was so.

    ``cached_prompt`` is for prompts that the server had at hand; None is not known.
    """

    prompt: float
    completion: float
    cached_prompt: float | None = None
    training: float | None = None
    as_of: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """When a tuned model may be deployed.

    ``combine`` "any": of the evals with a demand to be better one is enough (Holm); all other
    demands have to hold. ``graded`` is the share of the answers owed that need a mark, ``samples``
    how many samples are enough (None: all of the data). ``inconclusive`` says how loud an
    inconclusive gate is; its exit code is the same.
    """

    name: str
    rules: tuple[Rule, ...]
    description: str = ""
    alpha: float = 0.05
    combine: Combination = "all"
    inconclusive: WhenInconclusive = "fail"
    graded: float = 0.99
    samples: int | None = None
    prices: Price | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """A declared study: one base model, one or more experiments on it.

    Models that stand in ``routes`` are asked there, all others where ``provider`` says.
    """

    name: str
    base: str
    experiments: tuple[Experiment, ...]
    provider: str = "openai"
    base_url: str | None = None
    description: str = ""
    source: Path | None = None
    judge: Route | None = None
    routes: tuple[Route, ...] = ()
    policy: Policy | None = None
    embeddings: Embeddings | None = None


# --- what is concluded ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval (unless ``method`` says otherwise) and the n behind it."""

    value: float
    low: float
    high: float
    n: int
    method: str


@dataclass(frozen=True, slots=True)
class DiversityChange:
    """How varied a model's answers are against a yardstick: the base model, or the references.

    ``ratio`` is tuned over yardstick by the metric that fell most; None where it was not
    measured.
    """

    verdict: Literal["less", "level", "more", "unclear", "unmeasured"]
    ratio: Estimate | None = None
    metric: str = ""
    than: str = ""


@dataclass(frozen=True, slots=True)
class Latency:
    """Quantiles of the seconds that one request took, over ``n`` requests."""

    p50_s: float
    p95_s: float
    p99_s: float
    n: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Tuned minus base on the same samples. ``fixed``/``broken`` count changed binary verdicts.

    ``excluded`` counts samples that lack a mark on either side. ``diversity`` stands beside the
    scores of open tasks; ``detectable`` is the smallest true difference that a comparison like
    this one finds four times in five.
    """

    eval: str
    base: str
    tuned: str
    metric: str
    base_score: Estimate
    tuned_score: Estimate
    delta: Estimate
    p_value: float
    excluded: int
    fixed: int | None = None
    broken: int | None = None
    diversity: DiversityChange | None = None
    detectable: float | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One rule of a policy, held against one eval.

    ``estimate`` is tuned minus base for demands that compare, else the tuned model's own number;
    ``p_value`` is small where the demand is shown to be met (times ``candidates`` where the best
    of several was picked), ``p_missed`` where it is shown to be missed. ``needed`` counts the
    samples still missing for a decision. ``decisive`` is false where another eval has met the
    demand for this one.
    """

    eval: str
    rule: Rule
    tuned: str
    outcome: GateOutcome
    base: str | None = None
    unit: str = "share"
    estimate: Estimate | None = None
    p_value: float | None = None
    p_missed: float | None = None
    needed: int | None = None
    candidates: int = 1
    reason: str = ""
    decisive: bool = True


@dataclass(frozen=True, slots=True)
class Gate:
    """The decision whether to deploy, and every check behind it."""

    policy: str
    outcome: GateOutcome
    checks: tuple[Check, ...]
    alpha: float = 0.05
    inconclusive: WhenInconclusive = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing noticed: by a lint, the diagnosis or the gate. ``evidence`` is plain data."""

    rule: str
    severity: Severity
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fact:
    """One piece of evidence behind an advice: a named number, and how it was read."""

    name: str
    estimate: Estimate | None
    reading: str


@dataclass(frozen=True, slots=True)
class NextRun:
    """What following an advice would train.

    ``data_factor`` is 2 where twice the data are wanted. ``cost_usd`` is None where no price is
    known for ``priced_as``, and 0 where training is free.
    """

    epochs: float
    tokens: float
    data_factor: float = 1.0
    cost_usd: float | None = None
    priced_as: str = ""
    price_as_of: str = ""
    is_estimate: bool = False


@dataclass(frozen=True, slots=True)
class PromptScore:
    """How the base model does when it is asked in one way; tokens are those of one call."""

    name: str
    score: Estimate
    prompt_tokens: float | None = None
    system: str | None = None
    few_shot: int = 0


@dataclass(frozen=True, slots=True)
class Prompting:
    """The base model with each of its prompts, that of the data first.

    ``corrected`` is the score of the ``best``, corrected for having been picked as the best of so
    many on these samples.
    """

    eval: str
    base: str
    prompts: tuple[PromptScore, ...]
    best: str
    corrected: Estimate


@dataclass(frozen=True, slots=True)
class CallCost:
    """What one call of a model takes with one prompt; ``usd`` is None where no price is known."""

    model: str
    prompt: str
    prompt_tokens: float
    completion_tokens: float
    usd: Estimate | None
    price: Price | None = None
    source: str = ""


BreakEvenVerdict = Literal["pays", "at once", "open", "never", "unknown"]
"""When tuning pays; "open": the range of a call's cost reaches down to nothing saved."""


@dataclass(frozen=True, slots=True)
class BreakEven:
    """After how many calls tuning has paid for itself, instead of going on with ``other``.

    calls = (training + hosting meanwhile) / saved, where saved is the cost of a call of ``other``
    minus one of ``tuned``; a day (training / days + hosting) / saved. An infinite bound is never
    reached.
    ``pays_after_days`` is for the calls a day that were named. ``quality`` is tuned minus other on
    held-out samples; None where the other was not asked. ``reason`` says why it never pays, or
    what is not known.
    """

    eval: str
    tuned: CallCost
    other: CallCost
    training_tokens: float
    epochs: float
    training_usd: float | None
    verdict: BreakEvenVerdict
    days: float
    hosting_usd_per_day: float = 0.0
    saved_usd: Estimate | None = None
    calls: Estimate | None = None
    calls_per_day: Estimate | None = None
    asked_calls_per_day: float | None = None
    pays_after_days: Estimate | None = None
    quality: Estimate | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DataPoint:
    """The mean score of ``runs`` models that were trained on so many examples."""

    examples: int
    epochs: float
    runs: int
    score: Estimate


@dataclass(frozen=True, slots=True)
class DataGain:
    """What twice the training data would bring, by models that were tuned on parts of them.

    ``last_doubling`` is the score of the whole minus the mean of its halves after as many epochs;
    ``at_equal_steps`` the same with halves that were trained twice as long, so that the data
    alone differ. The next doubling is expected between ``power_law`` and ``log_linear``:
    ``next_doubling`` is the union of both. ``growth`` is the last doubling minus the one before
    it; clearly above 0 the power law has not begun. ``seeds`` is 1 where how much seeds differ
    is not known, and not in the intervals.
    """

    eval: str
    examples: int
    epochs: float
    seeds: int
    points: tuple[DataPoint, ...]
    last_doubling: Estimate
    log_linear: Estimate
    power_law: Estimate
    next_doubling: Estimate
    at_equal_steps: Estimate | None = None
    growth: Estimate | None = None

    @property
    def is_before_the_power_law(self) -> bool:
        """Whether doublings bring more and more so far, which no law of these extrapolates."""
        return self.growth is not None and self.growth.low > 0


REVERSES = "stop changing epochs: choose among the checkpoints that exist"
"""What an advice says where the evidence asks for the opposite of what was changed last."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do next with one eval after ``epochs`` epochs.

    ``recommend`` is the change in epochs that the evidence supports (-2..+2);
    ``checkpoint`` the tuned model to use now; ``behind_base`` its held-out score minus the base
    model's, where that lies below 0: the base model does better than every checkpoint then;
    ``dissent`` the seeds that would say otherwise.
    """

    eval: str
    model: str
    epochs: float
    recommend: int
    action: str
    rule: int
    diagnosis: str
    confidence: Confidence
    evidence: tuple[Fact, ...]
    would_change: str
    checkpoint: str | None = None
    checkpoint_epoch: float | None = None
    cost: str | None = None
    dissent: tuple[str, ...] = ()
    next_run: NextRun | None = None
    behind_base: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """One round of tuning an experiment: how long, how it did on an eval, and what was advised.

    ``trained`` is false where a checkpoint of an earlier round was taken. ``tokens`` were trained
    in the round and ``cost_usd`` is what it cost with its answers, all evals together; None is
    not known. ``folder`` is its run folder.
    """

    number: int
    experiment: str
    eval: str
    epochs: float
    advice: Advice
    trained: bool = True
    score: Estimate | None = None
    diversity: Estimate | None = None
    tokens: int | None = None
    cost_usd: float | None = None
    folder: str = ""
