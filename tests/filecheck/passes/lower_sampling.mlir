// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p relbo-lower-sampling | filecheck %s

// Choices become keys, noise and tensor math.

// Two sites of one kind share a draw of noise; the draw of a score choice is cut off.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %z = prob.sample "z" from %q {how = #prob.how<pathwise>} : !prob.law<tensor<f32>>
      %w = prob.sample "w" from %q {how = #prob.how<score>} : !prob.law<tensor<f32>>
      %c = lax.square %z : tensor<f32>
      prob.yield "c" %c : tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}, %0: !rng.key {prob.role = #prob.seed}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %one = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %e = prob.expectation {
// CHECK-NEXT:         %1 = rng.site_keys %0 {sites = [#prob.name"z", #prob.name"w"]} : tensor<2x!rng.key>
// CHECK-NEXT:         %2 = rng.normal %1 : tensor<2x!rng.key> -> tensor<2xf32>
// CHECK-NEXT:         %3 = lax.slice %2 {start = array<i64: 0>, limit = array<i64: 1>, strides = array<i64: 1>} : (tensor<2xf32>) -> tensor<1xf32>
// CHECK-NEXT:         %4 = lax.reshape %3 : (tensor<1xf32>) -> tensor<f32>
// CHECK-NEXT:         %5 = lax.slice %2 {start = array<i64: 1>, limit = array<i64: 2>, strides = array<i64: 1>} : (tensor<2xf32>) -> tensor<1xf32>
// CHECK-NEXT:         %6 = lax.reshape %5 : (tensor<1xf32>) -> tensor<f32>
// CHECK-NEXT:         %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:         %7 = lax.mul %one, %4 : tensor<f32>
// CHECK-NEXT:         %z = lax.add %m_, %7 : tensor<f32>
// CHECK-NEXT:         %8 = lax.mul %one, %6 : tensor<f32>
// CHECK-NEXT:         %9 = lax.add %m_, %8 : tensor<f32>
// CHECK-NEXT:         %w = lax.stop_gradient %9 : tensor<f32>
// CHECK-NEXT:         %c = lax.square %z : tensor<f32>
// CHECK-NEXT:         prob.yield "c" %c : tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %v, %d : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// One draw of each kind.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %gamma = dist.gamma %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %g = prob.sample "g" from %gamma {how = #prob.how<score>} : !prob.law<tensor<f32>>
      %beta = dist.beta %one, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %b = prob.sample "b" from %beta {how = #prob.how<score>} : !prob.law<tensor<f32>>
      %poisson = dist.poisson %one : (tensor<f32>) -> !prob.law<tensor<i32>>
      %n = prob.sample "n" from %poisson {how = #prob.how<score>} : !prob.law<tensor<i32>>
      %w = lax.constant "0.5" : tensor<3xf32>
      %categorical = dist.categorical %w : (tensor<3xf32>) -> !prob.law<tensor<i32>>
      %k = prob.sample "k" from %categorical {how = #prob.how<score>} : !prob.law<tensor<i32>>
      %inverse = dist.inverse_gaussian %one, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %i = prob.sample "i" from %inverse {how = #prob.how<score>} : !prob.law<tensor<f32>>
      %c = lax.add %g, %b : tensor<f32>
      prob.yield "c" %c : tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK: %1 = rng.site_keys %0 {sites = [#prob.name"g"]} : tensor<1x!rng.key>
// CHECK: %2 = rng.log_gamma %1, %m_ : tensor<1x!rng.key>, tensor<f32> -> tensor<1xf32>
// CHECK: %7 = rng.site_keys %0 {sites = [#prob.name"b"]} : tensor<1x!rng.key>
// CHECK: %8 = rng.log_gamma %7, %6 : tensor<1x!rng.key>, tensor<2xf32> -> tensor<1x2xf32>
// CHECK: %16 = rng.site_keys %0 {sites = [#prob.name"n"]} : tensor<1x!rng.key>
// CHECK: %17 = rng.poisson %16, %one : tensor<1x!rng.key>, tensor<f32> -> tensor<1xi32>
// CHECK: %20 = rng.site_keys %0 {sites = [#prob.name"k"]} : tensor<1x!rng.key>
// CHECK: %21 = rng.categorical %20, %19 : tensor<1x!rng.key>, tensor<3xf32> -> tensor<1xi32>
// CHECK: %24 = rng.site_keys %0 {sites = [#prob.name"i"]} : tensor<1x!rng.key>
// CHECK: %25 = rng.wald %24, %23 : tensor<1x!rng.key>, tensor<f32> -> tensor<1xf32>

// -----

// A model's choices are asked about, not drawn.
prob.func @model() {
  %one = lax.constant "1.0" : tensor<f32>
  %p = dist.gamma %one, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample "z" from %p : !prob.law<tensor<f32>>
  prob.return
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @model() {
// CHECK-NEXT:     %one = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %p = dist.gamma %one, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %z = prob.sample "z" from %p : !prob.law<tensor<f32>>
// CHECK-NEXT:     prob.return
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// An undecided choice is an error.
prob.func @elbo(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
  %one = lax.constant "1.0" : tensor<f32>
  %v, %d = prob.gradient (%m_ = %m) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %q = dist.normal %m_, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
      %c = lax.square %z : tensor<f32>
      prob.yield "c" %c : tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %v, %d : tensor<f32>, tensor<f32>
}

// CHECK:      the choice has no estimator yet (it is exact)
// CHECK-NEXT:   remedy: run relbo-score-function, relbo-pathwise or relbo-disarm on it first
// CHECK-NEXT:   at: site "z"

// -----

// A plate's minibatch comes from the plate's key.
prob.func @draws() -> (tensor<2xi32>) {
  prob.plate @N {size = 6 : i64, subsample = 2 : i64}
  %i = prob.subsample @N : tensor<2xi32>
  prob.return %i : tensor<2xi32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @draws(%0: !rng.key {prob.role = #prob.seed}) -> tensor<2xi32> {
// CHECK-NEXT:     prob.plate @N {size = 6 : i64, subsample = 2 : i64}
// CHECK-NEXT:     %1 = rng.site_keys %0 {sites = [#prob.name"N"]} : tensor<1x!rng.key>
// CHECK-NEXT:     %2 = rng.subsample %1 {size = 6 : i64} : tensor<1x!rng.key> -> tensor<1x2xi32>
// CHECK-NEXT:     %i = lax.reshape %2 : (tensor<1x2xi32>) -> tensor<2xi32>
// CHECK-NEXT:     prob.return %i : tensor<2xi32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
