"""The bridge: other people's eval classes and solvers run on our models, journal and report.

Their code runs in threads of its own; every call that it makes comes back to our event loop
(``calls.py``). Nothing of theirs is imported before their module was allowed by name.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from harness.errors import RegistryError
from harness.models.base import Provider
from harness.models.secrecy import without_secrets
from harness.openai_evals import bridge_files
from harness.openai_evals.bridge_files import REPORT, FinalReport, as_json
from harness.openai_evals.calls import Calls, Run, Stopped
from harness.openai_evals.marks import ideal_of
from harness.openai_evals.terms import Terms
from harness.prompts import models_of
from harness.records import EvalSpec, Failure, Outcome, Sample
from harness.registry import Registry
from harness.registry.third_party import require_bridge
from harness.running.journal import Journal, latest
from harness.running.runner import Tally, stopped_by_sigterm, synced

if TYPE_CHECKING:
    from harness.openai_evals.reference import Desk, Events

MOST_THREADS = 64

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BridgedEval:
    """An eval that its own class runs.

    ``root`` is the registry folder that it stands in, ``roots`` are all of them; ``allowed`` the
    modules whose classes may be imported, ``metrics`` what its registry calls its metrics.
    """

    name: str
    class_name: str
    place: str
    root: Path
    roots: tuple[Path, ...] = ()
    args: Mapping[str, Any] = field(default_factory=dict)
    allowed: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    description: str = ""

    def spec(self, folder: Path) -> EvalSpec:
        """What a manifest and a report hold of it; its samples are written by its run."""
        return EvalSpec(
            name=self.name,
            grader=bridge_files.GRADER,
            samples=bridge_files.samples_path(folder, self.name),
            args={"class": self.class_name, **self.args},
            description=self.description,
        )


def bridged(registry: Registry, name: str, allowed: Sequence[str]) -> BridgedEval:
    """The eval of this name, to be run by its own class. Nothing is imported.

    Raises:
        RegistryError: unknown, or its class may not or cannot run here; both steps are named.
    """
    listing = registry.describe(name)
    spec = listing.spec
    place = spec.place
    raw = spec.raw if isinstance(spec.raw, dict) else {}
    class_name = raw.get("class")
    if not isinstance(class_name, str):
        raise RegistryError(f"{place}: 'class' is missing; name the class that runs it")
    require_bridge(class_name, allowed, place)
    args = registry.with_args(raw).get("args") or {}
    if not isinstance(args, dict):
        raise RegistryError(f"{place}: 'args' has to be a mapping")
    return BridgedEval(
        name=spec.name,
        class_name=class_name,
        place=place,
        root=spec.root,
        roots=registry.roots,
        args=args,
        allowed=tuple(allowed),
        metrics=_metrics(registry, spec.name),
        description=listing.description,
    )


def _metrics(registry: Registry, name: str) -> tuple[str, ...]:
    """What the eval, or the base name before its first dot, says that it measures."""
    for known in (name, name.partition(".")[0]):
        entry = registry.entries().get(known)
        listed = entry.raw.get("metrics") if entry and isinstance(entry.raw, dict) else None
        if isinstance(listed, list):
            return tuple(map(str, listed))
    return ()


def check_bridged(entry: BridgedEval) -> None:
    """Import the eval's class, so that what it lacks is said before the first call.

    Raises:
        RegistryError: it cannot be imported, or is no ``evals.Eval``.
    """
    with _surroundings(entry, Terms()):
        from harness.openai_evals.reference import eval_class

        eval_class(entry.class_name, entry.place)


async def run_bridged(
    entry: BridgedEval,
    model: str,
    provider: Provider,
    journal: Journal,
    terms: Terms = Terms(),  # noqa: B008 - frozen
) -> Tally:
    """Let an eval run itself on one model, or on several with commas between.

    The caller has entered ``provider``. Every sample becomes one outcome, every call a line
    under ``<eval>#calls``; a run that is called again asks only what was not answered.

    Raises:
        RegistryError: its class cannot be made, or it broke before its first sample.
        ProviderError: a fatal one; RunStopped: SIGTERM came; RunFolderError: a full disk.
    """
    tally = terms.tally or Tally()
    limits, judge, observer = terms.limits, terms.judge, terms.observer
    run = Run(entry.name, model, provider, journal, limits, judge, observer, tally)
    done = _finished(run)
    if done is not None:
        tally.skipped += done
        return tally
    calls = Calls(run)
    stage = _Stage(entry, terms, calls)
    with stopped_by_sigterm():
        async with synced(journal):
            try:
                played = await _in_thread(stage.play)
            except Stopped:
                raise calls.fatal or Stopped from None
            finally:
                calls.stop()
            _write(entry, run, terms, played)
    return tally


def _finished(run: Run) -> int | None:
    """How many samples an earlier run has settled, if it came to its end."""
    path, holds = run.journal.path, run.journal.holds
    reports = list(latest(path, run.eval + REPORT, run.model))
    if not any(report.failure is None for report in reports):
        return None
    settled = list(latest(path, run.eval, run.model))
    if not all(holds((o.eval, o.model, o.sample_id, o.repeat, o.request_key)) for o in settled):
        return None
    return len(settled)


# --- the thread ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Played:
    """What a run of third-party code left behind: its report, samples and log."""

    report: Mapping[str, Any]
    samples: tuple[Sample, ...]
    log: tuple[str, ...]
    failure: Failure | None = None


@dataclass(frozen=True)
class _Stage:
    """What third-party code is given to run with. All of it happens in one thread."""

    entry: BridgedEval
    terms: Terms
    calls: Calls

    def play(self) -> Played:
        """Build the eval, run it, and gather what it recorded."""
        with _surroundings(self.entry, self.terms):
            from harness.openai_evals import reference

            events = reference.Events(self._run_spec())
            desk = reference.Desk(self.calls, events, self.terms.endpoint)
            with reference.one_registry(self._registry(desk)) as registry:
                subject = self._subject(registry)
                reference.guard(subject, desk, self.entry.metrics)
                report, failure = self._run(subject, desk, events)
                log = [as_json(line) for line in events.lines(report)]
        return Played(report, tuple(self._samples(events)), tuple(log), failure)

    def _registry(self, desk: Desk) -> Any:
        from harness.openai_evals import reference

        roots = [root for root in (self.entry.root, *self.entry.roots) if root.is_dir()]
        return reference.LinkedRegistry(list(dict.fromkeys(roots)), desk, self.entry.allowed)

    def _subject(self, registry: Any) -> Any:
        from harness.openai_evals import reference

        kind = reference.eval_class(self.entry.class_name, self.entry.place)
        names = list(models_of(self.calls.run.model))
        judge = self.terms.judge
        fns = [registry.make_completion_fn(name) for name in names]
        registry.own = False
        if judge is not None and len(names) == 1 and reference.is_judged(kind):
            fns.append(registry.make_completion_fn(judge.model))
        given = {
            "completion_fns": fns,
            "seed": self.terms.seed,
            "name": self.entry.name,
            "eval_registry_path": self.entry.root,
            "registry": registry,
        }
        return reference.made(kind, {**given, **self.entry.args}, self.entry.place)

    def _run(
        self, subject: Any, desk: Desk, events: Events
    ) -> tuple[Mapping[str, Any], Failure | None]:
        """The eval's own report; None of it where it breaks after its samples."""
        from harness.openai_evals import reference

        failure, report = None, {}
        try:
            report = dict(subject.run(events) or {})
        except Stopped:
            raise
        except (Exception, SystemExit) as error:
            self.calls.check()
            failure = Failure(reference.EVAL_CODE, reference.said(error))
            if not self.calls.settled:
                raise RegistryError(
                    f"{self.entry.place}: {self.entry.class_name} broke before its first sample: "
                    f"{failure.message}"
                ) from error
        self.calls.check()
        for sample_id in events.sample_ids:
            if sample_id not in self.calls.settled:
                reference.settle(desk, sample_id, self.entry.metrics)
        usage = reference.usage_totals(events)
        return {**report, **{k: v for k, v in usage.items() if k not in report}}, failure

    def _samples(self, events: Events) -> Iterator[Sample]:
        for sample_id in sorted(self.calls.settled):
            messages = self.calls.asked(sample_id).messages
            yield Sample(sample_id, messages, ideal_of(events.of(sample_id)))

    def _run_spec(self) -> Any:
        from harness.openai_evals import reference

        names = list(models_of(self.calls.run.model))
        config = {
            "completion_fns": names,
            "eval_spec": {
                "cls": self.entry.class_name,
                "registry_path": str(self.entry.root),
                "args": dict(self.entry.args),
                "key": self.entry.name,
            },
            "seed": self.terms.seed,
            "max_samples": self.terms.max_samples,
            "command": without_secrets(self.terms.command),
            "initial_settings": {"visible": self.terms.max_samples is None},
        }
        return reference.run_spec(names, self.entry.name, config, self.terms.created_by)


