"""Loading weights: every file that should load does, exactly; every other is refused, and nothing is left half done."""

from __future__ import annotations

import json
import os
import pickle
import re
import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

import archspec
from archspec.cli import main
from archspec.diagnostics import Diagnostic, SpecError
from archspec.emit import torch as backend
from archspec.emit import weights as loading
from tests.test_cases import assert_house_style

SPEC = """
archspec: 1
name: small
params: {classes: 5}
input: [N, 3, 8, 8]
graph:
  stem:
    conv: {op: Conv2d, out_channels: 4, kernel_size: 3, bias: false}
    norm: BatchNorm2d
    act: ReLU
  pool: {op: mean, dim: [2, 3]}
  fc: {op: Linear, out_features: classes}
init:
  Linear: {weight: {op: constant_, val: 0.25}, bias: zeros_}
"""
GRAPH = archspec.loads(SPEC)


@pytest.fixture
def saved() -> dict[str, Tensor]:
    """The `state_dict` of a small network in which no value is that of an initialisation."""
    torch.manual_seed(1)
    state = archspec.build(GRAPH).state_dict()
    return {name: torch.rand_like(t) if t.is_floating_point() else t + 3 for name, t in state.items()}


def equal(model: nn.Module, state: Mapping[str, Tensor]) -> bool:
    own = model.state_dict()
    return own.keys() == state.keys() and all(torch.equal(own[name], state[name].to(own[name])) for name in own)


def refused(weights: Any, graph: Any = GRAPH, **call: Any) -> Diagnostic:
    """The one diagnostic of weights that must not load."""
    with pytest.raises(SpecError) as caught:
        archspec.build(graph, weights=weights, **call)
    (found,) = caught.value.diagnostics
    assert_house_style(found)
    return found


# --- files that load ---


def legacy(state: Mapping[str, Tensor], path: Path) -> None:
    torch.save(state, path, _use_new_zipfile_serialization=False)


def checkpoint(key: str) -> Callable[[Mapping[str, Tensor], Path], None]:
    def save(state: Mapping[str, Tensor], path: Path) -> None:
        optimizer = {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.1}]}
        torch.save({"epoch": 3, key: OrderedDict(state), "optimizer_state_dict": optimizer, "loss": 0.5}, path)

    return save


