"""A study over time: score, diversity, gate and advice of every run and round of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

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


def charts_of(eval_name: str, steps: Sequence[Step]) -> Iterator[Panel]:
    """An eval's charts over runs; none where fewer than two runs measured it."""
    lines = [(step.number, step.line(eval_name)) for step in steps]
    known = [(number, line) for number, line in lines if line is not None]
    metric = known[-1][1].metric if known else ""
    score = (
        _series("model to use", "heldout", known, lambda line: line.after),
        _series("base model", "train", known, lambda line: line.before),
    )
    diversity = (_series("against base", "heldout", known, lambda line: line.diversity),)
    if len(score[0].points) > 1:
        yield Panel(f"{eval_name}: {metric or 'score'}", "share", score, axis="runs")
    if len(diversity[0].points) > 1:
        told = "1 is as diverse as the base model"
        yield Panel(f"{eval_name}: diversity ratio", "ratio", diversity, told, "runs")


def _series(name: str, role: Role, lines: Sequence[tuple[int, Headline]], read: Read) -> Series:
    found = ((number, read(line)) for number, line in lines)
    return Series(name, role, tuple(Point(number, value) for number, value in found if value))
