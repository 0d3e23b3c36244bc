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
// CHECK-NEXT:     %25 = lax.is_finite %24 : tensor<f32> -> tensor<i1>
// CHECK-NEXT:     %26 = lax.select_n %25, %1, %24 : (tensor<i1>, tensor<f32>, tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     prob.return %v, %d, %19, %26 : tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// A long mean has a short one beside it, which takes its place where the excess is above 0.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}, %key: !rng.key {prob.role = #prob.seed}) -> (tensor<f32>, tensor<f32>) {
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %k = rng.site_keys %key {sites = [#prob.name"z"]} : tensor<1x!rng.key>
      %n = rng.normal %k : tensor<1x!rng.key> -> tensor<1xf32>
      %z = lax.reshape %n : (tensor<1xf32>) -> tensor<f32>
      %c = lax.mul %z, %m_ : tensor<f32>
      %b = estim.running_mean %c {state = #prob.name"c", decay = 0.999 : f64} : tensor<f32>
      %s = estim.score %c upstream(%m_) baselines(%b) {maps = [array<i64>]} : tensor<f32>, (tensor<f32>) baselines(tensor<f32>)
      prob.yield "c" %s : tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}, %key: !rng.key {prob.role = #prob.seed}, %0: tensor<f32> {prob.role = #prob.state<#prob.name"steps">}, %1: tensor<f32> {prob.role = #prob.state<#prob.name"c">}, %2: tensor<f32> {prob.role = #prob.state<#prob.name"c.near">}, %3: tensor<f32> {prob.role = #prob.state<#prob.name"c.excess">}) -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %4 = lax.constant "-0.0010005003" : tensor<f32>
// CHECK-NEXT:     %5 = lax.mul %0, %4 : tensor<f32>
// CHECK-NEXT:     %6 = lax.exp %5 : tensor<f32>
// CHECK-NEXT:     %7 = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %8 = lax.sub %7, %6 : tensor<f32>
// CHECK-NEXT:     %9 = lax.constant "0.001" : tensor<f32>
// CHECK-NEXT:     %10 = lax.max %8, %9 : tensor<f32>
// CHECK-NEXT:     %11 = lax.div %1, %10 : tensor<f32>
// CHECK-NEXT:     %12 = lax.constant "-0.105360515" : tensor<f32>
// CHECK-NEXT:     %13 = lax.mul %0, %12 : tensor<f32>
// CHECK-NEXT:     %14 = lax.exp %13 : tensor<f32>
// CHECK-NEXT:     %15 = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %16 = lax.sub %15, %14 : tensor<f32>
// CHECK-NEXT:     %17 = lax.constant "0.1" : tensor<f32>
// CHECK-NEXT:     %18 = lax.max %16, %17 : tensor<f32>
// CHECK-NEXT:     %19 = lax.div %2, %18 : tensor<f32>
// CHECK-NEXT:     %20 = lax.constant "0.0" : tensor<f32>
// CHECK-NEXT:     %21 = lax.gt %3, %20 : tensor<f32> -> tensor<i1>
// CHECK-NEXT:     %b = lax.select_n %21, %11, %19 : (tensor<i1>, tensor<f32>, tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     %v, %d, %22 = estim.value_and_grad (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %e, %23 = estim.replicate {
// CHECK-NEXT:       ^bb0(%24: tensor<i32>):
// CHECK-NEXT:         %25 = rng.particle_key %key, %24 : tensor<i32>
// CHECK-NEXT:         %k = rng.site_keys %25 {sites = [#prob.name"z"]} : tensor<1x!rng.key>
// CHECK-NEXT:         %n = rng.normal %k : tensor<1x!rng.key> -> tensor<1xf32>
// CHECK-NEXT:         %z = lax.reshape %n : (tensor<1xf32>) -> tensor<f32>
// CHECK-NEXT:         %c = lax.mul %z, %m_ : tensor<f32>
// CHECK-NEXT:         %26 = lax.sub %c, %b : tensor<f32>
// CHECK-NEXT:         %27 = lax.stop_gradient %26 : tensor<f32>
// CHECK-NEXT:         %28 = lax.stop_gradient %m_ : tensor<f32>
// CHECK-NEXT:         %29 = lax.sub %m_, %28 : tensor<f32>
// CHECK-NEXT:         %30 = lax.mul %27, %29 : tensor<f32>
// CHECK-NEXT:         %s = lax.add %c, %30 : tensor<f32>
// CHECK-NEXT:         prob.yield_value %s, %c : tensor<f32>, tensor<f32>
// CHECK-NEXT:       } {size = 2 : i64} : tensor<f32>, tensor<f32>
// CHECK-NEXT:       prob.yield_value %e, %23 : tensor<f32>, tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     %31 = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %32 = lax.add %0, %31 : tensor<f32>
// CHECK-NEXT:     %33 = lax.constant "0.999" : tensor<f32>
// CHECK-NEXT:     %34 = lax.mul %33, %1 : tensor<f32>
// CHECK-NEXT:     %35 = lax.constant "0.001" : tensor<f32>
// CHECK-NEXT:     %36 = lax.mul %35, %22 : tensor<f32>
// CHECK-NEXT:     %37 = lax.add %34, %36 : tensor<f32>
// CHECK-NEXT:     %38 = lax.constant "0.9" : tensor<f32>
// CHECK-NEXT:     %39 = lax.mul %38, %2 : tensor<f32>
// CHECK-NEXT:     %40 = lax.constant "0.1" : tensor<f32>
// CHECK-NEXT:     %41 = lax.mul %40, %22 : tensor<f32>
// CHECK-NEXT:     %42 = lax.add %39, %41 : tensor<f32>
// CHECK-NEXT:     %43 = lax.sub %22, %11 : tensor<f32>
// CHECK-NEXT:     %44 = lax.square %43 : tensor<f32>
// CHECK-NEXT:     %45 = lax.sub %22, %19 : tensor<f32>
// CHECK-NEXT:     %46 = lax.square %45 : tensor<f32>
// CHECK-NEXT:     %47 = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %48 = lax.min %0, %47 : tensor<f32>
// CHECK-NEXT:     %49 = lax.constant "0.99" : tensor<f32>
// CHECK-NEXT:     %50 = lax.mul %49, %3 : tensor<f32>
// CHECK-NEXT:     %51 = lax.constant "0.01" : tensor<f32>
// CHECK-NEXT:     %52 = lax.mul %51, %48 : tensor<f32>
// CHECK-NEXT:     %53 = lax.constant "1.1" : tensor<f32>
// CHECK-NEXT:     %54 = lax.mul %53, %46 : tensor<f32>
// CHECK-NEXT:     %55 = lax.sub %44, %54 : tensor<f32>
// CHECK-NEXT:     %56 = lax.mul %52, %55 : tensor<f32>
// CHECK-NEXT:     %57 = lax.add %50, %56 : tensor<f32>
// CHECK-NEXT:     %58 = lax.is_finite %37 : tensor<f32> -> tensor<i1>
// CHECK-NEXT:     %59 = lax.select_n %58, %1, %37 : (tensor<i1>, tensor<f32>, tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     %60 = lax.is_finite %42 : tensor<f32> -> tensor<i1>
// CHECK-NEXT:     %61 = lax.select_n %60, %2, %42 : (tensor<i1>, tensor<f32>, tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     %62 = lax.is_finite %57 : tensor<f32> -> tensor<i1>
// CHECK-NEXT:     %63 = lax.select_n %62, %3, %57 : (tensor<i1>, tensor<f32>, tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     prob.return %v, %d, %32, %59, %61, %63 : tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
