"""From one record of anybody's file to the answers that it holds, and the prompt they answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from harness.errors import DatasetError, did_you_mean
from harness.messages import content_text, dialogue_text

ANSWERS = (
    "generations",
    "generation",
    "completions",
    "completion",
    "generated_text",
    "outputs",
    "output",
    "responses",
    "response",
    "answers",
    "answer",
    "predictions",
    "prediction",
    "texts",
    "text",
    "content",
)
"""Fields that hold answers, the surest names first: a text beside a completion is its prompt."""

PROMPTS = ("prompt", "input", "question", "instruction", "query", "problem")
IDS = ("prompt_id", "sample_id", "custom_id", "id")
"""Fields that say which prompt was answered: its words, or its name."""

CHAT = ("messages", "conversations")
SHOWN_FIELDS = 8

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """The answers of one record; None where the record says that there is none.

    ``key`` tells prompts apart, ``asked`` is a prompt's words; None where the record is silent.
    """

    texts: tuple[str | None, ...]
    key: str | None = None
    asked: str | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the answers and the prompt stand in each record of a file.

    A path is field names with dots between; None: not looked for in a field.
    """

    answers: str | None = None
    prompt: str | None = None
    chat: str | None = None
    kind: str = "texts"

    @classmethod
    def of(cls, record: object, field: str | None = None, prompt: str | None = None) -> Layout:
        """The layout that a file's first record shows; given paths count first.

        Raises:
            DatasetError: no known field holds answers.
        """
        if not isinstance(record, Mapping):
            listed = isinstance(record, list)
            return cls(field, kind="lists of answers, one a prompt" if listed else "texts")
        prompt = prompt or named(record, PROMPTS) or named(record, IDS)
        if field:
            return cls(field, prompt)
        if choices_of(record) is not None:
            return cls(None, prompt, kind="answers of an API")
        if failure_of(record) is not None:
            return cls(None, prompt, kind="answers of an API")
        answers = named(record, ANSWERS)
        chat = named(record, CHAT)
        if answers and (answers.casefold() != "content" or not chat) and answers != prompt:
            return cls(answers, prompt)
        if chat:
            return cls(chat=chat, prompt=named(record, PROMPTS))
        raise DatasetError(
            f"no field with answers among {field_names(record)}; name it with --field"
        )

    def __str__(self) -> str:
        """How the file is read, in words."""
        if self.chat:
            return f"the last assistant message of '{self.chat}'"
        return f"field '{self.answers}'" if self.answers else self.kind

    @property
    def grouped_by(self) -> str:
        """What tells prompts apart; "" where nothing does."""
        if self.prompt:
            return f"'{self.prompt}'"
        return f"the other messages of '{self.chat}'" if self.chat else ""

    def read(self, record: object) -> Answered:
        """The answers and the prompt of a record.

        Raises:
            DatasetError: the record lacks them; the message says how to repair it.
        """
        if not isinstance(record, Mapping):
            if self.answers:
                raise DatasetError(f"not an object with '{self.answers}'")
            return Answered(tuple(answers_in(record)))
        key, asked = self._prompt(record)
        if self.chat:
            return chat_answer(value_at(record, self.chat), key, asked)
        if self.answers:
            return Answered(tuple(answers_in(value_at(record, self.answers))), key, asked)
        choices = choices_of(record)
        if choices is None:
            raise DatasetError("holds no answer")
        return Answered(tuple(choices), key, asked)

    def _prompt(self, record: Record) -> tuple[str | None, str | None]:
        if not self.prompt:
            return None, None
        value = value_at(record, self.prompt)
        words = prompt_words(value)
        if not words:
            raise DatasetError(f"'{self.prompt}' is empty; say which prompt was answered")
        return words, None if self.prompt.casefold() in IDS else words


def named(record: Record, names: Sequence[str]) -> str | None:
    """The record's own spelling of the first of these names that it has."""
    own = {str(key).strip().casefold(): str(key) for key in record}
    return next((own[name] for name in names if name in own), None)


def value_at(record: Record, path: str) -> Any:
    """The value at a path: field names, or numbers of list items, with dots between.

    Raises:
        DatasetError: nothing is there.
    """
    if path in record:
        return record[path]
    value: Any = record
    for name in path.split("."):
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            known = [str(key) for key in value] if isinstance(value, Mapping) else []
            raise DatasetError(f"has no '{path}'{did_you_mean(name, known)}")
    return value


