"""A run that is under way: how far it is, how fast, what failed, what it cost, how it does."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from harness.analysis.cost import cost_usd
from harness.pipeline.folder.manifest import Manifest
from harness.pipeline.measuring.spending import Payers
from harness.registry.prices import load_prices
from harness.viewer.expected import Expected
from harness.viewer.model_names import named
from harness.viewer.rendering import page
from harness.viewer.runs import Run
from harness.viewer.site import Site
from harness.viewer.tails import Counts, Totals

MOST_ROWS = 400


@dataclass(frozen=True, slots=True)
class Row:
    """One model on one eval: what came of what is owed."""

    eval: str
    model: str
    counts: Counts
    owed: int | None

    @property
    def share(self) -> float | None:
        """The share of its answers that came or failed."""
        settled = self.counts.answered + self.counts.failed
        return min(1.0, settled / self.owed) if self.owed else None


@dataclass(frozen=True, slots=True)
class Progress:
    """A run so far. Times in seconds; None is not known."""

    settled: int
    answered: int
    failed: int
    replayed: int
    owed: int | None
    rate: float | None
    remaining_s: float | None
    cost_usd: float | None
    rows: tuple[Row, ...]
    failures: tuple[tuple[str, int], ...]
    jobs_left: int
    unread: int

    @property
    def share(self) -> float | None:
        """The share of all answers that came or failed."""
        return min(1.0, self.settled / self.owed) if self.owed else None


def routes(site: Site) -> list[Route]:
    """How far a run is."""

    async def show(request: Request) -> Response:
        return await run_in_threadpool(_shown, site, site.run(request))

    return [Route("/runs/{run}/progress", show)]


def _shown(site: Site, run: Run) -> Response:
    summary = site.summaries.of(run)
    found = progress(site, run)
    rows = found.rows[:MOST_ROWS]
    return page(
        "progress.html.j2",
        title=f"{summary.about.title}: progress",
        one=summary,
        now=found,
        rows=rows,
        named=named(summary.about, (row.model for row in rows)),
        left=duration(found.remaining_s),
    )


def progress(site: Site, run: Run) -> Progress:
    """What a run's journal says by now, against what its plan asks for."""
    about = site.summaries.about(run)
    tail = site.tails.of(run.folder.journal)
    totals, owed = tail.read(), site.summaries.expected(about)
    rate = tail.rate
    left = None if owed.total is None else max(0, owed.total - totals.settled)
    counts = list(totals.counts.values())
    return Progress(
        settled=totals.settled,
        answered=sum(one.answered for one in counts),
        failed=sum(one.failed for one in counts),
        replayed=sum(one.replayed for one in counts),
        owed=owed.total,
        rate=rate,
        remaining_s=left / rate if left and rate else None,
        cost_usd=_cost_usd(totals, about.manifest),
        rows=_rows(totals, owed),
        failures=tuple((kind, count) for kind, count in totals.failures.most_common() if count > 0),
        jobs_left=owed.jobs_left,
        unread=totals.unread,
    )


def _rows(totals: Totals, owed: Expected) -> tuple[Row, ...]:
    """Those that have answers first, as they came; then those that wait."""
    places = dict.fromkeys([*totals.counts, *owed.owed])
    return tuple(
        Row(name, model, totals.counts.get((name, model), Counts()), owed.owed.get((name, model)))
        for name, model in places
    )


def _cost_usd(totals: Totals, manifest: Manifest | None) -> float | None:
    """What the answers cost so far; None where a price is not known."""
    if manifest is None:
        return None
    payers = Payers.of(manifest.study, load_prices())
    paid = 0.0
    for (_, model), counts in totals.counts.items():
        price = payers.price("model", model)
        if price is None:
            return None
        paid += cost_usd(price, counts.prompt_tokens, counts.completion_tokens)
    if totals.judge_prompt_tokens:
        price = payers.price("judge", payers.judge or "judge")
        if price is None:
            return None
        paid += cost_usd(price, totals.judge_prompt_tokens, totals.judge_completion_tokens)
    return paid


def duration(seconds: float | None) -> str:
    """'3 min 20 s', '2 h 5 min'; empty where it is not known."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
