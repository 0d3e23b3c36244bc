"""Draws with their probabilities: minibatches and Normal noise, and combinations of independent ones."""

from __future__ import annotations

import itertools

import numpy as np

from scenarios.programs import Array, hermite

Draws = tuple[dict[str, Array], Array]
"""By name, each of shape (K, ...), and the probability of each of the K."""


def product(*factors: Draws) -> Draws:
    """All combinations of independent draws, each given by its rows and their probabilities."""
    draws: dict[str, Array] = {}
    weights = np.ones(1)
    for rows, mass in factors:
        count = len(mass)
        draws = {name: np.repeat(x, count, axis=0) for name, x in draws.items()}
        draws |= {name: np.tile(x, (len(weights), *[1] * (x.ndim - 1))) for name, x in rows.items()}
        weights = np.outer(weights, mass).ravel()
    return draws, weights


def batches(name: str, size: int, count: int) -> Draws:
    """All minibatches of a plate, in order of their elements, equally probable."""
    rows = np.array(list(itertools.combinations(range(size), count)), np.int32)
    return {name: rows}, np.full(len(rows), 1.0 / len(rows))


def normals(name: str, count: int, nodes: int) -> Draws:
    """Standard Normal draws of a vector."""
    points, weights = hermite(count, nodes)
    return {name: points}, weights
