from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from harness.errors import (
    AuthenticationFailed,
    BadResponse,
    ModelNotFound,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    ServerFailed,
    ServerOverloaded,
    WrongAddress,
)
from harness.models.ratelimits import retry_after_s
from harness.models.refusals import error_of, one_line, refusal

URL = "http://host/v1/chat/completions"


def error(status: int, body: Any, **headers: str) -> ProviderError:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return error_of(refusal(URL, "gpt-9", status, headers, raw))


def said(message: str, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, **fields}}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, said("Incorrect API key provided"), AuthenticationFailed),
        (403, said("Project has no access"), AuthenticationFailed),
        (403, said("Input was flagged by moderation"), RequestRejected),
        (402, said("Insufficient credits"), QuotaExhausted),
        (429, said("You exceeded your quota", code="insufficient_quota"), QuotaExhausted),
        (429, said("Slow down"), RateLimited),
        (404, said("The model `gpt-9` does not exist", code="model_not_found"), ModelNotFound),
        (404, {"object": "error", "message": "The model `gpt-9` does not exist."}, ModelNotFound),
        (400, said("Invalid model name passed in model=gpt-9"), ModelNotFound),
        (404, {"detail": "Not Found"}, WrongAddress),
        (404, "<html><body>nginx</body></html>", WrongAddress),
        (405, "", WrongAddress),
        (302, "", WrongAddress),
        (400, said("bad"), RequestRejected),
        (413, said("too large"), RequestRejected),
        (422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, RequestRejected),
        (418, "teapot", RequestRejected),
        (408, "", ServerFailed),
        (500, said("oops"), ServerFailed),
        (503, "<html>busy</html>", ServerOverloaded),
        (529, said("overloaded"), ServerOverloaded),
        (200, said("upstream failed"), BadResponse),
        (200, said("slow down", code=429), RateLimited),
        (200, said("upstream failed", code=502), ServerFailed),
        (200, [1, 2], BadResponse),
        (400, "null", RequestRejected),
    ],
)
def test_each_refusal_has_its_error(status: int, body: Any, kind: type[ProviderError]) -> None:
    found = error(status, body)
    assert type(found) is kind
    assert URL in str(found)
    assert "\n" not in str(found)


@pytest.mark.parametrize("name", ["temperature", "logprobs", "n", "seed"])
def test_a_rejected_parameter_is_named_with_its_repair(name: str) -> None:
    message = f"Unsupported value: '{name}' does not support 0.2 with this model gpt-9."
    by_text = error(400, said(message))
    by_field = error(400, said("Unsupported value.", param=name))
    for found in (by_text, by_field):
        assert type(found) is RequestRejected
        assert f"leave {name} unset for model 'gpt-9'" in str(found)


def test_a_prompt_that_is_too_long_says_so() -> None:
    found = error(400, said("This model's maximum context length is 4096 tokens"))
    assert "shorten it or exclude the sample" in str(found)


def test_a_redirect_names_its_target_without_its_query() -> None:
    found = error(308, "", Location="https://host/v1?key=geheimnis")
    assert "https://host/v1" in str(found)
    assert "geheimnis" not in str(found)


def test_hostile_text_stays_on_one_short_line() -> None:
    text = one_line("a\nb\x1b[31m\u202e\x00" + "x" * 10_000)
    assert text.startswith("a b[31mxxx")
    assert len(text) == 300


def test_a_pages_markup_is_not_quoted() -> None:
    page = "<html><style>p {}</style><script>evil()</script><h1>502 Bad Gateway</h1></html>"
    assert "502 Bad Gateway" in str(error(502, page))
    assert "evil" not in str(error(502, page))


NOW = datetime(2026, 11, 5, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "-3"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "7", "retry-after-ms": "1500"}, 1.5),
        ({"Retry-After": "7", "retry-after-ms": "x"}, 7.0),
        (
            {
                "Retry-After": format_datetime(NOW + timedelta(seconds=9), usegmt=True),
                "Date": format_datetime(NOW, usegmt=True),
            },
            9.0,
        ),
        ({"Retry-After": format_datetime(NOW - timedelta(days=9000), usegmt=True)}, 0.0),
    ],
)
def test_the_wait_is_what_the_headers_ask_for(
    headers: dict[str, str], wait_s: float | None
) -> None:
    assert retry_after_s(headers) == wait_s


def test_a_rate_limit_carries_its_wait() -> None:
    found = error(429, said("slow"), **{"Retry-After": "2"})
    assert isinstance(found, RateLimited)
    assert found.retry_after_s == 2.0
