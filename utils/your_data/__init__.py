"""Your own file: its parameters and columns, what is checked before training, and the report."""

from utils.your_data import artefacts
from utils.your_data.columns import file_row, locate, read_records
from utils.your_data.parameters import ParameterError, check_parameters, injected, parse
from utils.your_data.report import Code, Picture, Report, Rows
from utils.your_data.run import (
    BASE_ROWS,
    Progress,
    check_enough,
    choose_template,
    draw,
    how_to_ask,
    problems,
    spare_validation,
)

__all__ = [
    "BASE_ROWS",
    "Code",
    "ParameterError",
    "Picture",
    "Progress",
    "Report",
    "Rows",
    "artefacts",
    "check_enough",
    "check_parameters",
    "choose_template",
    "draw",
    "file_row",
    "how_to_ask",
    "injected",
    "locate",
    "parse",
    "problems",
    "read_records",
    "spare_validation",
]
