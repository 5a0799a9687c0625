"""The laws of the seam: with the bundled tokenizer, with real ones, and with small ones made like those of others.

The reference is always the tokenizer's own call on the whole text, a path that `utils.tokens` does not take.
"""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, ByT5Tokenizer, LlamaTokenizer, PreTrainedTokenizerFast

from utils.display import loss_mask
from utils.notebook import project_root
from utils.records import Record
from utils.templates import ALPACA, REVERSE_INSTRUCTION, PromptTemplate
from utils.tokens import encode, encode_prompts, length_audit, set_chat_template

DATA = project_root() / "data"
BARE = PromptTemplate(name="bare", text="{instruction}\n### Response:", response_marker="### Response:")
SPACED = PromptTemplate(name="spaced", text="{instruction}\n### Response: ", response_marker="### Response: ")
TEMPLATES = [ALPACA, REVERSE_INSTRUCTION, BARE, SPACED]

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
COMMANDS = ["</s>", "<s>", "<pad>", "<unk>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "[INST]"]
PIECES = [*COMMANDS, "### Response:", "### Response:\n", "\n", "\n\n", " ", "  ", "\t", "\r\n", "yes", "7", "e\u0301"]
PIECES += ["\u0301", "\u200d", "👩\u200d🚀", "日本", "\u2028", "\xa0", "{", "▁", "<", "/s>", "<0x0A>", "Ġ"]
TEXT = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=6).map("".join)
RECORDS = st.lists(st.builds(Record, instruction=TEXT, input=TEXT, output=TEXT), min_size=1, max_size=4)


