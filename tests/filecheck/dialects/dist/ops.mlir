// RUN: relbo-opt %s | relbo-opt | filecheck %s
// RUN: relbo-opt %s --print-op-generic | relbo-opt | filecheck %s
// RUN: relbo-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

// Every family and every wrapper.

func.func private @draw(%key: !rng.key, %a: tensor<f32>) -> tensor<f32> {
  func.return %a : tensor<f32>
}

func.func private @density(%x: tensor<f32>, %a: tensor<f32>) -> tensor<f32> {
  func.return %a : tensor<f32>
}

func.func @laws(%a: tensor<f32>, %v: tensor<8xf32>, %w: tensor<5x3xf32>, %d: tensor<f64>) {
  %normal = dist.normal %a, %v : (tensor<f32>, tensor<8xf32>) -> !prob.law<tensor<8xf32>>
  %half_normal = dist.half_normal %a : (tensor<f32>) -> !prob.law<tensor<f32>>
  %log_normal = dist.log_normal %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
  %half_cauchy = dist.half_cauchy %d : (tensor<f64>) -> !prob.law<tensor<f64>>
  %gamma = dist.gamma %a, %a : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %beta = dist.beta %a, %a : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %bernoulli = dist.bernoulli %v : (tensor<8xf32>) -> !prob.law<tensor<8xi32>>
  %bernoulli_logits = dist.bernoulli_logits %v : (tensor<8xf32>) -> !prob.law<tensor<8xi32>>
  %categorical = dist.categorical %w : (tensor<5x3xf32>) -> !prob.law<tensor<5xi32>>
  %categorical_logits = dist.categorical_logits %v : (tensor<8xf32>) -> !prob.law<tensor<i32>>
  %poisson = dist.poisson %a : (tensor<f32>) -> !prob.law<tensor<i32>>
  %inverse_gaussian = dist.inverse_gaussian %a, %a : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %independent = dist.independent %normal {rank = 1 : i64} : (!prob.law<tensor<8xf32>>) -> !prob.law<tensor<8xf32>, event_rank = 1>
  %expand = dist.expand %gamma {shape = array<i64: 100>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<100xf32>>
  %expand_events = dist.expand %independent {shape = array<i64: 4>} : (!prob.law<tensor<8xf32>, event_rank = 1>) -> !prob.law<tensor<4x8xf32>, event_rank = 1>
  %exp = dist.transformed %normal {transform = #dist.transform<exp>} : (!prob.law<tensor<8xf32>>) -> !prob.law<tensor<8xf32>>
  %affine = dist.transformed %normal, %a, %v {transform = #dist.transform<affine>} : (!prob.law<tensor<8xf32>>, tensor<f32>, tensor<8xf32>) -> !prob.law<tensor<8xf32>>
  %sigmoid = dist.transformed %normal {transform = #dist.transform<sigmoid>} : (!prob.law<tensor<8xf32>>) -> !prob.law<tensor<8xf32>>
  %softplus = dist.transformed %normal {transform = #dist.transform<softplus>} : (!prob.law<tensor<8xf32>>) -> !prob.law<tensor<8xf32>>
  %opaque = dist.opaque %a sample(@draw) log_prob(@density) : (tensor<f32>) -> !prob.law<tensor<f32>>
  %known = dist.opaque %a sample(@draw) log_prob(@density) {support = "positive"} : (tensor<f32>) -> !prob.law<tensor<f32>>
  func.return
}

// What stands where a law does.
func.func @measures(%a: tensor<f32>, %v: tensor<8x3xf32>, %l: tensor<8xf32>, %m: tensor<8xi1>) {
  %normal = dist.normal %a, %l : (tensor<f32>, tensor<8xf32>) -> !prob.law<tensor<8xf32>>
  %mask = dist.mask %normal, %m : (!prob.law<tensor<8xf32>>, tensor<8xi1>) -> !prob.law<tensor<8xf32>>
  %delta = dist.delta %v, %l {event_rank = 1 : i64} : (tensor<8x3xf32>, tensor<8xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
  %improper = dist.improper {support = "positive"} : !prob.law<tensor<3xf32>, event_rank = 1>
  func.return
}

// CHECK:      builtin.module {
// CHECK-NEXT:   func.func private @draw(%key: !rng.key, %a: tensor<f32>) -> tensor<f32> {
// CHECK-NEXT:     func.return %a : tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func private @density(%x: tensor<f32>, %a: tensor<f32>) -> tensor<f32> {
// CHECK-NEXT:     func.return %a : tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func @laws(%a: tensor<f32>, %v: tensor<8xf32>, %w: tensor<5x3xf32>, %d: tensor<f64>) {
// CHECK-NEXT:     %normal = dist.normal %a, %v : (tensor<f32>, tensor<8xf32>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %half_normal = dist.half_normal %a : (tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %log_normal = dist.log_normal %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %half_cauchy = dist.half_cauchy %d : (tensor<f64>) -> !prob.law<tensor<f64>>
// CHECK-NEXT:     %gamma = dist.gamma %a, %a : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %beta = dist.beta %a, %a : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %bernoulli = dist.bernoulli %v : (tensor<8xf32>) -> !prob.law<tensor<8xi32>>
// CHECK-NEXT:     %bernoulli_logits = dist.bernoulli_logits %v : (tensor<8xf32>) -> !prob.law<tensor<8xi32>>
// CHECK-NEXT:     %categorical = dist.categorical %w : (tensor<5x3xf32>) -> !prob.law<tensor<5xi32>>
// CHECK-NEXT:     %categorical_logits = dist.categorical_logits %v : (tensor<8xf32>) -> !prob.law<tensor<i32>>
// CHECK-NEXT:     %poisson = dist.poisson %a : (tensor<f32>) -> !prob.law<tensor<i32>>
// CHECK-NEXT:     %inverse_gaussian = dist.inverse_gaussian %a, %a : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %independent = dist.independent %normal {rank = 1 : i64} : (!prob.law<tensor<8xf32>>) -> !prob.law<tensor<8xf32>, event_rank = 1>
// CHECK-NEXT:     %expand = dist.expand %gamma {shape = array<i64: 100>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<100xf32>>
// CHECK-NEXT:     %expand_events = dist.expand %independent {shape = array<i64: 4>} : (!prob.law<tensor<8xf32>, event_rank = 1>) -> !prob.law<tensor<4x8xf32>, event_rank = 1>
// CHECK-NEXT:     %exp = dist.transformed %normal {transform = #dist.transform<exp>} : (!prob.law<tensor<8xf32>>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %affine = dist.transformed %normal, %a, %v {transform = #dist.transform<affine>} : (!prob.law<tensor<8xf32>>, tensor<f32>, tensor<8xf32>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %sigmoid = dist.transformed %normal {transform = #dist.transform<sigmoid>} : (!prob.law<tensor<8xf32>>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %softplus = dist.transformed %normal {transform = #dist.transform<softplus>} : (!prob.law<tensor<8xf32>>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %opaque = dist.opaque %a sample(@draw) log_prob(@density) : (tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %known = dist.opaque %a sample(@draw) log_prob(@density) {support = "positive"} : (tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     func.return
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func @measures(%a: tensor<f32>, %v: tensor<8x3xf32>, %l: tensor<8xf32>, %m: tensor<8xi1>) {
// CHECK-NEXT:     %normal = dist.normal %a, %l : (tensor<f32>, tensor<8xf32>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %mask = dist.mask %normal, %m : (!prob.law<tensor<8xf32>>, tensor<8xi1>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %delta = dist.delta %v, %l {event_rank = 1 : i64} : (tensor<8x3xf32>, tensor<8xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
// CHECK-NEXT:     %improper = dist.improper {support = "positive"} : !prob.law<tensor<3xf32>, event_rank = 1>
// CHECK-NEXT:     func.return
// CHECK-NEXT:   }
// CHECK-NEXT: }

// GENERIC:      "builtin.module"() ({
// GENERIC-NEXT:   "func.func"() <{sym_name = "draw", function_type = (!rng.key, tensor<f32>) -> tensor<f32>, sym_visibility = "private"}> ({
// GENERIC-NEXT:   ^bb0(%key: !rng.key, %a: tensor<f32>):
// GENERIC-NEXT:     "func.return"(%a) : (tensor<f32>) -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "density", function_type = (tensor<f32>, tensor<f32>) -> tensor<f32>, sym_visibility = "private"}> ({
// GENERIC-NEXT:   ^bb0(%x: tensor<f32>, %a: tensor<f32>):
// GENERIC-NEXT:     "func.return"(%a) : (tensor<f32>) -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "laws", function_type = (tensor<f32>, tensor<8xf32>, tensor<5x3xf32>, tensor<f64>) -> ()}> ({
// GENERIC-NEXT:   ^bb0(%a: tensor<f32>, %v: tensor<8xf32>, %w: tensor<5x3xf32>, %d: tensor<f64>):
// GENERIC-NEXT:     %normal = "dist.normal"(%a, %v) : (tensor<f32>, tensor<8xf32>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %half_normal = "dist.half_normal"(%a) : (tensor<f32>) -> !prob.law<tensor<f32>>
// GENERIC-NEXT:     %log_normal = "dist.log_normal"(%v, %a) : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %half_cauchy = "dist.half_cauchy"(%d) : (tensor<f64>) -> !prob.law<tensor<f64>>
// GENERIC-NEXT:     %gamma = "dist.gamma"(%a, %a) : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// GENERIC-NEXT:     %beta = "dist.beta"(%a, %a) : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// GENERIC-NEXT:     %bernoulli = "dist.bernoulli"(%v) : (tensor<8xf32>) -> !prob.law<tensor<8xi32>>
// GENERIC-NEXT:     %bernoulli_logits = "dist.bernoulli_logits"(%v) : (tensor<8xf32>) -> !prob.law<tensor<8xi32>>
// GENERIC-NEXT:     %categorical = "dist.categorical"(%w) : (tensor<5x3xf32>) -> !prob.law<tensor<5xi32>>
// GENERIC-NEXT:     %categorical_logits = "dist.categorical_logits"(%v) : (tensor<8xf32>) -> !prob.law<tensor<i32>>
// GENERIC-NEXT:     %poisson = "dist.poisson"(%a) : (tensor<f32>) -> !prob.law<tensor<i32>>
// GENERIC-NEXT:     %inverse_gaussian = "dist.inverse_gaussian"(%a, %a) : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// GENERIC-NEXT:     %independent = "dist.independent"(%normal) <{rank = 1 : i64}> : (!prob.law<tensor<8xf32>>) -> !prob.law<tensor<8xf32>, event_rank = 1>
// GENERIC-NEXT:     %expand = "dist.expand"(%gamma) <{shape = array<i64: 100>}> : (!prob.law<tensor<f32>>) -> !prob.law<tensor<100xf32>>
// GENERIC-NEXT:     %expand_events = "dist.expand"(%independent) <{shape = array<i64: 4>}> : (!prob.law<tensor<8xf32>, event_rank = 1>) -> !prob.law<tensor<4x8xf32>, event_rank = 1>
// GENERIC-NEXT:     %exp = "dist.transformed"(%normal) <{transform = #dist.transform<exp>}> : (!prob.law<tensor<8xf32>>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %affine = "dist.transformed"(%normal, %a, %v) <{transform = #dist.transform<affine>}> : (!prob.law<tensor<8xf32>>, tensor<f32>, tensor<8xf32>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %sigmoid = "dist.transformed"(%normal) <{transform = #dist.transform<sigmoid>}> : (!prob.law<tensor<8xf32>>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %softplus = "dist.transformed"(%normal) <{transform = #dist.transform<softplus>}> : (!prob.law<tensor<8xf32>>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %opaque = "dist.opaque"(%a) <{sample = @draw, log_prob = @density}> : (tensor<f32>) -> !prob.law<tensor<f32>>
// GENERIC-NEXT:     %known = "dist.opaque"(%a) <{sample = @draw, log_prob = @density, support = "positive"}> : (tensor<f32>) -> !prob.law<tensor<f32>>
// GENERIC-NEXT:     "func.return"() : () -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "measures", function_type = (tensor<f32>, tensor<8x3xf32>, tensor<8xf32>, tensor<8xi1>) -> ()}> ({
// GENERIC-NEXT:   ^bb0(%a: tensor<f32>, %v: tensor<8x3xf32>, %l: tensor<8xf32>, %m: tensor<8xi1>):
// GENERIC-NEXT:     %normal = "dist.normal"(%a, %l) : (tensor<f32>, tensor<8xf32>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %mask = "dist.mask"(%normal, %m) : (!prob.law<tensor<8xf32>>, tensor<8xi1>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %delta = "dist.delta"(%v, %l) <{event_rank = 1 : i64}> : (tensor<8x3xf32>, tensor<8xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
// GENERIC-NEXT:     %improper = "dist.improper"() <{support = "positive"}> : () -> !prob.law<tensor<3xf32>, event_rank = 1>
// GENERIC-NEXT:     "func.return"() : () -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT: }) : () -> ()
