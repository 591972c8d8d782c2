"""The language as a JSON Schema (2020-12): what editors complete, explain and underline while a spec is written.

It says what can be said without evaluating anything, and accepts every spec that archspec does. Ops, their arguments
and what is said of them come from their classes, sections from the models of `archspec.schema`.
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import cleandoc
from typing import Any

from archspec import ops
from archspec.diagnostics import InternalError
from archspec.editors.arguments import EXPRESSION, Json, arguments_of
from archspec.elaborate.expectations import COUNTS
from archspec.elaborate.files import SPEC_KEYS
from archspec.elaborate.initialize import FUNCTIONS
from archspec.elaborate.inputs import ALIASES, DTYPES
from archspec.elaborate.params import TYPES
from archspec.ops.base import Op
from archspec.schema import FORMAT, Block, Document, Import
from archspec.syntax import KINDS, NODE_KEYS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TITLE = "archspec: a neural network as a graph"

_NAME = r"^[^\s\d.$,-][^\s.$,-]*$"
_STATEMENTS = {"for": r"^for\s+\S", "if": r"^(if|elif)\s+\S", "else": r"^else$", "let": r"^let\s+\S"}


def language_schema() -> Json:
    """The schema of a spec file."""
    found = [op for name in ops.names() if (op := ops.lookup(name)) is not None]
    return {
        "$schema": DIALECT,
        "title": TITLE,
        "description": _doc(Document),
        **_closed(Document, _sections()),
        "required": ["archspec"],
        "dependentRequired": {"variant": ["extends"]},
        "not": {"required": ["input", "inputs"]},
        "if": {"required": ["extends"]},
        "then": {"properties": {"graph": _ref("patched")}},
        "else": {"properties": {"graph": _ref("graph")}},
        "$defs": {**_values(), **_graphs(found), **{f"op.{op.name}": _op(op) for op in found}},
    }


def _doc(model: type) -> str:
    return cleandoc(model.__doc__ or "")


def _ref(name: str, said: str = "") -> Json:
    return {"$ref": f"#/$defs/{name}", **({"description": said} if said else {})}


def _object(said: str, values: Any = True, taken: Sequence[str] = ()) -> Json:
    """A section: names, but those that are `taken`, with what they stand for; or nothing yet."""
    names: Json = {"pattern": _NAME, "not": {"enum": [*taken]}} if taken else {}
    return {
        "type": ["object", "null"], "description": said, "additionalProperties": values,
        **({"propertyNames": names} if names else {}),
    }  # fmt: skip


def _closed(model: type[Any], keys: Json) -> Json:
    """A mapping of these keys and no others. Raises InternalError when the model has others."""
    if set(keys) != set(model.model_fields):
        raise InternalError(f"keys of {model.__name__}: {sorted(set(keys) ^ set(model.model_fields))}")
    return {"type": "object", "properties": keys, "additionalProperties": False}


def _sections() -> Json:
    params = _object(
        f"What can be set from outside, with defaults: `width: 64`; or only a type ({', '.join(TYPES)}), then it is "
        "required; or `{type: int | list, default: 3}`",
        taken=SPEC_KEYS,
    )
    block = {**_closed(Block, _block_keys(params)), "description": _doc(Block), "required": ["graph"]}
    layer = {"$ref": "#/$defs/defaults"}
    return {
        "archspec": {"description": "The version of the format", "enum": [*range(1, FORMAT + 1)]},
        "name": {"type": "string", "description": "What the network is called; else the file's name"},
        "doc": {"type": "string", "description": "What it is; the first line is a summary"},
        "params": params,
        "variants": _object(
            "Named settings of the params: `wide: {width: 128}`; `variant: other` builds on another one",
            {"type": ["object", "null"]},
        ),
        "let": _object("Computed values, in order: `hidden: 4 * width`"),
        "input": _ref("input", "The input's shape, axis 0 the batch: `[N, 3, 224, 224]`"),
        "inputs": _object("Several inputs, by name", _ref("input")),
        "blocks": _object("Reusable graphs with params, by name", {"if": {"type": "null"}, "else": block}),
        "graph": {"description": "The network: named nodes, or a list of numbered ones"},
        "outputs": _ref("outputs", "What comes out; else the value of the last node"),
        "init": {"$ref": "#/$defs/initializers"},
        "defaults": layer,
        "expect": _expect(),
        "freeze": _ref("patterns", "Parameters that are not trained; the last match wins: `['*', '!fc.*']`"),
        "imports": _object(
            "Other specs, by the name their blocks get here: `yolo: yolo.yaml`, then `op: yolo.C2f`",
            {"if": {"type": "string"}, "else": {**_closed(Import, _import_keys(params)), "required": ["file"]}},
        ),
        "extends": {"type": "string", "description": "The spec that this one changes: a file, or a bundled one"},
        "variant": {"type": "string", "description": "The variant of the spec that is extended"},
    }  # fmt: skip


def _block_keys(params: Json) -> Json:
    return {
        "doc": {"type": "string", "description": "What the block is"},
        "params": params,
        "inputs": {
            "description": "Names of its inputs, `[x, skip]`; or one name for the list of all",
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        },
        "let": _object("Computed values, in order"),
        "graph": _ref("graph", "What a use of it stands for"),
        "outputs": _ref("outputs", "What it yields; else the value of its last node"),
    }


def _import_keys(params: Json) -> Json:
    word = {"type": "string"}
    return {
        "file": {**word, "description": "The file, or a bundled spec"},
        "variant": {"type": ["string", "number"], "description": "Its variant"},
        "params": {**params, "description": "Values for its params; expressions of this file"},
    }


def _expect() -> Json:
    counts = {name: {"type": ["integer", "string"], "description": f"How many {name} there are"} for name in COUNTS}
    return {
        "description": "What `check` and `build` hold the network to; with variants a table, a row a variant",
        "type": ["object", "null"],
        "properties": {
            **{name: {"anyOf": [count, {"type": ["object", "null"]}]} for name, count in counts.items()},
            "output": {"type": ["array", "object", "null"], "description": "The shape of the only output: [N, 1000]"},
            "outputs": {"type": ["object", "array", "null"], "description": "Shapes of outputs, by name"},
            "receptive_field": {"type": ["integer", "array", "string", "object", "null"]},
        },
        "additionalProperties": {"type": ["object", "null"]},
    }


def _values() -> Json:
    number = {"type": ["string", "number"]}
    return {
        "expression": {
            "type": "string",
            "description": "An expression over params, lets, loop variables and shapes of nodes: `2 * width`, "
            "`input.channels // 4`",
            "not": {"pattern": r"^\s*([-+]?\d+(\.\d*)?([eE][-+]?\d+)?|true|false|null)?\s*$"},
        },
        "filled": {
            "type": "string", "pattern": r"\$", "description": "A word that `$name` or `$(expression)` fills in"
        },
        "condition": {"anyOf": [{"type": "boolean"}, EXPRESSION]},
        "name": {**number, "description": "A node: `conv1`, `layer1.0`, `up$i`"},
        "input": {"anyOf": [
            {"type": "array", "items": {"anyOf": [{"type": "integer", "minimum": 1}, EXPRESSION]}},
            {
                "type": "object",
                "properties": {
                    "shape": {"type": "array", "items": {"anyOf": [{"type": "integer", "minimum": 1}, EXPRESSION]}},
                    "dtype": {"enum": [*DTYPES, *ALIASES], "default": "float32"},
                },
                "required": ["shape"],
                "additionalProperties": False,
            },
            EXPRESSION,
        ]},
        "edges": {"anyOf": [
            _ref("name"),
            {"type": "array", "items": {"anyOf": [_ref("name"), _statements("edges")]}},
            _statements("edges"),
        ]},
        "reads": {
            "description": "What the node reads: a node's name, several, or names by operand; else the node before it",
            "anyOf": [_ref("edges"), {"type": "object", "additionalProperties": _ref("name")}],
        },
        "output": {"anyOf": [
            _ref("edges"),
            {
                "type": "object",
                "properties": {
                    "from": _ref("edges"),
                    "only": {"enum": ["training", "eval"], "description": "When it is there"},
                },
                "required": ["from"],
                "additionalProperties": False,
            },
        ]},
        "outputs": {"anyOf": [
            _ref("name"),
            {"type": "array", "items": {"anyOf": [_ref("output"), _statements("outputs")]}},
            {
                "type": "object",
                "patternProperties": _bodies("outputs"),
                "additionalProperties": _ref("output"),
            },
        ]},
        "patterns": {"anyOf": [
            {"type": "string"},
            {"type": "array", "items": {"anyOf": [{"type": "string"}, _statements("patterns")]}},
            _statements("patterns"),
        ]},
        "rule": {
            "description": "A function of `torch.nn.init`: `zeros_`, `{op: normal_, std: 0.02}`",
            "if": {"type": "object"},
            "then": {
                "properties": {"op": {"enum": sorted(FUNCTIONS)}, "when": _ref("condition")},
                "required": ["op"],
            },
            "else": {"enum": sorted(FUNCTIONS)},
        },
        "rules": {
            "type": "object",
            "properties": {"when": _ref("condition")},
            "additionalProperties": _ref("rule"),
        },
    }  # fmt: skip


def _bodies(body: str) -> Json:
    """The statements of a mapping, with what may stand below them."""
    inner = _ref(body)
    return {
        _STATEMENTS["for"]: {**inner, "description": "For each item of a list"},
        _STATEMENTS["if"]: {**inner, "description": "Where the condition holds"},
        _STATEMENTS["else"]: {**inner, "description": "Where no condition above holds"},
        _STATEMENTS["let"]: {"description": "A computed value"},
    }


def _statements(body: str) -> Json:
    """A mapping of statements alone."""
    return {
        "type": "object", "patternProperties": _bodies(body), "additionalProperties": False, "minProperties": 1
    }  # fmt: skip


def _graphs(found: list[type[Op]]) -> Json:
    statements = {"type": "object", "patternProperties": _bodies("body"), "additionalProperties": False}
    is_full = {"anyOf": [{"required": [kind]} for kind in KINDS]}
    is_statement = {"propertyNames": {"anyOf": [{"pattern": pattern} for pattern in _STATEMENTS.values()]}}
    named: Json = {"type": "object", "minProperties": 1, "patternProperties": _bodies("named")}
    return {
        "graph": {
            "if": {"type": "array"},
            "then": _ref("numbered"),
            "else": {"type": "object", "description": "Named nodes", "$ref": "#/$defs/named"},
        },
        "named": {**named, "additionalProperties": _ref("node")},
        "patched": {
            "if": {"type": "array"},
            "then": _ref("numbered"),
            "else": {
                **named,
                "type": ["object", "null"],
                "additionalProperties": {"if": {"type": "null"}, "else": _ref("node")},
            },
        },
        "numbered": {"type": "array", "minItems": 1, "items": _ref("item"), "description": "Numbered nodes"},
        "item": {"if": {"type": "object", **is_statement}, "then": statements, "else": _ref("node")},
        "body": {"if": {"type": "array"}, "then": {"type": "array", "items": _ref("item")}, "else": _ref("item")},
        "node": {
            "type": ["string", "object", "array"],
            "if": {"type": "string"},
            "then": _ref("word"),
            "else": {
                "if": {"type": "array"},
                "then": _ref("numbered"),
                "else": {"if": is_full, "then": _ref("full"), "else": _ref("named")},
            },
        },
        "word": {
            "description": "An op, a block, or `$name`",
            "anyOf": [{"enum": [op.name for op in found]}, {"type": "string", "minLength": 1}],
        },
        "full": {
            "type": "object",
            "allOf": [
                *(
                    {
                        "if": {"properties": {"op": {"const": op.name}}, "required": ["op"]},
                        "then": _ref(f"op.{op.name}"),
                    }
                    for op in found
                ),
                {
                    "if": {"required": ["op"]},
                    "then": {"properties": _node_keys()},
                    "else": {"properties": {**_node_keys(), "init": False, "tie": False}, "propertyNames": _keys()},
                },
            ],
        },
        "defaults": {
            "type": ["object", "null"],
            "description": "Arguments that every use of an op, or of a block, gets in this file",
            "properties": {
                op.name: {"type": "object", "properties": arguments_of(op), "additionalProperties": False}
                for op in found
            },
            "additionalProperties": {"type": "object"},
        },
        "initializers": {
            "type": ["object", "null"],
            "description": "How the weights of an op begin: `Conv2d: {weight: {op: kaiming_normal_}, bias: zeros_}`",
            "propertyNames": {"enum": [op.name for op in found]},
            "additionalProperties": _ref("rules"),
        },
    }


def _keys() -> Json:
    return {"enum": [key for key in NODE_KEYS if key not in ("op", "init", "tie")]}


def _node_keys() -> Json:
    """The keys that any node may have."""
    said: Json = {
        "op": _ref("word"),
        "graph": _ref("graph", "A graph inside this node"),
        "reuse": _ref("name", "The node whose module is called again, with the same weights"),
        "from": _ref("reads"),
        "when": _ref("condition", "Where it is false the node is left out, and who reads it reads its input"),
        "else": _ref("name", "What stands for the node where `when` is false"),
        "as": _ref("name", "A name for an item of a list"),
        "repeat": {"anyOf": [{"type": "integer", "minimum": 0}, EXPRESSION], "description": "So many in a row"},
        "init": {"description": "How its weights begin: `{weight: zeros_}`, or `zeros_` for a Parameter"},
        "tie": {"type": "object", "description": "Its parameters that are other nodes': `{weight: wte.weight}`"},
    }  # fmt: skip
    if set(said) != set(NODE_KEYS):
        raise InternalError(f"keys of a node: {sorted(set(said) ^ set(NODE_KEYS))}")
    return said


def _op(op: type[Op]) -> Json:
    """A node of an op."""
    own = arguments_of(op)
    keys = {key: True for key in NODE_KEYS if key not in ("graph", "reuse")}
    return {
        "description": cleandoc(op.__doc__ or ""),
        "properties": {**keys, **own, "op": {"const": op.name, "description": cleandoc(op.__doc__ or "")}},
        "additionalProperties": False,
        "dependentRequired": {"else": ["when"]},
    }
