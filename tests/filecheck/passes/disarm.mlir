// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p relbo-disarm | filecheck %s

// A coin that the law of another choice reads is left; the other is evaluated at its twin too.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
      %a = prob.sample "a" from %r : !prob.law<tensor<i32>>
      %x = lax.convert %a : (tensor<i32>) -> tensor<f32>
      %s = dist.bernoulli_logits %x : (tensor<f32>) -> !prob.law<tensor<i32>>
      %w = dist.expand %s {shape = array<i64: 4>} : (!prob.law<tensor<i32>>) -> !prob.law<tensor<4xi32>>
      %b = prob.sample "b" from %w : !prob.law<tensor<4xi32>>
      %y = lax.convert %b : (tensor<4xi32>) -> tensor<4xf32>
      %c = lax.exp %y : tensor<4xf32>
      prob.yield "x" %x, "c" %c : tensor<f32>, tensor<4xf32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %e = prob.expectation {
// CHECK-NEXT:         %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
// CHECK-NEXT:         %a = prob.sample "a" from %r : !prob.law<tensor<i32>>
// CHECK-NEXT:         %x = lax.convert %a : (tensor<i32>) -> tensor<f32>
// CHECK-NEXT:         %s = dist.bernoulli_logits %x : (tensor<f32>) -> !prob.law<tensor<i32>>
// CHECK-NEXT:         %w = dist.expand %s {shape = array<i64: 4>} : (!prob.law<tensor<i32>>) -> !prob.law<tensor<4xi32>>
// CHECK-NEXT:         %b = prob.sample "b" from %w {how = #prob.how<disarm>} : !prob.law<tensor<4xi32>>
// CHECK-NEXT:         %0 = estim.antithetic %b : tensor<4xi32>
// CHECK-NEXT:         %1 = lax.convert %b : (tensor<4xi32>) -> tensor<4xf32>
// CHECK-NEXT:         %2 = lax.convert %0 : (tensor<4xi32>) -> tensor<4xf32>
// CHECK-NEXT:         %3 = lax.sub %1, %2 : tensor<4xf32>
// CHECK-NEXT:         %4 = lax.broadcast_in_dim %x {dimensions = array<i64>} : (tensor<f32>) -> tensor<4xf32>
// CHECK-NEXT:         %5 = lax.abs %4 : tensor<4xf32>
// CHECK-NEXT:         %6 = lax.logistic %5 : tensor<4xf32>
// CHECK-NEXT:         %7 = lax.mul %3, %6 : tensor<4xf32>
// CHECK-NEXT:         %8 = lax.stop_gradient %7 : tensor<4xf32>
// CHECK-NEXT:         %9 = lax.mul %8, %4 : tensor<4xf32>
// CHECK-NEXT:         %y = lax.convert %b : (tensor<4xi32>) -> tensor<4xf32>
// CHECK-NEXT:         %y_1 = lax.convert %0 : (tensor<4xi32>) -> tensor<4xf32>
// CHECK-NEXT:         %c = lax.exp %y : tensor<4xf32>
// CHECK-NEXT:         %c_1 = lax.exp %y_1 : tensor<4xf32>
// CHECK-NEXT:         %10 = lax.sub %c, %c_1 : tensor<4xf32>
// CHECK-NEXT:         %11 = lax.constant "0.5" : tensor<4xf32>
// CHECK-NEXT:         %12 = lax.mul %10, %11 : tensor<4xf32>
// CHECK-NEXT:         %13 = lax.stop_gradient %12 : tensor<4xf32>
// CHECK-NEXT:         %14 = lax.broadcast_in_dim %9 {dimensions = array<i64: 0>} : (tensor<4xf32>) -> tensor<4xf32>
// CHECK-NEXT:         %15 = lax.add %c, %c_1 : tensor<4xf32>
// CHECK-NEXT:         %16 = lax.constant "0.5" : tensor<4xf32>
// CHECK-NEXT:         %17 = lax.mul %15, %16 : tensor<4xf32>
// CHECK-NEXT:         %18 = lax.mul %13, %14 : tensor<4xf32>
// CHECK-NEXT:         %19 = estim.attach %17 gradient_of %18 : tensor<4xf32>
// CHECK-NEXT:         prob.yield "x" %x, "c" %19 : tensor<f32>, tensor<4xf32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// A planned choice that cannot be treated so.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %z = prob.sample "z" from %q {plan = #prob.how<disarm>} : !prob.law<tensor<f32>>
      prob.yield "z" %z : tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      the choice cannot be treated by DisARM: its law is not Bernoulli
// CHECK-NEXT:   remedy: leave it to the score function
// CHECK-NEXT:   at: site "z"
