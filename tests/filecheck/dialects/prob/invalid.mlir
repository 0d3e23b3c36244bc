// RUN: relbo-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// More event axes than axes
%l = "test.op"() : () -> !prob.law<tensor<8xf32>, event_rank = 2>
// CHECK: tensor<8xf32> has 1 axes, not 2 for an event

// -----

// A law of no static shape
%l = "test.op"() : () -> !prob.law<tensor<?xf32>>
// CHECK: parameter 'value' does not verify:
// CHECK-NEXT: tensor<?xf32> has no static shape; give every axis a size

// -----

// A law of keys
%l = "test.op"() : () -> !prob.law<tensor<2x!rng.key>>
// CHECK: parameter 'value' does not verify:
// CHECK-NEXT: tensor<2x!rng.key> is no tensor of numbers or booleans

// -----

// A law of no tensor
%l = "test.op"() : () -> !prob.law<f32>
// CHECK: parameter 'value' does not verify:
// CHECK-NEXT: The following constraints were not satisfied:
// CHECK-NEXT: f32 should be of base attribute tensor

// -----

// A negative event rank
%l = "test.op"() : () -> !prob.law<tensor<8xf32>, event_rank = -1>
// CHECK: Expected integer literal

// -----

// A name that is no text
"test.op"() {n = #prob.name 3} : () -> ()
// CHECK: a quoted name is expected here

// -----

// A name that is not UTF-8
"test.op"() {n = #prob.name"\FF"} : () -> ()
// CHECK: this name is not valid UTF-8

// -----

// No such treatment
"test.op"() {n = #prob.how<guess>} : () -> ()
// CHECK: Expected `exact`, `score`, `pathwise`, `disarm`, or `enumerated`.

// -----

// A draw of another type
%l = "test.op"() : () -> !prob.law<tensor<f32>>
%z = "prob.sample"(%l) <{site = #prob.name"z", operandSegmentSizes = array<i32: 1, 0, 0, 0>}> : (!prob.law<tensor<f32>>) -> tensor<f64>
// CHECK: result 'value' at position 0 does not verify:
// CHECK-NEXT: attribute tensor<f32> expected from variable 'VALUE', but got tensor<f64>

// -----

// A choice from no law
%l = "test.op"() : () -> tensor<f32>
%z = prob.sample "z" from %l : tensor<f32>
// CHECK: tensor<f32> should be of base attribute prob.law

// -----

// Prior and guide of two shapes
%l = "test.op"() : () -> !prob.law<tensor<f32>>
%q = "test.op"() : () -> !prob.law<tensor<8xf32>>
%z = prob.sample "z" from %l guide %q : !prob.law<tensor<f32>>, !prob.law<tensor<8xf32>>
// CHECK: "z": prior !prob.law<tensor<f32>> and guide !prob.law<tensor<8xf32>> differ

// -----

// A plate's axis that is not there
%l = "test.op"() : () -> !prob.law<tensor<8xf32>>
%z = prob.sample "z" from %l {plates = [#prob.plate_axis<@N, -2>]} : !prob.law<tensor<8xf32>>
// CHECK: "z": plate @N takes axis -2, but the batch has rank 1

// -----

// Counted from the left
%l = "test.op"() : () -> !prob.law<tensor<8xf32>>
%z = prob.sample "z" from %l {plates = [#prob.plate_axis<@N, 0>]} : !prob.law<tensor<8xf32>>
// CHECK: "z": plate @N takes axis 0, but the batch has rank 1

// -----

// Two plates on one axis
%l = "test.op"() : () -> !prob.law<tensor<8xf32>>
%z = prob.sample "z" from %l {plates = [#prob.plate_axis<@N, -1>, #prob.plate_axis<@M, -1>]} : !prob.law<tensor<8xf32>>
// CHECK: "z": two plates take axis -1

// -----

// A plate that is not declared
%l = "test.op"() : () -> !prob.law<tensor<8xf32>>
%z = prob.sample "z" from %l {plates = [#prob.plate_axis<@N, -1>]} : !prob.law<tensor<8xf32>>
// CHECK: "z" stands in plate @N, which is not declared

// -----

// A plate of another size
%l = "test.op"() : () -> !prob.law<tensor<8xf32>>
%x = "test.op"() : () -> tensor<8xi32>
prob.plate @N {size = 5 : i64}
prob.observe "y" %l at %x {plates = [#prob.plate_axis<@N, -1>]} : !prob.law<tensor<8xf32>>, tensor<8xi32>
// CHECK: "y" has 8 elements on the axis of plate @N, which has 5

// -----

// Two plates of one name
prob.func @f() {
  prob.plate @N {size = 5 : i64}
  prob.plate @N {size = 4 : i64}
  prob.return
}
// CHECK: two plates are named @N

// -----

// A plate of no size
prob.plate @N {size = -1 : i64}
// CHECK: plate @N has -1 elements

// -----

// A value of another shape
%l = "test.op"() : () -> !prob.law<tensor<8xf32>>
%x = "test.op"() : () -> tensor<f32>
prob.observe "y" %l at %x : !prob.law<tensor<8xf32>>, tensor<f32>
// CHECK: a value of !prob.law<tensor<8xf32>> has the shape of tensor<8xf32>, not of tensor<f32>

// -----

// A density of integers
%l = "test.op"() : () -> !prob.law<tensor<f32>>
%x = "test.op"() : () -> tensor<f32>
%d = prob.log_density %l at %x : !prob.law<tensor<f32>>, tensor<f32> -> tensor<i32>
// CHECK: tensor<i32> is no tensor of real floats

// -----

// A density of another shape
%l = "test.op"() : () -> !prob.law<tensor<8xf32>>
%x = "test.op"() : () -> tensor<8xf32>
%d = prob.log_density %l at %x : !prob.law<tensor<8xf32>>, tensor<8xf32> -> tensor<f32>
// CHECK: a density of !prob.law<tensor<8xf32>> has shape (8,), not tensor<f32>

// -----

// A density at another shape
%l = "test.op"() : () -> !prob.law<tensor<8xf32>>
%x = "test.op"() : () -> tensor<f32>
%d = prob.log_density %l at %x : !prob.law<tensor<8xf32>>, tensor<f32> -> tensor<8xf32>
// CHECK: a value of !prob.law<tensor<8xf32>> has the shape of tensor<8xf32>, not of tensor<f32>

// -----

// A factor that is no tensor
%x = "test.op"() : () -> f32
prob.factor "f" %x : f32
// CHECK: f32 is no tensor

// -----

// An argument without a role
prob.func @f(%a: tensor<f32>) {
  prob.return
}
// CHECK: @f: every argument needs a prob.role

// -----

// A role that is none
prob.func @f(%a: tensor<f32> {prob.role = 3 : i64}) {
  prob.return
}
// CHECK: @f: 3 : i64 is no prob.role

// -----

// Two parameters of one name
prob.func @f(%a: tensor<f32> {prob.role = #prob.parameter<#prob.name"a", #prob.constraint<"real">>}, %b: tensor<f32> {prob.role = #prob.unconstrained<#prob.name"a", #prob.constraint<"real">>}) {
  prob.return
}
// CHECK: two parameters are named "a"

// -----

// An argument of no static shape
prob.func @f(%a: tensor<?xf32> {prob.role = #prob.parameter<#prob.name"a", #prob.constraint<"real">>}) {
  prob.return
}
// CHECK: @f: tensor<?xf32> is no tensor of a static shape

// -----

// A function that returns other types than it declares
prob.func @f(%a: tensor<f32> {prob.role = #prob.parameter<#prob.name"a", #prob.constraint<"real">>}) -> (tensor<f64>) {
  prob.return %a : tensor<f32>
}
// CHECK: @f: returns other types than it declares

// -----

// A function without an end
prob.func @f(%a: tensor<f32> {prob.role = #prob.parameter<#prob.name"a", #prob.constraint<"real">>}) {
  "test.termop"() : () -> ()
}
// CHECK: @f must end in prob.return

// -----

// Arguments that are not the block's
"prob.func"() <{sym_name = "f", function_type = (tensor<f64>) -> (), arg_attrs = [{prob.role = #prob.parameter<#prob.name"a", #prob.constraint<"real">>}]}> ({
^bb0(%a: tensor<f32>):
  "prob.return"() : () -> ()
}) : () -> ()
// CHECK: @f: arguments and function type differ

// -----

// Two sites of one name in a function
prob.func @f(%a: tensor<f32> {prob.role = #prob.parameter<#prob.name"a", #prob.constraint<"real">>}) {
  prob.factor "x" %a : tensor<f32>
  prob.deterministic "x" %a : tensor<f32>
  prob.return
}
// CHECK: two sites are named "x"

// -----

// Two functions of one name
prob.func @f() {
  prob.return
}
prob.func @f() {
  prob.return
}
// CHECK: Redefinition of symbol "f"

// -----

// An ELBO of nothing
prob.elbo @elbo model(@model)
// CHECK: prob.elbo names @model, which is no prob.func

// -----

// An ELBO of what is no model
func.func @model() {
  func.return
}
prob.elbo @elbo model(@model)
// CHECK: prob.elbo names @model, which is no prob.func

// -----

// A guide that is not there
prob.func @model() {
  prob.return
}
prob.elbo @elbo model(@model) guide(@guide)
// CHECK: prob.elbo names @guide, which is no prob.func

// -----

// prob.yield stands in an expectation
%a = "test.op"() : () -> tensor<f32>
"test.op"() ({
  prob.yield "x" %a : tensor<f32>
}) : () -> ()
// CHECK: 'prob.yield' expects parent op 'prob.expectation'

// -----

// An expectation is one number
%a = "test.op"() : () -> tensor<8xf32>
%e = prob.expectation {
  prob.yield "x" %a : tensor<8xf32>
} : tensor<8xf32>
// CHECK: an expectation is one number, not tensor<8xf32>

// -----

// a float
%a = "test.op"() : () -> tensor<f32>
%e = prob.expectation {
  prob.yield "x" %a : tensor<f32>
} : tensor<i32>
// CHECK: tensor<i32> is no tensor of real floats

// -----

// of its addends' type
%a = "test.op"() : () -> tensor<f32>
%e = prob.expectation {
  prob.yield "x" %a : tensor<f32>
} : tensor<f64>
// CHECK: an expectation of tensor<f32> is not tensor<f64>

// -----

// Addends of two types
%a = "test.op"() : () -> tensor<f32>
%b = "test.op"() : () -> tensor<f64>
%e = prob.expectation {
  prob.yield "x" %a, "y" %b : tensor<f32>, tensor<f64>
} : tensor<f32>
// CHECK: the addends differ in their elements: tensor<f32>, tensor<f64>

// -----

// An addend of integers
%a = "test.op"() : () -> tensor<i32>
%e = prob.expectation {
  prob.yield "x" %a : tensor<i32>
} : tensor<f32>
// CHECK: operand 'addends' at position 0 does not verify:
// CHECK-NEXT: tensor<i32> is no tensor of real floats

// -----

// Two addends of one name
%a = "test.op"() : () -> tensor<f32>
%e = prob.expectation {
  prob.yield "x" %a, "x" %a : tensor<f32>, tensor<f32>
} : tensor<f32>
// CHECK: two addends are named "x"

// -----

// Names without addends
%e = "prob.expectation"() ({
  "prob.yield"() <{names = [#prob.name"x"]}> : () -> ()
}) : () -> tensor<f32>
// CHECK: 1 names for 0 addends

// -----

// Two choices of one name
%a = "test.op"() : () -> tensor<f32>
%l = "test.op"() : () -> !prob.law<tensor<f32>>
%e = prob.expectation {
  %z = prob.sample "z" from %l : !prob.law<tensor<f32>>
  %w = prob.sample "z" from %l : !prob.law<tensor<f32>>
  prob.yield "x" %a : tensor<f32>
} : tensor<f32>
// CHECK: two choices are named "z"

// -----

// An expectation that yields a plain value
%a = "test.op"() : () -> tensor<f32>
%e = prob.expectation {
  prob.yield_value %a : tensor<f32>
} : tensor<f32>
// CHECK: prob.expectation must end in prob.yield

// -----

// An expectation takes no arguments
%e = "prob.expectation"() ({
^bb0(%b: tensor<f32>):
  prob.yield nothing
}) : () -> tensor<f32>
// CHECK: prob.expectation takes no block arguments

// -----

// A gradient of an integer
%x = "test.op"() : () -> tensor<i32>
%a = "test.op"() : () -> tensor<f32>
%v, %d = prob.gradient (%x_ = %x) : (tensor<i32>) -> (tensor<f32>, tensor<i32>) {
  prob.yield_value %a : tensor<f32>
}
// CHECK: operand 'operand_values' at position 0 does not verify:
// CHECK-NEXT: tensor<i32> is no tensor of real floats

// -----

// A gradient of another type
%x = "test.op"() : () -> tensor<f32>
%v, %d = prob.gradient (%x_ = %x) : (tensor<f32>) -> (tensor<f32>, tensor<8xf32>) {
  prob.yield_value %x_ : tensor<f32>
}
// CHECK: prob.gradient: gradients and operands differ in type

// -----

// A gradient of a vector
%x = "test.op"() : () -> tensor<8xf32>
%v, %d = prob.gradient (%x_ = %x) : (tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  prob.yield_value %x_ : tensor<8xf32>
}
// CHECK: prob.gradient: the value is one number, not tensor<8xf32>

// -----

// A gradient that yields another value
%x = "test.op"() : () -> tensor<8xf32>
%v, %d = prob.gradient (%x_ = %x) : (tensor<8xf32>) -> (tensor<f32>, tensor<8xf32>) {
  prob.yield_value %x_ : tensor<8xf32>
}
// CHECK: prob.gradient: yields other than its results

// -----

// A gradient that hands out a second value
%x = "test.op"() : () -> tensor<f32>
%v, %d, %w = prob.gradient (%x_ = %x) : (tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
  prob.yield_value %x_, %x_ : tensor<f32>, tensor<f32>
}
// CHECK: prob.gradient: yields one value alone

// -----

// A gradient that yields addends
%x = "test.op"() : () -> tensor<f32>
%v, %d = prob.gradient (%x_ = %x) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  "test.termop"() : () -> ()
}
// CHECK: prob.gradient must end in prob.yield_value

// -----

// A block argument of another type
%x = "test.op"() : () -> tensor<f32>
%v, %d = "prob.gradient"(%x) ({
^bb0(%x_: tensor<f64>):
  prob.yield_value %x : tensor<f32>
}) : (tensor<f32>) -> (tensor<f32>, tensor<f32>)
// CHECK: prob.gradient: block arguments and operands differ in type

// -----

// A value before it is defined
%b = lax.neg %a : tensor<f32>
%a = "test.op"() : () -> tensor<f32>
// CHECK: lax.neg uses a value that is not defined before it in its scope

// -----

// A value that leaves its region
%e = prob.expectation {
  %a = "test.op"() : () -> tensor<f32>
  prob.yield "a" %a : tensor<f32>
} : tensor<f32>
%b = lax.neg %a : tensor<f32>
// CHECK: values used but not defined: [%a]

// -----

// A value from around a function
%a = "test.op"() : () -> tensor<f32>
prob.func @f() {
  %b = lax.neg %a : tensor<f32>
  prob.return
}
// CHECK: Operation using value defined out of its IsolatedFromAbove parent: NegOp(%b = lax.neg %a : tensor<f32>)

// -----

// A minibatch that is larger than its plate
prob.plate @N {size = 3 : i64, subsample = 4 : i64}
// CHECK: plate @N has 3 elements, of which a minibatch cannot have 4

// -----

// A minibatch of a plate that has none
prob.func @f() {
  prob.plate @N {size = 3 : i64}
  %i = prob.subsample @N : tensor<3xi32>
  prob.return
}
// CHECK: @N is no plate with a subsample

// -----

// A minibatch of another size
prob.func @f() {
  prob.plate @N {size = 3 : i64, subsample = 2 : i64}
  %i = prob.subsample @N : tensor<3xi32>
  prob.return
}
// CHECK: the minibatch of @N has 2 indices, not tensor<3xi32>

// -----

// A site of the whole plate where a minibatch is drawn
prob.func @f() {
  prob.plate @N {size = 3 : i64, subsample = 2 : i64}
  %l = "test.op"() : () -> !prob.law<tensor<3xf32>>
  %z = prob.sample "z" from %l {plates = [#prob.plate_axis<@N, -1>]} : !prob.law<tensor<3xf32>>
  prob.return
}
// CHECK: "z" has 3 elements on the axis of plate @N, which has 2

// -----

// A masked law that is drawn from in an expectation
prob.func @f() {
  %m = "test.op"() : () -> tensor<3xi1>
  %e = prob.expectation {
    %l = "test.op"() : () -> !prob.law<tensor<3xf32>>
    %q = dist.mask %l, %m : (!prob.law<tensor<3xf32>>, tensor<3xi1>) -> !prob.law<tensor<3xf32>>
    %z = prob.sample "z" from %q : !prob.law<tensor<3xf32>>
    prob.yield nothing
  } : tensor<f32>
  prob.return
}
// CHECK: "z" is drawn: masks and scales belong to its addends

// -----

// A scale of a draw in an expectation
prob.func @f() {
  %s = "test.op"() : () -> tensor<f32>
  %e = prob.expectation {
    %l = "test.op"() : () -> !prob.law<tensor<3xf32>>
    %z = prob.sample "z" from %l scale %s : !prob.law<tensor<3xf32>> scale tensor<f32>
    prob.yield nothing
  } : tensor<f32>
  prob.return
}
// CHECK: "z" is drawn: masks and scales belong to its addends

// -----

// A bound that is no number
prob.func @f(%a: tensor<f32> {prob.role = #prob.parameter<#prob.name"a", #prob.constraint<"greater_than", [["0"]]>>}) {
  prob.return
}
// CHECK: "0" is no bound: give floats, or arrays of floats

// -----

// Rows of different lengths
prob.func @f(%a: tensor<f32> {prob.role = #prob.parameter<#prob.name"a", #prob.constraint<"greater_than", [[[0.0 : f64], [0.0 : f64, 1.0 : f64]]]>>}) {
  prob.return
}
// CHECK: a bound has no elements, or rows of different shapes
