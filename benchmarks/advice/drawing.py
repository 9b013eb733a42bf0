"""The plots of the report, as SVG that needs nothing to be shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.advice.courses import Course
from benchmarks.advice.figures import starts
from benchmarks.advice.policies import Policy

FAMILIES = ("classification", "extraction", "generation")


def regret_by_start(policies: Sequence[Policy], courses: Sequence[Course], path: Path) -> None:
    """Final regret against the epoch count that a policy starts from, a panel a family."""
    rows = [
        {"family": family, "policy": policy.name, "start": place + 1, "regret": 100 * value}
        for family in FAMILIES
        for policy in policies
        for place, value in enumerate(means(policy, [c for c in courses if c.family == family]))
    ]
    draw(rows, "start", "regret", "epochs at the start", "regret after 3 rounds, points", path)


def means(policy: Policy, courses: Sequence[Course]) -> Iterable[float]:
    """By start, over courses."""
    found = [[start.final_regret for start in starts(policy, course)] for course in courses]
    return [mean(column) for column in zip(*found, strict=True)]


def utility_by_epoch(courses: Sequence[Course], path: Path) -> None:
    """The utility of every task against the epochs, a panel a family."""
    rows = [
        {"family": c.family, "policy": c.task, "epochs": epoch, "utility": 100 * float(value)}
        for c in courses
        for epoch, value in enumerate(c.truth.utilities)
    ]
    draw(rows, "epochs", "utility", "epochs", "utility on the test set, points", path, quiet=True)


def draw(
    rows: list[dict[str, Any]],
    x: str,
    y: str,
    x_title: str,
    y_title: str,
    path: Path,
    *,
    quiet: bool = False,
) -> None:
    """Lines by policy; ``quiet`` ones are all alike."""
    import vl_convert

    colour: dict[str, Any] = {"field": "policy", "type": "nominal", "title": None, "sort": None}
    series: dict[str, Any] = {"color": colour}
    if quiet:
        series = {"detail": {"field": "policy"}, "color": {"value": "#4c78a8"}}
    specification = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": "white",
        "data": {"values": rows},
        "mark": {"type": "line", "opacity": 0.45 if quiet else 1.0, "strokeWidth": 1.5},
        "width": 220,
        "height": 200,
        "encoding": {
            "column": {"field": "family", "type": "nominal", "title": None},
            "x": {"field": x, "type": "quantitative", "title": x_title},
            "y": {"field": y, "type": "quantitative", "title": y_title},
            **series,
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(vl_convert.vegalite_to_svg(specification), encoding="utf-8")