FILES: dict[str, Callable[[Mapping[str, Tensor], Path], None]] = {
    "weights.safetensors": lambda state, path: save_file(dict(state), path),
    "renamed.bin": lambda state, path: save_file(dict(state), path),  # told by what is in it
    "weights.pth": torch.save,
    "weights.tar": legacy,
    "model_state_dict.pt": checkpoint("model_state_dict"),
    "state_dict.ckpt": checkpoint("state_dict"),
    "model.pth": checkpoint("model"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_load(name: str, saved: dict[str, Tensor], tmp_path: Path) -> None:
    FILES[name](saved, tmp_path / name)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    model = archspec.build(GRAPH, weights=tmp_path / name)
    assert torch.equal(before, torch.get_rng_state()), "something was initialised at random"
    assert equal(model, saved)
    assert equal(archspec.build(GRAPH, weights=str(tmp_path / name)), saved)
    assert backend.run_and_compare(GRAPH, model) == []


def test_a_module_owns_what_it_loads(saved: dict[str, Tensor], tmp_path: Path) -> None:
    """Training it changes neither the file nor the mapping."""
    path = tmp_path / "weights.pth"
    torch.save(saved, path)
    data = path.read_bytes()
    copies = {name: tensor.clone() for name, tensor in saved.items()}
    for weights in (path, saved):
        model = archspec.build(GRAPH, weights=weights)
        with torch.no_grad():
            for tensor in model.state_dict().values():
                tensor.zero_()
    assert path.read_bytes() == data
    assert all(torch.equal(saved[name], copies[name]) for name in saved)


def test_dtypes_and_casts(saved: dict[str, Tensor]) -> None:
    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in saved.items()}
    model, loaded = loading.build(GRAPH, half)
    assert model.fc.weight.dtype == torch.float32 and equal(model, half)
    assert loaded.casts == (("float16", "float32"),) and loaded.lines()[-1] == "float16 in the file, float32 here"
    model, loaded = loading.build(GRAPH, half, dtype=torch.float16)
    assert model.fc.weight.dtype == torch.float16 and loaded.casts == ()
    wide = archspec.build(GRAPH, weights={name: tensor.double() for name, tensor in saved.items() if "num" not in name})
    assert wide.stem.conv.weight.dtype == torch.float32


def test_frozen_parameters_stay_frozen(saved: dict[str, Tensor]) -> None:
    graph = archspec.loads(f"{SPEC}freeze: ['*', '!fc.*']\n")
    model = archspec.build(graph, weights=saved)
    assert {n for n, p in model.named_parameters() if p.requires_grad} == {"fc.weight", "fc.bias"}
    assert equal(model, saved)


def test_the_report(saved: dict[str, Tensor]) -> None:
    _, loaded = loading.build(GRAPH, saved)
    assert (loaded.tensors, loaded.parameters) == (8, 4 * 3 * 9 + 4 + 4 + 5 * 4 + 5)
    assert loaded.lines() == ["`weights`: 8 tensors, 141 parameters"]
    assert json.loads(json.dumps(loaded.to_json()))["tensors"] == 8


# --- wrappers, old files, other names ---


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_what_wraps_every_name_is_taken_off(prefix: str, saved: dict[str, Tensor]) -> None:
    model, loaded = loading.build(GRAPH, {prefix + name: tensor for name, tensor in saved.items()})
    assert equal(model, saved)
    assert loaded.prefix == prefix and f"without the `{prefix}` before every name" in loaded.lines()


def test_a_network_may_have_a_part_of_that_name(saved: dict[str, Tensor]) -> None:
    graph = archspec.loads("archspec: 1\ninput: [N, 4]\ngraph: {module: {op: Linear, out_features: 2}}\n")
    state = {"module.weight": torch.rand(2, 4), "module.bias": torch.rand(2)}
    assert equal(archspec.build(graph, weights=state), state)
    assert equal(archspec.build(graph, weights={f"_orig_mod.{name}": t for name, t in state.items()}), state)


def test_a_prefix_of_some_names_is_a_mismatch(saved: dict[str, Tensor]) -> None:
    state = {name if name == "fc.bias" else f"module.{name}": tensor for name, tensor in saved.items()}
    assert refused(state).code == "weights-mismatch"


def test_files_older_than_the_counters_of_batch_norm(saved: dict[str, Tensor]) -> None:
    counter = "stem.norm.num_batches_tracked"
    old = {name: tensor for name, tensor in saved.items() if name != counter}
    model, loaded = loading.build(GRAPH, old)
    assert equal(model, {**saved, counter: torch.tensor(0)})
    assert loaded.fit.counters == (counter,) and "starts at 0" in loaded.lines()[-1]
    theirs = nn.BatchNorm2d(4)
    theirs.load_state_dict({name.removeprefix("stem.norm."): t for name, t in old.items() if "norm" in name})
    assert theirs.num_batches_tracked == model.stem.norm.num_batches_tracked


def test_a_file_that_lacks_some_counters_is_refused() -> None:
    graph = archspec.loads("archspec: 1\ninput: [N, 4]\ngraph: [BatchNorm1d, BatchNorm1d]\n")
    state = archspec.build(graph).state_dict()
    del state["1.num_batches_tracked"]
    found = refused(state, graph)
    assert found.notes == ("missing `1.num_batches_tracked` []",)


def test_parts_of_names_are_renamed(saved: dict[str, Tensor]) -> None:
    other = {name.replace("stem.norm", "net.body.bn.1").replace("stem.", "net.body."): t for name, t in saved.items()}
    other = {name.replace("fc.", "net.head."): tensor for name, tensor in other.items()}
    changes = {"bn.1": "norm", "body": "stem", "head": "fc", "net": ""}
    assert equal(archspec.build(GRAPH, weights=other, rename=changes), saved)


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"norn": "bn"}, "unknown-state", "no name in `weights` has the part `norn`"),
        ({"no": "bn"}, "unknown-state", "no name"),  # whole parts, not letters
        ({"weight": "bias"}, "bad-weights", "several tensors of `weights` would be `stem.norm.bias`"),
        ({"fc.weight": ""}, "bad-weights", "would be ``"),
    ],
)
def test_changes_that_are_wrong(changes: dict[str, str], code: str, text: str, saved: dict[str, Tensor]) -> None:
    found = refused(saved, rename=changes)
    assert found.code == code and text in found.message


