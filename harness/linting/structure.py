"""Lints of the file's form: lines, formats, turns, instructions, and what answers look like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from harness.linting.columns import ANSWER_KINDS, Columns, bare
from harness.linting.counting import first_of, hits, lines_where, share_of
from harness.linting.examples import FORMATS, Example
from harness.linting.grounding import json_object
from harness.linting.question import JSON_SHARE, Question
from harness.linting.verdicts import Measured, Skipped
from harness.records import Severity
from harness.reports.wording import counted

MACHINE_READ = ("JSON object", "JSON list", "XML", "number")
"""Forms that a program reads: there, the odd ones out are faults."""

KEYS_SHARE = 0.9
VARIED = 0.5
END_ALIKE = "end all answers alike"


# --- lines ---------------------------------------------------------------------------


def unreadable_lines(question: Question) -> Measured:
    """Lines that are no JSON object."""
    lines = [line.number for line in question.broken]
    examples = [(line.number, line.fault) for line in question.broken]
    return share_of(lines, question.seen, "are unreadable", examples, noun="line")


def misshapen_lines(question: Question) -> Measured:
    """Objects that no server takes as an example."""
    lines = [line.number for line in question.misshapen]
    examples = [(line.number, line.fault) for line in question.misshapen]
    return share_of(lines, question.seen, "are malformed", examples, noun="line")


def mixed_formats(question: Question) -> Measured:
    """Several file formats in one file."""
    columns = question.train
    formats = columns.formats.most_common()
    names = " and ".join(name for name, _ in formats) or "none"
    odd = [i for i, shape in enumerate(columns.shapes) if FORMATS[shape] != formats[0][0]]
    lines = [columns.lines[i] for i in odd]
    examples = hits((columns.lines[i], FORMATS[columns.shapes[i]]) for i in odd)
    value = len(odd) / question.n if question.n else 0.0
    evidence = {"formats": dict(formats)}
    return Measured(value, f"formats: {names}", lines, examples, evidence=evidence)


def too_few(question: Question) -> Measured:
    """Fewer examples than tuning takes."""
    return Measured(question.n, counted(question.n, "example"))


def too_long(question: Question) -> Measured | Skipped:
    """Examples beyond the context, whose ends are cut off in training."""
    if question.tokens is None or question.limit is None:
        return Skipped("no limit is known; give --max-tokens")
    limit, counts = question.limit, question.train.tokens
    lines = lines_where(question.train.lines, lambda i: counts[i] > limit)
    how = "" if question.tokens.exact else ", by estimate"
    says = f"are longer than {limit:,} tokens{question.limit_of}{how}"
    longest = (question.tokens.longest_line, f"{question.tokens.longest:,} tokens")
    return share_of(lines, question.n, says, [longest] if lines else ())


# --- turns and instructions ----------------------------------------------------------


def find_odd_turns(example: Example) -> str | None:
    """Turns in an order that inference does not have."""
    turns = example.turns
    spoken = [t for t in turns if t not in ("system", "developer")]
    if "user" not in spoken and "tool" not in spoken:
        return "nobody asks: there is no user message"
    if any(t in ("system", "developer") for t in turns[1:]) and turns[0] != turns[1]:
        return "instructions stand after the first message"
    pairs = pairwise(spoken)
    twice = next((a for a, b in pairs if a == b and a in ("user", "assistant")), None)
    return f"the {twice} speaks twice in a row" if twice else None


def find_empty_prompt(example: Example) -> str | None:
    """A prompt, or a user's last turn, without text or picture."""
    if example.hushed:
        return "the user's last turn is empty" if example.dialogue else "the prompt is empty"
    bare = not example.prompt.strip() and not example.images and not example.instructions.strip()
    return "the prompt is empty" if bare else None


def find_empty_answer(example: Example) -> str | None:
    """An answer without text."""
    if not example.answer.strip():
        return "the answer is empty" if not example.answer else "the answer is white space"
    if example.rejected is not None and not example.rejected.strip():
        return "the answer that is not preferred is empty"
    if example.silent:
        return "an earlier answer is empty"
    return None


def find_images(example: Example) -> str | None:
    """Pictures, which no lint looks at."""
    return counted(example.images, "image") if example.images else None


def odd_instructions(question: Question) -> Measured | Skipped:
    """Instructions that some examples lack, or that are worded differently in a few."""
    column = question.train.instructions
    if not any(column.texts[number].strip() for number in range(min(len(column), 50))):
        return Skipped("no example has instructions (a system message)")
    counts = column.counts()
    usual, times = counts.most_common(1)[0]
    if times < (1 - VARIED) * question.n:
        return Skipped(f"the instructions are meant to vary: {len(counts):,} different ones")
    lines = lines_where(question.train.lines, lambda i: column.numbers[i] != usual)
    first = first_of(column.numbers)
    others = [n for n, _ in counts.most_common() if n != usual]
    examples = [(question.train.lines[first[n]], column.texts[n] or "(none)") for n in others[:5]]
    most = "without any" if column.texts[usual].strip() == "" else "with others"
    says = f"have other instructions than most; {times:,} have the same"
    if any(not column.texts[n].strip() for n in others):
        says = f"have no instructions, or others; {times:,} have the same"
    elif most == "without any":
        says = f"have instructions; {times:,} have none"
    return share_of(lines, question.n, says, examples)


