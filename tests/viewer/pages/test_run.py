"""A run's page, its report in a sandbox, and its files, of which no link leads outside."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.pipeline import report_of, write_reports
from harness.pipeline.folder.runfolder import RunFolder
from harness.running.journal import Journal
from tests.small_run import BASE, EVAL, made_run, outcome

OUTSIDE = "kept to myself"
HOSTILE = """<!doctype html><html><head>
<meta http-equiv="Content-Security-Policy" content="default-src *; script-src 'unsafe-inline'">
</head><body><script>alert(1)</script></body></html>"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a run, beside a file that nobody shall read."""
    (tmp_path / "secret.txt").write_text(OUTSIDE)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "log.jsonl").write_text(OUTSIDE)
    (tmp_path / "root").mkdir()
    made_run(tmp_path / "root" / "run", 12)
    return tmp_path / "root"


def test_the_page_shows_verdicts_how_to_repeat_and_files(viewer, small_runs: Path) -> None:
    html = viewer(small_runs).get("/runs/first").text
    assert EVAL in html
    assert "harness run" in html
    assert "/runs/first/report" in html
    assert "/runs/first/files/journal.jsonl" in html
    assert "/runs/first/samples" in html


def test_an_interrupted_run_says_how_to_go_on(viewer, small_runs: Path) -> None:
    html = viewer(small_runs).get("/runs/cut-short").text
    assert "did not come to its end" in html
    assert "--resume" in html


def test_a_broken_run_has_a_page_that_says_why(viewer, root: Path) -> None:
    (root / "run" / "study.yaml").write_text("plan: [")
    answer = viewer(root).get("/runs/run")
    assert answer.status_code == 200
    assert "cannot be read" in answer.text
    refused = viewer(root).get("/runs/run/report")
    assert refused.status_code == 422
    assert "study.yaml" in refused.text


def test_an_unknown_run_is_not_found(viewer, small_runs: Path) -> None:
    for path in ("/runs/other", "/runs/other/report", "/runs/other/files/study.yaml"):
        answer = viewer(small_runs).get(path)
        assert answer.status_code == 404
        assert "no run named other" in answer.text


# --- the report ----------------------------------------------------------------------


def policy(answer) -> str:
    return answer.headers["content-security-policy"]


def test_the_stored_report_is_served_in_a_sandbox(viewer, small_runs: Path) -> None:
    answer = viewer(small_runs).get("/runs/first/report")
    assert policy(answer).startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in policy(answer)
    assert "default-src 'none'" in policy(answer)
    assert "connect-src" not in policy(answer)
    assert "'sha256-" in policy(answer)
    assert '<a href="/runs/first">' in answer.text


def test_a_report_that_is_missing_is_rendered_from_the_journal(viewer, small_runs: Path) -> None:
    client = viewer(small_runs)
    answer = client.get("/runs/cut-short/report")
    while answer.status_code == 202:
        assert 'http-equiv="refresh"' in answer.text
        answer = client.get("/runs/cut-short/report")
    assert EVAL in answer.text
    assert "sandbox" not in policy(answer)
    assert "'unsafe" not in policy(answer)
    assert "frame-ancestors 'none'" in policy(answer)


def test_the_report_of_a_run_under_way_is_made_though_its_journal_grows(viewer, root: Path) -> None:
    folder = RunFolder(root / "run")
    client = viewer(root)
    with Journal.open(folder.journal, folder.read().hash, resume=True) as journal:
        answer = client.get("/runs/run/report")
        for number in range(100):
            if answer.status_code != 202:
                break
            journal.append(outcome(BASE, number, 1.0))
            answer = client.get("/runs/run/report")
        journal.append(outcome(BASE, 1, 1.0))
        assert client.get("/runs/run/report").text == answer.text
    assert answer.status_code == 200


