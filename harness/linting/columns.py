"""What is kept of a file while it streams by: numbers for each example, texts on disk.

A file is never in memory as a whole. Texts that have to be looked at again lie in a temporary
file, each different one once; what remains is some hundred bytes an example.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any

import orjson

from harness.linting.examples import FORMATS, Example, Said, with_pictures
from harness.linting.grounding import Fields, Grounding, grounding_of

if TYPE_CHECKING:
    from harness.analysis.neighbours import Sketches

IN_MEMORY = 64 * 2**20
"""So many bytes of texts are kept in memory before they go to the disk."""

ANSWER_KINDS = ("JSON object", "JSON list", "code block", "XML", "number", "text")


def folded(text: str) -> str:
    """A text as it counts for equality: case and runs of white space aside."""
    return " ".join(text.casefold().split())


class Texts:
    """Texts by number, in memory as long as they are few."""

    def __init__(self) -> None:
        self._file: Any = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - lives as long as this
        self._ends = array("q", [0])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def append(self, text: str) -> None:
        """Keep one more text."""
        data = text.encode("utf-8", "surrogatepass")
        self._file.seek(self._ends[-1])
        self._file.write(data)
        self._ends.append(self._ends[-1] + len(data))

    def __getitem__(self, number: int) -> str:
        """Read one text."""
        self._file.seek(self._ends[number])
        size = self._ends[number + 1] - self._ends[number]
        return str(self._file.read(size).decode("utf-8", "surrogatepass"))

    def __iter__(self) -> Iterator[str]:
        """All texts in order."""
        return (self[number] for number in range(len(self)))

    def close(self) -> None:
        """Forget the texts."""
        self._file.close()


class Different:
    """The different texts among many: ``numbers`` holds for each which one it is.

    Texts that differ in case and white space alone are one. With ``sketched`` near ones can be
    found among them afterwards.
    """

    def __init__(self, *, sketched: bool = False) -> None:
        self.texts = Texts()
        self.numbers = array("q")
        self.sketches: Sketches | None = _sketches() if sketched else None
        self._known: dict[int, int] = {}
        self._groups: list[list[int]] | None = None

    def add(self, text: str) -> int:
        """Take in one text; its number among the different ones."""
        bare = folded(text)
        number = self._known.setdefault(hash(bare), len(self._known))
        if number == len(self.texts):
            self.texts.append(text)
            if self.sketches is not None:
                self.sketches.add(bare)
        self.numbers.append(number)
        return number

    def number_of(self, text: str) -> int | None:
        """The number that an equal text has; None where there is none."""
        return self._known.get(hash(folded(text)))

    def near_groups(self) -> list[list[int]]:
        """The different texts that are near ones of each other, by number."""
        if self._groups is None:
            self._groups = _groups_of(self.sketches, self.texts)
        return self._groups

    def counts(self) -> Counter[int]:
        """How often each different text occurs."""
        return Counter(self.numbers)

    def __len__(self) -> int:
        return len(self.texts)


def _sketches() -> Sketches:
    from harness.analysis.neighbours import Sketches

    return Sketches()


def _groups_of(sketches: Sketches | None, texts: Texts) -> list[list[int]]:
    if sketches is None or len(texts) < 2:
        return []
    from harness.analysis.neighbours import groups_of, near_pairs

    return groups_of(len(texts), near_pairs(sketches.matrix(), texts.__getitem__))


FEWEST_WORDS = 5
FEWEST_SIGNS = 10
_UNSPACED = re.compile("[\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Scripts that part words by nothing, or hardly: there, so many signs stand for the words."""


def says_something(text: str) -> bool:
    """Has a turn more words than "Thanks" or "Are you sure?", which all chats share?"""
    if len(text.split(None, FEWEST_WORDS - 1)) >= FEWEST_WORDS:
        return True
    return not text.isascii() and len(_UNSPACED.findall(text)) >= FEWEST_SIGNS


class Turns:
    """What chats of several turns ask and answer before their end, and so teach too.

    ``users`` are the users' messages that an answer follows that is learnt, as ``lines`` number
    their lines; ``asked`` and ``answers`` give the first line by the hash of what is asked up to
    such an answer, and of the answer itself.
    """

    def __init__(self) -> None:
        self.users = Different(sketched=True)
        self.lines = array("q")
        self.asked: dict[int, int] = {}
        self.answers: dict[int, int] = {}

    def add(self, example: Example) -> None:
        """Take in the turns of one chat; of one that has a single turn, nothing."""
        before: list[str] = []
        user: Said | None = None
        last = None
        for said in example.dialogue:
            if said.learnt and last is not None:
                self._add_user(user, example.line)
                self._add_asked(before if len(before) > 1 else [folded(last.text)], last, example)
                self._add_answer(said.text, example.line)
                user = None
            before.append(folded(f"{said.role}: {said.text}"))
            last = said
            user = said if said.role == "user" else user
        if example.learnt:
            self._add_user(user, example.line)

    def _add_user(self, said: Said | None, line: int) -> None:
        if said is None or not says_something(said.text):
            return
        number = self.users.add(with_pictures(said.text, said.pictures))
        if number == len(self.lines):
            self.lines.append(line)

    def _add_asked(self, before: Sequence[str], last: Said, example: Example) -> None:
        """``before`` are the messages up to an answer, folded as they are in a prompt."""
        text = " ".join((*before, last.shown) if last.shown else before)
        if text:
            self.asked.setdefault(hash(text), example.line)

    def _add_answer(self, text: str, line: int) -> None:
        if says_something(text):
            self.answers.setdefault(hash(folded(text)), line)

    def line_asking(self, text: str) -> int | None:
        """The line in which some turn asks just this."""
        number = self.users.number_of(text)
        if number is not None:
            return self.lines[number]
        return self.asked.get(hash(folded(text))) if self.asked else None

    def line_answering(self, text: str) -> int | None:
        """The line in which an earlier turn answers just this."""
        return self.answers.get(hash(folded(text))) if self.answers else None