def trained(pattern, specials, *, normalizer=None):
    """A small byte-level BPE in the manner of a family of models, trained on the project's own letters."""
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=1200,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    letters = (DATA / "documents_test.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in letters]
    # newlines behind a colon, as in every template, so that the merges that matter are learned
    texts = [f"### Response:\n{row['instruction']}\n\n### Response:\n\n {row['document']}  \n" for row in rows]
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def like_gpt2():
    # one token for everything, a BOS that is never added
    end = "<|endoftext|>"
    return PreTrainedTokenizerFast(tokenizer_object=trained(GPT2, [end]), bos_token=end, eos_token=end, unk_token=end)


def like_neox():
    # NFC, and runs of spaces as added tokens that are ordinary text
    core = trained(GPT2, ["<|endoftext|>", "<|padding|>"], normalizer=normalizers.NFC())
    core.add_tokens([AddedToken(" " * n, normalized=True) for n in (4, 3, 2)])
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|endoftext|>", pad_token="<|padding|>")


def like_llama3():
    # ":\n" is one token; many special tokens; BOS by the post-processor
    core = trained(LLAMA3, ["<|begin_of_text|>", "<|eot_id|>", "<|im_start|>", "<|im_end|>"])
    core.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<|begin_of_text|>", eos_token="<|eot_id|>")


def sentencepiece_like(**options):
    # Mistral's and Phi-3's kind: the merges work on the whole text, unknown characters become bytes
    vocabulary = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁"]
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;#!?'/<>|-"
    vocabulary += [*letters, "▁y", "es", "▁yes", "##", "###", "▁R", "Re", "sp", "on", ":▁", "▁▁", "s>", "</", "e:"]
    ids = {piece: i for i, piece in enumerate(vocabulary)}
    merges = [(p[:i], p[i:]) for p in vocabulary[3:] for i in range(1, len(p)) if p[:i] in ids and p[i:] in ids]
    return LlamaTokenizer(vocab=ids, merges=merges, **options)


def like_mistral():
    return sentencepiece_like(add_bos_token=True)


def like_phi3():
    # </s> is there, takes the white space behind it, and is not declared special
    state = json.loads(sentencepiece_like(eos_token="<|endoftext|>").backend_tokenizer.to_str())
    loose = {"id": 2, "content": "</s>", "special": False, "rstrip": True}
    loose |= {"lstrip": False, "normalized": False, "single_word": False}
    others = [token for token in state["added_tokens"] if token["content"] != "</s>"]
    state["added_tokens"] = sorted([*others, loose], key=lambda token: token["id"])
    core = Tokenizer.from_str(json.dumps(state))
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|endoftext|>", unk_token="<unk>")


BUILT = [like_gpt2, like_neox, like_llama3, like_mistral, like_phi3, ByT5Tokenizer]


def llama2(folder):
    """The tokenizer of Llama 2 from its `tokenizer.model`, read without the sentencepiece package."""
    from transformers.tokenization_utils_base import generate_merges

    def number(at):
        value = shift = 0
        while True:
            byte, at = data[at], at + 1
            value, shift = value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value, at

    data, at, pieces = (folder / "tokenizer.model").read_bytes(), 0, []
    while at < len(data):  # a protobuf: key, length, content; the pieces have field number 1, as their texts have
        key, at = number(at)
        size, at = number(at)
        if key >> 3 == 1:
            length, start = number(at + 1)
            pieces.append(data[start : start + length].decode())
        at += size
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    return LlamaTokenizer(vocab=vocabulary, merges=generate_merges(vocabulary), add_bos_token=True)


@pytest.fixture(params=["base", "llama2", "qwen2", *BUILT], ids=lambda p: getattr(p, "__name__", p), scope="module")
def tokenizer(request):
    if callable(request.param):
        return request.param()
    if request.param == "base":
        return AutoTokenizer.from_pretrained(DATA / "base_model")
    folder = Path(request.getfixturevalue("refdata")) / "tokenizers" / request.param
    return llama2(folder) if request.param == "llama2" else AutoTokenizer.from_pretrained(folder)


def whole_text_ids(texts, tokenizer):
    """The reference: each whole text through the tokenizer's own call; an EOS that it adds itself is taken off."""
    rows = tokenizer(texts, split_special_tokens=True)["input_ids"]
    ends = tokenizer("a")["input_ids"][-1] == tokenizer.eos_token_id
    return [row[:-1] if ends else row for row in rows]


def check_laws(records, template, tokenizer):
    """Every law for every record; returns what `encode` gave."""
    encoded = encode(records, template, tokenizer, max_length=None)
    prompts = encode_prompts(records, template, tokenizer)
    whole = whole_text_ids(["".join(template.render(record)) for record in records], tokenizer)
    eos, starts_with = tokenizer.eos_token_id, whole_text_ids(["a"], tokenizer)[0][0]
    assert sorted([*encoded.kept, *(note.row for note in encoded.notes)]) == list(range(len(records)))
    for row, at in zip(encoded.rows, encoded.kept, strict=True):
        ids, labels, n = row["input_ids"], row["labels"], len(prompts[at])
        assert ids[:n] == prompts[at] and labels[:n] == [-100] * n
        assert labels[n:] == ids[n:] and ids[-1] == eos
        assert ids.count(eos) == 1 + (starts_with == eos)
        assert ids[:-1] == whole[at]
        assert len(ids) == encoded.lengths[at]
    for note in encoded.notes:
        assert note.kind == "seam" and whole[note.row][: len(prompts[note.row])] != prompts[note.row]
    return encoded


@settings(max_examples=40)
@given(records=RECORDS, template=st.sampled_from(TEMPLATES))
def test_laws_on_free_unicode(tokenizer, records, template):
    undeclared = [t.content for t in tokenizer.added_tokens_decoder.values() if not t.special and t.content.strip()]
    if undeclared:  # the tokenizer's own call cannot serve as reference for texts that spell them
        records = [Record(*(re.sub("[<>]", "", t) for t in (r.instruction, r.input, r.output))) for r in records]
    check_laws(records, template, tokenizer)


@settings(max_examples=40)
@given(records=RECORDS, template=st.sampled_from(TEMPLATES), data=st.data())
def test_no_spelling_of_any_special_token_becomes_one(tokenizer, records, template, data):
    added = {i: t.content for i, t in tokenizer.added_tokens_decoder.items() if t.content.strip()}
    spelled = data.draw(st.sampled_from(sorted(added.values())))
    records = [Record(r.instruction + spelled, spelled + r.input, spelled * 2 + r.output) for r in records]
    forbidden = added.keys() - ({tokenizer.unk_token_id} - {tokenizer.eos_token_id})
    begins = 1 if whole_text_ids(["a"], tokenizer)[0][0] == tokenizer.bos_token_id else 0
    for row in encode(records, template, tokenizer, max_length=None).rows:
        assert not forbidden & set(row["input_ids"][begins:-1])
    for prompt in encode_prompts(records, template, tokenizer):
        assert not forbidden & set(prompt[begins:])


@pytest.mark.parametrize("template", [ALPACA, REVERSE_INSTRUCTION], ids=lambda t: t.name)
def test_laws_on_every_real_row(refdata, tokenizer, template):
    records = []
    for path in sorted((Path(refdata) / "instruct").glob("*.json")):
        rows = json.loads(path.read_text(encoding="utf-8"))
        records += [Record(row["instruction"], row.get("input", ""), row["output"]) for row in rows]
    assert len(records) > 5000
    if tokenizer.vocab_size < 1_300:  # the small stand-ins of other families see every tenth row
        records = records[::10]
    check_laws(records, template, tokenizer)


def test_a_merge_at_the_seam_is_reported_with_its_characters():
    (note,) = encode([Record("Why?", output="yes")], SPACED, like_gpt2(), max_length=None).notes
    assert note.row == 0 and note.kind == "seam" and note.reason.startswith("' y")
    (note,) = encode([Record("Why?", output="\nyes")], ALPACA, like_llama3(), max_length=None).notes
    assert note.reason.startswith(r"':\n\n' became one token")


def test_special_text_of_the_template_is_refused(tokenizer):
    template = PromptTemplate(name="chatty", text=tokenizer.eos_token + "{instruction}\n### Response:\n")
    with pytest.raises(ValueError, match="'chatty' spells"):
        encode([Record("a")], template, tokenizer, max_length=None)


BASE = AutoTokenizer.from_pretrained(DATA / "base_model")
LONG = Record("Classify.", "word " * 400, "Complaint")
RECORDS_3 = [Record("Classify.", "Clean.", "Non-Complaint"), LONG, Record("Say " + "a " * 400, "", "no")]


def test_refuse_names_the_rows():
    with pytest.raises(ValueError, match=r"2 of 3 records .* max_length=96 .* rows \[1, 2\]"):
        encode(RECORDS_3, ALPACA, BASE, max_length=96)


def test_drop_reports():
    encoded = encode(RECORDS_3, ALPACA, BASE, max_length=96, too_long="drop")
    assert encoded.kept == [0] and [(n.row, n.kind) for n in encoded.notes] == [(1, "too long"), (2, "too long")]
    assert encoded.lengths[1] > 400 and "96 allowed" in encoded.notes[0].reason


@pytest.mark.parametrize("max_length", [96, 97, 98, 200])
def test_shorten_cuts_only_the_input_and_no_more_than_it_must(max_length):
    encoded = encode(RECORDS_3, ALPACA, BASE, max_length=max_length, too_long="shorten")
    assert encoded.kept == [0, 1] and [(n.row, n.kind) for n in encoded.notes] == [(1, "shortened"), (2, "too long")]
    row = encoded.rows[1]
    assert max_length - 2 <= len(row["input_ids"]) <= max_length
    text = BASE.decode(row["input_ids"], skip_special_tokens=True)
    kept = int(re.search(r"input cut from 2000 to (\d+) characters", encoded.notes[0].reason)[1])
    assert text == "".join(ALPACA.render(Record(LONG.instruction, LONG.input[:kept], LONG.output)))
    assert BASE.decode([i for i in row["labels"] if i != -100]) == "Complaint</s>"


def test_shorten_the_data_of_a_record_turned_round_and_never_an_answer():
    document = Record("Write a letter.", output="Dear all, " * 300)
    (note,) = encode([document], REVERSE_INSTRUCTION, BASE, max_length=96, too_long="shorten").notes
    assert note.kind == "shortened" and note.reason.startswith("output cut")
    (note,) = encode([document], ALPACA, BASE, max_length=96, too_long="shorten").notes
    assert note.kind == "too long"


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="too_long is 'cut'"):
        encode([], ALPACA, BASE, max_length=9, too_long="cut")
    with pytest.raises(ValueError, match="max_length is 0"):
        encode([], ALPACA, BASE, max_length=0)
    with pytest.raises(ValueError, match="half a surrogate pair"):
        encode([Record("a \ud800")], ALPACA, BASE, max_length=None)
    with pytest.raises(ValueError, match=r"row 1: the prompt has \d+ tokens, 96 are allowed"):
        encode_prompts(RECORDS_3, ALPACA, BASE, max_length=96)
    core = trained(GPT2, ["<|endoftext|>"])
    with pytest.raises(ValueError, match="set tokenizer.eos_token"):
        encode([], ALPACA, PreTrainedTokenizerFast(tokenizer_object=core), max_length=None)


