"""What is built is whole: the wheel alone, in an environment of its own, does the work.

The environment shares the dependencies of this one and nothing else; that they install by
themselves, and every extra with them, is for ``make package``, which needs a network.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
from collections.abc import Callable
from pathlib import Path
from urllib.request import Request, urlopen
from zipfile import ZipFile

import pytest

import harness

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
HERE = os.environ | {"PYTHONPATH": "", "COLUMNS": "200", "PYTHONUTF8": "1"}
Command = Callable[..., subprocess.CompletedProcess[str]]

USER_CODE = """
import harness

found = harness.run("tickets.heldout.v1", lambda request: "billing", max_samples=3)
reveal_type(found)
wrong: int = harness.lint("train.jsonl")
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel made from it."""
    out = tmp_path_factory.mktemp("dist")
    line = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    # From elsewhere: a folder `build` in the checkout would hide the module.
    done = subprocess.run(line, cwd=out, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def environment(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel; it sees the libraries of this one, not its checkout."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    (wheel,) = built.glob("*.whl")
    install = ["-m", "pip", "--python", str(folder / "bin/python"), "install", "--quiet"]
    line = [sys.executable, *install, "--no-deps", "--no-index", str(wheel)]
    subprocess.run(line, check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    # A path named here is searched, but its own .pth files, the checkout's among them, are not read
    (folder / "lib" / version / "site-packages" / "libraries.pth").write_text(
        sysconfig.get_path("purelib") + "\n"
    )
    return folder


@pytest.fixture
def run(environment: Path, tmp_path: Path) -> Command:
    """Calls ``harness`` of that environment in a folder far from the checkout."""

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        line = [str(environment / "bin" / "harness"), *words]
        return subprocess.run(
            line, cwd=tmp_path, env=HERE, capture_output=True, text=True, check=False
        )

    return call


def test_the_installed_package_is_the_one_that_is_imported(environment: Path, tmp_path) -> None:
    script = "import harness, importlib.metadata as m; print(harness.__file__)"
    line = [
        str(environment / "bin/python"),
        "-c",
        f"{script}; print(m.version('finetune-harness'))",
    ]
    done = subprocess.run(line, cwd=tmp_path, env=HERE, capture_output=True, text=True, check=True)
    where, version = done.stdout.split()
    assert Path(where).is_relative_to(environment)
    assert version == harness.__version__


def test_the_wheel_alone_knows_its_commands_evals_and_rules(run: Command) -> None:
    assert "harness demo" in run("--help").stdout
    assert "orders.heldout.v1" in run("list").stdout
    assert "heldout" in run("show", "orders.heldout.v1").stdout
    assert "Why" in run("show", "rule", "7").stdout


def test_the_wheel_alone_evaluates_and_reports(run: Command, tmp_path: Path) -> None:
    for model in ("dummy", "embedded:tiny-base"):
        out = tmp_path / model.replace(":", "-")
        words = ("run", "orders.heldout.v1", "--model", model, "--max-samples", "5")
        done = run(*words, "--out", str(out))
        assert done.returncode == 0, done.stderr
        assert "<style" in (out / "report.html").read_text(encoding="utf-8")


def test_python_m_harness_is_the_same_command(environment: Path, tmp_path: Path) -> None:
    line = [str(environment / "bin/python"), "-m", "harness", "--version"]
    done = subprocess.run(line, cwd=tmp_path, env=HERE, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"harness {harness.__version__}"


def test_the_viewer_of_the_wheel_has_its_pages_and_styles(
    run: Command, environment: Path, tmp_path: Path
) -> None:
    words = ("run", "tickets.heldout.v1", "--model", "dummy", "--max-samples", "3", "--out", "r/a")
    assert run(*words).returncode == 0
    line = [str(environment / "bin/harness"), "view", "r", "--port", "0"]
    with subprocess.Popen(
        line, cwd=tmp_path, env=HERE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        try:
            assert server.stdout is not None
            told = next(line for line in server.stdout if "http://" in line)
            (address,) = re.findall(r"http://[\w.:]+", told)
            with urlopen(Request(address, headers={"Accept": "text/html"}), timeout=20) as page:
                text = page.read().decode()
            linked = re.findall(r'(?:href|src)="(/[^"]+\.(?:css|js)[^"]*)"', text)
            assert linked
            for place in linked:
                with urlopen(f"{address.rstrip('/')}{place}", timeout=20) as file:
                    assert file.read().strip()
        finally:
            server.terminate()


def test_type_checkers_read_the_types_of_the_package(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(USER_CODE)
    line = [sys.executable, "-m", "mypy", "--no-incremental", "--follow-imports=silent"]
    python = ["--python-executable", str(environment / "bin/python"), "mine.py"]
    done = subprocess.run(
        [*line, *python], cwd=tmp_path, env=HERE, capture_output=True, text=True, check=False
    )
    assert 'Revealed type is "harness.api.results.Results"' in done.stdout
    assert 'has type "LintResult", variable has type "int"' in done.stdout
    assert "import-untyped" not in done.stdout


def test_the_wheel_holds_every_file_that_git_knows_of(built: Path) -> None:
    tracked = known_files("harness", "registry", "datasets", "docs/rules")
    (wheel,) = built.glob("*.whl")
    held = set(ZipFile(wheel).namelist())
    missing = [name for name in tracked if in_wheel(name) not in held]
    assert missing == []


def test_the_sdist_holds_every_file_that_git_knows_of(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert [name for name in known_files(".") if name not in held] == []


def known_files(*places: str) -> list[str]:
    """The files under version control that are there; the test is skipped outside of git."""
    line = ["git", "ls-files", "-z", *places]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is no git checkout: what should be inside is not known")
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).exists()]


def in_wheel(name: str) -> str:
    """Where a file of the checkout lies in a wheel."""
    return name if name.startswith("harness/") else f"harness/_data/{name}"
