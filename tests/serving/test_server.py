"""The real llama.cpp, over HTTP, with a model of 0.2 M parameters that was trained to answer."""

import socket

import pytest
from gguf_fixture import exported  # noqa: F401  (a fixture)
from models_fixture import RECORDS, trained  # noqa: F401  (a fixture)
from openai import OpenAI
from peft import PeftModel
from transformers import AutoTokenizer

from utils.adapters import load_adapter
from utils.inference import generate
from utils.models import load_base, quiet_peft
from utils.prompts import ALPACA, REVERSE_INSTRUCTION, encode_prompts
from utils.records import Record
from utils.serving import ServeError, chat, complete, equal_answers, serve, server_ids, throughput

SOME = RECORDS[::4]
ODD = [
    Record(instruction="Name the person.", input="Ada 12\n\n3 </s> <s> ### Response:\n Grüße 😀"),
    Record(instruction="Name the city.", input=""),
    Record(instruction="  Name   it.\n\n", input=" \t "),
]


@pytest.fixture(scope="module")
def address(exported):  # noqa: F811
    with serve(exported.f16, context=256, at_once=4) as address:
        yield address


@pytest.fixture(scope="module")
def tokenizer(exported):  # noqa: F811
    return AutoTokenizer.from_pretrained(exported.merged)


@pytest.fixture(scope="module")
def prompts(tokenizer):
    return encode_prompts(SOME, ALPACA, tokenizer)


def chats(records):
    return [ALPACA.messages(record)[:-1] for record in records]


def test_the_server_reads_a_prompt_as_the_very_ids_of_encode_prompts(address, tokenizer):
    records = [*SOME, *ODD]
    texts = [ALPACA.prompt(record) for record in records]
    assert server_ids(address, texts) == encode_prompts(records, ALPACA, tokenizer)


def test_greedy_answers_are_those_of_generate_and_stop_by_themselves(address, exported, prompts):  # noqa: F811
    model, tokenizer, _ = load_adapter(exported.adapter)
    ours = generate(model, tokenizer, SOME, ALPACA, max_new_tokens=12)
    ours += generate(model, tokenizer, SOME, REVERSE_INSTRUCTION, max_new_tokens=12)
    theirs = complete(address, prompts + encode_prompts(SOME, REVERSE_INSTRUCTION, tokenizer), max_new_tokens=12)
    assert equal_answers(ours, theirs) == 1
    assert [(a.prompt_tokens, a.answer_tokens) for a in theirs] == [(a.prompt_tokens, a.answer_tokens) for a in ours]
    assert all(answer.stopped for answer in theirs)
    assert len({answer.text for answer in theirs}) > 1  # not one answer to everything


def test_plain_messages_give_what_the_rendered_prompt_gives_bos_once(address, prompts):
    rendered, messages = complete(address, prompts, max_new_tokens=12), chat(address, chats(SOME), max_new_tokens=12)
    assert equal_answers(rendered, messages) == 1
    assert [a.prompt_tokens for a in messages] == [len(prompt) for prompt in prompts]


def test_with_the_template_of_the_base_the_same_messages_fail(exported, address):  # noqa: F811
    with serve(exported.f16, context=256, chat_template="{{ messages[-1].content }}\n") as other:
        there = chat(other, chats(SOME), max_new_tokens=12)
    assert equal_answers(chat(address, chats(SOME), max_new_tokens=12), there) < 0.5


def test_the_adapter_beside_the_base_file_is_the_16_bit_merge(exported, trained, prompts):  # noqa: F811
    base, tokenizer = load_base(trained.base, quantize=False)
    with quiet_peft():
        beside = PeftModel.from_pretrained(base, str(exported.adapter)).eval()
    ours = generate(beside, tokenizer, SOME, ALPACA, max_new_tokens=12)
    with serve(exported.base, lora=exported.lora, context=256) as address:
        assert equal_answers(ours, complete(address, prompts, max_new_tokens=12)) == 1
    with serve(exported.base, context=256) as address:
        assert equal_answers(ours, complete(address, prompts, max_new_tokens=12)) < 0.5


