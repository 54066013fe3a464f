// RUN: tegula-opt %s | tegula-opt | FileCheck %s

// CHECK: tegula.device_entry @fill args [#tegula.arg<out "y">, #tegula.arg<value "v">] types [memref<?xf32>, f32] threads 128 shared 1024 checks [#tegula.message<"n must be even", #loc>]
tegula.device_entry @fill args [#tegula.arg<out "y">, #tegula.arg<value "v">]
  types [memref<?xf32>, f32] threads 128 shared 1024
  checks [#tegula.message<"n must be even", loc("f.py":3:5)>]
llvm.func @fill(!llvm.ptr<1>, i64, f32)
