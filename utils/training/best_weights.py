"""The weights with the lowest held-out loss are the result of a run, not those of its last step.

They are written beside the checkpoints, so a run that is killed and resumed ends with the same weights.
"""

import os
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import Trainer, TrainerCallback

from utils.training.checks import BEST


class KeepBest(TrainerCallback):
    """Writes the adapter's weights whenever the held-out loss is the lowest so far, and puts them back at the end."""

    def on_evaluate(self, args, state, control, model=None, **kwargs) -> None:
        found = [entry for entry in state.log_history if "eval_loss" in entry and entry["step"] > 0]
        if found and found[-1]["eval_loss"] == min(entry["eval_loss"] for entry in found) and args.should_save:
            tensors = {name: p.detach().cpu().clone() for name, p in model.named_parameters() if p.requires_grad}
            partial = Path(args.output_dir, f"{BEST}.partial")
            save_file(tensors, partial, metadata={"step": str(state.global_step)})
            os.replace(partial, Path(args.output_dir, BEST))

    @staticmethod
    def restore(trainer: Trainer) -> int:
        """Give the trainer's model its best weights; the step that they are from."""
        trainer.accelerator.wait_for_everyone()
        path = Path(trainer.args.output_dir, BEST)
        if not path.is_file():
            return trainer.state.global_step
        with safe_open(path, "pt") as file:
            step = int(file.metadata()["step"])
        if step != trainer.state.global_step:
            best = load_file(path)
            for name, parameter in trainer.accelerator.unwrap_model(trainer.model).named_parameters():
                if name in best:
                    parameter.data.copy_(best[name])
        return step
