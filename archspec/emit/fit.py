"""Which tensor of a file is which of the network: names and shapes alone, nothing is loaded.

Strict: every tensor of either side must have its match, but for the counters that old files lack, heads for another
number of classes, and what the caller says to skip.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from archspec.diagnostics import spec_error
from archspec.elaborate.patterns import matching, suggestion
from archspec.emit.mismatch import Stored, changed, mismatch
from archspec.ir import Graph, full_name
from archspec.objects import record

WRAPPERS = ("module.", "_orig_mod.")
"""What DistributedDataParallel, DataParallel and torch.compile put before every name."""
ORIGINAL = (
    "weights of the network as it is written go in with it, and are folded: "
    '`build(SPEC, weights=..., optimize="inference")`'
)
COUNTER = "num_batches_tracked"


@record
class Names:
    """The file's own names by the names they go by here; `prefix` was before all of them."""

    originals: Mapping[str, str]
    prefix: str = ""


@record
class Head:
    """A last layer that has another number of outputs in the file than in the network."""

    module: str
    there: int
    here: int


@record
class Fit:
    """What is loaded and what is not.

    `loads`: the file's name by the network's, further names of shared tensors too. `twins`: names of the file that are
    one tensor in the network. `left`: the network's tensors that are not loaded, but as the spec initialises them;
    `counters` are those that count batches, which the file is too old for. `unused`: the file's that are skipped.
    """

    loads: Mapping[str, str]
    twins: tuple[tuple[str, str], ...]
    heads: tuple[Head, ...]
    left: tuple[str, ...]
    counters: tuple[str, ...]
    unused: tuple[str, ...]


def renamed(found: Iterable[str], graph: Graph, changes: Mapping[str, str], source: str) -> Names:
    """The file's names without what wraps all of them, and with the caller's changes, each of whole parts of a name.

    Raises SpecError for a change that changes nothing, or makes two names one.
    """
    names = {name: name for name in found}
    network = [name for _, name, _ in graph.state()]
    prefix = ""
    while wrapper := next((w for w in WRAPPERS if _wraps(w, names, network)), None):
        prefix += wrapper
        names = {name.removeprefix(wrapper): original for name, original in names.items()}
    for old, new in changes.items():
        changes_to = {name: changed(name, old, new) for name in names}
        if all(name == other for name, other in changes_to.items()):
            message = f"no name in {source} has the part `{old}`, which is to be `{new}`"
            raise spec_error("unknown-state", message, None, help=suggestion(f"{old}.*", names))
        merged = {other: names[name] for name, other in changes_to.items()}
        if len(merged) < len(names) or "" in merged:
            other = next(other for name, other in changes_to.items() if not other or merged[other] != names[name])
            message = f"with `{old}` as `{new}`, several tensors of {source} would be `{other}`"
            raise spec_error("bad-weights", message, None, help="name more of the parts around it")
        names = merged
    return Names(names, prefix)


def _wraps(prefix: str, names: Iterable[str], network: Iterable[str]) -> bool:
    return all(name.startswith(prefix) for name in names) and not any(name.startswith(prefix) for name in network)


def fit(graph: Graph, found: Mapping[str, Stored], source: str, skip: Iterable[str] = ()) -> Fit:
    """Matches the file's tensors, by name, with the network's.

    Args:
        skip: patterns over names: these tensors of the network are left as initialised, those of the file unused.

    Raises:
        SpecError: with every tensor that has no match.
    """
    wanted = {name: Stored(state.shape, state.dtype) for _, name, state in graph.state() if state.persistent}
    owners = _owners(graph)
    skipped = _skipped([*wanted, *owners, *found], skip, source)
    left = [name for name in wanted if not skipped.isdisjoint(_all_names(name, owners))]
    unused = tuple(name for name in found if name in skipped or owners.get(name) in left)
    names = {name: _present(name, owners, found) for name in wanted if name not in left}
    loads = {name: present[0] for name, present in names.items() if present}
    counters = _old_counters(wanted, found)
    heads = tuple(_heads(graph, wanted, {name: found[own] for name, own in loads.items()}))
    replaced = [name for name in loads if any(name.rpartition(".")[0] == head.module for head in heads)]
    missing = {name: wanted[name] for name, present in names.items() if not present and name not in counters}
    known = {*wanted, *owners, *unused}
    unexpected = {name: stored for name, stored in found.items() if name not in known}
    differing = {
        name: (found[other], wanted[name])
        for name, present in names.items()
        for other in present
        if name not in replaced and not found[other].fits(wanted[name])
    }
    loads = {name: own for name, own in loads.items() if name not in replaced}
    if missing or unexpected or differing or not loads:
        fitting = loads.keys() - differing.keys()
        raise mismatch(
            graph.name, source, missing, unexpected, differing, fitting, ORIGINAL if graph.inference else None
        )
    twins = tuple((loads[name], other) for name in loads for other in names[name][1:])
    loads |= {alias: loads[owner] for alias, owner in owners.items() if owner in loads}
    return Fit(loads, twins, heads, (*left, *replaced), tuple(counters), unused)


