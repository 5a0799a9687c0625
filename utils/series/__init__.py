"""What only this series needs: its tasks and data, and what runs, cleans and describes its notebooks."""

from utils.series.running import NotebookFailed, find_notebooks, parameters_of, read_parameters, run_notebook
from utils.series.tasks import LABELS, Task, load_tasks

__all__ = [
    "LABELS",
    "NotebookFailed",
    "Task",
    "find_notebooks",
    "load_tasks",
    "parameters_of",
    "read_parameters",
    "run_notebook",
]
