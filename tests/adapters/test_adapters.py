"""The adapter folder works elsewhere, and refuses what it does not belong to."""

import json
import re
import shutil
import warnings

import pytest
import torch
from models_fixture import LEARNS, RECORDS, Trained, save_model, small_config, trained  # noqa: F401
from peft import AutoPeftModelForCausalLM
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from utils.adapters import AdapterError, load_adapter, load_merged, save_adapter
from utils.adapters.checks import WEIGHTS, check_base
from utils.bundled_model import smollm2
from utils.inference import generate
from utils.models import base_identity, identity, load_base, location, nf4_config, protect_nf4
from utils.prompts import ALPACA, REVERSE_INSTRUCTION, PromptTemplate, encode_prompts
from utils.records import Record, fingerprint

OTHER_ALPACA = PromptTemplate.from_dict(ALPACA.to_dict() | {"text": ALPACA.text.replace("Below is", "Here is")})


def answers(model, tokenizer, template=ALPACA):
    return generate(model, tokenizer, RECORDS[:6], template, max_new_tokens=10)


def test_a_loaded_adapter_gives_the_logits_and_answers_of_the_model_that_was_saved(trained: Trained):  # noqa: F811
    model, tokenizer, templates = load_adapter(trained.adapter)
    ids = torch.tensor([trained.heldout[0]["input_ids"]])
    with torch.no_grad():
        assert torch.equal(model(ids).logits, trained.result.model(ids).logits)
    assert answers(model, tokenizer, templates["alpaca"]) == answers(trained.result.model, tokenizer)
    assert model.get_base_model().is_loaded_in_4bit


def test_auto_peft_with_the_same_quantisation_gives_the_same_logits(trained: Trained, monkeypatch):  # noqa: F811
    """The article's way of loading, once it is told the quantisation."""
    monkeypatch.chdir(trained.adapter)  # the base's path in the file is relative to it
    model = AutoPeftModelForCausalLM.from_pretrained(
        trained.adapter, quantization_config=nf4_config(torch.float32), dtype=torch.float32
    )
    protect_nf4(model)
    ids = torch.tensor([trained.heldout[0]["input_ids"]])
    with torch.no_grad():
        assert torch.equal(model.eval()(ids).logits, load_adapter(trained.adapter)[0](ids).logits)


def test_adapter_and_base_can_be_moved_together(trained: Trained, tmp_path):  # noqa: F811
    shutil.copytree(trained.base, tmp_path / "elsewhere" / "base")
    moved = shutil.copytree(trained.adapter, tmp_path / "elsewhere" / "adapter")
    model, tokenizer, _ = load_adapter(moved)
    assert str(tmp_path) in model.get_base_model().config._name_or_path
    assert answers(model, tokenizer) == answers(trained.result.model, tokenizer)


