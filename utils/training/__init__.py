"""Fine-tuning with QLoRA: what is checked before, the trainer, and what a run leaves behind."""

from utils.training.checks import TrainingError
from utils.training.fine_tuning import fine_tune, fine_tune_on_text
from utils.training.result import History, Plan, TrainingResult

__all__ = [
    "History",
    "Plan",
    "TrainingError",
    "TrainingResult",
    "fine_tune",
    "fine_tune_on_text",
]
