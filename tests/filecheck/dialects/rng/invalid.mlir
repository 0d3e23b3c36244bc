// RUN: relbo-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// Two names of one hash
%key = "test.op"() : () -> !rng.key
%k = rng.site_keys %key {sites = [#prob.name"a", #prob.name"a"]} : tensor<2x!rng.key>
// CHECK: two of the sites ['a', 'a'] have one hash; rename one of them

// -----

// A key for every site
%key = "test.op"() : () -> !rng.key
%k = rng.site_keys %key {sites = [#prob.name"a"]} : tensor<2x!rng.key>
// CHECK: rng.site_keys of 1 sites gives tensor<1x!rng.key>, not tensor<2x!rng.key>

// -----

// A key that is none
%key = "test.op"() : () -> tensor<f32>
%k = "rng.site_key"(%key) <{site = #prob.name"a"}> : (tensor<f32>) -> !rng.key
// CHECK: operand 'key' at position 0 does not verify:
// CHECK-NEXT: tensor<f32> should be of base attribute rng.key

// -----

// A particle is one integer
%key = "test.op"() : () -> !rng.key
%p = "test.op"() : () -> tensor<2xi32>
%k = rng.particle_key %key, %p : tensor<2xi32>
// CHECK: a particle is an integer of rank 0, not tensor<2xi32>

// -----

// and no float
%key = "test.op"() : () -> !rng.key
%p = "test.op"() : () -> tensor<f32>
%k = rng.particle_key %key, %p : tensor<f32>
// CHECK: tensor<f32> is no tensor of integers or booleans

// -----

// A draw from no keys
%k = "test.op"() : () -> tensor<8xf32>
%e = rng.normal %k : tensor<8xf32> -> tensor<8xf32>
// CHECK: rng.normal takes a vector of keys, not tensor<8xf32>

// -----

// A row for every key
%k = "test.op"() : () -> tensor<2x!rng.key>
%e = rng.uniform %k : tensor<2x!rng.key> -> tensor<3x8xf32>
// CHECK: rng.uniform: tensor<2x!rng.key> and tensor<3x8xf32> differ in their first axis

// -----

// Noise of integers
%k = "test.op"() : () -> tensor<1x!rng.key>
%e = rng.cauchy %k : tensor<1x!rng.key> -> tensor<1xi32>
// CHECK: tensor<1xi32> is no tensor of real floats

// -----

// Two keys for draws with parameters
%k = "test.op"() : () -> tensor<2x!rng.key>
%a = "test.op"() : () -> tensor<f32>
%e = rng.log_gamma %k, %a : tensor<2x!rng.key>, tensor<f32> -> tensor<2xf32>
// CHECK: rng.log_gamma takes one key, not tensor<2x!rng.key>

// -----

// A draw of another shape
%k = "test.op"() : () -> tensor<1x!rng.key>
%a = "test.op"() : () -> tensor<8xf32>
%e = rng.wald %k, %a : tensor<1x!rng.key>, tensor<8xf32> -> tensor<1xf32>
// CHECK: rng.wald gives tensor<1x8xf32>, not tensor<1xf32>

// -----

// A draw of another float type
%k = "test.op"() : () -> tensor<1x!rng.key>
%a = "test.op"() : () -> tensor<f32>
%e = rng.log_gamma %k, %a : tensor<1x!rng.key>, tensor<f32> -> tensor<1xf64>
// CHECK: rng.log_gamma of f32 draws f32, not f64

// -----

// Counts are integers
%k = "test.op"() : () -> tensor<1x!rng.key>
%a = "test.op"() : () -> tensor<f32>
%e = rng.poisson %k, %a : tensor<1x!rng.key>, tensor<f32> -> tensor<1xf32>
// CHECK: tensor<1xf32> is no tensor of integers or booleans

// -----

// Integer weights
%k = "test.op"() : () -> tensor<1x!rng.key>
%a = "test.op"() : () -> tensor<3xi32>
%e = rng.categorical %k, %a : tensor<1x!rng.key>, tensor<3xi32> -> tensor<1xi32>
// CHECK: tensor<3xi32> is no tensor of real floats

// -----

// No axis of categories
%k = "test.op"() : () -> tensor<1x!rng.key>
%a = "test.op"() : () -> tensor<f32>
%e = rng.categorical %k, %a : tensor<1x!rng.key>, tensor<f32> -> tensor<1xi32>
// CHECK: rng.categorical: the weights need an axis of categories

// -----

// A minibatch that is larger than the whole
%k = "test.op"() : () -> tensor<1x!rng.key>
%i = rng.subsample %k {size = 3 : i64} : tensor<1x!rng.key> -> tensor<1x4xi32>
// CHECK: rng.subsample draws a part of 3 indices, not tensor<1x4xi32>

// -----

// A part of no keys
%k = "test.op"() : () -> tensor<2xf32>
%p = rng.part_keys %k {part = 1 : i64} : tensor<2xf32>
// CHECK: rng.part_keys takes a vector of keys, not tensor<2xf32>

// -----

// A negative part
%k = "test.op"() : () -> tensor<1x!rng.key>
%p = rng.part_keys %k {part = -1 : i64} : tensor<1x!rng.key>
// CHECK: -1 is no number of a part

// -----

// Parameters of two shapes
%k = "test.op"() : () -> tensor<1x!rng.key>
%n = "test.op"() : () -> tensor<8xf32>
%p = "test.op"() : () -> tensor<f32>
%x = rng.binomial %k, %n, %p : tensor<1x!rng.key>, tensor<8xf32>, tensor<f32> -> tensor<1x8xi32>
// CHECK: a parameter is tensor<8xf32> here, not tensor<f32>

// -----

// A count for every batch element
%k = "test.op"() : () -> tensor<1x!rng.key>
%p = "test.op"() : () -> tensor<8x3xf32>
%n = "test.op"() : () -> tensor<f32>
%x = rng.multinomial %k, %p, %n : tensor<1x!rng.key>, tensor<8x3xf32>, tensor<f32> -> tensor<1x8x3xi32>
// CHECK: the count is tensor<8xf32> here, not tensor<f32>

// -----

// Steps of two keys
%k = "test.op"() : () -> tensor<2x!rng.key>
%s = rng.step_keys %k : tensor<2x!rng.key> -> tensor<5x1x!rng.key>
// CHECK: rng.step_keys takes one key, not tensor<2x!rng.key>

// -----

// Steps of no rows
%k = "test.op"() : () -> tensor<1x!rng.key>
%s = rng.step_keys %k : tensor<1x!rng.key> -> tensor<5x!rng.key>
// CHECK: rng.step_keys gives rows of one key, not tensor<5x!rng.key>
