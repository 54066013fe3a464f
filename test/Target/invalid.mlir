// What a GPU target refuses, with a message and without ending the process.

// RUN: split-file %s %t

// RUN: not tegulac %t/nvvm.mlir --target=sm_80 --emit=hsaco 2>&1 | FileCheck %s --check-prefix=LEVEL
// LEVEL: error: target 'sm_80' has no level 'hsaco': expected tegula, sched, nvvm, llvm, ptx, cubin, asm
// RUN: not tegulac %t/nvvm.mlir --target=gfx942 --emit=ptx 2>&1 | FileCheck %s --check-prefix=AMDLEVEL
// AMDLEVEL: error: target 'gfx942' has no level 'ptx': expected tegula, sched, rocdl, llvm, asm, obj, hsaco
// RUN: not tegulac %t/nvvm.mlir --target=x86-64-v3 --emit=cubin 2>&1 | FileCheck %s --check-prefix=CPU
// CPU: error: target 'x86-64-v3' has no level 'cubin'
// RUN: not tegulac %t/nvvm.mlir --target=sm_80 --path=loops --emit=ptx 2>&1 | FileCheck %s --check-prefix=LOOPS
// LOOPS: error: target 'sm_80' has no loops path: it is the CPU's

// RUN: not tegulac %t/nvvm.mlir --target=gfx942 --emit=hsaco 2>&1 | FileCheck %s --check-prefix=VENDOR
// VENDOR: nvvm.mlir:2:{{.*}}: error: no code is made of 'nvvm.read.ptx.sreg.tid.x' for target 'gfx942'
// RUN: not tegulac %t/intrinsic.mlir --target=sm_80 --emit=ptx 2>&1 | FileCheck %s --check-prefix=INTRINSIC
// INTRINSIC: error: 'k' calls 'llvm.amdgcn.s.barrier', which has no code for target 'sm_80'
// RUN: not tegulac %t/library.mlir --target=gfx942 --emit=hsaco 2>&1 | FileCheck %s --check-prefix=LIBRARY
// LIBRARY: error: 'k' calls '__ocml_exp2_f32', which has no code for target 'gfx942'
// RUN: not tegulac %t/function.mlir --target=gfx942 --emit=hsaco 2>&1 | FileCheck %s --check-prefix=FUNCTION
// FUNCTION: error: 'k' calls 'llvm.pow.f32', which has no code for target 'gfx942'
// RUN: not tegulac %t/size.mlir --target=sm_80 --emit=ptx 2>&1 | FileCheck %s --check-prefix=SIZE
// SIZE: error: kernel 'k' does not say how many threads a block has
// RUN: not tegulac %t/amdsize.mlir --target=gfx942 --emit=hsaco 2>&1 | FileCheck %s --check-prefix=SIZE
// RUN: not tegulac %t/none.mlir --target=sm_80 --emit=ptx 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: error: the module has no kernel for target 'sm_80'
// RUN: not tegulac %t/foreign.mlir --target=sm_80 --emit=ptx 2>&1 | FileCheck %s --check-prefix=FOREIGN
// FOREIGN: error: kernel 'k' is of another vendor than target 'sm_80'
// RUN: not tegulac %t/pointer.mlir --target=sm_80 --emit=ptx 2>&1 | FileCheck %s --check-prefix=POINTER
// POINTER: error: 'k' calls through a pointer, which has no code for target 'sm_80'

// The assembler: not there, not one, or in disagreement.
// RUN: not tegulac %t/nvvm.mlir --target=sm_80 --emit=cubin --ptxas=%t/none 2>&1 | FileCheck %s --check-prefix=NOWHERE
// NOWHERE: error: '{{.*}}none', which should be ptxas, cannot be run
// RUN: env TEGULA_PTXAS=%t/none not tegulac %t/nvvm.mlir --target=sm_80 --emit=asm 2>&1 | FileCheck %s --check-prefix=NOWHERE
// RUN: mkdir -p %t/bin && cp %tools/tegulac %t/bin/tegulac
// RUN: env PATH=%t/bin not %t/bin/tegulac %t/nvvm.mlir --target=sm_80 --emit=cubin 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: error: found no 'ptxas': install nvidia-cuda-nvcc from PyPI, put the program on the PATH, or name its folder with TEGULA_PTXAS
// RUN: not tegulac %t/assembly.mlir --target=sm_80 --emit=cubin 2>&1 | FileCheck %s --check-prefix=REFUSED
// REFUSED: error: '{{.*}}ptxas' refuses the PTX of target 'sm_80': {{.*}}error
// REFUSED-SAME: nonsense

//--- nvvm.mlir
llvm.func @k(%y: !llvm.ptr<1>) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32>} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  llvm.store %tid, %y : i32, !llvm.ptr<1>
  llvm.return
}
//--- intrinsic.mlir
llvm.func @k() attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32>} {
  llvm.call_intrinsic "llvm.amdgcn.s.barrier"() : () -> ()
  llvm.return
}
//--- library.mlir
llvm.func @__ocml_exp2_f32(f32) -> f32
llvm.func @k(%y: !llvm.ptr<1>, %x: f32) attributes {rocdl.kernel, rocdl.flat_work_group_size = "64,64"} {
  %e = llvm.call @__ocml_exp2_f32(%x) : (f32) -> f32
  llvm.store %e, %y : f32, !llvm.ptr<1>
  llvm.return
}
//--- function.mlir
llvm.func @k(%y: !llvm.ptr<1>, %x: f32) attributes {rocdl.kernel, rocdl.flat_work_group_size = "64,64"} {
  %e = llvm.intr.pow(%x, %x) : (f32, f32) -> f32
  llvm.store %e, %y : f32, !llvm.ptr<1>
  llvm.return
}
//--- size.mlir
llvm.func @k() attributes {nvvm.kernel} {
  llvm.return
}
//--- amdsize.mlir
llvm.func @k() attributes {passthrough = [["amdgpu-no-agpr", "1"]], rocdl.kernel} {
  llvm.return
}
//--- none.mlir
llvm.func @k() {
  llvm.return
}
//--- foreign.mlir
llvm.func amdgpu_kernelcc @k() {
  llvm.return
}
//--- pointer.mlir
llvm.func @k(%f: !llvm.ptr) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32>} {
  llvm.call %f() : !llvm.ptr, () -> ()
  llvm.return
}
//--- assembly.mlir
llvm.func @k() attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32>} {
  llvm.inline_asm has_side_effects "nonsense.u32 1;", "" : () -> ()
  llvm.return
}
