// Elementary functions of ELEM, eight rows of 16 elements each. TARGET is the test's.

#x = #sched.layout<v2c16w32 [2, 1]>
!v = memref<?x16xELEM, strided<[16, 1]>>
!f = !sched.frag<8x16xELEM, #x>
!t = tensor<8x16xELEM>

sched.kernel @functions(in %X: !v, out %exp: !v, out %exp2: !v, out %expm1: !v, out %log: !v,
                        out %log1p: !v, out %sin: !v, out %cos: !v, out %tanh: !v,
                        out %erf: !v) target "TARGET" {
  %c0 = arith.constant 0 : index
  %M = memref.dim %X, %c0 : !v
  tegula.grid (%m) to (%M) step (8) {
    sched.role @all warps 1 {
      %x = sched.load %X[%m, %c0] : !v -> !f
      %y0, %y1, %y2, %y3, %y4, %y5, %y6, %y7, %y8 = sched.map domain [8, 16] ins(%a = %x : !f)
          -> (!f, !f, !f, !f, !f, !f, !f, !f, !f) {
        %e = math.exp %a : !t
        %e2 = math.exp2 %a : !t
        %em = math.expm1 %a : !t
        %l = math.log %a : !t
        %l1 = math.log1p %a : !t
        %s = math.sin %a : !t
        %c = math.cos %a : !t
        %th = math.tanh %a : !t
        %er = math.erf %a : !t
        sched.yield %e, %e2, %em, %l, %l1, %s, %c, %th, %er : !t, !t, !t, !t, !t, !t, !t, !t, !t
      }
      sched.store %y0 to %exp[%m, %c0] : !f, !v
      sched.store %y1 to %exp2[%m, %c0] : !f, !v
      sched.store %y2 to %expm1[%m, %c0] : !f, !v
      sched.store %y3 to %log[%m, %c0] : !f, !v
      sched.store %y4 to %log1p[%m, %c0] : !f, !v
      sched.store %y5 to %sin[%m, %c0] : !f, !v
      sched.store %y6 to %cos[%m, %c0] : !f, !v
      sched.store %y7 to %tanh[%m, %c0] : !f, !v
      sched.store %y8 to %erf[%m, %c0] : !f, !v
    }
    tegula.yield
  }
  tegula.return
}
