"""Lints of what is said more than once: duplicates, paraphrases, and answers that contradict."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from harness.linting.columns import Columns, Different, in_one_order
from harness.linting.counting import first_of, hits, lines_where, share_of, so_many
from harness.linting.question import Question
from harness.linting.templates import is_crowded, template_of
from harness.linting.verdicts import EXAMPLES_SHOWN, Measured, Skipped
from harness.reports.wording import counted, listed

MOST_LINES_NAMED = 6
MOST_GROUPS_LISTED = 1000


def exact_duplicates(question: Question) -> Measured:
    """Examples that occurred before, with the same instructions, prompt and answer."""
    columns = question.train
    seen: dict[tuple[int, int], int] = {}
    again: list[tuple[int, int]] = []
    pairs = zip(columns.contexts.numbers, columns.answers.numbers, strict=True)
    for line, pair in zip(columns.lines, pairs, strict=True):
        if seen.setdefault(pair, line) != line:
            again.append((line, seen[pair]))
    examples = ((line, f"the same as line {first}") for line, first in again)
    says = "say the same as an earlier one"
    return share_of([line for line, _ in again], question.n, says, examples)


def near_duplicates(question: Question) -> Measured:
    """Examples that say nearly what another says, prompt and answer together."""
    columns = question.train
    found = _grouped(columns, columns.wholes, "are nearly the same as another")
    prompts = columns.prompts
    if found.value and is_crowded(prompts.near_groups(), len(prompts)) and template_of(prompts):
        return replace(found, said=f"{found.said}; the prompts share a template", most="info")
    return found


def paraphrases(question: Question) -> Measured:
    """Prompts that ask nearly what another asks."""
    columns = question.train
    return _grouped(columns, columns.prompts, "have a prompt that is nearly another's")


def _grouped(columns: Columns, column: Different, says: str) -> Measured:
    """How many examples have a near one; equal ones count among the duplicates."""
    groups = column.near_groups()
    grouped = {number for group in groups for number in group}
    lines = lines_where(columns.lines, lambda i: column.numbers[i] in grouped)
    first = first_of(column.numbers)
    members = [[columns.lines[first[number]] for number in group] for group in groups]
    where = f", in {counted(len(groups), 'group')}" if groups else ""
    measured = share_of(lines, len(columns), says + where)
    shown = (
        (lines[0], f"lines {_listed(lines)}: {column.texts[group[0]]}")
        for group, lines in zip(groups, members, strict=True)
    )
    return Measured(
        measured.value,
        measured.said,
        measured.lines,
        hits(islice(shown, EXAMPLES_SHOWN)),
        evidence={"groups": members[:MOST_GROUPS_LISTED], "n_groups": len(groups)},
    )


def _listed(lines: Sequence[int]) -> str:
    if len(lines) <= MOST_LINES_NAMED:
        return listed([f"{line:,}" for line in lines])
    return f"{', '.join(f'{line:,}' for line in lines[:MOST_LINES_NAMED])} and more"


def conflicts(question: Question) -> Measured | Skipped:
    """Prompts that have several answers where one is right."""
    if question.task != "one-answer":
        return Skipped("several answers may be right; say --task one-answer if only one is")
    columns = question.train
    torn = torn_contexts(columns)
    lines = [columns.lines[i] for members in torn for i in members]
    examples = (
        (columns.lines[members[0]], f"{_prompt(columns, members[0])} -> {_said(columns, members)}")
        for members in torn[:EXAMPLES_SHOWN]
    )
    says = "answer a prompt otherwise than another does"
    says += f", {counted(len(torn), 'prompt')}" if torn else ""
    alike = sum(map(len, torn_contexts(columns, columns.spellings)))
    if 2 * alike >= len(lines):
        return share_of(lines, question.n, says, examples)
    says += "; most of these prompts differ in case or white space"
    return share_of(lines, question.n, says, examples, "warn")


def torn_contexts(columns: Columns, keys: Sequence[int] = ()) -> list[list[int]]:
    """The examples, by index, of every instruction and prompt that has several answers.

    ``keys`` say which are the same, where case and white space are not to be passed over.
    """
    members: dict[int, list[int]] = {}
    for index, context in enumerate(keys or columns.contexts.numbers):
        members.setdefault(context, []).append(index)
    return [found for found in members.values() if _has_several_answers(columns, found)]


def _has_several_answers(columns: Columns, members: Sequence[int]) -> bool:
    """Do examples have different answers? JSON is the same in whatever order and spacing."""
    numbers = {columns.answers.numbers[i] for i in members}
    return len(numbers) > 1 and len({in_one_order(columns.answers.texts[n]) for n in numbers}) > 1


def _prompt(columns: Columns, index: int) -> str:
    text = columns.prompts.texts[columns.prompts.numbers[index]]
    return text if len(text) <= 80 else f"{text[:80]}…"


def _said(columns: Columns, members: Sequence[int]) -> str:
    numbers = {columns.answers.numbers[i] for i in members}
    texts = [columns.answers.texts[number][:40] for number in sorted(numbers)[:4]]
    return " / ".join(texts)


# --- leakage to held-out -------------------------------------------------------------

NO_HELDOUT = "no held-out file; give --heldout FILE"


class Leak(NamedTuple):
    """A held-out and a training line, and the text of ``column`` that is the source."""

    held: int
    line: int
    column: Different
    number: int


def leaked_exactly(question: Question) -> Measured | Skipped:
    """Held-out prompts that training asks too, in whatever turn."""
    if question.heldout is None:
        return Skipped(NO_HELDOUT)
    train, heldout = question.train, question.heldout
    first = first_of(train.prompts.numbers)
    found: list[Leak] = []
    for index, number in enumerate(heldout.prompts.numbers):
        text = heldout.prompts.texts[number]
        same = train.prompts.number_of(text)
        line = None if same is not None else train.turns.line_asking(text)
        if same is not None and text.strip():
            found.append(Leak(heldout.lines[index], train.lines[first[same]], train.prompts, same))
        elif line is not None:
            found.append(Leak(heldout.lines[index], line, heldout.prompts, number))
    return _leaks(found, question, "are asked in training too")


def leaked_runs(question: Question) -> Measured | Skipped:
    """Held-out prompts that share 13 words in a row with a training prompt.

    The prompt of a chat holds all of its turns, the last answer aside.
    """
    if question.heldout is None:
        return Skipped(NO_HELDOUT)
    from harness.linting.runs import sharing_runs

    train, heldout = question.train, question.heldout
    sources = sharing_runs(heldout.prompts.texts, train.prompts.texts)
    return _pairs(sources, {}, question, "share 13 words in a row with a training prompt")


def leaked_nearly(question: Question) -> Measured | Skipped:
    """Held-out prompts that are nearly a training prompt, or what a user says in some turn."""
    if question.heldout is None:
        return Skipped(NO_HELDOUT)
    theirs, train = question.heldout.prompts, question.train
    sources, turns = near_sources(theirs, train.prompts), near_sources(theirs, train.turns.users)
    found = _pairs(sources, turns, question, "are nearly a training prompt")
    if found.value and _at_least(found, len(question.heldout)) <= paraphrases(question).value:
        said = f"{found.said}; training prompts are as near to each other"
        return replace(found, said=said, most="info")
    return found


def _at_least(found: Measured, n: int) -> float:
    """The least share that so many of n stand for."""
    from harness.analysis.wilson import wilson_interval

    return wilson_interval(round(found.value * n), n).low


def near_sources(heldout: Different, train: Different) -> dict[int, int]:
    """The nearest training text of each held-out text that has a near one, by number."""
    import numpy as np

    from harness.analysis.neighbours import near_pairs

    if heldout.sketches is None or train.sketches is None or not len(train):
        return {}
    n = len(train)
    matrix = np.concatenate([train.sketches.matrix(), heldout.sketches.matrix()])

    def text_at(index: int) -> str:
        return train.texts[index] if index < n else heldout.texts[index - n]

    best: dict[int, tuple[float, int]] = {}
    for pair in near_pairs(matrix, text_at, others_from=n):
        number = pair.second - n
        best[number] = max(best.get(number, (0.0, 0)), (pair.similarity, -pair.first))
    return {number: -negative for number, (_, negative) in best.items()}


def _pairs(
    sources: Mapping[int, int], turns: Mapping[int, int], question: Question, says: str
) -> Measured:
    """The measurement from which held-out text has which training text, or turn, as its source."""
    train, heldout = question.train, question.heldout
    assert heldout is not None  # noqa: S101 - for the type checker; callers have looked
    first = first_of(train.prompts.numbers)
    found: list[Leak] = []
    for held, number in zip(heldout.lines, heldout.prompts.numbers, strict=True):
        if number in sources:
            source = sources[number]
            found.append(Leak(held, train.lines[first[source]], train.prompts, source))
        elif number in turns:
            source = turns[number]
            found.append(Leak(held, train.turns.lines[source], train.turns.users, source))
    return _leaks(found, question, says)


def _leaks(found: Sequence[Leak], question: Question, says: str) -> Measured:
    """The measurement of how many held-out prompts leak; lines are those of training."""
    n = len(question.heldout) if question.heldout is not None else 0
    value = len(found) / n if n else 0.0
    said = f"{so_many(len(found), n, 'held-out prompt')} {says}"
    whole = question.train.prompts
    examples = hits(
        (
            leak.line,
            f"held-out line {leak.held:,}{'' if leak.column is whole else ', in a turn of a chat'}:"
            f" {leak.column.texts[leak.number]}",
        )
        for leak in found
    )
    lines = sorted({leak.line for leak in found})
    held = sorted({leak.held for leak in found})
    return Measured(value, said, lines, examples, evidence={"heldout_lines": held})


def leaked_answers(question: Question) -> Measured | Skipped:
    """Held-out answers that training gives too, in whatever turn, where answers are no labels."""
    heldout, train = question.heldout, question.train
    if heldout is None:
        return Skipped(NO_HELDOUT)
    from harness.linting.question import has_labels

    of_labels = has_labels(train)
    if has_labels(heldout) or (of_labels and not train.turns.answers):
        return Skipped("answers are labels: all of them occur on both sides")
    wanted = [n for n in heldout.answers.numbers if heldout.answers.texts[n].strip()]
    if not wanted:
        return Skipped("the held-out data name no answers")
    leaked = dict(_answers_in(train, heldout.answers, set(wanted), of_labels))
    held = lines_where(heldout.lines, lambda i: heldout.answers.numbers[i] in leaked)
    ours = {number for number, _ in leaked.values() if number is not None}
    earlier = {line for _, line in leaked.values() if line is not None}
    lines = sorted(
        {*lines_where(train.lines, lambda i: train.answers.numbers[i] in ours), *earlier}
    )
    value = len(held) / len(wanted)
    said = f"{so_many(len(held), len(wanted), 'held-out answer')} also occur in training"
    said += ": what was learnt by heart counts as right" if held else ""
    examples = hits((line, f"held-out line {line:,}") for line in held)
    return Measured(value, said, lines, examples, evidence={"heldout_lines": held})


def _answers_in(
    train: Columns, answers: Different, wanted: Iterable[int], of_labels: bool
) -> Iterator[tuple[int, tuple[int | None, int | None]]]:
    """Held-out answers that training gives: as which of its answers, in which line's turns.

    Where training's last answers are labels, earlier ones alone count.
    """
    taught = range(0) if of_labels else _taught(train)
    for wanted_one in wanted:
        text = answers.texts[wanted_one]
        number, line = train.answers.number_of(text), train.turns.line_answering(text)
        number = number if number in taught else None
        named = not of_labels and train.expected.number_of(text) is not None
        if number is not None or line is not None or named:
            yield wanted_one, (number, line)


def _taught(train: Columns) -> Container[int | None]:
    """The answers, by number, that some line teaches; those of the weight 0 it does not."""
    if not train.unlearnt:
        return range(len(train.answers))
    aside = frozenset(train.unlearnt)
    pairs = zip(train.lines, train.answers.numbers, strict=True)
    return {number for line, number in pairs if line not in aside}
