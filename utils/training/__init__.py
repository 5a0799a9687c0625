"""Fine-tuning with QLoRA: what is checked before, the trainer, and what a run leaves."""

from utils.training.checks import TrainingError
from utils.training.fine_tuning import fine_tune, fine_tune_on_text
from utils.training.result import History, Plan, TrainingResult
from utils.training.row_losses import row_losses
from utils.training.step_cost import StepCost, step_cost

__all__ = [
    "History",
    "Plan",
    "StepCost",
    "TrainingError",
    "TrainingResult",
    "fine_tune",
    "fine_tune_on_text",
    "row_losses",
    "step_cost",
]
