// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p 'relbo-pathwise{sites=z}' | filecheck %s

// A law with bounds scores the draw.

// −1 + 4·σ(x) stays where the Uniform has its density.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %low = lax.constant "-1.0" : tensor<f32>
  %high = lax.constant "3.0" : tensor<f32>
  %width = lax.constant "4.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %n = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %s = dist.transformed %n {transform = #dist.transform<sigmoid>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<f32>>
      %q = dist.transformed %s, %low, %width {transform = #dist.transform<affine>} : (!prob.law<tensor<f32>>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
      %p = dist.uniform %low, %high : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %c = prob.log_density %p at %z : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
      prob.yield "c" %c : tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %one = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %low = lax.constant "-1.0" : tensor<f32>
// CHECK-NEXT:     %high = lax.constant "3.0" : tensor<f32>
// CHECK-NEXT:     %width = lax.constant "4.0" : tensor<f32>
// CHECK-NEXT:     %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %e = prob.expectation {
// CHECK-NEXT:         %n = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:         %s = dist.transformed %n {transform = #dist.transform<sigmoid>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:         %q = dist.transformed %s, %low, %width {transform = #dist.transform<affine>} : (!prob.law<tensor<f32>>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:         %z = prob.sample "z" from %q {how = #prob.how<pathwise>} : !prob.law<tensor<f32>>
// CHECK-NEXT:         %p = dist.uniform %low, %high : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:         %c = prob.log_density %p at %z : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
// CHECK-NEXT:         prob.yield "c" %c : tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// 5·σ(x) − 1 does not.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %low = lax.constant "-1.0" : tensor<f32>
  %high = lax.constant "3.0" : tensor<f32>
  %width = lax.constant "5.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %n = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %s = dist.transformed %n {transform = #dist.transform<sigmoid>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<f32>>
      %q = dist.transformed %s, %low, %width {transform = #dist.transform<affine>} : (!prob.law<tensor<f32>>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
      %p = dist.uniform %low, %high : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %c = prob.log_density %p at %z : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
      prob.yield "c" %c : tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      the choice cannot be pathwise: the draw is scored by a law on [-1, 3] where it is not proved to stay inside by prob.log_density
// CHECK-NEXT:   remedy: leave it to the score function, or make the program smooth in it
// CHECK-NEXT:   at: site "z"
