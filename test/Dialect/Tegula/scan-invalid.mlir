// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: an axis of the operand
func.func @c1(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{axis 2 is no axis of a tile of rank 2}}
  %0 = tegula.scan add %x axis 2 : tensor<4x8xf32>
  return
}
