// RUN: relbo-opt %s -p relbo-form-elbo,relbo-canonicalize,cse,relbo-unconstrain-params | filecheck %s --check-prefix=OBJECTIVE
// RUN: relbo-opt %s -p relbo-form-elbo,relbo-canonicalize,cse,relbo-unconstrain-params | relbo-opt -p relbo-assign-estimators,relbo-score-function,relbo-pathwise | filecheck %s --check-prefix=ESTIMATOR
// RUN: relbo-opt %s -p relbo-form-elbo,relbo-canonicalize,cse,relbo-unconstrain-params | relbo-opt -p relbo-assign-estimators,relbo-score-function,relbo-pathwise | relbo-opt -p relbo-expand-densities,relbo-lower-sampling,relbo-lower-estimators,relbo-canonicalize,cse | filecheck %s --check-prefix=PROGRAM

// A coin of unknown bias, as text from level to level; every level is read back by the next tool.

prob.func @model(%flips: tensor<10xi32> {prob.role = #prob.data<#prob.name"flips">}) {
  %ten = lax.constant "10.0" : tensor<f32>
  %prior = dist.beta %ten, %ten : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %bias = prob.sample "bias" from %prior : !prob.law<tensor<f32>>
  prob.plate @flips {size = 10 : i64}
  %coin = dist.bernoulli %bias : (tensor<f32>) -> !prob.law<tensor<i32>>
  %coins = dist.expand %coin {shape = array<i64: 10>} : (!prob.law<tensor<i32>>) -> !prob.law<tensor<10xi32>>
  prob.observe "flip" %coins at %flips {plates = [#prob.plate_axis<@flips, -1>]} : !prob.law<tensor<10xi32>>, tensor<10xi32>
  prob.return
}

prob.func @guide(%a: tensor<f32> {prob.role = #prob.parameter<#prob.name"a", #prob.constraint<"positive">>}, %b: tensor<f32> {prob.role = #prob.parameter<#prob.name"b", #prob.constraint<"positive">>}) {
  %q = dist.beta %a, %b : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %bias = prob.sample "bias" from %q : !prob.law<tensor<f32>>
  prob.return
}

prob.elbo @elbo model(@model) guide(@guide)

// OBJECTIVE:      builtin.module {
// OBJECTIVE-NEXT:   prob.func @elbo(%0: tensor<f32> {prob.role = #prob.unconstrained<#prob.name"a", #prob.constraint<"positive">>}, %1: tensor<f32> {prob.role = #prob.unconstrained<#prob.name"b", #prob.constraint<"positive">>}, %2: tensor<10xi32> {prob.role = #prob.data<#prob.name"flips">}) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
// OBJECTIVE-NEXT:     prob.plate @flips {size = 10 : i64}
// OBJECTIVE-NEXT:     %3, %4, %5 = prob.gradient (%6 = %0, %7 = %1) : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
// OBJECTIVE-NEXT:       %8 = lax.exp %6 : tensor<f32>
// OBJECTIVE-NEXT:       %9 = lax.exp %7 : tensor<f32>
// OBJECTIVE-NEXT:       %10 = prob.expectation {
// OBJECTIVE-NEXT:         %q = dist.beta %8, %9 : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// OBJECTIVE-NEXT:         %11 = prob.sample "bias" from %q : !prob.law<tensor<f32>>
// OBJECTIVE-NEXT:         %12 = prob.log_density %q at %11 : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
// OBJECTIVE-NEXT:         %13 = lax.neg %12 : tensor<f32>
// OBJECTIVE-NEXT:         %ten = lax.constant "10.0" : tensor<f32>
// OBJECTIVE-NEXT:         %prior = dist.beta %ten, %ten : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// OBJECTIVE-NEXT:         %14 = prob.log_density %prior at %11 : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
// OBJECTIVE-NEXT:         %coin = dist.bernoulli %11 : (tensor<f32>) -> !prob.law<tensor<i32>>
// OBJECTIVE-NEXT:         %coins = dist.expand %coin {shape = array<i64: 10>} : (!prob.law<tensor<i32>>) -> !prob.law<tensor<10xi32>>
// OBJECTIVE-NEXT:         %15 = prob.log_density %coins at %2 : !prob.law<tensor<10xi32>>, tensor<10xi32> -> tensor<10xf32>
// OBJECTIVE-NEXT:         prob.yield "bias.entropy" %13, "bias.prior" %14, "flip" %15 : tensor<f32>, tensor<f32>, tensor<10xf32>
// OBJECTIVE-NEXT:       } : tensor<f32>
// OBJECTIVE-NEXT:       prob.yield_value %10 : tensor<f32>
// OBJECTIVE-NEXT:     }
// OBJECTIVE-NEXT:     prob.return %3, %4, %5 : tensor<f32>, tensor<f32>, tensor<f32>
// OBJECTIVE-NEXT:   }
// OBJECTIVE-NEXT: }

// ESTIMATOR:      prob.expectation {
// ESTIMATOR:      prob.sample "bias" from %q {how = #prob.how<pathwise>} : !prob.law<tensor<f32>>
// ESTIMATOR:      prob.yield "bias.entropy" {{.*}}, "bias.prior" {{.*}}, "flip" {{.*}} : tensor<f32>, tensor<f32>, tensor<10xf32>

// PROGRAM-NOT:    prob.expectation
// PROGRAM:        !rng.key {prob.role = #prob.seed}
// PROGRAM:        estim.value_and_grad
// PROGRAM-NOT:    prob.sample
// PROGRAM:        rng.site_keys {{.*}} {sites = [#prob.name"bias"]} : tensor<1x!rng.key>
// PROGRAM:        rng.log_gamma
// PROGRAM-NOT:    prob.log_density
// PROGRAM:        lax.betaln
// PROGRAM:        prob.yield_value {{.*}} : tensor<f32>
