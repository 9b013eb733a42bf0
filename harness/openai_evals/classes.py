"""Which class of OpenAI evals each of our graders stands for, and back."""

from __future__ import annotations

from collections.abc import Mapping

from harness.registry.eval_specs import NATIVE


def class_of(grader: str) -> str:
    """The class name that a log carries for a grader; the grader's own where there is none."""
    return _classes().get(grader, grader)


def grader_of(class_name: str) -> str | None:
    """The grader that stands for a class; None where the class does not run natively."""
    native = NATIVE.get(class_name)
    if native is not None:
        return native.grader
    return class_name if class_name in _classes() else None


def _classes() -> Mapping[str, str]:
    """The first class of each grader."""
    return {native.grader: name for name, native in reversed(list(NATIVE.items()))}
