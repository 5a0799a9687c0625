"""Attention along the branches of a tree is attention under the mask of that tree."""

from unittest.mock import patch

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from utils.models import tree_attention
from utils.models.tree_attention import attend, attention_tree

HEADS, GROUPS, SIZE = 4, 2, 8


def mask_of(rows: list[tuple[int, int]]) -> tuple[torch.Tensor, list[int]]:
    """Rows given as (what of the row before is shared, in per cent; own tokens) → what each place sees, and the last
    place of each row."""
    path, paths, taken = [], [], 0
    for percent, own in rows:
        path = [*path[: percent * len(path) // 100], *range(taken, taken + own)]
        paths.append(path)
        taken += own
    seen = torch.zeros(taken, taken, dtype=torch.bool)
    for path in paths:
        for at, place in enumerate(path):
            seen[place, path[: at + 1]] = True
    return seen, [path[-1] for path in paths]


def tree_of(rows: list[tuple[int, int]]) -> tree_attention.Tree:
    """The tree that costs least if a block costs nothing: the whole sequence is one only where it is one branch."""
    with patch.object(tree_attention, "COST_OF_A_BLOCK", 0):
        return attention_tree(*mask_of(rows))


def inputs(n: int, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    torch.manual_seed(n)
    query, key, value = (torch.randn(n, heads, SIZE) for heads in (HEADS, GROUPS, GROUPS))
    return [one.to(dtype).requires_grad_() for one in (query * 0.3, key, value)]


def slope(n: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.linspace(-1, 1, n * HEADS * SIZE).view(n, HEADS, SIZE).to(dtype)


def masked(given_: list[torch.Tensor], seen: torch.Tensor) -> list[torch.Tensor]:
    """What PyTorch gives, and the gradients of its inputs."""
    query, key, value = (one.transpose(0, 1)[None] for one in given_)
    attention = torch.nn.functional.scaled_dot_product_attention
    out = attention(query, key, value, attn_mask=seen, scale=1, enable_gqa=True)[0].transpose(0, 1)
    return [out.detach(), *torch.autograd.grad(out, given_, slope(len(out), out.dtype))]


def along(given_: list[torch.Tensor], tree: tree_attention.Tree) -> list[torch.Tensor]:
    with torch.no_grad():
        out, back = attend(*given_, tree)
        return [out, *back(slope(len(out), out.dtype))]


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(1, 30)), min_size=1, max_size=8), st.booleans())
def test_any_tree_gives_the_output_and_gradients_of_its_mask(rows, whole):
    seen, ends = mask_of(rows)
    given_, tree = inputs(len(seen)), attention_tree(seen, ends) if whole else tree_of(rows)
    for one, other in zip(along(given_, tree), masked(given_, seen), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("rows", [[(0, 60), (50, 30), (80, 50), (0, 7)], [(0, 400), (50, 300), (20, 300)]])
def test_in_bf16_it_is_as_exact_as_the_fused_kernel(rows):
    seen, ends = mask_of(rows)
    exact, rounded = inputs(len(seen)), inputs(len(seen), torch.bfloat16)
    truth, ours = masked(exact, seen), along(rounded, attention_tree(seen, ends))
    for true, one, other in zip(truth, ours, masked(rounded, seen), strict=True):
        assert (one - true).norm() < 1.5 * (other - true).norm() < 0.05 * true.norm()


def test_a_branch_is_computed_once_and_long_ones_are_not_padded():
    tree = attention_tree(*mask_of([(0, 1000), (50, 600), (50, 300), (0, 5)]))
    # Places 0-499 lead to three branches: 500-999 and 1000-1599, of which the third row shares 50, and 1600-1899.
    blocks = [sorted(block.real.sum(dim=(1, 2)).tolist()) for block in tree.blocks]
    assert sorted(blocks) == [[5], [50], [300], [500], [500], [550]]


def test_few_short_branches_are_one_block_and_a_short_sequence_is_computed_whole():
    [block] = attention_tree(*mask_of([(0, 60), *[(0, 50)] * 9])).blocks
    assert block.queries.shape == (10, 60)
    [block] = attention_tree(*mask_of([(0, 60), (50, 30), (80, 5), (0, 7)])).blocks
    assert block.queries is None and block.bias.shape == (1, 102, 1, 102)


def test_queries_and_keys_may_be_wider_than_values():
    query, key, value = inputs(9)
    out, back = attend(query.detach(), key.detach(), value.detach().bfloat16(), tree_of([(0, 5), (60, 4)]))
    assert out.dtype == torch.bfloat16
    assert {one.dtype for one in back(out)} == {torch.bfloat16}


@pytest.mark.parametrize("whole", [True, False])
def test_nothing_leaks_from_one_row_into_another(whole):
    rows = [(0, 12), (50, 6)]
    tree = attention_tree(*mask_of(rows)) if whole else tree_of(rows)
    query, key, value = (one.detach() for one in inputs(18))
    before, _ = attend(query, key, value, tree)
    value[6:12] = 1e6  # tokens of the first row alone
    after, _ = attend(query, key, value, tree)
    assert torch.equal(before[12:], after[12:])
    assert not torch.allclose(before[6:12], after[6:12])
    assert pytest.approx(0, abs=1e-6) == float((before[:6] - after[:6]).abs().max())
