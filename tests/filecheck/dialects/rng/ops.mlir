// RUN: relbo-opt %s | relbo-opt | filecheck %s
// RUN: relbo-opt %s --print-op-generic | relbo-opt | filecheck %s
// RUN: relbo-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

// Every op of the dialect.

func.func @draws(%key: !rng.key, %p: tensor<i32>, %a: tensor<8xf32>, %w: tensor<8x3xf64>, %m: tensor<8x3xf32>) {
  %k1 = rng.site_keys %key {sites = [#prob.name"a"]} : tensor<1x!rng.key>
  %k2 = rng.site_keys %key {sites = [#prob.name"\CE\B8", #prob.name"b"]} : tensor<2x!rng.key>
  %site = rng.site_key %key {site = #prob.name"z"}
  %particle = rng.particle_key %site, %p : tensor<i32>
  %normal = rng.normal %k2 : tensor<2x!rng.key> -> tensor<2x8xf32>
  %cauchy = rng.cauchy %k1 : tensor<1x!rng.key> -> tensor<1xf64>
  %uniform = rng.uniform %k1 : tensor<1x!rng.key> -> tensor<1xf32>
  %log_gamma = rng.log_gamma %k1, %a : tensor<1x!rng.key>, tensor<8xf32> -> tensor<1x8xf32>
  %poisson = rng.poisson %k1, %a : tensor<1x!rng.key>, tensor<8xf32> -> tensor<1x8xi32>
  %categorical = rng.categorical %k1, %w : tensor<1x!rng.key>, tensor<8x3xf64> -> tensor<1x8xi32>
  %wald = rng.wald %k1, %a : tensor<1x!rng.key>, tensor<8xf32> -> tensor<1x8xf32>
  %subsample = rng.subsample %k1 {size = 1000 : i64} : tensor<1x!rng.key> -> tensor<1x32xi32>
  %part = rng.part_keys %k2 {part = 1 : i64} : tensor<2x!rng.key>
  %steps = rng.step_keys %k1 : tensor<1x!rng.key> -> tensor<5x1x!rng.key>
  %laplace = rng.laplace %k1 : tensor<1x!rng.key> -> tensor<1xf32>
  %logistic = rng.logistic %k1 : tensor<1x!rng.key> -> tensor<1xf32>
  %gumbel = rng.gumbel %k1 : tensor<1x!rng.key> -> tensor<1xf32>
  %exponential = rng.exponential %k1 : tensor<1x!rng.key> -> tensor<1xf32>
  %binomial = rng.binomial %k1, %a, %a : tensor<1x!rng.key>, tensor<8xf32>, tensor<8xf32> -> tensor<1x8xi32>
  %multinomial = rng.multinomial %k1, %m, %a : tensor<1x!rng.key>, tensor<8x3xf32>, tensor<8xf32> -> tensor<1x8x3xi32>
  %von_mises = rng.von_mises %k1, %a : tensor<1x!rng.key>, tensor<8xf32> -> tensor<1x8xf32>
  func.return
}

// CHECK:      builtin.module {
// CHECK-NEXT:   func.func @draws(%key: !rng.key, %p: tensor<i32>, %a: tensor<8xf32>, %w: tensor<8x3xf64>, %m: tensor<8x3xf32>) {
// CHECK-NEXT:     %k1 = rng.site_keys %key {sites = [#prob.name"a"]} : tensor<1x!rng.key>
// CHECK-NEXT:     %k2 = rng.site_keys %key {sites = [#prob.name"\CE\B8", #prob.name"b"]} : tensor<2x!rng.key>
// CHECK-NEXT:     %site = rng.site_key %key {site = #prob.name"z"}
// CHECK-NEXT:     %particle = rng.particle_key %site, %p : tensor<i32>
// CHECK-NEXT:     %normal = rng.normal %k2 : tensor<2x!rng.key> -> tensor<2x8xf32>
// CHECK-NEXT:     %cauchy = rng.cauchy %k1 : tensor<1x!rng.key> -> tensor<1xf64>
// CHECK-NEXT:     %uniform = rng.uniform %k1 : tensor<1x!rng.key> -> tensor<1xf32>
// CHECK-NEXT:     %log_gamma = rng.log_gamma %k1, %a : tensor<1x!rng.key>, tensor<8xf32> -> tensor<1x8xf32>
// CHECK-NEXT:     %poisson = rng.poisson %k1, %a : tensor<1x!rng.key>, tensor<8xf32> -> tensor<1x8xi32>
// CHECK-NEXT:     %categorical = rng.categorical %k1, %w : tensor<1x!rng.key>, tensor<8x3xf64> -> tensor<1x8xi32>
// CHECK-NEXT:     %wald = rng.wald %k1, %a : tensor<1x!rng.key>, tensor<8xf32> -> tensor<1x8xf32>
// CHECK-NEXT:     %subsample = rng.subsample %k1 {size = 1000 : i64} : tensor<1x!rng.key> -> tensor<1x32xi32>
// CHECK-NEXT:     %part = rng.part_keys %k2 {part = 1 : i64} : tensor<2x!rng.key>
// CHECK-NEXT:     %steps = rng.step_keys %k1 : tensor<1x!rng.key> -> tensor<5x1x!rng.key>
// CHECK-NEXT:     %laplace = rng.laplace %k1 : tensor<1x!rng.key> -> tensor<1xf32>
// CHECK-NEXT:     %logistic = rng.logistic %k1 : tensor<1x!rng.key> -> tensor<1xf32>
// CHECK-NEXT:     %gumbel = rng.gumbel %k1 : tensor<1x!rng.key> -> tensor<1xf32>
// CHECK-NEXT:     %exponential = rng.exponential %k1 : tensor<1x!rng.key> -> tensor<1xf32>
// CHECK-NEXT:     %binomial = rng.binomial %k1, %a, %a : tensor<1x!rng.key>, tensor<8xf32>, tensor<8xf32> -> tensor<1x8xi32>
// CHECK-NEXT:     %multinomial = rng.multinomial %k1, %m, %a : tensor<1x!rng.key>, tensor<8x3xf32>, tensor<8xf32> -> tensor<1x8x3xi32>
// CHECK-NEXT:     %von_mises = rng.von_mises %k1, %a : tensor<1x!rng.key>, tensor<8xf32> -> tensor<1x8xf32>
// CHECK-NEXT:     func.return
// CHECK-NEXT:   }
// CHECK-NEXT: }

// GENERIC:      "builtin.module"() ({
// GENERIC-NEXT:   "func.func"() <{sym_name = "draws", function_type = (!rng.key, tensor<i32>, tensor<8xf32>, tensor<8x3xf64>, tensor<8x3xf32>) -> ()}> ({
// GENERIC-NEXT:   ^bb0(%key: !rng.key, %p: tensor<i32>, %a: tensor<8xf32>, %w: tensor<8x3xf64>, %m: tensor<8x3xf32>):
// GENERIC-NEXT:     %k1 = "rng.site_keys"(%key) <{sites = [#prob.name"a"]}> : (!rng.key) -> tensor<1x!rng.key>
// GENERIC-NEXT:     %k2 = "rng.site_keys"(%key) <{sites = [#prob.name"\CE\B8", #prob.name"b"]}> : (!rng.key) -> tensor<2x!rng.key>
// GENERIC-NEXT:     %site = "rng.site_key"(%key) <{site = #prob.name"z"}> : (!rng.key) -> !rng.key
// GENERIC-NEXT:     %particle = "rng.particle_key"(%site, %p) : (!rng.key, tensor<i32>) -> !rng.key
// GENERIC-NEXT:     %normal = "rng.normal"(%k2) : (tensor<2x!rng.key>) -> tensor<2x8xf32>
// GENERIC-NEXT:     %cauchy = "rng.cauchy"(%k1) : (tensor<1x!rng.key>) -> tensor<1xf64>
// GENERIC-NEXT:     %uniform = "rng.uniform"(%k1) : (tensor<1x!rng.key>) -> tensor<1xf32>
// GENERIC-NEXT:     %log_gamma = "rng.log_gamma"(%k1, %a) : (tensor<1x!rng.key>, tensor<8xf32>) -> tensor<1x8xf32>
// GENERIC-NEXT:     %poisson = "rng.poisson"(%k1, %a) : (tensor<1x!rng.key>, tensor<8xf32>) -> tensor<1x8xi32>
// GENERIC-NEXT:     %categorical = "rng.categorical"(%k1, %w) : (tensor<1x!rng.key>, tensor<8x3xf64>) -> tensor<1x8xi32>
// GENERIC-NEXT:     %wald = "rng.wald"(%k1, %a) : (tensor<1x!rng.key>, tensor<8xf32>) -> tensor<1x8xf32>
// GENERIC-NEXT:     %subsample = "rng.subsample"(%k1) <{size = 1000 : i64}> : (tensor<1x!rng.key>) -> tensor<1x32xi32>
// GENERIC-NEXT:     %part = "rng.part_keys"(%k2) <{part = 1 : i64}> : (tensor<2x!rng.key>) -> tensor<2x!rng.key>
// GENERIC-NEXT:     %steps = "rng.step_keys"(%k1) : (tensor<1x!rng.key>) -> tensor<5x1x!rng.key>
// GENERIC-NEXT:     %laplace = "rng.laplace"(%k1) : (tensor<1x!rng.key>) -> tensor<1xf32>
// GENERIC-NEXT:     %logistic = "rng.logistic"(%k1) : (tensor<1x!rng.key>) -> tensor<1xf32>
// GENERIC-NEXT:     %gumbel = "rng.gumbel"(%k1) : (tensor<1x!rng.key>) -> tensor<1xf32>
// GENERIC-NEXT:     %exponential = "rng.exponential"(%k1) : (tensor<1x!rng.key>) -> tensor<1xf32>
// GENERIC-NEXT:     %binomial = "rng.binomial"(%k1, %a, %a) : (tensor<1x!rng.key>, tensor<8xf32>, tensor<8xf32>) -> tensor<1x8xi32>
// GENERIC-NEXT:     %multinomial = "rng.multinomial"(%k1, %m, %a) : (tensor<1x!rng.key>, tensor<8x3xf32>, tensor<8xf32>) -> tensor<1x8x3xi32>
// GENERIC-NEXT:     %von_mises = "rng.von_mises"(%k1, %a) : (tensor<1x!rng.key>, tensor<8xf32>) -> tensor<1x8xf32>
// GENERIC-NEXT:     "func.return"() : () -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT: }) : () -> ()
