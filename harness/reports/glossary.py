"""What the terms of a report mean, for each story that a report can tell."""

from __future__ import annotations

from collections.abc import Mapping

from harness.reports.sections import Story

INTERVAL = "In brackets, and the line beside a dot: where the true value lies with 95% confidence."
EXCLUDED = "Samples without a mark: no answer came, or the grader could not judge it. Not counted."

COMPARED: Mapping[str, str] = {
    "Difference": "Tuned minus base on the same samples, in percentage points. It is clear when "
    "its interval leaves out 0.",
    "p": "How often chance alone would show a difference this large if there were none.",
    "Fixed, broken": "Samples that only the tuned model, or only the base model, got right.",
}

GLOSSARY: Mapping[Story, Mapping[str, str]] = {
    "advice": {
        "Held-out": "Samples that were never trained on. Only they say whether tuning helped.",
        "Training probe": "Training prompts, answered anew. They say whether the model follows "
        "its data.",
        "Interval": "In brackets, and the shaded band: where the true value lies with 95% "
        "confidence.",
        **COMPARED,
        "Confidence": "How well the evidence supports the advice, not how large the gain will be.",
    },
    "comparison": {"Interval": INTERVAL, **COMPARED, "Excluded": EXCLUDED},
    "scores": {
        "Score": "The mean mark of all samples that have one; for right or wrong answers, the "
        "share of right ones.",
        "Interval": INTERVAL,
        "Samples": "How many have a mark. Several answers to one prompt count as one sample.",
        "Excluded": EXCLUDED,
        "Field": "The share of samples in which this field is right.",
    },
}
