"""Products that sum over axes, with their costs."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from archspec import dims
from archspec.dims import Dim, show
from archspec.objects import record
from archspec.ops.axes import broadcast, equal_axis, expands
from archspec.ops.base import Category, Example, Inputs, Kept, Needs, Op, OpError, Reach, Signature, Wanted, elements
from archspec.ops.dtypes import require_same
from archspec.ops.needs import axes_text
from archspec.ops.target import Call, Operand, Operator, Target
from archspec.values import TensorType


class MatMul(Op):
    """The matrix product of the last two axes: `[N, *, I, K]` and `[N, *, K, J]` to `[N, *, I, J]`; the axes before
    broadcast. A Parameter may be a matrix or a vector."""

    name: ClassVar[str] = "matmul"
    category: ClassVar[Category] = "arithmetic"
    signature: ClassVar[Signature] = Signature(("input", "other"))
    reach: ClassVar[Reach] = "global"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((2, 3, 4, 5), (2, 3, 5, 6))),
        Example({}, ((2, 1, 4, 5), (2, 3, 5, 6))),
        Example({}, ((2, 4, 5), (2, 5, 1))),
    )

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        a, b = inputs
        require_same(inputs, op=self.name)
        for operand, x in enumerate(inputs):
            if not x.rank:
                raise OpError("wrong-rank", f"`matmul` needs at least one axis, got {x}", operand=operand)
        left, right = a.shape[-1], b.shape[-2] if b.rank > 1 else b.shape[0]
        need.equal(
            left, right,
            f"`matmul` needs the columns of the first to be the rows of the second, got {a} and {b}",
            operand=1, label=f"{show(left)} columns and {show(right)} rows",
            help="`transpose` with `dim0: -2, dim1: -1` swaps rows and columns" if _would_fit(a, b) else None,
        )  # fmt: skip
        shape = broadcast(need, self.name, inputs, last=2)
        rows = a.shape[-2:-1] if a.rank > 1 else ()
        columns = b.shape[-1:] if b.rank > 1 else ()
        return TensorType((*shape, *rows, *columns), a.dtype)

    def target(self, inputs: Inputs) -> Target:
        return Operator("@", (Operand(0), Operand(1)))

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        if inputs[1].rank == 1:  # torch's counter leaves out products with a vector
            return 0
        return dims.mul(dims.product(outputs[0].shape), inputs[0].shape[-1])

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        """The products and sums that torch's counter leaves out."""
        return dims.mul(elements(inputs[0]), 2) if inputs[1].rank == 1 else 0

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        """Each factor for the gradient of the other. A stack of matrices that is expanded is copied, unless it is one
        matrix alone."""
        kept: list[int] = []
        made: list[TensorType] = []
        for position, x in enumerate(inputs):
            if not wanted.inputs[1 - position]:
                continue
            stack = outputs[0].shape[:-2] if min(inputs[0].rank, inputs[1].rank) > 2 else x.shape[:-2]
            if stack == x.shape[:-2] or dims.product(x.shape[:-2]) == 1:
                kept.append(position)
            else:
                made.append(TensorType((*stack, *x.shape[-2:]), x.dtype))
        return Kept(tuple(kept), made=tuple(made))


def _would_fit(a: TensorType, b: TensorType) -> bool:
    return b.rank > 1 and bool(dims.known_equal(a.shape[-1], b.shape[-1]))


