import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.embedded.tokenizer import ASSISTANT, SYSTEM, USER, Tokenizer

TOKENIZER = Tokenizer([" hello", " world", "world", ",", '":', " ."])


@settings(deadline=None)  # a busy machine is no failure
@given(st.text())
def test_any_text_comes_back_as_it_was(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


@settings(deadline=None)  # a busy machine is no failure
@given(st.text())
def test_no_text_becomes_a_special_token(text: str) -> None:
    assert min(TOKENIZER.encode(text), default=99) > ASSISTANT


def test_a_known_word_is_one_token_at_the_start_and_inside() -> None:
    first, second = TOKENIZER.encode("hello hello")
    assert first == second
    assert TOKENIZER.token_bytes(first) == b" hello"


def test_a_word_without_a_space_before_it_is_another_token() -> None:
    assert TOKENIZER.encode("hello world")[1] != TOKENIZER.encode("hello,world")[-1]


def test_an_unknown_word_becomes_its_bytes() -> None:
    assert b"".join(map(TOKENIZER.token_bytes, TOKENIZER.encode("Ünknown"))) == " Ünknown".encode()


def test_half_a_surrogate_pair_becomes_a_question_mark() -> None:
    assert TOKENIZER.decode(TOKENIZER.encode("a\ud800b")) == "a?b"


def test_broken_utf_8_decodes_to_a_replacement_character() -> None:
    assert TOKENIZER.decode(TOKENIZER.encode("ü")[:-1]) == "\ufffd"


def test_special_tokens_say_nothing() -> None:
    assert TOKENIZER.decode([SYSTEM, TOKENIZER.end]) == ""


def test_only_what_the_assistant_says_is_scored_with_its_end() -> None:
    ids, scored = TOKENIZER.chat(
        [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "world"}]
    )
    end = TOKENIZER.end
    assert ids == [
        USER,
        *TOKENIZER.encode("hello"),
        end,
        ASSISTANT,
        *TOKENIZER.encode("world"),
        end,
    ]
    assert scored == [0, 0, 0, 0, 1, 1]


def test_an_answer_of_weight_zero_is_context_only() -> None:
    _, scored = TOKENIZER.chat([{"role": "assistant", "content": "hello", "weight": 0}])
    assert not any(scored)


def test_a_prompt_ends_where_the_assistant_begins() -> None:
    messages = [{"role": "user", "content": "hello"}]
    assert TOKENIZER.prompt(messages) == [*TOKENIZER.chat(messages)[0], ASSISTANT]
    assert TOKENIZER.prompt([]) == [ASSISTANT]


@pytest.mark.parametrize("role", ["developer", "tool", "", None, 7])
def test_an_unknown_role_speaks_as_the_system(role: object) -> None:
    assert TOKENIZER.chat([{"role": role, "content": "hello"}])[0][0] == SYSTEM


def test_text_parts_are_joined_and_other_parts_say_nothing() -> None:
    parts = [
        {"type": "text", "text": "hello"},
        {"type": "image_url", "image_url": {"url": "data:,"}},
        {"type": "text", "text": " world"},
        "stray",
    ]
    assert TOKENIZER.chat([{"role": "user", "content": parts}]) == TOKENIZER.chat(
        [{"role": "user", "content": "hello world"}]
    )


@pytest.mark.parametrize("message", [{}, {"role": "user"}, {"role": "user", "content": None}])
def test_a_message_without_content_is_empty(message: dict[str, object]) -> None:
    assert TOKENIZER.chat([message])[0][1:] == [TOKENIZER.end]


def test_the_commonest_pieces_of_texts_become_words() -> None:
    made = Tokenizer.of_texts(["a b, a", "a c"], least=2)
    assert made.words == (" a",)
