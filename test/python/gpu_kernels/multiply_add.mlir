// C = A B on the multiply-add units, operands in registers from device memory. ELEM,
// ATOM and TARGET are the test's.

#a = #sched.layout<ATOM.A [2, 4] warps [2, 1]>
#b = #sched.layout<ATOM.B [4, 2]>
#d = #sched.layout<ATOM.D [2, 2] warps [2, 1]>
!v = memref<?x?xELEM, strided<[?, 1], offset: ?>>
!af = !sched.frag<ROWSx16xELEM, #a>
!bf = !sched.frag<16xCOLSxELEM, #b>
!df = !sched.frag<ROWSxCOLSxELEM, #d>

sched.kernel @multiply_add(in %A: !v, in %B: !v, out %C: !v) target "TARGET" {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %M = memref.dim %A, %c0 : !v
  %K = memref.dim %A, %c1 : !v
  %N = memref.dim %B, %c1 : !v
  tegula.grid (%m, %c) to (%M, %N) step (ROWS, COLS) {
    %c16 = arith.constant 16 : index
    %zero = arith.constant 0.0 : ELEM
    %n = sched.trips %c0 to %K step %c16
    sched.role @all warps 2 {
      %z = sched.splat %zero : ELEM -> !df
      %acc = scf.for %i = %c0 to %n step %c1 iter_args(%s = %z) -> (!df) {
        %k = arith.muli %i, %c16 : index
        %af = sched.load %A[%m, %k] : !v -> !af
        %bf = sched.load %B[%k, %c] : !v -> !bf
        %s1 = sched.mma %af, %bf acc %s : !af, !bf -> !df
        scf.yield %s1 : !df
      }
      sched.store %acc to %C[%m, %c] : !df, !v
    }
    tegula.yield
  }
  tegula.return
}
