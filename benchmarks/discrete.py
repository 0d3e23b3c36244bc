"""
Three problems whose guides draw discrete values: a mixture, a sigmoid belief net, a hidden chain.

Models and guides are NumPyro's, which relbo-ir takes as they are. By hand means what an expert
writes who knows which terms each choice can move: their sum, less a running mean of it, weighs the
choice's log probability; whatever has mean zero is not differentiated. All parameters are real.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as nd
from jax import random
from numpy.typing import NDArray

Params = dict[str, jax.Array]
Arrays = dict[str, NDArray[Any]]
State = dict[str, jax.Array]
DECAY = 0.9
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)

POINTS, COMPONENTS = 1000, 3
BATCH, PIXELS, UNITS = 64, 784, 200
TIMES, STATES = 100, 4


@dataclass(frozen=True)
class Problem:
    """One problem, its data and start, and an expert's estimator of it."""

    model: Callable[..., Any]
    """With the peers' form of the guide; a function of the data."""
    guide: Callable[..., Any]
    data: NDArray[Any]
    start: Arrays
    by_hand: Callable[[Params, jax.Array, jax.Array, State], tuple[jax.Array, State]]
    """(parameters, key, data, running means) → (a function with the gradient, the costs)."""
    costs: dict[str, tuple[int, ...]]
    """What the expert keeps a running mean of, with its shape."""
    vectorized: tuple[Callable[..., Any], Callable[..., Any]] | None = None
    """Model and guide as arrays, where the peers need one site for each element."""


def expert(problem: Problem) -> tuple[Callable[..., tuple[Params, State]], State]:
    """(parameters, key, data, state) → (gradient, state), and the first state."""

    def step(params: Params, key: jax.Array, data: jax.Array, state: State) -> tuple[Params, State]:
        weight = 1.0 - DECAY ** state["steps"]
        safe = jnp.maximum(weight, 1.0 - DECAY)
        means = {name: state[name] / safe for name in problem.costs}
        gradient, costs = jax.grad(problem.by_hand, has_aux=True)(params, key, data, means)
        new = {n: DECAY * state[n] + (1.0 - DECAY) * costs[n] for n in problem.costs}
        return gradient, {"steps": state["steps"] + 1.0, **new}

    zeros = {name: jnp.zeros(shape) for name, shape in problem.costs.items()}
    return step, {"steps": jnp.zeros(()), **zeros}


def _log_normal(x: jax.Array, loc: Any, scale: float) -> jax.Array:
    return -0.5 * ((x - loc) / scale) ** 2 - math.log(scale) - _HALF_LOG_2PI


def _at(log_probs: jax.Array, index: jax.Array) -> jax.Array:
    return jnp.take_along_axis(log_probs, index[:, None], axis=1)[:, 0]


# A mixture of 1,000 points: the assignments are drawn, and the three means.


def mixture_model(points: jax.Array) -> None:
    """Means under a wide prior; each point has a component."""
    with numpyro.plate("components", COMPONENTS):
        loc = numpyro.sample("loc", nd.Normal(0.0, 5.0))
    with numpyro.plate("points", POINTS):
        component = numpyro.sample("component", nd.Categorical(logits=jnp.zeros(COMPONENTS)))
        numpyro.sample("point", nd.Normal(loc[component], 1.0), obs=points)


def mixture_guide(points: jax.Array) -> None:
    """Independent Normals and categories."""
    start = mixture_start()
    mean = numpyro.param("mean", start["mean"])
    log_sd = numpyro.param("log_sd", start["log_sd"])
    logits = numpyro.param("logits", start["logits"])
    with numpyro.plate("components", COMPONENTS):
        numpyro.sample("loc", nd.Normal(mean, jnp.exp(log_sd)))
    with numpyro.plate("points", POINTS):
        numpyro.sample("component", nd.Categorical(logits=logits))


def mixture_start() -> Arrays:
    """Means apart from each other."""
    return {
        "mean": np.array([-2.0, 0.0, 2.0], np.float32),
        "log_sd": np.full(COMPONENTS, -1.0, np.float32),
        "logits": np.zeros((POINTS, COMPONENTS), np.float32),
    }


def mixture_data() -> NDArray[Any]:
    """Points of three Normals that overlap."""
    generator = np.random.default_rng(0)
    centres = np.array([-2.5, 0.0, 3.0])[generator.integers(0, COMPONENTS, POINTS)]
    return generator.normal(centres, 1.0).astype(np.float32)


