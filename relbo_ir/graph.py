"""Model and guide as a graph in Graphviz's language: sites, parameters and data, with plates."""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from relbo_ir.dialects import prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.notebook import Text

_Site = prob.SampleOp | prob.ObserveOp | prob.FactorOp | prob.DeterministicOp
_STYLES = {
    "prob.sample": "shape=ellipse",
    "prob.observe": "shape=ellipse, style=filled, fillcolor=gray85",
    "prob.factor": "shape=box, style=filled, fillcolor=black, fontcolor=white",
    "prob.deterministic": "shape=ellipse, style=dashed",
}


def dot(module: ModuleOp) -> Text:
    """
    The models and guides of a module of level 1: an ellipse a choice (grey where it is observed),
    a box without a frame for a parameter or data, an arrow for what a site's law reads, and a
    frame for every plate with its size.

    Raises PassError for a module whose model and guide are no longer apart.
    """
    elbos = [op for op in module.ops if isinstance(op, prob.ElboOp)]
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, prob.FuncOp)}
    if not elbos:
        raise PassError(
            "the module asks for no ELBO of a model and a guide, so there is no graph to draw",
            "give a program of level 1: before relbo-form-elbo",
        )
    lines = ["digraph elbo {", "  compound=true;", "  rankdir=TB;"]
    for elbo in elbos:
        for symbol in (elbo.model, elbo.guide):
            if symbol is None:
                continue
            name = symbol.string_value()
            if name not in functions:
                raise PassError.at(elbo, f"{symbol} is no prob.func of the module", "name one")
            lines.extend(f"  {line}" for line in _Graph(name, functions[name], "law").lines())
        if elbo.guide is None:
            name = elbo.model.string_value()
            lines.extend(f"  {line}" for line in _Graph("guide", functions[name], "guide").lines())
    return Text("\n".join([*lines, "}"]))


def quoted(text: str) -> str:
    """A string of Graphviz's language."""
    spelled = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return '"' + spelled.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass
class _Frame:
    """A plate's frame: the nodes inside, and the frames inside by plate."""

    nodes: list[str] = field(default_factory=list[str])
    inner: dict[str, _Frame] = field(default_factory=dict[str, "_Frame"])


class _Graph:
    """The graph of one function; `law` says whose law of a choice is read, its own or its guide's."""

    def __init__(self, title: str, function: prob.FuncOp, law: str):
        self._title, self._law = title, law
        self._frame = _Frame()
        self._edges: list[str] = []
        self._sizes = {
            op.sym_name.data: op.size.value.data
            for op in function.walk()
            if isinstance(op, prob.PlateOp)
        }
        self._frames = 0
        self._sources: dict[SSAValue, tuple[str, ...]] = {}
        self._read: dict[str, str] = {}
        for argument, role in zip(function.body.block.args, function.roles, strict=True):
            self._argument(argument, role)
        for op in function.body.block.ops:
            if isinstance(op, _Site):
                self._site(op)
                continue
            if isinstance(op, prob.ScanOp):
                for draw, result in zip(op.inner_draws, op.draws, strict=True):
                    self._sources[result] = (f"site {draw.site.data}",)
                continue
            sources = dict.fromkeys(s for v in op.operands for s in self._sources.get(v, ()))
            for result in op.results:
                self._sources[result] = tuple(sources)

    def _argument(self, argument: SSAValue, role: object) -> None:
        match role:
            case prob.ParameterAttr():
                name, text = f"param {role.parameter.data}", role.parameter.data
            case prob.DataAttr():
                name, text = f"data {role.argument.data}", role.argument.data
            case _:
                return
        self._read[name] = text
        self._sources[argument] = (name,)

    def _identifier(self, name: str) -> str:
        return quoted(f"{self._title} {name}")

    def _site(self, op: _Site) -> None:
        name = f"site {op.site.data}"
        in_guide = self._law == "guide"
        if in_guide and not isinstance(op, prob.SampleOp):
            if isinstance(op, prob.DeterministicOp):
                self._sources.setdefault(op.value, ())
            return
        operands = list(op.operands)
        if isinstance(op, prob.SampleOp):
            operands = [op.guide if in_guide and op.guide is not None else op.law]
        plates = [] if isinstance(op, (prob.FactorOp, prob.DeterministicOp)) else op.plates or ()
        frame = self._frame
        for axis in sorted(plates, key=lambda p: p.axis.data):
            frame = frame.inner.setdefault(axis.plate.string_value(), _Frame())
        label = quoted(op.site.data)
        frame.nodes.append(f"{self._identifier(name)} [label={label}, {_STYLES[op.name]}];")
        sources = dict.fromkeys(s for v in operands for s in self._sources.get(v, ()))
        for source in sources:
            self._edges.append(f"{self._identifier(source)} -> {self._identifier(name)};")
            if source in self._read:
                text = quoted(self._read.pop(source))
                node = f"{self._identifier(source)} [label={text}, shape=plaintext];"
                self._frame.nodes.append(node)
        if isinstance(op, (prob.SampleOp, prob.DeterministicOp)):
            self._sources[op.value] = (name,)

    def lines(self) -> list[str]:
        """The function's cluster."""
        body = [*self._inside(self._frame), *self._edges]
        head = [
            f"subgraph {quoted(f'cluster {self._title}')} {{",
            f"  label={quoted(self._title)};",
        ]
        return [*head, *(f"  {line}" for line in body), "}"]

    def _inside(self, frame: _Frame) -> list[str]:
        lines = list(frame.nodes)
        for plate, inner in frame.inner.items():
            self._frames += 1
            label = f"{plate}: {self._sizes.get(plate, '?')}"
            lines.append(f"subgraph {quoted(f'cluster {self._title} {self._frames}')} {{")
            lines.append(f"  label={quoted(label)}; labeljust=r; labelloc=b;")
            lines.extend(f"  {line}" for line in self._inside(inner))
            lines.append("}")
        return lines
