// Fragments that change hands: every op that goes through scratch, on two warps.
// LAYOUT (16 columns), STATISTICS (a number per row of it), ROWS and TARGET are the test's.

#x = #sched.layout<LAYOUT [ROWS, 1] warps [2, 1]>
#rows = #sched.layout<STATISTICS [ROWS, 1] warps [2, 1]>
#wide = #sched.layout<LAYOUT [1, 2] warps [2, 1]>
!v = memref<?x?xf32, strided<[?, 1], offset: ?>>
!iv = memref<?xi32, strided<[1], offset: ?>>
!f = !sched.frag<32x16xf32, #x>
!half = !sched.frag<32x8xf32, #x>
!r = !sched.frag<32xf32, #rows>
!ri = !sched.frag<32xi32, #rows>
!w = !sched.frag<16x32xf32, #wide>

sched.kernel @moves(in %X: !v, in %I: !iv, in %T: !v, out %Y: !v, out %R: !v, out %A: !iv,
                    out %S: !v) target "TARGET" {
  %c0 = arith.constant 0 : index
  %M = memref.dim %X, %c0 : !v
  tegula.grid (%m) to (%M) step (32) {
    %none = arith.constant -1 : i32
    sched.role @all warps 2 {
      %x = sched.load %X[%m, %c0] : !v -> !f
      // Halves exchanged, then the sum of each column added along rows.
      %lo = sched.cut %x at [0, 0] perm [0, 1] : !f -> !half
      %hi = sched.cut %x at [0, 8] perm [0, 1] : !f -> !half
      %y = sched.concat %hi, %lo axis 1 : !half, !half -> !f
      %s = sched.scan add %y axis 1 reverse exclusive : !f -> !f
      %sum = sched.map domain [32, 16] along 0 ins(%a = %s : !f) -> !f {
        %t = tegula.reduce add %a axis 0 : tensor<32x16xf32> -> tensor<16xf32>
        %b = tegula.broadcast %t dims [1] : tensor<16xf32> -> tensor<32x16xf32>
        %z = arith.addf %a, %b : tensor<32x16xf32>
        sched.yield %z : tensor<32x16xf32>
      }
      sched.store %sum to %Y[%m, %c0] : !f, !v
      // The largest of each row, and the same elements under another shape.
      %best = sched.argmax %x axis 1 : !f -> !ri
      sched.store %best to %A[%m] : !ri, !iv
      %turned = sched.reshape %x : !f -> !w
      %back = sched.cut %turned at [0, 0] perm [1, 0] : !w -> !f
      sched.store %back to %R[%m, %c0] : !f, !v
      // Rows of a table by index, -1 for none, summed by their own indices.
      %i = sched.load %I[%m] pad %none : i32 : !iv -> !ri
      %g = sched.load %T[%c0] by %i : !ri : !v -> !f
      %zero = arith.constant 0.0 : f32
      %z0 = sched.splat %zero : f32 -> !f
      %seg = sched.segment_sum %g by %i acc %z0 : !f, !ri, !f
      sched.store %seg to %S[%m, %c0] : !f, !v
    }
    tegula.yield
  }
  tegula.return
}