def test_no_records_give_no_rows():
    assert encode([], ALPACA, BASE, max_length=5).rows == [] == encode_prompts([], ALPACA, BASE)


def test_the_tokenizer_is_left_as_it_was():
    before = BASE("a </s> b")["input_ids"]
    encode(RECORDS_3, ALPACA, BASE, max_length=None)
    assert BASE("a </s> b")["input_ids"] == before and not BASE.backend_tokenizer.encode_special_tokens


def test_length_audit():
    audit = length_audit(range(1, 101), max_length=95)
    assert audit == {"records": 100, "p50": 50, "p90": 90, "p99": 99, "longest": 100, "over": 5, "share_over": 0.05}
    with pytest.raises(ValueError, match="no lengths"):
        length_audit([], max_length=5)


@pytest.mark.parametrize("template", [ALPACA, REVERSE_INSTRUCTION], ids=lambda t: t.name)
def test_the_chat_template_gives_the_same_ids_and_labels(tokenizer, template, tmp_path):
    if not tokenizer.is_fast:
        pytest.skip("the assistant mask needs the offsets of a fast tokenizer")
    records = [
        Record("Say {x}.", "It's\n'so' ", "Yes.\n"),
        Record("Name a colour.", "", "red"),
        Record("É?", " ", "日本"),
    ]
    set_chat_template(tokenizer, template)
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    prompts = encode_prompts(records, template, tokenizer)
    for record, row, prompt in zip(records, check_laws(records, template, tokenizer).rows, prompts, strict=True):
        chat = template.messages(record)
        whole = loaded.apply_chat_template(chat, return_assistant_tokens_mask=True)
        assert whole["input_ids"] == row["input_ids"]
        assert [i if m else -100 for i, m in zip(whole["input_ids"], whole["assistant_masks"], strict=True)] == row[
            "labels"
        ]
        assert loaded.apply_chat_template(chat[:-1], add_generation_prompt=True)["input_ids"] == prompt


