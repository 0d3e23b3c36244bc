// RUN: relbo-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// Another law
%a = "test.op"() : () -> tensor<f32>
%l = dist.normal %a, %a : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// CHECK: dist.normal gives !prob.law<tensor<f32>>, not !prob.law<tensor<8xf32>>

// -----

// Parameters of two float types
%a = "test.op"() : () -> tensor<f32>
%b = "test.op"() : () -> tensor<f64>
%l = dist.normal %a, %b : (tensor<f32>, tensor<f64>) -> !prob.law<tensor<f32>>
// CHECK: Normal: its parameters differ in their float type

// -----

// Integer parameters
%a = "test.op"() : () -> tensor<i32>
%l = dist.poisson %a : (tensor<i32>) -> !prob.law<tensor<i32>>
// CHECK: tensor<i32> is no tensor of real floats

// -----

// Parameters that do not broadcast
%a = "test.op"() : () -> tensor<8xf32>
%b = "test.op"() : () -> tensor<3xf32>
%l = dist.gamma %a, %b : (tensor<8xf32>, tensor<3xf32>) -> !prob.law<tensor<8xf32>>
// CHECK: shapes (8,), (3,) do not broadcast

// -----

// A discrete family draws i32
%a = "test.op"() : () -> tensor<f32>
%l = dist.bernoulli %a : (tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK: dist.bernoulli gives !prob.law<tensor<i32>>, not !prob.law<tensor<f32>>

// -----

// No axis of categories
%a = "test.op"() : () -> tensor<f32>
%l = dist.categorical %a : (tensor<f32>) -> !prob.law<tensor<i32>>
// CHECK: CategoricalProbs: probs needs an axis of categories

// -----

// Another event rank
%b = "test.op"() : () -> !prob.law<tensor<8xf32>>
%l = dist.independent %b {rank = 1 : i64} : (!prob.law<tensor<8xf32>>) -> !prob.law<tensor<8xf32>>
// CHECK: independent of rank 1 does not make !prob.law<tensor<8xf32>> of !prob.law<tensor<8xf32>>

// -----

// Fewer event axes
%b = "test.op"() : () -> !prob.law<tensor<8xf32>, event_rank = 1>
%l = dist.independent %b {rank = -1 : i64} : (!prob.law<tensor<8xf32>, event_rank = 1>) -> !prob.law<tensor<8xf32>>
// CHECK: independent joins axes, not -1 of them

// -----

// A batch that does not broadcast
%b = "test.op"() : () -> !prob.law<tensor<8xf32>>
%l = dist.expand %b {shape = array<i64: 3>} : (!prob.law<tensor<8xf32>>) -> !prob.law<tensor<3xf32>>
// CHECK: the batch of !prob.law<tensor<8xf32>> does not broadcast to (3,)

// -----

// Another batch than the shape
%b = "test.op"() : () -> !prob.law<tensor<f32>>
%l = dist.expand %b {shape = array<i64: 3>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<8xf32>>
// CHECK: dist.expand gives !prob.law<tensor<3xf32>>, not !prob.law<tensor<8xf32>>

// -----

// A transform of a discrete law
%b = "test.op"() : () -> !prob.law<tensor<i32>>
%l = dist.transformed %b {transform = #dist.transform<exp>} : (!prob.law<tensor<i32>>) -> !prob.law<tensor<i32>>
// CHECK: a transform takes a continuous law, not !prob.law<tensor<i32>>

// -----

// A transform keeps the law's type
%b = "test.op"() : () -> !prob.law<tensor<f32>>
%l = dist.transformed %b {transform = #dist.transform<exp>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<8xf32>>
// CHECK: dist.transformed gives !prob.law<tensor<f32>>, not !prob.law<tensor<8xf32>>

// -----

// affine takes loc and scale
%b = "test.op"() : () -> !prob.law<tensor<f32>>
%a = "test.op"() : () -> tensor<f32>
%l = dist.transformed %b, %a {transform = #dist.transform<affine>} : (!prob.law<tensor<f32>>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK: affine takes 2 arguments

// -----

// exp takes nothing
%b = "test.op"() : () -> !prob.law<tensor<f32>>
%a = "test.op"() : () -> tensor<f32>
%l = dist.transformed %b, %a {transform = #dist.transform<exp>} : (!prob.law<tensor<f32>>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK: exp takes 0 arguments

// -----

// Arguments that do not broadcast
%b = "test.op"() : () -> !prob.law<tensor<f32>>
%a = "test.op"() : () -> tensor<8xf32>
%l = dist.transformed %b, %a, %a {transform = #dist.transform<affine>} : (!prob.law<tensor<f32>>, tensor<8xf32>, tensor<8xf32>) -> !prob.law<tensor<f32>>
// CHECK: tensor<8xf32> is no argument of a transform of tensor<f32>: give the same floats, of a shape that broadcasts

// -----

// Arguments of another type
%b = "test.op"() : () -> !prob.law<tensor<f32>>
%a = "test.op"() : () -> tensor<f64>
%l = dist.transformed %b, %a, %a {transform = #dist.transform<affine>} : (!prob.law<tensor<f32>>, tensor<f64>, tensor<f64>) -> !prob.law<tensor<f32>>
// CHECK: tensor<f64> is no argument of a transform of tensor<f32>: give the same floats, of a shape that broadcasts

// -----

// No such transform
%b = "test.op"() : () -> !prob.law<tensor<f32>>
%l = dist.transformed %b {transform = #dist.transform<cube>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<f32>>
// CHECK: Expected `exp`, `affine`, `sigmoid`, or `softplus`.

// -----

// A law of no floats whose density has no type
%n = "test.op"() : () -> tensor<i32>
%l = dist.opaque %n sample(@s) log_prob(@d) : (tensor<i32>) -> !prob.law<tensor<i32>>
// CHECK: a law of no floats needs `density`, its float type

// -----

// Functions that are not there
%a = "test.op"() : () -> tensor<f32>
%l = dist.opaque %a sample(@s) log_prob(@d) : (tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK: dist.opaque names @s, which is no func.func

// -----

// A sampler of another type
%a = "test.op"() : () -> tensor<f32>
func.func @s(%key: !rng.key, %p: tensor<f32>) -> tensor<f32> {
  func.return %p : tensor<f32>
}
%l = dist.opaque %a sample(@s) log_prob(@s) : (tensor<f32>) -> !prob.law<tensor<8xf32>>
// CHECK: dist.opaque needs @s : (!rng.key, tensor<f32>) -> tensor<8xf32>, not (!rng.key, tensor<f32>) -> tensor<f32>

// -----

// A density of another type
%a = "test.op"() : () -> tensor<f32>
func.func @s(%key: !rng.key, %p: tensor<f32>) -> tensor<f32> {
  func.return %p : tensor<f32>
}
%l = dist.opaque %a sample(@s) log_prob(@s) : (tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK: dist.opaque needs @s : (tensor<f32>, tensor<f32>) -> tensor<f32>, not (!rng.key, tensor<f32>) -> tensor<f32>

// -----

// A mask of another shape
%l, %m = "test.op"() : () -> (!prob.law<tensor<8xf32>>, tensor<i1>)
%q = dist.mask %l, %m : (!prob.law<tensor<8xf32>>, tensor<i1>) -> !prob.law<tensor<8xf32>>
// CHECK: the mask of !prob.law<tensor<8xf32>> is tensor<8xi1> here, not tensor<i1>

// -----

// A log density of the event's shape
%v, %d = "test.op"() : () -> (tensor<3xf32>, tensor<3xf32>)
%q = dist.delta %v, %d {event_rank = 1 : i64} : (tensor<3xf32>, tensor<3xf32>) -> !prob.law<tensor<3xf32>, event_rank = 1>
// CHECK: has shape (), not tensor<3xf32>

// -----

// An improper prior on an interval without ends
%q = dist.improper {support = "interval"} : () -> !prob.law<tensor<3xf32>>
// CHECK: an improper prior on "interval" has 2 bounds

// -----

// A bound for each of other elements
%a = "test.op"() : () -> tensor<f32>
%v = "test.op"() : () -> tensor<8xf32>
%q = dist.improper %a, %v {support = "interval"} : (tensor<f32>, tensor<8xf32>) -> !prob.law<tensor<3xf32>>
// CHECK: tensor<8xf32> is no bound of tensor<3xf32>: give the same floats, of a shape that broadcasts

// -----

// An improper prior on no set of real numbers
%q = dist.improper {support = "count"} : () -> !prob.law<tensor<3xf32>>
// CHECK: "count" is no support of a continuous law

// -----

// A vector needs an axis
%a = "test.op"() : () -> tensor<f32>
%l = dist.dirichlet %a : (tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK: Dirichlet: concentration needs the axis of a vector

// -----

// A matrix needs two
%m = "test.op"() : () -> tensor<3xf32>
%l = dist.multivariate_normal %m, %m : (tensor<3xf32>, tensor<3xf32>) -> !prob.law<tensor<3xf32>, event_rank = 1>
// CHECK: MultivariateNormal: scale_tril needs the two axes of a matrix

// -----

// A factor of another size
%m = "test.op"() : () -> tensor<3xf32>
%s = "test.op"() : () -> tensor<2x2xf32>
%l = dist.multivariate_normal %m, %s : (tensor<3xf32>, tensor<2x2xf32>) -> !prob.law<tensor<3xf32>, event_rank = 1>
// CHECK: MultivariateNormal: scale_tril of (3,) variables is no (2, 2)

// -----

// A low-rank factor of another size
%m = "test.op"() : () -> tensor<3xf32>
%w = "test.op"() : () -> tensor<2x1xf32>
%l = dist.low_rank_multivariate_normal %m, %w, %m : (tensor<3xf32>, tensor<2x1xf32>, tensor<3xf32>) -> !prob.law<tensor<3xf32>, event_rank = 1>
// CHECK: LowRankMultivariateNormal: its parameters differ in their number of variables

// -----

// A walk of no steps
%s = "test.op"() : () -> tensor<f32>
%l = dist.gaussian_random_walk %s {size = 0 : i64} : (tensor<f32>) -> !prob.law<tensor<0xf32>, event_rank = 1>
// CHECK: GaussianRandomWalk: no event has size 0

// -----

// Matrices of another size
%c = "test.op"() : () -> tensor<f32>
%l = dist.lkj_cholesky %c {size = 3 : i64} : (tensor<f32>) -> !prob.law<tensor<2x2xf32>, event_rank = 2>
// CHECK: dist.lkj_cholesky gives !prob.law<tensor<3x3xf32>, event_rank = 2>, not !prob.law<tensor<2x2xf32>, event_rank = 2>

// -----

// Counts are integers
%p = "test.op"() : () -> tensor<f32>
%l = dist.geometric %p : (tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK: dist.geometric gives !prob.law<tensor<i32>>, not !prob.law<tensor<f32>>

// -----

// A weight for every component
%w = "test.op"() : () -> tensor<3xf32>
%p = "test.op"() : () -> !prob.law<tensor<f32>>
%l = dist.mixture %w, %p, %p : (tensor<3xf32>, !prob.law<tensor<f32>>, !prob.law<tensor<f32>>) -> !prob.law<tensor<f32>>
// CHECK: dist.mixture: tensor<3xf32> does not weigh 2 laws

// -----

// Components of different kinds
%w = "test.op"() : () -> tensor<2xf32>
%p = "test.op"() : () -> !prob.law<tensor<f32>>
%q = "test.op"() : () -> !prob.law<tensor<i32>>
%l = dist.mixture %w, %p, %q : (tensor<2xf32>, !prob.law<tensor<f32>>, !prob.law<tensor<i32>>) -> !prob.law<tensor<f32>>
// CHECK: dist.mixture: !prob.law<tensor<f32>> and !prob.law<tensor<i32>> draw different things

// -----

// No batch axis of components
%w = "test.op"() : () -> tensor<2xf32>
%p = "test.op"() : () -> !prob.law<tensor<f32>>
%l = dist.mixture_same_family %w, %p : (tensor<2xf32>, !prob.law<tensor<f32>>) -> !prob.law<tensor<f32>>
// CHECK: dist.mixture_same_family: tensor<2xf32> does not weigh the last batch axis of !prob.law<tensor<f32>>

// -----

// A bijection of counts
func.func @f(%x: tensor<i32>) -> tensor<i32> {
  func.return %x : tensor<i32>
}
%p = "test.op"() : () -> !prob.law<tensor<i32>>
%l = dist.transformed_by %p forward(@f) inverse(@f) log_det(@f) inside(@f) : (!prob.law<tensor<i32>>) -> !prob.law<tensor<i32>>
// CHECK: a transform takes a continuous law, not !prob.law<tensor<i32>>

// -----

// A log determinant of another type
func.func @f(%x: tensor<f32>) -> tensor<f32> {
  func.return %x : tensor<f32>
}
%p = "test.op"() : () -> !prob.law<tensor<f32>>
%l = dist.transformed_by %p forward(@f) inverse(@f) log_det(@f) inside(@f) : (!prob.law<tensor<f32>>) -> !prob.law<tensor<f32>>
// CHECK: dist.transformed_by needs @f : (tensor<f32>, tensor<f32>) -> tensor<f32>, not (tensor<f32>) -> tensor<f32>

// -----

// An improper prior on vectors, of numbers that are apart
%q = dist.improper {support = "sphere"} : () -> !prob.law<tensor<3xf32>>
// CHECK: an improper prior on "sphere" is joint over 1 axes, not 0

// -----

// An improper prior on matrices, of vectors
%q = dist.improper {support = "zero_sum_2"} : () -> !prob.law<tensor<3xf32>, event_rank = 1>
// CHECK: an improper prior on "zero_sum_2" is joint over 2 axes, not 1
