"""What a node needs of the input's sizes, where those it has do not do."""

from __future__ import annotations

from collections.abc import Iterator

from archspec import dims
from archspec.dims import Condition, Equation, Symbol
from archspec.ops.needs import Requirement

_LONGEST = 96  # characters of a condition that is worth reading


def unmet(need: Requirement, path: str, batch: frozenset[str]) -> Iterator[str]:
    """Notes on a requirement that does not hold: "`join2` needs H = 0 (mod 16); 572 is not: nearest 560, 576".

    None where no other size of the input would do, or only odd ones: `H` and `(H + 1) // 2` agree at 1.
    """
    what = need.condition()
    condition = what.condition if isinstance(what, Equation) else what
    names = dims.names_of(condition.form)
    if not names or names & batch:
        return
    parts = dims.separate(what, {})
    fixed = isinstance(what, Equation) and not (what.left.terms and what.right.terms)
    if parts is None:
        if (fixed or condition.kind != "zero") and len(what.text) <= _LONGEST:
            yield f"`{path}` needs {what.text}"
        return
    nominal = {symbol.text: symbol.value for part in parts for symbol in dims.symbols_of(part.form)}
    for part in parts:
        (name,) = dims.names_of(part.form)
        size, sizes = nominal[name], dims.solve(part)
        if size is None or sizes is None or size in sizes or not (sizes.residues or (fixed and not _is_axis(part))):
            continue
        yield f"`{path}` needs {sizes.text(name)}; {sizes.missed(size)}"


def _is_axis(condition: Condition) -> bool:
    """Whether the condition gives an axis its number, which goes without saying."""
    return all(isinstance(atom, Symbol) for monomial, _ in condition.form.terms for atom in monomial)
