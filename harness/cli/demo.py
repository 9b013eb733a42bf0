"""harness demo: the main job on the embedded model."""

from __future__ import annotations

from harness.cli import options


def demo(
    out: options.Out = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    plain: options.Plain = False,
    as_json: options.AsJson = False,
) -> None:
    """Tune a small model here for several epoch counts, evaluate it, and write the report.

    No key, no network: a real transformer of 164 thousand weights ships with the harness.
    It takes two or three minutes.

    [bold]Examples[/bold]

      harness demo

      harness demo --out reports/demo --overwrite
    """
    from harness.cli.running import carried_out
    from harness.cli.studyview import show
    from harness.cli.terminal import Output
    from harness.models.providers import Access
    from harness.pipeline import Order
    from harness.pipeline.folder.runfolder import run_folder

    options.refuse_both(resume=resume, overwrite=overwrite)
    known = options.registry(None)
    order = Order(
        study=known.study("demo"),
        out=run_folder(out, "demo"),
        command=options.command_line(),
        resume=resume,
        overwrite=overwrite,
    )
    output = Output(plain, as_json)
    show(carried_out(order, known, Access(), output), output)
