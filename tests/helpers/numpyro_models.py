"""Small models written in NumPyro, each with what it is there for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro import handlers
from numpyro.contrib import module
from numpyro.distributions import constraints
from numpyro.infer import autoguide, reparam

Program = Callable[..., Any]
_GENERATOR = np.random.default_rng(11)
X = _GENERATOR.normal(size=(12, 3))
Y = X @ np.array([1.0, -0.5, 0.2]) + 0.3 * _GENERATOR.normal(size=12)
GROUPS = _GENERATOR.integers(0, 4, size=12)
COUNTS = _GENERATOR.poisson(3.0, size=12)
LABELS = (Y > 0).astype(np.int32)


@dataclass(frozen=True)
class Case:
    """A model, its guide (a function or an automatic guide), and the arguments of both."""

    name: str
    model: Program
    guide: Any
    args: tuple[Any, ...] = ()


CASES: list[Case] = []


def case(guide: Any, *args: Any) -> Callable[[Program], Program]:
    """Registers a model with its guide, a function or an automatic guide's class."""

    def register(model: Program) -> Program:
        made = guide(model) if isinstance(guide, (type, partial)) else guide
        CASES.append(Case(model.__name__, model, made, args))
        return model

    return register


def real(name: str, *shape: int) -> None:
    """The guide of a real choice of that shape."""
    loc = numpyro.param(f"{name}_loc", jnp.full(shape, 0.2))
    scale = numpyro.param(f"{name}_scale", jnp.full(shape, 0.6), constraint=constraints.positive)
    numpyro.sample(name, dist.Normal(loc, scale).to_event(len(shape)))


def positive(name: str) -> None:
    """The guide of a positive choice."""
    loc = numpyro.param(f"{name}_loc", 0.1)
    scale = numpyro.param(f"{name}_scale", 0.4, constraint=constraints.softplus_positive)
    numpyro.sample(name, dist.LogNormal(loc, scale))


def regression_guide(*_args: Any) -> None:
    real("w", 3)
    positive("s")


@case(regression_guide, X, Y)
def regression(x: Any, y: Any) -> None:
    w = numpyro.sample("w", dist.Normal(jnp.zeros(3), 1.0).to_event(1))
    s = numpyro.sample("s", dist.HalfNormal(1.0))
    with numpyro.plate("N", len(y)):
        numpyro.sample("y", dist.Normal(x @ w, s), obs=y)


@case(regression_guide, X, Y)
def subsampled_regression(x: Any, y: Any) -> None:
    w = numpyro.sample("w", dist.Normal(jnp.zeros(3), 1.0).to_event(1))
    s = numpyro.sample("s", dist.HalfNormal(1.0))
    with numpyro.plate("N", len(y), subsample_size=5) as i:
        numpyro.sample("y", dist.Normal(x[i] @ w, s), obs=y[i])


@case(regression_guide, X, Y)
def subsample_statement(x: Any, y: Any) -> None:
    w = numpyro.sample("w", dist.Normal(jnp.zeros(3), 1.0).to_event(1))
    s = numpyro.sample("s", dist.HalfNormal(1.0))
    with numpyro.plate("N", len(y), subsample_size=5):
        batch_x: Any = numpyro.subsample(x, event_dim=1)
        batch_y: Any = numpyro.subsample(y, event_dim=0)
        numpyro.sample("y", dist.Normal(batch_x @ w, s), obs=batch_y)


def local_guide(y: Any) -> None:
    real("m")
    with numpyro.plate("N", len(y), subsample_size=4):
        loc = numpyro.param("z_loc", jnp.linspace(-1, 1, len(y)), event_dim=0)
        numpyro.sample("z", dist.Normal(loc, 0.5))


