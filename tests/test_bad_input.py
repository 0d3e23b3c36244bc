"""
What a person can get wrong: every error says what is wrong, what to do, at which site and line.

A case is a function of a language, `relbo_ir`'s or NumPyro's: it does the wrong thing in the line
that is marked `# here`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import pytest
from helpers.languages import LANGUAGES
from numpyro import handlers
from numpyro.distributions.transforms import biject_to

import relbo_ir as rb
from relbo_ir import distributions as dist
from relbo_ir.dialects.errors import ModelError, PassError, RelboError, UnsupportedError

SCAN = "write the loop as a scan"
STATIC = "pass what decides structure as a Python value"


@dataclass(frozen=True)
class Refused:
    """A case and the error that it must raise."""

    run: Callable[[Any], object]
    kind: type[RelboError]
    cause: str
    remedy: str
    site: str | None
    languages: tuple[str, ...]

    @property
    def line(self) -> str | None:
        """The place of the line that is marked."""
        lines, start = inspect.getsourcelines(self.run)
        marked = [start + k for k, text in enumerate(lines) if "# here" in text]
        return f"test_bad_input.py:{marked[0]}" if marked else None


CASES: list[Refused] = []


def refused(
    kind: type[RelboError],
    cause: str,
    remedy: str,
    site: str | None = None,
    languages: tuple[str, ...] = ("native", "numpyro"),
) -> Callable[[Callable[[Any], object]], Callable[[Any], object]]:
    """Registers a case."""

    def register(run: Callable[[Any], object]) -> Callable[[Any], object]:
        CASES.append(Refused(run, kind, cause, remedy, site, languages))
        return run

    return register


def good_guide(*_args: Any, **_kwargs: Any) -> None:
    """A guide of one real site."""
    rb.sample("z", dist.Normal(rb.param("loc", 0.0), 1.0))


def compiled(model: Callable[..., Any], *args: Any, **kwargs: Any) -> rb.Objective:
    """The model with the good guide."""
    return rb.ELBO(model, good_guide).compile(*args, **kwargs)


# Model and guide against each other


@refused(PassError, "the model has this choice, the guide has not", "add it to the guide", "z")
def guide_lacks_a_site(pp: Any) -> None:
    def model() -> None:
        pp.sample("z", dist.Normal(0.0, 1.0))  # here

    def guide() -> None:
        pp.param("loc", 0.0)

    rb.ELBO(model, guide).compile()


@refused(PassError, "the model has this choice, the guide has not", "add it to the guide", "z")
def a_choice_without_a_guide_beside_one_with_it(pp: Any) -> None:
    def model() -> None:
        rb.sample("x", dist.Normal(0.0, 1.0), guide=dist.Normal(rb.param("a", 0.0), 1.0))
        pp.sample("z", dist.Normal(0.0, 1.0))  # here

    rb.ELBO(model).compile()


@refused(ModelError, "the model has no automatic guide", "write a guide")
def no_guide_for_a_discrete_choice(pp: Any) -> None:
    def model() -> None:
        pp.sample("z", dist.Bernoulli(0.5))

    rb.ELBO(model).compile()


@refused(ModelError, "there is no guide named 'full'", "'mean-field', 'full-rank'")
def an_unknown_automatic_guide(pp: Any) -> None:
    def model() -> None:
        pp.sample("z", dist.Normal(0.0, 1.0))

    rb.ELBO(model, "full")


@refused(PassError, "from parameters and other choices", "draw the choice from a law", "z")
def a_point_that_moves_over_a_jump(pp: Any) -> None:
    """Held fixed or not, the base draw's derivative would miss what the jump adds."""

    def model() -> None:
        z = pp.sample("z", dist.Normal(0.0, 1.0))
        pp.factor("f", jnp.where(z > 0, 1.0, 0.0))

    def guide() -> None:
        e = rb.sample("e", dist.Normal(0.0, 1.0), auxiliary=True)
        pp.sample("z", dist.Delta(pp.param("a", 0.3) + e))  # here

    rb.ELBO(model, guide).compile()


@refused(PassError, "a handler fixes the value of its choice", "fix a choice by a Delta", "z")
def a_choice_of_the_guide_that_is_fixed(pp: Any) -> None:
    def model() -> None:
        pp.sample("z", dist.Normal(0.0, 1.0))

    def guide() -> None:
        pp.sample("z", dist.Normal(0.0, 1.0))  # here

    rb.ELBO(model, handlers.substitute(guide, {"z": jnp.array(0.3)})).compile()


@refused(UnsupportedError, "a random key that is no choice", "handlers.seed", "y", ("numpyro",))
def a_choice_that_is_hidden(pp: Any) -> None:
    def model() -> None:
        with handlers.block(hide=["z"]):
            z = pp.sample("z", dist.Normal(0.0, 1.0))
        pp.sample("y", dist.Normal(z, 1.0), obs=1.0)  # here

    rb.ELBO(model, lambda: None).compile()


