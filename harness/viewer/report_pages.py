"""Reports as the viewer serves them.

A report.html that lies in a run folder may be anybody's: a run that a colleague sent, unpacked
beside one's own. It must not run as a page of the viewer, which may read every run here and write
reviews. So it is served in a sandbox without an origin of its own: its script runs, folds and
filters, but can read no other page, send nothing, and has none of the viewer's cookies. Style and
script are allowed by the hashes that the page names, and nothing else of the page's policy is
believed. What was rendered here and now from the journal is escaped text of ours, and needs no
sandbox; either way the page itself is the same.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path
from urllib.parse import quote

from starlette.responses import HTMLResponse

from harness.errors import RunFolderError
from harness.reports import wording
from harness.viewer.rendering import RUN_PAGES
from harness.viewer.runs import Run

Link = tuple[str, str]
"""A text, and the address behind it."""

SANDBOX = "sandbox allow-scripts allow-downloads allow-modals"
LARGEST = 64 << 20
HEAD = 8192
"""The policy stands in the first characters of a page."""

FORM_STYLE = '<link rel="stylesheet" href="/static/beside.css">'

_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]{1,4000})">')
_HASH = re.compile(r"'sha256-[A-Za-z0-9+/]{43}='")
_START = '<header class="page-head">'


def policy_of(text: str) -> str | None:
    """What a report's page may do, by the hashes in its own policy; None where it has none."""
    found = _POLICY.search(text, 0, HEAD)
    if found is None:
        return None
    told = dict(part.strip().partition(" ")[::2] for part in unescape(found[1]).split(";"))
    style, script = (_HASH.findall(told.get(name, "")) for name in ("style-src", "script-src"))
    if not style or not script:
        return None
    return (
        f"default-src 'none'; style-src {' '.join(style)}; script-src {' '.join(script)}; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def stored(path: Path, not_before_ns: int = 0) -> str | None:
    """The report.html of a folder, where it is a file there, not older, and names its policy."""
    try:  # no link: it may lead anywhere
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = os.fstat(file)
        is_fit = stat.S_ISREG(found.st_mode) and found.st_size <= LARGEST
        if not is_fit or found.st_mtime_ns < not_before_ns:
            return None
        with open(file, "rb", closefd=False) as opened:
            text = opened.read().decode("utf-8", "replace")
    finally:
        os.close(file)
    return text if policy_of(text) else None


@dataclass(frozen=True, slots=True)
class Way:
    """Where a report stands among the viewer's pages: the ``trail`` to it, and ``others`` near it.

    Each is a text and its address; ``here`` is what the page itself is called. A ``form`` of ours
    stands before a report that was rendered here.
    """

    trail: tuple[Link, ...]
    here: str
    others: tuple[Link, ...] = ()
    form: str = ""

    @property
    def html(self) -> str:
        """The same as the head of a page."""
        trail = [_anchor(*link) for link in (("Runs", "/"), *self.trail)]
        trail.append(f'<span aria-current="page">{_short(self.here)}</span>')
        others = [_anchor(*link) for link in self.others]
        return (
            '<nav class="facts way" aria-label="Viewer">'
            f"<ol>{_items(trail)}</ol><ul>{_items(others)}</ul></nav>"
        )


def way_to_report(run: Run, here: str = "Report") -> Way:
    """The way to a report of one run, which stands beside the run's pages."""
    address = f"/runs/{quote(run.slug, safe='')}"
    pages = tuple((text, address + place) for text, place in RUN_PAGES)
    return Way(((run.name, address),), here, pages)


def _anchor(text: str, address: str) -> str:
    return f'<a href="{escape(address)}">{_short(text)}</a>'


def _short(text: str) -> str:
    return f"<bdi>{escape(wording.printable(wording.shortened(text, 60)))}</bdi>"


def _items(parts: Iterable[str]) -> str:
    return "".join(f"<li>{part}</li>" for part in parts)


def answer(text: str, way: Way, *, is_own: bool) -> HTMLResponse:
    """A report as a page, with the way back; in a sandbox unless it was rendered here.

    Raises:
        RunFolderError: the page does not say which style and script are its own.
    """
    policy = policy_of(text)
    if policy is None:
        raise RunFolderError("this report.html has no policy of its own; write it anew")
    if is_own and way.form:
        return _with_form(text, way, policy)
    whole = text.replace(_START, way.html + _START, 1)
    headers = {"content-security-policy": policy if is_own else f"{SANDBOX}; {policy}"}
    return HTMLResponse(whole, headers=headers)


def _with_form(text: str, way: Way, policy: str) -> HTMLResponse:
    """A report of ours below a form: that is sent to the viewer, and has a style of its own.

    The page names the same policy as the header, but for what only a header can say.
    """
    policy = policy.replace("style-src", "style-src 'self'").replace(
        "form-action 'none'", "form-action 'self'"
    )
    told = policy.removesuffix("; frame-ancestors 'none'")
    meta = f'<meta http-equiv="Content-Security-Policy" content="{escape(told)}">'
    bare = _POLICY.sub(lambda _: meta, text, count=1)
    styled = bare.replace("</head>", f"{FORM_STYLE}</head>", 1)
    whole = styled.replace(_START, way.html + way.form + _START, 1)
    return HTMLResponse(whole, headers={"content-security-policy": policy})
