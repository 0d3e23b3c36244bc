"""Programs of the mutation tests that are written as IR text."""

from __future__ import annotations

from dataclasses import replace

from helpers.texts import objective_module
from oracle import parse_module
from oracle.objectives import COIN, LAW

from .base import STEPS, Draws, Emitted, Program, Refused, asked, text, two_coins

WEIGHTED = """
  %f = lax.mul %x, %la : tensor<f64>
  %g = lax.mul %y, %la : tensor<f64>
  %h = lax.neg %lb : tensor<f64>
  prob.yield "f" %f, "g" %g, "h" %h : tensor<f64>, tensor<f64>, tensor<f64>
"""
"""A score with a coefficient that reads its draw, one without, and a density of another law."""

SEEN = """
  prob.deterministic "seen" %x : tensor<f64>
  %f = lax.mul %x, %y : tensor<f64>
  prob.yield "f" %f : tensor<f64>
"""
FUNCTION = 'relbo-baseline{kind="function" value="seen"'
ONE_BY_ONE = ("relbo-score-function{sites=a}", "relbo-score-function{sites=b}")


def weighted_scores() -> Program:
    """See WEIGHTED."""
    return two_coins(WEIGHTED)


def score_of_a_score(*more: str) -> Program:
    """A product of two coins, scored one after the other."""
    return two_coins(SEEN, *ONE_BY_ONE, *more)


def one_left() -> Program:
    """One coin is scored, the other one stays an exact sum."""
    return two_coins(SEEN, ONE_BY_ONE[0])


def baseline_of_the_other() -> Program:
    """A baseline that reads the first coin, for the second."""
    return two_coins(SEEN, *STEPS[:4], FUNCTION + " sites=b}")


def baseline_of_its_own() -> Refused:
    """The same baseline, for the coin that it reads."""
    own = two_coins(SEEN, *STEPS[:4], FUNCTION + " sites=a}")
    return Refused(own.module, own.arguments, own.gradient, own.steps)


def attached() -> Program:
    """What is scored carries the gradient of another value, of mean zero: a constant."""
    body = """
      %k = lax.constant "0.7" : tensor<f64>
      %f = lax.mul %x, %y : tensor<f64>
      %g = estim.attach %f gradient_of %k : tensor<f64>
      prob.yield "f" %g : tensor<f64>
    """
    return two_coins(body, *STEPS[1:])


def a_twin() -> Program:
    """A value of the antithetic twin of a draw whose law reads the coin that is scored."""
    body = f"""
      %qb = dist.bernoulli_logits %b_ : (tensor<f64>) -> {COIN}
      %zb = prob.sample "b" from %qb : {COIN}
      %y = lax.convert %zb : (tensor<i32>) -> tensor<f64>
      %l = lax.mul %a_, %y : tensor<f64>
      %qa = dist.bernoulli_logits %l : (tensor<f64>) -> {COIN}
      %za = prob.sample "a" from %qa {{how = #prob.how<disarm>}} : {COIN}
      %t = estim.antithetic %za : tensor<i32>
      %f = lax.convert %t : (tensor<i32>) -> tensor<f64>
      prob.yield "f" %f : tensor<f64>
    """
    arguments = {"a": 0.4, "b": -0.7}
    return text({"a": "real", "b": "real"}, body, arguments, ONE_BY_ONE[1], STEPS[2])


NORMAL = f"""
  %q = dist.normal %m_, %s_ : (tensor<f64>, tensor<f64>) -> {LAW}
  %z = prob.sample "z" from %q : {LAW}
"""


def _normal(body: str, *steps: str) -> Program:
    return text({"m": "real", "s": "positive"}, NORMAL + body, {"m": 0.3, "s": 0.8}, *steps)


def a_jump() -> Program:
    """A Normal draw above 0 or not: nothing that moves smoothly with the draw."""
    body = """
      %zero = lax.constant "0.0" : tensor<f64>
      %is = lax.gt %z, %zero : tensor<f64> -> tensor<i1>
      %f = lax.convert %is : (tensor<i1>) -> tensor<f64>
      prob.yield "f" %f : tensor<f64>
    """
    return _normal(body, "relbo-pathwise")


def entropy() -> Program:
    """A square and an entropy of a Normal draw, by sticking the landing."""
    body = f"""
      %f = lax.square %z : tensor<f64>
      %l = prob.log_density %q at %z : {LAW}, tensor<f64> -> tensor<f64>
      %h = lax.neg %l : tensor<f64>
      prob.yield "f" %f, "h" %h : tensor<f64>, tensor<f64>
    """
    return _normal(body, "relbo-pathwise", "relbo-drop-zero-score{pathwise=true}")


def quotients() -> Program:
    """What canonicalization may take for a draw's noise, and is not: another scale divides."""
    body = """
      %w = lax.mul %s_, %z : tensor<f64>
      %d = lax.add %m_, %w : tensor<f64>
      %c = lax.sub %d, %m_ : tensor<f64>
      %f = lax.div %c, %m_ : tensor<f64>
      %n = lax.neg %z : tensor<f64>
      %nn = lax.neg %n : tensor<f64>
      prob.yield "f" %f, "n" %nn : tensor<f64>, tensor<f64>
    """
    return _normal(body, "relbo-canonicalize")


