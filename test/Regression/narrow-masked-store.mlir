// RUN: tegulac %s --target=x86-64-v4 --emit=asm -o - | FileCheck %s
// REQUIRES: tool-tegulac

// A row of one bf16: LLVM 22 turns a masked store of 16 lanes, of which a constant
// mask leaves the first, into a store of 32 bits. It zeroed the next row, which
// another instance may have written already.

// CHECK-LABEL: st.instance:
// CHECK-NOT:   movl {{.*}}, (%r{{[a-z0-9]+}},%r{{[a-z0-9]+}},2)
// CHECK:       {{movw|vpextrw}} {{.*}}(%r{{[a-z0-9]+}},%r{{[a-z0-9]+}},2)
!v = memref<?x1xbf16, strided<[1, 1], offset: ?>>
tegula.kernel @st(in %x: !v, out %y: !v) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : !v
  tegula.grid (%i) to (%n) step (1) {
    %t = tegula.load %x[%i, %c0] : !v -> tensor<1x16xbf16>
    tegula.store %t, %y[%i, %c0] : tensor<1x16xbf16>, !v
    tegula.yield
  }
  tegula.return
}
