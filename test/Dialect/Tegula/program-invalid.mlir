// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: as C1 of kernels
// expected-error @+1 {{has 1 arguments but 0 argument attributes}}
"tegula.program"() <{sym_name = "c1", args = []}> ({
^bb0(%x: index):
  "tegula.return"() : () -> ()
}) : () -> ()

// -----

// C1: as C2 of kernels
// expected-error @+1 {{argument 'x' is a view: say 'in', 'out' or 'inout'}}
tegula.program @c1_view(%x: memref<4xf32>) {
  tegula.return
}

// -----

// C2: no access of memory
tegula.program @c2_load(in %x: memref<4xf32>, %n: index) {
  // expected-error @+1 {{is not allowed in a program}}
  %t = memref.load %x[%n] : memref<4xf32>
  tegula.return
}

// -----

// C2: grids belong to kernels
tegula.program @c2_grid(%n: index) {
  // expected-error @+1 {{stands outside a kernel}}
  tegula.grid (%i) to (%n) step (1) {
    tegula.yield
  }
  tegula.return
}

// -----

// C2: ends with tegula.return
// expected-error @+1 {{'c2_end' must end with tegula.return}}
"tegula.program"() <{sym_name = "c2_end", args = []}> ({
  "ub.unreachable"() : () -> ()
}) : () -> ()
