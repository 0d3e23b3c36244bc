// RUN: relbo-opt %s -p relbo-lower-sampling | filecheck %s

// A draw that is made of several: every part of it, and every part of a part, has a key of its own.
prob.func @drawn(%a: tensor<f32> {prob.role = #prob.data<#prob.name"a">}, %w: tensor<2xf32> {prob.role = #prob.data<#prob.name"w">}) -> tensor<f32> {
  %n = dist.normal %a, %a : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %t = dist.student_t %a, %a, %a : (tensor<f32>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %m = dist.mixture %w, %n, %t : (tensor<2xf32>, !prob.law<tensor<f32>>, !prob.law<tensor<f32>>) -> !prob.law<tensor<f32>>
  %z = prob.sample "z" from %m : !prob.law<tensor<f32>>
  prob.return %z : tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @drawn(%a: tensor<f32> {prob.role = #prob.data<#prob.name"a">}, %w: tensor<2xf32> {prob.role = #prob.data<#prob.name"w">}, %0: !rng.key {prob.role = #prob.seed}) -> tensor<f32> {
// CHECK-NEXT:     %n = dist.normal %a, %a : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %t = dist.student_t %a, %a, %a : (tensor<f32>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %m = dist.mixture %w, %n, %t : (tensor<2xf32>, !prob.law<tensor<f32>>, !prob.law<tensor<f32>>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %1 = rng.site_keys %0 {sites = [#prob.name"z"]} : tensor<1x!rng.key>
// CHECK-NEXT:     %2 = rng.part_keys %1 {part = 0 : i64} : tensor<1x!rng.key>
// CHECK-NEXT:     %3 = rng.categorical %2, %w : tensor<1x!rng.key>, tensor<2xf32> -> tensor<1xi32>
// CHECK-NEXT:     %4 = lax.reshape %3 : (tensor<1xi32>) -> tensor<i32>
// CHECK-NEXT:     %5 = rng.site_keys %0 {sites = [#prob.name"z"]} : tensor<1x!rng.key>
// CHECK-NEXT:     %6 = rng.part_keys %5 {part = 1 : i64} : tensor<1x!rng.key>
// CHECK-NEXT:     %7 = rng.normal %6 : tensor<1x!rng.key> -> tensor<1xf32>
// CHECK-NEXT:     %8 = lax.reshape %7 : (tensor<1xf32>) -> tensor<f32>
// CHECK-NEXT:     %9 = lax.mul %a, %8 : tensor<f32>
// CHECK-NEXT:     %10 = lax.add %a, %9 : tensor<f32>
// CHECK-NEXT:     %11 = lax.constant "0.5" : tensor<f32>
// CHECK-NEXT:     %12 = lax.mul %11, %a : tensor<f32>
// CHECK-NEXT:     %13 = rng.site_keys %0 {sites = [#prob.name"z"]} : tensor<1x!rng.key>
// CHECK-NEXT:     %14 = rng.part_keys %13 {part = 2 : i64} : tensor<1x!rng.key>
// CHECK-NEXT:     %15 = rng.part_keys %14 {part = 0 : i64} : tensor<1x!rng.key>
// CHECK-NEXT:     %16 = rng.normal %15 : tensor<1x!rng.key> -> tensor<1xf32>
// CHECK-NEXT:     %17 = lax.reshape %16 : (tensor<1xf32>) -> tensor<f32>
// CHECK-NEXT:     %18 = rng.site_keys %0 {sites = [#prob.name"z"]} : tensor<1x!rng.key>
// CHECK-NEXT:     %19 = rng.part_keys %18 {part = 2 : i64} : tensor<1x!rng.key>
// CHECK-NEXT:     %20 = rng.part_keys %19 {part = 1 : i64} : tensor<1x!rng.key>
// CHECK-NEXT:     %21 = rng.log_gamma %20, %12 : tensor<1x!rng.key>, tensor<f32> -> tensor<1xf32>
// CHECK-NEXT:     %22 = lax.reshape %21 : (tensor<1xf32>) -> tensor<f32>
// CHECK-NEXT:     %23 = lax.log %12 : tensor<f32>
// CHECK-NEXT:     %24 = lax.sub %23, %22 : tensor<f32>
// CHECK-NEXT:     %25 = lax.constant "0.5" : tensor<f32>
// CHECK-NEXT:     %26 = lax.mul %25, %24 : tensor<f32>
// CHECK-NEXT:     %27 = lax.exp %26 : tensor<f32>
// CHECK-NEXT:     %28 = lax.mul %17, %27 : tensor<f32>
// CHECK-NEXT:     %29 = lax.mul %a, %28 : tensor<f32>
// CHECK-NEXT:     %30 = lax.add %a, %29 : tensor<f32>
// CHECK-NEXT:     %31 = lax.constant "1" : tensor<i32>
// CHECK-NEXT:     %32 = lax.eq %4, %31 : tensor<i32> -> tensor<i1>
// CHECK-NEXT:     %33 = lax.reshape %32 : (tensor<i1>) -> tensor<i1>
// CHECK-NEXT:     %z = lax.select_n %33, %10, %30 : (tensor<i1>, tensor<f32>, tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     prob.return %z : tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
