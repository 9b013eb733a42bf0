"""Texts of strangers in every place of a page: none runs, none loads, none spoils the page."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness.reports.document import Document
from harness.reports.html import render_html
from harness.reports.wording import printable
from tests.browser import FOREIGN, HANDLERS, OPEN_DETAILS, Visit, overflow
from tests.hostile import HOSTILE
from tests.reports.conftest import contest_document, demo_document, poisoned, run_document

pytestmark = pytest.mark.long

NOT_OURS = (
    *("animate", "applet", "audio", "base", "embed", "foreignobject", "form", "frame", "iframe"),
    *("img", "marquee", "math", "noscript", "object", "plaintext", "source", "template"),
    *("textarea", "video"),
)
OWN_ADDRESSES = re.compile(r"#[\w.~%-]+|data:,")
"""Where the page itself points: to its own parts, and to an icon that is empty."""


def small(section):
    """The same with one of everything that there may be many of."""
    short = {
        f.name: value[:2] if f.name in ("advice", "comparisons") else value[:1]
        for f in dataclasses.fields(section)
        if isinstance(value := getattr(section, f.name), tuple)
    }
    return dataclasses.replace(section, **short)


def spoilt(document: Document, payloads: tuple[str, ...] = HOSTILE) -> Document:
    """Every eval of the document once for each text, which stands for all of its texts."""
    sections = [
        poisoned(small(document.sections[i % len(document.sections)]), payload)
        for i, payload in enumerate(payloads)
    ]
    origin = poisoned(document.provenance, payloads[0])
    files = {text: text for text in payloads}
    return dataclasses.replace(
        poisoned(document, payloads[6]),
        sections=tuple(sections),
        provenance=dataclasses.replace(origin, files=files),
    )


DOCUMENTS = {
    "study": lambda: spoilt(demo_document()),
    "run": lambda: spoilt(run_document(), HOSTILE[1:] + HOSTILE[:1]),
    "comparison": lambda: spoilt(contest_document(), HOSTILE[2:] + HOSTILE[:2]),
}


def test_there_are_enough_of_them():
    assert len(set(HOSTILE)) >= 50


class Tags(HTMLParser):
    """Elements and attributes as a parser sees them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    handle_startendtag = handle_starttag


@pytest.fixture(scope="module", params=DOCUMENTS)
def rendered(request) -> str:
    return render_html(DOCUMENTS[request.param]())


def test_no_text_becomes_an_element_or_a_handler(rendered):
    tags = Tags(rendered).found
    assert [tag for tag, _ in tags if tag in NOT_OURS] == []
    assert sum(tag == "script" for tag, _ in tags) <= 2
    assert [name for _, attrs in tags for name in attrs if name.startswith("on")] == []
    assert list(outward(tags)) == []


def outward(tags) -> Iterator[str]:
    """Addresses that are not the page's own, and styles that load something."""
    for tag, attrs in tags:
        for name in ("href", "src", "xlink:href", "action", "srcdoc"):
            if attrs.get(name) is not None and not OWN_ADDRESSES.fullmatch(attrs[name]):
                yield f"{tag} {name}={attrs[name]}"
        if re.search("url|expression|position", attrs.get("style") or ""):
            yield f"{tag} style={attrs['style']}"


# What a page does once it is used: each would wake handlers that lay in wait.
WAKE = """() => {
  for (const e of document.querySelectorAll(".flip, .hit, .chip, .card, h2, h3, code, td")) {
    for (const kind of ["mouseover", "pointermove", "focus"]) {
      e.dispatchEvent(new MouseEvent(kind, { bubbles: true }));
    }
  }
}"""


@pytest.fixture
def file(rendered, tmp_path) -> Path:
    path = tmp_path / "report.html"
    path.write_text(rendered, encoding="utf-8")
    return path


@pytest.mark.browser
def test_none_runs_loads_or_bursts_a_phone(browser, file):
    with Visit(browser, file, 360) as page:
        page.evaluate(OPEN_DETAILS)
        page.evaluate(WAKE)
        for search in page.locator("input[type=search]:visible").all()[:1]:
            search.fill(HOSTILE[0])
            search.fill("")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.evaluate("window.__xss") is None
        assert page.evaluate(FOREIGN, NOT_OURS) == []
        assert page.evaluate(HANDLERS) == []
        assert overflow(page) <= 0


@pytest.mark.browser
def test_all_of_them_can_be_read_beside_each_other(browser, file):
    with Visit(browser, file) as page:
        page.evaluate(OPEN_DETAILS)
        assert overflow(page) <= 0
        text = " ".join(page.locator("body").inner_text().split())
    missing = [one for one in HOSTILE if " ".join(printable(one).split())[:30] not in text]
    assert missing == []
