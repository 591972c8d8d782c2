"""Runnable comparisons with other tools, and how archspec itself grows: `python -m benchmarks --help`.

Cases are data (`sections`); `measure` runs the contestants of a case in turns, `report` makes the tables.
"""
