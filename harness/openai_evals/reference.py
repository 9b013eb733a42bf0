"""The only place that imports the reference package ``evals``, and so the last to be imported.

Its classes meet ours here: a completion function and a solver that ask through ``Calls``, a
registry that makes them, a recorder that keeps its events, and a guard around each sample.
"""

from __future__ import annotations

import atexit
import copy
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import evals
import evals.eval
import evals.registry
from evals.base import CompletionFnSpec, RunSpec
from evals.completion_fns.solver_completion_fn import SolverCompletionFn
from evals.prompt.base import Prompt
from evals.record import RecorderBase
from evals.solvers.providers.openai.openai_solver import OpenAISolver
from evals.solvers.solver import SolverResult

from harness.errors import ProviderError, RegistryError
from harness.messages import as_messages
from harness.openai_evals.calls import Calls, Ending, Stopped
from harness.openai_evals.marks import Recorded, completion_of, score_of
from harness.records import Completion, Endpoint, Failure, Messages, Request, Sampling
from harness.registry.third_party import require_bridge

EVAL = evals.Eval
EVAL_CODE = "eval_code"
"""The kind of failure that third-party code brings on itself."""

ROUTED = "evals.solvers.providers.openai.openai_solver:OpenAISolver"
LINKED = f"{__name__}:LinkedSolver"
"""What stands for ``ROUTED`` in a spec, wherever it is nested."""

USAGE = ("completion_tokens", "prompt_tokens", "total_tokens")
"""The counts that the reference adds up at the end of a run."""

set_max_samples = evals.eval.set_max_samples


# --- who is asked --------------------------------------------------------------------


class LinkedFn(SolverCompletionFn):  # type: ignore[misc] # the reference has no types
    """A model as a completion function; as a solver where an eval wants one (``solver``)."""

    def __init__(self, desk: Desk, model: str, options: Mapping[str, Any], *, own: bool) -> None:
        self.desk = desk
        self.model = model
        self.options = options
        self.own = own
        self._solver: LinkedSolver | None = None

    @property
    def solver(self) -> LinkedSolver:
        """The same model as a solver."""
        if self._solver is None:
            asked = {"model": self.model, "extra_options": dict(self.options)}
            self._solver = LinkedSolver(asked, desk=self.desk, own=self.own)
        return self._solver

    def __call__(self, prompt: object, **kwargs: Any) -> LinkedResult:
        """Ask; keyword arguments are those of the API, the registry's options before them."""
        messages = _messages(prompt)
        options = {**kwargs, **self.options}
        tools = tuple(options.pop("tools", None) or ())
        request = Request(
            self.model,
            messages,
            sampling_of(options),
            endpoint=self.desk.endpoint,
            tools=tools,
        )
        completions = self.desk.ask(request, own=self.own)
        return LinkedResult(request, completions)


class LinkedResult(evals.CompletionResult):  # type: ignore[misc] # the reference has no types
    """What came back; ``raw_data`` looks like the API's answer."""

    def __init__(self, request: Request, completions: Sequence[Completion]) -> None:
        self.prompt = list(request.messages)
        self.texts = [completion.text for completion in completions]
        self.raw_data = SimpleNamespace(
            model=request.model,
            usage=_usage(completions),
            choices=[_raw_choice(i, c) for i, c in enumerate(completions)],
        )

    def get_completions(self) -> list[str]:
        """The choices' texts."""
        return list(self.texts)


class LinkedSolver(OpenAISolver):  # type: ignore[misc] # the reference has no types
    """A model as a solver: the reference's own, asked through our provider.

    The server, not a table of names, says what is too long for it.
    """

    def __init__(
        self,
        completion_fn_options: Mapping[str, Any],
        *,
        desk: Desk,
        own: bool = True,
        **options: Any,
    ) -> None:
        self.desk = desk
        self.own = own
        asked = {"extra_options": {}, **copy.deepcopy(dict(completion_fn_options))}
        super().__init__(asked, **options)

    def _get_completion_fn_cls(self, model: str) -> Callable[..., LinkedFn]:
        super()._get_completion_fn_cls(model)
        return self._fn

    def _fn(
        self, model: str, extra_options: Mapping[str, Any] | None = None, **_: object
    ) -> LinkedFn:
        return LinkedFn(self.desk, model, extra_options or {}, own=self.own)

    def _is_chat_model(self, model: str) -> bool:
        return self.desk.endpoint == "chat"

    def _perform_prechecks(self, msgs: object) -> None:
        return None

    def _make_logit_bias(self, valid_answers: list[str], model: str) -> Any:
        try:
            return super()._make_logit_bias(valid_answers, model)
        except Exception as error:
            raise RegistryError(
                f"a solver's valid_answers need the tokenizer of model {model!r}, which tiktoken "
                f"does not give ({said(error)}); remove valid_answers from the solver"
            ) from error

    @property
    def _completion_exception(self) -> type[Exception]:
        return ProviderError

    def _handle_completion_exception(self, e: ProviderError) -> SolverResult:
        """A conversation that grew too long ends with the server's words, as in the reference."""
        if not any(words in str(e) for words in TOO_LONG):
            raise e
        self.desk.forgive()
        return SolverResult(str(e), error=str(e))

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self.model)

    @property
    def model_version(self) -> str:
        """The model's name; nobody is asked for it."""
        return str(self.model)


