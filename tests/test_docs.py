"""Every example in the documents runs, and shows what really happens. `tests.doc_blocks` says how."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from archspec.cli import main
from tests.doc_blocks import agrees, blocks, run
from tests.error_codes import codes

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with the bundled specs in it, from which Python can import."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "specs").symlink_to(ROOT / "specs")
    return tmp_path


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_document(path: Path, folder: Path) -> None:
    wrong = run(path.read_text(encoding="utf-8"), folder)
    assert not wrong, os.linesep.join(f"{path.relative_to(ROOT)} {each}" for each in wrong)


def test_links_between_documents() -> None:
    """Every link names a file that is there, and a heading in it."""
    broken: list[str] = []
    for path in DOCUMENTS:
        for target, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([\w-]*))?\)", path.read_text(encoding="utf-8")):
            file = path.parent / target if target else path
            if not file.exists() or (anchor and anchor not in anchors(file)):
                broken.append(f"{path.relative_to(ROOT)}: {target}#{anchor}")
    assert broken == []


@pytest.mark.parametrize("document", ["README.md", "docs/index.md"])
def test_the_picture_of_the_first_network_is_of_it(document: str, folder: Path, update_goldens: bool) -> None:
    """The file beside the documents says what the command draws now: in another engine's lines, maybe."""
    path = ROOT / "docs" / "images" / "residual.svg"
    assert path.name in (ROOT / document).read_text(encoding="utf-8")
    first = next(block for block in blocks((ROOT / document).read_text(encoding="utf-8")) if block.language == "yaml")
    Path("residual.yaml").write_text(first.text, encoding="utf-8")
    call = ["diagram", "residual.yaml", "--direction", "LR", "--title", "", "--no-legend", "-o", "residual.svg"]
    assert main([*call, "--engine", "graphviz-pure"]) == 0
    if update_goldens:
        path.write_bytes(Path("residual.svg").read_bytes())
    drawn, kept = (re.findall(r"<text[^>]*>([^<]*)|<style>(.*?)</style>", each.read_text(encoding="utf-8"), re.DOTALL)
                   for each in (Path("residual.svg"), path))  # fmt: skip
    assert drawn == kept


def anchors(document: Path) -> set[str]:
    """The headings, as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_every_error_code_has_a_section_that_shows_it() -> None:
    """A section `### code` holds an example that fails with the code, here or on the command line."""
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    found = re.findall(r"^### (\S+)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    sections = dict(found)
    assert len(found) == len(sections)
    raised = codes()
    assert set(sections) == set(raised), {
        code: raised.get(code, ["documented only"]) for code in set(sections) ^ set(raised)
    }
    silent = [
        code
        for code, section in sections.items()
        if f"error: {code}" not in section and f"error[{code}]" not in section
    ]
    assert silent == []


SPEC = """\
```yaml
archspec: 1
input: [N, 4]
graph:
  fc: {op: Linear, out_features: 2}
```
"""


@pytest.mark.parametrize(
    ("document", "complaints"),
    [
        (SPEC, 0),
        (SPEC + "```text\nfc  Linear(input)  [N, 2]\n```\n", 0),
        (SPEC + "```text\nfc  Linear(input)  [N, 3]\n```\n", 1),
        (SPEC + "```text\n...\n```\n", 0),
        (SPEC.replace("Linear", "Linaer"), 1),
        ("<!-- error: unknown-op -->\n" + SPEC.replace("Linear", "Linaer"), 0),
        ("<!-- error: unknown-op @ 4:12 -->\n" + SPEC.replace("Linear", "Linaer"), 0),
        ("<!-- error: unknown-op @ 4:13 -->\n" + SPEC.replace("Linear", "Linaer"), 1),
        ("<!-- error: unknown-op, unknown-op -->\n" + SPEC.replace("Linear", "Linaer"), 1),
        ("<!-- error: unknown-op -->\n" + SPEC, 1),
        ("<!-- error: unknown-op -->\nbut text between\n\n" + SPEC, 0),
        ("```yaml\na fragment: [\n```\n", 0),
        ("```python\nx = 3\n```\ntext\n```python\nassert x == 3\n```\n", 0),
        ("```python\nassert False\n```\n", 1),
        ("```python\nprint(1)\n```\n```text\n2\n```\n", 1),
        ("<!-- file: a.yaml -->\n" + SPEC + "```console\n$ archspec check a.yaml\n```\n", 0),
        ("<!-- file: a.yaml -->\n" + SPEC + "```console\n$ archspec check a.yaml\nnonsense\n```\n", 1),
        ("```console\n$ archspec check nowhere.yaml\n```\n", 1),
        ("```console\n$ archspec check nowhere.yaml\nerror[...\n```\n", 0),
    ],
)
def test_the_runner_notices(document: str, complaints: int, folder: Path) -> None:
    assert len(run(document, folder)) == complaints


def test_a_fence_that_is_never_closed() -> None:
    with pytest.raises(ValueError, match="never closed"):
        blocks("```yaml\narchspec: 1\n")


@pytest.mark.parametrize(
    ("expected", "found", "same"),
    [
        ("a  b\nc", "a b\n  c\n", True),
        ("a ... c", "a b b c", True),
        ("a\n...\nd", "a\nb\nc\nd", True),
        ("a\nd", "a\nb\nd", False),
        ("(a+)", "(a+)", True),
        ("", "a", False),
    ],
)
def test_agrees(expected: str, found: str, same: bool) -> None:
    assert agrees(expected, found) is same
