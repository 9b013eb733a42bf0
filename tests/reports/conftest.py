"""Realistic documents: an extraction, a classification and an open task, as the demo has them."""

from __future__ import annotations

import dataclasses
import math

import pytest

from harness.records import Advice, Comparison, Estimate, Fact, Finding
from harness.reports.document import (
    Copy,
    Document,
    Exclusion,
    Flip,
    Gallery,
    Miss,
    Panel,
    Phrase,
    Point,
    Provenance,
    Repetition,
    Result,
    Section,
    Series,
)

EPOCHS = (1, 2, 3, 5, 8)
SEEDS = (1, 2, 3)


def share(value: float, n: int = 138, method: str = "Wilson") -> Estimate:
    half = 1.96 * math.sqrt(max(value * (1 - value), 0.004) / n)
    return Estimate(value, max(0.0, value - half), min(1.0, value + half), n, method)


def delta(value: float, half: float = 0.055, n: int = 138) -> Estimate:
    return Estimate(value, value - half, value + half, n, "Tango")


def exact(value: float) -> Estimate:
    return Estimate(value, value, value, 1, "one value")


def line(name: str, role: str, epochs: tuple[float, ...], values, make=share) -> Series:
    return Series(name, role, tuple(Point(e, make(v)) for e, v in zip(epochs, values, strict=True)))


def score_panel(metric: str, base: float, heldout, train, takeaway: str, epochs=EPOCHS) -> Panel:
    wobble = (-0.021, 0.016, 0.008)
    return Panel(
        f"{metric} by epochs",
        "share",
        (
            line("held-out", "heldout", epochs, heldout),
            line("training probe", "train", epochs, train),
            line("base model", "base", (0,), (base,)),
            *(
                line(f"seed {seed}", "seed", epochs, [v + shift for v in heldout])
                for seed, shift in zip(SEEDS, wobble, strict=True)
            ),
        ),
        takeaway,
    )


def curves(epochs=EPOCHS) -> tuple[Panel, Panel]:
    steps = tuple(i / 6 for i in range(1, 6 * max(epochs) + 1))
    train = [1.9 * math.exp(-x / 1.6) + 0.08 + 0.03 * math.sin(9 * x) for x in steps]
    valid = [1.9 * math.exp(-x / 1.7) + 0.3 + 0.03 * x for x in epochs]
    return (
        Panel(
            "Loss",
            "loss",
            (
                line("training loss", "curve", steps, train, exact),
                line("validation loss", "curve", epochs, valid, exact),
            ),
            "Validation loss rises after epoch 3 while the score does not fall.",
        ),
        Panel(
            "Token accuracy",
            "share",
            (
                line("training", "curve", epochs, (0.71, 0.83, 0.9, 0.97, 0.995), exact),
                line("validation", "curve", epochs, (0.69, 0.78, 0.82, 0.85, 0.85), exact),
            ),
        ),
    )


def comparison(
    eval: str, epoch: int, base: float, tuned: float, metric: str, seed: int | None = None
) -> Comparison:
    gained = round((tuned - base) * 138)
    return Comparison(
        eval=eval,
        base="small-base",
        tuned=model(eval, epoch, seed),
        metric=metric,
        base_score=share(base),
        tuned_score=share(tuned),
        delta=delta(tuned - base),
        p_value=0.0004 if abs(tuned - base) > 0.055 else 0.34,
        excluded=4,
        fixed=max(0, gained) + 7,
        broken=max(0, -gained) + 7,
    )


def model(eval: str, epoch: int, seed: int | None = None) -> str:
    return f"ft:small-base:{eval}:e{epoch}" + (f":s{seed}" if seed else "")


def results(eval: str, task: str, metric: str, base: float, tuned, epochs=EPOCHS, extra=None):
    def metrics(value: float) -> dict[str, Estimate]:
        return {metric: share(value), **(extra or {})}

    yield Result(eval, task, "small-base", 0, None, metrics(base), 4)
    for epoch, value in zip(epochs, tuned, strict=True):
        yield Result(eval, task, model(eval, epoch), epoch, None, metrics(value), 4)


