"""A judged eval: its own arguments and the rubric that it names become a grader's options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import RegistryError
from harness.records import Sampling
from harness.registry.fields import Fields

EVAL_TYPES = ("classify", "classify_cot", "cot_classify", "cot_classify_jp")
MATCHES = ("include", "exact", "endswith", "starts_or_endswith")
MOST_SHOWN = 1000
"""Completions that a judge sees together."""

FROM_MODELS = "from_models"
FROM_STRINGS = "from_strings"
MAX_TOKENS = 1024
"""What OpenAI evals gives policies and judges of judged evals, unless the eval says more."""

FindRubric = Callable[[str], "Rubric"]


@dataclass(frozen=True, slots=True)
class Rubric:
    """A ``modelgraded`` entry of a registry: what it says and where it stands."""

    raw: Any
    place: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judged eval adds to an EvalSpec."""

    args: Mapping[str, Any]
    inputs: Mapping[str, str]
    drafts: int | None
    sampling: Sampling


def judged(args: Fields, find: FindRubric) -> Judged:
    """Read the arguments of a ModelBasedClassify eval.

    Raises:
        RegistryError: an argument or the rubric cannot be used.
    """
    rubric = find(args.required_text("modelgraded_spec"))
    return _judged(args, rubric)


def _judged(args: Fields, rubric: Rubric, asked: str = "") -> Judged:
    """``asked`` is the eval's own type where it names none."""
    fields = Fields(rubric.raw, rubric.place)
    asks = args.choice("eval_type", EVAL_TYPES, asked) or None
    own_type = fields.choice("eval_type", EVAL_TYPES, "") or None
    if own_type is None and asks is None:
        raise RegistryError(
            f"{args.place}: 'eval_type' is missing (one of {', '.join(EVAL_TYPES)}); neither the"
            f" eval nor {rubric.place} says where the judge writes its choice"
        )
    drafts = _drafts(args)
    inputs = _inputs(fields)
    options = {
        "prompt": _prompt(fields),
        "choice_strings": _choice_strings(fields),
        "input_outputs": inputs,
        "eval_type": own_type or asks,
        "asks_for_choice": asks,
        "choice_scores": _choice_scores(fields),
        "match_fn": args.choice("match_fn", MATCHES, "starts_or_endswith"),
        "output_template": fields.text("output_template"),
        "n": drafts,
        "arguments": args.mapping("modelgraded_spec_args"),
        "metaeval": args.truth("metaeval"),
        "sampling": _plain(_sampling(args.inside("eval_kwargs"))),
    }
    fields.take("format_type")  # OpenAI evals carries it in a rubric, and looks at it nowhere
    fields.refuse_rest()
    return Judged(options, inputs, drafts, _sampling(args.inside("sample_kwargs")))


# --- the quality of a generation -----------------------------------------------------

RUBRIC_KEYS = ("prompt", "choice_strings", "choice_scores", "input_outputs")
"""What a rubric says that stands in the eval itself."""

NOT_HERE = ("multicomp_n", "metaeval", "sample_kwargs", "output_template")
"""What other judged evals may say, and a quality cannot mean."""


def quality(value: Any, place: str, find: FindRubric) -> dict[str, Any]:
    """The options of a generation's judge: a rubric by its name, or one that stands here.

    Raises:
        RegistryError: an option or the rubric cannot be used.
    """
    args = Fields({"modelgraded_spec": value} if isinstance(value, str) else value, place)
    for name in NOT_HERE:
        if name in args:
            raise RegistryError(f"{place}: a quality has no '{name}'; remove it")
    acceptable = args.number("acceptable", 0.0, 1.0)
    judged_answers = args.integer("judged", 1, MOST_SHOWN)
    rubric = _named_or_own(args, find)
    has_type = isinstance(rubric.raw, Mapping) and rubric.raw.get("eval_type")
    found = _judged(args, rubric, "" if has_type else "cot_classify")
    args.refuse_rest()
    if found.args["choice_scores"] is None:
        raise RegistryError(
            f"{rubric.place}: 'choice_scores' is missing; say what each choice is"
            " worth, or from_strings"
        )
    if len(found.inputs) > 1:
        raise RegistryError(
            f"{rubric.place}: input_outputs: a quality is about one prompt and"
            f" one completion, found {', '.join(found.inputs)}"
        )
    chosen = {} if acceptable is None else {"acceptable": acceptable}
    return {**found.args, **chosen, **({"judged": judged_answers} if judged_answers else {})}


