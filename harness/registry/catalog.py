"""Every name that the registries know, found, followed through aliases and listed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os.path import isdir  # unlike Path's, it says False where we may not look
from pathlib import Path
from typing import Any, Literal, get_args

from harness.errors import RegistryError, UnknownName, did_you_mean
from harness.records import EvalSet, EvalSpec, Policy, Study
from harness.registry.documents import read_items
from harness.registry.eval_specs import BRIDGE, NATIVE, Source, eval_spec
from harness.registry.fields import Fields
from harness.registry.places import own_folder
from harness.registry.policies import Origin, make_policy, pick_policy
from harness.registry.rubrics import Rubric
from harness.registry.studies import StudySource, make_study, pick, split_path
from harness.registry.third_party import can_be_bridged

Kind = Literal[
    "evals", "eval_sets", "modelgraded", "completion_fns", "solvers", "studies", "policies"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
SINGULAR: Mapping[Kind, str] = {
    "evals": "eval",
    "eval_sets": "eval set",
    "modelgraded": "modelgraded spec",
    "completion_fns": "completion function",
    "solvers": "solver",
    "studies": "study",
    "policies": "policy",
}
CHECKED: tuple[Kind, ...] = ("evals", "eval_sets", "studies", "policies")
"""Kinds that we turn into specs; the others are kept as they stand, faults included."""

RESERVED = ("key", "group", "cls")


@dataclass(frozen=True, slots=True)
class Entry:
    """One name as it stands in a YAML file: a spec, or an alias of another name."""

    kind: Kind
    name: str
    raw: Any
    file: Path
    line: int
    root: Path

    @property
    def alias_of(self) -> str | None:
        """The name that this one stands for, if it is an alias."""
        if isinstance(self.raw, str):
            return self.raw
        target = self.raw.get("id") if isinstance(self.raw, dict) else None
        has_no_id = self.kind in ("studies", "policies")
        return target if isinstance(target, str) and not has_no_id else None

    @property
    def description(self) -> str:
        """What the entry says about itself, on one line."""
        text = self.raw.get("description") if isinstance(self.raw, dict) else None
        return " ".join(text.split()) if isinstance(text, str) else ""

    @property
    def place(self) -> str:
        """``file:line: kind 'name'``, to open a message."""
        return f"{self.file}:{self.line}: {SINGULAR[self.kind]} '{self.name}'"


Way = Literal["natively", "bridge", "no"]


@dataclass(frozen=True, slots=True)
class Listing:
    """What ``harness list`` and ``show`` say of a name. ``problem`` is why it cannot run now.

    ``way`` is how it runs: natively, through the bridge (once what ``problem`` says is done),
    or not at all.
    """

    entry: Entry
    spec: Entry
    description: str
    class_name: str | None
    problem: str | None
    way: Way

    @property
    def runnable(self) -> bool:
        """Whether it runs as things are."""
        return self.problem is None


class Registry:
    """Names from several registry folders; each kind is read when it is first asked for."""

    def __init__(
        self,
        roots: Sequence[Path],
        data: Sequence[Path] = (),
        cache: Path = Path(".cache"),
        allowed: Sequence[str] = (),
    ) -> None:
        self.roots = tuple(roots)
        self.data = tuple(data)
        self.cache = cache
        self.allowed = tuple(allowed)
        self._kinds: dict[Kind, dict[str, Entry]] = {}
        self._args: Mapping[str, Any] = {}

    def adjusted(self, args: Mapping[str, Any]) -> Registry:
        """The same registry, in which every eval has these arguments over its own."""
        other = Registry(self.roots, self.data, self.cache, self.allowed)
        other._kinds = self._kinds
        other._args = {**self._args, **args}
        return other

    def entries(self, kind: Kind = "evals") -> Mapping[str, Entry]:
        """All entries of a kind by name, aliases included, in the files' order."""
        if kind not in self._kinds:
            self._kinds[kind] = _load(self.roots, kind)
        return self._kinds[kind]

    def names(self, kind: Kind = "evals") -> list[str]:
        """All names of a kind, aliases included."""
        return list(self.entries(kind))

    def resolve(self, name: str, kind: Kind = "evals") -> Entry:
        """The entry behind a name, through all aliases.

        Raises:
            UnknownName: no such entry.
            RegistryError: a dangling alias, or aliases in a circle.
        """
        entries = self.entries(kind)
        if name not in entries:
            raise UnknownName(f"no {SINGULAR[kind]} '{name}'{did_you_mean(name, entries)}")
        chain = [name]
        while (target := entries[chain[-1]].alias_of) is not None:
            if target in chain:
                circle = " -> ".join([*chain, target])
                raise RegistryError(f"{entries[name].place}: aliases go in a circle: {circle}")
            if target not in entries:
                near = did_you_mean(target, entries)
                raise RegistryError(
                    f"{entries[chain[-1]].place}: is an alias of '{target}', which does not"
                    f" exist{near}"
                )
            chain.append(target)
        return entries[chain[-1]]

    # --- evals -----------------------------------------------------------------------

    def eval(self, name: str) -> EvalSpec:
        """The spec of a natively run eval.

        Raises:
            RegistryError: unknown, not run natively, or wrong.
        """
        return eval_spec(self._source(self.resolve(name)))

    def matching(self, patterns: Sequence[str]) -> list[str]:
        """Names of the specs that patterns such as ``orders.*`` mean; each once, in order.

        Raises:
            UnknownName: a pattern matches nothing.
        """
        found: dict[str, None] = {}
        for pattern in patterns:
            names = self._matches(pattern)
            if not names:
                raise UnknownName(
                    f"no eval matches '{pattern}'{did_you_mean(pattern, self.entries())}"
                )
            found.update(dict.fromkeys(self.resolve(name).name for name in names))
        return list(found)

    def evals(self, patterns: Sequence[str]) -> list[EvalSpec]:
        """The specs that patterns mean.

        Raises:
            RegistryError: a pattern matches nothing, or an eval that is not run natively.
        """
        return [self.eval(name) for name in self.matching(patterns)]

    def _matches(self, pattern: str) -> list[str]:
        if "*" not in pattern:
            return [pattern] if pattern in self.entries() else []
        return [name for name in self.entries() if fits(name, pattern)]

    def _source(self, entry: Entry) -> Source:
        description = entry.description or self._descriptions.get(entry.name, "")
        return Source(
            name=entry.name,
            raw=self.with_args(entry.raw),
            place=entry.place,
            root=entry.root,
            file=entry.file,
            description=description,
            rubric=self.rubric,
            data=self.data,
            cache=self.cache,
            allowed=self.allowed,
        )

    def with_args(self, raw: Any) -> Any:
        """An entry's content, its arguments overruled by those that all evals are given."""
        own = raw.get("args") if isinstance(raw, dict) else None
        if not self._args or not (own is None or isinstance(own, dict)):
            return raw
        return {**raw, "args": {**(own or {}), **self._args}}

    def rubric(self, name: str) -> Rubric:
        """What a judge is asked: a ``modelgraded`` entry.

        Raises:
            RegistryError: unknown, or its aliases lead nowhere.
        """
        entry = self.resolve(name, "modelgraded")
        return Rubric(entry.raw, entry.place)

    @cached_property
    def _descriptions(self) -> dict[str, str]:
        """Descriptions stand with the base name, which is an alias of the versioned one."""
        entries = self.entries()
        return {
            e.alias_of: e.description
            for e in reversed(list(entries.values()))
            if e.alias_of is not None and e.description
        }

    # --- sets, studies, the rest -----------------------------------------------------

    def eval_set(self, name: str) -> EvalSet:
        """A named list of eval patterns."""
        entry = self.resolve(name, "eval_sets")
        fields = Fields(entry.raw, entry.place)
        patterns = fields.texts("evals")
        if not patterns:
            raise RegistryError(f"{entry.place}: 'evals' is missing; list the evals")
        return EvalSet(entry.name, patterns)

    def study(self, name_or_path: str | Path) -> Study:
        """A declared study by its name, or from any file as ``study.yaml`` or ``study.yaml#name``.

        Raises:
            RegistryError: unknown, or something in it is wrong.
        """
        location = split_path(name_or_path)
        source = self._study_entry(str(name_or_path)) if location is None else _in_file(*location)
        return make_study(source, self.matching, self.policy)

    def policy(self, name_or_path: str | Path) -> Policy:
        """A policy by its name, or from any file as ``policy.yaml`` or ``policy.yaml#name``.

        Raises:
            RegistryError: unknown, or something in it is wrong.
        """
        location = split_path(name_or_path)
        if location is None:
            entry = self.resolve(str(name_or_path), "policies")
            origin = Origin(entry.file, f"policy '{entry.name}'", (entry.name,))
            return make_policy(entry.name, entry.raw, origin)
        path, wanted = location
        items = {item.name: item.value for item in read_items(path)}
        name, raw, trail = pick_policy(items, wanted, path)
        return make_policy(name, raw, Origin(path, f"policy '{name}'", trail))

    def _study_entry(self, name: str) -> StudySource:
        entry = self.resolve(name, "studies")
        roots = (entry.file.parent, own_folder("datasets"), entry.root / "data")
        place = f"{entry.file}: study '{entry.name}'"
        return StudySource(entry.name, entry.raw, place, entry.file, roots, trail=(entry.name,))

    def listing(self, patterns: Sequence[str] = ("*",)) -> Iterator[Listing]:
        """What there is to say about each matching eval, runnable or not."""
        for name in dict.fromkeys(n for pattern in patterns for n in self._matches(pattern)):
            try:
                yield self.describe(name)
            except RegistryError as error:
                entry = self.entries()[name]
                yield Listing(entry, entry, entry.description, None, str(error), "no")

    def describe(self, name: str) -> Listing:
        """What there is to say about one eval, runnable or not.

        Raises:
            RegistryError: unknown, or its aliases lead nowhere.
        """
        entry, spec = self.entries().get(name), self.resolve(name)
        class_name = spec.raw.get("class") if isinstance(spec.raw, dict) else None
        source = self._source(spec)
        problem, way = _runs(source, class_name)
        return Listing(entry or spec, spec, source.description, class_name, problem, way)


