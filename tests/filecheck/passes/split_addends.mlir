// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p relbo-split-addends | filecheck %s

// Addends become more and smaller ones.

// A mean of a sum, and a factor that no choice reaches.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
      %w = dist.expand %r {shape = array<i64: 4>} : (!prob.law<tensor<i32>>) -> !prob.law<tensor<4xi32>>
      %z = prob.sample "z" from %w : !prob.law<tensor<4xi32>>
      %x = lax.convert %z : (tensor<4xi32>) -> tensor<4xf32>
      %a = lax.exp %x : tensor<4xf32>
      %s = lax.sub %a, %x : tensor<4xf32>
      %t = lax.reduce_sum %s {axes = array<i64: 0>} : (tensor<4xf32>) -> tensor<f32>
      %four = lax.constant "4.0" : tensor<f32>
      %u = lax.div %t, %four : tensor<f32>
      %h = lax.mul %u, %m_ : tensor<f32>
      prob.yield "c" %h : tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %one = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %e = prob.expectation {
// CHECK-NEXT:         %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
// CHECK-NEXT:         %w = dist.expand %r {shape = array<i64: 4>} : (!prob.law<tensor<i32>>) -> !prob.law<tensor<4xi32>>
// CHECK-NEXT:         %z = prob.sample "z" from %w : !prob.law<tensor<4xi32>>
// CHECK-NEXT:         %x = lax.convert %z : (tensor<4xi32>) -> tensor<4xf32>
// CHECK-NEXT:         %a = lax.exp %x : tensor<4xf32>
// CHECK-NEXT:         %s = lax.sub %a, %x : tensor<4xf32>
// CHECK-NEXT:         %t = lax.reduce_sum %s {axes = array<i64: 0>} : (tensor<4xf32>) -> tensor<f32>
// CHECK-NEXT:         %four = lax.constant "4.0" : tensor<f32>
// CHECK-NEXT:         %u = lax.div %t, %four : tensor<f32>
// CHECK-NEXT:         %h = lax.mul %u, %m_ : tensor<f32>
// CHECK-NEXT:         %0 = lax.neg %x : tensor<4xf32>
// CHECK-NEXT:         %1 = lax.constant "4.0" : tensor<4xf32>
// CHECK-NEXT:         %2 = lax.div %a, %1 : tensor<4xf32>
// CHECK-NEXT:         %3 = lax.constant "4.0" : tensor<4xf32>
// CHECK-NEXT:         %4 = lax.div %0, %3 : tensor<4xf32>
// CHECK-NEXT:         %5 = lax.broadcast_in_dim %m_ {dimensions = array<i64>} : (tensor<f32>) -> tensor<4xf32>
// CHECK-NEXT:         %6 = lax.mul %2, %5 : tensor<4xf32>
// CHECK-NEXT:         %7 = lax.broadcast_in_dim %m_ {dimensions = array<i64>} : (tensor<f32>) -> tensor<4xf32>
// CHECK-NEXT:         %8 = lax.mul %4, %7 : tensor<4xf32>
// CHECK-NEXT:         prob.yield "c" %6, "c/1" %8 : tensor<4xf32>, tensor<4xf32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// A contraction becomes its terms, an independent event its elements.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
      %w = dist.expand %r {shape = array<i64: 4>} : (!prob.law<tensor<i32>>) -> !prob.law<tensor<4xi32>>
      %z = prob.sample "z" from %w : !prob.law<tensor<4xi32>>
      %x = lax.convert %z : (tensor<4xi32>) -> tensor<4xf32>
      %k = lax.constant "1.0, 2.0, 3.0, 4.0" : tensor<4xf32>
      %t = lax.dot_general %k, %x {x_contract = array<i64: 0>, y_contract = array<i64: 0>, x_batch = array<i64>, y_batch = array<i64>} : (tensor<4xf32>, tensor<4xf32>) -> tensor<f32>
      %i = dist.independent %w {rank = 1 : i64} : (!prob.law<tensor<4xi32>>) -> !prob.law<tensor<4xi32>, event_rank = 1>
      %l = prob.log_density %i at %z : !prob.law<tensor<4xi32>, event_rank = 1>, tensor<4xi32> -> tensor<f32>
      prob.yield "c" %t, "l" %l : tensor<f32>, tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %one = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %e = prob.expectation {
// CHECK-NEXT:         %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
// CHECK-NEXT:         %w = dist.expand %r {shape = array<i64: 4>} : (!prob.law<tensor<i32>>) -> !prob.law<tensor<4xi32>>
// CHECK-NEXT:         %z = prob.sample "z" from %w : !prob.law<tensor<4xi32>>
// CHECK-NEXT:         %x = lax.convert %z : (tensor<4xi32>) -> tensor<4xf32>
// CHECK-NEXT:         %k = lax.constant "1.0, 2.0, 3.0, 4.0" : tensor<4xf32>
// CHECK-NEXT:         %t = lax.dot_general %k, %x {x_contract = array<i64: 0>, y_contract = array<i64: 0>, x_batch = array<i64>, y_batch = array<i64>} : (tensor<4xf32>, tensor<4xf32>) -> tensor<f32>
// CHECK-NEXT:         %i = dist.independent %w {rank = 1 : i64} : (!prob.law<tensor<4xi32>>) -> !prob.law<tensor<4xi32>, event_rank = 1>
// CHECK-NEXT:         %l = prob.log_density %i at %z : !prob.law<tensor<4xi32>, event_rank = 1>, tensor<4xi32> -> tensor<f32>
// CHECK-NEXT:         %0 = lax.broadcast_in_dim %x {dimensions = array<i64: 0>} : (tensor<4xf32>) -> tensor<4xf32>
// CHECK-NEXT:         %1 = lax.mul %k, %0 : tensor<4xf32>
// CHECK-NEXT:         %2 = prob.log_density %w at %z : !prob.law<tensor<4xi32>>, tensor<4xi32> -> tensor<4xf32>
// CHECK-NEXT:         prob.yield "c" %1, "l" %2 : tensor<4xf32>, tensor<4xf32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// What is not linear stays, and so does an addend without choices that could be scored.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
      %w = dist.expand %r {shape = array<i64: 4>} : (!prob.law<tensor<i32>>) -> !prob.law<tensor<4xi32>>
      %z = prob.sample "z" from %w : !prob.law<tensor<4xi32>>
      %x = lax.convert %z : (tensor<4xi32>) -> tensor<4xf32>
      %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %y = prob.sample "y" from %q {how = #prob.how<pathwise>} : !prob.law<tensor<f32>>
      %t = lax.reduce_sum %x {axes = array<i64: 0>} : (tensor<4xf32>) -> tensor<f32>
      %a = lax.exp %t : tensor<f32>
      %b = lax.add %y, %m_ : tensor<f32>
      prob.yield "c" %a, "d" %b : tensor<f32>, tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %one = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %e = prob.expectation {
// CHECK-NEXT:         %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
// CHECK-NEXT:         %w = dist.expand %r {shape = array<i64: 4>} : (!prob.law<tensor<i32>>) -> !prob.law<tensor<4xi32>>
// CHECK-NEXT:         %z = prob.sample "z" from %w : !prob.law<tensor<4xi32>>
// CHECK-NEXT:         %x = lax.convert %z : (tensor<4xi32>) -> tensor<4xf32>
// CHECK-NEXT:         %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:         %y = prob.sample "y" from %q {how = #prob.how<pathwise>} : !prob.law<tensor<f32>>
// CHECK-NEXT:         %t = lax.reduce_sum %x {axes = array<i64: 0>} : (tensor<4xf32>) -> tensor<f32>
// CHECK-NEXT:         %a = lax.exp %t : tensor<f32>
// CHECK-NEXT:         %b = lax.add %y, %m_ : tensor<f32>
// CHECK-NEXT:         prob.yield "c" %a, "d" %b : tensor<f32>, tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
