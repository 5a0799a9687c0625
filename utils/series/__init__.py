"""What only this series needs: its tasks and data, and what runs, cleans and describes its notebooks."""

from utils.series.accuracies import accuracy_row, recorded_accuracies
from utils.series.adapter import trained_adapter
from utils.series.exercises import check_answer
from utils.series.mixture_record import mixture_rows
from utils.series.running import NotebookFailed, find_notebooks, parameters_of, read_parameters, run_notebook
from utils.series.settings_record import settings_rows
from utils.series.shown_answers import shown_answers
from utils.series.tasks import LABELS, Task, load_tasks

__all__ = [
    "LABELS",
    "NotebookFailed",
    "Task",
    "accuracy_row",
    "check_answer",
    "find_notebooks",
    "load_tasks",
    "mixture_rows",
    "parameters_of",
    "read_parameters",
    "recorded_accuracies",
    "run_notebook",
    "settings_rows",
    "shown_answers",
    "trained_adapter",
]
