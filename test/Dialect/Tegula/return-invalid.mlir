// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: of kernels and programs
tegula.kernel @c1(%n: index) {
  tegula.grid (%i) to (%n) step (1) {
    // expected-error @+1 {{ends a kernel or a program, nothing else}}
    tegula.return
  }
  tegula.return
}
