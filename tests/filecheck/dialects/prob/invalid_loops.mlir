// RUN: relbo-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// No step
%c0, %l = "test.op"() : () -> (tensor<f32>, !prob.law<tensor<f32>>)
%z = prob.scan (%c = %c0) rows () {length = 0 : i64, reverse = false} : (tensor<f32>) -> tensor<0xf32> {
  %d = prob.draw "z" from %l : !prob.law<tensor<f32>>
  prob.yield_value %c, %d : tensor<f32>, tensor<f32>
}
// CHECK: prob.scan runs 0 times

// -----

// Rows that are not as many as the steps
%xs, %l = "test.op"() : () -> (tensor<4xf32>, !prob.law<tensor<f32>>)
%z = prob.scan () rows (%x = %xs) {length = 5 : i64, reverse = false} : (tensor<4xf32>) -> tensor<5xf32> {
  %d = prob.draw "z" from %l : !prob.law<tensor<f32>>
  prob.yield_value %d : tensor<f32>
}
// CHECK: prob.scan: tensor<4xf32> has not 5 rows

// -----

// A carried value that changes its type
%c0, %l = "test.op"() : () -> (tensor<f32>, !prob.law<tensor<2xf32>>)
%z = prob.scan (%c = %c0) rows () {length = 5 : i64, reverse = false} : (tensor<f32>) -> tensor<5x2xf32> {
  %d = prob.draw "z" from %l : !prob.law<tensor<2xf32>>
  prob.yield_value %d, %d : tensor<2xf32>, tensor<2xf32>
}
// CHECK: prob.scan: what is carried changes its type

// -----

// A value that is no draw
%c0 = "test.op"() : () -> tensor<f32>
%z = prob.scan (%c = %c0) rows () {length = 5 : i64, reverse = false} : (tensor<f32>) -> tensor<5xf32> {
  prob.yield_value %c, %c : tensor<f32>, tensor<f32>
}
// CHECK: prob.scan hands out draws of its body, each once

// -----

// A draw that is not handed out
%l = "test.op"() : () -> !prob.law<tensor<f32>>
%z = prob.scan () rows () {length = 5 : i64, reverse = false} : () -> tensor<5xf32> {
  %d = prob.draw "z" from %l : !prob.law<tensor<f32>>
  %e = prob.draw "e" from %l : !prob.law<tensor<f32>>
  prob.yield_value %d : tensor<f32>
}
// CHECK: prob.scan: a draw of its body is not handed out

// -----

// Two draws of one name
%l = "test.op"() : () -> !prob.law<tensor<f32>>
%z, %e = prob.scan () rows () {length = 5 : i64, reverse = false} : () -> (tensor<5xf32>, tensor<5xf32>) {
  %d = prob.draw "z" from %l : !prob.law<tensor<f32>>
  %e = prob.draw "z" from %l : !prob.law<tensor<f32>>
  prob.yield_value %d, %e : tensor<f32>, tensor<f32>
}
// CHECK: prob.scan: two of its draws have one name

// -----

// A result of another type than the stacked draws
%l = "test.op"() : () -> !prob.law<tensor<f32>>
%z = prob.scan () rows () {length = 5 : i64, reverse = false} : () -> tensor<4xf32> {
  %d = prob.draw "z" from %l : !prob.law<tensor<f32>>
  prob.yield_value %d : tensor<f32>
}
// CHECK: prob.scan: results and draws differ in type

// -----

// Neither length nor direction
%l = "test.op"() : () -> !prob.law<tensor<f32>>
%z = prob.scan () rows () : () -> tensor<4xf32> {
}
// CHECK: prob.scan needs length and reverse

// -----

// Draws of another type than the law's
%l, %zs = "test.op"() : () -> (!prob.law<tensor<5xf32>>, tensor<4xf32>)
%z = prob.sample "z" from %l drawn %zs : !prob.law<tensor<5xf32>> drawn tensor<4xf32>
// CHECK: "z" of !prob.law<tensor<5xf32>> has drawn tensor<4xf32>

// -----

// Draws that no loop has made
%l, %zs = "test.op"() : () -> (!prob.law<tensor<5xf32>>, tensor<5xf32>)
%z = prob.sample "z" from %l drawn %zs : !prob.law<tensor<5xf32>> drawn tensor<5xf32>
// CHECK: what "z" has drawn is no result of a prob.scan
