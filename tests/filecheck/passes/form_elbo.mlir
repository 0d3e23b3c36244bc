// RUN: relbo-opt %s --split-input-file --verify-diagnostics -p relbo-form-elbo | filecheck %s

// The model is replayed on the guide's draws.

// A model and a guide.
prob.func @model(%y: tensor<3xf32> {prob.role = #prob.data<#prob.name"y">}) {
  %zero = lax.constant "0.0" : tensor<f32>
  %one = lax.constant "1.0" : tensor<f32>
  %p = dist.normal %zero, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample "z" from %p : !prob.law<tensor<f32>>
  %l = dist.normal %z, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %ls = dist.expand %l {shape = array<i64: 3>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<3xf32>>
  prob.plate @N {size = 3 : i64}
  prob.observe "y" %ls at %y {plates = [#prob.plate_axis<@N, -1>]} : !prob.law<tensor<3xf32>>, tensor<3xf32>
  prob.factor "f" %z : tensor<f32>
  prob.deterministic "t" %z : tensor<f32>
  prob.return
}
prob.func @guide(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) {
  %s = lax.constant "2.0" : tensor<f32>
  %q = dist.normal %m, %s : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
  prob.return
}
prob.elbo @elbo model(@model) guide(@guide)

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%0: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}, %1: tensor<3xf32> {prob.role = #prob.data<#prob.name"y">}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     prob.plate @N {size = 3 : i64}
// CHECK-NEXT:     %2, %3 = prob.gradient (%4 = %0) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %5 = prob.expectation {
// CHECK-NEXT:         %s = lax.constant "2.0" : tensor<f32>
// CHECK-NEXT:         %q = dist.normal %4, %s : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:         %6 = prob.sample "z" from %q : !prob.law<tensor<f32>>
// CHECK-NEXT:         %7 = prob.log_density %q at %6 : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
// CHECK-NEXT:         %8 = lax.neg %7 : tensor<f32>
// CHECK-NEXT:         %zero = lax.constant "0.0" : tensor<f32>
// CHECK-NEXT:         %one = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:         %p = dist.normal %zero, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:         %9 = prob.log_density %p at %6 : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
// CHECK-NEXT:         %l = dist.normal %6, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:         %ls = dist.expand %l {shape = array<i64: 3>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<3xf32>>
// CHECK-NEXT:         %10 = prob.log_density %ls at %1 : !prob.law<tensor<3xf32>>, tensor<3xf32> -> tensor<3xf32>
// CHECK-NEXT:         prob.deterministic "t" %6 : tensor<f32>
// CHECK-NEXT:         prob.yield "z.entropy" %8, "z.prior" %9, "y" %10, "f" %6 : tensor<f32>, tensor<f32>, tensor<3xf32>, tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %5 : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %2, %3 : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// An auxiliary choice of the guide weighs by its entropy alone.
prob.func @model() {
  prob.return
}
prob.func @guide(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) {
  %s = lax.constant "2.0" : tensor<f32>
  %q = dist.normal %m, %s : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample "z" from %q {auxiliary} : !prob.law<tensor<f32>>
  prob.return
}
prob.elbo @elbo model(@model) guide(@guide)

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%0: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %1, %2 = prob.gradient (%3 = %0) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %4 = prob.expectation {
// CHECK-NEXT:         %s = lax.constant "2.0" : tensor<f32>
// CHECK-NEXT:         %q = dist.normal %3, %s : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:         %5 = prob.sample "z" from %q {auxiliary} : !prob.law<tensor<f32>>
// CHECK-NEXT:         %6 = prob.log_density %q at %5 : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
// CHECK-NEXT:         %7 = lax.neg %6 : tensor<f32>
// CHECK-NEXT:         prob.yield "z.entropy" %7 : tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %4 : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %1, %2 : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// A guide in place.
prob.func @model() {
  %one = lax.constant "1.0" : tensor<f32>
  %p = dist.gamma %one, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample "z" from %p guide %p : !prob.law<tensor<f32>>, !prob.law<tensor<f32>>
  prob.return
}
prob.elbo @alone model(@model)

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @alone() -> tensor<f32> {
// CHECK-NEXT:     %0 = prob.gradient () : () -> tensor<f32> {
// CHECK-NEXT:       %1 = prob.expectation {
// CHECK-NEXT:         %one = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:         %p = dist.gamma %one, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:         %2 = prob.sample "z" from %p : !prob.law<tensor<f32>>
// CHECK-NEXT:         %3 = prob.log_density %p at %2 : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
// CHECK-NEXT:         %4 = lax.neg %3 : tensor<f32>
// CHECK-NEXT:         %5 = prob.log_density %p at %2 : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
// CHECK-NEXT:         prob.yield "z.entropy" %4, "z.prior" %5 : tensor<f32>, tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %1 : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %0 : tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// The guide lacks a choice.
prob.func @model() {
  %one = lax.constant "1.0" : tensor<f32>
  %p = dist.gamma %one, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample "x" from %p : !prob.law<tensor<f32>>
  prob.return
}
prob.func @guide(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) {
  %s = lax.constant "2.0" : tensor<f32>
  %q = dist.normal %m, %s : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
  prob.return
}
prob.elbo @elbo model(@model) guide(@guide)

// CHECK:      the model has this choice, the guide has not
// CHECK-NEXT:   remedy: add it to the guide, or observe it
// CHECK-NEXT:   at: site "x"

// -----

// The model lacks a choice.
prob.func @model() {
  prob.return
}
prob.func @guide(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) {
  %s = lax.constant "2.0" : tensor<f32>
  %q = dist.normal %m, %s : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
  prob.return
}
prob.elbo @elbo model(@model) guide(@guide)

// CHECK:      the guide has this choice, the model has not
// CHECK-NEXT:   remedy: name it as in the model, or mark it with infer={"is_auxiliary": True}
// CHECK-NEXT:   at: site "z"

// -----

// The guide's support is not inside the model's.
prob.func @model() {
  %one = lax.constant "1.0" : tensor<f32>
  %p = dist.gamma %one, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample "z" from %p : !prob.law<tensor<f32>>
  prob.return
}
prob.func @guide(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) {
  %s = lax.constant "2.0" : tensor<f32>
  %q = dist.normal %m, %s : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
  prob.return
}
prob.elbo @elbo model(@model) guide(@guide)

// CHECK:      the guide's support, real, is not inside the model's, positive
// CHECK-NEXT:   remedy: choose a guide on the model's support, or transform it (exp, sigmoid)
// CHECK-NEXT:   at: site "z"

// -----

// Two shapes.
prob.func @model() {
  %one = lax.constant "1.0" : tensor<f32>
  %p = dist.normal %one, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %ps = dist.expand %p {shape = array<i64: 2>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<2xf32>>
  %z = prob.sample "z" from %ps : !prob.law<tensor<2xf32>>
  prob.return
}
prob.func @guide(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) {
  %s = lax.constant "2.0" : tensor<f32>
  %q = dist.normal %m, %s : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
  prob.return
}
prob.elbo @elbo model(@model) guide(@guide)

// CHECK:      the guide draws tensor<f32>, the model tensor<2xf32>
// CHECK-NEXT:   remedy: give both sites one shape and kind (the same plates, to_event, discreteness)
// CHECK-NEXT:   at: site "z"

// -----

// A guide that observes.
prob.func @model(%y: tensor<3xf32> {prob.role = #prob.data<#prob.name"y">}) {
  %zero = lax.constant "0.0" : tensor<f32>
  %one = lax.constant "1.0" : tensor<f32>
  %p = dist.normal %zero, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample "z" from %p : !prob.law<tensor<f32>>
  %l = dist.normal %z, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %ls = dist.expand %l {shape = array<i64: 3>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<3xf32>>
  prob.plate @N {size = 3 : i64}
  prob.observe "y" %ls at %y {plates = [#prob.plate_axis<@N, -1>]} : !prob.law<tensor<3xf32>>, tensor<3xf32>
  prob.factor "f" %z : tensor<f32>
  prob.deterministic "t" %z : tensor<f32>
  prob.return
}
prob.func @guide(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) {
  %q = dist.normal %m, %m : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  prob.observe "w" %q at %m : !prob.law<tensor<f32>>, tensor<f32>
  prob.return
}
prob.elbo @elbo model(@model) guide(@guide)

// CHECK:      the guide observes data
// CHECK-NEXT:   remedy: observe in the model
// CHECK-NEXT:   at: site "w"

// -----

// A plate of two sizes.
prob.func @model(%y: tensor<3xf32> {prob.role = #prob.data<#prob.name"y">}) {
  %zero = lax.constant "0.0" : tensor<f32>
  %one = lax.constant "1.0" : tensor<f32>
  %p = dist.normal %zero, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample "z" from %p : !prob.law<tensor<f32>>
  %l = dist.normal %z, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %ls = dist.expand %l {shape = array<i64: 3>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<3xf32>>
  prob.plate @N {size = 3 : i64}
  prob.observe "y" %ls at %y {plates = [#prob.plate_axis<@N, -1>]} : !prob.law<tensor<3xf32>>, tensor<3xf32>
  prob.factor "f" %z : tensor<f32>
  prob.deterministic "t" %z : tensor<f32>
  prob.return
}
prob.func @guide(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}) {
  prob.plate @N {size = 4 : i64}
  %q = dist.normal %m, %m : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
  prob.return
}
prob.elbo @elbo model(@model) guide(@guide)

// CHECK:      plate "N" has size 3 in the model and 4 in the guide
// CHECK-NEXT:   remedy: give the plate one size in both

// -----

// A minibatch is shared, its addends weigh size/subsample and the scale; a mask is in the addend alone.
prob.func @model(%y: tensor<6xf32> {prob.role = #prob.data<#prob.name"y">}) {
  prob.plate @N {size = 6 : i64, subsample = 2 : i64}
  %i = prob.subsample @N : tensor<2xi32>
  %zero = lax.constant "0.0" : tensor<2xf32>
  %one = lax.constant "1.0" : tensor<2xf32>
  %half = lax.constant "0.5" : tensor<f32>
  %p = dist.normal %zero, %one : (tensor<2xf32>, tensor<2xf32>) -> !prob.law<tensor<2xf32>>
  %z = prob.sample "z" from %p scale %half {plates = [#prob.plate_axis<@N, -1>]} : !prob.law<tensor<2xf32>> scale tensor<f32>
  prob.deterministic "i" %i : tensor<2xi32>
  prob.return
}
prob.func @guide(%m: tensor<2xf32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}, %k: tensor<2xi1> {prob.role = #prob.closure<#prob.name"guide", #builtin.int<0>>}) {
  prob.plate @N {size = 6 : i64, subsample = 2 : i64}
  %i = prob.subsample @N : tensor<2xi32>
  %one = lax.constant "1.0" : tensor<2xf32>
  %q = dist.normal %m, %one : (tensor<2xf32>, tensor<2xf32>) -> !prob.law<tensor<2xf32>>
  %masked = dist.mask %q, %k : (!prob.law<tensor<2xf32>>, tensor<2xi1>) -> !prob.law<tensor<2xf32>>
  %z = prob.sample "z" from %masked {plates = [#prob.plate_axis<@N, -1>]} : !prob.law<tensor<2xf32>>
  prob.deterministic "j" %i : tensor<2xi32>
  prob.return
}
prob.elbo @elbo model(@model) guide(@guide)

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%0: tensor<2xf32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}, %1: tensor<2xi1> {prob.role = #prob.closure<#prob.name"guide", #builtin.int<0>>}, %2: tensor<6xf32> {prob.role = #prob.data<#prob.name"y">}) -> (tensor<f32>, tensor<2xf32>) {
// CHECK-NEXT:     prob.plate @N {size = 6 : i64, subsample = 2 : i64}
// CHECK-NEXT:     %3, %4 = prob.gradient (%5 = %0) : (tensor<2xf32>) -> (tensor<f32>, tensor<2xf32>) {
// CHECK-NEXT:       %6 = prob.expectation {
// CHECK-NEXT:         %i = prob.subsample @N : tensor<2xi32>
// CHECK-NEXT:         %one = lax.constant "1.0" : tensor<2xf32>
// CHECK-NEXT:         %q = dist.normal %5, %one : (tensor<2xf32>, tensor<2xf32>) -> !prob.law<tensor<2xf32>>
// CHECK-NEXT:         %masked = dist.mask %q, %1 : (!prob.law<tensor<2xf32>>, tensor<2xi1>) -> !prob.law<tensor<2xf32>>
// CHECK-NEXT:         %7 = prob.sample "z" from %q {plates = [#prob.plate_axis<@N, -1>]} : !prob.law<tensor<2xf32>>
// CHECK-NEXT:         %8 = prob.log_density %masked at %7 : !prob.law<tensor<2xf32>>, tensor<2xf32> -> tensor<2xf32>
// CHECK-NEXT:         %9 = lax.constant "3.0" : tensor<2xf32>
// CHECK-NEXT:         %10 = lax.mul %9, %8 : tensor<2xf32>
// CHECK-NEXT:         %11 = lax.neg %10 : tensor<2xf32>
// CHECK-NEXT:         prob.deterministic "j" %i : tensor<2xi32>
// CHECK-NEXT:         %zero = lax.constant "0.0" : tensor<2xf32>
// CHECK-NEXT:         %one_1 = lax.constant "1.0" : tensor<2xf32>
// CHECK-NEXT:         %half = lax.constant "0.5" : tensor<f32>
// CHECK-NEXT:         %p = dist.normal %zero, %one_1 : (tensor<2xf32>, tensor<2xf32>) -> !prob.law<tensor<2xf32>>
// CHECK-NEXT:         %12 = prob.log_density %p at %7 : !prob.law<tensor<2xf32>>, tensor<2xf32> -> tensor<2xf32>
// CHECK-NEXT:         %13 = lax.constant "0.5" : tensor<2xf32>
// CHECK-NEXT:         %14 = lax.mul %13, %12 : tensor<2xf32>
// CHECK-NEXT:         %15 = lax.constant "3.0" : tensor<2xf32>
// CHECK-NEXT:         %16 = lax.mul %15, %14 : tensor<2xf32>
// CHECK-NEXT:         prob.deterministic "i" %i : tensor<2xi32>
// CHECK-NEXT:         prob.yield "z.entropy" %11, "z.prior" %16 : tensor<2xf32>, tensor<2xf32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %6 : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %3, %4 : tensor<f32>, tensor<2xf32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// -----

// A guide's point is a value, and its log density a factor.
prob.func @model() {
  %one = lax.constant "1.0" : tensor<f32>
  %p = dist.normal %one, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample "z" from %p : !prob.law<tensor<f32>>
  prob.return
}
prob.func @guide(%m: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}, %d: tensor<f32> {prob.role = #prob.parameter<#prob.name"d", #prob.constraint<"real">>}) {
  %q = dist.delta %m, %d {event_rank = 0 : i64} : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
  prob.return
}
prob.elbo @elbo model(@model) guide(@guide)

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @elbo(%0: tensor<f32> {prob.role = #prob.parameter<#prob.name"m", #prob.constraint<"real">>}, %1: tensor<f32> {prob.role = #prob.parameter<#prob.name"d", #prob.constraint<"real">>}) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %2, %3, %4 = prob.gradient (%5 = %0, %6 = %1) : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %7 = prob.expectation {
// CHECK-NEXT:         %q = dist.delta %5, %6 {event_rank = 0 : i64} : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:         prob.deterministic "z" %5 {point} : tensor<f32>
// CHECK-NEXT:         %8 = lax.neg %6 : tensor<f32>
// CHECK-NEXT:         %one = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:         %p = dist.normal %one, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:         %9 = prob.log_density %p at %5 : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
// CHECK-NEXT:         prob.yield "z.entropy" %8, "z.prior" %9 : tensor<f32>, tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %7 : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %2, %3, %4 : tensor<f32>, tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }
