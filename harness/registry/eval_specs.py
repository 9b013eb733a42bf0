"""From a registry entry to an EvalSpec: which classes run natively, and how they sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from harness.errors import RegistryError
from harness.records import EvalSpec, Sampling, Task
from harness.registry.fields import Fields
from harness.registry.places import data_path, own_folder

TASKS = ("one-answer", "open")


@dataclass(frozen=True, slots=True)
class NativeClass:
    """A class name that a grader of ours stands for, with the sampling that it implies.

    ``samples`` names the data set of a class that brings its own.
    """

    grader: str
    temperature: float | None = None
    max_tokens: int | None = None
    task: Task = "one-answer"
    samples: str | None = None


BASIC = "evals.elsuite.basic"
NATIVE: Mapping[str, NativeClass] = {
    # Match has a max_tokens of 500 in OpenAI evals, but never sends it.
    f"{BASIC}.match:Match": NativeClass("match", temperature=0.0),
    f"{BASIC}.includes:Includes": NativeClass("includes"),
    f"{BASIC}.fuzzy_match:FuzzyMatch": NativeClass("fuzzy_match", 0.0, 100),
    f"{BASIC}.json_match:JsonMatch": NativeClass("json_match", 0.0, 512),
    f"{BASIC}.json_validator:JsonValidator": NativeClass("json_validator", 0.0),
    "evals.elsuite.test.match:TestMatch": NativeClass(
        "match", 0.0, samples="test_match/samples.jsonl"
    ),
    "harness.graders.extraction:Extraction": NativeClass("extraction", 0.0),
    "harness.graders.style:Style": NativeClass("style", task="open"),
}
"""How each class samples is part of its score: the defaults are those of OpenAI evals."""


@dataclass(frozen=True, slots=True)
class Source:
    """What an EvalSpec is made of: a resolved entry and where it stands."""

    name: str
    raw: Any
    place: str
    root: Path
    file: Path
    description: str


def eval_spec(source: Source) -> EvalSpec:
    """Make the spec of a natively run eval.

    Raises:
        RegistryError: its class is not run natively, a value is wrong, its data are missing.
    """
    fields = Fields(source.raw, source.place)
    native = _native(fields)
    description = fields.text("description") or source.description
    args = fields.inside("args")
    for loose in ("metrics", "disclaimer", "higher_is_better"):
        fields.take(loose)
    fields.refuse_rest()
    num_few_shot = args.integer("num_few_shot", least=0) or 0
    few_shot = _few_shot(args, num_few_shot, source)
    return EvalSpec(
        name=source.name,
        grader=native.grader,
        samples=_samples(args, native, source),
        task=cast("Task", args.choice("task", TASKS, native.task)),
        sampling=_sampling(args, native),
        repeats=args.integer("repeats", least=1) or 1,
        metrics=args.texts("metrics"),
        few_shot=few_shot,
        num_few_shot=num_few_shot,
        description=description,
        source=source.file,
        args=args.rest(),
    )


def _native(fields: Fields) -> NativeClass:
    name = fields.required_text("class")
    native = NATIVE.get(name)
    if native is None:
        short = ", ".join(sorted({known.rpartition(":")[2] for known in NATIVE}))
        raise RegistryError(
            f"{fields.place}: its class {name} is not run natively (those that are: {short})"
        )
    return native


def _samples(args: Fields, native: NativeClass, source: Source) -> Path:
    relative = args.text("samples_jsonl")
    place = f"{args.place}: samples_jsonl"
    if native.samples is not None and relative is None:
        return data_path(native.samples, [own_folder("registry") / "data"], place)
    if relative is None:
        raise RegistryError(f"{args.place}: 'samples_jsonl' is missing; name the samples file")
    return data_path(relative, _data_roots(source), place)


def _few_shot(args: Fields, count: int, source: Source) -> Path | None:
    relative = args.text("few_shot_jsonl")
    if count == 0:
        return None
    if relative is None:
        raise RegistryError(f"{args.place}: num_few_shot needs 'few_shot_jsonl'; add the file")
    return data_path(relative, _data_roots(source), f"{args.place}: few_shot_jsonl")


def _data_roots(source: Source) -> tuple[Path, ...]:
    return source.root / "data", own_folder("datasets")


def _sampling(args: Fields, native: NativeClass) -> Sampling:
    temperature = args.number("temperature", 0.0, 2.0)
    max_tokens = args.integer("max_tokens", least=1)
    return Sampling(
        temperature=native.temperature if temperature is None else temperature,
        top_p=args.number("top_p", 0.0, 1.0),
        max_tokens=native.max_tokens if max_tokens is None else max_tokens,
        n=args.integer("n", least=1) or 1,
        seed=args.integer("seed", least=0),
        stop=args.texts("stop"),
        logprobs=args.integer("logprobs", least=0),
    )
