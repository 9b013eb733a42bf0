"""The gate on what the embedded model answered, and evidence taken from answers."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.analysis.gate import judged
from harness.pipeline.judging.gating import Contest, Origin, evidence_of
from harness.pipeline.measuring.measurement import answers_by_model
from harness.pipeline.measuring.track import Track
from harness.records import (
    Completion,
    EvalSpec,
    Experiment,
    Failure,
    Outcome,
    Policy,
    Price,
    Rule,
    Sample,
    Score,
    Usage,
)
from harness.registry.catalog import fits

POLICIES = """
may-refuse-some: {evals: {"small*": {ceilings: {refusal_share: 20%}}}}
nearly-perfect: {evals: {"small*": {floor: 90%}}}
better: {evals: {"small*": {superior: true}}}
"""


@pytest.mark.parametrize(
    ("policy", "code", "outcome"),
    [
        ("may-refuse-some", 0, "PASS"),
        ("nearly-perfect", 1, "FAIL"),
        ("better", 3, "INCONCLUSIVE"),
    ],
)
def test_the_embedded_model_passes_fails_or_stays_open(
    place: Path,
    start: Callable[..., subprocess.Popen[str]],
    undisturbed: Path,
    policy: str,
    code: int,
    outcome: str,
) -> None:
    (place / "policies.yaml").write_text(POLICIES)
    process = start("gate", undisturbed.name, "--policy", f"policies.yaml#{policy}")
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert out.startswith(f"Gate: {outcome}: ")
    assert "picked from 4 models" in " ".join(out.split())


# --- evidence ------------------------------------------------------------------------

N = 20


def outcome(model: str, i: int, value: float | None = 1.0, text: str = "yes") -> Outcome:
    completion = Completion(text, usage=Usage(90, 10), latency_s=0.5)
    return Outcome("e", model, f"e.{i}", 0, "k", completion, {"accuracy": Score(value)})


def failed(model: str, i: int, kind: str) -> Outcome:
    return Outcome("e", model, f"e.{i}", 0, "k", failure=Failure(kind, "why"))


def track(*outcomes: Outcome, samples: dict[str, Sample] | None = None) -> Track:
    held = samples or {f"e.{i}": Sample(f"e.{i}", ()) for i in range(N)}
    return Track(
        spec=EvalSpec("e", "match", Path("e.jsonl")),
        experiment=Experiment("x", ("e",), others=("tuned",)),
        base="base",
        heldout=held,
        checkpoints=(),
        answers=answers_by_model(outcomes),
    )


def gated(found: Track, rule: Rule, **policy: object) -> tuple[str, str]:
    wanted = Policy("p", (rule,), **policy)  # type: ignore[arg-type]
    evidence = evidence_of(found, Contest("tuned", "base"), Origin(N, 1), wanted)
    (check,) = judged(wanted, [evidence], fits).checks
    return check.outcome, check.reason


def both(**change: Outcome) -> list[Outcome]:
    base = [outcome("base", i, 0.0) for i in range(N)]
    tuned = {f"t{i}": outcome("tuned", i) for i in range(N)}
    return [*base, *{**tuned, **change}.values()]


BETTER = Rule("superior", "*")


def test_whole_answers_are_judged() -> None:
    assert gated(track(*both()), BETTER) == ("pass", "")


def test_a_nan_is_no_mark() -> None:
    found = gated(track(*both(t3=outcome("tuned", 3, math.nan))), BETTER)
    assert found[0] == "unjudged"
    assert "1 marks that are no numbers" in found[1]


@pytest.mark.parametrize("kind", ["server_down", "unreachable", "no_text", "judge_rate_limited"])
def test_a_failure_is_no_wrong_answer(kind: str) -> None:
    found = gated(track(*both(t3=failed("tuned", 3, kind))), BETTER)
    assert found[0] == "unjudged"
    assert kind.replace("_", " ") in found[1]


def test_answers_to_unknown_samples_are_a_fault() -> None:
    found = gated(track(*both(), outcome("tuned", 99)), BETTER)
    assert found == (
        "unjudged",
        "tuned: 1 answers to samples that the data do not hold, such as e.99",
    )


def test_ids_that_the_data_hold_twice_are_a_fault() -> None:
    twice = {f"e.{i}": Sample(f"e.{i}", (), metadata={"id": min(i, N - 2)}) for i in range(N)}
    assert gated(track(*both(), samples=twice), BETTER) == (
        "unjudged",
        "the data hold the id '18' more than once",
    )


def test_refusals_tokens_cost_and_latency_come_from_the_answers() -> None:
    refused = both(
        **{f"t{i}": outcome("tuned", i, 1.0, "I cannot help with that.") for i in (1, 2)}
    )
    price = Price(prompt=1.0, completion=10.0)
    for metric, limit, said in (
        ("refusal_share", 0.5, "pass"),
        ("refusal_share", 0.01, "fail"),
        ("tokens", 100.0, "pass"),
        ("tokens", 99.0, "fail"),
        ("cost_usd", 0.00019, "pass"),
        ("cost_usd", 0.00018, "fail"),
        ("latency_p95_s", 0.4, "fail"),
    ):
        rule = Rule("ceiling", "*", limit, metric, True)
        assert gated(track(*refused), rule, prices=price)[0] == said, metric


def test_what_was_not_measured_is_not_judged() -> None:
    rule = Rule("ceiling", "*", 0.5, "copy_rate", True)  # there are no training texts
    assert gated(track(*both()), rule)[0] == "unjudged"
    assert gated(track(*both()), Rule("diversity", "*", 0.1))[0] == "unjudged"
