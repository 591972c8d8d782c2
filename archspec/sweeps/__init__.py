"""Many networks of one spec: its params' values combined, each network counted, those that fit found.

found = archspec.sweep("densenet", {"growth": range(12, 49, 4)}, where="params < 8e6", sort="macs")
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archspec.elaborate.inputs import Shape
    from archspec.sweeps.results import Sweep

LIMIT = 100_000
"""The most combinations, unless another number is given."""


def sweep(
    spec: str | Path,
    params: Mapping[str, Iterable[Any]],
    *,
    where: str | None = None,
    sort: str | Sequence[str] = (),
    columns: str | Sequence[str] = (),
    variant: str | None = None,
    input: Shape | Mapping[str, Shape] | None = None,
    batch: int | None = None,
    optimizer: str | None = None,
    allow_ops: Iterable[str] = (),
    allow_paths: Iterable[str | Path] = (),
    jobs: int | None = None,
    file: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    limit: int = LIMIT,
    progress: Callable[[int, int], None] | None = None,
) -> Sweep:
    """Every combination of values, compiled and counted; nothing is built. Prints as a table, shows itself in a
    notebook.

    Args:
        spec: a path, or the name of a bundled spec or variant.
        params: values by the name of a param; `variant` and `input` may be varied, too.
        where: what must hold of a network, over its metrics and the varied params: `"macs < 3e9 and growth > 12"`.
        sort: a metric or param, or several, `"params,macs"` or a list; smallest first, `"-params"` largest first.
        columns: metrics, as `archspec.compare` has them, in place of `params` and `macs`, in this order; `"+depth"`
            adds one. Those that are asked for elsewhere are there anyway.
        variant, input, allow_ops, allow_paths: as `archspec.load` has them.
        batch, optimizer: what memory is computed for, as `Graph.summary` has it.
        jobs: processes, to four a core; None: as many as there are cores, where there is enough to do.
        file: a .csv file to which every result is written as it is found.
        resume: what the file holds already is not computed again.
        force: the file is overwritten. Without either a file that is there is an error.
        limit: the most combinations.
        progress: called with the number of combinations that are done, and of all.

    Raises:
        SpecError: params, metrics or conditions are mistaken. A combination that is no network is a result.
    """
    from archspec.diagnostics import check_type  # only who asks for it pays for loading it
    from archspec.loading import several
    from archspec.sweeps.search import prepare

    check_type("file", file, str | PathLike | None, "a .csv file's path")
    check_type("progress", progress, Callable | None, "a function of two numbers")
    search = prepare(
        spec, params, where=where, sort=sort, columns=columns,
        variant=variant, input=input, batch=batch, optimizer=optimizer,
        allow_ops=several("allow_ops", allow_ops), allow_paths=several("allow_paths", allow_paths),
        jobs=jobs, file=Path(file) if file is not None else None, resume=resume, force=force,
        limit=limit,
    )  # fmt: skip
    for _ in search.rows():
        if progress is not None:
            progress(search.done, search.total)
    return search.result()
