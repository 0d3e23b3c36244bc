"""From a model and a guide to the expectation of the ELBO."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr, TensorType
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from relbo_ir.dialects import dist, lax, prob
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.lax import shape_of
from relbo_ir.dialects.tensors import element_of
from relbo_ir.passes.analyses.value_ranges import Ranges
from relbo_ir.passes.expressions import Writer
from relbo_ir.passes.forming import (
    branches_of,
    check_all_used,
    check_branches,
    check_fits,
    check_minibatches,
    check_points,
    choices_of_loop,
    drop_unused_closures,
    missing_guide,
    point_density,
    site_error,
    spoken_size,
    without_masks,
)
from relbo_ir.passes.rewriting import fresh, is_zero

Argument = tuple[Attribute, Attribute]
_Handler = Callable[[Operation, dict[SSAValue, SSAValue]], bool]


@dataclass(frozen=True)
class FormElboPass(ModulePass):
    """
    Replaces every `prob.elbo` by a function that holds the gradient of the ELBO's expectation:
    E_q[Σ log p(z) + Σ log p(y | z) + Σ factors − Σ log q(z)], the model replayed on the guide's
    draws and minibatches.

    Lemma: the definition of the ELBO (Jordan et al. 1999). An addend of a site weighs its scale,
    times size/subsample of its plates: the mean over uniform minibatches is the sum over the whole
    plate (Hoffman et al. 2013). A mask makes elements of an addend 0; draws are from the law without
    masks. A choice that the guide fixes at a point (`dist.delta`) has that value, without a draw;
    the objective loses its log density.

    Side conditions, each an error with site and line: every choice of the model has one guide, of
    the same shape; a choice that only the guide has is marked auxiliary; the guide's support lies
    in the model's, where both are known; a choice in a branch is in both functions in one of the
    same condition; parameters and plates of one name agree, a minibatch is
    drawn in both functions or in none; what reads a point that moves with parameters and other
    choices is smooth in it.

    Options: none.

    ```mlir
    prob.func @model(%y: tensor<3xf32> {prob.role = #prob.data<#prob.name"y">}) {
      %p = dist.normal %zero, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %z = prob.sample "z" from %p : !prob.law<tensor<f32>>
      ...
    }
    prob.elbo @elbo model(@model) guide(@guide)
    ```

    yields

    ```mlir
    prob.func @elbo(%m: tensor<f32> {...}, %y: tensor<3xf32> {...}) -> (tensor<f32>, tensor<f32>) {
      %value, %dm = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
        %e = prob.expectation {
          %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
          %lp = prob.log_density %p at %z : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
          ...
          prob.yield "z.prior" %lp, "z.entropy" %h, "y" %ly : tensor<f32>, tensor<f32>, tensor<3xf32>
        } : tensor<f32>
        prob.yield_value %e : tensor<f32>
      }
      prob.return %value, %dm : tensor<f32>, tensor<f32>
    }
    ```
    """

    name = "relbo-form-elbo"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        asked = [elbo for elbo in op.ops if isinstance(elbo, prob.ElboOp)]
        used: set[prob.FuncOp] = set()
        for elbo in asked:
            model = _function(op, elbo, elbo.model)
            guide = None if elbo.guide is None else _function(op, elbo, elbo.guide)
            used |= {f for f in (model, guide) if f is not None}
            former = _Former(elbo, model, guide)
            op.body.block.insert_op_before(former.form(), elbo)
            check_points(former.block)
            Rewriter.erase_op(elbo)
        for function in used:
            Rewriter.erase_op(function)


def _function(module: ModuleOp, elbo: prob.ElboOp, symbol: SymbolRefAttr) -> prob.FuncOp:
    for op in module.ops:
        if isinstance(op, prob.FuncOp) and op.sym_name.data == symbol.string_value():
            return op
    raise PassError.at(elbo, f"{symbol} is no prob.func of the module", "name one that is")


@dataclass(frozen=True)
class _Choice:
    """A choice of the guide."""

    op: prob.SampleOp
    law: SSAValue
    """What the guide draws it from, as it stands there; for a point, the `dist.delta`."""
    value: SSAValue
    branches: list[SSAValue]
    """Where it is there, if it stands in branches."""


@dataclass
class _Former:
    """Builds one objective."""

    elbo: prob.ElboOp
    model: prob.FuncOp
    guide: prob.FuncOp | None
    block: Block = field(default_factory=Block)
    names: list[str] = field(default_factory=list[str])
    taken: set[str] = field(default_factory=set[str])
    addends: list[SSAValue] = field(default_factory=list[SSAValue])
    draws: dict[str, _Choice] = field(default_factory=dict[str, "_Choice"])
    plates: dict[str, prob.PlateOp] = field(default_factory=dict[str, prob.PlateOp])
    minibatches: dict[str, SSAValue] = field(default_factory=dict[str, SSAValue])
    ranges: Ranges = field(default_factory=Ranges)

    def form(self) -> prob.FuncOp:
        parameters, others = self._arguments()
        function_block = Block(arg_types=[t for t, _ in (*parameters, *others)])
        roles = [role for _, role in (*parameters, *others)]
        gradient_block = Block(arg_types=[t for t, _ in parameters])
        inner = [*gradient_block.args, *function_block.args[len(parameters) :]]
        by_role: dict[Attribute, SSAValue] = {
            self._key(role): value for role, value in zip(roles, inner, strict=True)
        }
        if self.guide is not None:
            check_minibatches(self.model, self.guide)
            self._inline(self.guide, by_role, self._guide_op)
        self._inline(self.model, by_role, self._model_op)
        check_all_used(self.model, {name: c.op for name, c in self.draws.items()})
        self.block.add_op(prob.YieldOp(self.names, self.addends))
        scalar = TensorType(self._element(), [])
        expectation = prob.ExpectationOp(Region(self.block), scalar)
        gradient_block.add_op(expectation)
        gradient_block.add_op(prob.YieldValueOp([expectation.result]))
        operands = function_block.args[: len(parameters)]
        gradient = prob.GradientOp(operands, Region(gradient_block), scalar)
        function_block.add_ops([*self.plates.values(), gradient, prob.ReturnOp(gradient.results)])
        results = [result.type for result in gradient.results]
        drop_unused_closures(function_block, roles)
        return prob.FuncOp(self.elbo.sym_name.data, Region(function_block), roles, results)

    @staticmethod
    def _key(role: Attribute) -> Attribute:
        return role.parameter if isinstance(role, prob.ParameterAttr) else role

    def _arguments(self) -> tuple[list[Argument], list[Argument]]:
        parameters: dict[Attribute, Argument] = {}
        others: dict[Attribute, Argument] = {}
        for function in (self.guide, self.model):
            if function is None:
                continue
            for arg, role in zip(function.body.block.args, function.roles, strict=True):
                table = parameters if isinstance(role, prob.ParameterAttr) else others
                known = table.setdefault(self._key(role), (arg.type, role))
                if known != (arg.type, role):
                    raise PassError.at(
                        self.elbo,
                        f"model and guide declare {role} as {arg.type}, and {known[1]} as {known[0]}",
                        "declare a shared parameter or argument alike in both",
                    )
        return list(parameters.values()), list(others.values())

    def _inline(
        self,
        function: prob.FuncOp,
        by_role: dict[Attribute, SSAValue],
        handle: _Handler,
    ) -> None:
        mapper: dict[SSAValue, SSAValue] = {
            arg: by_role[self._key(role)]
            for arg, role in zip(function.body.block.args, function.roles, strict=True)
        }
        for op in function.body.block.ops:
            if isinstance(op, prob.PlateOp):
                self._plate(op)
            elif isinstance(op, prob.SubsampleOp):
                known = self.minibatches.get(op.plate.string_value())
                mapper[op.result] = self._copy(op, mapper).results[0] if known is None else known
                self.minibatches[op.plate.string_value()] = mapper[op.result]
            elif not handle(op, mapper):
                self._copy(op, mapper)

    def _copy(self, op: Operation, mapper: dict[SSAValue, SSAValue]) -> Operation:
        copy = op.clone(mapper)
        copy.location = op.location
        self.block.add_op(copy)
        return copy

    def _plate(self, op: prob.PlateOp) -> None:
        known = self.plates.setdefault(op.sym_name.data, op.clone())
        if (known.size, known.subsample) != (op.size, op.subsample):
            raise PassError.at(
                op,
                f'plate "{op.sym_name.data}" has size {spoken_size(op)} in the model and '
                f"{spoken_size(known)} in the guide",
                "give the plate one size in both, and one subsample",
            )

    def _guide_op(self, op: Operation, mapper: dict[SSAValue, SSAValue]) -> bool:
        match op:
            case prob.SampleOp():
                if op.guide is not None:
                    raise site_error(op, "a choice of the guide has a guide of its own", "drop one")
                self._choice(op, op.law, mapper)
            case prob.ObserveOp():
                raise site_error(
                    op,
                    "the guide observes data, or a handler fixes the value of its choice",
                    "observe in the model; fix a choice by a Delta",
                )
            case prob.FactorOp():
                self._addend(f"{op.site.data}.guide", self._negated(mapper[op.value], op))
            case prob.DeterministicOp():
                return op.site.data in self._named_by_model()
            case prob.ReturnOp():
                pass
            case _:
                return False
        return True

    def _named_by_model(self) -> set[str]:
        """Names of the model's deterministic values: the guide's of that name are left out."""
        named = (op for op in self.model.body.block.ops if isinstance(op, prob.DeterministicOp))
        return {op.site.data for op in named}

    def _model_op(self, op: Operation, mapper: dict[SSAValue, SSAValue]) -> bool:
        match op:
            case prob.SampleOp():
                self._replay(op, mapper)
            case prob.ScanOp():
                return self._replay_steps(op, mapper)
            case prob.ObserveOp():
                density = self._density(op.law, op.value, mapper, op)
                self._addend(op.site.data, self._weighed(density, op, mapper))
            case prob.FactorOp():
                self._addend(op.site.data, mapper.get(op.value, op.value))
            case prob.ReturnOp():
                pass
            case _:
                return False
        return True

    def _choice(self, op: prob.SampleOp, law: SSAValue, mapper: dict[SSAValue, SSAValue]) -> None:
        """Adds the guide's draw, or its point, and its entropy term."""
        name = op.site.data
        if name in self.draws:
            raise site_error(op, "the choice has two guides", "name its guide once")
        base, wrappers = dist.wrapped(mapper[law])
        if isinstance(base.owner, dist.DeltaOp):
            self._point(op, base.owner, wrappers, mapper)
            return
        drawn = without_masks(self.block, base, wrappers)
        draw = prob.SampleOp(
            name,
            drawn,
            drawn=None if op.drawn is None else mapper[op.drawn],
            plates=op.plates,
            auxiliary=op.auxiliary is not None,
            how=op.how.data,
        )
        draw.location = op.location
        self.block.add_op(draw)
        self.draws[name] = _Choice(draw, law, draw.value, branches_of(wrappers))
        mapper[op.value] = draw.value
        density = self._weighed(self._density(law, op.value, mapper, op), op, mapper)
        self._addend(f"{name}.entropy", self._negated(density, op))

    def _point(
        self,
        op: prob.SampleOp,
        delta: dist.DeltaOp,
        wrappers: Sequence[dist.Wrapper],
        mapper: dict[SSAValue, SSAValue],
    ) -> None:
        """A choice that the guide fixes: its value, and its log density as a factor."""
        name = op.site.data
        if op.drawn is not None:
            raise site_error(
                op,
                "the guide fixes the choice at a point that reads its own earlier steps",
                "carry the point from step to step, not the value of the site",
            )
        w = Writer(InsertPoint.at_end(self.block))
        value = w.broadcast(w.expression(delta.value), shape_of(op.value)).value
        named = prob.DeterministicOp(name, value, point=True)
        named.location = op.location
        self.block.add_op(named)
        self.draws[name] = _Choice(op, delta.result, value, branches_of(wrappers))
        mapper[op.value] = value
        if is_zero(delta.log_density):
            return
        density = point_density(w, delta, wrappers)
        self._addend(f"{name}.entropy", self._negated(self._weighed(density.value, op, mapper), op))

    def _weighed(
        self,
        density: SSAValue,
        op: prob.SampleOp | prob.ObserveOp,
        mapper: dict[SSAValue, SSAValue],
    ) -> SSAValue:
        """The log density times the site's scale and size/subsample of every plate around it."""
        w = Writer(InsertPoint.at_end(self.block))
        weighed = w.expression(density)
        axes = () if op.plates is None else op.plates
        weight = math.prod(self.plates[axis.plate.string_value()].weight for axis in axes)
        if op.scale is not None:
            scale = w.expression(mapper.get(op.scale, op.scale))
            weighed = w.convert(scale, dist.float_element(op.law)) * weighed
        return (weighed if weight == 1 else weight * weighed).value

    def _replay(self, op: prob.SampleOp, mapper: dict[SSAValue, SSAValue]) -> None:
        name = op.site.data
        if op.guide is not None:
            self._choice(op, op.guide, mapper)
        if name not in self.draws:
            raise missing_guide(op)
        choice = self.draws[name]
        check_fits(op, choice.op, choice.law, choice.value, self.ranges)
        check_branches(op, dist.wrapped(mapper.get(op.law, op.law))[1], choice.branches)
        mapper[op.value] = choice.value
        density = self._density(op.law, op.value, mapper, op)
        self._addend(f"{name}.prior", self._weighed(density, op, mapper))

    def _replay_steps(self, op: prob.ScanOp, mapper: dict[SSAValue, SSAValue]) -> bool:
        """Draws of a loop are those of the guide, unless their guides are in place."""
        choices = choices_of_loop(self.model, op)
        in_place = [choice.guide is not None for choice in choices]
        if all(in_place):
            return False
        for choice, result, own in zip(choices, op.draws, in_place, strict=True):
            name = choice.site.data
            if own:
                raise site_error(
                    choice,
                    "the choice has its guide in place, another one that its steps read has not",
                    "give both their guides in one way",
                )
            if name not in self.draws:
                raise missing_guide(choice)
            mapper[result] = self.draws[name].value
        return True

    def _density(
        self, law: SSAValue, value: SSAValue, mapper: dict[SSAValue, SSAValue], source: Operation
    ) -> SSAValue:
        op = prob.LogDensityOp(
            mapper.get(law, law), mapper.get(value, value), dist.float_element(law)
        )
        op.location = source.location
        self.block.add_op(op)
        return op.result

    def _negated(self, value: SSAValue, source: Operation) -> SSAValue:
        op = lax.elementwise("neg", value)
        op.location = source.location
        self.block.add_op(op)
        return op.results[0]

    def _addend(self, name: str, value: SSAValue) -> None:
        self.names.append(fresh(name, self.taken))
        self.addends.append(value)

    def _element(self) -> Attribute:
        types = {element for v in self.addends if (element := element_of(v.type)) is not None}
        if len(types) != 1:
            raise PassError.at(
                self.elbo,
                f"the log densities are of {len(types)} types: {', '.join(map(str, types)) or 'none'}",
                "use one precision, and at least one choice, observation or factor",
            )
        return types.pop()
