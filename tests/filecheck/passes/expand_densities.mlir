// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p relbo-expand-densities | filecheck %s

// Log densities become tensor math.

// A Normal, independent along an axis.
func.func @normal(%loc: tensor<f32>, %scale: tensor<f32>, %x: tensor<4xf32>) -> tensor<f32> {
  %l = dist.normal %loc, %scale : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %e = dist.expand %l {shape = array<i64: 4>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<4xf32>>
  %i = dist.independent %e {rank = 1 : i64} : (!prob.law<tensor<4xf32>>) -> !prob.law<tensor<4xf32>, event_rank = 1>
  %d = prob.log_density %i at %x : !prob.law<tensor<4xf32>, event_rank = 1>, tensor<4xf32> -> tensor<f32>
  func.return %d : tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   func.func @normal(%loc: tensor<f32>, %scale: tensor<f32>, %x: tensor<4xf32>) -> tensor<f32> {
// CHECK-NEXT:     %l = dist.normal %loc, %scale : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %e = dist.expand %l {shape = array<i64: 4>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<4xf32>>
// CHECK-NEXT:     %i = dist.independent %e {rank = 1 : i64} : (!prob.law<tensor<4xf32>>) -> !prob.law<tensor<4xf32>, event_rank = 1>
// CHECK-NEXT:     %0 = lax.broadcast_in_dim %loc {dimensions = array<i64>} : (tensor<f32>) -> tensor<4xf32>
// CHECK-NEXT:     %1 = lax.sub %x, %0 : tensor<4xf32>
// CHECK-NEXT:     %2 = lax.broadcast_in_dim %scale {dimensions = array<i64>} : (tensor<f32>) -> tensor<4xf32>
// CHECK-NEXT:     %3 = lax.div %1, %2 : tensor<4xf32>
// CHECK-NEXT:     %4 = lax.mul %3, %3 : tensor<4xf32>
// CHECK-NEXT:     %5 = lax.constant "-0.5" : tensor<4xf32>
// CHECK-NEXT:     %6 = lax.mul %5, %4 : tensor<4xf32>
// CHECK-NEXT:     %7 = lax.log %scale : tensor<f32>
// CHECK-NEXT:     %8 = lax.broadcast_in_dim %7 {dimensions = array<i64>} : (tensor<f32>) -> tensor<4xf32>
// CHECK-NEXT:     %9 = lax.sub %6, %8 : tensor<4xf32>
// CHECK-NEXT:     %10 = lax.constant "0.9189385" : tensor<4xf32>
// CHECK-NEXT:     %11 = lax.sub %9, %10 : tensor<4xf32>
// CHECK-NEXT:     %d = lax.reduce_sum %11 {axes = array<i64: 0>} : (tensor<4xf32>) -> tensor<f32>
// CHECK-NEXT:     func.return %d : tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// The change of variables, and no density outside of the transform's range.
func.func @transformed(%loc: tensor<f32>, %scale: tensor<f32>, %x: tensor<f32>) -> tensor<f32> {
  %l = dist.normal %loc, %scale : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %t = dist.transformed %l {transform = #dist.transform<exp>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<f32>>
  %d = prob.log_density %t at %x : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
  func.return %d : tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   func.func @transformed(%loc: tensor<f32>, %scale: tensor<f32>, %x: tensor<f32>) -> tensor<f32> {
// CHECK-NEXT:     %l = dist.normal %loc, %scale : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %t = dist.transformed %l {transform = #dist.transform<exp>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %0 = lax.log %x : tensor<f32>
// CHECK-NEXT:     %1 = lax.sub %0, %loc : tensor<f32>
// CHECK-NEXT:     %2 = lax.div %1, %scale : tensor<f32>
// CHECK-NEXT:     %3 = lax.mul %2, %2 : tensor<f32>
// CHECK-NEXT:     %4 = lax.constant "-0.5" : tensor<f32>
// CHECK-NEXT:     %5 = lax.mul %4, %3 : tensor<f32>
// CHECK-NEXT:     %6 = lax.log %scale : tensor<f32>
// CHECK-NEXT:     %7 = lax.sub %5, %6 : tensor<f32>
// CHECK-NEXT:     %8 = lax.constant "0.9189385" : tensor<f32>
// CHECK-NEXT:     %9 = lax.sub %7, %8 : tensor<f32>
// CHECK-NEXT:     %10 = lax.sub %9, %0 : tensor<f32>
// CHECK-NEXT:     %11 = lax.constant "0.0" : tensor<f32>
// CHECK-NEXT:     %12 = lax.gt %x, %11 : tensor<f32> -> tensor<i1>
// CHECK-NEXT:     %13 = lax.constant "-inf" : tensor<f32>
// CHECK-NEXT:     %d = lax.select_n %12, %13, %10 : (tensor<i1>, tensor<f32>, tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     func.return %d : tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// An opaque law is scored by its own function.
func.func private @draw(%k: !rng.key, %a: tensor<f32>) -> tensor<f32> {
  func.return %a : tensor<f32>
}
func.func private @density(%x: tensor<f32>, %a: tensor<f32>) -> tensor<f32> {
  func.return %x : tensor<f32>
}
func.func @opaque(%a: tensor<f32>, %x: tensor<f32>) -> tensor<f32> {
  %l = dist.opaque %a sample(@draw) log_prob(@density) : (tensor<f32>) -> !prob.law<tensor<f32>>
  %d = prob.log_density %l at %x : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
  func.return %d : tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   func.func private @draw(%k: !rng.key, %a: tensor<f32>) -> tensor<f32> {
// CHECK-NEXT:     func.return %a : tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func private @density(%x: tensor<f32>, %a: tensor<f32>) -> tensor<f32> {
// CHECK-NEXT:     func.return %x : tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func @opaque(%a: tensor<f32>, %x: tensor<f32>) -> tensor<f32> {
// CHECK-NEXT:     %l = dist.opaque %a sample(@draw) log_prob(@density) : (tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %d = func.call @density(%x, %a) : (tensor<f32>, tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     func.return %d : tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// A law that no op makes is an error.
func.func @unknown(%l: !prob.law<tensor<f32>>, %x: tensor<f32>) -> tensor<f32> {
  %d = prob.log_density %l at %x : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
  func.return %d : tensor<f32>
}

// CHECK:      the law is made by no dist op
// CHECK-NEXT:   remedy: score a law of the dist dialect

// -----

// A mask scores a point of the support where it is false, and gives 0 there.
prob.func @masked(%m: tensor<2xf32> {prob.role = #prob.closure<#prob.name"m", #builtin.int<0>>}, %k: tensor<2xi1> {prob.role = #prob.closure<#prob.name"m", #builtin.int<1>>}) -> (tensor<2xf32>) {
  %q = dist.half_normal %m : (tensor<2xf32>) -> !prob.law<tensor<2xf32>>
  %masked = dist.mask %q, %k : (!prob.law<tensor<2xf32>>, tensor<2xi1>) -> !prob.law<tensor<2xf32>>
  %l = prob.log_density %masked at %m : !prob.law<tensor<2xf32>>, tensor<2xf32> -> tensor<2xf32>
  prob.return %l : tensor<2xf32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @masked(%m: tensor<2xf32> {prob.role = #prob.closure<#prob.name"m", #builtin.int<0>>}, %k: tensor<2xi1> {prob.role = #prob.closure<#prob.name"m", #builtin.int<1>>}) -> tensor<2xf32> {
// CHECK-NEXT:     %q = dist.half_normal %m : (tensor<2xf32>) -> !prob.law<tensor<2xf32>>
// CHECK-NEXT:     %masked = dist.mask %q, %k : (!prob.law<tensor<2xf32>>, tensor<2xi1>) -> !prob.law<tensor<2xf32>>
// CHECK-NEXT:     %0 = lax.constant "1.0" : tensor<2xf32>
// CHECK-NEXT:     %1 = lax.select_n %k, %0, %m : (tensor<2xi1>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:     %2 = lax.div %1, %m : tensor<2xf32>
// CHECK-NEXT:     %3 = lax.mul %2, %2 : tensor<2xf32>
// CHECK-NEXT:     %4 = lax.constant "-0.5" : tensor<2xf32>
// CHECK-NEXT:     %5 = lax.mul %4, %3 : tensor<2xf32>
// CHECK-NEXT:     %6 = lax.log %m : tensor<2xf32>
// CHECK-NEXT:     %7 = lax.sub %5, %6 : tensor<2xf32>
// CHECK-NEXT:     %8 = lax.constant "-0.22579135" : tensor<2xf32>
// CHECK-NEXT:     %9 = lax.add %7, %8 : tensor<2xf32>
// CHECK-NEXT:     %10 = lax.constant "0.0" : tensor<2xf32>
// CHECK-NEXT:     %11 = lax.ge %1, %10 : tensor<2xf32> -> tensor<2xi1>
// CHECK-NEXT:     %12 = lax.constant "-inf" : tensor<2xf32>
// CHECK-NEXT:     %13 = lax.select_n %11, %12, %9 : (tensor<2xi1>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:     %14 = lax.constant "0.0" : tensor<2xf32>
// CHECK-NEXT:     %l = lax.select_n %k, %14, %13 : (tensor<2xi1>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK-NEXT:     prob.return %l : tensor<2xf32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// A point, and an improper prior.
prob.func @measures(%v: tensor<3xf32> {prob.role = #prob.closure<#prob.name"m", #builtin.int<0>>}, %d: tensor<f32> {prob.role = #prob.closure<#prob.name"m", #builtin.int<1>>}) -> (tensor<f32>, tensor<f32>) {
  %q = dist.delta %v, %d {event_rank = 1 : i64} : (tensor<3xf32>, tensor<f32>) -> !prob.law<tensor<3xf32>, event_rank = 1>
  %l = prob.log_density %q at %v : !prob.law<tensor<3xf32>, event_rank = 1>, tensor<3xf32> -> tensor<f32>
  %p = dist.improper {support = "positive"} : () -> !prob.law<tensor<3xf32>, event_rank = 1>
  %k = prob.log_density %p at %v : !prob.law<tensor<3xf32>, event_rank = 1>, tensor<3xf32> -> tensor<f32>
  prob.return %l, %k : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @measures(%v: tensor<3xf32> {prob.role = #prob.closure<#prob.name"m", #builtin.int<0>>}, %d: tensor<f32> {prob.role = #prob.closure<#prob.name"m", #builtin.int<1>>}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %q = dist.delta %v, %d {event_rank = 1 : i64} : (tensor<3xf32>, tensor<f32>) -> !prob.law<tensor<3xf32>, event_rank = 1>
// CHECK-NEXT:     %0 = lax.eq %v, %v : tensor<3xf32> -> tensor<3xi1>
// CHECK-NEXT:     %1 = lax.constant "0.0" : tensor<3xf32>
// CHECK-NEXT:     %2 = lax.constant "-inf" : tensor<3xf32>
// CHECK-NEXT:     %3 = lax.select_n %0, %2, %1 : (tensor<3xi1>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// CHECK-NEXT:     %4 = lax.reduce_sum %3 {axes = array<i64: 0>} : (tensor<3xf32>) -> tensor<f32>
// CHECK-NEXT:     %l = lax.add %4, %d : tensor<f32>
// CHECK-NEXT:     %p = dist.improper {support = "positive"} : () -> !prob.law<tensor<3xf32>, event_rank = 1>
// CHECK-NEXT:     %5 = lax.constant "0.0" : tensor<f32>
// CHECK-NEXT:     %6 = lax.constant "0.0" : tensor<3xf32>
// CHECK-NEXT:     %7 = lax.ge %v, %6 : tensor<3xf32> -> tensor<3xi1>
// CHECK-NEXT:     %8 = lax.reduce_and %7 {axes = array<i64: 0>} : (tensor<3xi1>) -> tensor<i1>
// CHECK-NEXT:     %9 = lax.constant "-inf" : tensor<f32>
// CHECK-NEXT:     %k = lax.select_n %8, %9, %5 : (tensor<i1>, tensor<f32>, tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     prob.return %l, %k : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
