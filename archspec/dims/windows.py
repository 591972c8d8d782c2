"""How many positions a sliding window takes on one axis."""

from __future__ import annotations

from archspec.dims.sizes import Dim, affine


def window_out(
    size: Dim, kernel: int, stride: int, pad_before: int, pad_after: int, dilation: int, ceil_mode: bool = False
) -> Dim:
    """How many windows of a convolution or a pooling fit one axis (the shape formula of torch.nn.MaxPool2d).

    With `ceil_mode` a last window may overhang, if it starts inside the input or the padding before it. Padding is at
    most the window's extent, as torch demands.
    """
    overhang = pad_after - dilation * (kernel - 1) - 1 + stride  # floor((size + pad_before + overhang) / stride)
    if ceil_mode:  # whichever of rounding up and that condition allows fewer: both are floors, so their minimum is
        overhang = min(overhang, 0) + stride - 1
    offset = pad_before + overhang
    return (size + offset) // stride if isinstance(size, int) else affine(size, 1, offset, stride)


def transposed_out(size: Dim, kernel: int, stride: int, padding: int, dilation: int, output_padding: int) -> Dim:
    """The size of one axis after a transposed convolution (the shape formula of torch.nn.ConvTranspose2d)."""
    offset = dilation * (kernel - 1) + 1 + output_padding - 2 * padding - stride
    return stride * size + offset if isinstance(size, int) else affine(size, stride, offset, 1)
