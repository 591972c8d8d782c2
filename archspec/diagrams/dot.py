"""A picture as DOT text, for Graphviz."""

# The graphviz package has no types:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from urllib.parse import quote

from graphviz import Digraph

from archspec.diagrams.choices import Direction
from archspec.diagrams.labels import Labels
from archspec.diagrams.ladder import ladder
from archspec.diagrams.palette import BY_NAME, CHANGES, COLOURS, Colour, colour_of
from archspec.diagrams.picture import Box, Cluster, Edge, Picture
from archspec.diagrams.tangle import QUICK, TANGLE, passed

_FONT = "Arial"  # a list of fonts is measured as Times by engines that have no fonts of their own
_INK, _SOFT, _LINE, _SKIP = "#1f2933", "#52606d", "#7b8794", "#b0568c"
_LEFT = '<BR ALIGN="LEFT"/>'
_STRAIGHT = "1000"  # more than the 128 with which each frame is drawn together
_TRAINING = "dashed"  # what runs in one mode only


def to_dot(
    picture: Picture,
    labels: Labels,
    *,
    direction: Direction = "TB",
    title: str = "",
    legend: bool = True,
    before: Labels | None = None,
    link: str = "",
) -> str:
    """The DOT text. Nodes, clusters and edges have the `class` that style sheets use in SVG, and paths as ids.
    `before`: the texts of what is removed, in a picture of two networks. `link`: where boxes lead to, see `draw`."""
    return _Writer(picture, labels, before or labels, direction, title, legend, link).source()


