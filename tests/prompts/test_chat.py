"""A model's own chat template: the ids of `apply_chat_template`, the seam at every turn, and data that stays data."""

import json
import re
from dataclasses import replace

import pytest
from chat_fixture import CHATML, FOLDED, THINKS, form, with_tokens  # noqa: F401
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import TemplateError
from seam_laws import forbidden_ids
from tokenizers import AddedToken
from tokenizers_fixture import like_gemma, like_gpt2, with_three_specials
from transformers import ByT5Tokenizer

from utils.prompts import (
    ALPACA,
    ChatTemplate,
    PromptTemplate,
    encode,
    encode_prompts,
    end_of_answer,
    fit,
    set_chat_template,
    settled,
    template_from_dict,
)
from utils.records import Record, Turn, turns_of
from utils.show import loss_mask

BASE = with_three_specials()
OWN = ChatTemplate(name="chat", jinja=CHATML)
LETTERS = "abcdefghijklmn ÄÖüß日本é.,!?\n\t'0123456789"
WORDS = st.text(st.sampled_from(LETTERS), min_size=1, max_size=20).filter(str.strip)


def chat(*texts, system=None):
    """A record of the turns user, assistant, user, assistant …"""
    turns = [Turn(("user", "assistant")[at % 2], text) for at, text in enumerate(texts)]
    if len(texts) == 2:
        return Record(system, texts[0], texts[1]) if system else Record(texts[0], "", texts[1])
    opening = [Turn("system", system)] if system else []
    return Record(texts[-2], "", texts[-1], history=(*opening, *turns[:-2]))


def chats(texts):
    told = st.integers(1, 3).flatmap(lambda pairs: st.tuples(*[texts] * (2 * pairs)))
    return st.builds(lambda told, system: chat(*told, system=system), told, st.none() | texts)


def asked(record, at):
    """The conversation up to the answer `turns[at]`, as a record to be answered."""
    *history, last = turns_of(record)[:at]
    if [turn.role for turn in history] == ["system"]:
        return Record(history[0].content, last.content)
    return Record(last.content, history=tuple(history))


def answers_of(record):
    return [at for at, turn in enumerate(turns_of(record)) if turn.role == "assistant"]


def own_ids(messages, template, tokenizer, **options):
    return tokenizer.apply_chat_template(messages, chat_template=template.jinja, **options)["input_ids"]


def learned(row):
    """The runs of labels that are learned, each a list of ids."""
    runs, before = [], -100
    for label in row["labels"]:
        if label != -100:
            runs = [*runs, []] if before == -100 else runs
            runs[-1].append(label)
        before = label
    return runs


def check_turns(record, row, template, tokenizer):
    """At every turn the prompt is a prefix, and the answer is learned to the end of its turn, and nothing else."""
    runs = learned(row)
    assert len(runs) == len(answers_of(record))
    for at, run in zip(answers_of(record), runs, strict=True):
        (prompt,) = encode_prompts([asked(record, at)], template, tokenizer)
        size = len(prompt)
        assert row["input_ids"][:size] == prompt and row["labels"][size : size + len(run)] == run
        assert row["labels"][size - 1] == -100 and run[-1] in forbidden_ids(tokenizer)


@settings(max_examples=12)
@given(record=chats(WORDS))
def test_ids_are_those_of_apply_chat_template(form, record):  # noqa: F811
    tokenizer, template = form
    encoded = encode([record], template, tokenizer, max_length=None)
    messages = template.messages(record)
    whole = own_ids(messages, template, tokenizer)
    for row in encoded.rows:
        assert row["input_ids"] == whole
        check_turns(record, row, template, tokenizer)
        prompt = own_ids(messages[:-1], template, tokenizer, add_generation_prompt=True)
        assert encode_prompts([record], template, tokenizer) == [prompt]
    for note in encoded.notes:  # only where the tokenizer's own ids of a prompt are not how its conversation begins
        asking = {"add_generation_prompt": True}
        prompts = [own_ids(messages[:at], template, tokenizer, **asking) for at in answers_of(record)]
        assert note.stage == "seam" and any(whole[: len(prompt)] != prompt for prompt in prompts)


