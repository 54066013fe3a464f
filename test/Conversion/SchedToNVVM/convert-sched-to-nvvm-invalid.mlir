// RUN: tegula-opt --split-input-file --verify-diagnostics --convert-sched-to-nvvm %s

sched.kernel @no_layout(in %x: memref<?xf32>) target "sm_80" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  tegula.grid (%i) to (%n) step (32) {
    sched.role @all warps 1 {
      // expected-error @+1 {{a fragment of 'tensor<32xf32>' has no layout: run sched-assign-layouts first}}
      %f = sched.load %x[%i] : memref<?xf32> -> !sched.frag<32xf32>
    }
    tegula.yield
  }
  tegula.return
}

// -----

sched.kernel @groups(in %x: memref<?xf32>) target "sm_80" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  tegula.grid (%i) to (%n) step (32) {
    // expected-error @+1 {{acts in groups of warps: there is no code for it on 'sm_80'}}
    sched.role @all groups 1 {
    }
    tegula.yield
  }
  tegula.return
}

// -----

sched.kernel @two_roles(in %x: memref<?xf32>) target "sm_80" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  tegula.grid (%i) to (%n) step (32) {
    sched.role @one warps 1 {
    }
    // expected-error @+1 {{is a second role of its kernel: there is no code for it on 'sm_80'}}
    sched.role @two warps 1 {
    }
    tegula.yield
  }
  tegula.return
}

// -----

#x = #sched.layout<v4c16w32 [1, 1]>
!f = !sched.frag<8x16xf32, #x>
sched.kernel @no_function(in %x: memref<?x16xf32>, out %y: memref<?x16xf32>) target "sm_80" {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x16xf32>
  tegula.grid (%i) to (%n) step (8) {
    sched.role @all warps 1 {
      %f = sched.load %x[%i, %c0] : memref<?x16xf32> -> !f
      %g = sched.map domain [8, 16] ins(%a = %f : !f) -> !f {
        // expected-error @+1 {{of 'f32' has no code on a GPU}}
        %b = math.atan %a : tensor<8x16xf32>
        sched.yield %b : tensor<8x16xf32>
      }
      sched.store %g to %y[%i, %c0] : !f, memref<?x16xf32>
    }
    tegula.yield
  }
  tegula.return
}
