// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p relbo-raise-idioms | filecheck %s

// As JAX writes them: a log-sum-exp of rows, a softmax, and its logarithm.
func.func @rows(%x: tensor<2x3xf32>) -> tensor<2xf32> {
  %m = lax.reduce_max %x {axes = array<i64: 1>} : (tensor<2x3xf32>) -> tensor<2xf32>
  %f = lax.is_finite %m : tensor<2xf32> -> tensor<2xi1>
  %z = lax.constant "0.0" : tensor<2xf32>
  %g = lax.select_n %f, %z, %m : (tensor<2xi1>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %s = lax.stop_gradient %g : tensor<2xf32>
  %t = lax.broadcast_in_dim %s {dimensions = array<i64: 0>} : (tensor<2xf32>) -> tensor<2x1xf32>
  %u = lax.broadcast_in_dim %t {dimensions = array<i64: 0, 1>} : (tensor<2x1xf32>) -> tensor<2x3xf32>
  %d = lax.sub %x, %u : tensor<2x3xf32>
  %e = lax.exp %d : tensor<2x3xf32>
  %a = lax.reduce_sum %e {axes = array<i64: 1>} : (tensor<2x3xf32>) -> tensor<2xf32>
  %b = lax.abs %a : tensor<2xf32>
  %l = lax.log %b : tensor<2xf32>
  %r = lax.add %l, %s : tensor<2xf32>
  func.return %r : tensor<2xf32>
}
func.func @softmax(%x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %m = lax.reduce_max %x {axes = array<i64: 0>} : (tensor<3xf32>) -> tensor<f32>
  %s = lax.stop_gradient %m : tensor<f32>
  %u = lax.broadcast_in_dim %s {dimensions = array<i64>} : (tensor<f32>) -> tensor<3xf32>
  %d = lax.sub %x, %u : tensor<3xf32>
  %e = lax.exp %d : tensor<3xf32>
  %a = lax.reduce_sum %e {axes = array<i64: 0>} : (tensor<3xf32>) -> tensor<f32>
  %b = lax.broadcast_in_dim %a {dimensions = array<i64>} : (tensor<f32>) -> tensor<3xf32>
  %p = lax.div %e, %b : tensor<3xf32>
  %l = lax.log %a : tensor<f32>
  %w = lax.broadcast_in_dim %l {dimensions = array<i64>} : (tensor<f32>) -> tensor<3xf32>
  %q = lax.sub %d, %w : tensor<3xf32>
  func.return %p, %q : tensor<3xf32>, tensor<3xf32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   func.func @rows(%x: tensor<2x3xf32>) -> tensor<2xf32> {
// CHECK-NEXT:     %r = lax.logsumexp %x {axes = array<i64: 1>} : (tensor<2x3xf32>) -> tensor<2xf32>
// CHECK-NEXT:     func.return %r : tensor<2xf32>
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func @softmax(%x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
// CHECK-NEXT:     %p = lax.logsumexp %x {axes = array<i64: 0>} : (tensor<3xf32>) -> tensor<f32>
// CHECK-NEXT:     %p_1 = lax.broadcast_in_dim %p {dimensions = array<i64>} : (tensor<f32>) -> tensor<3xf32>
// CHECK-NEXT:     %p_2 = lax.sub %x, %p_1 : tensor<3xf32>
// CHECK-NEXT:     %p_3 = lax.exp %p_2 : tensor<3xf32>
// CHECK-NEXT:     %q = lax.logsumexp %x {axes = array<i64: 0>} : (tensor<3xf32>) -> tensor<f32>
// CHECK-NEXT:     %q_1 = lax.broadcast_in_dim %q {dimensions = array<i64>} : (tensor<f32>) -> tensor<3xf32>
// CHECK-NEXT:     %q_2 = lax.sub %x, %q_1 : tensor<3xf32>
// CHECK-NEXT:     func.return %p_3, %q_2 : tensor<3xf32>, tensor<3xf32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// Another shift is added than was taken out.
func.func @other(%x: tensor<3xf32>, %s: tensor<f32>, %t: tensor<f32>) -> tensor<f32> {
  %u = lax.broadcast_in_dim %s {dimensions = array<i64>} : (tensor<f32>) -> tensor<3xf32>
  %d = lax.sub %x, %u : tensor<3xf32>
  %e = lax.exp %d : tensor<3xf32>
  %a = lax.reduce_sum %e {axes = array<i64: 0>} : (tensor<3xf32>) -> tensor<f32>
  %l = lax.log %a : tensor<f32>
  %r = lax.add %l, %t : tensor<f32>
  func.return %r : tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   func.func @other(%x: tensor<3xf32>, %s: tensor<f32>, %t: tensor<f32>) -> tensor<f32> {
// CHECK-NEXT:     %u = lax.broadcast_in_dim %s {dimensions = array<i64>} : (tensor<f32>) -> tensor<3xf32>
// CHECK-NEXT:     %d = lax.sub %x, %u : tensor<3xf32>
// CHECK-NEXT:     %e = lax.exp %d : tensor<3xf32>
// CHECK-NEXT:     %a = lax.reduce_sum %e {axes = array<i64: 0>} : (tensor<3xf32>) -> tensor<f32>
// CHECK-NEXT:     %l = lax.log %a : tensor<f32>
// CHECK-NEXT:     %r = lax.add %l, %t : tensor<f32>
// CHECK-NEXT:     func.return %r : tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// A power of a whole number, by a constant of any shape; not of a fraction, a large one, one below 0, or a value.
func.func @powers(%x: tensor<3xf32>, %y: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
  %two = lax.constant "2.0" : tensor<f32>
  %wide = lax.broadcast_in_dim %two {dimensions = array<i64>} : (tensor<f32>) -> tensor<3xf32>
  %half = lax.constant "2.5" : tensor<3xf32>
  %large = lax.constant "9.0" : tensor<3xf32>
  %below = lax.constant "-1.0" : tensor<3xf32>
  %a = lax.pow %x, %wide : tensor<3xf32>
  %b = lax.pow %x, %half : tensor<3xf32>
  %c = lax.pow %x, %large : tensor<3xf32>
  %d = lax.pow %x, %y : tensor<3xf32>
  %e = lax.pow %x, %below : tensor<3xf32>
  func.return %a, %b, %c, %d, %e : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   func.func @powers(%x: tensor<3xf32>, %y: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
// CHECK-NEXT:     %half = lax.constant "2.5" : tensor<3xf32>
// CHECK-NEXT:     %large = lax.constant "9.0" : tensor<3xf32>
// CHECK-NEXT:     %below = lax.constant "-1.0" : tensor<3xf32>
// CHECK-NEXT:     %a = lax.integer_pow %x {exponent = 2 : i64} : (tensor<3xf32>) -> tensor<3xf32>
// CHECK-NEXT:     %b = lax.pow %x, %half : tensor<3xf32>
// CHECK-NEXT:     %c = lax.pow %x, %large : tensor<3xf32>
// CHECK-NEXT:     %d = lax.pow %x, %y : tensor<3xf32>
// CHECK-NEXT:     %e = lax.pow %x, %below : tensor<3xf32>
// CHECK-NEXT:     func.return %a, %b, %c, %d, %e : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
