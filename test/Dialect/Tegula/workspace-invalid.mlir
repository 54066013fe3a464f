// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: contiguous
tegula.program @c1_layout(%n: index) {
  // expected-error @+1 {{must be a contiguous buffer of a type of the language, got 'memref<4xf32, strided<[2]>>'}}
  %w = tegula.workspace() : memref<4xf32, strided<[2]>>
  tegula.return
}

// -----

// C1: of a type of the language
tegula.program @c1_type(%n: index) {
  // expected-error @+1 {{must be a contiguous buffer of a type of the language, got 'memref<4xi16>'}}
  %w = tegula.workspace() : memref<4xi16>
  tegula.return
}

// -----

// C1: one size per dynamic axis
tegula.program @c1_sizes(%n: index) {
  // expected-error @+1 {{has 1 sizes for 2 dynamic axes}}
  %w = tegula.workspace(%n) : memref<?x?xf32>
  tegula.return
}

// -----

// C2: in a program
func.func @c2() {
  // expected-error @+1 {{stands outside a program}}
  %w = tegula.workspace() : memref<4xf32>
  return
}
