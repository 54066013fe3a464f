// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: at least one extent
tegula.kernel @c1_none(%n: index) {
  // expected-error @+1 {{needs at least one extent}}
  tegula.grid () to () step () {
    tegula.yield
  }
  tegula.return
}

// -----

// C1: one step each
tegula.kernel @c1_steps(%n: index) {
  // expected-error @+1 {{has 1 extents but 2 steps}}
  tegula.grid (%i) to (%n) step (1, 1) {
    tegula.yield
  }
  tegula.return
}

// -----

// C1: one id each
tegula.kernel @c1_ids(%n: index) {
  // expected-error @+1 {{has 2 extents but 1 block arguments}}
  tegula.grid (%i) to (%n, %n) step (1, 1) {
    tegula.yield
  }
  tegula.return
}

// -----

// C1: ids are indices (only the generic form can say otherwise)
tegula.kernel @c1_type(%n: index) {
  // expected-error @+1 {{block arguments must be index, got 'i32'}}
  "tegula.grid"(%n) <{steps = array<i64: 1>}> ({
  ^bb0(%i: i32):
    "tegula.yield"() : () -> ()
  }) : (index) -> ()
  tegula.return
}

// -----

// C2: positive steps
tegula.kernel @c2(%n: index) {
  // expected-error @+1 {{needs positive steps, got 0}}
  tegula.grid (%i) to (%n) step (0) {
    tegula.yield
  }
  tegula.return
}

// -----

// C3: a positive group
tegula.kernel @c3(%n: index) {
  // expected-error @+1 {{order grouped needs a positive group, got 0}}
  tegula.grid (%i) to (%n) step (1) order grouped 0 {
    tegula.yield
  }
  tegula.return
}

// -----

// C4: in a kernel
func.func @c4(%n: index) {
  // expected-error @+1 {{stands outside a kernel}}
  tegula.grid (%i) to (%n) step (1) {
    tegula.yield
  }
  return
}

// -----

// C4: yields nothing
tegula.kernel @c4_yield(%n: index) {
  tegula.grid (%i) to (%n) step (1) {
    // expected-error @+1 {{yields 1 values from a 'tegula.grid', which carries none}}
    tegula.yield %i : index
  }
  tegula.return
}

// -----

// C4: ends with tegula.yield
tegula.kernel @c4_end(%n: index) {
  // expected-error @+1 {{must end with tegula.yield}}
  "tegula.grid"(%n) <{steps = array<i64: 1>}> ({
  ^bb0(%i: index):
    "ub.unreachable"() : () -> ()
  }) : (index) -> ()
  tegula.return
}

// -----

// The text form
tegula.kernel @order(%n: index) {
  // expected-error @+1 {{unknown grid order 'random'}}
  tegula.grid (%i) to (%n) step (1) order random {
    tegula.yield
  }
  tegula.return
}

// -----

// C5: roles have different names
tegula.kernel @c5(%n: index) {
  // expected-error @+1 {{has two roles called 'mma'}}
  tegula.grid (%i) to (%n) step (1) roles [<mma warps 1>, <mma groups 2>] {
    tegula.yield
  }
  tegula.return
}

// -----

// Roles: C2
tegula.kernel @role_members(%n: index) {
  // expected-error @+1 {{role 'mma' needs members and a budget of registers, got 0 and 0}}
  tegula.grid (%i) to (%n) step (1) roles [<mma warps 0>] {
    tegula.yield
  }
  tegula.return
}

// -----

// Roles: C1
tegula.kernel @role_name(%n: index) {
  // expected-error @+1 {{name of a role must be an identifier, got 'm.a'}}
  tegula.grid (%i) to (%n) step (1) roles [<m.a warps 1>] {
    tegula.yield
  }
  tegula.return
}
