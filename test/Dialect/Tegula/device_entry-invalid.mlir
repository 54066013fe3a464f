// RUN: tegula-opt --split-input-file --verify-diagnostics %s

llvm.func @f(!llvm.ptr<1>, i64)
// expected-error @+1 {{has 1 arguments but 0 types}}
tegula.device_entry @f args [#tegula.arg<out "y">] types [] threads 32 shared 0 checks []

// -----

// expected-error @+1 {{'f' names no function of this module}}
tegula.device_entry @f args [] types [] threads 32 shared 0 checks []

// -----

llvm.func @f()
// expected-error @+1 {{needs at least one thread, got 0}}
tegula.device_entry @f args [] types [] threads 0 shared 0 checks []