def advice(eval: str, epochs: float, recommend: int, rule: int, diagnosis: str, **fields) -> Advice:
    defaults = {
        "action": "train longer",
        "confidence": "high",
        "evidence": (
            Fact("train score", share(0.62), "does not follow the training data yet"),
            Fact("train score, last step", delta(0.14, 0.05), "still rising"),
            Fact("held-out, last step", delta(0.09, 0.06), "not falling"),
        ),
        "would_change": "a train score within the slack of the ceiling, or one that stops rising",
        "checkpoint": model(eval, int(epochs)),
        "checkpoint_epoch": epochs,
        "cost": "about 40 s and 96,400 training tokens on this machine",
    }
    return Advice(
        eval=eval,
        model=model(eval, int(epochs)),
        epochs=epochs,
        recommend=recommend,
        rule=rule,
        diagnosis=diagnosis,
        **{**defaults, **fields},
    )


GOOD = (
    Fact("gain over the base model", delta(0.33), "better"),
    Fact("held-out score", share(0.81), "measured on samples never trained on"),
    Fact("train score", share(0.95), "follows the training data"),
    Fact("train minus held-out", delta(0.03, 0.04), "no large gap"),
)


def orders() -> Section:
    heldout, train = (0.56, 0.68, 0.75, 0.81, 0.72), (0.58, 0.72, 0.84, 0.95, 0.99)
    keep = {
        "action": "keep: ship this checkpoint",
        "evidence": GOOD,
        "would_change": "a drop on fresh samples, or a higher target",
    }
    best = {"checkpoint": model("orders", 5), "checkpoint_epoch": 5}
    overfit = (
        Fact("held-out, last minus best", delta(-0.09, 0.05), "fell since epoch 5 (p = .002)"),
    )
    return Section(
        eval="orders",
        task="one-answer",
        description="Read an order in plain words and write it as JSON.",
        metric="accuracy",
        base="small-base",
        advice=(
            advice("orders", 1, 2, 5, "underfit"),
            advice("orders", 2, 2, 5, "underfit"),
            advice("orders", 3, 1, 5, "underfit", dissent=("seed 2 alone: no change (good)",)),
            advice("orders", 5, 0, 22, "good", **keep),
            advice(
                "orders",
                8,
                -2,
                7,
                "overfit",
                action="use the checkpoint of the peak; if it is gone, train fewer epochs",
                evidence=overfit,
                would_change="fresh held-out samples on which the last checkpoint is no worse",
                **best,
            ),
        ),
        panels=(
            score_panel(
                "Accuracy",
                0.48,
                heldout,
                train,
                "Held-out accuracy peaks at 5 epochs; after that only the training score rises.",
            ),
            *curves(),
        ),
        results=tuple(
            results(
                "orders",
                "one-answer",
                "accuracy",
                0.48,
                heldout,
                extra={"field:city": share(0.91), "valid_json": share(0.985)},
            )
        ),
        comparisons=tuple(
            comparison("orders", e, 0.48, v, "accuracy")
            for e, v in zip(EPOCHS, heldout, strict=True)
        ),
        flips=flips("orders"),
        flips_omitted=23,
        exclusions=(
            Exclusion("small-base", "unreachable", 3, "no answer from the server after 60 s"),
            Exclusion(model("orders", 2), "bad_response", 1, "choices is empty"),
        ),
        findings=(
            Finding(
                "length",
                "warn",
                "2 training examples are longer than the limit",
                {"lines": [17, 90], "limit": 256},
            ),
        ),
    )


def flips(eval: str) -> tuple[Flip, ...]:
    tuned = model(eval, 5)

    def order(i: int, quantity: int, city: str) -> str:
        return f'{{"item": "blue lamp", "quantity": {quantity}, "city": "{city}", "no": {100 + i}}}'

    made = []
    for i in range(24):
        kind = ("fixed", "fixed", "broken", "both_wrong")[i % 4]
        ideal, wrong, other = order(i, 3, "Lyon"), order(i, 3, "Paris"), order(i, 13, "Lyon")
        texts = {"fixed": (wrong, ideal), "broken": (ideal, other), "both_wrong": (wrong, other)}
        made.append(
            Flip(
                kind,
                f"{eval}-{i:03d}",
                f"Order {100 + i}: please send three blue lamps to our shop in Lyon, as usual.",
                ideal,
                *texts[kind],
                tuned,
            )
        )
    return tuple(made)


