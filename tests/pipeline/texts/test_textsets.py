import gzip
import io
import json
from pathlib import Path

import pytest

from harness.errors import DatasetError, HarnessError, UsageError
from harness.pipeline.texts.files import named_apart, piped, read_texts
from harness.pipeline.texts.textset import Reading
from harness.records import Completion, Outcome
from harness.running.journal import Journal


def lines(*values):
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


def read(tmp_path, text, name="texts.jsonl", **reading):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    [found] = read_texts(str(path), Reading(**reading))
    return found


def groups(found):
    """The answers by the last part of each key."""
    return {key.rsplit("/", 1)[-1]: list(texts) for key, texts in found.groups.items()}


CHOICES = [{"message": {"role": "assistant", "content": "hi"}}, {"message": {"content": "ho"}}]
RESPONSE = {
    "object": "response",
    "output": [
        {"type": "reasoning", "summary": []},
        {"type": "message", "content": [{"type": "output_text", "text": "hi"}]},
    ],
}
CHAT = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "hi"}]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (["hi", "ho"], {"texts.jsonl:1": ["hi"], "texts.jsonl:2": ["ho"]}),
        ([["hi", "ho"], ["x"]], {"texts.jsonl:1": ["hi", "ho"], "texts.jsonl:2": ["x"]}),
        ([{"text": "hi"}], {"texts.jsonl:1": ["hi"]}),
        ([{"prompt": "p", "text": "no", "completion": "hi"}], {"p": ["hi"]}),
        ([{"Question": "p", "Answer": "hi"}], {"p": ["hi"]}),
        ([{"id": 7, "prompt": "p", "generations": ["hi", "ho"]}], {"p": ["hi", "ho"]}),
        ([{"id": 7, "output": "hi"}, {"id": 7, "output": "ho"}], {"7": ["hi", "ho"]}),
        ([{"prompt": "p", "outputs": [{"text": "hi"}, {"text": "ho"}]}], {"p": ["hi", "ho"]}),
        ([{"messages": CHAT}], {"q": ["hi"]}),
        ([{"prompt": CHAT[:1], "completion": CHAT[1:]}], {"q": ["hi"]}),
        ([{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "hi"}]}],
         {"q": ["hi"]}),
        ([{"id": "c", "object": "chat.completion", "choices": CHOICES}], {"c": ["hi", "ho"]}),
        ([{"id": "b", "custom_id": "r", "response": {"body": {"choices": CHOICES}}}],
         {"r": ["hi", "ho"]}),
        ([{"custom_id": "r", "response": {"body": RESPONSE}}], {"r": ["hi"]}),
        ([{"prompt": "p", "response": {"choices": CHOICES}}], {"p": ["hi", "ho"]}),
        ([{"text": [{"type": "text", "text": "h"}, {"type": "text", "text": "i"}]}],
         {"texts.jsonl:1": ["hi"]}),
        ([{"prompt": "p", "answer": 42}], {"p": ["42"]}),
    ],
)  # fmt: skip
def test_answers_are_found_in_many_shapes(tmp_path, records, expected):
    assert groups(read(tmp_path, lines(*records))) == expected


def test_paths_reach_into_objects_and_lists(tmp_path):
    text = lines({"in": {"q": "p"}, "out": [{"say": "hi"}]})
    found = read(tmp_path, text, field="out.0.say", prompt_field="in.q")
    assert groups(found) == {"p": ["hi"]}
    assert (found.layout, found.grouped_by) == ("field 'out.0.say'", "'in.q'")


def test_what_is_no_answer_is_counted_and_the_first_are_named(tmp_path):
    good, none = {"prompt": "p", "completion": "hi"}, {"prompt": "p", "completion": None}
    text = lines(good, none, {**good, "completion": " "}, {"prompt": "p"}) + "{broken\n"
    found = read(tmp_path, text)
    assert found.left_out == {
        "without an answer": 1,
        "empty": 1,
        "unlike the first": 1,
        "broken": 1,
    }
    assert [problem.split(": ")[0].rsplit("/")[-1] for problem in found.problems] == [
        "texts.jsonl:4",
        "texts.jsonl:5",
    ]


def test_failed_requests_of_a_batch_are_no_answers(tmp_path):
    failed = {"custom_id": "r", "response": {"body": {"error": {"message": "slow down"}}}}
    expired = {"custom_id": "s", "response": None, "error": {"message": "expired"}}
    good = {"custom_id": "t", "response": {"body": {"choices": CHOICES}}, "error": None}
    found = read(tmp_path, lines(failed, expired, good))
    assert found.left_out == {"failed": 2}
    assert found.problems[0].endswith("slow down")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "\ufeffPrompt,Response\np,hi\np,NA\n"),
        ("t.csv", "question;answer\np;hi\np;NA\n"),
        ("t.tsv", "id\toutput\np\thi\np\tNA\n"),
        ("t.json", '{"p": ["hi", "NA"]}'),
        ("t.json", '[{"prompt": "p", "text": "hi"},\n {"prompt": "p", "text": "NA"}]'),
        ("t.json", '{\n"prompt": "p",\n"texts": ["hi", "NA"]}'),
    ],
)
def test_tables_and_whole_json_files_are_read(tmp_path, name, text):
    assert groups(read(tmp_path, text, name)) == {"p": ["hi", "NA"]}


def test_a_lone_column_holds_the_texts(tmp_path):
    assert read(tmp_path, "anything\nhi\nho\n", "t.csv").texts == ["hi", "ho"]