@pytest.mark.parametrize("kind", ["older", "hostile", "link", "folder"])
def test_a_stored_report_that_is_old_or_not_ours_is_rendered_anew(
    viewer, root: Path, tmp_path: Path, kind: str
) -> None:
    run = root / "run"
    page = run / "report.html"
    write_reports(report_of(run), run)
    if kind == "older":
        page.write_text(page.read_text().replace("<body>", "<body>OLD"))
        os.utime(page, (0, 0))
    else:
        page.unlink()
        (tmp_path / "OLD.html").write_text(HOSTILE + "OLD")
        {
            "hostile": lambda: page.write_text(HOSTILE + "OLD"),
            "link": lambda: page.symlink_to(tmp_path / "OLD.html"),
            "folder": lambda: page.mkdir(),
        }[kind]()
    client = viewer(root)
    answer = client.get("/runs/run/report")
    while answer.status_code == 202:
        answer = client.get("/runs/run/report")
    assert "OLD" not in answer.text
    assert "alert(1)" not in answer.text
    assert EVAL in answer.text


def test_of_a_stranger_s_policy_only_hashes_are_believed(viewer, root: Path) -> None:
    run = root / "run"
    write_reports(report_of(run), run)
    page = run / "report.html"
    page.write_text(
        page.read_text().replace("script-src ", "script-src 'unsafe-inline' https://evil.example ")
    )
    told = policy(viewer(root).get("/runs/run/report"))
    assert "unsafe" not in told
    assert "evil.example" not in told
    assert told.startswith("sandbox")


# --- files ---------------------------------------------------------------------------


def test_a_file_is_taken_away_and_never_shown(viewer, small_runs: Path) -> None:
    for name in ("report.html", "study.yaml", "journal.jsonl"):
        answer = viewer(small_runs).get(f"/runs/first/files/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.content == (small_runs / "first" / name).read_bytes()


def test_logs_are_offered_by_name(viewer, root: Path) -> None:
    logs = root / "run" / "logs"
    logs.mkdir()
    (logs / "a b.jsonl").write_text("{}\n")
    (logs / "other.txt").write_text("not a log")
    client = viewer(root)
    assert client.get("/runs/run/files/logs/a%20b.jsonl").text == "{}\n"
    assert client.get("/runs/run/files/logs/other.txt").status_code == 404
    assert "/runs/run/files/logs/a%20b.jsonl" in client.get("/runs/run").text


@pytest.mark.parametrize(
    "path",
    [
        "/runs/run/files/..%2f..%2fsecret.txt",
        "/runs/run/files/%2e%2e/%2e%2e/secret.txt",
        "/runs/run/files/logs/..%2F..%2F..%2Fsecret.txt",
        "/runs/run/files//etc/passwd",
        "/runs/run/files/%2fetc%2fpasswd",
        "/runs/run/files/..\\..\\secret.txt",
        "/runs/..%2f..%2f/files/secret.txt",
        "/runs/..~..~secret.txt",
        "/runs/../files/secret.txt",
        "/runs/%2e%2e/files/secret.txt",
        "/runs//files/secret.txt",
        "/runs/run/files/study.yaml%00.txt",
        "/runs/run/files/run-samples.jsonl",
        "/runs/run/files/started.jsonl",
        "/static/..%2f..%2fsite.py",
        "/static/%2e%2e/site.py",
    ],
)
def test_no_path_leads_outside_or_to_what_is_not_offered(viewer, root: Path, path: str) -> None:
    answer = viewer(root).get(path)
    assert answer.status_code in {404, 400}
    assert OUTSIDE not in answer.text
    assert "root:" not in answer.text


def test_links_are_not_followed(viewer, root: Path, tmp_path: Path) -> None:
    run = root / "run"
    (run / "report.md").symlink_to(tmp_path / "secret.txt")
    (run / "logs").symlink_to(tmp_path / "elsewhere")
    (root / "linked").symlink_to(run)
    (root / "away").symlink_to(tmp_path / "elsewhere")
    client = viewer(root)
    assert client.get("/runs/run/files/report.md").status_code == 404
    assert client.get("/runs/run/files/logs/log.jsonl").status_code == 404
    assert client.get("/runs/linked").status_code == 404
    assert "report.md" not in client.get("/runs/run").text
    assert OUTSIDE not in client.get("/runs/run").text


def test_a_run_folder_alone_is_a_root(viewer, small_runs: Path) -> None:
    client = viewer(small_runs / "first")
    assert client.get("/runs/first").status_code == 200
    assert client.get("/runs/first/loop-report").status_code == 404
