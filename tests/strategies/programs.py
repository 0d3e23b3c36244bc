"""Random well-typed programs of level 1: a model, its guide, and values for their arguments."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from relbo_ir.dialects import dist, prob
from relbo_ir.dialects.lax import shape_of

from .build import Shape, floats
from .chains import CHAINED, chained
from .expressions import mask, positive, real, scale, unit
from .program import Program
from .scope import FEATURES, Drawn, Scope, Shared

FAMILIES = ("finite", "normal", "mixed")
OUTCOME_LIMIT = 4000
_NODES = 12
_COUNTS = {"finite": (1, 3, 4, 5, 3, 4, 2), "normal": (1, 3, 3, 2, 3), "mixed": (1, 3, 4, 5, 3, 4)}
"""How many choices a program has, with how often that is; fewer where outcomes would be many."""


@dataclass(frozen=True)
class Site:
    """What model and guide agree on about a choice."""

    name: str
    kind: str
    shape: Shape
    categories: int
    independent: bool
    auxiliary: bool
    chain: bool
    chain_prior: bool
    degree: int = 0


@st.composite
def programs(draw: st.DrawFn, family: str | None = None) -> Program:
    """
    A random program of a family (any, if None). `finite`: Bernoulli and Categorical choices;
    `normal`: Normal, affine and exp-transformed ones; `mixed`: both, Normals after finite ones.

    It has at most 4000 joint outcomes with 12 nodes per Normal element, and its log densities are
    polynomials of degree 8 or less in the Normal noise, so that 12 nodes are exact for values,
    gradients and scores. It has a parameter at least, and shrinks to one site and its prior.
    """
    chosen = FAMILIES[draw(st.integers(0, 2))] if family is None else family
    shared = Shared((0, 2, 3, 2)[draw(st.integers(0, 3))])
    guide = Scope(draw, "guide", shared)
    sites = _write_guide(guide, _sites(guide, chosen))
    model = Scope(draw, "model", shared)
    _write_model(model, sites)
    functions = [*shared.functions, model.function(), guide.function()]
    module = ModuleOp([*functions, prob.ElboOp("elbo", "model", "guide")])
    if {"normal", "log_normal"} & shared.features and {
        "bernoulli",
        "categorical",
    } & shared.features:
        shared.mark("finite_and_normal")
    features = {name: name in shared.features for name in FEATURES}
    return Program(module, shared.arguments, features)


def _sites(scope: Scope, family: str) -> list[Site]:
    """The choices of a program, within the budget of outcomes."""
    sites: list[Site] = []
    budget = OUTCOME_LIMIT
    for index in range(scope.choose(_COUNTS[family])):
        wanted = family
        if family == "mixed":
            wanted = "finite" if index == 0 else ("normal", "finite")[scope.pick(2)]
        continuous = wanted == "normal"
        if continuous:
            kind = ("normal", "log_normal", "affine")[scope.pick(3)]
        else:
            kind = ("bernoulli", "categorical")[scope.pick(2)]
        categories = 2 + scope.pick(2) if kind == "categorical" else 2
        per_element = _NODES if continuous else categories
        size = scope.shared.plate_size
        shape: Shape = (size,) if size and scope.pick(2) else ()
        if per_element ** int(np.prod(shape, dtype=int)) > budget:
            shape = ()
        if per_element > budget:
            break
        budget //= per_element ** int(np.prod(shape, dtype=int))
        auxiliary = index > 0 and scope.chance(6)
        independent = bool(shape) and scope.chance(4)
        may_chain = bool(shape) and kind in CHAINED
        chain, chain_prior = (
            may_chain and scope.chance(2 if continuous else 3),
            may_chain and scope.chance(4),
        )
        name = f"z{index}"
        if scope.chance(12):
            name = f"θ{index}"
            scope.shared.mark("unicode_name")
        if shape:
            scope.shared.mark("vector")
        if independent:
            scope.shared.mark("independent")
        if auxiliary:
            scope.shared.mark("auxiliary")
        sites.append(
            Site(name, kind, shape, categories, independent, auxiliary, chain, chain_prior)
        )
    order = {"bernoulli": 0, "categorical": 0}
    return sorted(sites, key=lambda site: order.get(site.kind, 1))


def _plates(site: Site | None, shape: Shape, scope: Scope) -> list[tuple[str, int]]:
    if not shape or shape[0] != scope.shared.plate_size:
        return []
    if site is not None and (site.independent or site.chain or site.chain_prior):
        return []
    scope.shared.mark("plate")
    return [("N", -1)]


def _write_guide(scope: Scope, sites: list[Site]) -> list[Site]:
    """Draws every site; the sites with the degree that their draw has in the noise."""
    if scope.shared.plate_size:
        scope.body.block.add_op(prob.PlateOp("N", scope.shared.plate_size))
    written: list[Site] = []
    for site in sites:
        if site.chain:
            scope.shared.mark("chain")
            steps = chained(scope, site.name, site.kind, site.categories, site.shape[0], 2)
            law, drawn, degree = steps.law, steps.drawn, steps.degree
        else:
            (law, degree), drawn = _guide_law(scope, site), None
        law = _wrapped(scope, site, law)
        op = prob.SampleOp(
            site.name,
            law,
            drawn=drawn,
            plates=prob.plates_attr(_plates(site, site.shape, scope)),
            auxiliary=site.auxiliary,
            scale=_scale(scope, law),
        )
        value = scope.body.add(op)
        written.append(replace(site, degree=degree))
        scope.draws.append(_drawn(site, value, degree))
    if scope.chance(8):
        scope.shared.mark("guide_factor")
        scope.body.block.add_op(prob.FactorOp("correction", real(scope, (), 2).value))
    if not scope.shared.parameters:
        scope.parameter("real", ())
    return written


def _drawn(site: Site, value: SSAValue, degree: int) -> Drawn:
    kind = "normal" if site.kind == "affine" else site.kind
    return Drawn(value, kind, site.shape, degree, site.categories)


def _wrapped(scope: Scope, site: Site, law: SSAValue) -> SSAValue:
    """The law with the site's shape and event."""
    if dist.law_of(law).batch_shape != site.shape:
        scope.shared.mark("expand")
        law = scope.body.add(dist.ExpandOp(law, site.shape))
    law = _masked(scope, law)
    return scope.body.add(dist.IndependentOp(law, 1)) if site.independent else law