@pytest.mark.parametrize("name", ["t.txt", "t.out", "noname"])
def test_plain_text_is_a_text_a_line(tmp_path, name):
    found = read(tmp_path, "hi there\n\nho\n", name)
    assert found.texts == ["hi there", "ho"]
    assert found.by_position


def test_packed_files_are_read(tmp_path):
    packed = gzip.compress(lines({"text": "hi"}).encode())
    assert read(tmp_path, packed, "t.jsonl.gz").texts == ["hi"]


def test_chinese_and_control_characters_stay_as_they_are(tmp_path):
    assert read(tmp_path, lines("春眠不觉晓", "a\u202eb")).texts == ["春眠不觉晓", "a\u202eb"]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("t.jsonl", b"", "is empty"),
        ("t.jsonl", b"\n \n", "is empty"),
        ("t.jsonl", b'{"a": {"b": 1}, "c": 2}', "among 'a.b', 'c'; name it with --field"),
        ("t.jsonl", b'{"text": ""}', "every answer is empty or missing"),
        ("t.jsonl", b"{broken", "broken JSON"),
        ("t.bin", b"\x00\x01\x02", "no text"),
        ("t.csv", b"", "is empty"),
        ("t.csv", b"a,b\n1,2\n1,2,3\n", "Expected 2 fields in line 3, saw 3"),
        ("t.csv", b"a,b\n1,2\n", "no field with answers among 'a', 'b'"),
        ("t.csv", "text\ncafé\n".encode("latin-1"), "not UTF-8"),
    ],
)
def test_files_without_texts_are_refused_by_name(tmp_path, name, text, says):
    with pytest.raises(DatasetError, match=says) as error:
        read(tmp_path, text, name)
    assert name in str(error.value)


def test_a_column_that_is_not_there_is_named_with_the_nearest(tmp_path):
    with pytest.raises(DatasetError, match="has no column 'replay'; did you mean 'reply'"):
        read(tmp_path, "q,reply\np,hi\n", "t.csv", field="replay")


def test_nothing_there_and_folders_that_are_no_runs(tmp_path):
    for place in (tmp_path / "nope", tmp_path):
        with pytest.raises(HarnessError, match=str(place)):
            read_texts(str(place))


def test_a_pipe_is_read_and_named_in_errors():
    [found] = piped(io.BytesIO(lines("hi", "ho").encode()))
    assert (found.name, found.texts) == ("standard input", ["hi", "ho"])
    with pytest.raises(DatasetError, match=r"^standard input:1: broken"):
        piped(io.BytesIO(b"{broken"))


def test_prompts_are_known_where_all_are(tmp_path):
    found = read(tmp_path, lines({"prompt": "p", "texts": ["hi", "ho"]}))
    assert found.prompts == ["p", "p"]
    assert read(tmp_path, lines({"id": "p", "text": "hi"})).prompts is None


def test_the_first_k_answers_of_prompts_that_have_so_many(tmp_path):
    text = lines({"id": 1, "texts": ["a", "b", "c"]}, {"id": 2, "texts": ["a"]})
    found = read(tmp_path, text).first(2)
    assert groups(found) == {"1": ["a", "b"]}
    assert found.left_out == {"prompts with fewer than 2 answers": 1}
    with pytest.raises(UsageError, match="--k 4"):
        read(tmp_path, text).first(4)


def test_names_that_occur_again_get_a_number(tmp_path):
    found = read(tmp_path, lines("hi"))
    assert len({one.name for one in named_apart([found, found])}) == 2


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    with Journal.open(tmp_path / "journal.jsonl", "run") as written:
        for model in ("base", "tuned"):
            for repeat in range(3):
                completion = Completion(f"{model} says {repeat}")
                written.append(Outcome("open", model, "s1", repeat, f"k{repeat}", completion))
            written.append(Outcome("closed", model, "s1", 0, "k", Completion("yes")))
    return tmp_path / "journal.jsonl"


def test_a_run_gives_the_answers_of_each_model_to_the_eval_with_several(journal):
    base, tuned = read_texts(str(journal.parent))
    assert (base.name, tuned.name) == ("base", "tuned")
    assert base.groups == {"s1": ("base says 0", "base says 1", "base says 2")}
    [alone] = read_texts(f"{journal}#tuned")
    assert alone.groups == tuned.groups
    [closed, _] = read_texts(str(journal), Reading(eval="closed"))
    assert closed.texts == ["yes"]


def test_models_and_evals_that_a_run_lacks_are_named(journal):
    with pytest.raises(UsageError, match="no answers of 'tune'; did you mean 'tuned'"):
        read_texts(f"{journal}#tune")
    with pytest.raises(UsageError, match="no answers to 'opn'; did you mean 'open'"):
        read_texts(str(journal), Reading(eval="opn"))


def test_a_log_of_openai_evals_is_read_by_sample(tmp_path):
    spec = {"spec": {"run_id": "r", "eval_name": "e", "completion_fns": ["m"], "run_config": {}}}
    events = [
        {"run_id": "r", "event_id": n, "sample_id": "s", "type": "sampling",
         "data": {"prompt": "p", "sampled": [f"say {n}"]}}
        for n in range(2)
    ]  # fmt: skip
    found = read(tmp_path, lines(spec, *events), "log.jsonl")
    assert groups(found) == {"s": ["say 0", "say 1"]}
