// RUN: relbo-opt %s | relbo-opt | filecheck %s
// RUN: relbo-opt %s --print-op-generic | relbo-opt | filecheck %s
// RUN: relbo-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

// Every op of the dialect.

func.func @estimators(%c: tensor<8xf32>, %u: tensor<8xf32>, %v: tensor<3xf32>, %s: tensor<f32>, %x: tensor<3xf32>) {
  %score = estim.score %c upstream(%u, %v) {maps = [array<i64: 0>, array<i64: -1>]} : tensor<8xf32>, (tensor<8xf32>, tensor<3xf32>)
  %none = estim.score %c upstream() {maps = []} : tensor<8xf32>, ()
  %centred = estim.score %s upstream(%v) baselines(%s) {maps = [array<i64: -1>]} : tensor<f32>, (tensor<3xf32>) baselines (tensor<f32>)
  %joint = estim.joint %u, %v : tensor<8xf32>, tensor<3xf32> -> tensor<f32>
  %attach = estim.attach %c gradient_of %u : tensor<8xf32>
  %e = prob.expectation {
    %law = dist.bernoulli_logits %s : (tensor<f32>) -> !prob.law<tensor<i32>>
    %b = prob.sample "b" from %law {how = #prob.how<disarm>} : !prob.law<tensor<i32>>
    %twin = estim.antithetic %b : tensor<i32>
    prob.yield "s" %s : tensor<f32>
  } : tensor<f32>
  %bound = estim.log_mean_exp %s {samples = 8 : i64} : tensor<f32>
  %renyi = estim.log_mean_exp %s {samples = 8 : i64, alpha = 5.000000e-01 : f64} : tensor<f32>
  %without = estim.vimco %s {samples = 8 : i64} : tensor<f32>
  %all = estim.all_samples %s : tensor<f32> -> tensor<8xf32>
  %others = estim.leave_one_out %c : tensor<8xf32>
  %before = estim.running_mean %c {state = #prob.name"c", decay = 9.000000e-01 : f64} : tensor<8xf32>
  %mean = estim.replicate {
  ^bb0(%p: tensor<i32>):
    prob.yield_value %s : tensor<f32>
  } {size = 8 : i64} : tensor<f32>
  %value, %dx, %ds = estim.value_and_grad (%x_ = %x, %s_ = %s) : (tensor<3xf32>, tensor<f32>) -> (tensor<f32>, tensor<3xf32>, tensor<f32>) {
    %total = lax.reduce_sum %x_ {axes = array<i64: 0>} : (tensor<3xf32>) -> tensor<f32>
    %product = lax.mul %total, %s_ : tensor<f32>
    prob.yield_value %product : tensor<f32>
  }
  %also, %dy, %square = estim.value_and_grad (%y_ = %s) : (tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
    %squared = lax.square %y_ : tensor<f32>
    prob.yield_value %y_, %squared : tensor<f32>, tensor<f32>
  }
  func.return
}

// CHECK:      builtin.module {
// CHECK-NEXT:   func.func @estimators(%c: tensor<8xf32>, %u: tensor<8xf32>, %v: tensor<3xf32>, %s: tensor<f32>, %x: tensor<3xf32>) {
// CHECK-NEXT:     %score = estim.score %c upstream(%u, %v) {maps = [array<i64: 0>, array<i64: -1>]} : tensor<8xf32>, (tensor<8xf32>, tensor<3xf32>)
// CHECK-NEXT:     %none = estim.score %c upstream() {maps = []} : tensor<8xf32>, ()
// CHECK-NEXT:     %centred = estim.score %s upstream(%v) baselines(%s) {maps = [array<i64: -1>]} : tensor<f32>, (tensor<3xf32>) baselines(tensor<f32>)
// CHECK-NEXT:     %joint = estim.joint %u, %v : tensor<8xf32>, tensor<3xf32> -> tensor<f32>
// CHECK-NEXT:     %attach = estim.attach %c gradient_of %u : tensor<8xf32>
// CHECK-NEXT:     %e = prob.expectation {
// CHECK-NEXT:       %law = dist.bernoulli_logits %s : (tensor<f32>) -> !prob.law<tensor<i32>>
// CHECK-NEXT:       %b = prob.sample "b" from %law {how = #prob.how<disarm>} : !prob.law<tensor<i32>>
// CHECK-NEXT:       %twin = estim.antithetic %b : tensor<i32>
// CHECK-NEXT:       prob.yield "s" %s : tensor<f32>
// CHECK-NEXT:     } : tensor<f32>
// CHECK-NEXT:     %bound = estim.log_mean_exp %s {samples = 8 : i64} : tensor<f32>
// CHECK-NEXT:     %renyi = estim.log_mean_exp %s {samples = 8 : i64, alpha = 5.000000e-01 : f64} : tensor<f32>
// CHECK-NEXT:     %without = estim.vimco %s {samples = 8 : i64} : tensor<f32>
// CHECK-NEXT:     %all = estim.all_samples %s : tensor<f32> -> tensor<8xf32>
// CHECK-NEXT:     %others = estim.leave_one_out %c : tensor<8xf32>
// CHECK-NEXT:     %before = estim.running_mean %c {state = #prob.name"c", decay = 9.000000e-01 : f64} : tensor<8xf32>
// CHECK-NEXT:     %mean = estim.replicate {
// CHECK-NEXT:     ^bb0(%p: tensor<i32>):
// CHECK-NEXT:       prob.yield_value %s : tensor<f32>
// CHECK-NEXT:     } {size = 8 : i64} : tensor<f32>
// CHECK-NEXT:     %value, %dx, %ds = estim.value_and_grad (%x_ = %x, %s_ = %s) : (tensor<3xf32>, tensor<f32>) -> (tensor<f32>, tensor<3xf32>, tensor<f32>) {
// CHECK-NEXT:       %total = lax.reduce_sum %x_ {axes = array<i64: 0>} : (tensor<3xf32>) -> tensor<f32>
// CHECK-NEXT:       %product = lax.mul %total, %s_ : tensor<f32>
// CHECK-NEXT:       prob.yield_value %product : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     %also, %dy, %square = estim.value_and_grad (%y_ = %s) : (tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %squared = lax.square %y_ : tensor<f32>
// CHECK-NEXT:       prob.yield_value %y_, %squared : tensor<f32>, tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     func.return
// CHECK-NEXT:   }
// CHECK-NEXT: }

// GENERIC:      "builtin.module"() ({
// GENERIC-NEXT:   "func.func"() <{sym_name = "estimators", function_type = (tensor<8xf32>, tensor<8xf32>, tensor<3xf32>, tensor<f32>, tensor<3xf32>) -> ()}> ({
// GENERIC-NEXT:   ^bb0(%c: tensor<8xf32>, %u: tensor<8xf32>, %v: tensor<3xf32>, %s: tensor<f32>, %x: tensor<3xf32>):
// GENERIC-NEXT:     %score = "estim.score"(%c, %u, %v) <{maps = [array<i64: 0>, array<i64: -1>], operandSegmentSizes = array<i32: 1, 2, 0>}> : (tensor<8xf32>, tensor<8xf32>, tensor<3xf32>) -> tensor<8xf32>
// GENERIC-NEXT:     %none = "estim.score"(%c) <{maps = [], operandSegmentSizes = array<i32: 1, 0, 0>}> : (tensor<8xf32>) -> tensor<8xf32>
// GENERIC-NEXT:     %centred = "estim.score"(%s, %v, %s) <{maps = [array<i64: -1>], operandSegmentSizes = array<i32: 1, 1, 1>}> : (tensor<f32>, tensor<3xf32>, tensor<f32>) -> tensor<f32>
// GENERIC-NEXT:     %joint = "estim.joint"(%u, %v) : (tensor<8xf32>, tensor<3xf32>) -> tensor<f32>
// GENERIC-NEXT:     %attach = "estim.attach"(%c, %u) : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
// GENERIC-NEXT:     %e = "prob.expectation"() ({
// GENERIC-NEXT:       %law = "dist.bernoulli_logits"(%s) : (tensor<f32>) -> !prob.law<tensor<i32>>
// GENERIC-NEXT:       %b = "prob.sample"(%law) <{site = #prob.name"b", how = #prob.how<disarm>, operandSegmentSizes = array<i32: 1, 0, 0, 0>}> : (!prob.law<tensor<i32>>) -> tensor<i32>
// GENERIC-NEXT:       %twin = "estim.antithetic"(%b) : (tensor<i32>) -> tensor<i32>
// GENERIC-NEXT:       "prob.yield"(%s) <{names = [#prob.name"s"]}> : (tensor<f32>) -> ()
// GENERIC-NEXT:     }) : () -> tensor<f32>
// GENERIC-NEXT:     %bound = "estim.log_mean_exp"(%s) <{samples = 8 : i64}> : (tensor<f32>) -> tensor<f32>
// GENERIC-NEXT:     %renyi = "estim.log_mean_exp"(%s) <{samples = 8 : i64, alpha = 5.000000e-01 : f64}> : (tensor<f32>) -> tensor<f32>
// GENERIC-NEXT:     %without = "estim.vimco"(%s) <{samples = 8 : i64}> : (tensor<f32>) -> tensor<f32>
// GENERIC-NEXT:     %all = "estim.all_samples"(%s) : (tensor<f32>) -> tensor<8xf32>
// GENERIC-NEXT:     %others = "estim.leave_one_out"(%c) : (tensor<8xf32>) -> tensor<8xf32>
// GENERIC-NEXT:     %before = "estim.running_mean"(%c) <{state = #prob.name"c", decay = 9.000000e-01 : f64}> : (tensor<8xf32>) -> tensor<8xf32>
// GENERIC-NEXT:     %mean = "estim.replicate"() <{size = 8 : i64}> ({
// GENERIC-NEXT:     ^bb0(%p: tensor<i32>):
// GENERIC-NEXT:       "prob.yield_value"(%s) : (tensor<f32>) -> ()
// GENERIC-NEXT:     }) : () -> tensor<f32>
// GENERIC-NEXT:     %value, %dx, %ds = "estim.value_and_grad"(%x, %s) ({
// GENERIC-NEXT:     ^bb0(%x_: tensor<3xf32>, %s_: tensor<f32>):
// GENERIC-NEXT:       %total = "lax.reduce_sum"(%x_) <{axes = array<i64: 0>}> : (tensor<3xf32>) -> tensor<f32>
// GENERIC-NEXT:       %product = "lax.mul"(%total, %s_) : (tensor<f32>, tensor<f32>) -> tensor<f32>
// GENERIC-NEXT:       "prob.yield_value"(%product) : (tensor<f32>) -> ()
// GENERIC-NEXT:     }) : (tensor<3xf32>, tensor<f32>) -> (tensor<f32>, tensor<3xf32>, tensor<f32>)
// GENERIC-NEXT:     %also, %dy, %square = "estim.value_and_grad"(%s) ({
// GENERIC-NEXT:     ^bb0(%y_: tensor<f32>):
// GENERIC-NEXT:       %squared = "lax.square"(%y_) : (tensor<f32>) -> tensor<f32>
// GENERIC-NEXT:       "prob.yield_value"(%y_, %squared) : (tensor<f32>, tensor<f32>) -> ()
// GENERIC-NEXT:     }) : (tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>)
// GENERIC-NEXT:     "func.return"() : () -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT: }) : () -> ()
