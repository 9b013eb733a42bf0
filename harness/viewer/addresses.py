"""Addresses of pages that name evals and samples: strings of anybody, with slashes and all.

A server decodes an address before it is split at its slashes, so names are encoded twice in it and
decoded once more here.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, unquote, urlencode

EMPTY = "%"
"""Stands for an empty name; no encoded name is that."""


def step(name: str) -> str:
    """A name as one step of an address."""
    once = quote(name.encode("utf-8", "replace"), safe="@:~")
    if not name.strip("."):  # of dots alone: a browser would go up with them
        once = once.replace(".", "%2E") or EMPTY
    return quote(once, safe="@:~")


def name_in(decoded: str) -> str:
    """The name behind a step, as it arrives."""
    return "" if decoded == EMPTY else unquote(decoded)


def samples_address(slug: str, query: Mapping[str, str | int]) -> str:
    """The list of a run's samples; ``query`` holds its filters."""
    return f"/runs/{quote(slug, safe='')}/samples" + _tail(query)


def sample_address(slug: str, eval: str, sample_id: str, query: Mapping[str, str | int]) -> str:
    """The page of one sample; ``query`` holds the filters of the list that it was opened from."""
    return f"/runs/{quote(slug, safe='')}/samples/{step(eval)}/{step(sample_id)}" + _tail(query)


def _tail(query: Mapping[str, str | int]) -> str:
    told = {name: value for name, value in query.items() if value != ""}
    return "?" + urlencode(told) if told else ""
