// RUN: relbo-opt %s | relbo-opt | filecheck %s
// RUN: relbo-opt %s --print-op-generic | relbo-opt | filecheck %s
// RUN: relbo-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

// Every op of the dialect, in custom and in generic syntax.

func.func @elementwise(%x: tensor<3xf32>, %y: tensor<3xf32>, %z: tensor<3xf32>, %i: tensor<3xi32>, %j: tensor<3xi32>, %b: tensor<3xi1>, %c: tensor<complex<f32>>, %k: !rng.key, %w: tensor<f64>) {
  %neg = lax.neg %x : tensor<3xf32>
  %abs = lax.abs %x : tensor<3xf32>
  %sign = lax.sign %x : tensor<3xf32>
  %floor = lax.floor %x : tensor<3xf32>
  %ceil = lax.ceil %x : tensor<3xf32>
  %round_half_even = lax.round_half_even %x : tensor<3xf32>
  %round_half_away = lax.round_half_away %x : tensor<3xf32>
  %exp = lax.exp %x : tensor<3xf32>
  %exp2 = lax.exp2 %x : tensor<3xf32>
  %expm1 = lax.expm1 %x : tensor<3xf32>
  %log = lax.log %x : tensor<3xf32>
  %log1p = lax.log1p %x : tensor<3xf32>
  %sin = lax.sin %x : tensor<3xf32>
  %cos = lax.cos %x : tensor<3xf32>
  %tan = lax.tan %x : tensor<3xf32>
  %asin = lax.asin %x : tensor<3xf32>
  %acos = lax.acos %x : tensor<3xf32>
  %atan = lax.atan %x : tensor<3xf32>
  %sinh = lax.sinh %x : tensor<3xf32>
  %cosh = lax.cosh %x : tensor<3xf32>
  %tanh = lax.tanh %x : tensor<3xf32>
  %asinh = lax.asinh %x : tensor<3xf32>
  %acosh = lax.acosh %x : tensor<3xf32>
  %atanh = lax.atanh %x : tensor<3xf32>
  %sqrt = lax.sqrt %x : tensor<3xf32>
  %rsqrt = lax.rsqrt %x : tensor<3xf32>
  %cbrt = lax.cbrt %x : tensor<3xf32>
  %square = lax.square %x : tensor<3xf32>
  %logistic = lax.logistic %x : tensor<3xf32>
  %softplus = lax.softplus %x : tensor<3xf32>
  %lgamma = lax.lgamma %x : tensor<3xf32>
  %digamma = lax.digamma %x : tensor<3xf32>
  %erf = lax.erf %x : tensor<3xf32>
  %erfc = lax.erfc %x : tensor<3xf32>
  %erf_inv = lax.erf_inv %x : tensor<3xf32>
  %ndtri = lax.ndtri %x : tensor<3xf32>
  %log_ndtr = lax.log_ndtr %x : tensor<3xf32>
  %bessel_i0e = lax.bessel_i0e %x : tensor<3xf32>
  %bessel_i1e = lax.bessel_i1e %x : tensor<3xf32>
  %slow_exp = lax.exp %x {accuracy = "highest"} : tensor<3xf32>
  %logical_not = lax.logical_not %i : tensor<3xi32>
  %stop_gradient = lax.stop_gradient %x : tensor<3xf32>
  %copy = lax.copy %x : tensor<3xf32>
  %add = lax.add %x, %y : tensor<3xf32>
  %sub = lax.sub %x, %y : tensor<3xf32>
  %mul = lax.mul %x, %y : tensor<3xf32>
  %div = lax.div %x, %y : tensor<3xf32>
  %rem = lax.rem %x, %y : tensor<3xf32>
  %pow = lax.pow %x, %y : tensor<3xf32>
  %max = lax.max %x, %y : tensor<3xf32>
  %min = lax.min %x, %y : tensor<3xf32>
  %atan2 = lax.atan2 %x, %y : tensor<3xf32>
  %nextafter = lax.nextafter %x, %y : tensor<3xf32>
  %logical_and = lax.logical_and %i, %j : tensor<3xi32>
  %logical_or = lax.logical_or %i, %j : tensor<3xi32>
  %logical_xor = lax.logical_xor %i, %j : tensor<3xi32>
  %shift_left = lax.shift_left %i, %j : tensor<3xi32>
  %shift_right_logical = lax.shift_right_logical %i, %j : tensor<3xi32>
  %shift_right_arithmetic = lax.shift_right_arithmetic %i, %j : tensor<3xi32>
  %logaddexp = lax.logaddexp %x, %y : tensor<3xf32>
  %xlogy = lax.xlogy %x, %y : tensor<3xf32>
  %xlog1py = lax.xlog1py %x, %y : tensor<3xf32>
  %betaln = lax.betaln %x, %y : tensor<3xf32>
  %igamma = lax.igamma %x, %y : tensor<3xf32>
  %igammac = lax.igammac %x, %y : tensor<3xf32>
  %igamma_grad_a = lax.igamma_grad_a %x, %y : tensor<3xf32>
  %random_gamma_grad = lax.random_gamma_grad %x, %y : tensor<3xf32>
  %polygamma = lax.polygamma %x, %y : tensor<3xf32>
  %zeta = lax.zeta %x, %y : tensor<3xf32>
  %regularized_incomplete_beta = lax.regularized_incomplete_beta %x, %y, %z : tensor<3xf32>
  %eq = lax.eq %x, %y : tensor<3xf32> -> tensor<3xi1>
  %ne = lax.ne %x, %y : tensor<3xf32> -> tensor<3xi1>
  %lt = lax.lt %x, %y : tensor<3xf32> -> tensor<3xi1>
  %le = lax.le %x, %y : tensor<3xf32> -> tensor<3xi1>
  %gt = lax.gt %x, %y : tensor<3xf32> -> tensor<3xi1>
  %ge = lax.ge %x, %y : tensor<3xf32> -> tensor<3xi1>
  %is_finite = lax.is_finite %x : tensor<3xf32> -> tensor<3xi1>
  %neg_i = lax.neg %i : tensor<3xi32>
  %add_i = lax.add %i, %j : tensor<3xi32>
  %max_b = lax.max %b, %b : tensor<3xi1>
  %and_b = lax.logical_and %b, %b : tensor<3xi1>
  %eq_b = lax.eq %b, %b : tensor<3xi1> -> tensor<3xi1>
  %exp_c = lax.exp %c : tensor<complex<f32>>
  %copy_k = lax.copy %k : !rng.key
  %wide = lax.add %w, %w : tensor<f64>
  func.return
}