def _masked(scope: Scope, law: SSAValue) -> SSAValue:
    """The law, now and then with a mask on its density."""
    if not scope.chance(8):
        return law
    return scope.body.add(dist.MaskOp(law, mask(scope, dist.law_of(law).batch_shape)))


def _scale(scope: Scope, law: SSAValue) -> SSAValue | None:
    """Now and then, what a site with that law weighs."""
    return scale(scope, dist.law_of(law).batch_shape) if scope.chance(8) else None


def _batch(scope: Scope, site: Site) -> Shape:
    """The batch of a law before it is expanded: that of the site, or none."""
    return () if site.shape and scope.chance(5) else site.shape


def _finite_law(scope: Scope, site: Site) -> SSAValue:
    body, shape = scope.body, _batch(scope, site)
    if site.kind == "bernoulli":
        scope.shared.mark("bernoulli")
        if scope.pick(2) == 0:
            scope.shared.mark("bernoulli_probs")
            return body.add(dist.BernoulliOp(unit(scope, shape)))
        scope.shared.mark("bernoulli_logits")
        return body.add(dist.BernoulliLogitsOp(real(scope, shape, 0).value))
    scope.shared.mark("categorical")
    rows = [real(scope, shape, 0, 1).value for _ in range(site.categories)]
    if scope.pick(2) == 0:
        return body.add(dist.CategoricalLogitsOp(body.stack(rows, len(shape))))
    # Probabilities are normalised here: `simplex` is the constraint on them.
    weights = [body.elementwise("exp", body.elementwise("tanh", row)) for row in rows]
    mass = weights[0]
    for weight in weights[1:]:
        mass = body.elementwise("add", mass, weight)
    parts = [body.elementwise("div", weight, mass) for weight in weights]
    return body.add(dist.CategoricalOp(body.stack(parts, len(shape))))


def _guide_law(scope: Scope, site: Site) -> tuple[SSAValue, int]:
    """The guide's law of a site, and the degree of its draw in the noise."""
    body = scope.body
    if site.kind in ("bernoulli", "categorical"):
        return _finite_law(scope, site), 0
    shape = _batch(scope, site)
    if site.kind == "log_normal":
        # A small fixed scale keeps the moments of the draw itself within the quadrature's reach.
        scope.shared.mark("log_normal")
        loc = body.elementwise("tanh", real(scope, shape, 0, 1).value)
        spread = body.constant(0.2 + 0.1 * scope.pick(2), floats(shape))
        if scope.pick(2) == 0:
            return body.add(dist.LogNormalOp(loc, spread)), 1
        inner = body.add(dist.NormalOp(loc, spread))
        return body.add(dist.TransformedOp(inner, dist.Transform.EXP)), 1
    scope.shared.mark("normal")
    centre = real(scope, shape, 2)
    scale = positive(scope, shape)
    degree = max(1, centre.degree)
    law = body.add(dist.NormalOp(centre.value, scale))
    if site.kind == "affine":
        scope.shared.mark("affine")
        shift = real(scope, shape, 2, 1)
        degree = max(degree, shift.degree)
        arguments = [shift.value, positive(scope, shape)]
        law = body.add(dist.TransformedOp(law, dist.Transform.AFFINE, arguments))
    return law, degree


