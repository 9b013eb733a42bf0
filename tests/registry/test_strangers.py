"""A registry from a stranger cannot run code, read outside its folder, or hang who loads it."""

from __future__ import annotations

import gzip
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.datasets import read_few_shot, read_samples
from harness.errors import DatasetError, HarnessError, RegistryError
from harness.graders import make_grader
from harness.pipeline.questions.logs import log_names
from harness.registry import KINDS, Registry

Write = Callable[..., Registry]

JUDGED = "evals.elsuite.modelgraded.classify:ModelBasedClassify"
MATCH = "evals.elsuite.basic.match:Match"
SECRET = "the stranger should not see this"


def match(args: str) -> str:
    return f"e.dev.v0:\n  class: {MATCH}\n  args: {{{args}}}\n"


def refused(registry: Registry, name: str = "e.dev.v0") -> str:
    with pytest.raises(RegistryError) as caught:
        registry.eval(name)
    message = str(caught.value)
    assert "\n" not in message
    assert SECRET not in message
    return message


# --- code ----------------------------------------------------------------------------

TAGS = [
    "!!python/object/apply:os.system ['touch pwned']",
    "!!python/object/new:os.system ['touch pwned']",
    "!!python/object:harness.records.Sample {}",
    "!!python/name:os.system",
    "!!python/module:antigravity",
    "!!python/tuple [1]",
    "!<tag:yaml.org,2002:python/object/apply:subprocess.run> [[touch, pwned]]",
    "!ruby/object:Gem::Requirement {}",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tag", TAGS)
def test_tags_build_no_objects(write: Write, tmp_path: Path, kind: Any, tag: str) -> None:
    registry = write(**{kind: f"e.dev.v0:\n  args: {tag}\n"})
    with pytest.raises(RegistryError, match="could not determine a constructor"):
        registry.entries(kind)
    assert not (tmp_path / "pwned").exists()
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize(
    "name",
    [
        *("os:system", "harness.cli:main", "harness.cli.run:run", "builtins:eval", "evil:Evil"),
        *("harness.registry.places:own_folder", "evil", "../evil:Evil", "evil.py:Evil", "e vil:X"),
        *("evals.elsuite.basic.match:Match.__init__", ":", "os:", "__main__:x", "antigravity:fly"),
    ],
)
def test_a_class_name_is_looked_up_and_never_imported(
    write: Write, tmp_path: Path, name: str
) -> None:
    for folder in (tmp_path, tmp_path / "registry", tmp_path / "registry" / "evals"):
        folder.mkdir(exist_ok=True)
        (folder / "evil.py").write_text("open('pwned', 'w')\nraise SystemExit\n")
    registry = write(evals=f"e.dev.v0:\n  class: '{name}'\n  args: {{samples_jsonl: s.jsonl}}\n")
    assert not registry.describe("e.dev.v0").runnable
    refused(registry)
    assert not (tmp_path / "pwned").exists()
    assert not {"evil", "antigravity"} & sys.modules.keys()


# --- files ---------------------------------------------------------------------------


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file of somebody else's, beside the registry and outside the working directory."""
    path = tmp_path / "private" / "secret.jsonl"
    path.parent.mkdir()
    path.write_text(f'{{"input": "{SECRET}", "ideal": "x", "sample": []}}\n')
    return path


ARGS = ("samples_jsonl: '{}'", "samples_jsonl: s.jsonl, num_few_shot: 1, few_shot_jsonl: '{}'")


@pytest.mark.parametrize("args", ARGS)
@pytest.mark.parametrize(
    "path",
    [
        *("../../private/secret.jsonl", "../../private", "x/../../../private/secret.jsonl"),
        *("{secret}", "{private}", "link.jsonl", "linked/secret.jsonl", "linked", "/etc/passwd"),
        *("~/secret.jsonl", "$HOME/secret.jsonl", "file://{secret}", "/proc/self/environ"),
    ],
)
def test_no_path_leads_out_of_the_folder(
    write: Write,
    secret: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    args: str,
    path: str,
) -> None:
    monkeypatch.setenv("HOME", str(secret.parent))
    path = path.format(secret=secret, private=secret.parent)
    registry = write(evals=match(args.format(path)))
    data = tmp_path / "registry" / "data"
    (data / "link.jsonl").symlink_to(secret)
    (data / "linked").symlink_to(secret.parent, target_is_directory=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    refused(registry)


def test_a_link_inside_a_data_folder_leads_nowhere_either(
    write: Write, secret: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "registry" / "data" / "many"
    folder.mkdir()
    (folder / "link.jsonl").symlink_to(secret)
    spec = write(evals=match("samples_jsonl: many")).eval("e.dev.v0")
    with pytest.raises(DatasetError, match="a link out of"):
        list(read_samples(spec.samples, "e.dev.v0"))
    with pytest.raises(DatasetError, match="a link out of"):
        read_few_shot(spec.samples, 1)


@pytest.mark.parametrize("linked", ["evals/link.yaml", "modelgraded"])
def test_a_link_to_other_yaml_shows_none_of_it(write: Write, tmp_path: Path, linked: str) -> None:
    registry = write(evals=match("samples_jsonl: s.jsonl"))
    private = tmp_path / "private"
    private.mkdir()
    (private / "secret.yaml").write_text(f"password: {SECRET}\n")
    target = private / "secret.yaml" if "." in linked else private
    (tmp_path / "registry" / linked).symlink_to(target)
    with pytest.raises(RegistryError, match="a link out of") as caught:
        registry.entries("evals" if "." in linked else "modelgraded")
    assert SECRET not in str(caught.value)


def test_a_data_set_from_elsewhere_is_no_path(write: Write, tmp_path: Path) -> None:
    name = "evals.elsuite.multiple_choice:MultipleChoice"
    registry = write(
        evals=f"e.dev.v0:\n  class: {name}\n  args: {{dataset: 'hf://../../../etc/passwd?x=/../y'}}\n"
    )
    assert registry.eval("e.dev.v0").samples.parent == registry.cache


@pytest.mark.parametrize(
    "name", ["../../../up.dev.v0", "/abs.dev.v0", "..", "a/b.c", "\0.x", "é.x"]
)
def test_no_name_leads_a_log_out_of_its_folder(name: str) -> None:
    (log,) = log_names([(name, "../model")])
    assert Path("logs", log).resolve().parent == Path("logs").resolve()


# --- templates -----------------------------------------------------------------------

ATTACKS = [
    "{input.__class__}",
    "{input.__class__.__mro__[1].__subclasses__}",
    "{input[0]}",
    "{input[__class__]}",
    "{input:>999999999}",
    "{input!r}",
    "{input!r:>999999999}",
    "{input:{n}}",
    "{0.__class__}",
    "{}",
    "{:>999999999}",
    "{input",
    "{__import__('os').system('touch pwned')}",
]


def judged(write: Write, rubric: str, more: str = "") -> Registry:
    return write(
        evals=f"e.dev.v0:\n  class: {JUDGED}\n  args:\n    samples_jsonl: s.jsonl\n"
        f"    modelgraded_spec: r\n    eval_type: classify\n{more}",
        modelgraded=f"r:\n  choice_strings: YN\n  input_outputs: {{input: completion}}\n{rubric}",
    )


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("field", ["prompt", "output_template"])
def test_a_template_fills_in_plain_names_only(write: Write, field: str, attack: str) -> None:
    others = {"prompt": "'{completion}'", "output_template": "'{output}'"}
    fields = {**others, field: f'"{attack}"'}
    rubric = "".join(f"  {name}: {text}\n" for name, text in fields.items())
    with pytest.raises(RegistryError) as caught:
        make_grader(judged(write, rubric).eval("e.dev.v0"))
    assert len(str(caught.value)) < 1000


def test_values_are_not_templates(write: Write, mark: Callable[..., Any]) -> None:
    more = "    modelgraded_spec_args: {criteria: '{input.__class__} {x:>999999999}'}\n"
    registry = judged(write, "  prompt: '{criteria} {completion}'\n", more)
    text = mark(make_grader(registry.eval("e.dev.v0")))
    assert text.startswith("{input.__class__} {x:>999999999} {completion.__class__}")


@pytest.fixture
def mark() -> Callable[..., str]:
    """What a judge is asked about a completion that is itself an attack."""
    from harness.records import Completion, Sample

    def question(grader: Any) -> str:
        sample = Sample("e.dev.0", ({"role": "user", "content": "?"},), metadata={"input": "?"})
        return str(grader.question(sample, Completion("{completion.__class__}"))[-1]["content"])

    return question


# --- hanging -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args",
    ["n: 1000000000000", "repeats: 1000000000000", "max_tokens: 1" + "0" * 5000, "top_p: 1e999"],
)
def test_a_number_that_nobody_means_is_refused(write: Write, args: str) -> None:
    registry = write(evals=match(f"samples_jsonl: s.jsonl, {args}"))
    with pytest.raises(RegistryError):
        registry.eval("e.dev.v0")


def test_a_judge_is_not_shown_a_billion_completions(write: Write) -> None:
    rubric = "  prompt: '{completion}'\n  output_template: '{output}'\n"
    assert "multicomp_n" in refused(judged(write, rubric, "    multicomp_n: 1000000000\n"))


def test_many_stars_match_in_no_time(write: Write) -> None:
    name = "a" * 200 + ".dev.v0"
    registry = write(
        evals=match("samples_jsonl: s.jsonl").replace("e.dev.v0", name),
        eval_sets=f"s:\n  evals: ['{'*a' * 60}*b', '{'a*' * 60}']\n",
    )
    hopeless, fitting = registry.eval_set("s").patterns
    assert registry.matching([fitting]) == [name]
    with pytest.raises(RegistryError, match="no eval matches"):
        registry.matching([hopeless])


BOUND_MB = 1500


def listed(registry: Path, command: str = "list") -> subprocess.CompletedProcess[str]:
    """The command line on a stranger's registry, with bounds on time and memory."""

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (BOUND_MB * 2**20, BOUND_MB * 2**20))

    arguments = {
        "list": ["list", "e.*"],
        "run": ["run", "e.*", "--model", "embedded:tiny-base", "--out", str(registry / "out")],
    }[command]
    return subprocess.run(
        [sys.executable, "-m", "harness", *arguments, "--registry", str(registry)],
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=bounded,
        check=False,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )


@pytest.mark.parametrize("target", ["fifo", "/dev/zero", "large"])
def test_a_registry_file_that_never_ends_is_refused(
    write: Write, tmp_path: Path, target: str
) -> None:
    registry = write(evals=match("samples_jsonl: s.jsonl"))
    trap = tmp_path / "registry" / "evals" / "trap.yaml"
    if target == "fifo":
        os.mkfifo(trap)
    elif target == "large":
        with trap.open("wb") as file:
            file.truncate(2**33)
    else:
        trap.symlink_to(target)
    with pytest.raises(RegistryError, match=r"trap\.yaml: "):
        registry.entries()


@pytest.mark.parametrize("target", ["fifo", "/dev/zero", "/dev/stdin"])
def test_data_that_never_end_are_no_data_file(write: Write, tmp_path: Path, target: str) -> None:
    registry = write(evals=match("samples_jsonl: trap.jsonl"))
    trap = tmp_path / "registry" / "data" / "trap.jsonl"
    if target == "fifo":
        os.mkfifo(trap)
    else:
        trap.symlink_to(target)
    assert "samples_jsonl" in refused(registry)
    refused(write(evals=match(f"samples_jsonl: '{target}'")))


def test_packed_data_that_grow_without_end_do_not_hang_the_list(
    write: Write, tmp_path: Path
) -> None:
    write(evals=match("samples_jsonl: bomb.jsonl.gz"))
    bomb = tmp_path / "registry" / "data" / "bomb.jsonl.gz"
    block = gzip.compress(b" " * 2**24, 9)
    bomb.write_bytes(block * 512)  # 8 GiB without a line break, in 8 MiB
    done = listed(tmp_path / "registry")
    assert done.returncode == 0, done.stderr
    assert "e.dev.v0" in done.stdout


def test_a_line_without_end_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.datasets.lines.LONGEST_LINE", 2**20)
    for name, data in (("a.jsonl", b" " * 2**21), ("a.jsonl.gz", gzip.compress(b"x" * 2**21))):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DatasetError, match=rf"{name}:1: longer than"):
            list(read_samples(tmp_path / name, "e.dev.v0"))


