// A kernel in the LLVM dialect at every level of an NVIDIA target.

// RUN: tegulac %s --target=sm_80 --emit=nvvm | FileCheck %s --check-prefix=NVVM
// NVVM: llvm.func @fill({{.*}}) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128>}
// NVVM: nvvm.read.ptx.sreg.tid.x

// What the simulator runs: LLVM's passes are done, lines are directives only.
// RUN: tegulac %s --target=sm_80 --emit=llvm | FileCheck %s --check-prefix=LLVM
// LLVM: target datalayout = "e-p6:32:32-i64:64-i128:128-i256:256-v16:16-v32:32-n16:32:64"
// LLVM: target triple = "nvptx64-nvidia-cuda"
// LLVM: define ptx_kernel void @fill(
// LLVM-NOT: add i32 {{.*}}, 0
// LLVM: call i32 asm sideeffect "mov.u32 $0, %laneid;", "=r"() #[[ASM:[0-9]+]]
// LLVM: attributes #{{.*}} "nvvm.reqntid"="128" "target-cpu"="sm_80" "target-features"="+ptx80"
// LLVM: attributes #[[ASM]] = { convergent
// LLVM: emissionKind: DebugDirectivesOnly

// RUN: tegulac %s --target=sm_80 --emit=ptx | FileCheck %s --check-prefix=PTX
// PTX: .version 8.0
// PTX: .target sm_80{{$}}
// PTX: .visible .entry fill(
// PTX: .reqntid 128
// PTX: .loc 1 [[#@LINE+33]]
// PTX: st.global

// The same text for every row, with the row's PTX version.
// RUN: tegulac %s --target=sm_120a --emit=ptx | FileCheck %s --check-prefix=LATER
// LATER: .version 8.7
// LATER: .target sm_120a{{$}}

// RUN: tegulac %s --target=sm_80 --emit=cubin --print-resources -o %t.cubin 2>&1 | FileCheck %s --check-prefix=FIGURES
// FIGURES: remark: kernel fill: registers {{[1-9][0-9]*}} (0 accumulators, 0 scalar), spills 0, stack 0, shared 0
// FIGURES-NOT: warning
// RUN: llvm-readelf -h %t.cubin | FileCheck %s --check-prefix=ELF
// ELF: Machine: NVIDIA CUDA architecture

// RUN: tegulac %s --target=sm_80 --emit=asm | FileCheck %s --check-prefix=SASS
// SASS: .text.fill:
// SASS: STG.E
// SASS: EXIT

llvm.func @fill(%y: !llvm.ptr<1>, %n: i64, %v: f32) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128>} {
  %tid = nvvm.read.ptx.sreg.tid.x : i32
  %block = nvvm.read.ptx.sreg.ctaid.x : i32
  %lane = llvm.inline_asm has_side_effects "mov.u32 $0, %laneid;", "=r" : () -> i32
  %zero = llvm.mlir.constant(0 : i32) : i32
  %threads = llvm.mlir.constant(128 : i32) : i32
  %first = llvm.mul %block, %threads : i32
  %mine = llvm.add %first, %tid : i32
  %same = llvm.add %mine, %zero : i32
  %i = llvm.sext %same : i32 to i64
  %inside = llvm.icmp "slt" %i, %n : i64
  llvm.cond_br %inside, ^store, ^done
^store:
  %p = llvm.getelementptr %y[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
  llvm.store %v, %p : f32, !llvm.ptr<1>
  llvm.br ^done
^done:
  llvm.return
}