@refused(UnsupportedError, "of a parameter that is no array", "without it", "net")
def a_constrained_tree_of_parameters(pp: Any) -> None:
    def model() -> None:
        pp.param("net", {"w": jnp.ones(2)}, constraint=rb.constraints.positive)  # here

    compiled(model)


@refused(PassError, "the guide has this choice, the model has not", "is_auxiliary", "extra")
def guide_adds_a_site(pp: Any) -> None:
    def model() -> None:
        pp.sample("z", dist.Normal(0.0, 1.0))

    def guide() -> None:
        pp.sample("z", dist.Normal(0.0, 1.0))
        pp.sample("extra", dist.Normal(0.0, 1.0))  # here

    rb.ELBO(model, guide).compile()


@refused(PassError, "the guide observes data", "observe in the model", "x")
def guide_observes(pp: Any) -> None:
    def guide() -> None:
        pp.observe("x", dist.Normal(0.0, 1.0), 1.0)  # here

    rb.ELBO(lambda: pp.factor("f", 0.0), guide).compile()


@refused(PassError, "the guide's support, real, is not inside the model's, positive", "exp", "z")
def support_too_wide(pp: Any) -> None:
    def model() -> None:
        pp.sample("z", dist.HalfNormal(1.0))  # here

    rb.ELBO(model, good_guide).compile()


@refused(PassError, "the guide's support, positive, is not inside", "sigmoid", "z")
def support_too_wide_for_a_beta(pp: Any) -> None:
    def model() -> None:
        pp.sample("z", dist.Beta(1.0, 1.0))  # here

    rb.ELBO(model, lambda: pp.sample("z", dist.LogNormal(0.0, 1.0))).compile()


@refused(PassError, "more categories", "give both as many", "z")
def more_categories(pp: Any) -> None:
    def model() -> None:
        pp.sample("z", dist.Categorical(probs=jnp.ones(2) / 2))  # here

    rb.ELBO(model, lambda: pp.sample("z", dist.Categorical(probs=jnp.ones(3) / 3))).compile()


@refused(PassError, "the guide draws tensor<3xf32>, the model tensor<2xf32>", "one shape", "z")
def shapes_of_guide_and_model_differ(pp: Any) -> None:
    def model() -> None:
        pp.sample("z", dist.Normal(jnp.zeros(2), 1.0))  # here

    rb.ELBO(model, lambda: pp.sample("z", dist.Normal(jnp.zeros(3), 1.0))).compile()


@refused(PassError, 'plate "N" has size 4 in the model and 3 in the guide', "one size in both")
def plate_sizes_of_guide_and_model_differ(pp: Any) -> None:
    def model() -> None:
        with pp.plate("N", 4):
            pp.sample("z", dist.Normal(0.0, 1.0))  # here

    def guide() -> None:
        with pp.plate("N", 3):
            pp.sample("z", dist.Normal(0.0, 1.0))

    rb.ELBO(model, guide).compile()


@refused(ModelError, 'parameter "w" is tensor<f32> with', "alike, or give each its own name", "w")
def shared_parameter_is_declared_twice(pp: Any) -> None:
    def model() -> None:
        pp.param("w", 1.0)
        pp.sample("z", dist.Normal(0.0, 1.0))

    def guide() -> None:
        scale = pp.param("w", 1.0, constraint=rb.constraints.positive)  # here
        pp.sample("z", dist.Normal(0.0, scale))

    rb.ELBO(model, guide).compile()


@refused(PassError, "the log densities are of 0 types", "at least one choice")
def nothing_to_score(pp: Any) -> None:
    rb.ELBO(lambda: None).compile()


# In-place guides


@refused(ModelError, "batch shape (3,) does not broadcast", "one shape", "z", ("native",))
def in_place_guide_of_another_shape(pp: Any) -> None:
    def model() -> None:
        wide = dist.Normal(jnp.zeros(3), 1.0)
        pp.sample("z", dist.Normal(jnp.zeros(2), 1.0), guide=wide)  # here

    rb.ELBO(model).compile()


@refused(ModelError, "event shape () is not the prior's, (2,)", "to_event", "z", ("native",))
def in_place_guide_of_another_event(pp: Any) -> None:
    def model() -> None:
        prior = dist.Normal(jnp.zeros(2), 1.0).to_event(1)
        pp.sample("z", prior, guide=dist.Normal(0.0, 1.0))  # here

    rb.ELBO(model).compile()


@refused(ModelError, "the law is a float", "give a distribution", "z", ("native",))
def in_place_guide_is_no_law(pp: Any) -> None:
    def model() -> None:
        pp.sample("z", dist.Normal(0.0, 1.0), guide=1.0)  # here

    rb.ELBO(model).compile()


@refused(PassError, "the choice has two guides", "name its guide once", "z", ("native",))
def two_guides(pp: Any) -> None:
    def model() -> None:
        pp.sample("z", dist.Normal(0.0, 1.0), guide=dist.Normal(0.0, 1.0))  # here

    rb.ELBO(model, good_guide).compile()