def mixture_by_hand(
    params: Params, key: jax.Array, points: jax.Array, means: State
) -> tuple[jax.Array, State]:
    """A point's category moves the terms of that point."""
    key_loc, key_component = random.split(key)
    noise = random.normal(key_loc, (COMPONENTS,))
    loc = params["mean"] + jnp.exp(params["log_sd"]) * noise
    log_q = jax.nn.log_softmax(params["logits"])
    component = random.categorical(key_component, params["logits"])
    score = _at(log_q, component)
    likelihood = _log_normal(points, loc[component], 1.0)
    cost = jax.lax.stop_gradient(likelihood - math.log(COMPONENTS) - score)
    value = (
        jnp.sum(likelihood)
        + jnp.sum(_log_normal(loc, 0.0, 5.0))
        + jnp.sum(params["log_sd"])
        + jnp.sum((cost - means["point"]) * score)
    )
    return value, {"point": cost}


# A sigmoid belief net: two layers of 200 binary units under 784 binary pixels.


def belief_net_model(pixels: jax.Array) -> None:
    """Units of a layer are independent given the layer above."""
    start = belief_net_start()
    top = numpyro.param("top", start["top"])
    down, middle = numpyro.param("down", start["down"]), numpyro.param("middle", start["middle"])
    draw, floor = numpyro.param("draw", start["draw"]), numpyro.param("floor", start["floor"])
    with numpyro.plate("rows", BATCH):
        second = numpyro.sample("second", nd.Bernoulli(logits=top).to_event(1))
        first = numpyro.sample("first", nd.Bernoulli(logits=second @ down + middle).to_event(1))
        numpyro.sample("pixels", nd.Bernoulli(logits=first @ draw + floor).to_event(1), obs=pixels)


def belief_net_guide(pixels: jax.Array) -> None:
    """From the pixels up, layer by layer."""
    start = belief_net_start()
    see, seen = numpyro.param("see", start["see"]), numpyro.param("seen", start["seen"])
    up, upper = numpyro.param("up", start["up"]), numpyro.param("upper", start["upper"])
    with numpyro.plate("rows", BATCH):
        first = numpyro.sample("first", nd.Bernoulli(logits=pixels @ see + seen).to_event(1))
        numpyro.sample("second", nd.Bernoulli(logits=first @ up + upper).to_event(1))


def belief_net_start() -> Arrays:
    """Small random weights."""
    generator = np.random.default_rng(1)

    def weights(rows: int, columns: int) -> NDArray[Any]:
        return generator.normal(0.0, rows**-0.5, (rows, columns)).astype(np.float32)

    return {
        "top": np.zeros(UNITS, np.float32),
        "down": weights(UNITS, UNITS),
        "middle": np.zeros(UNITS, np.float32),
        "draw": weights(UNITS, PIXELS),
        "floor": np.zeros(PIXELS, np.float32),
        "see": weights(PIXELS, UNITS),
        "seen": np.zeros(UNITS, np.float32),
        "up": weights(UNITS, UNITS),
        "upper": np.zeros(UNITS, np.float32),
    }


def belief_net_data() -> NDArray[Any]:
    """Ten patterns of pixels, each pixel turned over with probability 0.1."""
    generator = np.random.default_rng(2)
    patterns = generator.random((10, PIXELS)) < 0.3
    rows = patterns[generator.integers(0, 10, BATCH)] ^ (generator.random((BATCH, PIXELS)) < 0.1)
    return rows.astype(np.float32)


def _log_bernoulli(x: jax.Array, logits: jax.Array) -> jax.Array:
    return x * logits - jax.nn.softplus(logits)


def belief_net_by_hand(
    params: Params, key: jax.Array, pixels: jax.Array, means: State
) -> tuple[jax.Array, State]:
    """
    A unit of the first layer moves its row: the pixels, the second layer's draw and what that
    is scored by; a unit of the second moves the first layer's density and its own.
    """
    key_first, key_second = random.split(key)
    up_first = pixels @ params["see"] + params["seen"]
    first = random.bernoulli(key_first, jax.nn.sigmoid(up_first)).astype(jnp.float32)
    up_second = first @ params["up"] + params["upper"]
    second = random.bernoulli(key_second, jax.nn.sigmoid(up_second)).astype(jnp.float32)
    score_first, score_second = _log_bernoulli(first, up_first), _log_bernoulli(second, up_second)
    likelihood = jnp.sum(_log_bernoulli(pixels, first @ params["draw"] + params["floor"]), 1)
    middle = jnp.sum(_log_bernoulli(first, second @ params["down"] + params["middle"]), 1)
    top = _log_bernoulli(second, params["top"])
    own = top - score_second
    costs = {
        "first": (likelihood + middle + jnp.sum(own, 1))[:, None] - score_first,
        "second": middle[:, None] + own,
    }
    costs = jax.lax.stop_gradient(costs)
    value = (
        jnp.sum(likelihood)
        + jnp.sum(middle)
        + jnp.sum(top)
        + jnp.sum((costs["first"] - means["first"]) * score_first)
        + jnp.sum((costs["second"] - means["second"]) * score_second)
    )
    return value, costs


