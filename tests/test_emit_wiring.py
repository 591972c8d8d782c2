"""Graphs that are hard to turn into modules; each must run as inferred, and return what its nodes compute."""

from __future__ import annotations

import pytest

import archspec
from archspec.diagnostics import InternalError, SpecError
from archspec.emit.literals import literal
from archspec.emit.torch import build, run_and_compare

CASES = {
    "names that are no identifiers": """
input: [N, 3, 8, 8]
blocks:
  Linear:
    graph:
      a-b: {op: Conv2d, out_channels: 4, kernel_size: 1}
      lambda: {op: Conv2d, out_channels: 4, kernel_size: 1}
      __x: {op: Conv2d, out_channels: 4, kernel_size: 1}
      3: {op: Conv2d, out_channels: 4, kernel_size: 1}
      self: {op: Conv2d, out_channels: 4, kernel_size: 1}
      sum: {op: add, from: [self, a-b]}
graph:
  nn: Linear
  torch: Linear
  in:
    a-b: {op: Conv2d, out_channels: 4, kernel_size: 1}
    b: {op: Conv2d, out_channels: 4, kernel_size: 1}
  out: {op: add, from: [nn, in]}
""",
    "values that cross several scopes, shapes too": """
inputs: {image: [N, 3, 16, 16], text: [N, 7]}
graph:
  stem: {op: Conv2d, from: image, out_channels: 8, kernel_size: 3, padding: 1}
  body:
    one: {op: Conv2d, out_channels: 8, kernel_size: 3, padding: 1}
    inner:
      deep: {op: Conv2d, out_channels: 8, kernel_size: 3, padding: 1}
      deeper:
        - {op: Conv2d, out_channels: 8, kernel_size: 3, padding: 1, as: first}
        - {op: add, from: [first, stem]}
        - ReLU
    last: {op: add, from: [inner, one]}
  late: {op: add, from: [body.inner.deeper.first, body.one]}
  proj: {op: Linear, from: text, out_features: 8}
  view: {op: reshape, shape: [-1, 8, 1, 1]}
  mix: {op: mul, from: [late, view]}
  flat: {op: reshape, from: mix, shape: [-1, mix.height * mix.width // 2, 16]}
outputs: {flat: flat, body: body, aux: {from: body.inner.deep, only: training}, both: [mix, body.one]}
""",
    "a block with two inputs, used again; a tap in it": """
input: [N, 3, 16, 16]
blocks:
  Head:
    inputs: [x, skip]
    graph:
      conv: {op: Conv2d, from: x, out_channels: 8, kernel_size: 3, padding: 1}
      conv2: {reuse: conv, from: conv}
      add: {op: add, from: [conv2, skip]}
graph:
  p3: {op: Conv2d, out_channels: 8, kernel_size: 1}
  p4: {op: Conv2d, out_channels: 8, kernel_size: 1}
  head: {op: Head, from: [p3, p4]}
  head4: {reuse: head, from: [p4, head]}
  fc: {op: Conv2d, out_channels: 8, kernel_size: 1}
  fc2: {reuse: fc, from: p3}
  c: {op: cat, from: [head4, fc, fc2]}
outputs: {c: c, tap: head.conv}
""",
    "parts of a used-again graph, used again": """
input: [N, 4, 8, 8]

graph:
  enc:
    one: {op: Conv2d, out_channels: 4, kernel_size: 1}
    two:
      - {op: Conv2d, out_channels: 4, kernel_size: 1}
      - ReLU
  again: {reuse: enc, from: enc}
  part: {reuse: enc.two, from: again}
  deep: {reuse: enc.two.0, from: part}
  sum: {op: add, from: [deep, enc.one, again.one, again.two.0]}
""",
    "a tuple that differs by mode": """
input: [N, 3, 16, 16]
graph:
  features:
    a: {op: Conv2d, out_channels: 8, kernel_size: 1}
    aux: {op: Conv2d, out_channels: 8, kernel_size: 1}
    b: {op: Conv2d, out_channels: 8, kernel_size: 1, from: a}
  head: {op: Conv2d, out_channels: 8, kernel_size: 1}
  aux_head: {op: Conv2d, from: features.aux, out_channels: 4, kernel_size: 1}
outputs:
  - head
  - {from: aux_head, only: training}
  - {from: features.a, only: eval}
""",
    "training-only values that cross a scope": """
input: [N, 4, 8, 8]

graph:
  f:
    a: {op: Conv2d, out_channels: 4, kernel_size: 1}
    g:
      aux: {op: Conv2d, out_channels: 4, kernel_size: 1}
      aux2: {op: Conv2d, out_channels: 4, kernel_size: 1}
    b: {op: Conv2d, from: a, out_channels: 4, kernel_size: 1}
    ev: {op: softmax, from: b}
outputs:
  b: f.b
  aux: {from: f.g.aux, only: training}
  aux2: {from: f.g.aux2, only: training}
  ev: {from: f.ev, only: eval}
""",
    "a second use in one mode only": """
input: [N, 4, 8, 8]

blocks:
  Head:
    graph:
      c: {op: Conv2d, out_channels: 4, kernel_size: 1}
      d: {op: Dropout, p: 0.5}
      e: {op: Conv2d, out_channels: 2, kernel_size: 1}
graph:
  a: {op: Conv2d, out_channels: 4, kernel_size: 1}
  head: Head
  b: {op: Conv2d, from: a, out_channels: 4, kernel_size: 1}
  head2: {reuse: head, from: b}
  inner:
    from: a
    graph:
      q: {op: Conv2d, out_channels: 4, kernel_size: 1}
      r: {op: Conv2d, out_channels: 4, kernel_size: 1}
outputs: {x: head, y: {from: head2, only: training}, z: {from: inner, only: eval}, w: {from: head2.c, only: training}}
""",
    "a value whose last reader runs in training only": """
input: [N, 8, 16, 16]
graph:
  a: {op: Conv2d, out_channels: 8, kernel_size: 1}
  b: {op: Conv2d, out_channels: 8, kernel_size: 1}
  c: {op: add, from: [a, b]}
  d: {op: Conv2d, out_channels: 8, kernel_size: 1}
  u: {op: mul, from: [a, c]}
  v: {op: Conv2d, out_channels: 8, kernel_size: 1}
  w: {op: Conv2d, out_channels: 8, kernel_size: 1}
  e: {op: Conv2d, from: d, out_channels: 8, kernel_size: 1}
  f: {op: Conv2d, out_channels: 8, kernel_size: 1}
  g: {op: Conv2d, out_channels: 8, kernel_size: 1}
outputs: {g: g, w: {from: w, only: training}, t: {from: b, only: eval}}
""",
    "a block that passes its input on, and gets one value twice": """
input: [N, 4, 8, 8]

blocks:
  B:
    inputs: [a, b]
    graph:
      c: {op: Conv2d, from: a, out_channels: 4, kernel_size: 1}
      d: {op: add, from: [c, b]}
    outputs: {main: d, raw: b, c: c}
graph:
  s: {op: Conv2d, out_channels: 4, kernel_size: 1}
  x: {op: B, from: [s, s]}
  y: {op: B, from: [x.main, x.raw]}
  z: {op: cat, from: [y.main, y.raw, y.c, x.c]}
""",
    "a block over a list of inputs": """
input: [N, 4, 8, 8]

blocks:
  Fuse:
    inputs: xs
    params: {n: int}
    graph:
      for i in range(n):
        p$i: {op: Conv2d, from: xs.$i, out_channels: 4, kernel_size: 1}
      sum: {op: add, from: [p0, p1]}
graph:
  a: {op: Conv2d, out_channels: 4, kernel_size: 1}
  b: {op: Conv2d, out_channels: 6, kernel_size: 1}
  f: {op: Fuse, n: 2, from: [a, b]}
  g: {op: Fuse, n: 2, from: [f, f]}
""",
    "one value read twice": """
input: [N, 4, 8, 8]

graph:
  s: {op: Conv2d, out_channels: 4, kernel_size: 1}
  sq: {op: mul, from: [s, s]}
  at: {op: cat, from: [sq, sq, s]}
  h: {op: chunk, chunks: 3}
  k: {op: add, from: [h.0, h.2]}
""",
    "inputs and parameters as outputs": """
input: [N, 4, 8, 8]

graph:
  c: {op: Conv2d, out_channels: 4, kernel_size: 1}
  tok: {op: Parameter, shape: [3], value: 0.0}
outputs: {c: c, tok: tok, x: input}
""",
    "parameters among numbered children, read from outside": """
input: [N, 4, 8, 8]

blocks:
  T:
    graph:
      tok: {op: Parameter, shape: [1, 4, 1, 1], init: ones_}
      m: {op: mul, from: [input, tok]}
graph:
  body:
    - {op: T, as: t}
    - {op: Parameter, shape: [1, 4, 1, 1], init: ones_, as: p}
    - {op: add, from: [t, p]}
    - {op: Buffer, value: 2.0, shape: [1, 4, 1, 1], as: bf}
    - {op: add, from: [bf, "2"]}
  out: {op: add, from: [body, body.t.tok]}
""",
    "two uses that differ in what they return": """
input: [N, 4]
blocks:
  Two:
    graph:
      a: {op: Parameter, shape: [4], init: zeros_}
      b: {op: Parameter, shape: [4], init: ones_}
      c: {op: add, from: [input, a]}
      d: {op: add, from: [c, b]}
graph:
  one: {op: Two, from: input}
  two: {op: Two, from: one}
  s: {op: add, from: [two, one.a]}
  t: {op: add, from: [s, two.b]}
""",
    "constants of forward that differ between uses": """
input: [N, 8, 16, 16]
blocks:
  Shuffle:
    params: {half: int, type: 1.0}
    graph:
      split: {op: reshape, shape: [-1, half, input.channels // half, input.height, input.width]}
      swap: {op: transpose, dim0: 1, dim1: 2}
      back: {op: reshape, shape: [-1, input.channels, input.height, input.width]}
      scale: {op: mul, other: type * half}
      conv: {op: Conv2d, out_channels: 8 * half, kernel_size: 1}
graph:
  a: {op: Shuffle, half: 2}
  b: {op: Shuffle, half: 4}
  c: {op: Shuffle, half: 8}
""",
    "functions take numbers": """
input: [N, 3, 16, 16]
graph:
  - {op: Conv2d, out_channels: 8, kernel_size: 1}
  - relu
  - {op: mean, dim: [2, 3]}
  - {op: Linear, out_features: 4}
  - - {op: Linear, out_features: 4}
    - {op: Linear, out_features: 4}
    - {op: Linear, out_features: 4}
    - {op: Linear, out_features: 4}
    - {op: Linear, out_features: 4}
""",
    "a tapped list with edges back": """
input: [N, 3, 64, 64]
blocks:
  Conv:
    params: {c: int, k: 1, s: 1}
    graph:
      conv: {op: Conv2d, out_channels: c, kernel_size: k, stride: s, padding: k // 2, bias: false}
      bn: BatchNorm2d
      act: SiLU
  C2f:
    params: {c: int, n: 1, shortcut: false}
    let: {h: c // 2}
    graph:
      cv1: {op: Conv, c: 2 * h}
      left, right: {op: chunk, chunks: 2}
      m:
        from: right
        graph:
          - {op: Bottleneck, shortcut: shortcut, repeat: n}
      cat: {op: cat, from: [left, right, m.*]}
      cv2: {op: Conv, c: c}
  Bottleneck:
    params: {shortcut: false}
    graph:
      cv1: {op: Conv, c: input.channels, k: 3}
      cv2: {op: Conv, c: input.channels, k: 3}
      add: {op: add, from: [cv2, input], when: shortcut, else: cv2}
graph:
  model:
    - {op: Conv, c: 16, k: 3, s: 2}
    - {op: Conv, c: 32, k: 3, s: 2}
    - {op: C2f, c: 32, n: 2, shortcut: true}
    - {op: Conv, c: 64, k: 3, s: 2, as: p3}
    - {op: Conv, c: 64, k: 3, s: 2}
    - {op: C2f, c: 64, n: 1, as: p4}
    - {op: interpolate, scale_factor: 2, as: up}
    - {op: cat, from: [up, p3]}
    - {op: C2f, c: 64}
outputs: [model, model.p3, model.p4]
""",
    "tokens, attention, initialisation by class": """
params: {dim: 32, heads: 4, depth: 5}
input: [N, 3, 32, 32]
blocks:
  Block:
    graph:
      ln_1: LayerNorm
      attn: {op: MultiheadAttention, num_heads: heads, batch_first: true}
      add1: {op: add, from: [attn, input]}
      ln_2: LayerNorm
      mlp:
        - {op: Linear, out_features: 4 * dim}
        - GELU
        - {op: Linear, out_features: dim}
      add2: {op: add, from: [mlp, add1]}
graph:
  conv_proj: {op: Conv2d, out_channels: dim, kernel_size: 8, stride: 8}
  flat: {op: flatten, start_dim: 2}
  perm: {op: permute, dims: [0, 2, 1]}
  class_token: {op: Parameter, shape: [1, 1, dim], init: zeros_}
  tokens: {op: cat, dim: 1, from: [class_token, perm]}
  pos: {op: Parameter, shape: [1, "tokens.shape[1]", dim], init: {op: normal_, std: 0.02}}
  emb: {op: add, from: [tokens, pos]}
  layers:
    - {op: Block, repeat: depth}
  ln: LayerNorm
  cls: {op: select, dim: 1, index: 0}
  head: {op: Linear, out_features: 10}
init:
  Linear: {weight: xavier_uniform_, bias: zeros_}
""",
    "a tie, a recurrent layer, integers": """
input: {shape: [N, 12], dtype: int64}
graph:
  wte: {op: Embedding, num_embeddings: 50, embedding_dim: 16}
  lstm: {op: LSTM, hidden_size: 16, batch_first: true, num_layers: 2}
  pick: {op: identity, from: lstm.output}
  scale: {op: Buffer, value: [1.0, 2.0], persistent: false}
  head: {op: Linear, out_features: 50, bias: false, from: pick, tie: {weight: wte.weight}}
  first: {op: select, from: scale, dim: 0, index: 0}
  out: {op: mul, from: [head, first]}
""",
    "results of several tensors": """
input: [N, 7, 5]
graph:
  l: {op: LSTM, hidden_size: 6, batch_first: true}
  g: {op: GRU, hidden_size: 4, batch_first: true, from: l.output}
  hh: {op: transpose, from: l.h_n, dim0: 0, dim1: 1}
  h: {op: flatten, from: hh}
  o: {op: mean, from: g.output, dim: 1}
  c: {op: cat, from: [h, o]}
  tr: {op: TransformerEncoderLayer, d_model: 5, nhead: 1, batch_first: true, from: input}
  t2: {op: mean, dim: [1, 2], keepdim: false}
outputs: [c, t2, l.c_n]
init: {TransformerEncoderLayer: {linear1.weight: zeros_}}
""",
    "modules called from another graph than the one that holds them": """
input: [N, 8]
graph:
  g:
    a: {op: Linear, out_features: 8}
    b: ReLU
  h:
    tok: {op: Parameter, shape: [8], value: 1.0}
    c: {reuse: g.a, from: input}
    d: {op: add, from: [c, tok]}
    inner:
      - {reuse: g.a}
      - {op: Linear, out_features: 8}
      - {op: Dropout, p: 0.1}
    e: {op: mul, from: [inner, d]}
  k: {reuse: h, from: g}
  m:
    a: {op: Linear, out_features: 4, from: input}
    z: {reuse: g, from: input}
    aux: {op: Linear, out_features: 3, from: a}
outputs: {main: m.z, h: h, k: k, aux: {from: m.aux, only: training}}
""",
    "uses of one block that read different numbers of values": """
input: [N, 6, H, W]
blocks:
  B:
    inputs: [x, y]
    graph:
      f: {op: reshape, shape: [-1, 6, y.height * x.width], from: x}
      r: {op: Conv1d, out_channels: 6, kernel_size: 1}
graph:
  a: {op: ReLU, from: input}
  b: {op: B, from: [a, input]}
  c: {reuse: b, from: [a, a]}
  d: {op: add, from: [b, c]}
""",
    "a frozen module that shares a parameter which is trained": """
input: [N, 8]
graph:
  a: {op: Linear, out_features: 8}
  b: {op: Linear, out_features: 8, tie: {weight: a.weight}}
freeze: ['b.*']
""",
    "an op that is random in eval, too": """
input: [N, 3, 8, 8]
graph:
  a: {op: FractionalMaxPool2d, kernel_size: 1, output_ratio: 0.5}
""",
}


