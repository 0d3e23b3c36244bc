// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p relbo-score-function | filecheck %s

// Every addend is weighed by the scores of the choices.

// Two choices; what is pathwise already stays.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
      %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
      %b = prob.sample "b" from %r : !prob.law<tensor<i32>>
      %w = prob.sample "w" from %q {how = #prob.how<pathwise>} : !prob.law<tensor<f32>>
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
// CHECK-NEXT:         %z = prob.sample "z" from %q {how = #prob.how<score>} : !prob.law<tensor<f32>>
// CHECK-NEXT:         %b = prob.sample "b" from %r {how = #prob.how<score>} : !prob.law<tensor<i32>>
// CHECK-NEXT:         %w = prob.sample "w" from %q {how = #prob.how<pathwise>} : !prob.law<tensor<f32>>
// CHECK-NEXT:         %c = lax.square %z : tensor<f32>
// CHECK-NEXT:         %0 = prob.log_density %q at %z : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
// CHECK-NEXT:         %1 = prob.log_density %r at %b : !prob.law<tensor<i32>>, tensor<i32> -> tensor<f32>
// CHECK-NEXT:         %2 = estim.joint %0, %1 : tensor<f32>, tensor<f32> -> tensor<f32>
// CHECK-NEXT:         %3 = estim.score %c upstream(%2) {maps = [array<i64>]} : tensor<f32>, (tensor<f32>)
// CHECK-NEXT:         prob.yield "c" %3 : tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// A choice planned to be pathwise stays.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %z = prob.sample "z" from %q {plan = #prob.how<pathwise>} : !prob.law<tensor<f32>>
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
// CHECK-NEXT:         %z = prob.sample "z" from %q {plan = #prob.how<pathwise>} : !prob.law<tensor<f32>>
// CHECK-NEXT:         %c = lax.square %z : tensor<f32>
// CHECK-NEXT:         prob.yield "c" %c : tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// A support that moves with a parameter is an error.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %h = dist.half_normal %one : (tensor<f32>) -> !prob.law<tensor<f32>>
      %q = dist.transformed %h, %m_, %one {transform = #dist.transform<affine>} : (!prob.law<tensor<f32>>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
      %c = lax.square %z : tensor<f32>
      prob.yield "c" %c : tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      the support of the guide's law is not proved to be free of parameters
// CHECK-NEXT:   remedy: treat this choice pathwise, or draw from a law on a fixed support
// CHECK-NEXT:   at: site "z"
