"""Which files a spec may read, and what is said of files that cannot be read."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from archspec import api
from archspec.cli import main
from archspec.diagnostics import SpecError

LIBRARY = "archspec: 1\nblocks: {Act: {graph: [ReLU]}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a spec, with one beside it that holds a library."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "lib.yaml").write_text(LIBRARY)
    (tmp_path / "mine" / "below").mkdir(parents=True)
    (tmp_path / "mine" / "below" / "lib.yaml").write_text(LIBRARY)
    (tmp_path / "mine" / "link.yaml").symlink_to(tmp_path / "outside" / "lib.yaml")
    (tmp_path / "mine" / "folder").symlink_to(tmp_path / "outside")
    (tmp_path / "mine" / "inside.yaml").symlink_to(tmp_path / "mine" / "below" / "lib.yaml")
    (tmp_path / "mine" / "loop.yaml").symlink_to(tmp_path / "mine" / "loop.yaml")
    return tmp_path / "mine"


def code(folder: Path, target: str) -> str:
    path = folder / "spec.yaml"
    path.write_text(f"archspec: 1\nimports: {{lib: '{target}'}}\ninput: [N, 3]\ngraph: {{a: lib.Act}}\n")
    try:
        api.load(path)
    except SpecError as error:
        return error.diagnostics[0].code
    return "ok"


@pytest.mark.parametrize("target", ["below/lib.yaml", "./below/../below/lib.yaml", "inside.yaml"])
def test_files_below_are_read(folder: Path, target: str) -> None:
    assert code(folder, target) == "ok"


@pytest.mark.parametrize(
    "target",
    ["../outside/lib.yaml", "below/../../outside/lib.yaml", "link.yaml", "folder/lib.yaml", "{outside}/lib.yaml",
     "../outside/nothing.yaml", "/etc/passwd", "/no/such/file", "../../../../../../../../etc/passwd", ".."],
)  # fmt: skip
def test_files_outside_are_not_read_nor_said_to_be_there(folder: Path, target: str) -> None:
    assert code(folder, target.format(outside=folder.parent / "outside")) == "file-not-allowed"


@pytest.mark.parametrize("target", ["loop.yaml", "below", ".", "BELOW/LIB.YAML.", "x" * 5000, "~/x.yaml", "file:///x"])
def test_what_is_no_file(folder: Path, target: str) -> None:
    assert code(folder, target) == "file-not-found"


def test_a_link_to_itself(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(folder / "loop.yaml")]) == 2
    assert capsys.readouterr().err.startswith("error[unreadable-file]: cannot read")


def test_a_file_that_vanishes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found, and gone when it is opened."""
    monkeypatch.setattr("archspec.library._is_file", lambda path: True)
    assert code(folder, "gone.yaml") == "file-not-found"


def test_a_huge_file_is_not_read_to_its_end(folder: Path) -> None:
    path = folder / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    with pytest.raises(SpecError, match="larger than 1,000,000 bytes"):
        api.load(path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk is made with /dev/full")
def test_output_to_a_full_disk(capfd: pytest.CaptureFixture[str]) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [sys.executable, "-m", "archspec", "summary", "lenet5"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert done.stderr.startswith("error[cannot-write]") and "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="shells there limit no files")
def test_output_larger_than_a_file_may_be(tmp_path: Path) -> None:
    call = f"ulimit -f 1; '{sys.executable}' -m archspec summary resnet18 --json > '{tmp_path / 'rows.json'}'"
    done = subprocess.run(["sh", "-c", call], stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "error[cannot-write]: cannot write the output: file too large\n")


@pytest.mark.parametrize("call", ["build {spec} -o {name}", "export lenet5 -o {name}.py", "new {name}.yaml"])
def test_a_name_too_long_for_a_file(call: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    name = tmp_path / ("n" * 300)
    (tmp_path / "spec.yaml").write_text("archspec: 1\ninput: [N, 4]\ngraph: {act: ReLU}\n")
    assert main(call.format(spec=tmp_path / "spec.yaml", name=name).split()) == 2
    assert (
        capfd.readouterr().err
        == f"error[cannot-write]: cannot write `{call.split()[-1].format(name=name)}`: file name too long\n"
    )


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (OSError(errno.EDQUOT, "Disk quota exceeded"), 2, "cannot write the output: disk quota exceeded"),
        (OSError(errno.EROFS, "Read-only file system", "a.svg"), 2, "cannot write `a.svg`: read-only file system"),
        (OSError(errno.ENOENT, "No such file or directory", "ours.txt"), 3, "bug in archspec"),
        (OSError("of no errno"), 3, "bug in archspec"),
    ],
)
def test_what_the_system_says_of_writing(
    error: OSError, code: int, told: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr("archspec.cli.check.run", fails)
    assert main(["check", "lenet5"]) == code
    assert told in capfd.readouterr().err


INTERRUPTED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
from archspec.cli import main
from archspec.emit import torch
torch.run_and_compare = lambda *_: os.kill(os.getpid(), signal.SIGINT)
sys.exit(main(sys.argv[1:]))
"""


INTERRUPTED_IMPORT = """
import sys
class Interrupts:
    def find_spec(self, name, *_):
        if name == "{imported}":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupts())
sys.argv[1:] = ["summary", "lenet5"]
from archspec.__main__ import entry
entry()
"""


@pytest.mark.parametrize(
    "imported",
    ["archspec.cli", "archspec.objects", "archspec.cli.main", "argparse", "pydantic", "yaml", "archspec.ops.base"],
)
def test_control_c_while_archspec_is_imported(imported: str) -> None:
    call = [sys.executable, "-c", INTERRUPTED_IMPORT.format(imported=imported)]
    done = subprocess.run(call, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_control_c(tmp_path: Path) -> None:
    """A signal in the middle of a build, when the module is there: no traceback, nothing written."""
    call = [sys.executable, "-c", INTERRUPTED, "build", "lenet5", "-o", str(tmp_path / "out")]
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode in (130, -signal.SIGINT)  # Python may end by the signal itself; shells call both 130
    assert done.stderr.endswith("interrupted\n") and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
