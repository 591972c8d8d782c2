"""Networks on pages: Python-Markdown, MkDocs and Sphinx, as their users run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import markdown
import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from archspec.diagnostics import Source, SpecError
from archspec.integrations import cache, figure, inline
from archspec.integrations.cache import Cache
from archspec.integrations.fences import fences
from archspec.integrations.figure import Named, PageError, Written, make
from archspec.integrations.markdown import ArchspecExtension
from archspec.integrations.options import NAMES, Options, parse, parse_line

SPEC = """\
archspec: 1
name: tiny
input: [N, 3, 8, 8]
graph:
  conv: {op: Conv2d, out_channels: 4, kernel_size: 3}
  relu: ReLU
"""
WRONG = SPEC.replace("Conv2d", "Conv2D")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and caches that know nothing."""
    monkeypatch.chdir(tmp_path)
    cache.cache_in.cache_clear()
    return tmp_path


def fenced(text: str, options: str = "", indent: str = "") -> str:
    lines = [f"```archspec {options}".rstrip(), *text.splitlines(), "```"]
    return "\n".join(indent + line for line in lines) + "\n"


def convert(text: str, **options: str) -> str:
    return markdown.markdown(text, extensions=["fenced_code", ArchspecExtension(**options)])


def refused(text: str, **options: str) -> list[str]:
    with pytest.raises(PageError) as caught:
        convert(text, **options)
    return caught.value.found


def ids(html: str) -> list[str]:
    return re.findall(r'<[^<>]*\sid="([^"]*)"', html)


# --- Markdown


def test_a_fenced_spec_becomes_a_picture() -> None:
    html = convert(f"before\n\n{fenced(SPEC)}\nafter\n")
    assert re.search(r"<p>before</p>\s*<figure.*<svg .*>Conv2d<.*</figure>\s*<p>after</p>", html, re.DOTALL)
    assert "<table>" not in html
    assert "archspec: 1" not in html


def test_a_wide_picture_is_made_narrower_down_to_what_can_be_read() -> None:
    found = re.search(r'<svg style="([^"]*)"[^>]* width="(\d+)pt"', convert(fenced(SPEC)))
    assert found is not None
    assert "max-width: 100%" in found[1]
    assert f"min-width: {float(found[2]) * 0.6:.0f}pt" in found[1]


def test_the_extension_goes_by_its_name() -> None:
    assert "<svg" in markdown.markdown(fenced(SPEC), extensions=["archspec"])


def test_a_spec_that_is_named() -> None:
    Path("specs").mkdir()
    Path("specs/mine.yaml").write_text(SPEC + "variants: {wide: {}}\n")
    assert ">tiny<" in convert(fenced("specs/mine.yaml"))
    assert ">wide<" in convert(fenced("specs/mine.yaml@wide"))
    assert ">wide<" in convert(fenced("mine.yaml", "variant=wide"), folder="specs")
    assert ">resnet18<" in convert(fenced("resnet18"))


def test_a_table_and_the_source_where_they_are_wanted() -> None:
    html = convert(fenced(SPEC, "summary source"))
    assert html.index("<code") < html.index("<svg") < html.index("<table>")
    assert "out_channels: 4" in html
    table = convert(fenced("resnet18", "no-diagram summary=1 columns=path,params"))
    assert "<svg" not in table
    assert "layer1" in table
    assert "layer1.0" not in table
    assert "<th" in table
    assert "MACs</th>" not in table


def test_options_reach_the_picture() -> None:
    html = convert(fenced("resnet18", 'depth=1 show=shape direction=LR title="A title" no-legend expand=layer2.0'))
    assert ">A title<" in html
    assert "archspec-1-layer2.0.conv1" in ids(html)
    assert "archspec-1-layer1.0.conv1" not in ids(html)
    assert "normalization" not in html


def test_pictures_on_one_page_have_ids_of_their_own() -> None:
    found = ids(convert(fenced(SPEC) + "\n" + fenced(SPEC) + "\n" + fenced("lenet5")))
    assert found
    assert [name for name, count in Counter(found).items() if count > 1] == []
    assert {"archspec-1-conv", "archspec-2-conv", "archspec-3-c1"} <= set(found)


