"""The page of a run without tuned models, and of a comparison without epochs."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser

import pytest

from harness.reports.document import Document
from harness.reports.html import render_html

from .test_html import Outline, words


@pytest.fixture(scope="module")
def page(run: Document) -> str:
    return render_html(run)


@pytest.fixture(scope="module")
def compared(contest: Document) -> str:
    return render_html(contest)


class Rows(HTMLParser):
    """The cells of a table's body, row by row, as a reader sees them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        self._inside = tag in {"td", "th"} or (self._inside and tag not in {"tr", "table"})
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_data(self, data):
        if self._inside:
            self.rows[-1][-1] = f"{self.rows[-1][-1]} {data}".strip()

    def handle_endtag(self, tag):
        if tag in {"td", "th"}:
            self._inside = False


def table(page: str, start: int = 0) -> list[list[str]]:
    """The body of the next table."""
    start = page.index("<tbody>", start)
    body = page[start : page.index("</tbody>", start)]
    return [[" ".join(cell.split()) for cell in row] for row in Rows(body).rows]


# --- a run ---------------------------------------------------------------------------


def test_the_scores_of_all_evals_are_the_first_thing_to_see(page):
    assert table(page) == [
        [
            "orders Accuracy; F1 90%, precision 92%, recall 88%, parsed as JSON 99%, 1 more, "
            "2 fields from 84% (city) to 97% (item)",
            "",
            "81% 74 to 88%",
            "138",
            "4",
        ],
        ["slogans Format compliance; self-BLEU 10%", "", "40% 19 to 61%", "20", "0"],
        ["broken Accuracy", "", "No mark", "0", "20"],
        ["single Accuracy", "", "100% 21 to 100%", "1", "0"],
    ]


def test_a_run_says_nothing_about_advice_tuning_or_a_base_model(page):
    text = words(page[page.index("<body>") : page.index("<script>")])
    for absent in ("advice", "cannot tell", "Base model", "tuned", "Confidence", "Training probe"):
        assert absent not in text.replace("No advice", "advice")
    assert "Model small-base" in text


def test_every_score_has_its_place_on_the_scale_and_says_so_in_words(page):
    labels = re.findall(r'<svg class="meter"[^>]*role="img" aria-label="([^"]+)"', page)
    assert labels[:3] == [
        "accuracy 81% (74 to 88%)",
        "format compliance 40% (19 to 61%)",
        "accuracy 100% (21 to 100%)",
    ]


def test_all_metrics_are_listed_with_counts_as_numbers(page):
    assert table(page, page.index("All metrics")) == [
        ["Accuracy", "", "81% 74 to 88%", "138"],
        ["F1", "", "90% 85 to 95%", "138"],
        ["Precision", "", "92% 87 to 97%", "138"],
        ["Recall", "", "88% 83 to 93%", "138"],
        ["Parsed as JSON", "", "99% 97 to 100%", "138"],
        ["Words", "", "12.5 11.2 to 13.8", "138"],
    ]


def test_fields_have_a_table_of_their_own_with_the_lowest_first(page):
    start = page.index("Field by field")
    assert [row[:3] for row in table(page, start)] == [
        ["city", "", "84% 78 to 90%"],
        ["item", "", "97% 94 to 99.8%"],
    ]


def test_many_fields_are_folded(run: Document):
    section = run.sections[0]
    score = section.results[0].metrics["f1"]
    metrics = {"accuracy": score} | {f"field:{i}": score for i in range(30)}
    result = dataclasses.replace(section.results[0], metrics=metrics)
    wide = dataclasses.replace(run, sections=(dataclasses.replace(section, results=(result,)),))
    assert '<details class="block fields">' in render_html(wide)


def test_wrong_answers_show_prompt_ideal_answer_and_why(page):
    start = page.index("Wrong answers")
    text = words(page[start : page.index("</li>", start)])
    for said in (
        "22 of 138 samples",
        "Wrong orders-000 wrong: city",
        "user: Order 100: three lamps to Lyon, please.",
        "Ideal {&#34;item&#34;: &#34;lamp&#34;, &#34;city&#34;: &#34;Lyon&#34;",
        "Answer {&#34;item&#34;: &#34;lamp&#34;, &#34;city&#34;: &#34; Paris",
    ):
        assert said in text
    assert "<mark>Paris</mark>" in page
    assert "Partly right, 40%" in page
    assert "holds 13 of 22 samples, the worst first" in words(page)


def test_answers_to_open_tasks_have_a_fault_and_no_ideal(page):
    start = page.index("Answers with a fault")
    text = words(page[start : page.index("</li>", start)])
    assert "Partly right, 60% s-1 1 words, fewer than 4 A slogan, please. Answer no" in text
    assert "Ideal" not in text


def test_what_was_excluded_says_how_many_and_why(page):
    text = words(page)
    assert "3 rate limited slow down" in text
    assert "1 no mark an &#39;ideal&#39; of this sample is no JSON" in text
    assert "No sample has a mark; 20 excluded." in text


def test_a_run_without_a_fault_says_so(page):
    assert "Accuracy 100% (21 to 100%); 1 sample, none excluded. No answer is wrong." in words(page)


def test_the_galleries_of_a_run_name_the_model(page):
    text = words(page[page.index("Answers side by side") :])
    assert "small-base 2 of 3 distinct Glow ×2 Shine" in text


def test_the_page_says_how_to_repeat_the_run(page):
    text = words(page[page.index('id="repeat"') :])
    assert "harness run &#39;orders*&#39;" in text
    assert "Model small-base" in text


# --- a comparison --------------------------------------------------------------------


