//===- MmaForms.h - Shapes of matrix products ------------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What an `mma.sync` multiplies: shape, element types, and where the elements are.
// The fragment maps are those of the PTX ISA manual, "Matrix Fragments for mma...".
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SIMULATOR_NVVM_MMAFORMS_H
#define TEGULA_SIMULATOR_NVVM_MMAFORMS_H

namespace tegula::sim {

enum class MmaForm : unsigned {
  M16N8K16BF16,
  M16N8K8BF16,
  M16N8K16F16,
  M16N8K16F16F16,
  M16N8K8F16,
  M16N8K8F16F16,
  M16N8K8TF32,
  M16N8K4TF32,
  M8N8K4F64,
  M16N8K16S8,
  M16N8K32S8,
  M16N8K16U8,
  M16N8K32U8,
  M16N8K32E4M3,
  M16N8K32E5M2,
};

enum class MmaElement : unsigned char { F16, BF16, TF32, F64, S8, U8, E4M3, E5M2 };

struct MmaShape {
  /// For counters: "m16n8k16.bf16".
  const char *name;
  MmaElement element;
  unsigned m, k;
  /// C and D in 16-bit floats.
  bool halfResult;
  /// Components of A, B and C.
  unsigned a, b, c;
};

constexpr MmaShape mmaShapes[] = {
    {"m16n8k16.bf16", MmaElement::BF16, 16, 16, false, 4, 2, 4},
    {"m16n8k8.bf16", MmaElement::BF16, 16, 8, false, 2, 1, 4},
    {"m16n8k16.f16", MmaElement::F16, 16, 16, false, 4, 2, 4},
    {"m16n8k16.f16.f16", MmaElement::F16, 16, 16, true, 4, 2, 2},
    {"m16n8k8.f16", MmaElement::F16, 16, 8, false, 2, 1, 4},
    {"m16n8k8.f16.f16", MmaElement::F16, 16, 8, true, 2, 1, 2},
    {"m16n8k8.tf32", MmaElement::TF32, 16, 8, false, 4, 2, 4},
    {"m16n8k4.tf32", MmaElement::TF32, 16, 4, false, 2, 1, 4},
    {"m8n8k4.f64", MmaElement::F64, 8, 4, false, 1, 1, 2},
    {"m16n8k16.s8", MmaElement::S8, 16, 16, false, 2, 1, 4},
    {"m16n8k32.s8", MmaElement::S8, 16, 32, false, 4, 2, 4},
    {"m16n8k16.u8", MmaElement::U8, 16, 16, false, 2, 1, 4},
    {"m16n8k32.u8", MmaElement::U8, 16, 32, false, 4, 2, 4},
    {"m16n8k32.e4m3", MmaElement::E4M3, 16, 32, false, 4, 2, 4},
    {"m16n8k32.e5m2", MmaElement::E5M2, 16, 32, false, 4, 2, 4},
};

} // namespace tegula::sim

#endif // TEGULA_SIMULATOR_NVVM_MMAFORMS_H
