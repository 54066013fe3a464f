// The passes of the tile level in the order of the pipeline, on listing (a):
// causal attention comes out with a hot stream that has no mask and no limit,
// before its decomposition and after.

// RUN: tegula-opt %S/../Dialect/Tegula/listing-a.mlir \
// RUN:   -canonicalize -cse -tegula-set-exp-policy -tegula-split-streams -tegula-hoist-loads -canonicalize -cse \
// RUN: | FileCheck %s
// RUN: tegula-opt %S/../Dialect/Tegula/listing-a.mlir \
// RUN:   -canonicalize -cse -tegula-set-exp-policy -tegula-split-streams -tegula-hoist-loads -tegula-decompose -canonicalize -cse \
// RUN: | FileCheck %s --check-prefix=PLAIN

// CHECK:      %[[HOT:.*]] = tegula.stream %[[N:[a-z]+]] = %{{.*}} to %{{.*}} step 64 order any iter_args(%[[S:.*]] = %{{.*}})
// CHECK-NEXT:   %[[K:.*]] = tegula.load %{{.*}}[%[[N]], %{{.*}}] : memref
// CHECK-NEXT:   %[[V:.*]] = tegula.load %{{.*}}[%[[N]], %{{.*}}] : memref
// CHECK-NEXT:   %[[QK:.*]] = tegula.dot %{{.*}}, trans %[[K]]
// CHECK-NEXT:   %[[C:.*]] = tensor.splat %scale
// CHECK-NEXT:   %[[X:.*]] = arith.mulf %[[QK]], %[[C]]
// CHECK-NEXT:   %[[U:.*]] = tegula.softmax_update %[[S]], %[[X]], %[[V]] policy <poly>
// CHECK-NEXT:   tegula.yield %[[U]]
// CHECK:      tegula.stream {{.*}} iter_args(%{{.*}} = %[[HOT]])
// CHECK:        tegula.load {{.*}} upto [
// CHECK:        tegula.load {{.*}} upto [
// CHECK:        arith.select
// CHECK:        tegula.yield
// CHECK-NOT:  tegula.stream

// PLAIN:      %[[HOT:.*]]:3 = tegula.stream
// PLAIN-NOT:    upto
// PLAIN-NOT:    arith.cmpi
// The one select left is that of the decomposition, on one number per row.
// PLAIN:        arith.select %{{.*}} : tensor<128xi1>, tensor<128xf32>
// PLAIN-NOT:    arith.select
// PLAIN-NOT:    upto
// PLAIN:        tegula.yield
// PLAIN:      tegula.stream {{.*}} = %[[HOT]]#0
// PLAIN:        upto [
// PLAIN:        arith.cmpi
// PLAIN:        arith.select %{{.*}} : tensor<128x64xi1>, tensor<128x64xf32>
