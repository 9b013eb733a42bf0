"""What the journal calls an eval that is asked in more than one way."""

from __future__ import annotations

PROBE_SUFFIX = "@train"
PROMPT_MARK = "@prompt:"


def probe_name(eval_name: str) -> str:
    """The journal's name for an eval that is asked on training prompts."""
    return eval_name + PROBE_SUFFIX


def prompt_name(eval_name: str, prompt: str) -> str:
    """The journal's name for an eval that is asked with another prompt than that of its data."""
    return f"{eval_name}{PROMPT_MARK}{prompt}"


def eval_of(name: str) -> str:
    """The eval behind a name in the journal."""
    return name.removesuffix(PROBE_SUFFIX).partition(PROMPT_MARK)[0]
