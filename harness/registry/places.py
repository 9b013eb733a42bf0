"""Where registry data lie, and which paths a registry may name.

The product's own registry and data sets lie beside the package in a checkout and
inside it (``_data``) in an installed wheel.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from os.path import isdir, isfile  # unlike Path's, they say False to names no system takes
from pathlib import Path

from harness.errors import RegistryError

WORD = re.compile(r"[^\W_]+")
LETTERS_A_SLIP = 4
"""A mistyped word has one slip, a long one as many as it has so many letters."""
MOST_NEAR = 3

PACKAGE = Path(__file__).resolve().parents[1]


def own_folder(name: str) -> Path:
    """The folder ``registry`` or ``datasets`` that the product ships."""
    checkout = PACKAGE.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / name).is_dir():
        return checkout / name
    return PACKAGE / "_data" / name


def data_path(relative: str, roots: Sequence[Path], place: str) -> Path:
    """Find a data file or folder that a registry names.

    An existing file as given comes first, as in OpenAI evals; then each root. Wherever it is
    found it must lie in the working directory or in a root, so that no registry can read what
    it was not given.

    Raises:
        RegistryError: not there, or it leaves its folder.
    """
    given = Path(relative)
    if isfile(given) or (given.is_absolute() and isdir(given)):
        return _given(given, roots, place)
    if given.is_absolute():
        raise RegistryError(f"{place}: {relative} does not exist")
    tried = []
    for root in roots:
        candidate = root / given
        if isfile(candidate) or isdir(candidate):
            return _inside(candidate, root, place)
        tried.append(str(candidate))
    near = _did_you_mean(given.name, _neighbours(root / given for root in roots))
    raise RegistryError(f"{place}: {relative} is not there, looked for {' and '.join(tried)}{near}")


def cached_data(cache: Path, address: str) -> Path:
    """The file in the cache that holds a data set which is loaded from elsewhere."""
    digest = hashlib.sha256(address.encode()).hexdigest()[:16]
    return cache / f"{digest}.jsonl"


def _given(path: Path, roots: Sequence[Path], place: str) -> Path:
    whole = path.resolve()
    if any(whole.is_relative_to(home.resolve()) for home in (Path.cwd(), *roots)):
        return path
    raise RegistryError(
        f"{place}: {path} lies outside the registry and the working directory; allow its folder"
        f" with --data {path.parent}"
    )


def _inside(candidate: Path, root: Path, place: str) -> Path:
    if not candidate.resolve().is_relative_to(root.resolve()):
        raise RegistryError(
            f"{place}: {candidate} leads out of {root}; move the file there, or give its"
            " absolute path and allow its folder with --data"
        )
    return candidate


def _did_you_mean(name: str, others: Iterable[str]) -> str:
    """The repair for a mistyped file name: each word of it is near, not only most letters.

    A file that differs in a word is another file: who misses ``train.jsonl`` must not be led to
    ``heldout.jsonl``.
    """
    near = sorted({repr(other) for other in others if _is_near(name, other)})[:MOST_NEAR]
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _is_near(name: str, other: str) -> bool:
    from rapidfuzz.distance import OSA

    words, theirs = (WORD.findall(one.casefold()) for one in (name, other))
    return len(words) == len(theirs) and all(
        OSA.distance(ours, their) <= max(1, len(ours) // LETTERS_A_SLIP)
        for ours, their in zip(words, theirs, strict=True)
    )


def _neighbours(missing: Iterable[Path]) -> Iterator[str]:
    for path in missing:
        with suppress(OSError, ValueError):
            yield from (other.name for other in path.parent.iterdir())
