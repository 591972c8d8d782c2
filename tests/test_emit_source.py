"""The exported file: what it says, word for word where that is the point, and how it is formatted."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import archspec
from archspec.emit.python import emit

ROOT = Path(__file__).parent.parent
FILES = [*sorted((ROOT / "tests" / "cases" / "ok").glob("*.yaml")), *sorted((ROOT / "specs").glob("*.yaml"))]


def body(text: str) -> str:
    """The classes that a graph is exported to."""
    source = archspec.to_python(archspec.loads(f"archspec: 1\n{text}", name="net"))
    return source[source.index("class ") :]


def method(source: str, cls: str, name: str = "forward") -> str:
    """A method's statements."""
    found = next(node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == cls)
    function = next(node for node in found.body if isinstance(node, ast.FunctionDef) and node.name == name)
    return "\n".join(ast.unparse(statement) for statement in function.body)


def test_a_residual_block() -> None:
    assert (
        body("""
name: small
input: [N, 16, 8, 8]
blocks:
  Residual:
    params: {width: int, stride: 1}
    graph:
      conv1: {op: Conv2d, out_channels: width, kernel_size: 3, stride: stride, padding: 1, bias: false}
      relu: ReLU
      conv2: {op: Conv2d, out_channels: 2 * width, kernel_size: 1}
      shortcut: {op: Conv2d, from: input, out_channels: 2 * width, kernel_size: 1, stride: stride}
      add: {op: add, from: [conv2, shortcut]}
graph:
  one: {op: Residual, width: 8}
  two: {op: Residual, width: 16, stride: 2}
  three: {op: Residual, width: 4}
""")
        == """\
class Residual(nn.Module):
    def __init__(self, in_channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride=stride, padding=1, bias=False)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width * 2, 1)
        self.shortcut = nn.Conv2d(in_channels, width * 2, 1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(x)
        out = self.relu(out)
        out = self.conv2(out)
        shortcut = self.shortcut(x)
        return out + shortcut


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = Residual(16, 8)
        self.two = Residual(16, 16, stride=2)
        self.three = Residual(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.one(x)
        x = self.two(x)
        return self.three(x)
"""
    )


def test_forms_of_one_block_are_classes_of_their_own() -> None:
    source = body("""
name: forms
input: [N, 8, 8, 8]
blocks:
  Unit:
    params: {width: int, act: ReLU}
    graph:
      conv: {op: Conv2d, out_channels: width, kernel_size: 1}
      act: $act
      project: {op: Conv2d, from: input, out_channels: width, kernel_size: 1, when: width != input.channels}
      add: {op: add, from: [act, project]}
graph:
  - {op: Unit, width: 8}
  - {op: Unit, width: 16}
  - {op: Unit, width: 16, act: SiLU}
""")
    assert [line for line in source.splitlines() if line.startswith("class ")] == [
        "class Unit(nn.Module):",
        "class UnitProject(nn.Module):",
        "class UnitSiLU(nn.Module):",
        "class Forms(nn.Sequential):",
    ]


def test_lists_are_sequential_and_long_runs_are_comprehensions() -> None:
    source = body("""
name: runs
input: [N, 16]
blocks:
  Grow:
    graph:
      fc: {op: Linear, out_features: 8}
      cat: {op: cat, from: [input, fc]}
graph:
  equal:
    - {op: Linear, out_features: 16, repeat: 5}
    - relu
  growing:
    - {op: Grow, repeat: 4}
  named:
    for i in range(1, 6):
      layer$i: Grow
""")
    assert method(source, "Runs", "__init__").splitlines()[1:] == [
        "self.equal = nn.Sequential(*[nn.Linear(16, 16) for _ in range(5)], nn.ReLU())",
        "self.growing = nn.Sequential(*[Grow(i) for i in range(16, 48, 8)])",
        "self.named = nn.Sequential(OrderedDict(((f'layer{i}', Grow(40 + 8 * i)) for i in range(1, 6))))",
    ]


