"""Programs of the mutation tests whose choices are drawn in a loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as nd
from helpers.emitted import load_main
from helpers.texts import objective_module
from oracle.objectives import LAW

import relbo_ir
from relbo_ir.pipelines import resolve, run

from .base import Draws, Emitted, Program, formed, text

FINISH = ("relbo-lower-sampling", "relbo-canonicalize", "cse")


def two_chains(reverse: bool) -> Program:
    """Two coins a step, of which the second reads the first one, and the first the step before."""

    def model(y: jax.Array) -> None:
        def step(before: Any, y: Any) -> tuple[Any, Any]:
            z = relbo_ir.sample("z", nd.Bernoulli(0.3 + 0.3 * before))
            w = relbo_ir.sample("w", nd.Bernoulli(0.6 - 0.2 * z))
            return 1.0 * w, y * z * (1.0 + w)

        _, costs = jax.lax.scan(step, 0.0, y, reverse=reverse)
        relbo_ir.factor("f", jnp.sum(costs))

    def guide(y: jax.Array) -> None:
        u, a = relbo_ir.param("u", jnp.zeros(3)), relbo_ir.param("a", 0.7)

        def step(before: Any, u: Any) -> tuple[Any, None]:
            z = relbo_ir.sample("z", nd.Bernoulli(logits=u + a * before))
            w = relbo_ir.sample("w", nd.Bernoulli(logits=u - 2.0 * z))
            return 1.0 * w, None

        jax.lax.scan(step, 0.0, u, reverse=reverse)

    return formed(model, guide, np.array([0.4, -1.1, 0.7]))


def turning_chains() -> Program:
    """Three coins in a row, each of which reads the next one of the step before."""

    def model(y: jax.Array) -> None:
        def step(before: Any, y: Any) -> tuple[Any, Any]:
            law = nd.Bernoulli(0.3 + 0.3 * jnp.roll(before, -1)).to_event(1)
            z = 1.0 * relbo_ir.sample("z", law)
            return z, y * z

        _, costs = jax.lax.scan(step, jnp.zeros(3), y)
        relbo_ir.factor("f", jnp.sum(costs))

    def guide(y: jax.Array) -> None:
        u, a = relbo_ir.param("u", jnp.zeros((3, 3))), relbo_ir.param("a", 0.7)

        def step(before: Any, u: Any) -> tuple[Any, None]:
            law = nd.Bernoulli(logits=u + a * jnp.roll(before, -1)).to_event(1)
            return 1.0 * relbo_ir.sample("z", law), None

        jax.lax.scan(step, jnp.zeros(3), u)

    return formed(model, guide, np.array([[0.4, -1.1, 0.9], [0.7, 2.0, -0.8], [-0.3, 1.6, 1.2]]))


PAIR = "!prob.law<tensor<2xi32>>"
COINS = f"""
  %zero = lax.constant "0.0" : tensor<f64>
  %zs = prob.scan (%c = %zero) rows () {{length = 2 : i64, reverse = false}} : (tensor<f64>) -> tensor<2xi32> {{
    %t = lax.add %b_, %c : tensor<f64>
    %q = dist.bernoulli_logits %t : (tensor<f64>) -> !prob.law<tensor<i32>>
    %d = prob.draw "z" from %q : !prob.law<tensor<i32>>
    %n = lax.convert %d : (tensor<i32>) -> tensor<f64>
    prob.yield_value %n, %d : tensor<f64>, tensor<i32>
  }}
  %x = lax.convert %zs : (tensor<2xi32>) -> tensor<2xf64>
  %first = lax.slice %x {{start = array<i64: 0>, limit = array<i64: 1>, strides = array<i64: 1>}} : (tensor<2xf64>) -> tensor<1xf64>
  %before = lax.pad %first, %zero {{low = array<i64: 1>, high = array<i64: 0>, interior = array<i64: 0>}} : (tensor<1xf64>, tensor<f64>) -> tensor<2xf64>
  %wide = lax.broadcast_in_dim %b_ {{dimensions = array<i64>}} : (tensor<f64>) -> tensor<2xf64>
  %logits = lax.add %wide, %before : tensor<2xf64>
  %law = dist.bernoulli_logits %logits : (tensor<2xf64>) -> {PAIR}
  %z = prob.sample "z" from %law drawn %zs : {PAIR} drawn tensor<2xi32>
  %l = prob.log_density %law at %z : {PAIR}, tensor<2xi32> -> tensor<2xf64>
  %f = lax.mul %x, %l : tensor<2xf64>
  prob.yield "f" %f : tensor<2xf64>
