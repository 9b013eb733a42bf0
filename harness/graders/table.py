"""Which grader a name in the registry means, and how its options are checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.errors import RegistryError, did_you_mean
from harness.graders.apibench import ApiBench
from harness.graders.base import Grader, Judge
from harness.graders.bridged import Bridged
from harness.graders.calls import FunctionCalls
from harness.graders.extraction import Extraction
from harness.graders.generation import QUALITY, Generation
from harness.graders.hosted_model import LabelModel, ScoreModel
from harness.graders.hosted_multi import Multi, nested_graders
from harness.graders.hosted_python import PythonGrader
from harness.graders.hosted_text import StringCheck, TextSimilarity
from harness.graders.model_graded import ModelGraded
from harness.graders.options import checked_options, field_names
from harness.graders.structured import JsonMatch, JsonValidator
from harness.graders.style import Style
from harness.graders.text import FuzzyMatch, Includes, Match
from harness.graders.translate import Translate
from harness.records import EvalSpec

GRADERS: Mapping[str, type[Grader]] = {
    "match": Match,
    "includes": Includes,
    "fuzzy_match": FuzzyMatch,
    "json_match": JsonMatch,
    "json_validator": JsonValidator,
    "extraction": Extraction,
    "style": Style,
    "generation": Generation,
    "apibench": ApiBench,
    "function_calls": FunctionCalls,
    "model_graded": ModelGraded,
    "translate": Translate,
    "string_check": StringCheck,
    "text_similarity": TextSimilarity,
    "score_model": ScoreModel,
    "label_model": LabelModel,
    "multi": Multi,
    "python": PythonGrader,
    "bridge": Bridged,
}


JUDGE = "judge"
"""The field of graders that ask a model; it is no option of the registry."""


ALLOWED = "allowed"
"""The field of graders that run a stranger's code; only who starts a run can set it."""

PYTHON = "python"
"""What has to be allowed before Python code out of a registry is run."""


def needs_judge(spec: EvalSpec) -> bool:
    """Whether marking this eval asks a model."""
    return any(_asks(kind, spec) for kind in _kinds(spec) if kind is not Multi)


def _asks(kind: type[Grader], spec: EvalSpec) -> bool:
    """A generation eval asks a judge only where a quality is asked for."""
    return JUDGE in field_names(kind) and (kind is not Generation or QUALITY in spec.args)


def needs_code(spec: EvalSpec) -> bool:
    """Whether marking this eval runs code that stands in the registry."""
    return PythonGrader in _kinds(spec)


def _kinds(spec: EvalSpec) -> list[type[Grader]]:
    """The grader's class, and those of the graders nested in it."""
    nested = nested_graders(spec.args.get("graders")) if spec.grader == "multi" else {}
    names = (spec.grader, *(str(one.get("type")) for one in nested.values()))
    return [GRADERS[name] for name in names if name in GRADERS]


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
