// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p relbo-canonicalize | filecheck %s

// Equations; what is dead goes.

// Each pattern once, and what is left alone: x + 0 is not x for x = −0, a draw is not `Pure`.
func.func @equations(%x: tensor<3xf32>, %u: tensor<f32>, %q: !prob.law<tensor<f32>>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
  %one = lax.constant "1.0" : tensor<3xf32>
  %zero = lax.constant "0.0" : tensor<3xf32>
  %n = lax.neg %x : tensor<3xf32>
  %nn = lax.neg %n : tensor<3xf32>
  %m = lax.mul %one, %nn : tensor<3xf32>
  %q1 = lax.div %m, %one : tensor<3xf32>
  %e = lax.exp %x : tensor<3xf32>
  %le = lax.log %e : tensor<3xf32>
  %b = lax.broadcast_in_dim %x {dimensions = array<i64: 0>} : (tensor<3xf32>) -> tensor<3xf32>
  %r = lax.reshape %b : (tensor<3xf32>) -> tensor<3xf32>
  %c = lax.convert %r : (tensor<3xf32>) -> tensor<3xf32>
  %p = lax.pad %c, %u {low = array<i64: 0>, high = array<i64: 0>, interior = array<i64: 0>} : (tensor<3xf32>, tensor<f32>) -> tensor<3xf32>
  %s = lax.reduce_sum %p {axes = array<i64>} : (tensor<3xf32>) -> tensor<3xf32>
  %moved = lax.pad %x, %u {low = array<i64: 1>, high = array<i64: -1>, interior = array<i64: 0>} : (tensor<3xf32>, tensor<f32>) -> tensor<3xf32>
  %kept = lax.add %x, %zero : tensor<3xf32>
  %i = lax.div %one, %x : tensor<3xf32>
  %dead = lax.sin %x : tensor<3xf32>
  %draw = prob.sample "z" from %q : !prob.law<tensor<f32>>
  func.return %q1, %le, %s, %kept, %i, %moved : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   func.func @equations(%x: tensor<3xf32>, %u: tensor<f32>, %q: !prob.law<tensor<f32>>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
// CHECK-NEXT:     %one = lax.constant "1.0" : tensor<3xf32>
// CHECK-NEXT:     %zero = lax.constant "0.0" : tensor<3xf32>
// CHECK-NEXT:     %moved = lax.pad %x, %u {low = array<i64: 1>, high = array<i64: -1>, interior = array<i64: 0>} : (tensor<3xf32>, tensor<f32>) -> tensor<3xf32>
// CHECK-NEXT:     %kept = lax.add %x, %zero : tensor<3xf32>
// CHECK-NEXT:     %i = lax.div %one, %x : tensor<3xf32>
// CHECK-NEXT:     %draw = prob.sample "z" from %q : !prob.law<tensor<f32>>
// CHECK-NEXT:     func.return %x, %x, %x, %kept, %i, %moved : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// Nested scores merge, with baselines they do not; nested expansions merge.
func.func @weights(%c: tensor<f32>, %u: tensor<f32>, %v: tensor<2xf32>, %l: !prob.law<tensor<f32>>, %y: tensor<3x2xf32>) -> (tensor<f32>, tensor<f32>, tensor<3x2xf32>) {
  %s = estim.score %c upstream(%u) {maps = [array<i64>]} : tensor<f32>, (tensor<f32>)
  %t = estim.score %s upstream(%v) {maps = [array<i64: -1>]} : tensor<f32>, (tensor<2xf32>)
  %b = estim.score %s upstream(%u) baselines(%u) {maps = [array<i64>]} : tensor<f32>, (tensor<f32>) baselines (tensor<f32>)
  %x1 = dist.expand %l {shape = array<i64: 2>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<2xf32>>
  %x2 = dist.expand %x1 {shape = array<i64: 3, 2>} : (!prob.law<tensor<2xf32>>) -> !prob.law<tensor<3x2xf32>>
  %d = prob.log_density %x2 at %y : !prob.law<tensor<3x2xf32>>, tensor<3x2xf32> -> tensor<3x2xf32>
  func.return %t, %b, %d : tensor<f32>, tensor<f32>, tensor<3x2xf32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   func.func @weights(%c: tensor<f32>, %u: tensor<f32>, %v: tensor<2xf32>, %l: !prob.law<tensor<f32>>, %y: tensor<3x2xf32>) -> (tensor<f32>, tensor<f32>, tensor<3x2xf32>) {
// CHECK-NEXT:     %s = estim.score %c upstream(%u) {maps = [array<i64>]} : tensor<f32>, (tensor<f32>)
// CHECK-NEXT:     %t = estim.score %c upstream(%u, %v) {maps = [array<i64>, array<i64: -1>]} : tensor<f32>, (tensor<f32>, tensor<2xf32>)
// CHECK-NEXT:     %b = estim.score %s upstream(%u) baselines(%u) {maps = [array<i64>]} : tensor<f32>, (tensor<f32>) baselines(tensor<f32>)
// CHECK-NEXT:     %x2 = dist.expand %l {shape = array<i64: 3, 2>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<3x2xf32>>
// CHECK-NEXT:     %d = prob.log_density %x2 at %y : !prob.law<tensor<3x2xf32>>, tensor<3x2xf32> -> tensor<3x2xf32>
// CHECK-NEXT:     func.return %t, %b, %d : tensor<f32>, tensor<f32>, tensor<3x2xf32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// Logarithms of a logistic: the odds are x, and neither part is the logarithm of a number that rounds to 0.
func.func @logistic(%x: tensor<f32>, %c: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
  %y = lax.logistic %x : tensor<f32>
  %n = lax.neg %y : tensor<f32>
  %a = lax.log %y : tensor<f32>
  %b = lax.log1p %n : tensor<f32>
  %odds = lax.sub %a, %b : tensor<f32>
  %ca = lax.xlogy %c, %y : tensor<f32>
  %cb = lax.xlog1py %c, %n : tensor<f32>
  func.return %odds, %ca, %cb : tensor<f32>, tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   func.func @logistic(%x: tensor<f32>, %c: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %y = lax.logistic %x : tensor<f32>
// CHECK-NEXT:     %n = lax.neg %y : tensor<f32>
// CHECK-NEXT:     %ca = lax.xlogy %c, %y : tensor<f32>
// CHECK-NEXT:     %cb = lax.xlog1py %c, %n : tensor<f32>
// CHECK-NEXT:     func.return %x, %ca, %cb : tensor<f32>, tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// A softplus is taken back: y + log(1 − exp(−y)) is x. Of two other numbers, nothing is.
func.func @softplus(%x: tensor<f32>, %z: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %y = lax.softplus %x : tensor<f32>
  %n = lax.neg %y : tensor<f32>
  %e = lax.expm1 %n : tensor<f32>
  %m = lax.neg %e : tensor<f32>
  %l = lax.log %m : tensor<f32>
  %back = lax.add %y, %l : tensor<f32>
  %other = lax.softplus %z : tensor<f32>
  %kept = lax.add %other, %l : tensor<f32>
  func.return %back, %kept : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   func.func @softplus(%x: tensor<f32>, %z: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %l = lax.neg %x : tensor<f32>
// CHECK-NEXT:     %l_1 = lax.softplus %l : tensor<f32>
// CHECK-NEXT:     %l_2 = lax.neg %l_1 : tensor<f32>
// CHECK-NEXT:     %other = lax.softplus %z : tensor<f32>
// CHECK-NEXT:     %kept = lax.add %other, %l_2 : tensor<f32>
// CHECK-NEXT:     func.return %x, %kept : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// A draw that its own law scores gives its noise back, scaled or at location 0; other differences stay.
func.func @draws(%l: tensor<f32>, %s: tensor<f32>, %e: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
  %scaled = lax.mul %s, %e : tensor<f32>
  %x = lax.add %l, %scaled : tensor<f32>
  %c = lax.sub %x, %l : tensor<f32>
  %z = lax.div %c, %s : tensor<f32>
  %zero = lax.constant "0.0" : tensor<f32>
  %y = lax.add %zero, %e : tensor<f32>
  %d = lax.sub %y, %zero : tensor<f32>
  %kept = lax.sub %l, %y : tensor<f32>
  func.return %z, %d, %kept : tensor<f32>, tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   func.func @draws(%l: tensor<f32>, %s: tensor<f32>, %e: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %zero = lax.constant "0.0" : tensor<f32>
// CHECK-NEXT:     %y = lax.add %zero, %e : tensor<f32>
// CHECK-NEXT:     %kept = lax.sub %l, %y : tensor<f32>
// CHECK-NEXT:     func.return %e, %e, %kept : tensor<f32>, tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
