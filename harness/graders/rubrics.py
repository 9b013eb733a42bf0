"""Rendering what a judge is asked: templates with ``{name}`` filled from a sample.

Templates come from registries and may be anybody's: only plain names are filled in, never
attributes or items of values, and no field may be padded to a width.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from harness.errors import RegistryError
from harness.messages import dialogue_text
from harness.records import Message, Messages

# Judges answer differently to other words, so these are word for word those of OpenAI evals.
ANSWER_PROMPTS: Mapping[str, str] = {
    "classify": (
        "Answer the question by printing only a single choice from {choices} (without quotes or"
        " punctuation) corresponding to the correct answer with no other text."
    ),
    "classify_cot": (
        "First, answer by printing a single choice from {choices} (without quotes or punctuation)"
        " corresponding to the correct answer. Then, from the next line, explain your reasonings"
        " step by step."
    ),
    "cot_classify": (
        "First, write out in a step by step manner your reasoning to be sure that your conclusion"
        " is correct. Avoid simply stating the correct answer at the outset. Then print only a"
        " single choice from {choices} (without quotes or punctuation) on its own line"
        " corresponding to the correct answer. At the end, repeat just the answer by itself on a"
        " new line.\n\nReasoning:"
    ),
    "cot_classify_jp": (
        "まず、一歩一歩あなたの推論を書き出してください。単に正しい答えを最初に述べることを避けて"
        "ください。次に、{choices}（引用符や句読点なし）から正しい答えに対応する1つの選択肢を単独の"
        "行に書きだしてください。最後に、答えだけを新しい行に繰り返してください。\n\n推論："
    ),
}
"""What is asked behind a rubric, by eval type."""


def named_fields(template: str) -> tuple[str, ...]:
    """The names that a template fills in.

    Raises:
        RegistryError: a broken template, or a field that is more than a name.
    """
    return tuple(name for _, name, _, _ in _parsed(template) if name)


@lru_cache(maxsize=256)
def _parsed(template: str) -> tuple[tuple[str, str | None, str | None, str | None], ...]:
    try:
        pieces = tuple(string.Formatter().parse(template))
    except ValueError as error:
        raise RegistryError(
            f"not a template ({error}): {_start(template)}; double the braces meant as text"
        ) from error
    for _, name, width, conversion in pieces:
        if name is not None and (not name.isidentifier() or width or conversion):
            raise RegistryError(
                f"'{{{name}{conversion or ''}{width or ''}}}' in a template: only plain names"
                " in braces are filled in; double the braces meant as text"
            )
    return pieces


def filled(template: str, values: Mapping[str, Any]) -> str:
    """The template with each name replaced by its value's text.

    Raises:
        RegistryError: a broken template, or a name that has no value.
    """
    texts: list[str] = []
    for literal, name, _, _ in _parsed(template):
        texts.append(literal)
        if name is not None:
            texts.append(_text_of(name, values, template))
    return "".join(texts)


def _text_of(name: str, values: Mapping[str, Any], template: str) -> str:
    if name not in values:
        raise RegistryError(
            f"the template needs '{name}', which neither the sample nor the eval's"
            f" modelgraded_spec_args have: {_start(template)}"
        )
    return str(as_text(values[name]))


def as_text(value: Any) -> Any:
    """A conversation as one text; any other value as it is."""
    if isinstance(value, list) and all(isinstance(message, dict) for message in value):
        return dialogue_text(value)
    return value


def filled_messages(messages: Sequence[Message], values: Mapping[str, Any]) -> Messages:
    """Messages with the templates in their contents filled."""
    return tuple(
        {**message, "content": filled(message["content"], values)}
        if isinstance(message.get("content"), str)
        else message
        for message in messages
    )


def scrubbed(prompt: Any) -> Any:
    """A prompt with its braces doubled.

    OpenAI evals shows judges the inputs of a sample in this form, so ours see it too.
    """
    if isinstance(prompt, str):
        return prompt.replace("{", "{{").replace("}", "}}")
    if isinstance(prompt, list):
        return [
            {**message, "content": scrubbed(message["content"])}
            if isinstance(message, dict) and isinstance(message.get("content"), str)
            else message
            for message in prompt
        ]
    return prompt


def quoted_choices(choices: Sequence[str]) -> str:
    """``"Yes" or "No"``, as it stands in the question to the judge."""
    return " or ".join(f'"{choice}"' for choice in choices)


def _start(template: str, limit: int = 60) -> str:
    text = " ".join(template.split())
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")