def _prior(scope: Scope, site: Site) -> SSAValue:
    """The model's law of a site, of the same support as the guide's."""
    body = scope.body
    if site.kind in ("bernoulli", "categorical"):
        return _finite_law(scope, site)
    shape = _batch(scope, site)
    if site.kind == "log_normal":
        match scope.pick(3):
            case 0:
                return body.add(
                    dist.LogNormalOp(real(scope, shape, 1, 1).value, positive(scope, shape))
                )
            case 1:
                return body.add(dist.GammaOp(positive(scope, shape), positive(scope, shape)))
            case _:
                return body.add(dist.HalfNormalOp(positive(scope, shape)))
    return body.add(dist.NormalOp(real(scope, shape, 4).value, positive(scope, shape)))


def _write_model(scope: Scope, sites: list[Site]) -> None:
    if scope.shared.plate_size:
        scope.body.block.add_op(prob.PlateOp("N", scope.shared.plate_size))
    shared_sites = [site for site in sites if not site.auxiliary]
    order = scope.draw(st.permutations(shared_sites)) if len(shared_sites) > 1 else shared_sites
    if list(order) != shared_sites:
        scope.shared.mark("reordered")
    for site in order:
        if site.chain_prior:
            scope.shared.mark("chain_prior")
            steps = chained(scope, site.name, site.kind, site.categories, site.shape[0], 4)
            law, drawn = steps.law, steps.drawn
        else:
            law, drawn = _prior(scope, site), None
        law = _wrapped(scope, site, law)
        plates = prob.plates_attr(_plates(site, site.shape, scope))
        scale = _scale(scope, law)
        op = prob.SampleOp(site.name, law, drawn=drawn, plates=plates, scale=scale)
        value = scope.body.add(op)
        scope.draws.append(_drawn(site, value, site.degree))
    for index in range(scope.pick(3)):
        _observe(scope, f"y{index}")
    for index in range(scope.pick(3)):
        _factor(scope, f"f{index}")
    if scope.draws and scope.chance(6):
        scope.shared.mark("deterministic")
        value = real(scope, (), 4).value
        scope.body.block.add_op(prob.DeterministicOp("report", value))


def _factor(scope: Scope, name: str) -> None:
    scope.shared.mark("factor")
    size = scope.shared.plate_size
    value = real(scope, (size,) if size and scope.pick(2) else (), 4).value
    if scope.chance(4):
        value = _accumulated(scope, value)
    if shape_of(value) and scope.pick(2):
        scope.shared.mark("reduced")
        value = scope.body.sum(value)
    scope.body.block.add_op(prob.FactorOp(name, value))


def _accumulated(scope: Scope, total: SSAValue) -> SSAValue:
    """A total to which further terms are added, as a loop in Python does."""
    scope.shared.mark("accumulation")
    for _ in range(1 + scope.pick(3)):
        term = real(scope, shape_of(total), 4, 1).value
        total = scope.body.elementwise("add", total, term)
    return total


def _observe(scope: Scope, name: str) -> None:
    """An observation; its law reads Normal draws in a Normal's loc alone."""
    scope.shared.mark("observed")
    body, size = scope.body, scope.shared.plate_size
    shape: Shape = (size,) if size and scope.pick(2) else ()
    match scope.pick(6):
        case 0:
            law = body.add(dist.NormalOp(real(scope, shape, 4).value, positive(scope, shape)))
            kind = "real"
        case 1:
            law = body.add(dist.BernoulliLogitsOp(real(scope, shape, 0).value))
            kind = "below2"
        case 2:
            law = body.add(dist.PoissonOp(positive(scope, shape)))
            kind = "below5"
        case 3:
            law = body.add(dist.GammaOp(positive(scope, shape), positive(scope, shape)))
            kind = "positive"
        case 4:
            law = body.add(dist.BetaOp(positive(scope, shape), positive(scope, shape)))
            kind = "unit_interval"
        case _:
            law = body.add(dist.HalfCauchyOp(positive(scope, shape)))
            kind = "positive"
    if not shape and scope.pick(2):
        shape = (3,)
        scope.shared.mark("expand")
        law = body.add(dist.ExpandOp(law, shape))
    law = _masked(scope, law)
    floating = not kind.startswith("below") or scope.pick(2) == 1
    value = scope.data(kind, shape, floating)
    plates = prob.plates_attr(_plates(None, shape, scope))
    body.block.add_op(prob.ObserveOp(name, law, value, plates, _scale(scope, law)))
