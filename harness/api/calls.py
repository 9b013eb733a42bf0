"""The functions of the Python API: what the commands of the same names do, returned as objects."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.api.asked import Extent, Model, Wanted, call_text, running
from harness.api.results import Advices, GateResult, LintResult, Results
from harness.api.settings import Place, Settings
from harness.api.threads import in_async, in_sync
from harness.errors import RunFolderError, UsageError
from harness.records import Gate, Policy, Sample, Study, Task

if TYPE_CHECKING:
    from harness.finetuning.training_run import TrainingRun
    from harness.pipeline.measuring.semantics import Semantics

DEFAULTS = Settings()
"""Frozen, as all settings are: a default that no call can change."""


def load_study(source: Place, *, settings: Settings = DEFAULTS) -> Study:
    """Return a declared study: what to tune or read, which evals judge it, by which policy.

    ``source`` is a registered name such as ``"demo"``, or a YAML file, with ``#name`` behind it
    where it declares several. A registry of your own goes in with
    ``settings=harness.Settings(registry="my-registry")``.

    Example:
        >>> import harness
        >>> harness.load_study("demo").base
        'tiny-base'

    Raises:
        RegistryError: no such study, or something in it is wrong; the message says where.
    """
    with settings.naming_the_registry():
        return settings.known().study(source)


def load_run(folder: Place) -> Results:
    """Return what a run folder says (a loop's: its last round), read anew; nobody is asked.

    An unfinished run can be read, too: what is missing counts as excluded.

    Raises:
        RunFolderError: no run folder, no answers in it, or its data have changed since.
    """
    return in_sync(lambda stop: _read(Path(folder)))


# --- asking models -------------------------------------------------------------------


def run(
    what: Study | str | Sequence[str],
    model: Model | None = None,
    *,
    base_url: str | None = None,
    out: Place | None = None,
    resume: bool = False,
    overwrite: bool = False,
    repeats: int | None = None,
    max_samples: int | None = None,
    settings: Settings = DEFAULTS,
) -> Results:
    """Carry out a study, or evaluate one model on evals, and return what came of it.

    Works in scripts and in notebooks. Ctrl-C (or a notebook's stop) ends it in good order: what
    was answered is in the run folder, and the same call with ``resume=True`` goes on.

    Args:
        what: a study of ``load_study``; or evals, as patterns or the name of a set.
        model: who is evaluated on evals: a model's name (``"embedded:tiny-base"``,
            ``"recorded:answers.jsonl"``, or one of a server), or a function that takes a
            ``harness.Request`` (or the messages, where its parameter is called so) and returns
            a str or a ``harness.Completion``; it may be async. With a study, a function
            answers for all its models: ``request.model`` says for which.
        base_url: an OpenAI-compatible server, ends in /v1; None: OpenAI, or OPENAI_BASE_URL.
        out: the run folder; None: a new one in ./reports.
        resume: go on with the run in ``out``: only what is missing is asked.
        overwrite: begin anew where ``out`` holds a run already.
        repeats: answers to each prompt, one a request.
        max_samples: at most so many samples of each eval, picked as OpenAI evals does.
        settings: how to ask.

    Example:
        >>> import harness
        >>> found = harness.run("orders.heldout.v1", "embedded:tiny-base", max_samples=20)
        >>> found.metrics()[["metric", "value", "low", "high"]]

    Raises:
        UsageError: models, evals or numbers that do not fit together.
        RegistryError, DatasetError: what is named, or its data, cannot be used.
        RunFolderError: ``out`` holds another run, or an unfinished one without ``resume``.
        ProviderError: nothing was answered, or nothing more can be.
        KeyboardInterrupt: it was stopped; what was answered is kept.
    """
    extent = Extent(base_url, out, resume, overwrite, repeats, max_samples)
    work = running(_run(what, model, extent), settings)
    return in_sync(work, work.how_to_go_on)


async def run_async(
    what: Study | str | Sequence[str],
    model: Model | None = None,
    *,
    base_url: str | None = None,
    out: Place | None = None,
    resume: bool = False,
    overwrite: bool = False,
    repeats: int | None = None,
    max_samples: int | None = None,
    settings: Settings = DEFAULTS,
) -> Results:
    """The same as ``run`` for coroutines: the loop goes on while the study runs.

    An async ``model`` is awaited in the caller's own loop, so that it may use clients which
    were opened there. Cancelling the caller ends the run in good order.
    """
    extent = Extent(base_url, out, resume, overwrite, repeats, max_samples)
    home = asyncio.get_running_loop()
    return await in_async(running(_run(what, model, extent), settings, home))


def compare(
    base: Model | Path | Results,
    *tuned: Model | Path | Results,
    evals: str | Sequence[str] = (),
    base_url: str | None = None,
    out: Place | None = None,
    resume: bool = False,
    overwrite: bool = False,
    repeats: int | None = None,
    max_samples: int | None = None,
    force: bool = False,
    settings: Settings = DEFAULTS,
) -> Results:
    """Compare tuned models with their base on the same samples, with intervals and flips.

    Models (names or functions, as for ``run``) are asked; earlier runs (what ``run`` returned,
    run folders, logs of OpenAI evals) are only read: then ``evals`` may be left out, and
    ``force`` compares answers to open tasks that were sampled differently. A folder with
    several models is written as ``"FOLDER#MODEL"``.

    Raises:
        UsageError: models mixed with earlier runs, no evals, or none that all share.
        RunFolderError: a folder that cannot be read, or answers that cannot be compared.
        Others: as ``run`` does.
    """
    if all_earlier([base, *tuned]):
        return in_sync(lambda stop: _compared([base, *tuned], evals, settings, force=force))
    extent = Extent(base_url, out, resume, overwrite, repeats, max_samples)
    work = running(_contest([base, *tuned], evals, extent, force=force), settings)
    return in_sync(work, work.how_to_go_on)


async def compare_async(
    base: Model | Path | Results,
    *tuned: Model | Path | Results,
    evals: str | Sequence[str] = (),
    base_url: str | None = None,
    out: Place | None = None,
    resume: bool = False,
    overwrite: bool = False,
    repeats: int | None = None,
    max_samples: int | None = None,
    force: bool = False,
    settings: Settings = DEFAULTS,
) -> Results:
    """The same as ``compare`` for coroutines; see ``run_async``."""
    models = [base, *tuned]
    if all_earlier(models):
        return await in_async(lambda stop: _compared(models, evals, settings, force=force))
    extent = Extent(base_url, out, resume, overwrite, repeats, max_samples)
    wanted = _contest(models, evals, extent, force=force)
    return await in_async(running(wanted, settings, asyncio.get_running_loop()))


# --- conclusions ---------------------------------------------------------------------


def advise(
    source: Place | Results,
    result: Place | None = None,
    *,
    logs: Sequence[Place] = (),
    epochs: int | None = None,
    model: str | None = None,
    settings: Settings = DEFAULTS,
) -> Advices:
    """Return a diagnosis and how many epochs to train next, with the evidence.

    ``source`` is what ``run`` returned, a run folder of a study, or what training wrote: a
    saved job, a result file, ``trainer_state.json``, an output folder with ``checkpoint-*`` or
    a W&B export. A study says most; from curves alone the advice is what curves can say.
    ``result`` is the result file of a job whose object is ``source``. ``logs`` are answers beside
    curves, the base model's first; ``epochs`` and ``model`` what a
    result file does not say.

    Example:
        >>> import harness
        >>> harness.advise("reports/example").frame()[["eval", "epochs", "recommend"]]

    Raises:
        RunFolderError: nothing there, or no checkpoint with a known number of epochs.
        DatasetError, UsageError: a file that cannot be read, or options that do not fit it.
    """
    if isinstance(source, Results):
        if result is not None:
            raise UsageError("result is for a job's object, not for answers that are here")
        return _advised(source, str(source.folder or "the comparison"))
    path, table = Path(source), None if result is None else Path(result)
    for place in (path, table):
        if place is not None and not place.exists():
            raise RunFolderError(
                f"{place}: no such file or folder; give a run folder, or what training wrote"
            )
    wanted = Curves(path, table, list(map(str, logs)), epochs, model)
    return in_sync(lambda stop: _advise_on(wanted, settings))


def gate(
    *places: Place | Results,
    policy: Policy | Place | None = None,
    base: str | None = None,
    tuned: str | None = None,
    force: bool = False,
    settings: Settings = DEFAULTS,
) -> GateResult:
    """Hold answers against a policy: may this model be deployed?

    ``places`` are a run (or its folder, or a log), or two of them: base, tuned. ``policy`` is a
    Policy, a registered name such as ``"no-worse"`` or a file; None: that of ``settings``, or of
    the run's own study. ``base`` and ``tuned`` name models in a folder that holds several.
    Nothing passes on missing evidence, and no model fails for it.

    Example:
        >>> import harness
        >>> harness.gate("reports/example", policy="no-worse").passed

    Raises:
        UsageError: no policy, a model that is not there, or more than two places.
        RegistryError: a policy that is unknown or wrong.
    """
    return in_sync(
        lambda stop: _gated(list(map(_place, places)), policy, base, tuned, settings, force=force)
    )


def lint(
    train: Place,
    heldout: Place | Sequence[Sample] | None = None,
    *,
    task: Task | None = None,
    model: str | None = None,
    epochs: int | None = None,
    wanted_refusals: float | None = None,
    settings: Settings = DEFAULTS,
) -> LintResult:
    """Look a training file (JSON lines) over before training: faults, leaks, tokens, cost.

    ``heldout`` is a file of what is kept for judging, or samples; ``task`` is guessed where it
    is None; ``model`` and ``epochs`` decide limits and cost; ``wanted_refusals`` is the share
    of refusals wanted at inference. The file itself is never changed.

    Example:
        >>> import harness
        >>> harness.lint("datasets/orders/train.jsonl").outcome
        'pass'

    Raises:
        UsageError: there is no such file.
        DatasetError: the held-out data cannot be read.
    """
    from harness.linting import LintOptions
    from harness.linting import lint as look_over

    options = LintOptions(
        wanted_refusals=wanted_refusals, model=model, epochs=epochs, prices=settings.tables()
    )
    other = Path(heldout) if isinstance(heldout, str | Path) else heldout
    return LintResult(look_over(Path(train), other, task, options))


# --- behind them ---------------------------------------------------------------------


def _run(what: Study | str | Sequence[str], model: Model | None, extent: Extent) -> Wanted:
    if isinstance(what, Study):
        if isinstance(model, str):
            raise UsageError("a study names its models itself; leave the model out")
        models = [] if model is None else [model]
        return Wanted(call_text("run", [what, *models], extent.told), extent, models, (), what)
    if model is None:
        raise UsageError(
            f"who is to answer {what!r}? give a model; a study is loaded first: "
            "harness.run(harness.load_study(NAME))"
        )
    call = call_text("run", [what, model], extent.told)
    return Wanted(call, extent, [model], _patterns(what))


def _contest(
    models: Sequence[Model | Path | Results],
    evals: str | Sequence[str],
    extent: Extent,
    *,
    force: bool,
) -> Wanted:
    """A comparison of models that are asked."""
    if len(models) < 2:
        raise UsageError("a comparison takes two: the base, then what is compared with it")
    if any(map(is_earlier, models)):
        raise UsageError("give either models, or earlier runs, not both; run the model first")
    if not evals:
        raise UsageError("evals is missing: name those to compare on (see harness list)")
    if force:
        raise UsageError("force is for earlier runs; models asked now are sampled alike")
    asked = [model for model in models if not isinstance(model, Path | Results)]
    call = call_text("compare", asked, {"evals": _patterns(evals), **extent.told})
    return Wanted(call, extent, asked, _patterns(evals))


def _patterns(evals: str | Sequence[str]) -> tuple[str, ...]:
    return (evals,) if isinstance(evals, str) else tuple(evals)


def is_earlier(model: Model | Path | Results) -> bool:
    """Whether this is a run folder, a log or what ``run`` returned, and no model."""
    if isinstance(model, Results | Path):
        return True
    return isinstance(model, str) and Path(model.partition("#")[0]).exists()


def all_earlier(models: Sequence[Model | Path | Results]) -> bool:
    """Whether all of them are earlier runs, so that nobody is asked."""
    return all(map(is_earlier, models))


def _place(given: Place | Results | Model) -> str:
    """A run as the commands name it.

    Raises:
        UsageError: a comparison, which has no folder.
    """
    if not isinstance(given, Results):
        return str(given)
    if given.folder is None:
        raise UsageError("a comparison of earlier runs has no answers; give the runs themselves")
    return str(given.folder)


def _compared(
    models: Sequence[Model | Path | Results],
    evals: str | Sequence[str],
    settings: Settings,
    *,
    force: bool,
) -> Results:
    from harness.pipeline.finished.comparing import compare_folders
    from harness.pipeline.finished.gate import gate_places

    if len(models) < 2:
        raise UsageError("a comparison takes two: the base, then what is compared with it")
    places, known = list(map(_place, models)), settings.known()
    policy = settings.named_policy(settings.policy, known)

    def judged(semantics: Semantics | None) -> Gate | None:
        if policy is None:
            return None
        return gate_places(places, policy, known, force=force, semantics=semantics)

    call = call_text("compare", places, {"evals": _patterns(evals) or None})
    return Results(compare_folders(places, _patterns(evals), call, judged, force=force))


def _read(folder: Path, settings: Settings = DEFAULTS) -> Results:
    from harness.pipeline import report_of
    from harness.pipeline.folder.loop_folder import last_round

    folder = last_round(folder)
    return Results(report_of(folder, prices=settings.tables()), folder)


def _advised(found: Results, where: str) -> Advices:
    if not found.advice:
        raise RunFolderError(
            f"{where}: no checkpoint with a known number of epochs in it; "
            "advice needs a study with 'tune' or 'tuned' (see harness show demo)"
        )
    return found.advice


@dataclass(frozen=True)
class Curves:
    """What training wrote, and what it does not say."""

    path: Path
    result: Path | None
    logs: Sequence[str]
    epochs: int | None
    model: str | None

    @property
    def is_plain(self) -> bool:
        """Nothing stands beside the path: it may be a run folder, too."""
        return not (self.result or self.logs or self.epochs or self.model)

    def read(self) -> TrainingRun:
        """The run that all of it tells of."""
        from harness.finetuning.job_runs import run_of_job_and_result
        from harness.finetuning.runs import read_run

        if self.result is None:
            return read_run(self.path, self.epochs, self.model)
        if self.epochs or self.model:
            raise UsageError("epochs and model are not for a job and its result file: it says them")
        return run_of_job_and_result(self.path, self.result)


def _advise_on(wanted: Curves, settings: Settings) -> Advices:
    from harness.pipeline.finished.jobs import advice_of, advice_with_logs, is_training_run
    from harness.pipeline.folder.loop_folder import last_round
    from harness.pipeline.folder.runfolder import RunFolder

    path = last_round(wanted.path)
    if RunFolder(path).exists() and not is_training_run(path):
        if not wanted.is_plain:
            named = "result, logs, epochs and model"
            raise UsageError(f"{named} are for what training wrote, not for {path}")
        return _advised(_read(path, settings), str(path))
    told, tables = replace(wanted, path=path).read(), settings.tables()
    if wanted.logs:
        return Advices(tuple(advice_with_logs(told, wanted.logs, tables)))
    return Advices((advice_of(told, None, tables),))


def _gated(
    places: Sequence[str],
    policy: Policy | Place | None,
    base: str | None,
    tuned: str | None,
    settings: Settings,
    *,
    force: bool,
) -> GateResult:
    from harness.pipeline.finished.gate import gate_places

    if not places:
        raise UsageError("gate: give a run, or two: base, tuned")
    known = settings.known()
    wanted = settings.named_policy(policy or settings.policy, known) or _own_policy(places)
    return GateResult(gate_places(places, wanted, known, base, tuned, force=force))


def _own_policy(places: Sequence[str]) -> Policy:
    """The policy of the study that ran in a folder."""
    from harness.pipeline.folder.runfolder import RunFolder

    own = None
    if len(places) == 1 and Path(places[0]).is_dir():
        own = RunFolder(Path(places[0])).read().study.policy
    if own is None:
        raise UsageError(
            f"policy is missing, and {' and '.join(places)} brings none of its own; "
            "give a name, such as 'no-worse', or a file"
        )
    return own
