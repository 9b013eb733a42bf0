"""A page in a real browser, under watch: for tests of the report and of the viewer.

The fixture ``browser`` is in conftest.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

OPEN_DETAILS = """() => {
  for (const details of document.querySelectorAll("details")) details.open = true;
}"""


class Visit:
    """A page under watch: what it logged, and what it asked the network for.

    Use it as a context manager; at its end the page must have been silent, and have asked
    nobody but itself. ``place`` is a file, or the address of a page of a local server.
    """

    def __init__(
        self,
        browser: Any,
        place: Path | str,
        width: int = 1280,
        scheme: str = "light",
        height: int = 900,
    ) -> None:
        self.url = place if isinstance(place, str) else place.as_uri()
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme
        )
        self.page = self.context.new_page()
        self.noise: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.noise.append(message.text))
        self.page.on("pageerror", lambda error: self.noise.append(str(error)))
        self.page.on("dialog", self._dismiss)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(self.url)

    def _dismiss(self, dialog: Any) -> None:
        self.noise.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def __enter__(self) -> Any:
        return self.page

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.context.close()
        if kind is None:
            assert self.noise == []
            assert self.asked_of_others() == []

    def asked_of_others(self) -> list[str]:
        """Requests that left the page's own file or server."""
        scheme, _, rest = self.url.partition("://")
        own = "file:" if scheme == "file" else f"{scheme}://{rest.partition('/')[0]}/"
        return [url for url in self.requests if not url.startswith((own, "data:"))]


def overflow(page: Any) -> int:
    """How many pixels of a page stick out to the right."""
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))


GRAVE = ("serious", "critical")


def barriers(page: Any, grave: tuple[str, ...] = GRAVE) -> list[str]:
    """What keeps people from using a page, as axe finds it: the rule, then where."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: "
        + "; ".join(" ".join(map(str, node["target"])) for node in one["nodes"][:5])
        for one in found
        if one["impact"] in grave
    ]


FOREIGN = """(names) => [...document.querySelectorAll(names.join(","))].map((e) => e.outerHTML)"""
"""Elements of these names in a page."""

HANDLERS = """() => [...document.querySelectorAll("*")].flatMap((e) =>
  e.getAttributeNames().filter((name) => name.startsWith("on")))"""
"""Attributes of a page that hold script."""
