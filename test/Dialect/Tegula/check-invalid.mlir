// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: inside a grid
func.func @c1(%ok: i1) {
  // expected-error @+1 {{stands outside a grid: use tegula.require in a launch part}}
  tegula.check %ok, "too early"
  return
}