# --- what answers look like ----------------------------------------------------------


def _usual_kind(columns: Columns) -> int | None:
    """The form that nearly all answers have, where a program is to read it."""
    kind, times = Counter(columns.kinds).most_common(1)[0]
    enough = times >= JSON_SHARE * len(columns)
    return kind if enough and ANSWER_KINDS[kind] in MACHINE_READ else None


def odd_answer_forms(question: Question) -> Measured | Skipped:
    """Answers in another form than nearly all."""
    columns = question.train
    usual = _usual_kind(columns)
    if usual is None:
        return Skipped("answers are free text, or have no form that nearly all share")
    lines = lines_where(columns.lines, lambda i: columns.kinds[i] != usual)
    first = [i for i, kind in enumerate(columns.kinds) if kind != usual][:5]
    examples = [
        (columns.lines[i], columns.answers.texts[columns.answers.numbers[i]]) for i in first
    ]
    return share_of(lines, len(columns), f"have another form than {ANSWER_KINDS[usual]}", examples)


def broken_json(question: Question) -> Measured | Skipped:
    """Answers that begin as objects and do not parse as JSON."""
    columns = question.train
    if _usual_kind(columns) != 0:
        return Skipped("answers are not JSON objects")
    numbers = columns.answers.numbers
    texts = columns.answers.texts
    objects = {n for n in set(numbers) if texts[n].lstrip().startswith("{")}
    bad = {n for n in objects if json_object(texts[n]) is None}
    stop = _stop_word([texts[n] for n in bad], len(objects))
    if stop:
        bad = {n for n in bad if json_object(texts[n].rstrip().removesuffix(stop)) is None}
    lines = lines_where(columns.lines, lambda i: numbers[i] in bad)
    first = first_of(numbers)
    examples = [(columns.lines[first[n]], texts[n]) for n in sorted(bad)[:5]]
    most: Severity = "block" if len(bad) <= VARIED * len(objects) else "warn"
    return share_of(lines, len(columns), "are JSON that does not parse", examples, most)


def _stop_word(answers: Sequence[str], n: int) -> str:
    """What nearly all of n answers end with behind their object, for a server to stop at."""
    tails = Counter(answer.rpartition("}")[2].strip() for answer in answers)
    word, times = tails.most_common(1)[0] if tails else ("", 0)
    return word if times >= KEYS_SHARE * n else ""


def odd_fields(question: Question) -> Measured | Skipped:
    """JSON answers with other fields than nearly all."""
    columns = question.train
    if _usual_kind(columns) != 0:
        return Skipped("answers are not JSON objects")
    numbers = columns.answers.numbers
    fields = {n: _field_names(columns.answers.texts[n]) for n in set(numbers)}
    counts = Counter(fields[n] for n in numbers if fields[n] is not None)
    if not counts or counts.most_common(1)[0][1] < KEYS_SHARE * len(columns):
        return Skipped("the fields of answers are meant to vary")
    usual = counts.most_common(1)[0][0]
    odd = {n for n, names in fields.items() if names not in (None, usual)}
    lines = lines_where(columns.lines, lambda i: numbers[i] in odd)
    first = first_of(numbers)
    examples = [(columns.lines[first[n]], columns.answers.texts[n]) for n in sorted(odd)[:5]]
    return share_of(lines, len(columns), "have other fields than most", examples)


def _field_names(answer: str) -> tuple[str, ...] | None:
    found = json_object(answer)
    return None if found is None else tuple(sorted(found))


def odd_ends(question: Question) -> Measured:
    """Answers that begin or end with white space where most do not, or the other way round."""
    columns = question.train
    usual = usual_ends(columns)
    odd = [index for index, ends in enumerate(columns.ends) if ends != usual]
    says = ("begin or end with white space", "differ from most in white space at their ends")
    measured = share_of([columns.lines[i] for i in odd], question.n, says[usual != 0])
    pairs = ((columns.lines[i], _quoted_ends(columns.answer(i))) for i in odd)
    mended = usual == 0 and any(bare(columns.answer(i)) != columns.answer(i) for i in odd)
    evidence = {"repair": f"{END_ALIKE}; --fix does it" if mended else END_ALIKE}
    return replace(measured, examples=hits(pairs), evidence=evidence)


def usual_ends(columns: Columns) -> int:
    """How most answers begin and end (see ``columns.ends_of``)."""
    return Counter(columns.ends).most_common(1)[0][0] if len(columns) else 0


def _quoted_ends(text: str) -> str:
    return repr(text) if len(text) <= 60 else f"{text[:25]!r} … {text[-25:]!r}"


# --- preferences ---------------------------------------------------------------------


def same_preference(question: Question) -> Measured | Skipped:
    """Preferences whose two answers are the same."""
    if not question.train.formats["preference"]:
        return Skipped("the file holds no preferences")
    return share_of(question.train.undecided, question.n, "prefer an answer to itself")
