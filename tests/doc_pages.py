"""The code blocks of a page of the docs, and what comments that no reader sees say about them.

Comments stand before a block, on lines of their own:

    <!-- not run: REASON -->                  the block stays a text
    <!-- not run (LINE): REASON -->           so does a line of it that begins like that
    <!-- exit codes: 1 3 -->                  its commands may end with these, too
    <!-- saved as: FILE -->                   the block is written to this file
    <!-- before: SHELL COMMANDS -->           what readers are thought to have, made here
    <!-- before python: LINES -->             the same for a block of Python
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"(?P<indent> *)```(?P<kind>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.M | re.S)
COMMENT = re.compile(r"<!-- (?P<head>[a-z ]+(?: \((?P<line>[^\n]+)\))?): *(?P<text>.*?)-->", re.S)
SHELLS = ("sh", "console")
COMMANDS = ("harness ", "pip ", "make ", "python ", "$ ")


@dataclass(frozen=True)
class Remark:
    """What one comment says."""

    head: str
    line: str | None
    text: str


@dataclass(frozen=True)
class Block:
    """A fenced block with the comments that belong to it."""

    page: str
    number: int
    kind: str
    text: str
    remarks: tuple[Remark, ...]

    def said(self, head: str) -> list[str]:
        """The texts of its comments of one kind."""
        return [one.text for one in self.remarks if one.head == head]

    @property
    def place(self) -> str:
        """Page and line."""
        return f"{self.page}:{self.number}"

    @property
    def commands(self) -> list[str]:
        """Its commands, one an item; lines that end with a backslash are joined."""
        lines = self.text.splitlines()
        if self.kind == "console":
            lines = list(typed(lines))
        whole = re.sub(r"\\\n\s*", " ", "\n".join(lines))
        return [line.strip() for line in whole.splitlines() if line.strip()]

    def reason(self, command: str) -> str | None:
        """Why a command is not run, or None where it is."""
        for one in self.remarks:
            head = one.head.partition(" (")[0]
            if head == "not run" and (one.line is None or command.startswith(one.line)):
                return one.text
        return None


def typed(lines: list[str]) -> Iterator[str]:
    """What a console's user typed, without the prompt and the answers."""
    goes_on = False
    for line in lines:
        if goes_on or line.startswith("$ "):
            yield line.removeprefix("$ ")
            goes_on = line.endswith("\\")


def pages() -> list[str]:
    """Every page for users, by its path in the checkout."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/*.md")]
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def blocks(page: str) -> list[Block]:
    """The blocks of a page, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found, end = [], 0
    for fence in FENCE.finditer(text):
        remarks = tuple(
            Remark(one["head"].strip(), one["line"], one["text"].strip())
            for one in COMMENT.finditer(text, end, fence.start())
        )
        number = text.count("\n", 0, fence.start()) + 1
        body = re.sub(rf"^{fence['indent']}", "", fence["text"], flags=re.M)
        found.append(Block(page, number, fence["kind"], body, remarks))
        end = fence.end()
    return found
