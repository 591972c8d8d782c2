"""The emitted program, executed: an ordinary `nn.Module`; and what runs, compared with what was inferred."""

from __future__ import annotations

import hashlib
import itertools
import linecache
import sys
import weakref
from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, cast

import torch
from torch import Tensor, nn

from archspec import dims
from archspec.analysis.interface import fitting_sizes
from archspec.analysis.sample import training_batch
from archspec.diagnostics import spec_error
from archspec.emit import flat
from archspec.emit.construct import Plan, check_arguments, construct
from archspec.emit.python import emit
from archspec.emit.structure import Results
from archspec.ir import Graph, Tree, full_name, leaves
from archspec.objects import uncollected
from archspec.ops.target import Module, Target
from archspec.values import TensorType, Value

_PREFIX = "archspec._generated_"
_PROGRAMS: dict[int, Plan] = {}
"""Of the graphs that are alive, by identity: what is emitted from a graph is the same each time."""


@uncollected()
def build(
    graph: Graph,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    init: bool | Collection[str] = True,
) -> nn.Module:
    """The network as a module: the very source of `to_python`, executed.

    Args:
        device: where its weights are made; on `meta` nothing is allocated.
        dtype: of its floating-point weights.
        init: False leaves the weights uninitialised, for a strict load; names, all but the tensors of these names.

    Raises:
        SpecError: a layer has an argument that came to torch after the version that is installed.
    """
    try:
        model = construct(_plan(graph), device, init)
    except TypeError:
        check_arguments(graph)
        raise
    return model if dtype is None else model.to(dtype)


def check_place(device: object, dtype: object) -> None:
    """Raises SpecError for what is no device, or no dtype that weights can have."""
    if device is not None:
        try:
            torch.device(cast("Any", device))
        except (TypeError, RuntimeError):
            message = f"`device` is a `torch.device` or its name, got {device!r}"
            raise spec_error("wrong-type", message, help='give `"cpu"`, `"cuda"`, `"mps"` or `"meta"`') from None
    if dtype is not None:
        try:
            known = torch.empty(0, dtype=cast("Any", dtype), device="meta").dtype  # `float` is one, too
        except (TypeError, RuntimeError):
            known = None
        if known is None or not (known.is_floating_point or known.is_complex):
            named = isinstance(getattr(torch, str(dtype), None), torch.dtype)
            help = f"give `torch.{dtype}`" if named else "give `torch.float16`, `torch.bfloat16` or `torch.float64`"
            raise spec_error("wrong-type", f"`dtype` is a `torch.dtype` of weights, got {dtype!r}", help=help)


def _plan(graph: Graph) -> Plan:
    """The network's class, emitted and executed once for each graph."""
    plan = _PROGRAMS.get(id(graph))
    if plan is None:
        program = emit(graph)
        plan = _PROGRAMS[id(graph)] = Plan.of(graph, getattr(load_source(program.source), program.class_name))
        weakref.finalize(graph, _PROGRAMS.pop, id(graph), None).atexit = False
    return plan


def load_source(source: str) -> ModuleType:
    """The source as an imported module, one per text; tracebacks show its lines."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    name, filename = f"{_PREFIX}{digest}", f"<archspec {digest}>"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = filename
    module.__dict__["__source__"] = source
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    sys.modules[name] = module
    try:
        exec(compile(source, filename, "exec"), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    for cls in list(vars(module).values()):
        if isinstance(cls, type) and issubclass(cls, nn.Module) and cls.__module__ == name:
            cls.__reduce_ex__ = _reduce  # type: ignore[method-assign]
    return module


def _reduce(self: nn.Module, protocol: Any) -> tuple[Any, ...]:
    """Pickles with the source, so that another process can load it."""
    cls = type(self)
    made: Any = object.__reduce_ex__(self, max(protocol, 2))
    if not cls.__module__.startswith(_PREFIX):
        return made  # a class derived from ours: its own module knows it
    return (_restore, (sys.modules[cls.__module__].__dict__["__source__"], cls.__qualname__), *made[2:])


def _restore(source: str, name: str) -> nn.Module:
    cls = getattr(load_source(source), name)
    return cls.__new__(cls)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Where the module is not what was inferred: our mistake, not the spec's."""

    where: str
    inferred: str
    real: str

    def __str__(self) -> str:
        return f"{self.where}: inferred {self.inferred}, got {self.real}"