# Names, laws, values


@refused(ModelError, 'two sites are named "z"', "its own name", "z")
def two_sites_of_one_name(pp: Any) -> None:
    def model() -> None:
        pp.sample("z", dist.Normal(0.0, 1.0))
        pp.observe("z", dist.Normal(0.0, 1.0), 0.0)  # here

    compiled(model)


@refused(ModelError, 'two sites are named "loc"', "its own name", "loc")
def a_parameter_named_as_a_choice(pp: Any) -> None:
    def model() -> None:
        pp.sample("loc", dist.Normal(0.0, 1.0))
        pp.param("loc", 0.0)  # here

    compiled(model)


@refused(ModelError, 'two sites are named "z"', "its own name", "z")
def a_jitted_helper_called_twice(pp: Any) -> None:
    @jax.jit
    def helper() -> Any:
        return pp.sample("z", dist.Normal(0.0, 1.0))  # here

    compiled(lambda: (helper(), helper()))


@refused(ModelError, "a site's name is a string", "name the site", None)
def a_name_that_is_no_string(pp: Any) -> None:
    def model() -> None:
        pp.sample(7, dist.Normal(0.0, 1.0))  # here

    compiled(model)


@refused(ModelError, "is a float, not a distribution", "give a distribution", "z", ("native",))
def a_law_that_is_none(pp: Any) -> None:
    def model() -> None:
        pp.sample("z", 3.0)  # here

    compiled(model)


@refused(ModelError, "is the class Normal, not", "with its parameters", "x", ("native",))
def a_law_without_parameters(pp: Any) -> None:
    def model() -> None:
        pp.observe("x", dist.Normal, 0.0)  # here

    compiled(model)


@refused(ModelError, "Invalid type for 'fn'", "fit each other", "z", ("numpyro",))
def a_law_that_is_none_for_numpyro(pp: Any) -> None:
    def model() -> None:
        pp.sample("z", 3.0)  # here

    compiled(model)


@refused(ModelError, "the observed value is None", "pass an array", "x", ("native",))
def an_observation_of_nothing(pp: Any) -> None:
    def model() -> None:
        pp.observe("x", dist.Normal(0.0, 1.0), None)  # here

    compiled(model)


@refused(ModelError, "has shape (3,), which does not broadcast", "the data's shape", "x")
def an_observation_of_another_shape(pp: Any) -> None:
    def model(x: Any) -> None:
        pp.observe("x", dist.Normal(jnp.zeros(2), 1.0), x)  # here

    compiled(model, np.zeros(3))


@refused(ModelError, "has shape (3,), which does not broadcast against batch (4,)", "plates", "x")
def an_observation_of_another_plate_size(pp: Any) -> None:
    def model(x: Any) -> None:
        with pp.plate("N", 4):
            pp.observe("x", dist.Normal(0.0, 1.0), x)  # here

    compiled(model, np.zeros(3))


@refused(ModelError, "Incompatible shapes for broadcasting", "shapes, plates", "z")
def a_law_that_does_not_fit_its_plate(pp: Any) -> None:
    def model() -> None:
        with pp.plate("N", 4):
            pp.sample("z", dist.Normal(jnp.zeros(3), 1.0))  # here

    compiled(model)


@refused(ModelError, "NumPyro refuses this: Incompatible shapes", "shapes, plates")
def parameters_that_do_not_broadcast(pp: Any) -> None:
    def model() -> None:
        law = dist.Normal(jnp.zeros(3), jnp.ones(2))  # here
        pp.sample("z", law)

    compiled(model)


@refused(ModelError, 'plate "N" has size 3 and size 4', "each size its own name")
def one_plate_of_two_sizes(pp: Any) -> None:
    def model() -> None:
        with pp.plate("N", 3):
            pp.sample("z", dist.Normal(0.0, 1.0))
        with pp.plate("N", 4):  # here
            pp.sample("y", dist.Normal(0.0, 1.0))

    compiled(model)


@refused(ModelError, "has size 2.5", "as a Python integer", None)
def a_plate_of_no_integer(pp: Any) -> None:
    def model() -> None:
        with pp.plate("N", 2.5):  # here
            pp.sample("z", dist.Normal(0.0, 1.0))

    compiled(model)


def minibatches(count: int) -> Callable[[], None]:
    """A guide of one real site in a plate of 4, of which it draws minibatches."""

    def guide() -> None:
        with rb.plate("N", 4, subsample=count) as i:
            rb.sample("z", dist.Normal(rb.param("loc", jnp.zeros(4))[i], 1.0))

    return guide


