"""Renders a Document as one offline HTML page.

Every text goes through autoescaping; the page's policy allows its own style and script by
hash and nothing else, so that nothing a model or registry says can run or load anything.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from harness.reports import (
    answers,
    bars,
    charts,
    confusion,
    economics,
    fields,
    gates,
    overall,
    panels,
    rounds,
    scores,
    sections,
    spending,
    tradeoff,
    verdicts,
    wording,
)
from harness.reports.compiled import escaping
from harness.reports.document import Document, Panel
from harness.reports.glossary import GLOSSARY
from harness.reports.samples import samples_of

TEMPLATES = Path(__file__).with_name("templates")

SCRIPTS = ("script.js", "samples.js")

MOST_CHARACTERS = 2_000
"""No text of a page is longer; the run folder holds the rest."""


def render_html(document: Document) -> str:
    """Return the whole page; it needs no other file and loads nothing."""
    shown = answers.bounded(document)
    return page("report.html.j2", document=shown, samples=samples_of(shown))


def page(template: str, **content: object) -> str:
    """Return a page made of one of our templates, with our style and script and nothing else's."""
    style, script = _source("style.css"), Markup("\n").join(map(_source, SCRIPTS))
    found = _environment().get_template(template)
    return found.render(style=style, script=script, policy=_policy(style, script), **content)


@cache
def _source(name: str) -> Markup:
    """A file of ours, as it is."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704 - no input in it


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src {_fingerprint(style)}; script-src {_fingerprint(script)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _fingerprint(source: str) -> str:
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    return f"'sha256-{digest}'"


@cache
def _environment() -> Environment:
    environment = escaping(_presentable, TEMPLATES)
    environment.globals.update(
        words=wording,
        verdicts=verdicts,
        sections=sections,
        gates=gates,
        scores=scores,
        spending=spending,
        tradeoffs=tradeoff,
        economics=economics,
        fields=fields,
        rounds=rounds,
        panels=panels,
        answers=answers,
        bars=bars,
        confusion=confusion,
        overall=overall,
        glossary=GLOSSARY,
        wide_chart=_wide_chart,
        small_chart=_small_chart,
    )
    return environment


def _presentable(value: object) -> object:
    """Clean and bound every text on its way into the page; markup of ours passes."""
    if type(value) is not str:
        return value
    return wording.printable(wording.shortened(value, MOST_CHARACTERS))


def _wide_chart(panel: Panel, chosen: float | None = None) -> Markup:
    return Markup(charts.chart(panel, charts.WIDE, chosen))  # noqa: S704 - escaped by charts


def _small_chart(panel: Panel, chosen: float | None = None) -> Markup:
    return Markup(charts.chart(panel, charts.SMALL, chosen))  # noqa: S704 - escaped by charts
