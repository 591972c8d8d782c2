"""The random specs are what they should be: of every kind, and never thrown away."""

from __future__ import annotations

import re

import pytest
from hypothesis import Phase, given, settings

from archspec import ops
from tests.random_specs.sketch import Sketch
from tests.random_specs.whole import all_children
from tests.strategies import specs

EXAMPLES = 1600

CONSTRUCTS = {
    "params": r"^params:",
    "let": r"^let:",
    "a let among nodes": r"^ +(- )?let \w+:",
    "several inputs": r"^inputs:\n  x: .*\n  y:",
    "a loop": r"^ +for i\d+ in range",
    "a loop in a list": r"^ +- for i",
    "a loop with nested targets": r"^ +(- )?for i\d+, \(c, d\) in enumerate\(zip",
    "a loop backwards": r"in reversed\(enumerate",
    "a loop in a loop": r"_\$\(i\d+\)_\$i",
    "if": r"^ +(- )?if ",
    "elif": r"^ +elif ",
    "else": r"^ +else:",
    "when": r"when: ",
    "else of a removed node": r"when: .*, else: ",
    "repeat": r"repeat: \d",
    "a label": r"as: ",
    "a list graph": r"^graph:\n  - ",
    "a list within": r"graph:\n +- ",
    "a graph within a list": r"^ +- (as: \w+|from: \w+)?\n? *graph:",
    "reuse": r"reuse: ",
    "a block with params": r"^ +Block\d+:\n    params: ",
    "a block with inputs": r"^ +inputs: \[x\d+, y\d+\]",
    "a block with lets": r"^    let:\n      wide:",
    "a block with an output": r"^    outputs: \w",
    "a block with outputs": r"^    outputs: \{out0",
    "a param without default": r"params: \{.*: int",
    "an op as a param": r"\$act\b",
    "a record as a param": r"\$norm\b",
    "an expression over params": r"[*+] ?width|width \+|\d \* width",
    "an expression over shapes": r"\d \* input\.channels",
    "a size read at run time": r"input\.shape\[1\]",
    "names of parts": r"^ +left\d+\S*, right\d+\S*:",
    "a part by number": r"from: (split|chunk)\d+\S*\.1\b",
    "a part by name": r"\.(output|h_n)\b",
    "all children": r"from: m\d+\S*\.\*",
    "operands by name": r"from: \{input: ",
    "like": r"like: ",
    "an inner node": r"from: (graph|block|branch)\d+\S*\.[a-z]+\d",
    "in place": r"inplace: true",
    "a parameter": r"op: Parameter, shape",
    "a constant": r"op: (Parameter|Buffer), value: \[",
    "a library of blocks": r"^imports:\n  parts: parts.yaml",
    "a block of a library": r"\bparts\.Block\d+\b",
    "a network as an op": r"^imports:\n  (Block\d+): \1\.yaml",
    "a table of positions": r"op: Embedding, .*from: arange",
    "a mask": r"dtype: bool",
    "several memories": r"op: Transformer, .*from: \[",
    "indices of a pooling": r"op: MaxUnpool\dd, .*from: \[.*\.0, .*\.1\]",
    "a state handed on": r"from: \[.*\.h_1, .*\.c_1\]",
    "a tuple of outputs": r"^outputs:\n  - ",
    "outputs by name": r"^outputs:\n  o0: ",
    "several values in one output": r"^  (- |o\d+: )(\{from: )?\[",
    "an output in training": r"only: training",
    "an output in evaluation": r"only: eval",
}


@pytest.fixture(scope="module")
def written() -> list[Sketch]:
    """Many specs, the same ones each time."""
    found: list[Sketch] = []

    @settings(max_examples=EXAMPLES, phases=[Phase.generate], derandomize=True, database=None)
    @given(specs(rare=True))
    def collect(spec: Sketch) -> None:
        found.append(spec)

    collect()
    return found


def test_hardly_any_is_thrown_away(written: list[Sketch]) -> None:
    assert len(written) > 0.98 * EXAMPLES


@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_a_construct_occurs(construct: str, written: list[Sketch]) -> None:
    assert any(re.search(CONSTRUCTS[construct], spec.text, re.MULTILINE) for spec in written)


def test_every_family_of_ops_occurs(written: list[Sketch]) -> None:
    used = {child.op for spec in written for child in all_children(spec)}
    missing = {family for family, names in ops.FAMILIES.items() if not used & set(names.split())}
    assert not missing
