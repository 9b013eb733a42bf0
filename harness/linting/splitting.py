"""Which lines of a training file to keep for judging: by label, without parting what is alike.

Pure but for reading the file. Lines go to the same side when they ask the same, nearly the same
(at the lints' threshold), or come from the same document; the file itself is only read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from harness.datasets.lines import decoded, items
from harness.errors import DatasetError, UsageError
from harness.linting.columns import Columns, Different, folded
from harness.linting.counting import first_of
from harness.linting.examples import Format, example_of, format_of
from harness.linting.question import guessed_task, has_labels, is_extraction
from harness.linting.repetition import torn_contexts
from harness.linting.shapes import fault_of, no_format
from harness.linting.source import check_kind
from harness.linting.templates import is_crowded, template_of, words_of
from harness.records import Task
from harness.reports.wording import counted, percent

if TYPE_CHECKING:
    from harness.analysis.neighbours import Groups

DETECT = 0.1
DISCORDANCE = 0.3
"""What ``harness plan`` would read off a run, taken as this before there is one: the share of
samples on which exactly one of two models is right."""

MOST_HELDOUT = 0.3
FEWEST_HELDOUT = 20
FEWEST_TRAINING = 10
"""Fewer examples than this no training takes."""

COMPARED_EXACTLY = 20_000
FEW_INSTRUCTIONS = 20
FEW_OF_A_LABEL, RECURRING = 3, 0.9
"""It is by short answers where they come so often on average, and so many of them twice."""


CLUSTER = "cluster"
"""The field that names a line's document, where no other is named."""


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """How many to hold out (None: what shows a difference of ``detect``), and how to draw them.

    ``cluster`` is the field of a line that names its document.
    """

    heldout: int | None = None
    detect: float = DETECT
    seed: int = 0
    cluster: str = CLUSTER


@dataclass(frozen=True, slots=True)
class Stratum:
    """A label (or an instruction), and how many of its examples there are and are held out."""

    name: str
    examples: int
    heldout: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """Lines that ask the same and are answered differently where one answer is right."""

    lines: tuple[int, ...]
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """What goes where, and why. Lines are the file's, from 1.

    ``wanted`` is the number that was aimed at; ``strata`` is empty where nothing was stratified by;
    ``groups`` counts the groups of lines that stay together by what joined them; ``template`` are
    words that most prompts share; ``cluster`` is the field that names a line's document.
    """

    path: Path
    format: Format
    task: Task | None
    kind: str
    lines: int
    heldout: frozenset[int]
    wanted: int
    why: str
    stratified_by: str = ""
    strata: tuple[Stratum, ...] = ()
    groups: tuple[tuple[str, int], ...] = ()
    largest_group: int = 1
    template: tuple[str, ...] = ()
    longest_answer: int = 0
    cluster: str = CLUSTER
    conflicts: tuple[Conflict, ...] = ()


def split(path: Path, options: SplitOptions = SplitOptions()) -> Split:
    """Say which lines of a training file are to be held out.

    Raises:
        UsageError: no such file, or a number that cannot be held out.
        DatasetError: a line that is no example, or too few of them.
    """
    with closing(Columns()) as columns:
        reading = _Reading(columns, options.cluster)
        reading.read(path)
        wanted, why = _wanted(path, len(columns), options)
        strata = _strata(columns)
        with closing(_Together(columns, reading.documents)) as together:
            chosen = _without_near_pairs(together, strata.of, wanted, options.seed)
        held = frozenset(columns.lines[i] for i in chosen)
        if not held:
            raise DatasetError(_nothing_fits(path, together, wanted))
        return Split(
            path=path,
            format=reading.format,
            task=guessed_task(columns),
            kind=_kind(columns, reading.calls),
            lines=len(columns),
            heldout=held,
            wanted=wanted,
            why=why,
            stratified_by=strata.by,
            strata=tuple(strata.counted(chosen)),
            groups=together.counted(),
            largest_group=max(Counter(together.leaders()).values()),
            template=tuple(together.template),
            longest_answer=max(map(len, columns.answers.texts)),
            cluster=options.cluster,
            conflicts=tuple(_conflicts(columns)),
        )


