"""The JSON Schema of the language, held to what archspec accepts and refuses; and `check --watch`."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

import archspec
from archspec import ops
from archspec.cli import main
from archspec.diagnostics import Source, SpecError
from archspec.editors import language_schema
from archspec.yaml_source import parse, plain, read

ROOT = Path(__file__).parents[1]
SCHEMA = language_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
RIGHT = [*sorted((ROOT / "specs").glob("*.yaml")), *sorted((ROOT / "tests" / "cases" / "ok").rglob("*.yaml"))]
HEAD = "archspec: 1\ninput: [N, 3, 8, 8]\n"


def mistake(document: Any) -> str | None:
    found = best_match(VALIDATOR.iter_errors(document))
    return None if found is None else f"{'.'.join(map(str, found.absolute_path))}: {found.message}"


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("path", RIGHT, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_right_is_accepted(path: Path) -> None:
    assert mistake(plain(parse(read(path)))) is None


def test_the_starter_and_the_examples_of_the_documents_are_accepted() -> None:
    texts = [(ROOT / "archspec" / "cli" / "starter.yaml").read_text(encoding="utf-8")]
    for document in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        found = re.findall(
            r"(<!-- error[^\n]*\n)?```yaml\n(archspec: 1\n.*?)```", document.read_text("utf-8"), re.DOTALL
        )
        texts += [text for wrong, text in found if not wrong]
    assert len(texts) > 100
    refused: list[str] = []
    for text in texts:
        try:
            archspec.loads(text, allow_ops=["mylayers"])
            found_mistake = mistake(plain(parse(Source("text", text))))
        except (SpecError, ImportError):
            continue  # what needs other files, or is shown as a mistake in another way
        if found_mistake is not None:
            refused.append(f"{found_mistake}\n{text}")
    assert refused == []


@pytest.mark.parametrize("name", ops.names())
def test_ops(name: str) -> None:
    """Every op's examples are accepted, a misspelt argument is not; every argument is there, with its default."""
    op = ops.lookup(name)
    assert op is not None
    for example in op.examples:
        node = {"op": name, **{key: listed(value) for key, value in example.args.items()}}
        assert mistake({"archspec": 1, "graph": {"a": node}}) is None
    assert "'misspelt' was unexpected" in str(mistake({"archspec": 1, "graph": {"a": {"op": name, "misspelt": 1}}}))
    said = SCHEMA["$defs"][f"op.{name}"]
    assert said["description"] and set(op.model_fields) <= set(said["properties"])


def listed(value: Any) -> Any:
    return [listed(item) for item in value] if isinstance(value, list | tuple) else value


def test_defaults_and_words() -> None:
    conv = SCHEMA["$defs"]["op.Conv2d"]["properties"]
    assert (conv["stride"]["default"], conv["bias"]["default"], conv["padding_mode"]["default"]) == (1, True, "zeros")
    assert conv["padding_mode"]["else"]["enum"] == ["zeros", "reflect", "replicate", "circular"]
    assert "default" not in conv["out_channels"] and "required" in conv["out_channels"]["description"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("parms: {a: 1}\ngraph: {a: ReLU}", ": Additional properties are not allowed ('parms' was unexpected)"),
        ("graph: {a: {op: Conv2d, out_chanels: 3}}", "graph.a: Additional properties"),
        ("graph: {a: {op: Conv2d, out_channels: '3'}}", "graph.a.out_channels: '3' should not"),
        ("graph: {a: {op: Conv2d, out_channels: true}}", "graph.a.out_channels: True is not"),
        ("graph: {a: {op: Conv2d, kernel_size: [1, 2, 3]}}", "graph.a.kernel_size: [1, 2, 3] is too long"),
        ("graph: {a: {op: Conv2d, padding_mode: zeroes}}", "graph.a.padding_mode: 'zeroes' is not one of ['zeros'"),
        ("graph: {a: {op: Conv2d, bias: 3}}", "graph.a.bias: 3 is not"),
        ("graph: {a: {op: ReLU, form: b}}", "graph.a: Additional properties are not allowed ('form'"),
        ("graph: {a: {op: ReLU, else: input}}", "graph.a: 'when' is a dependency of 'else'"),
        ("graph: {a: {graph: {b: ReLU}, padding: 3}}", "graph.a: 'padding' is not one of"),
        ("graph: {a: 3}", "graph.a: 3 is not of type"),
        ("graph: {a: ReLU, b: null}", "graph.b: None is not of type"),
        ("graph: {for i in range(3): {a$i: {op: ReLU, inplce: true}}}", "graph.for i in range(3).a$i: Additional"),
        ("graph: [{for i in xs: [{op: MaxPool2d, kernl: 2}]}]", "graph.0.for i in xs.0: Additional"),
        ("graph: [{op: ReLU, repeat: -1}]", "graph.0.repeat: -1 is less than the minimum"),
        ("blocks: {B: {graf: {a: ReLU}}}", "blocks.B: "),
        ("params: {when: 3}", "params: 'when' should not be valid"),
        ("params: {a-b: 3}", "params: 'a-b' does not match"),
        ("outputs: {a: {from: a, only: train}}", "outputs.a.only: 'train' is not one of ['training', 'eval']"),
        ("init: {Conv2d: {weight: kaiming}}", "init.Conv2d.weight: 'kaiming' is not one of"),
        ("init: {Conv: {weight: zeros_}}", "init: 'Conv' is not one of"),
        ("defaults: {Conv2d: {bais: false}}", "defaults.Conv2d: Additional"),
        ("variant: wide", ": 'extends' is a dependency of 'variant'"),
        ("inputs: {x: [N, 3]}", "should not be valid under"),
        ("imports: {a: {fle: b.yaml}}", "imports.a: "),
    ],
)
def test_typical_mistakes_are_found_at_their_place(text: str, said: str) -> None:
    assert said in str(mistake(plain(parse(Source("text", HEAD + text)))))