# A hidden Markov chain of 100 steps; the guide's states are independent of each other.


def chain_start() -> Arrays:
    """Levels apart, states that stay."""
    return {
        "levels": np.linspace(-2.0, 2.0, STATES).astype(np.float32),
        "moves": np.eye(STATES, dtype=np.float32),
        "logits": np.zeros((TIMES, STATES), np.float32),
    }


def chain_data() -> NDArray[Any]:
    """Noisy levels of a chain that stays with probability 0.8."""
    generator = np.random.default_rng(3)
    state, levels = 0, np.linspace(-3.0, 3.0, STATES)
    seen: list[float] = []
    for _ in range(TIMES):
        if generator.random() > 0.8:
            state = int(generator.integers(STATES))
        seen.append(generator.normal(levels[state], 1.0))
    return np.array(seen, np.float32)


def chain_model(seen: jax.Array) -> None:
    """One site a step: so the peers see which step reads which."""
    start = chain_start()
    levels, moves = (numpyro.param(name, start[name]) for name in ("levels", "moves"))
    logits = jnp.zeros(STATES)
    for time in range(TIMES):
        state = numpyro.sample(f"state{time}", nd.Categorical(logits=logits))
        numpyro.sample(f"seen{time}", nd.Normal(levels[state], 1.0), obs=seen[time])
        logits = moves[state]


def chain_guide(seen: jax.Array) -> None:
    """Independent states, one site a step."""
    logits = numpyro.param("logits", chain_start()["logits"])
    for time in range(TIMES):
        numpyro.sample(f"state{time}", nd.Categorical(logits=logits[time]))


def chain_of_arrays_model(seen: jax.Array) -> None:
    """The states as one array under a flat law; the transitions are a factor of it."""
    start = chain_start()
    levels, moves = (numpyro.param(name, start[name]) for name in ("levels", "moves"))
    with numpyro.plate("times", TIMES):
        state = numpyro.sample("state", nd.Categorical(logits=jnp.zeros(STATES)))
        numpyro.sample("seen", nd.Normal(levels[state], 1.0), obs=seen)
    log_move = jax.nn.log_softmax(moves)[state[:-1], state[1:]]
    numpyro.factor("moves_made", jnp.sum(log_move + math.log(STATES)))


def chain_of_arrays_guide(seen: jax.Array) -> None:
    """Independent states as one array."""
    logits = numpyro.param("logits", chain_start()["logits"])
    with numpyro.plate("times", TIMES):
        numpyro.sample("state", nd.Categorical(logits=logits))


def chain_by_hand(
    params: Params, key: jax.Array, seen: jax.Array, means: State
) -> tuple[jax.Array, State]:
    """A state moves what is seen at its step, and the two transitions that it takes part in."""
    log_q = jax.nn.log_softmax(params["logits"])
    state = random.categorical(key, params["logits"])
    score = _at(log_q, state)
    likelihood = _log_normal(seen, params["levels"][state], 1.0)
    moves = jax.nn.log_softmax(params["moves"])[state[:-1], state[1:]]
    cost = likelihood - score + jnp.pad(moves, (1, 0)) + jnp.pad(moves, (0, 1))
    cost = jax.lax.stop_gradient(cost)
    value = jnp.sum(likelihood) + jnp.sum(moves) + jnp.sum((cost - means["state"]) * score)
    return value, {"state": cost}


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "mixture": lambda: Problem(
        mixture_model,
        mixture_guide,
        mixture_data(),
        mixture_start(),
        mixture_by_hand,
        {"point": (POINTS,)},
    ),
    "belief net": lambda: Problem(
        belief_net_model,
        belief_net_guide,
        belief_net_data(),
        belief_net_start(),
        belief_net_by_hand,
        {"first": (BATCH, UNITS), "second": (BATCH, UNITS)},
    ),
    "hidden chain": lambda: Problem(
        chain_model,
        chain_guide,
        chain_data(),
        chain_start(),
        chain_by_hand,
        {"state": (TIMES,)},
        (chain_of_arrays_model, chain_of_arrays_guide),
    ),
}
"""Problems by name, made when they are asked for."""
