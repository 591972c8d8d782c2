"""Blocks elaborated for one network are copied into others: the networks are as if each were compiled alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec.analysis.analyses import Analyses
from archspec.analysis.cost import Known
from archspec.diagnostics import Source, SpecError
from archspec.elaborate import elaborate
from archspec.elaborate import templates as module
from archspec.elaborate.params import given_entries
from archspec.elaborate.templates import Templates
from archspec.ir import Graph
from archspec.library import Library, bundled
from archspec.spec import Spec

HEAD = "archspec: 1\nname: net\ninput: [N, 4, 8, 8]\n"


def together(spec: Spec, library: Library, networks: Sequence[tuple[str | None, Mapping[str, Any]]]) -> Templates:
    """Compiles all of them with common templates, and holds each to the one that is compiled alone."""
    templates, known = Templates(), Known()
    for variant, params in networks:
        entries = given_entries(params.items())
        shared, alone = (found(spec, library, variant, entries, each) for each in (templates, None))
        assert type(shared) is type(alone)
        if isinstance(shared, SpecError) or isinstance(alone, SpecError):
            assert str(shared) == str(alone)
            continue
        assert (shared.nodes, shared.root, shared.outputs) == (alone.nodes, alone.root, alone.outputs)
        assert [node.origin for node in shared.nodes] == [node.origin for node in alone.nodes]
        assert set(shared.pins) == set(alone.pins)
        assert Analyses(shared, known=known).costs == Analyses(alone).costs
    return templates


def found(
    spec: Spec, library: Library, variant: str | None, entries: Any, templates: Templates | None
) -> Graph | SpecError:
    try:
        return elaborate(spec, library, variant=variant, params=entries, templates=templates)
    except SpecError as error:
        return error


def text(body: str, *networks: Mapping[str, Any], folder: Path | None = None) -> Templates:
    library = Library()
    spec = library.load_text(Source("net.yaml", HEAD + body), folder)
    return together(spec, library, [(None, params) for params in networks])


@pytest.mark.parametrize("name", bundled())
def test_variants_of_bundled_networks(name: str) -> None:
    library = Library()
    spec = library.load(bundled()[name])
    variants = (spec.variants.keys() if spec.variants is not None else ()) or (None,)
    if spec.graph is not None:
        together(spec, library, [(variant, {}) for variant in (*variants, variants[0])])


def test_densenets() -> None:
    library = Library()
    spec = library.load(bundled()["densenet"])
    grid = product((4, 8), ([2, 2], [2, 3], [1, 3]), (2, 4), (0.0, 0.2), (10, 20))
    names = ("growth", "blocks", "bottleneck", "drop_rate", "num_classes")
    templates = together(spec, library, [(None, dict(zip(names, values, strict=True))) for values in grid])
    assert len(templates.kept) < 100, "most blocks are those of other networks"


BLOCK = """
params: {width: 4, eps: 1.0e-5, slope: 0.1}
blocks:
  Unit:
    graph:
      conv: {op: Conv2d, out_channels: width, kernel_size: 1}
      bn: {op: BatchNorm2d, eps: eps}
      act: {op: LeakyReLU, negative_slope: slope}
graph: {a: Unit, b: Unit, c: {op: Conv2d, out_channels: 3, kernel_size: 1}}
"""


def test_params_that_a_block_reads() -> None:
    text(BLOCK, {}, {"width": 8}, {"eps": 1e-3}, {"slope": 0.2}, {"width": 8}, {"slope": 1}, {})


def test_numbers_that_are_equal_but_not_alike() -> None:
    body = """
params: {x: int | float | bool}
blocks: {Unit: {graph: {act: {op: Threshold, threshold: 0.5, value: 1 if x == 1 else 0}, b: {op: mul, other: x}}}}
graph: {a: Unit}
"""
    text(body, {"x": 1}, {"x": 1.0}, {"x": True}, {"x": 2})


def test_defaults_and_initializers_that_read_params() -> None:
    body = """
