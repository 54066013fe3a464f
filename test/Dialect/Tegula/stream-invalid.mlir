// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: a positive step
func.func @c1(%lo: index, %hi: index, %a0: tensor<4xf32>, %x: tensor<4xf32>) {
  // expected-error @+1 {{needs a positive step, got 0}}
  tegula.stream %n = %lo to %hi step 0 {
    tegula.yield
  }
  return
}

// -----

// C2: what is yielded
func.func @c2_yield(%lo: index, %hi: index, %a0: tensor<4xf32>, %x: tensor<4xf32>) {
  // expected-error @+1 {{different type: 'tensor<4xf32>' != 'f32'}}
  %r = tegula.stream %n = %lo to %hi step 4 iter_args(%a = %a0) -> (tensor<4xf32>) {
    %c = arith.constant 0.0 : f32
    tegula.yield %c : f32
  }
  return
}

// -----

// C2: and that it is
func.func @c2_yield_none(%lo: index, %hi: index, %a0: tensor<4xf32>, %x: tensor<4xf32>) {
  %r = tegula.stream %n = %lo to %hi step 4 iter_args(%a = %a0) -> (tensor<4xf32>) {
    // expected-error @+1 {{yields () but the stream carries ('tensor<4xf32>')}}
    tegula.yield
  }
  return
}

// -----

// C2: as many types as values
func.func @c2_count(%lo: index, %hi: index, %a0: tensor<4xf32>, %x: tensor<4xf32>) {
  // expected-error @+1 {{has 1 initial values but 2 types}}
  %r:2 = tegula.stream %n = %lo to %hi step 4 iter_args(%a = %a0) -> (tensor<4xf32>, f32) {
    tegula.yield %a, %a : tensor<4xf32>, tensor<4xf32>
  }
  return
}

// -----

// C2: carried values keep their type (only the generic form can say otherwise)
func.func @c2_type(%lo: index, %hi: index, %a0: f32) {
  // expected-error @+1 {{carried value 0 changes type: 'f32' before, 'f64' inside, 'f32' after}}
  %r = "tegula.stream"(%lo, %hi, %a0) <{step = 4 : i64}> ({
  ^bb0(%n: index, %a: f64):
    "tegula.yield"(%a) : (f64) -> ()
  }) : (index, index, f32) -> f32
  return
}

// -----

// C2
func.func @c2_results(%lo: index, %hi: index, %a0: f32) {
  // expected-error @+1 {{carries 1 values but has 0 results}}
  "tegula.stream"(%lo, %hi, %a0) <{step = 4 : i64}> ({
  ^bb0(%n: index, %a: f32):
    "tegula.yield"(%a) : (f32) -> ()
  }) : (index, index, f32) -> ()
  return
}

// -----

// C2
func.func @c2_arguments(%lo: index, %hi: index, %a0: f32) {
  // expected-error @+1 {{needs an index block argument and one per carried value}}
  %r = "tegula.stream"(%lo, %hi, %a0) <{step = 4 : i64}> ({
  ^bb0(%n: index):
    "tegula.yield"(%a0) : (f32) -> ()
  }) : (index, index, f32) -> f32
  return
}

// -----

// C2
func.func @c2_position(%lo: index, %hi: index) {
  // expected-error @+1 {{needs an index block argument and one per carried value}}
  "tegula.stream"(%lo, %hi) <{step = 4 : i64}> ({
  ^bb0(%n: i32):
    "tegula.yield"() : () -> ()
  }) : (index, index) -> ()
  return
}

// -----

// C3: a product of carried values is no update
func.func @c3_product(%lo: index, %hi: index, %a0: tensor<4xf32>, %x: tensor<4xf32>) {
  // expected-error @+1 {{of order any uses carried value 0 other than to update it by one associative operation}}
  %r = tegula.stream %n = %lo to %hi step 4 order any iter_args(%a = %a0) -> (tensor<4xf32>) {
    %u = arith.mulf %a, %x : tensor<4xf32>
    tegula.yield %u : tensor<4xf32>
  }
  return
}

// -----

// C3: nor is what reads it twice
func.func @c3_twice(%lo: index, %hi: index, %a0: tensor<4xf32>, %x: tensor<4xf32>) {
  // expected-error @+1 {{of order any uses carried value 0 other than to update it by one associative operation}}
  %r = tegula.stream %n = %lo to %hi step 4 order any iter_args(%a = %a0) -> (tensor<4xf32>) {
    %u = arith.addf %a, %a : tensor<4xf32>
    tegula.yield %u : tensor<4xf32>
  }
  return
}

// -----

// C3: nor may anything else read it
func.func @c3_read(%lo: index, %hi: index, %a0: tensor<4xf32>, %x: tensor<4xf32>) {
  // expected-error @+1 {{of order any uses carried value 0 other than to update it by one associative operation}}
  %r = tegula.stream %n = %lo to %hi step 4 order any iter_args(%a = %a0) -> (tensor<4xf32>) {
    %u = arith.addf %a, %x : tensor<4xf32>
    %e = math.exp %a : tensor<4xf32>
    tegula.yield %u : tensor<4xf32>
  }
  return
}

