// RUN: xdsl-opt %s -p relbo-canonicalize | filecheck %s

// xDSL's own driver finds the dialects and the passes by the entry point `xdsl.universe`.
prob.func @f(%x: tensor<f32> {prob.role = #prob.data<#prob.name"x">}) -> tensor<f32> {
  %n = lax.neg %x : tensor<f32>
  %nn = lax.neg %n : tensor<f32>
  prob.return %nn : tensor<f32>
}

// CHECK:      prob.func @f(%x: tensor<f32> {prob.role = #prob.data<#prob.name"x">}) -> tensor<f32> {
// CHECK-NEXT:   prob.return %x : tensor<f32>
// CHECK-NEXT: }
