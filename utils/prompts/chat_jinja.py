"""A prompt template as Jinja, the language of chat templates: turn after turn, and any other shape of chat refused."""

from string import Formatter

from utils.prompts.templates import PromptTemplate


def chat_jinja(template: PromptTemplate, *, start: str = "bos_token", between: str | None = "''") -> str:
    """The template as Jinja, for `tokenizer.chat_template`; `{% generation %}` holds an answer and EOS.

    A conversation is rendered turn after turn, as `encode` has it. A chat of any other shape than `messages` makes
    is refused, since the model has learned no other.

    Args:
        start: what opens the text; it may read `prompt`. `chat_setting` finds out what a tokenizer needs.
        between: what stands before each later prompt; None refuses a chat of more than one exchange.
    """
    alone = _expression(template, template.text_for(""), "message.content")
    pair = _expression(template, template.text, "messages[0].content", "message.content")
    two = pair != alone
    rest = "(messages[1:] if messages[0].role == 'system' else messages)" if two else "messages"
    prompt = f"({pair}) if loop.first and chat|length < messages|length else ({alone})" if two else alone
    wanted = ("[system = instruction,] user" if two else "user") + ", then the assistant"
    refuse = "{{- raise_exception(" + _literal(
        f"{template.name} takes {wanted}" + (", in turn" * (between is not None))
    )
    return "\n".join(
        [
            "{%- set chat = " + rest + " %}",
            "{%- if not chat" + (" or chat|length > 2" if between is None else "") + " %}" + refuse + ") }}",
            "{%- endif %}",
            "{%- for message in chat %}",
            "{%- if message.role != ('user' if loop.index0 % 2 == 0 else 'assistant') %}" + refuse + ") }}",
            "{%- endif %}",
            "{%- if message.role == 'user' %}",
            "{%- set prompt = " + prompt + " %}",
            "{{- ((" + start + ") if loop.first else (" + (between or "''") + ")) ~ prompt }}",
            "{%- else %}{% generation %}{{ " + _expression(template, template.completion, "message.content") + " }}",
            "{{- eos_token }}{% endgeneration %}{% endif %}",
            "{%- endfor %}",
        ]
    )


def _expression(template: PromptTemplate, text: str, *values: str) -> str:
    """A format string as one Jinja expression; the last of `values` stands for the last of its fields."""
    shown = template.fields_of(text)
    names = dict(zip(shown, values[-len(shown) :], strict=True))
    parts = [(_literal(literal), names.get(name)) for literal, name, _, _ in Formatter().parse(text)]
    return " ~ ".join(part for pair in parts for part in pair if part and part != "''")


def _literal(text: str) -> str:
    """A string literal of Jinja, which reads Python's escapes; no newline or quote of `text` stands in it as such."""
    return "'" + text.encode("unicode_escape").decode("ascii").replace("'", "\\'") + "'"
