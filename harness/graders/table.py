"""Which grader a name in the registry means, and how its options are checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from importlib import import_module
from typing import Any, cast

from harness import extensions
from harness.errors import ExtensionError, RegistryError, did_you_mean
from harness.graders.base import Grader, Judge
from harness.graders.generation import QUALITY
from harness.graders.options import checked_options, field_names
from harness.records import EvalSpec


@dataclass(frozen=True, slots=True)
class GraderClasses(Mapping[str, type[Grader]]):
    """Classes by name, each imported when it is asked for: a run uses one or two of them.

    Beside our own there are those of other packages (`harness.extensions`).
    """

    places: Mapping[str, str]
    """``module:Class`` within this room."""

    def __getitem__(self, name: str) -> type[Grader]:
        if name not in self.places:
            return _extension(name)
        module, _, kind = self.places[name].partition(":")
        return cast("type[Grader]", getattr(import_module(f"harness.graders.{module}"), kind))

    def __contains__(self, name: object) -> bool:
        return name in self.places or name in extensions.names(extensions.GRADERS)

    def __iter__(self) -> Iterator[str]:
        yield from self.places
        yield from (n for n in extensions.names(extensions.GRADERS) if n not in self.places)

    def __len__(self) -> int:
        return len(tuple(iter(self)))


def _extension(name: str) -> type[Grader]:
    """A grader of another package; KeyError, as mappings have it, where there is none."""
    if name not in extensions.names(extensions.GRADERS):
        raise KeyError(name)
    kind = extensions.load(extensions.GRADERS, name)
    where = extensions.origin(extensions.GRADERS, name)
    if not (isinstance(kind, type) and is_dataclass(kind) and hasattr(kind, "grade")):
        raise ExtensionError(f"{where} is no grader: {extensions.GROUPS[extensions.GRADERS]}")
    if not isinstance(getattr(kind, "needs_ideal", None), bool):
        raise ExtensionError(f"{where} does not say needs_ideal = True or False")
    return cast("type[Grader]", kind)


MULTI, GENERATION, PYTHON = "multi", "generation", "python"
"""Graders that are treated apart here. Python is also what has to be allowed by name before the
code in a registry is run."""

GRADERS = GraderClasses(
    {
        "match": "text:Match",
        "includes": "text:Includes",
        "fuzzy_match": "text:FuzzyMatch",
        "json_match": "structured:JsonMatch",
        "json_validator": "structured:JsonValidator",
        "extraction": "extraction:Extraction",
        "style": "style:Style",
        GENERATION: "generation:Generation",
        "apibench": "apibench:ApiBench",
        "function_calls": "calls:FunctionCalls",
        "model_graded": "model_graded:ModelGraded",
        "translate": "translate:Translate",
        "string_check": "hosted_text:StringCheck",
        "text_similarity": "hosted_text:TextSimilarity",
        "score_model": "hosted_model:ScoreModel",
        "label_model": "hosted_model:LabelModel",
        MULTI: "hosted_multi:Multi",
        PYTHON: "hosted_python:PythonGrader",
        "assertions": "assertions:Assertions",
        "judged_assertions": "assertions:JudgedAssertions",
        "bridge": "bridged:Bridged",
    }
)


JUDGE = "judge"
"""The field of graders that ask a model; it is no option of the registry."""


ALLOWED = "allowed"
"""The field of graders that run a stranger's code; only who starts a run can set it."""


def needs_judge(spec: EvalSpec) -> bool:
    """Whether marking this eval asks a model."""
    return any(_asks(name, spec) for name in _names(spec) if name != MULTI)


def _asks(name: str, spec: EvalSpec) -> bool:
    """A generation eval asks a judge only where a quality is asked for."""
    if JUDGE not in field_names(GRADERS[name]):
        return False
    return name != GENERATION or QUALITY in spec.args


def needs_code(spec: EvalSpec) -> bool:
    """Whether marking this eval runs code that stands in the registry."""
    return PYTHON in _names(spec)


def _names(spec: EvalSpec) -> list[str]:
    """The grader's name, and those of the graders nested in it."""
    names = [spec.grader]
    if spec.grader == MULTI:
        from harness.graders.hosted_multi import nested_graders

        nested = nested_graders(spec.args.get("graders"))
        names += [str(one.get("type")) for one in nested.values()]
    return [name for name in names if name in GRADERS]


def make_grader(
    spec: EvalSpec, judge: Judge | None = None, allow_code: frozenset[str] = frozenset()
) -> Grader:
    """The grader of an eval, with its options; without a judge one that needs it cannot mark.

    ``allow_code`` names the kinds of code that may be run, such as ``python``.

    Raises:
        RegistryError: no such grader, no such option, a value that the option does not take, or
            code that is not allowed.
    """
    place = f"{spec.source}: eval '{spec.name}'" if spec.source else f"eval '{spec.name}'"
    if needs_code(spec) and PYTHON not in allow_code:
        raise RegistryError(
            f"{place}: its grader is Python code, which runs only where you allow it; read the"
            " code, then add --allow-code python"
        )
    kind = GRADERS.get(spec.grader)
    if kind is None:
        near = did_you_mean(spec.grader, GRADERS)
        raise RegistryError(f"{place}: no grader '{spec.grader}'{near}")
    own_reader = getattr(kind, "read_options", None)
    where = f"{place}: grader '{spec.grader}'"
    options = own_reader(spec.args, where) if own_reader else _options(kind, spec, where)
    means = {JUDGE: judge, ALLOWED: PYTHON in allow_code}
    options |= {name: value for name, value in means.items() if name in field_names(kind)}
    try:
        return kind(**options)
    except RegistryError as error:
        raise RegistryError(f"{place}: {error}") from error


def _options(kind: type[Grader], spec: EvalSpec, place: str) -> dict[str, Any]:
    known = (name for name in field_names(kind) if name not in (JUDGE, ALLOWED))
    return checked_options(kind, spec.args, place, known=known)
