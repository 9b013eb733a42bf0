"""Texts with ``{{item.name}}`` and ``{{sample.output_text}}`` in them, as hosted graders use.

The language is only this: a namespace, then ``.name``, ``.0``, ``[0]`` or ``["name"]`` as often
as needed. There are no expressions, so a template from anybody can be rendered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from harness.errors import RegistryError
from harness.graders.structured import NotJson, parsed
from harness.messages import content_text
from harness.records import Completion, Sample

NAMESPACES = ("item", "sample")
PLACE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
STEP = re.compile(
    r"""\.(?P<name>[^\W\d][\w-]*) | \.(?P<index>\d{1,9}) | \[(?P<at>-?\d{1,9})\]
    | \[(?P<quote>['"])(?P<key>[^'"]*)(?P=quote)\]""",
    re.VERBOSE,
)
WRITTEN_BY_THE_MODEL = ("output_json", "output_tools", "choices")
"""What of ``sample`` depends on what the model wrote: a gap there is the answer's fault."""

Step = str | int


class Missing(Exception):
    """A template names something that is not there; the message says what.

    ``by_the_model`` says that the answer should have held it: it is no JSON, say.
    """

    def __init__(self, message: str, by_the_model: bool) -> None:
        super().__init__(message)
        self.by_the_model = by_the_model


@dataclass(frozen=True, slots=True)
class Path:
    """One name in braces: ``sample.output_json.rows[0]``, and the steps that it stands for."""

    text: str
    steps: tuple[Step, ...]

    @property
    def of_item(self) -> bool:
        """Whether it is known before any model has answered."""
        return self.steps[0] == "item"


@dataclass(frozen=True, slots=True)
class Template:
    """A text whose names in braces are filled from a Scope; ``parts`` alternate in its order."""

    text: str
    parts: tuple[str | Path, ...] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Template:
        """Read a template; the same text gives the same object.

        Raises:
            RegistryError: what stands in braces is no name of ``item`` or ``sample``.
        """
        return _parsed(text)

    @property
    def of_item(self) -> bool:
        """Whether all its names are known before any model has answered."""
        return all(part.of_item for part in self.parts if isinstance(part, Path))

    def render(self, scope: Scope) -> str:
        """The text with every name filled in.

        Raises:
            Missing: a name that the scope does not hold.
        """
        return "".join(
            part if isinstance(part, str) else as_text(scope.value(part)) for part in self.parts
        )


def render_all(texts: Iterable[str], scope: Scope) -> list[str]:
    """Several templates at once; what the item lacks is found before what the answer lacks.

    So a fault of the data is one for every model, whatever it answered.

    Raises:
        Missing: a name that the scope does not hold.
    """
    templates = [Template.parse(text) for text in texts]
    for part in (part for template in templates for part in template.parts):
        if isinstance(part, Path) and part.of_item:
            scope.value(part)
    return [template.render(scope) for template in templates]


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Template:
    parts: list[str | Path] = []
    end = 0
    for found in PLACE.finditer(text):
        parts += [text[end : found.start()], path(found[1])]
        end = found.end()
    parts.append(text[end:])
    return Template(text, tuple(part for part in parts if part != ""))


def path(text: str) -> Path:
    """The name that stands between braces.

    Raises:
        RegistryError: not a name of ``item`` or ``sample``.
    """
    bare = text.strip()
    namespace = next((name for name in NAMESPACES if bare.startswith(name)), "")
    steps: list[Step] = [namespace]
    position = len(namespace)
    while namespace and (step := STEP.match(bare, position)):
        steps.append(_step(step))
        position = step.end()
    if not namespace or position < len(bare):
        raise RegistryError(
            f"'{{{{{text}}}}}' is no name to fill in; write {{{{item.NAME}}}} or"
            " {{sample.output_text}}, with .NAME or [0] to go deeper"
        )
    return Path(bare, tuple(steps))


def _step(found: re.Match[str]) -> Step:
    number = found["index"] or found["at"]
    return int(number) if number is not None else found["name"] or found["key"] or ""


def as_text(value: Any) -> str:
    """A value inside a text: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# --- what the names stand for --------------------------------------------------------


@dataclass(frozen=True)
class Scope:
    """What a template may name: the item, and the model's answer unless there is none yet."""

    item: Mapping[str, Any]
    sample: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, sample: Sample, completion: Completion) -> Scope:
        """The names of one answer to one sample."""
        return cls(item_of(sample), answer_of(completion))

    def value(self, path: Path) -> Any:
        """What a name stands for.

        Raises:
            Missing: nothing is there.
        """
        value: Any = {"item": self.item, "sample": self.sample}
        for step in path.steps:
            try:
                value = _inside(value, step)
            except (KeyError, IndexError, TypeError) as error:
                by_the_model = path.steps[0] == "sample" and path.steps[1] in WRITTEN_BY_THE_MODEL
                owner = "the answer" if by_the_model else f"this {path.steps[0]}"
                raise Missing(f"{owner} has no {path.text}", by_the_model) from error
        return value


def _inside(value: Any, step: Step) -> Any:
    if isinstance(value, Mapping):
        return value[step] if step in value else value[str(step)]
    if isinstance(value, list | tuple) and isinstance(step, int):
        return value[step]
    raise TypeError


def item_of(sample: Sample) -> Mapping[str, Any]:
    """The item behind a sample: its field ``item``; without one, its own fields.

    Then ``item.ideal`` is the first expected answer and ``item.input`` the last message's text.
    """
    item = sample.metadata.get("item")
    if isinstance(item, Mapping):
        return item
    ideal = {"ideal": sample.ideal[0]} if sample.ideal else {}
    asked = {"input": content_text(sample.messages[-1].get("content"))} if sample.messages else {}
    return {**sample.metadata, **asked, **ideal}


def answer_of(completion: Completion) -> dict[str, Any]:
    """The answer as hosted graders see it; ``output_json`` only where it is JSON."""
    calls = [dict(call) for call in completion.tool_calls]
    message = {"role": "assistant", "content": completion.text, "tool_calls": calls}
    choice = {"index": 0, "message": message, "finish_reason": completion.finish_reason}
    answer = {"output_text": completion.text, "output_tools": calls, "choices": [choice]}
    try:
        return {**answer, "output_json": parsed(completion.text)}
    except NotJson:
        return answer
