!qv = memref<?x?x?x64xf32, strided<[?, ?, ?, 1], offset: ?>>
tegula.kernel @attention_whole(in %q: !qv, in %k: !qv, in %v: !qv, out %o: !qv, out %lse: memref<?xf32>, %scale: f32) {
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    tegula.yield
  }
  tegula.return
}
tegula.kernel @attention_ragged(in %q: !qv, in %k: !qv, in %v: !qv, out %o: !qv, out %lse: memref<?xf32>, %scale: f32) {
  %c1 = arith.constant 1 : index
  tegula.grid (%i) to (%c1) step (1) {
    tegula.yield
  }
  tegula.return
}
