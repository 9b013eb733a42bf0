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