TOO_LONG = (
    "context_length_exceeded",
    "maximum context length",
    "Please reduce your prompt",
    "'$.messages' is too long",
)


def _messages(prompt: Any) -> Messages:
    if isinstance(prompt, Prompt):
        prompt = prompt.to_formatted_prompt()
    if isinstance(prompt, str):
        return as_messages(prompt)
    if isinstance(prompt, list) and prompt and all(isinstance(item, dict) for item in prompt):
        return tuple(copy.deepcopy(prompt))
    raise RegistryError(f"a prompt has to be a text or messages, not {str(prompt)[:60]!r}")


def _usage(completions: Sequence[Completion]) -> dict[str, int] | None:
    known = [c.usage for c in completions if c.usage is not None]
    if not known:
        return None
    prompt = sum(usage.prompt_tokens for usage in known)
    completed = sum(usage.completion_tokens for usage in known)
    totals = (completed, prompt, completed + prompt)
    return dict(zip(USAGE, totals, strict=True))


def _raw_choice(index: int, completion: Completion) -> SimpleNamespace:
    calls = list(completion.tool_calls) or None
    message = SimpleNamespace(role="assistant", content=completion.text, tool_calls=calls)
    return SimpleNamespace(
        index=index,
        message=message,
        text=completion.text,
        finish_reason=completion.finish_reason,
        logprobs=completion.logprobs,
    )


RENAMED = {"max_completion_tokens": "max_tokens"}
PLAIN = frozenset(
    {
        "temperature",
        "top_p",
        "max_tokens",
        "n",
        "seed",
        "frequency_penalty",
        "presence_penalty",
    }
)
UNSENT = frozenset({"model", "user"})


def sampling_of(options: Mapping[str, Any]) -> Sampling:
    """The API's keyword arguments as a Sampling; those that it lacks are sent as they are."""
    named = {RENAMED.get(k, k): v for k, v in options.items() if v is not None and k not in UNSENT}
    fields = {name: named.pop(name) for name in PLAIN & named.keys()}
    fields["logprobs"] = _logprobs(named.pop("logprobs", None), named.pop("top_logprobs", None))
    stop = named.pop("stop", ())
    return Sampling(**fields, stop=(stop,) if isinstance(stop, str) else tuple(stop), extra=named)


def _logprobs(wanted: bool | int | None, alternatives: int | None) -> int | None:
    """A number for the legacy endpoint; true, and a number beside it, for chat."""
    if wanted is None or wanted is False:
        return None
    return alternatives or 0 if wanted is True else wanted


# --- what is recorded ----------------------------------------------------------------