def tickets() -> Section:
    heldout, train = (0.702, 0.737, 0.742, 0.744, 0.739), (0.76, 0.83, 0.87, 0.9, 0.91)
    unsure = {
        "action": "collect about 140 more held-out samples",
        "evidence": (Fact("gain over the base model", delta(0.03), "cannot be told yet"),),
        "would_change": "narrower intervals",
    }
    return Section(
        eval="tickets",
        task="one-answer",
        description="Choose one of seven queues for a support ticket.",
        metric="accuracy",
        base="small-base",
        advice=(
            advice("tickets", 1, 1, 5, "underfit", confidence="medium"),
            *(advice("tickets", e, 0, 23, "not enough data to tell", **unsure) for e in EPOCHS[1:]),
        ),
        panels=(score_panel("Accuracy", 0.71, heldout, train, ""), *curves()),
        results=tuple(results("tickets", "one-answer", "accuracy", 0.71, heldout)),
        comparisons=tuple(
            comparison("tickets", e, 0.71, v, "accuracy")
            for e, v in zip(EPOCHS, heldout, strict=True)
        ),
        flips=(
            Flip(
                "broken",
                "t-9",
                "My parcel is late and the invoice is wrong.",
                "billing",
                "billing",
                "delivery",
                model("tickets", 5),
            ),
        ),
    )


def slogans() -> Section:
    quality, train = (0.61, 0.72, 0.75, 0.76, 0.75), (0.6, 0.74, 0.82, 0.9, 0.96)

    def ratio(value: float) -> Estimate:
        return Estimate(value, value - 0.05, value + 0.05, 40, "bootstrap over prompts")

    def diversity(title: str, tuned, base: float, references: float, takeaway: str = "") -> Panel:
        return Panel(
            title,
            "ratio",
            (
                line("tuned", "heldout", EPOCHS, tuned, ratio),
                line("base model", "base", (0,), (base,), ratio),
                line("references", "reference", (0,), (references,), ratio),
            ),
            takeaway,
        )

    collapse = {
        "confidence": "medium",
        "action": "use an earlier checkpoint that is still diverse, or train fewer epochs",
        "evidence": (
            Fact("per-prompt distinct-4, ratio to expected", ratio(0.63), "less diverse"),
            Fact("per-prompt distinct-4, ratio to base", ratio(0.58), "against the base model"),
            Fact("quality, last step", delta(0.01, 0.04), "not better for it"),
        ),
        "would_change": "a diversity ratio above the limit, or better quality bought with it",
        "checkpoint": model("slogans", 3),
        "checkpoint_epoch": 3,
        "dissent": ("seed 3 alone: no change (a trade-off between diversity and quality)",),
    }
    trade_off = {
        **collapse,
        "confidence": "low",
        "action": "decide which of the two matters more",
        "would_change": "a quality that no longer rises",
    }
    lines = (
        "Light up every evening",
        "Your evening, brighter",
        "A lamp that remembers you",
        "Bright ideas start here",
        "Switch on wonder",
        "Glow where you go",
    )
    return Section(
        eval="slogans",
        task="open",
        description="Write a slogan for a product.",
        metric="judge score",
        base="small-base",
        advice=(
            advice("slogans", 1, 1, 5, "underfit", confidence="medium"),
            advice("slogans", 2, 1, 5, "underfit", confidence="medium"),
            advice("slogans", 3, 0, 13, "a trade-off between diversity and quality", **trade_off),
            advice("slogans", 5, -1, 10, "mode collapse", **collapse),
            advice("slogans", 8, -2, 10, "mode collapse", **collapse),
        ),
        panels=(
            score_panel("Judge score", 0.5, quality, train, "Quality levels off after 3 epochs."),
            diversity(
                "Distinct 4-grams per prompt",
                (0.93, 0.9, 0.84, 0.61, 0.52),
                0.95,
                0.9,
                "Answers repeat themselves after 3 epochs.",
            ),
            diversity("Self-BLEU per prompt", (0.1, 0.14, 0.22, 0.46, 0.6), 0.08, 0.12),
            diversity("Vendi score per prompt", (6.8, 6.4, 5.5, 3.3, 2.2), 7.1, 6.3),
            diversity("Copied from training data", (0.01, 0.012, 0.02, 0.06, 0.11), 0.004, 0.01),
            *curves(),
        ),
        results=tuple(results("slogans", "open", "judge score", 0.5, quality)),
        comparisons=tuple(
            comparison("slogans", e, 0.5, v, "judge score")
            for e, v in zip(EPOCHS, quality, strict=True)
        ),
        galleries=(
            Gallery(
                "s-1",
                "A slogan for a desk lamp, at most six words.",
                {
                    "small-base": lines,
                    model("slogans", 3): (*lines[:4], lines[0], lines[1]),
                    model("slogans", 8): (lines[0],) * 5 + (lines[1],),
                },
            ),
            Gallery(
                "s-2",
                "A slogan for a quiet vacuum cleaner, at most six words.",
                {
                    "small-base": ("Clean without the noise", "Hush. It is clean.", "Quiet wins"),
                    model("slogans", 3): ("Quiet wins", "Clean, quietly", "Hear nothing"),
                    model("slogans", 8): ("Quiet wins",) * 3,
                },
            ),
        ),
        repetitions=(
            Repetition(
                "base",
                "small-base",
                24,
                (Phrase("light for the night", 3, 0.125, 2),),
                (Phrase("Quiet and", 2, 1 / 12, 1),),
            ),
            Repetition(
                "tuned, last",
                model("slogans", 8),
                24,
                (Phrase("bright ideas at your desk", 12, 0.5, 9),),
                (),
            ),
        ),
        copies=(
            Copy(
                model("slogans", 8),
                "s-2",
                "A slogan for a quiet vacuum cleaner, at most six words.",
                "Now: clean without  the noise of day!",
                "Dance. Clean without the noise of night.",
                "clean without  the noise of",
                5,
            ),
        ),
        copies_omitted=2,
    )


