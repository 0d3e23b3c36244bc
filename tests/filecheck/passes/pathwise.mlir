// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p relbo-pathwise | filecheck %s

// Undecided choices whose draws are differentiable.

// A Normal read smoothly; a choice planned to be scored and a Bernoulli stay.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
      %z = prob.sample "z" from %q {plan = #prob.how<pathwise>} : !prob.law<tensor<f32>>
      %w = prob.sample "w" from %q {plan = #prob.how<score>} : !prob.law<tensor<f32>>
      %b = prob.sample "b" from %r : !prob.law<tensor<i32>>
      %c = lax.square %z : tensor<f32>
      prob.yield "c" %c : tensor<f32>
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
// CHECK-NEXT:         %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
// CHECK-NEXT:         %z = prob.sample "z" from %q {how = #prob.how<pathwise>} : !prob.law<tensor<f32>>
// CHECK-NEXT:         %w = prob.sample "w" from %q {plan = #prob.how<score>} : !prob.law<tensor<f32>>
// CHECK-NEXT:         %b = prob.sample "b" from %r : !prob.law<tensor<i32>>
// CHECK-NEXT:         %c = lax.square %z : tensor<f32>
// CHECK-NEXT:         prob.yield "c" %c : tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// Not proved, not planned: left alone.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
      %c = lax.sign %z : tensor<f32>
      prob.yield "c" %c : tensor<f32>
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
// CHECK-NEXT:         %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
// CHECK-NEXT:         %c = lax.sign %z : tensor<f32>
// CHECK-NEXT:         prob.yield "c" %c : tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// Not proved, but planned: an error.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %z = prob.sample "z" from %q {plan = #prob.how<pathwise>} : !prob.law<tensor<f32>>
      %c = lax.sign %z : tensor<f32>
      prob.yield "c" %c : tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      the choice cannot be pathwise: the draw is rounded by lax.sign
// CHECK-NEXT:   remedy: leave it to the score function, or make the program smooth in it
// CHECK-NEXT:   at: site "z"

// -----

// Draws that are not differentiable.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
      %b = prob.sample "b" from %r {plan = #prob.how<pathwise>} : !prob.law<tensor<i32>>
      %f = lax.convert %b : (tensor<i32>) -> tensor<f32>
      %c = lax.mul %f, %f : tensor<f32>
      prob.yield "c" %c : tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      the choice cannot be pathwise: draws of dist.bernoulli_logits are not differentiable
// CHECK-NEXT:   remedy: leave it to the score function, or make the program smooth in it
// CHECK-NEXT:   at: site "b"
