"""One line of lm-eval's samples: what was asked, what is right, what was answered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from harness.importing.foreign import finite
from harness.messages import content_text
from harness.records import Completion, Messages

Json = Mapping[str, Any]
NORMALISED = "acc_norm"
"""The metric that divides each option's likelihood by its length."""

NOT_GREEDY = "[another continuation]"


def arguments_of(line: Json) -> list[list[Any]]:
    """The arguments of each request: an object of objects, or a list of lists before 0.4.3."""
    raw = line.get("arguments")
    if isinstance(raw, dict):
        requests = [raw[key] for key in sorted(raw, key=_place)]
        return [
            [one[key] for key in sorted(one, key=_place)] if isinstance(one, dict) else _list(one)
            for one in requests
        ]
    return [_list(one) for one in _list(raw)]


def _place(key: str) -> tuple[int, str]:
    """gen_args_10 stands behind gen_args_9."""
    digits = key.rpartition("_")[2]
    return (int(digits) if digits.isdecimal() and len(digits) < 9 else 0, key)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _context(request: Sequence[Any]) -> str:
    """The context of one request; a chat's stands in a list of one."""
    first = request[0] if request else ""
    if isinstance(first, list):
        first = first[0] if first else ""
    return first if isinstance(first, str) else json.dumps(first, ensure_ascii=False)


def prompt_of(line: Json) -> Messages:
    """What was asked: messages where the context holds some, else its text."""
    contexts = [_context(request) for request in arguments_of(line)]
    text = contexts[0] if len(set(contexts)) == 1 else _shared_start(contexts)
    return _messages(text) or ({"role": "user", "content": text},)


def _shared_start(texts: Sequence[str]) -> str:
    """How far all texts are the same."""
    first, last = min(texts), max(texts)
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), None)
    return first[:same]


def _messages(text: str) -> Messages:
    if not text.startswith("[{"):
        return ()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    if not all(isinstance(one, dict) and isinstance(one.get("role"), str) for one in found):
        return ()
    return tuple(
        {"role": one["role"], "content": content_text(one.get("content"))} for one in found
    )


def ideal_of(line: Json) -> tuple[str, ...]:
    """What is right: the option of that place where options were weighed, else the target."""
    target = line.get("target")
    text = target if isinstance(target, str) else json.dumps(target, ensure_ascii=False)
    options = _options(line)
    if options and text.isdecimal() and len(text) < 9 and int(text) < len(options):
        return (options[int(text)],)
    return (text,) if target not in (None, "") else ()


def answer_of(line: Json, metric: str) -> tuple[Completion, str | None]:
    """The model's answer, and what a filter took from it where that is something else."""
    options = _options(line)
    if options:
        return Completion(_likeliest(line, options, metric)), None
    first = _first(line.get("resps"))
    if isinstance(
        first, list
    ):  # one continuation: its likelihood, and whether it is the greedy one
        said = str(arguments_of(line)[0][1]).strip() if _is_greedy(first) else NOT_GREEDY
        return Completion(said), None
    text = "" if first is None else str(first)
    filtered = _first(line.get("filtered_resps"))
    label = filtered if isinstance(filtered, str) and filtered != text else None
    return Completion(text), label


def _is_greedy(pair: Sequence[Any]) -> bool:
    return len(pair) > 1 and str(pair[1]) == "True"


def _first(value: Any) -> Any:
    """The first answer, whatever lists stand around it; a likelihood is a list of two."""
    while isinstance(value, list) and value and not _is_likelihood(value):
        value = value[0]
    return None if value == [] else value


def _is_likelihood(value: Sequence[Any]) -> bool:
    return len(value) == 2 and str(value[1]) in ("True", "False")


def _options(line: Json) -> list[str]:
    """The options whose likelihood was asked for; empty where text was generated."""
    requests = arguments_of(line)
    weighed = [r for r in requests if len(r) > 1 and isinstance(r[1], str)]
    if len(weighed) < 2 or len(weighed) != len(requests):
        return []
    contexts = [_context(request) for request in requests]
    if len(set(contexts)) == 1:
        return [str(request[1]).strip() for request in requests]
    shared = len(_shared_start(contexts))
    return [f"{c[shared:]}{r[1]}".strip() for c, r in zip(contexts, requests, strict=True)]


def _likeliest(line: Json, options: Sequence[str], metric: str) -> str:
    weights = [_likelihood(one) for one in _list(line.get("resps"))]
    if len(weights) < len(options) or any(weight is None for weight in weights):
        return ""
    lengths = [len(option) or 1 if metric == NORMALISED else 1 for option in options]
    weighed = [(w or 0.0) / n for w, n in zip(weights, lengths, strict=False)]
    return options[max(range(len(options)), key=weighed.__getitem__)]


def _likelihood(response: Any) -> float | None:
    pair = _first(response)
    value = pair[0] if isinstance(pair, list) and pair else None
    try:
        return finite(float(value)) if isinstance(value, str | int | float) else None
    except ValueError:
        return None
