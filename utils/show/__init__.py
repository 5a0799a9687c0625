"""What a reader looks at: prompts side by side, the loss mask token by token, answers in tables, and the plots."""

from utils.show.loss_mask import loss_mask
from utils.show.plots import (
    COLOURS,
    bar_with_intervals,
    heat_map,
    length_histogram,
    looks,
    loss_curves,
    reliability_diagram,
)
from utils.show.side_by_side import side_by_side
from utils.show.tables import answers_table
from utils.show.view import View

__all__ = [
    "COLOURS",
    "View",
    "answers_table",
    "bar_with_intervals",
    "heat_map",
    "length_histogram",
    "looks",
    "loss_curves",
    "loss_mask",
    "reliability_diagram",
    "side_by_side",
]
