"""Renders a LintReport as one offline HTML page; every text of the data is escaped."""

from __future__ import annotations

from harness.reports import lint_words
from harness.reports.html import page
from harness.reports.lint_document import LintReport

KINDS = {"pass": "keep", "blocked": "fix", "unjudged": "unsure"}


def render_lint_html(report: LintReport) -> str:
    """Return the whole page; it needs no other file and loads nothing."""
    return page("lint.html.j2", report=report, lints=lint_words, kind=KINDS[report.outcome])