def test_an_adapter_of_a_base_inside_the_project_can_be_moved_anywhere(trained: Trained, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(location, "ROOT", trained.base.parent)
    monkeypatch.setattr(identity, "ROOT", trained.base.parent)
    model, tokenizer, _ = load_adapter(trained.adapter)
    settings = {"templates": [ALPACA], "fingerprint": "f", "metrics": {}}
    saved = save_adapter(model, tokenizer, tmp_path / "saved", **settings)
    assert json.loads((saved / "adapter_config.json").read_text())["base_model_name_or_path"] == "base"
    moved = saved.rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    assert answers(*load_adapter(moved)[:2]) == answers(trained.result.model, tokenizer)


def bundle(base, project, monkeypatch):
    """Makes `base` the bundled model of a project in this folder."""
    folder = shutil.copytree(base, project / smollm2.LOCATION)
    for module in (location, identity):
        monkeypatch.setattr(module, "ROOT", project)
    monkeypatch.setattr(smollm2, "FOLDER", folder)
    monkeypatch.setattr(smollm2, "is_ready", lambda: True)


def test_an_adapter_of_the_bundled_model_finds_it_in_any_project(trained: Trained, tmp_path, monkeypatch):  # noqa: F811
    bundle(trained.base, tmp_path / "mine", monkeypatch)
    model, tokenizer, _ = load_adapter(trained.adapter, base=smollm2.NAME)
    settings = {"templates": [ALPACA], "fingerprint": "f", "metrics": {}}
    saved = save_adapter(model, tokenizer, tmp_path / "mine" / "adapter", **settings)
    assert json.loads((saved / "provenance.json").read_text())["base"]["name"] == "smollm2-135m"
    moved = saved.rename(tmp_path / "adapter")
    shutil.rmtree(tmp_path / "mine")
    bundle(trained.base, tmp_path / "deep" / "theirs", monkeypatch)
    model, tokenizer, _ = load_adapter(moved)
    assert str(tmp_path / "deep") in model.get_base_model().config._name_or_path
    assert answers(model, tokenizer) == answers(trained.result.model, tokenizer)
    monkeypatch.chdir(tmp_path / "deep" / "theirs")  # PEFT's own way, run from the project's root
    assert AutoPeftModelForCausalLM.from_pretrained(moved).peft_config["default"].r == 16


def test_an_adapter_of_another_bundled_model_is_refused(trained: Trained, tmp_path, monkeypatch):  # noqa: F811
    bundle(save_model(tmp_path / "again", LEARNS, seed=1), tmp_path / "project", monkeypatch)
    with pytest.raises(AdapterError, match="and smollm2-135m is another model .*weights differ"):
        load_adapter(trained.adapter, base=smollm2.NAME)


def test_an_adapter_moved_away_from_its_base_asks_for_it(trained: Trained, tmp_path):  # noqa: F811
    moved = shutil.copytree(trained.adapter, tmp_path / "deep" / "down" / "adapter")
    with pytest.raises(AdapterError, match=r"no longer at \.\./base: pass base="):
        load_adapter(moved)
    model, tokenizer, _ = load_adapter(moved, base=trained.base)
    assert answers(model, tokenizer) == answers(trained.result.model, tokenizer)


def test_no_file_of_the_folder_holds_a_path_of_this_machine(trained: Trained):  # noqa: F811
    for path in trained.adapter.rglob("*"):
        if path.is_file():
            assert not re.search(rb"/(tmp|home|root|work|Users)/", path.read_bytes()), path.name


def test_a_base_of_another_shape_is_refused_by_what_differs(trained: Trained, tmp_path):  # noqa: F811
    other = save_model(tmp_path / "wide", small_config(intermediate_size=192))
    with pytest.raises(AdapterError, match="another model .*intermediate_size is 192, was 128"):
        load_adapter(trained.adapter, base=other)


def test_a_base_that_was_trained_again_is_refused(trained: Trained, tmp_path):  # noqa: F811
    other = save_model(tmp_path / "again", LEARNS, seed=1)
    with pytest.raises(AdapterError, match="weights differ"):
        load_adapter(trained.adapter, base=other)


def test_a_base_with_one_changed_byte_is_another_base(trained: Trained, tmp_path):  # noqa: F811
    copy = shutil.copytree(trained.base, tmp_path / "copy")
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[len(weights) * 2 // 3] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    with pytest.raises(AdapterError, match="weights differ"):
        check_base(copy, base_identity(trained.base))


def test_of_large_weights_samples_are_hashed(trained: Trained, tmp_path, monkeypatch):  # noqa: F811
    whole = base_identity(trained.base)["weights_sha256"]
    monkeypatch.setattr(identity, "WHOLE_BYTES", 0)
    sampled = base_identity(trained.base)["weights_sha256"]
    assert sampled not in (whole, base_identity(save_model(tmp_path / "again", LEARNS, seed=1))["weights_sha256"])


def test_the_identity_of_a_base_does_not_depend_on_where_it_is(trained: Trained, tmp_path):  # noqa: F811
    copy = base_identity(shutil.copytree(trained.base, tmp_path / "copy"))
    check_base(tmp_path / "copy", base_identity(trained.base))
    assert not copy["name"].startswith("/")


def test_another_template_of_the_same_name_is_refused_with_the_difference(trained: Trained):  # noqa: F811
    load_adapter(trained.adapter, templates=[ALPACA, REVERSE_INSTRUCTION])
    with pytest.raises(AdapterError, match="'alpaca' differs .*its text is 'Here is an .*was 'Below is an"):
        load_adapter(trained.adapter, templates=[OTHER_ALPACA])


def test_a_template_that_it_was_not_trained_with_is_refused(trained: Trained):  # noqa: F811
    unknown = PromptTemplate.from_dict(ALPACA.to_dict() | {"name": "dolly"})
    with pytest.raises(AdapterError, match="not trained with the template 'dolly', but with"):
        load_adapter(trained.adapter, templates=[unknown])


@pytest.mark.parametrize("template", [ALPACA, REVERSE_INSTRUCTION])
def test_every_template_travels_as_a_chat_template_that_gives_the_same_ids(trained: Trained, template):  # noqa: F811
    tokenizer = AutoTokenizer.from_pretrained(trained.adapter)
    record = Record(instruction="Name the city.", input="Amina went to Oslo.", output="Oslo went to Amina.")
    name = None if template is ALPACA else template.name
    chat = template.messages(record)[:-1]
    ids = tokenizer.apply_chat_template(chat, chat_template=name, add_generation_prompt=True)["input_ids"]
    assert ids == encode_prompts([record], template, tokenizer)[0]


def test_templates_come_back_equal_with_the_default_first(trained: Trained):  # noqa: F811
    _, _, templates = load_adapter(trained.adapter)
    assert templates == {"alpaca": ALPACA, "reverse_instruction": REVERSE_INSTRUCTION}
    assert next(iter(templates)) == "alpaca"


def test_saving_again_with_fewer_templates_leaves_none_behind(trained: Trained, tmp_path):  # noqa: F811
    folder = shutil.copytree(trained.adapter, tmp_path / "adapter")
    model, tokenizer, _ = load_adapter(folder, base=trained.base)
    before = tokenizer.chat_template
    save_adapter(model, tokenizer, folder, templates=[REVERSE_INSTRUCTION], fingerprint="f", metrics={})
    assert isinstance(AutoTokenizer.from_pretrained(folder).chat_template, str)
    assert tokenizer.chat_template == before


@pytest.mark.parametrize("templates", [[], [ALPACA, OTHER_ALPACA]])
def test_no_template_or_two_of_one_name_are_refused(trained: Trained, tmp_path, templates):  # noqa: F811
    tokenizer = AutoTokenizer.from_pretrained(trained.adapter)
    with pytest.raises(ValueError, match="each template that the model was trained with, once"):
        save_adapter(trained.result.model, tokenizer, tmp_path, templates=templates, fingerprint="f", metrics={})


def test_a_folder_that_was_not_finished_or_is_none_is_refused(trained: Trained, tmp_path):  # noqa: F811
    folder = shutil.copytree(trained.adapter, tmp_path / "adapter")
    (folder / "provenance.json").unlink()
    with pytest.raises(AdapterError, match="has no provenance.json"):
        load_adapter(folder)
    with pytest.raises(AdapterError, match="does not exist"):
        load_adapter(tmp_path / "nowhere")


def tensors(change):
    """Damage to the weights: what the file holds becomes what `change` makes of it."""

    def damage(folder):
        save_file(change(load_file(folder / WEIGHTS)), folder / WEIGHTS)

    return damage


def halved(weights):
    return {name: value[: len(value) // 2].clone() for name, value in weights.items()}


def with_a_nan(weights):
    next(iter(weights.values()))[0, 0] = float("nan")
    return weights


def cut(name):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-100])


def holding(name, text):
    return lambda folder: (folder / name).write_text(text)


DAMAGE = {
    "renamed keys": (
        tensors(lambda w: {name.replace("q_proj", "query"): w[name] for name in w}),
        "not those of its ada",
    ),
    "missing keys": (tensors(lambda w: dict(list(w.items())[4:])), "is missing, should be .* and 3 more of 28"),
    "halved": (tensors(halved), "does not fit its base: .*size mismatch"),
    "not a number": (tensors(with_a_nan), "holds weights that are not numbers, in base_model"),
    "no weights": (tensors(lambda w: {}), "holds no weights"),
    "cut weights": (cut(WEIGHTS), "cannot be read, it is empty or cut off"),
    "empty weights": (holding(WEIGHTS, ""), "cannot be read, it is empty or cut off"),
    "a pointer": (holding(WEIGHTS, "version https://git-lfs.github.com/spec/v1\noid sha256:0"), "pointer of Git LFS"),
    "weights gone": (lambda folder: (folder / WEIGHTS).unlink(), "has no adapter_model.safetensors"),
    "a cut config": (cut("adapter_config.json"), "adapter_config.json is not JSON"),
    "another config": (holding("adapter_config.json", '{"peft_type": "IA3"}'), "not that of a LoRA adapter"),
    "a config of no model": (
        holding("adapter_config.json", '{"peft_type": "LORA", "r": "x"}'),
        "does not fit its base",
    ),
    "a list of nothing": (holding("prompt_templates.json", "[]"), r"prompt_templates.json holds \[\]"),
    "templates of another kind": (holding("prompt_templates.json", '[{"name": "x"}]'), "holds no prompt templates"),
    "templates gone": (
        lambda folder: (folder / "prompt_templates.json").unlink(),
        "prompt_templates.json cannot be re",
    ),
    "a cut provenance": (cut("provenance.json"), "provenance.json is not JSON"),
    "a provenance of nothing": (holding("provenance.json", "{}"), "provenance.json holds {}"),
    "a provenance without a base": (holding("provenance.json", '{"base": {"name": "x"}}'), "does not say which base"),
    "a cut tokenizer": (cut("tokenizer.json"), "the tokenizer in .* cannot be loaded"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_folder_is_one_kind_of_error_that_says_what_is_wrong(trained: Trained, tmp_path, damage):  # noqa: F811
    harm, message = DAMAGE[damage]
    folder = shutil.copytree(trained.adapter, tmp_path / "adapter")
    harm(folder)
    with warnings.catch_warnings(), pytest.raises(AdapterError, match=f"(?s){message}"):
        warnings.simplefilter("error", UserWarning)  # what PEFT only warns of is refused
        load_adapter(folder, base=trained.base)


def test_code_in_an_adapter_folder_is_not_run(trained: Trained, tmp_path):  # noqa: F811
    folder = shutil.copytree(trained.adapter, tmp_path / "adapter")
    (folder / "evil.py").write_text("raise SystemExit('this ran')")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config |= {"auto_map": {"AutoTokenizer": [None, "evil.Tokenizer"]}, "tokenizer_class": "Evil"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    try:
        load_adapter(folder, base=trained.base)  # a plain tokenizer of the files there is as good as a refusal
    except AdapterError as error:
        assert "the tokenizer in" in str(error)


def test_the_model_card_holds_the_numbers_of_the_run_and_what_it_was_made_from(trained: Trained):  # noqa: F811
    card = (trained.adapter / "README.md").read_text()
    for name, value in trained.result.metrics.items():
        assert f"| {name.replace('_', ' ')} | {value:,.4g} |" in card
    assert fingerprint(RECORDS) in card
    assert f"torch {torch.__version__.split('+')[0]}" in card
    assert "`alpaca`, `reverse_instruction`" in card
    saved = load_file(trained.adapter / "adapter_model.safetensors")
    assert sum(tensor.numel() for tensor in saved.values()) == trained.result.metrics["trainable_parameters"]


def test_merged_weights_give_the_adapters_answers_without_an_adapter(trained: Trained):  # noqa: F811
    model, tokenizer, _ = load_adapter(trained.adapter)
    merged, merged_tokenizer = load_merged(trained.adapter)
    assert not hasattr(merged, "peft_config")
    assert answers(merged, merged_tokenizer) == answers(model, tokenizer)
    ids = torch.tensor([trained.heldout[0]["input_ids"]])
    with torch.no_grad():
        assert torch.allclose(merged(ids).logits, model(ids).logits, atol=1e-4)


def test_an_adapter_of_an_unquantised_base_is_loaded_on_an_unquantised_base(trained: Trained, tmp_path):  # noqa: F811
    model, tokenizer = load_base(trained.base, quantize=False)
    from utils.training import fine_tune

    result = fine_tune(model, tokenizer, trained.rows[:16], output_dir=tmp_path / "run", epochs=1)
    saved = save_adapter(
        result.model, tokenizer, tmp_path / "adapter", templates=[ALPACA], fingerprint="f", metrics=result.metrics
    )
    loaded, _, _ = load_adapter(saved)
    assert not getattr(loaded.get_base_model(), "is_loaded_in_4bit", False)
