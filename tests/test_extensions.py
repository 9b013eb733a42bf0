"""A package of strangers, really installed: each of its extensions is found and does its work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLUGIN = ROOT / "examples" / "plugin"
Harness = Callable[..., subprocess.CompletedProcess[str]]

BROKEN = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "harness-broken"
version = "0.1"
[project.entry-points."harness.graders"]
gone = "no_such_module:Gone"
text = "harness_broken:TEXT"
[project.entry-points."harness.renderers"]
oops = "harness_broken:render"
[tool.hatch.build.targets.wheel]
packages = ["harness_broken"]
"""


def installed(package: Path, target: Path) -> None:
    command = (sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation")
    subprocess.run([*command, "--target", str(target), str(package)], check=True)


def command(packages: Path, folder: Path) -> Harness:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(packages), "COLUMNS": "200"}
        line = [sys.executable, "-m", "harness", *arguments]
        return subprocess.run(
            line, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    packages = tmp_path_factory.mktemp("packages")
    installed(PLUGIN, packages)
    return command(packages, tmp_path_factory.mktemp("work"))


def run_capitals(harness: Harness, model: str, out: Path) -> subprocess.CompletedProcess[str]:
    registry = str(PLUGIN / "registry")
    return harness("run", "capitals", "--registry", registry, "--model", model, "--out", str(out))


def test_grader_provider_and_renderer_make_a_run(harness: Harness, tmp_path: Path) -> None:
    done = run_capitals(harness, "parrot:loud", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "run/report.json").read_text())
    assert told["evals"][0]["metrics"]["accuracy"]["value"] == 0.5
    text = (tmp_path / "run/report.txt").read_text()
    assert "capitals.dev.v0 loud 0.500 (n = 2)" in text
    journal = (tmp_path / "run/journal.jsonl").read_text()
    assert "THE CAPITAL OF FRANCE" in journal


def test_a_metric_measures_texts(harness: Harness, tmp_path: Path) -> None:
    file = tmp_path / "texts.jsonl"
    lines = [{"prompt": "a", "completion": text} for text in ("red fox", "red dog", "red cat")]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = harness("diversity", str(file), "--metrics", "word_share", "--json")
    assert done.returncode == 0, done.stderr
    assert "word_share" in done.stdout
    assert "0.75" in done.stdout


def test_a_lint_looks_at_training_data(harness: Harness, tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl"
    chats = [
        {
            "messages": [
                {"role": "user", "content": f"question {n} about nothing"},
                {"role": "assistant", "content": f"AN ANSWER IN CAPITALS {'ABCDEFGHIJKL'[n % 12]}"},
            ]
        }
        for n in range(60)
    ]
    file.write_text("".join(json.dumps(chat) + "\n" for chat in chats))
    done = harness("lint", str(file), "--json", "-")
    told = json.loads(done.stdout)
    (found,) = (one for one in told["findings"] if one["rule"] == "shouting")
    assert found["severity"] == "warn"
    assert "60 of 60" in found["message"]


def test_a_rule_is_read_where_none_of_ours_applies(harness: Harness) -> None:
    done = harness("show", "rule", "1001")
    assert "trained for long without a verdict" in done.stdout


def test_an_unknown_extension_is_named_with_its_neighbour(harness: Harness, tmp_path: Path) -> None:
    registry = tmp_path / "registry"
    (registry / "evals").mkdir(parents=True)
    text = (PLUGIN / "registry/evals/capitals.yaml").read_text()
    (registry / "evals/capitals.yaml").write_text(text.replace("word_overlap", "word_overlab"))
    done = harness("run", "capitals", "--registry", str(registry), "--model", "dummy")
    assert done.returncode == 2
    assert "no installed package has a grader 'word_overlab'; did you mean" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_broken_is_named_and_costs_no_report(tmp_path: Path) -> None:
    package = tmp_path / "broken"
    (package / "harness_broken").mkdir(parents=True)
    (package / "pyproject.toml").write_text(BROKEN)
    source = "TEXT = 'no class'\ndef render(document):\n    raise KeyError('nothing')\n"
    (package / "harness_broken/__init__.py").write_text(source)
    packages = tmp_path / "packages"
    installed(package, packages)
    harness = command(packages, tmp_path)
    done = harness("run", "basics", "--model", "dummy", "--max-samples", "3", "--out", "run")
    assert done.returncode == 2
    assert "harness-broken 0.1: 'oops' in harness.renderers (harness_broken:render) failed" in (
        done.stderr
    )
    assert (tmp_path / "run/report.html").exists()
    registry = tmp_path / "registry"
    (registry / "evals").mkdir(parents=True)
    text = (PLUGIN / "registry/evals/capitals.yaml").read_text()
    for name, said in {
        "gone": "cannot be imported: ModuleNotFoundError",
        "text": "is no grader",
    }.items():
        (registry / "evals/capitals.yaml").write_text(text.replace("word_overlap", name))
        data = str(PLUGIN / "registry" / "data")
        arguments = ("--registry", str(registry), "--data", data, "--model", "dummy")
        done = harness("run", "capitals", *arguments, "--out", f"run-{name}")
        assert done.returncode == 2
        assert f"'{name}' in harness.graders" in done.stderr
        assert said in done.stderr
        assert "Traceback" not in done.stderr
