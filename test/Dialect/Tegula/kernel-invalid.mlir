// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: one attribute per argument (only the generic form can say otherwise)
// expected-error @+1 {{has 1 arguments but 0 argument attributes}}
"tegula.kernel"() <{sym_name = "c1", args = []}> ({
^bb0(%x: index):
  "tegula.return"() : () -> ()
}) : () -> ()

// -----

// C1: distinct names
// expected-error @+1 {{has two arguments named 'x'}}
"tegula.kernel"() <{sym_name = "c1_names", args = [#tegula.arg<value "x">, #tegula.arg<value "x">]}> ({
^bb0(%x: index, %y: index):
  "tegula.return"() : () -> ()
}) : () -> ()

// -----

// C2: a view says what is done with it
// expected-error @+1 {{argument 'x' is a view: say 'in', 'out' or 'inout'}}
tegula.kernel @c2_view(%x: memref<4xf32>) {
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    tegula.yield
  }
  tegula.return
}

// -----

// C2: a scalar is no view
// expected-error @+1 {{argument 'x' is 'in' but no view: 'f32'}}
tegula.kernel @c2_scalar(in %x: f32) {
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    tegula.yield
  }
  tegula.return
}

// -----

// C2: scalar types of the language
// expected-error @+1 {{argument 'x' has no scalar type: 'i128'}}
tegula.kernel @c2_wide(%x: i128) {
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    tegula.yield
  }
  tegula.return
}

// -----

// C2: a tile is no argument
// expected-error @+1 {{argument 'x' has no scalar type: 'tensor<4xf32>'}}
tegula.kernel @c2_tile(%x: tensor<4xf32>) {
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    tegula.yield
  }
  tegula.return
}

// -----

// C2: element types of the language
// expected-error @+1 {{argument 'x' is no strided view of a type of the language: 'memref<4xi16>'}}
tegula.kernel @c2_element(in %x: memref<4xi16>) {
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    tegula.yield
  }
  tegula.return
}

// -----

// C2: strided views
// expected-error @+1 {{argument 'x' is no strided view of a type of the language}}
tegula.kernel @c2_layout(in %x: memref<4xf32, affine_map<(d0) -> (d0 floordiv 2)>>) {
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    tegula.yield
  }
  tegula.return
}

// -----

// C2: one multiple per axis
// expected-error @+1 {{argument 'x' has rank 2 but 1 stride multiples}}
tegula.kernel @c2_multiples(in %x: memref<4x4xf32> multiples [8]) {
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    tegula.yield
  }
  tegula.return
}

// -----

// C3: exactly one grid
// expected-error @+1 {{'c3_none' has no grid}}
tegula.kernel @c3_none() {
  tegula.return
}

// -----

// C3: the grid comes last
tegula.kernel @c3_after() {
  %c1 = arith.constant 1 : index
  // expected-note @+1 {{the grid is here}}
  tegula.grid (%i) to (%c1) step (1) {
    tegula.yield
  }
  // expected-error @+1 {{stands after the grid of kernel 'c3_after': nothing may follow it}}
  %c2 = arith.constant 2 : index
  tegula.return
}

// -----

// C3: nor is there a second one
tegula.kernel @c3_two() {
  %c1 = arith.constant 1 : index
  // expected-note @+1 {{the grid is here}}
  tegula.grid (%i) to (%c1) step (1) {
    tegula.yield
  }
  // expected-error @+1 {{stands after the grid of kernel 'c3_two': nothing may follow it}}
  tegula.grid (%i) to (%c1) step (1) {
    tegula.yield
  }
  tegula.return
}

// -----

// C3: ends with tegula.return
// expected-error @+1 {{'c3_end' must end with tegula.return}}
"tegula.kernel"() <{sym_name = "c3_end", args = []}> ({
  %c1 = "arith.constant"() <{value = 1 : index}> : () -> index
  "tegula.grid"(%c1) <{steps = array<i64: 1>}> ({
  ^bb0(%i: index):
    "tegula.yield"() : () -> ()
  }) : (index) -> ()
  "ub.unreachable"() : () -> ()
}) : () -> ()

// -----

// C4: views have no data on the host
tegula.kernel @c4_load(in %x: memref<4xf32>) {
  %c1 = arith.constant 1 : index
  // expected-error @+1 {{is not allowed in the launch part of kernel 'c4_load': only sizes, strides and scalars are known there}}
  %t = tegula.load %x[%c1] : memref<4xf32> -> tensor<4xf32>
  tegula.grid (%i) to (%c1) step (1) {
    tegula.yield
  }
  tegula.return
}

// -----

// C4: nor is a scalar read from them
tegula.kernel @c4_scalar(in %x: memref<4xf32>) {
  %c1 = arith.constant 1 : index
  // expected-error @+1 {{is not allowed in the launch part of kernel 'c4_scalar'}}
  %t = memref.load %x[%c1] : memref<4xf32>
  tegula.grid (%i) to (%c1) step (1) {
    tegula.yield
  }
  tegula.return
}

// -----

// C4: streams belong to the grid
tegula.kernel @c4_stream() {
  %c1 = arith.constant 1 : index
  // expected-error @+1 {{is not allowed in the launch part of kernel 'c4_stream'}}
  tegula.stream %n = %c1 to %c1 step 1 {
    tegula.yield
  }
  tegula.grid (%i) to (%c1) step (1) {
    tegula.yield
  }
  tegula.return
}

// -----

// C5: in a module
tegula.kernel @c5() {
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    // expected-error @+1 {{symbol's parent must have the SymbolTable trait}}
    tegula.kernel @inner() {
      %c2 = arith.constant 2 : index
      tegula.grid (%j) to (%c2) step (1) {
        tegula.yield
      }
      tegula.return
    }
    tegula.yield
  }
  tegula.return
}

// -----

// Arguments: C1, a name that the text form can write
// expected-error @+1 {{name of an argument must be an identifier, got '0'}}
tegula.kernel @arg_c1(%0: index) {
  tegula.return
}

// -----

// Arguments: C2
// expected-error @+1 {{alignment of argument 'x' must be a power of two, got 24}}
tegula.kernel @arg_c2(in %x: memref<4xf32> align 24) {
  tegula.return
}

// -----

// Arguments: C2
// expected-error @+1 {{stride multiples of argument 'x' must be positive, got 0}}
tegula.kernel @arg_c2_multiples(in %x: memref<4xf32> multiples [0]) {
  tegula.return
}

// -----

// Arguments: C3
// expected-error @+1 {{scalar argument 'x' cannot promise a layout}}
tegula.kernel @arg_c3(%x: f32 align 16) {
  tegula.return
}

// -----

// Rows of schedules: C1 (only the attribute by itself can say otherwise)
// expected-error @+1 {{expected string}}
func.func private @row() attributes {row = #tegula.row<all 0>}

// -----

// C6: axes 0 and 2 have size 1 and any strides: which of them goes?
tegula.kernel @ambiguous(in %x: memref<1x?x?xi32, strided<[?, ?, ?], offset: ?>>) {
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c1 : memref<1x?x?xi32, strided<[?, ?, ?], offset: ?>>
  tegula.grid (%g) to (%c1) step (1) {
    // expected-error @+1 {{drops one of several axes of size 1, and nothing tells which}}
    %s = memref.subview %x[0, 0, 1] [1, %n, 1] [1, 1, 1] : memref<1x?x?xi32, strided<[?, ?, ?], offset: ?>> to memref<1x?xi32, strided<[?, ?], offset: ?>>
    tegula.yield
  }
  tegula.return
}