params: {k: 1, std: 0.1, bias: true}
defaults: {Conv2d: {kernel_size: k, bias: bias}, Unit: {width: k + 1}}
init: {Conv2d: {weight: {op: normal_, std: std}}}
blocks: {Unit: {params: {width: 1}, graph: {conv: {op: Conv2d, out_channels: width}}}}
graph: {a: Unit, b: Unit}
"""
    text(body, {}, {"k": 3}, {"std": 0.2}, {"bias": False}, {})


def test_ops_as_values() -> None:
    body = """
params: {slope: 0.1, act: {op: LeakyReLU, negative_slope: slope}, kind: Plain}
blocks:
  Plain: {graph: {conv: {op: Conv2d, out_channels: 4, kernel_size: 1}}}
  Wide: {graph: {conv: {op: Conv2d, out_channels: 8, kernel_size: 1}}}
  Unit: {params: {act: ReLU, body: {op: LeakyReLU, negative_slope: slope * 2}}, graph: {a: $act, b: $kind, c: $body}}
graph:
  a: {op: Unit, act: $act}
  b: Unit
  for i in range(2): {unit$i: {op: Unit, act: {op: LeakyReLU, negative_slope: slope + i}}}
"""
    shared = {"op": "LeakyReLU", "negative_slope": 0.5}
    text(
        body, {}, {"slope": 0.3}, {"kind": "Wide"}, {"act": "ReLU"}, {"act": shared}, {"act": shared, "slope": 0.2}, {}
    )


def test_a_block_that_is_named_by_a_text() -> None:
    body = """
params: {kinds: [Small, Small], size: 4}
blocks:
  Small: {graph: {conv: {op: Conv2d, out_channels: size, kernel_size: 1}}}
  Large: {graph: {conv: {op: Conv2d, out_channels: 2 * size, kernel_size: 1}}}
  Unit: {params: {kind: str}, graph: {a: $kind}}
graph: {for i in range(2): {unit$i: {op: Unit, kind: "$(kinds[i])"}}}
"""
    text(body, {}, {"kinds": ["Small", "Large"]}, {"kinds": ["Large", "Small"]}, {"size": 8}, {})


def test_lets_and_sizes() -> None:
    body = """
params: {width: 4, times: 1}
let: {double: 2 * width, height: input.height}
blocks:
  Unit:
    graph:
      conv: {op: Conv2d, out_channels: double, kernel_size: 1}
      for i in range(times): {up$i: {op: interpolate, size: [height, input.width]}}
      pool: {op: adaptive_avg_pool2d, output_size: "[height, 2]"}
graph: {a: Unit, b: Unit}
"""
    text(body, {}, {"width": 8}, {"times": 2}, {"times": 0}, {})


def test_imported_blocks_follow_what_is_set_of_them(tmp_path: Path) -> None:
    lib = (
        "archspec: 1\nparams: {k: 1, w: 4}\nblocks: {Unit: {graph: {c: {op: Conv2d, out_channels: w, kernel_size: k}}}}"
    )
    (tmp_path / "lib.yaml").write_text(lib, encoding="utf-8")
    body = """
params: {k: 1, other: 2}
imports: {lib: {file: lib.yaml, params: {k: k}}}
blocks: {Mine: {graph: {a: lib.Unit, b: lib.Unit}}}
graph: {a: Mine, b: lib.Unit, c: {op: Conv2d, out_channels: other, kernel_size: 1}}
"""
    text(body, {}, {"k": 3}, {"other": 3}, {"k": 3, "other": 3}, {}, folder=tmp_path)


def test_networks_inside_networks_are_cut_as_they_would_be_alone(tmp_path: Path) -> None:
    inner = (
        HEAD
        + """
params: {w: 4}
blocks: {Unit: {graph: {c: {op: Conv2d, out_channels: w, kernel_size: 1}, d: ReLU}}}
graph: {a: Unit, b: Unit, c: Unit}
"""
    )
    (tmp_path / "inner.yaml").write_text(inner, encoding="utf-8")
    body = """
