// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C2: a target
// expected-error @below {{names no target}}
sched.kernel @k(%s: index) target "" {
  tegula.grid (%i) to (%s) step (16) {
    tegula.yield
  }
  tegula.return
}

// -----

// C3: one grid
// expected-error @below {{'k' has no grid}}
sched.kernel @k(%s: index) target "x86-64-v3" {
  tegula.return
}