def test_ids_in_text_are_text() -> None:
    assert inline.with_ids('<a id="x" xlink:href="#x" fill="url(#x)">an id="x"</a>', "p-") == (
        '<a id="p-x" xlink:href="#p-x" fill="url(#p-x)">an id="x"</a>'
    )


def test_styles_hold_for_the_picture_alone() -> None:
    found = re.search(r"<style>(.*?)</style>", convert(fenced(SPEC)), re.DOTALL)
    assert found is not None
    depth, outside = 0, ""
    for char in found[1]:
        outside += char if depth == 0 else ""
        depth += {"{": 1, "}": -1}.get(char, 0)
        assert depth >= 0
    assert depth == 0
    assert all("archspec-figure" in part or "@media" in part for part in outside.split("{") if part.strip())
    assert "prefers-color-scheme: dark" in outside
    assert 'data-md-color-scheme="slate"' in outside


def test_examples_of_blocks_are_left_alone() -> None:
    html = convert(f"````\n{fenced('nonsense')}````\n\n~~~\n{fenced('nonsense')}~~~\n\n```text\narchspec\n```\n")
    assert "<svg" not in html
    assert html.count("```archspec") == 2


def test_a_block_in_a_list() -> None:
    html = convert("- item\n\n" + fenced(SPEC, "", "    ") + "\n- next\n")
    assert re.search(r"<li>\s*<p>item</p>\s*<figure.*</figure>\s*</li>\s*<li>", html, re.DOTALL)


def test_a_block_that_is_never_closed_is_no_block() -> None:
    assert list(fences(["```archspec", "archspec: 1"])) == []


@pytest.mark.parametrize("above", ["", "one\n\ntwo\n\n", "```yaml\na: 1\n```\n"])
@pytest.mark.parametrize("indent", ["", "    "])
def test_a_mistake_has_the_place_on_the_page(above: str, indent: str) -> None:
    line = above.count("\n") + 6
    (error,) = refused(above + fenced(WRONG, "", indent), page="page.md")
    assert error.startswith(f"page.md:{line}: error[unknown-op]: no op or block `Conv2D`\n")
    assert f"--> page.md:{line}:{14 + len(indent)}\n" in error
    assert "help: did you mean `Conv2d`?" in error


def test_all_mistakes_of_a_page() -> None:
    Path("mine.yaml").write_text(WRONG)
    text = fenced(WRONG) + fenced("mine.yaml") + fenced(SPEC) + fenced("lenet5", "depht=1") + fenced("lenet6")
    shape, file, option, name = refused(text, page="page.md")
    assert shape.startswith("page.md:6: error[unknown-op]")
    assert file.startswith("page.md:9: error[unknown-op]")
    assert "--> mine.yaml:5:14" in file
    assert option.startswith("page.md:20: error[bad-call]: no option `depht`")
    assert "20 | ```archspec depht=1" in option
    assert name.startswith("page.md:23: error[file-not-found]")


def test_mistakes_in_what_is_asked_of_a_spec() -> None:
    (error,) = refused(fenced("lenet5", "expand=nowhere"), page="page.md")
    assert error.startswith("page.md:1: error[unknown-name]")
    (error,) = refused(fenced(SPEC, "variant=wide"), page="page.md")
    assert error.startswith("page.md:1: error[unknown-variant]")


