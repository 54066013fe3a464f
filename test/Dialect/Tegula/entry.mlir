// RUN: tegula-opt %s | tegula-opt | FileCheck %s

// CHECK: #[[LOC:.*]] = loc("f.py":3:5)
func.func private @f()
// CHECK: tegula.entry "f" bind @f run @f instance @f args [#tegula.arg<out "y" align 16>] types [memref<?xf32>]
// CHECK-SAME: steps [64] requirements [#tegula.message<"H must be even", #[[LOC]]>] checks [] arena 128
tegula.entry "f" bind @f run @f instance @f args [#tegula.arg<out "y" align 16>] types [memref<?xf32>]
  steps [64] requirements [#tegula.message<"H must be even", loc("f.py":3:5)>] checks [] arena 128
