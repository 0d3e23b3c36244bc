// RUN: relbo-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// A float where an integer is
%x = "test.op"() : () -> tensor<3xi32>
%r = lax.exp %x : tensor<3xi32>
// CHECK: tensor<3xi32> is no tensor of floats

// -----

// Logic on floats
%x = "test.op"() : () -> tensor<3xf32>
%r = lax.logical_and %x, %x : tensor<3xf32>
// CHECK: tensor<3xf32> is no tensor of integers or booleans

// -----

// Arithmetic on booleans
%x = "test.op"() : () -> tensor<3xi1>
%r = lax.add %x, %x : tensor<3xi1>
// CHECK: tensor<3xi1> is no tensor of numbers

// -----

// Order among keys
%x = "test.op"() : () -> tensor<3x!rng.key>
%r = lax.lt %x, %x : tensor<3x!rng.key> -> tensor<3xi1>
// CHECK: tensor<3x!rng.key> is no tensor of numbers or booleans

// -----

// A dynamic shape
%x = "test.op"() : () -> tensor<?xf64>
%r = lax.neg %x : tensor<?xf64>
// CHECK: tensor<?xf64> has no static shape; give every axis a size

// -----

// A float type that no JAX array has
%x = "test.op"() : () -> tensor<f80>
%r = lax.neg %x : tensor<f80>
// CHECK: tensor<f80> is no tensor of numbers

// -----

// No tensor
%x = "test.op"() : () -> f32
%r = lax.neg %x : f32
// CHECK: f32 is no tensor

// -----

// Two types
%x = "test.op"() : () -> tensor<3xf32>
%y = "test.op"() : () -> tensor<2xf32>
%r = "lax.add"(%x, %y) : (tensor<3xf32>, tensor<2xf32>) -> tensor<3xf32>
// CHECK: operand 'y' at position 1 does not verify:
// CHECK-NEXT: attribute tensor<3xf32> expected from variable 'SAME', but got tensor<2xf32>

// -----

// A comparison is boolean
%x = "test.op"() : () -> tensor<3xf32>
%r = lax.eq %x, %x : tensor<3xf32> -> tensor<3xf32>
// CHECK: tensor<3xf32> is no tensor of integers or booleans

// -----

// A predicate has the shape of its operand
%x = "test.op"() : () -> tensor<3xf32>
%r = lax.is_finite %x : tensor<3xf32> -> tensor<2xi1>
// CHECK: lax.is_finite gives tensor<3xi1>, not tensor<2xi1>

// -----

// Text that is no number

%r = lax.constant "1.0, one" : tensor<2xf32>
// CHECK: this text is no constant of tensor<2xf32>: could not convert string to float: 'one'

// -----

// Too few elements

%r = lax.constant "1.0, 2.0" : tensor<3xf32>
// CHECK: this text is no constant of tensor<3xf32>: 8 bytes do not fill tensor<3xf32>

// -----

// An integer out of range

%r = lax.constant "256" : tensor<ui8>
// CHECK: this text is no constant of tensor<ui8>: a number is out of range

// -----

// A constant that is no tensor

%r = lax.constant "1.0" : f32
// CHECK: a constant has a tensor type, not f32

// -----

// A constant of another type

