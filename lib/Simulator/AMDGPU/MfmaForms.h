//===- MfmaForms.h - Products of matrices on AMD's machines ------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SIMULATOR_AMDGPU_MFMAFORMS_H
#define TEGULA_SIMULATOR_AMDGPU_MFMAFORMS_H

namespace tegula::sim {

enum class MfmaForm : unsigned char {
  F32M32N32K8F16,
  F32M16N16K16F16,
  F32M32N32K8BF16,
  F32M16N16K16BF16,
  F32M32N32K2F32,
  F32M16N16K4F32,
  F32M32N32K16F16,
  F32M16N16K32F16,
  F32M32N32K16BF16,
  F32M16N16K32BF16,
  F64M16N16K4F64,
};

enum class MfmaElement : unsigned char { F16, BF16, F32, F64 };

struct MfmaShape {
  /// For counters: "mfma.32x32x8.f16".
  const char *name;
  MfmaElement element;
  /// Rows and columns of the result, and the length of the sums.
  unsigned edge, k;
  /// Neighbours along k that a lane holds: it has k = own * (lane / edge) + i.
  unsigned own;
  /// Words (f64: pairs of words) of A, as many of B, and of C.
  unsigned a, c;
};

constexpr MfmaShape mfmaShapes[] = {
    {"mfma.32x32x8.f16", MfmaElement::F16, 32, 8, 4, 2, 16},
    {"mfma.16x16x16.f16", MfmaElement::F16, 16, 16, 4, 2, 4},
    {"mfma.32x32x8.bf16", MfmaElement::BF16, 32, 8, 4, 2, 16},
    {"mfma.16x16x16.bf16", MfmaElement::BF16, 16, 16, 4, 2, 4},
    {"mfma.32x32x2.f32", MfmaElement::F32, 32, 2, 1, 1, 16},
    {"mfma.16x16x4.f32", MfmaElement::F32, 16, 4, 1, 1, 4},
    {"mfma.32x32x16.f16", MfmaElement::F16, 32, 16, 8, 4, 16},
    {"mfma.16x16x32.f16", MfmaElement::F16, 16, 32, 8, 4, 4},
    {"mfma.32x32x16.bf16", MfmaElement::BF16, 32, 16, 8, 4, 16},
    {"mfma.16x16x32.bf16", MfmaElement::BF16, 16, 32, 8, 4, 4},
    {"mfma.16x16x4.f64", MfmaElement::F64, 16, 4, 1, 1, 4},
};

} // namespace tegula::sim

#endif // TEGULA_SIMULATOR_AMDGPU_MFMAFORMS_H