class Einsum(Op):
    """A sum of products in Einstein's notation: `bhid,bhjd->bhij`. Upper and lower case letters name axes, `...` stands
    for any number of axes that broadcast; without `->` the letters that occur once remain, in alphabetical order."""

    name: ClassVar[str] = "einsum"
    category: ClassVar[Category] = "arithmetic"
    signature: ClassVar[Signature] = Signature(("operands",), variadic=True)
    reach: ClassVar[Reach] = "global"
    is_view: ClassVar[bool] = True  # of one operand: a diagonal
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"equation": "bhid,bhjd->bhij"}, ((2, 3, 4, 5), (2, 3, 6, 5))),
        Example({"equation": "b...c, b c d -> b...d"}, ((2, 3, 4, 5), (2, 5, 6))),
        Example({"equation": "bij,bjk,bk->bi"}, ((2, 3, 4), (2, 4, 5), (2, 5))),
        Example({"equation": "bii->bi"}, ((2, 3, 3),)),
    )

    equation: str

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        require_same(inputs, op=self.name)
        terms, result = self.parse(inputs)
        sizes: dict[str, Dim] = {}
        for operand, (term, x) in enumerate(zip(terms, inputs, strict=True)):
            for axis, (label, size) in enumerate(zip(term, x.shape, strict=True)):
                known = sizes.get(label)
                within = label in term[:axis]  # a diagonal: here size 1 does not expand
                if known is None or (not within and expands(need, known, size)):
                    sizes[label] = size
                elif within or not expands(need, size, known):
                    message = f"`einsum` of {self.equation!r} has two sizes for {_called(label)}"
                    sizes[label] = equal_axis(need, message, axis, known, size, operand=operand, rank=None)
        return TensorType(tuple(sizes[label] for label in result), self.summed(inputs, terms, result, sizes))

    def summed(self, inputs: Inputs, terms: list[list[str]], result: list[str], sizes: Mapping[str, Dim]) -> str:
        """The result's dtype: torch sums integers in int64, but multiplies int64 with narrower ones only at times."""
        dtype = inputs[0].dtype
        if dtype == "int64" or not dtype.startswith(("int", "uint")):
            return dtype
        if len(terms) == 1:
            return dtype if set(terms[0]) <= set(result) else "int64"
        present = [
            [label for label, size in zip(term, x.shape, strict=True) if not _is_expanded(size, sizes[label])]
            for term, x in zip(terms, inputs, strict=True)
        ]
        for operand, labels in enumerate(present):
            others = {label for at, other in enumerate(present) if at != operand for label in other}
            for label in labels:
                if label not in others and label not in result:
                    message = f"`einsum` of {self.equation!r} sums {_called(label)} alone, of {dtype} to int64"
                    raise OpError("wrong-dtype", message, operand=operand, help="give it int64")
        return dtype

    def parse(self, inputs: Inputs) -> tuple[list[list[str]], list[str]]:
        """The labels of each operand's axes, and the result's. Axes under `...` are labelled `.-1` and on, from the
        last. Raises OpError for an equation that does not fit the inputs."""
        text = self.equation.replace(" ", "")
        sides = text.split("->")
        terms = sides[0].split(",")
        if len(sides) > 2 or any(not _is_term(term) for term in (*terms, *sides[1:])):
            raise self.wrong("needs letters, `,`, `...` and at most one `->`")
        if len(terms) != len(inputs):
            raise self.wrong(f"has {len(terms)} operands, got {len(inputs)} inputs")
        labels = [self.expand(term, x, operand) for operand, (term, x) in enumerate(zip(terms, inputs, strict=True))]
        hidden = sorted(
            {label for term in labels for label in term if label[0] == "."}, key=lambda label: int(label[1:])
        )
        if len(sides) == 1:
            letters = [label for term in labels for label in term if label[0] != "."]
            return labels, [*hidden, *sorted(letter for letter in letters if letters.count(letter) == 1)]
        result = [label for letter in _letters(sides[1]) for label in (hidden if letter == "..." else [letter])]
        known = {label for term in labels for label in term}
        for label in result:
            if label not in known or result.count(label) > 1:
                raise self.wrong(f"must name {label!r} once in the result and in an operand")
        return labels, result

    def expand(self, term: str, x: TensorType, operand: int) -> list[str]:
        """The labels of one operand."""
        letters = list(_letters(term))
        hidden = x.rank - len(letters) + 1 if "..." in letters else 0
        if hidden < 0 or ("..." not in letters and len(letters) != x.rank):
            raise OpError(
                "wrong-rank", f"`einsum` of {self.equation!r} has {len(letters)} axes in {term!r}, got {x}",
                operand=operand, label=axes_text(x.rank),
            )  # fmt: skip
        return [label for one in letters for label in ([f".{i}" for i in range(-hidden, 0)] if one == "..." else [one])]

    def wrong(self, why: str) -> OpError:
        return OpError("bad-argument", f"the equation {self.equation!r} {why}", argument="equation")

    def target(self, inputs: Inputs) -> Target:
        return Call("torch.einsum", (self.equation, *map(Operand, range(len(inputs)))))

    def macs(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        return dims.total(step.size for step in self.steps(inputs) if step.sums)

    def operations(self, inputs: Inputs, outputs: tuple[TensorType, ...]) -> Dim:
        """A product for each element where two operands are multiplied and nothing is summed."""
        return dims.total(step.size for step in self.steps(inputs) if not step.sums)

    def kept(self, inputs: Inputs, outputs: tuple[TensorType, ...], wanted: Wanted) -> Kept:
        """Of each product, from left to right, a factor for the gradient of the other."""
        factors: set[int] = set()
        made: list[TensorType] = []
        flows = wanted.inputs[0]
        for position, step in enumerate(self.steps(inputs), 1):
            if wanted.inputs[position]:
                if position == 1:
                    factors.add(0)
                else:
                    made.append(TensorType(step.left, inputs[0].dtype))
            if flows:
                factors.add(position)
            flows = flows or wanted.inputs[position]
        return Kept(tuple(sorted(factors)), made=tuple(made))

    def steps(self, inputs: Inputs) -> Iterator["_Step"]:
        """As torch contracts: from left to right, two operands at a time, what only one of them has summed before."""
        terms, result = self.parse(inputs)
        sizes = [dict(zip(term, x.shape, strict=True)) for term, x in zip(terms, inputs, strict=True)]
        current = sizes[0]
        for position, other in enumerate(sizes[1:], 2):
            later = {label for term in terms[position:] for label in term}
            summed = {label for label in (*current, *other) if label not in later and label not in result}
            wide = [{label for label, size in one.items() if size != 1} for one in (current, other)]
            joint = summed & wide[0] & wide[1]
            axes = {**current, **{label: size for label, size in other.items() if label not in current or size != 1}}
            kept = {label: size for label, size in axes.items() if label not in summed}
            size = dims.product((*kept.values(), *(axes[label] for label in sorted(joint))))
            yield _Step(tuple(current.values()), size, bool(joint))
            current = kept


@record
class _Step:
    """One of an einsum's products: the shape on its left, how many products of numbers it is, and whether it sums."""

    left: tuple[Dim, ...]
    size: Dim
    sums: bool


def _is_expanded(size: Dim, to: Dim) -> bool:
    """Whether an operand lacks an axis, of which it has one of size 1 in its place."""
    return size == 1 or (dims.value(size) == 1 and dims.value(to) != 1)


def _is_term(term: str) -> bool:
    letters = term.replace("...", "", 1)
    return letters == "" or (letters.isascii() and letters.isalpha())


def _letters(term: str) -> Iterator[str]:
    before, dots, after = term.partition("...")
    yield from (*before, *([dots] if dots else []), *after)


def _called(label: str) -> str:
    return f"axis {label!r}" if label[0] != "." else "an axis under `...`"
