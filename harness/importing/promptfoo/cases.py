"""The tests of a configuration: their variables in all combinations, and what they assert."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any

from harness.errors import DatasetError
from harness.graders.assertions import CHECKS, RUBRIC
from harness.importing.promptfoo.files import FILE, YAML_ENDINGS, Folder, LeftOut
from harness.importing.promptfoo.templates import Values, as_json, resolved, texts_in

Json = Mapping[str, Any]
Told = Callable[[str, str], None]

MOST_CASES = 200_000
CODE_OPTIONS = ("transform", "postprocess", "transformVars", "storeOutputAs", "responseFormat")
CHANGED_BY = ("assertScoringFunction", "providerOutput", "provider")
LISTS = ("contains-any", "contains-all", "icontains-any", "icontains-all")


@dataclass(frozen=True, slots=True)
class Case:
    """One test with one value for each variable; ``values`` are resolved."""

    id: str
    values: Values
    asserted: Sequence[Any]
    threshold: float | None = None
    prefix: str = ""
    suffix: str = ""
    prompts: tuple[str, ...] | None = None
    description: str | None = None
    metadata: Json = field(default_factory=dict)

    def asks(self, names: Sequence[str]) -> bool:
        """Whether a prompt of these names is asked."""
        if self.prompts is None:
            return True
        return any(
            wanted == name or _group(wanted, name) for wanted in self.prompts for name in names
        )


def _group(wanted: str, name: str) -> bool:
    """``group`` and ``group:*`` mean every prompt whose label begins with ``group:``."""
    return name.startswith(f"{wanted.removesuffix('*').removesuffix(':')}:")


def read_cases(config: Json, folder: Folder, told: Callable[[str], Told]) -> Iterator[Case]:
    """Every test that can be taken over; ``told(test)`` takes what was left out of it."""
    default = _default(config.get("defaultTest"), folder, told("the default test"))
    count = 0
    tests = list(_listed(config.get("tests"), folder, told("the tests")))
    if config.get("tests") is None and not tests:
        tests = [{}]
    for number, test in enumerate(tests, 1):
        tell = told(str(number))
        try:
            yield from (found := list(_cases(str(number), test, default, folder)))
        except LeftOut as reason:
            tell("the whole test", str(reason))
            continue
        count += len(found)
        if count > MOST_CASES:
            raise DatasetError(f"{folder.home}: more than {MOST_CASES:,} tests; split them")


def _default(raw: Any, folder: Folder, told: Told) -> Json:
    try:
        value = folder.values(raw) if isinstance(raw, str) else raw
    except LeftOut as reason:
        told("all of it", str(reason))
        return {}
    return value if isinstance(value, Mapping) else {}


def _listed(raw: Any, folder: Folder, told: Told) -> Iterator[Json]:
    """Every test, those in files too."""
    for one in raw if isinstance(raw, list) else [raw]:
        try:
            if isinstance(one, str):
                for name in folder.matching(one):
                    yield from _in_file(name, folder)
            elif isinstance(one, Mapping):
                if "path" in one:
                    raise LeftOut(f"{one['path']}: tests that are made by code are not run")
                yield one
        except LeftOut as reason:
            told(f"tests {str(one)[:60]!r}", str(reason))


def _in_file(name: str, folder: Folder) -> Iterator[Json]:
    values = folder.values(name)
    if name.endswith(".csv"):
        yield from map(_of_row, values)
        return
    for one in values if isinstance(values, list) else [values]:
        if isinstance(one, str) and one.startswith(FILE):
            raise LeftOut(f"{name} names further files")
        if isinstance(one, Mapping):
            yield one


def _cases(number: str, test: Json, default: Json, folder: Folder) -> Iterator[Case]:
    options = {**_mapping(default.get("options")), **_mapping(test.get("options"))}
    _refuse_code(test, default, options)
    own = () if _mapping(test.get("options")).get("disableDefaultAsserts") is True else default
    listed = [*_list(_mapping(own).get("assert")), *_list(test.get("assert"))]
    values = {**_variables(default, folder), **_variables(test, folder)}
    made = [values] if options.get("disableVarExpansion") else _combinations(values, folder)
    threshold = test.get("threshold", default.get("threshold"))
    prompts = test.get("prompts", default.get("prompts"))
    for place, one in enumerate(combined := list(made), 1):
        yield Case(
            number if len(combined) == 1 else f"{number}.{place}",
            resolved({key: _loaded(key, value, folder) for key, value in one.items()}),
            listed,
            threshold if isinstance(threshold, int | float) else None,
            _text(options.get("prefix")),
            _text(options.get("suffix")),
            tuple(map(str, prompts)) if isinstance(prompts, list) else None,
            test["description"] if isinstance(test.get("description"), str) else None,
            {**_mapping(default.get("metadata")), **_mapping(test.get("metadata"))},
        )


def _refuse_code(test: Json, default: Json, options: Json) -> None:
    """Refuse what would change the answer or the mark by code, or ask somebody else."""
    code = next((key for key in CODE_OPTIONS if options.get(key)), None)
    if code:
        raise LeftOut(f"its option '{code}' has no equal here")
    other = next((key for key in CHANGED_BY if test.get(key) or default.get(key)), None)
    if other:
        raise LeftOut(f"its '{other}' has no equal here")


def _variables(test: Json, folder: Folder) -> Json:
    raw = test.get("vars")
    if isinstance(raw, str | list):
        found: dict[str, Any] = {}
        for reference in [raw] if isinstance(raw, str) else raw:
            for name in folder.matching(str(reference)):
                found |= _mapping(folder.values(name))
        return found
    return _mapping(raw)


def _combinations(values: Json, folder: Folder) -> Iterator[dict[str, Any]]:
    """Lists of texts mean one test for each of them; files with stars one for each file."""
    choices = [_choices(value, folder) for value in values.values()]
    for found in islice(product(*choices), MOST_CASES + 1):
        yield dict(zip(values, found, strict=True))


def _choices(value: Any, folder: Folder) -> list[Any]:
    if isinstance(value, str) and value.startswith(FILE):
        return [f"{FILE}{name}" for name in folder.matching(value)]
    if isinstance(value, list) and value and isinstance(value[0], str):
        return value
    return [value]


def _loaded(key: str, value: Any, folder: Folder) -> Any:
    """A variable's value, read from its file where it names one."""
    if not isinstance(value, str) or not value.startswith(FILE):
        return value
    try:
        if value.endswith(YAML_ENDINGS):
            return as_json(folder.values(value))
        return folder.text(value).strip()
    except LeftOut as reason:
        raise LeftOut(f"its variable '{key}': {reason}") from reason


