from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Timer

import orjson
import pytest

from harness.errors import RunFolderError
from harness.records import Completion, Failure, Outcome
from harness.running.journal import Journal, is_being_written, latest, outcomes


def answered(sample: str, text: str = "a", *, eval: str = "e", model: str = "m") -> Outcome:
    return Outcome(eval, model, sample, 0, f"key-{sample}", Completion(text))


def failed(sample: str) -> Outcome:
    return Outcome("e", "m", sample, 0, f"key-{sample}", failure=Failure("unreachable", "gone"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "journal.jsonl"


def write(path: Path, *lines: Outcome) -> None:
    with Journal.open(path, "run", resume=True) as journal:
        for outcome in lines:
            journal.append(outcome)


def read(path: Path, reader: Callable[..., Iterator[Outcome]] = outcomes) -> list[str]:
    return [f"{o.sample_id}:{o.completion.text if o.completion else '-'}" for o in reader(path)]


def holds(journal: Journal, outcome: Outcome) -> bool:
    return journal.holds(
        (
            outcome.eval,
            outcome.model,
            outcome.sample_id,
            outcome.repeat,
            outcome.request_key,
        )
    )


def test_the_first_line_says_which_run_it_is(path: Path) -> None:
    write(path, answered("1"))
    header = orjson.loads(path.read_bytes().splitlines()[0])
    assert header["journal"] == 1
    assert header["run"] == "run"
    assert header["harness"]


def test_every_outcome_is_in_the_file_before_the_next_is_taken(path: Path) -> None:
    with Journal.open(path, "run") as journal:
        journal.append(answered("1"))
        assert read(path) == ["1:a"]


def test_what_was_written_is_held_now_and_after_reopening(path: Path) -> None:
    with Journal.open(path, "run") as journal:
        assert not holds(journal, answered("1"))
        journal.append(answered("1"))
        journal.append(failed("2"))
        assert holds(journal, answered("1"))
    with Journal.open(path, "run", resume=True) as journal:
        assert holds(journal, answered("1"))
        assert holds(journal, failed("2"))
        assert not holds(journal, answered("3"))
        assert not holds(journal, answered("1", model="other"))


def test_failures_can_be_taken_up_again_until_one_succeeds(path: Path) -> None:
    write(path, failed("1"), failed("2"), answered("2"))
    with Journal.open(path, "run", resume=True, retry_failed=True) as journal:
        assert not holds(journal, failed("1"))
        assert holds(journal, answered("2"))


def test_later_lines_win(path: Path) -> None:
    write(path, failed("1"), answered("2"), answered("1", "b"))
    assert read(path) == ["1:-", "2:a", "1:b"]
    assert read(path, latest) == ["2:a", "1:b"]


def test_readers_can_ask_for_one_eval_or_model(path: Path) -> None:
    write(path, answered("1"), answered("2", eval="f"), answered("3", model="n"))
    assert [o.sample_id for o in outcomes(path, eval="f")] == ["2"]
    assert [o.sample_id for o in outcomes(path, model="n")] == ["3"]
    assert [o.sample_id for o in latest(path, eval="e", model="m")] == ["1"]


def test_reading_does_not_need_the_whole_file(path: Path) -> None:
    write(path, answered("1"), answered("2"))
    assert next(outcomes(path)).sample_id == "1"


@pytest.mark.parametrize("reader", [outcomes, latest])
def test_readers_see_a_journal_that_is_being_written(
    path: Path, reader: Callable[..., Iterator[Outcome]]
) -> None:
    with Journal.open(path, "run") as journal:
        journal.append(answered("1"))
        reading = reader(path)
        assert next(reading).sample_id == "1"
        journal.append(answered("2"))
        assert list(reading) == []


def test_every_torn_last_line_is_cut_and_nothing_else(path: Path) -> None:
    write(path, answered("1"), answered("2"))
    whole = path.read_bytes()
    before = whole[: whole[:-1].rfind(b"\n") + 1]
    for length in range(len(before) + 1, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert read(path) == ["1:a"]
        with Journal.open(path, "run", resume=True) as journal:
            assert journal.repaired_bytes == length - len(before)
            assert not holds(journal, answered("2"))
            journal.append(answered("2"))
        assert path.read_bytes() == whole


def test_a_last_line_that_lacks_only_its_break_is_kept(path: Path) -> None:
    write(path, answered("1"), answered("2"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with Journal.open(path, "run", resume=True) as journal:
        assert journal.repaired_bytes == 0
        assert holds(journal, answered("2"))
    assert path.read_bytes() == whole


def test_zeros_that_a_power_failure_left_are_cut(path: Path) -> None:
    write(path, answered("1"))
    whole = path.read_bytes()
    path.write_bytes(whole + bytes(4096))
    with Journal.open(path, "run", resume=True) as journal:
        assert journal.repaired_bytes == 4096
    assert path.read_bytes() == whole


def test_a_torn_header_begins_a_new_journal(path: Path) -> None:
    write(path)
    whole = path.read_bytes()
    for length in range(len(whole) - 1):
        path.write_bytes(whole[:length])
        write(path)
        assert path.read_bytes() == whole


def test_a_broken_line_in_the_middle_is_named(path: Path) -> None:
    write(path, answered("1"), answered("2"))
    lines = path.read_bytes().splitlines(keepends=True)
    for broken in (b"{\n", b"[]\n", b'{"eval": "e"}\n', b'{"eval": ["e"]}\n'):
        path.write_bytes(b"".join([lines[0], broken, *lines[1:]]))
        for use in (lambda: write(path), lambda: read(path), lambda: read(path, latest)):
            with pytest.raises(RunFolderError, match=r"journal\.jsonl:2: .*remove this line"):
                use()


@pytest.mark.parametrize("content", ['{"prompt": "x"}\n', "hello", "\n", "[]\n{}\n", '{"a": 1}'])
def test_a_file_that_is_no_journal_is_left_alone(path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content)
    for use in (lambda: write(path), lambda: read(path)):
        with pytest.raises(RunFolderError, match=r"journal\.jsonl"):
            use()
    assert path.read_text() == content


def test_an_existing_journal_needs_resume(path: Path) -> None:
    write(path, answered("1"))
    with pytest.raises(RunFolderError, match="--resume"):
        Journal.open(path, "run")


def test_another_run_is_refused_with_the_difference(path: Path) -> None:
    write(path)
    with pytest.raises(RunFolderError, match=r"belongs to run run, this is run other.*--out"):
        Journal.open(path, "other", resume=True)


def test_another_format_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"journal": 99, "harness": "7.0", "run": "run"}\n')
    with pytest.raises(RunFolderError, match=r"format 99 \(harness 7\.0\)"):
        Journal.open(path, "run", resume=True)


def test_a_second_writer_is_refused_until_the_first_has_gone(path: Path) -> None:
    first = Journal.open(path, "run")
    with pytest.raises(RunFolderError, match="another process is writing"):
        Journal.open(path, "run", resume=True)
    first.close()
    Journal.open(path, "run", resume=True).close()


def test_a_journal_says_whether_it_is_being_written(path: Path) -> None:
    assert not is_being_written(path)
    with Journal.open(path, "run"):
        assert is_being_written(path)
    assert not is_being_written(path)


def test_whoever_looks_does_not_keep_a_writer_out(path: Path) -> None:
    Journal.open(path, "run").close()
    with path.open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        Timer(0.03, fcntl.flock, (looking, fcntl.LOCK_UN)).start()
        with Journal.open(path, "run", resume=True):
            assert is_being_written(path)


def test_a_pipe_in_a_journal_s_place_stops_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "journal.jsonl")
    assert not is_being_written(tmp_path / "journal.jsonl")


def test_a_refused_journal_is_not_locked(path: Path) -> None:
    write(path)
    for _ in range(2):
        with pytest.raises(RunFolderError, match="belongs to"):
            Journal.open(path, "other", resume=True)
    write(path)


def test_a_folder_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="cannot be opened"):
        Journal.open(tmp_path, "run")


def test_a_missing_journal_is_named(path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"journal\.jsonl: cannot be read"):
        read(path)


def test_a_closed_journal_takes_nothing(path: Path) -> None:
    journal = Journal.open(path, "run")
    journal.close()
    journal.close()
    with pytest.raises(RunFolderError, match="closed"):
        journal.append(answered("1"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_said_at_once() -> None:
    with pytest.raises(RunFolderError, match=r"/dev/full: cannot be written.*No space"):
        Journal.open(Path("/dev/full"), "run")