def run_and_compare(graph: Graph, model: nn.Module, *, batch: int | None = None, seed: int = 0) -> list[Mismatch]:
    """Runs the network on random input, in eval and in training mode, and compares it with what was inferred. (One that
    was optimised for inference has no training mode.)

    Every node is computed by itself, with the module's weights, for its shapes and dtypes; the module's own `forward`
    must return the same outputs under the same names; its weights must be those inferred. The module is left as it was.

    Args:
        batch: the size of the batch axis, 2 or what the network needs in training; other sizes are the nominal ones,
            or fitting ones.

    Raises:
        SpecError: where no size is found that a network of unknown sizes takes.
    """
    found = list(_compare_state(graph, model))
    batch = batch or training_batch(graph)
    was_training = model.training
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    with torch.no_grad(), torch.random.fork_rng(devices=[]):  # pyright: ignore[reportUnknownMemberType]
        for training in (False,) if graph.inference else (False, True):
            torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]
            model.train(training)
            found += _Run(graph, model, batch, seed).compare()
        for buffer, before in buffers:
            buffer.copy_(before)
    model.train(was_training)
    return found


def _compare_state(graph: Graph, model: nn.Module) -> Iterator[Mismatch]:
    """The names, shapes and trainability of parameters and buffers."""
    frozen = set(graph.frozen)
    inferred = {
        name: (state.shape, state.trainable and not state.buffer and name not in frozen)
        for _, name, state in graph.state()
    }
    tensors = itertools.chain(model.named_parameters(), model.named_buffers())
    real = {name: (tuple(tensor.shape), tensor.requires_grad) for name, tensor in tensors}
    for name in dict.fromkeys((*inferred, *real)):
        if inferred.get(name) != real.get(name):
            yield Mismatch(name, _described(inferred.get(name)), _described(real.get(name)))
    kept = {name for _, name, state in graph.state() if state.persistent}
    kept |= {full_name(node, state) for node in graph.nodes for state, _ in node.ties if not node.is_reuse}
    if kept != (keys := set(model.state_dict())):
        odd = ", ".join(sorted(kept ^ keys)[:8])
        yield Mismatch("state_dict", f"{len(kept)} names", f"{len(keys)}, which differ in {odd}")


def _described(entry: tuple[tuple[int, ...], bool] | None) -> str:
    return "nothing" if entry is None else f"{list(entry[0])}{'' if entry[1] else ', not trained'}"


def _draws_otherwise(graph: Graph) -> bool:
    """Whether nodes may draw each other's random numbers: the source runs those of one mode together."""
    return sum(node.op.draws_in_eval for node in graph.nodes) > 1 and set(graph.modes) != {"always"}


