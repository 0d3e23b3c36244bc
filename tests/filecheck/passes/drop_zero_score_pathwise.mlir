// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p 'relbo-drop-zero-score{pathwise=true}' | filecheck %s

// Sticking the landing.

// Of a pathwise choice that of the law; a factor that reads the draw keeps it.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %y = prob.sample "y" from %q {how = #prob.how<pathwise>} : !prob.law<tensor<f32>>
      %l = prob.log_density %q at %y : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
      %h = lax.neg %l : tensor<f32>
      %k = lax.mul %l, %y : tensor<f32>
      prob.yield "h" %h, "k" %k : tensor<f32>, tensor<f32>
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
// CHECK-NEXT:         %y = prob.sample "y" from %q {how = #prob.how<pathwise>} : !prob.law<tensor<f32>>
// CHECK-NEXT:         %l = prob.log_density %q at %y : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
// CHECK-NEXT:         %0 = lax.stop_gradient %m_ : tensor<f32>
// CHECK-NEXT:         %1 = lax.stop_gradient %one : tensor<f32>
// CHECK-NEXT:         %q_1 = dist.normal %0, %1 : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:         %l_1 = prob.log_density %q_1 at %y : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
// CHECK-NEXT:         %h = lax.neg %l : tensor<f32>
// CHECK-NEXT:         %h_1 = lax.neg %l_1 : tensor<f32>
// CHECK-NEXT:         %k = lax.mul %l, %y : tensor<f32>
// CHECK-NEXT:         prob.yield "h" %h_1, "k" %k : tensor<f32>, tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
