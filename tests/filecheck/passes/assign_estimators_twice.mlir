// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p 'relbo-assign-estimators{score="z*" pathwise=z}' | filecheck %s

// A choice that both options name.

// An error with its site.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
      %c = lax.square %z : tensor<f32>
      prob.yield "c" %c : tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      the choice is named for the score function and for pathwise
// CHECK-NEXT:   remedy: name it once
// CHECK-NEXT:   at: site "z"