func.func @constants() {
  %splat = lax.constant "0.5" : tensor<8xf32>
  %special = lax.constant "1.0, -inf, nan, -0.0" : tensor<4xf32>
  %large = lax.constant "16777216.0, 1e+08" : tensor<2xf32>
  %exact = lax.constant "100000001.0" : tensor<f64>
  %payload = lax.constant "0x7ff8deadbeef0001" : tensor<f64>
  %half = lax.constant "0.1" : tensor<bf16>
  %ints = lax.constant "-9223372036854775808, 9223372036854775807" : tensor<2xi64>
  %bools = lax.constant "true, false" : tensor<2xi1>
  %bytes = lax.constant "255" : tensor<ui8>
  %empty = lax.constant "" : tensor<0xf32>
  %attribute = "test.op"() {value = #lax.literal<"1.5" : tensor<8xf32>>} : () -> tensor<8xf32>
  func.return
}

func.func @choices(%which: tensor<3xi1>, %index: tensor<i32>, %a: tensor<3xf32>, %low: tensor<f32>) {
  %select = lax.select_n %which, %a, %a : (tensor<3xi1>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %among = lax.select_n %index, %a, %a, %a : (tensor<i32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %clamp = lax.clamp %low, %a, %low : (tensor<f32>, tensor<3xf32>, tensor<f32>) -> tensor<3xf32>
  %power = lax.integer_pow %a {exponent = -3 : i64} : (tensor<3xf32>) -> tensor<3xf32>
  func.return
}

func.func @shapes(%x: tensor<2x3xf32>, %v: tensor<3xf32>, %one: tensor<1x3xf32>, %s: tensor<f32>, %keys: tensor<1x!rng.key>) {
  %bitcast = lax.bitcast %v : (tensor<3xf32>) -> tensor<3xi32>
  %convert = lax.convert %v : (tensor<3xf32>) -> tensor<3xi32>
  %broadcast = lax.broadcast_in_dim %v {dimensions = array<i64: 1>} : (tensor<3xf32>) -> tensor<2x3xf32>
  %reshape = lax.reshape %x : (tensor<2x3xf32>) -> tensor<6xf32>
  %transpose = lax.transpose %x {permutation = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %squeeze = lax.squeeze %one {dimensions = array<i64: 0>} : (tensor<1x3xf32>) -> tensor<3xf32>
  %key = lax.squeeze %keys {dimensions = array<i64: 0>} : (tensor<1x!rng.key>) -> !rng.key
  %concatenate = lax.concatenate %x, %one {dimension = 0 : i64} : (tensor<2x3xf32>, tensor<1x3xf32>) -> tensor<3x3xf32>
  %stack = lax.stack %v, %v {axis = 1 : i64} : (tensor<3xf32>, tensor<3xf32>) -> tensor<3x2xf32>
  %unstack:2 = lax.unstack %x {axis = 0 : i64} : (tensor<2x3xf32>) -> (tensor<3xf32>, tensor<3xf32>)
  %split:2 = lax.split %x {sizes = array<i64: 1, 2>, axis = 1 : i64} : (tensor<2x3xf32>) -> (tensor<2x1xf32>, tensor<2x2xf32>)
  %slice = lax.slice %x {start = array<i64: 0, 0>, limit = array<i64: 2, 3>, strides = array<i64: 1, 2>} : (tensor<2x3xf32>) -> tensor<2x2xf32>
  %pad = lax.pad %v, %s {low = array<i64: -1>, high = array<i64: 2>, interior = array<i64: 1>} : (tensor<3xf32>, tensor<f32>) -> tensor<6xf32>
  %rev = lax.rev %x {dimensions = array<i64: 0, 1>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %iota = lax.iota {dimension = 1 : i64} : tensor<2x3xi32>
  func.return
}

func.func @reductions(%x: tensor<2x3xf32>, %b: tensor<2x3xi1>, %i: tensor<2x3xi32>) {
  %sum = lax.reduce_sum %x {axes = array<i64: 0, 1>} : (tensor<2x3xf32>) -> tensor<f32>
  %prod = lax.reduce_prod %x {axes = array<i64: 0>} : (tensor<2x3xf32>) -> tensor<3xf32>
  %max = lax.reduce_max %x {axes = array<i64: 1>} : (tensor<2x3xf32>) -> tensor<2xf32>
  %min = lax.reduce_min %i {axes = array<i64: 1>} : (tensor<2x3xi32>) -> tensor<2xi32>
  %and = lax.reduce_and %b {axes = array<i64: 1>} : (tensor<2x3xi1>) -> tensor<2xi1>
  %or = lax.reduce_or %b {axes = array<i64>} : (tensor<2x3xi1>) -> tensor<2x3xi1>
  %lse = lax.logsumexp %x {axes = array<i64: 1>} : (tensor<2x3xf32>) -> tensor<2xf32>
  %argmax = lax.argmax %x {axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<2xi32>
  %argmin = lax.argmin %x {axis = 0 : i64} : (tensor<2x3xf32>) -> tensor<3xi32>
  %cumsum = lax.cumsum %x {axis = 1 : i64, reverse = false} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %cumprod = lax.cumprod %x {axis = 1 : i64, reverse = true} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %cummax = lax.cummax %x {axis = 0 : i64, reverse = false} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %cummin = lax.cummin %x {axis = 0 : i64, reverse = false} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %cumlse = lax.cumlogsumexp %x {axis = 0 : i64, reverse = false} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %sort:2 = lax.sort %x, %i {dimension = 1 : i64, is_stable = true, num_keys = 1 : i64} : (tensor<2x3xf32>, tensor<2x3xi32>) -> (tensor<2x3xf32>, tensor<2x3xi32>)
  %dot = lax.dot_general %x, %x {x_batch = array<i64: 0>, y_batch = array<i64: 0>, x_contract = array<i64: 1>, y_contract = array<i64: 1>} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2xf32>
  %highest = lax.dot_general %x, %x {x_batch = array<i64>, y_batch = array<i64>, x_contract = array<i64: 1>, y_contract = array<i64: 1>, precision = "HIGHEST"} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x2xf32>
  func.return
}

func.func @convolutions(%rows: tensor<1x2x6xf32>, %kernel: tensor<3x2x3xf32>, %kernels: tensor<4x1x3xf32>) {
  %conv = lax.conv_general_dilated %rows, %kernel {lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: 1>, high = array<i64: 1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 1 : i64, batch_group_count = 1 : i64} : (tensor<1x2x6xf32>, tensor<3x2x3xf32>) -> tensor<1x3x6xf32>
  %turned = lax.conv_general_dilated %rows, %kernel {lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 2, 0, 1>, window_strides = array<i64: 2>, low = array<i64: -1>, high = array<i64: 4>, lhs_dilation = array<i64: 2>, rhs_dilation = array<i64: 3>, feature_group_count = 1 : i64, batch_group_count = 1 : i64, precision = "HIGHEST"} : (tensor<1x2x6xf32>, tensor<3x2x3xf32>) -> tensor<3x4x1xf32>
  %grouped = lax.conv_general_dilated %rows, %kernels {lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: 1>, high = array<i64: 1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 2 : i64, batch_group_count = 1 : i64} : (tensor<1x2x6xf32>, tensor<4x1x3xf32>) -> tensor<1x4x6xf32>
  %batches = lax.conv_general_dilated %kernels, %kernels {lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: 1>, high = array<i64: 1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 1 : i64, batch_group_count = 4 : i64} : (tensor<4x1x3xf32>, tensor<4x1x3xf32>) -> tensor<1x4x3xf32>
  func.return
}

func.func @spectra(%x: tensor<2x5xf32>, %y: tensor<2x5xf32>) {
  %z = lax.complex %x, %y : (tensor<2x5xf32>, tensor<2x5xf32>) -> tensor<2x5xcomplex<f32>>
  %real = lax.real %z : (tensor<2x5xcomplex<f32>>) -> tensor<2x5xf32>
  %imag = lax.imag %z : (tensor<2x5xcomplex<f32>>) -> tensor<2x5xf32>
  %fft = lax.fft %z {kind = "FFT", lengths = array<i64: 5>} : (tensor<2x5xcomplex<f32>>) -> tensor<2x5xcomplex<f32>>
  %ifft = lax.fft %fft {kind = "IFFT", lengths = array<i64: 2, 5>} : (tensor<2x5xcomplex<f32>>) -> tensor<2x5xcomplex<f32>>
  %rfft = lax.fft %x {kind = "RFFT", lengths = array<i64: 5>} : (tensor<2x5xf32>) -> tensor<2x3xcomplex<f32>>
  %irfft = lax.fft %rfft {kind = "IRFFT", lengths = array<i64: 5>} : (tensor<2x3xcomplex<f32>>) -> tensor<2x5xf32>
  func.return
}

func.func @indexing(%x: tensor<5x2xf32>, %u: tensor<1x2xf32>, %i: tensor<i32>, %rows: tensor<3x1xi32>, %updates: tensor<3x2xf32>) {
  %slice = lax.dynamic_slice %x, %i, %i {sizes = array<i64: 3, 1>} : (tensor<5x2xf32>, tensor<i32>, tensor<i32>) -> tensor<3x1xf32>
  %update = lax.dynamic_update_slice %x, %u, %i, %i : (tensor<5x2xf32>, tensor<1x2xf32>, tensor<i32>, tensor<i32>) -> tensor<5x2xf32>
  %gather = lax.gather %x, %rows {offset_dims = array<i64: 1>, collapsed_slice_dims = array<i64: 0>, operand_batching_dims = array<i64>, start_indices_batching_dims = array<i64>, start_index_map = array<i64: 0>, slice_sizes = array<i64: 1, 2>, indices_are_sorted = false, unique_indices = false, mode = "fill", fill_value = #lax.literal<"nan" : tensor<f32>>} : (tensor<5x2xf32>, tensor<3x1xi32>) -> tensor<3x2xf32>
  %clip = lax.gather %x, %rows {offset_dims = array<i64: 0>, collapsed_slice_dims = array<i64: 0>, operand_batching_dims = array<i64>, start_indices_batching_dims = array<i64>, start_index_map = array<i64: 0>, slice_sizes = array<i64: 1, 2>, indices_are_sorted = true, unique_indices = true, mode = "clip"} : (tensor<5x2xf32>, tensor<3x1xi32>) -> tensor<2x3xf32>
  %scatter = lax.scatter %x, %rows, %updates {update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "fill"} : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
  %scatter_add = lax.scatter_add %x, %rows, %updates {update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "promise_in_bounds"} : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
  %scatter_sub = lax.scatter_sub %x, %rows, %updates {update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "clip"} : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
  %scatter_mul = lax.scatter_mul %x, %rows, %updates {update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "clip"} : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
  %scatter_min = lax.scatter_min %x, %rows, %updates {update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "fill"} : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
  %scatter_max = lax.scatter_max %x, %rows, %updates {update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "fill"} : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
  func.return
}

func.func private @f(%x: tensor<f32>) -> tensor<f32> {
  func.return %x : tensor<f32>
}

func.func private @f_jvp(%x: tensor<f32>, %dx: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %y = lax.custom_jvp @f rule @f_jvp(%x) : (tensor<f32>) -> tensor<f32>
  func.return %y, %dx : tensor<f32>, tensor<f32>
}

func.func private @f_vjp(%x: tensor<f32>, %ct: tensor<f32>) -> tensor<f32> {
  func.return %ct : tensor<f32>
}

func.func private @positive(%x: tensor<f32>) -> tensor<i1> {
  %c = lax.is_finite %x : tensor<f32> -> tensor<i1>
  func.return %c : tensor<i1>
}

func.func private @step(%k: tensor<f32>, %c: tensor<f32>, %x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  func.return %c, %x : tensor<f32>, tensor<f32>
}

func.func @control(%x: tensor<f32>, %xs: tensor<5xf32>, %i: tensor<i32>, %m: tensor<3x3xf32>) {
  %jvp = lax.custom_jvp @f rule @f_jvp(%x) : (tensor<f32>) -> tensor<f32>
  %vjp = lax.custom_vjp @f rule @f_vjp(%x) : (tensor<f32>) -> tensor<f32>
  %scan:2 = lax.scan @step(%x, %x, %xs) {num_consts = 1 : i64, num_carry = 1 : i64, length = 5 : i64, reverse = false, unroll = 1 : i64} : (tensor<f32>, tensor<f32>, tensor<5xf32>) -> (tensor<f32>, tensor<5xf32>)
  %while = lax.while cond @positive body @f(%x) {cond_consts = 0 : i64, body_consts = 0 : i64} : (tensor<f32>) -> tensor<f32>
  %cond = lax.cond %i, [@f, @f](%x) : (tensor<i32>, tensor<f32>) -> tensor<f32>
  %bind = lax.bind "cholesky"(%m) {parameters = {symmetrize_input = true}} : (tensor<3x3xf32>) -> tensor<3x3xf32>
  %pair:2 = lax.bind "pair"() {parameters = {jaxpr = @f}} : () -> (tensor<f32>, tensor<i32>)
  func.return
}

func.func @linear_algebra(%a: tensor<4x3x3xf32>, %b: tensor<4x3x2xf32>) {
  %cholesky = lax.cholesky %a : (tensor<4x3x3xf32>) -> tensor<4x3x3xf32>
  %solve = lax.triangular_solve %a, %b {left_side = true, lower = true, transpose_a = false, unit_diagonal = false} : (tensor<4x3x3xf32>, tensor<4x3x2xf32>) -> tensor<4x3x2xf32>
  func.return
}

// CHECK:      builtin.module {
// CHECK-NEXT:   func.func @elementwise(%x: tensor<3xf32>, %y: tensor<3xf32>, %z: tensor<3xf32>, %i: tensor<3xi32>, %j: tensor<3xi32>, %b: tensor<3xi1>, %c: tensor<complex<f32>>, %k: !rng.key, %w: tensor<f64>) {
// CHECK-NEXT:     %neg = lax.neg %x : tensor<3xf32>
// CHECK-NEXT:     %abs = lax.abs %x : tensor<3xf32>
// CHECK-NEXT:     %sign = lax.sign %x : tensor<3xf32>
// CHECK-NEXT:     %floor = lax.floor %x : tensor<3xf32>
// CHECK-NEXT:     %ceil = lax.ceil %x : tensor<3xf32>
// CHECK-NEXT:     %round_half_even = lax.round_half_even %x : tensor<3xf32>
// CHECK-NEXT:     %round_half_away = lax.round_half_away %x : tensor<3xf32>
// CHECK-NEXT:     %exp = lax.exp %x : tensor<3xf32>
// CHECK-NEXT:     %exp2 = lax.exp2 %x : tensor<3xf32>
// CHECK-NEXT:     %expm1 = lax.expm1 %x : tensor<3xf32>
// CHECK-NEXT:     %log = lax.log %x : tensor<3xf32>
// CHECK-NEXT:     %log1p = lax.log1p %x : tensor<3xf32>
// CHECK-NEXT:     %sin = lax.sin %x : tensor<3xf32>
// CHECK-NEXT:     %cos = lax.cos %x : tensor<3xf32>
// CHECK-NEXT:     %tan = lax.tan %x : tensor<3xf32>
// CHECK-NEXT:     %asin = lax.asin %x : tensor<3xf32>
// CHECK-NEXT:     %acos = lax.acos %x : tensor<3xf32>
// CHECK-NEXT:     %atan = lax.atan %x : tensor<3xf32>
// CHECK-NEXT:     %sinh = lax.sinh %x : tensor<3xf32>
// CHECK-NEXT:     %cosh = lax.cosh %x : tensor<3xf32>
// CHECK-NEXT:     %tanh = lax.tanh %x : tensor<3xf32>
// CHECK-NEXT:     %asinh = lax.asinh %x : tensor<3xf32>
// CHECK-NEXT:     %acosh = lax.acosh %x : tensor<3xf32>
// CHECK-NEXT:     %atanh = lax.atanh %x : tensor<3xf32>
// CHECK-NEXT:     %sqrt = lax.sqrt %x : tensor<3xf32>
// CHECK-NEXT:     %rsqrt = lax.rsqrt %x : tensor<3xf32>
// CHECK-NEXT:     %cbrt = lax.cbrt %x : tensor<3xf32>
// CHECK-NEXT:     %square = lax.square %x : tensor<3xf32>
// CHECK-NEXT:     %logistic = lax.logistic %x : tensor<3xf32>
// CHECK-NEXT:     %softplus = lax.softplus %x : tensor<3xf32>
// CHECK-NEXT:     %lgamma = lax.lgamma %x : tensor<3xf32>
// CHECK-NEXT:     %digamma = lax.digamma %x : tensor<3xf32>
// CHECK-NEXT:     %erf = lax.erf %x : tensor<3xf32>
// CHECK-NEXT:     %erfc = lax.erfc %x : tensor<3xf32>
// CHECK-NEXT:     %erf_inv = lax.erf_inv %x : tensor<3xf32>
// CHECK-NEXT:     %ndtri = lax.ndtri %x : tensor<3xf32>
// CHECK-NEXT:     %log_ndtr = lax.log_ndtr %x : tensor<3xf32>
// CHECK-NEXT:     %bessel_i0e = lax.bessel_i0e %x : tensor<3xf32>
// CHECK-NEXT:     %bessel_i1e = lax.bessel_i1e %x : tensor<3xf32>
// CHECK-NEXT:     %slow_exp = lax.exp %x {accuracy = "highest"} : tensor<3xf32>
// CHECK-NEXT:     %logical_not = lax.logical_not %i : tensor<3xi32>
// CHECK-NEXT:     %stop_gradient = lax.stop_gradient %x : tensor<3xf32>
// CHECK-NEXT:     %copy = lax.copy %x : tensor<3xf32>
// CHECK-NEXT:     %add = lax.add %x, %y : tensor<3xf32>
// CHECK-NEXT:     %sub = lax.sub %x, %y : tensor<3xf32>
// CHECK-NEXT:     %mul = lax.mul %x, %y : tensor<3xf32>
// CHECK-NEXT:     %div = lax.div %x, %y : tensor<3xf32>
// CHECK-NEXT:     %rem = lax.rem %x, %y : tensor<3xf32>
// CHECK-NEXT:     %pow = lax.pow %x, %y : tensor<3xf32>
// CHECK-NEXT:     %max = lax.max %x, %y : tensor<3xf32>
// CHECK-NEXT:     %min = lax.min %x, %y : tensor<3xf32>
// CHECK-NEXT:     %atan2 = lax.atan2 %x, %y : tensor<3xf32>
// CHECK-NEXT:     %nextafter = lax.nextafter %x, %y : tensor<3xf32>
// CHECK-NEXT:     %logical_and = lax.logical_and %i, %j : tensor<3xi32>
// CHECK-NEXT:     %logical_or = lax.logical_or %i, %j : tensor<3xi32>
// CHECK-NEXT:     %logical_xor = lax.logical_xor %i, %j : tensor<3xi32>
// CHECK-NEXT:     %shift_left = lax.shift_left %i, %j : tensor<3xi32>
// CHECK-NEXT:     %shift_right_logical = lax.shift_right_logical %i, %j : tensor<3xi32>
// CHECK-NEXT:     %shift_right_arithmetic = lax.shift_right_arithmetic %i, %j : tensor<3xi32>
// CHECK-NEXT:     %logaddexp = lax.logaddexp %x, %y : tensor<3xf32>
// CHECK-NEXT:     %xlogy = lax.xlogy %x, %y : tensor<3xf32>
// CHECK-NEXT:     %xlog1py = lax.xlog1py %x, %y : tensor<3xf32>
// CHECK-NEXT:     %betaln = lax.betaln %x, %y : tensor<3xf32>
// CHECK-NEXT:     %igamma = lax.igamma %x, %y : tensor<3xf32>
// CHECK-NEXT:     %igammac = lax.igammac %x, %y : tensor<3xf32>
// CHECK-NEXT:     %igamma_grad_a = lax.igamma_grad_a %x, %y : tensor<3xf32>
// CHECK-NEXT:     %random_gamma_grad = lax.random_gamma_grad %x, %y : tensor<3xf32>
// CHECK-NEXT:     %polygamma = lax.polygamma %x, %y : tensor<3xf32>
// CHECK-NEXT:     %zeta = lax.zeta %x, %y : tensor<3xf32>
// CHECK-NEXT:     %regularized_incomplete_beta = lax.regularized_incomplete_beta %x, %y, %z : tensor<3xf32>
// CHECK-NEXT:     %eq = lax.eq %x, %y : tensor<3xf32> -> tensor<3xi1>
// CHECK-NEXT:     %ne = lax.ne %x, %y : tensor<3xf32> -> tensor<3xi1>
// CHECK-NEXT:     %lt = lax.lt %x, %y : tensor<3xf32> -> tensor<3xi1>
// CHECK-NEXT:     %le = lax.le %x, %y : tensor<3xf32> -> tensor<3xi1>
// CHECK-NEXT:     %gt = lax.gt %x, %y : tensor<3xf32> -> tensor<3xi1>
// CHECK-NEXT:     %ge = lax.ge %x, %y : tensor<3xf32> -> tensor<3xi1>
// CHECK-NEXT:     %is_finite = lax.is_finite %x : tensor<3xf32> -> tensor<3xi1>
// CHECK-NEXT:     %neg_i = lax.neg %i : tensor<3xi32>
// CHECK-NEXT:     %add_i = lax.add %i, %j : tensor<3xi32>
// CHECK-NEXT:     %max_b = lax.max %b, %b : tensor<3xi1>
// CHECK-NEXT:     %and_b = lax.logical_and %b, %b : tensor<3xi1>
// CHECK-NEXT:     %eq_b = lax.eq %b, %b : tensor<3xi1> -> tensor<3xi1>
// CHECK-NEXT:     %exp_c = lax.exp %c : tensor<complex<f32>>
// CHECK-NEXT:     %copy_k = lax.copy %k : !rng.key
// CHECK-NEXT:     %wide = lax.add %w, %w : tensor<f64>
// CHECK-NEXT:     func.return
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func @constants() {
// CHECK-NEXT:     %splat = lax.constant "0.5" : tensor<8xf32>
// CHECK-NEXT:     %special = lax.constant "1.0, -inf, nan, -0.0" : tensor<4xf32>
// CHECK-NEXT:     %large = lax.constant "16777216.0, 100000000.0" : tensor<2xf32>
// CHECK-NEXT:     %exact = lax.constant "100000001.0" : tensor<f64>
// CHECK-NEXT:     %payload = lax.constant "0x7ff8deadbeef0001" : tensor<f64>
// CHECK-NEXT:     %half = lax.constant "0.1" : tensor<bf16>
// CHECK-NEXT:     %ints = lax.constant "-9223372036854775808, 9223372036854775807" : tensor<2xi64>
// CHECK-NEXT:     %bools = lax.constant "true, false" : tensor<2xi1>
// CHECK-NEXT:     %bytes = lax.constant "255" : tensor<ui8>
// CHECK-NEXT:     %empty = lax.constant "" : tensor<0xf32>
// CHECK-NEXT:     %attribute = "test.op"() {value = #lax.literal<"1.5" : tensor<8xf32>>} : () -> tensor<8xf32>
// CHECK-NEXT:     func.return
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func @choices(%which: tensor<3xi1>, %index: tensor<i32>, %a: tensor<3xf32>, %low: tensor<f32>) {
// CHECK-NEXT:     %select = lax.select_n %which, %a, %a : (tensor<3xi1>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// CHECK-NEXT:     %among = lax.select_n %index, %a, %a, %a : (tensor<i32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// CHECK-NEXT:     %clamp = lax.clamp %low, %a, %low : (tensor<f32>, tensor<3xf32>, tensor<f32>) -> tensor<3xf32>
// CHECK-NEXT:     %power = lax.integer_pow %a {exponent = -3 : i64} : (tensor<3xf32>) -> tensor<3xf32>
// CHECK-NEXT:     func.return
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func @shapes(%x: tensor<2x3xf32>, %v: tensor<3xf32>, %one: tensor<1x3xf32>, %s: tensor<f32>, %keys: tensor<1x!rng.key>) {
// CHECK-NEXT:     %bitcast = lax.bitcast %v : (tensor<3xf32>) -> tensor<3xi32>
// CHECK-NEXT:     %convert = lax.convert %v : (tensor<3xf32>) -> tensor<3xi32>
// CHECK-NEXT:     %broadcast = lax.broadcast_in_dim %v {dimensions = array<i64: 1>} : (tensor<3xf32>) -> tensor<2x3xf32>
// CHECK-NEXT:     %reshape = lax.reshape %x : (tensor<2x3xf32>) -> tensor<6xf32>
// CHECK-NEXT:     %transpose = lax.transpose %x {permutation = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
// CHECK-NEXT:     %squeeze = lax.squeeze %one {dimensions = array<i64: 0>} : (tensor<1x3xf32>) -> tensor<3xf32>
// CHECK-NEXT:     %key = lax.squeeze %keys {dimensions = array<i64: 0>} : (tensor<1x!rng.key>) -> !rng.key
// CHECK-NEXT:     %concatenate = lax.concatenate %x, %one {dimension = 0 : i64} : (tensor<2x3xf32>, tensor<1x3xf32>) -> tensor<3x3xf32>
// CHECK-NEXT:     %stack = lax.stack %v, %v {axis = 1 : i64} : (tensor<3xf32>, tensor<3xf32>) -> tensor<3x2xf32>
// CHECK-NEXT:     %unstack, %unstack_1 = lax.unstack %x {axis = 0 : i64} : (tensor<2x3xf32>) -> (tensor<3xf32>, tensor<3xf32>)
// CHECK-NEXT:     %split, %split_1 = lax.split %x {sizes = array<i64: 1, 2>, axis = 1 : i64} : (tensor<2x3xf32>) -> (tensor<2x1xf32>, tensor<2x2xf32>)
// CHECK-NEXT:     %slice = lax.slice %x {start = array<i64: 0, 0>, limit = array<i64: 2, 3>, strides = array<i64: 1, 2>} : (tensor<2x3xf32>) -> tensor<2x2xf32>
// CHECK-NEXT:     %pad = lax.pad %v, %s {low = array<i64: -1>, high = array<i64: 2>, interior = array<i64: 1>} : (tensor<3xf32>, tensor<f32>) -> tensor<6xf32>
// CHECK-NEXT:     %rev = lax.rev %x {dimensions = array<i64: 0, 1>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
// CHECK-NEXT:     %iota = lax.iota {dimension = 1 : i64} : tensor<2x3xi32>
// CHECK-NEXT:     func.return
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func @reductions(%x: tensor<2x3xf32>, %b: tensor<2x3xi1>, %i: tensor<2x3xi32>) {
// CHECK-NEXT:     %sum = lax.reduce_sum %x {axes = array<i64: 0, 1>} : (tensor<2x3xf32>) -> tensor<f32>
// CHECK-NEXT:     %prod = lax.reduce_prod %x {axes = array<i64: 0>} : (tensor<2x3xf32>) -> tensor<3xf32>
// CHECK-NEXT:     %max = lax.reduce_max %x {axes = array<i64: 1>} : (tensor<2x3xf32>) -> tensor<2xf32>
// CHECK-NEXT:     %min = lax.reduce_min %i {axes = array<i64: 1>} : (tensor<2x3xi32>) -> tensor<2xi32>
// CHECK-NEXT:     %and = lax.reduce_and %b {axes = array<i64: 1>} : (tensor<2x3xi1>) -> tensor<2xi1>
// CHECK-NEXT:     %or = lax.reduce_or %b {axes = array<i64>} : (tensor<2x3xi1>) -> tensor<2x3xi1>
// CHECK-NEXT:     %lse = lax.logsumexp %x {axes = array<i64: 1>} : (tensor<2x3xf32>) -> tensor<2xf32>
// CHECK-NEXT:     %argmax = lax.argmax %x {axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<2xi32>
// CHECK-NEXT:     %argmin = lax.argmin %x {axis = 0 : i64} : (tensor<2x3xf32>) -> tensor<3xi32>
// CHECK-NEXT:     %cumsum = lax.cumsum %x {axis = 1 : i64, reverse = false} : (tensor<2x3xf32>) -> tensor<2x3xf32>
// CHECK-NEXT:     %cumprod = lax.cumprod %x {axis = 1 : i64, reverse = true} : (tensor<2x3xf32>) -> tensor<2x3xf32>
// CHECK-NEXT:     %cummax = lax.cummax %x {axis = 0 : i64, reverse = false} : (tensor<2x3xf32>) -> tensor<2x3xf32>
// CHECK-NEXT:     %cummin = lax.cummin %x {axis = 0 : i64, reverse = false} : (tensor<2x3xf32>) -> tensor<2x3xf32>
// CHECK-NEXT:     %cumlse = lax.cumlogsumexp %x {axis = 0 : i64, reverse = false} : (tensor<2x3xf32>) -> tensor<2x3xf32>
// CHECK-NEXT:     %sort, %sort_1 = lax.sort %x, %i {dimension = 1 : i64, is_stable = true, num_keys = 1 : i64} : (tensor<2x3xf32>, tensor<2x3xi32>) -> (tensor<2x3xf32>, tensor<2x3xi32>)
// CHECK-NEXT:     %dot = lax.dot_general %x, %x {x_batch = array<i64: 0>, y_batch = array<i64: 0>, x_contract = array<i64: 1>, y_contract = array<i64: 1>} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2xf32>
// CHECK-NEXT:     %highest = lax.dot_general %x, %x {x_batch = array<i64>, y_batch = array<i64>, x_contract = array<i64: 1>, y_contract = array<i64: 1>, precision = "HIGHEST"} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x2xf32>
// CHECK-NEXT:     func.return
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func @convolutions(%rows: tensor<1x2x6xf32>, %kernel: tensor<3x2x3xf32>, %kernels: tensor<4x1x3xf32>) {
// CHECK-NEXT:     %conv = lax.conv_general_dilated %rows, %kernel {lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: 1>, high = array<i64: 1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 1 : i64, batch_group_count = 1 : i64} : (tensor<1x2x6xf32>, tensor<3x2x3xf32>) -> tensor<1x3x6xf32>
// CHECK-NEXT:     %turned = lax.conv_general_dilated %rows, %kernel {lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 2, 0, 1>, window_strides = array<i64: 2>, low = array<i64: -1>, high = array<i64: 4>, lhs_dilation = array<i64: 2>, rhs_dilation = array<i64: 3>, feature_group_count = 1 : i64, batch_group_count = 1 : i64, precision = "HIGHEST"} : (tensor<1x2x6xf32>, tensor<3x2x3xf32>) -> tensor<3x4x1xf32>
// CHECK-NEXT:     %grouped = lax.conv_general_dilated %rows, %kernels {lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: 1>, high = array<i64: 1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 2 : i64, batch_group_count = 1 : i64} : (tensor<1x2x6xf32>, tensor<4x1x3xf32>) -> tensor<1x4x6xf32>
// CHECK-NEXT:     %batches = lax.conv_general_dilated %kernels, %kernels {lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: 1>, high = array<i64: 1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 1 : i64, batch_group_count = 4 : i64} : (tensor<4x1x3xf32>, tensor<4x1x3xf32>) -> tensor<1x4x3xf32>
// CHECK-NEXT:     func.return
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func @spectra(%x: tensor<2x5xf32>, %y: tensor<2x5xf32>) {
// CHECK-NEXT:     %z = lax.complex %x, %y : (tensor<2x5xf32>, tensor<2x5xf32>) -> tensor<2x5xcomplex<f32>>
// CHECK-NEXT:     %real = lax.real %z : (tensor<2x5xcomplex<f32>>) -> tensor<2x5xf32>
// CHECK-NEXT:     %imag = lax.imag %z : (tensor<2x5xcomplex<f32>>) -> tensor<2x5xf32>
// CHECK-NEXT:     %fft = lax.fft %z {kind = "FFT", lengths = array<i64: 5>} : (tensor<2x5xcomplex<f32>>) -> tensor<2x5xcomplex<f32>>
// CHECK-NEXT:     %ifft = lax.fft %fft {kind = "IFFT", lengths = array<i64: 2, 5>} : (tensor<2x5xcomplex<f32>>) -> tensor<2x5xcomplex<f32>>
// CHECK-NEXT:     %rfft = lax.fft %x {kind = "RFFT", lengths = array<i64: 5>} : (tensor<2x5xf32>) -> tensor<2x3xcomplex<f32>>
// CHECK-NEXT:     %irfft = lax.fft %rfft {kind = "IRFFT", lengths = array<i64: 5>} : (tensor<2x3xcomplex<f32>>) -> tensor<2x5xf32>
// CHECK-NEXT:     func.return
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func @indexing(%x: tensor<5x2xf32>, %u: tensor<1x2xf32>, %i: tensor<i32>, %rows: tensor<3x1xi32>, %updates: tensor<3x2xf32>) {
// CHECK-NEXT:     %slice = lax.dynamic_slice %x, %i, %i {sizes = array<i64: 3, 1>} : (tensor<5x2xf32>, tensor<i32>, tensor<i32>) -> tensor<3x1xf32>
// CHECK-NEXT:     %update = lax.dynamic_update_slice %x, %u, %i, %i : (tensor<5x2xf32>, tensor<1x2xf32>, tensor<i32>, tensor<i32>) -> tensor<5x2xf32>
// CHECK-NEXT:     %gather = lax.gather %x, %rows {offset_dims = array<i64: 1>, collapsed_slice_dims = array<i64: 0>, operand_batching_dims = array<i64>, start_indices_batching_dims = array<i64>, start_index_map = array<i64: 0>, slice_sizes = array<i64: 1, 2>, indices_are_sorted = false, unique_indices = false, mode = "fill", fill_value = #lax.literal<"nan" : tensor<f32>>} : (tensor<5x2xf32>, tensor<3x1xi32>) -> tensor<3x2xf32>
// CHECK-NEXT:     %clip = lax.gather %x, %rows {offset_dims = array<i64: 0>, collapsed_slice_dims = array<i64: 0>, operand_batching_dims = array<i64>, start_indices_batching_dims = array<i64>, start_index_map = array<i64: 0>, slice_sizes = array<i64: 1, 2>, indices_are_sorted = true, unique_indices = true, mode = "clip"} : (tensor<5x2xf32>, tensor<3x1xi32>) -> tensor<2x3xf32>
// CHECK-NEXT:     %scatter = lax.scatter %x, %rows, %updates {update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "fill"} : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
// CHECK-NEXT:     %scatter_add = lax.scatter_add %x, %rows, %updates {update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "promise_in_bounds"} : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
// CHECK-NEXT:     %scatter_sub = lax.scatter_sub %x, %rows, %updates {update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "clip"} : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
// CHECK-NEXT:     %scatter_mul = lax.scatter_mul %x, %rows, %updates {update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "clip"} : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
// CHECK-NEXT:     %scatter_min = lax.scatter_min %x, %rows, %updates {update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "fill"} : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
// CHECK-NEXT:     %scatter_max = lax.scatter_max %x, %rows, %updates {update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "fill"} : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
// CHECK-NEXT:     func.return
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func private @f(%x: tensor<f32>) -> tensor<f32> {
// CHECK-NEXT:     func.return %x : tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func private @f_jvp(%x: tensor<f32>, %dx: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     %y = lax.custom_jvp @f rule @f_jvp(%x) : (tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     func.return %y, %dx : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func private @f_vjp(%x: tensor<f32>, %ct: tensor<f32>) -> tensor<f32> {
// CHECK-NEXT:     func.return %ct : tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func private @positive(%x: tensor<f32>) -> tensor<i1> {
// CHECK-NEXT:     %c = lax.is_finite %x : tensor<f32> -> tensor<i1>
// CHECK-NEXT:     func.return %c : tensor<i1>
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func private @step(%k: tensor<f32>, %c: tensor<f32>, %x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
// CHECK-NEXT:     func.return %c, %x : tensor<f32>, tensor<f32>
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func @control(%x: tensor<f32>, %xs: tensor<5xf32>, %i: tensor<i32>, %m: tensor<3x3xf32>) {
// CHECK-NEXT:     %jvp = lax.custom_jvp @f rule @f_jvp(%x) : (tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     %vjp = lax.custom_vjp @f rule @f_vjp(%x) : (tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     %scan, %scan_1 = lax.scan @step(%x, %x, %xs) {num_consts = 1 : i64, num_carry = 1 : i64, length = 5 : i64, reverse = false, unroll = 1 : i64} : (tensor<f32>, tensor<f32>, tensor<5xf32>) -> (tensor<f32>, tensor<5xf32>)
// CHECK-NEXT:     %while = lax.while cond @positive body @f(%x) {cond_consts = 0 : i64, body_consts = 0 : i64} : (tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     %cond = lax.cond %i, [@f, @f](%x) : (tensor<i32>, tensor<f32>) -> tensor<f32>
// CHECK-NEXT:     %bind = lax.bind "cholesky"(%m) {parameters = {symmetrize_input = true}} : (tensor<3x3xf32>) -> tensor<3x3xf32>
// CHECK-NEXT:     %pair, %pair_1 = lax.bind "pair"() {parameters = {jaxpr = @f}} : () -> (tensor<f32>, tensor<i32>)
// CHECK-NEXT:     func.return
// CHECK-NEXT:   }
// CHECK-NEXT:   func.func @linear_algebra(%a: tensor<4x3x3xf32>, %b: tensor<4x3x2xf32>) {
// CHECK-NEXT:     %cholesky = lax.cholesky %a : (tensor<4x3x3xf32>) -> tensor<4x3x3xf32>
// CHECK-NEXT:     %solve = lax.triangular_solve %a, %b {left_side = true, lower = true, transpose_a = false, unit_diagonal = false} : (tensor<4x3x3xf32>, tensor<4x3x2xf32>) -> tensor<4x3x2xf32>
// CHECK-NEXT:     func.return
// CHECK-NEXT:   }
// CHECK-NEXT: }

// GENERIC:      "builtin.module"() ({
// GENERIC-NEXT:   "func.func"() <{sym_name = "elementwise", function_type = (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xi32>, tensor<3xi32>, tensor<3xi1>, tensor<complex<f32>>, !rng.key, tensor<f64>) -> ()}> ({
// GENERIC-NEXT:   ^bb0(%x: tensor<3xf32>, %y: tensor<3xf32>, %z: tensor<3xf32>, %i: tensor<3xi32>, %j: tensor<3xi32>, %b: tensor<3xi1>, %c: tensor<complex<f32>>, %k: !rng.key, %w: tensor<f64>):
// GENERIC-NEXT:     %neg = "lax.neg"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %abs = "lax.abs"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %sign = "lax.sign"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %floor = "lax.floor"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %ceil = "lax.ceil"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %round_half_even = "lax.round_half_even"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %round_half_away = "lax.round_half_away"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %exp = "lax.exp"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %exp2 = "lax.exp2"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %expm1 = "lax.expm1"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %log = "lax.log"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %log1p = "lax.log1p"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %sin = "lax.sin"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %cos = "lax.cos"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %tan = "lax.tan"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %asin = "lax.asin"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %acos = "lax.acos"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %atan = "lax.atan"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %sinh = "lax.sinh"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %cosh = "lax.cosh"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %tanh = "lax.tanh"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %asinh = "lax.asinh"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %acosh = "lax.acosh"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %atanh = "lax.atanh"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %sqrt = "lax.sqrt"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %rsqrt = "lax.rsqrt"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %cbrt = "lax.cbrt"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %square = "lax.square"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %logistic = "lax.logistic"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %softplus = "lax.softplus"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %lgamma = "lax.lgamma"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %digamma = "lax.digamma"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %erf = "lax.erf"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %erfc = "lax.erfc"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %erf_inv = "lax.erf_inv"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %ndtri = "lax.ndtri"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %log_ndtr = "lax.log_ndtr"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %bessel_i0e = "lax.bessel_i0e"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %bessel_i1e = "lax.bessel_i1e"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %slow_exp = "lax.exp"(%x) <{accuracy = "highest"}> : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %logical_not = "lax.logical_not"(%i) : (tensor<3xi32>) -> tensor<3xi32>
// GENERIC-NEXT:     %stop_gradient = "lax.stop_gradient"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %copy = "lax.copy"(%x) : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %add = "lax.add"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %sub = "lax.sub"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %mul = "lax.mul"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %div = "lax.div"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %rem = "lax.rem"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %pow = "lax.pow"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %max = "lax.max"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %min = "lax.min"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %atan2 = "lax.atan2"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %nextafter = "lax.nextafter"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %logical_and = "lax.logical_and"(%i, %j) : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi32>
// GENERIC-NEXT:     %logical_or = "lax.logical_or"(%i, %j) : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi32>
// GENERIC-NEXT:     %logical_xor = "lax.logical_xor"(%i, %j) : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi32>
// GENERIC-NEXT:     %shift_left = "lax.shift_left"(%i, %j) : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi32>
// GENERIC-NEXT:     %shift_right_logical = "lax.shift_right_logical"(%i, %j) : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi32>
// GENERIC-NEXT:     %shift_right_arithmetic = "lax.shift_right_arithmetic"(%i, %j) : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi32>
// GENERIC-NEXT:     %logaddexp = "lax.logaddexp"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %xlogy = "lax.xlogy"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %xlog1py = "lax.xlog1py"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %betaln = "lax.betaln"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %igamma = "lax.igamma"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %igammac = "lax.igammac"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %igamma_grad_a = "lax.igamma_grad_a"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %random_gamma_grad = "lax.random_gamma_grad"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %polygamma = "lax.polygamma"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %zeta = "lax.zeta"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %regularized_incomplete_beta = "lax.regularized_incomplete_beta"(%x, %y, %z) : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %eq = "lax.eq"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
// GENERIC-NEXT:     %ne = "lax.ne"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
// GENERIC-NEXT:     %lt = "lax.lt"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
// GENERIC-NEXT:     %le = "lax.le"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
// GENERIC-NEXT:     %gt = "lax.gt"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
// GENERIC-NEXT:     %ge = "lax.ge"(%x, %y) : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xi1>
// GENERIC-NEXT:     %is_finite = "lax.is_finite"(%x) : (tensor<3xf32>) -> tensor<3xi1>
// GENERIC-NEXT:     %neg_i = "lax.neg"(%i) : (tensor<3xi32>) -> tensor<3xi32>
// GENERIC-NEXT:     %add_i = "lax.add"(%i, %j) : (tensor<3xi32>, tensor<3xi32>) -> tensor<3xi32>
// GENERIC-NEXT:     %max_b = "lax.max"(%b, %b) : (tensor<3xi1>, tensor<3xi1>) -> tensor<3xi1>
// GENERIC-NEXT:     %and_b = "lax.logical_and"(%b, %b) : (tensor<3xi1>, tensor<3xi1>) -> tensor<3xi1>
// GENERIC-NEXT:     %eq_b = "lax.eq"(%b, %b) : (tensor<3xi1>, tensor<3xi1>) -> tensor<3xi1>
// GENERIC-NEXT:     %exp_c = "lax.exp"(%c) : (tensor<complex<f32>>) -> tensor<complex<f32>>
// GENERIC-NEXT:     %copy_k = "lax.copy"(%k) : (!rng.key) -> !rng.key
// GENERIC-NEXT:     %wide = "lax.add"(%w, %w) : (tensor<f64>, tensor<f64>) -> tensor<f64>
// GENERIC-NEXT:     "func.return"() : () -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "constants", function_type = () -> ()}> ({
// GENERIC-NEXT:     %splat = "lax.constant"() <{value = #lax.literal<"0.5" : tensor<8xf32>>}> : () -> tensor<8xf32>
// GENERIC-NEXT:     %special = "lax.constant"() <{value = #lax.literal<"1.0, -inf, nan, -0.0" : tensor<4xf32>>}> : () -> tensor<4xf32>
// GENERIC-NEXT:     %large = "lax.constant"() <{value = #lax.literal<"16777216.0, 100000000.0" : tensor<2xf32>>}> : () -> tensor<2xf32>
// GENERIC-NEXT:     %exact = "lax.constant"() <{value = #lax.literal<"100000001.0" : tensor<f64>>}> : () -> tensor<f64>
// GENERIC-NEXT:     %payload = "lax.constant"() <{value = #lax.literal<"0x7ff8deadbeef0001" : tensor<f64>>}> : () -> tensor<f64>
// GENERIC-NEXT:     %half = "lax.constant"() <{value = #lax.literal<"0.1" : tensor<bf16>>}> : () -> tensor<bf16>
// GENERIC-NEXT:     %ints = "lax.constant"() <{value = #lax.literal<"-9223372036854775808, 9223372036854775807" : tensor<2xi64>>}> : () -> tensor<2xi64>
// GENERIC-NEXT:     %bools = "lax.constant"() <{value = #lax.literal<"true, false" : tensor<2xi1>>}> : () -> tensor<2xi1>
// GENERIC-NEXT:     %bytes = "lax.constant"() <{value = #lax.literal<"255" : tensor<ui8>>}> : () -> tensor<ui8>
// GENERIC-NEXT:     %empty = "lax.constant"() <{value = #lax.literal<"" : tensor<0xf32>>}> : () -> tensor<0xf32>
// GENERIC-NEXT:     %attribute = "test.op"() {value = #lax.literal<"1.5" : tensor<8xf32>>} : () -> tensor<8xf32>
// GENERIC-NEXT:     "func.return"() : () -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "choices", function_type = (tensor<3xi1>, tensor<i32>, tensor<3xf32>, tensor<f32>) -> ()}> ({
// GENERIC-NEXT:   ^bb0(%which: tensor<3xi1>, %index: tensor<i32>, %a: tensor<3xf32>, %low: tensor<f32>):
// GENERIC-NEXT:     %select = "lax.select_n"(%which, %a, %a) : (tensor<3xi1>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %among = "lax.select_n"(%index, %a, %a, %a) : (tensor<i32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %clamp = "lax.clamp"(%low, %a, %low) : (tensor<f32>, tensor<3xf32>, tensor<f32>) -> tensor<3xf32>
// GENERIC-NEXT:     %power = "lax.integer_pow"(%a) <{exponent = -3 : i64}> : (tensor<3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     "func.return"() : () -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "shapes", function_type = (tensor<2x3xf32>, tensor<3xf32>, tensor<1x3xf32>, tensor<f32>, tensor<1x!rng.key>) -> ()}> ({
// GENERIC-NEXT:   ^bb0(%x: tensor<2x3xf32>, %v: tensor<3xf32>, %one: tensor<1x3xf32>, %s: tensor<f32>, %keys: tensor<1x!rng.key>):
// GENERIC-NEXT:     %bitcast = "lax.bitcast"(%v) : (tensor<3xf32>) -> tensor<3xi32>
// GENERIC-NEXT:     %convert = "lax.convert"(%v) : (tensor<3xf32>) -> tensor<3xi32>
// GENERIC-NEXT:     %broadcast = "lax.broadcast_in_dim"(%v) <{dimensions = array<i64: 1>}> : (tensor<3xf32>) -> tensor<2x3xf32>
// GENERIC-NEXT:     %reshape = "lax.reshape"(%x) : (tensor<2x3xf32>) -> tensor<6xf32>
// GENERIC-NEXT:     %transpose = "lax.transpose"(%x) <{permutation = array<i64: 1, 0>}> : (tensor<2x3xf32>) -> tensor<3x2xf32>
// GENERIC-NEXT:     %squeeze = "lax.squeeze"(%one) <{dimensions = array<i64: 0>}> : (tensor<1x3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %key = "lax.squeeze"(%keys) <{dimensions = array<i64: 0>}> : (tensor<1x!rng.key>) -> !rng.key
// GENERIC-NEXT:     %concatenate = "lax.concatenate"(%x, %one) <{dimension = 0 : i64}> : (tensor<2x3xf32>, tensor<1x3xf32>) -> tensor<3x3xf32>
// GENERIC-NEXT:     %stack = "lax.stack"(%v, %v) <{axis = 1 : i64}> : (tensor<3xf32>, tensor<3xf32>) -> tensor<3x2xf32>
// GENERIC-NEXT:     %unstack, %unstack_1 = "lax.unstack"(%x) <{axis = 0 : i64}> : (tensor<2x3xf32>) -> (tensor<3xf32>, tensor<3xf32>)
// GENERIC-NEXT:     %split, %split_1 = "lax.split"(%x) <{sizes = array<i64: 1, 2>, axis = 1 : i64}> : (tensor<2x3xf32>) -> (tensor<2x1xf32>, tensor<2x2xf32>)
// GENERIC-NEXT:     %slice = "lax.slice"(%x) <{start = array<i64: 0, 0>, limit = array<i64: 2, 3>, strides = array<i64: 1, 2>}> : (tensor<2x3xf32>) -> tensor<2x2xf32>
// GENERIC-NEXT:     %pad = "lax.pad"(%v, %s) <{low = array<i64: -1>, high = array<i64: 2>, interior = array<i64: 1>}> : (tensor<3xf32>, tensor<f32>) -> tensor<6xf32>
// GENERIC-NEXT:     %rev = "lax.rev"(%x) <{dimensions = array<i64: 0, 1>}> : (tensor<2x3xf32>) -> tensor<2x3xf32>
// GENERIC-NEXT:     %iota = "lax.iota"() <{dimension = 1 : i64}> : () -> tensor<2x3xi32>
// GENERIC-NEXT:     "func.return"() : () -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "reductions", function_type = (tensor<2x3xf32>, tensor<2x3xi1>, tensor<2x3xi32>) -> ()}> ({
// GENERIC-NEXT:   ^bb0(%x: tensor<2x3xf32>, %b: tensor<2x3xi1>, %i: tensor<2x3xi32>):
// GENERIC-NEXT:     %sum = "lax.reduce_sum"(%x) <{axes = array<i64: 0, 1>}> : (tensor<2x3xf32>) -> tensor<f32>
// GENERIC-NEXT:     %prod = "lax.reduce_prod"(%x) <{axes = array<i64: 0>}> : (tensor<2x3xf32>) -> tensor<3xf32>
// GENERIC-NEXT:     %max = "lax.reduce_max"(%x) <{axes = array<i64: 1>}> : (tensor<2x3xf32>) -> tensor<2xf32>
// GENERIC-NEXT:     %min = "lax.reduce_min"(%i) <{axes = array<i64: 1>}> : (tensor<2x3xi32>) -> tensor<2xi32>
// GENERIC-NEXT:     %and = "lax.reduce_and"(%b) <{axes = array<i64: 1>}> : (tensor<2x3xi1>) -> tensor<2xi1>
// GENERIC-NEXT:     %or = "lax.reduce_or"(%b) <{axes = array<i64>}> : (tensor<2x3xi1>) -> tensor<2x3xi1>
// GENERIC-NEXT:     %lse = "lax.logsumexp"(%x) <{axes = array<i64: 1>}> : (tensor<2x3xf32>) -> tensor<2xf32>
// GENERIC-NEXT:     %argmax = "lax.argmax"(%x) <{axis = 1 : i64}> : (tensor<2x3xf32>) -> tensor<2xi32>
// GENERIC-NEXT:     %argmin = "lax.argmin"(%x) <{axis = 0 : i64}> : (tensor<2x3xf32>) -> tensor<3xi32>
// GENERIC-NEXT:     %cumsum = "lax.cumsum"(%x) <{axis = 1 : i64, reverse = false}> : (tensor<2x3xf32>) -> tensor<2x3xf32>
// GENERIC-NEXT:     %cumprod = "lax.cumprod"(%x) <{axis = 1 : i64, reverse = true}> : (tensor<2x3xf32>) -> tensor<2x3xf32>
// GENERIC-NEXT:     %cummax = "lax.cummax"(%x) <{axis = 0 : i64, reverse = false}> : (tensor<2x3xf32>) -> tensor<2x3xf32>
// GENERIC-NEXT:     %cummin = "lax.cummin"(%x) <{axis = 0 : i64, reverse = false}> : (tensor<2x3xf32>) -> tensor<2x3xf32>
// GENERIC-NEXT:     %cumlse = "lax.cumlogsumexp"(%x) <{axis = 0 : i64, reverse = false}> : (tensor<2x3xf32>) -> tensor<2x3xf32>
// GENERIC-NEXT:     %sort, %sort_1 = "lax.sort"(%x, %i) <{dimension = 1 : i64, is_stable = true, num_keys = 1 : i64}> : (tensor<2x3xf32>, tensor<2x3xi32>) -> (tensor<2x3xf32>, tensor<2x3xi32>)
// GENERIC-NEXT:     %dot = "lax.dot_general"(%x, %x) <{x_batch = array<i64: 0>, y_batch = array<i64: 0>, x_contract = array<i64: 1>, y_contract = array<i64: 1>}> : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2xf32>
// GENERIC-NEXT:     %highest = "lax.dot_general"(%x, %x) <{x_batch = array<i64>, y_batch = array<i64>, x_contract = array<i64: 1>, y_contract = array<i64: 1>, precision = "HIGHEST"}> : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x2xf32>
// GENERIC-NEXT:     "func.return"() : () -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "convolutions", function_type = (tensor<1x2x6xf32>, tensor<3x2x3xf32>, tensor<4x1x3xf32>) -> ()}> ({
// GENERIC-NEXT:   ^bb0(%rows: tensor<1x2x6xf32>, %kernel: tensor<3x2x3xf32>, %kernels: tensor<4x1x3xf32>):
// GENERIC-NEXT:     %conv = "lax.conv_general_dilated"(%rows, %kernel) <{lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: 1>, high = array<i64: 1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 1 : i64, batch_group_count = 1 : i64}> : (tensor<1x2x6xf32>, tensor<3x2x3xf32>) -> tensor<1x3x6xf32>
// GENERIC-NEXT:     %turned = "lax.conv_general_dilated"(%rows, %kernel) <{lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 2, 0, 1>, window_strides = array<i64: 2>, low = array<i64: -1>, high = array<i64: 4>, lhs_dilation = array<i64: 2>, rhs_dilation = array<i64: 3>, feature_group_count = 1 : i64, batch_group_count = 1 : i64, precision = "HIGHEST"}> : (tensor<1x2x6xf32>, tensor<3x2x3xf32>) -> tensor<3x4x1xf32>
// GENERIC-NEXT:     %grouped = "lax.conv_general_dilated"(%rows, %kernels) <{lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: 1>, high = array<i64: 1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 2 : i64, batch_group_count = 1 : i64}> : (tensor<1x2x6xf32>, tensor<4x1x3xf32>) -> tensor<1x4x6xf32>
// GENERIC-NEXT:     %batches = "lax.conv_general_dilated"(%kernels, %kernels) <{lhs_spec = array<i64: 0, 1, 2>, rhs_spec = array<i64: 0, 1, 2>, out_spec = array<i64: 0, 1, 2>, window_strides = array<i64: 1>, low = array<i64: 1>, high = array<i64: 1>, lhs_dilation = array<i64: 1>, rhs_dilation = array<i64: 1>, feature_group_count = 1 : i64, batch_group_count = 4 : i64}> : (tensor<4x1x3xf32>, tensor<4x1x3xf32>) -> tensor<1x4x3xf32>
// GENERIC-NEXT:     "func.return"() : () -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "spectra", function_type = (tensor<2x5xf32>, tensor<2x5xf32>) -> ()}> ({
// GENERIC-NEXT:   ^bb0(%x: tensor<2x5xf32>, %y: tensor<2x5xf32>):
// GENERIC-NEXT:     %z = "lax.complex"(%x, %y) : (tensor<2x5xf32>, tensor<2x5xf32>) -> tensor<2x5xcomplex<f32>>
// GENERIC-NEXT:     %real = "lax.real"(%z) : (tensor<2x5xcomplex<f32>>) -> tensor<2x5xf32>
// GENERIC-NEXT:     %imag = "lax.imag"(%z) : (tensor<2x5xcomplex<f32>>) -> tensor<2x5xf32>
// GENERIC-NEXT:     %fft = "lax.fft"(%z) <{kind = "FFT", lengths = array<i64: 5>}> : (tensor<2x5xcomplex<f32>>) -> tensor<2x5xcomplex<f32>>
// GENERIC-NEXT:     %ifft = "lax.fft"(%fft) <{kind = "IFFT", lengths = array<i64: 2, 5>}> : (tensor<2x5xcomplex<f32>>) -> tensor<2x5xcomplex<f32>>
// GENERIC-NEXT:     %rfft = "lax.fft"(%x) <{kind = "RFFT", lengths = array<i64: 5>}> : (tensor<2x5xf32>) -> tensor<2x3xcomplex<f32>>
// GENERIC-NEXT:     %irfft = "lax.fft"(%rfft) <{kind = "IRFFT", lengths = array<i64: 5>}> : (tensor<2x3xcomplex<f32>>) -> tensor<2x5xf32>
// GENERIC-NEXT:     "func.return"() : () -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "indexing", function_type = (tensor<5x2xf32>, tensor<1x2xf32>, tensor<i32>, tensor<3x1xi32>, tensor<3x2xf32>) -> ()}> ({
// GENERIC-NEXT:   ^bb0(%x: tensor<5x2xf32>, %u: tensor<1x2xf32>, %i: tensor<i32>, %rows: tensor<3x1xi32>, %updates: tensor<3x2xf32>):
// GENERIC-NEXT:     %slice = "lax.dynamic_slice"(%x, %i, %i) <{sizes = array<i64: 3, 1>}> : (tensor<5x2xf32>, tensor<i32>, tensor<i32>) -> tensor<3x1xf32>
// GENERIC-NEXT:     %update = "lax.dynamic_update_slice"(%x, %u, %i, %i) : (tensor<5x2xf32>, tensor<1x2xf32>, tensor<i32>, tensor<i32>) -> tensor<5x2xf32>
// GENERIC-NEXT:     %gather = "lax.gather"(%x, %rows) <{offset_dims = array<i64: 1>, collapsed_slice_dims = array<i64: 0>, operand_batching_dims = array<i64>, start_indices_batching_dims = array<i64>, start_index_map = array<i64: 0>, slice_sizes = array<i64: 1, 2>, indices_are_sorted = false, unique_indices = false, mode = "fill", fill_value = #lax.literal<"nan" : tensor<f32>>}> : (tensor<5x2xf32>, tensor<3x1xi32>) -> tensor<3x2xf32>
// GENERIC-NEXT:     %clip = "lax.gather"(%x, %rows) <{offset_dims = array<i64: 0>, collapsed_slice_dims = array<i64: 0>, operand_batching_dims = array<i64>, start_indices_batching_dims = array<i64>, start_index_map = array<i64: 0>, slice_sizes = array<i64: 1, 2>, indices_are_sorted = true, unique_indices = true, mode = "clip"}> : (tensor<5x2xf32>, tensor<3x1xi32>) -> tensor<2x3xf32>
// GENERIC-NEXT:     %scatter = "lax.scatter"(%x, %rows, %updates) <{update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "fill"}> : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
// GENERIC-NEXT:     %scatter_add = "lax.scatter_add"(%x, %rows, %updates) <{update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "promise_in_bounds"}> : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
// GENERIC-NEXT:     %scatter_sub = "lax.scatter_sub"(%x, %rows, %updates) <{update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "clip"}> : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
// GENERIC-NEXT:     %scatter_mul = "lax.scatter_mul"(%x, %rows, %updates) <{update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "clip"}> : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
// GENERIC-NEXT:     %scatter_min = "lax.scatter_min"(%x, %rows, %updates) <{update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "fill"}> : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
// GENERIC-NEXT:     %scatter_max = "lax.scatter_max"(%x, %rows, %updates) <{update_window_dims = array<i64: 1>, inserted_window_dims = array<i64: 0>, operand_batching_dims = array<i64>, scatter_indices_batching_dims = array<i64>, scatter_dims_to_operand_dims = array<i64: 0>, indices_are_sorted = false, unique_indices = false, mode = "fill"}> : (tensor<5x2xf32>, tensor<3x1xi32>, tensor<3x2xf32>) -> tensor<5x2xf32>
// GENERIC-NEXT:     "func.return"() : () -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "f", function_type = (tensor<f32>) -> tensor<f32>, sym_visibility = "private"}> ({
// GENERIC-NEXT:   ^bb0(%x: tensor<f32>):
// GENERIC-NEXT:     "func.return"(%x) : (tensor<f32>) -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "f_jvp", function_type = (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>), sym_visibility = "private"}> ({
// GENERIC-NEXT:   ^bb0(%x: tensor<f32>, %dx: tensor<f32>):
// GENERIC-NEXT:     %y = "lax.custom_jvp"(%x) <{function = @f, rule = @f_jvp}> : (tensor<f32>) -> tensor<f32>
// GENERIC-NEXT:     "func.return"(%y, %dx) : (tensor<f32>, tensor<f32>) -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "f_vjp", function_type = (tensor<f32>, tensor<f32>) -> tensor<f32>, sym_visibility = "private"}> ({
// GENERIC-NEXT:   ^bb0(%x: tensor<f32>, %ct: tensor<f32>):
// GENERIC-NEXT:     "func.return"(%ct) : (tensor<f32>) -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "positive", function_type = (tensor<f32>) -> tensor<i1>, sym_visibility = "private"}> ({
// GENERIC-NEXT:   ^bb0(%x: tensor<f32>):
// GENERIC-NEXT:     %c = "lax.is_finite"(%x) : (tensor<f32>) -> tensor<i1>
// GENERIC-NEXT:     "func.return"(%c) : (tensor<i1>) -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "step", function_type = (tensor<f32>, tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>), sym_visibility = "private"}> ({
// GENERIC-NEXT:   ^bb0(%k: tensor<f32>, %c: tensor<f32>, %x: tensor<f32>):
// GENERIC-NEXT:     "func.return"(%c, %x) : (tensor<f32>, tensor<f32>) -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "control", function_type = (tensor<f32>, tensor<5xf32>, tensor<i32>, tensor<3x3xf32>) -> ()}> ({
// GENERIC-NEXT:   ^bb0(%x: tensor<f32>, %xs: tensor<5xf32>, %i: tensor<i32>, %m: tensor<3x3xf32>):
// GENERIC-NEXT:     %jvp = "lax.custom_jvp"(%x) <{function = @f, rule = @f_jvp}> : (tensor<f32>) -> tensor<f32>
// GENERIC-NEXT:     %vjp = "lax.custom_vjp"(%x) <{function = @f, rule = @f_vjp}> : (tensor<f32>) -> tensor<f32>
// GENERIC-NEXT:     %scan, %scan_1 = "lax.scan"(%x, %x, %xs) <{body = @step, num_consts = 1 : i64, num_carry = 1 : i64, length = 5 : i64, reverse = false, unroll = 1 : i64}> : (tensor<f32>, tensor<f32>, tensor<5xf32>) -> (tensor<f32>, tensor<5xf32>)
// GENERIC-NEXT:     %while = "lax.while"(%x) <{cond = @positive, body = @f, cond_consts = 0 : i64, body_consts = 0 : i64}> : (tensor<f32>) -> tensor<f32>
// GENERIC-NEXT:     %cond = "lax.cond"(%i, %x) <{branches = [@f, @f]}> : (tensor<i32>, tensor<f32>) -> tensor<f32>
// GENERIC-NEXT:     %bind = "lax.bind"(%m) <{primitive = "cholesky", parameters = {symmetrize_input = true}}> : (tensor<3x3xf32>) -> tensor<3x3xf32>
// GENERIC-NEXT:     %pair, %pair_1 = "lax.bind"() <{primitive = "pair", parameters = {jaxpr = @f}}> : () -> (tensor<f32>, tensor<i32>)
// GENERIC-NEXT:     "func.return"() : () -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT:   "func.func"() <{sym_name = "linear_algebra", function_type = (tensor<4x3x3xf32>, tensor<4x3x2xf32>) -> ()}> ({
// GENERIC-NEXT:   ^bb0(%a: tensor<4x3x3xf32>, %b: tensor<4x3x2xf32>):
// GENERIC-NEXT:     %cholesky = "lax.cholesky"(%a) : (tensor<4x3x3xf32>) -> tensor<4x3x3xf32>
// GENERIC-NEXT:     %solve = "lax.triangular_solve"(%a, %b) <{left_side = true, lower = true, transpose_a = false, unit_diagonal = false}> : (tensor<4x3x3xf32>, tensor<4x3x2xf32>) -> tensor<4x3x2xf32>
// GENERIC-NEXT:     "func.return"() : () -> ()
// GENERIC-NEXT:   }) : () -> ()
// GENERIC-NEXT: }) : () -> ()
