// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: no access of memory
tegula.program @c1_load(in %x: memref<4xf32>, %n: index) {
  tegula.variant {
    // expected-error @+1 {{is not allowed in a variant}}
    %t = memref.load %x[%n] : memref<4xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// C1: no variant inside
tegula.program @c1_nested(%ok: i1) {
  tegula.variant {
    // expected-error @+1 {{expects parent op 'tegula.program'}}
    tegula.variant(%ok) {
      tegula.yield
    }
    tegula.yield
  }
  tegula.return
}

// -----

// C1: yields nothing
tegula.program @c1_yield(%ok: i1) {
  tegula.variant {
    // expected-error @+1 {{yields 1 values from a 'tegula.variant', which carries none}}
    tegula.yield %ok : i1
  }
  tegula.return
}

// -----

// C1: ends with tegula.yield
tegula.program @c1_end(%ok: i1) {
  // expected-error @+1 {{must end with tegula.yield}}
  "tegula.variant"() ({
    "ub.unreachable"() : () -> ()
  }) : () -> ()
  tegula.return
}