def test_what_only_names_could_tell_is_left_to_check() -> None:
    for text in (
        "graph: {a: Linaer}",
        "graph: {a: {op: Block, whatever: [1, {x: y}]}}",
        "graph: {a: {op: $act, inplace: true}, b: {op: my.layers.Drop, p: 0.1}}",
        "graph: {a: {op: Conv2d, out_channels: 2 * width, kernel_size: (k for k in ks), padding_mode: $m}}",
        "graph: {let x: 3, if x > 2: {a: ReLU}, else: {b: [ReLU, {let y: 3}, {if x: ReLU, else: [ReLU]}]}}",
        "extends: densenet.yaml\ngraph: {classifier: null, features.norm5: {op: BatchNorm2d}}",
    ):
        assert mistake(plain(parse(Source("text", HEAD + text)))) is None, text


EXPRESSIBLE = {
    "unknown-argument",
    "unknown-key",
    "missing-key",
    "unknown-initializer",
    "bad-document",
    "format-version",
}


def test_bad_cases() -> None:
    """No case is refused that has no mistake; of those that a schema can express, nearly all are refused."""
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for path in sorted((ROOT / "tests" / "cases" / "bad").glob("*.yaml")):
        try:
            document = plain(parse(read(path)))
        except SpecError:
            continue  # no YAML that could be looked at
        found[mistake(document) is not None].add(path.name)
    assert len(found[True]) >= 50
    text = {name: (ROOT / "tests" / "cases" / "bad" / name).read_text("utf-8", "replace") for name in found[False]}
    missed = {
        name: codes for name in text
        if (codes := {*re.findall(r"# error: (?:\S+: )?([a-z-]+)", text[name])} & EXPRESSIBLE)
    }  # fmt: skip
    # `init` on a block, a key that no block has, two inputs or none: names and other files decide
    assert len(missed) <= 4, missed


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == SCHEMA
    assert main(["schema", "-o", str(tmp_path / "s.json")]) == 0
    assert json.loads((tmp_path / "s.json").read_text(encoding="utf-8")) == SCHEMA
    assert main(["schema", "-o", str(tmp_path / "s.txt")]) == 2
    assert main(["new", str(tmp_path / "mine.yaml")]) == 0
    first = (tmp_path / "mine.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=archspec.schema.json"


# --- check --watch

SPEC = HEAD + "imports: {lib: lib.yaml}\ngraph: {a: lib.Unit}\n"
LIB = "archspec: 1\nblocks: {Unit: {graph: {a: ReLU}}}\n"


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[queue.Queue[str]]:
    """What `archspec check --watch` says, line by line; it must end well."""
    (tmp_path / "net.yaml").write_text(SPEC, encoding="utf-8")
    (tmp_path / "lib.yaml").write_text(LIB, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "archspec", "check", "--watch", "net.yaml"], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    said: queue.Queue[str] = queue.Queue()

    def follow() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said.put(line)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    yield said
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    thread.join()
    rest = "".join(said.queue)
    assert "Traceback" not in rest and "interrupted" not in rest


def until(said: queue.Queue[str], text: str) -> list[str]:
    """The lines up to one that holds a text, and the one that says that it waits."""
    found: list[str] = []
    while not any(text in line for line in found) or not found[-1].startswith("watching "):
        found.append(said.get(timeout=60))
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_watching(lines: queue.Queue[str], tmp_path: Path) -> None:
    net, lib = tmp_path / "net.yaml", tmp_path / "lib.yaml"
    until(lines, "ok  net.yaml")
    net.write_text(SPEC.replace("lib.Unit", "lib.Untt"), encoding="utf-8")
    assert any("net.yaml has changed" in line for line in until(lines, "Untt"))
    net.write_text(SPEC, encoding="utf-8")
    until(lines, "ok  net.yaml")
    lib.write_text(LIB.replace("ReLU", "ReLuu"), encoding="utf-8")  # what is imported, too
    assert any("lib.yaml has changed" in line for line in until(lines, "unknown-op"))
    lib.unlink()
    until(lines, "file-not-found")
    lib.write_text(LIB, encoding="utf-8")
    until(lines, "ok  net.yaml")
    new = tmp_path / "net.yaml.new"  # as editors save: the file is gone for a moment
    new.write_text(SPEC.replace("8, 8", "9, 9"), encoding="utf-8")
    net.unlink()
    new.rename(net)
    assert not any("error" in line for line in until(lines, "ok  net.yaml"))


def test_watching_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "resnet18", "--watch", "--format", "json"]) == 2
    assert "`--watch` is for people" in capsys.readouterr().err
