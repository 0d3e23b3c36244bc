// RUN: relbo-opt %s -p 'relbo-importance-weighted{samples=3 alpha=0.5},relbo-expand-densities,relbo-lower-sampling,relbo-lower-estimators{particles=2},cse' | filecheck %s

// Of another order the log weights are scaled before their log-sum-exp, and it is scaled back.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
      %f = lax.square %z : tensor<f32>
      %l = prob.log_density %q at %z : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
      %h = lax.neg %l : tensor<f32>
      prob.yield "f" %f, "z.entropy" %h : tensor<f32>, tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}, %0: !rng.key {prob.role = #prob.seed}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %one = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %v, %d = estim.value_and_grad (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %e = estim.replicate {
// CHECK-NEXT:       ^bb0(%1: tensor<i32>):
// CHECK-NEXT:         %2 = rng.particle_key %0, %1 : tensor<i32>
// CHECK-NEXT:         %3 = estim.replicate {
// CHECK-NEXT:         ^bb0(%4: tensor<i32>):
// CHECK-NEXT:           %5 = rng.particle_key %2, %4 : tensor<i32>
// CHECK-NEXT:           %6 = rng.site_keys %5 {sites = [#prob.name"z"]} : tensor<1x!rng.key>
// CHECK-NEXT:           %7 = rng.normal %6 : tensor<1x!rng.key> -> tensor<1xf32>
// CHECK-NEXT:           %8 = lax.reshape %7 : (tensor<1xf32>) -> tensor<f32>
// CHECK-NEXT:           %9 = lax.mul %one, %8 : tensor<f32>
// CHECK-NEXT:           %z = lax.add %m_, %9 : tensor<f32>
// CHECK-NEXT:           %f = lax.square %z : tensor<f32>
// CHECK-NEXT:           %10 = lax.sub %z, %m_ : tensor<f32>
// CHECK-NEXT:           %11 = lax.div %10, %one : tensor<f32>
// CHECK-NEXT:           %12 = lax.mul %11, %11 : tensor<f32>
// CHECK-NEXT:           %13 = lax.constant "-0.5" : tensor<f32>
// CHECK-NEXT:           %14 = lax.mul %13, %12 : tensor<f32>
// CHECK-NEXT:           %15 = lax.log %one : tensor<f32>
// CHECK-NEXT:           %16 = lax.sub %14, %15 : tensor<f32>
// CHECK-NEXT:           %17 = lax.constant "0.9189385" : tensor<f32>
// CHECK-NEXT:           %l = lax.sub %16, %17 : tensor<f32>
// CHECK-NEXT:           %h = lax.neg %l : tensor<f32>
// CHECK-NEXT:           %18 = lax.add %f, %h : tensor<f32>
// CHECK-NEXT:           %19 = estim.all_samples %18 : tensor<f32> -> tensor<3xf32>
// CHECK-NEXT:           %20 = lax.constant "0.5" : tensor<3xf32>
// CHECK-NEXT:           %21 = lax.mul %19, %20 : tensor<3xf32>
// CHECK-NEXT:           %22 = lax.logsumexp %21 {axes = array<i64: 0>} : (tensor<3xf32>) -> tensor<f32>
// CHECK-NEXT:           %23 = lax.constant "1.0986123" : tensor<f32>
// CHECK-NEXT:           %24 = lax.sub %22, %23 : tensor<f32>
// CHECK-NEXT:           %25 = lax.constant "2.0" : tensor<f32>
// CHECK-NEXT:           %26 = lax.mul %24, %25 : tensor<f32>
// CHECK-NEXT:           prob.yield_value %26 : tensor<f32>
// CHECK-NEXT:         } {size = 3 : i64} : tensor<f32>
// CHECK-NEXT:         prob.yield_value %3 : tensor<f32>
// CHECK-NEXT:       } {size = 2 : i64} : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
