"""Choices become keys, noise and tensor math."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, FunctionType, ModuleOp, SymbolRefAttr
from xdsl.dialects.func import CallOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from relbo_ir.dialects import dist, estim, prob, rng
from relbo_ir.dialects.errors import PassError
from relbo_ir.dialects.prob import ROLE, How
from relbo_ir.passes.draws import Noise, NoiseSource, noise_of, row
from relbo_ir.passes.expressions import Writer
from relbo_ir.passes.order import require_choices
from relbo_ir.passes.rewriting import replace
from relbo_ir.passes.samplers import antithetic_pair, draw
from relbo_ir.passes.step_draws import KeyedSteps, Steps, lower_steps, scans


@dataclass(frozen=True)
class LowerSamplingPass(ModulePass):
    """
    Draws every choice from a key of its own: the program's key folded with a stable hash of the
    site's name. Noise of one kind and shape is drawn for all its sites at once, which changes no
    bit. The draw of a `score` choice is cut off from the derivative; that of a `disarm` choice and
    its antithetic twin come from one tensor of noise.

    Lemma: a draw by inverse transform, location-scale or a sampler of the family has the family's
    law; the estimator's mean is the denotation (design of `prob.gradient`). Side conditions: every
    choice of an expectation is `score`, `pathwise` or `disarm`, else an error; no two names have one
    hash. A plate's minibatch is drawn in the same way, from a key that the plate's name gives. A loop of
    draws (`prob.scan`) becomes a `lax.scan`: noise without parameters is drawn for all its steps
    at once, other draws take the site's key folded with the number of the step.

    Options: none.

    ```mlir
    %z = prob.sample "z" from %q {how = #prob.how<pathwise>} : !prob.law<tensor<f32>>
    ```

    yields

    ```mlir
    %k = rng.site_keys %key {sites = [#prob.name"z"]} : tensor<1x!rng.key>
    %n = rng.normal %k : tensor<1x!rng.key> -> tensor<1xf32>
    %e = lax.reshape %n : (tensor<1xf32>) -> tensor<f32>
    %s = lax.mul %scale, %e : tensor<f32>
    %z = lax.add %loc, %s : tensor<f32>
    ```
    """

    name = "relbo-lower-sampling"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        require_choices(op, f"run {self.name} once, and not with relbo-externalize-draws")
        sites = [choice for choice in op.walk() if isinstance(choice, _Random)]
        for block in dict.fromkeys(choice.parent_block() for choice in sites):
            parent = None if block is None else block.parent_op()
            if block is None or (isinstance(parent, prob.FuncOp) and _is_model(parent)):
                continue
            mine = [choice for choice in sites if choice.parent_block() is block]
            drawn = [choice for choice in mine if isinstance(choice, prob.SampleOp)]
            if isinstance(parent, prob.ExpectationOp):
                check_decided(drawn)
            _check_hashes(mine)
            _lower(block, drawn, _seed(function_of(mine[0])))
            for choice in mine:
                if isinstance(choice, prob.SubsampleOp):
                    _lower_subsample(choice, _seed(function_of(choice)))


_Random = (prob.SampleOp, prob.SubsampleOp)


def add_argument(function: prob.FuncOp, type_: Attribute, role: Attribute) -> SSAValue:
    """A new last argument of a function."""
    block = function.body.block
    argument = block.insert_arg(type_, len(block.args))
    inputs, outputs = function.function_type.inputs.data, function.function_type.outputs.data
    function.properties["function_type"] = FunctionType.from_lists([*inputs, type_], list(outputs))
    attrs = () if function.arg_attrs is None else function.arg_attrs.data
    function.properties["arg_attrs"] = ArrayAttr([*attrs, DictionaryAttr({ROLE: role})])
    return argument


def function_of(op: Operation) -> prob.FuncOp:
    """The function that an op stands in."""
    parent = op.parent_op()
    while parent is not None and not isinstance(parent, prob.FuncOp):
        parent = parent.parent_op()
    if parent is None:
        raise PassError.at(op, f"{op.name} stands in no prob.func", "put it in one")
    return parent


def _seed(function: prob.FuncOp) -> SSAValue:
    for argument, _ in function.arguments(prob.SeedAttr):
        return argument
    return add_argument(function, rng.KeyType(), prob.SeedAttr())


def check_decided(sites: list[prob.SampleOp]) -> None:
    """Every choice has an estimator by now."""
    for choice in sites:
        if choice.how.data not in (How.SCORE, How.PATHWISE, How.DISARM):
            raise PassError.at(
                choice,
                f"the choice has no estimator yet (it is {choice.how.data.value})",
                "run relbo-score-function, relbo-pathwise or relbo-disarm on it first",
                site=choice.site.data,
            )


def draw_from(choice: prob.SampleOp, source: NoiseSource, writer: Writer) -> None:
    """Puts what is drawn from the noise in the place of a choice and of its antithetic twin."""
    if choice.how.data is not How.DISARM:
        finish(choice, draw(choice, writer, source), writer)
        return
    value, twin = antithetic_pair(choice, writer, source)
    for user in {use.operation for use in choice.value.uses}:
        if isinstance(user, estim.AntitheticOp):
            twin.name_hint = user.result.name_hint
            replace(user, [twin])
    finish(choice, value, writer)


def finish(choice: prob.SampleOp, value: SSAValue, writer: Writer) -> None:
    """Puts the draw in the choice's place, cut off from the derivative where it is held fixed."""
    if choice.how.data in (How.SCORE, How.DISARM):
        value = writer.stop_gradient(writer.expression(value)).value
    value.name_hint = choice.value.name_hint
    replace(choice, [value])


