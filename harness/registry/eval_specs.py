"""From a registry entry to an EvalSpec: which classes run natively, and how they sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from harness import extensions
from harness.errors import RegistryError, did_you_mean
from harness.records import EvalSpec, Layout, Sampling, Task
from harness.registry.fields import Fields
from harness.registry.places import cached_data, data_path, own_folder
from harness.registry.rubrics import FindRubric, judged, quality
from harness.registry.third_party import bridge_status, module_of

TASKS = ("one-answer", "open")
MOST_ANSWERS = 10_000
"""Answers to one prompt; a registry that asks for more is mistaken, or means harm."""


@dataclass(frozen=True, slots=True)
class NativeClass:
    """A class name that a grader of ours stands for, with the sampling that it implies.

    ``samples`` names the data set of a class that brings its own, ``layout`` the form of its
    samples: one prompt, several fields that are prompts, or a question with options.
    ``files`` are the options that name data files, ``rubric`` is the one that holds a rubric.
    ``answers`` is how many answers each prompt gets where the eval does not say.
    """

    grader: str
    temperature: float | None = None
    max_tokens: int | None = None
    task: Task = "one-answer"
    samples: str | None = None
    layout: Layout = "chat"
    files: tuple[str, ...] = ()
    rubric: str | None = None
    answers: int = 1


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
    "evals.elsuite.translate:Translate": NativeClass("translate", max_tokens=500),
    "evals.elsuite.multiple_choice:MultipleChoice": NativeClass(
        "match", 0.0, 1, layout="multiple_choice"
    ),
    "evals.elsuite.modelgraded.classify:ModelBasedClassify": NativeClass(
        "model_graded", layout="fields"
    ),
    "harness.graders.extraction:Extraction": NativeClass("extraction", 0.0),
    "harness.graders.style:Style": NativeClass("style", task="open"),
    "harness.graders.generation:Generation": NativeClass(
        "generation", temperature=1.0, task="open", rubric="quality", answers=10
    ),
    # Graders of OpenAI's hosted Evals, which sample as the run says.
    "harness.graders.hosted_text:StringCheck": NativeClass("string_check"),
    "harness.graders.hosted_text:TextSimilarity": NativeClass("text_similarity"),
    "harness.graders.hosted_model:ScoreModel": NativeClass("score_model"),
    "harness.graders.hosted_model:LabelModel": NativeClass("label_model"),
    "harness.graders.hosted_multi:Multi": NativeClass("multi"),
    "harness.graders.hosted_python:PythonGrader": NativeClass("python"),
    # What samples assert of their answers, as in promptfoo, which samples as its providers say.
    "harness.graders.assertions:Assertions": NativeClass("assertions"),
    "harness.graders.assertions:JudgedAssertions": NativeClass("judged_assertions"),
    "harness.graders.apibench:ApiBench": NativeClass("apibench", 0.0, files=("database",)),
    "harness.graders.calls:FunctionCalls": NativeClass("function_calls", 0.0),
}
"""How each class samples is part of its score: the defaults are those of OpenAI evals."""

EXTENSION = "extension:"
"""Opens the class of an eval whose grader another package adds."""


def native_class(name: str) -> NativeClass | None:
    """What stands for a class name: a grader of ours, or of an installed package."""
    if name.startswith(EXTENSION):
        grader = name.removeprefix(EXTENSION)
        known = extensions.names(extensions.GRADERS)
        return NativeClass(grader, temperature=0.0) if grader in known else None
    return NATIVE.get(name)


@dataclass(frozen=True, slots=True)
class Source:
    """What an EvalSpec is made of: a resolved entry and where it stands."""

    name: str
    raw: Any
    place: str
    root: Path
    file: Path
    description: str
    rubric: FindRubric
    data: tuple[Path, ...]
    cache: Path
    allowed: tuple[str, ...] = ()

    @property
    def data_roots(self) -> tuple[Path, ...]:
        """Where the entry's data may lie, in the order of looking."""
        return self.root / "data", own_folder("datasets"), *self.data


def eval_spec(source: Source) -> EvalSpec:
    """Make the spec of a natively run eval.

    Raises:
        RegistryError: its class is not run natively, a value is wrong, its data are missing.
    """
    if _through_bridge(source):
        return _bridged(source)
    fields = Fields(source.raw, source.place)
    class_name, native = _native(fields, source.allowed)
    description = fields.text("description") or source.description
    args = fields.inside("args")
    for loose in ("metrics", "disclaimer", "higher_is_better"):
        fields.take(loose)
    fields.refuse_rest()
    num_few_shot = args.integer("num_few_shot", least=0) or 0
    few_shot = _few_shot(args, num_few_shot, source)
    spec = EvalSpec(
        name=source.name,
        grader=native.grader,
        samples=Path(),
        task=cast("Task", args.choice("task", TASKS, native.task)),
        repeats=args.integer("repeats", 1, MOST_ANSWERS) or 1,
        metrics=args.texts("metrics"),
        few_shot=few_shot,
        num_few_shot=num_few_shot,
        description=description,
        source=source.file,
        layout=native.layout,
        class_name=class_name,
    )
    return READERS[native.layout](spec, args, native, source)


BRIDGE = "bridge"
"""The grader of an eval whose own class runs it."""


def _through_bridge(source: Source) -> bool:
    name = source.raw.get("class") if isinstance(source.raw, dict) else None
    if not isinstance(name, str) or name in NATIVE or name.startswith(EXTENSION):
        return False
    return bridge_status(name, source.allowed) is None


