// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: names a kernel
tegula.program @c1(%n: index) {
  // expected-error @+1 {{'missing' names no kernel of this module}}
  tegula.launch @missing(%n) : index
  tegula.return
}

// -----

// C1: and nothing else
func.func private @function(index)
tegula.program @c1_function(%n: index) {
  // expected-error @+1 {{'function' names no kernel of this module}}
  tegula.launch @function(%n) : index
  tegula.return
}

// -----

// C2: as many operands
tegula.kernel @copy(in %x: memref<?xf32>, inout %y: memref<?xf32>, %n: index) {
  tegula.grid (%i) to (%n) step (64) {
    tegula.yield
  }
  tegula.return
}
tegula.program @c2_count(in %x: memref<?xf32>) {
  // expected-error @+1 {{has 1 operands but kernel 'copy' has 3 arguments}}
  tegula.launch @copy(%x) : memref<?xf32>
  tegula.return
}

// -----

// C2: of their types
tegula.kernel @copy(in %x: memref<?xf32>, inout %y: memref<?xf32>, %n: index) {
  tegula.grid (%i) to (%n) step (64) {
    tegula.yield
  }
  tegula.return
}
tegula.program @c2_type(in %x: memref<?xf64>, out %y: memref<?xf32>, %n: index) {
  // expected-error @+1 {{operand 0 has type 'memref<?xf64>' but argument 'x' of kernel 'copy' has type 'memref<?xf32>'}}
  tegula.launch @copy(%x, %y, %n) : memref<?xf64>, memref<?xf32>, index
  tegula.return
}

// -----

// C2: scalars are not cast
tegula.kernel @copy(in %x: memref<?xf32>, inout %y: memref<?xf32>, %n: index) {
  tegula.grid (%i) to (%n) step (64) {
    tegula.yield
  }
  tegula.return
}
tegula.program @c2_scalar(in %x: memref<?xf32>, out %y: memref<?xf32>, %n: i64) {
  // expected-error @+1 {{operand 2 has type 'i64' but argument 'n' of kernel 'copy' has type 'index'}}
  tegula.launch @copy(%x, %y, %n) : memref<?xf32>, memref<?xf32>, i64
  tegula.return
}

// -----

tegula.kernel @copy(in %x: memref<?xf32>, inout %y: memref<?xf32>, %n: index) {
  tegula.grid (%i) to (%n) step (64) {
    tegula.yield
  }
  tegula.return
}

// C3: in a program
func.func @c3(%x: memref<?xf32>, %n: index) {
  // expected-error @+1 {{stands outside a program}}
  tegula.launch @copy(%x, %x, %n) : memref<?xf32>, memref<?xf32>, index
  return
}

// -----

// C3: the program's inputs are not written
tegula.kernel @copy(in %x: memref<?xf32>, inout %y: memref<?xf32>, %n: index) {
  tegula.grid (%i) to (%n) step (64) {
    tegula.yield
  }
  tegula.return
}
tegula.program @c3_in(in %x: memref<?xf32>, in %y: memref<?xf32>, %n: index) {
  // expected-error @+1 {{hands 'y', which is 'in' of the program, to argument 'y' of kernel 'copy', which is 'inout'}}
  tegula.launch @copy(%x, %y, %n) : memref<?xf32>, memref<?xf32>, index
  tegula.return
}