# --- options


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("depth", "`depth` needs a value"),
        ("depth=", "`depth` needs a value"),
        ("depth=0", "`depth` is no depth: `0`"),
        ("summary=all", "`summary` is no depth: `all`"),
        ("direction=up", "`direction` is `TB` or `LR`, got `up`"),
        ("source=yes", "`source` takes no value, got `yes`"),
        ("depth=1 depth=2", "`depth` is given twice"),
        ("varaint=small", "no option `varaint`"),
        ('title="open', "a quote is never closed"),
    ],
)
def test_options_that_are_wrong(line: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_line(line)
    assert message in caught.value.diagnostics[0].message


def test_options_by_name() -> None:
    assert parse_line("") == parse({}) == Options()
    assert parse_line("depth=2 summary").summary_depth == 2
    assert parse_line("depth=2 summary=1").summary_depth == 1
    assert parse_line("show=params,macs").show == ("params", "macs")
    assert list(NAMES) == sorted(NAMES)


# --- the cache


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The networks that were really drawn."""
    names: list[str] = []
    original = figure._html

    def counted(graph: figure.Graph, options: Options) -> str:
        names.append(graph.name)
        return original(graph, options)

    monkeypatch.setattr(figure, "_html", counted)
    return names


def written(text: str, folder: Path) -> Written:
    return Written(text, Source("page.md", text), folder)


def test_what_was_drawn_is_not_drawn_again(folder: Path, drawn: list[str]) -> None:
    first = make(written(SPEC, folder), Options(), Cache(folder / "cache"))
    again = make(written(SPEC, folder), Options(), Cache(folder / "cache"))  # as another process would
    assert again == first
    assert drawn == ["tiny"]
    memory = Cache()
    make(written(SPEC, folder), Options(), memory)
    make(written(SPEC, folder), Options(), memory)
    assert drawn == ["tiny"] * 2


def test_what_has_changed_is_drawn_anew(folder: Path, drawn: list[str]) -> None:
    kept = Cache(folder / "cache")
    Path("blocks.yaml").write_text("archspec: 1\nblocks:\n  B: {graph: {fc: {op: Linear, out_features: 3}}}\n")
    Path("mine.yaml").write_text("archspec: 1\nimports: {b: blocks.yaml}\ninput: [N, 4]\ngraph: {b: b.B}\n")
    asked = Named("mine.yaml", folder)
    first = make(asked, Options(), kept)
    assert {path.name for path in first.files} == {"mine.yaml", "blocks.yaml"}
    make(asked, Options(), kept)
    assert len(drawn) == 1
    make(asked, Options(summary=True), kept)
    assert len(drawn) == 2
    Path("blocks.yaml").write_text(Path("blocks.yaml").read_text().replace("3", "7"))
    assert "[N, 7]" in make(asked, Options(), kept).html
    assert len(drawn) == 3
    Path("blocks.yaml").unlink()
    with pytest.raises(SpecError):
        make(asked, Options(), Cache(folder / "cache"))


def test_a_cache_that_is_broken_or_cannot_be_written_does_no_harm(folder: Path, drawn: list[str]) -> None:
    make(written(SPEC, folder), Options(), Cache(folder / "cache"))
    (path,) = (folder / "cache").iterdir()
    path.write_text("{")
    assert "<svg" in make(written(SPEC, folder), Options(), Cache(folder / "cache")).html
    assert len(drawn) == 2
    (folder / "file").touch()
    assert "<svg" in make(written(SPEC, folder), Options(), Cache(folder / "file")).html


# --- MkDocs

FRONT = "---\ntitle: Front\nhide: [toc]\n---\n\n\n"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    return subprocess.run(
        [sys.executable, "-m", *words], capture_output=True, text=True, check=False, env=environment, timeout=300
    )


def mkdocs(pages: dict[str, str]) -> subprocess.CompletedProcess[str]:
    Path("mkdocs.yml").write_text("site_name: Test\ntheme: {name: null, custom_dir: theme}\nplugins: [archspec]\n")
    Path("theme").mkdir(exist_ok=True)
    Path("theme/main.html").write_text("{{ page.content }}")
    for name, text in pages.items():
        path = Path("docs") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return run("mkdocs", "build", "--strict", "-d", "site")


def test_mkdocs() -> None:
    Path("mine.yaml").write_text(SPEC)
    done = mkdocs(
        {
            "index.md": f"# Page\n\n{fenced('lenet5', 'depth=1 summary')}\n{fenced(SPEC)}",
            "below/page.md": f"{FRONT}# Page\n\n{fenced('../../mine.yaml')}",
        }
    )
    assert done.returncode == 0, done.stderr
    page = Path("site/index.html").read_text()
    assert page.count("<svg") == 2
    assert "<table>" in page
    assert ">tiny<" in Path("site/below/page/index.html").read_text()
    assert len(list(Path(".cache/archspec").glob("*.json"))) == 3


def test_mkdocs_stops_at_a_mistake() -> None:
    text = f"{FRONT}# Page\n\n{fenced(WRONG)}"
    done = mkdocs({"index.md": "# Page\n", "page.md": text})
    line = text[: text.index("Conv2D")].count("\n") + 1
    assert done.returncode == 1
    assert f"docs/page.md:{line}: error[unknown-op]: no op or block `Conv2D`" in done.stderr
    assert f"{line} |   conv: {{op: Conv2D" in done.stderr
    assert "Traceback" not in done.stderr


def test_mkdocs_watches_the_specs_that_pages_show() -> None:
    Path("mine.yaml").write_text(SPEC)
    assert mkdocs({"index.md": f"# Page\n\n{fenced('../mine.yaml')}"}).returncode == 0
    config = load_config("mkdocs.yml", strict=True)
    config.plugins.on_startup(command="serve", dirty=False)
    build(config)
    watched: list[str] = []
    config.plugins.on_serve(SimpleNamespace(watch=watched.append), config=config, builder=None)  # type: ignore[arg-type]
    assert watched == [str(Path("mine.yaml").resolve())]


# --- Sphinx


def sphinx(page: str, *options: str) -> subprocess.CompletedProcess[str]:
    Path("source").mkdir(exist_ok=True)
    Path("source/conf.py").write_text("extensions = ['archspec.integrations.sphinx']\n")
    Path("source/index.rst").write_text(page)
    return run("sphinx", "-q", "-W", "--keep-going", *options, "source", "out")


def directive(argument: str = "", content: str = "", **options: str) -> str:
    lines = [
        f".. archspec:: {argument}".rstrip(),
        *(f"   :{name}: {value}".rstrip() for name, value in options.items()),
    ]
    lines += ["", *(f"   {line}".rstrip() for line in content.splitlines())]
    return "\n".join(lines) + "\n\n"


TITLE = "Title\n=====\n\n"


def test_sphinx() -> None:
    Path("source/specs").mkdir(parents=True)
    Path("source/specs/mine.yaml").write_text(SPEC)
    page = TITLE + directive("specs/mine.yaml", summary="", source="") + directive("/specs/mine.yaml")
    page += directive(content=SPEC, title="Written here") + directive("resnet18", depth="1")
    done = sphinx(page)
    assert done.returncode == 0, done.stderr
    html = Path("out/index.html").read_text()
    assert html.count("<svg") == 4
    assert html.count('<div class="archspec-summary">') == 1
    assert "highlight-yaml" in html
    assert ">Written here<" in html
    found = [name for name in ids(html) if name.startswith("archspec-")]
    assert len(found) == len(set(found)) > 40
    assert len(list(Path("out/.doctrees/archspec").glob("*.json"))) == 4

    Path("source/specs/mine.yaml").write_text(SPEC.replace("ReLU", "Tanh"))
    assert sphinx(page).returncode == 0
    assert ">Tanh<" in Path("out/index.html").read_text()


def test_sphinx_reports_mistakes_at_their_lines() -> None:
    Path("source").mkdir()
    Path("source/mine.yaml").write_text(WRONG)
    page = TITLE + directive(content=WRONG) + directive("mine.yaml") + directive("lenet5", depth="0")
    done = sphinx(page)
    assert done.returncode == 1
    line = page[: page.index("Conv2D")].count("\n") + 1
    assert f"source/index.rst:{line}: ERROR: error[unknown-op]: no op or block `Conv2D`" in done.stderr
    assert f"--> source/index.rst:{line}:17\n" in done.stderr
    assert f"{line} |      conv: {{op: Conv2D" in done.stderr
    line = page[: page.index("mine.yaml")].count("\n") + 1
    assert f"source/index.rst:{line}: ERROR: error[unknown-op]" in done.stderr
    line = page[: page.index("lenet5")].count("\n") + 1
    assert f"source/index.rst:{line}: ERROR: error[bad-call]: `depth` is no depth: `0`" in done.stderr
