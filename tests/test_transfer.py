"""Transfer learning: heads replaced, trunks frozen, parameter groups. What it comes to is in zoo/figures.csv."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torchvision
from torch import nn

import archspec
from archspec import loading
from archspec.analysis.cost import costs
from archspec.diagnostics import SpecError
from tests.zoo.figures import DERIVED

LAST = """
archspec: 1
extends: resnet.yaml
variant: resnet50
params: {num_classes: 10}
freeze: ['*', %s]
"""


@pytest.mark.parametrize(
    ("name", "head", "total"),
    [
        ("resnet50", "fc", 23_528_522),
        ("resnet101", "fc", 42_520_650),
        ("vgg16", "classifier.6", 134_301_514),
        ("vgg19", "classifier.6", 139_611_210),
        ("densenet121", "classifier", 6_964_106),
        ("densenet169", "classifier", 12_501_130),
        ("mobilenet_v2", "classifier.1", 2_236_682),
        ("efficientnet_b0", "classifier.1", 4_020_358),
        ("alexnet", "classifier.6", 57_044_810),
    ],
)
def test_head_by_family(name: str, head: str, total: int) -> None:
    """A param gives the head another size; a patch of its path replaces it. Both come to the same."""
    by_param = archspec.load(name, params={"num_classes": 10})
    path, variant = loading.find(name)
    text = f"archspec: 1\nextends: {path.name}\nvariant: {variant or name}\n"
    patched = archspec.loads(f"{text}graph:\n  {head}: {{op: Linear, out_features: 10}}\n")
    for graph in (by_param, patched):
        assert costs(graph).total.params == total
        assert graph.nodes[-1].outputs[0].shape[1] == 10
    with torch.device("meta"):
        theirs = torchvision.models.get_model(name, weights=None)
        owner, _, last = head.rpartition(".")
        old = theirs.get_submodule(head)
        setattr(theirs.get_submodule(owner), last, nn.Linear(old.in_features, 10))  # type: ignore[arg-type]
    model = archspec.build(patched, device="meta")
    assert {k: v.shape for k, v in model.state_dict().items()} == {k: v.shape for k, v in theirs.state_dict().items()}


BASE = """
archspec: 1
params: {a: 1, b: 1, c: 1}
variants: {two: {a: 2, b: 2}, three: {a: 3}}
input: [N, 4]
graph: [{op: Linear, out_features: a}, {op: Linear, out_features: b}, {op: Linear, out_features: c}]
"""
MIDDLE = """
archspec: 1
extends: base.yaml
variant: two
params: {c: 5}
variants: {wide: {b: 7}, other: {variant: three, b: 8}}
"""
LAST_OF_THREE = "archspec: 1\nextends: middle.yaml\nvariants: {own: {c: 9}}\n"


@pytest.mark.parametrize(
    ("text", "variant", "widths"),
    [
        (MIDDLE, None, (2, 2, 5)),
        (MIDDLE, "wide", (2, 7, 5)),  # on top of `two`
        (MIDDLE, "three", (3, 1, 5)),  # in place of `two`
        (MIDDLE, "other", (3, 8, 5)),  # on top of the one it names
        (LAST_OF_THREE, None, (2, 2, 5)),
        (LAST_OF_THREE, "own", (2, 2, 9)),
        (LAST_OF_THREE, "wide", (2, 7, 5)),
        (LAST_OF_THREE, "three", (3, 1, 5)),
        (LAST_OF_THREE.replace("variants", "variant: wide\nvariants"), None, (2, 7, 5)),
        (LAST_OF_THREE.replace("variants", "variant: wide\nvariants"), "own", (2, 7, 9)),
        (LAST_OF_THREE.replace("variants", "variant: wide\nvariants"), "two", (2, 2, 5)),
    ],
)
def test_variants_of_a_derived_spec(text: str, variant: str | None, widths: tuple[int, ...], tmp_path: Any) -> None:
    """Its own build on the variant that it derives from; those of the base take its place."""
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "middle.yaml").write_text(MIDDLE)
    graph = archspec.loads(text, folder=tmp_path, variant=variant)
    assert tuple(node.outputs[0].shape[1] for node in graph.nodes) == widths


def refusal(text: str, **call: Any) -> Any:
    with pytest.raises(SpecError) as caught:
        archspec.loads(text, **call)
    assert len(caught.value.diagnostics) == 1
    return caught.value.diagnostics[0]


def test_unfreezing_a_part_without_parameters_is_an_error() -> None:
    """What the "last two" were meant to be: the pattern for the pool matches nothing, and this is said."""
    found = refusal(LAST % "'!avgpool.*', '!fc.*'")
    assert found.code == "unknown-state" and "`avgpool.*` matches no parameter" in found.message
    assert "no parameters" in found.help and "AdaptiveAvgPool2d" in found.help


def test_a_head_by_another_name_is_an_error() -> None:
    """Looking for "fc" finds the squeeze-excitation of an EfficientNet, and nothing in a vision transformer."""
    text = "archspec: 1\nextends: {}\nvariant: {}\nfreeze: ['*', '!{}']\n"
    assert "fc1" in " ".join(set(all_names("efficientnet_b0")))
    assert refusal(text.format("efficientnet.yaml", "efficientnet_b0", "fc.*")).code == "unknown-state"
    found = refusal(text.format("vit.yaml", "vit_b_16", "fc.*"))
    assert found.code == "unknown-state" and "`heads`" in found.help
    assert "did you mean" in refusal(text.format("vit.yaml", "vit_b_16", "head.*")).help


def all_names(name: str) -> list[str]:
    return [own for _, own, state in archspec.load(name).state() if not state.buffer]


def test_later_patterns_win() -> None:
    text = LAST.replace("resnet50", "resnet18")
    assert trained(archspec.loads(text % "'!fc.*', 'fc.bias'")) == {"fc.weight"}
    assert trained(archspec.loads(text % "'!fc.*', '*', '!bn1.bias'")) == {"bn1.bias"}


def test_own_freeze_replaces_that_of_the_base(tmp_path: Any) -> None:
    (tmp_path / "base.yaml").write_text((DERIVED / "resnet18_features.yaml").read_text())
    derived = "archspec: 1\nextends: base.yaml\nfreeze: ['conv1.*']\n"
    names = set(all_names("resnet18")) - {"fc.weight", "fc.bias", "conv1.weight"}
    assert trained(archspec.loads(derived, folder=tmp_path)) == names | {
        "fc.0.weight", "fc.0.bias", "fc.3.weight", "fc.3.bias",
    }  # fmt: skip
    kept = archspec.loads("archspec: 1\nextends: base.yaml\ngraph: {fc.1: GELU}\n", folder=tmp_path)
    assert trained(kept) == {"fc.0.weight", "fc.0.bias", "fc.3.weight", "fc.3.bias"}


def trained(graph: archspec.Graph) -> set[str]:
    model = archspec.build(graph, device="meta")
    names = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert names == {n for _, n, s in graph.state() if not s.buffer and s.trainable} - set(graph.frozen)
    return names


# --- parameter groups ---


def small() -> nn.Module:
    return archspec.build("resnet18", params={"num_classes": 10}, device="meta")


def named(model: nn.Module, groups: list[dict[str, Any]]) -> list[set[str]]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [{names[id(parameter)] for parameter in group["params"]} for group in groups]


def test_a_trunk_at_a_tenth_of_the_rate_of_the_head() -> None:
    model = small()
    groups = archspec.parameter_groups(model, {"*": {"lr": 1e-4}, "fc.*": {"lr": 1e-3}})
    optimizer = torch.optim.AdamW(groups, weight_decay=1e-4)
    assert [(g["name"], g["lr"], g["weight_decay"]) for g in optimizer.param_groups] == [
        ("*", 1e-4, 1e-4), ("*, fc.*", 1e-3, 1e-4),
    ]  # fmt: skip
    trunk, head = named(model, groups)
    assert head == {"fc.weight", "fc.bias"}
    assert trunk | head == {name for name, _ in model.named_parameters()} and not trunk & head


RATES = {"layer4.*": {"lr": 1e-4}, "layer3.*": {"lr": 1e-5}, "fc.*": {"lr": 1e-3}}


def test_groups_that_omit_parameters_are_an_error() -> None:
    """Groups for two stages and the head leave out the stem and two stages: trainable, but never updated."""
    found = mistake(small(), RATES)
    assert found.code == "bad-groups" and "no pattern matches" in found.message
    assert "`conv1.weight`" in found.message and '"*": {}' in found.help
    groups = archspec.parameter_groups(small(), {"*": {}, **RATES})
    assert [group.get("lr") for group in groups] == [None, 1e-4, 1e-5, 1e-3]
    counts = [sum(p.numel() for p in group["params"]) for group in groups]
    assert counts == [11_181_642 - 8_393_728 - 2_099_712 - 5_130, 8_393_728, 2_099_712, 5_130]


def test_frozen_parameters_are_left_out() -> None:
    model = archspec.build(archspec.load(DERIVED / "resnet18_gradual.yaml", params={"unfrozen": 1}), device="meta")
    groups = archspec.parameter_groups(model, {"layer4.*": {"lr": 1e-4}, "fc.*": {"lr": 1e-3}})
    assert [sum(p.numel() for p in group["params"]) for group in groups] == [8_393_728, 5_130]
    found = mistake(model, RATES)
    assert "`layer3.*` matches frozen parameters only" in found.message and "frozen=True" in found.help
    later = archspec.parameter_groups(model, {"*": {}, **RATES}, frozen=True)
    assert sum(p.numel() for group in later for p in group["params"]) == 11_181_642


def test_options_combine_and_the_last_pattern_wins() -> None:
    model = small()
    options = {
        "*": {"lr": 1e-4, "weight_decay": 0.1},
        "fc.*": {"lr": 1e-3},
        "*.bias": {"weight_decay": 0.0},
        "*bn?.*": {"weight_decay": 0.0},
    }
    groups = archspec.parameter_groups(model, options)
    found = {group["name"]: (group["lr"], group["weight_decay"]) for group in groups}
    assert found == {
        "*": (1e-4, 0.1),
        "*, fc.*": (1e-3, 0.1),
        "*, fc.*, *.bias": (1e-3, 0.0),
        "*, *.bias": (1e-4, 0.0),  # a projection's batch norm, `downsample.1`
        "*, *.bias, *bn?.*": (1e-4, 0.0),
        "*, *bn?.*": (1e-4, 0.0),
    }
    parameters = [id(p) for group in groups for p in group["params"]]
    assert sorted(parameters) == sorted(id(p) for p in model.parameters())
    torch.optim.SGD(groups, lr=0.1)


def mistake(model: nn.Module, groups: Any) -> Any:
    with pytest.raises(SpecError) as caught:
        archspec.parameter_groups(model, groups)
    return caught.value.diagnostics[0]


@pytest.mark.parametrize(
    ("groups", "code", "text"),
    [
        ({"*": {}, "head.*": {"lr": 1}}, "unknown-state", "`head.*` matches no parameter"),
        ({"*": {}, "fc": {"lr": 1}}, "unknown-state", "write `fc.*`"),
        ({"*": {}, "avgpool.*": {"lr": 1}}, "unknown-state", "names start with `conv1`"),
        ({"fc.*": {"lr": 1}, "*": {"lr": 2}}, "bad-groups", "put the general pattern first"),
        (
            {"*": {"lr": 1}, "fc.*": {"lr": 2}, "fc.weight": {"lr": 3}, "fc.bias": {"lr": 4}},
            "bad-groups",
            "changes nothing",
        ),
        ({}, "bad-groups", "no pattern matches 62 of 62 parameters: `conv1.weight`"),
        ({"*": {"params": []}}, "bad-groups", "the group's own key"),
        ({"*": 1e-3}, "wrong-type", "a mapping, got 0.001"),
        (["*"], "wrong-type", "`groups` is a mapping of patterns to options, got list"),
    ],
)
def test_groups_that_are_wrong(groups: Any, code: str, text: str) -> None:
    found = mistake(small(), groups)
    assert found.code == code
    assert text in f"{found.message} {found.help}"


def test_groups_of_any_module() -> None:
    layer = nn.Linear(4, 4)
    layer.weight = nn.Parameter(torch.zeros(4, 4))
    model = nn.ModuleDict({"a": layer, "b": nn.Linear(4, 4)})
    model["b"].weight = layer.weight  # shared: it goes by its first name
    groups = archspec.parameter_groups(model, {"*": {}, "a.*": {"lr": 1.0}})
    assert named(model, groups) == [{"b.bias"}, {"a.weight", "a.bias"}]
    assert "did you mean" in mistake(model, {"*": {}, "b.weight": {"lr": 2.0}}).help


def test_frozen_batch_norm_still_counts() -> None:
    """Freezing stops gradients, not running statistics: as in torch, and as the guide says."""
    graph = "graph: {norm: BatchNorm1d, fc: {op: Linear, out_features: 2}}"
    model = archspec.build(archspec.loads(f"archspec: 1\ninput: [N, 3]\n{graph}\nfreeze: ['norm.*']\n")).train()
    before = model.norm.running_mean.clone()
    model(torch.randn(8, 3) + 5)
    assert not torch.equal(before, model.norm.running_mean)
