import pytest
from models_fixture import RECORDS, trained  # noqa: F401  (a fixture)
from peft import PeftModel

from utils.adapters import load_adapter, load_merged
from utils.inference import Answer
from utils.models import load_base, quiet_peft
from utils.prompts import ALPACA, encode_prompts
from utils.serving import equal_answers, logit_difference


def test_only_the_merge_into_expanded_weights_has_the_adapters_logits(trained):  # noqa: F811
    beside, tokenizer, _ = load_adapter(trained.adapter)
    prompts = encode_prompts(RECORDS[:6], ALPACA, tokenizer)
    with quiet_peft():
        unrounded = PeftModel.from_pretrained(load_base(trained.base, quantize=False)[0], str(trained.adapter))
    merged = logit_difference(beside, load_merged(trained.adapter)[0], prompts)
    into_unrounded = logit_difference(beside, unrounded.merge_and_unload().eval(), prompts)
    assert merged < 1e-4 and into_unrounded > 0.01


def test_answers_are_equal_in_words_and_in_how_they_ended():
    answers = [Answer("Oslo", True, 9, 1), Answer("Lima", True, 9, 1)]
    assert equal_answers(answers, answers) == 1
    assert equal_answers(answers, [answers[0], Answer("Lima", False, 9, 1)]) == 0.5
    with pytest.raises(ValueError, match="2 and 1 answers"):
        equal_answers(answers, answers[:1])
