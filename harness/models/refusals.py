"""What a server's refusal means, pure: status, headers and body become one of our errors.

Server text is untrusted: it is quoted on one line, cut, and without control characters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
from harness.models.wire import parsed

QUOTED_LENGTH = 300
SAMPLING_NAMES = (
    "temperature",
    "top_p",
    "max_completion_tokens",
    "max_tokens",
    "top_logprobs",
    "logprobs",
    "seed",
    "stop",
    "n",
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a server said instead of an answer, and to what."""

    url: str
    model: str
    status: int
    headers: Mapping[str, str]
    said: str
    code: str = ""
    param: str = ""
    is_json: bool = True

    @property
    def quoted(self) -> str:
        """The server's words for the end of a message."""
        said = one_line(self.said)
        return f": {said}" if said else ""


def refusal(url: str, model: str, status: int, headers: Mapping[str, str], raw: bytes) -> Refusal:
    """Read the usual shapes of an error body; a status inside the body wins over a 200."""
    try:
        answer = parsed(raw)
    except ValueError:
        text = raw[:4096].decode("utf-8", "replace")
        return Refusal(url, model, status, headers, _without_tags(text), is_json=False)
    error = _error_object(answer)
    code = error.get("code")
    if status < 400 and isinstance(code, int) and 400 <= code < 600:
        status = code
    said = error.get("message") or error.get("detail") or error.get("msg") or ""
    return Refusal(url, model, status, headers, str(said), str(code or ""), str(error.get("param")))


def _error_object(answer: object) -> Mapping[str, Any]:
    """The part of an error body that holds the message, wherever this kind of server puts it."""
    if not isinstance(answer, Mapping):
        return {"message": "" if answer is None else str(answer)}
    error = answer.get("error")
    if isinstance(error, Mapping):
        return error
    return {"message": error} if isinstance(error, str) else answer


def one_line(text: str) -> str:
    """Text that is safe in a message: printable, on one line, not longer than a few lines."""
    flat = " ".join(text[: QUOTED_LENGTH * 8].split())
    flat = "".join(c for c in flat if c.isprintable())
    return flat if len(flat) <= QUOTED_LENGTH else flat[: QUOTED_LENGTH - 1] + "…"


def _without_tags(text: str) -> str:
    return re.sub(r"<(style|script)\b.*?(</\1>|$)|<[^>]*>", " ", text, flags=re.S | re.I)


# --- from what was said to an error --------------------------------------------------


def error_of(refused: Refusal) -> ProviderError:
    """The error that a refusal amounts to."""
    status = refused.status
    if status in BY_STATUS:
        return BY_STATUS[status](refused)
    if status >= 500:
        return _failed(refused)
    if 300 <= status < 400:
        return _redirected(refused)
    if status >= 400:
        return _rejected(refused)
    return BadResponse(f"{refused.url} answered an error with status {status}{refused.quoted}")


def _unauthorized(refused: Refusal) -> ProviderError:
    return AuthenticationFailed(
        f"{refused.url} refuses the API key ({refused.status}){refused.quoted}; "
        "set OPENAI_API_KEY to a key of this server"
    )


def _forbidden(refused: Refusal) -> ProviderError:
    """403 is mostly about the key; content filters of some gateways use it for one prompt."""
    if re.search(r"moderation|flagged|content[ _]?(policy|filter)", refused.said, re.I):
        return RequestRejected(f"{refused.url} refuses this prompt (403){refused.quoted}")
    return _unauthorized(refused)


def _no_credit(refused: Refusal) -> ProviderError:
    return QuotaExhausted(
        f"{refused.url} says that the account has no credit left ({refused.status})"
        f"{refused.quoted}; add credit or use another key, then --resume"
    )


def _limited(refused: Refusal) -> ProviderError:
    if "insufficient_quota" in (refused.code, refused.said):
        return _no_credit(refused)
    wait = retry_after_s(refused.headers)
    after = "" if wait is None else f", wait {wait:g} s"
    return RateLimited(
        f"{refused.url} limits the rate (429{after}){refused.quoted}; lower --concurrency", wait
    )


def _failed(refused: Refusal) -> ProviderError:
    return ServerFailed(f"{refused.url} failed ({refused.status}){refused.quoted}; see its log")


def _overloaded(refused: Refusal) -> ProviderError:
    return ServerOverloaded(
        f"{refused.url} is overloaded ({refused.status}){refused.quoted}; see its log",
        retry_after_s(refused.headers),
    )


def _missing(refused: Refusal) -> ProviderError:
    if refused.is_json and _is_about_the_model(refused):
        return _unknown_model(refused)
    return WrongAddress(
        f"{refused.url} does not exist ({refused.status}){refused.quoted}; "
        "check --base-url: it usually ends in /v1"
    )


def _is_about_the_model(refused: Refusal) -> bool:
    if refused.code in ("model_not_found", "DeploymentNotFound"):
        return True
    said = refused.said.lower()
    unknown = re.search(
        r"not (exist|found|available|supported|a valid)|unknown|invalid|no such|nonexist", said
    )
    return "model" in said and refused.model.lower() in said and unknown is not None


def _unknown_model(refused: Refusal) -> ProviderError:
    return ModelNotFound(f"{refused.url} does not know model {refused.model!r}{refused.quoted}")


def _rejected(refused: Refusal) -> ProviderError:
    if _is_about_the_model(refused) and not _named_parameter(refused):
        return _unknown_model(refused)
    return RequestRejected(
        f"{refused.url} refuses the request ({refused.status}){refused.quoted}{_repair(refused)}"
    )


def _repair(refused: Refusal) -> str:
    name = _named_parameter(refused)
    if name:
        return f"; leave {name} unset for model {refused.model!r}, or give a value that it takes"
    if refused.status == 413 or re.search(r"context|too long|too many tokens", refused.said, re.I):
        return "; the prompt is too long for this model: shorten it or exclude the sample"
    return ""


def _named_parameter(refused: Refusal) -> str | None:
    """Which of our sampling parameters the refusal names, if any."""
    if refused.param in SAMPLING_NAMES:
        return refused.param
    quoted = re.findall(r"['\"`](\w+)['\"`]", refused.said)
    return next((name for name in SAMPLING_NAMES if name in quoted), None)


def _redirected(refused: Refusal) -> ProviderError:
    """Redirects are not followed: the key must not travel to an address nobody chose."""
    target = one_line(refused.headers.get("Location", "")).split("?")[0]
    return WrongAddress(
        f"{refused.url} redirects ({refused.status}) to {target or 'nowhere'}; "
        "give the address that the server means as --base-url"
    )


def not_the_api(url: str, said: str) -> ProviderError:
    """A web page where JSON belongs: most likely the wrong URL."""
    return WrongAddress(
        f"{url} sent a web page ({said[:80]!r}), not JSON; check --base-url: it usually ends in /v1"
    )


BY_STATUS = {
    401: _unauthorized,
    402: _no_credit,
    403: _forbidden,
    404: _missing,
    405: _missing,
    408: _failed,
    409: _failed,
    425: _failed,
    429: _limited,
    503: _overloaded,
    504: _overloaded,
    529: _overloaded,
}
