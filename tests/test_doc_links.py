"""Links between pages lead somewhere, and the index leads to every page."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
import yaml

import harness
from tests.doc_pages import ROOT, pages

LINK = re.compile(r"\]\((?P<to>[^()\s]+)\)")
CODE = re.compile(r"^ *```.*?^ *```$|`[^`\n]+`|<!--.*?-->", re.M | re.S)
PAGES = [*pages(), *(p.relative_to(ROOT).as_posix() for p in ROOT.glob("datasets/*/README.md"))]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    prose = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for title in re.findall(r"^#+ +(.+?) *$", prose, re.M):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).lower()
        kept = "".join(c for c in plain if c in " -_" or unicodedata.category(c)[0] in "LN")
        slug, number = kept.replace(" ", "-"), 0
        while slug + (f"-{number}" if number else "") in found:
            number += 1
        found.add(slug + (f"-{number}" if number else ""))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    path = ROOT / page
    prose = CODE.sub("", path.read_text(encoding="utf-8"))
    broken = []
    for link in LINK.finditer(prose):
        target, _, anchor = link["to"].partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        place = (path.parent / target).resolve() if target else path
        lost = place.is_file() and anchor and place.suffix == ".md" and anchor not in anchors(place)
        if lost or not place.exists():
            broken.append(link["to"])
    assert broken == []


def test_the_index_and_the_site_lead_to_every_page() -> None:
    names = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    index = set(LINK.findall((ROOT / "docs/README.md").read_text(encoding="utf-8")))
    assert names - index == set(), "add a line to docs/README.md"
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    listed = [
        p
        for part in site["nav"]
        for held in part.values()
        for p in ([held] if isinstance(held, str) else held)
    ]
    assert len(listed) == len(set(listed))
    assert names - set(listed) == set(), "add it to the nav of mkdocs.yml"
    assert all((ROOT / "docs" / name).exists() for name in listed)


def test_the_changelog_tells_of_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(harness.__version__)}\] - \d{{4}}-\d\d-\d\d$", text, re.M)
