"""What is wrong with the shape of a line: fields, roles, contents, calls, weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.datasets.messages import ROLES
from harness.errors import did_you_mean
from harness.linting.examples import Format, is_alpaca

Json = Mapping[str, Any]
PARTS = ("text", "refusal", "image_url", "input_text", "output_text", "input_image", "input_audio")


def fault_of(value: Json, format: Format) -> str | None:
    """What is wrong with a line, and how to mend it; None where nothing is."""
    return SHAPES[format](value)


def no_format(value: Json) -> str:
    """What to say of a line whose fields belong to no format."""
    fields = ", ".join(f"'{key}'" for key in list(value)[:6]) or "nothing"
    if "code" in value and "api_call" in value:
        return f"has {fields}: APIBench's own form; convert it with harness import gorilla"
    if "conversations" in value:
        return f"has {fields}: ShareGPT's form; write 'messages' with role and content"
    if is_alpaca(value):
        return f"has {fields}: Alpaca's form; write 'messages' with role and content"
    return f"has {fields}; write 'messages', 'prompt' and 'completion', or a preference"


def _chat(value: Json) -> str | None:
    fault = _messages_fault(value["messages"], "'messages'")
    if fault:
        return fault
    messages = value["messages"]
    if messages[-1]["role"] != "assistant":
        role = messages[-1]["role"]
        return f"the last message is the {role}'s; end with the assistant's answer to learn"
    return _calls_fault(messages, value) or _weights_fault(messages)


def _completion(value: Json) -> str | None:
    for name in ("prompt", "completion"):
        if not isinstance(value[name], str):
            return f"'{name}' is no text; write it as a text"
    return None


def _preference(value: Json) -> str | None:
    source = value.get("input")
    if not isinstance(source, dict) or "messages" not in source:
        return "'input' has no 'messages'; write {\"input\": {\"messages\": [...]}, ...}"
    fault = _messages_fault(source["messages"], "'input.messages'")
    if fault:
        return fault
    if source["messages"][-1]["role"] == "assistant":
        return "'input' ends with an answer; put answers into the two outputs"
    for name in ("preferred_output", "non_preferred_output"):
        fault = _messages_fault(value.get(name), f"'{name}'")
        if fault:
            return fault
        if value[name][-1]["role"] != "assistant":
            return f"'{name}' is not the assistant's; give it the role assistant"
        fault = _calls_fault([*source["messages"], *value[name]], source, f"'input' and '{name}'")
        if fault:
            return fault
    return None


def _sample(value: Json) -> str | None:
    if isinstance(value["input"], str):
        return None
    return _messages_fault(value["input"], "'input'")


SHAPES: Mapping[Format, Callable[[Json], str | None]] = {
    "chat": _chat,
    "prompt and completion": _completion,
    "preference": _preference,
    "sample": _sample,
}


def _messages_fault(messages: Any, name: str) -> str | None:
    if not isinstance(messages, list) or not messages:
        return f"{name} is no list of messages; write [{{'role': ..., 'content': ...}}]"
    for number, message in enumerate(messages, 1):
        fault = _message_fault(message)
        if fault:
            return f"{name}: message {number} {fault}"
    return None


def _message_fault(message: Any) -> str | None:
    if not isinstance(message, dict):
        return "is no object with role and content"
    role = message.get("role")
    if role not in ROLES:
        near = did_you_mean(role, ROLES) if isinstance(role, str) else "; add one"
        return f"has the role {role!r}{near}"
    if message.get("weight") not in (None, 0, 1):
        return f"has the weight {message['weight']!r}; write 0 or 1"
    if "weight" in message and role != "assistant":
        return f"is the {role}'s and has a weight; only answers have one"
    return _content_fault(message.get("content"), message)


def _content_fault(content: Any, message: Json) -> str | None:
    if isinstance(content, str):
        return None
    if isinstance(content, list) and content:
        return _parts_fault(content, message)
    if content is None and any(message.get(k) for k in ("tool_calls", "function_call", "refusal")):
        return None
    near = next((key for key in message if key.startswith("content") and key != "content"), None)
    return f"has no 'content'{f' but {near!r}' if near else ''}; write its text"


def _parts_fault(parts: Sequence[Any], message: Json) -> str | None:
    for part in parts:
        if not isinstance(part, dict) or part.get("type") not in PARTS:
            return f"has a part of no known type; use {', '.join(PARTS[:3])}"
        if "text" in str(part["type"]) and not isinstance(part.get("text"), str):
            return "has a text part without 'text'"
        if "image" in str(part["type"]) and message["role"] != "user":
            return f"is the {message['role']}'s and shows an image; only users can"
        if part["type"] == "image_url" and not _has_address(part.get("image_url")):
            return "shows an image without an address; write {'image_url': {'url': ...}}"
    return None


def _has_address(image: Any) -> bool:
    return isinstance(image, dict) and isinstance(image.get("url"), str) and bool(image["url"])


# --- calls of functions and weights --------------------------------------------------


def _calls_fault(messages: Sequence[Json], value: Json, name: str = "'messages'") -> str | None:
    for kind in ("tools", "functions"):
        fault = _offered_fault(value.get(kind), kind)
        if fault:
            return fault
    known, functions = _offered(value.get("tools")), _offered(value.get("functions"))
    made: set[str] = set()
    for number, message in enumerate(messages, 1):
        calls = message.get("tool_calls")
        if calls is not None:
            fault = _tool_calls_fault(calls, known)
            if fault:
                return f"{name}: message {number} {fault}"
            made |= {str(call.get("id")) for call in calls}
        call = message.get("function_call")
        fault = _call_fault(call, functions) if call is not None else None
        if fault:
            return f"{name}: message {number} {fault}"
        if message["role"] == "tool" and str(message.get("tool_call_id")) not in made:
            return f"{name}: message {number} answers a call that nobody made; check its id"
    return None


def _offered_fault(offered: Any, kind: str) -> str | None:
    """What is wrong with the functions that a line offers."""
    if offered is None:
        return None
    if not isinstance(offered, list):
        return f"'{kind}' is no list; write a list of functions, each with a name"
    nameless = next((i for i, tool in enumerate(offered, 1) if not _is_named(tool)), None)
    return f"'{kind}': number {nameless} has no name; name the function" if nameless else None


def _is_named(tool: Any) -> bool:
    """Servers have tools of their own, which need no name."""
    built_in = isinstance(tool, dict) and tool.get("type") not in (None, "function")
    return built_in or bool(_tool_name(tool))


def _offered(offered: Any) -> set[str] | None:
    """The names of the functions that a line offers; None where it says nothing of them."""
    return {_tool_name(tool) for tool in offered} if isinstance(offered, list) else None


def _tool_name(tool: Any) -> str:
    function = tool.get("function", tool) if isinstance(tool, dict) else None
    return str(function.get("name") or "") if isinstance(function, dict) else ""


def _tool_calls_fault(calls: Any, known: set[str] | None) -> str | None:
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        return "has 'tool_calls' that are no list of calls"
    faults = (_call_fault(call.get("function"), known) for call in calls)
    return next((fault for fault in faults if fault), None)


def _call_fault(function: Any, known: set[str] | None) -> str | None:
    """What is wrong with the name or the arguments of one call."""
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return "calls a function without a name"
    if known is not None and function["name"] not in known:
        near = did_you_mean(function["name"], known)
        return f"calls {function['name']!r}, which is not among its tools{near}"
    if not _is_json(function.get("arguments")):
        return f"calls {function['name']!r} with arguments that are no JSON text"
    return None


def _is_json(text: Any) -> bool:
    if not isinstance(text, str):
        return False
    try:
        json.loads(text or "{}")
    except ValueError:
        return False
    return True


def _weights_fault(messages: Sequence[Json]) -> str | None:
    answers = [message for message in messages if message["role"] == "assistant"]
    if all(message.get("weight") == 0 for message in answers):
        return "all answers have the weight 0: nothing is learnt; give one the weight 1"
    return None
