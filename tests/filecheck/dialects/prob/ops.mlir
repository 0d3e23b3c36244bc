// RUN: relbo-opt %s | relbo-opt | filecheck %s
// RUN: relbo-opt %s --print-op-generic | relbo-opt | filecheck %s
// RUN: relbo-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

// The four functions of a program's first two levels, with every op and attribute.
prob.func @model(%y: tensor<10xi32> {prob.role = #prob.data<#prob.name"y">}, %k: tensor<3xf32> {prob.role = #prob.closure<#prob.name"model", #builtin.int<0>>}) {
  prob.plate @N {size = 10 : i64}
  %one = lax.constant "1.0" : tensor<f32>
  %p = dist.gamma %one, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample "z" from %p : !prob.law<tensor<f32>>
  %t = prob.sample "\CE\B8 \22quoted\22" from %p guide %p : !prob.law<tensor<f32>>, !prob.law<tensor<f32>>
  %rates = dist.expand %p {shape = array<i64: 10>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<10xf32>>
  %zs = prob.sample "zs" from %rates {plates = [#prob.plate_axis<@N, -1>]} : !prob.law<tensor<10xf32>>
  %law = dist.poisson %zs : (tensor<10xf32>) -> !prob.law<tensor<10xi32>>
  prob.observe "y" %law at %y {plates = [#prob.plate_axis<@N, -1>]} : !prob.law<tensor<10xi32>>, tensor<10xi32>
  prob.factor "bonus" %k : tensor<3xf32>
  prob.deterministic "twice" %z : tensor<f32>
  prob.return
}

prob.func @guide(%a: tensor<f32> {prob.role = #prob.parameter<#prob.name"a", #prob.constraint<"positive">>}) {
  %q = dist.gamma %a, %a : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
  %extra = prob.sample "extra" from %q {auxiliary} : !prob.law<tensor<f32>>
  prob.return
}

prob.func @minibatch(%s: tensor<f32> {prob.role = #prob.closure<#prob.name"model", #builtin.int<0>>}) {
  prob.plate @M {size = 1000 : i64, subsample = 4 : i64}
  %i = prob.subsample @M : tensor<4xi32>
  %p = dist.gamma %s, %s : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
  %z = prob.sample "z" from %p scale %s : !prob.law<tensor<f32>> scale tensor<f32>
  %t = prob.sample "t" from %p guide %p scale %s {auxiliary} : !prob.law<tensor<f32>>, !prob.law<tensor<f32>> scale tensor<f32>
  %ps = dist.expand %p {shape = array<i64: 4>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<4xf32>>
  %zs = prob.sample "zs" from %ps {plates = [#prob.plate_axis<@M, -1>]} : !prob.law<tensor<4xf32>>
  prob.observe "y" %ps at %zs scale %s {plates = [#prob.plate_axis<@M, -1>]} : !prob.law<tensor<4xf32>>, tensor<4xf32> scale tensor<f32>
  prob.deterministic "point" %s {point} : tensor<f32>
  prob.return
}

prob.elbo @elbo model(@model) guide(@guide)
prob.elbo @alone model(@model)

prob.func @objective(%u: tensor<f32> {prob.role = #prob.unconstrained<#prob.name"a", #prob.constraint<"interval", [0.0 : f64, 2.0 : f64]>>}, %noise: tensor<f32> {prob.role = #prob.draw<#prob.name"z">}, %key: !rng.key {prob.role = #prob.seed}) -> (tensor<f32>, tensor<f32>) {
  %value, %du = prob.gradient (%u_ = %u) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %a = lax.exp %u_ : tensor<f32>
    %e = prob.expectation {
      %q = dist.gamma %a, %a : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
      %z = prob.sample "z" from %q {how = #prob.how<score>} : !prob.law<tensor<f32>>
      %w = prob.sample "w" from %q {plan = #prob.how<pathwise>} : !prob.law<tensor<f32>>
      %l = prob.log_density %q at %z : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
      %h = lax.neg %l : tensor<f32>
      prob.yield "z.entropy" %h, "line\0Abreak" %l : tensor<f32>, tensor<f32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  %zero = prob.expectation {
    prob.yield nothing
  } : tensor<f32>
  prob.return %value, %du : tensor<f32>, tensor<f32>
}

// A loop of two draws a step, backwards, and the choices that it draws.
prob.func @loop(%a: tensor<f32> {prob.role = #prob.unconstrained<#prob.name"a", #prob.constraint<"real">>}, %xs: tensor<5xf32> {prob.role = #prob.data<#prob.name"xs">}) -> (tensor<f32>, tensor<f32>) {
  %value, %da = prob.gradient (%a_ = %a) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
    %e = prob.expectation {
      %one = lax.constant "1.0" : tensor<f32>
      %zero = lax.constant "0.0" : tensor<f32>
      %steps, %counts = prob.scan (%before = %zero) rows (%x = %xs) {length = 5 : i64, reverse = true} : (tensor<f32>, tensor<5xf32>) -> (tensor<5xf32>, tensor<5xi32>) {
        %loc = lax.mul %a_, %before : tensor<f32>
        %q = dist.normal %loc, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
        %d = prob.draw "z" from %q : !prob.law<tensor<f32>>
        %rate = lax.exp %d : tensor<f32>
        %p = dist.poisson %rate : (tensor<f32>) -> !prob.law<tensor<i32>>
        %n = prob.draw "n" from %p : !prob.law<tensor<i32>>
        %next = lax.add %d, %x : tensor<f32>
        prob.yield_value %next, %d, %n : tensor<f32>, tensor<f32>, tensor<i32>
      }
      %locs = lax.mul %xs, %steps : tensor<5xf32>
      %law = dist.normal %locs, %one : (tensor<5xf32>, tensor<f32>) -> !prob.law<tensor<5xf32>>
      %z = prob.sample "z" from %law drawn %steps {how = #prob.how<pathwise>} : !prob.law<tensor<5xf32>> drawn tensor<5xf32>
      %rates = lax.exp %z : tensor<5xf32>
      %law_n = dist.poisson %rates : (tensor<5xf32>) -> !prob.law<tensor<5xi32>>
      %n = prob.sample "n" from %law_n drawn %counts {how = #prob.how<score>} : !prob.law<tensor<5xi32>> drawn tensor<5xi32>
      prob.yield "f" %z : tensor<5xf32>
    } : tensor<f32>
    prob.yield_value %e : tensor<f32>
  }
  prob.return %value, %da : tensor<f32>, tensor<f32>
}

// CHECK:      builtin.module {
// CHECK-NEXT:   prob.func @model(%y: tensor<10xi32> {prob.role = #prob.data<#prob.name"y">}, %k: tensor<3xf32> {prob.role = #prob.closure<#prob.name"model", #builtin.int<0>>}) {
// CHECK-NEXT:     prob.plate @N {size = 10 : i64}
// CHECK-NEXT:     %one = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:     %p = dist.gamma %one, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %z = prob.sample "z" from %p : !prob.law<tensor<f32>>
// CHECK-NEXT:     %t = prob.sample "\CE\B8 \22quoted\22" from %p guide %p : !prob.law<tensor<f32>>, !prob.law<tensor<f32>>
// CHECK-NEXT:     %rates = dist.expand %p {shape = array<i64: 10>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<10xf32>>
// CHECK-NEXT:     %zs = prob.sample "zs" from %rates {plates = [#prob.plate_axis<@N, -1>]} : !prob.law<tensor<10xf32>>
// CHECK-NEXT:     %law = dist.poisson %zs : (tensor<10xf32>) -> !prob.law<tensor<10xi32>>
// CHECK-NEXT:     prob.observe "y" %law at %y {plates = [#prob.plate_axis<@N, -1>]} : !prob.law<tensor<10xi32>>, tensor<10xi32>
// CHECK-NEXT:     prob.factor "bonus" %k : tensor<3xf32>
// CHECK-NEXT:     prob.deterministic "twice" %z : tensor<f32>
// CHECK-NEXT:     prob.return
// CHECK-NEXT:   }
// CHECK-NEXT:   prob.func @guide(%a: tensor<f32> {prob.role = #prob.parameter<#prob.name"a", #prob.constraint<"positive">>}) {
// CHECK-NEXT:     %q = dist.gamma %a, %a : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %z = prob.sample "z" from %q : !prob.law<tensor<f32>>
// CHECK-NEXT:     %extra = prob.sample "extra" from %q {auxiliary} : !prob.law<tensor<f32>>
// CHECK-NEXT:     prob.return
// CHECK-NEXT:   }
// CHECK-NEXT:   prob.func @minibatch(%s: tensor<f32> {prob.role = #prob.closure<#prob.name"model", #builtin.int<0>>}) {
// CHECK-NEXT:     prob.plate @M {size = 1000 : i64, subsample = 4 : i64}
// CHECK-NEXT:     %i = prob.subsample @M : tensor<4xi32>
// CHECK-NEXT:     %p = dist.gamma %s, %s : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:     %z = prob.sample "z" from %p scale %s : !prob.law<tensor<f32>> scale tensor<f32>
// CHECK-NEXT:     %t = prob.sample "t" from %p guide %p scale %s {auxiliary} : !prob.law<tensor<f32>>, !prob.law<tensor<f32>> scale tensor<f32>
// CHECK-NEXT:     %ps = dist.expand %p {shape = array<i64: 4>} : (!prob.law<tensor<f32>>) -> !prob.law<tensor<4xf32>>
// CHECK-NEXT:     %zs = prob.sample "zs" from %ps {plates = [#prob.plate_axis<@M, -1>]} : !prob.law<tensor<4xf32>>
// CHECK-NEXT:     prob.observe "y" %ps at %zs scale %s {plates = [#prob.plate_axis<@M, -1>]} : !prob.law<tensor<4xf32>>, tensor<4xf32> scale tensor<f32>
// CHECK-NEXT:     prob.deterministic "point" %s {point} : tensor<f32>
// CHECK-NEXT:     prob.return
// CHECK-NEXT:   }
// CHECK-NEXT:   prob.elbo @elbo model(@model) guide(@guide)
// CHECK-NEXT:   prob.elbo @alone model(@model)
// CHECK-NEXT:   prob.func @objective(%u: tensor<f32> {prob.role = #prob.unconstrained<#prob.name"a", #prob.constraint<"interval", [0.000000e+00 : f64, 2.000000e+00 : f64]>>}, %noise: tensor<f32> {prob.role = #prob.draw<#prob.name"z">}, %key: !rng.key {prob.role = #prob.seed}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %value, %du = prob.gradient (%u_ = %u) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %a = lax.exp %u_ : tensor<f32>
// CHECK-NEXT:       %e = prob.expectation {
// CHECK-NEXT:         %q = dist.gamma %a, %a : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:         %z = prob.sample "z" from %q {how = #prob.how<score>} : !prob.law<tensor<f32>>
// CHECK-NEXT:         %w = prob.sample "w" from %q {plan = #prob.how<pathwise>} : !prob.law<tensor<f32>>
// CHECK-NEXT:         %l = prob.log_density %q at %z : !prob.law<tensor<f32>>, tensor<f32> -> tensor<f32>
// CHECK-NEXT:         %h = lax.neg %l : tensor<f32>
// CHECK-NEXT:         prob.yield "z.entropy" %h, "line\0Abreak" %l : tensor<f32>, tensor<f32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     %zero = prob.expectation {
// CHECK-NEXT:       prob.yield nothing
// CHECK-NEXT:     } : tensor<f32>
// CHECK-NEXT:     prob.return %value, %du : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT:   prob.func @loop(%a: tensor<f32> {prob.role = #prob.unconstrained<#prob.name"a", #prob.constraint<"real">>}, %xs: tensor<5xf32> {prob.role = #prob.data<#prob.name"xs">}) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %value, %da = prob.gradient (%a_ = %a) : (tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:       %e = prob.expectation {
// CHECK-NEXT:         %one = lax.constant "1.0" : tensor<f32>
// CHECK-NEXT:         %zero = lax.constant "0.0" : tensor<f32>
// CHECK-NEXT:         %steps, %counts = prob.scan (%before = %zero) rows (%x = %xs) {length = 5 : i64, reverse = true} : (tensor<f32>, tensor<5xf32>) -> (tensor<5xf32>, tensor<5xi32>) {
// CHECK-NEXT:           %loc = lax.mul %a_, %before : tensor<f32>
// CHECK-NEXT:           %q = dist.normal %loc, %one : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// CHECK-NEXT:           %d = prob.draw "z" from %q : !prob.law<tensor<f32>>
// CHECK-NEXT:           %rate = lax.exp %d : tensor<f32>
// CHECK-NEXT:           %p = dist.poisson %rate : (tensor<f32>) -> !prob.law<tensor<i32>>
// CHECK-NEXT:           %n = prob.draw "n" from %p : !prob.law<tensor<i32>>
// CHECK-NEXT:           %next = lax.add %d, %x : tensor<f32>
// CHECK-NEXT:           prob.yield_value %next, %d, %n : tensor<f32>, tensor<f32>, tensor<i32>
// CHECK-NEXT:         }
// CHECK-NEXT:         %locs = lax.mul %xs, %steps : tensor<5xf32>
// CHECK-NEXT:         %law = dist.normal %locs, %one : (tensor<5xf32>, tensor<f32>) -> !prob.law<tensor<5xf32>>
// CHECK-NEXT:         %z = prob.sample "z" from %law drawn %steps {how = #prob.how<pathwise>} : !prob.law<tensor<5xf32>> drawn tensor<5xf32>
// CHECK-NEXT:         %rates = lax.exp %z : tensor<5xf32>
// CHECK-NEXT:         %law_n = dist.poisson %rates : (tensor<5xf32>) -> !prob.law<tensor<5xi32>>
// CHECK-NEXT:         %n_1 = prob.sample "n" from %law_n drawn %counts {how = #prob.how<score>} : !prob.law<tensor<5xi32>> drawn tensor<5xi32>
// CHECK-NEXT:         prob.yield "f" %z : tensor<5xf32>
// CHECK-NEXT:       } : tensor<f32>
// CHECK-NEXT:       prob.yield_value %e : tensor<f32>
// CHECK-NEXT:     }
// CHECK-NEXT:     prob.return %value, %da : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT: }

// GENERIC:      "builtin.module"() ({
// GENERIC-NEXT:   "prob.func"() <{sym_name = "model", function_type = (tensor<10xi32>, tensor<3xf32>) -> (), arg_attrs = [{prob.role = #prob.data<#prob.name"y">}, {prob.role = #prob.closure<#prob.name"model", #builtin.int<0>>}]}> ({
// GENERIC-NEXT:   ^bb0(%y: tensor<10xi32>, %k: tensor<3xf32>):
// GENERIC-NEXT:     "prob.plate"() <{sym_name = "N", size = 10 : i64}> : () -> ()
// GENERIC-NEXT:     %one = "lax.constant"() <{value = #lax.literal<"1.0" : tensor<f32>>}> : () -> tensor<f32>
// GENERIC-NEXT:     %p = "dist.gamma"(%one, %one) : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// GENERIC-NEXT:     %z = "prob.sample"(%p) <{site = #prob.name"z", operandSegmentSizes = array<i32: 1, 0, 0, 0>, how = #prob.how<exact>}> : (!prob.law<tensor<f32>>) -> tensor<f32>
// GENERIC-NEXT:     %t = "prob.sample"(%p, %p) <{site = #prob.name"\CE\B8 \22quoted\22", operandSegmentSizes = array<i32: 1, 1, 0, 0>, how = #prob.how<exact>}> : (!prob.law<tensor<f32>>, !prob.law<tensor<f32>>) -> tensor<f32>
// GENERIC-NEXT:     %rates = "dist.expand"(%p) <{shape = array<i64: 10>}> : (!prob.law<tensor<f32>>) -> !prob.law<tensor<10xf32>>
// GENERIC-NEXT:     %zs = "prob.sample"(%rates) <{site = #prob.name"zs", plates = [#prob.plate_axis<@N, -1>], operandSegmentSizes = array<i32: 1, 0, 0, 0>, how = #prob.how<exact>}> : (!prob.law<tensor<10xf32>>) -> tensor<10xf32>
// GENERIC-NEXT:     %law = "dist.poisson"(%zs) : (tensor<10xf32>) -> !prob.law<tensor<10xi32>>
// GENERIC-NEXT:     "prob.observe"(%law, %y) <{site = #prob.name"y", plates = [#prob.plate_axis<@N, -1>]}> : (!prob.law<tensor<10xi32>>, tensor<10xi32>) -> ()
// GENERIC-NEXT:     "prob.factor"(%k) <{site = #prob.name"bonus"}> : (tensor<3xf32>) -> ()
// GENERIC-NEXT:     "prob.deterministic"(%z) <{site = #prob.name"twice"}> : (tensor<f32>) -> ()
// GENERIC-NEXT:     "prob.return"() : () -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "prob.func"() <{sym_name = "guide", function_type = (tensor<f32>) -> (), arg_attrs = [{prob.role = #prob.parameter<#prob.name"a", #prob.constraint<"positive">>}]}> ({
// GENERIC-NEXT:   ^bb0(%a: tensor<f32>):
// GENERIC-NEXT:     %q = "dist.gamma"(%a, %a) : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// GENERIC-NEXT:     %z = "prob.sample"(%q) <{site = #prob.name"z", operandSegmentSizes = array<i32: 1, 0, 0, 0>, how = #prob.how<exact>}> : (!prob.law<tensor<f32>>) -> tensor<f32>
// GENERIC-NEXT:     %extra = "prob.sample"(%q) <{site = #prob.name"extra", auxiliary, operandSegmentSizes = array<i32: 1, 0, 0, 0>, how = #prob.how<exact>}> : (!prob.law<tensor<f32>>) -> tensor<f32>
// GENERIC-NEXT:     "prob.return"() : () -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "prob.func"() <{sym_name = "minibatch", function_type = (tensor<f32>) -> (), arg_attrs = [{prob.role = #prob.closure<#prob.name"model", #builtin.int<0>>}]}> ({
// GENERIC-NEXT:   ^bb0(%s: tensor<f32>):
// GENERIC-NEXT:     "prob.plate"() <{sym_name = "M", size = 1000 : i64, subsample = 4 : i64}> : () -> ()
// GENERIC-NEXT:     %i = "prob.subsample"() <{plate = @M}> : () -> tensor<4xi32>
// GENERIC-NEXT:     %p = "dist.gamma"(%s, %s) : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// GENERIC-NEXT:     %z = "prob.sample"(%p, %s) <{site = #prob.name"z", operandSegmentSizes = array<i32: 1, 0, 1, 0>, how = #prob.how<exact>}> : (!prob.law<tensor<f32>>, tensor<f32>) -> tensor<f32>
// GENERIC-NEXT:     %t = "prob.sample"(%p, %p, %s) <{site = #prob.name"t", auxiliary, operandSegmentSizes = array<i32: 1, 1, 1, 0>, how = #prob.how<exact>}> : (!prob.law<tensor<f32>>, !prob.law<tensor<f32>>, tensor<f32>) -> tensor<f32>
// GENERIC-NEXT:     %ps = "dist.expand"(%p) <{shape = array<i64: 4>}> : (!prob.law<tensor<f32>>) -> !prob.law<tensor<4xf32>>
// GENERIC-NEXT:     %zs = "prob.sample"(%ps) <{site = #prob.name"zs", plates = [#prob.plate_axis<@M, -1>], operandSegmentSizes = array<i32: 1, 0, 0, 0>, how = #prob.how<exact>}> : (!prob.law<tensor<4xf32>>) -> tensor<4xf32>
// GENERIC-NEXT:     "prob.observe"(%ps, %zs, %s) <{site = #prob.name"y", plates = [#prob.plate_axis<@M, -1>]}> : (!prob.law<tensor<4xf32>>, tensor<4xf32>, tensor<f32>) -> ()
// GENERIC-NEXT:     "prob.deterministic"(%s) <{site = #prob.name"point", point}> : (tensor<f32>) -> ()
// GENERIC-NEXT:     "prob.return"() : () -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "prob.elbo"() <{sym_name = "elbo", model = @model, guide = @guide}> : () -> ()
// GENERIC-NEXT:   "prob.elbo"() <{sym_name = "alone", model = @model}> : () -> ()
// GENERIC-NEXT:   "prob.func"() <{sym_name = "objective", function_type = (tensor<f32>, tensor<f32>, !rng.key) -> (tensor<f32>, tensor<f32>), arg_attrs = [{prob.role = #prob.unconstrained<#prob.name"a", #prob.constraint<"interval", [0.000000e+00 : f64, 2.000000e+00 : f64]>>}, {prob.role = #prob.draw<#prob.name"z">}, {prob.role = #prob.seed}]}> ({
// GENERIC-NEXT:   ^bb0(%u: tensor<f32>, %noise: tensor<f32>, %key: !rng.key):
// GENERIC-NEXT:     %value, %du = "prob.gradient"(%u) ({
// GENERIC-NEXT:     ^bb0(%u_: tensor<f32>):
// GENERIC-NEXT:       %a = "lax.exp"(%u_) : (tensor<f32>) -> tensor<f32>
// GENERIC-NEXT:       %e = "prob.expectation"() ({
// GENERIC-NEXT:         %q = "dist.gamma"(%a, %a) : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// GENERIC-NEXT:         %z = "prob.sample"(%q) <{site = #prob.name"z", how = #prob.how<score>, operandSegmentSizes = array<i32: 1, 0, 0, 0>}> : (!prob.law<tensor<f32>>) -> tensor<f32>
// GENERIC-NEXT:         %w = "prob.sample"(%q) <{site = #prob.name"w", plan = #prob.how<pathwise>, operandSegmentSizes = array<i32: 1, 0, 0, 0>, how = #prob.how<exact>}> : (!prob.law<tensor<f32>>) -> tensor<f32>
// GENERIC-NEXT:         %l = "prob.log_density"(%q, %z) : (!prob.law<tensor<f32>>, tensor<f32>) -> tensor<f32>
// GENERIC-NEXT:         %h = "lax.neg"(%l) : (tensor<f32>) -> tensor<f32>
// GENERIC-NEXT:         "prob.yield"(%h, %l) <{names = [#prob.name"z.entropy", #prob.name"line\0Abreak"]}> : (tensor<f32>, tensor<f32>) -> ()
// GENERIC-NEXT:       }) : () -> tensor<f32>
// GENERIC-NEXT:       "prob.yield_value"(%e) : (tensor<f32>) -> ()
// GENERIC-NEXT:     }) : (tensor<f32>) -> (tensor<f32>, tensor<f32>)
// GENERIC-NEXT:     %zero = "prob.expectation"() ({
// GENERIC-NEXT:       "prob.yield"() <{names = []}> : () -> ()
// GENERIC-NEXT:     }) : () -> tensor<f32>
// GENERIC-NEXT:     "prob.return"(%value, %du) : (tensor<f32>, tensor<f32>) -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "prob.func"() <{sym_name = "loop", function_type = (tensor<f32>, tensor<5xf32>) -> (tensor<f32>, tensor<f32>), arg_attrs = [{prob.role = #prob.unconstrained<#prob.name"a", #prob.constraint<"real">>}, {prob.role = #prob.data<#prob.name"xs">}]}> ({
// GENERIC-NEXT:   ^bb0(%a: tensor<f32>, %xs: tensor<5xf32>):
// GENERIC-NEXT:     %value, %da = "prob.gradient"(%a) ({
// GENERIC-NEXT:     ^bb0(%a_: tensor<f32>):
// GENERIC-NEXT:       %e = "prob.expectation"() ({
// GENERIC-NEXT:         %one = "lax.constant"() <{value = #lax.literal<"1.0" : tensor<f32>>}> : () -> tensor<f32>
// GENERIC-NEXT:         %zero = "lax.constant"() <{value = #lax.literal<"0.0" : tensor<f32>>}> : () -> tensor<f32>
// GENERIC-NEXT:         %steps, %counts = "prob.scan"(%zero, %xs) <{length = 5 : i64, reverse = true, operandSegmentSizes = array<i32: 1, 1>}> ({
// GENERIC-NEXT:         ^bb0(%before: tensor<f32>, %x: tensor<f32>):
// GENERIC-NEXT:           %loc = "lax.mul"(%a_, %before) : (tensor<f32>, tensor<f32>) -> tensor<f32>
// GENERIC-NEXT:           %q = "dist.normal"(%loc, %one) : (tensor<f32>, tensor<f32>) -> !prob.law<tensor<f32>>
// GENERIC-NEXT:           %d = "prob.draw"(%q) <{site = #prob.name"z"}> : (!prob.law<tensor<f32>>) -> tensor<f32>
// GENERIC-NEXT:           %rate = "lax.exp"(%d) : (tensor<f32>) -> tensor<f32>
// GENERIC-NEXT:           %p = "dist.poisson"(%rate) : (tensor<f32>) -> !prob.law<tensor<i32>>
// GENERIC-NEXT:           %n = "prob.draw"(%p) <{site = #prob.name"n"}> : (!prob.law<tensor<i32>>) -> tensor<i32>
// GENERIC-NEXT:           %next = "lax.add"(%d, %x) : (tensor<f32>, tensor<f32>) -> tensor<f32>
// GENERIC-NEXT:           "prob.yield_value"(%next, %d, %n) : (tensor<f32>, tensor<f32>, tensor<i32>) -> ()
// GENERIC-NEXT:         }) : (tensor<f32>, tensor<5xf32>) -> (tensor<5xf32>, tensor<5xi32>)
// GENERIC-NEXT:         %locs = "lax.mul"(%xs, %steps) : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32>
// GENERIC-NEXT:         %law = "dist.normal"(%locs, %one) : (tensor<5xf32>, tensor<f32>) -> !prob.law<tensor<5xf32>>
// GENERIC-NEXT:         %z = "prob.sample"(%law, %steps) <{site = #prob.name"z", how = #prob.how<pathwise>, operandSegmentSizes = array<i32: 1, 0, 0, 1>}> : (!prob.law<tensor<5xf32>>, tensor<5xf32>) -> tensor<5xf32>
// GENERIC-NEXT:         %rates = "lax.exp"(%z) : (tensor<5xf32>) -> tensor<5xf32>
// GENERIC-NEXT:         %law_n = "dist.poisson"(%rates) : (tensor<5xf32>) -> !prob.law<tensor<5xi32>>
// GENERIC-NEXT:         %n_1 = "prob.sample"(%law_n, %counts) <{site = #prob.name"n", how = #prob.how<score>, operandSegmentSizes = array<i32: 1, 0, 0, 1>}> : (!prob.law<tensor<5xi32>>, tensor<5xi32>) -> tensor<5xi32>
// GENERIC-NEXT:         "prob.yield"(%z) <{names = [#prob.name"f"]}> : (tensor<5xf32>) -> ()
// GENERIC-NEXT:       }) : () -> tensor<f32>
// GENERIC-NEXT:       "prob.yield_value"(%e) : (tensor<f32>) -> ()
// GENERIC-NEXT:     }) : (tensor<f32>) -> (tensor<f32>, tensor<f32>)
// GENERIC-NEXT:     "prob.return"(%value, %da) : (tensor<f32>, tensor<f32>) -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT: }) : () -> ()
