"""A set of texts, prompt by prompt, and how one is gathered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.errors import DatasetError, UsageError
from harness.pipeline.texts.fields import Answered, Layout

SHOWN_PROBLEMS = 3

Tell = Callable[[str], None]


def silent(message: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the user says about the files: paths of fields, and which eval of a run."""

    field: str | None = None
    prompt_field: str | None = None
    eval: str | None = None


@dataclass(frozen=True, slots=True)
class TextSet:
    """The answers of one model, or one file, by prompt.

    ``asked`` are the prompts' words by key, where the file has them. ``by_position``: the file
    names no prompts, keys are places. ``left_out`` counts what is no answer, by reason;
    ``problems`` name the first of them.
    """

    name: str
    groups: Mapping[str, tuple[str, ...]]
    layout: str
    grouped_by: str = ""
    asked: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def by_position(self) -> bool:
        """Whether keys are places in the file."""
        return not self.grouped_by

    @property
    def texts(self) -> list[str]:
        """All answers, prompt by prompt."""
        return [text for group in self.groups.values() for text in group]

    @property
    def prompts(self) -> list[str] | None:
        """The words of each answer's prompt; None unless all are known."""
        if not self.groups or any(key not in self.asked for key in self.groups):
            return None
        return [self.asked[key] for key, group in self.groups.items() for _ in group]

    def first(self, k: int) -> TextSet:
        """The first k answers of each prompt that has so many."""
        kept = {key: group[:k] for key, group in self.groups.items() if len(group) >= k}
        if not kept:
            most = max(map(len, self.groups.values()), default=0)
            raise UsageError(f"--k {k}: {self.name} has at most {most} to a prompt; give fewer")
        few = len(self.groups) - len(kept)
        left_out = {**self.left_out, f"prompts with fewer than {k} answers": few}
        return replace(self, groups=kept, left_out={why: n for why, n in left_out.items() if n})


@dataclass(slots=True)
class Gathering:
    """A text set while a file is read."""

    groups: dict[str, list[str]] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    laid_out: Layout | None = None

    def take(self, answered: Answered, place: object) -> None:
        """Take in the answers of one record; without a prompt, the record is one."""
        texts = [text for text in answered.texts if text is not None]
        kept = kept_texts(answered)
        self.left_out["without an answer"] += max(len(answered.texts), 1) - len(texts)
        self.left_out["empty"] += len(texts) - len(kept)
        if not kept:
            return
        key = str(place) if answered.key is None else answered.key
        self.keep(key, kept, place)
        if answered.asked is not None:
            self.asked[key] = answered.asked

    def keep(self, key: str, texts: Sequence[str], place: object) -> None:
        """Keep the answers of one record to a prompt."""
        self.groups.setdefault(key, []).extend(texts)

    def kept(self) -> Mapping[str, tuple[str, ...]]:
        """What was kept, by prompt."""
        return {key: tuple(texts) for key, texts in self.groups.items()}

    def leave(self, place: object, why: str, kind: str) -> None:
        """Leave a record out, and remember the first such places."""
        self.left_out[kind] += 1
        if len(self.problems) < SHOWN_PROBLEMS:
            self.problems.append(f"{place}: {why}")

    def result(self, name: str, layout: str, grouped_by: str) -> TextSet:
        """The text set.

        Raises:
            DatasetError: not one answer was found.
        """
        groups = self.kept()
        if not groups and self.problems:
            raise DatasetError(self.problems[0])
        if not groups:
            raise DatasetError(f"{name}: every answer is empty or missing; give a file with texts")
        return TextSet(
            name=name,
            groups=groups,
            layout=layout,
            grouped_by=grouped_by,
            asked=self.asked,
            left_out={why: count for why, count in self.left_out.items() if count},
            problems=tuple(self.problems),
        )


def kept_texts(answered: Answered) -> list[str]:
    """The answers of a record that say something."""
    return [text for text in answered.texts if text and not text.isspace()]