@settings(max_examples=12)
@given(record=chats(WORDS), data=st.data())
def test_no_message_makes_a_special_token(form, record, data):  # noqa: F811
    tokenizer, template = form
    forbidden = forbidden_ids(tokenizer)
    added = [token.content for token in tokenizer.added_tokens_decoder.values() if token.content.strip()]
    spelled = data.draw(st.sampled_from(sorted(added)))
    turns = [turn._replace(content=f"{turn.content} {spelled}{turn.content}") for turn in turns_of(record)]
    system = turns.pop(0).content if turns[0].role == "system" else None
    hostile = chat(*(turn.content for turn in turns), system=system)
    encoded = encode([hostile], template, tokenizer, max_length=None)
    whole = own_ids(template.messages(record), template, tokenizer)
    for row in encoded.rows:
        found = [i for i in row["input_ids"] if i in forbidden]
        assert found == [i for i in whole if i in forbidden]
        check_turns(hostile, row, template, tokenizer)
        text = "".join(tokenizer.decode(row["input_ids"]).split())
        assert "".join(spelled.split()).lower() in text.lower() or tokenizer.unk_token_id in row["input_ids"]
    assert all(note.stage in ("seam", "special") for note in encoded.notes)


def test_a_special_spelling_costs_no_row_of_the_usual_tokenizers():
    tokenizer = with_tokens(like_gpt2(), "<|im_start|>")
    record = chat(
        "Say <|im_start|>", "It is <|im_start|>", "And <|endoftext|>?", "<|endoftext|> it is", system="<|im_start|>"
    )
    (row,) = encode([record], OWN, tokenizer, max_length=None).rows
    assert [tokenizer.decode(run) for run in learned(row)] == [
        "It is <|im_start|><|endoftext|>",
        "<|endoftext|> it is<|endoftext|>",
    ]
    assert row["input_ids"].count(tokenizer.eos_token_id) == 5


def test_loss_on_the_last_answer_and_on_those_that_are_not_exempt():
    record = Record("c", "", "d", history=(Turn("user", "a"), Turn("assistant", "b", False)))
    for template in (OWN, ALPACA):
        runs = [
            [BASE.decode(run) for run in learned(encode([one], template, BASE, max_length=None, loss_on=on).rows[0])]
            for one, on in ((chat("a", "b", "c", "d"), "all"), (chat("a", "b", "c", "d"), "last"), (record, "all"))
        ]
        assert runs == [["b</s>", "d</s>"], ["d</s>"], ["d</s>"]]
    with pytest.raises(ValueError, match="loss_on is 'first'"):
        encode([record], OWN, BASE, max_length=None, loss_on="first")


@settings(max_examples=12)
@given(record=chats(WORDS), limit=st.integers(1, 90), own=st.booleans())
def test_a_long_conversation_loses_its_first_turns_and_no_answer(record, limit, own):
    template = OWN if own else ALPACA
    encoded = encode([record], template, BASE, max_length=limit, too_long="shorten")
    turns = turns_of(record)
    for row, kept in zip(encoded.rows, encoded.records, strict=True):
        assert len(row["input_ids"]) <= limit
        assert turns_of(kept)[-1] == turns[-1] and kept.output == record.output
        assert encode([kept], template, BASE, max_length=limit).rows == [row]
        if record.history:
            system = turns[:1] if turns[0].role == "system" else []
            told = turns_of(kept)[len(system) :]
            assert turns_of(kept)[: len(system)] == system and told == turns[-len(told) :]
            assert (told == turns[len(system) :]) == (not encoded.notes)
    assert len(encoded.rows) + sum(note.stage in ("too long", "seam") for note in encoded.notes) == 1


def test_data_of_a_single_exchange_is_cut_as_under_any_template():
    record = Record("Classify.", "word " * 200, "Complaint", "classification")
    (note,) = (found := fit([record], OWN, BASE, max_length=80)).notes
    assert note.stage == "shortened" and note.reason.startswith("input cut from 1000 to")
    assert BASE.decode(learned(found.rows[0])[0]) == "Complaint</s>"


def test_what_a_template_refuses_is_noted_with_its_words():
    refuses = CHATML.replace(
        "{{ '[BEGIN]'", "{% if message.role == 'system' %}{{ raise_exception('no system') }}{% endif %}{{ '[BEGIN]'"
    )
    template = ChatTemplate(name="strict", jinja=refuses)
    encoded = encode([chat("a", "b"), chat("a", "b", system="s")], template, BASE, max_length=None)
    assert encoded.kept == [0] and encoded.lengths[1] == 0
    assert [(note.row, note.stage, "no system" in note.reason) for note in encoded.notes] == [(2, "template", True)]
    with pytest.raises(ValueError, match="'strict' suits none of the records: .*no system"):
        encode([chat("a", "b", system="s")], template, BASE, max_length=None)
    with pytest.raises(ValueError, match="row 0: .*no system"):
        encode_prompts([chat("a", "b", system="s")], template, BASE)


