// RUN: tegula-opt --convert-sched-to-rocdl --canonicalize --cse %s | FileCheck %s

// One product of a warp of 64 lanes, the largest number of each row, and a slot of local
// memory between.

#a = #sched.layout<mfma32.A [1, 1]>
#b = #sched.layout<mfma32.B [1, 1]>
#d = #sched.layout<mfma32.D [1, 1]>
#r = #sched.layout<row32 [1, 1]>
!v = memref<?x8xbf16, strided<[8, 1]>>
!w = memref<8x?xbf16, strided<[?, 1]>>
!out = memref<?xf32, strided<[1]>>
!buf = !sched.buf<32x8xbf16, shared>
!ch = !sched.chan<sync, !buf>
!af = !sched.frag<32x8xbf16, #a>
!bf = !sched.frag<8x32xbf16, #b>
!df = !sched.frag<32x32xf32, #d>
!rf = !sched.frag<32xf32, #r>

// CHECK-LABEL: llvm.mlir.global internal @largest$shared() {addr_space = 3 : i32
// CHECK: !llvm.array<512 x i8>
// CHECK: tegula.device_entry @largest {{.*}} threads 64 shared 512 checks []
// CHECK: llvm.func @largest({{.*}}attributes {passthrough = {{.*}}["amdgpu-agpr-alloc", "0"]{{.*}}rocdl.flat_work_group_size = "64,64", rocdl.kernel}
// CHECK: llvm.store {{.*}} : vector<4xbf16>, !llvm.ptr<3>
// CHECK: llvm.fence syncscope("workgroup") release {llvm.mmra = #{{.*}}}
// CHECK-NEXT: rocdl.s.barrier
// CHECK-NEXT: llvm.fence syncscope("workgroup") acquire {llvm.mmra = #{{.*}}}
// CHECK: llvm.load {{.*}} : !llvm.ptr<3> -> vector<4xbf16>
// CHECK: llvm.call_intrinsic "llvm.amdgcn.mfma.f32.32x32x8bf16.1k"
// The columns of a row lie in 32 lanes: xor by 1, 2, 4 (7, then 3), 8 and 16.
// CHECK-COUNT-96: llvm.call_intrinsic "llvm.amdgcn.{{update.dpp|ds.swizzle}}
// CHECK-NOT: llvm.amdgcn
// CHECK: llvm.return
sched.kernel @largest(in %A: !v, in %B: !w, out %R: !out) target "gfx942" {
  %c0 = arith.constant 0 : index
  %M = memref.dim %A, %c0 : !v
  tegula.grid (%m) to (%M) step (32) {
    %x = sched.alloc : !buf
    %ch = sched.channel %x kind sync : !buf
    sched.role @all warps 1 {
      %af0 = sched.load %A[%m, %c0] : !v -> !af
      %w = sched.acquire %ch : !ch
      %w0 = sched.part %w[0] : !sched.slot<acquired, !ch>
      sched.store %af0 to %w0 : !af, !buf
      sched.commit %w : !sched.slot<acquired, !ch>
      %r = sched.wait %ch : !ch
      %r0 = sched.part %r[0] : !sched.slot<waited, !ch>
      %af = sched.load %r0 : !buf -> !af
      sched.release %r : !sched.slot<waited, !ch>
      %bf = sched.load %B[%c0, %c0] : !w -> !bf
      %d = sched.mma %af, %bf : !af, !bf -> !df
      %max = sched.map domain [32, 32] along 1 ins(%s = %d : !df) -> !rf {
        %t = tegula.reduce max %s axis 1 : tensor<32x32xf32> -> tensor<32xf32>
        sched.yield %t : tensor<32xf32>
      }
      sched.store %max to %R[%m] : !rf, !out
    }
    tegula.yield
  }
  tegula.return
}
