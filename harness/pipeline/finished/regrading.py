"""A run marked anew: today's graders on the answers that its journal holds; nobody is asked."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from harness import __version__
from harness.errors import RegistryError, RunFolderError, UsageError
from harness.importing.foreign import IMPORTED
from harness.openai_evals.bridge_files import GRADER as BRIDGE
from harness.pipeline.finished.marking import Marked, Marker, shards_of
from harness.pipeline.folder.manifest import Manifest, Plan
from harness.pipeline.folder.runfolder import RunFolder, check_files, open_folder
from harness.records import EvalSpec
from harness.registry import Registry
from harness.running.distributed import Cluster
from harness.running.journal import Contents, Journal
from harness.running.portions import crew


@dataclass(frozen=True, slots=True)
class Regrading:
    """What to mark anew: a run's evals by pattern (none: all), and where the result goes.

    The workers of a ``cluster`` read the run's folder themselves.
    """

    run: Path
    out: Path
    command: str
    patterns: Sequence[str] = ()
    allow_code: frozenset[str] = frozenset()
    overwrite: bool = False
    cluster: Cluster | None = None


@dataclass(slots=True)
class Regraded:
    """How many answers of each eval were marked, and how many marks are others now."""

    folder: RunFolder
    marked: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def regrade(order: Regrading, registry: Registry) -> Regraded:
    """Write a run folder with the same answers under the marks of the registry's graders.

    An eval's grader and options are those of the registry today, its samples and answers those
    of the run. What judges said is read anew, never asked anew.

    Raises:
        RunFolderError: no run folder, data that changed, or no room for the new one.
        UsageError: no eval that can be marked anew, or no cluster.
        RegistryError: a grader that cannot be made, such as code that is not allowed.
    """
    if order.out.resolve() == order.run.resolve():
        raise UsageError("--out names the run itself; name another folder, the old marks stay")
    old = RunFolder(order.run)
    manifest = old.read()
    check_files(manifest.plan.files, old.path)
    specs, notes = _specs(manifest, order.patterns, registry)
    plan = _plan(manifest.plan, specs)
    judge = manifest.study.judge
    marker = Marker(old.journal.resolve(), plan, judge.name if judge else "judge", order.allow_code)
    marker.check()
    new = open_folder(
        order.out,
        Manifest(plan, order.command, __version__),
        resume=not order.overwrite and RunFolder(order.out).exists(),
        overwrite=order.overwrite,
    )
    _copy_tuning(old, new)
    found = Regraded(new, notes=notes)
    contents = Contents.of(old.journal)
    with Journal.open(new.journal, plan.hash, resume=True) as journal:
        if order.cluster is not None:
            with crew(order.cluster) as workers:
                _write(workers.results(marker, shards_of(contents, plan)), journal, found)
        else:
            _write(map(marker, shards_of(contents, plan)), journal, found)
    return found


# --- what is marked ------------------------------------------------------------------


def _specs(
    manifest: Manifest, patterns: Sequence[str], registry: Registry
) -> tuple[list[EvalSpec], tuple[str, ...]]:
    """The run's evals that are meant, with today's graders; and what to say of the others."""
    known = manifest.plan.evals
    chosen = [s for s in known if not patterns or any(fnmatchcase(s.name, p) for p in patterns)]
    if not chosen:
        names = ", ".join(spec.name for spec in known)
        raise UsageError(f"no eval of the run is called {', '.join(patterns)}; it has {names}")
    notes = [f"{s.name} {_own_marks(s)}: left out" for s in chosen if s.grader == BRIDGE]
    specs = []
    for spec in chosen:
        if spec.grader != BRIDGE:
            now = _of_today(spec, registry)
            specs.append(now or spec)
            if now is None:
                notes.append(f"{spec.name} is in no registry any more: marked as it was")
    if not specs:
        raise UsageError("; ".join(notes) + "; run them again instead")
    return specs, tuple(notes)


def _own_marks(spec: EvalSpec) -> str:
    """Why no grader here can mark an eval."""
    tool = spec.args.get(IMPORTED)
    return f"was marked by {tool}" if tool else "marks itself"


def _of_today(spec: EvalSpec, registry: Registry) -> EvalSpec | None:
    """The run's spec with the grader and options of the registry; None where it is not there."""
    try:
        now = registry.eval(spec.name)
    except RegistryError:
        if spec.name in registry.entries():
            raise
        return None
    return replace(
        spec,
        grader=now.grader,
        args=now.args,
        metrics=now.metrics,
        class_name=now.class_name,
    )


def _plan(plan: Plan, specs: Sequence[EvalSpec]) -> Plan:
    """The run's plan with these evals and no others."""
    names = {spec.name for spec in specs}
    experiments = (
        replace(one, evals=tuple(name for name in one.evals if name in names))
        for one in plan.study.experiments
    )
    kept = tuple(one for one in experiments if one.evals)
    return replace(plan, evals=tuple(specs), study=replace(plan.study, experiments=kept))


def _copy_tuning(old: RunFolder, new: RunFolder) -> None:
    """What the run knows of its checkpoints and of meanings, and what people said of it."""
    try:
        for known, here in ((old.tuning, new.tuning), (old.embeddings, new.embeddings)):
            if known.exists():
                shutil.copyfile(known, here)
        if old.reviews.exists() and not new.reviews.exists():
            shutil.copyfile(old.reviews, new.reviews)  # they are of answers, which are the same
        if old.data.exists():
            shutil.copytree(old.data, new.data, dirs_exist_ok=True)
    except OSError as error:
        raise RunFolderError(f"{new.path}: cannot be written: {error.strerror}") from error


def _write(found: Iterable[Marked], journal: Journal, so_far: Regraded) -> None:
    for shard in found:
        journal.append_lines(shard.lines)
        so_far.marked[shard.asked] = so_far.marked.get(shard.asked, 0) + shard.marked
        so_far.changed[shard.asked] = so_far.changed.get(shard.asked, 0) + shard.changed
