// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p 'relbo-report{minibatches=true}' | filecheck %s

// A minibatch's indices are handed out under the plate's name, a point under its own.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.closure<#prob.name"m", #builtin.int<0>>}) -> (tensor<f32>) {
  prob.plate @N {size = 6 : i64, subsample = 2 : i64}
  %v = prob.gradient () : () -> (tensor<f32>) {
    %e = prob.expectation {
      %i = prob.subsample @N : tensor<2xi32>
      prob.deterministic "z" %m {point} : tensor<f32>
      prob.yield "f" %m : tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v : tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%m: tensor<f32> {prob.role = #prob.closure<#prob.name"m", #builtin.int<0>>}) -> (tensor<2xi32>, tensor<f32>) attributes {prob.result_names = [#prob.name"N", #prob.name"z"]} {
// CHECK-NEXT:     prob.plate @N {size = 6 : i64, subsample = 2 : i64}
// CHECK-NEXT:     %i = prob.subsample @N : tensor<2xi32>
// CHECK-NEXT:     prob.return %i, %m : tensor<2xi32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
