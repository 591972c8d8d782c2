"""For editors: the language as a JSON Schema."""

from archspec.editors.language import language_schema

__all__ = ["language_schema"]
