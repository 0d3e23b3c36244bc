// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p relbo-importance-weighted | filecheck %s

// A coin is scored, with a baseline for each sample.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %q = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
      %b = prob.sample "b" from %q : !prob.law<tensor<i32>>
      %x = lax.convert %b : (tensor<i32>) -> tensor<f32>
      %l = prob.log_density %q at %b : !prob.law<tensor<i32>>, tensor<i32> -> tensor<f32>
      %h = lax.neg %l : tensor<f32>
      prob.yield "x" %x, "b.entropy" %h : tensor<f32>, tensor<f32>
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
// CHECK-NEXT:         %q = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
// CHECK-NEXT:         %b = prob.sample "b" from %q {how = #prob.how<score>} : !prob.law<tensor<i32>>
// CHECK-NEXT:         %x = lax.convert %b : (tensor<i32>) -> tensor<f32>
// CHECK-NEXT:         %l = prob.log_density %q at %b : !prob.law<tensor<i32>>, tensor<i32> -> tensor<f32>
// CHECK-NEXT:         %h = lax.neg %l : tensor<f32>
// CHECK-NEXT:         %0 = lax.add %x, %h : tensor<f32>
// CHECK-NEXT:         %1 = estim.log_mean_exp %0 {samples = 8 : i64} : tensor<f32>
// CHECK-NEXT:         %2 = prob.log_density %q at %b : !prob.law<tensor<i32>>, tensor<i32> -> tensor<f32>
// CHECK-NEXT:         %3 = estim.vimco %0 {samples = 8 : i64} : tensor<f32>
// CHECK-NEXT:         %4 = lax.sub %1, %3 : tensor<f32>
// CHECK-NEXT:         %5 = lax.stop_gradient %4 : tensor<f32>
// CHECK-NEXT:         %6 = lax.constant "8.0" : tensor<f32>
// CHECK-NEXT:         %7 = lax.mul %5, %6 : tensor<f32>
// CHECK-NEXT:         %8 = lax.mul %7, %2 : tensor<f32>
// CHECK-NEXT:         %9 = estim.attach %1 gradient_of %8 : tensor<f32>
// CHECK-NEXT:         prob.yield "bound" %9 : tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// A Normal is reparameterized.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
      %f = lax.square %z : tensor<f32>
      %l = prob.log_density %q at %z : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
      %h = lax.neg %l : tensor<f32>
      prob.yield "f" %f, "z.entropy" %h : tensor<f32>, tensor<f32>
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
// CHECK-NEXT:         %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:         %z = prob.sample "z" from %q {how = #prob.how<pathwise>} : !prob.law<tensor<f32>>
// CHECK-NEXT:         %f = lax.square %z : tensor<f32>
// CHECK-NEXT:         %l = prob.log_density %q at %z : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
// CHECK-NEXT:         %h = lax.neg %l : tensor<f32>
// CHECK-NEXT:         %0 = lax.add %f, %h : tensor<f32>
// CHECK-NEXT:         %1 = estim.log_mean_exp %0 {samples = 8 : i64} : tensor<f32>
// CHECK-NEXT:         prob.yield "bound" %1 : tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// A choice that is treated already.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %q = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
      %b = prob.sample "b" from %q {how = #prob.how<score>} : !prob.law<tensor<i32>>
      %x = lax.convert %b : (tensor<i32>) -> tensor<f32>
      %l = prob.log_density %q at %b : !prob.law<tensor<i32>>, tensor<i32> -> tensor<f32>
      %h = lax.neg %l : tensor<f32>
      prob.yield "x" %x, "b.entropy" %h : tensor<f32>, tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      the choice is treated already: it is score
// CHECK-NEXT:   remedy: run relbo-importance-weighted before the passes that treat choices
// CHECK-NEXT:   at: site "b"
