"""Parameters of a notebook: lists and mappings written as text, and a check of names, types and ranges before it runs.

papermill passes text and numbers, and only logs a name that the notebook does not know. What this module does not do:
run a notebook (`utils.job` does).
"""

import ast
from collections.abc import Mapping
from difflib import get_close_matches
from math import inf, isfinite
from typing import Any

RANGES = {  # the smallest and the largest value that make sense
    "limit": (0, inf), "test_fraction": (0.01, 0.9), "test_rows": (0, inf), "max_length": (16, inf),
    "epochs": (0.01, 10_000), "learning_rate": (1e-9, 1), "batch_size": (1, inf), "micro_batch_size": (0, inf),
    "rank": (1, inf), "price_per_hour": (0, inf), "seed": (0, 2**32 - 1),
}  # fmt: skip
CHOICES = {"on_errors": ("stop", "drop", "keep"), "loss_mean": ("token", "row")}
# A number for any other text is a column's position, or a label. For these it is what papermill made of the text.
ONLY_TEXT = ("data_path", "test_path", "task", "encoding", "instruction", "template", "on_errors", "model_name",
             "loss_mean", "output_dir", "new_text")  # fmt: skip


class ParameterError(ValueError):
    """A parameter that the notebook does not have, or a value that it cannot use; the message says which."""


def check_parameters(values: Mapping[str, Any], types: Mapping[str, type]) -> None:
    """Check names, types and ranges, and that micro_batch_size divides batch_size if both are given.

    Args:
        values: the parameters that are given; more than those of the notebook is an error.
        types: `__annotations__` of the parameters cell. An int may stand for a float; and for text a number, a list or
            a dict, since a column may be a position, and labels a list.

    Raises:
        ParameterError: the first fault found.

    >>> check_parameters({"epochs": 2}, {"epochs": float})
    """
    for name, value in values.items():
        if name not in types:
            near = get_close_matches(name, types, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(types)}"
            raise ParameterError(f"there is no parameter {name!r}: {hint}")
        allowed = {float: (float, int), str: (str, int, list, dict)}.get(types[name], (types[name],))
        if not isinstance(value, allowed) or (isinstance(value, bool) and types[name] is not bool):
            raise ParameterError(f"{name} is {value!r}, not of type {types[name].__name__}")
        _check_text(name, value)
        low, high = RANGES.get(name, (None, None))
        if isinstance(value, float) and not isfinite(value):
            raise ParameterError(f"{name} is {value}: give a finite number")
        if low is not None and not low <= value <= high:
            bounds = f"has to be {low} or more" if high == inf else f"has to lie between {low} and {high}"
            raise ParameterError(f"{name} is {value}: it {bounds}")
    batch, micro = values.get("batch_size"), values.get("micro_batch_size")
    if batch and micro and batch % micro:
        raise ParameterError(f"micro_batch_size is {micro}: it has to divide batch_size, which is {batch}")


def _check_text(name: str, value: Any) -> None:
    """Refuse what no file name and no notebook can hold, and text that has become a number on its way."""
    if name in ONLY_TEXT and not isinstance(value, str):
        way = f"papermill turns text that looks like a number into one; pass it with -r {name} … or in quotes"
        raise ParameterError(f"{name} is {value!r}, which is not text: {way}")
    if not isinstance(value, str):
        return
    if "\0" in value:
        raise ParameterError(f"{name} is {value!r}: it holds a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ParameterError(f"{name} is {value!r}, whose bytes are not UTF-8: rename the file, or copy it") from None
    if value not in (choices := CHOICES.get(name, (value,))):
        raise ParameterError(f"{name} is {value!r}: use one of {', '.join(choices)}")
    if name == "output_dir" and not value.strip():
        raise ParameterError("output_dir is empty: name a folder, such as outputs/mine")


def read_settings(values: Mapping[str, Any], types: Mapping[str, type]) -> dict[str, Any]:
    """The parameters of a notebook as a dictionary, checked; with what papermill has injected, if it has.

    Args:
        values: `globals()` of the notebook.
        types: its `__annotations__`, of the parameters cell.

    Raises:
        ParameterError: a name that the cell does not have, or a value that cannot be used.
    """
    check_parameters(injected(values.get("In", [])), types)
    settings = {name: values[name] for name in types}
    check_parameters(settings, types)
    return settings


def injected(history: list[str]) -> dict[str, Any]:
    """What papermill has put after the parameters cell; `history` is IPython's `In`. By hand there is nothing.

    >>> injected(["x: int = 1", "# Parameters\\nx = 2\\n"])
    {'x': 2}
    """
    cells = [ast.parse(cell) for cell in history if cell.startswith("# Parameters\n")]
    pairs = [(line.targets[0].id, line.value) for cell in cells for line in cell.body if isinstance(line, ast.Assign)]
    return {name: _value(node) for name, node in pairs}


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Call):  # float('inf') and float('nan'), which have no literal
        return float(ast.literal_eval(node.args[0]))
    return ast.literal_eval(node)


def parse(text: str, kind: type) -> Any:
    """The value that a word of the command line writes for a parameter of type `kind`; text it is if it cannot be read.

    >>> parse("2e-4", float), parse("7", str), parse("true", bool)
    (0.0002, '7', True)
    """
    if kind is str:
        return text
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    try:
        return kind(text)
    except ValueError:
        return text


def as_list(value: Any) -> list:
    """A list as it is; text as the list that it writes: "a, b", or in brackets where a value holds a comma.

    Raises:
        ParameterError: brackets that do not hold a list.

    >>> as_list("ham, spam"), as_list('["one, two"]'), as_list("")
    (['ham', 'spam'], ['one, two'], [])
    """
    if not isinstance(value, str):
        return list(value) if isinstance(value, list | tuple) else [value]
    if value.startswith("["):
        return _literal(value, list)
    return [part.strip() for part in value.split(",") if part.strip()]


def as_mapping(value: Any) -> dict[str, str]:
    """A mapping as it is; text as the mapping that it writes: "1: World, 2: Sports", or a Python dict.

    Raises:
        ParameterError: text of another form.

    >>> as_mapping("1: World, 2: Sports")
    {'1': 'World', '2': 'Sports'}
    """
    if isinstance(value, Mapping):
        return dict(value)
    if str(value).startswith("{"):
        return _literal(value, dict)
    parts = [str(part).partition(":") for part in as_list(value)]
    if wrong := [name for name, colon, _ in parts if not colon]:
        raise ParameterError(f"{value!r} has no colon after {wrong[0]!r}: write pairs, such as 1: World, 2: Sports")
    return {name.strip(): label.strip() for name, _, label in parts}


def _literal(text: str, kind: type) -> Any:
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        found = None
    if not isinstance(found, kind):
        raise ParameterError(f"{text!r} is not a {kind.__name__}: write it as in Python, or without the brackets")
    return found
