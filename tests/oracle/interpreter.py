"""What a program of level 1, 2 or 3 means: a NumPy interpreter that shares nothing with lowering."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from relbo_ir.dialects import prob
from relbo_ir.dialects.estim import (
    AntitheticOp,
    LeaveOneOutOp,
    LogMeanExpOp,
    OfSamplesOp,
    RunningMeanOp,
    VimcoOp,
)

from .choices import Choices, Precision
from .dual import Dual, aligned, total
from .loops import draw_steps
from .machine import (
    Arguments,
    Coordinates,
    Handler,
    Machine,
    differentiated,
    module_of,
    plain_argument,
)
from .objectives import find_function
from .outcomes import Outcomes


def interpret_objective(
    func: prob.FuncOp,
    arguments: Arguments,
    precision: Precision | None = None,
    copies: int = 1,
) -> Outcomes:
    """
    The denotation of an objective: the `prob.gradient` of a `prob.expectation` in its body (or
    the expectation alone, which then has no parameters to differentiate).

    Every choice is treated as its `how` says. `exact` and `enumerated` ones are summed, their
    weights differentiated; the draws and weights of `score` ones stay as they are; `pathwise`
    draws move with their parameters at fixed noise. Gradients are by the name of the parameter
    that an operand of `prob.gradient` is, or `operand i` for a computed one.
    With `copies`, the outcomes are those of so many particles, and the variance is that of the
    mean of their gradients.
    """
    machine = Machine(module_of(func))
    for arg, role in zip(func.body.block.args, func.roles, strict=True):
        machine.values[arg] = plain_argument(arg, role, arguments)
    found: list[Outcomes] = []
    coordinates: Coordinates = {}

    def expectation(op: Operation) -> None:
        if not isinstance(op, prob.ExpectationOp):
            raise TypeError(op.name)
        outcomes = _expectation(machine, op, coordinates, precision or Precision(), copies)
        found.append(outcomes)
        machine.values[op.result] = Dual(np.array([outcomes.value()]))

    def gradient(op: Operation) -> None:
        if not isinstance(op, prob.GradientOp):
            raise TypeError(op.name)
        names = [_operand_name(func, i, x) for i, x in enumerate(op.operands)]
        plain = dict(zip(names, (machine.number(x) for x in op.operands), strict=True))
        moving, places = differentiated(plain)
        coordinates.update(places)
        machine.values.update(zip(op.body.block.args, moving.values(), strict=True))
        *inner, last = op.body.block.ops
        machine.run(inner, {prob.ExpectationOp: expectation})
        owner = last.operands[0].owner
        if len(found) != 1 or not isinstance(owner, prob.ExpectationOp):
            raise NotImplementedError("the oracle wants prob.gradient to yield one expectation")

    for op in func.body.block.ops:
        if isinstance(op, (prob.GradientOp, prob.ExpectationOp)):
            machine.run([op], {prob.GradientOp: gradient, prob.ExpectationOp: expectation})
            return found[0]
        machine.run([op], {})
    raise ValueError(f"@{func.sym_name.data} has no prob.gradient and no prob.expectation")


def interpret_module(
    module: ModuleOp,
    arguments: Arguments,
    precision: Precision | None = None,
    copies: int = 1,
) -> Outcomes:
    """`interpret_objective` of the module's function @elbo."""
    return interpret_objective(find_function(module, "elbo"), arguments, precision, copies)


def _operand_name(func: prob.FuncOp, index: int, operand: SSAValue) -> str:
    for arg, role in zip(func.body.block.args, func.roles, strict=True):
        if arg is operand and isinstance(role, (prob.ParameterAttr, prob.UnconstrainedAttr)):
            return role.parameter.data
    return f"operand {index}"


