"""Specs that ask for too much. `python -m tests.bombs` says what refusing them takes: of CPU time, and of memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

HEAD = "archspec: 1\nname: t\ninput: [N, 3, 8, 8]\n"


def many(text: str, count: int) -> str:
    """A text so many times, each with its number for `#`."""
    return "".join(text.replace("#", str(number)) for number in range(count))


BLOCKS = "blocks:\n  A: {graph: [{op: ReLU, repeat: 1000}]}\n  B: {graph: [{op: A, repeat: 1000}]}\n"
BOMBS = {
    "aliases": "archspec: 1\nparams:\n  a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    + "".join(f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)),
    "power": HEAD + "graph:\n  a: {op: Linear, out_features: 9**9**9}\n",
    "range": HEAD + "graph:\n  for i in range(10**15):\n    a$i: ReLU\n",
    "loops": HEAD + "graph:\n  for i in range(100000):\n    for j in range(100000):\n      a$(i)x$j: ReLU\n",
    "comprehension": HEAD + "let: {x: '[0 for a in range(9999) for b in range(9999)]'}\ngraph: [ReLU]\n",
    "doubling": HEAD + "let:\n  x0: [0]\n"
    + "".join(f"  x{i}: '[x{i - 1}, x{i - 1}]'\n" for i in range(1, 60)) + "graph: [ReLU]\n",
    "repeat": HEAD + "graph:\n  - {op: ReLU, repeat: 1000000000}\n",
    "repeats": HEAD + BLOCKS + "graph:\n  - {op: B, repeat: 1000}\n",
    "empty repeats": HEAD + "blocks:\n  A: {graph: [{op: ReLU, repeat: 0}]}\n  B: {graph: [{op: A, repeat: 99999}]}\n"
    "graph:\n  - {op: B, repeat: 99999}\n",
    "recursion": HEAD + "blocks:\n  A: {graph: [A, A]}\ngraph: [A]\n",
    "halves": HEAD + "blocks:\n  A: {params: {n: int, m: int}, graph: [{op: A, n: n - 1, m: 2 * m, when: n > 0}, "
    "{op: A, n: n - 1, m: 2 * m + 1, when: n > 0}, ReLU]}\ngraph: [{op: A, n: 60, m: 1}]\n",
    "integer": HEAD + f"graph:\n  a: {{op: Linear, out_features: {'9' * 5000}}}\n",
    "float": HEAD + "graph:\n  a: {op: Dropout, p: 1e999}\n",
    "parameter": HEAD + "graph:\n  a: {op: Linear, out_features: 9999999999999999}\n",
    "flow": HEAD + f"graph: {'[' * 50_000}\n",
    "nesting": "\n".join(" " * level + "a:" for level in range(1300)) + " 1\n",
    "graphs": HEAD + f"graph: {'[' * 90}ReLU{']' * 90}\n",
    "expression": HEAD + f"graph:\n  a: {{op: Linear, out_features: {'+'.join(['1'] * 100_000)}}}\n",
    "brackets": HEAD + f"let: {{x: '{'(' * 900}1{')' * 900}'}}\ngraph: [ReLU]\n",
    "minus": HEAD + f"let: {{x: '{'-' * 1900}1'}}\ngraph: [ReLU]\n",
    "word": HEAD + f"graph:\n  a: {'x' * 900_000}\n",
    "key": HEAD + f"{'k' * 900_000}: 1\n",
    "text": HEAD + "let: {x: \"'a' * 10**9\"}\ngraph: [ReLU]\n",
    "list": HEAD + "let: {x: '[0] * 10**9'}\ngraph: [ReLU]\n",
    "parts": "archspec: 1\ninput: [N, 1000000000]\ngraph: {a: {op: unbind, dim: 1}, b: {op: stack, from: a}}\n",
    "keys": HEAD + "".join(f"k{i}: 1\n" for i in range(40_000)),
    "params": HEAD + "params:\n" + "".join(f"  k{i}: 1\n" for i in range(40_000)) + "graph: [ReLU]\n",
    "variants": HEAD + "variants:\n" + "".join(f"  k{i}: {{}}\n" for i in range(40_000)) + "graph: [ReLU]\n",
    "imports": HEAD + "imports:\n" + "".join(f"  k{i}: nowhere{i}\n" for i in range(2_000)) + "graph: [ReLU]\n",
    "mistakes": HEAD + "graph:\n" + "".join(f"  a{i}: ReLuu\n" for i in range(20_000)),
    "imports that are there": HEAD + "imports:\n" + many("  k#: resnet.yaml\n", 20_000) + "graph: [ReLU]\n",
    "params of blocks": HEAD
    + f"blocks: {{A: {{params: {{{many('p#: 1, ', 5_000)}}}, graph: [{{op: ReLU, when: p0 > 0}}]}}}}\n"
    "graph:\n  for i in range(5000):\n    a$i: {op: A, p0: i}\n",
    "lists for blocks": HEAD + "let: {x: '[0] * 50000'}\nblocks: {A: {params: {x: list, y: int}, graph: [{op: ReLU, "
    "when: y < len(x)}]}}\ngraph:\n  for i in range(5000):\n    a$i: {op: A, x: x, y: i}\n",
    "defaults of blocks": HEAD + f"defaults: {{A: {{{many('p#: 1, ', 3_000)}}}}}\n"
    f"blocks: {{A: {{params: {{{many('p#: 2, ', 3_000)}}}, graph: [{{op: ReLU, when: p0 > 0}}]}}}}\n"
    "graph:\n  for i in range(5000):\n    a$i: A\n",
    "names of variants": HEAD + "variants:\n" + many("  v#: {variant: w#}\n", 990) + "graph: [ReLU]\n",
    "list of texts": HEAD + "let: {x: \"'a' * 9999\", y: '[x] * 99999'}\ngraph: [{op: Linear, out_features: y}]\n",
    "axes": f"archspec: 1\ninput: [N{', 1' * 50_000}]\ngraph: [ReLU, flatten]\n",
    "axes of a node": HEAD + f"graph: [{{op: reshape, shape: [-1{', 1' * 40_000}]}}]\n",
    "freeze": HEAD + "graph:\n  for i in range(2000):\n    a$i: {op: Linear, out_features: 8}\n"
    + "freeze: [" + many("'*a*#*w*', ", 5_000) + "]\n",
    "conditions": HEAD + "graph:\n  a: ReLU\n  for i in range(3000):\n    if i == -1: {c$i: ReLU}\n"
    + many("    elif i == -9#: {b#: ReLU}\n", 10_000),
    "layers": HEAD + "graph: [{op: flatten, start_dim: 2}, {op: LSTM, hidden_size: 8, num_layers: 1000000000, "
    "batch_first: true}]\n",
    "parts joined": "archspec: 1\ninput: [N, 90000]\ngraph:\n  a: {op: chunk, chunks: 90000}\n  for i in range(99):\n"
    "    b$i: {op: cat, from: a}\n",
    "numbers": HEAD + "graph: [{op: Upsample, scale_factor: 1024, repeat: 60}]\n",
    "numbers of the input": "archspec: 1\ninput: [N, 3, 999999999999, 999999999999]\ngraph: [ReLU]\n",
    "keys of a node": HEAD + f"graph: {{a: {{op: ReLU, {many('k#: 1, ', 40_000)}}}}}\n",
    "copies": HEAD + "blocks:\n  B0: {graph: [ReLU]}\n"
    + "".join(f"  B{i}: {{graph: [B{i - 1}, B{i - 1}, B{i - 1}]}}\n" for i in range(1, 60)) + "graph: [B59]\n",
    "missing": HEAD + "graph:\n  for i in range(1900):\n    a$i: ReLU\n    b$i: {op: ReLU, from: c$i}\n",
    "membership": HEAD + "let: {x: range(99999), y: '[i for i in range(99999) if i in x]'}\ngraph: [ReLU]\n",
    "rows": HEAD + f"variants: {{v: {{}}}}\ngraph: [ReLU]\nexpect: {{v: {{}}, {many('w#: {params: 1}, ', 20_000)}}}\n",
}  # fmt: skip
"""What no spec should ask for, by what there is too much of."""

MEASURE = """
import resource, sys
from archspec.cli import main
code = main(["check", sys.argv[1]])
used = resource.getrusage(resource.RUSAGE_SELF)
print(f"{used.ru_utime + used.ru_stime:.2f} s {used.ru_maxrss / 1024:4.0f} MB")
sys.exit(code)
"""


def measure() -> None:
    """Prints what each takes, from the start of the interpreter."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "bomb.yaml")
        for name, text in BOMBS.items():
            path.write_text(text)
            done = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True)
            took, first = done.stdout.strip().splitlines()[-1], done.stderr.partition("\n")[0]
            print(f"{name:22} {took}  {first[:90]}", flush=True)


if __name__ == "__main__":
    measure()
