"""What a server's headers say about its rate limits, pure: how long to wait, and what is left.

Servers write times in many ways: ``12``, ``1.5s``, ``120ms``, ``6m0s``, ``1h2m3s``, a date.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from harness.models.base import Allowance

PREFIX = "x-ratelimit-"
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "": 1.0}
PIECE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|[smhd]?)")
DURATION = re.compile(rf"(?:{PIECE.pattern})+")
LONGEST_TEXT = 64


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The wait in seconds that the headers ask for: retry-after-ms, else retry-after."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    said = headers.get("Retry-After")
    return None if said is None else seconds_of(said, headers.get("Date"))


def allowance(headers: Mapping[str, str]) -> Allowance | None:
    """What is left of the limits on requests and tokens; None where a server says nothing."""
    requests = _left(headers.get(PREFIX + "remaining-requests"))
    tokens = _left(headers.get(PREFIX + "remaining-tokens"))
    if requests is None and tokens is None:
        return None
    date = headers.get("Date")
    return Allowance(
        requests,
        _reset_s(headers.get(PREFIX + "reset-requests"), date),
        tokens,
        _reset_s(headers.get(PREFIX + "reset-tokens"), date),
    )


def seconds_of(text: str, server_now: str | None = None) -> float | None:
    """A wait in seconds, however a server writes it; None where it cannot be read."""
    if len(text) > LONGEST_TEXT:
        return None
    seconds = _number(text)
    if seconds is not None:
        return seconds
    flat = text.replace(" ", "").lower()
    if DURATION.fullmatch(flat):
        return math.fsum(float(n) * SECONDS[unit] for n, unit in PIECE.findall(flat))
    return _until(text, server_now)


def _left(text: str | None) -> float | None:
    """What is left; servers without a limit write -1."""
    return None if text is None or text.lstrip().startswith("-") else _number(text)


def _reset_s(text: str | None, date: str | None) -> float | None:
    return None if text is None else seconds_of(text, date)


def _number(text: str | None) -> float | None:
    """A finite number that is not negative; below 0 counts as 0."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return max(value, 0.0) if math.isfinite(value) else None


def _until(date: str, server_now: str | None) -> float | None:
    """Seconds until a date, by the server's own clock where it tells it."""
    then = _moment(date)
    if then is None:
        return None
    now = _moment(server_now) if server_now else None
    return max((then - (now or datetime.now(UTC))).total_seconds(), 0.0)


def _moment(text: str) -> datetime | None:
    """A date of HTTP or of RFC 3339."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            found = read(text.strip())
        except (TypeError, ValueError):
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None