@refused(ModelError, "a minibatch of 2 of 4 is drawn", "draw no minibatch of this plate", "y")
def a_choice_of_a_minibatch_that_is_read_outside_of_its_plate(pp: Any) -> None:
    def model() -> None:
        with pp.plate("N", 4):
            z = pp.sample("z", dist.Normal(0.0, 1.0))
        pp.observe("y", dist.Normal(z.sum(), 1.0), 3.0)  # here

    rb.ELBO(model, minibatches(2)).compile()


@refused(
    ModelError,
    'the factor has 4 elements on the axis of plate "N", which has 1',
    "index it by",
    "f",
)
def a_factor_of_the_whole_plate_beside_a_minibatch_of_one(pp: Any) -> None:
    def model() -> None:
        with pp.plate("N", 4):
            pp.sample("z", dist.Normal(0.0, 1.0))
            pp.factor("f", jnp.arange(4.0))  # here

    rb.ELBO(model, minibatches(1)).compile()


@refused(
    ModelError, "the distribution has 4 elements on the axis", "index it by the minibatch", "z"
)
def a_law_of_the_whole_plate_beside_a_minibatch_of_one(pp: Any) -> None:
    def model() -> None:
        with pp.plate("N", 4):
            pp.sample("z", dist.Normal(jnp.zeros(4), 1.0))  # here

    rb.ELBO(model, minibatches(1)).compile()


@refused(ModelError, "follows the guide's minibatch of 2 of 4", "data[i]")
def code_that_does_not_follow_a_minibatch(pp: Any) -> None:
    def model() -> None:
        with pp.plate("N", 4):
            z = pp.sample("z", dist.Normal(0.0, 1.0))
            pp.factor("f", -jnp.square(z - jnp.arange(4.0)))  # here

    rb.ELBO(model, minibatches(2)).compile()


@refused(ModelError, "the observed value has 1 NaN", "impute", "x")
def nan_in_a_closed_over_observation(pp: Any) -> None:
    seen = np.array([0.0, np.nan])

    def model() -> None:
        pp.observe("x", dist.Normal(0.0, 1.0), seen)  # here

    compiled(model)


@refused(ModelError, "the observed value is complex", "an imaginary part", "x")
def a_complex_observation(pp: Any) -> None:
    def model(x: Any) -> None:
        pp.observe("x", dist.Normal(pp.sample("z", dist.Normal(0.0, 1.0)), 1.0), x)  # here

    compiled(model, np.array([1.0 + 2.0j, 3.0]))


@refused(ModelError, "a parameter of the law is complex", "an imaginary part", "x")
def a_law_of_complex_numbers(pp: Any) -> None:
    def model() -> None:
        z = pp.sample("z", dist.Normal(0.0, 1.0))
        pp.observe("x", dist.Normal(1j * z, 1.0), 0.3)  # here

    compiled(model)


@refused(ModelError, "the point is complex", "an imaginary part", "z")
def a_complex_point(pp: Any) -> None:
    def model() -> None:
        pp.sample("z", dist.Normal(0.0, 1.0))

    def guide() -> None:
        pp.sample("z", dist.Delta(1j * pp.param("loc", 0.0)))  # here

    rb.ELBO(model, guide).compile()


@refused(UnsupportedError, "a guide's draw of complex numbers", "draw the real and the", "z")
def a_complex_draw(pp: Any) -> None:
    pack = dist.transforms.PackRealFastFourierCoefficientsTransform((3,))

    def model() -> None:
        pp.factor("f", -jnp.sum(jnp.abs(pp.sample("z", law()))))

    def law() -> Any:
        return dist.TransformedDistribution(dist.Normal(jnp.zeros(3), 1.0).to_event(1), [pack])

    def guide() -> None:
        pp.sample("z", law())  # here

    rb.ELBO(model, guide).compile()


@refused(ModelError, "the factor is complex", "an imaginary part", "f")
def a_complex_factor(pp: Any) -> None:
    def model() -> None:
        pp.factor("f", 1j * pp.sample("z", dist.Normal(0.0, 1.0)))  # here

    compiled(model)


@refused(ModelError, "the initial value is complex", "an imaginary part", "loc")
def a_complex_parameter(pp: Any) -> None:
    def guide() -> None:
        loc = pp.param("loc", np.array(1.0 + 2.0j))  # here
        pp.sample("z", dist.Normal(loc, 1.0))

    rb.ELBO(lambda: pp.sample("z", dist.Normal(0.0, 1.0)), guide).compile()


@refused(ModelError, 'the data "x" has 2 NaN, the first at index (1,)', "impute")
def nan_in_data(pp: Any) -> None:
    def model(x: Any) -> None:
        pp.observe("x", dist.Normal(0.0, 1.0), x)

    compiled(model, np.array([0.0, np.nan, np.nan]))


@refused(ModelError, """the data "table['x'][1]" has 1 NaN, the first at index ()""", "impute")
def nan_in_nested_data(pp: Any) -> None:
    def model(table: Any) -> None:
        pp.observe("x", dist.Normal(0.0, 1.0), table["x"][0])

    compiled(model, table={"x": [np.zeros(2), np.array(np.nan)]})


