"""The command line: one file a command, which parses, calls the pipeline, prints and exits.

A command's module is imported when the command is used, so that help costs next to nothing.
"""

from __future__ import annotations

import atexit
import gc
import sys
from importlib import import_module
from keyword import iskeyword
from typing import Any

import typer
import typer.core
import typer.main

from harness.errors import HarnessError, UsageError, did_you_mean

COMMANDS: dict[str, str] = {
    "demo": "The main job on the embedded model: no key, no network.",
    "study": "Run a declared study: tune or read checkpoints, evaluate, judge, report.",
    "loop": "Tune, evaluate and tune again as advised, until there is nothing to change.",
    "run": "Evaluate one model on registered evals.",
    "compare": "Compare models, or earlier runs, sample by sample.",
    "diversity": "Say how varied the texts of any file are, alone or against another.",
    "advise": "Diagnose a run and say how many epochs to train next.",
    "gate": "Say by a policy whether a tuned model may be deployed: pass, fail or inconclusive.",
    "plan": "Say how many samples and repeats a comparison needs.",
    "breakeven": "Say after how many calls tuning pays, or why it never does.",
    "lint": "Look training data over before training: faults, leaks, tokens, cost.",
    "split": "Make a held-out set out of a training file.",
    "finetune": "Start and follow a fine-tuning job.",
    "serve": "Serve the embedded model as an OpenAI-compatible API.",
    "batches": "Show the batches of a run that are under way, or cancel them.",
    "oaieval": "Run an eval as OpenAI evals does, flag for flag.",
    "oaievalset": "Run an eval set as OpenAI evals does.",
    "list": "List the registered evals, eval sets and studies.",
    "show": "Show one eval, eval set or study.",
    "cache": "Say what answers are kept across runs, or forget them.",
    "view": "Look at all runs in the browser: compare them, read samples, review verdicts.",
    "agreement": "Say how well people, graders and judges agree.",
    "collect": "Take what is still wrong into a file for the next training set.",
    "report": "Write the reports of a run folder anew.",
    "export": "Write a run's samples and metrics as tables, or tell W&B or MLflow of it.",
    "regrade": "Mark a run's answers anew, without asking anybody.",
    "import": "Take over what other tools wrote: Inspect, lm-eval, promptfoo, hosted Evals.",
}
"""Command name -> one line for the overview; the module of the same name holds the rest.

A name that is a word of Python's own has an underscore behind it as a module.
"""

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130


class Command(typer.core.TyperCommand):
    """A command whose help joins paragraphs and shows every option whole."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        from harness.cli.helptext import print_help

        print_help(self, ctx)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """What the usage line names: arguments without the braces that typer draws around them."""
        return [_usage_piece(piece) for piece in super().collect_usage_pieces(ctx)]


def _usage_piece(piece: str) -> str:
    """An argument as usage lines name it: '{X}' is 'X', and '[[X...]]...' is '[X...]'."""
    name = piece.removesuffix("...").strip("[]{}")
    if piece == "[OPTIONS]" or name == piece:
        return piece
    many = "..." if piece.endswith("...") and not name.endswith("...") else ""
    return f"[{name}{many}]" if piece.startswith("[") else f"{name}{many}"


class LazyGroup(typer.core.TyperGroup):
    """A group that imports a command only when it is called."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        from harness.cli.helptext import print_help

        print_help(self, ctx)

    def list_commands(self, ctx: Any) -> list[str]:
        """All commands, in the order of the table."""
        return [*COMMANDS]  # list is a module of this package once it was used

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A stand-in that carries the one-line help."""
        if cmd_name not in COMMANDS:
            return None
        return typer.core.TyperCommand(cmd_name, help=COMMANDS[cmd_name], callback=lambda: None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The real command, imported now.

        Raises:
            UsageError: there is none of this name.
        """
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            near = did_you_mean(args[0], COMMANDS) or "; harness --help lists them"
            raise UsageError(f"no command '{args[0]}'{near}")
        name, found, rest = super().resolve_command(ctx, args)
        return name, loaded(name) if found is not None and name else found, rest


def loaded(name: str) -> Any:
    """Import a command's module and build its command."""
    module = import_module(f"harness.cli.{name}{'_' if iskeyword(name) else ''}")
    function = getattr(module, name, None) or getattr(module, f"{name}_")
    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    app.command(name, cls=Command, context_settings={"help_option_names": ["-h", "--help"]})(
        function
    )
    return typer.main.get_command(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        from harness import __version__

        print(f"harness {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def overview(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Did fine-tuning help, which checkpoint should you use, and how many epochs next?

    Start with [bold]harness demo[/bold]; then [bold]harness COMMAND --help[/bold] shows examples.
    """


def main() -> None:
    """Run the command line; an error that the user can repair is one line and exit code 2."""
    # Importing makes some 100,000 objects and no garbage: without collections it is a tenth faster.
    gc.set_threshold(150_000)
    # At the exit all objects would be looked through again, for a fifth of a short command's time.
    atexit.register(gc.freeze)
    try:
        app()
    except HarnessError as error:
        print(f"harness: {one_line(str(error))}", file=sys.stderr)
        sys.exit(EXIT_ERROR)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def one_line(text: str) -> str:
    """A message without control characters: it may quote files and servers of strangers."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())
