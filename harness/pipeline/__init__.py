"""The story: evaluate, compare, diagnose, advise, report. Every command is told here."""

from harness.pipeline.comparing import compare_folders
from harness.pipeline.folder_report import report_of
from harness.pipeline.reporting import Written, write_reports
from harness.pipeline.study import (
    Finished,
    Order,
    comparison_study,
    panel_study,
    run_study,
    single_run,
)

__all__ = [
    "Finished",
    "Order",
    "Written",
    "compare_folders",
    "comparison_study",
    "panel_study",
    "report_of",
    "run_study",
    "single_run",
    "write_reports",
]
