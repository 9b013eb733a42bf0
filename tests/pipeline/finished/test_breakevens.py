"""Break-evens of hosted models, from the tokens that their server counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.analysis.cost import Training
from harness.analysis.stats import smallest_detectable_effect
from harness.pipeline.finished.breakevens import LIKE_THE_TUNED, MEASURED, break_evens
from harness.pipeline.judging.judgement import comparison
from harness.pipeline.judging.prompting import BestPrompt, against_best_prompt
from harness.pipeline.measuring.measurement import Answers
from harness.pipeline.measuring.spending import Payers
from harness.pipeline.measuring.track import Track
from harness.pipeline.measuring.training_cost import priced
from harness.pipeline.orders.names import prompt_name
from harness.pipeline.reporting.documents import section
from harness.records import (
    Checkpoint,
    Completion,
    EvalSpec,
    Experiment,
    InsteadOf,
    Outcome,
    PromptVariant,
    Sample,
    Score,
    Usage,
)
from harness.registry.prices import load_prices

NAME, N = "hosted.test.v1", 60
HELD = {f"s{i}": Sample(f"s{i}", ({"role": "user", "content": "?" * 40},)) for i in range(N)}
PAYERS = Payers(load_prices(), "openai")
LONG = PromptVariant("long", "x" * 4000)


def answers(model: str, right: int, prompt_tokens: int, name: str = NAME) -> Answers:
    """So many right answers, of ten tokens each."""
    found = Answers(name, model)
    for i, key in enumerate(HELD):
        said = Completion("yes", usage=Usage(prompt_tokens + i % 3, 10))
        mark = {"accuracy": Score(float(i < right))}
        found.add(Outcome(name, model, key, 0, "k", said, mark))
    return found


def track(experiment: Experiment, *more: Answers, usage: int = 20) -> Track:
    tuned = "ft:gpt-4o-mini:me::abc"
    tables = [answers("gpt-4o-mini", 10, usage), answers(tuned, 58, usage), *more]
    return Track(
        spec=EvalSpec(NAME, "match", Path("none")),
        experiment=experiment,
        base="gpt-4o-mini",
        heldout=HELD,
        checkpoints=(Checkpoint(tuned, 3),),
        answers={(table.eval, table.model): table for table in tables},
        training=Training(100_000),
    )


def weighed(found: Track) -> list:
    found = priced(found, PAYERS)
    return list(break_evens(found, PAYERS, section(found).advice))


def test_a_dearer_model_that_was_not_asked_is_priced_with_its_longer_prompt() -> None:
    dearer = InsteadOf("gpt-4.1", LONG, calls_per_day=1000)
    (found,) = weighed(track(Experiment("e", (NAME,), instead_of=dearer)))
    assert found.training_usd == pytest.approx(0.90)  # 300,000 tokens at $3 a million
    assert found.tuned.source == MEASURED
    assert found.other.source == LIKE_THE_TUNED
    assert found.other.prompt_tokens - found.tuned.prompt_tokens == pytest.approx(1000, rel=0.02)
    saved = (
        found.other.prompt_tokens * 2 + 10 * 8 - found.tuned.prompt_tokens * 0.3 - 10 * 1.2
    ) / 1e6
    assert found.saved_usd is not None
    assert found.saved_usd.value == pytest.approx(saved)
    assert found.calls is not None
    assert found.calls.value == pytest.approx(0.90 / saved)
    assert found.calls.low < found.calls.value < found.calls.high
    assert found.pays_after_days is not None
    assert found.pays_after_days.value == pytest.approx(0.9 / saved / 1000)


def test_a_dearer_model_that_was_asked_is_measured_and_compared() -> None:
    dearer = InsteadOf("gpt-4.1", LONG, ask=True)
    asked = answers("gpt-4.1", 50, 900, prompt_name(NAME, "long"))
    (found,) = weighed(track(Experiment("e", (NAME,), instead_of=dearer), asked))
    assert found.other.source == MEASURED
    assert found.other.prompt_tokens == pytest.approx(901)
    assert found.quality is not None
    assert found.quality.value == pytest.approx(8 / 60)


@pytest.mark.parametrize(("longer", "verdict"), [(60, "never"), (900, "pays")])
def test_against_a_long_prompt_of_the_base_the_saved_tokens_decide(
    longer: int, verdict: str
) -> None:
    """A tuned gpt-4o-mini costs twice its base: its prompts have to be less than half as long."""
    asked = answers("gpt-4o-mini", 58, longer, prompt_name(NAME, "long"))
    experiment = Experiment("e", (NAME,), prompts=(LONG,))
    (found,) = weighed(track(experiment, asked, usage=20 if verdict == "pays" else 40))
    assert found.other.prompt == "long"
    assert found.verdict == verdict


def test_a_prompt_that_is_no_better_is_not_weighed() -> None:
    asked = answers("gpt-4o-mini", 5, 900, prompt_name(NAME, "long"))
    worse = track(Experiment("e", (NAME,), prompts=(LONG,)), asked)
    assert weighed(worse) == []
    best = BestPrompt.of(worse)
    assert best is not None
    assert best.is_own


def test_without_a_price_of_the_tuned_model_nothing_is_concluded() -> None:
    known = track(Experiment("e", (NAME,), instead_of=InsteadOf("gpt-4.1", LONG)))
    ours = replace(known, base="ours", checkpoints=(Checkpoint("ft:gpt-4o-mini:me::abc", 3),))
    found = list(break_evens(priced(ours, PAYERS), PAYERS, section(known).advice))
    assert found[0].verdict == "unknown"
    assert "training" in found[0].reason


def test_what_would_be_found_is_said_of_the_prompt_that_is_compared_with() -> None:
    """Next to no answer differs from those with the best prompt, most from those without."""
    asked = answers("gpt-4o-mini", 57, 40, prompt_name(NAME, "long"))
    weighed = track(Experiment("e", (NAME,), prompts=(LONG,)), asked)
    own = comparison(weighed, weighed.checkpoints[0].model)
    assert own is not None
    told = against_best_prompt(weighed, own)
    marks = [float(i < right) for right in (58, 57) for i in range(N)]
    assert told.detectable == smallest_detectable_effect(marks[:N], marks[N:])
    assert own.detectable is not None
    assert told.detectable is not None
    assert told.detectable < own.detectable
