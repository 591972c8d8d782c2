"""Numbers for people: counts, bytes, shares, ratios."""

from __future__ import annotations

from archspec.dims import Dim

NOTHING = "-"
_COUNTS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))
_BYTES = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))
_TIMES = 2  # from here on a rise reads better as a factor
_MANY = 10  # and a fall as a divisor


def count(number: int) -> str:
    """`25,557,032`; a dash for none."""
    return f"{number:,}" if number else NOTHING


def short_count(number: float) -> str:
    """Three digits: `25.6M`."""
    for unit, letter in _COUNTS:
        if number >= unit * 0.9995:
            return _three(number / unit, letter)
    return _three(number) if number else NOTHING


def bytes_text(size: int) -> str:
    """`97.70 MiB`."""
    for unit, name in _BYTES:
        if size >= unit:
            return f"{size / unit:,.2f} {name}"
    return f"{size} B" if size else NOTHING


def short_bytes(size: int) -> str:
    """Three digits: `97.7M`, in units of 1024."""
    for unit, name in _BYTES:
        if size >= unit * 0.9995:
            return _three(size / unit, name[0])
    return str(size) if size else NOTHING


def percent(part: float, whole: float) -> str:
    """The share of a part: `12.3%`, `<0.1%`; a dash for none."""
    if not part or not whole:
        return NOTHING
    share = 100 * part / whole
    return "<0.1%" if share < 0.05 else f"{share:.1f}%"


def change(before: float, after: float) -> str:
    """What becomes of a number: `+12.3%`, `x 2.70`, `/ 12`, `=`."""
    if before == after:
        return "="
    if not before:
        return "new"
    if not after:
        return "gone"
    factor = after / before
    if factor >= _TIMES:
        return f"x {factor:,.2f}" if factor < 100 else f"x {factor:,.0f}"
    if factor <= 1 / _MANY:
        return f"/ {1 / factor:,.0f}"
    share = 100 * (factor - 1)
    return f"{share:+.1f}%" if abs(share) >= 0.05 else ("+" if share > 0 else "-") + "<0.1%"


def signed(number: int) -> str:
    """`+1,024`, `-3`, `=`."""
    return f"{number:+,}" if number else "="


def known(dim: Dim) -> int | None:
    """A number that depends on no unknown size."""
    return dim if isinstance(dim, int) else None


def _three(number: float, suffix: str = "") -> str:
    """Three digits, without an exponent; whole numbers below 1000 as they are."""
    if number == int(number) and not suffix:
        return f"{number:.0f}"
    digits = 0 if number >= 99.95 else 1 if number >= 9.995 else 2
    return f"{number:.{digits}f}{suffix}"
