"""Wrong calls, interruptions, and what a front end may cost."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

import archspec
from archspec import artifacts
from archspec.cli import main
from archspec.cli.terminal import wants_color
from archspec.diagnostics import SpecError

WRONG = {
    "": "COMMAND",
    "frobnicate": "`build`, `check`",
    "biuld lenet5": "did you mean `build`?",
    "build": "SPEC",
    "build lenet5 --depht 3": "--depht",
    "build lenet5 --var lenet5_pad28": "--var",
    "build nope": "no bundled spec",
    "build nope.yaml": "no file `nope.yaml`",
    "build .": "is a folder",
    "build lenet": "did you mean `lenet5`?",
    "build lenet5 --variant lenet5_pad": "did you mean `lenet5_pad28`?",
    "build lenet5_pad28 --variant lenet5_1998": "leave one of them out",
    "compare resnet18 resnet34 --variant resnet50": "`resnet18` is a variant",
    "build lenet5 --set padding": "KEY=VALUE",
    "build lenet5 --set =3": "KEY=VALUE",
    "build lenet5 --set pading=3": "did you mean `padding`?",
    "build lenet5 --set padding=three": "an integer",
    "build lenet5 --set padding=[1": "never closed",
    "build lenet5 --set padding=": "`padding` has no value",
    "build lenet5 --set padding=#1": "`padding` has no value",
    "build lenet5 --set padding=0..2": "ranges are for `archspec sweep`",
    "build lenet5 --set padding=0.5..2:0.5": "ranges are for `archspec sweep`",
    "build lenet5 --set padding=0,2": "several values are for `archspec sweep`",
    "build resnet18 --set depths=2,2": "write `[2,2]`",
    "sweep lenet5 --set padding=": "`padding` has no value",
    "sweep lenet5 --set padding=2,null": "1 | null",
    "sweep lenet5 --set padding=true": "1 | true",
    "build lenet5 --input 1x28y28": "3x256x256",
    "build lenet5 --input 1x0x28": "3x256x256",
    "build lenet5 --input 28x28": "4 axes",
    "build lenet5 --input image=1x28x28": "no input `image`",
    "build lenet5 --input 1x32x32 --input 1x28x28": "NAME=",
    "build lenet5 --allow-path nowhere": "no folder",
    "summary lenet5 --depth 0": "1 or more",
    "summary lenet5 --depth x": "1 or more",
    "check lenet5 --format xml": "xml",
    "export lenet5": "-o",
    "export lenet5 -o lenet.onnx": "only to .py",
    "export lenet5 -o .": "write `model.py`",
    "new": "FILE",
    "new .": "write `mine.yaml`",
    "new folder/..": "write `mine.yaml`",
    "new .yaml": "write `mine.yaml`",
    "new mine": "write `mine.yaml`",
    "list all": "all",
}


@pytest.mark.parametrize("call", WRONG)
def test_wrong_call(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(call.split()) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error[") and WRONG[call] in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("call", [["new", ""], ["export", "lenet5", "-o", ""], ["build", "lenet5", "-o", " "]])
def test_an_empty_path_is_a_variable_that_is_not_set(call: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(call) == 2
    assert "the path is empty" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"archspec {archspec.__version__}\n"


def test_a_bug_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("it broke")

    monkeypatch.setattr("archspec.loading.compiled", fails)
    monkeypatch.delenv("ARCHSPEC_DEBUG", raising=False)
    assert main(["check", "lenet5"]) == 3
    err = capsys.readouterr().err
    assert "RuntimeError: it broke" in err and "bug in archspec" in err and "Traceback" not in err
    monkeypatch.setenv("ARCHSPEC_DEBUG", "1")
    assert main(["check", "lenet5"]) == 3
    assert "Traceback" in capsys.readouterr().err


def test_interruption(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("archspec.emit.torch.run_and_compare", interrupted)
    assert main(["build", "lenet5"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
    assert not list(tmp_path.iterdir())


def test_closed_pipe() -> None:
    call = [sys.executable, "-m", "archspec", "summary", "resnet152", "--json"]
    process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **on_path()})
    assert process.stdout is not None and process.stderr is not None
    process.stdout.read(100)
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.skipif(os.name != "posix", reason="a shell's way to close a stream")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
@pytest.mark.parametrize(("call", "code"), [("check lenet5", 0), ("check lenet", 2), ("summary lenet5 --json", 0)])
def test_closed_streams(closed: str, call: str, code: int) -> None:
    shell = f"{shlex.quote(sys.executable)} -m archspec {call} {closed}"
    done = subprocess.run(shell, shell=True, capture_output=True, text=True, env={**os.environ, **on_path()})
    assert done.returncode == code
    assert "internal" not in done.stdout + done.stderr


def test_nothing_is_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, *_: object, **__: object) -> None:
        if "b" in self.name:
            raise OSError(28, "No space left on device", str(self))
        self.touch()

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SpecError, match="no space left"):
        artifacts.write_folder(tmp_path / "out", {"a": "", "b": ""})
    with pytest.raises(SpecError, match="no space left"):
        artifacts.write_file(tmp_path / "b", "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", [".", "..", "here/..", "link"])
def test_folders_without_a_name_of_their_own(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "inner"
    (inner / "here").mkdir(parents=True)
    (inner / "link").symlink_to(inner / "here")
    monkeypatch.chdir(inner)
    artifacts.write_folder(Path(place), {"model.py": "x = 1"})
    assert (Path(place) / "model.py").read_text() == "x = 1"
    assert not list(tmp_path.rglob("*.tmp"))
    with pytest.raises(SpecError, match="is a directory"):
        artifacts.write_file(Path(place), "")


@pytest.mark.parametrize("place", ["file", "file/below", "folder/model.py/x"])
def test_places_that_cannot_be_written(place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/model.py").touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SpecError, match="cannot write"):
        artifacts.write_folder(tmp_path / place, {"model.py": ""})
    with pytest.raises(SpecError, match="cannot write"):
        artifacts.write_file(tmp_path / place / "model.py", "")
    assert main(["new", str(tmp_path / place / "mine.yaml")]) == 2
    assert capsys.readouterr().err.endswith("help: choose another place\n")
    assert sorted(tmp_path.rglob("*")) == before


def test_color_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    assert wants_color(Terminal())  # type: ignore[arg-type]
    monkeypatch.setenv("TERM", "dumb")
    assert not wants_color(Terminal())  # type: ignore[arg-type]
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_color(Terminal())  # type: ignore[arg-type]
    monkeypatch.delenv("NO_COLOR")
    assert not wants_color(StringIO())


PROBE = """
import sys
from archspec.cli import main
code = main(sys.argv[1:])
print(sorted({name.partition(".")[0] for name in sys.modules} & {"torch", "torchvision", "numpy"}), file=sys.stderr)
sys.exit(code)
"""
FRONT_END = [
    "check resnet18",
    "summary densenet121",
    "summary densenet121 --json",
    "export resnet18 -o -",
    "list",
    "new mine.yaml",
]


def imported(call: str, folder: Path) -> str:
    """Which of the heavy packages a command imports."""
    run = [sys.executable, "-c", PROBE, *call.split()]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=120, env={**os.environ, **on_path()})
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()[-1]


def on_path() -> dict[str, str]:
    """Lets a child find the archspec that is tested, from any folder."""
    root = str(Path(archspec.__file__).parents[1])
    return {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}


@pytest.mark.parametrize("call", FRONT_END)
def test_front_end_never_imports_torch(call: str, tmp_path: Path) -> None:
    assert imported(call, tmp_path) == "[]"


def test_the_test_of_imports_can_fail(tmp_path: Path) -> None:
    assert "torch" in imported("build lenet5", tmp_path)


METADATA = """
import sys
from archspec.cli import main
main(["check", "resnet18"])
import importlib.util
assert importlib.util.find_spec("importlib.metadata").origin
for module in sys.modules.values():
    getattr(module, "__warningregistry__", None)