def _expectation(
    machine: Machine,
    op: prob.ExpectationOp,
    coordinates: Coordinates,
    precision: Precision,
    copies: int,
) -> Outcomes:
    block = op.body.block
    sites = [site for site in block.ops if isinstance(site, prob.SampleOp)]
    samples = {site.samples.value.data for site in block.ops if isinstance(site, OfSamplesOp)}
    if samples:
        if copies > 1 or any(site.how.data is prob.How.EXACT for site in sites):
            raise NotImplementedError(
                "importance samples are of one particle, and of drawn choices"
            )
        (copies,) = samples
    choices = Choices(sites, precision, copies)

    def log_mean_exp(bound: Operation) -> None:
        assert isinstance(bound, LogMeanExpOp)
        weight = machine.number(bound.weight)
        machine.values[bound.result] = choices.log_mean_exp(weight, bound.order)

    def vimco(baseline: Operation) -> None:
        assert isinstance(baseline, VimcoOp)
        weight = machine.number(baseline.weight)
        machine.values[baseline.result] = choices.vimco(weight, baseline.order)

    def leave_one_out(left_out: Operation) -> None:
        cost = machine.number(left_out.operands[0])
        machine.values[left_out.results[0]] = choices.leave_one_out(cost)

    def antithetic(twin: Operation) -> None:
        site = twin.operands[0].owner
        if not isinstance(site, prob.SampleOp):
            raise TypeError("a twin is of the draw of a choice")
        machine.values[twin.results[0]] = choices.twins[site.site.data]

    def running_mean(settled: Operation) -> None:
        """After many steps at these parameters, with a decay close to 1."""
        cost = machine.number(settled.operands[0])
        machine.values[settled.results[0]] = choices.expected(cost)

    def sample(site: Operation) -> None:
        if not isinstance(site, prob.SampleOp) or site.guide is not None:
            raise NotImplementedError("a choice of an objective has no guide of its own left")
        machine.values[site.value] = choices.draw(site, machine.law(site.law))
        _check_drawn(machine, site)

    def steps(loop: Operation) -> None:
        if isinstance(loop, prob.ScanOp):
            draw_steps(machine, loop, {site.site.data: site for site in sites}, choices)

    *ops, last = block.ops
    handlers: dict[type[Operation], Handler] = {
        prob.ScanOp: steps,
        prob.SampleOp: sample,
        AntitheticOp: antithetic,
        LeaveOneOutOp: leave_one_out,
        LogMeanExpOp: log_mean_exp,
        VimcoOp: vimco,
        RunningMeanOp: running_mean,
    }
    machine.run(ops, handlers)
    if not isinstance(last, prob.YieldOp):
        raise TypeError("prob.expectation must end in prob.yield")
    addends = {
        name.data: total(machine.number(value))
        for name, value in zip(last.names, last.addends, strict=True)
    }
    return Outcomes(
        choices.summed,
        choices.sampled,
        choices.sampled_index,
        addends,
        coordinates,
        choices.values,
        copies,
        choices.noise,
    )


def interpret_elbo(
    module: ModuleOp, arguments: Arguments, precision: Precision | None = None
) -> Outcomes:
    """
    The exact ELBO E_q[log p − log q] of the module's `prob.elbo`, and its gradient with respect
    to the parameters of model and guide, shared by name.

    The guide runs first; then the model, whose choices read the guide's draws. A choice that
    names its guide in place draws from that. Observations and factors of the model add to log p;
    factors of the guide subtract; choices that only the guide has count in log q alone. Addends
    are named `<site>.prior`, `<site>.entropy`, `<site>.likelihood`, `<site>.factor` and
    `<site>.guide_factor`.
    """
    requests = [op for op in module.ops if isinstance(op, prob.ElboOp)]
    if len(requests) != 1:
        raise ValueError(f"the module has {len(requests)} prob.elbo, not one")
    (request,) = requests
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, prob.FuncOp)}
    model = functions[request.model.string_value()]
    guide = None if request.guide is None else functions[request.guide.string_value()]
    parts = [f for f in (guide, model) if f is not None]
    return _Replay(module, parts, arguments, precision or Precision()).outcomes(model, guide)