@pytest.mark.parametrize(
    "content, reason",
    [
        ("message.content | upper", "more to these messages"),
        ("message.content ~ message.content", "a message of the user 2 times"),
        ("message.content[:40]", "more to these messages"),
        ("message.content.split('#')[0]", "more to these messages"),
    ],
)
def test_a_template_that_changes_a_message_is_found_out(content, reason):
    template = ChatTemplate(name="odd", jinja=CHATML.replace("message.content", content))
    with pytest.raises(ValueError, match=reason):
        encode([chat("a # " + "b" * 50, "c")], template, BASE, max_length=None)


def test_a_template_without_an_end_of_turn_is_refused():
    template = ChatTemplate(name="open", jinja=CHATML.replace("eos_token", "'.'"))
    with pytest.raises(ValueError, match="no special token after an answer"):
        encode([chat("a", "b")], template, BASE, max_length=None)


def test_a_prompt_that_is_no_prefix_is_learned_at_the_last_answer_only():
    last_only = ChatTemplate(name="thinks", jinja=THINKS)  # Qwen3's way: earlier answers lose their thoughts
    record = chat("a", "b", "c", "d")
    with pytest.raises(ValueError, match="say loss_on='last'"):
        encode([record], last_only, BASE, max_length=None)
    (row,) = encode([record], last_only, BASE, max_length=None, loss_on="last").rows
    (prompt,) = encode_prompts([record], last_only, BASE)
    assert row["input_ids"][: len(prompt)] == prompt and "</think>" in BASE.decode(prompt)
    assert [BASE.decode(run) for run in learned(row)] == ["d</s>"]
    last = "(system if message == chat | selectattr('role', 'equalto', 'user') | list | last else '')"
    moved = FOLDED + "{%- for message in chat %}{{ " + last + " ~ message.content ~ eos_token }}{% endfor %}"
    record, template = chat("a", "b", "c", "d", system="s"), ChatTemplate(name="m", jinja=moved)
    with pytest.raises(ValueError, match="say loss_on='last'"):  # Mistral's later way with the system message
        encode([record], template, BASE, max_length=None)
    (row,) = encode([record], template, BASE, max_length=None, loss_on="last").rows
    assert BASE.decode(row["input_ids"]) == "a</s>b</s>sc</s>d</s>" and len(learned(row)) == 1


def test_stripped_messages_are_learned_as_the_template_shows_them():
    stripping = ChatTemplate(name="trim", jinja=CHATML.replace("message.content", "message.content | trim"))
    (row,) = encode([chat(" a \n", "\n b\t")], stripping, BASE, max_length=None).rows
    assert [BASE.decode(run) for run in learned(row)] == ["b</s>"]


def test_a_conversation_under_alpaca_is_its_exchanges_in_turn():
    record = chat("a", "b", "c", "d", system="s")
    (row,) = encode([record], ALPACA, BASE, max_length=None).rows
    singles = encode([Record("s", "a", "b"), Record("c", "", "d")], ALPACA, BASE, max_length=None).rows
    for name in ("input_ids", "labels"):
        assert row[name] == singles[0][name] + singles[1][name][1:]  # one BOS is enough
    check_turns(record, row, ALPACA, BASE)
    (first, _), (second, last) = ALPACA.render(Record("s", "a", "b")), ALPACA.render(Record("c", "", "d"))
    assert ALPACA.render(record) == (f"{first}b\n\n{second}", last)


@settings(max_examples=8)
@given(record=chats(WORDS))
def test_the_seam_holds_at_every_turn_under_alpaca(form, record):  # noqa: F811
    tokenizer, _ = form
    encoded = encode([record], ALPACA, tokenizer, max_length=None)
    for row in encoded.rows:
        check_turns(record, row, ALPACA, tokenizer)
    assert all(note.stage == "seam" for note in encoded.notes)


def test_the_mask_shows_every_turn():
    (row,) = encode([chat("a", "b", "c", "d", system="s")], OWN, BASE, max_length=None).rows
    chips = re.findall(r'<(span|ins) style="[^"]*" title="id (\d+)">', loss_mask(row, BASE).html)[: len(row["labels"])]
    assert [int(i) for _, i in chips] == row["input_ids"]
    assert [int(i) if tag == "ins" else -100 for tag, i in chips] == row["labels"]


