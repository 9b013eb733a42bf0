"""A whole configuration as evals: one for each prompt, over all tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.datasets.imported import as_lines, as_yaml
from harness.errors import DatasetError
from harness.graders.assertions import ASSERT, THRESHOLD, rubrics
from harness.importing.foreign import sampling_of
from harness.importing.promptfoo.asserted import asserted
from harness.importing.promptfoo.cases import Case, read_cases
from harness.importing.promptfoo.files import Folder, LeftOut, yaml_values
from harness.importing.promptfoo.prompts import Prompt, read_prompts, slug

Json = Mapping[str, Any]

NAMED = 5
USUAL = "promptfooconfig"
CLASS = "harness.graders.assertions:{}"
MOST_SHOWN = 40
DEEPEST_REFERENCE = 20

NOT_TAKEN: Mapping[str, str] = {
    "scenarios": "they are tests made of tables; write them as tests",
    "nunjucksFilters": "they are code",
    "extensions": "they are code",
    "derivedMetrics": "reports show each metric by itself",
    "redteam": "attacks are not made here",
}
"""Parts of a configuration that would change what is asked or marked, and why they are not here."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Who is asked there; ``model`` is its name behind an OpenAI-compatible server, if known."""

    id: str
    model: str | None = None
    base_url: str | None = None
    config: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Promptfoo:
    """What a configuration becomes: files of a registry, evals by name, and what was left out."""

    files: Mapping[str, str]
    evals: Mapping[str, int]
    judged: bool
    providers: tuple[Provider, ...]
    notes: tuple[str, ...]


@dataclass(slots=True)
class _LeftOuts:
    """What was left out and why, with the tests that it was left out of."""

    found: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)

    def of(self, test: str) -> Any:
        """Takes what was left out of one test."""

        def told(what: str, why: str) -> None:
            self.found.setdefault((what, why), {})[test] = None

        return told

    def notes(self) -> Iterator[str]:
        for (what, why), tests in self.found.items():
            numbered = [test for test in tests if test[:1].isdigit()]
            where = f" of {_listed(numbered)}" if numbered else ""
            yield f"{what} left out{where}: {why}"


def _listed(tests: Sequence[str]) -> str:
    named = ", ".join(tests[:NAMED])
    if len(tests) == 1:
        return f"test {named}"
    return f"{len(tests):,} tests ({named}{', ...' if len(tests) > NAMED else ''})"


def read_promptfoo(path: Path) -> Promptfoo:
    """Read a configuration and the files in its folder that it names; nothing of it is run.

    Raises:
        DatasetError: no configuration, or nothing in it that can be taken over.
        RegistryError: a file that cannot be read.
    """
    path = _config_file(path)
    raw = yaml_values(path)
    if not isinstance(raw, Mapping) or "prompts" not in raw:
        raise DatasetError(f"{path}: is no configuration of promptfoo (no 'prompts' in it)")
    config = _dereferenced(raw, raw)
    folder, left = Folder(path.parent), _LeftOuts()
    tell = left.of("")
    for key, why in NOT_TAKEN.items():
        if config.get(key):
            tell(f"'{key}'", why)
    prompts = read_prompts(config["prompts"], folder, tell)
    cases = list(read_cases(config, folder, left.of))
    return _made(path, config, prompts, cases, folder, left)


def _config_file(path: Path) -> Path:
    """The file itself, or the usual one of a folder."""
    if not path.is_dir():
        return path
    found = (path / f"{USUAL}{ending}" for ending in (".yaml", ".yml", ".json"))
    usual = next((one for one in found if one.is_file()), None)
    if usual is None:
        raise DatasetError(f"{path}: holds no {USUAL}.yaml; name the file")
    return usual