@case(local_guide, Y)
def subsampled_local_choices(y: Any) -> None:
    m = numpyro.sample("m", dist.Normal(0.0, 2.0))
    with numpyro.plate("N", len(y), subsample_size=4) as i:
        z = numpyro.sample("z", dist.Normal(m, 1.0))
        numpyro.sample("y", dist.Normal(z, 0.3), obs=y[i])


def nested_guide(_y: Any) -> None:
    real("m")
    with numpyro.plate("rows", 6, subsample_size=3, dim=-2):
        loc = numpyro.param("r_loc", jnp.zeros((6, 1)), event_dim=0)
        numpyro.sample("r", dist.Normal(loc, 0.5))


@case(nested_guide, Y.reshape(6, 2))
def nested_subsampled_plates(y: Any) -> None:
    m = numpyro.sample("m", dist.Normal(0.0, 2.0))
    rows = numpyro.plate("rows", 6, subsample_size=3, dim=-2)
    columns = numpyro.plate("columns", 2, subsample_size=1, dim=-1)
    with rows as i:
        r = numpyro.sample("r", dist.Normal(m, 1.0))
        with columns as j:
            numpyro.sample("y", dist.Normal(r, 0.3), obs=y[i][:, j])


@case(lambda *_: real("m"), Y)
def scaled(y: Any) -> None:
    with handlers.scale(scale=0.25):
        m = numpyro.sample("m", dist.Normal(0.0, 2.0))
        with handlers.scale(scale=2.0), numpyro.plate("N", len(y)):
            numpyro.sample("y", dist.Normal(m, 0.3), obs=y)


def scaled_guide(*_args: Any) -> None:
    with handlers.scale(scale=0.5):
        real("m")


@case(scaled_guide, Y)
def scaled_guide_and_array_scale(y: Any) -> None:
    m = numpyro.sample("m", dist.Normal(0.0, 2.0))
    weights = jnp.linspace(0.1, 2.0, len(y))
    with handlers.scale(scale=weights), numpyro.plate("N", len(y), subsample_size=len(y)):
        numpyro.sample("y", dist.Normal(m, 0.3), obs=y)


@case(lambda *_: real("m"), Y, Y > 0)
def masked_observations(y: Any, keep: Any) -> None:
    m = numpyro.sample("m", dist.Normal(0.0, 2.0))
    with handlers.mask(mask=keep), numpyro.plate("N", len(y)):
        numpyro.sample("y", dist.Normal(m, 0.3), obs=y)


def masked_guide(y: Any, keep: Any) -> None:
    real("m")
    with numpyro.plate("N", len(y)), handlers.mask(mask=keep):
        loc = numpyro.param("z_loc", jnp.zeros(len(y)))
        numpyro.sample("z", dist.Normal(loc, 0.5))


@case(masked_guide, Y, Y > 0)
def masked_choices(y: Any, keep: Any) -> None:
    m = numpyro.sample("m", dist.Normal(0.0, 2.0))
    with numpyro.plate("N", len(y)):
        z = numpyro.sample("z", dist.Normal(m, 1.0).mask(keep))
        numpyro.sample("y", dist.Normal(z, 0.3), obs=y)


def missing_guide(y: Any, _seen: Any) -> None:
    real("m")
    with numpyro.plate("N", len(y)):
        numpyro.sample("y_unobserved", dist.Normal(numpyro.param("u", 0.3), 0.8))


@case(missing_guide, Y, Y > 0)
def missing_data(y: Any, seen: Any) -> None:
    m = numpyro.sample("m", dist.Normal(0.0, 2.0))
    with numpyro.plate("N", len(y)):
        z = numpyro.sample("y", dist.Normal(m, 0.3), obs=y, obs_mask=seen)
    numpyro.sample("sum", dist.Normal(jnp.sum(z), 1.0), obs=1.0)


