// RUN: not relbo-opt %s -p relbo-predict 2>&1 | filecheck %s
// RUN: not relbo-opt %s -p 'relbo-predict{given=w}' 2>&1 | filecheck %s --check-prefix GIVEN

// A factor weighs the choice, whose law is then not its own.

prob.func @model() {
  %zero = lax.constant "0.0" : tensor<f32>
  %one = lax.constant "1.0" : tensor<f32>
  %p = dist.normal %zero, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample "z" from %p : !prob.law<tensor<f32>>
  prob.factor "f" %z : tensor<f32>
  prob.return
}
prob.elbo @elbo model(@model)

// CHECK: the model has a factor, so z cannot be drawn from their own laws
// CHECK: remedy: write the factor as an observation
// CHECK: site "f"
// GIVEN: the model has no choice 'w' (there are: z)
