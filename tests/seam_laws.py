"""What must hold of every row at the seam, and texts, tokenizers' commands and templates to try it on."""

from hypothesis import strategies as st
from tokenizers_fixture import whole_text_ids

from utils.prompts import ALPACA, REVERSE_INSTRUCTION, PromptTemplate, encode, encode_prompts
from utils.records import Record

# touches the data on both sides, so that the marker itself may merge with it, as "letters", "colon" and "blank lines"
ARROW = PromptTemplate(name="arrow", text="{instruction}->", response_marker="->")
SPACED = PromptTemplate(name="spaced", text="{instruction}\n### Response: ", response_marker="### Response: ")
TEMPLATES = [
    ALPACA,
    REVERSE_INSTRUCTION,
    SPACED,
    PromptTemplate(name="bare", text="{instruction}\n### Response:", response_marker="### Response:"),
    ARROW,
    PromptTemplate(name="letters", text="{instruction}ab", response_marker="ab", completion="{output}\n"),
    PromptTemplate(name="colon", text="{instruction}A:", response_marker="A:", completion=" {output}"),
    PromptTemplate(name="blank lines", text="{instruction}=\n\n", response_marker="=\n\n"),
]


class Unchecked(PromptTemplate):
    """What people type without a template: notebook 05 asks in such a form."""

    def __post_init__(self):
        pass


BARE = Unchecked(name="bare user input", text="{instruction}\n\n{input}", response_marker="")

COMMANDS = ["</s>", "<s>", "<pad>", "<unk>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "[INST]"]
PIECES = [*COMMANDS, "### Response:", "### Response:\n", "\n", "\n\n", " ", "  ", "\t", "\r\n", "yes", "7", "e\u0301"]
PIECES += ["\u0301", "\u200d", "👩\u200d🚀", "日本", "\u2028", "\xa0", "{", "▁", "<", "/s>", "<0x0A>", "Ġ"]
PIECES += [
    "->",
    ">",
    "a",
    "bc",
    "=",
    "\n=",
    ": ",
    "ENDED",
    " STOP ",
    "<TOOL>",
    "[cmd]",
    " <Wide> ",
    "<|mixed|>",
    "İ",
    "ﬁ",
]
TEXT = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=6).map("".join)
RECORDS = st.lists(st.builds(Record, instruction=TEXT, input=TEXT, output=TEXT), min_size=1, max_size=4)


def forbidden_ids(tokenizer):
    """Every added token that has a spelling, but for UNK, which stands for rare letters."""
    added = {i for i, token in tokenizer.added_tokens_decoder.items() if token.content.strip()}
    return added - ({tokenizer.unk_token_id} - {tokenizer.eos_token_id, tokenizer.bos_token_id})


def check_laws(records, template, tokenizer):
    """Every law for every record; returns what `encode` gave."""
    encoded = encode(records, template, tokenizer, max_length=None)
    prompts = encode_prompts(records, template, tokenizer)
    whole = whole_text_ids(["".join(template.render(record)) for record in records], tokenizer)
    forbidden = forbidden_ids(tokenizer)
    (start,) = whole_text_ids(["a"], tokenizer)
    start = start[: len(start) - len(tokenizer("a", add_special_tokens=False)["input_ids"])]
    assert sorted([*encoded.kept, *(note.row - 1 for note in encoded.notes)]) == list(range(len(records)))
    for row, at in zip(encoded.rows, encoded.kept, strict=True):
        ids, labels, n = row["input_ids"], row["labels"], len(prompts[at])
        assert ids[:n] == prompts[at] and labels[:n] == [-100] * n
        assert labels[n:] == ids[n:] and ids[-1] == tokenizer.eos_token_id
        assert ids[: len(start)] == start and not forbidden & set(ids[len(start) : -1])
        assert len(ids) == encoded.lengths[at]
        if not forbidden & set(whole[at][len(start) :]):  # the tokenizer's own call does not always keep text as text
            assert ids[:-1] == whole[at]
    for note in encoded.notes:
        clean = not forbidden & set(whole[note.row - 1][len(start) :])
        assert note.stage == "seam"
        assert not clean or whole[note.row - 1][: len(prompts[note.row - 1])] != prompts[note.row - 1]
    return encoded
