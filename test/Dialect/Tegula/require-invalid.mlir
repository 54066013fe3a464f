// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: on the host
tegula.kernel @c1(%ok: i1, %n: index) {
  tegula.grid (%i) to (%n) step (1) {
    // expected-error @+1 {{stands outside a launch part or program: the host cannot check it}}
    tegula.require %ok, "too late"
    tegula.yield
  }
  tegula.return
}

// -----

// C1
func.func @c1_function(%ok: i1) {
  // expected-error @+1 {{stands outside a launch part or program: the host cannot check it}}
  tegula.require %ok, "nowhere"
  return
}