def _mapping(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


# --- rows of a table -----------------------------------------------------------------

EXPECTED = "__expected"
OPTIONS: Mapping[str, str] = {"__prefix": "prefix", "__suffix": "suffix"}
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
WRITTEN = re.compile(r"(not-)?([a-z][a-z-]*)(?:\((\d+(?:\.\d+)?)\))?(?::(.*))?", re.DOTALL)
RUBRICS = ("grade:", "llm-rubric:")
CODE = ("javascript:", "fn:", "eval:", "python:", FILE)
OTHER_TYPES = frozenset(
    (
        *("answer-relevance", "bleu", "classifier", "context-faithfulness", "context-recall"),
        *("contains-html", "contains-json", "contains-sql", "contains-xml", "context-relevance"),
        *("cost", "factuality", "finish-reason", "g-eval", "gleu", "guardrails", "is-html"),
        *("is-refusal", "is-sql", "is-valid-function-call", "is-xml", "javascript", "latency"),
        *("meteor", "model-graded-closedqa", "model-graded-factuality", "moderation"),
        *("perplexity", "perplexity-score", "python", "rouge-n", "similar", "webhook"),
    )
)
"""Assertions of promptfoo that have no equal here, to tell their names from a text."""

LEVENSHTEIN_OF_A_ROW, THRESHOLD_OF_A_ROW = "levenshtein", 0.75


def _of_row(row: Mapping[str, str]) -> Json:
    """A test out of a row: columns are variables, those with two underscores say more."""
    own = {key: value for key, value in row.items() if not key.startswith("__")}
    expected = [v for k, v in row.items() if k.startswith(EXPECTED) and v.strip()]
    metric = row.get("__metric") or None
    test: dict[str, Any] = {
        "vars": own,
        "assert": [{**written(value.strip()), "metric": metric} for value in expected],
        "options": {ours: row[theirs] for theirs, ours in OPTIONS.items() if row.get(theirs)},
    }
    if row.get("__description"):
        test["description"] = row["__description"]
    if NUMBER.fullmatch(row.get("__threshold", "").strip()):
        test["threshold"] = float(row["__threshold"])
    if row.get("__providerOutput"):
        test["providerOutput"] = row["__providerOutput"]
    for key in row:
        if key.startswith("__config:"):
            test["assertScoringFunction"] = key
    return test


def written(text: str) -> Json:
    """An assertion that is written as one text, such as ``contains-any: a, b``."""
    if text.startswith(RUBRICS):
        return {"type": RUBRIC, "value": text.partition(":")[2]}
    if text.startswith(CODE):
        return {"type": "javascript" if not text.startswith("python:") else "python"}
    found = WRITTEN.fullmatch(text)
    if not found or found[2] not in (*CHECKS, *OTHER_TYPES):
        return {"type": "equals", "value": text}
    kind, threshold, value = f"{found[1] or ''}{found[2]}", found[3], found[4]
    if found[2] in LISTS:
        return {"type": kind, "value": list(texts_in(value or ""))}
    made: dict[str, Any] = {"type": kind}
    if value is not None:
        made["value"] = value if found[2] == "is-json" else value.strip()
    if found[2] == LEVENSHTEIN_OF_A_ROW:
        made["threshold"] = float(threshold) if threshold else THRESHOLD_OF_A_ROW
    return made