// -----

// C3: one operation: a maximum of sums depends on the order
func.func @c3_mixed(%lo: index, %hi: index, %a0: tensor<4xf32>, %x: tensor<4xf32>) {
  // expected-error @+1 {{of order any uses carried value 0 other than to update it by one associative operation}}
  %r = tegula.stream %n = %lo to %hi step 4 order any iter_args(%a = %a0) -> (tensor<4xf32>) {
    %s = arith.addf %a, %x : tensor<4xf32>
    %u = arith.maximumf %s, %x : tensor<4xf32>
    tegula.yield %u : tensor<4xf32>
  }
  return
}

// -----

// C3: a factor of a product is no accumulator
func.func @c3_factor(%lo: index, %hi: index, %m: tensor<4x4xf32>) {
  // expected-error @+1 {{of order any uses carried value 0}}
  %r = tegula.stream %n = %lo to %hi step 4 order any iter_args(%a = %m) -> (tensor<4x4xf32>) {
    %u = tegula.dot %a, %m : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
    tegula.yield %u : tensor<4x4xf32>
  }
  return
}

// -----

// C3: values are no state
func.func @c3_values(%lo: index, %hi: index, %m: tensor<4x4xf32>, %s: !tegula.softmax<4x4xf32>) {
  // expected-error @+1 {{of order any uses carried value 0}}
  %r = tegula.stream %n = %lo to %hi step 4 order any iter_args(%a = %m) -> (tensor<4x4xf32>) {
    %u = tegula.softmax_update %s, %m, %a : !tegula.softmax<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>
    tegula.yield %m : tensor<4x4xf32>
  }
  return
}

// -----

// C3: the updated value is what is yielded
func.func @c3_replaced(%lo: index, %hi: index, %a0: tensor<4xf32>, %x: tensor<4xf32>) {
  // expected-error @+1 {{of order any uses carried value 0 other than to update it by one associative operation}}
  %r = tegula.stream %n = %lo to %hi step 4 order any iter_args(%a = %a0) -> (tensor<4xf32>) {
    %u = arith.addf %a, %x : tensor<4xf32>
    tegula.yield %x : tensor<4xf32>
  }
  return
}

// -----

// C4: every label has a row
func.func @c4_missing(%lo: index, %hi: index, %v: memref<?xf32>) {
  // expected-error @+1 {{label 'vt' of stream 'keys' has no row}}
  tegula.stream %n = %lo to %hi step 4 label "keys" schedule<[<all 0 "kt">]> {
    %kt = tegula.load %v[%n] label "kt" : memref<?xf32> -> tensor<4xf32>
    %vt = tegula.load %v[%n] label "vt" : memref<?xf32> -> tensor<4xf32>
    tegula.yield
  }
  return
}

// -----

// C4: every row has an op
func.func @c4_unknown(%lo: index, %hi: index, %v: memref<?xf32>) {
  // expected-error @+1 {{label 'foo' labels nothing in stream 'keys'}}
  tegula.stream %n = %lo to %hi step 4 label "keys" schedule<[<all 0 "kt" + "vt">, <all 0 "foo">]> {
    %kt = tegula.load %v[%n] label "kt" : memref<?xf32> -> tensor<4xf32>
    %vt = tegula.load %v[%n] label "vt" : memref<?xf32> -> tensor<4xf32>
    tegula.yield
  }
  return
}

// -----

// C4: one row each
func.func @c4_twice(%lo: index, %hi: index, %v: memref<?xf32>) {
  // expected-error @+1 {{label 'kt' of stream 'keys' has two rows}}
  tegula.stream %n = %lo to %hi step 4 label "keys" schedule<[<all 0 "kt" + "vt">, <all 1 "kt">]> {
    %kt = tegula.load %v[%n] label "kt" : memref<?xf32> -> tensor<4xf32>
    %vt = tegula.load %v[%n] label "vt" : memref<?xf32> -> tensor<4xf32>
    tegula.yield
  }
  return
}

// -----

// C5: ends with tegula.yield
func.func @c5(%lo: index, %hi: index) {
  // expected-error @+1 {{must end with tegula.yield}}
  "tegula.stream"(%lo, %hi) <{step = 4 : i64}> ({
  ^bb0(%n: index):
    "ub.unreachable"() : () -> ()
  }) : (index, index) -> ()
  return
}

// -----

// The text form
func.func @order(%lo: index, %hi: index) {
  // expected-error @+1 {{unknown stream order 'sideways'}}
  tegula.stream %n = %lo to %hi step 4 order sideways {
    tegula.yield
  }
  return
}

// -----

// Rows of schedules: C1
func.func @row_stage(%lo: index, %hi: index) {
  // expected-error @+1 {{stage of a schedule row must not be negative, got -1}}
  tegula.stream %n = %lo to %hi step 4 schedule<[<all -1 "kt">]> {
    tegula.yield
  }
  return
}

// -----

