// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p 'relbo-lower-estimators{particles=2}' | filecheck %s

// A running mean is handed on from step to step.

// The state is an argument, and its new value, the mean over both particles, a result.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}, %key: !rng.key {prob.role = #prob.seed}) -> (tensor<f32>, tensor<f32>) {
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %k = rng.site_keys %key {sites = [#prob.name"z"]} : tensor<1x!rng.key>
      %n = rng.normal %k : tensor<1x!rng.key> -> tensor<1xf32>
      %z = lax.reshape %n : (tensor<1xf32>) -> tensor<f32>
      %c = lax.mul %z, %m_ : tensor<f32>
      %b = estim.running_mean %c {state = #prob.name"c", decay = 0.5 : f64} : tensor<f32>
      %s = estim.score %c upstream(%m_) baselines(%b) {maps = [array<i64>]} : tensor<f32>, (tensor<f32>) baselines(tensor<f32>)
      prob.yield "c" %s : tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}, %key: !rng.key {prob.role = #prob.seed}, %0: tensor<f32> {prob.role = #prob.state<#prob.name"steps">}, %1: tensor<f32> {prob.role = #prob.state<#prob.name"c">}) -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %2 = lax.constant "-0.6931472" : tensor<f32>
// CHECK-NEXT:     %3 = lax.mul %0, %2 : tensor<f32>
// CHECK-NEXT:     %4 = lax.exp %3 : tensor<f32>
// CHECK-NEXT:     %5 = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %6 = lax.sub %5, %4 : tensor<f32>
// CHECK-NEXT:     %7 = lax.constant "0.5" : tensor<f32>
// CHECK-NEXT:     %8 = lax.max %6, %7 : tensor<f32>
// CHECK-NEXT:     %b = lax.div %1, %8 : tensor<f32>
// CHECK-NEXT:     %v, %d, %9 = estim.value_and_grad (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %e, %10 = estim.replicate {
// CHECK-NEXT:       ^bb0(%11: tensor<i32>):
// CHECK-NEXT:         %12 = rng.particle_key %key, %11 : tensor<i32>
// CHECK-NEXT:         %k = rng.site_keys %12 {sites = [#prob.name"z"]} : tensor<1x!rng.key>
// CHECK-NEXT:         %n = rng.normal %k : tensor<1x!rng.key> -> tensor<1xf32>
// CHECK-NEXT:         %z = lax.reshape %n : (tensor<1xf32>) -> tensor<f32>
// CHECK-NEXT:         %c = lax.mul %z, %m_ : tensor<f32>
// CHECK-NEXT:         %13 = lax.sub %c, %b : tensor<f32>
// CHECK-NEXT:         %14 = lax.stop_gradient %13 : tensor<f32>
// CHECK-NEXT:         %15 = lax.stop_gradient %m_ : tensor<f32>
// CHECK-NEXT:         %16 = lax.sub %m_, %15 : tensor<f32>
// CHECK-NEXT:         %17 = lax.mul %14, %16 : tensor<f32>
// CHECK-NEXT:         %s = lax.add %c, %17 : tensor<f32>
// CHECK-NEXT:         prob.yield_value %s, %c : tensor<f32>, tensor<f32>
// CHECK-NEXT:       } {size = 2 : i64} : tensor<f32>, tensor<f32>
// CHECK-NEXT:       prob.yield_value %e, %10 : tensor<f32>, tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     %18 = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %19 = lax.add %0, %18 : tensor<f32>
// CHECK-NEXT:     %20 = lax.constant "0.5" : tensor<f32>
// CHECK-NEXT:     %21 = lax.mul %20, %1 : tensor<f32>
// CHECK-NEXT:     %22 = lax.constant "0.5" : tensor<f32>
// CHECK-NEXT:     %23 = lax.mul %22, %9 : tensor<f32>
// CHECK-NEXT:     %24 = lax.add %21, %23 : tensor<f32>
// CHECK-NEXT:     %25 = lax.is_finite %9 : tensor<f32> -> tensor<i1>
// CHECK-NEXT:     %26 = lax.select_n %25, %1, %24 : (tensor<i1>, tensor<f32>, tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     prob.return %v, %d, %19, %26 : tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
