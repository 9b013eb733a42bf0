"""Pages of the viewer, in the report's looks: every text is escaped, nothing is loaded from
elsewhere."""

from __future__ import annotations

import time
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup
from starlette.responses import HTMLResponse

from harness import __version__
from harness.reports import charts, panels, wording
from harness.reports import html as report_page
from harness.reports.compiled import escaping
from harness.reports.document import Panel

TEMPLATES = Path(__file__).with_name("templates")

RUN_PAGES = (
    ("Overview", ""),
    ("Samples", "/samples"),
    ("Progress", "/progress"),
    ("Reviews", "/reviews"),
)
"""The tabs of a run: what each is called, and its address after the run's own."""


def page(template: str, status: int = 200, **content: Any) -> HTMLResponse:
    """The page that a template of ours makes of this content."""
    return HTMLResponse(part(template, **content), status)


def part(template: str, **content: Any) -> str:
    """What a template of ours makes of this content."""
    return _environment().get_template(template).render(**content)


@cache
def _environment() -> Environment:
    environment = escaping(_presentable, TEMPLATES, report_page.TEMPLATES)
    environment.globals.update(
        words=wording,
        panels=panels,
        small_chart=_small_chart,
        version=__version__,
        run_pages=RUN_PAGES,
        moment=moment,
    )
    return environment


@lru_cache(maxsize=256)
def _small_chart(panel: Panel) -> Markup:
    return Markup(charts.chart(panel, charts.SMALL))  # noqa: S704 - escaped by charts


def moment(seconds: float, form: str) -> str:
    """A time of a file as this machine's clock tells it."""
    return time.strftime(form, time.localtime(seconds))


def _presentable(value: object) -> object:
    """Without control characters; markup of ours passes."""
    return wording.printable(value) if type(value) is str else value
