"""The first page: every run below the root."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from harness.viewer.rendering import page
from harness.viewer.site import Site


def routes(site: Site) -> list[Route]:
    """The page at the root."""

    async def show(request: Request) -> Response:
        runs = await run_in_threadpool(site.runs.all)
        return page("run_list.html.j2", title="Runs", runs=runs)

    return [Route("/", show)]
