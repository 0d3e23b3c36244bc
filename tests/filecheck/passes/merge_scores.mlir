// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p relbo-merge-scores | filecheck %s

// What weighs one upstream, in one place.

// Addends that are weighed alike become one, and every upstream is weighed once.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
      %w = dist.expand %r {shape = array<i64: 4>} : (!prob.law<tensor<i32>>) -> !prob.law<tensor<4xi32>>
      %z = prob.sample "z" from %w {how = #prob.how<score>} : !prob.law<tensor<4xi32>>
      %x = lax.convert %z : (tensor<4xi32>) -> tensor<4xf32>
      %u = prob.log_density %w at %z : !prob.law<tensor<4xi32>>, tensor<4xi32> -> tensor<4xf32>
      %a = lax.exp %x : tensor<4xf32>
      %b = lax.sin %x : tensor<4xf32>
      %t = lax.reduce_sum %x {axes = array<i64: 0>} : (tensor<4xf32>) -> tensor<f32>
      %f = lax.exp %t : tensor<f32>
      %c = lax.broadcast_in_dim %f {dimensions = array<i64>} : (tensor<f32>) -> tensor<2xf32>
      %ma = estim.running_mean %a {state = #prob.name"a", decay = 0.5 : f64} : tensor<4xf32>
      %mb = estim.running_mean %b {state = #prob.name"b", decay = 0.5 : f64} : tensor<4xf32>
      %mc = estim.leave_one_out %c : tensor<2xf32>
      %sa = estim.score %a upstream(%u) baselines(%ma) {maps = [array<i64: 0>]} : tensor<4xf32>, (tensor<4xf32>) baselines(tensor<4xf32>)
      %sb = estim.score %b upstream(%u) baselines(%mb) {maps = [array<i64: 0>]} : tensor<4xf32>, (tensor<4xf32>) baselines(tensor<4xf32>)
      %sc = estim.score %c upstream(%u) baselines(%mc) {maps = [array<i64: -1>]} : tensor<2xf32>, (tensor<4xf32>) baselines(tensor<2xf32>)
      prob.yield "a" %sa, "b" %sb, "c" %sc, "one" %one : tensor<4xf32>, tensor<4xf32>, tensor<2xf32>, tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %one = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %e = prob.expectation {
// CHECK-NEXT:         %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
// CHECK-NEXT:         %w = dist.expand %r {shape = array<i64: 4>} : (!prob.law<tensor<i32>>) -> !prob.law<tensor<4xi32>>
// CHECK-NEXT:         %z = prob.sample "z" from %w {how = #prob.how<score>} : !prob.law<tensor<4xi32>>
// CHECK-NEXT:         %x = lax.convert %z : (tensor<4xi32>) -> tensor<4xf32>
// CHECK-NEXT:         %u = prob.log_density %w at %z : !prob.law<tensor<4xi32>>, tensor<4xi32> -> tensor<4xf32>
// CHECK-NEXT:         %a = lax.exp %x : tensor<4xf32>
// CHECK-NEXT:         %b = lax.sin %x : tensor<4xf32>
// CHECK-NEXT:         %t = lax.reduce_sum %x {axes = array<i64: 0>} : (tensor<4xf32>) -> tensor<f32>
// CHECK-NEXT:         %f = lax.exp %t : tensor<f32>
// CHECK-NEXT:         %c = lax.broadcast_in_dim %f {dimensions = array<i64>} : (tensor<f32>) -> tensor<2xf32>
// CHECK-NEXT:         %0 = lax.reduce_sum %c {axes = array<i64: 0>} : (tensor<2xf32>) -> tensor<f32>
// CHECK-NEXT:         %1 = lax.reduce_sum %c {axes = array<i64: 0>} : (tensor<2xf32>) -> tensor<f32>
// CHECK-NEXT:         %2 = lax.add %b, %a : tensor<4xf32>
// CHECK-NEXT:         %3 = lax.add %b, %a : tensor<4xf32>
// CHECK-NEXT:         %4 = estim.running_mean %3 {state = #prob.name"z", decay = 5.000000e-01 : f64} : tensor<4xf32>
// CHECK-NEXT:         %5 = lax.sub %2, %4 : tensor<4xf32>
// CHECK-NEXT:         %6 = lax.stop_gradient %5 : tensor<4xf32>
// CHECK-NEXT:         %7 = lax.mul %6, %u : tensor<4xf32>
// CHECK-NEXT:         %8 = lax.constant "0.0" : tensor<4xf32>
// CHECK-NEXT:         %9 = estim.attach %8 gradient_of %7 : tensor<4xf32>
// CHECK-NEXT:         %10 = estim.leave_one_out %1 : tensor<f32>
// CHECK-NEXT:         %11 = lax.sub %0, %10 : tensor<f32>
// CHECK-NEXT:         %12 = lax.stop_gradient %11 : tensor<f32>
// CHECK-NEXT:         %13 = lax.reduce_sum %u {axes = array<i64: 0>} : (tensor<4xf32>) -> tensor<f32>
// CHECK-NEXT:         %14 = lax.mul %12, %13 : tensor<f32>
// CHECK-NEXT:         %15 = lax.constant "0.0" : tensor<f32>
// CHECK-NEXT:         %16 = estim.attach %15 gradient_of %14 : tensor<f32>
// CHECK-NEXT:         prob.yield "one" %one, "a" %2, "c" %0, "z.score" %9, "z.score'" %16 : tensor<f32>, tensor<4xf32>, tensor<f32>, tensor<4xf32>, tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
