"""A callback for Hugging Face's Trainer: evaluates at every epoch's end, and stops on advice.

It follows the protocol of ``transformers.TrainerCallback`` without importing transformers: the
trainer only calls its methods.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.api import Results, Settings
from harness.api.asked import Extent, Wanted, running
from harness.api.settings import Place
from harness.api.threads import in_sync
from harness.errors import RequestRejected, UsageError
from harness.records import Advice, Checkpoint, Completion, Experiment, Request, Study
from harness.reports.verdicts import kind

Generate = Callable[[Request, Any, Any], str | Completion]
"""Answers a request with the model under training and its tokenizer."""

BEFORE = "earlier-epochs.jsonl"
"""The answers of earlier epochs, while the run folder is written anew with one epoch more."""

PREFIX = "harness/"


@dataclass(eq=False)
class EpochEvaluation:
    """Evaluates the model under training on evals, at each epoch's end and before the first.

    Give it to ``Trainer(callbacks=[...])``. Who answers: ``generate(request, model, tokenizer)``
    with the model in memory; or a server, where ``served`` is the name of the checkpoint there
    (``{step}`` and ``{epoch}`` are filled in) and ``base`` that of the untuned model.

    A failed evaluation warns and training goes on. With several processes only the first one
    evaluates, and advice does not stop them: they would not stop together.

    Attributes:
        evals: names or patterns of evals.
        out: the one run folder, with a report that grows by the epoch.
        generate: answers with the model in memory.
        served: a checkpoint's name on the server of ``base_url``.
        base: the untuned model's name.
        training_data: what is trained on, for the diagnosis; 300 of its prompts are asked, too.
        target: the score that is wanted, as a fraction.
        stop_on: kinds of advice after which training stops, when every eval has such a one.
        max_samples: at most so many samples of each eval.
        settings: how to ask; None: one request at a time for ``generate``, no progress shown.
    """

    evals: str | Sequence[str]
    out: Place
    generate: Generate | None = None
    served: str | None = None
    base: str = "base"
    base_url: str | None = None
    training_data: Place | None = None
    target: float | None = None
    stop_on: Sequence[str] = ("keep", "fewer")
    max_samples: int | None = None
    settings: Settings | None = None
    results: Results | None = field(default=None, init=False)
    _states: list[Checkpoint] = field(default_factory=list, init=False)
    _trainer: Any = field(default=None, init=False)

    def __post_init__(self) -> None:
        if (self.generate is None) == (self.served is None):
            raise UsageError(
                "EpochEvaluation: give either generate= or served=, to say who answers"
            )
        if Path(self.out).exists() and any(Path(self.out).iterdir()):
            raise UsageError(f"{self.out}: is not empty; name a new folder for this training")

    def attach(self, trainer: Any) -> None:
        """Add this to a trainer, whose own log (and its trackers) then get the metrics."""
        self._trainer = trainer
        trainer.add_callback(self)

    # --- what the trainer calls ------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        """Every other event of the protocol: nothing happens."""
        if name.startswith("on_"):
            return _nothing
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Evaluate the untuned model, unless training goes on from a checkpoint."""
        if _is_first(state) and not getattr(state, "global_step", 0):
            self._evaluated(state, kwargs)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        """Evaluate the model as it is now, log its metrics, and stop where advice says so."""
        if not _is_first(state):
            return control
        self._states.append(self._state(state))
        if self._evaluated(state, kwargs) and self._is_enough():
            if getattr(args, "world_size", 1) > 1:
                warnings.warn(
                    "harness: advice is to stop here; with several processes training goes on",
                    stacklevel=2,
                )
            else:
                control.should_training_stop = True
        return control

    # --- behind it -------------------------------------------------------------------

    def _state(self, state: Any) -> Checkpoint:
        epoch, step = float(state.epoch), int(state.global_step)
        near = float(round(epoch)) if abs(epoch - round(epoch)) < 0.01 else epoch
        served = self.served or "epoch-{epoch}"
        logged = [entry for entry in state.log_history if entry.get("step", 0) <= step]
        return Checkpoint(
            model=served.format(step=step, epoch=f"{near:g}"),
            epoch=near,
            step=step,
            train_loss=_last(logged, "loss"),
            valid_loss=_last(logged, "eval_loss"),
        )

    def _evaluated(self, state: Any, given: Mapping[str, Any]) -> bool:
        """Evaluate and log; whether that worked."""
        try:
            self.results = self._run(given)
            self._log(state, self.results)
        except Exception as error:  # noqa: BLE001 - training is dearer than its evaluation
            warnings.warn(
                f"harness: not evaluated at step {getattr(state, 'global_step', 0)}: {error}; "
                "training goes on",
                stacklevel=3,
            )
            return False
        return True

    def _run(self, given: Mapping[str, Any]) -> Results:
        """The run with every epoch so far; only the newest one's answers are asked for."""
        out = Path(self.out)
        journal, before = out / "journal.jsonl", out / BEFORE
        if journal.exists():
            shutil.copyfile(journal, before)
        extent = Extent(self.base_url, out, overwrite=True, max_samples=self.max_samples)
        wanted = Wanted(
            "harness.integrations.EpochEvaluation", extent, self._models(given), (), self._study()
        )
        work = running(wanted, self._settings())
        kept = (before,) if before.exists() else ()
        with _evaluating(given.get("model") if self.generate else None):
            results = in_sync(replace(work, order=replace(work.order, adopted=kept)))
        before.unlink(missing_ok=True)
        return results

    def _study(self) -> Study:
        data = Path(self.training_data) if self.training_data is not None else None
        evals = (self.evals,) if isinstance(self.evals, str) else tuple(self.evals)
        tuned = tuple(self._states)
        return Study(
            "training",
            self.base,
            (Experiment("training", evals, data, tuned=tuned, target=self.target),),
        )

    def _models(self, given: Mapping[str, Any]) -> list[Any]:
        """Who answers; a model that trains on can only answer for what it is now."""
        if self.generate is None:
            return []
        generate, now = self.generate, self._states[-1].model if self._states else self.base
        tokenizer = given.get("processing_class") or given.get("tokenizer")

        def under_training(request: Request) -> str | Completion:
            if request.model != now:
                raise RequestRejected(f"{request.model} is trained on; only {now} can answer")
            return generate(request, given.get("model"), tokenizer)

        return [under_training]

    def _settings(self) -> Settings:
        if self.settings is not None:
            return self.settings
        concurrency: Any = 1 if self.generate else "auto"
        return Settings(concurrency=concurrency, progress=False)

    def _log(self, state: Any, results: Results) -> None:
        """The newest model's metrics: into the trainer's own log, or its history."""
        newest = self._states[-1].model if self._states else self.base
        told = {
            f"{PREFIX}{result.eval}/{name}": float(estimate.value)
            for section in results.document.sections
            for result in section.results
            if result.model == newest
            for name, estimate in result.metrics.items()
        }
        if self._trainer is not None:
            self._trainer.log(told)
        else:
            epoch, step = getattr(state, "epoch", None) or 0.0, state.global_step
            state.log_history.append({**told, "epoch": epoch, "step": step})

    def _is_enough(self) -> bool:
        """Whether the advice for the newest epoch is to stop, for every eval that has one."""
        newest = self._newest_advice()
        return bool(newest) and all(kind(one) in self.stop_on for one in newest)

    def _newest_advice(self) -> list[Advice]:
        advice = self.results.advice if self.results is not None else ()
        return [one for one in advice if one.epochs == self._states[-1].epoch]


def _nothing(*args: Any, **kwargs: Any) -> None:
    """What happens at other events."""


def _is_first(state: Any) -> bool:
    """Whether this is the process that speaks for all."""
    return bool(getattr(state, "is_world_process_zero", True))


def _last(entries: Sequence[Mapping[str, Any]], name: str) -> float | None:
    found = (entry[name] for entry in reversed(entries) if name in entry)
    return next(map(float, found), None)


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """A model in memory without dropout while it answers; then as it was."""
    was_training = bool(getattr(model, "training", False))
    if was_training:
        model.eval()
    try:
        yield
    finally:
        if was_training:
            model.train()
