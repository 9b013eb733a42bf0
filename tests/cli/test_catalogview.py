"""What ``harness list`` shows for a pattern."""

from pathlib import Path

import pytest

from harness.cli.catalogview import show_list
from harness.errors import RegistryError
from harness.registry import Registry

ONE_EVAL = """
capitals:
  id: capitals.dev.v0
  description: Which city is it?
capitals.dev.v0:
  class: evals.elsuite.basic.match:Match
  args: {samples_jsonl: capitals.jsonl}
"""


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "capitals.yaml").write_text(ONE_EVAL)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "capitals.jsonl").write_text('{"input": "France?", "ideal": "Paris"}\n')
    return Registry([tmp_path])


@pytest.mark.parametrize("pattern", ["capitals", "capitals.dev.v0", "capitals*"])
def test_an_eval_is_listed_once_by_its_name_or_by_what_it_is_also_called(
    registry: Registry, pattern: str, capsys: pytest.CaptureFixture[str]
) -> None:
    show_list(registry, pattern)
    said = capsys.readouterr().out
    assert "1 of 1 evals" in said
    assert "Which city is it?" in said


def test_what_is_not_there_is_said_with_what_is_near(registry: Registry) -> None:
    with pytest.raises(RegistryError, match=r"nothing matches 'capitols'; did you mean 'capitals'"):
        show_list(registry, "capitols")