class _Run:
    """One pass over the nodes, and one of the module, in the mode that the module is in."""

    def __init__(self, graph: Graph, model: nn.Module, batch: int, seed: int) -> None:
        self.graph, self.model, self.seed = graph, model, seed  # seeded for both runs: some ops are random in eval, too
        plain = {name for _, name, state in graph.state() if state.dtype == "float32" and not state.buffer}
        weight = next((p for name, p in model.named_parameters() if name in plain), torch.empty(0))
        held = next(itertools.chain(model.parameters(), model.buffers()), weight)
        self.device, self.floating = held.device, weight.dtype
        unknown = fitting_sizes(graph)
        self.sizes = {
            name: batch if axis == 0 else dims.value(dim) or unknown[name]
            for item in reversed(graph.inputs)
            for axis, dim in reversed(list(enumerate(item.type.shape)))
            for name in dims.symbols(dim)
        }
        self.values: dict[tuple[int, int], Any] = {}

    def compare(self) -> Iterator[Mismatch]:
        inputs = [self.random(position) for position in range(len(self.graph.inputs))]
        torch.manual_seed(self.seed)  # pyright: ignore[reportUnknownMemberType]
        wanted = yield from self.nodes(inputs)
        if wanted is None:
            return
        mode = "training" if self.model.training else "eval"
        torch.manual_seed(self.seed)  # pyright: ignore[reportUnknownMemberType]
        try:
            real = self.model(*(tensor.clone() for tensor in inputs))
        except Exception as error:  # whatever torch raises is the finding
            yield Mismatch(f"forward in {mode} mode", "no error", f"{type(error).__name__}: {error}")
            return
        expected = _output(self.graph, mode, wanted)
        if (shape := _outline(expected)) != (got := _outline(real)):
            yield Mismatch(f"outputs in {mode} mode", shape, got)
        elif not self.model.training and not _draws_otherwise(self.graph) and not _close(expected, real):
            yield Mismatch("outputs in eval mode", "the values of the nodes", "others")

    def nodes(self, inputs: list[Tensor]) -> Generator[Mismatch, None, dict[Value, Tensor] | None]:
        """Runs the nodes one by one; gives the output values, None after an error."""
        mode = "training" if self.model.training else "eval"
        kept = {value for entry in self.graph.outputs.entries for value in leaves(entry.value)}
        last = {value: at for at, node in enumerate(self.graph.nodes) for value in (*node.inputs, *node.reads)}
        names: dict[str, Any] = {"torch": torch, "nn": nn, "F": nn.functional, "self": self.model, "v": self.values}
        self.values.update({(-1 - i, 0): tensor.clone() for i, tensor in enumerate(inputs)})
        for at, (node, line) in enumerate(zip(self.graph.nodes, flat.lines(self.graph), strict=True)):
            if self.graph.modes[at] not in ("always", mode):
                continue
            try:
                names["own"] = self.owned(node.module, line.owns)
                result = eval(line.code, names)
            except Exception as error:  # whatever torch raises is the finding
                yield Mismatch(f"{node.path} in {mode} mode", "no error", f"{type(error).__name__}: {error}")
                return None
            self.store(line.results, result)
            for part, kind in enumerate(node.outputs):
                inferred, real = self.expected(kind), _outline(self.values.get((at, part)))
                if inferred != real:
                    yield Mismatch(f"{self.graph.name_of(Value(at, part))} in {mode} mode", inferred, real)
            for value in (*node.inputs, *node.reads):
                if last[value] == at and value not in kept:
                    self.values.pop(value, None)
        return {Value(*key): tensor for key, tensor in self.values.items()}

    def owned(self, path: str, kind: type[Target] | None) -> Any:
        if kind is None:
            return None
        owner, _, name = path.rpartition(".")
        return self.model.get_submodule(path) if kind is Module else getattr(self.model.get_submodule(owner), name)

    def store(self, results: Results, real: Any) -> None:
        if isinstance(results, Value):
            self.values[results] = real
        else:
            for part, item in zip(results, real, strict=True):
                self.store(part, item)

    def expected(self, kind: TensorType) -> str:
        shape = [dims.value(dims.substitute(dim, self.sizes)) for dim in kind.shape]
        dtype = str(self.floating).removeprefix("torch.") if kind.dtype == "float32" else kind.dtype
        return f"{shape} {dtype}"

    def random(self, position: int) -> Tensor:
        kind = self.graph.inputs[position].type
        shape = [dims.value(dims.substitute(dim, self.sizes)) or 1 for dim in kind.shape]
        if kind.dtype == "float32":
            return torch.randn(shape, dtype=self.floating, device=self.device)
        value = Value(-1 - position)
        limits = [getattr(node.op, "num_embeddings", None) for node in self.graph.nodes if value in node.inputs]
        high = min((limit for limit in limits if limit is not None), default=2)
        return torch.randint(0, high, shape, device=self.device).to(getattr(torch, kind.dtype))


def _output(graph: Graph, mode: str, values: dict[Value, Tensor]) -> Any:
    """What `forward` should return."""

    def tree(entry: Tree) -> Any:
        return values[entry] if isinstance(entry, Value) else tuple(tree(branch) for branch in entry)

    entries = {entry.name: tree(entry.value) for entry in graph.outputs.entries if entry.mode in ("always", mode)}
    if graph.outputs.kind == "dict":
        return entries
    return tuple(entries.values()) if graph.outputs.kind == "tuple" else next(iter(entries.values()))


def _outline(value: Any) -> str:
    """Structure, shapes and dtypes in words."""
    if isinstance(value, Tensor):
        return f"{list(value.shape)} {str(value.dtype).removeprefix('torch.')}"
    if isinstance(value, dict):
        named = cast("dict[str, Any]", value)
        return "{" + ", ".join(f"{name}: {_outline(item)}" for name, item in named.items()) + "}"
    if isinstance(value, tuple):
        return "(" + ", ".join(_outline(item) for item in cast("tuple[Any, ...]", value)) + ")"
    return type(value).__name__


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors of an output, in order."""
    if isinstance(value, Tensor):
        yield value
    else:
        for item in value.values() if isinstance(value, dict) else value:  # pyright: ignore[reportUnknownVariableType]
            yield from _tensors(item)


def _close(a: Any, b: Any) -> bool:
    return all(
        left.is_meta or torch.equal(left, right) or torch.allclose(left, right, rtol=1e-4, atol=1e-5, equal_nan=True)
        for left, right in zip(_tensors(a), _tensors(b), strict=True)
    )
