"""Reading one YAML file of the registry: name -> value, with the line of each name.

Registry files are untrusted: plain data only, no name given twice, no nesting that
overflows the stack, no anchors that grow without end.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from harness.errors import RegistryError

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_BYTES = 16 * 2**20
MAX_DEPTH = 100
MAX_NODES_BY_ALIAS = 100_000
MERGE = "tag:yaml.org,2002:merge"


@dataclass(frozen=True, slots=True)
class Item:
    """One top-level ``name: value`` of a YAML file; ``line`` counts from 1."""

    name: str
    value: Any
    line: int


def read_items(path: Path, strict: bool = True) -> list[Item]:
    """The top-level names of a YAML file in order; an empty file has none.

    No name may stand there twice; ``strict`` asks the same of the keys inside the values.

    Raises:
        RegistryError: not readable, not YAML, not a mapping of names, or a trap.
    """
    text = _text(path)
    try:
        _refuse_traps(path, text)
        loader = Loader(text)
        root = loader.get_single_node()
        if root is None:
            return []
        if not isinstance(root, yaml.MappingNode):
            raise RegistryError(f"{path}:{_line(root)}: expected 'name: ...', found a bare value")
        _refuse_repeated_keys(path, root, strict)
        return list(_items(path, root, loader.construct_document(root)))
    except yaml.YAMLError as error:
        raise RegistryError(_one_line(path, error)) from error
    except ValueError as error:
        raise RegistryError(f"{path}: a value cannot be read ({error}); quote it") from error


def safe_yaml_text(path: Path, *, traps: bool = True) -> str:
    """The text of a file of bounded size; with ``traps``, seen to be YAML that cannot hang us.

    Raises:
        RegistryError: not readable, not YAML, or a trap.
    """
    text = _text(path)
    try:
        if traps:
            _refuse_traps(path, text)
    except yaml.YAMLError as error:
        raise RegistryError(_one_line(path, error)) from error
    return text


def _items(path: Path, root: yaml.MappingNode, values: dict[Any, Any]) -> Iterator[Item]:
    lines = {key.value: _line(key) for key, _ in root.value}
    for name, value in values.items():
        if not isinstance(name, str):
            raise RegistryError(f"{path}: the name {name!r} is not text; put it in quotes")
        yield Item(name, value, lines.get(name, _line(root)))


def _text(path: Path) -> str:
    try:
        data = _bytes(path)
    except OSError as error:
        raise RegistryError(f"{path}: cannot be read ({error.strerror or error})") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RegistryError(f"{path}:{line}: not UTF-8; save the file as UTF-8") from error


def _bytes(path: Path) -> bytes:
    """The file's content; a pipe or a device, which may never end, is not opened."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise RegistryError(f"{path}: cannot be read (it is no file); put a YAML file there")
    if found.st_size > MAX_BYTES:
        raise RegistryError(f"{path}: larger than {MAX_BYTES:,} bytes; split the file")
    return path.read_bytes()


def _line(part: yaml.Node | yaml.NodeEvent) -> int:
    return part.start_mark.line + 1 if part.start_mark else 1


def _one_line(path: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where = f"{path}:{mark.line + 1}" if mark else f"{path}"
    told = (getattr(error, "context", None), getattr(error, "problem", None))
    problem = ", ".join(filter(None, told)) or str(error)
    begun = getattr(error, "context_mark", None)
    spans_lines = begun and mark and begun.line != mark.line
    since = f" (begun on line {begun.line + 1})" if begun and spans_lines else ""
    hint = "; indent with spaces, not tabs" if "cannot start any token" in problem else ""
    return f"{where}: not valid YAML: {' '.join(problem.split())}{since}{hint}"


# --- traps ---------------------------------------------------------------------------


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet, and how many nodes it holds so far."""

    anchor: str | None
    nodes: int = 1


@dataclass(slots=True)
class _Growth:
    """How many nodes each anchor stands for, and what the aliases so far would expand to."""

    path: Path
    sizes: dict[str, int] = field(default_factory=dict)
    open: list[_Open] = field(default_factory=list)
    by_alias: int = 0

    def start(self, event: yaml.CollectionStartEvent) -> None:
        self.open.append(_Open(event.anchor))
        if len(self.open) > MAX_DEPTH:
            raise RegistryError(f"{self.path}:{_line(event)}: nested more than {MAX_DEPTH} deep")

    def end(self) -> None:
        done = self.open.pop()
        self._count(done.anchor, done.nodes)

    def alias(self, event: yaml.AliasEvent) -> None:
        if any(one.anchor == event.anchor for one in self.open):
            raise RegistryError(
                f"{self.path}:{_line(event)}: the anchor '{event.anchor}' holds itself"
            )
        size = self.sizes.get(event.anchor or "", 0)
        self.by_alias += size
        if self.by_alias > MAX_NODES_BY_ALIAS:
            raise RegistryError(
                f"{self.path}: its aliases stand for more than {MAX_NODES_BY_ALIAS} values;"
                " write the values out"
            )
        self._count(None, size)

    def scalar(self, event: yaml.ScalarEvent) -> None:
        self._count(event.anchor, 1)

    def _count(self, anchor: str | None, nodes: int) -> None:
        if anchor is not None:
            self.sizes[anchor] = nodes
        if self.open:
            self.open[-1].nodes += nodes


def _refuse_traps(path: Path, text: str) -> None:
    """Look at the events first: building nodes is recursive C code that can overflow."""
    growth = _Growth(path)
    for event in yaml.parse(text, Loader=Loader):
        if isinstance(event, yaml.ScalarEvent):
            growth.scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            growth.start(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            growth.end()
        elif isinstance(event, yaml.AliasEvent):
            growth.alias(event)


def _refuse_repeated_keys(path: Path, root: yaml.MappingNode, strict: bool) -> None:
    """PyYAML keeps the last of two equal keys in silence; here both lines are named."""
    seen: set[int] = set()
    waiting: list[yaml.Node] = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen or not isinstance(node, yaml.CollectionNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            _refuse_repeated_keys_of(path, node)
            waiting += [value for _, value in node.value if strict]
        else:
            waiting += node.value


def _refuse_repeated_keys_of(path: Path, node: yaml.MappingNode) -> None:
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == MERGE:
            continue
        first = lines.get((key.tag, key.value))
        if first is not None:
            raise RegistryError(
                f"{path}:{_line(key)}: '{key.value}' is already given on line {first};"
                " keep one of the two"
            )
        lines[key.tag, key.value] = _line(key)