def field_names(record: Record) -> str:
    """The first fields of a record, to be shown; those of inner objects by their paths."""
    paths = list(islice(leaf_paths(record), SHOWN_FIELDS + 1))
    shown = ", ".join(f"'{path}'" for path in paths[:SHOWN_FIELDS]) or "none"
    return shown + (", ..." if len(paths) > SHOWN_FIELDS else "")


def leaf_paths(record: Record, above: str = "") -> Iterator[str]:
    """The paths of all values that are no objects."""
    for key, value in record.items():
        path = f"{above}{key}"
        if isinstance(value, Mapping) and value:
            yield from leaf_paths(value, f"{path}.")
        else:
            yield path


def prompt_words(value: object) -> str:
    """A prompt as one text: itself, or its messages; a number as it is written."""
    if isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
        return dialogue_text(value)
    if isinstance(value, Mapping):
        inner = named(value, (*CHAT, *PROMPTS, "content", "text"))
        return prompt_words(value[inner]) if inner else str(dict(value))
    return "" if value is None else str(value)


# --- answers -------------------------------------------------------------------------


def answers_in(value: object) -> Iterator[str | None]:
    """All answers that a value holds, however deep."""
    if value is None or isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from answers_of(value)
    elif isinstance(value, list):
        yield from answers_of_list(value)
    else:
        yield str(value)


def answers_of(record: Record) -> Iterator[str | None]:
    """The answers of an object within a record.

    Raises:
        DatasetError: no known field holds one.
    """
    choices = choices_of(record)
    if choices is not None:
        yield from choices
        return
    inner = named(record, ("message", "body", *ANSWERS, *CHAT))
    if inner is None:
        raise DatasetError(
            f"no field with answers among {field_names(record)}; name it with --field"
        )
    yield from answers_in(record[inner])


def answers_of_list(values: Sequence[object]) -> Iterator[str | None]:
    """The answers of a list: each its own, but one for messages, and one for parts of a text."""
    objects = [value for value in values if isinstance(value, Mapping)]
    if objects and all("role" in one or "from" in one for one in objects):
        yield from chat_answer(values, None, None).texts
    elif objects and all("type" in one and "message" not in one for one in objects):
        yield content_text(objects)
    else:
        for value in values:
            yield from answers_in(value)


def choices_of(record: Record) -> list[str | None] | None:
    """All choices of an API's answer, alone or in a line of a batch; None where it is none."""
    response = record.get("response")
    if isinstance(response, Mapping) and "body" in response:
        return choices_of(response["body"]) if isinstance(response["body"], Mapping) else None
    listed = record.get("choices")
    if isinstance(listed, list):
        return [choice_text(choice) for choice in listed]
    output = record.get("output")
    if record.get("object") == "response" and isinstance(output, list):
        said = [one for one in output if isinstance(one, Mapping) and one.get("type") == "message"]
        return [content_text(one.get("content")) for one in said] or [None]
    return None


def choice_text(choice: object) -> str | None:
    """What one choice says: a refusal's words too; None where it has no words."""
    if not isinstance(choice, Mapping):
        return None
    message = choice.get("message")
    if not isinstance(message, Mapping):
        text = choice.get("text")
        return text if isinstance(text, str) else None
    return content_text(message.get("content")) or message.get("refusal") or None


def failure_of(record: Record) -> str | None:
    """What a line of a batch says about its failure; None where it is none."""
    error = record.get("error") if "custom_id" in record else None
    response = record.get("response")
    if not error and isinstance(response, Mapping):
        body = response.get("body")
        error = body.get("error") if isinstance(body, Mapping) else None
    if not error:
        return None
    message = error.get("message") if isinstance(error, Mapping) else error
    return str(message)


SPEAKERS = frozenset({"assistant", "gpt", "model", "bot"})


def chat_answer(messages: object, key: str | None, asked: str | None) -> Answered:
    """The last assistant message, and what was said before it as the prompt.

    Raises:
        DatasetError: no messages, or none by the assistant at the end.
    """
    if not isinstance(messages, list) or not all(isinstance(one, Mapping) for one in messages):
        raise DatasetError("the messages are no list of messages")
    last = messages[-1] if messages else {}
    if str(last.get("role", last.get("from"))).casefold() not in SPEAKERS:
        raise DatasetError("the last message is not the assistant's: there is no answer")
    said = content_text(last.get("content", last.get("value"))) or None
    before = dialogue_text([standard(one) for one in messages[:-1]]) if key is None else asked
    return Answered((said,), key if key is not None else before, before)


def standard(message: Record) -> Record:
    """A message with the names of the chat format."""
    if "role" in message:
        return message
    return {"role": message.get("from", ""), "content": message.get("value", "")}
