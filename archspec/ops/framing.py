"""Feature maps cut or padded at their borders."""

from typing import ClassVar, Literal

from archspec import dims
from archspec.dims import Dim, show
from archspec.ops.base import Category, Example, Inputs, Ints, Needs, Op, OpError, Reach, RuntimeInts, Signature
from archspec.ops.dtypes import require_no_bool
from archspec.ops.needs import axes_text
from archspec.ops.target import Call, Code, Index, Operand, Target
from archspec.values import TensorType, dim_of

_ALL = slice(None)


class Crop(Op):
    """The centre of a feature map: `[N, C, H, W]` to the height and width of `like`, or to `size` (U-Net's skips, arXiv
    1505.04597). Of an odd number of rows to cut, the larger half is at the end. All axes from 2 on are cropped."""

    name: ClassVar[str] = "crop"
    category: ClassVar[Category] = "reshape"
    is_view: ClassVar[bool] = True
    signature: ClassVar[Signature] = Signature(("input",), ("like",), shape_only=frozenset({"like"}))
    reach: ClassVar[Reach] = "reshape"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({}, ((2, 4, 9, 8), (2, 3, 4, 6)), operands=("input", "like")),
        Example({"size": [3, 6]}, ((2, 4, 8, 8),)),
    )

    size: int | Ints | None = None

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x, wanted = inputs[0], self.wanted(inputs)
        for axis, (size, kept) in enumerate(zip(x.shape[2:], wanted, strict=True), 2):
            message = f"`crop` cannot make axis {axis} of {x} {show(kept)}"
            need.at_least(kept, 1, message, argument="size")
            need.at_least(dims.sub(size, kept), 0, message, operand=0, help="`pad` or `interpolate` makes a map larger")
        return x.with_shape((*x.shape[:2], *wanted))

    def wanted(self, inputs: Inputs) -> tuple[Dim, ...]:
        """The sizes of the axes from 2 on. Raises OpError."""
        x, like = inputs[0], inputs.get("like")
        if x.rank < 3:
            raise OpError("wrong-rank", f"`crop` needs [N, C, *], got {x}", operand=0)
        if like is not None and self.size is not None:
            raise OpError("bad-argument", "`crop` needs `size` or `like`, got both", argument="size")
        if like is not None:
            return last_axes_of(like, x, op=self.name)
        if self.size is None:
            raise OpError("bad-argument", "`crop` needs `size` or `like`, got neither")
        given = self.size if isinstance(self.size, tuple) else (self.size,) * (x.rank - 2)
        if len(given) != x.rank - 2:
            raise OpError(
                "bad-argument", f"`size` needs {x.rank - 2} numbers for {x}, got {len(given)}", argument="size"
            )
        return given

    def target(self, inputs: Inputs) -> Target:
        return Index((_ALL, _ALL, *(self.window(inputs, axis) for axis in range(2, inputs[0].rank))))

    def window(self, inputs: Inputs, axis: int) -> slice:
        """The slice of one axis: from `(size - kept) // 2` to `(size + kept) // 2`, which is `kept` long."""
        size, kept = inputs[0].shape[axis], self.wanted(inputs)[axis - 2]
        if isinstance(size, int) and isinstance(kept, int) and "like" not in inputs.names:
            return slice((size - kept) // 2, (size + kept) // 2)
        theirs = f"{{1}}.shape[{axis}]" if "like" in inputs.names else show(kept)
        mine = f"{{0}}.shape[{axis}]"
        return slice(Code(f"({mine} - {theirs}) // 2"), Code(f"({mine} + {theirs}) // 2"))

    def is_identity(self, inputs: Inputs) -> bool:
        return all(map(dims.proved_equal, inputs[0].shape[2:], self.wanted(inputs)))


def last_axes_of(like: TensorType, x: TensorType, *, op: str) -> tuple[Dim, ...]:
    """The sizes of `like` from axis 2 on, for `x`, which has as many axes."""
    if like.rank != x.rank:
        raise OpError(
            "wrong-rank", f"`{op}` needs `like` with as many axes as {x}, got {like}", operand=1,
            label=f"{axes_text(like.rank)}, not {x.rank}",
        )  # fmt: skip
    return like.shape[2:]


class Pad(Op):
    """Values around the last axes, as `torch.nn.functional.pad` has it: `pad: [left, right, top, bottom]` begins at the
    last axis. Negative numbers crop. `mode` says what is put there: `value` (0 unless given), or the input mirrored,
    its edge, or its other end.
    """

    name: ClassVar[str] = "pad"
    category: ClassVar[Category] = "padding"
    reach: ClassVar[Reach] = "reshape"
    is_view: ClassVar[bool] = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"pad": [1, 2, -1, 0]}),
        Example({"pad": [0, 0, 0, 0, 2, 2], "value": 0.5}),
        Example({"pad": [1, 2, 3, 0], "mode": "reflect"}),
    )

    pad: RuntimeInts
    mode: Literal["constant", "reflect", "replicate", "circular"] = "constant"
    value: float | int | None = None

    def pairs(self, x: TensorType) -> list[tuple[int, Dim, Dim]]:
        """Axis, padding before it and after it."""
        sizes = list(map(dim_of, self.pad))
        return [
            (x.rank - 1 - i, before, after)
            for i, (before, after) in enumerate(zip(sizes[::2], sizes[1::2], strict=True))
        ]

    def infer(self, need: Needs, inputs: Inputs) -> TensorType:
        x = inputs[0]
        self.check(x)
        shape = list(x.shape)
        for axis, before, after in self.pairs(x):
            size = shape[axis]
            by = f"{show(before)} and {show(after)}"
            kept = dims.total((size, *(pad for pad in (before, after) if isinstance(pad, int) and pad < 0)))
            shape[axis] = dims.total((size, before, after))
            for left in (kept, shape[axis]):
                need.at_least(
                    left, 1, f"`pad` by {by} leaves nothing of axis {axis}, which has size {show(size)}", argument="pad"
                )
            if self.mode in ("reflect", "circular"):
                for pad in (before, after):
                    room = dims.sub(size, pad)
                    message = (
                        f"`pad` with `mode: {self.mode}` cannot pad axis {axis} of size {show(size)} by {show(pad)}"
                    )
                    need.at_least(room, 1 if self.mode == "reflect" else 0, message, argument="pad")
        return x.with_shape(tuple(shape))

    def check(self, x: TensorType) -> None:
        """The arguments fit the number of axes. Raises OpError."""
        count = len(self.pad)
        if count % 2 or count > 2 * x.rank:
            message = f"`pad` needs a pair of numbers for each of the last axes of {x}, got {count} numbers"
            raise OpError("bad-argument", message, argument="pad")
        if self.mode == "constant":
            return
        if count not in (2 * x.rank - 4, 2 * x.rank - 2) or not 2 <= count <= 6:
            message = f"`mode: {self.mode}` pads all axes of {x} from 1 or 2 on, at most three, got {count} numbers"
            raise OpError("bad-argument", message, argument="pad")
        if self.value:
            raise OpError("bad-argument", f"`value` has no use with `mode: {self.mode}`", argument="value")
        require_no_bool(x, op=self.name)

    def is_identity(self, inputs: Inputs) -> bool:
        return all(pad == 0 for pad in self.pad)

    @property
    def saves_inputs(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return ("input",) if self.mode in ("reflect", "replicate") else ()

    def target(self, inputs: Inputs) -> Target:
        value = (("value", self.value),) if self.value is not None and self.mode == "constant" else ()
        mode = () if self.mode == "constant" else (self.mode,)
        return Call("torch.nn.functional.pad", (Operand(0), self.pad, *mode), value)
