"""The error of everything that reads data: a `DataError` holds what is wrong, and what its reader can do about it.

The ways out name arguments of Python functions. Whoever faces the person words them: Python as calls (`str(error)`),
a job in its own parameters (`error.worded`). Nobody has to take a finished sentence apart for that.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Pass:
    """A way out: a value for an argument.

    Args:
        argument: its name in Python.
        value: what to pass, as it is written in Python, or described as in `<one of these>`.
        when: the condition under which this helps, such as "if the file has no header line".
        call: the call that it belongs to, if that is another than the one that failed: "read_table('a.csv', …)".
    """

    argument: str
    value: str
    when: str = ""
    call: str = ""

    def __str__(self) -> str:
        """The way out in Python.

        >>> str(Pass("sep", "'|'", call="read_table('a.csv', …)"))
        "pass read_table('a.csv', sep='|')"
        """
        said = f"{self.argument}={self.value}"
        return f"pass {self.call.replace('…', said) if self.call else said}"


class DataError(ValueError):
    """The data is not what it should be.

    Args:
        problem: what is wrong, with the value that is.
        ways: what mends it: a `Pass`, or words such as "repair the file".

    >>> print(DataError("no column 'body'", Pass("text", "<one of these>"), "rename it"))
    no column 'body': pass text=<one of these>; or rename it
    """

    def __init__(self, problem: str, *ways: Pass | str) -> None:
        super().__init__(problem, *ways)
        self.problem, self.ways = problem, ways

    def __str__(self) -> str:
        return self.worded(str)

    def worded(self, say: Callable[[Pass], str]) -> str:
        """The whole message, with the ways out as `say` puts them; one that it has no words for ("") is left out."""
        parts = []
        for way in self.ways:
            when = way.when if isinstance(way, Pass) else ""
            words = say(way) if isinstance(way, Pass) else way
            if not words:
                continue
            parts.append(f"{when}, {words}" if when else f"or {words}" if parts else words)
        return self.problem + (": " if parts else "") + "; ".join(parts)
