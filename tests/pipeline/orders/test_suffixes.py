"""Any name makes a suffix that servers take, and no two names the same."""

from __future__ import annotations

import pytest

from harness.embedded.bodies import JobBody
from harness.pipeline.orders.suffixes import suffix_of

STRANGE = (
    *(
        "my study",
        "my  study",
        "my|study",
        "größe",
        "grosse größe",
        "日本語",
        "漢字",
        " ",
        "/",
        "../x",
    ),
    *("a" * 65, "a" * 66, "ü" * 65, "a\n"),
)


@pytest.mark.parametrize("name", ["orders", "my-study_2.1", "a" * 64, "orders-half-1"])
def test_a_name_that_servers_take_is_kept(name: str) -> None:
    assert suffix_of(name) == name


@pytest.mark.parametrize("name", STRANGE)
def test_any_other_name_becomes_one_that_the_server_takes(name: str) -> None:
    body = {"model": "m", "training_file": "f", "suffix": suffix_of(name)}
    assert JobBody.model_validate(body).suffix


def test_different_names_keep_different_suffixes() -> None:
    assert len({suffix_of(name) for name in STRANGE}) == len(STRANGE)
    assert suffix_of("my study").startswith("my-study-")
