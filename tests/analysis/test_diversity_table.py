import math
import subprocess
import sys

import pandas as pd
import pytest

import harness
from harness.errors import UsageError

A = ["the cat sat on the mat", "the cat sat on the rug", "a dog ran in the park today"]


def value(table, metric, **of):
    rows = table[table["metric"] == metric]
    for name, wanted in of.items():
        rows = rows[rows[name] == wanted]
    [found] = rows["value"]
    return found


@pytest.mark.parametrize(
    "data", [A, tuple(A), pd.Series(A), pd.DataFrame({"text": A}), [*A, None, "", " "]]
)
def test_texts_come_in_many_forms(data):
    assert value(harness.diversity(data), "self_bleu") == pytest.approx(0.517567671494441)


def test_answers_by_prompt_come_as_dict_lists_or_columns():
    by_prompt = {"p": ["a b c d e", "a b c d f"], "q": ["x", "y"]}
    frame = pd.DataFrame([(k, t) for k, texts in by_prompt.items() for t in texts])
    frame.columns = ["question", "reply"]
    for table in (
        harness.diversity(by_prompt),
        harness.diversity(list(by_prompt.values())),
        harness.diversity(frame, "reply", "question"),
    ):
        assert value(table, "distinct_k", scope="per prompt") == 1.5
        assert list(table["n"])[:2] == [2, 2]


def test_groups_get_a_row_each_in_their_order():
    frame = pd.DataFrame({"model": ["b"] * 3 + ["a"] * 3, "text": A + ["a b c d"] * 3})
    table = harness.diversity(frame, by="model", metrics=["distinct_4", "duplicate_rate"])
    assert list(table["model"]) == ["b", "b", "a", "a"]
    assert value(table, "distinct_4", model="b") == pytest.approx(0.8)
    assert value(table, "duplicate_rate", model="a") == pytest.approx(2 / 3)


def test_unknown_limits_are_missing_not_infinite():
    table = harness.diversity(A, metrics=["compression_ratio"])
    assert table["low"].isna().all()
    assert not any(math.isinf(x) for x in table["value"])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"data": "text"}, "a single text"),
        ({"data": []}, "no texts"),
        ({"data": [1, 2]}, "no list of texts"),
        ({"data": {"p": [1]}}, "is no text"),
        ({"data": {"p": "abc"}}, "give a list of texts"),
        ({"data": pd.DataFrame({"txt": A})}, "did you mean 'txt'"),
        ({"data": A, "by": "model"}, "names columns of a DataFrame"),
        ({"data": A, "metrics": ["x"]}, "unknown diversity metric"),
        ({"data": A, "tokenizer": "x"}, "unknown tokenizer"),
    ],
)
def test_wrong_input_is_one_clear_line(wrong, says):
    with pytest.raises(UsageError, match=says):
        harness.diversity(**wrong)


def test_importing_the_package_stays_cheap():
    code = "import harness, sys; assert 'pandas' not in sys.modules; harness.diversity"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'diversiti'"):
        harness.diversiti  # noqa: B018