def fits(name: str, pattern: str) -> bool:
    """Whether a name is what a pattern means; each ``*`` stands for any text.

    Patterns come from strangers' eval sets: a regular expression could take for ever.
    """
    if "*" not in pattern:
        return name == pattern
    first, *inner, last = pattern.split("*")
    if len(name) < len(first) + len(last) or not name.startswith(first):
        return False
    place, end = len(first), len(name) - len(last)
    for part in inner:
        found = name.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return name.endswith(last)


def _runs(source: Source, class_name: object) -> tuple[str | None, Way]:
    """Why an eval cannot run now, and how it could."""
    try:
        spec = eval_spec(source)
    except RegistryError as error:
        bridged = isinstance(class_name, str) and class_name not in NATIVE
        return str(error), "bridge" if bridged and can_be_bridged(str(class_name)) else "no"
    return None, "bridge" if spec.grader == BRIDGE else "natively"


def _in_file(path: Path, wanted: str | None) -> StudySource:
    items = {item.name: item.value for item in read_items(path)}
    name, raw = pick(items, wanted, path)
    roots = (path.parent, own_folder("datasets"))
    trail = () if raw is items else (name,)
    place = f"{path}: study '{name}'"
    return StudySource(name, raw, place, path, roots, beside=path.parent, trail=trail)