class Events(RecorderBase):  # type: ignore[misc] # the reference has no types
    """A recorder that keeps its events, and finds those of a sample."""

    def __init__(self, run_spec: RunSpec) -> None:
        super().__init__(run_spec)
        atexit.unregister(self.flush_events)
        self._of_sample: dict[str, list[Recorded]] = defaultdict(list)

    def record_event(self, type: str, data: Any = None, sample_id: str | None = None) -> None:
        """Keep an event, unless its sample's recording is paused."""
        super().record_event(type, data, sample_id)
        sample = sample_id or self.current_sample_id()
        if not self.is_paused(sample) and isinstance(data, dict):
            self._of_sample[sample].append(Recorded(type, data))

    def of(self, sample_id: str) -> list[Recorded]:
        """The events of one sample."""
        return list(self._of_sample.get(sample_id, ()))

    @property
    def sample_ids(self) -> list[str]:
        """Every sample with an event, in the order of the first."""
        return list(self._of_sample)

    def lines(self, final_report: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The log in the reference's format, unwritten."""
        with self._event_lock:
            written = [vars(event) for event in self._events]
        end = {"final_report": dict(final_report), "run_id": self.run_spec.run_id}
        return [{"spec": asdict(self.run_spec)}, *written, end]


class Desk:
    """Where third-party code asks: it knows which sample a thread is at, and records."""

    def __init__(self, calls: Calls, events: Events, endpoint: Endpoint) -> None:
        self.calls = calls
        self.events = events
        self.endpoint = endpoint

    def __deepcopy__(self, memo: object) -> Desk:
        """Solvers are copied for every sample; where they ask is not."""
        return self

    def ask(self, request: Request, *, own: bool) -> tuple[Completion, ...]:
        """The choices of an answer; what was sampled is recorded for the sample."""
        sample_id = self.events.current_sample_id()
        completions = self.calls.ask(sample_id, request, own=own)
        if sample_id is not None:
            data: dict[str, Any] = {"model": request.model}
            if (usage := _usage(completions)) is not None:
                data["usage"] = usage
            texts = [completion.text for completion in completions]
            self.events.record_sampling(list(request.messages), texts, **data)
        return completions

    def forgive(self) -> None:
        """The sample goes on without the answer that it did not get."""
        self.calls.asked(self.events.current_sample_id()).failure = None


# --- what a name makes ---------------------------------------------------------------


class LinkedRegistry(evals.registry.Registry):  # type: ignore[misc] # the reference has no types
    """The reference's registry, whose plain model names are asked through us.

    Classes that a registry names, at any depth of a spec, need permission as the eval's does.
    """

    def __init__(self, roots: Sequence[Path], desk: Desk, allowed: Sequence[str]) -> None:
        super().__init__(list(roots))
        self.desk = desk
        self.allowed = tuple(allowed)
        self.own = True

    def make_completion_fn(self, name: str, **kwargs: Any) -> Any:
        """A completion function or solver of the registry, or a model of this name."""
        if name == "dummy":
            return evals.DummyCompletionFn()
        if name not in self._completion_fns and name not in self._solvers:
            return self._model(name, **kwargs)
        spec = copy.deepcopy(self.get_completion_fn(name))
        assert isinstance(spec, CompletionFnSpec)  # noqa: S101 - the name was looked up above
        place = f"'{name}'"
        described = {"class": spec.cls, "args": {**(spec.args or {}), **kwargs}}
        if spec.cls in MODEL_CLASSES:
            options = described["args"]
            return self._model(options.pop("model", name), **options)
        made = self._routed(described, place)
        return _made(made["class"], {**made["args"], "registry": self}, place)

    def _model(
        self, model: str, extra_options: Mapping[str, Any] | None = None, **ignored: object
    ) -> LinkedFn:
        for name in ("api_base", "api_key"):
            if ignored.get(name):
                raise RegistryError(f"model {model!r}: {name} is set with --base-url and the key")
        return LinkedFn(self.desk, model, extra_options or {}, own=self.own)

    def _routed(self, value: Any, place: str) -> Any:
        """A spec whose classes are allowed, with ours in place of the reference's solver."""
        if isinstance(value, list):
            return [self._routed(item, place) for item in value]
        if not isinstance(value, dict):
            return value
        inner = {k: self._routed(v, place) for k, v in value.items()}
        for processor in inner.get("postprocessors") or ():
            require_bridge(str(processor), self.allowed, place)
        if not isinstance(inner.get("class"), str):
            return inner
        if inner["class"] == ROUTED:
            link = {"desk": self.desk, "own": self.own}
            return {**inner, "class": LINKED, "args": {**(inner.get("args") or {}), **link}}
        require_bridge(inner["class"], self.allowed, place)
        return {**inner, "args": inner.get("args") or {}}

    def _load_registry(self, registry_paths: Sequence[Path], resource_type: str) -> dict[str, Any]:
        """Each folder for itself: of one name the first counts, and none breaks the others."""
        found: dict[str, Any] = {}
        for path in registry_paths:
            found = {**super()._load_registry([path], resource_type), **found}
        return found


MODEL_CLASSES = frozenset(
    f"{module}:{name}"
    for module in ("evals", "evals.completion_fns.openai")
    for name in ("OpenAIChatCompletionFn", "OpenAICompletionFn")
)


def loaded(class_name: str, place: str) -> Any:
    """Import a class that was allowed.

    Raises:
        RegistryError: its module lacks a package, breaks on import, or has no such class.
    """
    import importlib

    module, _, path = class_name.partition(":")
    try:
        found: Any = importlib.import_module(module)
    except ImportError as error:
        raise RegistryError(f"{place}: {class_name} {_lacks(error)}") from error
    except (Exception, SystemExit) as error:
        raise RegistryError(
            f"{place}: module {module} breaks when it is imported: {said(error)}"
        ) from error
    for part in path.split("."):
        if not hasattr(found, part):
            raise RegistryError(f"{place}: module {module} has no class {path!r}")
        found = getattr(found, part)
    return found


def _lacks(error: ImportError) -> str:
    """Which package an import wants."""
    name = (error.name or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) or "unknown location" in str(error):
        return f"needs the package that has module {name!r}; install it beside the harness"
    return f"cannot be imported: {said(error)}"


def _made(class_name: str, options: Mapping[str, Any], place: str) -> Any:
    kind = LinkedSolver if class_name == LINKED else loaded(class_name, place)
    return made(kind, options, place)


def made(kind: Callable[..., Any], options: Mapping[str, Any], place: str) -> Any:
    """An object of a class that was allowed.

    Raises:
        RegistryError: it refuses its options, or breaks.
    """
    try:
        return kind(**options)
    except RegistryError as error:
        raise RegistryError(f"{place}: {error}") from error
    except (Exception, SystemExit) as error:
        name = getattr(kind, "__name__", str(kind))
        raise RegistryError(f"{place}: {name} cannot be made: {said(error)}") from error


def said(error: BaseException) -> str:
    """An error on one line: its kind and the first thing it says."""
    text = " ".join(str(error).strip("* \n").split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


# --- one eval ------------------------------------------------------------------------


def eval_class(class_name: str, place: str) -> Any:
    """The class behind an allowed name.

    Raises:
        RegistryError: it cannot be imported, or is no ``evals.Eval``.
    """
    kind = loaded(class_name, place)
    if not (isinstance(kind, type) and issubclass(kind, EVAL)):
        raise RegistryError(f"{place}: {class_name} is no subclass of evals.Eval")
    return kind


FAILED = object()
"""What a sample that failed returns; an eval never sees it."""


def guard(subject: Any, desk: Desk, metrics: Sequence[str]) -> None:
    """Let a sample that raises fail alone, and write every sample down when it ends."""
    eval_sample, eval_all = subject.eval_sample, subject.eval_all_samples

    def guarded(*args: Any, **kwargs: Any) -> Any:
        sample_id = desk.events.current_sample_id()
        if sample_id is None:
            return eval_sample(*args, **kwargs)
        desk.calls.check()
        result, failure = FAILED, None
        try:
            result = eval_sample(*args, **kwargs)
        except Stopped:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever third-party code raises
            failure = Failure(EVAL_CODE, said(error))
        desk.calls.check()
        return result if settle(desk, sample_id, metrics, failure) else FAILED

    def all_that_went_well(*args: Any, **kwargs: Any) -> list[Any]:
        return [result for result in eval_all(*args, **kwargs) or [] if result is not FAILED]

    subject.eval_sample = guarded
    subject.eval_all_samples = all_that_went_well


def settle(
    desk: Desk, sample_id: str, metrics: Sequence[str], failure: Failure | None = None
) -> bool:
    """Write down how a sample ended; whether it ended well."""
    events = desk.events.of(sample_id)
    ending = Ending(score_of(events, metrics), completion_of(events), failure)
    desk.calls.settle(sample_id, ending)
    return failure is None and desk.calls.asked(sample_id).failure is None


def is_judged(kind: type) -> bool:
    """Whether the last of the completion functions of this class is a judge."""
    return any(base.__name__ == "ModelBasedClassify" for base in kind.__mro__)


@contextmanager
def one_registry(registry: LinkedRegistry) -> Iterator[LinkedRegistry]:
    """Let the package's own registry make what ours does: some evals ask it for a second model."""
    theirs = evals.registry.registry
    theirs.make_completion_fn = registry.make_completion_fn
    try:
        yield registry
    finally:
        del theirs.make_completion_fn


def run_spec(
    models: Sequence[str], eval_name: str, config: Mapping[str, Any], created_by: str
) -> RunSpec:
    """What stands at the head of a log."""
    base, _, rest = eval_name.partition(".")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return RunSpec(
            completion_fns=list(models),
            eval_name=eval_name,
            base_eval=base,
            split=rest.partition(".")[0],
            run_config=dict(config),
            created_by=created_by,
        )


def usage_totals(events: Events) -> dict[str, int]:
    """The tokens of all samplings, named as the reference names them in its final report."""
    used = [event.data["usage"] for event in events.get_events("sampling") if "usage" in event.data]
    return {f"usage_{name}": sum(usage[name] for usage in used) for name in USAGE} if used else {}
