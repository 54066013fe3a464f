// Two waves sum products of 32x8 by 8x32 over %n steps. The operand goes through
// registers into shared memory and comes back transposed: the waits are the fence's.
#local = #llvm.mmra_tag<"amdgpu-synchronize-as":"local">
llvm.mlir.global internal @lds() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<1024 x i8> {
  %u = llvm.mlir.undef : !llvm.array<1024 x i8>
  llvm.return %u : !llvm.array<1024 x i8>
}
llvm.func @product(%x: !llvm.ptr<1> {llvm.noalias}, %y: !llvm.ptr<1> {llvm.noalias}, %n: i32) attributes {rocdl.kernel, rocdl.flat_work_group_size = "128,128", denormal_fp_math_f32 = "preserve-sign"} {
  %lds = llvm.mlir.addressof @lds : !llvm.ptr<3>
  %c0 = llvm.mlir.constant(0 : i32) : i32
  %c1 = llvm.mlir.constant(1 : i32) : i32
  %c127 = llvm.mlir.constant(127 : i32) : i32
  %c8 = llvm.mlir.constant(8 : i32) : i32
  %c512 = llvm.mlir.constant(512 : i32) : i32
  %zero = llvm.mlir.constant(dense<0.0> : vector<16xf32>) : vector<16xf32>
  %lane = rocdl.workitem.id.x : i32
  %offset = llvm.mul %lane, %c8 : i32
  %mirror = llvm.sub %c127, %lane : i32
  %other = llvm.mul %mirror, %c8 : i32
  %put = llvm.getelementptr %lds[%offset] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  %get = llvm.getelementptr %lds[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
  %first = llvm.getelementptr %x[%offset] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  llvm.br ^loop(%c0, %first, %zero : i32, !llvm.ptr<1>, vector<16xf32>)
^loop(%i: i32, %from: !llvm.ptr<1>, %s: vector<16xf32>):
  %a = llvm.load %from {alignment = 8 : i64} : !llvm.ptr<1> -> vector<4xf16>
  llvm.store %a, %put {alignment = 8 : i64} : vector<4xf16>, !llvm.ptr<3>
  llvm.fence syncscope("workgroup") release {llvm.mmra = #local}
  rocdl.s.barrier
  llvm.fence syncscope("workgroup") acquire {llvm.mmra = #local}
  %b = llvm.load %get {alignment = 8 : i64} : !llvm.ptr<3> -> vector<4xf16>
  %d = llvm.call_intrinsic "llvm.amdgcn.mfma.f32.32x32x8f16"(%a, %b, %s, %c0, %c0, %c0) : (vector<4xf16>, vector<4xf16>, vector<16xf32>, i32, i32, i32) -> vector<16xf32>
  llvm.fence syncscope("workgroup") release {llvm.mmra = #local}
  rocdl.s.barrier
  llvm.fence syncscope("workgroup") acquire {llvm.mmra = #local}
  %next = llvm.add %i, %c1 : i32
  %to = llvm.getelementptr %from[%c512] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  %more = llvm.icmp "slt" %next, %n : i32
  llvm.cond_br %more, ^loop(%next, %to, %d : i32, !llvm.ptr<1>, vector<16xf32>), ^done {loop_annotation = #llvm.loop_annotation<unroll = <disable = true>>}
^done:
  %c64 = llvm.mlir.constant(64 : i32) : i32
  %bytes = llvm.mul %lane, %c64 : i32
  %out = llvm.getelementptr %y[%bytes] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
  llvm.store %d, %out {alignment = 64 : i64} : vector<16xf32>, !llvm.ptr<1>
  llvm.return
}