def test_values_that_cross_scopes() -> None:
    source = body("""
name: crossing
input: [N, 4, 8, 8]
graph:
  stem: {op: Conv2d, out_channels: 4, kernel_size: 1}
  act: ReLU
  body:
    - {op: Conv2d, out_channels: 4, kernel_size: 1, as: first}
    - {op: mul, from: [first, stem]}
    - {op: Conv2d, out_channels: 4, kernel_size: 1}
  sum: {op: add, from: [body, body.first]}
""")
    assert method(source, "Body") == (
        "x = getattr(self, '0')(x)\nout = x * stem\nout = getattr(self, '2')(out)\nreturn (out, x)"
    )
    assert "def forward(self, x: Tensor, stem: Tensor) -> tuple[Tensor, Tensor]:" in source
    assert method(source, "Crossing").splitlines() == [
        "x = self.stem(x)",
        "act = self.act(x)",
        "x, x0 = self.body(act, x)",
        "return x + x0",
    ]


def test_training_only_outputs_stand_where_their_operands_are_ready() -> None:
    source = body("""
name: auxiliary
input: [N, 4, 8, 8]
graph:
  a: {op: Conv2d, out_channels: 4, kernel_size: 1}
  b: {op: Conv2d, out_channels: 4, kernel_size: 1}
  head: {op: Conv2d, out_channels: 2, kernel_size: 1}
  aux: {op: Conv2d, from: a, out_channels: 2, kernel_size: 1}
outputs: {logits: head, aux: {from: aux, only: training}}
""")
    assert method(source, "Auxiliary").splitlines() == [
        "x = self.a(x)",
        "if self.training:",
        "    aux = self.aux(x)",
        "x = self.b(x)",
        "x = self.head(x)",
        "outputs = {'logits': x}",
        "if self.training:",
        "    outputs['aux'] = aux",
        "return outputs",
    ]


def test_skips_are_named_and_let_go() -> None:
    source = body("""
name: skips
input: [N, 4, 16, 16]
graph:
  enc0: {op: Conv2d, out_channels: 8, kernel_size: 1}
  pool0: {op: MaxPool2d, kernel_size: 2}
  enc1: {op: Conv2d, out_channels: 32, kernel_size: 1}
  pool1: {op: MaxPool2d, kernel_size: 2}
  up1: {op: interpolate, like: enc1}
  join1: {op: cat, from: [enc1, up1]}
  dec1: {op: Conv2d, out_channels: 8, kernel_size: 1}
  up0: {op: interpolate, like: enc0}
  join0: {op: cat, from: [enc0, up0]}
  head: {op: Conv2d, out_channels: 1, kernel_size: 1}
""")
    assert method(source, "Skips").splitlines() == [
        "enc0 = self.enc0(x)",
        "x = self.pool0(enc0)",
        "enc1 = self.enc1(x)",
        "x = self.pool1(enc1)",
        "x = F.interpolate(x, size=enc1.shape[2:])",
        "x = torch.cat((enc1, x), 1)",
        "del enc1",
        "x = self.dec1(x)",
        "x = F.interpolate(x, size=enc0.shape[2:])",
        "x = torch.cat((enc0, x), 1)",
        "return self.head(x)",
    ]


def test_names_that_are_no_identifiers() -> None:
    source = body("""
name: class
input: [N, 4]
blocks:
  Linear: {graph: {a-b: ReLU, lambda: {op: Bilinear, from: [a-b, input], out_features: 4}}}
graph:
  __hidden: {op: Bilinear, from: [input, input], out_features: 4}
  torch: Linear
  "7": ReLU
""")
    assert "class LinearBlock(nn.Module):" in source
    assert method(source, "Class", "__init__").splitlines()[1:] == [
        "self.add_module('__hidden', nn.Bilinear(4, 4, 4))",
        "self.torch = LinearBlock()",
        "self.add_module('7', nn.ReLU())",
    ]
    assert "getattr(self, 'a-b')" in method(source, "LinearBlock")


