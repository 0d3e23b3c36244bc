// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p relbo-lower-estimators | filecheck %s

// Weights and expectations become one surrogate.

// A score with a summed and an aligned upstream, and an attached gradient.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %c = lax.broadcast_in_dim %m_ {dimensions = array<i64>} : (tensor<f32>) -> tensor<2xf32>
      %u = lax.sin %c : tensor<2xf32>
      %s = estim.score %c upstream(%u, %c) {maps = [array<i64: -1>, array<i64: 0>]} : tensor<2xf32>, (tensor<2xf32>, tensor<2xf32>)
      %a = estim.attach %m_ gradient_of %m_ : tensor<f32>
      prob.yield "s" %s, "a" %a : tensor<2xf32>, tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %v, %d = estim.value_and_grad (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %c = lax.broadcast_in_dim %m_ {dimensions = array<i64>} : (tensor<f32>) -> tensor<2xf32>
// CHECK-NEXT:       %u = lax.sin %c : tensor<2xf32>
// CHECK-NEXT:       %0 = lax.reduce_sum %u {axes = array<i64: 0>} : (tensor<2xf32>) -> tensor<f32>
// CHECK-NEXT:       %1 = lax.broadcast_in_dim %c {dimensions = array<i64: 0>} : (tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:       %2 = lax.broadcast_in_dim %0 {dimensions = array<i64>} : (tensor<f32>) -> tensor<2xf32>
// CHECK-NEXT:       %3 = lax.add %2, %1 : tensor<2xf32>
// CHECK-NEXT:       %4 = lax.stop_gradient %c : tensor<2xf32>
// CHECK-NEXT:       %5 = lax.stop_gradient %3 : tensor<2xf32>
// CHECK-NEXT:       %6 = lax.sub %3, %5 : tensor<2xf32>
// CHECK-NEXT:       %7 = lax.mul %4, %6 : tensor<2xf32>
// CHECK-NEXT:       %s = lax.add %c, %7 : tensor<2xf32>
// CHECK-NEXT:       %8 = lax.stop_gradient %m_ : tensor<f32>
// CHECK-NEXT:       %9 = lax.sub %m_, %8 : tensor<f32>
// CHECK-NEXT:       %a = lax.add %m_, %9 : tensor<f32>
// CHECK-NEXT:       %10 = lax.reduce_sum %s {axes = array<i64: 0>} : (tensor<2xf32>) -> tensor<f32>
// CHECK-NEXT:       %e = lax.add %10, %a : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// A baseline takes the place of the value.
func.func @centred(%c: tensor<f32>, %u: tensor<f32>, %b: tensor<f32>) -> tensor<f32> {
  %s = estim.score %c upstream(%u) baselines(%b) {maps = [array<i64>]} : tensor<f32>, (tensor<f32>) baselines (tensor<f32>)
  func.return %s : tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   func.func @centred(%c: tensor<f32>, %u: tensor<f32>, %b: tensor<f32>) -> tensor<f32> {
// CHECK-NEXT:     %0 = lax.sub %c, %b : tensor<f32>
// CHECK-NEXT:     %1 = lax.stop_gradient %0 : tensor<f32>
// CHECK-NEXT:     %2 = lax.stop_gradient %u : tensor<f32>
// CHECK-NEXT:     %3 = lax.sub %u, %2 : tensor<f32>
// CHECK-NEXT:     %4 = lax.mul %1, %3 : tensor<f32>
// CHECK-NEXT:     %s = lax.add %c, %4 : tensor<f32>
// CHECK-NEXT:     func.return %s : tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// A choice that is left is an error.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %z = prob.sample "z" from %q {how = #prob.how<score>} : !prob.law<tensor<f32>>
      %c = lax.square %z : tensor<f32>
      prob.yield "c" %c : tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      a choice is left
// CHECK-NEXT:   remedy: run relbo-lower-sampling or relbo-externalize-draws first
// CHECK-NEXT:   at: site "z"
