"""What an op comes to is remembered, and told apart from what only looks equal; what is kept is bounded."""

from __future__ import annotations

from typing import Any

import pytest

import archspec
from archspec.diagnostics import SpecError
from archspec.elaborate import making


def network(node: str, shape: str = "[N, 4, 8]") -> archspec.Graph:
    return archspec.loads(f"archspec: 1\ninput: {shape}\ngraph:\n  a: {node}\n")


@pytest.mark.parametrize(
    ("good", "equal"),
    [
        ("{op: Linear, out_features: 1}", "{op: Linear, out_features: 1.0}"),
        ("{op: Linear, out_features: 1}", "{op: Linear, out_features: true}"),
        ("{op: flatten, start_dim: 1}", "{op: flatten, start_dim: true}"),
        ("{op: sum, dim: [1]}", "{op: sum, dim: [true]}"),
    ],
)
def test_equal_values_of_other_types(good: str, equal: str) -> None:
    for _ in range(2):
        assert network(good).nodes
        with pytest.raises(SpecError) as caught:
            network(equal)
        assert caught.value.diagnostics[0].code == "wrong-type"


def test_numbers_that_print_differently() -> None:
    written: list[str] = [archspec.to_python(network(f"{{op: mul, other: {zero}}}")) for zero in ("0.0", "-0.0", "0.0")]
    assert written[0] == written[2] != written[1]


def test_the_same_op_on_other_types() -> None:
    node = "{op: Linear, out_features: 3}"
    assert [network(node, f"[N, {size}]").nodes[0].op.in_features for size in (4, 5, 4)] == [4, 5, 4]  # type: ignore[attr-defined]
    for _ in range(2):
        with pytest.raises(SpecError, match="float"):
            archspec.loads(f"archspec: 1\ninput: {{shape: [N, 4], dtype: int64}}\ngraph:\n  a: {node}\n")


def test_long_arguments_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    remembered = making._make  # pyright: ignore[reportPrivateUsage]

    def spy(*arguments: Any) -> making.Made:
        made.append(arguments)
        return remembered(*arguments)

    monkeypatch.setattr(making, "_make", spy)
    network("{op: index_select, dim: 1, index: [0, 1]}")
    assert len(made) == 1
    network(f"{{op: index_select, dim: 1, index: {[0] * 1_000}}}")
    network(f"{{op: index_select, dim: 1, index: {[0] * 1_000}}}")
    assert len(made) == 1