# --- reading the folders -------------------------------------------------------------


def load_registry(
    paths: Sequence[Path] = (),
    home: Path | None = None,
    data: Sequence[Path] = (),
    allowed: Sequence[str] = (),
) -> Registry:
    """Our own registry, then ``<home>/.evals`` where there is one, then each given folder.

    ``data`` are further folders that the registries may read samples from; ``allowed`` the
    modules whose classes they may run.

    Raises:
        RegistryError: a given folder does not exist or holds no registry.
    """
    roots = [own_folder("registry")]
    if home is not None and isdir(home / ".evals"):
        roots.append(home / ".evals")
    for path in paths:
        _require_registry(path)
        roots.append(path)
    distinct = list({root.resolve(): root for root in reversed(roots)}.values())[::-1]
    cache = (home or Path()) / ".cache" / "harness" / "data"
    return Registry(distinct, data, cache, allowed)


def _require_registry(path: Path) -> None:
    if not path.is_dir():
        raise RegistryError(f"{path}: no such folder; give the folder that holds 'evals/'")
    if _holds_specs(path):
        return
    inner = next((p for p in (path / "registry", path / "evals/registry") if _holds_specs(p)), None)
    near = f"; did you mean {inner}?" if inner else ""
    raise RegistryError(f"{path}: holds no *.yaml in {', '.join(KINDS)}{near}")


def _holds_specs(path: Path) -> bool:
    return any(next((path / kind).glob("*.yaml"), None) is not None for kind in KINDS)


def _load(roots: Iterable[Path], kind: Kind) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for root in roots:
        for file in sorted((root / kind).glob("*.yaml")):
            _require_inside(file, root)
            for item in read_items(file, strict=kind in CHECKED):
                entry = Entry(kind, item.name, item.value, file, item.line, root)
                _check(entry, entries.get(item.name))
                entries[item.name] = entry
    return entries


def _require_inside(file: Path, root: Path) -> None:
    """A registry may be a stranger's: no link of it shows what lies elsewhere."""
    is_linked = file.is_symlink() or file.parent.is_symlink()
    if is_linked and not file.resolve().is_relative_to(root.resolve()):
        raise RegistryError(f"{file}: a link out of {root}; put the file itself there")


def _check(entry: Entry, earlier: Entry | None) -> None:
    if earlier is not None:
        raise RegistryError(
            f"{entry.place} is already in {earlier.file}:{earlier.line}; rename one of them"
        )
    if not isinstance(entry.raw, (dict, str)):
        raise RegistryError(f"{entry.place}: expected a mapping or the name of another one")
    reserved = next((key for key in RESERVED if key in entry.raw), None)
    if isinstance(entry.raw, dict) and reserved is not None:
        raise RegistryError(f"{entry.place}: '{reserved}' is a reserved key; remove it")
