"""Finding and loading specs: by path or bundled name, each file once, and only where reading is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

from archspec.diagnostics import Source, SpecError, nearest, spec_error
from archspec.limits import current, more
from archspec.schema import parse_file
from archspec.spec import Spec, assemble
from archspec.syntax import Errors
from archspec.yaml_source import Scalar, read

MAX_DEPTH = 64  # of files that extend files; fixed, since each is read within the one that extends it

_INSTALLED = Path(__file__).parent / "specs"
BUNDLED = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parent.parent / "specs"
"""Where the bundled specs are: in an installed package, or in a checkout."""


class Library:
    """Loads specs by path or bundled name, each file once.

    `allow`: further folders that `extends` and `imports` may reach; they always may reach the folder of the spec that
    is asked for, what is below it, and the bundled specs.
    """

    def __init__(self, allow: Iterable[Path] = ()) -> None:
        self.roots = [BUNDLED.resolve(), *(folder.resolve() for folder in allow)]
        self._whole = True  # names are whole paths
        self._specs: dict[Path, Spec] = {}
        self._texts: dict[Path, str] = {}
        self._found: dict[tuple[str, Path | None], Path] = {}
        self._loading: list[Path] = []
        self._bytes = 0

    def load(self, path: Path) -> Spec:
        """The spec in a file that the user names. Raises SpecError."""
        self._whole = path.is_absolute()
        real = _resolved(path)
        if real is None:
            read(path)  # says why
        self.roots.append((real or path).parent)
        return self._load(path)

    def load_text(self, source: Source, folder: Path | None = None) -> Spec:
        """A spec given as text; `folder` is where its imports start."""
        if folder is not None:
            self.roots.append(folder.resolve())
        return self._build(source, None, folder)

    def read_all(self, path: Path) -> tuple[Path, ...]:
        """Reads a spec with all that it imports and extends; the files. Raises SpecError."""
        pending, seen = [self.load(path)], set[Spec]()
        while pending:
            spec = pending.pop()
            if spec not in seen:
                seen.add(spec)
                pending += [self.resolve(entry.target, entry.folder) for entry in spec.imports.values()]
        return self.files

    def is_current(self) -> bool:
        """Whether the files say what they said when they were read, and names lead where they led."""
        try:
            return all(self._located(*name) == path for name, path in self._found.items()) and all(
                read(path).text == text for path, text in self._texts.items()
            )
        except SpecError:  # one is no file any more
            return False

    @property
    def files(self) -> tuple[Path, ...]:
        """Those read so far."""
        return tuple(self._specs)

    def resolve(self, target: Scalar, folder: Path | None) -> Spec:
        """The spec that `extends` or an import names. Raises SpecError at the name."""
        path = self._find(target, folder)
        if path in self._loading:
            chain = " -> ".join(p.name for p in (*self._loading[self._loading.index(path) :], path))
            raise spec_error(
                "import-cycle", f"`{target.text}` leads back to itself: {chain}", target.span, help="break the circle"
            )
        if len(self._loading) == MAX_DEPTH:
            message = f"files extend each other more than {MAX_DEPTH} deep"
            raise spec_error("too-deep", message, target.span, help="extend one that stands earlier in the chain")
        return self._load(path)

    def _find(self, target: Scalar, folder: Path | None) -> Path:
        """Where a name leads, from a folder: looked up once. Raises SpecError."""
        key = target.text, folder
        if key not in self._found:
            self._found[key] = self._located(target.text, folder) or self._nowhere(target, folder)
        return self._found[key]

    def _located(self, text: str, folder: Path | None) -> Path | None:
        return next((path for path in self._allowed(_places(text, folder)) if _is_file(path)), None)

    def _allowed(self, places: Iterable[Path]) -> list[Path]:
        return [path for path in places if any(path.is_relative_to(root) for root in self.roots)]

    def _nowhere(self, target: Scalar, folder: Path | None) -> NoReturn:
        text, places = target.text, _places(target.text, folder)
        if places == self._allowed(places):
            parent = Path(text).parent
            beside = (folder or Path.cwd()) / parent
            known = {path.stem: path.stem for path in BUNDLED.glob("*.yaml")}
            known |= {str(parent / path.stem): str(parent / path.name) for path in beside.glob("*.yaml")}
            close = nearest(re.sub(r"\.ya?ml$", "", text), known)
            raise spec_error(
                "file-not-found",
                f"no spec `{text}` beside this file or among the bundled ones",
                target.span,
                help=_as_variant(text) or (f"did you mean `{known[close]}`?" if close else "see `archspec list`"),
            )
        raise spec_error(  # whether it is there is not said
            "file-not-allowed",
            f"`{text}` lies outside the folder of the spec and the bundled specs",
            target.span,
            help="say where its imports start: `archspec.loads(text, folder=...)`"
            if folder is None
            else "move it below the spec's folder, or allow its folder with `--allow-path`",
        )

    def _load(self, path: Path) -> Spec:
        if path in self._specs:  # as `_find` gives it
            return self._specs[path]
        key = path.resolve()
        if key not in self._specs:
            source = self._named(read(path))
            self._count(source)
            self._texts[path] = source.text
            self._loading.append(key)
            try:
                self._specs[key] = self._build(source, path, path.parent)
            finally:
                self._loading.pop()
        return self._specs[key]

    def _named(self, source: Source) -> Source:
        """A file as the user names such: from the working directory, unless the spec was given by its whole path."""
        path = Path(source.name)
        if self._whole or not path.is_relative_to(Path.cwd()):
            return source
        return replace(source, name=str(path.relative_to(Path.cwd())))

    def _count(self, source: Source) -> None:
        """Raises SpecError where the files are too large together."""
        self._bytes += len(source.text)
        limit = current().bytes
        if self._bytes > limit:
            message = f"with `{source.name}` the files of this spec are larger than {limit:,} bytes"
            raise spec_error("too-large", message, help=more("bytes"))

    def _build(self, source: Source, path: Path | None, folder: Path | None) -> Spec:
        document, node = parse_file(source)
        errors = Errors()
        base = self.resolve(document.extends, folder) if document.extends is not None else None
        spec = assemble(document, node, path, folder, base, self._find, errors)
        errors.check()
        return spec


def bundled() -> dict[str, Path]:
    """Every bundled spec by name."""
    return {path.stem: path for path in sorted(BUNDLED.glob("*.yaml"))}


def declared_variants(path: Path) -> tuple[str, ...]:
    """The variants that a spec's own file declares, not those of what it extends. Raises SpecError."""
    return _declared_variants(read(path))


@lru_cache(maxsize=128)
def _declared_variants(source: Source) -> tuple[str, ...]:
    variants = parse_file(source)[0].variants
    return variants.keys() if variants is not None else ()


def _as_variant(name: str) -> str | None:
    """Help for a variant's name where a file's is needed."""
    for path in bundled().values():
        if name in read(path).text and name in declared_variants(path):  # parsing them all takes a while
            return f"`{name}` is a variant: name the spec `{path.stem}`, and write `variant: {name}`"
    return None


def _places(text: str, folder: Path | None) -> list[Path]:
    """Where a spec may be that is named in a file of a folder, the first first."""
    candidates = [(folder or Path.cwd()) / text, BUNDLED / text, BUNDLED / f"{text}.yaml"]
    return [path for path in map(_resolved, candidates) if path is not None]


def _is_file(path: Path) -> bool:
    """Whether there is such a file; a name that no file system takes is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def _resolved(path: Path) -> Path | None:
    """Where a path leads, links followed; None for one that no file system takes."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # links in a circle, a null character
        return None