@case(lambda *_: real("m"), Y)
def factors(y: Any) -> None:
    m = numpyro.sample("m", dist.Normal(0.0, 2.0))
    numpyro.factor("penalty", -jnp.abs(m) * jnp.arange(3.0))
    with numpyro.plate("N", 12, subsample_size=3) as i, handlers.scale(scale=0.5):
        numpyro.factor("fit", -((y[i] - m) ** 2))
        with handlers.mask(mask=jnp.array([True, False, True])):
            numpyro.factor("masked", jnp.sin(m))


def improper_guide(*_args: Any) -> None:
    real("m")
    positive("s")
    real("v", 2)


@case(improper_guide, Y)
def improper_priors(y: Any) -> None:
    m = numpyro.sample("m", dist.ImproperUniform(constraints.real, (), ()))
    s = numpyro.sample("s", dist.ImproperUniform(constraints.positive, (), ()))
    v = numpyro.sample("v", dist.ImproperUniform(constraints.real, (), (2,)))
    numpyro.sample("v_seen", dist.Normal(v, 1.0).to_event(1), obs=jnp.ones(2))
    with numpyro.plate("N", len(y)):
        numpyro.sample("y", dist.Normal(m, s), obs=y)


IMPROPER: dict[str, tuple[Any, tuple[int, ...]]] = {
    "intervals": (constraints.interval(np.array([-1.0, 0.5]), 2.0), (2,)),
    "greater_than": (constraints.greater_than(1.0), ()),
    "less_than_eq": (constraints.less_than_eq(-1.0), ()),
    "simplex": (constraints.simplex, (3,)),
    "ordered_vector": (constraints.ordered_vector, (3,)),
    "positive_ordered_vector": (constraints.positive_ordered_vector, (3,)),
    "lower_cholesky": (constraints.lower_cholesky, (2, 2)),
    "positive_definite": (constraints.positive_definite, (2, 2)),
    "corr_matrix": (constraints.corr_matrix, (3, 3)),
    "l1_ball": (constraints.l1_ball, (2,)),
    "zero_sum": (constraints.zero_sum(1), (3,)),
    "zero_sum_2": (constraints.zero_sum(2), (2, 3)),
}


@case(partial(autoguide.AutoNormal, init_scale=0.1))
def improper_priors_on_sets() -> None:
    for name, (support, shape) in IMPROPER.items():
        x: Any = numpyro.sample(name, dist.ImproperUniform(support, (), shape))
        numpyro.sample(f"{name}_seen", dist.Normal(x, 1.0).to_event(len(shape)), obs=0.3)


@case(partial(autoguide.AutoNormal, init_scale=0.1))
def laws_by_transforms() -> None:
    """Distributions that NumPyro defines by a base and transforms, some through complex numbers."""
    s: Any = numpyro.sample("s", dist.LogNormal(0.0, 0.3))
    spectrum = jnp.exp(-s * jnp.arange(3.0))
    for name, law in {
        "sizes": dist.LogUniform(0.5, 4.0),
        "tail": dist.Pareto(1.0, 3.0),
        "correlation": dist.LKJ(3, 1.0 + s),
        "contrasts": dist.ZeroSumNormal(s, (4,)),
        "states": dist.GaussianStateSpace(4, 0.5 * jnp.eye(2), scale_tril=s * jnp.eye(2)),
        "field": dist.CirculantNormal(jnp.zeros(5), covariance_rfft=spectrum),
        "vector": dist.MultivariateNormal(scale_tril=s * jnp.eye(2)),
    }.items():
        x: Any = numpyro.sample(name, law)
        numpyro.sample(f"{name}_seen", dist.Normal(x, 1.0).to_event(law.event_dim), obs=0.3)


@case(partial(autoguide.AutoNormal, init_scale=0.1), X[:, 0], Y)
def gaussian_process(x: Any, y: Any) -> None:
    variance, length, noise = (
        numpyro.sample(name, dist.LogNormal(0.0, 0.3)) for name in ("variance", "length", "noise")
    )
    squares = jnp.power((x[:, None] - x) / jnp.asarray(length), 2.0)
    kernel = jnp.asarray(variance) * jnp.exp(-0.5 * squares)
    covariance = kernel + jnp.asarray(noise) * jnp.eye(len(x))
    numpyro.sample("y", dist.MultivariateNormal(0.0, covariance_matrix=covariance), obs=y)


