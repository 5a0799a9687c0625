"""How a record becomes text: a template renders it to a prompt and a completion, and the seam lies between the two.

Training text is `prompt + completion + EOS`; inference text is `prompt`, made by the same call. A template is data
(a few strings), so it fits into a small JSON file and can travel with an adapter.
BOS and EOS are added by `encoding`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from string import Formatter
from typing import TYPE_CHECKING, Any

from utils.records import exchanges

if TYPE_CHECKING:
    from utils.records import Record

FIELDS = ("instruction", "input", "output")


@dataclass(frozen=True, kw_only=True)
class PromptTemplate:
    """A text with `{instruction}`, `{input}` or `{output}` in it, and the completion that is to follow it.

    Attributes:
        name: what error messages and saved files call it.
        text: the prompt as a format string. It ends in `response_marker`.
        text_without_input: the same for a record whose input is the empty string. Needed if `text` uses `{input}`:
            a header with nothing under it is a form of its own that the model would have to learn.
        completion: what follows the seam, with the one field that the model is to write.
        response_marker: the words that close every prompt. They are the prompt's: the model never writes them.

    A brace that is only a brace is doubled (`{{`), as in any format string. Values are put in once and not read as
    templates, so braces, backslashes and markers in the data pass through unchanged. An input of one space is an
    input, as in the code that this format comes from; the linter reports inputs that are only blank.

    Raises:
        ValueError: an unknown field; a prompt that does not end in its marker, shows the answer, or shows nothing; a
            completion that is not one field, or holds the marker; two texts where one is enough, or one for two.

    >>> from utils.records import Record
    >>> ask = PromptTemplate(name="ask", text="Q: {instruction}\\nA:\\n", response_marker="A:\\n")
    >>> ask.render(Record(instruction="What is 2 + 2?", output="4"))
    ('Q: What is 2 + 2?\\nA:\\n', '4')
    """

    name: str
    text: str
    text_without_input: str | None = None
    completion: str = "{output}"
    response_marker: str = "### Response:\n"

    def __post_init__(self) -> None:
        for key, value in asdict(self).items():
            if not isinstance(value, str) and not (key == "text_without_input" and value is None):
                raise self._error(f"{key} is {value!r}, but has to be a string")
        if not self.response_marker.strip():
            raise self._error(f"response_marker is {self.response_marker!r}: give the words that open the answer")
        answer, times = self.fields_of(self.completion), len(self._parse(self.completion))
        if times != 1:
            raise self._error(f"completion {self.completion!r} uses {times} fields: use one of {FIELDS}, and once")
        if self.response_marker in self.completion:
            raise self._error(f"completion {self.completion!r} holds the response marker, which the prompt ends in")
        self._check_prompt("text", self.text, answer[0])
        if self.text_without_input is not None:
            if "input" not in self.fields_of(self.text):
                raise self._error("text_without_input is given, but text shows no {input}: one text is enough")
            self._check_prompt("text_without_input", self.text_without_input, answer[0])
            if "input" in self.fields_of(self.text_without_input):
                raise self._error("text_without_input uses {input}, which is empty there: leave it and its header out")
        elif "input" in self.fields_of(self.text):
            raise self._error("text uses {input}: say in text_without_input how a record without one looks")

    def _check_prompt(self, key: str, text: str, answer: str) -> None:
        used = self.fields_of(text)
        if answer in used:
            raise self._error(
                f"{key} renders the completion {{{answer}}} before the prompt ends: take it out, or the model reads "
                "the answer that it is to write"
            )
        if not used:
            raise self._error(f"{key} shows nothing of the record: use one or two of {FIELDS}")
        if not text.endswith(self.response_marker.replace("{", "{{").replace("}", "}}")):
            raise self._error(
                f"{key} has no response marker at its end: it ends in {text[-24:]!r}, not in "
                f"{self.response_marker!r}; put that last, or name yours as response_marker"
            )

    def _error(self, problem: str) -> ValueError:
        return ValueError(f"template {self.name!r}: {problem}")

    def fields_of(self, text: str) -> list[str]:
        """The fields that a format string uses, each once and in the order of FIELDS."""
        return [name for name in FIELDS if name in self._parse(text)]

    def _parse(self, text: str) -> list[str]:
        """The names of the fields as they stand in a format string."""
        try:
            parts = [part[1:] for part in Formatter().parse(text) if part[1] is not None]
        except ValueError as error:
            raise self._error(f"{text!r} is not a format string ({error}): double a brace that is plain text") from None
        for name, spec, conversion in parts:
            if name not in FIELDS or spec or conversion:
                shown = name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
                raise self._error(f"unknown field {{{shown}}}: use {{instruction}}, {{input}} or {{output}} alone")
        return [name for name, _, _ in parts]

    def render(self, record: "Record") -> tuple[str, str]:
        """Return `(prompt, completion)`: training reads both, inference the prompt alone.

        Of a conversation the prompt is all exchanges before the last answer, each followed by an empty line, where
        `encode` puts EOS: no text can hold that.

        Raises:
            ValueError: a field of the record is not text (None, or NaN from an empty cell of a table).
        """
        if getattr(record, "history", ()):
            *before, (prompt, completion) = [self.render(one) for one, _ in exchanges(record)]
            return "".join(f"{asked}{answer}\n\n" for asked, answer in before) + prompt, completion
        values = {name: getattr(record, name) for name in FIELDS}
        for name, value in values.items():
            if not isinstance(value, str):
                raise ValueError(f"the record's {name} is {value!r}, which is not text: write '' for an empty one")
        return self.text_for(record.input).format_map(values), self.completion.format_map(values)

    def prompt(self, record: "Record") -> str:
        """The prompt alone, for inference: what `render` gives, so that it cannot differ from training."""
        return self.render(record)[0]

    def text_for(self, given_input: str) -> str:
        """The text that a record with this input is rendered with."""
        return self.text if given_input or self.text_without_input is None else self.text_without_input

    @property
    def data_field(self) -> str | None:
        """The field with the data to work on: `input` in Alpaca, `output` turned round. No other one may be cut."""
        return next((name for name in ("input", "output") if name in self.fields_of(self.text)), None)

    def messages(self, record: "Record") -> list[dict[str, str]]:
        """The record as a chat: system = instruction and user = input, or user alone; then the assistant's answer.

        Of a conversation all exchanges, the system's words before the first of them.
        """
        if getattr(record, "history", ()):
            return [message for one, _ in exchanges(record) for message in self.messages(one)]
        shown = self.fields_of(self.text_for(record.input))
        roles = ("system", "user")[-len(shown) :]
        chat = [{"role": role, "content": getattr(record, name)} for role, name in zip(roles, shown, strict=True)]
        return [*chat, {"role": "assistant", "content": getattr(record, self.fields_of(self.completion)[0])}]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for `json.dump`; `from_dict` is the way back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "PromptTemplate":
        """Build a template from what `to_dict` gave, or from a JSON file of your own.

        Raises:
            ValueError: a key that no template has, a missing one, or content that makes no template or no object.
        """
        known = [field.name for field in fields(cls)]
        if not isinstance(data, Mapping):
            raise ValueError(f"a template is an object with the keys {known}, not {data!r}")
        if unknown := sorted(set(data) - set(known)):
            raise ValueError(f"template {data.get('name')!r}: unknown field {unknown}; the fields are {known}")
        if missing := [key for key in ("name", "text") if key not in data]:
            raise ValueError(f"template {data.get('name')!r} lacks {missing}: give at least a name and a text")
        return cls(**data)


_ALPACA_OPENING = "Below is an instruction that describes a task"
_ALPACA_REQUEST = "Write a response that appropriately completes the request.\n\n### Instruction:\n{instruction}\n\n"

ALPACA = PromptTemplate(
    name="alpaca",
    text=f"{_ALPACA_OPENING}, paired with an input that provides further context. {_ALPACA_REQUEST}"
    "### Input:\n{input}\n\n### Response:\n",
    text_without_input=f"{_ALPACA_OPENING}. {_ALPACA_REQUEST}### Response:\n",
)

# The way back: shows the output of a record, and the model writes the instruction that could have produced it.
REVERSE_INSTRUCTION = PromptTemplate(
    name="reverse_instruction",
    text="### Instruction:\nUse the Input below to create an instruction, which could have been used to generate the "
    "input using an LLM.\n\n### Input:\n{output}\n\n### Response:\n",
    completion="{instruction}",
)