def provenance() -> Provenance:
    return Provenance(
        command="harness demo --out demo-run",
        harness_version="0.1.0",
        provider="embedded",
        base="small-base",
        seeds=SEEDS,
        created_at="2031-05-04T10:20:30Z",
        study_hash="9f2c" * 16,
        files={
            "datasets/orders/train.jsonl": "ab12" * 16,
            "datasets/orders/heldout.jsonl": "cd34" * 16,
        },
        requests=4_212,
        prompt_tokens=512_330,
        completion_tokens=88_021,
        cost_usd=0.0,
    )


def demo_document() -> Document:
    return Document(
        title="Did fine-tuning help?",
        description="Three tasks, tuned on the embedded model for 1 to 8 epochs with three seeds.",
        sections=(orders(), tickets(), slogans()),
        provenance=provenance(),
        findings=(
            Finding(
                "smallest_effect",
                "info",
                "with 138 samples a difference below 10 points can go unseen",
                {"n": 138, "points": 10},
            ),
        ),
    )


@pytest.fixture(scope="session")
def document() -> Document:
    return demo_document()


# --- documents without advice ----------------------------------------------------------


def miss(i: int, mark: float = 0.0, reason: str = "wrong: city") -> Miss:
    return Miss(
        sample_id=f"orders-{i:03d}",
        prompt=f"system: Extract the order.\nuser: Order {100 + i}: three lamps to Lyon, please.",
        ideal=f'{{"item": "lamp", "city": "Lyon", "no": {100 + i}}}',
        answer=f'{{"item": "lamp", "city": "Paris", "no": {100 + i}}}',
        mark=mark,
        reason=reason,
    )


def scored(eval: str, metrics: dict[str, Estimate], excluded: int = 0, **fields) -> Section:
    fields = {"task": "one-answer", "description": "", "metric": "accuracy", **fields}
    result = Result(eval, fields["task"], "small-base", None, None, metrics, excluded)
    return Section(eval=eval, base="small-base", results=(result,), **fields)


def extraction_scores() -> Section:
    """Accuracy, shares of fields, and a number that is no share."""
    metrics = {
        "accuracy": share(0.81),
        "f1": share(0.9),
        "precision": share(0.92),
        "recall": share(0.88),
        "parsed": share(0.99),
        "words": Estimate(12.5, 11.2, 13.8, 138, "t over samples"),
        "field:item": share(0.97),
        "field:city": share(0.84),
    }
    section = scored("orders", metrics, 4, description="Read an order and write it as JSON.")
    return dataclasses.replace(
        section,
        results=(dataclasses.replace(section.results[0], units={"words": "count"}),),
        misses=(*(miss(i) for i in range(12)), miss(12, 0.4, "")),
        misses_omitted=9,
        exclusions=(
            Exclusion("small-base", "rate_limited", 3, "slow down"),
            Exclusion("small-base", "no_mark", 1, "an 'ideal' of this sample is no JSON"),
        ),
    )


def run_document() -> Document:
    """What `harness run` reports: one model, an eval of each sort."""
    varied = scored(
        "slogans",
        {"accuracy": share(0.4, 20), "self_bleu": share(0.1, 20)},
        task="open",
        metric="format compliance",
        misses=(Miss("s-1", "A slogan, please.", "", "no", 0.6, "1 words, fewer than 4"),),
        galleries=(Gallery("s-1", "A slogan, please.", {"small-base": ("Glow", "Glow", "Shine")}),),
    )
    unmarked = scored(
        "broken", {}, 20, exclusions=(Exclusion("small-base", "no_mark", 20, "no JSON"),)
    )
    single = scored("single", {"accuracy": Estimate(1.0, 0.21, 1.0, 1, "Wilson")})
    return Document(
        title="small-base on 4 evals",
        description="",
        sections=(extraction_scores(), varied, unmarked, single),
        provenance=dataclasses.replace(provenance(), seeds=(), command="harness run 'orders*'"),
    )


