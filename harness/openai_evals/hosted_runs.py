"""From saved hosted runs to samples, answers and marks: what was asked, said and scored."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.errors import RegistryError
from harness.graders.hosted import GRADE, SIMILARITY
from harness.graders.hosted_model import prompt_text
from harness.graders.templates import Missing, Scope, Template, path
from harness.openai_evals.hosted_files import (
    Json,
    Saved,
    SavedObject,
    mapping,
    mappings,
    number,
)
from harness.records import Completion, Failure, Message, Messages, Sample, Score, Usage

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
RAW_DETAIL = {"text_similarity": SIMILARITY, "score_model": GRADE, "python": GRADE}
"""What a grader's number is called here, by the hosted type of those that have one."""

UNKNOWN_MODEL = "unknown"


@dataclass(frozen=True, slots=True)
class Row:
    """One item of a run's data, and what became of it where that was saved."""

    item: Json
    given: Json = field(default_factory=dict)
    output: SavedObject | None = None


@dataclass(frozen=True, slots=True)
class HostedRun:
    """One run: its model, how it asked, its rows. ``keys`` say which row is which sample."""

    saved: SavedObject
    rows: tuple[Row, ...]

    @property
    def id(self) -> str:
        """The API's id."""
        return self.saved.text("id")

    @property
    def name(self) -> str:
        """What its owner called it."""
        return str(self.saved.data.get("name") or self.id)

    @property
    def source(self) -> Json:
        """Where its data came from and how a model was asked."""
        return self.saved.mapping("data_source")

    @property
    def model(self) -> str:
        """The model that answered."""
        outputs = (row.output.mapping("sample").get("model") for row in self.rows if row.output)
        named = (self.saved.data.get("model"), self.source.get("model"), *outputs)
        return next((str(name) for name in named if isinstance(name, str) and name), UNKNOWN_MODEL)

    @property
    def has_outputs(self) -> bool:
        """Whether any output item was saved."""
        return any(row.output for row in self.rows)

    def keys(self) -> list[str]:
        """What tells the rows apart in every run: the item, and which of equal ones it is."""
        texts = [json.dumps(row.item, sort_keys=True, default=str) for row in self.rows]
        seen: Counter[str] = Counter()
        keys = []
        for text in texts:
            seen[text] += 1
            keys.append(f"{seen[text]}:{text}")
        return keys


def hosted_run(saved: Saved, run: SavedObject) -> HostedRun:
    """A run with its rows: from its output items, else from the data that it names."""
    items = saved.items_of(run.text("id"))
    if items:
        return HostedRun(
            run, tuple(Row(*_item(one.mapping("datasource_item")), one) for one in items)
        )
    source = mapping(run.mapping("data_source").get("source"))
    rows = mappings(source.get("content")) or _uploaded(saved, source)
    return HostedRun(run, tuple(Row(*_item(row)) for row in rows))


def _uploaded(saved: Saved, source: Json) -> list[Json]:
    """The lines of the data file with the id that the run names; the only file if there is one."""
    wanted = str(source.get("id") or "")
    named = [rows for file, rows in saved.rows.items() if wanted and wanted in file.name]
    candidates = named or list(saved.rows.values())
    is_file = source.get("type") == "file_id"
    return candidates[0] if is_file and len(candidates) == 1 else []


def _item(row: Json) -> tuple[Json, Json]:
    """The item itself, and the sample that a row of data brought along."""
    if isinstance(row.get("item"), dict) and row.keys() <= {"item", "sample"}:
        return row["item"], mapping(row.get("sample"))
    return row, {}


# --- what was asked ------------------------------------------------------------------


def prompt_of(run: HostedRun, row: Row) -> Messages:
    """What a model was asked for a row, as far as it was saved; () where it was not."""
    asked = mapping(run.source.get("input_messages"))
    known = _sent(row) or _templated(asked, row.item) or _referenced(asked, row.item)
    if known:
        return known
    value = row.item.get("input")
    if isinstance(value, str) and value:
        return ({"role": "user", "content": value},)
    return _messages(value)


def _sent(row: Row) -> Messages:
    """The messages as they were sent."""
    return _messages(row.output.mapping("sample").get("input")) if row.output else ()


def _templated(asked: Json, item: Json) -> Messages:
    scope = Scope(item)
    messages: list[Message] = []
    for one in mappings(asked.get("template")):
        text = prompt_text(one.get("content"))
        if text is None or one.get("role") not in ROLES:
            return ()
        try:
            messages.append({"role": one["role"], "content": Template.parse(text).render(scope)})
        except (Missing, RegistryError):
            return ()
    return tuple(messages)


def _referenced(asked: Json, item: Json) -> Messages:
    try:
        return _messages(Scope(item).value(path(str(asked.get("item_reference") or ""))))
    except (Missing, RegistryError):
        return ()


def _messages(value: Any) -> Messages:
    """Messages with known roles and text; () if one of them is not."""
    messages = []
    for one in mappings(value):
        text = prompt_text(one.get("content"))
        if one.get("role") not in ROLES or text is None:
            return ()
        messages.append({"role": one["role"], "content": text})
    return tuple(messages)


def tools_of(run: HostedRun) -> list[Json]:
    """The functions that the model could call, in the wire format of chat completions."""
    tools = mappings(mapping(run.source.get("sampling_params")).get("tools"))
    return [one for one in tools if one.get("type") == "function" and "function" in one]


# --- what was said -------------------------------------------------------------------


