"""Lists as the hosted API pages them, and the ids of its objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from harness.embedded.refusals import Refusal

Json = dict[str, Any]


def new_id(prefix: str) -> str:
    """Return an id that no other object has."""
    return f"{prefix}{uuid4().hex[:24]}"


def page(objects: Sequence[Json], limit: int | None = None, after: str | None = None) -> Json:
    """Return the ``limit`` objects behind the one with the id ``after``.

    Raises:
        Refusal: no object in the list has that id.
    """
    ids = [item["id"] for item in objects]
    if after is not None and after not in ids:
        raise Refusal(f"No object in this list has the id '{after}'", param="after")
    start = 0 if after is None else ids.index(after) + 1
    stop = len(objects) if limit is None else start + limit
    data = list(objects[start:stop])
    return {
        "object": "list",
        "data": data,
        "has_more": stop < len(objects),
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }
