// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p relbo-assign-estimators | filecheck %s

// Writes a plan on every undecided choice: pathwise where that is proved, else score.

// A smooth Normal is planned to be pathwise, a Bernoulli to be scored; what is decided stays.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
      %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
      %b = prob.sample "b" from %r : !prob.law<tensor<i32>>
      %w = prob.sample "w" from %q {how = #prob.how<score>} : !prob.law<tensor<f32>>
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
// CHECK-NEXT:         %z = prob.sample "z" from %q {plan = #prob.how<pathwise>} : !prob.law<tensor<f32>>
// CHECK-NEXT:         %b = prob.sample "b" from %r {plan = #prob.how<score>} : !prob.law<tensor<i32>>
// CHECK-NEXT:         %w = prob.sample "w" from %q {how = #prob.how<score>} : !prob.law<tensor<f32>>
// CHECK-NEXT:         %c = lax.square %z : tensor<f32>
// CHECK-NEXT:         prob.yield "c" %c : tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// A kink in the draw rules pathwise out.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
      %s = lax.sign %z : tensor<f32>
      %c = lax.mul %s, %z : tensor<f32>
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
// CHECK-NEXT:         %z = prob.sample "z" from %q {plan = #prob.how<score>} : !prob.law<tensor<f32>>
// CHECK-NEXT:         %s = lax.sign %z : tensor<f32>
// CHECK-NEXT:         %c = lax.mul %s, %z : tensor<f32>
// CHECK-NEXT:         prob.yield "c" %c : tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
