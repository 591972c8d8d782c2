"""Random layers that rearrange elements, take parts of them, or reduce axes."""

from __future__ import annotations

from typing import Any

from tests.random_specs.layers import Layer, Shape, family
from tests.random_specs.pick import Pick
from tests.random_specs.sketch import Expr
from tests.random_specs.values import elements

# The same elements in other axes


@family(lambda shape: len(shape) >= 3)
def flattening(pick: Pick, shape: Shape) -> Layer:
    start = pick.int(1, len(shape) - 2)
    args: dict[str, Any] = {} if start == 1 else {"start_dim": start}
    if pick.chance(4):
        args["end_dim"] = pick.of([-1, len(shape) - 1])
    return pick.of(["flatten", "Flatten"]), args


@family(lambda shape: 2 <= len(shape) <= 4)
def unflattening(pick: Pick, shape: Shape) -> Layer:
    axis = pick.int(1, len(shape) - 1)
    first = pick.factor(shape[axis])
    if pick.flag():
        return "unflatten", {"dim": axis, "sizes": [first, -1]}
    return "Unflatten", {"dim": axis, "unflattened_size": [first, shape[axis] // first]}


@family(lambda shape: len(shape) >= 3)
def permuting(pick: Pick, shape: Shape) -> Layer:
    rank = len(shape)
    first, second = pick.int(1, rank - 2), pick.int(2, rank - 1)
    match pick.int(0, 2):
        case 0:
            return "transpose", {"dim0": first, "dim1": pick.of([second, -1])}
        case 1:
            return "permute", {"dims": [0, *pick.order(range(1, rank))]}
        case _:
            return "movedim", {"source": first, "destination": second}


@family(lambda shape: len(shape) >= 3)
def reshaping(pick: Pick, shape: Shape) -> Layer:
    """To `[N, C, the rest]`, `[N, the rest, last]` or with two axes swapped in size; sizes are read or written."""
    name, read = pick.of(["reshape", "view"]), pick.flag()
    batch: Any = pick.of([-1, Expr("input.shape[0]")]) if read else -1
    sizes: list[Any] = [Expr(f"input.shape[{axis}]") if read else size for axis, size in enumerate(shape)]
    match pick.int(0, 2):
        case 0:
            rest = " * ".join(f"input.shape[{axis}]" for axis in range(2, len(shape)))
            return name, {"shape": [batch, sizes[1], Expr(rest) if read else elements(shape[2:])]}
        case 1:
            return name, {"shape": [batch, *sizes[2:], sizes[1]]}
        case _:
            whole = " * ".join(f"input.shape[{axis}]" for axis in range(1, len(shape)))
            return name, {"shape": [batch, Expr(whole) if read else elements(shape[1:])]}


@family(lambda shape: len(shape) <= 4)
def unsqueezing(pick: Pick, shape: Shape) -> Layer:
    return "unsqueeze", {"dim": pick.of([-1, *range(1, len(shape) + 1)])}


@family(lambda shape: len(shape) >= 3 and 1 in shape[2:])
def squeezing(pick: Pick, shape: Shape) -> Layer:
    axes = [axis for axis, size in enumerate(shape) if axis > 1 and size == 1]
    return "squeeze", {"dim": pick.of(axes)}


@family(lambda shape: 1 in shape[1:] and elements(shape) < 600)
def expanding(pick: Pick, shape: Shape) -> Layer:
    return "expand", {"sizes": [-1, *(pick.of([-1, pick.int(1, 3)]) if size == 1 else -1 for size in shape[1:])]}


@family(lambda shape: True)
def nothing(pick: Pick, shape: Shape) -> Layer:
    return "identity", {}


@family(lambda shape: elements(shape) < 600)
def repeating(pick: Pick, shape: Shape) -> Layer:
    return "repeat", {"repeats": [1, *(pick.int(1, 2) for _ in shape[1:])]}


# Parts and reductions


@family(lambda shape: len(shape) >= 2)
def cutting(pick: Pick, shape: Shape) -> Layer:
    axis = pick.int(1, len(shape) - 1)
    size = shape[axis]
    start = pick.int(0, size - 1)
    match pick.int(0, 4 if len(shape) > 2 else 3):
        case 0:
            return "narrow", {"dim": axis, "start": start, "length": pick.int(1, size - start)}
        case 1:
            bounds = pick.some(start=lambda: pick.of([start, start - size]), step=lambda: pick.int(1, 2))
            return "slice", {"dim": axis, "end": pick.int(start + 1, size + 1), **bounds}
        case 2:
            return "roll", {"shifts": pick.int(-2, 2), "dims": axis}
        case 3:
            return "flip", {"dims": axis}
        case _:
            return "select", {"dim": axis, "index": pick.of([start, start - size])}


@family(lambda shape: len(shape) >= 2)
def indexing(pick: Pick, shape: Shape) -> Layer:
    """A subscription, or elements in any order."""
    axis = pick.int(1, len(shape) - 1)
    if pick.flag():
        return "index_select", {"dim": axis, "index": [pick.int(0, shape[axis] - 1) for _ in range(pick.int(1, 3))]}
    items: list[Any] = [":", *(pick.of([":", f":{size}", f"{size // 2}:", "::2"]) for size in shape[1:])]
    match pick.int(0, 2):
        case 0 if len(shape) > 2:
            items[axis] = str(pick.int(-shape[axis], shape[axis] - 1))
        case 1:
            items = [*items[:axis], None, *items[axis:]] if len(shape) < 5 else items
        case _:
            items = ["...", pick.of([f"-{shape[-1]}:", ":1"])]
    return "getitem", {"index": items}


@family(lambda shape: 3 <= len(shape) <= 5)
def cropping(pick: Pick, shape: Shape) -> Layer:
    return "crop", {"size": [pick.int(1, size) for size in shape[2:]]}


@family(lambda shape: 3 <= len(shape) <= 5)
def einstein(pick: Pick, shape: Shape) -> Layer:
    """Axes in another order, or some of them summed."""
    letters = "nabcd"[: len(shape)]
    order = pick.order(letters[1:])
    return "einsum", {"equation": f"{letters}->n{''.join(order[: pick.int(1, len(order))])}"}


@family(lambda shape: len(shape) >= 3)
def position(pick: Pick, shape: Shape) -> Layer:
    return "argmax", {"dim": pick.int(1, len(shape) - 1), **pick.some(keepdim=pick.flag)}


@family(lambda shape: len(shape) >= 3)
def triangle(pick: Pick, shape: Shape) -> Layer:
    return pick.of(["tril", "triu"]), pick.some(diagonal=lambda: pick.int(-2, 2))


@family(lambda shape: len(shape) >= 3)
def reduction(pick: Pick, shape: Shape) -> Layer:
    axis = pick.int(1, len(shape) - 1)
    axes = [2, -1] if len(shape) >= 4 and pick.chance(3) else [axis]
    names = ["mean", "sum", "amax", "amin", "logsumexp", "norm"]
    if elements(tuple(shape[axis] for axis in axes)) > 1:
        names += ["std", "var"]
    if len(axes) == 1:
        names.append("prod")
    return pick.of(names), {"dim": axes if len(axes) > 1 else axis, **pick.some(keepdim=pick.flag)}


@family(lambda shape: True)
def arithmetic(pick: Pick, shape: Shape) -> Layer:
    match pick.int(0, 3):
        case 0:
            return pick.of(["add", "mul", "sub", "div", "rsub"]), {"other": pick.of([0.5, 2, -1.5])}
        case 1:
            return pick.of(["neg", "abs", "square", "exp", "sin", "cos", "sqrt", "rsqrt", "reciprocal", "log"]), {}
        case 2:
            return "clamp", {"min": -1.0, **pick.some(max=lambda: 1.0)}
        case _:
            axes = [("normalize", {}), ("cumsum", {"dim": 1})] if len(shape) > 1 else []
            return pick.of([("pow", {"exponent": 2}), ("contiguous", {}), *axes])