def test_a_chat_template_travels_as_data_and_with_the_tokenizer():
    tokenizer = with_three_specials()
    assert template_from_dict(json.loads(json.dumps(OWN.to_dict()))) == OWN
    assert template_from_dict(ALPACA.to_dict()) == ALPACA
    with pytest.raises(ValueError, match="lacks"):
        template_from_dict({"name": "x"})
    with pytest.raises(ValueError, match="no chat template"):
        ChatTemplate.of(tokenizer)
    set_chat_template(tokenizer, OWN)
    assert ChatTemplate.of(tokenizer) == OWN
    with pytest.raises(ValueError, match="ByT5Tokenizer is written in Python"):
        encode([chat("a", "b")], OWN, ByT5Tokenizer(), max_length=None)


def test_a_private_character_in_the_data_is_no_back_door():
    tokenizer = like_gemma()
    hidden = "".join(map(chr, range(0x100000, 0x100004)))
    encoded = encode([chat("a", "b"), chat(hidden, "b")], OWN, tokenizer, max_length=None)
    assert encoded.kept == [0] and "U+100000" in encoded.notes[0].reason


@settings(max_examples=8)
@given(record=chats(WORDS))
def test_a_saved_alpaca_renders_a_conversation_turn_after_turn(form, record):  # noqa: F811
    tokenizer, _ = form
    before = tokenizer.chat_template
    try:
        set_chat_template(tokenizer, ALPACA)
        saved = ChatTemplate.of(tokenizer)
    finally:
        tokenizer.chat_template = before
    messages = ALPACA.messages(record)
    assert [message["content"] for message in messages] == [turn.content for turn in turns_of(record)]
    for row in encode([record], ALPACA, tokenizer, max_length=None).rows:  # none where a token spans the seam
        assert own_ids(messages, saved, tokenizer) == row["input_ids"]
        assert [own_ids(messages[:-1], saved, tokenizer)] == encode_prompts([record], ALPACA, tokenizer)
    users, answer = [one for one in messages if one["role"] == "user"], messages[-1]
    for wrong in ([*users[:1], users[0]], [answer], [users[0], answer, answer]):
        with pytest.raises(TemplateError, match="alpaca takes .*, then the assistant, in turn"):
            own_ids(wrong, saved, tokenizer)


def test_a_thought_is_a_token_where_the_template_writes_it_only():
    tokenizer = like_gpt2()
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in ("<think>", "</think>")])
    thought, end = tokenizer.convert_tokens_to_ids(["<think>", "</think>"])
    thinking = PromptTemplate(
        name="thinks", text="Q: {instruction}\n\n<think>\n", response_marker="<think>\n", completion="{output}</think>"
    )
    own = ChatTemplate(name="own", jinja=CHATML.replace("assistant\n", "assistant\n<think>"))
    record = Record("Say <think> or </think>.", "", "It says <think>.")
    for template in (thinking, ALPACA):
        (row,) = encode([record], template, tokenizer, max_length=None).rows
        (prompt,) = encode_prompts([record], template, tokenizer)
        assert row["input_ids"][: len(prompt)] == prompt
        found = [i for i in row["input_ids"] if i in (thought, end)]
        assert found == ([thought, end] if template is thinking else [])
        text = tokenizer.decode(row["input_ids"], clean_up_tokenization_spaces=False)
        assert text == "".join(template.render(record)) + tokenizer.eos_token
    (prompt,) = encode_prompts([record], own, tokenizer)
    assert prompt.count(thought) == 1 and prompt[-1] == thought
    hidden = encode([record, Record("\U00100000", "", "x")], thinking, tokenizer, max_length=None)
    assert hidden.kept == [0] and "U+100000 is a private character" in hidden.notes[0].reason
    with pytest.raises(ValueError, match="row 0: U.100000"):
        encode_prompts([Record("\U00100000")], thinking, tokenizer)


def test_the_end_of_an_answer_is_the_templates():
    tokenizer = with_tokens(like_gpt2(), "<|im_end|>")
    chatml = ChatTemplate(name="chatml", jinja=CHATML.replace("eos_token", "'<|im_end|>'"))
    assert end_of_answer(ALPACA, tokenizer) == tokenizer.eos_token_id
    assert end_of_answer(chatml, tokenizer) == tokenizer.convert_tokens_to_ids("<|im_end|>")
    tokenizer.chat_template = chatml.jinja
    own = ChatTemplate(name="chat")  # that of whatever tokenizer it is used with
    assert settled(own, tokenizer) == replace(chatml, name="chat") and settled(ALPACA, tokenizer) is ALPACA
    record = chat("a", "b", "c", "d", system="s")
    assert encode([record], own, tokenizer, max_length=None) == encode([record], chatml, tokenizer, max_length=None)
    with pytest.raises(ValueError, match="no chat template: use ALPACA"):
        encode([record], own, with_three_specials(), max_length=None)
