// RUN: relbo-opt %s -p relbo-externalize-draws | filecheck %s

// Draws that are held fixed are rows of an argument, others are made from rows of noise.
prob.func @objective(%a: tensor<f32> {prob.role = #prob.unconstrained<#prob.name"a", #prob.constraint<"real">>}, %xs: tensor<5xf32> {prob.role = #prob.data<#prob.name"xs">}) -> (tensor<f32>, tensor<f32>) {
  %value, %da = prob.gradient (%a_ = %a) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %one = lax.constant "1.0" : tensor<f32>
      %zero = lax.constant "0.0" : tensor<f32>
      %steps, %counts = prob.scan (%before = %zero) rows (%x = %xs) {length = 5 : i64, reverse = true} : (tensor<f32>, tensor<5xf32>) -> (tensor<5xf32>, tensor<5xi32>) {
        %loc = lax.mul %a_, %before : tensor<f32>
        %q = dist.normal %loc, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
        %d = prob.draw "z" from %q : !prob.law<tensor<f32>>
        %rate = lax.exp %d : tensor<f32>
        %p = dist.poisson %rate : (tensor<f32>) -> !prob.law<tensor<i32>>
        %n = prob.draw "n" from %p : !prob.law<tensor<i32>>
        %next = lax.add %d, %x : tensor<f32>
        prob.yield_value %next, %d, %n : tensor<f32>, tensor<f32>, tensor<i32>
      }
      %locs = lax.mul %xs, %steps : tensor<5xf32>
      %law = dist.normal %locs, %one : (tensor<5xf32>, tensor<f32>) -> !prob.law<tensor<5xf32>>
      %z = prob.sample "z" from %law drawn %steps {how = #prob.how<pathwise>} : !prob.law<tensor<5xf32>> drawn tensor<5xf32>
      %rates = lax.exp %z : tensor<5xf32>
      %law_n = dist.poisson %rates : (tensor<5xf32>) -> !prob.law<tensor<5xi32>>
      %n = prob.sample "n" from %law_n drawn %counts {how = #prob.how<score>} : !prob.law<tensor<5xi32>> drawn tensor<5xi32>
      prob.yield "f" %z : tensor<5xf32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %value, %da : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @objective(%a: tensor<f32> {prob.role = #prob.unconstrained<#prob.name"a", #prob.constraint<"real">>}, %xs: tensor<5xf32> {prob.role = #prob.data<#prob.name"xs">}, %0: tensor<5xf32> {prob.role = #prob.draw<#prob.name"z">}, %1: tensor<5xi32> {prob.role = #prob.draw<#prob.name"n">}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %value, %da = prob.gradient (%a_ = %a) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %e = prob.expectation {
// CHECK-NEXT:         %one = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:         %zero = lax.constant "0.0" : tensor<f32>
// CHECK-NEXT:         %2, %z, %counts = lax.scan @draws_0(%a_, %one, %zero, %xs, %0, %1) {num_consts = 2 : i64, num_carry = 1 : i64, length = 5 : i64, reverse = true, unroll = 1 : i64} : (tensor<f32>, tensor<f32>, tensor<f32>, tensor<5xf32>, tensor<5xf32>, tensor<5xi32>) -> (tensor<f32>, tensor<5xf32>, tensor<5xi32>)
// CHECK-NEXT:         %locs = lax.mul %xs, %z : tensor<5xf32>
// CHECK-NEXT:         %law = dist.normal %locs, %one : (tensor<5xf32>, tensor<f32>) -> !prob.law<tensor<5xf32>>
// CHECK-NEXT:         %rates = lax.exp %z : tensor<5xf32>
// CHECK-NEXT:         %law_n = dist.poisson %rates : (tensor<5xf32>) -> !prob.law<tensor<5xi32>>
// CHECK-NEXT:         %n = lax.stop_gradient %counts : tensor<5xi32>
// CHECK-NEXT:         prob.yield "f" %z : tensor<5xf32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %value, %da : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func private @draws_0(%0: tensor<f32>, %1: tensor<f32>, %2: tensor<f32>, %3: tensor<f32>, %4: tensor<f32>, %5: tensor<i32>) -> (tensor<f32>, tensor<f32>, tensor<i32>) {
// CHECK-NEXT:     %loc = lax.mul %0, %2 : tensor<f32>
// CHECK-NEXT:     %6 = lax.mul %1, %4 : tensor<f32>
// CHECK-NEXT:     %d = lax.add %loc, %6 : tensor<f32>
// CHECK-NEXT:     %n = lax.stop_gradient %5 : tensor<i32>
// CHECK-NEXT:     %next = lax.add %d, %3 : tensor<f32>
// CHECK-NEXT:     func.return %next, %d, %n : tensor<f32>, tensor<f32>, tensor<i32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
