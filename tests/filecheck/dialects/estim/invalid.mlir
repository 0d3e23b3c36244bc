// RUN: relbo-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// A score of integers
%c = "test.op"() : () -> tensor<i32>
%r = estim.score %c upstream() {maps = []} : tensor<i32>, ()
// CHECK: tensor<i32> is no tensor of real floats

// -----

// An upstream of integers
%c = "test.op"() : () -> tensor<f32>
%u = "test.op"() : () -> tensor<i32>
%r = estim.score %c upstream(%u) {maps = [array<i64>]} : tensor<f32>, (tensor<i32>)
// CHECK: tensor<i32> is no tensor of real floats

// -----

// An upstream of another float type
%c = "test.op"() : () -> tensor<f32>
%u = "test.op"() : () -> tensor<f64>
%r = estim.score %c upstream(%u) {maps = [array<i64>]} : tensor<f32>, (tensor<f64>)
// CHECK: tensor<f64> and tensor<f32> differ in elements

// -----

// A map for every upstream
%c = "test.op"() : () -> tensor<f32>
%u = "test.op"() : () -> tensor<f32>
%r = estim.score %c upstream(%u) {maps = []} : tensor<f32>, (tensor<f32>)
// CHECK: 0 maps for 1 upstreams

// -----

// A map for every axis
%c = "test.op"() : () -> tensor<8xf32>
%u = "test.op"() : () -> tensor<8xf32>
%r = estim.score %c upstream(%u) {maps = [array<i64>]} : tensor<8xf32>, (tensor<8xf32>)
// CHECK: () does not map the 1 axes of tensor<8xf32>

// -----

// An axis of another size
%c = "test.op"() : () -> tensor<8xf32>
%u = "test.op"() : () -> tensor<3xf32>
%r = estim.score %c upstream(%u) {maps = [array<i64: 0>]} : tensor<8xf32>, (tensor<3xf32>)
// CHECK: an axis of size 3 is not axis 0 of tensor<8xf32>

// -----

// Two axes on one
%c = "test.op"() : () -> tensor<8xf32>
%u = "test.op"() : () -> tensor<8x8xf32>
%r = estim.score %c upstream(%u) {maps = [array<i64: 0, 0>]} : tensor<8xf32>, (tensor<8x8xf32>)
// CHECK: (0, 0) maps two axes to one

// -----

// A map of floats
%c = "test.op"() : () -> tensor<8xf32>
%u = "test.op"() : () -> tensor<8xf32>
%r = estim.score %c upstream(%u) {maps = [array<f32: 0.0>]} : tensor<8xf32>, (tensor<8xf32>)
// CHECK: Expected attribute i64 but got f32

// -----

// A baseline for one of two
%c = "test.op"() : () -> tensor<f32>
%u = "test.op"() : () -> tensor<f32>
%r = estim.score %c upstream(%u, %u) baselines(%c) {maps = [array<i64>, array<i64>]} : tensor<f32>, (tensor<f32>, tensor<f32>) baselines (tensor<f32>)
// CHECK: a baseline belongs to one upstream: give none, or one for each

// -----

// A baseline of another shape
%c = "test.op"() : () -> tensor<f32>
%u = "test.op"() : () -> tensor<f32>
%b = "test.op"() : () -> tensor<8xf32>
%r = estim.score %c upstream(%u) baselines(%b) {maps = [array<i64>]} : tensor<f32>, (tensor<f32>) baselines (tensor<8xf32>)
// CHECK: a baseline has the type of its addend, tensor<f32>

// -----

// A gradient of another type
%c = "test.op"() : () -> tensor<f32>
%h = "test.op"() : () -> tensor<8xf32>
%r = "estim.attach"(%c, %h) : (tensor<f32>, tensor<8xf32>) -> tensor<f32>
// CHECK: operand 'gradient_of' at position 1 does not verify:
// CHECK-NEXT: attribute tensor<f32> expected from variable 'SAME', but got tensor<8xf32>

// -----

// The twin of no draw
%b = "test.op"() : () -> tensor<i32>
%t = estim.antithetic %b : tensor<i32>
// CHECK: estim.antithetic is of the draw of a choice that is `disarm`

// -----