@refused(ModelError, 'the data "x" is a typed random key', "jax.random.key_data")
def a_typed_key_as_data(pp: Any) -> None:
    def model(x: Any) -> None:
        pp.observe("y", dist.Normal(jax.random.normal(x), 1.0), 0.0)

    compiled(model, jax.random.key(0))


@refused(ModelError, 'the data "x" is an array of <U1', "static")
def data_of_text(pp: Any) -> None:
    compiled(lambda x: None, np.array(["a", "b"]))


# Parameters


@refused(ModelError, 'parameter "s" is -1., outside its constraint positive', "inside", "s")
def a_parameter_outside_its_constraint(pp: Any) -> None:
    def guide() -> None:
        scale = pp.param("s", -1.0, constraint=rb.constraints.positive)  # here
        pp.sample("z", dist.Normal(0.0, scale))

    rb.ELBO(lambda: pp.sample("z", dist.Normal(0.0, 1.0)), guide).compile().init(0)


@refused(ModelError, 'parameter "s" is nan, outside its constraint real', "inside", "s")
def a_parameter_that_is_nan(pp: Any) -> None:
    def guide() -> None:
        pp.sample("z", dist.Normal(pp.param("s", np.nan), 1.0))  # here

    rb.ELBO(lambda: pp.sample("z", dist.Normal(0.0, 1.0)), guide).compile().init(0)


@refused(ModelError, "initial value depends on a random choice", "numbers or data", "z")
def a_parameter_that_starts_at_a_choice(pp: Any) -> None:
    def guide() -> None:
        z = pp.sample("z", dist.Normal(0.0, 1.0))  # here
        pp.param("w", 2.0 * z)

    rb.ELBO(lambda: pp.sample("z", dist.Normal(0.0, 1.0)), guide).compile()


@refused(ModelError, "the parameter has no initial value", "give numbers", "w")
def a_parameter_without_a_start(pp: Any) -> None:
    def guide() -> None:
        pp.sample("z", dist.Normal(pp.param("w", None), 1.0))  # here

    rb.ELBO(lambda: pp.sample("z", dist.Normal(0.0, 1.0)), guide).compile()


@refused(UnsupportedError, "bounds that are computed in the function", "known before", "w")
def bounds_that_are_traced(pp: Any) -> None:
    def guide() -> None:
        inside = rb.constraints.greater_than(pp.param("v", 0.0))
        pp.sample("z", dist.Normal(pp.param("w", 0.5, constraint=inside), 1.0))  # here

    rb.ELBO(lambda: pp.sample("z", dist.Normal(0.0, 1.0)), guide).compile()


@refused(ModelError, 'parameter "w" has shape (), its bounds (2,) and ()', "broadcast", "w")
def bounds_of_another_shape(pp: Any) -> None:
    def guide() -> None:
        inside = rb.constraints.interval(np.zeros(2), 1.0)
        pp.sample("z", dist.Normal(pp.param("w", 0.5, constraint=inside), 1.0))  # here

    rb.ELBO(lambda: pp.sample("z", dist.Normal(0.0, 1.0)), guide).compile()


@refused(ModelError, 'a bound of parameter "w" is complex', "give real numbers", "w")
def bounds_that_are_complex(pp: Any) -> None:
    def guide() -> None:
        inside = rb.constraints.greater_than(np.zeros(2) * 1j)
        pp.sample("z", dist.Normal(pp.param("w", np.ones(2), constraint=inside), 1.0))  # here

    rb.ELBO(lambda: pp.sample("z", dist.Normal(np.zeros(2), 1.0)), guide).compile()


@refused(ModelError, 'parameter "w" has a bound that is not finite', "of its own", "w")
def bounds_that_are_infinite(pp: Any) -> None:
    def guide() -> None:
        inside = rb.constraints.greater_than(np.array([-np.inf, 0.0]))
        pp.sample("z", dist.Normal(pp.param("w", np.ones(2), constraint=inside), 1.0))  # here

    rb.ELBO(lambda: pp.sample("z", dist.Normal(np.zeros(2), 1.0)), guide).compile()


@refused(UnsupportedError, 'parameter "w" has the constraint', "use one of real, positive", "w")
def a_constraint_that_is_unknown(pp: Any) -> None:
    def guide() -> None:
        pp.param("w", 1, constraint=rb.constraints.boolean)  # here

    rb.ELBO(lambda: None, guide).compile()


@refused(ModelError, "missing: loc; unknown: lock", "that `init` gives")
def wrong_parameter_names(pp: Any) -> None:
    objective = compiled(lambda: pp.sample("z", dist.Normal(0.0, 1.0)))
    jax.jit(lambda u: objective.value(u, 0))({"lock": jnp.zeros(())})


