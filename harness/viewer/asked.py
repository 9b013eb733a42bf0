"""What a run asked: the samples of its evals, read from their data files at their places.

A journal names samples by their ids alone; prompts and right answers stand in the files that the
run's manifest names. Where such a file is gone or another by now, this says so.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from harness.datasets import read_few_shot, read_training
from harness.datasets.lines import decoded, files, is_seekable
from harness.datasets.sample_file import SampleFile
from harness.datasets.samples import LAYOUTS, Reading, picked_items, read_samples
from harness.errors import HarnessError, RunFolderError
from harness.messages import content_text
from harness.openai_evals.bridge_files import GRADER as BRIDGE
from harness.openai_evals.bridge_files import read_bridged_samples
from harness.pipeline.folder.manifest import Manifest, portable
from harness.pipeline.folder.runfolder import RunFolder, check_files
from harness.pipeline.orders.names import PROBE_SUFFIX, eval_of
from harness.pipeline.questions.bridging import in_folder
from harness.prompts import build, train_probe
from harness.records import EvalSpec, Experiment, Messages, Sample

NO_PLACE = -1


class Prompt(NamedTuple):
    """A sample's id, the text to find it by, and where its line begins (``NO_PLACE``: unknown)."""

    sample_id: str
    text: str
    start: int


def text_of(sample: Sample) -> str:
    """All that a sample's messages say."""
    return "\n".join(content_text(message.get("content")) for message in sample.messages)


@dataclass(eq=False)
class Asked:
    """The samples of one run. Several threads may use it."""

    folder: RunFolder
    _plans: dict[str, _Plan] = field(default_factory=dict, repr=False)
    _held: dict[tuple[str, str], Mapping[str, Sample]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def stamp(self, eval: str) -> str:
        """What changes when the data of an eval, or the manifest that names them, do."""
        manifest = _state(self.folder.manifest)
        try:
            return f"{manifest} {self._source(eval).stamp}"
        except HarnessError:
            return manifest

    def prompts(self, eval: str) -> Iterator[Prompt]:
        """Every prompt of an eval, streamed.

        Raises:
            HarnessError: the manifest or the data cannot be read, or are not what they were.
        """
        source = self._source(eval)
        source.check()
        if not source.has_places:
            held = self._hold(eval, source)
            yield from (Prompt(sample.id, text_of(sample), NO_PLACE) for sample in held.values())
            return
        for sample_id, place, item in picked_items(source.path, source.spec.name, source.most):
            line = decoded(item, place)
            sample = LAYOUTS[source.reading.layout](line, sample_id, place, source.reading)
            yield Prompt(sample_id, text_of(sample), place.start)

    def samples(self, eval: str, starts: Mapping[str, int]) -> dict[str, Sample]:
        """These samples, by their ids and places; those that are not there are left out.

        Raises:
            HarnessError: the manifest or the data cannot be read.
        """
        source = self._source(eval)
        if source.has_places:
            lines = SampleFile(source.path, source.reading, starts)
            return {sample_id: lines[sample_id] for sample_id in starts}
        held = self._hold(eval, source)
        return {sample_id: held[sample_id] for sample_id in starts if sample_id in held}

    def messages(self, eval: str, sample: Sample) -> Messages:
        """A sample's messages with the worked examples before its last one, as they were sent."""
        spec = self._source(eval).spec
        if eval != spec.name or spec.few_shot is None or spec.grader == BRIDGE:
            return sample.messages
        shots = read_few_shot(spec.few_shot, spec.num_few_shot)
        return build(sample, spec, "", few_shot=shots).messages

    def spec(self, eval: str) -> EvalSpec:
        """The eval behind a name of the journal.

        Raises:
            HarnessError: the manifest cannot be read, or does not know it.
        """
        return self._source(eval).spec

    # --- where -----------------------------------------------------------------------

    def _source(self, eval: str) -> _Source:
        state = _state(self.folder.manifest)
        with self._lock:
            if state not in self._plans:
                self._plans = {state: _Plan(self.folder, self.folder.read())}
            return self._plans[state].source(eval)

    def _hold(self, eval: str, source: _Source) -> Mapping[str, Sample]:
        with self._lock:
            key = eval, source.stamp
            if key not in self._held:
                self._held = {k: v for k, v in self._held.items() if k[0] != eval}
                self._held[key] = source.read()
            return self._held[key]


@dataclass(frozen=True)
class _Plan:
    """A run's manifest, and where it says that the samples are."""

    folder: RunFolder
    manifest: Manifest

    def source(self, eval: str) -> _Source:
        name = eval_of(eval)
        if name not in self._specs:
            raise RunFolderError(f"{self.folder.manifest}: names no eval {name}")
        spec = in_folder(self._specs[name], self.folder.path)
        probe = self._experiment(name) if eval.endswith(PROBE_SUFFIX) else None
        return _Source(self.folder, self.manifest, spec, probe)

    @cached_property
    def _specs(self) -> dict[str, EvalSpec]:
        return {spec.name: spec for spec in self.manifest.plan.evals}

    def _experiment(self, name: str) -> Experiment | None:
        found = (e for e in self.manifest.study.experiments if name in e.evals)
        return next((e for e in found if e.training_data is not None), None)


@dataclass(frozen=True)
class _Source:
    """The data of one eval; of training prompts where ``probe`` is the experiment they are of."""

    folder: RunFolder
    manifest: Manifest
    spec: EvalSpec
    probe: Experiment | None

    @property
    def path(self) -> Path:
        return (self.probe and self.probe.training_data) or self.spec.samples

    @property
    def most(self) -> int | None:
        return self.manifest.plan.max_samples

    @cached_property
    def reading(self) -> Reading:
        return Reading.of(self.spec, needs_ideal=False)

    @property
    def stamp(self) -> str:
        return " ".join(map(_state, files(self.path)))

    @property
    def has_places(self) -> bool:
        """Whether single lines can be read where they stand."""
        return self.probe is None and self.spec.grader != BRIDGE and is_seekable(self.path)

    def check(self) -> None:
        """See that the data are those of the run."""
        key = portable(self.path)
        if key in self.manifest.plan.files:
            check_files({key: self.manifest.plan.files[key]}, self.folder.path)

    def read(self) -> Mapping[str, Sample]:
        if self.probe is not None:
            examples = read_training(self.path)
            return {sample.id: sample for sample in train_probe(examples, self.probe.train_probe)}
        if self.spec.grader == BRIDGE:
            return read_bridged_samples(self.path)
        found = read_samples(self.path, self.spec.name, self.reading, max_samples=self.most)
        return {sample.id: sample for sample in found}


def _state(path: Path) -> str:
    """A file's time of change and size; "" where there is none."""
    try:
        at = path.stat()
    except OSError:
        return ""
    return f"{at.st_mtime_ns}:{at.st_size}"
