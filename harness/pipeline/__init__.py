"""The story: evaluate, compare, diagnose, advise, report. Every command is told here."""

from harness.pipeline.finished.folder_report import report_of
from harness.pipeline.orders.order import Order, comparison_study, panel_study, single_run
from harness.pipeline.reporting.documents import Written, write_reports
from harness.pipeline.study import Finished, run_study

__all__ = [
    "Finished",
    "Order",
    "Written",
    "comparison_study",
    "panel_study",
    "report_of",
    "run_study",
    "single_run",
    "write_reports",
]
