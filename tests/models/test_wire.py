from __future__ import annotations

import math
from typing import Any

import pytest

from harness.errors import BadResponse, NoText, TooFewChoices
from harness.messages import prompt_text
from harness.models import wire
from harness.records import Completion, Request, Sampling, Usage

HELLO = ({"role": "user", "content": "Hello"},)


def asked(**sampling: Any) -> Request:
    return Request("m", HELLO, Sampling(**sampling))


def legacy(**sampling: Any) -> Request:
    return Request("m", HELLO, Sampling(**sampling), endpoint="completions")


def chat_answer(*contents: object, **fields: Any) -> dict[str, Any]:
    choices = [
        {"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        for content in contents
    ]
    return {"choices": choices, **fields}


def test_only_parameters_that_are_set_are_sent() -> None:
    assert wire.body(asked()) == {"model": "m", "messages": HELLO}


def test_all_parameters_have_their_wire_names() -> None:
    body = wire.body(
        asked(temperature=0.0, top_p=0.5, max_tokens=7, n=3, seed=0, stop=("a",), logprobs=2)
    )
    assert body == {
        "model": "m",
        "messages": HELLO,
        "temperature": 0.0,
        "top_p": 0.5,
        "max_tokens": 7,
        "n": 3,
        "seed": 0,
        "stop": ("a",),
        "logprobs": True,
        "top_logprobs": 2,
    }


def test_newer_models_get_their_own_name_for_max_tokens() -> None:
    body = wire.body(asked(max_tokens=7), "max_completion_tokens")
    assert body["max_completion_tokens"] == 7
    assert "max_tokens" not in body


def test_no_alternatives_means_no_top_logprobs() -> None:
    assert "top_logprobs" not in wire.body(asked(logprobs=0))
    assert wire.body(asked(logprobs=0))["logprobs"] is True


def test_the_legacy_endpoint_gets_a_prompt_and_a_number_of_logprobs() -> None:
    assert wire.body(legacy(logprobs=0)) == {"model": "m", "prompt": "Hello", "logprobs": 0}


def test_several_messages_become_a_prompt_that_ends_in_the_assistants_turn() -> None:
    messages = (
        {"role": "system", "content": "Be brief."},
        {"role": "system", "name": "example_user", "content": "1+1"},
        {"role": "assistant", "content": "2"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "2+"}, {"type": "text", "text": "2"}],
        },
    )
    assert prompt_text(messages) == ("Be brief.\nUser: 1+1\nAssistant: 2\nUser: 2+2\nAssistant:")


def test_the_first_choice_carries_the_tokens_and_the_others_none() -> None:
    answer = chat_answer("a", "b", usage={"prompt_tokens": 5, "completion_tokens": 2})
    assert wire.choices(answer, asked(n=2), 0.5) == [
        Completion("a", "stop", Usage(5, 2), 0.5),
        Completion("b", "stop", Usage(0, 0), 0.5),
    ]


def test_no_usage_is_no_usage() -> None:
    assert wire.choices(chat_answer("a"), asked(), 0.0)[0].usage is None


@pytest.mark.parametrize(
    "usage", ["many", {"prompt_tokens": None}, {"prompt_tokens": "3", "completion_tokens": 1}, []]
)
def test_a_usage_that_counts_nothing_is_no_usage(usage: object) -> None:
    assert wire.choices(chat_answer("a", usage=usage), asked(), 0.0)[0].usage is None


def test_more_choices_than_asked_for_are_left_out() -> None:
    assert len(wire.choices(chat_answer("a", "b", "c"), asked(n=2), 0.0)) == 2


def test_fewer_choices_keep_those_that_came_and_name_the_repair() -> None:
    with pytest.raises(TooFewChoices, match=r"n=10 choices, got 1.*--repeats 10") as caught:
        wire.choices(chat_answer("a"), asked(n=10), 0.0)
    assert [c.text for c in caught.value.completions if isinstance(c, Completion)] == ["a"]
    assert not caught.value.retryable


@pytest.mark.parametrize("choices", [None, [], "none", {}])
def test_no_choices_are_worth_another_try(choices: object) -> None:
    with pytest.raises(BadResponse, match="no choices") as caught:
        wire.choices({"choices": choices}, asked(), 0.0)
    assert caught.value.retryable


def test_a_refusal_is_an_answer() -> None:
    message = {"content": None, "refusal": "I cannot help with that."}
    answer = {"choices": [{"message": message, "finish_reason": "stop"}]}
    assert wire.choices(answer, asked(), 0.0)[0].text == "I cannot help with that."


def test_an_empty_text_is_an_answer() -> None:
    assert wire.choices(chat_answer(""), asked(), 0.0)[0].text == ""


