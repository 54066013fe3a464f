// Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Causal convolution through a twisted transform of 32 = 4 · 8 points, f32: u, y [B, C, L] with L at most 32, and
// the filters' spectra kre, kim [C, 32]. What `tegula.ops.fft_conv` launches for signals of that length.
//
// An instance owns 4 batch entries of a channel and takes one at a time: butterflies over the rows of [4, 8], twiddle
// factors with the twist in them, a product with the matrix of 8 points, the product of spectra, and back. Position
// (d0, d1) of a spectrum holds frequency d0 + 4·d1; the real part of the result is the convolution.
//
//   tegulac fft_conv.mlir --run --bind u=4x3x30,kre=3x32,kim=3x32,y=4x3x30 --output y=y.npy

tegula.kernel @fft_conv(in %u: memref<?x?x?xf32, strided<[?, ?, 1], offset: ?>>, in %kre: memref<?x32xf32, strided<[?, 1], offset: ?>>, in %kim: memref<?x32xf32, strided<[?, 1], offset: ?>>, out %y: memref<?x?x?xf32, strided<[?, ?, 1], offset: ?>>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c32 = arith.constant 32 : index
  %c4 = arith.constant 4 : index
  %cst = arith.constant dense<0.923879504> : tensor<1x1x8xf32>
  %cst_0 = arith.constant dense<0.382683426> : tensor<1x1x8xf32>
  %cst_1 = arith.constant dense<0.707106769> : tensor<1x1x8xf32>
  %cst_2 = arith.constant dense<[[[5.000000e-01, 0.499397725, 0.49759236, 0.494588256, 0.490392625, 0.485015631, 0.478470176, 0.470772028]]]> : tensor<1x1x8xf32>
  %cst_3 = arith.constant dense<[[[0.000000e+00, 0.024533838, 0.0490085706, 0.0733652338, 0.0975451618, 0.121490091, 0.145142332, 0.168444932]]]> : tensor<1x1x8xf32>
  %cst_4 = arith.constant dense<[[[5.000000e-01, 0.494588256, 0.478470176, 0.451994658, 0.415734798, 0.37047556, 0.317196637, 0.257051378]]]> : tensor<1x1x8xf32>
  %cst_5 = arith.constant dense<[[[0.000000e+00, -0.0733652338, -0.145142332, -0.213777542, -0.277785122, -0.335779488, -0.386505216, -0.4288643]]]> : tensor<1x1x8xf32>
  %cst_6 = arith.constant dense<[[[5.000000e-01, 0.470772028, 0.386505216, 0.257051378, 0.0975451618, -0.0733652338, -0.235698372, -0.37047556]]]> : tensor<1x1x8xf32>
  %cst_7 = arith.constant dense<[[[0.000000e+00, -0.168444932, -0.317196637, -0.4288643, -0.490392625, -0.494588256, -0.440960646, -0.335779488]]]> : tensor<1x1x8xf32>
  %cst_8 = arith.constant dense<[[[5.000000e-01, 0.4288643, 0.235698372, -0.024533838, -0.277785122, -0.451994658, -0.49759236, -0.401603758]]]> : tensor<1x1x8xf32>
  %cst_9 = arith.constant dense<[[[0.000000e+00, -0.257051378, -0.440960646, -0.499397725, -0.415734798, -0.213777542, 0.0490085706, 0.297849655]]]> : tensor<1x1x8xf32>
  %cst_10 = arith.constant dense<[[0.353553385, 0.353553385, 0.353553385, 0.353553385, 0.353553385, 0.353553385, 0.353553385, 0.353553385], [0.353553385, 2.500000e-01, 2.16489015E-17, -2.500000e-01, -0.353553385, -2.500000e-01, -6.494670e-17, 2.500000e-01], [0.353553385, 2.16489015E-17, -0.353553385, -6.494670e-17, 0.353553385, 2.16489015E-17, -0.353553385, -6.494670e-17], [0.353553385, -2.500000e-01, -6.494670e-17, 2.500000e-01, -0.353553385, 2.500000e-01, 2.16489015E-17, -2.500000e-01], [0.353553385, -0.353553385, 0.353553385, -0.353553385, 0.353553385, -0.353553385, 0.353553385, -0.353553385], [0.353553385, -2.500000e-01, 2.16489015E-17, 2.500000e-01, -0.353553385, 2.500000e-01, -6.494670e-17, -2.500000e-01], [0.353553385, -6.494670e-17, -0.353553385, 2.16489015E-17, 0.353553385, -6.494670e-17, -0.353553385, 2.16489015E-17], [0.353553385, 2.500000e-01, -6.494670e-17, -2.500000e-01, -0.353553385, -2.500000e-01, 2.16489015E-17, 2.500000e-01]]> : tensor<8x8xf32>
  %cst_11 = arith.constant dense<[[0.000000e+00, 0.000000e+00, 0.000000e+00, 0.000000e+00, 0.000000e+00, 0.000000e+00, 0.000000e+00, 0.000000e+00], [0.000000e+00, -2.500000e-01, -0.353553385, -2.500000e-01, -4.3297803E-17, 2.500000e-01, 0.353553385, 2.500000e-01], [0.000000e+00, -0.353553385, -4.3297803E-17, 0.353553385, 0.000000e+00, -0.353553385, -4.3297803E-17, 0.353553385], [0.000000e+00, -2.500000e-01, 0.353553385, -2.500000e-01, -4.3297803E-17, 2.500000e-01, -0.353553385, 2.500000e-01], [0.000000e+00, -4.3297803E-17, 0.000000e+00, -4.3297803E-17, 0.000000e+00, -4.3297803E-17, 0.000000e+00, -4.3297803E-17], [0.000000e+00, 2.500000e-01, -0.353553385, 2.500000e-01, -4.3297803E-17, -2.500000e-01, 0.353553385, -2.500000e-01], [0.000000e+00, 0.353553385, -4.3297803E-17, -0.353553385, 0.000000e+00, 0.353553385, -4.3297803E-17, -0.353553385], [0.000000e+00, 2.500000e-01, 0.353553385, 2.500000e-01, -4.3297803E-17, -2.500000e-01, -0.353553385, -2.500000e-01]]> : tensor<8x8xf32>
  %cst_12 = arith.constant dense<[[-0.000000e+00, -0.000000e+00, -0.000000e+00, -0.000000e+00, -0.000000e+00, -0.000000e+00, -0.000000e+00, -0.000000e+00], [-0.000000e+00, 2.500000e-01, 0.353553385, 2.500000e-01, 4.3297803E-17, -2.500000e-01, -0.353553385, -2.500000e-01], [-0.000000e+00, 0.353553385, 4.3297803E-17, -0.353553385, -0.000000e+00, 0.353553385, 4.3297803E-17, -0.353553385], [-0.000000e+00, 2.500000e-01, -0.353553385, 2.500000e-01, 4.3297803E-17, -2.500000e-01, 0.353553385, -2.500000e-01], [-0.000000e+00, 4.3297803E-17, -0.000000e+00, 4.3297803E-17, -0.000000e+00, 4.3297803E-17, -0.000000e+00, 4.3297803E-17], [-0.000000e+00, -2.500000e-01, 0.353553385, -2.500000e-01, 4.3297803E-17, 2.500000e-01, -0.353553385, 2.500000e-01], [-0.000000e+00, -0.353553385, 4.3297803E-17, 0.353553385, -0.000000e+00, -0.353553385, 4.3297803E-17, 0.353553385], [-0.000000e+00, -2.500000e-01, -0.353553385, -2.500000e-01, 4.3297803E-17, 2.500000e-01, 0.353553385, 2.500000e-01]]> : tensor<8x8xf32>
  %cst_13 = arith.constant dense<[[[-0.000000e+00, -0.024533838, -0.0490085706, -0.0733652338, -0.0975451618, -0.121490091, -0.145142332, -0.168444932]]]> : tensor<1x1x8xf32>
  %cst_14 = arith.constant dense<[[[-0.000000e+00, 0.0733652338, 0.145142332, 0.213777542, 0.277785122, 0.335779488, 0.386505216, 0.4288643]]]> : tensor<1x1x8xf32>
  %cst_15 = arith.constant dense<[[[-0.000000e+00, 0.168444932, 0.317196637, 0.4288643, 0.490392625, 0.494588256, 0.440960646, 0.335779488]]]> : tensor<1x1x8xf32>
  %cst_16 = arith.constant dense<[[[-0.000000e+00, 0.257051378, 0.440960646, 0.499397725, 0.415734798, 0.213777542, -0.0490085706, -0.297849655]]]> : tensor<1x1x8xf32>
  %cst_17 = arith.constant dense<-0.382683426> : tensor<1x1x8xf32>
  %cst_18 = arith.constant dense<-0.707106769> : tensor<1x1x8xf32>
  %cst_19 = arith.constant dense<-0.923879504> : tensor<1x1x8xf32>
  %dim = memref.dim %u, %c0 : memref<?x?x?xf32, strided<[?, ?, 1], offset: ?>>
  %dim_20 = memref.dim %u, %c1 : memref<?x?x?xf32, strided<[?, ?, 1], offset: ?>>
  %dim_21 = memref.dim %u, %c2 : memref<?x?x?xf32, strided<[?, ?, 1], offset: ?>>
  %dim_22 = memref.dim %kre, %c0 : memref<?x32xf32, strided<[?, 1], offset: ?>>
  %0 = arith.cmpi eq, %dim_20, %dim_22 : index
  tegula.require %0, "C differs between 'u' and 'kre'"
  %dim_23 = memref.dim %kim, %c0 : memref<?x32xf32, strided<[?, 1], offset: ?>>
  %1 = arith.cmpi eq, %dim_20, %dim_23 : index
  tegula.require %1, "C differs between 'u' and 'kim'"
  %dim_24 = memref.dim %y, %c0 : memref<?x?x?xf32, strided<[?, ?, 1], offset: ?>>
  %2 = arith.cmpi eq, %dim, %dim_24 : index
  tegula.require %2, "B differs between 'u' and 'y'"
  %dim_25 = memref.dim %y, %c1 : memref<?x?x?xf32, strided<[?, ?, 1], offset: ?>>
  %3 = arith.cmpi eq, %dim_20, %dim_25 : index
  tegula.require %3, "C differs between 'u' and 'y'"
  %dim_26 = memref.dim %y, %c2 : memref<?x?x?xf32, strided<[?, ?, 1], offset: ?>>
  %4 = arith.cmpi eq, %dim_21, %dim_26 : index
  tegula.require %4, "L differs between 'u' and 'y'"
  %5 = arith.cmpi sle, %dim_21, %c32 : index
  tegula.require %5, "the signal is longer than the transform"
  tegula.grid (%id, %id_27) to (%dim_20, %dim) step (1, 4) {
    %subview = memref.subview %kre[%id, 0] [1, 32] [1, 1] : memref<?x32xf32, strided<[?, 1], offset: ?>> to memref<32xf32, strided<[1], offset: ?>>
    %6 = tegula.load %subview[%c0] label "kf" : memref<32xf32, strided<[1], offset: ?>> -> tensor<32xf32>
    %7 = tegula.broadcast %6 dims [1] : tensor<32xf32> -> tensor<1x32xf32>
    %subview_28 = memref.subview %kim[%id, 0] [1, 32] [1, 1] : memref<?x32xf32, strided<[?, 1], offset: ?>> to memref<32xf32, strided<[1], offset: ?>>
    %8 = tegula.load %subview_28[%c0] label "kf.1" : memref<32xf32, strided<[1], offset: ?>> -> tensor<32xf32>
    %9 = tegula.broadcast %8 dims [1] : tensor<32xf32> -> tensor<1x32xf32>
    %10 = arith.addi %id_27, %c4 : index
    %11 = arith.minsi %10, %dim : index
    tegula.stream %pos = %id_27 to %11 step 1 {
      %subview_29 = memref.subview %u[0, %id, 0] [%dim, 1, %dim_21] [1, 1, 1] : memref<?x?x?xf32, strided<[?, ?, 1], offset: ?>> to memref<?x?xf32, strided<[?, 1], offset: ?>>
      %12 = tegula.load %subview_29[%pos, %c0] upto [%11, %dim_21] label "x" : memref<?x?xf32, strided<[?, 1], offset: ?>> -> tensor<1x32xf32>
      %13 = tegula.reshape %12 : tensor<1x32xf32> -> tensor<1x4x8xf32>
      %extracted_slice = tensor.extract_slice %13[0, 0, 0] [1, 1, 8] [1, 1, 1] : tensor<1x4x8xf32> to tensor<1x1x8xf32>
      %extracted_slice_30 = tensor.extract_slice %13[0, 1, 0] [1, 1, 8] [1, 1, 1] : tensor<1x4x8xf32> to tensor<1x1x8xf32>
      %extracted_slice_31 = tensor.extract_slice %13[0, 2, 0] [1, 1, 8] [1, 1, 1] : tensor<1x4x8xf32> to tensor<1x1x8xf32>
      %extracted_slice_32 = tensor.extract_slice %13[0, 3, 0] [1, 1, 8] [1, 1, 1] : tensor<1x4x8xf32> to tensor<1x1x8xf32>
      %14 = arith.mulf %extracted_slice_30, %cst fastmath<contract> : tensor<1x1x8xf32>
      %15 = arith.mulf %extracted_slice_30, %cst_0 fastmath<contract> : tensor<1x1x8xf32>
      %16 = arith.mulf %extracted_slice_31, %cst_1 fastmath<contract> : tensor<1x1x8xf32>
      %17 = arith.mulf %extracted_slice_32, %cst_0 fastmath<contract> : tensor<1x1x8xf32>
      %18 = arith.mulf %extracted_slice_32, %cst fastmath<contract> : tensor<1x1x8xf32>
      %19 = arith.addf %extracted_slice, %16 fastmath<contract> : tensor<1x1x8xf32>
      %20 = arith.addf %14, %17 fastmath<contract> : tensor<1x1x8xf32>
      %21 = arith.addf %15, %18 fastmath<contract> : tensor<1x1x8xf32>
      %22 = arith.addf %19, %20 fastmath<contract> : tensor<1x1x8xf32>
      %23 = arith.addf %16, %21 fastmath<contract> : tensor<1x1x8xf32>
      %24 = arith.subf %extracted_slice, %16 fastmath<contract> : tensor<1x1x8xf32>
      %25 = arith.negf %16 : tensor<1x1x8xf32>
      %26 = arith.subf %14, %17 fastmath<contract> : tensor<1x1x8xf32>
      %27 = arith.subf %15, %18 fastmath<contract> : tensor<1x1x8xf32>
      %28 = arith.negf %26 : tensor<1x1x8xf32>
      %29 = arith.addf %24, %27 fastmath<contract> : tensor<1x1x8xf32>
      %30 = arith.addf %25, %28 fastmath<contract> : tensor<1x1x8xf32>
      %31 = arith.subf %19, %20 fastmath<contract> : tensor<1x1x8xf32>
      %32 = arith.subf %16, %21 fastmath<contract> : tensor<1x1x8xf32>
      %33 = arith.subf %24, %27 fastmath<contract> : tensor<1x1x8xf32>
      %34 = arith.subf %25, %28 fastmath<contract> : tensor<1x1x8xf32>
      %35 = arith.mulf %22, %cst_2 fastmath<contract> : tensor<1x1x8xf32>
      %36 = arith.mulf %23, %cst_3 fastmath<contract> : tensor<1x1x8xf32>
      %37 = arith.subf %35, %36 fastmath<contract> : tensor<1x1x8xf32>
      %38 = arith.mulf %22, %cst_3 fastmath<contract> : tensor<1x1x8xf32>
      %39 = arith.mulf %23, %cst_2 fastmath<contract> : tensor<1x1x8xf32>
      %40 = arith.addf %38, %39 fastmath<contract> : tensor<1x1x8xf32>
      %41 = arith.mulf %29, %cst_4 fastmath<contract> : tensor<1x1x8xf32>
      %42 = arith.mulf %30, %cst_5 fastmath<contract> : tensor<1x1x8xf32>
      %43 = arith.subf %41, %42 fastmath<contract> : tensor<1x1x8xf32>
      %44 = arith.mulf %29, %cst_5 fastmath<contract> : tensor<1x1x8xf32>
      %45 = arith.mulf %30, %cst_4 fastmath<contract> : tensor<1x1x8xf32>
      %46 = arith.addf %44, %45 fastmath<contract> : tensor<1x1x8xf32>
      %47 = arith.mulf %31, %cst_6 fastmath<contract> : tensor<1x1x8xf32>
      %48 = arith.mulf %32, %cst_7 fastmath<contract> : tensor<1x1x8xf32>
      %49 = arith.subf %47, %48 fastmath<contract> : tensor<1x1x8xf32>
      %50 = arith.mulf %31, %cst_7 fastmath<contract> : tensor<1x1x8xf32>
      %51 = arith.mulf %32, %cst_6 fastmath<contract> : tensor<1x1x8xf32>
      %52 = arith.addf %50, %51 fastmath<contract> : tensor<1x1x8xf32>
      %53 = arith.mulf %33, %cst_8 fastmath<contract> : tensor<1x1x8xf32>
      %54 = arith.mulf %34, %cst_9 fastmath<contract> : tensor<1x1x8xf32>
      %55 = arith.subf %53, %54 fastmath<contract> : tensor<1x1x8xf32>
      %56 = arith.mulf %33, %cst_9 fastmath<contract> : tensor<1x1x8xf32>
      %57 = arith.mulf %34, %cst_8 fastmath<contract> : tensor<1x1x8xf32>
      %58 = arith.addf %56, %57 fastmath<contract> : tensor<1x1x8xf32>
      %59 = tegula.concat axis 1 (%37, %43, %49, %55) : tensor<1x1x8xf32>, tensor<1x1x8xf32>, tensor<1x1x8xf32>, tensor<1x1x8xf32> -> tensor<1x4x8xf32>
      %60 = tegula.concat axis 1 (%40, %46, %52, %58) : tensor<1x1x8xf32>, tensor<1x1x8xf32>, tensor<1x1x8xf32>, tensor<1x1x8xf32> -> tensor<1x4x8xf32>
      %61 = tegula.reshape %59 : tensor<1x4x8xf32> -> tensor<4x8xf32>
      %62 = tegula.reshape %60 : tensor<1x4x8xf32> -> tensor<4x8xf32>
      %63 = tegula.dot %62, %cst_12 label "x.1" : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
      %64 = tegula.dot %61, %cst_10 acc %63 label "x.2" : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
      %65 = tegula.dot %62, %cst_10 label "x.3" : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
      %66 = tegula.dot %61, %cst_11 acc %65 label "x.4" : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
      %67 = tegula.reshape %64 : tensor<4x8xf32> -> tensor<1x32xf32>
      %68 = tegula.reshape %66 : tensor<4x8xf32> -> tensor<1x32xf32>
      %69 = arith.mulf %67, %7 fastmath<contract> : tensor<1x32xf32>
      %70 = arith.mulf %68, %9 fastmath<contract> : tensor<1x32xf32>
      %71 = arith.subf %69, %70 fastmath<contract> : tensor<1x32xf32>
      %72 = arith.mulf %67, %9 fastmath<contract> : tensor<1x32xf32>
      %73 = arith.mulf %68, %7 fastmath<contract> : tensor<1x32xf32>
      %74 = arith.addf %72, %73 fastmath<contract> : tensor<1x32xf32>
      %75 = tegula.reshape %71 : tensor<1x32xf32> -> tensor<4x8xf32>
      %76 = tegula.reshape %74 : tensor<1x32xf32> -> tensor<4x8xf32>
      %77 = tegula.dot %76, %cst_11 label "y" : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
      %78 = tegula.dot %75, %cst_10 acc %77 label "y.1" : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
      %79 = tegula.dot %76, %cst_10 label "y.2" : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
      %80 = tegula.dot %75, %cst_12 acc %79 label "y.3" : tensor<4x8xf32>, tensor<8x8xf32> -> tensor<4x8xf32>
      %81 = tegula.reshape %78 : tensor<4x8xf32> -> tensor<1x4x8xf32>
      %82 = tegula.reshape %80 : tensor<4x8xf32> -> tensor<1x4x8xf32>
      %extracted_slice_33 = tensor.extract_slice %81[0, 0, 0] [1, 1, 8] [1, 1, 1] : tensor<1x4x8xf32> to tensor<1x1x8xf32>
      %extracted_slice_34 = tensor.extract_slice %82[0, 0, 0] [1, 1, 8] [1, 1, 1] : tensor<1x4x8xf32> to tensor<1x1x8xf32>
      %83 = arith.mulf %extracted_slice_33, %cst_2 fastmath<contract> : tensor<1x1x8xf32>
      %84 = arith.mulf %extracted_slice_34, %cst_13 fastmath<contract> : tensor<1x1x8xf32>
      %85 = arith.subf %83, %84 fastmath<contract> : tensor<1x1x8xf32>
      %86 = arith.mulf %extracted_slice_33, %cst_13 fastmath<contract> : tensor<1x1x8xf32>
      %87 = arith.mulf %extracted_slice_34, %cst_2 fastmath<contract> : tensor<1x1x8xf32>
      %88 = arith.addf %86, %87 fastmath<contract> : tensor<1x1x8xf32>
      %extracted_slice_35 = tensor.extract_slice %81[0, 1, 0] [1, 1, 8] [1, 1, 1] : tensor<1x4x8xf32> to tensor<1x1x8xf32>
      %extracted_slice_36 = tensor.extract_slice %82[0, 1, 0] [1, 1, 8] [1, 1, 1] : tensor<1x4x8xf32> to tensor<1x1x8xf32>
      %89 = arith.mulf %extracted_slice_35, %cst_4 fastmath<contract> : tensor<1x1x8xf32>
      %90 = arith.mulf %extracted_slice_36, %cst_14 fastmath<contract> : tensor<1x1x8xf32>
      %91 = arith.subf %89, %90 fastmath<contract> : tensor<1x1x8xf32>
      %92 = arith.mulf %extracted_slice_35, %cst_14 fastmath<contract> : tensor<1x1x8xf32>
      %93 = arith.mulf %extracted_slice_36, %cst_4 fastmath<contract> : tensor<1x1x8xf32>
      %94 = arith.addf %92, %93 fastmath<contract> : tensor<1x1x8xf32>
      %extracted_slice_37 = tensor.extract_slice %81[0, 2, 0] [1, 1, 8] [1, 1, 1] : tensor<1x4x8xf32> to tensor<1x1x8xf32>
      %extracted_slice_38 = tensor.extract_slice %82[0, 2, 0] [1, 1, 8] [1, 1, 1] : tensor<1x4x8xf32> to tensor<1x1x8xf32>
      %95 = arith.mulf %extracted_slice_37, %cst_6 fastmath<contract> : tensor<1x1x8xf32>
      %96 = arith.mulf %extracted_slice_38, %cst_15 fastmath<contract> : tensor<1x1x8xf32>
      %97 = arith.subf %95, %96 fastmath<contract> : tensor<1x1x8xf32>
      %98 = arith.mulf %extracted_slice_37, %cst_15 fastmath<contract> : tensor<1x1x8xf32>
      %99 = arith.mulf %extracted_slice_38, %cst_6 fastmath<contract> : tensor<1x1x8xf32>
      %100 = arith.addf %98, %99 fastmath<contract> : tensor<1x1x8xf32>
      %extracted_slice_39 = tensor.extract_slice %81[0, 3, 0] [1, 1, 8] [1, 1, 1] : tensor<1x4x8xf32> to tensor<1x1x8xf32>
      %extracted_slice_40 = tensor.extract_slice %82[0, 3, 0] [1, 1, 8] [1, 1, 1] : tensor<1x4x8xf32> to tensor<1x1x8xf32>
      %101 = arith.mulf %extracted_slice_39, %cst_8 fastmath<contract> : tensor<1x1x8xf32>
      %102 = arith.mulf %extracted_slice_40, %cst_16 fastmath<contract> : tensor<1x1x8xf32>
      %103 = arith.subf %101, %102 fastmath<contract> : tensor<1x1x8xf32>
      %104 = arith.mulf %extracted_slice_39, %cst_16 fastmath<contract> : tensor<1x1x8xf32>
      %105 = arith.mulf %extracted_slice_40, %cst_8 fastmath<contract> : tensor<1x1x8xf32>
      %106 = arith.addf %104, %105 fastmath<contract> : tensor<1x1x8xf32>
      %107 = arith.addf %85, %97 fastmath<contract> : tensor<1x1x8xf32>
      %108 = arith.addf %88, %100 fastmath<contract> : tensor<1x1x8xf32>
      %109 = arith.subf %85, %97 fastmath<contract> : tensor<1x1x8xf32>
      %110 = arith.subf %88, %100 fastmath<contract> : tensor<1x1x8xf32>
      %111 = arith.addf %91, %103 fastmath<contract> : tensor<1x1x8xf32>
      %112 = arith.addf %94, %106 fastmath<contract> : tensor<1x1x8xf32>
      %113 = arith.subf %91, %103 fastmath<contract> : tensor<1x1x8xf32>
      %114 = arith.subf %94, %106 fastmath<contract> : tensor<1x1x8xf32>
      %115 = arith.negf %114 : tensor<1x1x8xf32>
      %116 = arith.addf %107, %111 fastmath<contract> : tensor<1x1x8xf32>
      %117 = arith.addf %109, %115 fastmath<contract> : tensor<1x1x8xf32>
      %118 = arith.addf %110, %113 fastmath<contract> : tensor<1x1x8xf32>
      %119 = arith.subf %107, %111 fastmath<contract> : tensor<1x1x8xf32>
      %120 = arith.subf %108, %112 fastmath<contract> : tensor<1x1x8xf32>
      %121 = arith.subf %109, %115 fastmath<contract> : tensor<1x1x8xf32>
      %122 = arith.subf %110, %113 fastmath<contract> : tensor<1x1x8xf32>
      %123 = arith.mulf %117, %cst fastmath<contract> : tensor<1x1x8xf32>
      %124 = arith.mulf %118, %cst_17 fastmath<contract> : tensor<1x1x8xf32>
      %125 = arith.subf %123, %124 fastmath<contract> : tensor<1x1x8xf32>
      %126 = arith.mulf %119, %cst_1 fastmath<contract> : tensor<1x1x8xf32>
      %127 = arith.mulf %120, %cst_18 fastmath<contract> : tensor<1x1x8xf32>
      %128 = arith.subf %126, %127 fastmath<contract> : tensor<1x1x8xf32>
      %129 = arith.mulf %121, %cst_0 fastmath<contract> : tensor<1x1x8xf32>
      %130 = arith.mulf %122, %cst_19 fastmath<contract> : tensor<1x1x8xf32>
      %131 = arith.subf %129, %130 fastmath<contract> : tensor<1x1x8xf32>
      %132 = tegula.concat axis 1 (%116, %125, %128, %131) : tensor<1x1x8xf32>, tensor<1x1x8xf32>, tensor<1x1x8xf32>, tensor<1x1x8xf32> -> tensor<1x4x8xf32>
      %133 = tegula.reshape %132 : tensor<1x4x8xf32> -> tensor<1x32xf32>
      %subview_41 = memref.subview %y[0, %id, 0] [%dim, 1, %dim_21] [1, 1, 1] : memref<?x?x?xf32, strided<[?, ?, 1], offset: ?>> to memref<?x?xf32, strided<[?, 1], offset: ?>>
      tegula.store %133, %subview_41[%pos, %c0] upto [%11, %dim_21] label "store" : tensor<1x32xf32>, memref<?x?xf32, strided<[?, 1], offset: ?>>
      tegula.yield
    }
    tegula.yield
  }
  tegula.return
}
