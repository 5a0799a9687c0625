import pytest
import torch
from models_fixture import RECORDS, trained  # noqa: F401  (a fixture)
from transformers import AutoModelForCausalLM, AutoTokenizer

from utils.adapters import AdapterError, export_merged, load_adapter
from utils.inference import generate
from utils.prompts import ALPACA, REVERSE_INSTRUCTION, encode_prompts


@pytest.fixture(scope="module")
def merged(trained, tmp_path_factory):  # noqa: F811
    return export_merged(trained.adapter, tmp_path_factory.mktemp("merging") / "merged")


def test_the_folder_alone_gives_the_adapters_answers(trained, merged):  # noqa: F811
    model, tokenizer, _ = load_adapter(trained.adapter)
    plain, own = AutoModelForCausalLM.from_pretrained(merged), AutoTokenizer.from_pretrained(merged)
    assert plain.dtype == torch.float16 and not hasattr(plain, "peft_config")
    some = RECORDS[::4]
    ours = generate(model, tokenizer, some, ALPACA, max_new_tokens=12)
    assert generate(plain.float(), own, some, ALPACA, max_new_tokens=12) == ours


def test_the_chat_template_is_the_adapters_without_marks_for_trainers(merged):
    tokenizer = AutoTokenizer.from_pretrained(merged)
    for template, name in ((ALPACA, "default"), (REVERSE_INSTRUCTION, REVERSE_INSTRUCTION.name)):
        chats = [template.messages(record)[:-1] for record in RECORDS[:4]]
        ids = tokenizer.apply_chat_template(chats, chat_template=tokenizer.chat_template[name])["input_ids"]
        assert ids == encode_prompts(RECORDS[:4], template, tokenizer)
        assert "generation" not in tokenizer.chat_template[name]


def test_nothing_in_the_folder_names_this_machine(trained, merged):  # noqa: F811
    texts = [path.read_text() for path in merged.rglob("*") if path.suffix in {".json", ".md", ".jinja"}]
    assert not any(str(trained.base.parent) in text for text in texts)


def test_a_folder_of_somebody_else_is_left_alone(trained, tmp_path):  # noqa: F811
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(AdapterError, match="did not write"):
        export_merged(trained.adapter, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_its_own_folder_is_written_anew(trained, tmp_path):  # noqa: F811
    for dtype in (torch.float16, torch.bfloat16):
        folder = export_merged(trained.adapter, tmp_path / "merged", dtype=dtype)
        assert AutoModelForCausalLM.from_pretrained(folder).dtype == dtype
