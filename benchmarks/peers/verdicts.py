"""Verdicts of other packages on per-sample results; run in an environment that holds them.

``python benchmarks/peers/verdicts.py CASES.json`` prints one JSON object: for each package that
can be imported, one verdict a case: "better", "worse" (blocked as worse), "unclear" (blocked
without a statement), "refused" (an error), and, for single scores, the limits of its interval.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Marks = Sequence[tuple[str, float]]
"""(sample id, mark) of one model, in order."""

MIN_DELTA = 0.02


def main() -> None:
    """Judge every case with every package."""
    warnings.simplefilter("ignore")
    cases = json.loads(Path(sys.argv[1]).read_text())
    found: dict[str, Any] = {}
    for name, (gate, interval) in PEERS.items():
        try:
            __import__(name)
        except ImportError:
            continue
        found[name] = {
            "verdicts": [guarded(gate, case["base"], case["tuned"]) for case in cases["pairs"]],
            "intervals": [guarded(interval, marks) for marks in cases["shares"]],
            "differences": [guarded(DIFFERENCES[name], *pair) for pair in cases["differences"]],
        }
    print(json.dumps(found))


def guarded(work: Callable[..., Any] | None, *args: Any) -> Any:
    """A package's answer, or that it refused the input."""
    if work is None:
        return None
    try:
        return work(*args)
    except Exception:  # noqa: BLE001 - whatever a package raises is a refusal
        return "refused"


# --- evalsig -------------------------------------------------------------------------


def evalsig_gate(base: Marks, tuned: Marks) -> str:
    """Its gate with its defaults and a minimum effect of 2 points."""
    from evalsig.compare.gate import gate

    report = gate(frame("base", base), frame("tuned", tuned), min_delta=MIN_DELTA)
    return {"ALLOW": "better", "REJECT": "worse"}.get(report.verdict.value, "unclear")


def evalsig_difference(base: Marks, tuned: Marks) -> list[float]:
    """The limits of its two-sided comparison."""
    from evalsig.compare.compare import compare

    return list(map(float, compare(frame("base", base), frame("tuned", tuned)).ci))


def frame(model: str, marks: Marks) -> Any:
    """Its kind of run."""
    from evalsig.types import ItemResult, RunFrame

    return RunFrame(model, model, "task", "accuracy", [ItemResult(k, v) for k, v in marks])


# --- evalstats -----------------------------------------------------------------------


def evalstats_gate(base: Marks, tuned: Marks) -> str:
    """It has no gate: significant means a verdict, anything else none."""
    low, high = evalstats_difference(base, tuned)
    if low > 0:
        return "better"
    return "worse" if high < 0 else "unclear"


def evalstats_difference(base: Marks, tuned: Marks) -> list[float]:
    """The limits of its comparison of two models."""
    import evalstats
    import pandas

    rows = [
        {"model": model, "item": key, "score": mark}
        for model, marks in (("base", base), ("tuned", tuned))
        for key, mark in marks
    ]
    pair = evalstats.compare_models(evalstats.load_from(pandas.DataFrame(rows))).to_dict()
    (only,) = pair["pairwise"]
    limits = [float(only["ci_low"]), float(only["ci_high"])]
    return limits if only["a"] == "tuned" else [-limits[1], -limits[0]]


def evalstats_share(marks: Sequence[float]) -> list[float]:
    """The limits of its interval of one score."""
    import evalstats

    found = evalstats.mean_ci(marks)
    return [float(found.ci_low), float(found.ci_high)]


# --- trainjudge ----------------------------------------------------------------------


def trainjudge_gate(base: Marks, tuned: Marks) -> str:
    """Its verdict with its defaults; REJECTED means "not shown to be better"."""
    from trainjudge.regression_check import CATEGORIES
    from trainjudge.verdict import decide

    calm = {"summary": {name: {"rate": 1.0, "total": 20} for name in CATEGORIES}}
    outcome = decide(judged(base), judged(tuned), calm, calm).outcome
    return {"IMPROVED": "better", "REGRESSED": "worse"}.get(outcome, "unclear")


def judged(marks: Marks) -> dict[str, Any]:
    """Its kind of record."""
    examples = [{"prompt": k, "outcome": "correct" if v == 1 else "wrong"} for k, v in marks]
    right = sum(example["outcome"] == "correct" for example in examples)
    return {"examples": examples, "accuracy": right / len(examples), "scored": len(examples)}


PEERS: dict[str, tuple[Callable[..., Any], Callable[..., Any] | None]] = {
    "evalsig": (evalsig_gate, None),
    "evalstats": (evalstats_gate, evalstats_share),
    "trainjudge": (trainjudge_gate, None),
}
DIFFERENCES: dict[str, Callable[..., Any] | None] = {
    "evalsig": evalsig_difference,
    "evalstats": evalstats_difference,
    "trainjudge": None,
}

if __name__ == "__main__":
    main()
