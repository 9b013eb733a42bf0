"""Diversity as a table: anything that holds texts in, a pandas DataFrame out."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.analysis.diversity.profile import Profile, profile
from harness.analysis.diversity.tokens import DEFAULT_TOKENIZER, Tokenizer
from harness.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd


COLUMNS = ("metric", "scope", "value", "low", "high", "n", "excluded", "more_diverse", "method")


def diversity(
    data: pd.DataFrame | pd.Series[Any] | Sequence[Any] | Mapping[Any, Sequence[str]],
    text: str = "text",
    prompt: str | None = None,
    by: str | Sequence[str] | None = None,
    *,
    metrics: Sequence[str] | None = None,
    tokenizer: Tokenizer = DEFAULT_TOKENIZER,
    seed: int = 0,
) -> pd.DataFrame:
    """How diverse texts are: one row a metric, or a row a group of ``by`` and metric.

    ``data`` is a DataFrame with a column ``text`` (and ``prompt``, and ``by``), a Series or
    list of texts, a list of lists (the answers to each prompt), or a dict of them by prompt.
    Missing and blank texts are left out.

    The columns: ``metric``; ``scope``, "per prompt" (the mean over prompts) or "across
    prompts" (sets of one answer a prompt; all texts, where no prompt has several); ``value``
    with its 95 % interval ``low`` and ``high`` (NaN: none is known); ``n`` prompts behind
    it; ``excluded`` prompts where it is not defined; ``more_diverse``, the way more diversity
    lies; ``method``. `docs/diversity.md` explains the metrics.

    Example:
        >>> import harness
        >>> answers = {"Name a colour": ["red", "red", "blue"], "Name a pet": ["cat", "dog", "cat"]}
        >>> table = harness.diversity(answers, metrics=["distinct_k"])
        >>> table[["metric", "scope", "value"]].values.tolist()
        [['distinct_k', 'per prompt', 2.0]]

    Raises:
        UsageError: a column that is not there, an unknown metric or tokenizer, or no texts.
    """
    import pandas as pd

    names = [by] if isinstance(by, str) else list(by or ())
    if names and not isinstance(data, pd.DataFrame):
        raise UsageError("by: names columns of a DataFrame; give one, or leave 'by' out")
    rows: list[dict[str, Any]] = []
    for of, groups in parts(data, text, prompt, names):
        try:
            found = profile(groups, metrics, seed=seed, tokenizer=tokenizer)
        except ValueError as error:
            where = ", ".join(f"{name}={value}" for name, value in of.items())
            raise UsageError(f"{where}: {error}" if where else str(error)) from error
        rows += ({**of, **row} for row in rows_of(found))
    return pd.DataFrame(rows, columns=[*names, *COLUMNS])


def parts(
    data: Any, text: str, prompt: str | None, by: Sequence[str]
) -> Iterator[tuple[dict[str, Any], list[list[str]]]]:
    """The texts by prompt, for each group of ``by``."""
    import pandas as pd

    if isinstance(data, pd.DataFrame):
        for column in (text, *([prompt] if prompt else []), *by):
            if column not in data.columns:
                known = [str(name) for name in data.columns]
                raise UsageError(f"no column '{column}'{did_you_mean(column, known)}")
        if not by:
            yield {}, frame_groups(data, text, prompt)
            return
        for values, rows in data.groupby(list(by), sort=False, observed=True):
            yield dict(zip(by, values, strict=True)), frame_groups(rows, text, prompt)
    elif isinstance(data, Mapping):
        yield {}, [kept(texts) for texts in data.values()]
    elif isinstance(data, str):
        raise UsageError("a single text has no diversity; give a list of texts")
    else:
        items = [item for item in data if not is_missing(item)]
        nested = bool(items) and not any(isinstance(item, str) for item in items)
        yield {}, [kept(item) if nested else kept([item]) for item in items]


def frame_groups(frame: pd.DataFrame, text: str, prompt: str | None) -> list[list[str]]:
    """The texts of a frame by prompt; each its own where no column names prompts."""
    if prompt is None:
        return [kept([one]) for one in frame[text]]
    by_prompt: dict[Hashable, list[str]] = {}
    for key, one in zip(frame[prompt], frame[text], strict=True):
        by_prompt.setdefault(key, []).append(one)
    return [kept(texts) for texts in by_prompt.values()]


def kept(texts: Sequence[Any]) -> list[str]:
    """The texts that are there.

    Raises:
        UsageError: something that is no text.
    """
    if isinstance(texts, str):
        raise UsageError("a text where the answers of a prompt are meant; give a list of texts")
    try:
        present = [one for one in texts if not is_missing(one)]
    except TypeError as error:
        raise UsageError(f"{texts!r:.40} is no list of texts; give texts") from error
    odd = next((one for one in present if not isinstance(one, str)), None)
    if odd is not None:
        raise UsageError(f"{odd!r:.40} is no text; give texts, such as column.astype(str)")
    return [one for one in present if one and not one.isspace()]


def is_missing(value: object) -> bool:
    """None, NaN or pandas' NA."""
    import pandas as pd

    return value is None or value is pd.NA or (isinstance(value, float) and value != value)


def rows_of(found: Profile) -> Iterator[dict[str, Any]]:
    """The rows of a profile."""
    for row in found.rows:
        yield {
            "metric": row.metric,
            "scope": row.scope,
            "value": row.estimate.value,
            "low": known(row.estimate.low),
            "high": known(row.estimate.high),
            "n": row.estimate.n,
            "excluded": row.excluded,
            "more_diverse": row.more_diverse,
            "method": row.estimate.method,
        }


def known(limit: float) -> float:
    """A limit of an interval; NaN where there is none."""
    return limit if math.isfinite(limit) else math.nan
