"""The loss of each row: what the model gives for it alone, however rows are packed."""

import pytest
import torch
from models_fixture import FAMILIES, RECORDS, save_model

from utils.models import load_base
from utils.prompts import ALPACA, encode
from utils.training import row_losses


@pytest.fixture(scope="module", params=FAMILIES)
def base(request, tmp_path_factory):
    return load_base(save_model(tmp_path_factory.mktemp("losses") / "base", FAMILIES[request.param]))


def alone(model, row):
    ids, labels = torch.tensor([row["input_ids"]]), torch.tensor(row["labels"][1:])
    with torch.no_grad():
        logs = model(ids).logits[0, :-1].float().log_softmax(dim=-1)
    at = (labels != -100).nonzero()[:, 0]
    return -logs[at, labels[at]].sum().item(), len(at)


def test_each_row_has_the_loss_that_it_has_alone(base):
    model, tokenizer = base
    rows = encode(RECORDS[:11], ALPACA, tokenizer, max_length=None).rows
    found = row_losses(model, tokenizer, [*rows, rows[0]])
    for (nats, tokens), row in zip(found, [*rows, rows[0]], strict=True):
        wanted, labelled = alone(model, row)
        assert tokens == labelled and nats == pytest.approx(wanted, rel=2e-3)
    assert found[0] == pytest.approx(found[-1], rel=1e-3)


def test_rows_that_no_model_can_read_are_refused(base):
    model, tokenizer = base
    with pytest.raises(ValueError, match="rows is empty"):
        row_losses(model, tokenizer, [])
    with pytest.raises(ValueError, match="no token to learn from"):
        row_losses(model, tokenizer, [{"input_ids": [5, 6], "labels": [-100, -100]}])
