// RUN: not relbo-opt %s -p 'relbo-score-function{sites=w}' 2>&1 | filecheck %s

// A pattern that names no choice ends the tool with exit code 1 and a message.
%l = "test.op"() : () -> !prob.law<tensor<f32>>
%e = prob.expectation {
  %z = prob.sample "z" from %l : !prob.law<tensor<f32>>
  prob.yield "z" %z : tensor<f32>
} : tensor<f32>

// CHECK-NOT: Traceback
// CHECK:      relbo-opt: the option sites='w' matches no choice (there are: z)
// CHECK-NEXT:   remedy: name a choice of the program, or a pattern such as z*
// CHECK-NOT: Traceback