"""


def weighted_by_the_loop() -> Program:
    """A log density with a coefficient that reads its draw as the loop hands it out."""
    steps = "relbo-score-function", "relbo-drop-zero-score"
    return text({"b": "real"}, COINS, {"b": 0.4}, *steps)


WALK = """
  %zero = lax.constant "0.0" : tensor<f64>
  %us = lax.constant "0.3, -0.8" : tensor<2xf64>
  %zs = prob.scan (%c = %zero) rows (%u = %us) {length = 2 : i64, reverse = REVERSE} : (tensor<f64>, tensor<2xf64>) -> tensor<2xf64> {
    %r = lax.mul %u, %m_ : tensor<f64>
    %t = lax.add %r, %c : tensor<f64>
    %q = dist.normal %t, %s_ : (tensor<f64>, tensor<f64>) -> !prob.law<tensor<f64>>
    %d = prob.draw "z" from %q : !prob.law<tensor<f64>>
    prob.yield_value %d, %d : tensor<f64>, tensor<f64>
  }
  %one = lax.slice %zs {start = array<i64: START>, limit = array<i64: LIMIT>, strides = array<i64: 1>} : (tensor<2xf64>) -> tensor<1xf64>
  %before = lax.pad %one, %zero {low = array<i64: LOW>, high = array<i64: HIGH>, interior = array<i64: 0>} : (tensor<1xf64>, tensor<f64>) -> tensor<2xf64>
  %wide = lax.broadcast_in_dim %m_ {dimensions = array<i64>} : (tensor<f64>) -> tensor<2xf64>
  %drift = lax.mul %us, %wide : tensor<2xf64>
  %loc = lax.add %drift, %before : tensor<2xf64>
  %scale = lax.broadcast_in_dim %s_ {dimensions = array<i64>} : (tensor<f64>) -> tensor<2xf64>
  %law = dist.normal %loc, %scale : (tensor<2xf64>, tensor<2xf64>) -> !prob.law<tensor<2xf64>>
  %z = prob.sample "z" from %law drawn %zs : !prob.law<tensor<2xf64>> drawn tensor<2xf64>
"""
FORWARDS = {"REVERSE": "false", "START": "0", "LIMIT": "1", "LOW": "1", "HIGH": "0"}
BACKWARDS = {"REVERSE": "true", "START": "1", "LIMIT": "2", "LOW": "0", "HIGH": "1"}
SQUARES = """
  %k = lax.constant "1.0, 3.0" : tensor<2xf64>
  %w = lax.square %z : tensor<2xf64>
  %f = lax.mul %k, %w : tensor<2xf64>
  prob.yield "f" %f : tensor<2xf64>
"""
JUMP = """
  %o = lax.constant "0.1, -0.2" : tensor<2xf64>
  %is = lax.gt %zs, %o : tensor<2xf64> -> tensor<2xi1>
  %f = lax.convert %is : (tensor<2xi1>) -> tensor<2xf64>
  prob.yield "f" %f : tensor<2xf64>
"""


def _walk(words: dict[str, str], body: str, *steps: str) -> Program:
    whole = WALK
    for word, value in words.items():
        whole = whole.replace(word, value)
    return text({"m": "real", "s": "positive"}, whole + body, {"m": 0.3, "s": 0.8}, *steps)


def a_jump_in_the_loop() -> Program:
    """Where a Normal walk, as its loop hands it out, is above a limit."""
    return _walk(FORWARDS, JUMP, "relbo-pathwise")


def walk(reverse: bool) -> Emitted:
    """Squares of a Normal walk that moves with its parameters, as they are emitted."""
    program = _walk(BACKWARDS if reverse else FORWARDS, SQUARES, "relbo-pathwise")
    return Emitted(program.module, program.arguments, program.gradient, program.steps)


@dataclass(frozen=True)
class Held:
    """A scored walk: its derivative is that of the densities of its draws, which stay."""

    program: Program

    def holds(self) -> bool:
        """Whether draws of a key give what the same draws give as arguments."""
        with jax.enable_x64(True):
            key, given = jax.random.key(3), [jnp.asarray(v) for v in (0.3, 0.8)]
            drawn = self._main("relbo-report", *FINISH)(*given, key)
            scored = ("relbo-score-function", "relbo-expand-densities")
            keyed = self._main(*scored, "relbo-lower-sampling", "relbo-lower-estimators")
            held = self._main(*scored, "relbo-externalize-draws", "relbo-lower-estimators")
            ours, theirs = keyed(*given, key), held(*given, drawn)
        return all(np.allclose(a, b, 1e-9, 1e-9) for a, b in zip(ours, theirs, strict=True))

    def _main(self, *steps: str) -> Any:
        module = self.program.module.clone()
        run(module, resolve(steps))
        return load_main(module)


def held() -> Held:
    """The squares of a walk, scored."""
    return Held(_walk(FORWARDS, SQUARES))


def draws() -> Draws:
    """Loops whose steps draw eight numbers of one law each, by noise or by a sampler."""
    wide = LAW.replace("tensor<f64>", "tensor<8xf64>")
    laws = {
        "n": f"dist.normal %zeros, %ones : (tensor<8xf64>, tensor<8xf64>) -> {wide}",
        "g": f"dist.gamma %ones, %ones : (tensor<8xf64>, tensor<8xf64>) -> {wide}",
    }
    body = """
      %zeros = lax.constant "0.0" : tensor<8xf64>
      %ones = lax.constant "1.0" : tensor<8xf64>
      %many = lax.constant "1.0" : tensor<3x8xf64>
      %none = lax.constant "0.0" : tensor<3x8xf64>
    """
    for name, law in laws.items():
        all_steps = law.replace("%zeros", "%none").replace("%ones", "%many").replace("<8x", "<3x8x")
        body += f"""
          %{name}s = prob.scan (%c{name} = %zeros) rows () {{length = 3 : i64, reverse = false}} : (tensor<8xf64>) -> tensor<3x8xf64> {{
            %q{name} = {law}
            %d{name} = prob.draw "{name}" from %q{name} : {wide}
            prob.yield_value %d{name}, %d{name} : tensor<8xf64>, tensor<8xf64>
          }}
          %all{name} = {all_steps}
          %z{name} = prob.sample "{name}" from %all{name} drawn %{name}s : {wide.replace("<8x", "<3x8x")} drawn tensor<3x8xf64>
        """
    body += 'prob.yield "m" %m_ : tensor<f64>'
    return Draws(objective_module({"m": "real"}, body, "f32"))