@pytest.mark.parametrize(
    "choice",
    [
        {"message": {"content": None, "tool_calls": []}, "finish_reason": "tool_calls"},
        {"message": {"content": 7}, "finish_reason": "tool_calls"},
        {"message": None, "finish_reason": "tool_calls"},
        {"finish_reason": "tool_calls"},
    ],
)
def test_a_choice_without_text_is_named_and_not_asked_again(choice: dict[str, Any]) -> None:
    with pytest.raises(NoText, match="tool_calls") as caught:
        wire.choices({"choices": [choice]}, asked(), 0.0)
    assert not caught.value.retryable


def test_one_choice_without_text_does_not_cost_the_others() -> None:
    with pytest.raises(TooFewChoices, match="1 of 3 choices") as caught:
        wire.choices(chat_answer("a", None, "c"), asked(n=3), 0.0)
    assert [c.text for c in caught.value.completions if isinstance(c, Completion)] == ["a", "c"]


def test_junk_among_the_choices_is_a_choice_without_text() -> None:
    with pytest.raises(NoText):
        wire.choices({"choices": ["what", None]}, asked(n=2), 0.0)


def test_content_in_parts_is_their_text() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    assert wire.choices(chat_answer(parts), asked(), 0.0)[0].text == "ab"


def test_both_endpoints_give_logprobs_in_one_form() -> None:
    token = {"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "a", "logprob": -0.5}]}
    chat = chat_answer("a")
    chat["choices"][0]["logprobs"] = {"content": [token]}
    text = {"tokens": ["a"], "token_logprobs": [-0.5], "top_logprobs": [{"a": -0.5}]}
    old = {"choices": [{"text": "a", "logprobs": text}]}
    assert wire.choices(chat, asked(logprobs=1), 0.0)[0].logprobs == (token,)
    assert wire.choices(old, legacy(logprobs=1), 0.0)[0].logprobs == (token,)


def test_logprobs_nobody_asked_for_are_dropped() -> None:
    chat = chat_answer("a")
    chat["choices"][0]["logprobs"] = {"content": [{"token": "a", "logprob": -1.0}]}
    assert wire.choices(chat, asked(), 0.0)[0].logprobs is None


def test_numbers_that_are_none_and_halves_of_characters_are_mended() -> None:
    assert wire.parsed(b'{"a": NaN, "b": -Infinity, "c": "\\ud83d!", "d": 1}') == {
        "a": None,
        "b": None,
        "c": "?!",
        "d": 1,
    }


@pytest.mark.parametrize("raw", [b"", b"{", b"<html>", b"[" * 100_000, b"\xff\xfe"])
def test_what_is_not_json_is_a_value_error(raw: bytes) -> None:
    with pytest.raises(ValueError):
        wire.parsed(raw)


def test_latency_is_kept() -> None:
    assert math.isclose(wire.choices(chat_answer("a"), asked(), 0.25)[0].latency_s, 0.25)


WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
CALLED = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}


def offered(**sampling: Any) -> Request:
    return Request("m", HELLO, Sampling(**sampling), tools=(WEATHER,))


def test_functions_are_offered_to_chat_models_only() -> None:
    assert wire.body(offered())["tools"] == (WEATHER,)
    assert "tools" not in wire.body(asked())
    legacy_request = Request("m", HELLO, endpoint="completions", tools=(WEATHER,))
    assert "tools" not in wire.body(legacy_request)


def called_answer(content: object = None, calls: object = None) -> dict[str, Any]:
    message = {"content": content, "tool_calls": [CALLED] if calls is None else calls}
    return {"choices": [{"message": message, "finish_reason": "tool_calls"}]}


def test_calls_of_functions_that_were_offered_are_an_answer_without_words() -> None:
    [completion] = wire.choices(called_answer(), offered(), 0.0)
    assert (completion.text, completion.tool_calls) == ("", (CALLED,))


def test_words_beside_calls_are_kept() -> None:
    [completion] = wire.choices(called_answer("Let me look."), offered(), 0.0)
    assert (completion.text, completion.tool_calls) == ("Let me look.", (CALLED,))


def test_calls_nobody_offered_are_no_answer() -> None:
    with pytest.raises(NoText):
        wire.choices(called_answer(), asked(), 0.0)


@pytest.mark.parametrize("calls", [5, "weather", {}, [], [None, 3]])
def test_junk_in_place_of_calls_is_no_answer(calls: object) -> None:
    with pytest.raises(NoText):
        wire.choices(called_answer(calls=calls), offered(), 0.0)


def test_what_is_offered_is_part_of_the_requests_key() -> None:
    other = Request("m", HELLO, tools=({**WEATHER, "strict": True},))
    assert len({asked().key, offered().key, other.key}) == 3
