"""From the lines of a samples file to Samples, and which of them ``--max-samples`` picks."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from harness.datasets.lines import Place, decoded, items, objects
from harness.datasets.messages import checked_messages, other_fields
from harness.errors import DatasetError, UsageError
from harness.records import Messages, Sample

KNOWN = frozenset({"input", "ideal", "cluster"})
ORDER_SEED = 123
"""The seed with which OpenAI evals shuffles samples before it cuts them to a maximum."""


def read_samples(
    path: Path, eval_name: str, *, needs_ideal: bool = True, max_samples: int | None = None
) -> Iterator[Sample]:
    """Stream the samples of a file or folder in its order.

    ``max_samples`` leaves out all but those that OpenAI evals would pick too. A sample's id
    is ``base.split.index`` with the index in the file, so ids do not depend on what is picked.

    Raises:
        DatasetError: ``file:line: what is wrong; how to repair it``.
    """
    prefix = ".".join(eval_name.split(".")[:2])
    picked = None if max_samples is None else set(ordered(count_samples(path), max_samples))
    index = -1
    for index, (place, item) in enumerate(items(path)):
        if picked is None or index in picked:
            yield _sample(decoded(item, place), f"{prefix}.{index}", place, needs_ideal)
    if index < 0:
        raise DatasetError(f"{path}: holds no samples; add a line like " + EXAMPLE)


EXAMPLE = '{"input": [{"role": "user", "content": "..."}], "ideal": "..."}'


def count_samples(path: Path) -> int:
    """How many samples a file or folder holds; nothing is decoded."""
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


def _sample(line: Mapping[str, Any], id: str, place: Place, needs_ideal: bool) -> Sample:
    ideal = _ideal(line.get("ideal"), place)
    if needs_ideal and not ideal:
        raise DatasetError(f"{place}: sample has no 'ideal'; add the expected answer")
    cluster = line.get("cluster")
    return Sample(
        id=id,
        messages=_input(line, place),
        ideal=ideal,
        cluster=None if cluster is None else str(cluster),
        metadata=other_fields(line, KNOWN),
        tools=_tools(line.get("tools"), place),
    )


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


def _input(line: Mapping[str, Any], place: Place) -> Messages:
    value = line.get("input")
    if value is None:
        found = ", ".join(f"'{key}'" for key in list(line)[:6]) or "nothing"
        raise DatasetError(f"{place}: sample has no 'input' (it has {found}); add the prompt")
    if isinstance(value, str):
        # OpenAI evals asks chat models a bare text as a system message.
        return ({"role": "system", "content": value},)
    return checked_messages(value, "input", place)


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
