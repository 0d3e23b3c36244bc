"""
A hidden Markov chain: a dealer has a fair coin and a loaded one, flips five times a round, and now
and then swaps the coins unseen (the dishonest casino of Durbin et al. 1998, section 3.2, with coins).

The coin of a round is a discrete choice in a `scan`, in the model and in the guide, whose rounds
read the round before. It takes the score function, the draw of a round with the addends of that
round and later ones. The posterior is such a chain too, so the maximum of the ELBO is the log
evidence, which the forward algorithm computes; the coins are compared with the smoothed ones.
"""

import jax.numpy as jnp
import numpy as np
from scipy.special import expit
from scipy.stats import binom

import relbo_ir as rb
from relbo_ir import distributions as dist

HEADS = np.array([2, 3, 1, 3, 2, 5, 4, 5, 4, 3, 5, 4, 2, 1, 3, 2, 4, 5, 5, 3])
FLIPS = 5
FAIR, LOADED = 0.5, 0.85
STAY = 0.85
"""The probability that the coin stays in hand for the next round; the one before the first is fair."""


def model(heads):
    def round_(before, heads):
        coin = rb.sample("loaded", dist.Bernoulli(jnp.where(before, STAY, 1 - STAY)))
        rb.observe("heads", dist.Binomial(FLIPS, jnp.where(coin, LOADED, FAIR)), heads)
        return coin, None

    rb.scan(round_, 0, heads)


def guide(heads):
    logits = rb.param("logits", np.zeros((len(heads), 2)))

    def round_(before, logits):
        coin = rb.sample("loaded", dist.Bernoulli(logits=logits[before]))
        return coin, None

    rb.scan(round_, 0, logits)


elbo = rb.ELBO(model, guide)
data = (HEADS,)


def forward_backward(heads=HEADS):
    """The log evidence (nats), and the probability of the loaded coin in every round."""
    moves = np.array([[STAY, 1 - STAY], [1 - STAY, STAY]])
    seen = binom.pmf(np.asarray(heads)[:, None], FLIPS, [FAIR, LOADED])
    filtered, log_evidence = np.zeros_like(seen), 0.0
    state = np.array([1.0, 0.0])
    for t, likelihood in enumerate(seen):
        state = (state @ moves) * likelihood
        log_evidence += np.log(state.sum())
        filtered[t] = state = state / state.sum()
    smoothed, later = np.zeros_like(seen), np.ones(2)
    for t in reversed(range(len(seen))):
        smoothed[t] = filtered[t] * later / (filtered[t] @ later)
        later = moves @ (seen[t] * later)
    return log_evidence, smoothed[:, 1]


def marginals(logits):
    """The guide's probability of the loaded coin in every round."""
    found, before = [], 0.0
    for fair, loaded in expit(np.asarray(logits, np.float64)):
        before = (1 - before) * fair + before * loaded
        found.append(before)
    return np.array(found)


def train(**options):
    """A fit with 10 draws a step, and a step size that goes to 0."""
    import optax

    optimizer = optax.adam(optax.cosine_decay_schedule(0.05, 3000))
    return rb.fit(elbo, *data, steps=3000, particles=10, optimizer=optimizer, **options)


if __name__ == "__main__":
    fit = train()
    log_evidence, smoothed = forward_backward()
    print(f"ELBO {fit.elbo:.4f} ± {fit.elbo_error:.4f}, log evidence {log_evidence:.4f} nats")
    print("round by round: heads, and the probability of the loaded coin, fit and exact")
    for heads, mine, exact in zip(HEADS, marginals(fit.params["logits"]), smoothed, strict=True):
        print(f"  {heads} of {FLIPS}: {mine:.3f} {exact:.3f}")
