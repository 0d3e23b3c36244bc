// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p 'relbo-importance-weighted{samples=4 gradient="doubly-reparameterized"}' | filecheck %s

// What moves through the draw has its share squared; the law's own density is taken out of the rest.
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
// CHECK-NEXT:         %0 = lax.stop_gradient %z : tensor<f32>
// CHECK-NEXT:         %f = lax.square %z : tensor<f32>
// CHECK-NEXT:         %f_1 = lax.square %0 : tensor<f32>
// CHECK-NEXT:         %l = prob.log_density %q at %z : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
// CHECK-NEXT:         %l_1 = prob.log_density %q at %0 : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
// CHECK-NEXT:         %h = lax.neg %l : tensor<f32>
// CHECK-NEXT:         %h_1 = lax.neg %l_1 : tensor<f32>
// CHECK-NEXT:         %1 = lax.add %f, %h : tensor<f32>
// CHECK-NEXT:         %2 = lax.add %f_1, %h_1 : tensor<f32>
// CHECK-NEXT:         %3 = estim.log_mean_exp %1 {samples = 4 : i64} : tensor<f32>
// CHECK-NEXT:         %4 = lax.add %2, %l_1 : tensor<f32>
// CHECK-NEXT:         %5 = lax.sub %1, %3 : tensor<f32>
// CHECK-NEXT:         %6 = lax.exp %5 : tensor<f32>
// CHECK-NEXT:         %7 = lax.stop_gradient %6 : tensor<f32>
// CHECK-NEXT:         %8 = lax.mul %7, %4 : tensor<f32>
// CHECK-NEXT:         %9 = lax.mul %7, %7 : tensor<f32>
// CHECK-NEXT:         %10 = lax.constant "0.25" : tensor<f32>
// CHECK-NEXT:         %11 = lax.mul %9, %10 : tensor<f32>
// CHECK-NEXT:         %12 = lax.sub %1, %2 : tensor<f32>
// CHECK-NEXT:         %13 = lax.mul %11, %12 : tensor<f32>
// CHECK-NEXT:         %14 = lax.add %8, %13 : tensor<f32>
// CHECK-NEXT:         %15 = lax.stop_gradient %3 : tensor<f32>
// CHECK-NEXT:         %16 = estim.attach %15 gradient_of %14 : tensor<f32>
// CHECK-NEXT:         prob.yield "bound" %16 : tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// A coin has no reparameterization.
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

// CHECK:      the choice is scored, so its gradient cannot be reparameterized twice
// CHECK-NEXT:   remedy: use gradient="reparameterized" of relbo-importance-weighted
// CHECK-NEXT:   at: site "b"