@case(partial(autoguide.AutoDAIS, K=3, init_scale=0.1), Y)
def annealed(y: Any) -> None:
    """Two choices that the guide moves along the density by a loop, one of them positive."""
    m = numpyro.sample("m", dist.Normal(0.0, 2.0))
    s = numpyro.sample("s", dist.HalfNormal(1.0))
    with numpyro.plate("N", len(y)):
        numpyro.sample("y", dist.Normal(m, s), obs=y)


@case(lambda *_: real("m"), np.array([0, 3], np.uint32))
def noise_of_given_keys(raw: Any) -> None:
    """The same noise in every draw: of a key that is seeded, as for dropout, and of one in the data."""
    m = numpyro.sample("m", dist.Normal(0.0, 2.0))
    with handlers.seed(rng_seed=3):
        key: Any = numpyro.prng_key()
    kept = jax.random.bernoulli(key, 0.5, (3,))
    numpyro.sample("y", dist.Normal(m * kept, 1.0).to_event(1), obs=jax.random.normal(raw, (3,)))


def _hierarchy(y: Any) -> None:
    m = numpyro.sample("m", dist.Normal(0.0, 2.0))
    with numpyro.plate("groups", 4):
        z: Any = numpyro.sample("z", dist.Normal(m, 0.7))
    with numpyro.plate("N", len(y)):
        numpyro.sample("y", dist.Normal(z[GROUPS], 0.3), obs=y)


def decentred_guide(*_args: Any) -> None:
    real("m")
    with numpyro.plate("groups", 4):
        loc = numpyro.param("z_loc", jnp.zeros(4))
        numpyro.sample("z_decentered", dist.Normal(loc, 0.5))


@case(decentred_guide, Y)
def location_scale_reparam(y: Any) -> None:
    with handlers.reparam(config={"z": reparam.LocScaleReparam(0.0)}):
        _hierarchy(y)


@case(autoguide.AutoNormal, Y)
def transform_reparam(y: Any) -> None:
    with handlers.reparam(config={"s": reparam.TransformReparam()}):
        s = numpyro.sample("s", dist.LogNormal(0.0, 0.5))
    numpyro.sample("y", dist.Normal(0.0, s).expand([12]).to_event(1), obs=y)


@case(lambda *_: real("m"), Y)
def conditioned(y: Any) -> None:
    with handlers.condition(data={"z": jnp.array([0.1, -0.2, 0.4, 0.0])}):
        _hierarchy(y)


@case(lambda *_: real("m"), Y)
def substituted(y: Any) -> None:
    with handlers.substitute(data={"z": jnp.array([0.1, -0.2, 0.4, 0.0])}):
        _hierarchy(y)


def hierarchy_guide(*_args: Any) -> None:
    real("m")
    with numpyro.plate("groups", 4):
        numpyro.sample("z", dist.Normal(numpyro.param("z_loc", jnp.zeros(4)), 0.5))


@case(hierarchy_guide, Y)
def intervened(y: Any) -> None:
    with handlers.do(data={"z": jnp.array([0.1, -0.2, 0.4, 0.0])}):
        _hierarchy(y)


@case(hierarchy_guide, Y)
def blocked_observation(y: Any) -> None:
    with handlers.block(hide=["y"]):
        _hierarchy(y)


@case(autoguide.AutoNormal, Y)
def scoped(y: Any) -> None:
    with handlers.scope(prefix="a"):
        _hierarchy(y)


@case(lambda *_: real("w"), Y)
def lifted(y: Any) -> None:
    def inner() -> Any:
        return numpyro.param("w", 0.5)

    w = handlers.lift(inner, prior={"w": dist.Normal(0.0, 1.0)})()
    numpyro.sample("y", dist.Normal(w, 0.3).expand([12]).to_event(1), obs=y)


