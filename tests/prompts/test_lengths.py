"""Lengths: the audit."""

import pytest

from utils.prompts import length_audit


def test_length_audit():
    audit = length_audit(range(1, 101), max_length=95)
    assert audit == {"records": 100, "p50": 50, "p90": 90, "p99": 99, "longest": 100, "over": 5, "share_over": 0.05}
    with pytest.raises(ValueError, match="no lengths"):
        length_audit([], max_length=5)
