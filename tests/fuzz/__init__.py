"""Fuzzing of what reads specs: any text gives a graph or diagnostics, in little time and memory.

python -m tests.fuzz --runs 200000            coverage-guided, by atheris (`pip install 'archspec-nn[fuzz]'`)

What it finds is mended, and kept in `tests/cases/fuzz`, which `tests/test_fuzz.py` replays.
"""