async def _in_thread(work: Callable[[], T]) -> T:
    """Run it in a thread that does not outlive the program, whatever it hangs on."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is None:
            done.set_result(result)  # type: ignore[arg-type] # a result, where there is no error
        else:
            done.set_exception(error)

    def play() -> None:
        try:
            outcome: tuple[T | None, BaseException | None] = (work(), None)
        except BaseException as error:  # noqa: BLE001 - it is raised again where it is awaited
            outcome = (None, error)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, *outcome)

    threading.Thread(target=play, name="bridge", daemon=True).start()
    return await done


@contextmanager
def _surroundings(entry: BridgedEval, terms: Terms) -> Iterator[None]:
    """What the reference reads from its environment and its globals, set for one run.

    The key is a dummy for the client that its registry builds on import and never uses; what
    the user has set stays as it is.
    """
    threads = min(terms.limits.concurrency, MOST_THREADS)
    wanted = {
        "OPENAI_API_KEY": "none",
        "EVALS_THREADS": str(threads),
        "EVALS_SHOW_EVAL_PROGRESS": "",
    }
    missing = {name: value for name, value in wanted.items() if name not in os.environ}
    with ONE_AT_A_TIME:
        os.environ.update(missing)
        try:
            with _imported(entry) as set_max_samples:
                set_max_samples(terms.max_samples)
                try:
                    yield
                finally:
                    set_max_samples(None)
        finally:
            for name in missing:
                os.environ.pop(name, None)


ONE_AT_A_TIME = threading.Lock()
"""The reference keeps its limits in globals: one eval runs at a time."""


@contextmanager
def _imported(entry: BridgedEval) -> Iterator[Callable[[int | None], None]]:
    """The reference package, imported; it is not read before an eval wants it."""
    require_bridge(entry.class_name, entry.allowed, entry.place)
    try:
        from harness.openai_evals import reference
    except ImportError as error:
        missing = error.name or str(error)
        raise RegistryError(
            f"{entry.place}: the reference package cannot be imported without {missing!r}; "
            "pip install 'finetune-harness[evals]'"
        ) from error
    yield reference.set_max_samples


# --- what it leaves ------------------------------------------------------------------


def _write(entry: BridgedEval, run: Run, terms: Terms, played: Played) -> None:
    """The samples, the log, and last the report, which says that the eval is finished."""
    folder = run.journal.path.parent
    bridge_files.add_samples(bridge_files.samples_path(folder, entry.name), played.samples)
    bridge_files.write_log(terms.log or bridge_files.log_path(folder, entry.name), played.log)
    report = FinalReport(run.model, played.report, played.failure)
    outcome = report.outcome(entry.name)
    if not run.journal.holds((*_who(outcome), outcome.request_key)):
        run.journal.append(outcome)


def _who(outcome: Outcome) -> tuple[str, str, str, int]:
    return outcome.eval, outcome.model, outcome.sample_id, outcome.repeat
