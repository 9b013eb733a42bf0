"""Records as frames of pandas: one row a record, typed columns, numbers unrounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.pipeline.exporting.exported import Column, Row
from harness.records import Advice, Check, Comparison, Finding
from harness.reports import gates, wording

if TYPE_CHECKING:
    import pandas as pd

TYPES: Mapping[str, str] = {
    "text": "str",
    "whole": "Int64",
    "number": "float64",
    "flag": "bool",
}
"""What pandas calls the kinds of cells; a whole number may be missing."""


def frame(rows: Iterable[Row], columns: Sequence[Column]) -> pd.DataFrame:
    """A table of the export, with the same columns and kinds."""
    import pandas as pd

    cells: dict[str, list[Any]] = {column.name: [] for column in columns}
    for row in rows:
        for name, held in cells.items():
            held.append(row[name])
    series = {
        column.name: pd.Series(cells[column.name], dtype=TYPES[column.kind]) for column in columns
    }
    return pd.DataFrame(series)


def _frame(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(columns))


ADVICE = (
    *("eval", "model", "epochs", "recommend", "headline", "diagnosis", "action", "rule"),
    *("confidence", "checkpoint", "checkpoint_epoch", "next_run_usd", "why", "would_change"),
)


def advice_frame(advice: Iterable[Advice]) -> pd.DataFrame:
    """One row an advice."""
    return _frame(map(_advice, advice), ADVICE)


def _advice(one: Advice) -> Row:
    own = {name: getattr(one, name) for name in ADVICE if hasattr(one, name)}
    cost = one.next_run.cost_usd if one.next_run is not None else None
    words = {"headline": wording.headline(one), "why": wording.why(one)}
    return {**own, **words, "next_run_usd": cost}


COMPARISON = (
    *("eval", "metric", "base", "tuned", "base_score", "tuned_score", "delta", "low", "high"),
    *("p_value", "n", "excluded", "fixed", "broken", "diversity", "detectable"),
)


def comparison_frame(comparisons: Iterable[Comparison]) -> pd.DataFrame:
    """One row a comparison."""
    return _frame(map(_comparison, comparisons), COMPARISON)


def _comparison(one: Comparison) -> Row:
    own = {name: getattr(one, name) for name in COMPARISON if hasattr(one, name)}
    return {
        **own,
        "base_score": one.base_score.value,
        "tuned_score": one.tuned_score.value,
        "delta": one.delta.value,
        "low": one.delta.low,
        "high": one.delta.high,
        "n": one.delta.n,
        "diversity": one.diversity.verdict if one.diversity is not None else None,
    }


CHECK = (
    *("outcome", "eval", "demand", "metric", "tuned", "base", "asked", "found"),
    *("value", "low", "high", "n", "p_value", "needed", "decisive"),
)


def check_frame(checks: Iterable[Check]) -> pd.DataFrame:
    """One row a check of a gate."""
    return _frame(map(_check, checks), CHECK)


def _check(one: Check) -> Row:
    own = {name: getattr(one, name) for name in CHECK if hasattr(one, name)}
    found = one.estimate
    numbers = {n: getattr(found, n) for n in ("value", "low", "high", "n")} if found else {}
    rule = {"demand": one.rule.demand, "metric": one.rule.metric}
    return {**own, **rule, **numbers, "asked": gates.asked(one), "found": gates.found(one)}


FINDING = ("rule", "severity", "message", "count", "lines", "repair")


def finding_frame(findings: Iterable[Finding]) -> pd.DataFrame:
    """One row a finding of the lints."""
    return _frame(map(_finding, findings), FINDING)


def _finding(one: Finding) -> Row:
    about = {"rule": one.rule, "severity": one.severity, "message": one.message}
    return {**about, **{name: one.evidence.get(name) for name in ("count", "lines", "repair")}}


FOUND = ("eval", "rule", "severity", "message")


def found_frame(findings: Iterable[tuple[str, Finding]]) -> pd.DataFrame:
    """One row a finding of a report."""

    def rows() -> Iterator[Row]:
        for name, one in findings:
            yield {"eval": name, "rule": one.rule, "severity": one.severity, "message": one.message}

    return _frame(rows(), FOUND)
