from __future__ import annotations

from typing import Any

import pytest

from harness.linting.examples import example_of, format_of
from harness.linting.shapes import fault_of, no_format

USER = {"role": "user", "content": "hi"}
SAID = {"role": "assistant", "content": "ho"}
CALL = {"id": "1", "type": "function", "function": {"name": "find", "arguments": "{}"}}
TOOLS = [{"type": "function", "function": {"name": "find"}}]


def calling(call: Any) -> dict[str, Any]:
    return {"messages": [USER, {"role": "assistant", "tool_calls": [call]}], "tools": TOOLS}


def preferring(**fields: Any) -> dict[str, Any]:
    whole = {"input": {"messages": [USER]}, "preferred_output": [SAID]}
    return {**whole, "non_preferred_output": [SAID], **fields}


def old_call(call: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": None, "function_call": call}
    return {"messages": [USER, said], "functions": [{"name": "find"}]}


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"messages": []}, "no list of messages"),
    ({"messages": [USER]}, "the last message is the user's"),
    ({"messages": [{"role": "usr", "content": "a"}, SAID]}, "did you mean 'user'"),
    ({"messages": [{"role": "user"}, SAID]}, "has no 'content'"),
    ({"messages": [{"role": ["user"], "content": "a"}, SAID]}, "has the role"),
    ({"messages": ["hi", SAID]}, "is no object"),
    ({"messages": [{**USER, "weight": 1}, SAID]}, "only answers have one"),
    ({"messages": [USER, {**SAID, "weight": 0.5}]}, "write 0 or 1"),
    ({"messages": [USER, {**SAID, "weight": 0}]}, "nothing is learnt"),
    ({"messages": [{"role": "user", "content": [{"type": "video"}]}, SAID]}, "no known type"),
    (
        {"messages": [USER, {"role": "assistant", "content": [{"type": "image_url"}]}]},
        "only users can",
    ),
    (calling({**CALL, "function": {"name": "fnd", "arguments": "{}"}}), "did you mean 'find'"),
    (calling({**CALL, "function": {"name": "find", "arguments": "{"}}), "no JSON text"),
    (calling({"id": "1"}), "without a name"),
    (
        {"messages": [USER, {"role": "tool", "content": "a", "tool_call_id": "7"}, SAID]},
        "nobody made",
    ),
    ({"messages": [USER, SAID], "tools": "find"}, "'tools' is no list"),
    ({"messages": [USER, SAID], "tools": [{"type": "function"}]}, "number 1 has no name"),
    (old_call({"name": "fnd", "arguments": "{}"}), "did you mean 'find'"),
    (old_call({"name": "find", "arguments": "{"}), "no JSON text"),
    (old_call("find"), "without a name"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}, SAID]},
        "without an address",
    ),
    (
        preferring(preferred_output=[{"role": "assistant", "tool_calls": [{"id": "1"}]}]),
        "'preferred_output': message 2 calls a function without a name",
    ),
    ({"prompt": 3, "completion": "a"}, "'prompt' is no text"),
    (preferring(input="hi"), "has no 'messages'"),
    (preferring(input={"messages": [USER, SAID]}), "ends with an answer"),
    (preferring(preferred_output=[USER]), "not the assistant's"),
    (preferring(non_preferred_output=None), "'non_preferred_output' is no list"),
]


@pytest.mark.parametrize(("value", "said"), FAULTS, ids=[said for _, said in FAULTS])
def test_a_faulty_shape_is_named(value: dict[str, Any], said: str) -> None:
    kind = format_of(value)
    assert kind is not None
    assert said in (fault_of(value, kind) or "")


@pytest.mark.parametrize("more", [{}, {"input": ""}, {"input": "a", "text": "b"}])
def test_alpacas_form_is_named(more: dict[str, Any]) -> None:
    value = {"instruction": "say hi", "output": "hi", **more}
    assert format_of(value) is None
    assert "Alpaca" in no_format(value)


def test_a_sample_with_instructions_is_a_sample() -> None:
    value = {"instruction": "a", "input": "b", "output": "c", "ideal": "c"}
    assert format_of(value) == "sample"


SOUND: list[dict[str, Any]] = [
    {"messages": [USER, SAID]},
    {"messages": [{"role": "developer", "content": "be brief"}, USER, {**SAID, "weight": 1}]},
    {"messages": [USER, {**SAID, "weight": 0}, USER, SAID]},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}, SAID]},
    calling(CALL),
    old_call({"name": "find", "arguments": "{}"}),
    {"messages": [USER, SAID], "tools": [{"type": "web_search"}]},
    {"prompt": "a", "completion": ""},
    preferring(),
]


@pytest.mark.parametrize("value", SOUND)
def test_a_sound_shape_has_no_fault(value: dict[str, Any]) -> None:
    kind = format_of(value)
    assert kind is not None
    assert fault_of(value, kind) is None
    example_of(value, 1, kind)


def test_a_call_is_the_answer_whatever_its_id() -> None:
    first = example_of(calling(CALL), 1, "chat")
    second = example_of(calling({**CALL, "id": "2"}), 2, "chat")
    assert first.answer == second.answer != ""
