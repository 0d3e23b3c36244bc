// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p 'relbo-baseline{kind="running-mean" sites=z},relbo-baseline{kind="function" value="b" sites=v}' | filecheck %s

// A baseline for each upstream.

// The second is proved to be independent of the choice that it is for.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
      %w = dist.expand %r {shape = array<i64: 4>} : (!prob.law<tensor<i32>>) -> !prob.law<tensor<4xi32>>
      %z = prob.sample "z" from %w {how = #prob.how<score>} : !prob.law<tensor<4xi32>>
      %x = lax.convert %z : (tensor<4xi32>) -> tensor<4xf32>
      %v = prob.sample "v" from %r {how = #prob.how<score>} : !prob.law<tensor<i32>>
      %uz = prob.log_density %w at %z : !prob.law<tensor<4xi32>>, tensor<4xi32> -> tensor<4xf32>
      %uv = prob.log_density %r at %v : !prob.law<tensor<i32>>, tensor<i32> -> tensor<f32>
      %c = lax.exp %x : tensor<4xf32>
      prob.deterministic "b" %m_ : tensor<f32>
      %s = estim.score %c upstream(%uz, %uv) {maps = [array<i64: -1>, array<i64>]} : tensor<4xf32>, (tensor<4xf32>, tensor<f32>)
      prob.yield "c" %s : tensor<4xf32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %one = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %e = prob.expectation {
// CHECK-NEXT:         %r = dist.bernoulli_logits %m_ : (tensor<f32>) -> !prob.law<tensor<i32>>
// CHECK-NEXT:         %w = dist.expand %r {shape = array<i64: 4>} : (!prob.law<tensor<i32>>) -> !prob.law<tensor<4xi32>>
// CHECK-NEXT:         %z = prob.sample "z" from %w {how = #prob.how<score>} : !prob.law<tensor<4xi32>>
// CHECK-NEXT:         %x = lax.convert %z : (tensor<4xi32>) -> tensor<4xf32>
// CHECK-NEXT:         %v_1 = prob.sample "v" from %r {how = #prob.how<score>} : !prob.law<tensor<i32>>
// CHECK-NEXT:         %uz = prob.log_density %w at %z : !prob.law<tensor<4xi32>>, tensor<4xi32> -> tensor<4xf32>
// CHECK-NEXT:         %uv = prob.log_density %r at %v_1 : !prob.law<tensor<i32>>, tensor<i32> -> tensor<f32>
// CHECK-NEXT:         %c = lax.exp %x : tensor<4xf32>
// CHECK-NEXT:         prob.deterministic "b" %m_ : tensor<f32>
// CHECK-NEXT:         %0 = estim.running_mean %c {state = #prob.name"c", decay = 9.990000e-01 : f64} : tensor<4xf32>
// CHECK-NEXT:         %1 = lax.constant "0.0" : tensor<4xf32>
// CHECK-NEXT:         %2 = lax.broadcast_in_dim %m_ {dimensions = array<i64>} : (tensor<f32>) -> tensor<4xf32>
// CHECK-NEXT:         %s = estim.score %c upstream(%uz, %uv) baselines(%0, %2) {maps = [array<i64: -1>, array<i64>]} : tensor<4xf32>, (tensor<4xf32>, tensor<f32>) baselines(tensor<4xf32>, tensor<4xf32>)
// CHECK-NEXT:         prob.yield "c" %s : tensor<4xf32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
