"""How far an experiment has come in a loop: where it stands, and what its next round trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.analysis.cost import Training
from harness.datasets import read_training
from harness.errors import UsageError
from harness.pipeline.finished.rounds import row
from harness.pipeline.folder.runfolder import RunFolder
from harness.pipeline.looping.next_step import Stop, next_step, standing_at, stopped
from harness.pipeline.measuring.training_cost import one_pass, training_of
from harness.pipeline.orders.tuning import read_tuning
from harness.records import Advice, Checkpoint, Experiment, Round, Tuning
from harness.reports.document import Section

NO_ADVICE = Advice("", "", 0, 0, "", 0, "", "low", (), "")


@dataclass(slots=True)
class Course:
    """How far one experiment has come: where it stands, what is known, and whether it goes on."""

    experiment: Experiment
    epochs: int
    change: int = 0
    rows: list[Round] = field(default_factory=list)
    known: tuple[Checkpoint, ...] = ()
    sections: tuple[Section, ...] = ()
    stop: Stop | None = None
    tokens: int = 0
    training: Training | None = None

    @classmethod
    def begun(cls, experiment: Experiment, start: int | None, provider: str) -> Course:
        """An experiment before its first round; ``start`` None: with its own epochs.

        ``provider`` is who trains it.

        Raises:
            UsageError: it tunes nothing.
        """
        tuning, data = experiment.tuning, experiment.training_data
        if tuning is None or data is None:
            raise UsageError(
                f"experiment '{experiment.name}' names tuned models; a loop tunes: give it 'tune' "
                "and 'training_data'"
            )
        epochs = start or max(tuning.epochs)
        spares = ladder(epochs) if start else tuple(e for e in tuning.epochs if e < epochs)
        first = replace(experiment, tuning=replace(tuning, epochs=(epochs,), spares=spares))
        training = one_pass(read_training(data), provider)
        return cls(replace(first, doubling=None), epochs, training=training)

    @property
    def plan(self) -> str:
        """What its next round does, in words."""
        epochs = f"{self.epochs} epoch{'s' if self.epochs != 1 else ''}"
        return f"{self.experiment.name}: train {epochs}"

    @property
    def next_tokens(self) -> int:
        """What its next round trains, all seeds together."""
        tuning = self.experiment.tuning
        seeds = len(tuning.seeds) if tuning else 1
        a_pass = self.training.tokens_per_epoch if self.training else 0
        return round(a_pass * self.epochs * seeds)

    def take_in(self, told: Sequence[Section], about: Round) -> None:
        """Note how a round ended, and say whether and where to go on.

        Where a checkpoint with the advised epochs exists, it is looked at without any training.
        """
        self.sections = tuple(told)
        self.tokens += about.tokens or 0
        trained, epochs = True, self.epochs
        while self.stop is None:
            standing = [(s, a) for s in told if (a := standing_at(s, epochs)) is not None]
            self.rows += [row(s, a, replace(about, trained=trained)) for s, a in standing]
            step = next_step([a for _, a in standing], self.change, told)
            if isinstance(step, Stop):
                self.stop = step
                return
            self.change, epochs = step, epochs + step
            self.epochs = epochs
            if not all(any(a.epochs == epochs for a in s.advice) for s in told):
                return
            trained, about = False, replace(about, tokens=0, cost_usd=0.0)

    def take_over(self, folder: Path) -> None:
        """Know every checkpoint that a round has judged, and be ready for the next one.

        That trains to the advised epochs, and judges of the checkpoints on the way those that
        nobody knows yet.
        """
        experiment = self.experiment
        tuning = experiment.tuning or Tuning((self.epochs,))
        judged = {*tuning.epochs, *tuning.spares}
        runs = [r for r in read_tuning(RunFolder(folder).tuning) if r.experiment == experiment.name]
        new = [c for r in runs if not r.part for c in r.checkpoints if round(c.epoch) in judged]
        self.training = training_of(runs, ()) or self.training
        self.known = (*experiment.tuned, *new)
        seen = {round(checkpoint.epoch) for checkpoint in self.known}
        spares = tuple(e for e in ladder(self.epochs) if e not in seen)
        self.experiment = replace(
            experiment,
            tuned=self.known,
            tuning=replace(tuning, epochs=(self.epochs,), spares=spares),
        )

    def out_of_budget(self, why: str, raised: tuple[str, str] | None = None) -> Stop:
        """The stop of an experiment that may not go on, with the advice that stands."""
        last = self.rows[-1].advice if self.rows else NO_ADVICE
        many = "" if abs(last.recommend) == 1 else "s"
        stands = f"; the advice stands: {last.recommend:+d} epoch{many}" if last.recommend else ""
        return replace(stopped("budget", last, why + stands), raised=raised)


def ladder(epochs: int) -> tuple[int, ...]:
    """The epochs before the last that are judged too, where their checkpoints are kept.

    The last ones show the trend, halves of the way where a peak may have been.
    """
    near = (epochs - 1, epochs - 2)
    far = (epochs // 2, epochs // 4, 1)
    return tuple(sorted({e for e in (*near, *far) if 1 <= e < epochs}))
