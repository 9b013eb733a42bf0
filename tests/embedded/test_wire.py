"""Answers in the API's shapes: characters that several tokens make, and stops inside a token."""

from __future__ import annotations

from harness.embedded.answering import Answer, Question, Token, stopped, strip_leading_space
from harness.embedded.wire import Reply, chat_chunks, pieces, text_completion


def answer(*tokens: bytes) -> Answer:
    text = b"".join(tokens).decode("utf-8", "replace")
    return Answer(tuple(Token(raw, -0.5) for raw in tokens), text, "length")


def test_a_character_of_several_tokens_is_streamed_whole() -> None:
    whole = answer(b"caf", b"\xc3", b"\xa9", b" \xf0\x9f", b"\x98\x80!")
    assert [text for text, _ in pieces(whole)] == ["caf", "é", " 😀!"]
    assert [len(tokens) for _, tokens in pieces(whole)] == [1, 2, 2]


def test_a_broken_character_at_the_end_is_streamed_too() -> None:
    assert (
        "".join(text for text, _ in pieces(answer(b"a", b"\xc3"))) == "a\N{REPLACEMENT CHARACTER}"
    )


def test_a_stop_inside_a_token_cuts_the_text_and_keeps_the_token() -> None:
    cut = stopped(answer(b"one", b" two", b" three"), (" t",))
    assert (cut.text, cut.finish_reason) == ("one", "stop")
    assert [token.raw for token in cut.tokens] == [b"one"]
    cut = stopped(answer(b"one", b" two", b" three"), ("wo",))
    assert [token.raw for token in cut.tokens] == [b"one", b" two"]
    assert "".join(text for text, _ in pieces(cut)) == "one t"


def test_the_earliest_of_several_stops_counts() -> None:
    assert stopped(answer(b"a b c d"), ("d", "b")).text == "a "


def test_a_stop_at_the_very_start_leaves_nothing() -> None:
    cut = stopped(answer(b"a", b"b"), ("a",))
    assert (cut.text, cut.tokens, list(pieces(cut))) == ("", (), [])


def test_only_the_first_token_that_says_something_loses_its_space() -> None:
    tokens = [Token(b"", -1.0), Token(b" a", -1.0, top=(Token(b" b", -2.0),)), Token(b" c", -1.0)]
    strip_leading_space(tokens)
    assert [token.raw for token in tokens] == [b"", b"a", b" c"]
    assert tokens[1].top[0].raw == b"b"


def reply(*answers: Answer, top_logprobs: int | None = None) -> Reply:
    question = Question((1, 2, 3), len(answers), 8, 1.0, 1.0, None, (), top_logprobs)
    return Reply("id", 7, "m", (question,), (answers,))


def test_a_stream_begins_with_the_role_and_ends_with_the_reason() -> None:
    chunks = [chunk["choices"][0] for chunk in chat_chunks(reply(answer(b"a")))]
    assert [chunk["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "a"},
        {},
    ]
    assert [chunk["finish_reason"] for chunk in chunks] == [None, None, "length"]


def test_text_offsets_count_characters() -> None:
    choice = text_completion(reply(answer("é".encode(), b" b"), top_logprobs=0))["choices"][0]
    assert choice["logprobs"]["text_offset"] == [0, 1]


def test_usage_counts_prompts_once_and_answers_all() -> None:
    usage = text_completion(reply(answer(b"a", b"b"), answer(b"c")))["usage"]
    assert usage == {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}
