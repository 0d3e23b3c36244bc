// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p relbo-unconstrain-params | filecheck %s

// Parameters become unconstrained coordinates.

// A positive parameter, and a real one, which is its own coordinate.
prob.func @elbo(%s: tensor<f32> {prob.role = #prob.parameter<#prob.name"s", #prob.constraint<"positive">>}, %m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
  %v, %ds, %dm = prob.gradient (%s_ = %s, %m_ = %m) : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %c = lax.mul %s_, %m_ : tensor<f32>
      prob.yield "c" %c : tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %ds, %dm : tensor<f32>, tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%0: tensor<f32> {prob.role = #prob.unconstrained<#prob.name"s", #prob.constraint<"positive">>}, %1: tensor<f32> {prob.role = #prob.unconstrained<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %v, %ds, %dm = prob.gradient (%2 = %0, %m_ = %1) : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %s_ = lax.exp %2 : tensor<f32>
// CHECK-NEXT:       %e = prob.expectation {
// CHECK-NEXT:         %c = lax.mul %s_, %m_ : tensor<f32>
// CHECK-NEXT:         prob.yield "c" %c : tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %ds, %dm : tensor<f32>, tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// A model has no gradient and keeps its parameters.
prob.func @guide(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"positive">>}) {
  prob.return
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @guide(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"positive">>}) {
// CHECK-NEXT:     prob.return
// CHECK-NEXT:   }
// CHECK-NEXT: }