class _Replay:
    """One run of a guide, then of the model against its draws."""

    def __init__(
        self,
        module: ModuleOp,
        parts: Sequence[prob.FuncOp],
        arguments: Arguments,
        precision: Precision,
    ):
        self.machine = Machine(module)
        self.addends: dict[str, Dual] = {}
        parameters: dict[str, Dual] = {}
        for func in parts:
            for arg, role in zip(func.body.block.args, func.roles, strict=True):
                value = plain_argument(arg, role, arguments)
                self.machine.values[arg] = value
                if isinstance(role, (prob.ParameterAttr, prob.UnconstrainedAttr)):
                    parameters[role.parameter.data] = value
        moving, self.coordinates = differentiated(parameters)
        for func in parts:
            for arg, role in zip(func.body.block.args, func.roles, strict=True):
                if isinstance(role, (prob.ParameterAttr, prob.UnconstrainedAttr)):
                    self.machine.values[arg] = moving[role.parameter.data]
        self.weights = {
            op.sym_name.data: op.size.value.data / op.count
            for func in parts
            for op in func.body.block.ops
            if isinstance(op, prob.PlateOp)
        }
        separate = len(parts) == 2
        sites = [
            op
            for func in parts
            for op in func.body.block.ops
            if isinstance(op, prob.SampleOp)
            and ((separate and func is parts[0]) or op.guide is not None)
        ]
        self.sites = {site.site.data: site for site in sites}
        self.choices = Choices(sites, precision)

    def outcomes(self, model: prob.FuncOp, guide: prob.FuncOp | None) -> Outcomes:
        if guide is not None:
            handlers: dict[type[Operation], Handler] = {
                prob.ScanOp: self._steps,
                prob.SampleOp: self._draw,
                prob.FactorOp: self._guide_factor,
                prob.ReturnOp: _nothing,
            }
            self.machine.run(list(guide.body.block.ops), handlers)
        handlers = {
            prob.ScanOp: self._steps,
            prob.SampleOp: self._replay,
            prob.ObserveOp: self._observe,
            prob.FactorOp: self._factor,
            prob.ReturnOp: _nothing,
        }
        self.machine.run(list(model.body.block.ops), handlers)
        return Outcomes(
            self.choices.summed,
            self.choices.sampled,
            self.choices.sampled_index,
            self.addends,
            self.coordinates,
            self.choices.values,
        )

    def _add(self, name: str, value: Dual) -> None:
        if name in self.addends:
            raise ValueError(f'two addends are named "{name}"')
        self.addends[name] = total(value)

    def _steps(self, op: Operation) -> None:
        """Draws of the guide, of which the model's loop is given those that are made already."""
        if not isinstance(op, prob.ScanOp):
            return
        made = [self.choices.values.get(inner.site.data) for inner in op.inner_draws]
        given = [value for value in made if value is not None]
        if len(given) == len(made):
            self.machine.values.update(zip(op.draws, given, strict=True))
        else:
            draw_steps(self.machine, op, self.sites, self.choices)

    def _weighed(self, op: prob.SampleOp | prob.ObserveOp, density: Dual) -> Dual:
        """A log density times what its site weighs."""
        for plate in () if op.plates is None else op.plates:
            density = density * self.weights[plate.plate.string_value()]
        if op.scale is None:
            return density
        scale = self.machine.number(op.scale)
        shape = np.broadcast_shapes(scale.shape, density.shape)
        return aligned(scale, shape) * aligned(density, shape)

    def _draw(self, op: Operation) -> None:
        if isinstance(op, prob.SampleOp):
            law = self.machine.law(op.law if op.guide is None else op.guide)
            value = self.choices.draw(op, law)
            self.machine.values[op.value] = value
            _check_drawn(self.machine, op)
            self._add(f"{op.site.data}.entropy", -self._weighed(op, law.log_density(value)))

    def _replay(self, op: Operation) -> None:
        if not isinstance(op, prob.SampleOp):
            return
        name, law = op.site.data, self.machine.law(op.law)
        if name not in self.choices.values:
            if op.guide is None:
                raise ValueError(f'the model\'s choice "{name}" has no guide')
            self._draw(op)
        value = self.choices.values[name]
        if value.shape != law.shape:
            raise ValueError(f'"{name}" is {value.shape} in the guide, {law.shape} in the model')
        self.machine.values[op.value] = value
        self._add(f"{name}.prior", self._weighed(op, law.log_density(value)))

    def _observe(self, op: Operation) -> None:
        if isinstance(op, prob.ObserveOp):
            law = self.machine.law(op.law)
            density = law.log_density(self.machine.number(op.value))
            self._add(f"{op.site.data}.likelihood", self._weighed(op, density))

    def _factor(self, op: Operation) -> None:
        if isinstance(op, prob.FactorOp):
            self._add(f"{op.site.data}.factor", self.machine.number(op.value))

    def _guide_factor(self, op: Operation) -> None:
        if isinstance(op, prob.FactorOp):
            self._add(f"{op.site.data}.guide_factor", -self.machine.number(op.value))


def _check_drawn(machine: Machine, site: prob.SampleOp) -> None:
    """The law of all steps must be that of the loop, step by step: they draw the same."""
    if site.drawn is None:
        return
    law, loop = machine.number(site.value), machine.number(site.drawn)
    tangents = [np.zeros(1) if x.tangent is None else x.tangent for x in (law, loop)]
    close = np.allclose(law.value, loop.value, rtol=1e-12, atol=1e-12)
    if not close or not np.allclose(*tangents, rtol=1e-9, atol=1e-9):
        raise ValueError(f'the loop draws "{site.site.data}" from another law than its own')


def _nothing(op: Operation) -> None:
    """Ends of functions have no value of their own."""
