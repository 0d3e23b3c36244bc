// RUN: relbo-opt %s -p relbo-expand-densities,relbo-canonicalize,dce | filecheck %s

// A mixture is a sum of densities; a traced transform is scored by its functions.
func.func private @forward(%x: tensor<f32>) -> tensor<f32> {
  func.return %x : tensor<f32>
}
func.func private @log_det(%x: tensor<f32>, %y: tensor<f32>) -> tensor<f32> {
  func.return %x : tensor<f32>
}
func.func private @inside(%y: tensor<f32>) -> tensor<i1> {
  %i = lax.constant "true" : tensor<i1>
  func.return %i : tensor<i1>
}
func.func @scored(%x: tensor<f32>, %w: tensor<2xf32>, %low: tensor<f32>, %high: tensor<f32>) -> tensor<f32> {
  %u = dist.uniform %low, %high : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %e = dist.exponential %high : (tensor<f32>) -> !prob.law<tensor<f32>>
  %t = dist.transformed_by %e forward(@forward) inverse(@forward) log_det(@log_det) inside(@inside) : (!prob.law<tensor<f32>>) -> !prob.law<tensor<f32>>
  %m = dist.mixture %w, %u, %t : (tensor<2xf32>, !prob.law<tensor<f32>>, !prob.law<tensor<f32>>) -> !prob.law<tensor<f32>>
  %d = prob.log_density %m at %x : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
  func.return %d : tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   func.func private @forward(%x: tensor<f32>) -> tensor<f32> {
// CHECK-NEXT:     func.return %x : tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func private @log_det(%x: tensor<f32>, %y: tensor<f32>) -> tensor<f32> {
// CHECK-NEXT:     func.return %x : tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func private @inside(%y: tensor<f32>) -> tensor<i1> {
// CHECK-NEXT:     %i = lax.constant "true" : tensor<i1>
// CHECK-NEXT:     func.return %i : tensor<i1>
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func @scored(%x: tensor<f32>, %w: tensor<2xf32>, %low: tensor<f32>, %high: tensor<f32>) -> tensor<f32> {
// CHECK-NEXT:     %0 = lax.logsumexp %w {axes = array<i64: 0>} : (tensor<2xf32>) -> tensor<f32>
// CHECK-NEXT:     %1 = lax.reshape %0 : (tensor<f32>) -> tensor<1xf32>
// CHECK-NEXT:     %2 = lax.broadcast_in_dim %1 {dimensions = array<i64: 0>} : (tensor<1xf32>) -> tensor<2xf32>
// CHECK-NEXT:     %3 = lax.sub %w, %2 : tensor<2xf32>
// CHECK-NEXT:     %4 = lax.sub %high, %low : tensor<f32>
// CHECK-NEXT:     %5 = lax.log %4 : tensor<f32>
// CHECK-NEXT:     %6 = lax.neg %5 : tensor<f32>
// CHECK-NEXT:     %7 = lax.ge %x, %low : tensor<f32> -> tensor<i1>
// CHECK-NEXT:     %8 = lax.le %x, %high : tensor<f32> -> tensor<i1>
// CHECK-NEXT:     %9 = lax.logical_and %7, %8 : tensor<i1>
// CHECK-NEXT:     %10 = lax.constant "-inf" : tensor<f32>
// CHECK-NEXT:     %11 = lax.select_n %9, %10, %6 : (tensor<i1>, tensor<f32>, tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     %12 = func.call @forward(%x) : (tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     %13 = func.call @log_det(%12, %x) : (tensor<f32>, tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     %14 = lax.log %high : tensor<f32>
// CHECK-NEXT:     %15 = lax.mul %high, %12 : tensor<f32>
// CHECK-NEXT:     %16 = lax.sub %14, %15 : tensor<f32>
// CHECK-NEXT:     %17 = lax.constant "0.0" : tensor<f32>
// CHECK-NEXT:     %18 = lax.ge %12, %17 : tensor<f32> -> tensor<i1>
// CHECK-NEXT:     %19 = lax.constant "-inf" : tensor<f32>
// CHECK-NEXT:     %20 = lax.select_n %18, %19, %16 : (tensor<i1>, tensor<f32>, tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     %21 = lax.sub %20, %13 : tensor<f32>
// CHECK-NEXT:     %22 = func.call @inside(%x) : (tensor<f32>) -> tensor<i1>
// CHECK-NEXT:     %23 = lax.constant "-inf" : tensor<f32>
// CHECK-NEXT:     %24 = lax.select_n %22, %23, %21 : (tensor<i1>, tensor<f32>, tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     %25 = lax.reshape %11 : (tensor<f32>) -> tensor<1xf32>
// CHECK-NEXT:     %26 = lax.reshape %24 : (tensor<f32>) -> tensor<1xf32>
// CHECK-NEXT:     %27 = lax.concatenate %25, %26 {dimension = 0 : i64} : (tensor<1xf32>, tensor<1xf32>) -> tensor<2xf32>
// CHECK-NEXT:     %28 = lax.add %3, %27 : tensor<2xf32>
// CHECK-NEXT:     %d = lax.logsumexp %28 {axes = array<i64: 0>} : (tensor<2xf32>) -> tensor<f32>
// CHECK-NEXT:     func.return %d : tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