class _Writer:
    def __init__(
        self,
        picture: Picture,
        labels: Labels,
        before: Labels,
        direction: Direction,
        title: str,
        legend: bool,
        link: str,
    ) -> None:
        self.link = link
        self.picture, self.labels, self.before, self.direction = picture, labels, before, direction
        self.ladder = ladder(picture)
        self.removed = {box.id for box in picture.boxes() if box.change == "removed"}
        self.graph = Digraph(
            re.sub(r"[^\w.-]", "_", picture.graph.name),  # DOT reads backslashes and brackets
            graph_attr={
                "rankdir": direction, "fontname": _FONT, "fontsize": "14", "fontcolor": _INK, "bgcolor": "white",
                "nodesep": "0.25", "ranksep": "0.2" if direction == "TB" else "0.18",
                "labelloc": "t", "splines": "true", "compound": "true", "pad": "0.2", **self.title(title, legend),
                **(QUICK if passed((box.id for box in picture.boxes()), picture.edges) > TANGLE else {}),
            },
            node_attr={
                "shape": "box", "style": "rounded,filled", "fontname": _FONT, "fontsize": "11", "fontcolor": _INK,
                "margin": "0.12,0.05", "height": "0.3", "width": "0.9", "penwidth": "1.2",
            },
            edge_attr={
                "fontname": _FONT, "fontsize": "9", "fontcolor": _SOFT, "color": _LINE, "arrowsize": "0.6",
                "penwidth": "1.1", "tooltip": " ", "weight": _STRAIGHT,
            },
        )  # fmt: skip

    def source(self) -> str:
        for child in self.picture.children:
            self.add(self.graph, child)
        for edge in self.picture.edges:
            self.edge(edge)
        for ends in self.ladder.rungs:
            with self.graph.subgraph() as inner:  # pyright: ignore[reportOptionalContextManager]
                inner.attr(rank="same")
                for end in ends:
                    inner.node(end)
        return self.graph.source

    def title(self, title: str, legend: bool) -> dict[str, str]:
        rows = [f'<TR><TD ALIGN="LEFT"><B>{_escaped(title)}</B></TD></TR>'] if title else []
        if legend and (colours := self.colours()):
            cells = "".join(
                f'<TD BGCOLOR="{colour.fill}" COLOR="{colour.border}" BORDER="1" STYLE="ROUNDED">'
                f'<FONT POINT-SIZE="9">{_escaped(colour.title)}</FONT></TD>'
                for colour in colours
            )
            rows.append(f'<TR><TD><TABLE BORDER="0" CELLSPACING="4" CELLPADDING="3"><TR>{cells}</TR></TABLE></TD></TR>')
        return {"label": f'<<TABLE BORDER="0" CELLSPACING="2">{"".join(rows)}</TABLE>>'} if rows else {}

    def colours(self) -> list[Colour]:
        """Those that the picture has, in the palette's order."""
        used = {self.colour(box).name for box in self.picture.boxes() if box.kind in ("node", "block")}
        return [colour for colour in (*COLOURS, *CHANGES) if colour.name in used]

    def labels_of(self, item: Box | Cluster) -> Labels:
        return self.before if item.change == "removed" else self.labels

    def colour(self, box: Box) -> Colour:
        if self.picture.before is not None:
            return BY_NAME[box.change]
        return colour_of(self.picture.graph.nodes[box.start].op.category) if box.kind == "node" else BY_NAME["block"]

    def add(self, parent: Digraph, item: Box | Cluster) -> None:
        if isinstance(item, Box):
            self.box(parent, item)
            return
        labels, beside = self.labels_of(item), isinstance(item.children[0], Box)
        with parent.subgraph(name=item.id) as inner:  # pyright: ignore[reportOptionalContextManager]
            inner.attr(
                label="" if beside else self.heading(item), labeljust="l", style="rounded,filled", fillcolor="#fafbfc",
                color="#cbd2d9", fontsize="11", fontcolor=_INK, margin="8", id=item.path,
                tooltip=labels.tooltip(item), **self.linked(item),
                **{"class": "open repeated" if item.count > 1 else "open"},
                **({"peripheries": "2"} if item.count > 1 else {}),
            )  # fmt: skip
            if beside and self.direction == "TB":
                self.head(inner, item)
            for child in item.children:
                self.add(inner, child)
            if beside and self.direction == "LR":  # what comes last is above
                self.head(inner, item)

    def head(self, parent: Digraph, cluster: Cluster) -> None:
        """A heading as a node: edges go around it."""
        parent.node(
            f"{cluster.id}_heading", label=self.heading(cluster), shape="plaintext", style="", margin="0", width="0",
            tooltip=self.labels_of(cluster).tooltip(cluster), **self.linked(cluster), **{"class": "heading"},
        )  # fmt: skip

    def heading(self, cluster: Cluster) -> str:
        """What stands in an open block, in lines: beside its first box, above where that is an open block, too."""
        labels = self.labels_of(cluster)
        name, numbers = labels.name(cluster), labels.numbers(cluster.start, cluster.end)
        small = [*([name] if name else []), *labels.shared(cluster), *numbers]
        lines = [f"<B>{_escaped(labels.title(cluster))}</B>", *map(self.small, small)]
        return f"<{''.join(line + _LEFT for line in lines)}>"

    def box(self, parent: Digraph, box: Box) -> None:
        colour = self.colour(box)
        style = {"fillcolor": colour.fill, "color": colour.border}
        kind = colour.name
        if box.kind in ("input", "output"):
            style = {"fillcolor": "white", "color": _INK, "shape": "box", "style": "rounded,filled,bold"}
            kind = "end"
            if box.change != "same":
                colour = BY_NAME[box.change]
                style |= {"fillcolor": colour.fill, "color": colour.border}
                kind = box.change
        if box.change == "removed" or box.mode != "always":
            style["style"] = f"{style.get('style', 'rounded,filled')},{_TRAINING}"
        if box.mode != "always":
            kind += f" {box.mode}"
        if box.count > 1:
            style["peripheries"] = "2"
        parent.node(
            box.id, label=self.label(box), id=box.path if box.kind in ("node", "block") else box.id,
            tooltip=self.labels_of(box).tooltip(box), **self.linked(box), **{"class": kind}, **style,
        )  # fmt: skip

    def linked(self, item: Box | Cluster) -> dict[str, str]:
        """A link to the line that the item was written on."""
        span = self.labels_of(item).span(item)
        if not self.link or span is None:
            return {}
        name = Path(span.source.name)
        file = name.name if name.is_absolute() else name.as_posix()
        return {"URL": self.link.replace("{file}", quote(file)).replace("{line}", str(span.line)), "target": "_top"}

    def label(self, box: Box) -> str:
        labels = self.labels_of(box)
        name, lines = labels.name(box), labels.lines(box)
        head = f"<B>{_escaped(labels.title(box))}</B>"
        if name:
            head += f" {self.small(name)}"
        return f"<{'<BR/>'.join([head, *map(self.small, lines)])}>"

    @staticmethod
    def small(text: str) -> str:
        return f'<FONT POINT-SIZE="9" COLOR="{_SOFT}">{_escaped(text)}</FONT>'

    def edge(self, edge: Edge) -> None:
        style: dict[str, str] = {"class": edge.kind}
        if edge.kind != "data" or edge.mode != "always":
            style["weight"] = "1"
        if edge.kind == "skip":
            style |= {"color": _SKIP, "penwidth": "1.8"}
        elif edge.kind == "shape":
            style |= {"style": "dotted", "arrowhead": "open", "constraint": "false"}
        if edge.mode != "always":
            style |= {"style": _TRAINING, "class": f"{edge.kind} {edge.mode}"}
        if edge.change != "same":
            style |= {"color": BY_NAME[edge.change].border, "penwidth": "1.8", "class": f"{edge.kind} {edge.change}"}
        if edge.change == "removed":
            style["style"] = _TRAINING
            if not {edge.source, edge.target} & self.removed:  # a way past what was put in
                style["constraint"] = "false"
        if edge.label is not None and edge.kind != "shape":
            style["label"] = self.text(f"  {edge.label}  ")
        ends = (edge.source, edge.target)
        if self.ladder.climbs(edge):
            ends, style["dir"] = (edge.target, edge.source), "back"
        self.graph.edge(*ends, **style)

    @staticmethod
    def text(text: str) -> str:
        """A plain label: backslashes stand for themselves."""
        return text.replace("\\", "\\\\")


def _escaped(text: str) -> str:
    """As HTML. Characters that cannot be seen are blanks, and nothing is `_`: Graphviz takes no label without text."""
    seen = "".join(char if char.isprintable() else " " for char in text)
    return escape(seen if seen.strip() else "_")