def _is_model(function: prob.FuncOp) -> bool:
    """Whether a function is a model or a guide: its choices are asked about, not drawn."""
    last = function.body.block.last_op
    return last is None or not last.operands


def _check_hashes(sites: Sequence[prob.SampleOp | prob.SubsampleOp]) -> None:
    """Two sites of one hash would share a key, and so their draws; so would a site and a plate."""
    seen: dict[int, tuple[str, type[Operation]]] = {}
    for choice in sites:
        drawn = isinstance(choice, prob.SampleOp)
        name = choice.site.data if drawn else choice.plate.string_value()
        mine = name, type(choice)
        other = seen.setdefault(rng.stable_hash(name), mine)
        if other != mine:
            raise PassError.at(
                choice,
                f"the names {other[0]!r} and {name!r}, of sites or subsampled plates, have one "
                "hash, so one key",
                "rename one of them",
                site=name,
            )


def _lower_subsample(op: prob.SubsampleOp, key: SSAValue) -> None:
    """subsample(plate) = its minibatch, from the plate's key."""
    writer = Writer(InsertPoint.before(op))
    plate = op.plate.string_value()
    declared = next(
        p
        for p in function_of(op).body.block.ops
        if isinstance(p, prob.PlateOp) and p.sym_name.data == plate
    )
    keys = writer.insert(rng.SiteKeysOp(key, [plate]))
    size, count = declared.size.value.data, declared.count
    replace(op, [row(writer, writer.insert(rng.SubsampleDrawOp(keys, size, count)), 0)])


def _lower(block: Block, sites: list[prob.SampleOp], key: SSAValue) -> None:
    first = block.first_op
    if first is None:
        return
    top = Writer(InsertPoint.before(first))
    in_loops = {choice.site.data: choice for choice in sites if choice.drawn is not None}

    def keyed(steps: Steps, choice: prob.SampleOp, writer: Writer) -> KeyedSteps:
        return KeyedSteps(steps, choice, key, writer)

    for loop in scans(block):
        lower_steps(loop, in_loops, keyed)
    groups: dict[Noise, list[str]] = {}
    for choice in sites:
        noise = None if choice.drawn is not None else noise_of(choice.law)
        if noise is not None:
            groups.setdefault(noise, []).append(choice.site.data)
    drawn: dict[tuple[str, Noise], SSAValue] = {}
    for noise, names in groups.items():
        keys = top.insert(rng.SiteKeysOp(key, names))
        stack = top.insert(noise.kind(keys, noise.element, noise.shape))
        for index, name in enumerate(names):
            drawn[name, noise] = row(top, stack, index)
    for choice in sites:
        writer = Writer(InsertPoint.before(choice))
        source = _Keyed(choice, key, writer, drawn)
        if choice.drawn is not None:
            finish(choice, choice.drawn, writer)
        else:
            draw_from(choice, source, writer)


@dataclass
class _Keyed:
    """Noise from the site's key."""

    choice: prob.SampleOp
    key: SSAValue
    writer: Writer
    drawn: dict[tuple[str, Noise], SSAValue] = field(
        default_factory=dict[tuple[str, Noise], SSAValue]
    )

    parts: tuple[int, ...] = ()

    def noise(self, noise: Noise) -> SSAValue:
        known = self.drawn.get((self.choice.site.data, noise))
        if known is not None and not self.parts:
            return known
        keys = self._keys()
        stack = self.writer.insert(noise.kind(keys, noise.element, noise.shape))
        return row(self.writer, stack, 0)

    def _keys(self) -> SSAValue:
        keys = self.writer.insert(rng.SiteKeysOp(self.key, [self.choice.site.data]))
        for number in self.parts:
            keys = self.writer.insert(rng.PartKeysOp(keys, number))
        return keys

    def parametric(self, draw: Callable[[SSAValue], rng.ShapedDrawOp]) -> SSAValue:
        return row(self.writer, self.writer.insert(draw(self._keys())), 0)

    def opaque(self, sampler: SymbolRefAttr, law: dist.OpaqueOp) -> SSAValue:
        if self.parts:
            key = row(self.writer, self._keys(), 0)
        else:
            key = self.writer.insert(rng.SiteKeyOp(self.key, self.choice.site.data))
        result = dist.law_of(law.result).value
        return self.writer.insert(CallOp(sampler, [key, *law.parameters], [result]))

    def part(self, number: int) -> _Keyed:
        parts = (*self.parts, number)
        return _Keyed(self.choice, self.key, self.writer, self.drawn, parts)