def contest_document() -> Document:
    """What `harness compare` reports: tuned models whose epochs nobody knows."""

    def compared(eval: str, tuned: str, base: float, now: float, **fields) -> Comparison:
        found = comparison(eval, 1, base, now, "accuracy")
        return dataclasses.replace(found, tuned=tuned, **fields)

    def unknown(section: Section, *comparisons: Comparison) -> Section:
        models = ("small-base", *(c.tuned for c in comparisons))
        told = section.results[0]
        return dataclasses.replace(
            section,
            advice=(),
            panels=(),
            results=tuple(dataclasses.replace(told, model=m, epochs=None) for m in models),
            comparisons=comparisons,
            flips=tuple(dataclasses.replace(f, tuned_model="adapter-1") for f in section.flips),
            exclusions=(),
        )

    better = compared("orders", "adapter-1", 0.48, 0.81)
    worse = compared("orders", "adapter-2", 0.48, 0.3)
    level = compared("tickets", "adapter-1", 0.71, 0.73, fixed=None, broken=None)
    nothing = unknown(dataclasses.replace(tickets(), eval="nothing", flips=()))
    other = dataclasses.replace(nothing.results[0], model="adapter-1", metrics={}, excluded=138)
    return Document(
        title="2 models against small-base",
        description="",
        sections=(
            unknown(orders(), better, worse),
            unknown(tickets(), level),
            dataclasses.replace(nothing, results=(*nothing.results, other)),
        ),
        provenance=dataclasses.replace(provenance(), seeds=(), command="harness compare a b"),
    )


def repeated(document: Document, times: int) -> Document:
    """A document of many evals, with names of every length."""
    copies = [
        dataclasses.replace(section, eval=f"suite-{i:02d}.{section.eval}{'-and-more' * (2 * i)}")
        for i in range(times)
        for section in document.sections
    ]
    return dataclasses.replace(document, sections=tuple(copies))


@pytest.fixture(scope="session")
def run() -> Document:
    return run_document()


@pytest.fixture(scope="session")
def contest() -> Document:
    return contest_document()


@pytest.fixture(scope="session")
def sixty(run: Document) -> Document:
    return repeated(run, 15)


@pytest.fixture(scope="session")
def sixty_contests(contest: Document) -> Document:
    return repeated(contest, 20)


# --- documents that mean harm ----------------------------------------------------------

PAYLOAD = (
    '"><img src=x onerror=window.hacked=1><script>window.hacked=1</script>'
    "</script></style></title><svg onload=window.hacked=1><a href=javascript:window.hacked=1>x</a>"
    "' onmouseover='window.hacked=1' <!-- ]]> {{ 7 * 7 }} {% raw %} `` ``` | *a* _b_ [c](d)\n"
    "# heading\n| x | y |\n@everyone https://x.invalid \u202ertl\u202c שלום \x00\x1b[31m\ud800"
)
LITERAL_FIELDS = frozenset(
    {"axis", "task", "role", "unit", "severity", "confidence", "method", "units"}
)


def poisoned(value, payload: str):
    """The same document with every free text replaced."""
    if isinstance(value, str):
        return payload
    if isinstance(value, tuple):
        return tuple(poisoned(item, payload) for item in value)
    if isinstance(value, dict):
        return {f"{payload}{i}": poisoned(v, payload) for i, v in enumerate(value.values())}
    if not dataclasses.is_dataclass(value):
        return value
    kept = LITERAL_FIELDS | ({"kind"} if isinstance(value, Flip) else set())
    changed = {
        f.name: poisoned(getattr(value, f.name), payload)
        for f in dataclasses.fields(value)
        if f.name not in kept
    }
    return dataclasses.replace(value, **changed)


@pytest.fixture(scope="session")
def hostile(document: Document) -> Document:
    return poisoned(document, PAYLOAD)


@pytest.fixture(scope="session")
def poison():
    """Replace every free text of a document by one that means harm."""
    return lambda document, payload=PAYLOAD: poisoned(document, payload)


@pytest.fixture(scope="session")
def endless(document: Document) -> Document:
    """Names and texts of 100 kB without a space."""
    return poisoned(document, "W" * 100_000)
