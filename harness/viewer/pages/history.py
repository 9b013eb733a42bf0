"""A study over time: score, diversity, gate and advice of every run and round of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from harness.records import Estimate
from harness.reports.document import Panel, Point, Role, Series
from harness.viewer.headlines import Headline
from harness.viewer.rendering import page
from harness.viewer.site import Site
from harness.viewer.summaries import Summary

Read = Callable[[Headline], Estimate | None]
MOST_RUNS = 200
MOST_CHARTED = 12


@dataclass(frozen=True, slots=True)
class Step:
    """One run of a study: its place in time, from 1, and what it showed."""

    number: int
    summary: Summary

    def line(self, eval_name: str) -> Headline | None:
        """What it showed of an eval."""
        told = self.summary.about.told
        lines = told.headlines if told else ()
        return next((one for one in lines if one.eval == eval_name), None)


def routes(site: Site) -> list[Route]:
    """A study's history."""

    async def show(request: Request) -> Response:
        return await run_in_threadpool(_shown, site, request.path_params["name"])

    return [Route("/studies/{name:path}", show)]


def _shown(site: Site, name: str) -> Response:
    steps = history(site, name)
    if not steps:
        raise HTTPException(404, f"No run of a study named {name} is here.")
    evals = dict.fromkeys(e for step in steps for e in step.summary.about.evals)
    panels = [panel for one in list(evals)[:MOST_CHARTED] for panel in charts_of(one, steps)]
    return page(
        "history.html.j2",
        title=name,
        steps=steps,
        charts=panels,
        uncharted=max(0, len(evals) - MOST_CHARTED),
        loops=_loops(steps),
    )


def history(site: Site, name: str) -> list[Step]:
    """The runs of a study, the first one first; rounds in their order."""
    found = [run for run in site.runs.all() if site.summaries.about(run).title == name]
    runs = sorted((site.summaries.of(run) for run in found), key=_when)[-MOST_RUNS:]
    return [Step(number, one) for number, one in enumerate(runs, start=1)]


def _when(one: Summary) -> tuple[float, str, int]:
    return one.about.begun, str(one.about.loop or ""), one.about.round or 0


def _loops(steps: Sequence[Step]) -> dict[str, str]:
    """Each loop that runs are rounds of, by a round whose page leads to its report."""
    found = {}
    for step in steps:
        loop = step.summary.about.loop
        if loop is not None:
            found[loop.name] = step.summary.run.slug
    return found


def lines_of(steps: Sequence[Step]) -> list[tuple[str, list[Step]]]:
    """Runs that follow each other, and what they are called beside others: the rounds of a loop
    are a line, and all runs that are no rounds are one. A line alone needs no name."""
    by_loop: dict[Path | None, list[Step]] = {}
    for step in steps:
        by_loop.setdefault(step.summary.about.loop, []).append(step)
    is_alone = len(by_loop) == 1
    return [("" if is_alone else _line_name(loop), some) for loop, some in by_loop.items()]


def _line_name(loop: Path | None) -> str:
    return f"rounds of {loop.name}" if loop else "runs outside of loops"


def charts_of(eval_name: str, steps: Sequence[Step]) -> Iterator[Panel]:
    """An eval's charts over runs that follow each other; none where fewer than two measured it."""
    for who, some in lines_of(steps):
        yield from _charts(eval_name, f", {who}" if who else "", some)


def _charts(eval_name: str, who: str, steps: Sequence[Step]) -> Iterator[Panel]:
    lines = [(step.number, step.line(eval_name)) for step in steps]
    known = [(number, line) for number, line in lines if line is not None]
    metric = known[-1][1].metric if known else ""
    score = (
        _series("model to use", "heldout", known, lambda line: line.after),
        _series("base model", "train", known, lambda line: line.before),
    )
    if len(score[0].points) > 1:
        yield Panel(f"{eval_name}: {metric or 'score'}{who}", "share", score, axis="runs")
    yardsticks = dict.fromkeys(_yardstick(line) for _, line in known if line.diversity)
    for than in yardsticks:
        held = [(number, line) for number, line in known if _yardstick(line) == than]
        ratios = _series(f"against {than}", "heldout", held, lambda line: line.diversity)
        if len(ratios.points) > 1:
            title = f"{eval_name}: diversity ratio against {than}{who}"
            yield Panel(title, "ratio", (ratios,), f"1 is as diverse as {than}", "runs")


def _yardstick(line: Headline) -> str:
    """What a line's diversity is held against, with its article; early reports do not say."""
    return {"": "the base model", "base": "the base model"}.get(line.than, line.than)


def _series(name: str, role: Role, lines: Sequence[tuple[int, Headline]], read: Read) -> Series:
    found = ((number, read(line)) for number, line in lines)
    return Series(name, role, tuple(Point(number, value) for number, value in found if value))
