"""From the lines of a samples file to Samples, and which of them ``--max-samples`` picks."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from harness.datasets.lines import Place, decoded, files, items, objects
from harness.datasets.messages import checked_messages, other_fields
from harness.errors import DatasetError, UsageError
from harness.messages import as_messages
from harness.records import DEFAULT_SEED, EvalSpec, Layout, Messages, Sample

KNOWN = frozenset({"input", "ideal", "cluster"})
ORDER_SEED = 123
"""The seed with which OpenAI evals shuffles samples before it cuts them to a maximum."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How the lines of an eval are read; ``of`` takes it from a spec.

    With the layout "fields" every one of ``inputs`` holds a prompt and a sample's metadata are
    the whole line; with "multiple_choice" the options are shuffled by ``seed`` and the id.
    """

    layout: Layout = "chat"
    needs_ideal: bool = True
    inputs: tuple[str, ...] = ()
    instructions: str = ""
    seed: int = DEFAULT_SEED

    @classmethod
    def of(cls, spec: EvalSpec, *, needs_ideal: bool) -> Reading:
        """The reading of an eval's samples."""
        return cls(spec.layout, needs_ideal, tuple(spec.inputs), spec.instructions, spec.seed)


def read_samples(
    path: Path,
    eval_name: str,
    reading: Reading = Reading(),
    *,
    max_samples: int | None = None,
) -> Iterator[Sample]:
    """Stream the samples of a file or folder in its order.

    ``max_samples`` leaves out all but those that OpenAI evals would pick too. A sample's id
    is ``base.split.index`` with the index in the file, so ids do not depend on what is picked.

    Raises:
        DatasetError: ``file:line: what is wrong; how to repair it``.
    """
    sample_of = LAYOUTS[reading.layout]
    for sample_id, place, item in picked_items(path, eval_name, max_samples):
        yield sample_of(decoded(item, place), sample_id, place, reading)


def picked_items(
    path: Path, eval_name: str, max_samples: int | None
) -> Iterator[tuple[str, Place, Any]]:
    """The ids and items of the samples that are to be read, before decoding."""
    prefix = id_prefix(eval_name)
    for index, place, item in _picked(path, max_samples):
        yield f"{prefix}.{index}", place, item


def id_prefix(eval_name: str) -> str:
    """What the ids of an eval's samples begin with; their index in the file follows."""
    return ".".join(eval_name.split(".")[:2])


def picked_starts(path: Path, max_samples: int | None) -> Iterator[tuple[int, int]]:
    """The index in the file and the first byte of each sample that is to be read."""
    return ((index, place.start) for index, place, _ in _picked(path, max_samples))


def _picked(path: Path, max_samples: int | None) -> Iterator[tuple[int, Place, Any]]:
    picked = None if max_samples is None else set(ordered(count_samples(path), max_samples))
    index = -1
    for index, (place, item) in enumerate(items(path)):
        if picked is None or index in picked:
            yield index, place, item
    if index < 0:
        raise DatasetError(f"{path}: holds no samples; add a line like " + EXAMPLE)


EXAMPLE = '{"input": [{"role": "user", "content": "..."}], "ideal": "..."}'


def count_samples(path: Path) -> int:
    """How many samples a file or folder holds; nothing is decoded."""
    return _counted(path, _states(path))


def _states(path: Path) -> tuple[tuple[int, int], ...]:
    """What changes when a file does; () where that cannot be known, and is read to be told."""
    try:
        return tuple((at.st_mtime_ns, at.st_size) for at in (f.stat() for f in files(path)))
    except OSError:
        return ()


@lru_cache(maxsize=4096)  # every reading of a part of the samples needs to know how many there are
def _counted(path: Path, states: tuple[tuple[int, int], ...]) -> int:
    return sum(1 for _ in items(path))


def ordered(count: int, max_samples: int | None = None, seed: int = ORDER_SEED) -> list[int]:
    """Indices of ``count`` samples in the order of OpenAI evals, cut to ``max_samples``."""
    if max_samples is not None and max_samples < 1:
        raise UsageError(f"at least one sample is needed, not {max_samples}")
    indices = list(range(count))
    random.Random(seed).shuffle(indices)
    return indices[:max_samples]


def read_few_shot(path: Path, count: int) -> Messages:
    """The messages of the first ``count`` worked examples, as lines ``{"sample": [...]}``."""
    messages: list[Mapping[str, Any]] = []
    for place, line in islice(objects(path), count):
        messages.extend(checked_messages(line.get("sample"), "sample", place))
    return tuple(messages)


