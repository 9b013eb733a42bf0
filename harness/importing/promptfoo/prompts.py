"""The prompts of a configuration, and what one of them says to a model."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import yaml

from harness.importing.promptfoo.files import FILE, YAML_ENDINGS, Folder, LeftOut, yaml_value
from harness.importing.promptfoo.templates import (
    Values,
    as_json,
    in_prompt,
    rendered,
    rendered_inside,
    whole_or_raw,
)
from harness.records import Messages

Told = Callable[[str, str], None]
"""Takes what was left out and why."""

DELIMITER = "---"
ELSEWHERE = ("exec:", "portkey://", "langfuse://", "helicone://", "http://", "https://")
ROLES = ("system", "developer", "user", "assistant", "tool", "function")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt's template; ``names`` are those by which tests may choose it."""

    raw: str
    short: str
    names: tuple[str, ...] = ()

    def messages(self, values: Values, prefix: str = "", suffix: str = "") -> Messages:
        """What is asked of a model for one test, its variables resolved already.

        Raises:
            LeftOut: a template that computes something.
        """
        text = f"{prefix}{self.raw}{suffix}"
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError):
            return messages_in(whole_or_raw(text, in_prompt(values)))
        whole = rendered_inside(parsed, values)
        return _chat(whole) or _asked(rendered(text, values))


def messages_in(text: str) -> Messages:
    """Messages where a text holds some, as JSON or YAML, else the text as the user's."""
    try:
        if text.strip().startswith("- role:"):
            return _chat(yaml_value(text)) or _asked(text)
        return _chat(json.loads(text)) or _asked(text)
    except (ValueError, yaml.YAMLError, RecursionError):
        return _asked(text)


def _asked(text: str) -> Messages:
    return ({"role": "user", "content": text},)


def _chat(value: Any) -> Messages:
    """A list of messages; none where it is something else.

    Raises:
        LeftOut: messages with something that is no text.
    """
    if not isinstance(value, list) or not value:
        return ()
    if not all(isinstance(one, Mapping) and one.get("role") in ROLES for one in value):
        return ()
    if not all(isinstance(one.get("content"), str) for one in value):
        raise LeftOut("a message of the prompt is no text")
    return tuple({"role": one["role"], "content": one["content"]} for one in value)


def read_prompts(raw: Any, folder: Folder, told: Told) -> list[Prompt]:
    """Every prompt that can be taken over, each with a short name of its own."""
    found: list[Prompt] = []
    for one, label in _listed(raw):
        try:
            found += _read(one, label, folder)
        except LeftOut as reason:
            told(f"prompt {label or one[:40]!r}", str(reason))
    return list(_distinct(found))


def _listed(raw: Any) -> Iterator[tuple[str, str | None]]:
    """Each prompt's text or file, and its label."""
    if isinstance(raw, str):
        raw = [raw]
    if isinstance(raw, Mapping):
        raw = [{"raw": text, "label": label} for text, label in raw.items()]
    for one in raw if isinstance(raw, list) else ():
        if isinstance(one, Mapping):
            text, label = one.get("raw") or one.get("id"), one.get("label") or one.get("id")
        else:
            text, label = one, None
        if isinstance(text, str):
            yield text, label if isinstance(label, str) else None


def _read(text: str, label: str | None, folder: Folder) -> list[Prompt]:
    if text.startswith(ELSEWHERE):
        raise LeftOut("it comes from elsewhere: a program or a service")
    if not _names_files(text, folder):
        return [Prompt(text, slug(label or ""), _names(label, text))]
    return [prompt for name in folder.matching(text) for prompt in _in_file(name, label, folder)]


def _names_files(text: str, folder: Folder) -> bool:
    """Whether a prompt is the name of a file: it says so, or there is one."""
    if text.startswith(FILE):
        return True
    if "\n" in text or "{{" in text or len(text) > 300:
        return False
    if " " not in text and re.search(r"\.\w{1,4}(:\w+)?$", text):
        return True
    try:
        return any(folder.home.glob(text)) if "*" in text else False
    except (ValueError, NotImplementedError, OSError):
        return False


def _in_file(name: str, label: str | None, folder: Folder) -> list[Prompt]:
    path = PurePosixPath(name)
    short = slug(label or path.stem)
    if path.suffix == ".txt":
        parts = [part.strip() for part in _parts(folder.text(name))]
        return [Prompt(part, short, _names(label, name)) for part in parts if part]
    if path.suffix in (".json", *YAML_ENDINGS):
        values = folder.values(name)
        if FILE in json.dumps(values, default=str):
            raise LeftOut(f"{name} names further files")
        return [Prompt(as_json(values), short, _names(label, name))]
    if path.suffix in (".md", ".j2"):
        return [Prompt(folder.text(name), short, _names(label, name))]
    folder.path(name)
    raise LeftOut(f"prompts in files such as {path.name} are not read")


def _parts(text: str) -> Iterator[str]:
    """The prompts of a text file: between lines of three dashes."""
    part: list[str] = []
    for line in text.splitlines():
        if line.strip() == DELIMITER:
            yield "\n".join(part)
            part = []
        else:
            part.append(line)
    yield "\n".join(part)


def _names(*names: str | None) -> tuple[str, ...]:
    return tuple(name for name in names if name)


def slug(text: str, longest: int = 40) -> str:
    """A name for files and evals out of any text."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:longest].strip("-")


def _distinct(prompts: Sequence[Prompt]) -> Iterator[Prompt]:
    """The same prompts, none of them called like another."""
    taken: set[str] = set()
    for number, one in enumerate(prompts, 1):
        wanted = one.short or f"prompt-{number}"
        short, again = wanted, 2
        while short in taken:
            short, again = f"{wanted}-{again}", again + 1
        taken.add(short)
        yield Prompt(one.raw, short, one.names)