@pytest.mark.parametrize("case", CASES)
def test_wiring(case: str) -> None:
    graph = archspec.loads(f"archspec: 1\nname: lambda\n{CASES[case]}", name=case)
    model = build(graph)
    assert run_and_compare(graph, model) == []
    assert {name for name, _ in model.named_modules() if name} >= {
        node.module for node in graph.nodes if any(state.name for state in node.op.state())
    }


def test_uses_that_need_code_of_their_own_are_refused() -> None:
    spec = """
archspec: 1
name: t
input: [N, 8, 16, 16]
blocks:
  B:
    graph:
      p: {op: Conv2d, out_channels: 8, kernel_size: 1}
      q: {op: softmax, dim: "1 if input.height > 8 else 2"}
graph:
  a: B
  b: {op: MaxPool2d, kernel_size: 2, from: input}
  c: {reuse: a, from: b}
outputs: [a, c]
"""
    with pytest.raises(SpecError, match="bad-reuse"):
        build(archspec.loads(spec))


@pytest.mark.parametrize("value", [object(), {1, 2}, b"code", range(3)])
def test_what_is_no_literal_is_never_written(value: object) -> None:
    with pytest.raises(InternalError, match="is no literal"):
        literal((1, [value]))


def test_a_string_of_another_class_is_written_as_a_string() -> None:
    class Word(str):
        def __repr__(self) -> str:
            return "code()"

    assert literal(Word("a")) == '"a"'


def test_random_draws_of_nodes_that_are_moved_together_are_not_compared() -> None:
    graph = archspec.loads(
        "archspec: 1\ninput: [N, 3, 8, 8]\ngraph:\n  relu: ReLU\n"
        "  pool0: {op: FractionalMaxPool2d, kernel_size: 1, output_ratio: 0.5}\n"
        "  pool1: {op: FractionalMaxPool2d, kernel_size: 1, output_ratio: 0.5, from: relu}\n"
        "  conv: {op: Conv2d, out_channels: 1, kernel_size: 1, from: relu}\n"
        "outputs:\n  a: pool0\n  b: {from: pool1, only: eval}\n  c: conv\n"
    )
    assert run_and_compare(graph, build(graph)) == []
