// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: @plain
func.func @plain(%lo: index, %hi: index) {
  // CHECK: tegula.stream %{{.*}} = %{{.*}} to %{{.*}} step 64 {
  // CHECK-NEXT: tegula.yield
  tegula.stream %n = %lo to %hi step 64 {
    tegula.yield
  }
  return
}

// CHECK-LABEL: @carried
func.func @carried(%lo: index, %hi: index, %v: memref<?xf32>, %a0: tensor<4xf32>, %b0: f32) {
  // CHECK: tegula.stream %{{.*}} = %{{.*}} to %{{.*}} step 1 order down label "steps" iter_args(%[[A:.*]] = %{{.*}}, %[[B:.*]] = %{{.*}}) -> (tensor<4xf32>, f32) {
  // CHECK:   tegula.yield %{{.*}}, %[[B]] : tensor<4xf32>, f32
  %r:2 = tegula.stream %n = %lo to %hi step 1 order down label "steps" iter_args(%a = %a0, %b = %b0) -> (tensor<4xf32>, f32) {
    %s = tensor.splat %b : tensor<4xf32>
    %u = arith.mulf %a, %s : tensor<4xf32>
    tegula.yield %u, %b : tensor<4xf32>, f32
  }
  return
}

// Order `any`: every kind of update, several in a row, and nested streams.
// CHECK-LABEL: @any
func.func @any(%lo: index, %hi: index, %d0: tensor<4x4xf32>, %m0: tensor<4xf32>, %i0: tensor<4xi32>, %s0: !tegula.softmax<4x4xf32>, %x: tensor<4x4xf32>, %y: tensor<4xf32>) {
  // CHECK: tegula.stream {{.*}} order any
  // CHECK:   tegula.stream {{.*}} order any
  %r:4 = tegula.stream %n = %lo to %hi step 8 order any iter_args(%d = %d0, %m = %m0, %i = %i0, %s = %s0) -> (tensor<4x4xf32>, tensor<4xf32>, tensor<4xi32>, !tegula.softmax<4x4xf32>) {
    %d1 = tegula.dot %x, %x acc %d : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
    %d2 = arith.addf %x, %d1 : tensor<4x4xf32>
    %m1 = arith.maximumf %m, %y : tensor<4xf32>
    %j = tegula.iota %n : tensor<4xi32>
    %i1 = arith.addi %i, %j : tensor<4xi32>
    %t = tegula.stream %k = %lo to %hi step 4 order any iter_args(%u = %s0) -> (!tegula.softmax<4x4xf32>) {
      %u1 = tegula.softmax_update %u, %x, %x : !tegula.softmax<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>
      tegula.yield %u1 : !tegula.softmax<4x4xf32>
    }
    %s1 = tegula.softmax_update %s, %x, %x : !tegula.softmax<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>
    %s2 = tegula.softmax_merge %t, %s1 : !tegula.softmax<4x4xf32>
    tegula.yield %d2, %m1, %i1, %s2 : tensor<4x4xf32>, tensor<4xf32>, tensor<4xi32>, !tegula.softmax<4x4xf32>
  }
  return
}

// CHECK-LABEL: @scheduled
func.func @scheduled(%lo: index, %hi: index, %v: memref<?x4xf32>, %s0: !tegula.softmax<4x4xf32>, %x: tensor<4x4xf32>) {
  %c0 = arith.constant 0 : index
  // CHECK: schedule<[<load 0 "kt" pack 32>, <all 1 "st.max" + "st.exp" + "st.sum" in_place>, <all 1 "st.dot" onto>]> {
  %r = tegula.stream %n = %lo to %hi step 4 label "keys" iter_args(%s = %s0) -> (!tegula.softmax<4x4xf32>)
      schedule<[<load 0 "kt" pack 32>, <all 1 "st.max" + "st.exp" + "st.sum" in_place>, <all 1 "st.dot" onto>]> {
    %kt = tegula.load %v[%n, %c0] label "kt" : memref<?x4xf32> -> tensor<4x4xf32>
    %s1 = tegula.softmax_update %s, %x, %kt label "st" : !tegula.softmax<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>
    // A nested stream has a schedule of its own.
    tegula.stream %k = %lo to %hi step 4 {
      %t = tegula.load %v[%k, %c0] label "inner" : memref<?x4xf32> -> tensor<4x4xf32>
      tegula.yield
    }
    tegula.yield %s1 : !tegula.softmax<4x4xf32>
  }
  return
}

// CHECK-LABEL: @ring
func.func @ring(%lo: index, %hi: index, %v: memref<?x4xf32>) {
  %c0 = arith.constant 0 : index
  // CHECK: schedule<[<all 0 "kt" phase "qk">, <all 1 "kt.put" phase "qk">, <all 0 "vt">, <mma 1 "s" async lag 1 turn>] rings [<kc sync 1 "kt.put">, <vc fifo 2 "vt">]> {
  tegula.stream %n = %lo to %hi step 4 label "keys"
      schedule<[<all 0 "kt" phase "qk">, <all 1 "kt.put" phase "qk">, <all 0 "vt">, <mma 1 "s" async lag 1 turn>] rings [<kc sync 1 "kt.put">, <vc fifo 2 "vt">]> {
    %kt = tegula.load %v[%n, %c0] label "kt" : memref<?x4xf32> -> tensor<4x4xf32>
    %vt = tegula.load %v[%n, %c0] label "vt" : memref<?x4xf32> -> tensor<4x4xf32>
    %s = tegula.dot %kt, %vt label "s" : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
    tegula.yield
  }
  return
}
