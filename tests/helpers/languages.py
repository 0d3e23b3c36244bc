"""The two languages of models: a test that takes `pp` is written once for both."""

from __future__ import annotations

from types import SimpleNamespace

import numpyro

import relbo_ir as rb

NATIVE = SimpleNamespace(
    sample=rb.sample,
    observe=rb.observe,
    param=rb.param,
    plate=rb.plate,
    factor=rb.factor,
    deterministic=rb.deterministic,
)
NUMPYRO = SimpleNamespace(
    sample=numpyro.sample,
    observe=numpyro.sample,  # its third argument is the observed value
    param=numpyro.param,
    plate=numpyro.plate,
    factor=numpyro.factor,
    deterministic=numpyro.deterministic,
)
LANGUAGES = {"native": NATIVE, "numpyro": NUMPYRO}