@case(lambda *_: real("m"), Y)
def parameters_of_the_model(y: Any) -> None:
    m = numpyro.sample("m", dist.Normal(numpyro.param("prior_loc", 0.3), 2.0))
    s: Any = numpyro.param("s", 0.5, constraint=constraints.positive)
    w: Any = numpyro.param("w", jnp.ones(3) / 3, constraint=constraints.simplex)
    b: Any = numpyro.param("b", 0.4, constraint=constraints.interval(0.0, 2.0))
    o: Any = numpyro.param("o", jnp.array([0.1, 0.7]), constraint=constraints.ordered_vector)
    tril: Any = numpyro.param("L", jnp.eye(2), constraint=constraints.lower_cholesky)
    numpyro.deterministic("rest", w)
    numpyro.factor("terms", jnp.log(w) * b + o.sum() + tril.sum())
    numpyro.sample("y", dist.Normal(m, s).expand([12]).to_event(1), obs=y)


_KINDS: dict[str, tuple[Any, Any]] = {
    "softplus_positive": (constraints.softplus_positive, 0.7),
    "unit_interval": (constraints.unit_interval, 0.7),
    "greater_than": (constraints.greater_than(-1.0), 0.7),
    "less_than": (constraints.less_than(2.0), 0.7),
    "corr_cholesky": (constraints.corr_cholesky, np.eye(2)),
    "zero_sum": (constraints.zero_sum(1), np.array([0.5, -0.5])),
}


@case(lambda *_: real("m"), Y)
def parameters_of_more_constraints(y: Any) -> None:
    m = numpyro.sample("m", dist.Normal(0.0, 2.0))
    for name, (constraint, start) in _KINDS.items():
        value: Any = numpyro.param(name, jnp.asarray(start), constraint=constraint)
        numpyro.factor(
            f"{name}_term", jnp.sum(jnp.cos(value + jnp.arange(value.size).reshape(value.shape)))
        )
    numpyro.sample("y", dist.Normal(m, 0.3).expand([12]).to_event(1), obs=y)


def stacked_guide(*_args: Any) -> None:
    real("m")
    with numpyro.plate_stack("p", [4, 3]):
        loc = numpyro.param("z_loc", jnp.zeros((4, 3)))
        numpyro.sample("z", dist.Normal(loc, 0.5))


@case(stacked_guide, Y.reshape(4, 3))
def a_stack_of_plates_with_a_seed_inside(y: Any) -> None:
    m = numpyro.sample("m", dist.Normal(0.0, 2.0))
    with handlers.seed(rng_seed=0), numpyro.plate_stack("p", [4, 3]):
        z = numpyro.sample("z", dist.Normal(m, 1.0))
        numpyro.sample("y", dist.Normal(z, 0.3), obs=y)


def _two(y: Any) -> None:
    m = numpyro.sample("m", dist.Normal(0.0, 2.0))
    s = numpyro.sample("s", dist.HalfNormal(1.0))
    with numpyro.plate("N", len(y), subsample_size=5) as i:
        numpyro.sample("y", dist.Normal(m, s), obs=y[i])


@case(autoguide.AutoNormal, Y)
def auto_normal(y: Any) -> None:
    _two(y)


@case(autoguide.AutoNormal, Y)
def auto_normal_of_subsampled_choices(y: Any) -> None:
    subsampled_local_choices(y)


@case(autoguide.AutoDelta, Y)
def auto_delta(y: Any) -> None:
    _two(y)


@case(autoguide.AutoDelta, Y)
def auto_delta_of_subsampled_choices(y: Any) -> None:
    subsampled_local_choices(y)


@case(autoguide.AutoDiagonalNormal, Y)
def auto_diagonal_normal(y: Any) -> None:
    _two(y)