// The twin of a draw that is treated otherwise
%law = "test.op"() : () -> !prob.law<tensor<i32>>
%s = "test.op"() : () -> tensor<f32>
%e = prob.expectation {
  %b = prob.sample "b" from %law {how = #prob.how<score>} : !prob.law<tensor<i32>>
  %t = estim.antithetic %b : tensor<i32>
  prob.yield "s" %s : tensor<f32>
} : tensor<f32>
// CHECK: estim.antithetic is of the draw of a choice that is `disarm`

// -----

// No sample
%s = "test.op"() : () -> tensor<f32>
%b = estim.log_mean_exp %s {samples = 0 : i64} : tensor<f32>
// CHECK: estim.log_mean_exp needs 1 samples at least, not 0

// -----

// No other sample
%s = "test.op"() : () -> tensor<f32>
%b = estim.vimco %s {samples = 1 : i64} : tensor<f32>
// CHECK: estim.vimco needs 2 samples at least, not 1

// -----

// Several weights of one sample
%s = "test.op"() : () -> tensor<3xf32>
%b = estim.log_mean_exp %s {samples = 8 : i64} : tensor<3xf32>
// CHECK: estim.log_mean_exp is of one number a sample, not tensor<3xf32>

// -----

// A vector of other elements
%s = "test.op"() : () -> tensor<f32>
%a = estim.all_samples %s : tensor<f32> -> tensor<8xf64>
// CHECK: estim.all_samples makes a vector of numbers, not tensor<8xf64> of tensor<f32>

// -----

// No particle
%s = "test.op"() : () -> tensor<f32>
%m = estim.replicate {
^bb0(%p: tensor<i32>):
  prob.yield_value %s : tensor<f32>
} {size = 0 : i64} : tensor<f32>
// CHECK: estim.replicate needs one particle at least

// -----

// No argument
%s = "test.op"() : () -> tensor<f32>
%m = estim.replicate {
  prob.yield_value %s : tensor<f32>
} {size = 2 : i64} : tensor<f32>
// CHECK: estim.replicate's region has one argument, the particle: an integer of rank 0

// -----

// A particle that is no integer
%s = "test.op"() : () -> tensor<f32>
%m = estim.replicate {
^bb0(%p: tensor<f32>):
  prob.yield_value %s : tensor<f32>
} {size = 2 : i64} : tensor<f32>
// CHECK: estim.replicate's region has one argument, the particle: an integer of rank 0

// -----

// Another value
%s = "test.op"() : () -> tensor<8xf32>
%m = estim.replicate {
^bb0(%p: tensor<i32>):
  prob.yield_value %s : tensor<8xf32>
} {size = 2 : i64} : tensor<f32>
// CHECK: estim.replicate yields values of its results' types

// -----

// No value
%s = "test.op"() : () -> tensor<f32>
%m = estim.replicate {
^bb0(%p: tensor<i32>):
  "test.termop"() : () -> ()
} {size = 2 : i64} : tensor<f32>
// CHECK: estim.replicate must end in prob.yield_value

// -----

// A derivative with respect to an integer
%x = "test.op"() : () -> tensor<i32>
%s = "test.op"() : () -> tensor<f32>
%v, %d = estim.value_and_grad (%x_ = %x) : (tensor<i32>) -> (tensor<f32>, tensor<i32>) {
  prob.yield_value %s : tensor<f32>
}
// CHECK: operand 'operand_values' at position 0 does not verify:
// CHECK-NEXT: tensor<i32> is no tensor of real floats

// -----

// A derivative of another type
%x = "test.op"() : () -> tensor<f32>
%v, %d = estim.value_and_grad (%x_ = %x) : (tensor<f32>) -> (tensor<f32>, tensor<8xf32>) {
  prob.yield_value %x_ : tensor<f32>
}
// CHECK: estim.value_and_grad: gradients and operands differ in type

// -----

// A decay that is none
%s = "test.op"() : () -> tensor<f32>
%b = estim.running_mean %s {state = #prob.name"s", decay = 1.0 : f64} : tensor<f32>
// CHECK: a decay lies between 0 and 1, unlike 1.0

// -----

// No log density
%j = "estim.joint"() : () -> tensor<f32>
// CHECK: a joint log density has one part at least

// -----

// A sum of densities of another precision
%u, %v = "test.op"() : () -> (tensor<8xf32>, tensor<3xf64>)
%j = estim.joint %u, %v : tensor<8xf32>, tensor<3xf64> -> tensor<f32>
// CHECK: a sum of all elements of tensor<3xf64> is no tensor<f32>

// -----

// The order of the ELBO
%s = "test.op"() : () -> tensor<f32>
%b = estim.log_mean_exp %s {samples = 8 : i64, alpha = 1.0 : f64} : tensor<f32>
// CHECK: estim.log_mean_exp is of a finite order but 1, not 1.0
