"""Hypothesis strategies: random specs, and random specs changed a little. How they are made is in `random_specs`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.random_specs.changes import Change, random_change
from tests.random_specs.pick import Pick
from tests.random_specs.sketch import Sketch
from tests.random_specs.whole import random_spec


@st.composite
def specs(draw: Any, rare: bool = False) -> Sketch:
    """Random valid specs; `rare` with ops of the whole registry."""
    return random_spec(Pick(draw), rare=rare)


@st.composite
def changed(draw: Any) -> Change:
    """Random specs changed a little; some are still valid."""
    pick = Pick(draw)
    return random_change(pick, random_spec(pick, rare=False))