def test_a_long_line_of_a_doc_goes_on_with_the_next() -> None:
    long = "word " * 20
    broken = (" ".join(["word"] * 19), "word")
    source = archspec.to_python(
        archspec.loads(f"""
archspec: 1
name: net
doc: |
  a title
  {long}
  and the end.
  - {long}
  - an item
  {long}
  # a heading
  {long}
  | a | table |
  {long}
  ```
  code
  ```

  the last line
input: [N, 4]
graph: [ReLU]
""")
    )
    assert (ast.get_docstring(ast.parse(source)) or "").split("\n")[:19] == [
        "net: a title",
        " ".join(["word"] * 19),
        "word and the end.",
        "- " + " ".join(["word"] * 19),
        "word",
        "- an item",
        *(*broken, "# a heading", *broken, "| a | table |", *broken, "```", "code", "```"),
        "",
        "the last line",
    ]


def test_text_of_a_spec_is_never_code() -> None:
    source = archspec.to_python(
        archspec.loads("""
archspec: 1
name: net
doc: "one \\\\ \\"\\"\\"; import os #"
input: [N, 4]
graph:
  fc: {op: Linear, out_features: 4}
outputs: {'a"]; import os #': fc}
""")
    )
    tree = ast.parse(source)
    assert not any(isinstance(node, ast.Import) and node.names[0].name == "os" for node in ast.walk(tree))
    assert 'one \\ """; import os #' in (ast.get_docstring(tree) or "")


def test_frozen_modules_are_turned_off_as_a_whole() -> None:
    source = body("""
name: frozen
input: [N, 4]
graph:
  body:
    - {op: Linear, out_features: 4, repeat: 6}
  head: {op: Linear, out_features: 4}
freeze: ['*', '!head.weight']
""")
    assert method(source, "Frozen", "__init__").splitlines()[-2:] == [
        "self.body.requires_grad_(False)",
        "self.head.bias.requires_grad_(False)",
    ]


@pytest.mark.parametrize(
    ("rule", "written"),
    [
        ("std: 0.02", "nn.init.normal_(self.w, std=0.02)"),
        ("std: 0.02, mean: 0.5, a: 0.3, b: 9", "nn.init.normal_(self.w, mean=0.5, std=0.02)"),
        ("std: 0.02, mean: 0.5, a: -9, b: 0.6", "nn.init.trunc_normal_(self.w, a=-9, b=0.6, mean=0.5, std=0.02)"),
        ("std: 0.25", "nn.init.trunc_normal_(self.w, std=0.25)"),
        ("mean: 50", "nn.init.trunc_normal_(self.w, mean=50)"),
        ("std: 0", "nn.init.trunc_normal_(self.w, std=0)"),
    ],
)
def test_bounds_that_no_number_meets_are_left_out(rule: str, written: str) -> None:
    node = f"{{op: Parameter, shape: [8], init: {{op: trunc_normal_, {rule}}}}}"
    graph = archspec.loads(
        f"archspec: 1\nname: net\ninput: [N, 8]\ngraph:\n  w: {node}\n  add: {{op: add, from: [input, w]}}\n"
    )
    assert method(archspec.to_python(graph), "Net", "init_weights").splitlines()[-1].strip() == written


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_formatted_and_free_of_archspec(path: Path, tmp_path: Path) -> None:
    program = emit(archspec.load(path))
    assert program.source == emit(archspec.load(path)).source
    assert f"class {program.class_name}(" in program.source
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(program.source))
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in getattr(node, "names", [])]
        )
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported <= {"torch", "collections"}
    file = tmp_path / "model.py"
    file.write_text(program.source)
    for command in (
        ["format", "--check", "--line-length", "100"],
        ["check", "--line-length", "100", "--select", "E,F,I,B,UP"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", file], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
