// One warp sums products of 16x16 by 16x8 over %n steps. Both operands stand in shared
// memory, where the copy of the next step lands: one copy, one matrix load, one product.
llvm.mlir.global external @smem() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>
llvm.func @product(%x: !llvm.ptr<1>, %y: !llvm.ptr<1>, %n: i32) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32>} {
  %smem = llvm.mlir.addressof @smem : !llvm.ptr<3>
  %zero = llvm.mlir.constant(0.0 : f32) : f32
  %c0 = llvm.mlir.constant(0 : i32) : i32
  %c1 = llvm.mlir.constant(1 : i32) : i32
  %c16 = llvm.mlir.constant(16 : i32) : i32
  %lane = nvvm.read.ptx.sreg.tid.x : i32
  %offset = llvm.mul %lane, %c16 : i32
  %slot = llvm.getelementptr %smem[%offset] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  %first = llvm.getelementptr %x[%offset] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  llvm.br ^loop(%c0, %first, %zero, %zero, %zero, %zero : i32, !llvm.ptr<1>, f32, f32, f32, f32)
^loop(%i: i32, %from: !llvm.ptr<1>, %s0: f32, %s1: f32, %s2: f32, %s3: f32):
  nvvm.cp.async.shared.global %slot, %from, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
  nvvm.cp.async.commit.group
  nvvm.cp.async.wait.group 0
  nvvm.barrier0
  %f = nvvm.ldmatrix %slot {num = 4 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32, i32, i32)>
  %f0 = llvm.extractvalue %f[0] : !llvm.struct<(i32, i32, i32, i32)>
  %f1 = llvm.extractvalue %f[1] : !llvm.struct<(i32, i32, i32, i32)>
  %f2 = llvm.extractvalue %f[2] : !llvm.struct<(i32, i32, i32, i32)>
  %f3 = llvm.extractvalue %f[3] : !llvm.struct<(i32, i32, i32, i32)>
  %d = llvm.call_intrinsic "llvm.nvvm.mma.m16n8k16.row.col.bf16"(%f0, %f1, %f2, %f3, %f0, %f1, %s0, %s1, %s2, %s3) : (i32, i32, i32, i32, i32, i32, f32, f32, f32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
  %d0 = llvm.extractvalue %d[0] : !llvm.struct<(f32, f32, f32, f32)>
  %d1 = llvm.extractvalue %d[1] : !llvm.struct<(f32, f32, f32, f32)>
  %d2 = llvm.extractvalue %d[2] : !llvm.struct<(f32, f32, f32, f32)>
  %d3 = llvm.extractvalue %d[3] : !llvm.struct<(f32, f32, f32, f32)>
  nvvm.barrier0
  %next = llvm.add %i, %c1 : i32
  %c512 = llvm.mlir.constant(512 : i32) : i32
  %to = llvm.getelementptr %from[%c512] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  %more = llvm.icmp "slt" %next, %n : i32
  llvm.cond_br %more, ^loop(%next, %to, %d0, %d1, %d2, %d3 : i32, !llvm.ptr<1>, f32, f32, f32, f32), ^done {loop_annotation = #llvm.loop_annotation<unroll = <disable = true>>}
^done:
  %out = llvm.getelementptr %y[%offset] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  %u = llvm.mlir.undef : vector<4xf32>
  %i0 = llvm.mlir.constant(0 : i64) : i64
  %i1 = llvm.mlir.constant(1 : i64) : i64
  %i2 = llvm.mlir.constant(2 : i64) : i64
  %i3 = llvm.mlir.constant(3 : i64) : i64
  %v0 = llvm.insertelement %d0, %u[%i0 : i64] : vector<4xf32>
  %v1 = llvm.insertelement %d1, %v0[%i1 : i64] : vector<4xf32>
  %v2 = llvm.insertelement %d2, %v1[%i2 : i64] : vector<4xf32>
  %v3 = llvm.insertelement %d3, %v2[%i3 : i64] : vector<4xf32>
  llvm.store %v3, %out {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<1>
  llvm.return
}
