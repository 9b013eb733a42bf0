from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import RegistryError
from harness.registry.documents import read_items


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "some.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def error_of(folder: Path, text: str | bytes) -> str:
    path = write(folder, text)
    with pytest.raises(RegistryError) as caught:
        read_items(path)
    message = str(caught.value).replace(str(path), "some.yaml")
    assert "\n" not in message
    return message


def test_items_come_in_order_with_their_lines(tmp_path: Path) -> None:
    items = read_items(write(tmp_path, "b:\n  x: 1\n# note\na: text\n"))
    assert [(i.name, i.value, i.line) for i in items] == [("b", {"x": 1}, 1), ("a", "text", 4)]


def test_an_empty_file_and_a_byte_order_mark_are_fine(tmp_path: Path) -> None:
    assert read_items(write(tmp_path, "")) == []
    assert read_items(write(tmp_path, "# only a comment\n")) == []
    assert read_items(write(tmp_path, "\ufeffa: 1\n"))[0].name == "a"


def test_anchors_and_merges_work_as_long_as_they_stay_small(tmp_path: Path) -> None:
    text = "base: &b {x: 1, y: 2}\nmore: {<<: *b, y: 3}\n"
    assert read_items(write(tmp_path, text))[1].value == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a:\n  - [1, 2\nb: 3\n", "some.yaml:3: not valid YAML"),
        ("a:\n\tb: 1\n", "some.yaml:2: not valid YAML"),
        ("a: 1\nb: 2\na: 3\n", "some.yaml:3: 'a' is already given on line 1"),
        ("x:\n  args:\n    n: 1\n    n: 2\n", "some.yaml:4: 'n' is already given on line 3"),
        ("- a\n- b\n", "some.yaml:1: expected 'name: ...'"),
        ("3: {class: x}\n", "the name 3 is not text; put it in quotes"),
        ("a: !!python/object/apply:os.system [ls]\n", "could not determine a constructor"),
        ("a: 2023-13-45\n", "a value cannot be read"),
        ("a: &a [*a]\n", "some.yaml:1: the anchor 'a' holds itself"),
        ("a: *nothing\n", "undefined alias"),
        (b"a: 1\nb: \xff\n", "some.yaml:2: not UTF-8"),
        ("a: 1\n---\nb: 2\n", "expected a single document"),
    ],
)
def test_a_fault_is_named_on_one_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert said in error_of(tmp_path, text)


def test_a_tab_says_to_indent_with_spaces(tmp_path: Path) -> None:
    assert "indent with spaces" in error_of(tmp_path, "a:\n\tb: 1\n")


def test_aliases_that_grow_without_end_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    assert "aliases stand for more than" in error_of(tmp_path, "\n".join(lines))


def test_merges_that_grow_without_end_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}" for i in range(1, 40)]
    assert "aliases stand for more than" in error_of(tmp_path, "\n".join(lines))


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_nesting_that_overflows_a_stack_is_refused(tmp_path: Path, opening: str) -> None:
    assert "nested more than" in error_of(tmp_path, "a:\n " + opening * 100_000)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="cannot be read"):
        read_items(tmp_path)