params: {w: 4, last: 3}
imports: {inner: inner.yaml}
blocks: {Body: {params: {w: int}, graph: {net: {op: inner, w: w, output: b}, act: ReLU}}}
graph: {a: {op: Body, w: w}, b: {op: Body, w: w}, c: {op: Conv2d, out_channels: last, kernel_size: 1}}
"""
    text(body, {}, {"last": 5}, {"w": 8}, {"w": 8, "last": 1}, {}, folder=tmp_path)


def test_a_mistake_that_is_found_when_a_network_is_finished_is_found_in_each(tmp_path: Path) -> None:
    (tmp_path / "lib.yaml").write_text(
        HEAD + "params: {unused: 1}\ngraph: {c: {op: Conv2d, out_channels: 4, kernel_size: 1}}", encoding="utf-8"
    )
    body = """
params: {last: 3}
imports: {lib: lib.yaml}
blocks: {Body: {graph: {a: lib}}}
graph: {a: Body, b: {op: Conv2d, out_channels: last, kernel_size: 1}}
"""
    assert not text(body, {}, {"last": 5}, folder=tmp_path).kept


def test_the_budget_is_that_of_a_network_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHSPEC_LIMITS", "steps=100000")
    body = """
params: {n: 5, last: 1}
blocks: {Unit: {params: {i: int}, graph: {act: {op: mul, other: "sum([x * 0 for x in range(2000)]) + i"}}}}
graph:
  for i in range(n): {unit$i: {op: Unit, i: i}}
  c: {op: Conv2d, out_channels: last, kernel_size: 1}
"""
    text(body, {}, {"last": 2}, {"n": 60}, {"n": 4})
    with pytest.raises(SpecError, match="takes more than 101,250 steps"):  # five nodes bring 250 each
        archspec.loads(HEAD + body, params={"n": 60})
    large = """
params: {last: 1}
blocks: {Chain: {graph: {for i in range(900): {c$i: {op: Conv2d, out_channels: 4, kernel_size: 1}}}}}
graph: {a: Chain, c: {op: Conv2d, out_channels: last, kernel_size: 1}}
"""
    text(large, {}, {"last": 2})  # more than 100,000 steps, which its nodes allow


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_NODES", 40)
    library = Library()
    spec = library.load(bundled()["densenet"])
    networks = [(None, {"growth": growth, "blocks": [2, 2]}) for growth in (4, 8, 12, 4, 8, 8)]
    assert together(spec, library, networks).nodes <= 40


def test_a_block_that_stays_where_it_was_is_the_same() -> None:
    library = Library()
    spec = library.load(bundled()["densenet"])
    templates = Templates()
    first, second = (
        elaborate(spec, library, params=given_entries({"num_classes": classes}.items()), templates=templates)
        for classes in (10, 20)
    )
    here = first.scopes["features.denseblock1.denselayer1"]
    assert here is second.scopes["features.denseblock1.denselayer1"]
    assert all(first.nodes[at] is second.nodes[at] for at in range(here.start, here.end))


def test_one_that_is_written_elsewhere_or_reads_something_else_is_not() -> None:
    body = """\
params: {other: false, later: false}
blocks:
  Unit: {graph: [{op: Conv2d, out_channels: 4, kernel_size: 1}, ReLU]}
graph:
  left: {op: Conv2d, out_channels: 4, kernel_size: 1}
  right: {op: Conv2d, out_channels: 4, kernel_size: 1, from: input}
  if other:
    unit:
      op: Unit
      from: left
  else:
    unit: {op: Unit, from: "$(left_or_right)"}
  sum: {op: add, from: [left, right, unit]}
""".replace('"$(left_or_right)"', "$side").replace("later: false", "side: left")
    networks = [{"other": other, "side": side} for other, side in product((False, True), ("left", "right"))]
    assert len(text(body, *networks).kept) == 1
