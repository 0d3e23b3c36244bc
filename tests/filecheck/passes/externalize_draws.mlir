// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p relbo-externalize-draws | filecheck %s

// Draws become arguments: the draw of a score choice, the noise of a pathwise one.

// A score choice and a pathwise one.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
      %z = prob.sample "z" from %q {how = #prob.how<pathwise>} : !prob.law<tensor<f32>>
      %b = prob.sample "b" from %r {how = #prob.how<score>} : !prob.law<tensor<i32>>
      %c = lax.square %z : tensor<f32>
      prob.yield "c" %c : tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}, %0: tensor<f32> {prob.role = #prob.draw<#prob.name"z">}, %1: tensor<i32> {prob.role = #prob.draw<#prob.name"b">}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %one = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %e = prob.expectation {
// CHECK-NEXT:         %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:         %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
// CHECK-NEXT:         %2 = lax.mul %one, %0 : tensor<f32>
// CHECK-NEXT:         %z = lax.add %m_, %2 : tensor<f32>
// CHECK-NEXT:         %b = lax.stop_gradient %1 : tensor<i32>
// CHECK-NEXT:         %c = lax.square %z : tensor<f32>
// CHECK-NEXT:         prob.yield "c" %c : tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// An undecided choice is an error.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
      %c = lax.square %z : tensor<f32>
      prob.yield "c" %c : tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      the choice has no estimator yet (it is exact)
// CHECK-NEXT:   remedy: run relbo-score-function, relbo-pathwise or relbo-disarm on it first
// CHECK-NEXT:   at: site "z"

// -----

// An implicit draw has no noise without parameters.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %q = dist.gamma %one, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %z = prob.sample "z" from %q {how = #prob.how<pathwise>} : !prob.law<tensor<f32>>
      %c = lax.square %z : tensor<f32>
      prob.yield "c" %c : tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      its pathwise draw is not a function of noise without parameters
// CHECK-NEXT:   remedy: treat it by the score function in this pipeline
// CHECK-NEXT:   at: site "z"

// -----

// The indices of a minibatch become an argument.
prob.func @elbo() -> (tensor<f32>) {
  prob.plate @N {size = 6 : i64, subsample = 2 : i64}
  %e = prob.expectation {
    %i = prob.subsample @N : tensor<2xi32>
    %f = lax.convert %i : (tensor<2xi32>) -> tensor<2xf32>
    prob.yield "f" %f : tensor<2xf32>
  } : tensor<f32>
  prob.return %e : tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%i: tensor<2xi32> {prob.role = #prob.draw<#prob.name"N">}) -> tensor<f32> {
// CHECK-NEXT:     prob.plate @N {size = 6 : i64, subsample = 2 : i64}
// CHECK-NEXT:     %e = prob.expectation {
// CHECK-NEXT:       %f = lax.convert %i : (tensor<2xi32>) -> tensor<2xf32>
// CHECK-NEXT:       prob.yield "f" %f : tensor<2xf32>
// CHECK-NEXT:     } : tensor<f32>
// CHECK-NEXT:     prob.return %e : tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
