"""What the embedded model takes, so that a study beyond it is refused before anything is run."""

from __future__ import annotations

from harness.errors import RegistryError
from harness.records import Doubling, Experiment, Study, Tuning

EMBEDDED = "embedded"
BASES = ("tiny-base",)
MOST_EPOCHS = 50
MOST_BATCH_SIZE = 256
MOST_MULTIPLIER = 100.0
MOST_SEED = 2**31 - 1


def check(study: Study, place: str) -> None:
    """Whether the embedded model is there, and can be tuned so.

    Raises:
        RegistryError: another base model, or more than its server takes.
    """
    if study.provider != EMBEDDED:
        return
    if study.base not in BASES:
        known = ", ".join(BASES)
        raise RegistryError(f"{place}: base: '{study.base}' is no embedded model; there is {known}")
    for experiment in study.experiments:
        if experiment.tuning is not None:
            _check_tuning(experiment.tuning, f"{place}: experiment '{experiment.name}': tune")
            _check_parts(experiment, f"{place}: experiment '{experiment.name}': doubling")


def _check_tuning(tuning: Tuning, place: str) -> None:
    _check_most(f"{place}: epochs", tuning.epochs, 1, MOST_EPOCHS)
    _check_most(f"{place}: seeds", tuning.seeds, 0, MOST_SEED)
    _check_most(f"{place}: batch_size", (tuning.batch_size or 1,), 1, MOST_BATCH_SIZE)
    multiplier = tuning.learning_rate_multiplier or 1.0
    _check_most(f"{place}: learning_rate_multiplier", (multiplier,), 0, MOST_MULTIPLIER)


def _check_parts(experiment: Experiment, place: str) -> None:
    """Parts of the data are tuned for as many steps as the whole, so for more epochs."""
    if experiment.tuning is None or experiment.doubling is None or not experiment.tuning.epochs:
        return
    epochs = experiment.doubling.epochs or max(experiment.tuning.epochs)
    most = epochs * _most_times(experiment.doubling)
    if most > MOST_EPOCHS:
        raise RegistryError(
            f"{place}: as many steps on parts of the data are {most} epochs, and the embedded "
            f"model takes at most {MOST_EPOCHS}; name fewer 'epochs', or 'step_matched: false'"
        )


def _most_times(doubling: Doubling) -> int:
    if not doubling.step_matched:
        return 1
    return 4 if doubling.quarters else 2


def _check_most(place: str, found: tuple[float, ...], least: float, most: float) -> None:
    beyond = next((value for value in found if not least <= value <= most), None)
    if beyond is not None:
        bounds = f"from {least:.10g} to {most:.10g}" if least else f"of at most {most:.10g}"
        raise RegistryError(f"{place}: the embedded model takes numbers {bounds}, not {beyond}")
