"""Sending a log's events to somebody's server, as ``oaieval --http-run`` does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from harness.errors import ServerUnreachable, UsageError

TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Posted:
    """How many events the server took, and how many it did not."""

    sent: int
    failed: int
    why: str = ""


def post_events(log: Path, url: str, batch: int, tolerated_percent: float) -> Posted:
    """POST the events of a log as JSON lists of at most ``batch``, the final report last.

    Raises:
        UsageError: no http address.
        ServerUnreachable: more than ``tolerated_percent`` of the events were not taken.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise UsageError(f"--http-run-url {url}: give an address that begins with http")
    sent = failed = 0
    why = ""
    for events in _batches(_events(log), batch):
        refusal = _post(url, events)
        if refusal is None:
            sent += len(events)
        else:
            failed, why = failed + len(events), refusal
    if failed * 100 > tolerated_percent * (sent + failed):
        raise ServerUnreachable(
            f"{url}: {failed:,} of {sent + failed:,} events were not taken ({why}); all of them"
            f" are in {log}"
        )
    return Posted(sent, failed, why)


def _events(log: Path) -> Iterator[Mapping[str, Any]]:
    with log.open(encoding="utf-8") as file:
        for number, line in enumerate(file):
            event = json.loads(line)
            if "final_report" in event:
                run_id, report = event["run_id"], event["final_report"]
                event = {"run_id": run_id, "event_id": number, "type": "final_report"}
                event |= {"sample_id": None, "data": report}
            if "type" in event:
                yield event


def _batches(events: Iterator[Mapping[str, Any]], size: int) -> Iterator[list[Mapping[str, Any]]]:
    while batch := list(islice(events, max(1, size))):
        yield batch


def _post(url: str, events: list[Mapping[str, Any]]) -> str | None:
    """None when the server took them, else why not."""
    request = Request(  # noqa: S310 - the scheme is checked above
        url, json.dumps(events).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urlopen(request, timeout=TIMEOUT_S):  # noqa: S310
            return None
    except (URLError, OSError, ValueError) as error:
        return str(error)
