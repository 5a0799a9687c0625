"""Your own file: its parameters and columns, its rows on their way, what comes of them, and how it is used."""

from utils.your_data import artefacts
from utils.your_data.account import Account, label_counts
from utils.your_data.asking import Asker, load_asker
from utils.your_data.asking_form import save_form
from utils.your_data.choices import CHOSEN, Choices, choose_labels
from utils.your_data.columns import locate, read_records
from utils.your_data.faults import faulty_rows, problems
from utils.your_data.fitting import Fitted, fit_rows
from utils.your_data.judgement import Judgement, judge
from utils.your_data.memory import memory_needed
from utils.your_data.page import Pictures, build_report, folder_readme, kept
from utils.your_data.parameters import ParameterError, check_parameters, injected, parse, read_settings
from utils.your_data.preparation import clean, divide, spare_validation, warnings_of
from utils.your_data.progress import DryRun, Progress
from utils.your_data.reading import draw, read_rows
from utils.your_data.report import Code, Picture, Report, Rows
from utils.your_data.results import listed, repeatable, write_results
from utils.your_data.templates import check_enough, choose_template
from utils.your_data.text_files import texts_in

BASE_ROWS = 48  # test rows that the base is asked about; it seldom stops by itself, so its answers take long

__all__ = [
    "Account",
    "Asker",
    "BASE_ROWS",
    "CHOSEN",
    "Choices",
    "Code",
    "DryRun",
    "Fitted",
    "Judgement",
    "ParameterError",
    "Picture",
    "Pictures",
    "Progress",
    "Report",
    "Rows",
    "artefacts",
    "build_report",
    "check_enough",
    "check_parameters",
    "choose_labels",
    "choose_template",
    "clean",
    "divide",
    "draw",
    "faulty_rows",
    "fit_rows",
    "folder_readme",
    "injected",
    "judge",
    "kept",
    "label_counts",
    "listed",
    "load_asker",
    "locate",
    "memory_needed",
    "parse",
    "problems",
    "read_records",
    "read_rows",
    "read_settings",
    "repeatable",
    "save_form",
    "spare_validation",
    "texts_in",
    "warnings_of",
    "write_results",
]
