// RUN: relbo-opt %s | relbo-opt | filecheck %s
// RUN: relbo-opt %s --print-op-generic | relbo-opt | filecheck %s
// RUN: relbo-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

// A loop of two draws a step, backwards, and the choices that it draws.
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
// CHECK-NEXT:   prob.func @objective(%a: tensor<f32> {prob.role = #prob.unconstrained<#prob.name"a", #prob.constraint<"real">>}, %xs: tensor<5xf32> {prob.role = #prob.data<#prob.name"xs">}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %value, %da = prob.gradient (%a_ = %a) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %e = prob.expectation {
// CHECK-NEXT:         %one = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:         %zero = lax.constant "0.0" : tensor<f32>
// CHECK-NEXT:         %steps, %counts = prob.scan (%before = %zero) rows (%x = %xs) {length = 5 : i64, reverse = true} : (tensor<f32>, tensor<5xf32>) -> (tensor<5xf32>, tensor<5xi32>) {
// CHECK-NEXT:           %loc = lax.mul %a_, %before : tensor<f32>
// CHECK-NEXT:           %q = dist.normal %loc, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:           %d = prob.draw "z" from %q : !prob.law<tensor<f32>>
// CHECK-NEXT:           %rate = lax.exp %d : tensor<f32>
// CHECK-NEXT:           %p = dist.poisson %rate : (tensor<f32>) -> !prob.law<tensor<i32>>
// CHECK-NEXT:           %n = prob.draw "n" from %p : !prob.law<tensor<i32>>
// CHECK-NEXT:           %next = lax.add %d, %x : tensor<f32>
// CHECK-NEXT:           prob.yield_value %next, %d, %n : tensor<f32>, tensor<f32>, tensor<i32>
// CHECK-NEXT:         }
// CHECK-NEXT:         %locs = lax.mul %xs, %steps : tensor<5xf32>
// CHECK-NEXT:         %law = dist.normal %locs, %one : (tensor<5xf32>, tensor<f32>) -> !prob.law<tensor<5xf32>>
// CHECK-NEXT:         %z = prob.sample "z" from %law drawn %steps {how = #prob.how<pathwise>} : !prob.law<tensor<5xf32>> drawn tensor<5xf32>
// CHECK-NEXT:         %rates = lax.exp %z : tensor<5xf32>
// CHECK-NEXT:         %law_n = dist.poisson %rates : (tensor<5xf32>) -> !prob.law<tensor<5xi32>>
// CHECK-NEXT:         %n_1 = prob.sample "n" from %law_n drawn %counts {how = #prob.how<score>} : !prob.law<tensor<5xi32>> drawn tensor<5xi32>
// CHECK-NEXT:         prob.yield "f" %z : tensor<5xf32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %value, %da : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// GENERIC:      "builtin.module"() ({
// GENERIC-NEXT:   "prob.func"() <{sym_name = "objective", function_type = (tensor<f32>, tensor<5xf32>) -> (tensor<f32>, tensor<f32>), arg_attrs = [{prob.role = #prob.unconstrained<#prob.name"a", #prob.constraint<"real">>}, {prob.role = #prob.data<#prob.name"xs">}]}> ({
// GENERIC-NEXT:   ^bb0(%a: tensor<f32>, %xs: tensor<5xf32>):
// GENERIC-NEXT:     %value, %da = "prob.gradient"(%a) ({
// GENERIC-NEXT:     ^bb0(%a_: tensor<f32>):
// GENERIC-NEXT:       %e = "prob.expectation"() ({
// GENERIC-NEXT:         %one = "lax.constant"() <{value = #lax.literal<"1.0" : tensor<f32>>}> : () -> tensor<f32>
// GENERIC-NEXT:         %zero = "lax.constant"() <{value = #lax.literal<"0.0" : tensor<f32>>}> : () -> tensor<f32>
// GENERIC-NEXT:         %steps, %counts = "prob.scan"(%zero, %xs) <{length = 5 : i64, reverse = true, operandSegmentSizes = array<i32: 1, 1>}> ({
// GENERIC-NEXT:         ^bb0(%before: tensor<f32>, %x: tensor<f32>):
// GENERIC-NEXT:           %loc = "lax.mul"(%a_, %before) : (tensor<f32>, tensor<f32>) -> tensor<f32>
// GENERIC-NEXT:           %q = "dist.normal"(%loc, %one) : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// GENERIC-NEXT:           %d = "prob.draw"(%q) <{site = #prob.name"z"}> : (!prob.law<tensor<f32>>) -> tensor<f32>
// GENERIC-NEXT:           %rate = "lax.exp"(%d) : (tensor<f32>) -> tensor<f32>
// GENERIC-NEXT:           %p = "dist.poisson"(%rate) : (tensor<f32>) -> !prob.law<tensor<i32>>
// GENERIC-NEXT:           %n = "prob.draw"(%p) <{site = #prob.name"n"}> : (!prob.law<tensor<i32>>) -> tensor<i32>
// GENERIC-NEXT:           %next = "lax.add"(%d, %x) : (tensor<f32>, tensor<f32>) -> tensor<f32>
// GENERIC-NEXT:           "prob.yield_value"(%next, %d, %n) : (tensor<f32>, tensor<f32>, tensor<i32>) -> ()
// GENERIC-NEXT:         }) : (tensor<f32>, tensor<5xf32>) -> (tensor<5xf32>, tensor<5xi32>)
// GENERIC-NEXT:         %locs = "lax.mul"(%xs, %steps) : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
// GENERIC-NEXT:         %law = "dist.normal"(%locs, %one) : (tensor<5xf32>, tensor<f32>) -> !prob.law<tensor<5xf32>>
// GENERIC-NEXT:         %z = "prob.sample"(%law, %steps) <{site = #prob.name"z", how = #prob.how<pathwise>, operandSegmentSizes = array<i32: 1, 0, 0, 1>}> : (!prob.law<tensor<5xf32>>, tensor<5xf32>) -> tensor<5xf32>
// GENERIC-NEXT:         %rates = "lax.exp"(%z) : (tensor<5xf32>) -> tensor<5xf32>
// GENERIC-NEXT:         %law_n = "dist.poisson"(%rates) : (tensor<5xf32>) -> !prob.law<tensor<5xi32>>
// GENERIC-NEXT:         %n_1 = "prob.sample"(%law_n, %counts) <{site = #prob.name"n", how = #prob.how<score>, operandSegmentSizes = array<i32: 1, 0, 0, 1>}> : (!prob.law<tensor<5xi32>>, tensor<5xi32>) -> tensor<5xi32>
// GENERIC-NEXT:         "prob.yield"(%z) <{names = [#prob.name"f"]}> : (tensor<5xf32>) -> ()
// GENERIC-NEXT:       }) : () -> tensor<f32>
// GENERIC-NEXT:       "prob.yield_value"(%e) : (tensor<f32>) -> ()
// GENERIC-NEXT:     }) : (tensor<f32>) -> (tensor<f32>, tensor<f32>)
// GENERIC-NEXT:     "prob.return"(%value, %da) : (tensor<f32>, tensor<f32>) -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT: }) : () -> ()
