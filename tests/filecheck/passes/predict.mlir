// RUN: relbo-opt %s -p relbo-predict | filecheck %s

// Every choice and observation is drawn from the model's law; a guide in place is not.

prob.func @model(%y: tensor<3xf32> {prob.role = #prob.data<#prob.name"y">}, %s: tensor<f32> {prob.role = #prob.parameter<#prob.name"s", #prob.constraint<"positive">>}) {
  prob.plate @n {size = 3 : i64}
  %zero = lax.constant "0.0" : tensor<f32>
  %one = lax.constant "1.0" : tensor<f32>
  %p = dist.normal %zero, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample "z" from %p : !prob.law<tensor<f32>>
  %r = dist.normal %z, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %q = dist.normal %s, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %w = prob.sample "w" from %r guide %q : !prob.law<tensor<f32>>, !prob.law<tensor<f32>>
  %t = lax.add %z, %w : tensor<f32>
  prob.deterministic "sum" %t : tensor<f32>
  %l = dist.normal %t, %s : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %ls = dist.expand %l {shape = array<i64: 3>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<3xf32>>
  prob.observe "y" %ls at %y {plates = [#prob.plate_axis<@n, -1>]} : !prob.law<tensor<3xf32>>, tensor<3xf32>
  prob.return
}
prob.elbo @elbo model(@model)

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%0: tensor<3xf32> {prob.role = #prob.data<#prob.name"y">}, %1: tensor<f32> {prob.role = #prob.parameter<#prob.name"s", #prob.constraint<"positive">>}) -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<3xf32>) attributes {prob.result_names = [#prob.name"z", #prob.name"w", #prob.name"sum", #prob.name"y"]} {
// CHECK-NEXT:     prob.plate @n {size = 3 : i64}
// CHECK-NEXT:     %zero = lax.constant "0.0" : tensor<f32>
// CHECK-NEXT:     %one = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %p = dist.normal %zero, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %z = prob.sample "z" from %p : !prob.law<tensor<f32>>
// CHECK-NEXT:     %r = dist.normal %z, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %q = dist.normal %1, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %w = prob.sample "w" from %r : !prob.law<tensor<f32>>
// CHECK-NEXT:     %t = lax.add %z, %w : tensor<f32>
// CHECK-NEXT:     %l = dist.normal %t, %1 : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %ls = dist.expand %l {shape = array<i64: 3>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<3xf32>>
// CHECK-NEXT:     %2 = prob.sample "y" from %ls {plates = [#prob.plate_axis<@n, -1>]} : !prob.law<tensor<3xf32>>
// CHECK-NEXT:     prob.return %z, %w, %t, %2 : tensor<f32>, tensor<f32>, tensor<f32>, tensor<3xf32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