@refused(ModelError, 'parameter "loc" has shape (2,)', "that `init` gives", "loc", ("native",))
def a_parameter_of_another_shape(pp: Any) -> None:
    def guide() -> None:
        rb.sample("z", dist.Normal(rb.param("loc", 0.0), 1.0))  # here

    elbo = rb.ELBO(lambda: rb.sample("z", dist.Normal(0.0, 1.0)), guide)
    elbo.compile().value_and_grad({"loc": jnp.zeros(2)}, 0)


# Data of the objective


def _observing(pp: Any) -> rb.Objective:
    def model(x: Any) -> None:
        pp.observe("x", dist.Normal(pp.sample("z", dist.Normal(0.0, 1.0)), 1.0), x)

    return compiled(model, np.zeros(3))


@refused(ModelError, 'the data "x" is float32[4], compiled for float32[3]', "compile the ELBO")
def data_of_another_shape(pp: Any) -> None:
    _observing(pp).prepare(np.zeros(4))


@refused(ModelError, 'the data "x" is int32[3], compiled for float32[3]', "compile the ELBO")
def data_of_another_type(pp: Any) -> None:
    _observing(pp).prepare(np.zeros(3, np.int32))


@refused(ModelError, 'the data "x" is missing', "arguments that `compile` had")
def data_that_are_missing(pp: Any) -> None:
    _observing(pp).prepare(y=np.zeros(3))


@refused(ModelError, 'the data "x" has 1 NaN', "impute")
def later_data_with_nan(pp: Any) -> None:
    _observing(pp).prepare(np.array([0.0, 1.0, np.nan]))


@refused(ModelError, "the data are float32[4], compiled for float32[3]", "what `prepare` gives")
def data_that_were_not_prepared(pp: Any) -> None:
    objective = _observing(pp)
    objective.value(objective.init(), 0, (jnp.zeros(4),))


@refused(ModelError, "the guide does not take these arguments", "the model's arguments")
def a_guide_of_other_arguments(pp: Any) -> None:
    def guide() -> None:  # here
        pp.sample("z", dist.Normal(0.0, 1.0))

    rb.ELBO(lambda x: pp.sample("z", dist.Normal(x, 1.0)), guide).compile(np.float32(0.0))


# Python on traced values


@refused(ModelError, "TracerBoolConversionError", "jnp.where", None)
def an_if_on_a_choice(pp: Any) -> None:
    def model() -> None:
        z = pp.sample("z", dist.Normal(0.0, 1.0))
        if z > 0:  # here
            pp.factor("f", 1.0)

    compiled(model)


@refused(ModelError, "TracerBoolConversionError", STATIC, None)
def an_if_on_data(pp: Any) -> None:
    def model(x: Any) -> None:
        scale = 1.0 if x.sum() > 0 else 2.0  # here
        pp.sample("z", dist.Normal(0.0, scale))

    compiled(model, np.ones(3))


@refused(ModelError, "ConcretizationTypeError", STATIC, None)
def a_float_of_a_choice(pp: Any) -> None:
    def model() -> None:
        float(pp.sample("z", dist.Normal(0.0, 1.0)))  # here

    compiled(model)


@refused(ModelError, "ConcretizationTypeError", STATIC, None)
def an_int_of_a_choice(pp: Any) -> None:
    def model() -> None:
        int(pp.sample("z", dist.Bernoulli(0.5)))  # here

    compiled(model)


@refused(ModelError, "TracerIntegerConversionError", STATIC, None)
def a_range_of_a_choice(pp: Any) -> None:
    def model() -> None:
        z = pp.sample("z", dist.Bernoulli(0.5))
        for _ in range(z):  # here
            pass

    compiled(model)


@refused(ModelError, "TracerArrayConversionError", STATIC, None)
def a_numpy_array_of_a_choice(pp: Any) -> None:
    def model() -> None:
        np.asarray(pp.sample("z", dist.Normal(0.0, 1.0)))  # here

    compiled(model)


@refused(ModelError, "NonConcreteBooleanIndexError", STATIC, None)
def a_mask_as_index(pp: Any) -> None:
    def model(x: Any) -> None:
        pp.observe("x", dist.Normal(0.0, 1.0), x[x > 0])  # here

    compiled(model, np.ones(3))


# Sites where there is no single choice


@refused(UnsupportedError, "inside jax.lax.while_loop", SCAN, "z")
def a_choice_in_a_while_loop(pp: Any) -> None:
    def body(k: Any) -> Any:
        pp.sample("z", dist.Normal(0.0, 1.0))  # here
        return k + 1

    compiled(lambda: jax.lax.while_loop(lambda k: k < 3, body, 0))


@refused(UnsupportedError, "inside jax.lax.while_loop", SCAN, "f")
def a_factor_in_a_while_condition(pp: Any) -> None:
    def condition(k: Any) -> Any:
        pp.factor("f", 1.0)  # here
        return k < 3

    compiled(lambda: jax.lax.while_loop(condition, lambda k: k + 1, 0))


