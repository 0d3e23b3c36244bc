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