# --- one sample ----------------------------------------------------------------------


def _chat(line: Mapping[str, Any], id: str, place: Place, reading: Reading) -> Sample:
    ideal = _ideal(line.get("ideal"), place)
    if reading.needs_ideal and not ideal:
        raise DatasetError(f"{place}: sample has no 'ideal'; add the expected answer")
    return Sample(
        id=id,
        messages=_prompt(line, "input", place),
        ideal=ideal,
        cluster=cluster_in(line),
        metadata=other_fields(line, KNOWN),
        tools=_tools(line.get("tools"), place),
    )


def _fields(line: Mapping[str, Any], id: str, place: Place, reading: Reading) -> Sample:
    """A line with several prompts, or with completions that were made before."""
    prompts = [_prompt(line, name, place) for name in reading.inputs]
    ideal = line.get("ideal")
    return Sample(
        id=id,
        messages=prompts[0],
        ideal=(ideal,) if isinstance(ideal, str) else (),
        cluster=cluster_in(line),
        metadata=line,
    )


def _multiple_choice(line: Mapping[str, Any], id: str, place: Place, reading: Reading) -> Sample:
    """A question whose options are shuffled and lettered as OpenAI evals does it."""
    question, answers, label = (line.get(key) for key in ("question", "answers", "label"))
    if not isinstance(question, str) or not isinstance(answers, list) or not answers:
        raise DatasetError(f"{place}: needs a 'question' (text) and 'answers' (a list of texts)")
    if not all(isinstance(answer, str) for answer in answers):
        raise DatasetError(f"{place}: 'answers' has to be a list of texts")
    if isinstance(label, bool) or not isinstance(label, int) or not 0 <= label < len(answers):
        raise DatasetError(f"{place}: 'label' has to be the place of the right answer, from 0")
    order = list(range(len(answers)))
    random.Random(f"{id}:{reading.seed}".encode()).shuffle(order)
    options = [f"{_letter(place)}) {answers[index]}" for place, index in enumerate(order)]
    asked = f"{reading.instructions}\n{LETTER_WANTED}\n\n{question}\n" + "\n".join(options)
    return Sample(
        id=id,
        messages=as_messages(asked),
        ideal=(_letter(order.index(label)),),
        cluster=cluster_in(line),
        metadata=line,
    )


# Word for word as in OpenAI evals: to other words a model answers differently.
LETTER_WANTED = "Please answer with the letter of the correct answer."

LAYOUTS: Mapping[Layout, Callable[[Mapping[str, Any], str, Place, Reading], Sample]] = {
    "chat": _chat,
    "fields": _fields,
    "multiple_choice": _multiple_choice,
}


def _letter(place: int) -> str:
    return chr(ord("A") + place)


def cluster_in(line: Mapping[str, Any]) -> str | None:
    """The document that a line says it shares with others."""
    cluster = line.get("cluster")
    return None if cluster is None else str(cluster)


def _prompt(line: Mapping[str, Any], name: str, place: Place) -> Messages:
    value = line.get(name)
    if value is None:
        found = ", ".join(f"'{key}'" for key in list(line)[:6]) or "nothing"
        raise DatasetError(f"{place}: sample has no '{name}' (it has {found}); add the prompt")
    return as_messages(value) if isinstance(value, str) else checked_messages(value, name, place)


def _tools(value: Any, place: Place) -> tuple[Mapping[str, Any], ...]:
    """Functions in the wire format; a field of this name that means something else is none."""
    if not isinstance(value, list) or not any(_is_tool(one) for one in value):
        return ()
    for number, one in enumerate(value, 1):
        if not _is_tool(one) or not isinstance(one["function"].get("name"), str):
            raise DatasetError(
                f"{place}: 'tools': item {number} is no function; write"
                ' {"type": "function", "function": {"name": ..., "parameters": {...}}}'
            )
    return tuple(value)


def _is_tool(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("function"), dict)


def _ideal(value: Any, place: Place) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if value is None:
        return ()
    if not isinstance(value, list):
        return (_ideal_text(value, place),)
    return tuple(_ideal_text(one, place) for one in value)


def _ideal_text(value: Any, place: Place) -> str:
    """Text as it is; an object, number or truth value as its JSON text."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, list):
        raise DatasetError(
            f"{place}: 'ideal' has to be text, a JSON object, or a list of these; a list is read"
            " as several right answers"
        )
    return json.dumps(value, ensure_ascii=False)
