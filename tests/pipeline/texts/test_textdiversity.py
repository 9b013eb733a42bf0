import math
import random

import orjson
import pytest

from harness.errors import UsageError
from harness.pipeline.texts.data import as_data, table_rows
from harness.pipeline.texts.diversity import Looking, compare_reports, look
from harness.pipeline.texts.textset import TextSet

WORDS = [f"w{i}" for i in range(60)]


def texts(name, words=60, prompts=20, k=8, length=14, by="id", keys="p", seed=0):
    rng = random.Random(f"{name}{seed}")
    groups = {
        f"{keys}{p}": tuple(" ".join(rng.choices(WORDS[:words], k=length)) for _ in range(k))
        for p in range(prompts)
    }
    return TextSet(name, groups, "made", by)


def compared(base, tuned, **how):
    looking = Looking(**how)
    return compare_reports(look(base, looking), look(tuned, looking), looking)


def test_a_narrowed_vocabulary_is_less_diverse_and_another_sample_is_not():
    base = texts("base")
    assert compared(base, texts("narrow", words=6)).by_prompt.verdict == "less diverse"
    assert compared(base, texts("same")).by_prompt.verdict == "not shown"


def test_prompts_are_paired_by_name_and_those_without_a_partner_counted():
    found = compared(texts("base", prompts=12), texts("tuned", prompts=9))
    assert (found.pairing, found.prompts, found.unmatched) == ("prompt", 9, (3, 0))


def test_files_without_names_are_paired_by_position():
    found = compared(texts("a", by=""), texts("b", by="", keys="q"))
    assert (found.pairing, found.prompts) == ("position", 20)


@pytest.mark.parametrize(
    ("base", "tuned", "how", "why"),
    [
        (texts("a"), texts("b", keys="q"), {}, "no prompt in common"),
        (texts("a", by=""), texts("b"), {}, "names no prompts"),
        (texts("a", by=""), texts("b", by="", prompts=19), {}, "different numbers of lines"),
        (texts("a", k=1), texts("b", k=1), {}, "no prompt has several answers"),
        (texts("a"), texts("b"), {"unpaired": True}, "--unpaired"),
    ],
)
def test_what_cannot_be_paired_is_compared_as_wholes_and_says_why(base, tuned, how, why):
    found = compared(base, tuned, **how)
    assert found.by_prompt is None
    assert found.as_wholes.verdict == "not shown"
    assert why in found.why


def test_copies_are_counted_per_prompt_and_the_longest_quoted():
    source = texts("base", prompts=4, k=2)
    learned = [source.texts[0], "something else", source.texts[3]]
    found = look(source, Looking(), learned).copies
    assert (found.copied, found.rate.value, found.by_prompt) == (2, 0.25, (0.5, 0.5, 0, 0))
    assert [(one.training, shown) for one, shown in found.examples] == [
        (0, learned[0]),
        (2, learned[2]),
    ]
    assert not found.excused


def test_what_a_prompt_says_itself_is_no_copy():
    said = " ".join(WORDS[:14])
    asked = TextSet("a", {said: (said, said)}, "made", "prompt", {said: said})
    assert look(asked, Looking(), [said]).copies.copied == 0


def test_a_difference_in_copying_is_paired():
    base, tuned = texts("base"), texts("tuned")
    looking, learned = Looking(), tuned.texts[:40]
    found = compare_reports(look(base, looking, learned), look(tuned, looking, learned), looking)
    assert found.copying.value == pytest.approx(0.25)
    assert found.copying.low > 0


def test_rarefaction_stands_beside_the_comparison():
    found = compared(texts("a"), texts("b", length=28), rarefy=True)
    assert [row.n for row in found.rarefied] == [2, 4]
    assert all(0.9 < row.ratio.value < 1.1 for row in found.rarefied)


@pytest.mark.parametrize(
    "how", [{"metrics": ("nope",)}, {"tokenizer": "nope"}, {"n": 0}, {"k": 99}]
)
def test_wrong_options_are_usage_errors(how):
    with pytest.raises(UsageError):
        look(texts("a"), Looking(**how))


def test_comparisons_need_a_metric_that_they_know():
    with pytest.raises(UsageError, match="to compare, name at least one of"):
        compared(texts("a"), texts("b"), metrics=("entropy_2",))


def test_everything_is_json_without_a_number_that_is_none():
    looking = Looking()
    reports = [look(texts("a"), looking, ["x"]), look(texts("b", length=2), looking, ["x"])]
    data = as_data(reports, [compare_reports(*reports, looking)], looking)
    assert orjson.loads(orjson.dumps(data)) == data
    assert data["files"][1]["metrics"][0]["metric"] == "duplicate_rate"
    assert data["comparisons"][0]["paired_by"] == "prompt"


def test_the_table_has_a_row_a_file_and_metric_and_a_comparison_and_metric():
    looking = Looking(metrics=("distinct_2", "self_bleu"))
    reports = [look(texts(name), looking) for name in "ab"]
    rows = list(table_rows(reports, [compare_reports(*reports, looking)]))
    assert [row["file"] for row in rows] == ["a"] * 4 + ["b"] * 4 + ["b"] * len(rows[8:])
    assert rows[-1]["against"] == "a"
    assert all(row["value"] is None or math.isfinite(row["value"]) for row in rows)
