"""Attention along the branches of a tree is attention under the mask of that tree."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from utils.training.tree_attention import TreeAttention, tree

HEADS, GROUPS, SIZE = 4, 2, 8


def paths_of(rows: list[tuple[int, int]]) -> list[list[int]]:
    """Rows given as (what of the row before is shared, in per cent; own tokens)."""
    paths, taken = [], 0
    for percent, own in rows:
        shared = paths[-1][: percent * len(paths[-1]) // 100] if paths else []
        paths.append([*shared, *range(taken, taken + own)])
        taken += own
    return paths


def inputs(n: int, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    torch.manual_seed(n)
    return [torch.randn(1, heads, n, SIZE).to(dtype).requires_grad_() for heads in (HEADS, GROUPS, GROUPS)]


def masked(query, key, value, paths) -> torch.Tensor:
    n = query.shape[2]
    seen = torch.zeros(n, n, dtype=torch.bool)
    for path in paths:
        for at, place in enumerate(path):
            seen[place, path[: at + 1]] = True
    return torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=seen, scale=0.3, enable_gqa=True
    )


def with_gradients(out: torch.Tensor, given: list[torch.Tensor]) -> list[torch.Tensor]:
    weights = torch.linspace(-1, 1, out.numel()).view_as(out).to(out.dtype)
    return [out.detach(), *torch.autograd.grad(out, given, weights)]


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(1, 30)), min_size=1, max_size=8))
def test_any_tree_gives_the_output_and_gradients_of_its_mask(rows):
    paths = paths_of(rows)
    given_ = inputs(paths[-1][-1] + 1)
    ours = with_gradients(TreeAttention.apply(*given_, tree(paths), 0.3), given_)
    for one, other in zip(ours, with_gradients(masked(*given_, paths), given_), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_in_bf16_it_is_as_exact_as_the_fused_kernel():
    paths = paths_of([(0, 60), (50, 30), (80, 50), (0, 7)])
    exact = inputs(147)
    truth = with_gradients(masked(*exact, paths), exact)
    rounded = inputs(147, torch.bfloat16)
    ours = with_gradients(TreeAttention.apply(*rounded, tree(paths), 0.3), rounded)
    fused = with_gradients(masked(*rounded, paths), rounded)
    for true, one, other in zip(truth, ours, fused, strict=True):
        assert (one - true).norm() < 1.5 * (other - true).norm() < 0.05 * true.norm()


def test_a_branch_is_computed_once_and_long_ones_are_not_padded():
    paths = paths_of([(0, 1000), (50, 600), (50, 300), (0, 5)])
    # Places 0-499 lead to three branches: 500-999 and 1000-1599, of which the third row shares 50, and 1600-1899.
    blocks = [sorted(block.real.sum(dim=(1, 2)).tolist()) for block in tree(paths).blocks]
    assert sorted(blocks) == [[5], [50], [300], [500], [500], [550]]


def test_few_short_branches_are_one_block_however_much_of_it_is_padding():
    assert len(tree(paths_of([(0, 60), (50, 30), (80, 5), (0, 7)])).blocks) == 1


def test_keys_in_another_precision_than_values_are_taken_in_theirs():
    query, key, value = inputs(9)
    along = tree([list(range(9))])
    out = TreeAttention.apply(query, key, value.bfloat16(), along, 0.3)
    assert out.dtype == torch.bfloat16
    assert {g.dtype for g in torch.autograd.grad(out.float().sum(), [query, key])} == {torch.float32}


def test_nothing_leaks_from_one_row_into_another():
    paths = paths_of([(0, 12), (50, 6)])
    query, key, value = (one.detach() for one in inputs(18))
    along = tree(paths)
    before = TreeAttention.apply(query, key, value, along, 0.3)
    value[:, :, 6:12] = 1e6  # tokens of the first row alone
    after = TreeAttention.apply(query, key, value, along, 0.3)
    assert torch.equal(before[:, :, 12:], after[:, :, 12:])
    assert not torch.allclose(before[:, :, 6:12], after[:, :, 6:12])
    assert pytest.approx(0, abs=1e-6) == float((before[:, :, :6] - after[:, :, :6]).abs().max())
