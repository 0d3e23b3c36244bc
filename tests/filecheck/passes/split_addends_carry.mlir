// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p relbo-split-addends | filecheck %s

// A total in the carry of a loop becomes what it begins with and the terms, stacked.
func.func private @step(%c: tensor<f32>, %s: tensor<f32>, %x: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
  %g = lax.mul %s, %x : tensor<f32>
  %t = lax.sub %c, %g : tensor<f32>
  %n = lax.add %s, %x : tensor<f32>
  func.return %t, %n, %g : tensor<f32>, tensor<f32>, tensor<f32>
}
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
      %w = dist.expand %r {shape = array<i64: 4>} : (!prob.law<tensor<i32>>) -> !prob.law<tensor<4xi32>>
      %z = prob.sample "z" from %w : !prob.law<tensor<4xi32>>
      %x = lax.convert %z : (tensor<4xi32>) -> tensor<4xf32>
      %a, %b, %ys = lax.scan @step(%m_, %one, %x) {num_consts = 0 : i64, num_carry = 2 : i64, length = 4 : i64, reverse = false, unroll = 1 : i64} : (tensor<f32>, tensor<f32>, tensor<4xf32>) -> (tensor<f32>, tensor<f32>, tensor<4xf32>)
      prob.yield "c" %a, "d" %b : tensor<f32>, tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   func.func private @step(%s: tensor<f32>, %x: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %g = lax.mul %s, %x : tensor<f32>
// CHECK-NEXT:     %n = lax.add %s, %x : tensor<f32>
// CHECK-NEXT:     func.return %n, %g, %g : tensor<f32>, tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT:   prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %one = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %e = prob.expectation {
// CHECK-NEXT:         %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
// CHECK-NEXT:         %w = dist.expand %r {shape = array<i64: 4>} : (!prob.law<tensor<i32>>) -> !prob.law<tensor<4xi32>>
// CHECK-NEXT:         %z = prob.sample "z" from %w : !prob.law<tensor<4xi32>>
// CHECK-NEXT:         %x = lax.convert %z : (tensor<4xi32>) -> tensor<4xf32>
// CHECK-NEXT:         %b, %ys, %0 = lax.scan @step(%one, %x) {num_consts = 0 : i64, num_carry = 1 : i64, length = 4 : i64, reverse = false, unroll = 1 : i64} : (tensor<f32>, tensor<4xf32>) -> (tensor<f32>, tensor<4xf32>, tensor<4xf32>)
// CHECK-NEXT:         %1 = lax.reduce_sum %0 {axes = array<i64: 0>} : (tensor<4xf32>) -> tensor<f32>
// CHECK-NEXT:         %2 = lax.neg %1 : tensor<f32>
// CHECK-NEXT:         %a = lax.add %m_, %2 : tensor<f32>
// CHECK-NEXT:         %3 = lax.neg %0 : tensor<4xf32>
// CHECK-NEXT:         prob.yield "c" %m_, "c/1" %3, "d" %b : tensor<f32>, tensor<4xf32>, tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// A carry that the body reads elsewhere stays.
func.func private @step(%c: tensor<f32>, %x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %t = lax.add %c, %x : tensor<f32>
  func.return %t, %c : tensor<f32>, tensor<f32>
}
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
      %w = dist.expand %r {shape = array<i64: 4>} : (!prob.law<tensor<i32>>) -> !prob.law<tensor<4xi32>>
      %z = prob.sample "z" from %w : !prob.law<tensor<4xi32>>
      %x = lax.convert %z : (tensor<4xi32>) -> tensor<4xf32>
      %a, %ys = lax.scan @step(%m_, %x) {num_consts = 0 : i64, num_carry = 1 : i64, length = 4 : i64, reverse = false, unroll = 1 : i64} : (tensor<f32>, tensor<4xf32>) -> (tensor<f32>, tensor<4xf32>)
      prob.yield "c" %a : tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   func.func private @step(%c: tensor<f32>, %x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %t = lax.add %c, %x : tensor<f32>
// CHECK-NEXT:     func.return %t, %c : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT:   prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %e = prob.expectation {
// CHECK-NEXT:         %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
// CHECK-NEXT:         %w = dist.expand %r {shape = array<i64: 4>} : (!prob.law<tensor<i32>>) -> !prob.law<tensor<4xi32>>
// CHECK-NEXT:         %z = prob.sample "z" from %w : !prob.law<tensor<4xi32>>
// CHECK-NEXT:         %x = lax.convert %z : (tensor<4xi32>) -> tensor<4xf32>
// CHECK-NEXT:         %a, %ys = lax.scan @step(%m_, %x) {num_consts = 0 : i64, num_carry = 1 : i64, length = 4 : i64, reverse = false, unroll = 1 : i64} : (tensor<f32>, tensor<4xf32>) -> (tensor<f32>, tensor<4xf32>)
// CHECK-NEXT:         prob.yield "c" %a : tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
