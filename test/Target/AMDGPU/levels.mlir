// A kernel in the LLVM dialect at every level of an AMD target.

// RUN: tegulac %s --target=gfx942 --emit=rocdl | FileCheck %s --check-prefix=ROCDL
// ROCDL: llvm.func @fill({{.*}}) attributes {rocdl.flat_work_group_size = "256,256", rocdl.kernel}

// RUN: tegulac %s --target=gfx942 --emit=llvm | FileCheck %s --check-prefix=LLVM
// LLVM: target triple = "amdgcn-amd-amdhsa"
// LLVM: define amdgpu_kernel void @fill(
// LLVM: "amdgpu-agpr-alloc"="0" "amdgpu-flat-work-group-size"="256,256"
// LLVM-SAME: "target-cpu"="gfx942" "uniform-work-group-size"="true"
// LLVM: !{i32 1, !"amdhsa_code_object_version", i32 500}

// RUN: tegulac %s --target=gfx942 --emit=asm | FileCheck %s --check-prefix=ASM
// ASM: .amdgcn_target "amdgcn-amd-amdhsa--gfx942"
// ASM: fill:
// ASM: global_store_dword
// ASM: s_endpgm

// RUN: tegulac %s --target=gfx90a --emit=obj -o %t.o
// RUN: llvm-readelf -h %t.o | FileCheck %s --check-prefix=OBJECT
// OBJECT: Type: REL
// OBJECT: Flags: {{.*}}gfx90a

// Code object version 5 is ABI version 3.
// RUN: tegulac %s --target=gfx942 --emit=hsaco --print-resources -o %t.hsaco 2>&1 | FileCheck %s --check-prefix=FIGURES
// FIGURES: remark: kernel fill: registers {{[1-9][0-9]*}} (0 accumulators, {{[1-9][0-9]*}} scalar), spills 0, stack 0, shared 0, arguments 20, barriers 0, threads 256
// FIGURES-NOT: warning
// RUN: llvm-readelf -h %t.hsaco | FileCheck %s --check-prefix=ELF
// ELF: ABI Version: 3
// ELF: Type: DYN
// ELF: Flags: {{.*}}gfx942

llvm.func @fill(%y: !llvm.ptr<1>, %n: i64, %v: f32) attributes {rocdl.kernel, rocdl.flat_work_group_size = "256,256"} {
  %tid = rocdl.workitem.id.x : i32
  %block = rocdl.workgroup.id.x : i32
  %threads = llvm.mlir.constant(256 : i32) : i32
  %first = llvm.mul %block, %threads : i32
  %mine = llvm.add %first, %tid : i32
  %i = llvm.sext %mine : i32 to i64
  %inside = llvm.icmp "slt" %i, %n : i64
  llvm.cond_br %inside, ^store, ^done
^store:
  %p = llvm.getelementptr %y[%i] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
  llvm.store %v, %p : f32, !llvm.ptr<1>
  llvm.br ^done
^done:
  llvm.return
}
