// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p 'relbo-lower-estimators{particles=2}' | filecheck %s

// The mean of two draws.

// The loop holds the draws; each particle has a key of its own.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}, %key: !rng.key {prob.role = #prob.seed}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %k = rng.site_keys %key {sites = [#prob.name"z"]} : tensor<1x!rng.key>
      %n = rng.normal %k : tensor<1x!rng.key> -> tensor<1xf32>
      %z = lax.reshape %n : (tensor<1xf32>) -> tensor<f32>
      %c = lax.mul %z, %m_ : tensor<f32>
      prob.yield "c" %c : tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}, %key: !rng.key {prob.role = #prob.seed}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %v, %d = estim.value_and_grad (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %e = estim.replicate {
// CHECK-NEXT:       ^bb0(%0: tensor<i32>):
// CHECK-NEXT:         %1 = rng.particle_key %key, %0 : tensor<i32>
// CHECK-NEXT:         %k = rng.site_keys %1 {sites = [#prob.name"z"]} : tensor<1x!rng.key>
// CHECK-NEXT:         %n = rng.normal %k : tensor<1x!rng.key> -> tensor<1xf32>
// CHECK-NEXT:         %z = lax.reshape %n : (tensor<1xf32>) -> tensor<f32>
// CHECK-NEXT:         %c = lax.mul %z, %m_ : tensor<f32>
// CHECK-NEXT:         prob.yield_value %c : tensor<f32>
// CHECK-NEXT:       } {size = 2 : i64} : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