def _conflicts(columns: Columns) -> Iterator[Conflict]:
    """What the lint of this name finds."""
    if guessed_task(columns) != "one-answer":
        return
    for members in torn_contexts(columns):
        numbers = dict.fromkeys(columns.answers.numbers[i] for i in members)
        answers = tuple(columns.answers.texts[number] for number in numbers)
        yield Conflict(tuple(columns.lines[i] for i in members), answers)


def _nothing_fits(path: Path, together: _Together, wanted: int) -> str:
    largest = max(Counter(together.leaders()).values())
    return (
        f"{path}: nothing can be held out: the examples stand in groups of up to {largest:,} that"
        f" belong together, and {wanted:,} are to be held out; collect examples that differ, or"
        " name documents by a field of the lines (--cluster)"
    )


# --- reading -------------------------------------------------------------------------


class _Reading:
    """One pass over the file: the columns to compare, and each line's document."""

    def __init__(self, columns: Columns, cluster: str) -> None:
        self.columns = columns
        self.documents: list[str | None] = []
        self.calls = 0
        self.format: Format = "chat"
        self._cluster = cluster

    def read(self, path: Path) -> None:
        """Take in all lines; the first that is no example ends it."""
        check_kind(path)
        for number, value, kind in examples_of(path):
            if self.columns.formats and kind not in self.columns.formats:
                raise DatasetError(f"{path}:{number}: is {kind}, the lines before are not")
            self.format = kind
            self.columns.add(example_of(value, number, kind))
            self.documents.append(document_of(value, self._cluster))
            self.calls += bool(kind == "chat" and value["messages"][-1].get("tool_calls"))
        if not len(self.columns):
            raise DatasetError(f"{path}: holds no examples")
        if self._cluster != CLUSTER and not any(one is not None for one in self.documents):
            raise UsageError(
                f"{path}: no line has the field {self._cluster!r} (--cluster), itself or in its"
                " metadata; name the one that says which document a line is from"
            )


def examples_of(path: Path) -> Iterator[tuple[int, dict[str, Any], Format]]:
    """Every line's number, object and format.

    Raises:
        DatasetError: ``file:line: what is wrong``; ``harness lint`` names all such lines.
    """
    for place, item in items(path):
        value = decoded(item, place)
        kind = format_of(value)
        fault = no_format(value) if kind is None else fault_of(value, kind)
        if kind == "sample":
            fault = "is a sample of an eval, not a training example"
        if fault or kind is None:
            raise DatasetError(f"{place}: {fault} (harness lint {path} names all such lines)")
        yield place.number, value, kind


def document_of(value: Mapping[str, Any], field: str) -> str | None:
    """The document that a line names, itself or in its metadata."""
    about = value.get("metadata")
    found = value.get(field, about.get(field) if isinstance(about, dict) else None)
    return None if found is None else str(found)


def _kind(columns: Columns, calls: int) -> str:
    """What answers are, for whoever is to mark them: calls, JSON, labels, short or text."""
    if calls >= len(columns) / 2:
        return "calls"
    if is_extraction(columns):
        return "JSON"
    if has_labels(columns):
        return "labels"
    is_short = columns.short >= 0.95 * len(columns)
    return "short" if is_short and not columns.formats["preference"] else "text"


# --- how many ------------------------------------------------------------------------


