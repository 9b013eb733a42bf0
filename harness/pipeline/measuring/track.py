"""One eval of one experiment: everything measured that is judged together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from harness.pipeline.measuring.measurement import Answers, pooled
from harness.pipeline.orders.names import probe_name, prompt_name
from harness.records import Checkpoint, Estimate, EvalSpec, Experiment, Finding, Round, Sample

if TYPE_CHECKING:
    from harness.analysis.cost import Training
    from harness.pipeline.measuring.semantics import Semantics


@dataclass(frozen=True, slots=True)
class PartRun:
    """A model that was tuned on a part of the data: half-1, so many examples, so many epochs."""

    name: str
    examples: int
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Track:
    """One eval, the models judged by it, and their answers.

    ``heldout`` and ``probe`` are the samples by id; ``curves`` the training losses of each
    seed's run, step by step; ``leaked`` the held-out samples that training data also hold;
    ``ideal_score`` what the grader gives the ideal answers themselves; ``own_reports`` the
    final reports, by model, of an eval that runs itself; ``semantics`` what embeddings say.
    """

    spec: EvalSpec
    experiment: Experiment
    base: str
    heldout: Mapping[str, Sample]
    checkpoints: tuple[Checkpoint, ...]
    answers: Mapping[tuple[str, str], Answers]
    probe: Mapping[str, Sample] = field(default_factory=dict)
    training_texts: tuple[str, ...] = ()
    curves: Mapping[int | None, tuple[float, ...]] = field(default_factory=dict)
    training: Training | None = None
    leaked: frozenset[str] = frozenset()
    ideal_score: Estimate | None = None
    own_reports: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    semantics: Semantics | None = None
    findings: tuple[Finding, ...] = ()
    earlier: tuple[Round, ...] = ()
    """The rounds of tuning that came before, judged by this eval."""
    general: tuple[Track, ...] = ()
    """The tracks that say what was forgotten."""
    parts: tuple[PartRun, ...] = ()
    """Models that were tuned on parts of the data, to see what more data would bring."""
    curve_epochs: float | None = None
    """How many epochs the training curves cover; None: as many as the last checkpoint has."""

    @property
    def is_general(self) -> bool:
        """Does it say what was forgotten, and choose no epoch?"""
        return self.spec.name in self.experiment.forgetting

    @property
    def epochs(self) -> tuple[float, ...]:
        """The epoch counts that have a checkpoint, in order."""
        return tuple(sorted({checkpoint.epoch for checkpoint in self.checkpoints}))

    @property
    def seeds(self) -> tuple[int | None, ...]:
        """The seeds that have a checkpoint, in order."""
        return tuple(dict.fromkeys(checkpoint.seed for checkpoint in self.checkpoints))

    @property
    def model_names(self) -> tuple[str, ...]:
        """The base model, then every tuned one."""
        return (self.base, *self.tuned_names)

    @property
    def tuned_names(self) -> tuple[str, ...]:
        """Every model that is compared with the base."""
        return (*(checkpoint.model for checkpoint in self.checkpoints), *self.experiment.others)

    def at(self, epochs: float) -> tuple[Checkpoint, ...]:
        """The checkpoints after so many epochs, one a seed."""
        return tuple(c for c in self.checkpoints if c.epoch == epochs)

    @property
    def probe_is_whole(self) -> bool:
        """Are all training examples in the probe, none left out?"""
        return 0 < len(self.training_texts) == len(self.probe)

    def only(self, seed: int | None) -> Track:
        """The same track as if this seed's run were the only one."""
        return replace(
            self,
            checkpoints=tuple(c for c in self.checkpoints if c.seed == seed),
            curves={key: curve for key, curve in self.curves.items() if key == seed},
            general=tuple(track.only(seed) for track in self.general),
        )

    def of(self, model: str, *, probe: bool = False) -> Answers | None:
        """The answers of one model on held-out samples, or on training prompts."""
        name = probe_name(self.spec.name) if probe else self.spec.name
        return self.answers.get((name, model))

    def prompted(self, model: str, prompt: str) -> Answers | None:
        """The answers of a model to held-out samples that were asked with another prompt."""
        return self.answers.get((prompt_name(self.spec.name, prompt), model))

    def scores(self, epochs: float, *, probe: bool = False) -> dict[str, float]:
        """One value a sample after so many epochs (0: the base model), the mean over seeds."""
        models = [self.base] if epochs == 0 else [c.model for c in self.at(epochs)]
        tables = [answers.by_prompt for m in models if (answers := self.of(m, probe=probe))]
        return pooled(tables) if len(tables) == len(models) else {}

    def general_scores(self, epochs: float) -> dict[str, float]:
        """The scores on all evals of general abilities together, by eval and sample."""
        return {
            f"{track.spec.name}/{key}": value
            for track in self.general
            for key, value in track.scores(epochs).items()
        }

    @property
    def general_samples(self) -> dict[str, Sample]:
        """The samples of all evals of general abilities, named as their scores are."""
        return {
            f"{track.spec.name}/{key}": sample
            for track in self.general
            for key, sample in track.heldout.items()
        }
