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
from html import escape, unescape
from pathlib import Path

from starlette.responses import HTMLResponse

from harness.errors import RunFolderError

SANDBOX = "sandbox allow-scripts allow-downloads allow-modals"
LARGEST = 64 << 20
HEAD = 8192
"""The policy stands in the first characters of a page."""

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


def answer(text: str, way_back: list[tuple[str, str]], *, is_own: bool) -> HTMLResponse:
    """A report as a page, with links back; in a sandbox unless it was rendered here.

    Raises:
        RunFolderError: the page does not say which style and script are its own.
    """
    policy = policy_of(text)
    if policy is None:
        raise RunFolderError("this report.html has no policy of its own; write it anew")
    links = " ".join(f'<a href="{escape(to)}">{escape(name)}</a>' for name, to in way_back)
    whole = text.replace(_START, f'<nav class="facts" aria-label="Viewer">{links}</nav>{_START}', 1)
    headers = {"content-security-policy": policy if is_own else f"{SANDBOX}; {policy}"}
    return HTMLResponse(whole, headers=headers)