MATRIX = """
  %k = lax.constant "1.0, 2.0, -1.5, 0.5" : tensor<2x2xf64>
  %w = lax.broadcast_in_dim %p_ {dimensions = array<i64>} : (tensor<f64>) -> tensor<2x2xf64>
  %l = lax.constant "0.4, 0.9, -0.5, 1.1" : tensor<2x2xf64>
  %t = lax.mul %w, %l : tensor<2x2xf64>
  %q = dist.bernoulli_logits %t : (tensor<2x2xf64>) -> !prob.law<tensor<2x2xi32>>
  %z = prob.sample "z" from %q : !prob.law<tensor<2x2xi32>>
  %x = lax.convert %z : (tensor<2x2xi32>) -> tensor<2x2xf64>
  %y = lax.transpose %x {permutation = array<i64: 1, 0>} : (tensor<2x2xf64>) -> tensor<2x2xf64>
  %f = lax.mul %k, %y : tensor<2x2xf64>
  prob.yield "f" %f : tensor<2x2xf64>
"""


def a_matrix() -> Emitted:
    """Coins in rows and columns, which the addend reads transposed."""
    rows = text({"p": "real"}, MATRIX, {"p": 0.8}, *STEPS[1:3])
    return Emitted(rows.module, rows.arguments, rows.gradient, rows.steps)


TURN = """
  func.func @turn(%t: tensor<3xf64>) -> tensor<3xf64> {
    %r = lax.rev %t {dimensions = array<i64: 0>} : (tensor<3xf64>) -> tensor<3xf64>
    func.return %r : tensor<3xf64>
  }
"""
CALL = """
  %k = lax.constant "1.0, 2.0, -1.5" : tensor<3xf64>
  %w = lax.broadcast_in_dim %p_ {dimensions = array<i64>} : (tensor<f64>) -> tensor<3xf64>
  %t = lax.mul %w, %k : tensor<3xf64>
  %q = dist.bernoulli_logits %t : (tensor<3xf64>) -> !prob.law<tensor<3xi32>>
  %z = prob.sample "z" from %q : !prob.law<tensor<3xi32>>
  %x = lax.convert %z : (tensor<3xi32>) -> tensor<3xf64>
  %y = func.call @turn(%x) : (tensor<3xf64>) -> tensor<3xf64>
  %f = lax.mul %k, %y : tensor<3xf64>
  prob.yield "f" %f : tensor<3xf64>
"""


def a_call() -> Program:
    """Coins in a row, which a function of the module turns around."""
    return text({"p": "real"}, CALL, {"p": 0.8}, *STEPS[1:3], functions=TURN)


def emitted(program: Program) -> Emitted:
    """The program, held to its gradient as it is emitted."""
    return Emitted(program.module, program.arguments, program.gradient, program.steps)


PHI = """%phi: tensor<3xf64> {prob.role = #prob.parameter<#prob.name"phi", #prob.constraint<"real">>}"""
VECTOR = "!prob.law<tensor<3xi32>>"
PLATES = "{plates = [#prob.plate_axis<@N, -1>]}"
COMMON = """
  prob.plate @N {size = 6 : i64, subsample = 3 : i64}
  %w = lax.constant "1.7" : tensor<f64>
  %k = lax.constant "true, false, true" : tensor<3xi1>
"""
SITES = f"""
prob.func @model({PHI}) {{
  {COMMON}
  %p = lax.constant "0.3, 0.4, 0.6" : tensor<3xf64>
  %law = dist.bernoulli %p : (tensor<3xf64>) -> {VECTOR}
  %masked = dist.mask %law, %k : ({VECTOR}, tensor<3xi1>) -> {VECTOR}
  %z = prob.sample "z" from %masked scale %w {PLATES} : {VECTOR} scale tensor<f64>
  %x = lax.convert %z : (tensor<3xi32>) -> tensor<3xf64>
  %one = lax.constant "1.0" : tensor<3xf64>
  %y = lax.constant "0.3, 1.4, -0.6" : tensor<3xf64>
  %normal = dist.normal %x, %one : (tensor<3xf64>, tensor<3xf64>) -> !prob.law<tensor<3xf64>>
  prob.observe "y" %normal at %y scale %w {PLATES} : !prob.law<tensor<3xf64>>, tensor<3xf64> scale tensor<f64>
  prob.return
}}
prob.func @guide({PHI}) {{
  {COMMON}
  %law = dist.bernoulli_logits %phi : (tensor<3xf64>) -> {VECTOR}
  %masked = dist.mask %law, %k : ({VECTOR}, tensor<3xi1>) -> {VECTOR}
  %z = prob.sample "z" from %masked scale %w {PLATES} : {VECTOR} scale tensor<f64>
  %x = lax.convert %z : (tensor<3xi32>) -> tensor<3xf64>
  prob.factor "g" %x : tensor<3xf64>
  prob.return
}}
prob.elbo @elbo model(@model) guide(@guide)
"""


def sites() -> Program:
    """Sites with a mask, a scale and a minibatch's weight, and a factor of the guide."""
    return asked(parse_module(SITES), {"phi": [0.4, -0.3, 0.9]}, "relbo-score-function")


def sites_alone() -> Program:
    """The same, formed and no more."""
    formed = sites()
    return replace(formed, steps=formed.steps[:1])


def draws() -> Draws:
    """Three sites of one law."""
    law = "!prob.law<tensor<8xf64>>"
    lines = [f'%z{k} = prob.sample "z{k}" from %q : {law}' for k in range(3)]
    body = f"""
      %zero = lax.constant "0.0" : tensor<8xf64>
      %one = lax.constant "1.0" : tensor<8xf64>
      %q = dist.normal %zero, %one : (tensor<8xf64>, tensor<8xf64>) -> {law}
      {"".join(line + chr(10) for line in lines)}
      prob.yield "m" %m_ : tensor<f64>
    """
    return Draws(objective_module({"m": "real"}, body, "f32"))
