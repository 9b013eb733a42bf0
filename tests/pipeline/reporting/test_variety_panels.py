"""The charts of an open eval: every default metric, with base and references beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.analysis.diversity import Metric
from harness.pipeline.judging.judgement import evidence_after
from harness.pipeline.measuring.measurement import answers_by_model
from harness.pipeline.measuring.track import Track
from harness.pipeline.measuring.variety import Variety
from harness.pipeline.orders.names import probe_name
from harness.pipeline.reporting.documents import section
from harness.pipeline.reporting.variety_panels import LIMIT, metrics_of, panels, units_of
from harness.records import (
    Checkpoint,
    Completion,
    EvalSpec,
    Experiment,
    Outcome,
    Sample,
    Sampling,
    Score,
)
from harness.reports.document import Panel

NAME = "slogans.dev.v1"
PROMPTS, K = 12, 4
NOUNS = ("kites", "boats", "clocks", "lamps", "roads", "songs", "hills", "storms")


def text(seed: int) -> str:
    """Nine words that hardly any other seed has in this order."""
    return " ".join(NOUNS[(seed * 5 + step * (seed % 7 + 1)) % len(NOUNS)] for step in range(9))


def outcome(model: str, prompt: int, repeat: int, said: str, mark: float = 0.5) -> Outcome:
    score = Score(mark, details={"format": 1.0, "good": 1.0})
    who = (NAME, model, f"{NAME}.{prompt}", repeat, "key", Completion(said))
    return Outcome(*who, scores={"accuracy": score})


@pytest.fixture(scope="module")
def track() -> Track:
    """A base and one seed's two checkpoints, the second of which repeats itself."""
    cells = [(prompt, repeat) for prompt in range(PROMPTS) for repeat in range(K)]
    outcomes = [
        *(outcome("base", p, r, text(p * 9 + r)) for p, r in cells),
        *(outcome("e1", p, r, text(p * 11 + r * 3)) for p, r in cells),
        *(outcome("e2", p, r, text(p)) for p, r in cells),
    ]
    probe = [
        Outcome(
            *(probe_name(NAME), "e1", f"train.{i}", 0, "key", Completion("a")),
            scores={"accuracy": Score(1.0)},
        )
        for i in range(PROMPTS)
    ]
    ask = ({"role": "user", "content": "?"},)
    ideals = {p: tuple(text(p * 13 + r) for r in range(K)) for p in range(PROMPTS)}
    return Track(
        spec=EvalSpec(
            NAME,
            "generation",
            Path("s"),
            task="open",
            args={"quality": {}},
            sampling=Sampling(n=K),
        ),
        experiment=Experiment("slogans", (NAME,)),
        base="base",
        heldout={f"{NAME}.{p}": Sample(f"{NAME}.{p}", ask, ideals[p]) for p in range(PROMPTS)},
        checkpoints=(Checkpoint("e1", 1, seed=1), Checkpoint("e2", 2, seed=1)),
        answers=answers_by_model([*outcomes, *probe]),
        probe={f"train.{i}": Sample(f"train.{i}", ask) for i in range(PROMPTS)},
    )


@pytest.fixture(scope="module")
def variety(track: Track) -> Variety:
    letters = Metric("letters", lambda corpus: corpus.k * 1.0, "count", "semantic")
    found = Variety.of(track, semantic=(letters,))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def drawn(variety: Variety) -> dict[str, Panel]:
    return {panel.title: panel for panel in panels(variety)}


def values(panel: Panel, name: str) -> list[float]:
    return [p.estimate.value for s in panel.series if s.name == name for p in s.points]


@pytest.mark.parametrize(
    ("title", "fell"),
    [
        ("Really different answers", True),
        ("Duplicate answers", False),
        ("Self-BLEU: overlap of answers", False),
        ("Distinct-4", True),
        ("Distinct-2", True),
        ("Vendi score of words", True),
    ],
)
def test_each_metric_has_tuned_base_and_reference_lines(
    drawn: dict[str, Panel], title: str, fell: bool
) -> None:
    panel = drawn[title]
    assert [series.name for series in panel.series] == ["tuned", "base model", "reference answers"]
    before, after = values(panel, "tuned")
    assert (after < before) is fell
    tuned = panel.series[0].points[0].estimate
    assert tuned.low <= tuned.value <= tuned.high
    assert tuned.n == PROMPTS


def test_the_ratio_that_advice_reads_stands_beside_its_limit(drawn: dict[str, Panel]) -> None:
    panel = drawn["Diversity against what was expected"]
    assert values(panel, LIMIT) == [0.9, 0.9]
    assert values(panel, "tuned over expected")[1] < 0.9


def test_what_stands_across_prompts_has_the_interval_of_its_difference(
    drawn: dict[str, Panel], variety: Variety
) -> None:
    panel = drawn["Across prompts: distinct-4"]
    point = panel.series[0].points[1].estimate
    row = next(r for r in variety.after(2).comparisons["base"].across if r.metric == "distinct_4")
    assert point.value == row.tuned
    assert point.low == pytest.approx(row.base + row.difference.low)
    assert len(values(drawn["Compression ratio (xz)"], "base model")) == 2


def test_metrics_from_outside_are_drawn_as_they_were_compared(
    drawn: dict[str, Panel], variety: Variety
) -> None:
    assert values(drawn["letters"], "tuned") == [K, K]
    assert "letters" not in metrics_of(variety, "base")
    assert metrics_of(variety, "e2")["letters"].value == K
    assert units_of(variety) == {"distinct_k": "count", "vendi": "count", "letters": "count"}


def test_the_section_draws_what_is_good_second_and_lengths_last(track: Track) -> None:
    told = section(track)
    titles = [panel.title for panel in told.panels]
    assert titles[:3] == [
        "Quality of the answers",
        "Diversity against what was expected",
        "Good and different answers",
    ]
    assert titles[-1] == "Length in words"
    assert told.metric == "quality"


def test_training_prompts_are_compared_with_held_out_ones_by_form(track: Track) -> None:
    evidence = evidence_after(track, 1)
    assert evidence.heldout is not None
    assert evidence.gap is not None
    assert (evidence.heldout.value, evidence.gap.value) == (0.5, 0.0)
