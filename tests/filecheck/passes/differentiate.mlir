// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p relbo-differentiate | filecheck %s

// The gradient of the surrogate, written out.

// x².
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %v, %d = estim.value_and_grad (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %c = lax.square %m_ : tensor<f32>
    prob.yield_value %c : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %v = lax.square %m : tensor<f32>
// CHECK-NEXT:     %0 = lax.constant "2.0" : tensor<f32>
// CHECK-NEXT:     %1 = lax.mul %0, %m : tensor<f32>
// CHECK-NEXT:     %2 = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %d = lax.mul %2, %1 : tensor<f32>
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// A loop over particles is an error.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %v, %d = estim.value_and_grad (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %c = estim.replicate {
    ^bb0(%p: tensor<i32>):
      prob.yield_value %m_ : tensor<f32>
    } {size = 2 : i64} : tensor<f32>
    prob.yield_value %c : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      a loop over particles cannot be written out
// CHECK-NEXT:   remedy: use one particle, or leave relbo-differentiate out of the pipeline
