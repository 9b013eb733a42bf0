"""An interval read as a word, for the decision table."""

from __future__ import annotations

from typing import Literal

from harness.records import Estimate

Contrast = Literal["+", "-", "0", "?"]


def contrast(estimate: Estimate, margin: float = 0.02) -> Contrast:
    """Read a difference: better "+", worse "-", no difference that matters "0", open "?".

    "0": the whole interval lies inside (-margin, margin); "+" above 0; "-" below 0; "?" else.
    "0" goes first: a gain of .004 to .015 is real but smaller than what the user called
    negligible, and no epoch should be added or cut for it. A NaN limit reads "?".

    Raises:
        ValueError: a negative margin.
    """
    if margin < 0:
        raise ValueError(f"margin is {margin}; give the largest negligible difference, 0 or more")
    if -margin < estimate.low and estimate.high < margin:
        return "0"
    if estimate.low > 0:
        return "+"
    return "-" if estimate.high < 0 else "?"
