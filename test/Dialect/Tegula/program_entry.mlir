// RUN: tegula-opt %s | tegula-opt | FileCheck %s

func.func private @f()
// CHECK: tegula.program_entry "p" run @f args [#tegula.arg<in "x">] types [memref<?xf32>] requirements [] kernels ["f"]
tegula.program_entry "p" run @f args [#tegula.arg<in "x">] types [memref<?xf32>] requirements [] kernels ["f"]
