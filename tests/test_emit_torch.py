"""The executed program: an ordinary module, initialised once, and checked node by node."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

import archspec
from archspec.diagnostics import SpecError
from archspec.emit.construct import check_arguments
from archspec.emit.torch import build, load_source, run_and_compare
from archspec.ir import Graph

ROOT = Path(__file__).parent.parent
FILES = [*sorted((ROOT / "tests" / "cases" / "ok").glob("*.yaml")), *sorted((ROOT / "specs").glob("*.yaml"))]

NETWORK = """
archspec: 1
name: network
input: [N, 3, 16, 16]
blocks:
  Block:
    params: {width: int}
    graph:
      conv: {op: Conv2d, out_channels: width, kernel_size: 3, padding: 1}
      norm: BatchNorm2d
      gate: {op: Linear, from: norm, out_features: 16}
      mul: {op: mul, from: [norm, gate]}
graph:
  stem:
    - {op: Block, width: 8}
    - {op: Block, width: 12}
  tokens: {op: flatten, start_dim: 2}
  attention: {op: MultiheadAttention, num_heads: 4, batch_first: true}
  mean: {op: mean, dim: 1}
  head: {op: Linear, out_features: 256, bias: false}
  tail: {op: Linear, out_features: 256, bias: false, tie: {weight: head.weight}}
  aux: {op: Linear, from: mean, out_features: 3}
outputs: {logits: tail, aux: {from: aux, only: training}, taps: [stem, mean]}
"""
RULES = """init:
  Conv2d: {weight: {op: kaiming_normal_, mode: fan_out}}
  Linear: {weight: {op: normal_, std: 0.02}, bias: zeros_}
"""
PLAIN = """
archspec: 1
name: plain
input: [N, 3, 16, 16]
graph:
  conv: {op: Conv2d, out_channels: 8, kernel_size: 3, padding: 1}
  relu: ReLU
  skip: {op: Conv2d, out_channels: 8, kernel_size: 1}
  add: {op: add, from: [relu, skip]}
  list:
    - {op: AdaptiveAvgPool2d, output_size: 1}
    - flatten
    - {op: Linear, out_features: 4}
