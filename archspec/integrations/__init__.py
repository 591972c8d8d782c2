"""Networks on documentation pages: fenced blocks for Python-Markdown and MkDocs, a directive for Sphinx.

`fences` and `sphinx` find what a page asks for, `options` says how it wants it, `figure` makes it, `cache` keeps it,
`inline` fits pictures into pages.
"""
