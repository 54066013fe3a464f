// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// C1: both kinds of states
// CHECK-LABEL: @init
func.func @init() -> (!tegula.softmax<1x1xf32>, !tegula.softmax<128x64xf64>) {
  // CHECK: tegula.softmax_init : !tegula.softmax<1x1xf32>
  %0 = tegula.softmax_init : !tegula.softmax<1x1xf32>
  // CHECK: tegula.softmax_init : !tegula.softmax<128x64xf64>
  %1 = tegula.softmax_init : !tegula.softmax<128x64xf64>
  return %0, %1 : !tegula.softmax<1x1xf32>, !tegula.softmax<128x64xf64>
}