@dataclass(slots=True)
class Columns:
    """The examples of a file, a column for each thing that is compared across them.

    ``answers`` are in training data what is to be learnt, in held-out data the first ideal;
    ``shapes`` are the formats by their index in ``FORMATS``; ``contexts`` number what an answer
    depends on, instructions included, and ``spellings`` are hashes of the same, in which case and
    white space count; ``expected`` are the answers that lines name beside their text;
    ``undecided`` the lines that prefer an answer to itself; ``turns`` what chats ask and answer
    before their end, where that is kept; ``unlearnt`` the lines whose last answer has the weight 0.
    """

    lines: array[int] = field(default_factory=lambda: array("q"))
    shapes: array[int] = field(default_factory=lambda: array("b"))
    formats: Counter[str] = field(default_factory=Counter)
    prompts: Different = field(default_factory=lambda: Different(sketched=True))
    wholes: Different = field(default_factory=lambda: Different(sketched=True))
    answers: Different = field(default_factory=Different)
    contexts: Different = field(default_factory=Different)
    spellings: array[int] = field(default_factory=lambda: array("q"))
    instructions: Different = field(default_factory=Different)
    kinds: array[int] = field(default_factory=lambda: array("b"))
    ends: array[int] = field(default_factory=lambda: array("b"))
    refusals: array[int] = field(default_factory=lambda: array("b"))
    tokens: array[int] = field(default_factory=lambda: array("q"))
    short: int = 0
    grounding: list[Grounding] = field(default_factory=list)
    fields: Fields = field(default_factory=Fields)
    expected: Different = field(default_factory=Different)
    undecided: array[int] = field(default_factory=lambda: array("q"))
    keeps_turns: bool = False
    turns: Turns = field(default_factory=Turns)
    unlearnt: array[int] = field(default_factory=lambda: array("q"))

    def __len__(self) -> int:
        return len(self.lines)

    def answer(self, index: int) -> str:
        """The answer of one example, by its index."""
        return self.answers.texts[self.answers.numbers[index]]

    def add(self, example: Example) -> None:
        """Take in one example."""
        from harness.analysis.refusals import is_refusal

        self.lines.append(example.line)
        self.formats[example.format] += 1
        self.shapes.append(FORMATS.index(example.format))
        self.prompts.add(example.asked)
        self.answers.add(example.answer)
        self.wholes.add(f"{example.asked}\n{example.answer}")
        context = f"{example.instructions}\n\n{example.functions}\n\n{example.asked}"
        self.contexts.add(context)
        self.spellings.append(hash(context))
        self.instructions.add(example.instructions)
        self.short += len(example.answer) <= SHORT
        self.kinds.append(kind_of(example.answer))
        self.ends.append(ends_of(example.answer))
        self.refusals.append(is_refusal(example.answer))
        if example.rejected is not None and folded(example.rejected) == folded(example.answer):
            self.undecided.append(example.line)
        for text in example.expected:
            self.expected.add(text)
        if example.dialogue and self.keeps_turns:
            self.turns.add(example)
        if not example.learnt:
            self.unlearnt.append(example.line)
        given = f"{example.instructions}\n{example.prompt}"
        found = grounding_of(given, example.answer, self.fields, example.line)
        if found is not None:
            self.grounding.append(found)

    def close(self) -> None:
        """Forget all texts."""
        everything = (self.prompts, self.wholes, self.answers, self.contexts, self.instructions)
        for column in (*everything, self.expected, self.turns.users):
            column.texts.close()


OBJECT = re.compile(r'\{\s*["}]')
LIST = re.compile(r'\[\s*(?:["\[{\]\d-]|true|false|null)')
"""How JSON begins; Python's own notation and templates begin otherwise."""

SHORT = 60
"""A label has at most so many characters."""


def kind_of(answer: str) -> int:
    """The index in ``ANSWER_KINDS`` of what an answer looks like."""
    bare = answer.strip()
    if bare.startswith("{") and OBJECT.match(bare):
        return 0
    if bare.startswith("[") and LIST.match(bare):
        return 1
    if bare.startswith("```"):
        return 2
    if bare.startswith("<") and bare.endswith(">"):
        return 3
    return 4 if bare and not bare.strip("+-0123456789.,% ") else 5


def ends_of(answer: str) -> int:
    """1 where an answer begins with white space, 2 where it ends with some, 3 for both."""
    if not answer or answer.isspace():
        return 0
    return int(answer[0].isspace()) + 2 * int(answer[-1].isspace())


def in_one_order(answer: str) -> str:
    """JSON with its keys in order and no white space, arguments of calls too; else as it is."""
    try:
        value = orjson.loads(answer) if answer.lstrip().startswith(("{", "[")) else None
        if not isinstance(value, dict | list):
            return answer
        ordered = orjson.dumps(_opened(value), option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # broken, or nested too deeply
        return answer
    return folded(ordered.decode("utf-8"))


def _opened(value: Any) -> Any:
    """The same with arguments, which are JSON in a text, as what they say."""
    if isinstance(value, list):
        return [_opened(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: in_one_order(one) if name == "arguments" and isinstance(one, str) else _opened(one)
        for name, one in value.items()
    }


def bare(answer: str) -> str:
    """An answer without white space at its ends; the indentation of several lines stays."""
    if not answer.strip():
        return answer
    answer = answer.rstrip()
    return answer.lstrip("\r\n") if "\n" in answer.strip() else answer.lstrip()
