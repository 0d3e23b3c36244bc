// RUN: not relbo-opt %s -p relbo-unconstrain-params 2>&1 | filecheck %s

// An error ends the tool with exit code 1 and a message.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"no such set">>}) -> (tensor<f32>, tensor<f32>) {
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    prob.yield_value %m_ : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK-NOT: Traceback
// CHECK:     relbo-opt: #prob.constraint<"no such set"> is no constraint
// CHECK:     remedy: use one of real, positive
// CHECK-NOT: Traceback