def cards(page: str) -> list[str]:
    return [words(card) for card in re.findall(r"<article.*?</article>", page, re.S)]


def test_a_card_says_in_a_sentence_whether_each_model_is_better(compared):
    first, second, _ = cards(compared)
    assert first.startswith("orders")
    assert (
        "The tuned model is better than base by 28 to 39 points; 138 samples, 4 excluded. "
        "adapter-1 against small-base : p &lt; .001; 53 fixed, 7 broken "
        "accuracy: base model 48% tuned model 81%"
    ) in first
    assert "worse than base by 12 to 24 points" in first
    assert "not clearly different from base (−3 to +8 points)" in second
    assert "adapter-1 against small-base : p = .34 accuracy" in second


def test_a_comparison_without_shared_marks_says_so_and_gives_the_scores(compared):
    assert cards(compared)[2] == (
        "nothing Nothing to compare: no sample has a mark from both models. "
        "small-base : accuracy 71% (63 to 79%); 138 samples, 4 excluded. "
        "adapter-1 : no sample has a mark; 138 excluded."
    )


def test_many_models_on_one_eval_do_not_fill_the_page(contest: Document):
    section = contest.sections[0]
    many = tuple(dataclasses.replace(section.comparisons[0], tuned=f"m-{i}") for i in range(9))
    one = dataclasses.replace(section, comparisons=many)
    (card,) = cards(render_html(dataclasses.replace(contest, sections=(one,))))
    assert card.count("better than base") == 5
    assert "4 more models below" in card


def test_a_comparison_has_no_chip_no_advice_and_no_empty_panel(compared):
    assert 'class="chip' not in compared
    assert "<figure" not in compared
    text = words(compared[compared.index("<body>") : compared.index("<script>")])
    for absent in ("advice", "cannot tell", "high confidence", "Training probe"):
        assert absent not in text


def test_the_table_keeps_model_names_as_they_are_spelt(compared):
    rows = table(compared, compared.index('<table class="stack comparisons">'))
    assert [row[0] for row in rows] == ["adapter-1", "adapter-2"]
    assert rows[0][1:3] == ["48% 40 to 56%", "81% 74 to 88%"]
    assert rows[0][4:] == ["+33 +28 to +39", "< .001", "138 4 excluded", "53 / 7"]


def test_flips_can_be_told_by_kind_and_only_kinds_that_occur_have_a_button(compared):
    assert re.findall(r'data-show="(\w+)"', compared) == [
        "all",
        "broken",
        "fixed",
        "both_wrong",
        "all",
        "broken",
    ]


def test_flips_of_several_models_name_theirs(contest: Document, compared):
    assert ">adapter-1</bdi></p>" not in compared
    section = contest.sections[0]
    flips = (section.flips[0], dataclasses.replace(section.flips[1], tuned_model="adapter-2"))
    mixed = dataclasses.replace(
        contest, sections=(dataclasses.replace(section, flips=flips), *contest.sections[1:])
    )
    assert "adapter-2</bdi></p>" in render_html(mixed)


def test_all_metrics_of_two_models_stand_side_by_side(contest: Document):
    alone = dataclasses.replace(contest.sections[0], results=contest.sections[0].results[:2])
    page = render_html(dataclasses.replace(contest, sections=(alone,)))
    rows = table(page, page.index("All metrics of all models"))
    assert rows[0] == ["Accuracy", "48% (40 to 56%)", "48% (40 to 56%)"]
    assert rows[-1] == ["Excluded", "4", "4"]


# --- any size ------------------------------------------------------------------------


def test_an_eval_without_advice_has_a_card_in_a_study_too(document: Document, run: Document):
    mixed = dataclasses.replace(document, sections=(*document.sections, run.sections[0]))
    last = cards(render_html(mixed))[3]
    assert "Accuracy 81% (74 to 88%); 138 samples, 4 excluded." in last


def test_a_report_without_evals_says_so(run: Document):
    page = render_html(dataclasses.replace(run, sections=()))
    assert "This report has no eval: nothing was measured." in page
    assert "How to repeat" in page


def test_a_page_of_sixty_evals_is_small_and_has_them_all(sixty, sixty_contests):
    for many in (sixty, sixty_contests):
        page = render_html(many)
        assert len(page.encode()) < 2_000_000
        assert {f"#eval-{i}" for i in range(1, 61)} <= Outline(page).links


def test_a_page_of_sixty_evals_folds_samples_and_lists_names_once(sixty: Document):
    page = render_html(sixty)
    assert '<details class="block flips">' in page
    contents = page[page.index('<nav class="contents"') : page.index("</nav>")]
    assert "#eval-1" not in contents
    assert "#repeat" in contents


TO_A_SAMPLE = re.compile(r"#eval-\d+-(sample|miss)-[A-Za-z0-9._~-]+")


def test_hostile_texts_add_no_tag_and_no_attribute(run, contest, poison):
    for clean in (run, contest):
        dirty = Outline(render_html(poison(clean)))
        known = Outline(render_html(clean))
        assert dirty.used <= known.used
        others = {link for link in dirty.links if not TO_A_SAMPLE.fullmatch(link)}
        assert others <= known.links
        assert dirty.code == known.code


def test_every_anchor_leads_somewhere_and_every_id_is_unique(page, compared):
    for one in (page, compared):
        ids = re.findall(r'\sid="([^"]+)"', one)
        assert len(ids) == len(set(ids))
        targets = re.findall(r'(?:href="#|aria-controls="|aria-labelledby=")([^"]+)"', one)
        assert set(targets) <= set(ids)
