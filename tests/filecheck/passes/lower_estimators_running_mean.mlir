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
// CHECK-NEXT:     %9 = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %10 = lax.div %9, %8 : tensor<f32>
// CHECK-NEXT:     %b = lax.mul %1, %10 : tensor<f32>
// CHECK-NEXT:     %v, %d, %11 = estim.value_and_grad (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %e, %12 = estim.replicate {
// CHECK-NEXT:       ^bb0(%13: tensor<i32>):
// CHECK-NEXT:         %14 = rng.particle_key %key, %13 : tensor<i32>
// CHECK-NEXT:         %k = rng.site_keys %14 {sites = [#prob.name"z"]} : tensor<1x!rng.key>
// CHECK-NEXT:         %n = rng.normal %k : tensor<1x!rng.key> -> tensor<1xf32>
// CHECK-NEXT:         %z = lax.reshape %n : (tensor<1xf32>) -> tensor<f32>
// CHECK-NEXT:         %c = lax.mul %z, %m_ : tensor<f32>
// CHECK-NEXT:         %15 = lax.sub %c, %b : tensor<f32>
// CHECK-NEXT:         %16 = lax.stop_gradient %15 : tensor<f32>
// CHECK-NEXT:         %17 = lax.stop_gradient %m_ : tensor<f32>
// CHECK-NEXT:         %18 = lax.sub %m_, %17 : tensor<f32>
// CHECK-NEXT:         %19 = lax.mul %16, %18 : tensor<f32>
// CHECK-NEXT:         %s = lax.add %c, %19 : tensor<f32>
// CHECK-NEXT:         prob.yield_value %s, %c : tensor<f32>, tensor<f32>
// CHECK-NEXT:       } {size = 2 : i64} : tensor<f32>, tensor<f32>
// CHECK-NEXT:       prob.yield_value %e, %12 : tensor<f32>, tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     %20 = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %21 = lax.add %0, %20 : tensor<f32>
// CHECK-NEXT:     %22 = lax.is_finite %11 : tensor<f32> -> tensor<i1>
// CHECK-NEXT:     %23 = lax.select_n %22, %b, %11 : (tensor<i1>, tensor<f32>, tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     %24 = lax.constant "0.5" : tensor<f32>
// CHECK-NEXT:     %25 = lax.mul %24, %1 : tensor<f32>
// CHECK-NEXT:     %26 = lax.constant "0.5" : tensor<f32>
// CHECK-NEXT:     %27 = lax.mul %26, %23 : tensor<f32>
// CHECK-NEXT:     %28 = lax.add %25, %27 : tensor<f32>
// CHECK-NEXT:     prob.return %v, %d, %21, %28 : tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>
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
// CHECK-NEXT:     %11 = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %12 = lax.div %11, %10 : tensor<f32>
// CHECK-NEXT:     %13 = lax.mul %1, %12 : tensor<f32>
// CHECK-NEXT:     %14 = lax.constant "-0.105360515" : tensor<f32>
// CHECK-NEXT:     %15 = lax.mul %0, %14 : tensor<f32>
// CHECK-NEXT:     %16 = lax.exp %15 : tensor<f32>
// CHECK-NEXT:     %17 = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %18 = lax.sub %17, %16 : tensor<f32>
// CHECK-NEXT:     %19 = lax.constant "0.1" : tensor<f32>
// CHECK-NEXT:     %20 = lax.max %18, %19 : tensor<f32>
// CHECK-NEXT:     %21 = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %22 = lax.div %21, %20 : tensor<f32>
// CHECK-NEXT:     %23 = lax.mul %2, %22 : tensor<f32>
// CHECK-NEXT:     %24 = lax.constant "0.0" : tensor<f32>
// CHECK-NEXT:     %25 = lax.gt %3, %24 : tensor<f32> -> tensor<i1>
// CHECK-NEXT:     %b = lax.select_n %25, %13, %23 : (tensor<i1>, tensor<f32>, tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     %v, %d, %26 = estim.value_and_grad (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %e, %27 = estim.replicate {
// CHECK-NEXT:       ^bb0(%28: tensor<i32>):
// CHECK-NEXT:         %29 = rng.particle_key %key, %28 : tensor<i32>
// CHECK-NEXT:         %k = rng.site_keys %29 {sites = [#prob.name"z"]} : tensor<1x!rng.key>
// CHECK-NEXT:         %n = rng.normal %k : tensor<1x!rng.key> -> tensor<1xf32>
// CHECK-NEXT:         %z = lax.reshape %n : (tensor<1xf32>) -> tensor<f32>
// CHECK-NEXT:         %c = lax.mul %z, %m_ : tensor<f32>
// CHECK-NEXT:         %30 = lax.sub %c, %b : tensor<f32>
// CHECK-NEXT:         %31 = lax.stop_gradient %30 : tensor<f32>
// CHECK-NEXT:         %32 = lax.stop_gradient %m_ : tensor<f32>
// CHECK-NEXT:         %33 = lax.sub %m_, %32 : tensor<f32>
// CHECK-NEXT:         %34 = lax.mul %31, %33 : tensor<f32>
// CHECK-NEXT:         %s = lax.add %c, %34 : tensor<f32>
// CHECK-NEXT:         prob.yield_value %s, %c : tensor<f32>, tensor<f32>
// CHECK-NEXT:       } {size = 2 : i64} : tensor<f32>, tensor<f32>
// CHECK-NEXT:       prob.yield_value %e, %27 : tensor<f32>, tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     %35 = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %36 = lax.add %0, %35 : tensor<f32>
// CHECK-NEXT:     %37 = lax.is_finite %26 : tensor<f32> -> tensor<i1>
// CHECK-NEXT:     %38 = lax.select_n %37, %13, %26 : (tensor<i1>, tensor<f32>, tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     %39 = lax.constant "0.999" : tensor<f32>
// CHECK-NEXT:     %40 = lax.mul %39, %1 : tensor<f32>
// CHECK-NEXT:     %41 = lax.constant "0.001" : tensor<f32>
// CHECK-NEXT:     %42 = lax.mul %41, %38 : tensor<f32>
// CHECK-NEXT:     %43 = lax.add %40, %42 : tensor<f32>
// CHECK-NEXT:     %44 = lax.select_n %37, %23, %26 : (tensor<i1>, tensor<f32>, tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     %45 = lax.constant "0.9" : tensor<f32>
// CHECK-NEXT:     %46 = lax.mul %45, %2 : tensor<f32>
// CHECK-NEXT:     %47 = lax.constant "0.1" : tensor<f32>
// CHECK-NEXT:     %48 = lax.mul %47, %44 : tensor<f32>
// CHECK-NEXT:     %49 = lax.add %46, %48 : tensor<f32>
// CHECK-NEXT:     %50 = lax.sub %26, %13 : tensor<f32>
// CHECK-NEXT:     %51 = lax.square %50 : tensor<f32>
// CHECK-NEXT:     %52 = lax.sub %26, %23 : tensor<f32>
// CHECK-NEXT:     %53 = lax.square %52 : tensor<f32>
// CHECK-NEXT:     %54 = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %55 = lax.min %0, %54 : tensor<f32>
// CHECK-NEXT:     %56 = lax.constant "0.99" : tensor<f32>
// CHECK-NEXT:     %57 = lax.mul %56, %3 : tensor<f32>
// CHECK-NEXT:     %58 = lax.constant "0.01" : tensor<f32>
// CHECK-NEXT:     %59 = lax.mul %58, %55 : tensor<f32>
// CHECK-NEXT:     %60 = lax.constant "1.1" : tensor<f32>
// CHECK-NEXT:     %61 = lax.mul %60, %53 : tensor<f32>
// CHECK-NEXT:     %62 = lax.sub %51, %61 : tensor<f32>
// CHECK-NEXT:     %63 = lax.mul %59, %62 : tensor<f32>
// CHECK-NEXT:     %64 = lax.add %57, %63 : tensor<f32>
// CHECK-NEXT:     %65 = lax.is_finite %64 : tensor<f32> -> tensor<i1>
// CHECK-NEXT:     %66 = lax.select_n %65, %3, %64 : (tensor<i1>, tensor<f32>, tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     prob.return %v, %d, %36, %43, %49, %66 : tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
