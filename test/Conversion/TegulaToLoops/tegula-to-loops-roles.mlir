// RUN: tegula-opt %s --tegula-to-loops --canonicalize --cse | FileCheck %s

// Roles run one after the other, producers first, whatever their order in the text. A
// ring between them keeps all generations, counted beforehand by the loops of the role
// that fills it; a ring inside a role keeps its stages. Members run in turn.

!ring = !sched.buf<2 x 8x4xf32, shared>
!tile = !sched.buf<8x4xf32, shared>
!tx = !sched.chan<tx, !ring>
!sync = !sched.chan<sync, !ring>
!f = !sched.frag<8x4xf32>

// CHECK-LABEL: sched.kernel @roles
// CHECK:         tegula.grid
// CHECK-DAG:       %[[OWN:.*]] = memref.alloc() : memref<2x8x4xf32>
// CHECK-NOT:       sched.
// The count: trips times two.
// CHECK:           %[[COUNT:.*]] = scf.for %{{.*}} = %c0 to %[[N:.*]] step %c1 iter_args(%[[C:.*]] = %c0) -> (index) {
// CHECK:             scf.for {{.*}} to %c2 step %c1 iter_args({{.*}} = %[[C]])
// CHECK:           %[[ALL:.*]] = memref.alloc(%[[COUNT]]) : memref<?x8x4xf32>
// The producer: a slot is NaN, then filled.
// CHECK:           scf.for %{{.*}} = %c0 to %[[N]]
// CHECK:             %[[SLOT:.*]] = memref.subview %[[ALL]][%{{.*}}, 0, 0] [1, 8, 4] [1, 1, 1]
// CHECK:             memref.store %{{.*}}, %[[SLOT]]
// The consumer: two groups.
// CHECK:           scf.for %{{.*}} = %c0 to %c2 step %c1
// CHECK:             scf.for %{{.*}} = %c0 to %[[N]]
// CHECK:               memref.subview %[[ALL]]
// The role with a ring of its own, generation modulo depth.
// CHECK:           %[[STAGE:.*]] = arith.remui %{{.*}}, %c2
// CHECK:           memref.subview %[[OWN]][%[[STAGE]], 0, 0]
// CHECK:           memref.dealloc %[[ALL]]
sched.kernel @roles(in %x: memref<?x4xf32>, out %y: memref<?x4xf32>) target "sm_90a" {
  %c0 = arith.constant 0 : index
  %M = memref.dim %x, %c0 : memref<?x4xf32>
  tegula.grid (%m) to (%M) step (8) {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c8 = arith.constant 8 : index
    %n = sched.trips %m to %M step %c8
    %a = sched.alloc : !ring
    %b = sched.alloc : !ring
    %ac = sched.channel %a kind tx : !ring
    %bc = sched.channel %b kind sync : !ring
    %p = sched.baton 2
    sched.role @use groups 2 (%g) {
      scf.for %i = %c0 to %n step %c1 {
        scf.for %j = %c0 to %c2 step %c1 {
          sched.turn %p
          %r = sched.wait %ac : !tx
          %t = sched.part %r[0] : !sched.slot<waited, !tx>
          %f = sched.load %t : !tile -> !f
          sched.pass %p
          sched.release %r : !sched.slot<waited, !tx>
          sched.store %f to %y[%m, %c0] : !f, memref<?x4xf32>
        }
      }
    }
    sched.role @fill warps 1 {
      scf.for %i = %c0 to %n step %c1 {
        scf.for %j = %c0 to %c2 step %c1 {
          %w = sched.acquire %ac : !tx
          %t = sched.part %w[0] : !sched.slot<acquired, !tx>
          sched.copy bulk %x[%m, %c0] to %t : memref<?x4xf32>, !tile
          sched.commit %w : !sched.slot<acquired, !tx>
        }
      }
    }
    sched.role @own warps 1 {
      %f = sched.load %x[%m, %c0] : memref<?x4xf32> -> !f
      %w = sched.acquire %bc : !sync
      %t = sched.part %w[0] : !sched.slot<acquired, !sync>
      sched.store %f to %t : !f, !tile
      sched.commit %w : !sched.slot<acquired, !sync>
      %r = sched.wait %bc : !sync
      %u = sched.part %r[0] : !sched.slot<waited, !sync>
      %h = sched.load %u : !tile -> !f
      sched.release %r : !sched.slot<waited, !sync>
      sched.store %h to %y[%m, %c0] : !f, memref<?x4xf32>
      sched.drain %bc : !sync
    }
    tegula.yield
  }
  tegula.return
}