def test_a_list_without_end_is_refused_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.datasets.lines.LARGEST_LIST", 2**20)
    bomb = tmp_path / "a.json.gz"
    bomb.write_bytes(gzip.compress(b"[\n" + b'"xxxxxxxx",\n' * 2**18))
    with pytest.raises(DatasetError, match="a list of more than"):
        list(read_samples(bomb, "e.dev.v0"))


def test_what_a_stranger_writes_does_not_steer_the_terminal(write: Write, tmp_path: Path) -> None:
    write(
        evals='e.dev.v0:\n  id: "e.\\e]0;title\\a\\e[2J[red]gone[/red][link=http://x]y"\n'
        '  description: "\\e[31mred [bold]bold\\r\\b"\n'
        'e.dev.v1:\n  class: "\\e[2J:x"\n  description: "\\e[31m[bold]"\n'
    )
    done = listed(tmp_path / "registry")
    assert not {"\x1b", "\a", "\b"} & set(done.stdout + done.stderr)
    assert "Traceback" not in done.stderr


def test_every_refusal_is_an_error_of_ours(write: Write) -> None:
    registry = write(evals="e.dev.v0: {class: 3}\ne.dev.v1: {class: [x]}\ne.dev.v2: {args: 1}\n")
    for name in registry.names():
        with pytest.raises(HarnessError):
            registry.eval(name)
