"""What a reader looks at: prompts side by side, the loss mask token by token, answers in tables, and the plots."""

from utils.show.ask_box import ask_box
from utils.show.canvas import COLOURS, looks
from utils.show.loss_mask import loss_mask
from utils.show.plots import length_histogram, loss_curves, memory_chart, reliability_diagram
from utils.show.score_plots import bar_with_intervals, dots_with_intervals, heat_map
from utils.show.side_by_side import side_by_side
from utils.show.tables import aligned_table, answers_table
from utils.show.view import View

__all__ = [
    "COLOURS",
    "View",
    "aligned_table",
    "answers_table",
    "ask_box",
    "bar_with_intervals",
    "dots_with_intervals",
    "heat_map",
    "length_histogram",
    "looks",
    "loss_curves",
    "loss_mask",
    "memory_chart",
    "reliability_diagram",
    "side_by_side",
]