%r = "lax.constant"() {value = #lax.literal<"1.0" : tensor<f32>>} : () -> tensor<f64>
// CHECK: a constant of tensor<f32> is not tensor<f64>

// -----

// select_n chooses by a boolean or an i32
%x = "test.op"() : () -> tensor<3xf32>
%w = "test.op"() : () -> tensor<3xf32>
%r = lax.select_n %w, %x, %x : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// CHECK: tensor<3xf32> is no tensor of integers or booleans

// -----

// Of i64
%x = "test.op"() : () -> tensor<3xf32>
%w = "test.op"() : () -> tensor<3xi64>
%r = lax.select_n %w, %x, %x : (tensor<3xi64>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// CHECK: `which` is boolean or i32, not tensor<3xi64>

// -----

// A boolean has two values
%x = "test.op"() : () -> tensor<3xf32>
%w = "test.op"() : () -> tensor<3xi1>
%r = lax.select_n %w, %x, %x, %x : (tensor<3xi1>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// CHECK: tensor<3xi1> does not choose among 3 cases

// -----

// Cases of two types
%x = "test.op"() : () -> tensor<3xf32>
%y = "test.op"() : () -> tensor<3xf64>
%w = "test.op"() : () -> tensor<3xi1>
%r = lax.select_n %w, %x, %y : (tensor<3xi1>, tensor<3xf32>, tensor<3xf64>) -> tensor<3xf32>
// CHECK: the cases and the result of lax.select_n have one type

// -----

// A selector of another shape
%x = "test.op"() : () -> tensor<3xf32>
%w = "test.op"() : () -> tensor<2xi1>
%r = lax.select_n %w, %x, %x : (tensor<2xi1>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// CHECK: `which` has the shape of the cases, or rank 0

// -----

// A bound of another shape
%x = "test.op"() : () -> tensor<3xf32>
%l = "test.op"() : () -> tensor<2xf32>
%r = lax.clamp %l, %x, %x : (tensor<2xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// CHECK: a bound of tensor<3xf32> is not tensor<2xf32>

// -----

// clamp keeps the type
%x = "test.op"() : () -> tensor<3xf32>
%r = lax.clamp %x, %x, %x : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf64>
// CHECK: lax.clamp gives tensor<3xf32>, not tensor<3xf64>

// -----

// integer_pow keeps the type
%x = "test.op"() : () -> tensor<3xf32>
%r = lax.integer_pow %x {exponent = 2 : i64} : (tensor<3xf32>) -> tensor<2xf32>
// CHECK: lax.integer_pow gives tensor<3xf32>, not tensor<2xf32>

// -----

// convert keeps the shape
%x = "test.op"() : () -> tensor<3xf32>
%r = lax.convert %x : (tensor<3xf32>) -> tensor<2xi32>
// CHECK: lax.convert keeps the shape

// -----

// broadcast_in_dim to a smaller axis
%x = "test.op"() : () -> tensor<3xf32>
%r = lax.broadcast_in_dim %x {dimensions = array<i64: 1>} : (tensor<3xf32>) -> tensor<2x2xf32>
// CHECK: (3,) does not broadcast to (2, 2) along (1,)

// -----

// broadcast_in_dim keeps the elements' type
%x = "test.op"() : () -> tensor<3xf32>
%r = lax.broadcast_in_dim %x {dimensions = array<i64: 1>} : (tensor<3xf32>) -> tensor<2x3xf64>
// CHECK: lax.broadcast_in_dim gives tensor<2x3xf32>, not tensor<2x3xf64>

// -----

// reshape keeps the elements
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.reshape %x : (tensor<2x3xf32>) -> tensor<5xf32>
// CHECK: tensor<2x3xf32> and tensor<5xf32> differ in their size

// -----

// and their type
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.reshape %x : (tensor<2x3xf32>) -> tensor<6xi32>
// CHECK: lax.reshape gives tensor<6xf32>, not tensor<6xi32>

// -----

// No permutation
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.transpose %x {permutation = array<i64: 0, 0>} : (tensor<2x3xf32>) -> tensor<2x2xf32>
// CHECK: (0, 0) is no permutation of 2 axes

// -----

// Another result
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.transpose %x {permutation = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
// CHECK: lax.transpose gives tensor<3x2xf32>, not tensor<2x3xf32>

// -----

// Axes are i64
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.transpose %x {permutation = array<f32: 1.0, 0.0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
// CHECK: Expected attribute i64 but got f32

// -----

// squeeze drops axes of size 1
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.squeeze %x {dimensions = array<i64: 0>} : (tensor<2x3xf32>) -> tensor<3xf32>
// CHECK: tensor<2x3xf32> has more than one element along (0,)

// -----

// that there are
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.squeeze %x {dimensions = array<i64: 2>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
// CHECK: lax.squeeze: (2,) names an axis that rank 2 has not

// -----

// once each
%x = "test.op"() : () -> tensor<1x3xf32>
%r = lax.squeeze %x {dimensions = array<i64: 0, 0>} : (tensor<1x3xf32>) -> tensor<3xf32>
// CHECK: lax.squeeze: (0, 0) names an axis twice

// -----

// Pieces that do not fit
%x = "test.op"() : () -> tensor<2x3xf32>
%y = "test.op"() : () -> tensor<2x2xf32>
%r = lax.concatenate %x, %y {dimension = 0 : i64} : (tensor<2x3xf32>, tensor<2x2xf32>) -> tensor<4x3xf32>
// CHECK: a piece is tensor<2x3xf32> here, not tensor<2x2xf32>

// -----

// Another size
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.concatenate %x, %x {dimension = 0 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<3x3xf32>
// CHECK: lax.concatenate gives tensor<4x3xf32>, not tensor<3x3xf32>

// -----

// Nothing to concatenate

%r = "lax.concatenate"() {dimension = 0 : i64} : () -> tensor<0xf32>
// CHECK: lax.concatenate needs an operand

// -----

// A stack of two types
%x = "test.op"() : () -> tensor<3xf32>
%y = "test.op"() : () -> tensor<2xf32>
%r = lax.stack %x, %y {axis = 0 : i64} : (tensor<3xf32>, tensor<2xf32>) -> tensor<2x3xf32>
// CHECK: lax.stack needs operands of one type

// -----

// A stack of another size
%x = "test.op"() : () -> tensor<3xf32>
%r = lax.stack %x, %x {axis = 0 : i64} : (tensor<3xf32>, tensor<3xf32>) -> tensor<3x3xf32>
// CHECK: lax.stack gives tensor<2x3xf32>, not tensor<3x3xf32>

// -----

// Too few slices
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.unstack %x {axis = 0 : i64} : (tensor<2x3xf32>) -> tensor<3xf32>
// CHECK: tensor<2x3xf32> has 2 slices, not 1

// -----

// Slices of another shape
%x = "test.op"() : () -> tensor<2x3xf32>
%r:2 = lax.unstack %x {axis = 0 : i64} : (tensor<2x3xf32>) -> (tensor<3xf32>, tensor<2xf32>)
// CHECK: lax.unstack gives tensor<3xf32>, not tensor<2xf32>

// -----

// Sizes that do not add up
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.split %x {sizes = array<i64: 2>, axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<2x2xf32>
// CHECK: (2,) do not split 3 elements

// -----

// Too few pieces
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.split %x {sizes = array<i64: 1, 2>, axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<2x1xf32>
// CHECK: 2 sizes for 1 pieces

// -----

// A piece of another size
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.split %x {sizes = array<i64: 3>, axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<2x2xf32>
// CHECK: lax.split gives tensor<2x3xf32>, not tensor<2x2xf32>

// -----

// A slice that sticks out
%x = "test.op"() : () -> tensor<3xf32>
%r = lax.slice %x {start = array<i64: 0>, limit = array<i64: 4>, strides = array<i64: 1>} : (tensor<3xf32>) -> tensor<4xf32>
// CHECK: 0:4:1 is no slice of 3 elements

// -----

// A slice without all axes
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.slice %x {start = array<i64: 0>, limit = array<i64: 2>, strides = array<i64: 1>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
// CHECK: lax.slice needs start, limit and stride for every axis

// -----

// A slice of another size
%x = "test.op"() : () -> tensor<3xf32>
%r = lax.slice %x {start = array<i64: 0>, limit = array<i64: 3>, strides = array<i64: 2>} : (tensor<3xf32>) -> tensor<1xf32>
// CHECK: lax.slice gives tensor<2xf32>, not tensor<1xf32>

// -----

// Padding of another size
%x = "test.op"() : () -> tensor<3xf32>
%v = "test.op"() : () -> tensor<f32>
%r = lax.pad %x, %v {low = array<i64: 1>, high = array<i64: 0>, interior = array<i64: 0>} : (tensor<3xf32>, tensor<f32>) -> tensor<5xf32>
// CHECK: lax.pad gives tensor<4xf32>, not tensor<5xf32>

// -----

// Padding by a vector
%x = "test.op"() : () -> tensor<3xf32>
%r = lax.pad %x, %x {low = array<i64: 1>, high = array<i64: 0>, interior = array<i64: 0>} : (tensor<3xf32>, tensor<3xf32>) -> tensor<4xf32>
// CHECK: the padding value is tensor<f32> here, not tensor<3xf32>

// -----

// Padding of some axes
%x = "test.op"() : () -> tensor<2x3xf32>
%v = "test.op"() : () -> tensor<f32>
%r = lax.pad %x, %v {low = array<i64: 1>, high = array<i64: 0>, interior = array<i64: 0>} : (tensor<2x3xf32>, tensor<f32>) -> tensor<3x3xf32>
// CHECK: lax.pad needs low, high and interior for every axis

// -----

// Negative padding between elements
%x = "test.op"() : () -> tensor<3xf32>
%v = "test.op"() : () -> tensor<f32>
%r = lax.pad %x, %v {low = array<i64: 0>, high = array<i64: 0>, interior = array<i64: -1>} : (tensor<3xf32>, tensor<f32>) -> tensor<1xf32>
// CHECK: interior padding is not negative

// -----

// rev keeps the type
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.rev %x {dimensions = array<i64: 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
// CHECK: lax.rev gives tensor<2x3xf32>, not tensor<3x2xf32>

// -----

// iota along an axis that is there

%r = lax.iota {dimension = 1 : i64} : tensor<3xi32>
// CHECK: lax.iota: (1,) names an axis that rank 1 has not

// -----

// iota of booleans

%r = lax.iota {dimension = 0 : i64} : tensor<3xi1>
// CHECK: tensor<3xi1> is no tensor of numbers

// -----

// A sum over one axis twice
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.reduce_sum %x {axes = array<i64: 0, 0>} : (tensor<2x3xf32>) -> tensor<3xf32>
// CHECK: lax.reduce_sum: (0, 0) names an axis twice

// -----

// A sum of another type
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.reduce_sum %x {axes = array<i64: 0>} : (tensor<2x3xf32>) -> tensor<3xf64>
// CHECK: lax.reduce_sum gives tensor<3xf32>, not tensor<3xf64>

// -----

// A sum over no axis of the operand
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.reduce_sum %x {axes = array<i64: 2>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
// CHECK: lax.reduce_sum: (2,) names an axis that rank 2 has not

// -----

// A conjunction of floats
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.reduce_and %x {axes = array<i64: 0>} : (tensor<2x3xf32>) -> tensor<3xf32>
// CHECK: tensor<2x3xf32> is no tensor of integers or booleans

// -----

// logsumexp of integers
%x = "test.op"() : () -> tensor<3xi32>
%r = lax.logsumexp %x {axes = array<i64: 0>} : (tensor<3xi32>) -> tensor<i32>
// CHECK: tensor<3xi32> is no tensor of floats

// -----

// argmax gives integers
%x = "test.op"() : () -> tensor<3xf32>
%r = lax.argmax %x {axis = 0 : i64} : (tensor<3xf32>) -> tensor<f32>
// CHECK: tensor<f32> is no tensor of integers or booleans

// -----

// argmax drops its axis
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.argmax %x {axis = 0 : i64} : (tensor<2x3xf32>) -> tensor<2xi32>
// CHECK: lax.argmax gives integers of shape (3,)

// -----

// A running sum keeps the type
%x = "test.op"() : () -> tensor<3xf32>
%r = lax.cumsum %x {axis = 0 : i64, reverse = false} : (tensor<3xf32>) -> tensor<2xf32>
// CHECK: lax.cumsum gives tensor<3xf32>, not tensor<2xf32>

// -----

// along an axis that is there
%x = "test.op"() : () -> tensor<3xf32>
%r = lax.cumsum %x {axis = 1 : i64, reverse = false} : (tensor<3xf32>) -> tensor<3xf32>
// CHECK: lax.cumsum: (1,) names an axis that rank 1 has not

// -----

// More keys than operands
%x = "test.op"() : () -> tensor<3xf32>
%r = lax.sort %x {dimension = 0 : i64, is_stable = true, num_keys = 2 : i64} : (tensor<3xf32>) -> tensor<3xf32>
// CHECK: 2 keys for 1 operands

// -----

// sort keeps the types
%x = "test.op"() : () -> tensor<3xf32>
%r = lax.sort %x {dimension = 0 : i64, is_stable = true, num_keys = 1 : i64} : (tensor<3xf32>) -> tensor<2xf32>
// CHECK: the operands and the results of lax.sort differ in type

// -----

// sort of two shapes
%x = "test.op"() : () -> tensor<3xf32>
%y = "test.op"() : () -> tensor<2xf32>
%r:2 = lax.sort %x, %y {dimension = 0 : i64, is_stable = true, num_keys = 1 : i64} : (tensor<3xf32>, tensor<2xf32>) -> (tensor<3xf32>, tensor<2xf32>)
// CHECK: the operands of lax.sort differ in shape

// -----

// Axes of two sizes
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.dot_general %x, %x {x_batch = array<i64>, y_batch = array<i64>, x_contract = array<i64: 0>, y_contract = array<i64: 1>} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
// CHECK: (2, 3) and (2, 3) do not contract along (0,), (1,), batch (), ()

// -----

// A precision that is none
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.dot_general %x, %x {x_batch = array<i64>, y_batch = array<i64>, x_contract = array<i64: 1>, y_contract = array<i64: 1>, precision = "MORE"} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x2xf32>
// CHECK: "MORE" is no precision: give HIGH or HIGHEST, or none

// -----

// A contraction of two types
%x = "test.op"() : () -> tensor<2x3xf32>
%y = "test.op"() : () -> tensor<3xf64>
%r = lax.dot_general %x, %y {x_batch = array<i64>, y_batch = array<i64>, x_contract = array<i64: 1>, y_contract = array<i64: 0>} : (tensor<2x3xf32>, tensor<3xf64>) -> tensor<2xf32>
// CHECK: the second operand is tensor<3xf32> here, not tensor<3xf64>

// -----

// A contraction of another shape
%x = "test.op"() : () -> tensor<2x3xf32>
%y = "test.op"() : () -> tensor<3xf32>
%r = lax.dot_general %x, %y {x_batch = array<i64>, y_batch = array<i64>, x_contract = array<i64: 1>, y_contract = array<i64: 0>} : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<3xf32>
// CHECK: lax.dot_general gives tensor<2xf32>, not tensor<3xf32>

// -----

// An axis contracted twice
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.dot_general %x, %x {x_batch = array<i64>, y_batch = array<i64>, x_contract = array<i64: 1, 1>, y_contract = array<i64: 1, 1>} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x2xf32>
// CHECK: lax.dot_general: (1, 1) names an axis twice

// -----

// A kernel of another type
%x = "test.op"() : () -> tensor<1x2x6xf32>
%k = "test.op"() : () -> tensor<3x2x3xf64>
%r = lax.conv_general_dilated %x, %k {lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: 1>, high = array<i64: 1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 1 : i64, batch_group_count = 1 : i64} : (tensor<1x2x6xf32>, tensor<3x2x3xf64>) -> tensor<1x3x6xf32>
// CHECK: the kernel is tensor<3x2x3xf32> here, not tensor<3x2x3xf64>

// -----

// A kernel without an axis of features
%x = "test.op"() : () -> tensor<1x2x6xf32>
%k = "test.op"() : () -> tensor<3x3xf32>
%r = lax.conv_general_dilated %x, %k {lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: 1>, high = array<i64: 1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 1 : i64, batch_group_count = 1 : i64} : (tensor<1x2x6xf32>, tensor<3x3xf32>) -> tensor<1x3x6xf32>
// CHECK: lax.conv_general_dilated: tensor<1x2x6xf32> and tensor<3x3xf32> have not the same axes of batch, features and space

// -----

// An axis that is forgotten
%x = "test.op"() : () -> tensor<1x2x6xf32>
%k = "test.op"() : () -> tensor<3x2x3xf32>
%r = lax.conv_general_dilated %x, %k {lhs_spec = array<i64: 0, 1>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: 1>, high = array<i64: 1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 1 : i64, batch_group_count = 1 : i64} : (tensor<1x2x6xf32>, tensor<3x2x3xf32>) -> tensor<1x3x6xf32>
// CHECK: lax.conv_general_dilated: (0, 1) leaves out axes of rank 3

// -----

// An axis that is both space and features
%x = "test.op"() : () -> tensor<1x2x6xf32>
%k = "test.op"() : () -> tensor<3x2x3xf32>
%r = lax.conv_general_dilated %x, %k {lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 1>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: 1>, high = array<i64: 1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 1 : i64, batch_group_count = 1 : i64} : (tensor<1x2x6xf32>, tensor<3x2x3xf32>) -> tensor<1x3x6xf32>
// CHECK: lax.conv_general_dilated: (0, 1, 1) names an axis twice

// -----

// No padding after
%x = "test.op"() : () -> tensor<1x2x6xf32>
%k = "test.op"() : () -> tensor<3x2x3xf32>
%r = lax.conv_general_dilated %x, %k {lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: 1>, high = array<i64: 1, 1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 1 : i64, batch_group_count = 1 : i64} : (tensor<1x2x6xf32>, tensor<3x2x3xf32>) -> tensor<1x3x6xf32>
// CHECK: lax.conv_general_dilated needs strides, padding and dilations for each of 1 spatial axes

// -----

// Windows that do not move
%x = "test.op"() : () -> tensor<1x2x6xf32>
%k = "test.op"() : () -> tensor<3x2x3xf32>
%r = lax.conv_general_dilated %x, %k {lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 0>, low = array<i64: 1>, high = array<i64: 1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 1 : i64, batch_group_count = 1 : i64} : (tensor<1x2x6xf32>, tensor<3x2x3xf32>) -> tensor<1x3x6xf32>
// CHECK: lax.conv_general_dilated: strides and dilations are positive

// -----

// Groups of two kinds
%x = "test.op"() : () -> tensor<1x2x6xf32>
%k = "test.op"() : () -> tensor<3x2x3xf32>
%r = lax.conv_general_dilated %x, %k {lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: 1>, high = array<i64: 1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 2 : i64, batch_group_count = 2 : i64} : (tensor<1x2x6xf32>, tensor<3x2x3xf32>) -> tensor<1x3x6xf32>
// CHECK: lax.conv_general_dilated: 2 groups of features and 2 of rows; both are positive, and one of them is 1

// -----

// No groups
%x = "test.op"() : () -> tensor<1x2x6xf32>
%k = "test.op"() : () -> tensor<3x2x3xf32>
%r = lax.conv_general_dilated %x, %k {lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: 1>, high = array<i64: 1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 0 : i64, batch_group_count = 1 : i64} : (tensor<1x2x6xf32>, tensor<3x2x3xf32>) -> tensor<1x3x6xf32>
// CHECK: lax.conv_general_dilated: 0 groups of features and 1 of rows; both are positive, and one of them is 1

// -----

// Kernels of too many features
%x = "test.op"() : () -> tensor<1x2x6xf32>
%k = "test.op"() : () -> tensor<3x2x3xf32>
%r = lax.conv_general_dilated %x, %k {lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: 1>, high = array<i64: 1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 2 : i64, batch_group_count = 1 : i64} : (tensor<1x2x6xf32>, tensor<3x2x3xf32>) -> tensor<1x3x6xf32>
// CHECK: lax.conv_general_dilated: kernels of 2 features do not read 2 features in 2 groups

// -----

// Kernels of no group
%x = "test.op"() : () -> tensor<1x2x6xf32>
%k = "test.op"() : () -> tensor<3x1x3xf32>
%r = lax.conv_general_dilated %x, %k {lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: 1>, high = array<i64: 1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 2 : i64, batch_group_count = 1 : i64} : (tensor<1x2x6xf32>, tensor<3x1x3xf32>) -> tensor<1x3x6xf32>
// CHECK: lax.conv_general_dilated: 3 kernels and 1 rows do not fall into 2 groups

// -----

// Rows of no group
%x = "test.op"() : () -> tensor<1x2x6xf32>
%k = "test.op"() : () -> tensor<4x2x3xf32>
%r = lax.conv_general_dilated %x, %k {lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: 1>, high = array<i64: 1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 1 : i64, batch_group_count = 2 : i64} : (tensor<1x2x6xf32>, tensor<4x2x3xf32>) -> tensor<1x4x6xf32>
// CHECK: lax.conv_general_dilated: 4 kernels and 1 rows do not fall into 2 groups

// -----

// More cropped than there is
%x = "test.op"() : () -> tensor<1x2x6xf32>
%k = "test.op"() : () -> tensor<3x2x3xf32>
%r = lax.conv_general_dilated %x, %k {lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: -4>, high = array<i64: -3>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 1 : i64, batch_group_count = 1 : i64} : (tensor<1x2x6xf32>, tensor<3x2x3xf32>) -> tensor<1x3x0xf32>
// CHECK: lax.conv_general_dilated: padding (-4, -3) crops more than 6

// -----

// Windows that would stick out
%x = "test.op"() : () -> tensor<1x2x6xf32>
%k = "test.op"() : () -> tensor<3x2x3xf32>
%r = lax.conv_general_dilated %x, %k {lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: 0>, high = array<i64: 1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 1 : i64, batch_group_count = 1 : i64} : (tensor<1x2x6xf32>, tensor<3x2x3xf32>) -> tensor<1x3x6xf32>
// CHECK: lax.conv_general_dilated gives tensor<1x3x5xf32>, not tensor<1x3x6xf32>

// -----

// A block that is too large
%x = "test.op"() : () -> tensor<3xf32>
%i = "test.op"() : () -> tensor<i32>
%r = lax.dynamic_slice %x, %i {sizes = array<i64: 4>} : (tensor<3xf32>, tensor<i32>) -> tensor<4xf32>
// CHECK: lax.dynamic_slice: a block of (4,) does not fit in tensor<3xf32>

// -----

// A size for every axis
%x = "test.op"() : () -> tensor<3xf32>
%i = "test.op"() : () -> tensor<i32>
%r = lax.dynamic_slice %x, %i {sizes = array<i64: 1, 1>} : (tensor<3xf32>, tensor<i32>) -> tensor<1x1xf32>
// CHECK: lax.dynamic_slice: 2 sizes for the 1 axes of tensor<3xf32>

// -----

// Too few indices
%x = "test.op"() : () -> tensor<2x3xf32>
%i = "test.op"() : () -> tensor<i32>
%r = lax.dynamic_slice %x, %i {sizes = array<i64: 1, 1>} : (tensor<2x3xf32>, tensor<i32>) -> tensor<1x1xf32>
// CHECK: lax.dynamic_slice: 1 start indices for 2 axes

// -----

// A vector of indices
%x = "test.op"() : () -> tensor<3xf32>
%i = "test.op"() : () -> tensor<2xi32>
%r = lax.dynamic_slice %x, %i {sizes = array<i64: 1>} : (tensor<3xf32>, tensor<2xi32>) -> tensor<1xf32>
// CHECK: lax.dynamic_slice: a start index is one integer, not tensor<2xi32>

// -----

// A float index
%x = "test.op"() : () -> tensor<3xf32>
%i = "test.op"() : () -> tensor<f32>
%r = lax.dynamic_slice %x, %i {sizes = array<i64: 1>} : (tensor<3xf32>, tensor<f32>) -> tensor<1xf32>
// CHECK: tensor<f32> is no tensor of integers or booleans

// -----

// An update that is too large
%x = "test.op"() : () -> tensor<3xf32>
%u = "test.op"() : () -> tensor<4xf32>
%i = "test.op"() : () -> tensor<i32>
%r = lax.dynamic_update_slice %x, %u, %i : (tensor<3xf32>, tensor<4xf32>, tensor<i32>) -> tensor<3xf32>
// CHECK: lax.dynamic_update_slice: a block of (4,) does not fit in tensor<3xf32>

// -----

// An update of another type
%x = "test.op"() : () -> tensor<3xf32>
%u = "test.op"() : () -> tensor<2xf64>
%i = "test.op"() : () -> tensor<i32>
%r = lax.dynamic_update_slice %x, %u, %i : (tensor<3xf32>, tensor<2xf64>, tensor<i32>) -> tensor<3xf32>
// CHECK: the update is tensor<2xf32> here, not tensor<2xf64>

// -----

// An unknown mode
%x = "test.op"() : () -> tensor<5x2xf32>
%i = "test.op"() : () -> tensor<3x1xi32>
%r = lax.gather %x, %i {offset_dims = array<i64: 1>, collapsed_slice_dims = array<i64: 0>, operand_batching_dims = array<i64>, start_indices_batching_dims = array<i64>, start_index_map = array<i64: 0>, slice_sizes = array<i64: 1, 2>, indices_are_sorted = false, unique_indices = false, mode = "wrap"} : (tensor<5x2xf32>, tensor<3x1xi32>) -> tensor<3x2xf32>
// CHECK: lax.gather: the mode is one of clip, fill, promise_in_bounds, not "wrap"

// -----

// Rows of another length
%x = "test.op"() : () -> tensor<5x2xf32>
%i = "test.op"() : () -> tensor<3x1xi32>
%r = lax.gather %x, %i {offset_dims = array<i64: 1>, collapsed_slice_dims = array<i64: 0>, operand_batching_dims = array<i64>, start_indices_batching_dims = array<i64>, start_index_map = array<i64: 0, 1>, slice_sizes = array<i64: 1, 2>, indices_are_sorted = false, unique_indices = false, mode = "fill"} : (tensor<5x2xf32>, tensor<3x1xi32>) -> tensor<3x2xf32>
// CHECK: lax.gather: the rows of tensor<3x1xi32> do not index 2 axes

// -----

// Float indices
%x = "test.op"() : () -> tensor<5x2xf32>
%i = "test.op"() : () -> tensor<3x1xf32>
%r = lax.gather %x, %i {offset_dims = array<i64: 1>, collapsed_slice_dims = array<i64: 0>, operand_batching_dims = array<i64>, start_indices_batching_dims = array<i64>, start_index_map = array<i64: 0>, slice_sizes = array<i64: 1, 2>, indices_are_sorted = false, unique_indices = false, mode = "fill"} : (tensor<5x2xf32>, tensor<3x1xf32>) -> tensor<3x2xf32>
// CHECK: tensor<3x1xf32> is no tensor of integers or booleans

// -----

// A slice that is too large
%x = "test.op"() : () -> tensor<5x2xf32>
%i = "test.op"() : () -> tensor<3x1xi32>
%r = lax.gather %x, %i {offset_dims = array<i64: 1>, collapsed_slice_dims = array<i64: 0>, operand_batching_dims = array<i64>, start_indices_batching_dims = array<i64>, start_index_map = array<i64: 0>, slice_sizes = array<i64: 1, 3>, indices_are_sorted = false, unique_indices = false, mode = "fill"} : (tensor<5x2xf32>, tensor<3x1xi32>) -> tensor<3x3xf32>
// CHECK: lax.gather: a block of (1, 3) does not fit in tensor<5x2xf32>

// -----

// Too few offset axes
%x = "test.op"() : () -> tensor<5x2xf32>
%i = "test.op"() : () -> tensor<3x1xi32>
%r = lax.gather %x, %i {offset_dims = array<i64>, collapsed_slice_dims = array<i64: 0>, operand_batching_dims = array<i64>, start_indices_batching_dims = array<i64>, start_index_map = array<i64: 0>, slice_sizes = array<i64: 1, 2>, indices_are_sorted = false, unique_indices = false, mode = "fill"} : (tensor<5x2xf32>, tensor<3x1xi32>) -> tensor<3xf32>
// CHECK: lax.gather: 0 offset axes for a slice of [2]

// -----

// A gather of another shape
%x = "test.op"() : () -> tensor<5x2xf32>
%i = "test.op"() : () -> tensor<3x1xi32>
%r = lax.gather %x, %i {offset_dims = array<i64: 1>, collapsed_slice_dims = array<i64: 0>, operand_batching_dims = array<i64>, start_indices_batching_dims = array<i64>, start_index_map = array<i64: 0>, slice_sizes = array<i64: 1, 2>, indices_are_sorted = false, unique_indices = false, mode = "fill"} : (tensor<5x2xf32>, tensor<3x1xi32>) -> tensor<2x2xf32>
// CHECK: lax.gather gives tensor<3x2xf32>, not tensor<2x2xf32>

// -----

// A fill value of another type
%x = "test.op"() : () -> tensor<5x2xf32>
%i = "test.op"() : () -> tensor<3x1xi32>
%r = lax.gather %x, %i {offset_dims = array<i64: 1>, collapsed_slice_dims = array<i64: 0>, operand_batching_dims = array<i64>, start_indices_batching_dims = array<i64>, start_index_map = array<i64: 0>, slice_sizes = array<i64: 1, 2>, indices_are_sorted = false, unique_indices = false, mode = "fill", fill_value = #lax.literal<"0" : tensor<i32>>} : (tensor<5x2xf32>, tensor<3x1xi32>) -> tensor<3x2xf32>
// CHECK: lax.gather: #lax.literal<"0" : tensor<i32>> does not fill tensor<5x2xf32>

// -----

// Updates of another type
%x = "test.op"() : () -> tensor<5x2xf32>
%i = "test.op"() : () -> tensor<3x1xi32>
%u = "test.op"() : () -> tensor<3x2xf64>
%r = lax.scatter %x, %i, %u {update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "clip"} : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf64>) -> tensor<5x2xf32>
// CHECK: the update is tensor<3x2xf32> here, not tensor<3x2xf64>

// -----

// Updates of another rank
%x = "test.op"() : () -> tensor<5x2xf32>
%i = "test.op"() : () -> tensor<3x1xi32>
%u = "test.op"() : () -> tensor<3x2x1xf32>
%r = lax.scatter %x, %i, %u {update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "clip"} : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2x1xf32>) -> tensor<5x2xf32>
// CHECK: lax.scatter: tensor<3x2x1xf32> has not one update for each row

// -----

// No window axis
%x = "test.op"() : () -> tensor<5x2xf32>
%i = "test.op"() : () -> tensor<3x1xi32>
%u = "test.op"() : () -> tensor<3x2xf32>
%r = lax.scatter %x, %i, %u {update_window_dims = array<i64>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "clip"} : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
// CHECK: lax.scatter: 0 window axes do not match tensor<5x2xf32>

// -----

// scatter keeps the type
%x = "test.op"() : () -> tensor<5x2xf32>
%i = "test.op"() : () -> tensor<3x1xi32>
%u = "test.op"() : () -> tensor<3x2xf32>
%r = lax.scatter %x, %i, %u {update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "clip"} : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf32>) -> tensor<4x2xf32>
// CHECK: lax.scatter gives tensor<5x2xf32>, not tensor<4x2xf32>

// -----

// An unknown mode
%x = "test.op"() : () -> tensor<5x2xf32>
%i = "test.op"() : () -> tensor<3x1xi32>
%u = "test.op"() : () -> tensor<3x2xf32>
%r = lax.scatter %x, %i, %u {update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "drop"} : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
// CHECK: lax.scatter: the mode is one of clip, fill, promise_in_bounds, not "drop"

// -----

// A function that is not there
%x = "test.op"() : () -> tensor<f32>
%r = lax.custom_jvp @g rule @g_jvp(%x) : (tensor<f32>) -> tensor<f32>
// CHECK: lax.custom_jvp names @g, which is no func.func

// -----

// A rule of another type
func.func private @f(%x: tensor<f32>) -> tensor<f32> {
  func.return %x : tensor<f32>
}
%x = "test.op"() : () -> tensor<f32>
%r = lax.custom_jvp @f rule @f(%x) : (tensor<f32>) -> tensor<f32>
// CHECK: lax.custom_jvp needs @f : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>), not (tensor<f32>) -> tensor<f32>

// -----

// A rule takes the tangents of the floats alone
func.func private @f(%x: tensor<f32>, %n: tensor<i32>) -> tensor<f32> {
  func.return %x : tensor<f32>
}
func.func private @rule(%x: tensor<f32>, %n: tensor<i32>, %dx: tensor<f32>, %dn: tensor<i32>) -> (tensor<f32>, tensor<f32>) {
  func.return %x, %dx : tensor<f32>, tensor<f32>
}
%x = "test.op"() : () -> tensor<f32>
%n = "test.op"() : () -> tensor<i32>
%r = lax.custom_jvp @f rule @rule(%x, %n) : (tensor<f32>, tensor<i32>) -> tensor<f32>
// CHECK: lax.custom_jvp needs @rule : (tensor<f32>, tensor<i32>, tensor<f32>) -> (tensor<f32>, tensor<f32>), not (tensor<f32>, tensor<i32>, tensor<f32>, tensor<i32>) -> (tensor<f32>, tensor<f32>)

// -----

// A reverse rule takes a cotangent for every value
func.func private @f(%x: tensor<f32>) -> tensor<f32> {
  func.return %x : tensor<f32>
}
func.func private @rule(%x: tensor<f32>) -> tensor<f32> {
  func.return %x : tensor<f32>
}
%x = "test.op"() : () -> tensor<f32>
%r = lax.custom_vjp @f rule @rule(%x) : (tensor<f32>) -> tensor<f32>
// CHECK: lax.custom_vjp needs @rule : (tensor<f32>, tensor<f32>) -> tensor<f32>, not (tensor<f32>) -> tensor<f32>

// -----

// A branch of another type
func.func private @f(%x: tensor<f32>) -> tensor<f32> {
  func.return %x : tensor<f32>
}
%x = "test.op"() : () -> tensor<2xf32>
%i = "test.op"() : () -> tensor<i32>
%r = lax.cond %i, [@f](%x) : (tensor<i32>, tensor<2xf32>) -> tensor<2xf32>
// CHECK: lax.cond needs @f : (tensor<2xf32>) -> tensor<2xf32>, not (tensor<f32>) -> tensor<f32>

// -----

// No branch
%x = "test.op"() : () -> tensor<f32>
%i = "test.op"() : () -> tensor<i32>
%r = lax.cond %i, [](%x) : (tensor<i32>, tensor<f32>) -> tensor<f32>
// CHECK: lax.cond needs a branch

// -----

// A branch by a vector
%x = "test.op"() : () -> tensor<f32>
%i = "test.op"() : () -> tensor<2xi32>
%r = lax.cond %i, [@f](%x) : (tensor<2xi32>, tensor<f32>) -> tensor<f32>
// CHECK: the index of lax.cond has rank 0, not tensor<2xi32>

// -----

// A body of another type
func.func private @f(%x: tensor<f32>) -> tensor<f32> {
  func.return %x : tensor<f32>
}
%x = "test.op"() : () -> tensor<f32>
%xs = "test.op"() : () -> tensor<5xf32>
%r = lax.scan @f(%x, %xs) {num_consts = 0 : i64, num_carry = 1 : i64, length = 5 : i64, reverse = false, unroll = 1 : i64} : (tensor<f32>, tensor<5xf32>) -> tensor<f32>
// CHECK: lax.scan needs @f : (tensor<f32>, tensor<f32>) -> tensor<f32>, not (tensor<f32>) -> tensor<f32>

// -----

// More constants than operands
%x = "test.op"() : () -> tensor<f32>
%r = lax.scan @f(%x) {num_consts = 1 : i64, num_carry = 1 : i64, length = 5 : i64, reverse = false, unroll = 1 : i64} : (tensor<f32>) -> tensor<f32>
// CHECK: lax.scan: 1 + 1 of 1 operands

// -----

// Arrays of another length
%x = "test.op"() : () -> tensor<f32>
%xs = "test.op"() : () -> tensor<4xf32>
%r = lax.scan @f(%x, %xs) {num_consts = 0 : i64, num_carry = 1 : i64, length = 5 : i64, reverse = false, unroll = 1 : i64} : (tensor<f32>, tensor<4xf32>) -> tensor<f32>
// CHECK: lax.scan: tensor<4xf32> has not 5 rows

// -----

// A carry that changes its type
%x = "test.op"() : () -> tensor<f32>
%r = lax.scan @f(%x) {num_consts = 0 : i64, num_carry = 1 : i64, length = 5 : i64, reverse = false, unroll = 1 : i64} : (tensor<f32>) -> tensor<2xf32>
// CHECK: lax.scan: carried operands and results differ in type

// -----

// A condition is boolean
func.func private @f(%x: tensor<f32>) -> tensor<f32> {
  func.return %x : tensor<f32>
}
%x = "test.op"() : () -> tensor<f32>
%r = lax.while cond @f body @f(%x) {cond_consts = 0 : i64, body_consts = 0 : i64} : (tensor<f32>) -> tensor<f32>
// CHECK: lax.while needs @f : (tensor<f32>) -> tensor<i1>, not (tensor<f32>) -> tensor<f32>

// -----

// A loop that changes its type
%x = "test.op"() : () -> tensor<f32>
%r = lax.while cond @f body @f(%x) {cond_consts = 0 : i64, body_consts = 0 : i64} : (tensor<f32>) -> tensor<2xf32>
// CHECK: lax.while: carried operands and results differ in type

// -----

// More constants than operands
%x = "test.op"() : () -> tensor<f32>
%r = lax.while cond @f body @f(%x) {cond_consts = 1 : i64, body_consts = 1 : i64} : (tensor<f32>) -> tensor<f32>
// CHECK: lax.while: 1 + 1 of 1 operands

// -----

// A primitive's function that is not there
%x = "test.op"() : () -> tensor<f32>
%r = lax.bind "custom"(%x) {parameters = {jaxpr = {inner = [@g]}}} : (tensor<f32>) -> tensor<f32>
// CHECK: lax.bind names @g, which is no func.func

// -----

// No such accuracy
%x = "test.op"() : () -> tensor<f32>
%r = lax.exp %x {accuracy = "low"} : tensor<f32>
// CHECK: lax.exp has no accuracy "low"

// -----

// Bits of another width
%x = "test.op"() : () -> tensor<f32>
%r = lax.bitcast %x : (tensor<f32>) -> tensor<i64>
// CHECK: tensor<f32> and tensor<i64> differ in their width

// -----

// and of another shape
%x = "test.op"() : () -> tensor<f32>
%r = lax.bitcast %x : (tensor<f32>) -> tensor<1xi32>
// CHECK: lax.bitcast keeps the shape

// -----

// A factor of no square
%x = "test.op"() : () -> tensor<2x3xf32>
%r = lax.cholesky %x : (tensor<2x3xf32>) -> tensor<2x3xf32>
// CHECK: lax.cholesky takes square matrices, not tensor<2x3xf32>

// -----

// A right-hand side of another size
%a = "test.op"() : () -> tensor<3x3xf32>
%b = "test.op"() : () -> tensor<2x3xf32>
%r = lax.triangular_solve %a, %b {left_side = true, lower = true, transpose_a = false, unit_diagonal = false} : (tensor<3x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
// CHECK: lax.triangular_solve: tensor<2x3xf32> does not fit tensor<3x3xf32>

// -----

// The real part of real numbers
%x = "test.op"() : () -> tensor<3xf32>
%r = lax.real %x : (tensor<3xf32>) -> tensor<3xf32>
// CHECK: tensor<3xf32> is no tensor of complex numbers

// -----

// A part of another precision
%x = "test.op"() : () -> tensor<3xcomplex<f64>>
%r = lax.imag %x : (tensor<3xcomplex<f64>>) -> tensor<3xf32>
// CHECK: the operand is tensor<3xcomplex<f32>> here, not tensor<3xcomplex<f64>>

// -----

// An imaginary part of another shape
%x = "test.op"() : () -> tensor<3xf32>
%y = "test.op"() : () -> tensor<f32>
%r = lax.complex %x, %y : (tensor<3xf32>, tensor<f32>) -> tensor<3xcomplex<f32>>
// CHECK: the imaginary part is tensor<3xf32> here, not tensor<f32>

// -----

// Complex numbers of another precision
%x = "test.op"() : () -> tensor<3xf32>
%r = lax.complex %x, %x : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xcomplex<f64>>
// CHECK: lax.complex gives tensor<3xcomplex<f32>>, not tensor<3xcomplex<f64>>

// -----

// A kind of Fourier transform that there is not
%x = "test.op"() : () -> tensor<3xcomplex<f32>>
%r = lax.fft %x {kind = "DCT", lengths = array<i64: 3>} : (tensor<3xcomplex<f32>>) -> tensor<3xcomplex<f32>>
// CHECK: lax.fft has no kind 'DCT'; its kinds are

// -----

// Along more axes than there are
%x = "test.op"() : () -> tensor<3xcomplex<f32>>
%r = lax.fft %x {kind = "FFT", lengths = array<i64: 3, 3>} : (tensor<3xcomplex<f32>>) -> tensor<3xcomplex<f32>>
// CHECK: lax.fft is along one to three of the axes of tensor<3xcomplex<f32>>

// -----

// Of other lengths
%x = "test.op"() : () -> tensor<3xcomplex<f32>>
%r = lax.fft %x {kind = "IFFT", lengths = array<i64: 4>} : (tensor<3xcomplex<f32>>) -> tensor<3xcomplex<f32>>
// CHECK: lax.fft of lengths (4,) does not take tensor<3xcomplex<f32>>

// -----

// Of real numbers as if they were complex
%x = "test.op"() : () -> tensor<3xf32>
%r = lax.fft %x {kind = "FFT", lengths = array<i64: 3>} : (tensor<3xf32>) -> tensor<3xf32>
// CHECK: lax.fft of lengths (3,) does not take tensor<3xf32>

// -----

// Of another type than its own
%x = "test.op"() : () -> tensor<3xcomplex<f32>>
%r = lax.fft %x {kind = "FFT", lengths = array<i64: 3>} : (tensor<3xcomplex<f32>>) -> tensor<3xcomplex<f64>>
// CHECK: lax.fft gives tensor<3xcomplex<f32>>, not tensor<3xcomplex<f64>>

// -----

// Of complex numbers as if they were real
%x = "test.op"() : () -> tensor<4xcomplex<f32>>
%r = lax.fft %x {kind = "RFFT", lengths = array<i64: 4>} : (tensor<4xcomplex<f32>>) -> tensor<3xcomplex<f32>>
// CHECK: lax.fft of kind RFFT and lengths (4,) has real numbers of shape (4,) on one side, not tensor<4xcomplex<f32>>

// -----

// All coefficients, where half of them tell all
%x = "test.op"() : () -> tensor<4xf32>
%r = lax.fft %x {kind = "RFFT", lengths = array<i64: 4>} : (tensor<4xf32>) -> tensor<4xcomplex<f32>>
// CHECK: lax.fft of kind RFFT and lengths (4,) has tensor<3xcomplex<f32>> on the other side, not tensor<4xcomplex<f32>>

// -----

// Back to another length
%x = "test.op"() : () -> tensor<3xcomplex<f32>>
%r = lax.fft %x {kind = "IRFFT", lengths = array<i64: 4>} : (tensor<3xcomplex<f32>>) -> tensor<5xf32>
// CHECK: lax.fft of kind IRFFT and lengths (4,) has real numbers of shape (4,) on one side, not tensor<5xf32>

// -----

// The greatest at places that are moved inside, which has no right derivative
%x = "test.op"() : () -> tensor<5x2xf32>
%rows = "test.op"() : () -> tensor<3x1xi32>
%updates = "test.op"() : () -> tensor<3x2xf32>
%scatter_max = lax.scatter_max %x, %rows, %updates {update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "clip"} : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
// CHECK: lax.scatter_max has no mode 'clip', in which JAX's derivative of it is wrong; clamp the indices
