"""The whole app: its pages, what they share, and who is let in."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from harness.errors import HarnessError
from harness.reports.html import TEMPLATES
from harness.viewer.journal_index import Indexes
from harness.viewer.rendering import page
from harness.viewer.runs import Run, Runs
from harness.viewer.security import HEADERS, Guard
from harness.viewer.summaries import Summaries
from harness.viewer.tails import Tails
from harness.viewer.works import Works

PAGES = ("run_list", "run", "progress", "compare", "history", "reviews", "samples", "dataset")
"""Files in pages/; each has ``routes(site)``. To add a page, add a file and its name here."""

STATIC = Path(__file__).with_name("static")


@dataclass(frozen=True)
class Site:
    """What every page may use: the runs, what is known of each, journals that grow, slow works,
    and every answer by an index."""

    runs: Runs
    tails: Tails
    summaries: Summaries
    works: Works
    indexes: Indexes

    @classmethod
    def over(cls, root: Path, cache: Path | None = None) -> Site:
        """The site of all runs below a folder; indexes are kept in ``cache``, None: not kept."""
        tails = Tails()
        return cls(Runs(root), tails, Summaries(tails), Works(), Indexes(cache))

    def run(self, request: Request) -> Run:
        """The run that a page's address names.

        Raises:
            HTTPException: 404, there is none.
        """
        slug = request.path_params["run"]
        found = self.runs.find(slug)
        if found is None:
            raise HTTPException(404, f"There is no run named {slug} here.")
        return found


def application(
    root: Path, hosts: tuple[str, ...], token: str | None = None, cache: Path | None = None
) -> Starlette:
    """The viewer of all runs below ``root``.

    It answers requests to these ``hosts`` only, and with a ``token`` only to those who have it.
    Indexes of journals are kept in ``cache``.
    """
    site = Site.over(root, cache)
    routes: list[Route | Mount] = [
        route
        for name in PAGES
        for route in import_module(f"harness.viewer.pages.{name}").routes(site)
    ]
    routes.append(Route("/static/report.css", _report_style))
    routes.append(Mount("/static", StaticFiles(directory=STATIC)))
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, hosts=hosts, token=token)],
        exception_handlers={
            HTTPException: _not_here,
            HarnessError: _cannot,
            Exception: _went_wrong,
        },
    )


async def _report_style(request: Request) -> Response:
    """The style of report.html, which the viewer's pages begin with."""
    return FileResponse(TEMPLATES / "style.css")


async def _not_here(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else "Something went wrong."
    return page("error.html.j2", status, title=str(status), message=detail)


async def _cannot(request: Request, error: Exception) -> Response:
    """A folder or file that cannot be read: say which, and what to do."""
    return page("error.html.j2", 422, title="This cannot be shown", message=str(error))


async def _went_wrong(request: Request, error: Exception) -> Response:
    """A fault of ours: the terminal has its traceback. This answer does not pass the guard."""
    answer = page(
        "error.html.j2",
        500,
        title="Something went wrong",
        message=f"{type(error).__name__}: the terminal of harness view says more. "
        "Please report it with what is written there.",
    )
    answer.raw_headers.extend(HEADERS.items())
    return answer
