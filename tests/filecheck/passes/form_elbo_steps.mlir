// RUN: relbo-opt %s -p relbo-form-elbo | filecheck %s

// The guide's loop draws; of the model's loop nothing is left, as its draws are the guide's.
prob.func @model(%y: tensor<3xf32> {prob.role = #prob.data<#prob.name"y">}) {
  %one = lax.constant "1.0" : tensor<f32>
  %zero = lax.constant "0.0" : tensor<f32>
  %zs = prob.scan (%before = %zero) rows () {length = 3 : i64, reverse = false} : (tensor<f32>) -> tensor<3xf32> {
    %p = dist.normal %before, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
    %d = prob.draw "z" from %p : !prob.law<tensor<f32>>
    prob.yield_value %d, %d : tensor<f32>, tensor<f32>
  }
  %p = dist.normal %zs, %one : (tensor<3xf32>, tensor<f32>) -> !prob.law<tensor<3xf32>>
  %z = prob.sample "z" from %p drawn %zs : !prob.law<tensor<3xf32>> drawn tensor<3xf32>
  prob.return
}
prob.func @guide(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) {
  %one = lax.constant "1.0" : tensor<f32>
  %zs = prob.scan (%before = %m) rows () {length = 3 : i64, reverse = false} : (tensor<f32>) -> tensor<3xf32> {
    %q = dist.normal %before, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
    %d = prob.draw "z" from %q : !prob.law<tensor<f32>>
    prob.yield_value %d, %d : tensor<f32>, tensor<f32>
  }
  %q = dist.normal %zs, %one : (tensor<3xf32>, tensor<f32>) -> !prob.law<tensor<3xf32>>
  %z = prob.sample "z" from %q drawn %zs : !prob.law<tensor<3xf32>> drawn tensor<3xf32>
  prob.return
}
prob.elbo @elbo model(@model) guide(@guide)

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%0: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}, %1: tensor<3xf32> {prob.role = #prob.data<#prob.name"y">}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %2, %3 = prob.gradient (%4 = %0) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %5 = prob.expectation {
// CHECK-NEXT:         %one = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:         %zs = prob.scan (%before = %4) rows () {length = 3 : i64, reverse = false} : (tensor<f32>) -> tensor<3xf32> {
// CHECK-NEXT:           %q = dist.normal %before, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:           %d = prob.draw "z" from %q : !prob.law<tensor<f32>>
// CHECK-NEXT:           prob.yield_value %d, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:         }
// CHECK-NEXT:         %q_1 = dist.normal %zs, %one : (tensor<3xf32>, tensor<f32>) -> !prob.law<tensor<3xf32>>
// CHECK-NEXT:         %6 = prob.sample "z" from %q_1 drawn %zs : !prob.law<tensor<3xf32>> drawn tensor<3xf32>
// CHECK-NEXT:         %7 = prob.log_density %q_1 at %6 : !prob.law<tensor<3xf32>>, tensor<3xf32> -> tensor<3xf32>
// CHECK-NEXT:         %8 = lax.neg %7 : tensor<3xf32>
// CHECK-NEXT:         %one_1 = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:         %zero = lax.constant "0.0" : tensor<f32>
// CHECK-NEXT:         %p = dist.normal %6, %one_1 : (tensor<3xf32>, tensor<f32>) -> !prob.law<tensor<3xf32>>
// CHECK-NEXT:         %9 = prob.log_density %p at %6 : !prob.law<tensor<3xf32>>, tensor<3xf32> -> tensor<3xf32>
// CHECK-NEXT:         prob.yield "z.entropy" %8, "z.prior" %9 : tensor<3xf32>, tensor<3xf32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %5 : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %2, %3 : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