def test_names_of_the_published_densenet() -> None:
    """Its file is from when names of modules could have dots; the error says what to rename."""
    theirs = torchvision.models.densenet121(weights=None).state_dict()
    published = {re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", name): t for name, t in theirs.items()}
    found = refused(published, "densenet121")
    assert found.code == "weights-mismatch" and "696 tensors missing, 696 tensors unexpected" in found.message
    assert found.help is not None
    changes = dict(re.findall(r"--rename ([\w.]+)=(\w*)", found.help))
    assert changes == {"norm.1": "norm1", "conv.1": "conv1", "norm.2": "norm2", "conv.2": "conv2"}
    assert equal(archspec.build("densenet121", weights=published, rename=changes), theirs)


@pytest.mark.parametrize(
    ("name", "options", "heads"),
    [
        ("resnet18", {}, ["fc"]),
        ("mobilenet_v2", {}, ["classifier.1"]),
        ("efficientnet_b0", {}, ["classifier.1"]),
        ("googlenet", {"init_weights": False}, ["aux1.fc2", "aux2.fc2", "fc"]),
    ],
)
def test_torchvision_twins_load(name: str, options: dict[str, Any], heads: list[str]) -> None:
    """Heads of another size, auxiliary ones too, are replaced and nothing else is."""
    theirs = torchvision.models.get_model(name, weights=None, **options).state_dict()
    assert equal(archspec.build(name, weights=theirs), theirs)
    with pytest.warns(UserWarning, match="1,000 outputs in `weights`, 7 here") as caught:
        model = archspec.build(name, weights=theirs, params={"num_classes": 7})
    assert sorted(str(w.message).split("`")[1] for w in caught) == heads
    own = model.state_dict()
    same = {key for key in theirs if theirs[key].shape == own[key].shape}
    assert theirs.keys() - same == {f"{head}.{tensor}" for head in heads for tensor in ("weight", "bias")}
    assert all(torch.equal(theirs[key], own[key]) for key in same)


# --- heads ---


def test_another_number_of_classes_starts_a_new_head(saved: dict[str, Tensor]) -> None:
    graph = archspec.loads(SPEC, params={"classes": 9})
    with pytest.warns(UserWarning, match="`fc` has 5 outputs in `weights`, 9 here: initialised, not loaded"):
        model = archspec.build(graph, weights=saved)
    own = model.state_dict()
    assert (own["fc.weight"] == 0.25).all() and (own["fc.bias"] == 0).all()  # as the spec says
    assert all(torch.equal(own[name], saved[name]) for name in own if "fc" not in name)
    _, loaded = loading.build(graph, saved)
    assert loaded.to_json()["replaced_heads"] == [{"module": "fc", "file": 5, "network": 9}]
    assert loaded.to_json()["initialised"] == ["fc.weight", "fc.bias"] and loaded.tensors == 6


def test_a_new_head_is_initialised_as_torch_does_where_the_spec_says_nothing(saved: dict[str, Tensor]) -> None:
    graph = archspec.loads(SPEC.partition("init:")[0], params={"classes": 400})
    with warnings.catch_warnings(action="ignore"):
        model = archspec.build(graph, weights=saved)
    bound = 1 / 4**0.5
    assert model.fc.weight.abs().max() <= bound and abs(model.fc.weight.std() - bound / 3**0.5) < 0.05
    assert model.fc.bias.abs().max() <= bound and model.fc.bias.std() > 0


def test_only_the_head_is_drawn_at_random(saved: dict[str, Tensor]) -> None:
    graph = archspec.loads(SPEC.partition("init:")[0], params={"classes": 9})
    with warnings.catch_warnings(action="ignore"):
        torch.manual_seed(0)
        model = archspec.build(graph, weights=saved)
    after = torch.get_rng_state()
    torch.manual_seed(0)
    head = nn.Linear(4, 9)
    assert torch.equal(after, torch.get_rng_state())
    assert torch.equal(head.weight, model.fc.weight) and torch.equal(head.bias, model.fc.bias)


TAILS: dict[str, tuple[str, bool]] = {
    "a convolution and a pooling": (
        "{conv: {op: Conv2d, out_channels: $n, kernel_size: 1}, pool: {op: mean, dim: [2, 3]}}", True,
    ),
    "no bias": ("{flat: flatten, fc: {op: Linear, out_features: $n, bias: false}, p: {op: softmax, dim: -1}}", True),
    "transposed": ("{up: {op: ConvTranspose2d, out_channels: $n, kernel_size: 2}}", True),
    "a norm behind it": ("{flat: flatten, fc: {op: Linear, out_features: $n}, norm: BatchNorm1d}", False),
    "a layer behind it": (
        "{flat: flatten, a: {op: Linear, out_features: $n}, b: {op: Linear, out_features: 2}}", False,
    ),
    "a norm alone": ("{conv: {op: Conv2d, out_channels: $n, kernel_size: 1}, norm: BatchNorm2d}", False),
    "shared by two scales": (
        "{a: {op: Conv2d, out_channels: $n, kernel_size: 1}, small: {op: MaxPool2d, kernel_size: 2, from: input}, "
        "b: {reuse: a, from: small}, up: {op: Upsample, scale_factor: 2}, sum: {op: add, from: [a, up]}}", True,
    ),
    "called again before the end": (
        "{a: {op: Conv2d, out_channels: 3, kernel_size: 1}, n: {op: Conv2d, out_channels: $n, kernel_size: 1}, "
        "m: {op: Conv2d, out_channels: 3, kernel_size: 1}, b: {reuse: a, from: m}}", False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAILS)
def test_what_counts_as_a_head(name: str) -> None:
    """A last linear layer or convolution, of which only the number of outputs differs."""
    tail, replaced = TAILS[name]
    text = f"archspec: 1\nparams: {{n: 4}}\ninput: [N, 3, 4, 4]\ngraph: {tail}\n"
    state = archspec.build(archspec.loads(text)).state_dict()
    graph = archspec.loads(text, params={"n": 6})
    if not replaced:
        assert refused(state, graph).code == "weights-mismatch"
        return
    found = refused(state, graph)  # the head is all there is
    assert "none of its tensors" in found.message
    deeper = text.replace("graph: {", "graph: {first: {op: Conv2d, out_channels: 3, kernel_size: 1}, ")
    state = archspec.build(archspec.loads(deeper)).state_dict()
    _, loaded = loading.build(archspec.loads(deeper, params={"n": 6}), state)
    assert [(head.there, head.here) for head in loaded.fit.heads] == [(4, 6)]


def test_a_head_that_reads_something_else_is_refused(saved: dict[str, Tensor]) -> None:
    state = {**saved, "fc.weight": torch.rand(9, 5), "fc.bias": torch.rand(9)}
    found = refused(state)
    assert found.notes == (
        "`fc.weight` is [9, 5] in the file, [5, 4] in the network",
        "`fc.bias` is [9] in the file, [5] in the network",
    )
    assert found.help == "if these are to start as the spec initialises them: `--skip 'fc.*'`"
    half = {**saved, "fc.weight": torch.rand(9, 4)}  # its bias is that of another
    assert refused(half).notes == ("`fc.weight` is [9, 4] in the file, [5, 4] in the network",)


# --- skip ---

NEW_HEAD = SPEC.replace("fc: {op", "fc: [{op: Linear, out_features: 3}, ReLU, {op").replace("classes}\n", "classes}]\n")


def test_what_is_unexpected_alone_is_not_to_be_loaded(saved: dict[str, Tensor]) -> None:
    found = refused({**saved, "other.weight": torch.rand(3)})
    assert found.help == "if these are not to be loaded: `--skip 'other.*'`"


def test_a_head_of_another_structure_is_skipped_by_name(saved: dict[str, Tensor]) -> None:
    graph = archspec.loads(NEW_HEAD)
    found = refused(saved, graph)
    assert found.help == "if these are to start as the spec initialises them: `--skip 'fc.*'`"
    assert found.notes == (
        "missing `fc.0.weight` [3, 4]; near: `fc.weight` [5, 4]",
        "missing `fc.0.bias` [3]; near: `fc.bias` [5]",
        "missing `fc.2.weight` [5, 3]; near: `fc.weight` [5, 4]",
        "missing `fc.2.bias` [5]; near: `fc.bias` [5]",
        "unexpected `fc.weight` [5, 4]",
        "unexpected `fc.bias` [5]",
    )
    for skip in ("fc.*", ["fc.*"], ["fc.weight", "fc.bias", "fc.?.*"]):
        model = archspec.build(graph, weights=saved, skip=skip)
        assert (model.fc[0].weight == 0.25).all()
        assert torch.equal(model.stem.conv.weight, saved["stem.conv.weight"])
    _, loaded = loading.build(graph, saved, skip="fc.*")
    assert loaded.fit.unused == ("fc.weight", "fc.bias") and loaded.fit.left == (
        "fc.0.weight", "fc.0.bias", "fc.2.weight", "fc.2.bias",
    )  # fmt: skip
    assert loaded.lines()[1:] == [
        "skipped, but initialised: `fc.0.weight`, `fc.0.bias`, `fc.2.weight`, `fc.2.bias`",
        "skipped in the file: `fc.weight`, `fc.bias`",
    ]


def test_parts_of_the_file_that_the_network_lacks_are_skipped(saved: dict[str, Tensor]) -> None:
    state = {**saved, "aux.weight": torch.rand(2, 2)}
    assert refused(state).notes == ("unexpected `aux.weight` [2, 2]",)
    assert equal(archspec.build(GRAPH, weights=state, skip="aux.*"), saved)


def test_skipped_running_statistics_start_anew(saved: dict[str, Tensor]) -> None:
    model = archspec.build(GRAPH, weights=saved, skip="stem.norm.*")
    fresh = nn.BatchNorm2d(4).state_dict()
    assert all(torch.equal(model.stem.norm.state_dict()[name], fresh[name]) for name in fresh)


def test_patterns_that_skip_nothing(saved: dict[str, Tensor]) -> None:
    found = refused(saved, skip="head.*")
    assert found.code == "unknown-state" and found.help == "names start with `stem`, `fc`"
    assert refused(saved, skip="*").code == "weights-mismatch"
    with pytest.raises(SpecError, match="give `weights`"):
        archspec.build(GRAPH, skip="fc.*")


def test_without_initialisation_the_rest_is_left_alone(saved: dict[str, Tensor]) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    archspec.build(archspec.loads(SPEC.partition("init:")[0]), weights=saved, skip="fc.*", init=False)
    assert torch.equal(before, torch.get_rng_state())


# --- shared parameters ---

TIED = """
archspec: 1
input: {shape: [N, 6], dtype: int64}
graph:
  words: {op: Embedding, num_embeddings: 7, embedding_dim: 4}
  hidden: {op: Linear, out_features: 4}
  logits: {op: Linear, out_features: 7, bias: false, tie: {weight: words.weight}}
"""


def test_shared_parameters() -> None:
    graph = archspec.loads(TIED)
    whole = {name: torch.rand_like(tensor) for name, tensor in archspec.build(graph).state_dict().items()}
    whole["logits.weight"] = whole["words.weight"]
    assert len(whole) == 4
    without = [{k: v for k, v in whole.items() if k != name} for name in ("logits.weight", "words.weight")]
    for state in (whole, *without, {**whole, "logits.weight": whole["words.weight"].clone()}):
        model = archspec.build(graph, weights=state)
        assert model.logits.weight is model.words.weight and equal(model, whole)
    found = refused({**whole, "logits.weight": torch.rand(7, 4)}, graph)
    assert found.code == "bad-weights" and "differ in `weights`, but are one tensor" in found.message
    assert refused({**whole, "logits.weight": torch.rand(8, 4)}, graph).notes == (
        "`words.weight` is [8, 4] in the file, [7, 4] in the network",
    )
    skipped, loaded = loading.build(graph, whole, skip="logits.*")
    assert loaded.fit.left == ("words.weight",) and torch.equal(skipped.hidden.weight, whole["hidden.weight"])
    assert not torch.equal(skipped.words.weight, whole["words.weight"])


# --- mismatches ---


def test_every_mismatch_is_listed_with_the_nearest(saved: dict[str, Tensor]) -> None:
    state = {name.replace("norm.running", "bn.running"): tensor for name, tensor in saved.items()}
    del state["fc.bias"]
    state["stem.conv.weight"] = torch.rand(4, 3, 5, 5)
    state["extra"] = torch.rand(2, 2)
    found = refused(state)
    assert found.message == (
        "`weights` does not fit `small`: 3 tensors missing, 3 tensors unexpected, 1 tensor of another shape"
    )
    assert found.notes == (
        "missing `stem.norm.running_mean` [4]; near: `stem.bn.running_mean` [4]",
        "missing `stem.norm.running_var` [4]; near: `stem.bn.running_var` [4]",
        "missing `fc.bias` [5]",
        "`stem.conv.weight` is [4, 3, 5, 5] in the file, [4, 3, 3, 3] in the network",
        "unexpected `stem.bn.running_mean` [4]",
        "unexpected `stem.bn.running_var` [4]",
        "unexpected `extra` [2, 2]",
    )
    assert found.help is None


def test_types_that_cannot_be_copied(saved: dict[str, Tensor]) -> None:
    state = {**saved, "fc.weight": torch.ones(5, 4, dtype=torch.int8)}
    found = refused(state)
    assert found.message.endswith("1 tensor of another type")
    assert found.notes == ("`fc.weight` is int8 in the file, float32 in the network",)


def test_names_in_front_are_proposed_to_be_renamed(saved: dict[str, Tensor]) -> None:
    state = {f"model.{name}": tensor for name, tensor in saved.items()}
    found = refused(state)
    assert found.help == "rename parts of its names: `--rename model=`"
    assert equal(archspec.build(GRAPH, weights=state, rename={"model": ""}), saved)


def test_a_layer_that_went_into_a_list_is_proposed_to_be_renamed(saved: dict[str, Tensor]) -> None:
    graph = archspec.loads(SPEC.replace("fc: {op", "fc: [{op").replace("classes}\n", "classes}, ReLU]\n"))
    assert refused(saved, graph).help == "rename parts of its names: `--rename fc=fc.0`"
    model = archspec.build(graph, weights=saved, rename={"fc": "fc.0"})
    assert torch.equal(model.fc[0].weight, saved["fc.weight"])
    back = {name.replace("fc.", "fc.0."): tensor for name, tensor in saved.items()}
    assert refused(back).help == "rename parts of its names: `--rename 0=`"
    assert equal(archspec.build(GRAPH, weights=back, rename={"0": ""}), saved)


def test_another_network_altogether(saved: dict[str, Tensor]) -> None:
    found = refused(torchvision.models.resnet18(weights=None).state_dict())
    assert found.help is None and len(found.notes) == 6 + 2 + 120
    assert refused({"w": torch.zeros(())}).help is None


NAMES = sorted(archspec.build(GRAPH, device="meta").state_dict())


@given(st.data())
def test_a_file_loads_exactly_when_nothing_differs(data: st.DataObject) -> None:
    """Of tensors that are removed, added and reshaped at random each is listed, once, and no other."""
    removed = data.draw(st.sets(st.sampled_from(NAMES), max_size=3))
    reshaped = data.draw(st.sets(st.sampled_from(NAMES), max_size=2)) - removed
    added = data.draw(
        st.dictionaries(st.from_regex(r"[a-z]\w{0,3}(\.\w{1,3}){0,2}", fullmatch=True), shapes, max_size=3)
    )
    added = {name: shape for name, shape in added.items() if name not in NAMES}
    state = {
        n: torch.zeros_like(t) for n, t in archspec.build(GRAPH, init=False).state_dict().items() if n not in removed
    }
    state |= {name: torch.zeros((*state[name].shape, 2), dtype=state[name].dtype) for name in reshaped}
    state |= {name: torch.zeros(shape) for name, shape in added.items()}
    counter = "stem.norm.num_batches_tracked"
    missing = removed - ({counter} if not any(n.endswith("num_batches_tracked") for n in state) else set())
    if not missing and not reshaped and not added:
        assert equal(archspec.build(GRAPH, weights=state), {counter: torch.tensor(0)} | state)
        return
    if not state:
        return
    notes = refused(state).notes
    listed = [(note.split()[0].strip("`"), note.split("`")[1]) for note in notes]
    expected = {("missing", name) for name in missing} | {("unexpected", name) for name in added}
    expected |= {(name, name) for name in reshaped}
    assert len(listed) == len(set(listed)) and set(listed) == expected


shapes = st.lists(st.integers(1, 4), max_size=2).map(tuple)


# --- files that are wrong ---


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, ("pwned",))


def broken(path: Path, save: Callable[[Any, Path], None], state: Any, cut: slice) -> None:
    save(state, path)
    path.write_bytes(path.read_bytes()[cut])


def archive(path: Path) -> None:
    layer = nn.Linear(2, 2)
    with warnings.catch_warnings(action="ignore"):
        torch.jit.trace(layer, torch.zeros(1, 2)).save(str(path))  # type: ignore[no-untyped-call]


STATE = {"a": torch.zeros(64, 64)}
BROKEN: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "missing.pth": (lambda path: None, "file-not-found", "no file"),
    "folder": (Path.mkdir, "not-a-file", "is a folder"),
    "empty.pth": (Path.touch, "bad-weights", "is empty"),
    "empty.safetensors": (Path.touch, "bad-weights", "is empty"),
    "text.pth": (lambda p: p.write_text("hello, weights"), "bad-weights", "neither a safetensors file nor one of"),
    "spec.yaml": (lambda p: p.write_text(SPEC), "bad-weights", "neither"),
    "short.safetensors": (lambda p: p.write_bytes(b"\x08"), "bad-weights", "is damaged"),
    "header.safetensors": (lambda p: p.write_bytes(b"\xff" * 7 + b"\x7f{"), "bad-weights", "is damaged"),
    "cut.safetensors": (lambda p: broken(p, save_file, STATE, slice(-9)), "bad-weights", "is damaged"),
    "cut.pth": (lambda p: broken(p, torch.save, STATE, slice(600)), "bad-weights", "is damaged"),
    "cut.tar": (lambda p: broken(p, legacy, STATE, slice(-9)), "bad-weights", "is damaged"),
    "begun.tar": (lambda p: broken(p, legacy, STATE, slice(100)), "bad-weights", "is damaged"),
    "archive.npz": (lambda p: np.savez(p, a=np.zeros(3)), "bad-weights", "is damaged, or was not written by"),
    "program.pt": (archive, "bad-weights", "a TorchScript archive"),
    "module.pt": (lambda p: torch.save(nn.Linear(2, 2), p), "bad-weights", "would run `torch.nn.modules"),
    "evil.pt": (lambda p: torch.save({"a": Evil()}, p), "bad-weights", "would run `posix.mkdir`"),
    "evil.pkl": (lambda p: p.write_bytes(pickle.dumps(Evil())), "bad-weights", ""),
    "numpy.pt": (
        lambda p: torch.save({"state_dict": STATE, "accuracy": np.float64(0.5)}, p), "bad-weights", "a NumPy value",
    ),
    "list.pt": (lambda p: torch.save([torch.zeros(2)], p), "bad-weights", "holds a list, not tensors by name"),
    "tensor.pt": (lambda p: torch.save(torch.zeros(2), p), "bad-weights", "holds a Tensor"),
    "nothing.pt": (lambda p: torch.save({}, p), "bad-weights", "holds nothing"),
    "two.pt": (lambda p: torch.save({"model": STATE, "state_dict": STATE}, p), "bad-weights", "`state_dict`, `model`"),
    "none.pt": (lambda p: torch.save({"net": STATE, "epoch": 3}, p), "bad-weights", "but `net`, `epoch`"),
    "numbers.pt": (lambda p: torch.save({3: torch.zeros(2)}, p), "bad-weights", "but `3`"),
    "sparse.pt": (lambda p: torch.save({"a": torch.eye(2).to_sparse()}, p), "bad-weights", "is sparse_coo"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_files_that_are_wrong(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    make, code, text = BROKEN[name]
    make(Path(name))
    (tmp_path / "small.yaml").write_text(SPEC)
    found = refused(Path(name))
    assert found.code == code and text in found.message, found
    assert main(["build", "small.yaml", "--weights", name]) == 2
    out, err = capsys.readouterr()
    assert out == "" and f"error[{code}]" in err
    assert not (tmp_path / "build").exists() and not (tmp_path / "pwned").exists()


def test_the_nearest_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "resnet50.pth").touch()
    found = refused(tmp_path / "resnet5O.pth")
    assert found.help == f"did you mean `{tmp_path / 'resnet50.pth'}`?"


def test_a_mapping_is_held_to_the_same(saved: dict[str, Tensor]) -> None:
    assert refused({**saved, "fc.bias": [1.0] * 5}).code == "bad-weights"
    assert "meta device" in refused({**saved, "fc.bias": torch.zeros(5, device="meta")}).message
    assert "meta device" in refused(saved, device="meta").message
    assert equal(archspec.build(GRAPH, weights={"epoch": 1, "state_dict": saved}), saved)


def test_without_the_package_safetensors(
    saved: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_file(saved, tmp_path / "weights.safetensors")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    found = refused(tmp_path / "weights.safetensors")
    assert found.code == "bad-weights" and "archspec-nn[weights]" in str(found.help)


# --- the command ---


def test_build_with_weights(
    saved: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SPEC)
    save_file(saved, "small.safetensors")
    assert main(["build", "small.yaml", "--weights", "small.safetensors"]) == 0
    out = capsys.readouterr().out
    assert "verified" in out and "\nweights   `small.safetensors`: 8 tensors, 141 parameters\nwrote" in out
    written = sorted(path.name for path in Path("build/small").iterdir())
    assert written == ["diagram.svg", "model.py", "report.html", "summary.json"]
    assert json.loads(Path("build/small/summary.json").read_text())["weights"]["parameters"] == 141
    with warnings.catch_warnings(action="error"):  # it is printed, not warned of
        assert main(["build", "small.yaml", "--set", "classes=9", "--weights", "small.safetensors", "-o", "nine"]) == 0
    assert "\n          `fc` has 5 outputs in `small.safetensors`, 9 here: initialised" in capsys.readouterr().out
    report = json.loads(Path("nine/summary.json").read_text())["weights"]
    assert report["replaced_heads"] == [{"module": "fc", "file": 5, "network": 9}]


def test_build_with_changes(
    saved: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SPEC)
    torch.save({f"net.{name}": tensor for name, tensor in saved.items()}, "net.pth")
    call = ["build", "small.yaml", "--weights", "net.pth"]
    assert main(call) == 2
    assert "`--rename net=`" in capsys.readouterr().err
    assert main([*call, "--rename", "net=", "--skip", "fc.*"]) == 0
    assert "skipped, but initialised: `fc.weight`, `fc.bias`" in capsys.readouterr().out
    for wrong in (["--rename", "net"], ["--rename", "=a"]):
        assert main([*call, *wrong]) == 2
        assert "OLD=NEW" in capsys.readouterr().err
    assert main(["build", "small.yaml", "--skip", "fc.*"]) == 2
    assert "add `--weights FILE`" in capsys.readouterr().err


# --- modules of other packages ---


def test_custom_ops_initialise_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their code may draw values until these are in range, which would never end where drawing does nothing."""
    (tmp_path / "foreign.py").write_text(
        "import torch\nfrom torch import nn\n\n\nclass Scaled(nn.Module):\n"
        "    def __init__(self, size):\n        super().__init__()\n"
        "        self.weight = nn.Parameter(nn.init.trunc_normal_(torch.full((size,), 9.0)))\n\n"
        "    def forward(self, x):\n        return x * self.weight\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    text = "archspec: 1\ninput: [N, 4]\ngraph: [{op: foreign.Scaled, size: 4}, {op: Linear, out_features: 2}]\n"
    graph = archspec.loads(text, allow_ops=["foreign"])
    archspec.build(graph, init=False)
    state = {name: torch.rand_like(tensor) for name, tensor in archspec.build(graph).state_dict().items()}
    assert equal(archspec.build(graph, weights=state), state)
    model = archspec.build(graph, weights=state, skip="0.*")
    assert model[0].weight.abs().max() <= 2 and torch.equal(model[1].weight, state["1.weight"])


def test_attention_whose_projection_is_skipped() -> None:
    """The parts of a layer that are not loaded get what its own constructor gives them."""
    node = "{op: MultiheadAttention, num_heads: 2, batch_first: true, from: [input, input, input], need_weights: false}"
    graph = archspec.loads(f"archspec: 1\ninput: [N, 3, 8]\ngraph: {{a: {node}}}\n")
    state = {name: torch.full_like(tensor, 5.0) for name, tensor in archspec.build(graph).state_dict().items()}
    model = archspec.build(graph, weights=state, skip="a.out_proj.*")
    assert (model.a.in_proj_weight == 5).all()
    assert (model.a.out_proj.bias == 0).all() and 0 < model.a.out_proj.weight.std() < 1
