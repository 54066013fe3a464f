// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: some factors
func.func @c1_count(%x: tensor<4x64xf32>) {
  // expected-error @+1 {{takes 1 to 10 factors, got 0}}
  %0, %1 = tegula.butterfly %x dft [] rows 1 keep [] : tensor<4x64xf32> -> tensor<4x64xf32>
  return
}

// -----

// C1: not too many
func.func @c1_many(%x: tensor<4x64xf32>) {
  // expected-error @+1 {{takes 1 to 10 factors, got 11}}
  %0, %1 = tegula.butterfly %x dft [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 64] rows 1 keep [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 64] : tensor<4x64xf32> -> tensor<4x64xf32>
  return
}

// -----

// C1: keep
func.func @c1_keep(%x: tensor<4x64xf32>) {
  // expected-error @+1 {{keeps digits of 1 factors, has 2}}
  %0, %1 = tegula.butterfly %x dft [8, 8] rows 8 keep [8] : tensor<4x64xf32> -> tensor<4x64xf32>
  return
}

// -----

// C1: of a factor
func.func @c1_kept(%x: tensor<4x64xf32>) {
  // expected-error @+1 {{keeps 9 of a factor of 8}}
  %0, %1 = tegula.butterfly %x dft [8, 8] rows 8 keep [8, 9] : tensor<4x64xf32> -> tensor<4x64xf32>
  return
}

// -----

// C1: of a sensible factor
func.func @c1_factor(%x: tensor<4x64xf32>) {
  // expected-error @+1 {{takes factors between 1 and 1024, got 4096}}
  %0, %1 = tegula.butterfly %x dft [4096] rows 8 keep [8] : tensor<4x64xf32> -> tensor<4x64xf32>
  return
}

// -----

// C1: rows
func.func @c1_rows(%x: tensor<4x64xf32>) {
  // expected-error @+1 {{has 9 rows of a first factor of 8}}
  %0, %1 = tegula.butterfly %x dft [8, 8] rows 9 keep [8, 8] : tensor<4x64xf32> -> tensor<4x64xf32>
  return
}

// -----

// C1: positions
func.func @c1_positions(%x: tensor<4x64xf32>) {
  // expected-error @+1 {{has more than 1048576 positions}}
  %0, %1 = tegula.butterfly %x dft [1024, 1024, 2] rows 8 keep [8, 8, 1] : tensor<4x64xf32> -> tensor<4x64xf32>
  return
}

// -----

// C2: the operand
func.func @c2_operand(%x: tensor<4x64xf32>) {
  // expected-error @+1 {{takes rows of 32 numbers, got}}
  %0, %1 = tegula.butterfly %x dft [8, 8] rows 4 keep [8, 8] : tensor<4x64xf32> -> tensor<4x64xf32>
  return
}

// -----

// C2: the result
func.func @c2_result(%x: tensor<4x64xf32>) {
  // expected-error @+1 {{gives 4 rows of 48 numbers, not}}
  %0, %1 = tegula.butterfly %x dft [8, 8] rows 8 keep [8, 6] : tensor<4x64xf32> -> tensor<4x64xf32>
  return
}

// -----

// C2: the other way around
func.func @c2_inverse(%x: tensor<4x64xf32>) {
  // expected-error @+1 {{takes rows of 48 numbers, got}}
  %0, %1 = tegula.butterfly %x dft [8, 8] rows 8 keep [8, 6] inverse : tensor<4x64xf32> -> tensor<4x64xf32>
  return
}

// -----

// C3: the accumulator
func.func @c3(%x: tensor<4x64xf32>) {
  // expected-error @+1 {{of 'f32' gives 'f32', not 'f64'}}
  %0, %1 = tegula.butterfly %x dft [8, 8] rows 8 keep [8, 8] : tensor<4x64xf32> -> tensor<4x64xf64>
  return
}

// -----

// C4: two tiles a factor
func.func @c4_count(%x: tensor<4x64xf32>, %a: tensor<8x8xf32>) {
  // expected-error @+1 {{takes two tiles for each of 2 factors, got 1}}
  %0, %1 = tegula.butterfly %x by (%a) dft [8, 8] rows 8 keep [8, 8] : tensor<4x64xf32> by (tensor<8x8xf32>) -> tensor<4x64xf32>
  return
}

// -----

// C4: square
func.func @c4_type(%x: tensor<4x64xf32>, %a: tensor<8x8xf32>, %b: tensor<8x4xf32>) {
  // expected-error @+1 {{takes 'tensor<8x8xf32>' for factor 0, got 'tensor<8x4xf32>'}}
  %0, %1 = tegula.butterfly %x by (%b, %a, %a, %a) dft [8, 8] rows 8 keep [8, 8] : tensor<4x64xf32> by (tensor<8x4xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<4x64xf32>
  return
}