def answer_of_row(row: Row) -> Completion | Failure | None:
    """The model's answer to a row, why there is none, or None where nothing was saved."""
    if row.output is None:
        text = row.given.get("output_text")
        return Completion(text) if isinstance(text, str) else None
    sample = row.output.mapping("sample")
    texts, calls = _said(sample.get("output"))
    error = mapping(sample.get("error"))
    if not texts and not calls and (error.get("message") or error.get("code")):
        return Failure("hosted_error", str(error.get("message") or error.get("code")))
    if not texts and not calls and isinstance(given := _given_text(row), str):
        texts = [given]
    reason = sample.get("finish_reason")
    return Completion(
        text=texts[-1] if texts else "",
        finish_reason=reason if isinstance(reason, str) and reason else None,
        usage=_usage(mapping(sample.get("usage"))),
        tool_calls=tuple(calls),
    )


def _given_text(row: Row) -> Any:
    """An answer that came with the data instead of from a model."""
    nested = row.output.mapping("datasource_item").get("sample") if row.output else None
    return mapping(nested).get("output_text") or row.given.get("output_text")


def _said(output: Any) -> tuple[list[str], list[Json]]:
    texts, calls = [], []
    for message in mappings(output):
        if (text := prompt_text(message.get("content"))) and message.get("role") != "tool":
            texts.append(text)
        calls += mappings(message.get("tool_calls"))
    return texts, calls


def _usage(usage: Json) -> Usage | None:
    prompt, completion = (usage.get(f"{name}_tokens") for name in ("prompt", "completion"))
    if isinstance(prompt, int) and isinstance(completion, int):
        return Usage(prompt, completion)
    return None


# --- how it was scored ---------------------------------------------------------------


def mark_of(row: Row, criterion: Json, criteria: Sequence[Json]) -> Score:
    """The mark that the hosted service gave a row for one criterion."""
    results = row.output.objects("results") if row.output else []
    result = _result(results, criterion, criteria)
    if result is None:
        return Score(None, reason="no result of this criterion was saved")
    raw, passed = number(result.get("score")), result.get("passed")
    detail = RAW_DETAIL.get(str(criterion.get("type")))
    if criterion.get("type") == "multi" or (detail and criterion.get("pass_threshold") is None):
        value = raw
    else:
        value = float(passed) if isinstance(passed, bool) else raw
    if value is None:
        return Score(None, reason="the saved result holds neither score nor verdict")
    details: Mapping[str, float] = {detail: raw} if detail and raw is not None else {}
    return Score(value, details=details)


def _result(results: Sequence[Json], criterion: Json, criteria: Sequence[Json]) -> Json | None:
    """The result of one criterion; where no name tells, by its place among the criteria."""
    for fits in (_same_id, _same_name, _name_and_more):
        found = [one for one in results if fits(str(one.get("name") or ""), criterion)]
        if len(found) == 1:
            return found[0]
    if len(results) == len(criteria):
        return results[[one is criterion for one in criteria].index(True)]
    return None


def _same_id(said: str, criterion: Json) -> bool:
    return said == criterion.get("id")


def _same_name(said: str, criterion: Json) -> bool:
    return said == criterion.get("name")


def _name_and_more(said: str, criterion: Json) -> bool:
    """The service puts an id of its own behind a criterion's name."""
    return bool(criterion.get("name")) and said.startswith(f"{criterion['name']}-")


# --- samples -------------------------------------------------------------------------


@dataclass(slots=True)
class SampleTable:
    """The samples of one eval: every different item of any of its runs, in order of coming."""

    lines: dict[str, dict[str, Any]] = field(default_factory=dict)
    unasked: int = 0

    def add(self, run: HostedRun) -> None:
        """Take in a run's rows; a prompt that is known stays, one that was not is filled in."""
        tools = tools_of(run)
        for key, row in zip(run.keys(), run.rows, strict=True):
            line = self.lines.setdefault(key, {"input": [], "item": row.item})
            if not line["input"]:
                line["input"] = list(prompt_of(run, row))
            if tools and "tools" not in line:
                line["tools"] = tools

    def finish(self, ideals: Iterable[Template]) -> None:
        """Give every line a prompt, and an ideal where all references of the criteria agree."""
        references = list(ideals)
        for line in self.lines.values():
            if not line["input"]:
                self.unasked += 1
                text = json.dumps(line["item"], ensure_ascii=False, default=str)
                line["input"] = [{"role": "user", "content": text}]
            found = set(_rendered(references, line["item"]))
            if len(found) == 1:
                line["ideal"] = found.pop()

    def samples(self, run: HostedRun, prefix: str) -> list[Sample]:
        """A run's samples with their ids in an eval; the prompts are the run's own."""
        places = {key: place for place, key in enumerate(self.lines)}
        return [
            _sample(self.lines[key], f"{prefix}.{places[key]}", prompt_of(run, row))
            for key, row in zip(run.keys(), run.rows, strict=True)
        ]


def _sample(line: Mapping[str, Any], id: str, asked: Messages) -> Sample:
    ideal = (line["ideal"],) if "ideal" in line else ()
    sample = Sample(id, tuple(line["input"]), ideal, metadata={"item": line["item"]})
    return replace(sample, messages=asked) if asked else sample


def _rendered(templates: Iterable[Template], item: Json) -> Iterator[str]:
    for template in templates:
        try:
            yield template.render(Scope(item))
        except Missing:
            continue
