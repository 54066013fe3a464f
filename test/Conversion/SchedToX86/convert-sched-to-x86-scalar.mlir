// RUN: tegula-opt %s --convert-sched-to-x86 | FileCheck %s

// One element, in the element type of the buffer: f16 lies as f32, i1 as a byte.
// CHECK-LABEL: sched.kernel @scalars
// CHECK: %[[H:.*]] = memref.load %{{.*}}[%c2] : memref<16xf32>
// CHECK: arith.truncf %[[H]] : f32 to f16
// CHECK: %[[B:.*]] = memref.load %{{.*}}[%c2] : memref<{{.*}}xi8>
// CHECK: arith.cmpi ne, %[[B]], %{{.*}} : i8
// CHECK: memref.load %{{.*}}[%{{.*}}] : memref<16xf32>
// CHECK-NOT: sched.scalar
sched.kernel @scalars(out %y: memref<?xf16>, out %z: memref<?xi1>, out %w: memref<?xf32>) target "x86-64-v4" {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  tegula.grid (%i) to (%c1) step (1) {
    %a = sched.alloc at 0 : <4xf16, local>
    %b = sched.alloc at 64 : <4xi1, local>
    %c = sched.alloc at 128 : <f32, local>
    %h = sched.scalar %a[%c2] : !sched.buf<4xf16, local> -> f16
    memref.store %h, %y[%i] : memref<?xf16>
    %t = sched.scalar %b[%c2] : !sched.buf<4xi1, local> -> i1
    memref.store %t, %z[%i] : memref<?xi1>
    %f = sched.scalar %c[] : !sched.buf<f32, local> -> f32
    memref.store %f, %w[%i] : memref<?xf32>
    tegula.yield
  }
  tegula.return
}