@refused(UnsupportedError, "in a loop in a loop", "one of the two loops a plate", "z")
def a_choice_that_reads_itself_in_a_loop_in_a_loop(pp: Any) -> None:
    def step(before: Any, _: Any) -> Any:
        z = pp.sample("z", dist.Normal(before, 1.0))  # here
        return z, z

    def outer(carry: Any, _: Any) -> Any:
        return jax.lax.scan(step, carry, None, length=2)[0], None

    compiled(lambda: jax.lax.scan(outer, 0.0, None, length=3))


@refused(UnsupportedError, "from step to step of a loop", "outside of the loop", "w")
def a_parameter_that_starts_from_rows(pp: Any) -> None:
    def step(carry: Any, x: Any) -> Any:
        return carry, pp.param("w", x)  # here

    compiled(lambda xs: jax.lax.scan(step, 0.0, xs), np.zeros(3))


@refused(UnsupportedError, "from copy to copy of jax.vmap", "an axis for the copies", "w")
def a_parameter_that_starts_from_copies(pp: Any) -> None:
    def one(x: Any) -> Any:
        return pp.param("w", x)  # here

    compiled(lambda xs: jax.vmap(one)(xs), np.zeros(3))


@refused(UnsupportedError, "inside a JAX derivative", "Python loop", "z")
def a_choice_in_a_derivative(pp: Any) -> None:
    def f(x: Any) -> Any:
        return pp.sample("z", dist.Normal(x, 1.0))  # here

    compiled(lambda: jax.grad(f)(1.0))


@refused(UnsupportedError, "eval_shape", "move the site out", "f")
def a_factor_that_never_runs(pp: Any) -> None:
    def f() -> Any:
        pp.factor("f", 1.0)  # here
        return 0.0

    compiled(lambda: jax.eval_shape(f))


# NumPyro's messages that have no meaning here yet


@refused(UnsupportedError, "a handler that fixes values", "as rows of the loop", None, ("numpyro",))
def a_numpyro_scan_that_is_conditioned(pp: Any) -> None:
    from numpyro import handlers
    from numpyro.contrib.control_flow import scan

    def model() -> None:
        with handlers.condition(data={"z": jnp.zeros(3)}):
            scan(lambda c, x: (c, pp.sample("z", dist.Normal(0.0, 1.0))), 0.0, jnp.zeros(3))  # here

    compiled(model)


@refused(UnsupportedError, "the NumPyro message 'mutable'", "without it", "m", ("numpyro",))
def a_mutable(pp: Any) -> None:
    from numpyro.primitives import mutable

    def model() -> None:
        mutable("m", 0.0)  # here

    compiled(model)


@refused(UnsupportedError, "a random key that is no choice", "handlers.seed", "z", ("numpyro",))
def a_random_key(pp: Any) -> None:
    def model() -> None:
        key: Any = numpyro.prng_key()
        noise = jax.random.normal(key)
        pp.sample("z", dist.Normal(noise, 1.0))  # here

    compiled(model)


@refused(UnsupportedError, "an improper prior on", "use one on real, positive", "z")
def an_improper_prior_on_circulants(pp: Any) -> None:
    def model() -> None:
        support = rb.constraints.positive_definite_circulant_vector
        pp.sample("z", dist.ImproperUniform(support, (), (2,)))  # here

    compiled(model)


@refused(ModelError, "on positive_definite has the event shape (2, 3)", "square matrices", "z")
def an_improper_prior_on_oblong_matrices(pp: Any) -> None:
    def model() -> None:
        support = rb.constraints.positive_definite
        pp.sample("z", dist.ImproperUniform(support, (), (2, 3)))  # here

    compiled(model)


@refused(PassError, "guide's support, positive_definite, is not inside", "choose a guide", "z")
def a_guide_on_a_surface_of_all_matrices(pp: Any) -> None:
    def model() -> None:
        pp.sample("z", dist.Normal(0.0, 1.0).expand([2, 2]).to_event(2))  # here

    matrices = biject_to(rb.constraints.positive_definite)
    reals = dist.Normal(jnp.zeros(3), 1.0).to_event(1)
    guide = dist.TransformedDistribution(reals, matrices)
    rb.ELBO(model, lambda: pp.sample("z", guide)).compile()


@refused(ModelError, "of shape () has a bound of shape (3,)", "give batch_shape", "z")
def an_improper_prior_of_wider_bounds(pp: Any) -> None:
    def model() -> None:
        support = rb.constraints.interval(np.zeros(3), 1.0)
        pp.sample("z", dist.ImproperUniform(support, (), ()))  # here

    compiled(model)


@refused(PassError, "not inside the model's, lower_cholesky", "choose a guide", "z")
def a_guide_on_a_surface_of_the_priors_set(pp: Any) -> None:
    def model() -> None:
        support = rb.constraints.lower_cholesky
        pp.sample("z", dist.ImproperUniform(support, (), (3, 3)))  # here

    rb.ELBO(model, lambda: pp.sample("z", dist.LKJCholesky(3, 2.0))).compile()


