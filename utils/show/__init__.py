"""What a reader looks at: prompts side by side, the loss mask token by token, and the plots."""

from utils.show.loss_mask import loss_mask
from utils.show.plots import COLOURS, bar_with_intervals, length_histogram, looks, loss_curves
from utils.show.side_by_side import side_by_side
from utils.show.view import View

__all__ = [
    "COLOURS", "View", "bar_with_intervals", "length_histogram", "looks", "loss_curves", "loss_mask", "side_by_side",
]  # fmt: skip