// Rows of schedules: C1
func.func @row_flag(%lo: index, %hi: index) {
  // expected-error @+1 {{unknown schedule flag 'fast'}}
  tegula.stream %n = %lo to %hi step 4 schedule<[<all 0 "kt" fast>]> {
    tegula.yield
  }
  return
}

// -----

// Rows of schedules: C1
func.func @row_role(%lo: index, %hi: index) {
  // expected-error @+1 {{role of a schedule row must be an identifier, got 'a.b'}}
  tegula.stream %n = %lo to %hi step 4 schedule<[<a.b 0 "kt">]> {
    tegula.yield
  }
  return
}

// -----

// Not a row at all
func.func @row(%lo: index, %hi: index) {
  // expected-error @+1 {{expected valid keyword}}
  tegula.stream %n = %lo to %hi step 4 schedule<[<0 "kt">]> {
    tegula.yield
  }
  return
}

// -----

// C4: a ring holds loads
func.func @ring_no_load(%lo: index, %hi: index, %v: memref<?xf32>) {
  // expected-error @+1 {{ring 'kc' holds 'r', which is no load of the stream}}
  tegula.stream %n = %lo to %hi step 4 label "keys" schedule<[<all 0 "kt">, <all 0 "r">] rings [<kc sync 1 "r">]> {
    %kt = tegula.load %v[%n] label "kt" : memref<?xf32> -> tensor<4xf32>
    %r = tegula.reduce max %kt axis 0 label "r" : tensor<4xf32> -> tensor<f32>
    tegula.yield
  }
  return
}

// -----

// C4: what a ring holds has a row
func.func @ring_no_row(%lo: index, %hi: index, %v: memref<?xf32>) {
  // expected-error @+1 {{ring 'kc' holds 'kt.put', which has no row}}
  tegula.stream %n = %lo to %hi step 4 label "keys" schedule<[<all 0 "kt">] rings [<kc sync 1 "kt.put">]> {
    %kt = tegula.load %v[%n] label "kt" : memref<?xf32> -> tensor<4xf32>
    tegula.yield
  }
  return
}

// -----

// C4: a label is in one ring
func.func @ring_twice(%lo: index, %hi: index, %v: memref<?xf32>) {
  // expected-error @+1 {{label 'kt' is in two rings}}
  tegula.stream %n = %lo to %hi step 4 label "keys" schedule<[<all 0 "kt">] rings [<kc sync 1 "kt">, <kd sync 1 "kt">]> {
    %kt = tegula.load %v[%n] label "kt" : memref<?xf32> -> tensor<4xf32>
    tegula.yield
  }
  return
}

// -----

// C4: the second half of a load fills a ring
func.func @put_no_ring(%lo: index, %hi: index, %v: memref<?xf32>) {
  // expected-error @+1 {{label 'kt.put' fills no ring}}
  tegula.stream %n = %lo to %hi step 4 label "keys" schedule<[<all 0 "kt">, <all 0 "kt.put">]> {
    %kt = tegula.load %v[%n] label "kt" : memref<?xf32> -> tensor<4xf32>
    tegula.yield
  }
  return
}

// -----

// Rings: C2
func.func @ring_depth(%lo: index, %hi: index, %v: memref<?xf32>) {
  // expected-error @+1 {{ring 'kc' needs at least one slot, got 0}}
  tegula.stream %n = %lo to %hi step 4 label "keys" schedule<[<all 0 "kt">] rings [<kc sync 0 "kt">]> {
    %kt = tegula.load %v[%n] label "kt" : memref<?xf32> -> tensor<4xf32>
    tegula.yield
  }
  return
}

// -----

// Rings: C1
func.func @ring_name(%lo: index, %hi: index, %v: memref<?xf32>) {
  // expected-error @+1 {{name of a ring must be an identifier, got 'k.c'}}
  tegula.stream %n = %lo to %hi step 4 label "keys" schedule<[<all 0 "kt">] rings [<k.c sync 1 "kt">]> {
    %kt = tegula.load %v[%n] label "kt" : memref<?xf32> -> tensor<4xf32>
    tegula.yield
  }
  return
}

// -----

// Rings: the text form
func.func @ring_kind(%lo: index, %hi: index, %v: memref<?xf32>) {
  // expected-error @+1 {{unknown kind of ring 'slow'}}
  tegula.stream %n = %lo to %hi step 4 label "keys" schedule<[<all 0 "kt">] rings [<kc slow 1 "kt">]> {
    %kt = tegula.load %v[%n] label "kt" : memref<?xf32> -> tensor<4xf32>
    tegula.yield
  }
  return
}

// -----

// Rows of schedules: C2
func.func @row_flag_twice(%lo: index, %hi: index, %v: memref<?xf32>) {
  // expected-error @+1 {{a schedule row has flag 'ahead' twice}}
  tegula.stream %n = %lo to %hi step 4 label "keys" schedule<[<all 0 "kt" ahead 1 ahead 2>]> {
    %kt = tegula.load %v[%n] label "kt" : memref<?xf32> -> tensor<4xf32>
    tegula.yield
  }
  return
}