"""


def network(rules: bool = False) -> Graph:
    return archspec.loads(NETWORK + (RULES if rules else ""))


def same(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return len(a) == len(b) and all(map(same, a, b))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_was_inferred_is_what_runs(path: Path) -> None:
    graph = archspec.load(path)
    assert run_and_compare(graph, build(graph, device="meta")) == []
    if path.parent.name == "ok":
        assert run_and_compare(graph, build(graph)) == []


def test_comparing_leaves_the_module_as_it_was() -> None:
    graph = network()
    model = build(graph)
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    assert run_and_compare(graph, model) == []
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())


def _wider(model: Any) -> None:
    model.aux = nn.Linear(256, 4)


def _frozen(model: Any) -> None:
    model.head.weight.requires_grad_(False)


def _rewired(model: Any) -> None:
    model.forward = lambda x: {"logits": x.mean((1, 2)), "taps": (x, x)}


def _lost(model: Any) -> None:
    del model.head


@pytest.mark.parametrize(
    ("damage", "where"),
    [
        (_wider, "aux.weight"),
        (_frozen, "head.weight"),
        (_rewired, "outputs in eval mode"),
        (_lost, "head in eval mode"),
    ],
)
def test_comparing_finds_what_differs(damage: Callable[[Any], None], where: str) -> None:
    graph = network()
    model = build(graph)
    damage(model)
    found = {mismatch.where: str(mismatch) for mismatch in run_and_compare(graph, model)}
    assert where in found
    assert "inferred" in found[where]


def test_an_ordinary_module() -> None:
    model = build(network()).eval()
    x = torch.randn(2, 3, 16, 16)
    wanted = model(x)
    assert same(copy.deepcopy(model)(x), wanted)
    assert same(pickle.loads(pickle.dumps(model))(x), wanted)
    assert "(stem): Sequential" in repr(model)
    seen: list[str] = []
    model.get_submodule("stem.1.norm").register_forward_hook(lambda *_: seen.append("hook"))
    model(x)
    assert seen == ["hook"]


def test_loads_in_another_process(tmp_path: Path) -> None:
    model = build(network()).eval()
    x = torch.randn(2, 3, 16, 16)
    torch.save({"model": model, "x": x, "logits": model(x)["logits"]}, tmp_path / "model.pt")
    code = (
        f"import torch; saved = torch.load({str(tmp_path / 'model.pt')!r}, weights_only=False)\n"
        "assert torch.equal(saved['model'](saved['x'])['logits'], saved['logits'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_a_derived_class_pickles_by_its_own_name() -> None:
    cls = type(build(archspec.loads(PLAIN)))
    global Derived
    Derived = type("Derived", (cls,), {"__module__": __name__})
    assert type(pickle.loads(pickle.dumps(Derived()))) is Derived


def test_tracebacks_show_the_source() -> None:
    model = build(archspec.loads(PLAIN))
    with pytest.raises(RuntimeError) as caught:
        model(torch.zeros(1, 4, 16, 16))
    assert "x = self.conv(x)" in "".join(str(entry.statement) for entry in caught.traceback)


@pytest.mark.parametrize(
    "convert",
    [
        lambda model, x: torch.compile(model, fullgraph=True, backend="eager"),
        lambda model, x: torch.export.export(model, (x,)).module(),
        lambda model, x: torch.fx.symbolic_trace(model),
        lambda model, x: torch.jit.trace(model, x),
        lambda model, x: torch.jit.script(model),
    ],
    ids=["compile", "export", "fx", "trace", "script"],
)
@pytest.mark.filterwarnings("ignore")
def test_torch_can_transform_it(convert: Callable[[nn.Module, Tensor], Callable[[Tensor], Tensor]]) -> None:
    model = build(archspec.loads(PLAIN)).eval()
    x = torch.randn(2, 3, 16, 16)
    assert torch.allclose(convert(model, x)(x), model(x), atol=1e-6)


def test_equal_to_the_exported_file_under_one_seed() -> None:
    graph = network()
    program = load_source(archspec.to_python(graph))
    torch.manual_seed(3)
    exported = program.Network()
    torch.manual_seed(3)
    built = build(graph)
    assert same(exported.state_dict(), built.state_dict())


def test_torchs_own_rules_where_the_spec_has_none() -> None:
    graph = archspec.loads(PLAIN + "init: {Linear: {weight: {op: normal_, std: 0.02}}}\n")
    torch.manual_seed(5)
    built = build(graph)
    torch.manual_seed(5)
    convolutions = [nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 1)]
    for ours, theirs in zip((built.conv, built.skip), convolutions, strict=True):
        assert same(ours.state_dict(), theirs.state_dict())
    assert built.list[2].weight.std() < 0.05
    assert 0 < built.list[2].bias.abs().max() <= 8**-0.5


class Writes(TorchFunctionMode):
    """Counts how often each tensor is filled at random."""

    def __init__(self) -> None:
        super().__init__()
        self.count = Counter[int]()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in ("uniform_", "normal_", "kaiming_normal_", "kaiming_uniform_"):
            result = func(*args, **(kwargs or {}))
            self.count[result.data_ptr()] += 1
            return result
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("rules", [False, True])
def test_no_weight_is_initialised_twice(rules: bool) -> None:
    graph = network(rules)
    with Writes() as writes:
        model = build(graph)
    random = [parameter for name, parameter in model.named_parameters() if name.endswith("conv.weight")]
    assert [writes.count[parameter.data_ptr()] for parameter in random] == [1, 1]
    assert all(torch.isfinite(tensor).all() for tensor in model.state_dict().values())


def test_rules_are_followed() -> None:
    model = build(network(rules=True))
    for name in ("stem.0.gate", "stem.1.gate", "aux"):
        linear = model.get_submodule(name)
        assert linear.weight.std().item() == pytest.approx(0.02, rel=0.2)
        assert not linear.bias.any()
    assert model.head.weight is model.tail.weight
    assert model.attention.out_proj.weight.std() > 0.025  # a layer of its own, which the rule does not mean


def test_meta_allocates_nothing_and_draws_nothing() -> None:
    state = torch.get_rng_state()
    model = build(network(rules=True), device="meta")
    assert all(tensor.is_meta for tensor in model.state_dict().values())
    build(network(rules=True), init=False)
    assert torch.equal(state, torch.get_rng_state())


def test_dtype() -> None:
    model = build(network(), dtype=torch.float64)
    kinds = {name: tensor.dtype for name, tensor in model.state_dict().items()}
    assert kinds["head.weight"] == torch.float64
    assert kinds["stem.0.norm.num_batches_tracked"] == torch.int64
    assert run_and_compare(network(), model) == []


def test_layers_that_take_any_argument_are_not_blamed_for_another_error() -> None:
    text = (
        "archspec: 1\ninput: [N, 5, 4]\ngraph:\n  a: {op: LSTM, hidden_size: 3, batch_first: true}\noutputs: a.output\n"
    )
    check_arguments(archspec.loads(text))


def test_an_argument_that_an_older_torch_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    class Older(nn.BatchNorm2d):
        def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True) -> None:
            super().__init__(num_features, eps, momentum, affine)

    monkeypatch.setattr(nn, "BatchNorm2d", Older)
    graph = archspec.loads("archspec: 1\ninput: [N, 3, 4, 4]\ngraph:\n  bn: {op: BatchNorm2d, bias: false}\n")
    with pytest.raises(SpecError, match=r"`BatchNorm2d` of torch .* has no argument `bias`") as error:
        build(graph)
    assert "<string>:4" in str(error.value) and "newer torch" in str(error.value)
