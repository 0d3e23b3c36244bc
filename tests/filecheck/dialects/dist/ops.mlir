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

func.func private @draw_count(%key: !rng.key, %n: tensor<i32>) -> tensor<i32> {
  func.return %n : tensor<i32>
}

func.func private @density_of_count(%x: tensor<i32>, %n: tensor<i32>) -> tensor<f32> {
  %p = lax.constant "0.0" : tensor<f32>
  func.return %p : tensor<f32>
}

func.func @laws(%a: tensor<f32>, %v: tensor<8xf32>, %w: tensor<5x3xf32>, %d: tensor<f64>, %n: tensor<i32>) {
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
  %count = dist.opaque %n sample(@draw_count) log_prob(@density_of_count) {density = f32} : (tensor<i32>) -> !prob.law<tensor<i32>>
  func.return
}

// What stands where a law does.
func.func @measures(%a: tensor<f32>, %v: tensor<8x3xf32>, %l: tensor<8xf32>, %m: tensor<8xi1>) {
  %normal = dist.normal %a, %l : (tensor<f32>, tensor<8xf32>) -> !prob.law<tensor<8xf32>>
  %mask = dist.mask %normal, %m : (!prob.law<tensor<8xf32>>, tensor<8xi1>) -> !prob.law<tensor<8xf32>>
  %delta = dist.delta %v, %l {event_rank = 1 : i64} : (tensor<8x3xf32>, tensor<8xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
  %improper = dist.improper {support = "positive"} : () -> !prob.law<tensor<3xf32>, event_rank = 1>
  %bounded = dist.improper %a, %l {support = "interval"} : (tensor<f32>, tensor<8xf32>) -> !prob.law<tensor<8xf32>>
  func.return
}

func.func private @shift(%x: tensor<8x3xf32>, %u: tensor<3xf32>) -> tensor<8x3xf32> {
  func.return %x : tensor<8x3xf32>
}

func.func private @slope(%x: tensor<8x3xf32>, %y: tensor<8x3xf32>, %u: tensor<3xf32>) -> tensor<8xf32> {
  %l = lax.constant "0.0" : tensor<8xf32>
  func.return %l : tensor<8xf32>
}

func.func private @inside(%y: tensor<8x3xf32>, %u: tensor<3xf32>) -> tensor<8xi1> {
  %i = lax.constant "true" : tensor<8xi1>
  func.return %i : tensor<8xi1>
}

func.func @more_laws(%a: tensor<f32>, %v: tensor<8xf32>, %m: tensor<8x3xf32>, %l: tensor<3x3xf32>, %f: tensor<3x2xf32>, %u: tensor<3xf32>) {
  %cauchy = dist.cauchy %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
  %laplace = dist.laplace %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
  %logistic = dist.logistic %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
  %gumbel = dist.gumbel %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
  %uniform = dist.uniform %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
  %weibull = dist.weibull %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
  %kumaraswamy = dist.kumaraswamy %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
  %inverse_gamma = dist.inverse_gamma %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
  %student_t = dist.student_t %v, %a, %a : (tensor<8xf32>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
  %exponential = dist.exponential %v : (tensor<8xf32>) -> !prob.law<tensor<8xf32>>
  %left_truncated_normal = dist.left_truncated_normal %v, %a, %a : (tensor<8xf32>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
  %truncated_normal = dist.truncated_normal %v, %a, %a, %a : (tensor<8xf32>, tensor<f32>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
  %von_mises = dist.von_mises %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
  %geometric = dist.geometric %v : (tensor<8xf32>) -> !prob.law<tensor<8xi32>>
  %geometric_logits = dist.geometric_logits %v : (tensor<8xf32>) -> !prob.law<tensor<8xi32>>
  %binomial = dist.binomial %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xi32>>
  %binomial_logits = dist.binomial_logits %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xi32>>
  %beta_binomial = dist.beta_binomial %v, %a, %a : (tensor<8xf32>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<8xi32>>
  %negative_binomial = dist.negative_binomial %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xi32>>
  %negative_binomial_logits = dist.negative_binomial_logits %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xi32>>
  %gamma_poisson = dist.gamma_poisson %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xi32>>
  %zero_inflated_poisson = dist.zero_inflated_poisson %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xi32>>
  %ordered_logistic = dist.ordered_logistic %v, %u : (tensor<8xf32>, tensor<3xf32>) -> !prob.law<tensor<8xi32>>
  %dirichlet = dist.dirichlet %m : (tensor<8x3xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
  %multivariate_normal = dist.multivariate_normal %m, %l : (tensor<8x3xf32>, tensor<3x3xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
  %low_rank_multivariate_normal = dist.low_rank_multivariate_normal %m, %f, %u : (tensor<8x3xf32>, tensor<3x2xf32>, tensor<3xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
  %multinomial = dist.multinomial %m, %a : (tensor<8x3xf32>, tensor<f32>) -> !prob.law<tensor<8x3xi32>, event_rank = 1>
  %multinomial_logits = dist.multinomial_logits %m, %a : (tensor<8x3xf32>, tensor<f32>) -> !prob.law<tensor<8x3xi32>, event_rank = 1>
  %dirichlet_multinomial = dist.dirichlet_multinomial %m, %a : (tensor<8x3xf32>, tensor<f32>) -> !prob.law<tensor<8x3xi32>, event_rank = 1>
  %gaussian_random_walk = dist.gaussian_random_walk %v {size = 5 : i64} : (tensor<8xf32>) -> !prob.law<tensor<8x5xf32>, event_rank = 1>
  %lkj_cholesky = dist.lkj_cholesky %v {size = 3 : i64} : (tensor<8xf32>) -> !prob.law<tensor<8x3x3xf32>, event_rank = 2>
  %mixture = dist.mixture %u, %cauchy, %laplace, %gumbel : (tensor<3xf32>, !prob.law<tensor<8xf32>>, !prob.law<tensor<8xf32>>, !prob.law<tensor<8xf32>>) -> !prob.law<tensor<8xf32>>
  %mixture_same_family = dist.mixture_same_family %v, %cauchy : (tensor<8xf32>, !prob.law<tensor<8xf32>>) -> !prob.law<tensor<f32>>
  %transformed_by = dist.transformed_by %multivariate_normal, %u forward(@shift) inverse(@shift) log_det(@slope) inside(@inside) : (!prob.law<tensor<8x3xf32>, event_rank = 1>, tensor<3xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
  %known_range = dist.transformed_by %multivariate_normal, %u forward(@shift) inverse(@shift) log_det(@slope) inside(@inside) {support = "simplex"} : (!prob.law<tensor<8x3xf32>, event_rank = 1>, tensor<3xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
  func.return
}

// CHECK:      builtin.module {
// CHECK-NEXT:   func.func private @draw(%key: !rng.key, %a: tensor<f32>) -> tensor<f32> {
// CHECK-NEXT:     func.return %a : tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func private @density(%x: tensor<f32>, %a: tensor<f32>) -> tensor<f32> {
// CHECK-NEXT:     func.return %a : tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func private @draw_count(%key: !rng.key, %n: tensor<i32>) -> tensor<i32> {
// CHECK-NEXT:     func.return %n : tensor<i32>
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func private @density_of_count(%x: tensor<i32>, %n: tensor<i32>) -> tensor<f32> {
// CHECK-NEXT:     %p = lax.constant "0.0" : tensor<f32>
// CHECK-NEXT:     func.return %p : tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func @laws(%a: tensor<f32>, %v: tensor<8xf32>, %w: tensor<5x3xf32>, %d: tensor<f64>, %n: tensor<i32>) {
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
// CHECK-NEXT:     %count = dist.opaque %n sample(@draw_count) log_prob(@density_of_count) {density = f32} : (tensor<i32>) -> !prob.law<tensor<i32>>
// CHECK-NEXT:     func.return
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func @measures(%a: tensor<f32>, %v: tensor<8x3xf32>, %l: tensor<8xf32>, %m: tensor<8xi1>) {
// CHECK-NEXT:     %normal = dist.normal %a, %l : (tensor<f32>, tensor<8xf32>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %mask = dist.mask %normal, %m : (!prob.law<tensor<8xf32>>, tensor<8xi1>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %delta = dist.delta %v, %l {event_rank = 1 : i64} : (tensor<8x3xf32>, tensor<8xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
// CHECK-NEXT:     %improper = dist.improper {support = "positive"} : () -> !prob.law<tensor<3xf32>, event_rank = 1>
// CHECK-NEXT:     %bounded = dist.improper %a, %l {support = "interval"} : (tensor<f32>, tensor<8xf32>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     func.return
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func private @shift(%x: tensor<8x3xf32>, %u: tensor<3xf32>) -> tensor<8x3xf32> {
// CHECK-NEXT:     func.return %x : tensor<8x3xf32>
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func private @slope(%x: tensor<8x3xf32>, %y: tensor<8x3xf32>, %u: tensor<3xf32>) -> tensor<8xf32> {
// CHECK-NEXT:     %l = lax.constant "0.0" : tensor<8xf32>
// CHECK-NEXT:     func.return %l : tensor<8xf32>
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func private @inside(%y: tensor<8x3xf32>, %u: tensor<3xf32>) -> tensor<8xi1> {
// CHECK-NEXT:     %i = lax.constant "true" : tensor<8xi1>
// CHECK-NEXT:     func.return %i : tensor<8xi1>
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func @more_laws(%a: tensor<f32>, %v: tensor<8xf32>, %m: tensor<8x3xf32>, %l: tensor<3x3xf32>, %f: tensor<3x2xf32>, %u: tensor<3xf32>) {
// CHECK-NEXT:     %cauchy = dist.cauchy %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %laplace = dist.laplace %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %logistic = dist.logistic %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %gumbel = dist.gumbel %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %uniform = dist.uniform %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %weibull = dist.weibull %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %kumaraswamy = dist.kumaraswamy %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %inverse_gamma = dist.inverse_gamma %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %student_t = dist.student_t %v, %a, %a : (tensor<8xf32>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %exponential = dist.exponential %v : (tensor<8xf32>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %left_truncated_normal = dist.left_truncated_normal %v, %a, %a : (tensor<8xf32>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %truncated_normal = dist.truncated_normal %v, %a, %a, %a : (tensor<8xf32>, tensor<f32>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %von_mises = dist.von_mises %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %geometric = dist.geometric %v : (tensor<8xf32>) -> !prob.law<tensor<8xi32>>
// CHECK-NEXT:     %geometric_logits = dist.geometric_logits %v : (tensor<8xf32>) -> !prob.law<tensor<8xi32>>
// CHECK-NEXT:     %binomial = dist.binomial %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xi32>>
// CHECK-NEXT:     %binomial_logits = dist.binomial_logits %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xi32>>
// CHECK-NEXT:     %beta_binomial = dist.beta_binomial %v, %a, %a : (tensor<8xf32>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<8xi32>>
// CHECK-NEXT:     %negative_binomial = dist.negative_binomial %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xi32>>
// CHECK-NEXT:     %negative_binomial_logits = dist.negative_binomial_logits %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xi32>>
// CHECK-NEXT:     %gamma_poisson = dist.gamma_poisson %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xi32>>
// CHECK-NEXT:     %zero_inflated_poisson = dist.zero_inflated_poisson %v, %a : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xi32>>
// CHECK-NEXT:     %ordered_logistic = dist.ordered_logistic %v, %u : (tensor<8xf32>, tensor<3xf32>) -> !prob.law<tensor<8xi32>>
// CHECK-NEXT:     %dirichlet = dist.dirichlet %m : (tensor<8x3xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
// CHECK-NEXT:     %multivariate_normal = dist.multivariate_normal %m, %l : (tensor<8x3xf32>, tensor<3x3xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
// CHECK-NEXT:     %low_rank_multivariate_normal = dist.low_rank_multivariate_normal %m, %f, %u : (tensor<8x3xf32>, tensor<3x2xf32>, tensor<3xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
// CHECK-NEXT:     %multinomial = dist.multinomial %m, %a : (tensor<8x3xf32>, tensor<f32>) -> !prob.law<tensor<8x3xi32>, event_rank = 1>
// CHECK-NEXT:     %multinomial_logits = dist.multinomial_logits %m, %a : (tensor<8x3xf32>, tensor<f32>) -> !prob.law<tensor<8x3xi32>, event_rank = 1>
// CHECK-NEXT:     %dirichlet_multinomial = dist.dirichlet_multinomial %m, %a : (tensor<8x3xf32>, tensor<f32>) -> !prob.law<tensor<8x3xi32>, event_rank = 1>
// CHECK-NEXT:     %gaussian_random_walk = dist.gaussian_random_walk %v {size = 5 : i64} : (tensor<8xf32>) -> !prob.law<tensor<8x5xf32>, event_rank = 1>
// CHECK-NEXT:     %lkj_cholesky = dist.lkj_cholesky %v {size = 3 : i64} : (tensor<8xf32>) -> !prob.law<tensor<8x3x3xf32>, event_rank = 2>
// CHECK-NEXT:     %mixture = dist.mixture %u, %cauchy, %laplace, %gumbel : (tensor<3xf32>, !prob.law<tensor<8xf32>>, !prob.law<tensor<8xf32>>, !prob.law<tensor<8xf32>>) -> !prob.law<tensor<8xf32>>
// CHECK-NEXT:     %mixture_same_family = dist.mixture_same_family %v, %cauchy : (tensor<8xf32>, !prob.law<tensor<8xf32>>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %transformed_by = dist.transformed_by %multivariate_normal, %u forward(@shift) inverse(@shift) log_det(@slope) inside(@inside) : (!prob.law<tensor<8x3xf32>, event_rank = 1>, tensor<3xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
// CHECK-NEXT:     %known_range = dist.transformed_by %multivariate_normal, %u forward(@shift) inverse(@shift) log_det(@slope) inside(@inside) {support = "simplex"} : (!prob.law<tensor<8x3xf32>, event_rank = 1>, tensor<3xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
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
// GENERIC-NEXT:   "func.func"() <{sym_name = "draw_count", function_type = (!rng.key, tensor<i32>) -> tensor<i32>, sym_visibility = "private"}> ({
// GENERIC-NEXT:   ^bb0(%key: !rng.key, %n: tensor<i32>):
// GENERIC-NEXT:     "func.return"(%n) : (tensor<i32>) -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "density_of_count", function_type = (tensor<i32>, tensor<i32>) -> tensor<f32>, sym_visibility = "private"}> ({
// GENERIC-NEXT:   ^bb0(%x: tensor<i32>, %n: tensor<i32>):
// GENERIC-NEXT:     %p = "lax.constant"() <{value = #lax.literal<"0.0" : tensor<f32>>}> : () -> tensor<f32>
// GENERIC-NEXT:     "func.return"(%p) : (tensor<f32>) -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "laws", function_type = (tensor<f32>, tensor<8xf32>, tensor<5x3xf32>, tensor<f64>, tensor<i32>) -> ()}> ({
// GENERIC-NEXT:   ^bb0(%a: tensor<f32>, %v: tensor<8xf32>, %w: tensor<5x3xf32>, %d: tensor<f64>, %n: tensor<i32>):
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
// GENERIC-NEXT:     %count = "dist.opaque"(%n) <{sample = @draw_count, log_prob = @density_of_count, density = f32}> : (tensor<i32>) -> !prob.law<tensor<i32>>
// GENERIC-NEXT:     "func.return"() : () -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "measures", function_type = (tensor<f32>, tensor<8x3xf32>, tensor<8xf32>, tensor<8xi1>) -> ()}> ({
// GENERIC-NEXT:   ^bb0(%a: tensor<f32>, %v: tensor<8x3xf32>, %l: tensor<8xf32>, %m: tensor<8xi1>):
// GENERIC-NEXT:     %normal = "dist.normal"(%a, %l) : (tensor<f32>, tensor<8xf32>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %mask = "dist.mask"(%normal, %m) : (!prob.law<tensor<8xf32>>, tensor<8xi1>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %delta = "dist.delta"(%v, %l) <{event_rank = 1 : i64}> : (tensor<8x3xf32>, tensor<8xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
// GENERIC-NEXT:     %improper = "dist.improper"() <{support = "positive"}> : () -> !prob.law<tensor<3xf32>, event_rank = 1>
// GENERIC-NEXT:     %bounded = "dist.improper"(%a, %l) <{support = "interval"}> : (tensor<f32>, tensor<8xf32>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     "func.return"() : () -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "shift", function_type = (tensor<8x3xf32>, tensor<3xf32>) -> tensor<8x3xf32>, sym_visibility = "private"}> ({
// GENERIC-NEXT:   ^bb0(%x: tensor<8x3xf32>, %u: tensor<3xf32>):
// GENERIC-NEXT:     "func.return"(%x) : (tensor<8x3xf32>) -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "slope", function_type = (tensor<8x3xf32>, tensor<8x3xf32>, tensor<3xf32>) -> tensor<8xf32>, sym_visibility = "private"}> ({
// GENERIC-NEXT:   ^bb0(%x: tensor<8x3xf32>, %y: tensor<8x3xf32>, %u: tensor<3xf32>):
// GENERIC-NEXT:     %l = "lax.constant"() <{value = #lax.literal<"0.0" : tensor<8xf32>>}> : () -> tensor<8xf32>
// GENERIC-NEXT:     "func.return"(%l) : (tensor<8xf32>) -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "inside", function_type = (tensor<8x3xf32>, tensor<3xf32>) -> tensor<8xi1>, sym_visibility = "private"}> ({
// GENERIC-NEXT:   ^bb0(%y: tensor<8x3xf32>, %u: tensor<3xf32>):
// GENERIC-NEXT:     %i = "lax.constant"() <{value = #lax.literal<"true" : tensor<8xi1>>}> : () -> tensor<8xi1>
// GENERIC-NEXT:     "func.return"(%i) : (tensor<8xi1>) -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "more_laws", function_type = (tensor<f32>, tensor<8xf32>, tensor<8x3xf32>, tensor<3x3xf32>, tensor<3x2xf32>, tensor<3xf32>) -> ()}> ({
// GENERIC-NEXT:   ^bb0(%a: tensor<f32>, %v: tensor<8xf32>, %m: tensor<8x3xf32>, %l: tensor<3x3xf32>, %f: tensor<3x2xf32>, %u: tensor<3xf32>):
// GENERIC-NEXT:     %cauchy = "dist.cauchy"(%v, %a) : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %laplace = "dist.laplace"(%v, %a) : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %logistic = "dist.logistic"(%v, %a) : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %gumbel = "dist.gumbel"(%v, %a) : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %uniform = "dist.uniform"(%v, %a) : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %weibull = "dist.weibull"(%v, %a) : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %kumaraswamy = "dist.kumaraswamy"(%v, %a) : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %inverse_gamma = "dist.inverse_gamma"(%v, %a) : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %student_t = "dist.student_t"(%v, %a, %a) : (tensor<8xf32>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %exponential = "dist.exponential"(%v) : (tensor<8xf32>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %left_truncated_normal = "dist.left_truncated_normal"(%v, %a, %a) : (tensor<8xf32>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %truncated_normal = "dist.truncated_normal"(%v, %a, %a, %a) : (tensor<8xf32>, tensor<f32>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %von_mises = "dist.von_mises"(%v, %a) : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %geometric = "dist.geometric"(%v) : (tensor<8xf32>) -> !prob.law<tensor<8xi32>>
// GENERIC-NEXT:     %geometric_logits = "dist.geometric_logits"(%v) : (tensor<8xf32>) -> !prob.law<tensor<8xi32>>
// GENERIC-NEXT:     %binomial = "dist.binomial"(%v, %a) : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xi32>>
// GENERIC-NEXT:     %binomial_logits = "dist.binomial_logits"(%v, %a) : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xi32>>
// GENERIC-NEXT:     %beta_binomial = "dist.beta_binomial"(%v, %a, %a) : (tensor<8xf32>, tensor<f32>, tensor<f32>) -> !prob.law<tensor<8xi32>>
// GENERIC-NEXT:     %negative_binomial = "dist.negative_binomial"(%v, %a) : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xi32>>
// GENERIC-NEXT:     %negative_binomial_logits = "dist.negative_binomial_logits"(%v, %a) : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xi32>>
// GENERIC-NEXT:     %gamma_poisson = "dist.gamma_poisson"(%v, %a) : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xi32>>
// GENERIC-NEXT:     %zero_inflated_poisson = "dist.zero_inflated_poisson"(%v, %a) : (tensor<8xf32>, tensor<f32>) -> !prob.law<tensor<8xi32>>
// GENERIC-NEXT:     %ordered_logistic = "dist.ordered_logistic"(%v, %u) : (tensor<8xf32>, tensor<3xf32>) -> !prob.law<tensor<8xi32>>
// GENERIC-NEXT:     %dirichlet = "dist.dirichlet"(%m) : (tensor<8x3xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
// GENERIC-NEXT:     %multivariate_normal = "dist.multivariate_normal"(%m, %l) : (tensor<8x3xf32>, tensor<3x3xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
// GENERIC-NEXT:     %low_rank_multivariate_normal = "dist.low_rank_multivariate_normal"(%m, %f, %u) : (tensor<8x3xf32>, tensor<3x2xf32>, tensor<3xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
// GENERIC-NEXT:     %multinomial = "dist.multinomial"(%m, %a) : (tensor<8x3xf32>, tensor<f32>) -> !prob.law<tensor<8x3xi32>, event_rank = 1>
// GENERIC-NEXT:     %multinomial_logits = "dist.multinomial_logits"(%m, %a) : (tensor<8x3xf32>, tensor<f32>) -> !prob.law<tensor<8x3xi32>, event_rank = 1>
// GENERIC-NEXT:     %dirichlet_multinomial = "dist.dirichlet_multinomial"(%m, %a) : (tensor<8x3xf32>, tensor<f32>) -> !prob.law<tensor<8x3xi32>, event_rank = 1>
// GENERIC-NEXT:     %gaussian_random_walk = "dist.gaussian_random_walk"(%v) <{size = 5 : i64}> : (tensor<8xf32>) -> !prob.law<tensor<8x5xf32>, event_rank = 1>
// GENERIC-NEXT:     %lkj_cholesky = "dist.lkj_cholesky"(%v) <{size = 3 : i64}> : (tensor<8xf32>) -> !prob.law<tensor<8x3x3xf32>, event_rank = 2>
// GENERIC-NEXT:     %mixture = "dist.mixture"(%u, %cauchy, %laplace, %gumbel) : (tensor<3xf32>, !prob.law<tensor<8xf32>>, !prob.law<tensor<8xf32>>, !prob.law<tensor<8xf32>>) -> !prob.law<tensor<8xf32>>
// GENERIC-NEXT:     %mixture_same_family = "dist.mixture_same_family"(%v, %cauchy) : (tensor<8xf32>, !prob.law<tensor<8xf32>>) -> !prob.law<tensor<f32>>
// GENERIC-NEXT:     %transformed_by = "dist.transformed_by"(%multivariate_normal, %u) <{forward = @shift, inverse = @shift, log_det = @slope, inside = @inside}> : (!prob.law<tensor<8x3xf32>, event_rank = 1>, tensor<3xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
// GENERIC-NEXT:     %known_range = "dist.transformed_by"(%multivariate_normal, %u) <{forward = @shift, inverse = @shift, log_det = @slope, inside = @inside, support = "simplex"}> : (!prob.law<tensor<8x3xf32>, event_rank = 1>, tensor<3xf32>) -> !prob.law<tensor<8x3xf32>, event_rank = 1>
// GENERIC-NEXT:     "func.return"() : () -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT: }) : () -> ()
