//===- TegulaOps.td - Umbrella of the tegula dialect ------*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_TEGULA_IR_TEGULAOPS_TD
#define TEGULA_DIALECT_TEGULA_IR_TEGULAOPS_TD

include "tegula/Dialect/Tegula/IR/EntryOps.td"
include "tegula/Dialect/Tegula/IR/ProgramOps.td"
include "tegula/Dialect/Tegula/IR/MemoryOps.td"
include "tegula/Dialect/Tegula/IR/StreamOps.td"
include "tegula/Dialect/Tegula/IR/ComputeOps.td"
include "tegula/Dialect/Tegula/IR/SoftmaxOps.td"
include "tegula/Dialect/Tegula/IR/IndexedOps.td"
include "tegula/Dialect/Tegula/IR/SegmentOps.td"
include "tegula/Dialect/Tegula/IR/StructuredOps.td"

#endif // TEGULA_DIALECT_TEGULA_IR_TEGULAOPS_TD
