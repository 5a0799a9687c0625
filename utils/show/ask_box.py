"""A text box in a notebook: the reader writes a text, presses a button, and sees what the model answers."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Union

from utils.notebook import has_front_end
from utils.show.tables import answers_table
from utils.show.view import View

if TYPE_CHECKING:
    from ipywidgets import VBox

WIDE = {"width": "100%"}


def ask_box(ask: Callable[[str, str], str], examples: Mapping[str, str]) -> Union["VBox", View]:
    """Ask a model from a text box. Where nobody looks on (papermill, a script), a table of its answers to `examples`.

    Args:
        ask: answers a text in one of the ways below, as in `ask("label it", "The room was cold.")`.
        examples: the ways of asking, each with a text to begin with. Choosing another way brings its text, unless the
            reader has written one.
    """
    if not has_front_end():
        rows = [{"asked to": way, "text": text, "answer": ask(way, text)} for way, text in examples.items()]
        return answers_table(rows)
    import ipywidgets as widgets

    first, *_ = examples
    named = {"style": {"description_width": "initial"}}
    way = widgets.Dropdown(options=list(examples), value=first, description="Ask the model to", layout=WIDE, **named)
    text = widgets.Textarea(value=examples[first], description="Text", rows=5, layout=WIDE, **named)
    button = widgets.Button(description="Ask", button_style="primary")
    answer = widgets.HTML(layout=WIDE)

    def bring_example(change: Mapping) -> None:
        answer.value = ""
        if text.value in {"", *examples.values()}:
            text.value = examples[change["new"]]

    def show_answer(_: widgets.Button) -> None:
        button.disabled, button.description = True, "The model writes …"
        try:
            said = ask(way.value, text.value)
        except Exception as error:  # one that leaves a button's function is shown nowhere
            said = f"{type(error).__name__}: {error}"
        button.disabled, button.description = False, "Ask"
        answer.value = answers_table([{"text": text.value, "answer": said}]).html

    way.observe(bring_example, names="value")
    button.on_click(show_answer)
    return widgets.VBox([way, text, button, answer])