def _bridged(source: Source) -> EvalSpec:
    """An eval that writes its samples, in its run folder, while it runs."""
    args = source.raw.get("args") or {}
    return EvalSpec(
        name=source.name,
        grader=BRIDGE,
        samples=Path(),
        args=args,
        description=source.description,
        source=source.file,
        class_name=source.raw["class"],
    )


Reader = Callable[[EvalSpec, Fields, NativeClass, Source], EvalSpec]


def _with_prompts(spec: EvalSpec, args: Fields, native: NativeClass, source: Source) -> EvalSpec:
    files = _files(args, native, source)
    rubric = _rubric(args, native, source)
    sampling = _sampling(args, native, repeated=spec.repeats > 1)
    return replace(
        spec,
        samples=_samples(args, native, source),
        sampling=_different(sampling, spec, args.place) if native.answers > 1 else sampling,
        args={**files, **rubric, **args.rest()},
        files=tuple(map(Path, files.values())),
    )


def _files(args: Fields, native: NativeClass, source: Source) -> dict[str, str]:
    """The options that name data files, as whole paths."""
    return {
        name: str(
            data_path(
                args.required_text(name), source.data_roots, f"{args.place}: {name}"
            ).resolve()
        )
        for name in native.files
    }


def _rubric(args: Fields, native: NativeClass, source: Source) -> dict[str, Any]:
    """The option that holds a rubric, by name or in full."""
    if native.rubric is None or native.rubric not in args:
        return {}
    place = f"{args.place}: {native.rubric}"
    return {native.rubric: quality(args.take(native.rubric), place, source.rubric)}


def _different(sampling: Sampling, spec: EvalSpec, place: str) -> Sampling:
    """The sampling, if several answers to a prompt can differ.

    Raises:
        RegistryError: they would all be the same.
    """
    k = sampling.n * spec.repeats
    if k > 1 and sampling.temperature == 0:
        raise RegistryError(
            f"{place}: temperature 0 gives the same answer {k} times; raise it, or ask once: n: 1"
        )
    return sampling


def _with_rubric(spec: EvalSpec, args: Fields, native: NativeClass, source: Source) -> EvalSpec:
    samples = _samples(args, native, source)
    found = judged(args, source.rubric)
    args.refuse_rest()
    return replace(
        spec,
        samples=samples,
        sampling=found.sampling,
        args=found.args,
        inputs=found.inputs,
        drafts=found.drafts,
    )


def _with_options(spec: EvalSpec, args: Fields, native: NativeClass, source: Source) -> EvalSpec:
    """A question and its options; ``dataset`` is a file, or ``hf://`` where it is loaded from."""
    dataset = args.required_text("dataset")
    is_remote = dataset.startswith(HF)
    return replace(
        spec,
        samples=cached_data(source.cache, dataset)
        if is_remote
        else data_path(dataset, source.data_roots, f"{args.place}: dataset"),
        fetched_from=dataset if is_remote else None,
        instructions=args.text("instructions") or "",
        sampling=_sampling(args, native),
        args=args.rest(),
    )


HF = "hf://"
READERS: Mapping[Layout, Reader] = {
    "chat": _with_prompts,
    "fields": _with_rubric,
    "multiple_choice": _with_options,
}


def _native(fields: Fields, allowed: tuple[str, ...]) -> tuple[str, NativeClass]:
    name = fields.required_text("class")
    native = native_class(name)
    if native is None and name.startswith(EXTENSION):
        grader, known = name.removeprefix(EXTENSION), extensions.names(extensions.GRADERS)
        raise RegistryError(
            f"{fields.place}: no installed package has a grader '{grader}'"
            f"{did_you_mean(grader, known)}; install the one that has it"
        )
    if native is None:
        is_near = module_of(name) in map(module_of, NATIVE)
        near = did_you_mean(name, NATIVE) if is_near else ""
        way = bridge_status(name, allowed)
        raise RegistryError(f"{fields.place}: its class {name} is not run natively{near}; {way}")
    return name, native


def _samples(args: Fields, native: NativeClass, source: Source) -> Path:
    relative = args.text("samples_jsonl")
    place = f"{args.place}: samples_jsonl"
    if native.samples is not None and relative is None:
        return data_path(native.samples, [own_folder("registry") / "data"], place)
    if relative is None:
        raise RegistryError(f"{args.place}: 'samples_jsonl' is missing; name the samples file")
    return data_path(relative, source.data_roots, place)


def _few_shot(args: Fields, count: int, source: Source) -> Path | None:
    relative = args.text("few_shot_jsonl")
    if count == 0:
        return None
    if relative is None:
        raise RegistryError(f"{args.place}: num_few_shot needs 'few_shot_jsonl'; add the file")
    return data_path(relative, source.data_roots, f"{args.place}: few_shot_jsonl")


def _sampling(args: Fields, native: NativeClass, *, repeated: bool = False) -> Sampling:
    temperature = args.number("temperature", 0.0, 2.0)
    max_tokens = args.integer("max_tokens", least=1)
    return Sampling(
        temperature=native.temperature if temperature is None else temperature,
        top_p=args.number("top_p", 0.0, 1.0),
        max_tokens=native.max_tokens if max_tokens is None else max_tokens,
        n=args.integer("n", 1, MOST_ANSWERS) or (1 if repeated else native.answers),
        seed=args.integer("seed", least=0),
        stop=args.texts("stop"),
        logprobs=args.integer("logprobs", least=0),
    )