@case(autoguide.AutoMultivariateNormal, Y)
def auto_multivariate_normal(y: Any) -> None:
    _two(y)


@case(autoguide.AutoLowRankMultivariateNormal, Y)
def auto_low_rank_multivariate_normal(y: Any) -> None:
    _two(y)


def _listed(model: Program) -> Any:
    guide = autoguide.AutoGuideList(model)
    guide.append(autoguide.AutoNormal(handlers.block(model, hide=["s"])))
    guide.append(autoguide.AutoDelta(handlers.block(model, expose=["s"])))
    return guide


def auto_guide_list(y: Any) -> None:
    _two(y)


CASES.append(Case("auto_guide_list", auto_guide_list, _listed(auto_guide_list), (Y,)))


@case(partial(autoguide.AutoIAFNormal, num_flows=2, hidden_dims=[2]), Y)
def auto_iaf_normal(y: Any) -> None:
    _two(y)


@case(partial(autoguide.AutoBNAFNormal, hidden_factors=[2]), Y)
def auto_bnaf_normal(y: Any) -> None:
    _two(y)


@case(autoguide.AutoDiagonalNormal, LABELS)
def auto_diagonal_normal_on_an_interval(y: Any) -> None:
    p = numpyro.sample("p", dist.Beta(2.0, 3.0))
    with numpyro.plate("N", len(y)):
        numpyro.sample("y", dist.Bernoulli(p), obs=y)


def _network(x: Any) -> Any:
    """A dense layer of two units, as Flax's linen has them."""
    from flax import linen

    return linen.Dense(2), x.shape[1:]


def _fits(x: Any, y: Any, net: Any) -> None:
    hidden = jnp.tanh(net(x))
    w = numpyro.sample("w", dist.Normal(jnp.zeros(2), 1.0).to_event(1))
    numpyro.sample("y", dist.Normal(hidden @ w, 0.3).to_event(1), obs=y)


@case(lambda *_: real("w", 2), X, Y)
def flax_network(x: Any, y: Any) -> None:
    layer, shape = _network(x)
    _fits(x, y, module.flax_module("net", layer, input_shape=shape))


@case(autoguide.AutoNormal, X, Y)
def random_flax_network(x: Any, y: Any) -> None:
    layer, shape = _network(x)
    prior = {"kernel": dist.Normal(0.0, 1.0)}
    _fits(x, y, module.random_flax_module("net", layer, prior, input_shape=shape))


def _nnx_layer() -> Any:
    from flax import nnx

    return nnx.Linear(3, 2, rngs=nnx.Rngs(0))


@case(lambda *_: real("w", 2), X, Y)
def stax_network(x: Any, y: Any) -> None:
    from jax.example_libraries import stax

    _fits(x, y, numpyro.module("net", stax.Dense(2), input_shape=x.shape[1:]))


@case(lambda *_: real("w", 2), X, Y)
def nnx_network(x: Any, y: Any) -> None:
    _fits(x, y, module.nnx_module("net", _nnx_layer()))


@case(autoguide.AutoNormal, X, Y)
def random_nnx_network(x: Any, y: Any) -> None:
    _fits(x, y, module.random_nnx_module("net", _nnx_layer(), dist.Normal(0.0, 1.0)))


def _equinox_layer() -> Any:
    import equinox
    import jax

    return equinox.nn.Linear(3, 2, key=jax.random.key(0))


@case(lambda *_: real("w", 2), X, Y)
def equinox_network(x: Any, y: Any) -> None:
    import jax

    _fits(x, y, jax.vmap(module.eqx_module("net", _equinox_layer())))


@case(autoguide.AutoNormal, X, Y)
def random_equinox_network(x: Any, y: Any) -> None:
    import jax

    net = module.random_eqx_module("net", _equinox_layer(), dist.Normal(0.0, 1.0))
    _fits(x, y, jax.vmap(net))
