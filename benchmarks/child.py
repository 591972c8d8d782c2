"""What runs in a process of its own: one tool on one network, or one grown spec. Prints its facts as JSON.

python -m benchmarks.child peer "torchinfo, meta" resnet152
python -m benchmarks.child grown "all different" 100000
"""

from __future__ import annotations

import json
import os
import sys
import time

from benchmarks.measure import Facts


def peer(name: str, network: str) -> Facts:
    """A tool's counts, by the names of the columns."""
    from benchmarks.networks import NETWORKS
    from benchmarks.peers import PEERS, count

    return count(PEERS[name], next(each for each in NETWORKS if each.spec == network)).facts()


def grown(kind: str, nodes: str) -> Facts:
    """CPU times of a spec of about so many nodes: compiled, and fully analysed. `seconds` is their sum."""
    import archspec
    from benchmarks.growing import KINDS

    os.environ["ARCHSPEC_LIMITS"] = "steps=1000000000,nodes=1000000"  # more than specs of strangers may take

    archspec.loads(KINDS[kind](10)).summary().to_json()  # what is loaded once is not what grows
    text = KINDS[kind](int(nodes))
    start = time.process_time()
    graph = archspec.loads(text)
    compiled = time.process_time()
    graph.summary().to_json()
    analysed = time.process_time()
    return {
        "seconds": analysed - start,
        "nodes": len(graph.nodes),
        "compile": compiled - start,
        "analyse": analysed - compiled,
        "us a node": (analysed - start) / len(graph.nodes) * 1e6,
    }


if __name__ == "__main__":
    what = {"peer": peer, "grown": grown}[sys.argv[1]]
    print(json.dumps(what(*sys.argv[2:])))