def _owners(graph: Graph) -> dict[str, str]:
    """The further names of shared parameters, each with the name of the one that it is."""
    ties = {full_name(node, state): source for node in graph.nodes if not node.is_reuse for state, source in node.ties}
    found: dict[str, str] = {}
    for name, source in ties.items():
        while source in ties:
            source = ties[source]
        found[name] = source
    return found


def _all_names(name: str, owners: Mapping[str, str]) -> list[str]:
    return [name, *(alias for alias, owner in owners.items() if owner == name)]


def _present(name: str, owners: Mapping[str, str], found: Mapping[str, Stored]) -> list[str]:
    """The names in the file of one tensor: a shared one may be there once or several times."""
    return [each for each in _all_names(name, owners) if each in found]


def _skipped(names: Iterable[str], patterns: Iterable[str], source: str) -> set[str]:
    known = list(dict.fromkeys(names))
    skipped: set[str] = set()
    for pattern in patterns:
        matched = matching(pattern, known)
        if not matched:
            message = f"`{pattern}` matches no tensor of the network or of {source}"
            raise spec_error("unknown-state", message, None, help=suggestion(pattern, known))
        skipped.update(matched)
    return skipped


def _old_counters(wanted: Iterable[str], found: Iterable[str]) -> list[str]:
    """The counters of a network when the file has none: before torch 0.4.1 batch norm did not count."""
    if any(name.rpartition(".")[2] == COUNTER for name in found):
        return []
    return [name for name in wanted if name.rpartition(".")[2] == COUNTER]


def _heads(graph: Graph, wanted: Mapping[str, Stored], found: Mapping[str, Stored]) -> Iterable[Head]:
    """The last layers of which only the number of outputs differs, in all of their tensors alike."""
    for module, outputs in _last_layers(graph).items():
        own = [name for name in found if name.rpartition(".")[0] == module]
        changes = {_change(found[name].shape, wanted[name].shape) for name in own}
        if len(changes) == 1 and (change := changes.pop()) is not None and change[1] == outputs:
            yield Head(module, *change)


def _last_layers(graph: Graph) -> dict[str, int]:
    """The linear and convolutional layers from which no other layer with weights is reached, with what they put out."""
    reaching = [False] * len(graph.nodes)  # whether a layer with weights comes after the node
    for position in range(len(graph.nodes) - 1, -1, -1):
        node = graph.nodes[position]
        if reaching[position] or node.op.state():
            for value in node.inputs:
                if value.node >= 0:
                    reaching[value.node] = True
    followed = {node.module for position, node in enumerate(graph.nodes) if reaching[position]}
    sizes = {
        node.module: getattr(node.op, "out_features", getattr(node.op, "out_channels", None))
        for node in graph.nodes
        if node.op.category in ("linear", "convolution") and node.module not in followed
    }
    return {module: size for module, size in sizes.items() if isinstance(size, int)}


def _change(there: tuple[int, ...], here: tuple[int, ...]) -> tuple[int, int] | None:
    """The sizes of the one axis that differs; None when more do, or none."""
    if len(there) != len(here):
        return None
    changes = [(a, b) for a, b in zip(there, here, strict=True) if a != b]
    return changes[0] if len(changes) == 1 else None
