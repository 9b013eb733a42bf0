"""Lints of what is said more than once: duplicates, paraphrases, and answers that contradict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from harness.linting.columns import Columns, Different
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
    answers = columns.answers.numbers
    return [found for found in members.values() if len({answers[i] for i in found}) > 1]


def _prompt(columns: Columns, index: int) -> str:
    text = columns.prompts.texts[columns.prompts.numbers[index]]
    return text if len(text) <= 80 else f"{text[:80]}…"


def _said(columns: Columns, members: Sequence[int]) -> str:
    numbers = {columns.answers.numbers[i] for i in members}
    texts = [columns.answers.texts[number][:40] for number in sorted(numbers)[:4]]
    return " / ".join(texts)


# --- leakage to held-out -------------------------------------------------------------

NO_HELDOUT = "no held-out file; give --heldout FILE"


def leaked_exactly(question: Question) -> Measured | Skipped:
    """Held-out prompts that training asks too."""
    if question.heldout is None:
        return Skipped(NO_HELDOUT)
    train, heldout = question.train, question.heldout
    first = first_of(train.prompts.numbers)
    found: list[tuple[int, int]] = []
    for index, number in enumerate(heldout.prompts.numbers):
        same = train.prompts.number_of(heldout.prompts.texts[number])
        if same is not None and heldout.prompts.texts[number].strip():
            found.append((heldout.lines[index], train.lines[first[same]]))
    return _leaks(found, question, "are asked in training too")


def leaked_runs(question: Question) -> Measured | Skipped:
    """Held-out prompts that share 13 words in a row with a training prompt."""
    if question.heldout is None:
        return Skipped(NO_HELDOUT)
    from harness.linting.runs import sharing_runs

    train, heldout = question.train, question.heldout
    sources = sharing_runs(heldout.prompts.texts, train.prompts.texts)
    return _pairs(sources, question, "share 13 words in a row with a training prompt")


def leaked_nearly(question: Question) -> Measured | Skipped:
    """Held-out prompts that are nearly a training prompt."""
    if question.heldout is None:
        return Skipped(NO_HELDOUT)
    sources = near_sources(question.heldout.prompts, question.train.prompts)
    found = _pairs(sources, question, "are nearly a training prompt")
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

    if heldout.sketches is None or train.sketches is None:
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


def _pairs(sources: dict[int, int], question: Question, says: str) -> Measured:
    """The measurement from which held-out text has which training text as its source."""
    train, heldout = question.train, question.heldout
    assert heldout is not None  # noqa: S101 - for the type checker; callers have looked
    first = first_of(train.prompts.numbers)
    found = [
        (heldout.lines[index], train.lines[first[sources[number]]])
        for index, number in enumerate(heldout.prompts.numbers)
        if number in sources
    ]
    return _leaks(found, question, says)


def _leaks(found: list[tuple[int, int]], question: Question, says: str) -> Measured:
    """``found`` are pairs of held-out and training lines; lines are those of training."""
    n = len(question.heldout) if question.heldout is not None else 0
    value = len(found) / n if n else 0.0
    said = f"{so_many(len(found), n, 'held-out prompt')} {says}"
    prompts = question.train.prompts
    at = {line: index for index, line in enumerate(question.train.lines)}
    examples = hits(
        (line, f"held-out line {held:,}: {prompts.texts[prompts.numbers[at[line]]]}")
        for held, line in found
    )
    lines = sorted({train for _, train in found})
    held = sorted({held for held, _ in found})
    return Measured(value, said, lines, examples, evidence={"heldout_lines": held})


def leaked_answers(question: Question) -> Measured | Skipped:
    """Held-out answers that training gives too, where answers are no labels."""
    heldout, train = question.heldout, question.train
    if heldout is None:
        return Skipped(NO_HELDOUT)
    from harness.linting.question import has_labels

    if has_labels(heldout) or has_labels(train):
        return Skipped("answers are labels: all of them occur on both sides")
    wanted = [n for n in heldout.answers.numbers if heldout.answers.texts[n].strip()]
    if not wanted:
        return Skipped("the held-out data name no answers")
    known = (train.answers, train.expected)
    texts = heldout.answers.texts
    leaked = {n for n in set(wanted) if any(k.number_of(texts[n]) is not None for k in known)}
    held = lines_where(heldout.lines, lambda i: heldout.answers.numbers[i] in leaked)
    ours = {train.answers.number_of(texts[n]) for n in leaked}
    lines = lines_where(train.lines, lambda i: train.answers.numbers[i] in ours)
    value = len(held) / len(wanted)
    said = f"{so_many(len(held), len(wanted), 'held-out answer')} also occur in training"
    said += ": what was learnt by heart counts as right" if held else ""
    examples = hits((line, f"held-out line {line:,}") for line in held)
    return Measured(value, said, lines, examples, evidence={"heldout_lines": held})