def _dereferenced(value: Any, root: Any, depth: int = 0) -> Any:
    """The value with every ``$ref`` to a place in the same file replaced by what stands there."""
    if depth > DEEPEST_REFERENCE * 5:
        raise DatasetError("references ($ref) of the configuration lead round in a circle")
    if isinstance(value, list):
        return [_dereferenced(one, root, depth + 1) for one in value]
    if not isinstance(value, Mapping):
        return value
    target = value.get("$ref")
    if isinstance(target, str) and target.startswith("#/"):
        rest = {key: one for key, one in value.items() if key != "$ref"}
        found = _dereferenced(_at(target, root), root, depth + DEEPEST_REFERENCE // 4)
        return {**found, **rest} if isinstance(found, Mapping) else found
    return {key: _dereferenced(one, root, depth + 1) for key, one in value.items()}


def _at(target: str, root: Any) -> Any:
    value = root
    for step in target.removeprefix("#/").split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(value, Mapping) or key not in value:
            raise DatasetError(f"the configuration has no '{target}', which a $ref names")
        value = value[key]
    return value


# --- prompts times tests -------------------------------------------------------------


@dataclass(slots=True)
class _Eval:
    """One prompt's samples so far."""

    prompt: Prompt
    lines: list[Json] = field(default_factory=list)


def _made(
    path: Path,
    config: Json,
    prompts: Sequence[Prompt],
    cases: Sequence[Case],
    folder: Folder,
    left: _LeftOuts,
) -> Promptfoo:
    evals = [_Eval(prompt) for prompt in prompts]
    for case in cases:
        marks = _marks(case, folder, left)
        for one in evals if marks else ():
            line = _line(case, one.prompt, marks, left)
            if line is not None:
                one.lines.append(line)
    kept = [one for one in evals if one.lines]
    if not kept:
        notes = "; ".join(left.notes()) or "it has no tests with assertions"
        raise DatasetError(f"{path}: nothing can be taken over: {notes}")
    name = slug(path.stem if path.stem != USUAL else path.resolve().parent.name) or "promptfoo"
    providers = tuple(_providers(config.get("providers") or config.get("targets")))
    told, sampling = list(left.notes()), _sampling(providers)
    if sampling is None:
        told.append("providers sample in different ways: say in the YAML file how, under 'args'")
    return _written(path, name, kept, config, (providers, sampling or {}, told))


def _marks(case: Case, folder: Folder, left: _LeftOuts) -> Json:
    """What a case's line says of marking; empty where nothing is left to be marked by."""
    gone: list[str] = []
    tell = left.of(case.id)

    def told(what: str, why: str) -> None:
        gone.append(what.removeprefix("assertion "))
        tell(what, why)

    listed = asserted(list(case.asserted), case.values, folder, told)
    if not listed:
        tell("the whole test", "no assertion is left")
        return {}
    threshold = {} if case.threshold is None else {THRESHOLD: case.threshold}
    return {ASSERT: listed, **threshold, **({"left_out": gone} if gone else {})}


def _line(case: Case, prompt: Prompt, marks: Json, left: _LeftOuts) -> Json | None:
    if not case.asks((*prompt.names, prompt.short)):
        return None
    try:
        messages = prompt.messages(case.values, case.prefix, case.suffix)
    except LeftOut as reason:
        left.of(case.id)(f"prompt '{prompt.short}'", str(reason))
        return None
    about = {"description": case.description} if case.description else {}
    return {"id": case.id, "input": list(messages), **marks, **about, "vars": dict(case.values)}


def _written(
    path: Path,
    name: str,
    kept: Sequence[_Eval],
    config: Json,
    about: tuple[tuple[Provider, ...], Json, list[str]],
) -> Promptfoo:
    providers, sampling, notes = about
    files: dict[str, str] = {}
    entries: dict[str, Any] = {}
    counts: dict[str, int] = {}
    judged = any(next(rubrics(line[ASSERT]), None) for one in kept for line in one.lines)
    for one in kept:
        stem = name if len(kept) == 1 else f"{name}.{one.prompt.short}"
        samples = f"{name}/{one.prompt.short}.jsonl"
        files[f"data/{samples}"] = as_lines(one.lines)
        args = {"samples_jsonl": samples, **sampling, **_repeats(config)}
        kind = "JudgedAssertions" if judged else "Assertions"
        entries[f"{stem}.v1"] = {"class": CLASS.format(kind), "args": args}
        counts[f"{stem}.v1"] = len(one.lines)
    head = f"# Made by `harness import promptfoo` from {path.name!r}\n"
    files[f"evals/{name}.yaml"] = head + as_yaml(entries)
    if judged:
        notes.append("llm-rubric asks the judge with a prompt of ours, not with promptfoo's")
    return Promptfoo(files, counts, judged, providers, tuple(notes))


def _repeats(config: Json) -> Json:
    options = config.get("evaluateOptions")
    count = options.get("repeat") if isinstance(options, Mapping) else None
    return {"repeats": count} if isinstance(count, int) and 1 < count <= 100 else {}


# --- who is asked --------------------------------------------------------------------


def _providers(raw: Any) -> Iterator[Provider]:
    for one in raw if isinstance(raw, list) else [raw]:
        if isinstance(one, Mapping) and "id" not in one and len(one) == 1:
            ((identity, settings),) = one.items()
            one = {**(settings if isinstance(settings, Mapping) else {}), "id": identity}
        if isinstance(one, str):
            yield _provider(one, {})
        elif isinstance(one, Mapping) and isinstance(one.get("id"), str):
            config = one.get("config")
            yield _provider(one["id"], config if isinstance(config, Mapping) else {})


def _provider(identity: str, config: Json) -> Provider:
    kind, _, rest = identity.partition(":")
    model = rest.removeprefix("chat:").removeprefix("responses:") if kind == "openai" else None
    url = config.get("apiBaseUrl") or config.get("baseUrl")
    return Provider(identity, model or None, url if isinstance(url, str) else None, config)


def _sampling(providers: Sequence[Provider]) -> Json | None:
    """How all providers sample, in the names of an eval; None where they differ."""
    found = [sampling_of(one.config) for one in providers]
    if any(one != found[0] for one in found):
        return None
    first = found[0] if found else sampling_of({})
    names = ("temperature", "top_p", "max_tokens", "frequency_penalty", "presence_penalty", "seed")
    return {name: value for name in names if (value := getattr(first, name)) is not None}
