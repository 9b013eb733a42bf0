"""One run: its verdicts in short, its report, its files, and how to repeat it."""

from __future__ import annotations

import math

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from harness.errors import RunFolderError
from harness.viewer import downloads, report_pages
from harness.viewer.rendering import page
from harness.viewer.runs import Run
from harness.viewer.site import Site
from harness.viewer.summaries import Summary
from harness.viewer.works import FRESH_S


def routes(site: Site) -> list[Route]:
    """A run's own page, its report, and its files."""

    async def show(request: Request) -> Response:
        return await run_in_threadpool(_shown, site, site.run(request))

    async def report(request: Request) -> Response:
        run = await run_in_threadpool(site.run, request)
        return await _report(site, run)

    async def loop_report(request: Request) -> Response:
        return await run_in_threadpool(_loop_report, site, site.run(request))

    async def file(request: Request) -> Response:
        return await run_in_threadpool(_file, site.run(request), request.path_params["name"])

    return [
        Route("/runs/{run}", show),
        Route("/runs/{run}/report", report),
        Route("/runs/{run}/loop-report", loop_report),
        Route("/runs/{run}/files/{name:path}", file),
    ]


def _shown(site: Site, run: Run) -> Response:
    summary = site.summaries.of(run)
    return page(
        "run.html.j2",
        title=summary.about.title,
        one=summary,
        files=downloads.files_of(run),
        logs=downloads.logs_of(run),
        again=_again(summary),
        has_loop=_loop_report_path(site, run) is not None,
    )


def _again(summary: Summary) -> str:
    manifest = summary.about.manifest
    return manifest.command if manifest else ""


async def _report(site: Site, run: Run) -> Response:
    """The report as it lies there, or rendered anew where that one is older than the journal."""
    journal = site.summaries.stamp(run.folder.journal)
    kept = await run_in_threadpool(
        report_pages.stored, run.path / "report.html", journal[0] if journal else 0
    )
    way = report_pages.way_to_report(run)
    if kept is not None:
        return report_pages.answer(kept, way, is_own=False)
    state = (await run_in_threadpool(site.summaries.of, run)).state
    is_running = state.kind == "running"
    key = ("report", run.path, None if is_running else journal)
    fresh_s = FRESH_S if is_running else math.inf
    made = await site.works.result(key, lambda: _rendered(run), fresh_s=fresh_s)
    if made is None:
        return working("Report", way.trail)
    return report_pages.answer(made, way, is_own=True)


def _rendered(run: Run) -> str:
    from harness.pipeline.finished.folder_report import report_of
    from harness.reports.html import render_html

    return render_html(report_of(run.path))


def working(what: str, trail: tuple[report_pages.Link, ...]) -> Response:
    """A page that asks again by itself until something is made."""
    title = f"The {what.lower()} is being made"
    return page("working.html.j2", 202, title=title, what=what, steps=list(trail))


def _loop_report_path(site: Site, run: Run) -> str | None:
    """The report of all rounds that a run is one of, where that is below the root."""
    loop = site.summaries.about(run).loop
    if loop is None or not loop.is_relative_to(site.runs.root):
        return None
    return str(loop / "report.html") if (loop / "report.html").is_file() else None


def _loop_report(site: Site, run: Run) -> Response:
    loop = site.summaries.about(run).loop
    if _loop_report_path(site, run) is None or loop is None:
        raise HTTPException(404, f"{run.name} is no round of a loop with a report.")
    text = report_pages.stored(loop / "report.html")
    if text is None:
        raise RunFolderError(
            f"{loop}/report.html: is no report of this harness; "
            "write it anew: harness loop ... --resume"
        )
    way = report_pages.way_to_report(run, "All rounds")
    return report_pages.answer(text, way, is_own=False)


def _file(run: Run, name: str) -> Response:
    """A file to take away: never shown in the browser, whatever is in it."""
    found = downloads.wanted(run, name)
    if found is None:
        raise HTTPException(404, f"{run.name} offers no file {name}.")
    shown = found.path.name if found.path.parent == run.path else f"{run.slug}-{found.path.name}"
    return FileResponse(
        found.path,
        media_type="application/octet-stream",
        filename=shown,
        content_disposition_type="attachment",
    )
