// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p relbo-report | filecheck %s

// One draw of the choices and of the named values.

// The choices keep their laws.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
      prob.deterministic "twice" %z : tensor<f32>
      %c = lax.square %z : tensor<f32>
      prob.yield "c" %c : tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) attributes {prob.result_names = [#prob.name"z", #prob.name"twice"]} {
// CHECK-NEXT:     %one = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %q = dist.normal %m, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
// CHECK-NEXT:     %c = lax.square %z : tensor<f32>
// CHECK-NEXT:     prob.return %z, %z : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// A function without a gradient is left alone.
prob.func @f(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) {
  prob.return
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @f(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) {
// CHECK-NEXT:     prob.return
// CHECK-NEXT:   }
// CHECK-NEXT: }