def test_the_trainer_gets_what_the_mask_shows(tmp_path):
    from transformers import LlamaConfig, LlamaForCausalLM
    from trl import SFTConfig, SFTTrainer

    records = [Record(f"Say {n}.", "x " * n, "yes </s> " * n) for n in range(1, 9)]
    encoded = encode(records, ALPACA, BASE, max_length=None)
    config = LlamaConfig(
        vocab_size=len(BASE), hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
    )
    trainer = SFTTrainer(
        LlamaForCausalLM(config),
        args=SFTConfig(output_dir=tmp_path, use_cpu=True, bf16=False, report_to=[], per_device_train_batch_size=8),
        train_dataset=encoded.dataset(),
        processing_class=BASE,
    )
    (batch,) = trainer.get_train_dataloader()
    given_rows = []
    for ids, labels, mask in zip(batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True):
        kept = mask.bool()
        given_rows.append({"input_ids": ids[kept].tolist(), "labels": labels[kept].tolist()})
        assert set(labels[~kept].tolist()) <= {-100}
    order = {tuple(row["input_ids"]): row for row in encoded.rows}
    assert len(order) == len(given_rows) == 8
    for row in given_rows:
        chips = re.findall(
            r'<(span|ins) style="[^"]*" title="id (\d+)">', loss_mask(order[tuple(row["input_ids"])], BASE).html
        )
        assert [int(i) for _, i in chips] == row["input_ids"]
        assert [int(i) if tag == "ins" else -100 for tag, i in chips] == row["labels"]
