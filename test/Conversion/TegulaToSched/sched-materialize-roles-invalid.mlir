// RUN: tegula-opt %s --split-input-file --verify-diagnostics --sched-materialize-roles=target=sm_80

// Products of more than one matrix
tegula.kernel @batched(in %x: memref<?x16x16xbf16>, out %y: memref<?x16x16xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %y, %c0 : memref<?x16x16xf32>
  tegula.grid (%i) to (%n) step (2) roles [<all warps 4>] {
    %t = tegula.load %x[%i, %c0, %c0] : memref<?x16x16xbf16> -> tensor<2x16x16xbf16>
    // expected-error @+1 {{has a result of rank 3, which has no form on fragments yet}}
    %r = tegula.dot %t, %t : tensor<2x16x16xbf16>, tensor<2x16x16xbf16> -> tensor<2x16x16xf32>
    tegula.store %r, %y[%i, %c0, %c0] : tensor<2x16x16xf32>, memref<?x16x16xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// A machine without warps
// RUN: not tegula-opt %s --sched-materialize-roles=target=x86-64-v4 2>&1 | FileCheck %s
// CHECK: target 'x86-64-v4' has no warps to give roles to

// Who runs it
tegula.kernel @nobody(%n: index) {
  // expected-error @+1 {{needs one role to be materialised, has 0}}
  tegula.grid (%i) to (%n) step (1) {
    tegula.yield
  }
  tegula.return
}

// -----

tegula.kernel @groups(%n: index) {
  // expected-error @+1 {{has a role of groups, 'mma', which nothing materialises yet}}
  tegula.grid (%i) to (%n) step (1) roles [<mma groups 2>] {
    tegula.yield
  }
  tegula.return
}

// -----

// Elements that change places
tegula.kernel @drop(in %x: memref<?x64xf32>, out %y: memref<64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) roles [<all warps 4>] {
    %t = tegula.load %x[%c0, %c0] : memref<?x64xf32> -> tensor<4x64xf32>
    // expected-error @+1 {{drops axes, takes strides or starts at a computed place, which has no form on fragments yet}}
    %r = tensor.extract_slice %t[1, 0] [1, 64] [1, 1] : tensor<4x64xf32> to tensor<64xf32>
    tegula.store %r, %y[%c0] : tensor<64xf32>, memref<64xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// Schedules that one role cannot run
tegula.kernel @early(in %x: memref<?x64xbf16>, out %y: memref<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %y, %c0 : memref<?x64xf32>
  tegula.grid (%i) to (%n) step (64) roles [<all warps 4>] {
    %z = arith.constant dense<0.0> : tensor<64x64xf32>
    %r = tegula.stream %k = %c0 to %n step 64 label "k" iter_args(%a = %z) -> (tensor<64x64xf32>)
        schedule<[<all 0 "t">, <all 0 "d">, <all 1 "e">] rings [<c fifo 2 "t">]> {
      %t = tegula.load %x[%k, %c0] label "t" : memref<?x64xbf16> -> tensor<64x64xbf16>
      // expected-error @+1 {{is scheduled 1 stages before the last one; so far only loads into rings may be}}
      %d = tegula.dot %t, %t label "d" : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
      %e = tegula.dot %t, %t acc %a label "e" : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
      tegula.yield %e : tensor<64x64xf32>
    }
    tegula.store %r, %y[%i, %c0] : tensor<64x64xf32>, memref<?x64xf32>
    tegula.yield
  }
  tegula.return
}

// -----

tegula.kernel @stages(in %x: memref<?x64xbf16>, out %y: memref<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %y, %c0 : memref<?x64xf32>
  tegula.grid (%i) to (%n) step (64) roles [<all warps 4>] {
    %z = arith.constant dense<0.0> : tensor<64x64xf32>
    // expected-error @+1 {{fills ring 'c' at different stages}}
    %r = tegula.stream %k = %c0 to %n step 64 label "k" iter_args(%a = %z) -> (tensor<64x64xf32>)
        schedule<[<all 0 "t">, <all 1 "u">, <all 1 "e">] rings [<c fifo 2 "t" + "u">]> {
      %t = tegula.load %x[%k, %c0] label "t" : memref<?x64xbf16> -> tensor<64x64xbf16>
      %u = tegula.load %x[%k, %c0] label "u" : memref<?x64xbf16> -> tensor<64x64xbf16>
      %e = tegula.dot %t, %u acc %a label "e" : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
      tegula.yield %e : tensor<64x64xf32>
    }
    tegula.store %r, %y[%i, %c0] : tensor<64x64xf32>, memref<?x64xf32>
    tegula.yield
  }
  tegula.return
}

// -----

tegula.kernel @waits_long(in %x: memref<?x64xbf16>, out %y: memref<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %y, %c0 : memref<?x64xf32>
  tegula.grid (%i) to (%n) step (64) roles [<all warps 4>] {
    %z = arith.constant dense<0.0> : tensor<64x64xf32>
    %r = tegula.stream %k = %c0 to %n step 64 label "k" iter_args(%a = %z) -> (tensor<64x64xf32>)
        schedule<[<all 0 "t">, <all 2 "e">, <all 2 "t.put">] rings [<c sync 2 "t.put">]> {
      // expected-error @+1 {{is put 2 stages after it is fetched; a tile waits in registers for one stage at most}}
      %t = tegula.load %x[%k, %c0] label "t" : memref<?x64xbf16> -> tensor<64x64xbf16>
      %e = tegula.dot %t, %t acc %a label "e" : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
      tegula.yield %e : tensor<64x64xf32>
    }
    tegula.store %r, %y[%i, %c0] : tensor<64x64xf32>, memref<?x64xf32>
    tegula.yield
  }
  tegula.return
}

// -----

tegula.kernel @unread(in %x: memref<?x64xbf16>, out %y: memref<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %y, %c0 : memref<?x64xbf16>
  tegula.grid (%i) to (%n) step (64) roles [<all warps 4>] {
    // expected-error @+1 {{fills ring 'c', which nothing reads}}
    tegula.stream %k = %c0 to %n step 64 label "k"
        schedule<[<all 0 "t">] rings [<c fifo 2 "t">]> {
      %t = tegula.load %x[%k, %c0] label "t" : memref<?x64xbf16> -> tensor<64x64xbf16>
      tegula.yield
    }
    tegula.yield
  }
  tegula.return
}

// -----

tegula.kernel @nested(in %x: memref<?x64xbf16>, out %y: memref<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %n = memref.dim %y, %c0 : memref<?x64xf32>
  tegula.grid (%i) to (%n) step (64) roles [<all warps 4>] {
    %z = arith.constant dense<0.0> : tensor<64x64xf32>
    // expected-error @+1 {{puts 'u' into ring 'c', which is no load of the stream's own body}}
    tegula.stream %k = %c0 to %n step 64 label "k"
        schedule<[<all 0 "u">, <all 1 "f">] rings [<c fifo 2 "u">]> {
      %p = arith.cmpi slt, %k, %c64 : index
      scf.if %p {
        %u = tegula.load %x[%k, %c0] label "u" : memref<?x64xbf16> -> tensor<64x64xbf16>
        %e = tegula.dot %u, %u acc %z label "f" : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
        tegula.store %e, %y[%i, %c0] : tensor<64x64xf32>, memref<?x64xf32>
      }
      tegula.yield
    }
    tegula.yield
  }
  tegula.return
}

// -----

tegula.kernel @inner(in %x: memref<?x64xbf16>, out %y: memref<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %y, %c0 : memref<?x64xf32>
  tegula.grid (%i) to (%n) step (64) roles [<all warps 4>] {
    %z = arith.constant dense<0.0> : tensor<64x64xf32>
    tegula.stream %j = %c0 to %n step 64 {
      // expected-error @+1 {{has rings, but bounds that are known only inside the instance}}
      %r = tegula.stream %k = %c0 to %j step 64 label "k" iter_args(%a = %z) -> (tensor<64x64xf32>)
          schedule<[<all 0 "t">, <all 1 "e">] rings [<c fifo 2 "t">]> {
        %t = tegula.load %x[%k, %c0] label "t" : memref<?x64xbf16> -> tensor<64x64xbf16>
        %e = tegula.dot %t, %t acc %a label "e" : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
        tegula.yield %e : tensor<64x64xf32>
      }
      tegula.store %r, %y[%i, %c0] : tensor<64x64xf32>, memref<?x64xf32>
      tegula.yield
    }
    tegula.yield
  }
  tegula.return
}

// -----

tegula.kernel @carried(in %x: memref<?x64xbf16>, out %y: memref<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %y, %c0 : memref<?x64xf32>
  tegula.grid (%i) to (%n) step (64) roles [<all warps 4>] {
    %z = arith.constant dense<0.0> : tensor<64x64xf32>
    %r:2 = tegula.stream %k = %c0 to %n step 64 label "k" iter_args(%a = %z, %at = %c0) -> (tensor<64x64xf32>, index)
        schedule<[<all 0 "t">, <all 1 "e">] rings [<c fifo 2 "t">]> {
      // expected-error @+1 {{has coordinates that the stream carries, so it cannot run ahead}}
      %t = tegula.load %x[%at, %c0] label "t" : memref<?x64xbf16> -> tensor<64x64xbf16>
      %e = tegula.dot %t, %t acc %a label "e" : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
      %next = arith.addi %at, %k : index
      tegula.yield %e, %next : tensor<64x64xf32>, index
    }
    tegula.store %r#0, %y[%i, %c0] : tensor<64x64xf32>, memref<?x64xf32>
    tegula.yield
  }
  tegula.return
}

// -----

tegula.kernel @from_tile(in %x: memref<?x64xbf16>, in %j: memref<?xi32>, out %y: memref<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %y, %c0 : memref<?x64xf32>
  tegula.grid (%i) to (%n) step (64) roles [<all warps 4>] {
    %z = arith.constant dense<0.0> : tensor<64x64xf32>
    %r = tegula.stream %k = %c0 to %n step 64 label "k" iter_args(%a = %z) -> (tensor<64x64xf32>)
        schedule<[<all 1 "j">, <all 0 "t">, <all 1 "e">] rings [<c fifo 2 "t">]> {
      %jt = tegula.load %j[%k] label "j" : memref<?xi32> -> tensor<4xi32>
      %page = tensor.extract %jt[%c0] : tensor<4xi32>
      %at = arith.index_cast %page : i32 to index
      // expected-error @+1 {{has coordinates that come from a tile, so it cannot run ahead yet}}
      %t = tegula.load %x[%at, %c0] label "t" : memref<?x64xbf16> -> tensor<64x64xbf16>
      %e = tegula.dot %t, %t acc %a label "e" : tensor<64x64xbf16>, tensor<64x64xbf16> -> tensor<64x64xf32>
      tegula.yield %e : tensor<64x64xf32>
    }
    tegula.store %r, %y[%i, %c0] : tensor<64x64xf32>, memref<?x64xf32>
    tegula.yield
  }
  tegula.return
}

// -----

// More elements than a core has registers
tegula.kernel @large(in %x: memref<?xf32>, out %y: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %y, %c0 : memref<?xf32>
  tegula.grid (%i) to (%n) step (131072) roles [<all warps 4>] {
    // expected-error @+1 {{gives a tile of 131072 elements; 'sm_80' has 65536 registers for them}}
    %t = tegula.load %x[%i] : memref<?xf32> -> tensor<131072xf32>
    tegula.store %t, %y[%i] : tensor<131072xf32>, memref<?xf32>
    tegula.yield
  }
  tegula.return
}
