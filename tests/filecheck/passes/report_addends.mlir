// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p 'relbo-report{addends=true}' | filecheck %s

// Every addend's sum.

// Two addends.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
      %w = lax.broadcast_in_dim %z {dimensions = array<i64>} : (tensor<f32>) -> tensor<2xf32>
      prob.yield "c" %z, "w" %w : tensor<f32>, tensor<2xf32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) attributes {prob.result_names = [#prob.name"c", #prob.name"w"]} {
// CHECK-NEXT:     %one = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %q = dist.normal %m, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
// CHECK-NEXT:     %w = lax.broadcast_in_dim %z {dimensions = array<i64>} : (tensor<f32>) -> tensor<2xf32>
// CHECK-NEXT:     %0 = lax.reduce_sum %w {axes = array<i64: 0>} : (tensor<2xf32>) -> tensor<f32>
// CHECK-NEXT:     prob.return %z, %0 : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
