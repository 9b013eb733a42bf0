from __future__ import annotations

from pathlib import Path

import pytest

from harness.registry import own_folder, places


def test_a_checkout_uses_its_own_folders() -> None:
    checkout = Path(__file__).parents[2]
    assert own_folder("registry") == checkout / "registry"
    assert own_folder("datasets") == checkout / "datasets"


def test_an_installed_wheel_uses_what_it_carries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "datasets").mkdir()  # an unrelated package of this name beside ours
    monkeypatch.setattr(places, "PACKAGE", tmp_path / "harness")
    assert own_folder("datasets") == tmp_path / "harness" / "_data" / "datasets"


@pytest.mark.parametrize("name", ["x" * 5000, "nul\0byte"])
def test_names_that_no_system_takes_are_just_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(places.RegistryError, match="is not there"):
        places.data_path(name, [tmp_path], "e.yaml")


@pytest.mark.parametrize("wanted", ["train.jsonl", "support-tickets.train.jsonl", "t.jsonl"])
def test_another_set_is_no_mistyped_name(tmp_path: Path, wanted: str) -> None:
    for other in ("heldout.jsonl", "support-tickets.heldout.jsonl", "tr-2.jsonl"):
        (tmp_path / other).touch()
    with pytest.raises(places.RegistryError, match=r"is not there, looked for [^;]*$"):
        places.data_path(wanted, [tmp_path], "e.yaml")


def test_a_mistyped_name_leads_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "tickets.train.jsonl").touch()
    with pytest.raises(places.RegistryError, match=r"did you mean 'tickets\.train\.jsonl'\?"):
        places.data_path("tikcets.trainn.jsonl", [tmp_path], "e.yaml")