def _named_or_own(args: Fields, find: FindRubric) -> Rubric:
    """The rubric that is named, or the one that stands in the eval."""
    own = {key: args.take(key) for key in RUBRIC_KEYS if key in args}
    if "modelgraded_spec" in args:
        if own:
            raise RegistryError(
                f"{args.place}: has both 'modelgraded_spec' and '{next(iter(own))}'; keep one"
            )
        try:
            return find(args.required_text("modelgraded_spec"))
        except RegistryError as error:
            raise RegistryError(f"{args.place}: {error}") from error
    if not own:
        raise RegistryError(
            f"{args.place}: names no rubric; add 'modelgraded_spec', or a 'prompt' with"
            " 'choice_strings' and 'choice_scores'"
        )
    return Rubric({"input_outputs": {"input": "completion"}, **own}, args.place)


# --- fields --------------------------------------------------------------------------


def _drafts(args: Fields) -> int | None:
    if args.peek("multicomp_n") == FROM_MODELS:
        args.take("multicomp_n")
        return None
    return args.integer("multicomp_n", 1, MOST_SHOWN) or 1


def _inputs(fields: Fields) -> dict[str, str]:
    found = fields.mapping("input_outputs")
    if not found or not all(isinstance(x, str) for pair in found.items() for x in pair):
        raise fields.wrong("input_outputs", "names of prompts and of their completions", found)
    return {str(key): str(value) for key, value in found.items()}


def _prompt(fields: Fields) -> list[dict[str, str]]:
    value = fields.take("prompt")
    if isinstance(value, str) and value:
        return [{"role": "user", "content": value}]
    if isinstance(value, list) and value and all(map(_is_message, value)):
        return value
    raise fields.wrong("prompt", "a text, or messages with role and content", value)


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(value.get(k), str) for k in ("role", "content")
    )


def _choice_strings(fields: Fields) -> str | list[str]:
    value = fields.take("choice_strings")
    if isinstance(value, str) and value:
        return value
    if isinstance(value, list) and value and all(isinstance(one, str) and one for one in value):
        return value
    raise fields.wrong("choice_strings", "texts (yes, no and numbers need quotes in YAML)", value)


def _choice_scores(fields: Fields) -> dict[str, float] | str | None:
    value = fields.take("choice_scores")
    if value is None:
        return None
    if value == FROM_STRINGS:
        return FROM_STRINGS
    if isinstance(value, dict) and value and all(map(_is_scored, value.items())):
        return {choice: float(score) for choice, score in value.items()}
    raise fields.wrong("choice_scores", "a number for each choice, or from_strings", value)


def _is_scored(pair: tuple[Any, Any]) -> bool:
    choice, score = pair
    return (
        isinstance(choice, str) and isinstance(score, int | float) and not isinstance(score, bool)
    )


def _sampling(fields: Fields) -> Sampling:
    """``sample_kwargs`` or ``eval_kwargs``: OpenAI evals sends all of these with every request."""
    max_tokens = fields.integer("max_tokens", least=1)
    temperature = fields.number("temperature", 0.0, 2.0)
    fields.take("n_samples")  # asks for more choices, of which only the first is looked at
    extra = fields.mapping("completion_kwargs")
    fields.refuse_rest()
    return Sampling(
        temperature=0.0 if temperature is None else temperature,
        top_p=1.0,
        max_tokens=MAX_TOKENS if max_tokens is None else max_tokens,
        frequency_penalty=0.0,
        presence_penalty=0.0,
        extra=extra,
    )


def _plain(sampling: Sampling) -> dict[str, Any]:
    names = ("temperature", "top_p", "max_tokens", "frequency_penalty", "presence_penalty", "extra")
    return {name: getattr(sampling, name) for name in names}
