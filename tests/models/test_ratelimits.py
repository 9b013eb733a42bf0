from __future__ import annotations

import pytest

from harness.models.base import Allowance
from harness.models.ratelimits import allowance, retry_after_s, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1", 1.0),
        ("0.5", 0.5),
        ("1s", 1.0),
        ("120ms", 0.12),
        ("6m0s", 360.0),
        ("1h2m3.5s", 3723.5),
        ("2m59.56s", 179.56),
        ("1d", 86400.0),
        ("-3", 0.0),
        ("Thu, 01 Jan 2026 00:00:09 GMT", 9.0),
        ("2026-01-01T00:00:30Z", 30.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("1s" * 500, None),
        ("5 parsecs", None),
    ],
)
def test_a_wait_is_read_however_it_is_written(text: str, seconds: float | None) -> None:
    found = seconds_of(text, "Thu, 01 Jan 2026 00:00:00 GMT")
    assert found == (seconds if seconds is None else pytest.approx(seconds))


def test_milliseconds_win() -> None:
    assert retry_after_s({"retry-after-ms": "250", "Retry-After": "1"}) == 0.25


def test_what_is_left_is_read_with_its_time() -> None:
    headers = {
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-remaining-tokens": "149984",
        "x-ratelimit-reset-tokens": "6m0s",
    }
    assert allowance(headers) == Allowance(59, 1.0, 149984, 360.0)


@pytest.mark.parametrize("left", ["-1", "", "unlimited", "nan"])
def test_what_is_no_number_left_says_nothing(left: str) -> None:
    assert allowance({"x-ratelimit-remaining-requests": left}) is None
