"""What other packages say of trainer states and chats; run in an environment that holds them.

``python benchmarks/peers/curve_verdicts.py FOLDER CHATS.jsonl`` reads every run below a folder
(``CASE/NUMBER/``) and prints one JSON object: for each package that can be imported, by run,
its verdict ("over", "longer", "quiet", "refused") and the checkpoint that it recommends; under
"chats" what it says of a training file ("fails", "passes", null where it reads none).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Verdict = tuple[str, str | None]


def main() -> None:
    """Judge every run with every package."""
    places = sorted(path for path in Path(sys.argv[1]).glob("*/*") if path.is_dir())
    found: dict[str, Any] = {}
    for name, (judge, judge_chats) in PEERS.items():
        try:
            __import__(name)
        except ImportError:
            continue
        runs = {f"{path.parent.name}/{path.name}": guarded(judge, path) for path in places}
        found[name] = {"runs": runs, "chats": judge_chats(Path(sys.argv[2]))}
    print(json.dumps(found))


def guarded(judge: Callable[[Path], Verdict], path: Path) -> Verdict:
    """A verdict, or that there was none."""
    try:
        return judge(path)
    except Exception as error:  # noqa: BLE001 - foreign code; any failure is its verdict
        return f"refused: {type(error).__name__}", None


def by_ftdoctor(path: Path) -> Verdict:
    """Any finding that the run ended worse than it was counts."""
    from ftdoctor import diagnose, load

    result = diagnose(load(str(path)))
    kept = result.pick.keep_step if result.pick else None
    said = any(finding.check == "overfitting" for finding in result.findings)
    return "over" if said else "quiet", f"checkpoint-{kept}" if kept is not None else None


def by_trainproof(path: Path) -> Verdict:
    """It reads one state file and recommends no checkpoint."""
    from trainproof.epoch import check_epoch

    file = max(path.glob("checkpoint-*/trainer_state.json"), key=lambda one: len(one.read_text()))
    report = check_epoch(file, fmt="hf")
    said = any(finding["id"] == "TP-OVERFIT" for finding in report["findings"])
    return "over" if said else "quiet", None


def chats_by_trainproof(path: Path) -> str:
    """Its preflight of a training file."""
    from trainproof.preflight import check_empty_rows, load_jsonl

    records, _ = load_jsonl(path)
    return "fails" if check_empty_rows(records, None) else "passes"


PEERS: dict[str, tuple[Callable[[Path], Verdict], Callable[[Path], str | None]]] = {
    "ftdoctor": (by_ftdoctor, lambda path: None),
    "trainproof": (by_trainproof, chats_by_trainproof),
}

if __name__ == "__main__":
    main()
