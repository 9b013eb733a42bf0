"""What a terminal shows of the registry: untrusted texts, so no markup in them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.cli.terminal import plain
from harness.errors import RegistryError, did_you_mean

if TYPE_CHECKING:
    from harness.registry import Kind, Listing, Registry

PIPE_WIDTH = 160
WHY_SHOWN = 200


def show_list(registry: Registry, pattern: str) -> None:
    """Print every matching eval, eval set and study.

    Raises:
        RegistryError: nothing matches.
    """
    out = _console()
    found = list(registry.listing([pattern]))
    # Beside its eval an alias would only repeat it; alone it stands for it.
    evals = [listing for listing in found if not listing.entry.alias_of] or found
    sets = list(_matching(registry, "eval_sets", pattern))
    studies = list(_matching(registry, "studies", pattern))
    policies = list(_matching(registry, "policies", pattern))
    if not (evals or sets or studies or policies):
        kinds: tuple[Kind, ...] = ("evals", "eval_sets", "studies", "policies")
        known = [name for kind in kinds for name in registry.names(kind)]
        raise RegistryError(f"nothing matches '{pattern}'{did_you_mean(pattern, known)}")
    if studies:
        _print(out, "Studies", ("study", "what it is"), studies)
    if evals:
        _print(out, "Evals", ("eval", "runs", "what it is"), [_row(one) for one in evals])
        runnable = sum(one.runnable for one in evals)
        bridged = sum(one.way == "bridge" for one in evals)
        out.print(Text(f"{runnable:,} of {len(evals):,} evals run as things are."))
        if bridged:
            out.print(Text(f"{bridged:,} are code of their own, which runs where you allow it."))
    if sets:
        _print(out, "Eval sets", ("set", "what it is"), sets)
    if policies:
        _print(out, "Policies", ("policy", "what it asks"), policies)


def _console() -> Console:
    """Where nobody looks at a terminal (a pipe), names must not be folded at 80 columns."""
    out = Console(highlight=False)
    return out if out.is_terminal else Console(highlight=False, width=PIPE_WIDTH)


def _matching(registry: Registry, kind: Kind, pattern: str) -> Iterator[tuple[str, str]]:
    from fnmatch import fnmatchcase

    for name, entry in registry.entries(kind).items():
        if fnmatchcase(name, pattern):
            yield name, entry.description


def _row(listing: Listing) -> tuple[str, str, str]:
    way = WAYS[listing.way]
    return listing.entry.name, way, _why(listing) if listing.problem else listing.description


WAYS = {"natively": "natively", "bridge": "by the bridge", "no": "no"}


def _why(listing: Listing) -> str:
    """What keeps an eval from running, without the place and name that precede it."""
    reason = (listing.problem or "").partition(f"eval '{listing.spec.name}': ")[2]
    known = f"its class {listing.class_name} is not run natively; it is third-party code: "
    if reason.startswith(known):
        reason = f"{listing.class_name}: {reason.removeprefix(known)}"
    reason = reason or str(listing.problem)
    return reason if len(reason) <= WHY_SHOWN else reason[: WHY_SHOWN - 1] + "…"


def _print(out: Console, title: str, columns: tuple[str, ...], rows: list[Any]) -> None:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in ("eval", "runs"))
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    out.print(table)
    out.print()


def show_one(registry: Registry, name: str, further: Sequence[Path] = ()) -> None:
    """Print what a name stands for, and the command that runs it.

    ``further`` are the registry folders that the user gave; the command needs them too.

    Raises:
        RegistryError: no eval, eval set or study has it.
    """
    kinds: tuple[Kind, ...] = ("evals", "studies", "eval_sets", "policies")
    found = [kind for kind in kinds if name in registry.entries(kind)]
    if not found:
        known = [known for kind in kinds for known in registry.names(kind)]
        near = did_you_mean(name, known)
        raise RegistryError(f"no eval, eval set, study or policy '{name}'{near}")
    for kind in found:
        _show(Console(highlight=False), registry, kind, name)
        if command := _command(registry, kind, name, further):
            print(f"Run it: {command}")


def _show(out: Console, registry: Registry, kind: Kind, name: str) -> None:
    import yaml

    entry = registry.resolve(name, kind)
    out.print(Text(plain(entry.name), style="bold"))
    out.print(Text(f"declared in {entry.file}:{entry.line}"), soft_wrap=True)
    out.print()
    text = yaml.safe_dump({entry.name: entry.raw}, sort_keys=False, allow_unicode=True, width=90)
    out.print(Text(text), soft_wrap=True)
    if kind == "evals":
        _show_eval(out, registry, name)
    elif kind == "studies":
        registry.study(name)
    elif kind == "policies":
        registry.policy(name)


def _show_eval(out: Console, registry: Registry, name: str) -> None:
    listing = registry.describe(name)
    if listing.problem:
        out.print(Text(f"Does not run here: {plain(listing.problem)}"), soft_wrap=True)
        return
    from harness.datasets import count_samples

    spec = registry.eval(name)
    count = count_samples(spec.samples)
    out.print(Text(f"{count:,} samples in {spec.samples}"), soft_wrap=True)


def _command(registry: Registry, kind: Kind, name: str, further: Sequence[Path]) -> str:
    """The whole command to type; empty where the eval does not run here."""
    from harness.graders import needs_judge

    if kind == "evals" and registry.describe(name).problem:
        return ""
    full = plain(registry.resolve(name, kind).name)
    if kind == "policies":
        return shlex.join(["harness", "gate", "PATH", "--policy", full])
    words = ["harness", "study" if kind == "studies" else "run", full]
    words += [word for folder in further for word in ("--registry", plain(str(folder)))]
    if kind != "studies":
        words += ["--model", "MODEL"]
    if kind == "evals" and needs_judge(registry.eval(name)):
        words += ["--judge", "MODEL"]
    return shlex.join(words)
