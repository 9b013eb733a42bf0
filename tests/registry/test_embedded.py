"""What a study may ask of the embedded model is what its server takes."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from harness.embedded.bodies import JobBody, JobHyperparameters
from harness.embedded.models import BASE
from harness.registry import embedded

MOST = {
    "n_epochs": embedded.MOST_EPOCHS,
    "batch_size": embedded.MOST_BATCH_SIZE,
    "learning_rate_multiplier": embedded.MOST_MULTIPLIER,
}


@pytest.mark.parametrize("name", MOST)
def test_the_bounds_of_a_study_are_those_of_the_server(name: str) -> None:
    JobHyperparameters.model_validate({name: MOST[name]})
    with pytest.raises(ValidationError):
        JobHyperparameters.model_validate({name: MOST[name] + 1})


def test_the_seeds_and_the_base_are_those_of_the_server() -> None:
    asked = {"model": BASE, "training_file": "f"}
    JobBody.model_validate({**asked, "seed": embedded.MOST_SEED})
    with pytest.raises(ValidationError):
        JobBody.model_validate({**asked, "seed": embedded.MOST_SEED + 1})
    assert embedded.BASES == (BASE,)
