"""The model run forward: draws of its choices and observations, or the densities of these."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, ModuleOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from relbo_ir.dialects import dist, prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.passes.forming import without_masks
from relbo_ir.passes.report import NAMES


@dataclass(frozen=True)
class PredictPass(ModulePass):
    """
    Replaces every `prob.elbo` by its model as a program of draws: each choice from its own law (not
    its guide's), each observation from its law, and the named values; the function's attribute
    `prob.result_names` names the results. The value of a choice in `given` is an argument, a
    parameter of its name. With `results=densities` the results are instead the log densities of
    the observed values, one number per batch element, and with `results=values` these values.

    Lemma: ancestral sampling: choices drawn in order, each from its law given those before it, have
    the model's joint law. Side conditions: a factor weighs the choices that it reads, so a model
    with one is an error unless all its choices are given.

    Options: `given`, the names of choices; `results`: `draws`, `densities` or `values`.

    ```mlir
    prob.func @model(%y: tensor<f32> {prob.role = #prob.data<#prob.name"y">}) {
      %z = prob.sample "z" from %p : !prob.law<tensor<f32>>
      %q = dist.normal %z, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      prob.observe "y" %q at %y : !prob.law<tensor<f32>>, tensor<f32>
      prob.return
    }
    prob.elbo @elbo model(@model) guide(@guide)
    ```

    yields

    ```mlir
    prob.func @elbo(%y: tensor<f32> {prob.role = #prob.data<#prob.name"y">}) -> (tensor<f32>, tensor<f32>) {
      %z = prob.sample "z" from %p : !prob.law<tensor<f32>>
      %q = dist.normal %z, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %y_ = prob.sample "y" from %q : !prob.law<tensor<f32>>
      prob.return %z, %y_ : tensor<f32>, tensor<f32>
    }
    ```
    """

    name = "relbo-predict"

    given: tuple[str, ...] = ()
    results: str = "draws"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        functions = {f.sym_name.data: f for f in op.ops if isinstance(f, prob.FuncOp)}
        for elbo in [e for e in op.ops if isinstance(e, prob.ElboOp)]:
            model = functions.get(elbo.model.string_value())
            if model is None:
                raise PassError.at(elbo, f"{elbo.model} is no prob.func of the module", "name one")
            op.body.block.insert_op_before(self._forward(elbo, model), elbo)
            Rewriter.erase_op(elbo)
        for function in functions.values():
            Rewriter.erase_op(function)

    def _forward(self, elbo: prob.ElboOp, model: prob.FuncOp) -> prob.FuncOp:
        if self.results not in RESULTS:
            raise PassError(f"there are no results {self.results!r}", f"use {', '.join(RESULTS)}")
        _check_given(model, self.given)
        if self.results != "values":
            _check_drawn(model, self.given)
        runner = _Runner(model, self.given, self.results)
        for op in model.body.block.ops:
            runner.run(op)
        runner.block.add_op(prob.ReturnOp(runner.values))
        types = [value.type for value in runner.values]
        region = Region(runner.block)
        made = prob.FuncOp(elbo.sym_name.data, region, runner.roles, types)
        made.attributes[NAMES] = ArrayAttr([prob.NameAttr(name) for name in runner.names])
        return made


RESULTS = ("draws", "densities", "values")


class _Runner:
    """Copies a model op by op; sites become draws, and what is asked for is collected."""

    def __init__(self, model: prob.FuncOp, given: tuple[str, ...], results: str):
        self._given, self._results = given, results
        old = model.body.block
        self.roles = list(model.roles)
        self.block = Block(arg_types=[argument.type for argument in old.args])
        self._new: dict[SSAValue, SSAValue] = dict(zip(old.args, self.block.args, strict=True))
        self._arguments: dict[str, SSAValue] = {}
        self.names: list[str] = []
        self.values: list[SSAValue] = []

    def run(self, op: Operation) -> None:
        """Copies one op."""
        match op:
            case prob.ScanOp():
                self._steps(op)
            case prob.SampleOp() if op.site.data in self._given:
                self._new[op.value] = self._argument(op.site, op.value.type)
            case prob.SampleOp():
                self._new[op.value] = self._draw(op)
            case prob.ObserveOp():
                self._observe(op)
            case prob.DeterministicOp():
                self._collect("draws", op.site, self._new.get(op.value, op.value))
            case prob.FactorOp() | prob.ReturnOp():
                pass
            case _:
                self._add(op.clone(self._new), op)

    def _argument(self, site: prob.NameAttr, type_: Attribute) -> SSAValue:
        """The given value of a choice."""
        known = self._arguments.get(site.data)
        if known is None:
            known = self.block.insert_arg(type_, len(self.block.args))
            self._arguments[site.data] = known
            self.roles.append(prob.ParameterAttr(site, prob.ConstraintAttr("real")))
        return known

    def _steps(self, op: prob.ScanOp) -> None:
        """A loop that draws: its draws are all given, or made by their own laws."""
        sites = [draw.site for draw in op.inner_draws]
        given = [site.data in self._given for site in sites]
        if all(given):
            for site, result in zip(sites, op.draws, strict=True):
                self._new[result] = self._argument(site, result.type)
            return
        choices = [use.operation for result in op.draws for use in result.uses]
        in_place = any(isinstance(c, prob.SampleOp) and c.guide is not None for c in choices)
        if any(given) or in_place:
            raise PassError.at(
                op,
                "the loop draws from a guide in place"
                if in_place
                else f"some draws of the loop are given and others are not: {', '.join(s.data for s in sites)}",
                "write model and guide as two functions" if in_place else "give all or none",
                site=sites[0].data,
            )
        self._add(op.clone(self._new), op)

    def _add(self, made: Operation, source: Operation) -> None:
        made.location = source.location
        self.block.add_op(made)

    def _collect(self, kind: str, site: prob.NameAttr, value: SSAValue) -> None:
        if kind == self._results:
            self.names.append(site.data)
            self.values.append(value)

    def _draw(self, op: prob.SampleOp | prob.ObserveOp) -> SSAValue:
        drawn = self._new[op.drawn] if isinstance(op, prob.SampleOp) and op.drawn else None
        law = without_masks(self.block, *dist.wrapped(self._new[op.law]))
        draw = prob.SampleOp(op.site.data, law, drawn=drawn, plates=op.plates)
        if isinstance(op, prob.SampleOp):
            draw.value.name_hint = op.value.name_hint
        self._add(draw, op)
        self._collect("draws", op.site, draw.value)
        return draw.value

    def _observe(self, op: prob.ObserveOp) -> None:
        value = self._new[op.value]
        self._collect("values", op.site, value)
        if self._results == "draws":
            self._draw(op)
        elif self._results == "densities":
            density = prob.LogDensityOp(self._new[op.law], value, dist.float_element(op.law))
            self._add(density, op)
            self._collect("densities", op.site, density.result)


def _check_given(model: prob.FuncOp, given: tuple[str, ...]) -> None:
    sites = {op.site.data: op for op in model.walk() if isinstance(op, prob.SampleOp)}
    for name in given:
        if name not in sites:
            raise PassError(
                f"the model has no choice {name!r} (there are: {', '.join(sites) or 'none'})",
                "give values of the model's choices",
            )


def _check_drawn(model: prob.FuncOp, given: tuple[str, ...]) -> None:
    sites = [op.site.data for op in model.walk() if isinstance(op, prob.SampleOp)]
    free = [name for name in sites if name not in given]
    for op in model.walk():
        if isinstance(op, prob.FactorOp) and free:
            raise PassError.at(
                op,
                f"the model has a factor, so {', '.join(free)} cannot be drawn from their own laws",
                "write the factor as an observation, or give the values of all choices",
                site=op.site.data,
            )