# Sites outside of a model


@refused(ModelError, "sample is called outside of a model", "relbo_ir.ELBO", "z", ("native",))
def a_choice_outside(pp: Any) -> None:
    pp.sample("z", dist.Normal(0.0, 1.0))  # here


@refused(ModelError, "observe is called outside of a model", "relbo_ir.ELBO", "z", ("native",))
def an_observation_outside(pp: Any) -> None:
    pp.observe("z", dist.Normal(0.0, 1.0), 0.0)  # here


@refused(ModelError, "param is called outside of a model", "relbo_ir.ELBO", "w", ("native",))
def a_parameter_outside(pp: Any) -> None:
    pp.param("w", 0.0)  # here


@refused(ModelError, "factor is called outside of a model", "relbo_ir.ELBO", "f", ("native",))
def a_factor_outside(pp: Any) -> None:
    pp.factor("f", 0.0)  # here


@refused(ModelError, "deterministic is called outside", "relbo_ir.ELBO", "d", ("native",))
def a_named_value_outside(pp: Any) -> None:
    pp.deterministic("d", 0.0)  # here


@refused(PassError, "'no-such' is no pipeline", "use the names of pipelines", None)
def an_unknown_pipeline(pp: Any) -> None:
    compiled(lambda: pp.sample("z", dist.Normal(0.0, 1.0)), pipeline="no-such")


COMPAT = {
    "guide_lacks_a_site",
    "a_choice_in_a_jit_in_a_vmap",
    "a_choice_in_a_scan",
    "a_numpy_array_of_a_choice",
    "a_law_that_does_not_fit_its_plate",
}


def _parameters() -> list[Any]:
    return [
        pytest.param(
            case,
            language,
            id=f"{case.run.__name__}-{language}",
            marks=[pytest.mark.compat] if case.run.__name__ in COMPAT else [],
        )
        for case in CASES
        for language in case.languages
    ]


@pytest.mark.parametrize(("case", "language"), _parameters())
def test_the_error_says_what_where_and_what_to_do(case: Refused, language: str) -> None:
    with pytest.raises(RelboError) as caught:
        case.run(LANGUAGES[language])
    error = caught.value
    assert type(error) is case.kind, error
    assert case.cause in error.cause
    assert case.remedy in error.remedy
    assert error.site == case.site or case.site is None
    if case.line is not None:
        assert error.line is not None
        assert error.line.endswith(case.line), (error.line, case.line)
        assert error.line in str(error)
    assert f"remedy: {error.remedy}" in str(error)


class OwnError(Exception):
    """An error of the user's."""


def test_errors_of_the_models_own_code_are_left_alone() -> None:
    def raises() -> None:
        raise OwnError("mine")

    def divides() -> None:
        rb.factor("f", 1 / 0)

    def mismatched(x: Any) -> None:
        rb.factor("f", x + jnp.zeros(2))

    with pytest.raises(OwnError, match="mine"):
        compiled(raises)
    with pytest.raises(ZeroDivisionError):
        compiled(divides)
    with pytest.raises(TypeError, match="incompatible shapes") as caught:
        compiled(mismatched, np.zeros(3))
    assert not isinstance(caught.value, RelboError)


def test_a_level_that_does_not_exist() -> None:
    objective = compiled(lambda: rb.sample("z", dist.Normal(0.0, 1.0)))
    with pytest.raises(ValueError, match="levels are 1 to 4"):
        objective.ir(5)


HOSTILE = [
    "quote\"'; import os; os.abort() #",
    'new\nline\r\nimport os\nos.abort()\n"""',
    "back\\slash\\",
    "{braces} %z @z #prob.data<",
    "θ ümlaut 中文",
    "",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_only_names(name: str) -> None:
    def model(x: Any) -> None:
        z = rb.sample(name, dist.Normal(0.0, 1.0))
        with rb.plate(name + "plate", 3):
            rb.observe(name + "x", dist.Normal(z, 1.0), x)
        rb.deterministic(name + "d", z)

    def guide(x: Any) -> None:
        rb.sample(name, dist.Normal(rb.param(name + "loc", 0.0), 1.0))

    objective = rb.ELBO(model, guide).compile(np.arange(3.0))
    params = objective.init(0)
    value, gradient = objective.value_and_grad(params, 1)
    assert list(gradient) == [name + "loc"]
    draw = objective.variant("draws")
    z = draw.run(params, jax.random.key(1), objective.data_for(draw))[name]
    log_p = -0.5 * z**2 - 0.5 * np.sum((np.arange(3.0) - z) ** 2) - 2 * np.log(2 * np.pi)
    np.testing.assert_allclose(value, log_p + 0.5 * z**2 + 0.5 * np.log(2 * np.pi), rtol=1e-5)
    from relbo_ir.pipelines import parse_module

    for level in (1, 2, 3, 4):
        text = str(objective.ir(level))
        assert str(parse_module(text)) == text
