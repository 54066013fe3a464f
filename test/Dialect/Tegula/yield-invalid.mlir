// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: of grids, streams and variants
func.func @c1(%a: f32) -> f32 {
  // expected-error @+1 {{expects parent op to be one of 'tegula.grid, tegula.stream, tegula.variant'}}
  tegula.yield %a : f32
}
