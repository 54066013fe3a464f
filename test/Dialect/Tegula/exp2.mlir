// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: @exp2
func.func @exp2(%x: tensor<64xf32>, %s: f64) {
  // `poly` is the default.
  // CHECK: tegula.exp2 %{{.*}} : tensor<64xf32>
  %0 = tegula.exp2 %x policy <poly> : tensor<64xf32>
  // CHECK: tegula.exp2 %{{.*}} policy <hw> label "p" : tensor<64xf32>
  %1 = tegula.exp2 %x policy <hw> label "p" : tensor<64xf32>
  // CHECK: tegula.exp2 %{{.*}} policy <mix> degree 3 : tensor<64xf32>
  %2 = tegula.exp2 %x policy <mix> degree 3 : tensor<64xf32>
  // CHECK: tegula.exp2 %{{.*}} degree 7 : f64
  %3 = tegula.exp2 %s degree 7 : f64
  return
}