def _wanted(path: Path, n: int, options: SplitOptions) -> tuple[int, str]:
    """How many examples to hold out, and why so many.

    Raises:
        UsageError: as many as cannot be held out.
        DatasetError: too few examples for any number.
    """
    if options.heldout is not None:
        if not 1 <= options.heldout <= n - FEWEST_TRAINING:
            raise UsageError(
                f"--heldout {options.heldout}: of {counted(n, 'example')} between 1 and"
                f" {max(n - FEWEST_TRAINING, 0)} can be held out; training takes"
                f" {FEWEST_TRAINING} or more"
            )
        return options.heldout, "as asked for"
    from harness.analysis.stats import samples_needed

    points = f"{100 * options.detect:g} points"
    needed = samples_needed(options.detect, max(DISCORDANCE, options.detect))
    most = int(MOST_HELDOUT * n)
    if most < FEWEST_HELDOUT:
        fewest = -int(-FEWEST_HELDOUT // MOST_HELDOUT)
        raise DatasetError(
            f"{path}: {counted(n, 'example')}: too few to split; {percent(MOST_HELDOUT)} of them,"
            f" {most}, would show no difference worth the name; collect {fewest} or more, or say"
            " how many yourself with --heldout N"
        )
    if needed <= most:
        return needed, f"enough to show a difference of {points}"
    return most, (
        f"{percent(MOST_HELDOUT)} of the examples; to show {points} it would take {needed:,}"
    )


def shown_by(n: int) -> float | None:
    """The smallest difference that so many samples show; None where they show none."""
    from harness.analysis.stats import smallest_detectable_difference

    return smallest_detectable_difference(n, DISCORDANCE)


# --- what stays together -------------------------------------------------------------


class _Together:
    """Examples that have to be on the same side, by index."""

    def __init__(self, columns: Columns, documents: Sequence[str | None]) -> None:
        from harness.analysis.neighbours import Groups

        self.columns = columns
        self.groups: Groups = Groups(len(columns))
        self.joined: Counter[str] = Counter()
        self._own: list[Different] = []
        self._join_equal("the same prompt", list(columns.prompts.numbers))
        self._join_equal("the same document", documents)
        prompts, wholes = columns.prompts, columns.wholes
        near = prompts.near_groups()
        self.template = template_of(prompts) if is_crowded(near, len(prompts)) else []
        if self.template:
            prompts, wholes = self._bare()
            near = prompts.near_groups()
        self.texts = prompts
        self._join_near("nearly the same prompt", prompts, near)
        self._join_near("nearly the same prompt and answer", wholes, wholes.near_groups())

    def leaders(self) -> list[int]:
        """Each example's group, as the first example in it."""
        return [self.groups.leader(i) for i in range(len(self.columns))]

    def members(self) -> list[list[int]]:
        """All groups, those of one example too."""
        found: dict[int, list[int]] = {}
        for index, leader in enumerate(self.leaders()):
            found.setdefault(leader, []).append(index)
        return list(found.values())

    def counted(self) -> tuple[tuple[str, int], ...]:
        """How many groups each reason made."""
        return tuple((reason, count) for reason, count in self.joined.items() if count)

    def join(self, first: int, second: int) -> None:
        """Keep two examples together."""
        self.groups.join(first, second)

    def close(self) -> None:
        """Forget the texts made here."""
        for column in self._own:
            column.texts.close()

    def _join_equal(self, reason: str, keys: Sequence[object]) -> None:
        seen: dict[object, list[int]] = {}
        for index, key in enumerate(keys):
            if key is not None:
                seen.setdefault(key, []).append(index)
        for members in seen.values():
            for other in members[1:]:
                self.join(members[0], other)
        self.joined[reason] = sum(len(members) > 1 for members in seen.values())

    def _join_near(self, reason: str, column: Different, near: Sequence[Sequence[int]]) -> None:
        first = first_of(column.numbers)
        for group in near:
            for number in group[1:]:
                self.join(first[group[0]], first[number])
        for index, number in enumerate(column.numbers):
            self.join(first[number], index)
        self.joined[reason] = len(near)

    def _bare(self) -> tuple[Different, Different]:
        """Prompts, and prompts with answers, without the template's words."""
        prompts, wholes = Different(sketched=True), Different(sketched=True)
        self._own += prompts, wholes
        common = frozenset(self.template)
        for number, answer in zip(
            self.columns.prompts.numbers, self.columns.answers.numbers, strict=True
        ):
            text = self.columns.prompts.texts[number]
            rest = " ".join(word for word in words_of(text) if word not in common) or folded(text)
            prompts.add(rest)
            wholes.add(f"{rest}\n{self.columns.answers.texts[answer]}")
        return prompts, wholes


# --- who is held out -----------------------------------------------------------------


class _Strata:
    """Which label (or instruction) each example has."""

    def __init__(self, by: str, numbers: Sequence[int], names: Sequence[str]) -> None:
        self.by = by
        self.of = numbers
        self._names = names

    def counted(self, chosen: Sequence[int]) -> Iterator[Stratum]:
        """Each stratum with its numbers, the largest first."""
        held = Counter(self.of[i] for i in chosen)
        if self.by:
            for number, examples in Counter(self.of).most_common():
                yield Stratum(self._names[number].strip(), examples, held[number])


def _answers_recur(columns: Columns) -> bool:
    """Do nearly all answers come again? Labels with few examples each do, and short facts."""
    counts = columns.answers.counts()
    again = sum(count > 1 for count in counts.values())
    return (
        columns.short >= 0.95 * len(columns)
        and len(columns) >= FEW_OF_A_LABEL * len(counts)
        and again >= RECURRING * len(counts)
    )


def _strata(columns: Columns) -> _Strata:
    if has_labels(columns) or _answers_recur(columns):
        return _Strata("label", list(columns.answers.numbers), list(columns.answers.texts))
    instructions = columns.instructions
    if 1 < len(instructions) <= FEW_INSTRUCTIONS:
        return _Strata("instructions", list(instructions.numbers), list(instructions.texts))
    return _Strata("", [0] * len(columns), [""])


def _without_near_pairs(
    together: _Together, strata: Sequence[int], wanted: int, seed: int
) -> list[int]:
    """The examples to hold out; none of them is near one that stays.

    Near ones are found by sketches, which miss one in a hundred: what was missed is joined, and
    all are drawn anew.
    """
    while True:
        chosen = drawn(together.members(), strata, wanted, seed)
        missed = _near_across(together, set(chosen))
        if not missed:
            return chosen
        for first, second in missed:
            together.join(first, second)


def drawn(
    groups: Sequence[Sequence[int]], strata: Sequence[int], wanted: int, seed: int
) -> list[int]:
    """Whole groups at random, so that each stratum gives its share and keeps an example."""
    order = list(groups)
    Random(seed).shuffle(order)
    sizes = Counter(strata)
    shares = shares_of(sizes, wanted)
    held: Counter[int] = Counter()
    chosen: list[int] = []
    for most in (shares, {stratum: size - 1 for stratum, size in sizes.items()}):
        left = []
        for group in order:
            here = Counter(strata[i] for i in group)
            fits = all(held[s] + count <= most[s] for s, count in here.items())
            if fits and len(chosen) + len(group) <= wanted:
                held += here
                chosen += group
            else:
                left.append(group)
        order = left
    return sorted(chosen)


def shares_of(sizes: Counter[int], wanted: int) -> dict[int, int]:
    """How many each stratum gives (largest remainders), at most all but one of its examples."""
    n = sizes.total()
    exact = {stratum: wanted * size / n for stratum, size in sizes.items()}
    shares = {stratum: int(share) for stratum, share in exact.items()}
    by_remainder = sorted(exact, key=lambda s: (int(exact[s]) - exact[s], s))
    for stratum in by_remainder[: wanted - sum(shares.values())]:
        shares[stratum] += 1
    return {stratum: min(share, sizes[stratum] - 1) for stratum, share in shares.items()}


def _near_across(together: _Together, held: set[int]) -> list[tuple[int, int]]:
    """Pairs of a staying and a held-out example that are near, by comparing all exactly."""
    texts, numbers = together.texts.texts, together.texts.numbers
    if len(texts) > COMPARED_EXACTLY:
        return []
    from harness.analysis.leakage import near_overlap

    staying = [i for i in range(len(numbers)) if i not in held]
    leaving = sorted(held)
    found = near_overlap([texts[numbers[i]] for i in staying], [texts[numbers[i]] for i in leaving])
    return [(staying[one.train], leaving[one.heldout]) for one in found]
