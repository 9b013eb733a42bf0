"""The wire format of OpenAI-compatible servers, pure: Request -> JSON body, JSON answer -> choices.

It knows chat and legacy completions and never talks to anybody.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import orjson

from harness.errors import BadResponse, NoText, TooFewChoices
from harness.messages import content_text, prompt_text
from harness.records import Completion, Request, Sampling, Usage

TokensField = Literal["max_tokens", "max_completion_tokens"]
PATHS = {"chat": "chat/completions", "completions": "completions"}
NO_TOKENS = Usage(0, 0)


# --- the question --------------------------------------------------------------------


def body(request: Request, tokens_field: TokensField = "max_tokens") -> dict[str, Any]:
    """The JSON body of a request; only parameters that are set are in it."""
    fields: dict[str, Any] = {"model": request.model}
    if request.endpoint == "chat":
        fields["messages"] = request.messages
        if request.tools:
            fields["tools"] = request.tools
    else:
        fields["prompt"] = prompt_text(request.messages)
    _add_sampling(fields, request.sampling, tokens_field)
    if request.sampling.logprobs is not None:
        fields.update(_logprobs_fields(request))
    return fields


def _add_sampling(fields: dict[str, Any], sampling: Sampling, tokens_field: TokensField) -> None:
    if sampling.temperature is not None:
        fields["temperature"] = sampling.temperature
    if sampling.top_p is not None:
        fields["top_p"] = sampling.top_p
    if sampling.max_tokens is not None:
        fields[tokens_field] = sampling.max_tokens
    if sampling.n > 1:
        fields["n"] = sampling.n
    if sampling.seed is not None:
        fields["seed"] = sampling.seed
    if sampling.stop:
        fields["stop"] = sampling.stop
    if sampling.frequency_penalty is not None:
        fields["frequency_penalty"] = sampling.frequency_penalty
    if sampling.presence_penalty is not None:
        fields["presence_penalty"] = sampling.presence_penalty
    fields.update(sampling.extra)


def _logprobs_fields(request: Request) -> dict[str, Any]:
    count = request.sampling.logprobs
    if request.endpoint == "completions":
        return {"logprobs": count}
    return {"logprobs": True, "top_logprobs": count} if count else {"logprobs": True}


# --- the answer ----------------------------------------------------------------------


def parsed(raw: bytes) -> Any:
    """The JSON in ``raw``, also where a server writes NaN, Infinity or half a surrogate pair.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return orjson.loads(_mended(raw))


def _mended(raw: bytes) -> bytes:
    """Lenient JSON as strict JSON: null for what is no number, ``?`` for what is no character."""
    try:
        lenient = json.loads(raw.decode("utf-8", "replace"), parse_constant=lambda _: None)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return json.dumps(lenient, ensure_ascii=False).encode("utf-8", "replace")


def choices(answer: Mapping[str, Any], request: Request, latency_s: float) -> list[Completion]:
    """The choices of an answer, in the server's order, at most as many as were asked for.

    Raises:
        BadResponse: no choice at all; NoText where there are choices, but no text.
        TooFewChoices: some choices or their texts are missing; it carries the others.
    """
    listed = answer.get("choices")
    if not isinstance(listed, list) or not listed:
        raise BadResponse(f"the answer of model {request.model!r} has no choices; asking again")
    wanted = request.sampling.n
    usage = usage_of(answer.get("usage"))
    found: list[Completion] = []
    for choice in listed[:wanted]:
        text = _text(choice, request)
        if text is not None:
            found.append(_completion(choice, text, usage, latency_s, request))
            usage = NO_TOKENS if usage is not None else None
    if len(found) < wanted:
        raise _incomplete(found, listed, request)
    return found


def _completion(
    choice: Mapping[str, Any],
    text: str,
    usage: Usage | None,
    latency_s: float,
    request: Request,
) -> Completion:
    reason = choice.get("finish_reason")
    return Completion(
        text,
        reason if isinstance(reason, str) else None,
        usage,
        latency_s,
        logprobs=None if request.sampling.logprobs is None else _logprobs(choice.get("logprobs")),
        tool_calls=_tool_calls(choice) if request.tools else (),
    )


def _text(choice: object, request: Request) -> str | None:
    """What the choice says. A refusal without content is an answer: its words.

    Calls of functions that were offered are an answer without words.
    """
    if not isinstance(choice, dict):
        return None
    if request.endpoint == "completions":
        text = choice.get("text")
        return text if isinstance(text, str) else None
    message = choice.get("message")
    if not isinstance(message, dict):
        return None
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return content_text(content)
    refusal = message.get("refusal")
    if isinstance(refusal, str):
        return refusal
    return "" if request.tools and _tool_calls(choice) else None


def _tool_calls(choice: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The functions that a choice calls; asked for only where the request offers some."""
    message = choice.get("message")
    calls = message.get("tool_calls") if isinstance(message, dict) else None
    listed = calls if isinstance(calls, list) else []
    return tuple(call for call in listed if isinstance(call, dict))


def _incomplete(found: list[Completion], listed: list[Any], request: Request) -> BadResponse:
    wanted, model = request.sampling.n, request.model
    if len(listed) < wanted:
        return TooFewChoices(
            f"asked model {model!r} for n={wanted} choices, got {len(listed)}: this server "
            f"ignores n; ask for one choice and use --repeats {wanted}",
            tuple(found),
        )
    reasons = sorted({str(c.get("finish_reason")) for c in listed if isinstance(c, dict)})
    message = (
        f"{wanted - len(found)} of {wanted} choices of model {model!r} have no text "
        f"(finish_reason {', '.join(reasons) or 'missing'}); "
        "with 'length' raise max_tokens, otherwise exclude the sample"
    )
    return TooFewChoices(message, tuple(found)) if found else NoText(message)


def usage_of(said: object) -> Usage | None:
    """The tokens that a server's ``usage`` counts; None where it does not say."""
    if not isinstance(said, dict):
        return None
    prompt, completion = said.get("prompt_tokens"), said.get("completion_tokens")
    if not isinstance(prompt, int) or not isinstance(completion or 0, int):
        return None
    return Usage(prompt, completion or 0)


def _logprobs(said: object) -> tuple[Mapping[str, Any], ...] | None:
    """One mapping a token: token, logprob, top_logprobs; the chat form for both endpoints."""
    if not isinstance(said, dict):
        return None
    content = said.get("content")
    if isinstance(content, list):
        return tuple(token for token in content if isinstance(token, dict))
    tokens, values = said.get("tokens"), said.get("token_logprobs")
    if not isinstance(tokens, list) or not isinstance(values, list):
        return None
    tops = said.get("top_logprobs") or [None] * len(tokens)
    return tuple(
        {"token": token, "logprob": value, "top_logprobs": _alternatives(top)}
        for token, value, top in zip(tokens, values, tops, strict=False)
    )


def _alternatives(top: object) -> list[dict[str, Any]]:
    if not isinstance(top, dict):
        return []
    return [{"token": token, "logprob": value} for token, value in top.items()]