def test_eight_bits_change_few_answers(exported, address, prompts):  # noqa: F811
    with serve(exported.q8_0, context=256) as other:
        there = complete(other, prompts, max_new_tokens=12)
    assert equal_answers(complete(address, prompts, max_new_tokens=12), there) > 0.8


def test_of_many_requests_at_once_none_is_lost_and_none_mixed_up(address, prompts):
    alone = complete(address, prompts, max_new_tokens=12, at_once=1)
    many = complete(address, prompts * 10, max_new_tokens=12, at_once=32)
    assert equal_answers(alone * 10, many) == 1
    rows = throughput(address, prompts, at_once=(1, 8), max_new_tokens=12)
    assert [row["at once"] for row in rows] == [1, 8] and all(row["answer tokens/s"] > 0 for row in rows)


def test_a_prompt_beyond_the_context_is_refused_with_both_numbers(address, prompts):
    with pytest.raises(ServeError, match=r"row 1: .*\b300 tokens.*256 tokens"):
        complete(address, [prompts[0], [5] * 300], max_new_tokens=4)
    assert complete(address, prompts[:1], max_new_tokens=12)  # and the server goes on


def test_an_answer_that_the_context_cuts_off_is_an_error(exported):  # noqa: F811
    never_stops = serve(exported.base, context=256)
    with never_stops as address, pytest.raises(ServeError, match="row 0: .*larger context"):
        complete(address, [[5] * 250], max_new_tokens=40)


def test_a_chat_of_another_shape_is_refused_in_words(address):
    twice = [{"role": "user", "content": "Name it."}] * 2
    with pytest.raises(ServeError, match=r"(?s)row 0: .*alpaca takes"):
        chat(address, [twice])


def test_the_official_client_gets_the_same_answers_and_no_path(address):
    with OpenAI(base_url=f"{address}/v1", api_key="none") as client:
        [model] = client.models.list().data
        assert model.id == "f16"
        for messages, ours in zip(chats(SOME[:3]), chat(address, chats(SOME[:3]), max_new_tokens=12), strict=True):
            reply = client.chat.completions.create(model=model.id, messages=messages, max_tokens=12, temperature=0)
            assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == (ours.text, "stop")


def test_only_this_machine_can_reach_it_and_the_port_is_free_afterwards(exported):  # noqa: F811
    with serve(exported.f16, context=256, at_once=1) as address:
        port = int(address.removeprefix("http://127.0.0.1:"))
        with socket.socket() as elsewhere, pytest.raises(OSError):
            elsewhere.connect(("127.0.0.2", port))
        with pytest.raises(ServeError, match=f"port {port}"), serve(exported.f16, port=port):
            pass
    with socket.socket() as again:
        again.bind(("127.0.0.1", port))
    with pytest.raises(ServeError, match="is the server still running"):
        complete(address, [[5]])


def test_a_server_that_nobody_asked_anything_ends_at_once(exported):  # noqa: F811
    for _ in range(10):  # one whose queue does not run yet would wait forever, and pytest's time limit say so
        with serve(exported.f16, context=64, at_once=1) as address:
            port = int(address.removeprefix("http://127.0.0.1:"))
        with socket.socket() as again:
            again.bind(("127.0.0.1", port))


def test_files_that_do_not_fit_are_named(exported, tmp_path):  # noqa: F811
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(exported.f16.read_bytes()[:2000])
    for model, lora, named in (
        (tmp_path / "none.gguf", None, "none.gguf"),
        (damaged, None, "damaged.gguf"),
        (exported.f16, exported.q8_0, "q8_0.gguf"),
    ):
        with pytest.raises(ServeError, match=named), serve(model, lora=lora):
            pass
