"""From records to rows: the policies for long records, the chat template, and what the trainer gets."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seam_laws import RECORDS, check_laws
from tokenizers_fixture import GPT2, tokenizer, trained, with_three_specials  # noqa: F401
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from utils.prompts import ALPACA, REVERSE_INSTRUCTION, encode, encode_prompts, set_chat_template
from utils.records import Record
from utils.show import loss_mask

BASE = with_three_specials()
LONG = Record("Classify.", "word " * 400, "Complaint")
RECORDS_3 = [Record("Classify.", "Clean.", "Non-Complaint"), LONG, Record("Say " + "a " * 400, "", "no")]


def test_refuse_names_the_rows():
    with pytest.raises(ValueError, match=r"2 of 3 records .* max_length=120 .* rows \[1, 2\]"):
        encode(RECORDS_3, ALPACA, BASE, max_length=120)


def test_drop_reports():
    encoded = encode(RECORDS_3, ALPACA, BASE, max_length=120, too_long="drop")
    assert encoded.kept == [0] and [(n.row, n.stage) for n in encoded.notes] == [(2, "too long"), (3, "too long")]
    assert encoded.lengths[1] > 400 and "120 allowed" in encoded.notes[0].reason


@pytest.mark.parametrize("max_length", [120, 121, 122, 200])
def test_shorten_cuts_only_the_input_and_no_more_than_it_must(max_length):
    encoded = encode(RECORDS_3, ALPACA, BASE, max_length=max_length, too_long="shorten")
    assert encoded.kept == [0, 1] and [(n.row, n.stage) for n in encoded.notes] == [(2, "shortened"), (3, "too long")]
    row = encoded.rows[1]
    assert max_length - 2 <= len(row["input_ids"]) <= max_length
    text = BASE.decode(row["input_ids"], skip_special_tokens=True)
    kept = int(re.search(r"input cut from 2000 to (\d+) characters", encoded.notes[0].reason)[1])
    assert text == "".join(ALPACA.render(Record(LONG.instruction, LONG.input[:kept], LONG.output)))
    assert BASE.decode([i for i in row["labels"] if i != -100]) == "Complaint</s>"


def test_shorten_the_data_of_a_record_turned_round_and_never_an_answer():
    document = Record("Write a letter.", output="Dear all, " * 300)
    (note,) = encode([document], REVERSE_INSTRUCTION, BASE, max_length=120, too_long="shorten").notes
    assert note.stage == "shortened" and note.reason.startswith("output cut")
    (note,) = encode([document], ALPACA, BASE, max_length=120, too_long="shorten").notes
    assert note.stage == "too long"


@settings(max_examples=25)
@given(records=RECORDS, template=st.sampled_from([ALPACA, REVERSE_INSTRUCTION]), spare=st.integers(0, 60))
def test_a_shortened_record_is_a_record_of_its_own(tokenizer, records, template, spare):  # noqa: F811
    lengths = encode(records, template, tokenizer, max_length=None).lengths
    limit = max(min(lengths) + spare, 1)
    encoded = encode(records, template, tokenizer, max_length=limit, too_long="shorten")
    assert sorted({*encoded.kept, *(note.row - 1 for note in encoded.notes)}) == list(range(len(records)))
    assert all(len(row["input_ids"]) <= limit for row in encoded.rows) and encoded.lengths == lengths
    notes = {note.row - 1: note for note in encoded.notes}
    for row, at in zip(encoded.rows, encoded.kept, strict=True):
        record = records[at]
        if at in notes:
            assert notes[at].stage == "shortened" and lengths[at] > limit
            size = int(re.search(r"to (\d+) characters", notes[at].reason)[1])
            record = replace(record, **{template.data_field: getattr(record, template.data_field)[:size]})
        assert [row] == encode([record], template, tokenizer, max_length=limit).rows
        assert encoded.records[encoded.kept.index(at)] == record


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="too_long is 'cut'"):
        encode([], ALPACA, BASE, max_length=9, too_long="cut")
    with pytest.raises(ValueError, match="max_length is 0"):
        encode([], ALPACA, BASE, max_length=0)
    with pytest.raises(ValueError, match="half a surrogate pair"):
        encode([Record("a \ud800")], ALPACA, BASE, max_length=None)
    with pytest.raises(ValueError, match=r"row 1: the prompt has \d+ tokens, 120 are allowed"):
        encode_prompts(RECORDS_3, ALPACA, BASE, max_length=120)
    core = trained(GPT2, ["<|endoftext|>"])
    with pytest.raises(ValueError, match="set tokenizer.eos_token"):
        encode([], ALPACA, PreTrainedTokenizerFast(tokenizer_object=core), max_length=None)


def test_no_records_give_no_rows():
    assert encode([], ALPACA, BASE, max_length=5).rows == [] == encode_prompts([], ALPACA, BASE)


def test_the_tokenizer_is_left_as_it_was():
    before = BASE("a </s> b")["input_ids"]
    encode(RECORDS_3, ALPACA, BASE, max_length=None)
    assert BASE("a </s> b")["input_ids"] == before and not BASE.backend_tokenizer.encode_special_tokens


@pytest.mark.parametrize("template", [ALPACA, REVERSE_INSTRUCTION], ids=lambda t: t.name)
def test_the_chat_template_gives_the_same_ids_and_labels(tokenizer, template, tmp_path):  # noqa: F811
    if not tokenizer.is_fast:
        pytest.skip("the assistant mask needs the offsets of a fast tokenizer")
    records = [
        Record("Say {x}.", "It's\n'so' ", "Yes.\n"),
        Record("Name a colour.", "", "red"),
        Record("É?", " ", "日本"),
    ]
    # transformers finds the answer by its characters; here the marker's newline belongs to the answer's first token
    folds_newlines = not tokenizer("\n", add_special_tokens=False)["input_ids"]
    set_chat_template(tokenizer, template)
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    prompts = encode_prompts(records, template, tokenizer)
    for record, row, prompt in zip(records, check_laws(records, template, tokenizer).rows, prompts, strict=True):
        chat = template.messages(record)
        whole = loaded.apply_chat_template(chat, return_assistant_tokens_mask=True)
        assert whole["input_ids"] == row["input_ids"]
        labels = [i if m else -100 for i, m in zip(whole["input_ids"], whole["assistant_masks"], strict=True)]
        assert labels == row["labels"] or folds_newlines
        assert loaded.apply_chat_template(chat[:-1], add_generation_prompt=True)["input_ids"] == prompt


def test_the_trainer_gets_what_the_mask_shows(tmp_path):
    from datasets import Dataset
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
        train_dataset=Dataset.from_list(encoded.rows),
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
