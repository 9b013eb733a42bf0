"""Samples that share a document count for fewer, wherever a score is shown."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from harness.pipeline.judging.judgement import comparison
from harness.pipeline.measuring.measurement import Answers, clusters_of
from harness.pipeline.measuring.metrics import metrics_of
from harness.pipeline.measuring.scores import difference, score
from harness.pipeline.measuring.track import Track
from harness.pipeline.reporting.documents import section
from harness.records import Completion, EvalSpec, Experiment, Outcome, Sample, Score
from harness.reports import wording

N, SIZE = 80, 8
MESSAGES = ({"role": "user", "content": "?"},)
ALONE = {f"s{i}": Sample(f"s{i}", MESSAGES, ("yes",)) for i in range(N)}
SHARED = {
    key: replace(sample, cluster=f"document {i // SIZE}")
    for i, (key, sample) in enumerate(ALONE.items())
}
LUMPY = {f"s{i}": float(i // SIZE % 2) for i in range(N)}
"""Right on every other document."""
HALVES = {f"s{i}": 0.25 + 0.5 * (i // SIZE % 2) for i in range(N)}


def test_one_models_score_is_taken_over_documents() -> None:
    alone, shared = score(LUMPY, ALONE), score(LUMPY, SHARED)
    assert alone is not None
    assert shared is not None
    assert (alone.method, shared.method) == ("Wilson", "Wilson over clusters")
    assert shared.high - shared.low > 2 * (alone.high - alone.low)
    assert shared.n == N


def test_graded_scores_are_taken_over_documents() -> None:
    alone, shared = score(HALVES, ALONE), score(HALVES, SHARED)
    assert alone is not None
    assert shared is not None
    assert shared.method == "t over clusters"
    assert shared.high - shared.low > 2 * (alone.high - alone.low)


def test_differences_are_taken_over_documents() -> None:
    wrong = dict.fromkeys(LUMPY, 0.0)
    found = difference(LUMPY, wrong, SHARED)
    assert found is not None
    assert found[0].method == "Tango over clusters"


def test_documents_of_one_sample_each_change_nothing() -> None:
    single = {key: replace(sample, cluster=key) for key, sample in ALONE.items()}
    assert clusters_of(list(LUMPY), single) is None
    assert score(LUMPY, single) == score(LUMPY)


def test_a_sample_without_a_document_stands_for_itself() -> None:
    some = {**SHARED, "s0": ALONE["s0"], "s79": ALONE["s79"]}
    found = clusters_of(list(LUMPY), some)
    assert found is not None
    assert len(set(found)) == N // SIZE + 2


def marked(model: str, marks: dict[str, float], **details: float) -> Answers:
    answers = Answers("planted.test.v1", model)
    for key, mark in marks.items():
        outcome = Outcome("planted.test.v1", model, key, 0, "k", Completion("yes"))
        answers.add(replace(outcome, scores={"accuracy": Score(mark, details=details)}))
    return answers


def track(base: dict[str, float], tuned: dict[str, float], held: dict[str, Sample]) -> Track:
    tables = (marked("base", base), marked("tuned", tuned))
    return Track(
        spec=EvalSpec("planted.test.v1", "match", Path("none")),
        experiment=Experiment("planted", ("planted.test.v1",), others=("tuned",)),
        base="base",
        heldout=held,
        checkpoints=(),
        answers={(table.eval, table.model): table for table in tables},
    )


def test_every_metric_of_a_report_is_taken_over_documents() -> None:
    shown = section(track(LUMPY, LUMPY, SHARED))
    assert {r.metrics["accuracy"].method for r in shown.results} == {"Wilson over clusters"}
    assert metrics_of(marked("m", LUMPY, words=2.0), SHARED)["words"].value == 2.0


def test_fields_of_one_document_are_one_observation() -> None:
    answers = Answers("planted.test.v1", "m")
    for key, mark in LUMPY.items():
        counts = {"tp": 2 * mark, "fp": 0.0, "fn": 2 - 2 * mark}
        outcome = Outcome("planted.test.v1", "m", key, 0, "k", Completion("yes"))
        answers.add(replace(outcome, scores={"accuracy": Score(mark, details=counts)}))
    alone, shared = (metrics_of(answers, held)["recall"] for held in (ALONE, SHARED))
    assert shared.value == alone.value == 0.5
    assert shared.n == N
    assert shared.high - shared.low > 2 * (alone.high - alone.low)


def test_every_comparison_says_what_it_would_have_found() -> None:
    better = {key: 1.0 if i % 10 else LUMPY[key] for i, key in enumerate(LUMPY)}
    alone, shared = (comparison(track(LUMPY, better, held), "tuned") for held in (ALONE, SHARED))
    assert alone is not None
    assert shared is not None
    assert alone.detectable is not None
    assert shared.detectable is not None
    assert alone.detectable < shared.detectable
    assert "points or more would be found" in wording.detects(alone)
    assert "would be found" not in wording.gain(alone)  # it is plain that there is one
    same = comparison(track(LUMPY, LUMPY, ALONE), "tuned")
    assert same is not None
    assert "points or more would be found" in wording.gain(same)


def test_a_comparison_without_any_change_has_numbers_too() -> None:
    found = comparison(track(LUMPY, LUMPY, ALONE), "tuned")
    assert found is not None
    assert found.detectable is not None
    numbers = (found.delta.low, found.delta.high, found.p_value, found.detectable)
    assert all(map(math.isfinite, numbers))


def test_a_mark_that_is_no_number_is_left_out_and_counted() -> None:
    broken = {**LUMPY, "s0": math.nan, "s1": math.inf}
    shown = section(track(LUMPY, broken, ALONE))
    assert [result.excluded for result in shown.results] == [0, 2]
    assert shown.comparisons[0].excluded == 2
    assert shown.metric == "accuracy"
    assert [(e.kind, e.count) for e in shown.exclusions] == [("not_a_number", 2)]
    assert metrics_of(marked("m", broken, f1=math.nan)).keys() == {"accuracy"}