assert "pydantic.plugin._loader" in sys.modules and "email" not in sys.modules
USE
assert "email" in sys.modules and "archspec" not in type(sys.modules["importlib.metadata"]).__module__
"""


@pytest.mark.parametrize(
    "use",
    [
        "import importlib.metadata; assert importlib.metadata.version('pydantic')",
        "from importlib.metadata import entry_points; assert entry_points(group='console_scripts')",
        "from importlib.metadata import PackageNotFoundError",
        "from importlib.metadata._text import FoldedCase; from importlib.metadata import files",
        "from importlib.metadata import *; assert version('pydantic')",
        "import importlib.metadata as a; a.files; import importlib.metadata as b; assert a is b",
        "import importlib.metadata as m; m.version = len; assert m.version is len and m.files",
        "from unittest import mock, TestCase; import importlib.metadata as m\n"
        "with mock.patch('importlib.metadata.version', return_value='9.9'): assert m.version('pydantic') == '9.9'\n"
        "assert m.version('pydantic') != '9.9'",
        "import archspec; assert archspec.__version__",
    ],
)
def test_metadata_of_packages_is_there_for_who_uses_it(use: str) -> None:
    call = [sys.executable, "-c", METADATA.replace("USE", use)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=120, env={**os.environ, **on_path()})
    assert done.returncode == 0, done.stderr


def test_cold_summary_is_quick() -> None:
    """Seconds of the processor, which a busy machine hardly changes: about half of one."""
    call = [sys.executable, "-m", "archspec", "summary", "densenet121"]
    times: list[float] = []
    for _ in range(3):
        before = os.times()
        subprocess.run(call, check=True, capture_output=True, env={**os.environ, **on_path()})
        after = os.times()
        times.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(times) < 1


@pytest.mark.parametrize(
    ("words", "help"),
    [
        (["summary", "resnet18", "--dept", "1"], "did you mean `--depth`"),
        (["summary", "resnet18", "--csv"], "write `--format csv`"),
        (["summary", "resnet18", "--markdown"], "write `--format markdown`"),
        (["check", "lenet5", "--csv"], "choose one of `--allow-op`, `--allow-path`, `--format`, "),
        (["rf", "lenet5", "--csv"], "`--json`"),
        (["rf", "lenet5", "--nod", "conv1"], "did you mean `--node`?"),
        (["list", "vgg"], "see `archspec list --help`"),
        (["list", "--json"], "it takes no options"),
        (["summary", "resnet18", "--sort", "-params"], "write `--sort=-params`"),
        (["rf", "resnet18", "--json", "--at", "-1,3"], "write `--at=-1,3`"),
        (["export", "resnet18", "-o", "-x.py"], "write `--output=-x.py`"),
        (["summary", "resnet18", "--sort", "--json"], "see `archspec summary --help`"),
        (["summary", "resnet18", "--sort"], "see `archspec summary --help`"),
    ],
)
def test_an_option_that_is_not_there(words: list[str], help: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert help in capsys.readouterr().err


def test_a_variant_with_another_variant_is_refused() -> None:
    with pytest.raises(SpecError, match="`resnet34` is a variant, and `resnet50` another"):
        archspec.load("resnet34", variant="resnet50")


def test_a_spec_without_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["summary", ""]) == 2
    assert "the name of the spec is empty" in capsys.readouterr().err
