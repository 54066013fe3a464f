//===- SchedDialect.td - The scheduled level -*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_SCHED_IR_SCHEDDIALECT_TD
#define TEGULA_DIALECT_SCHED_IR_SCHEDDIALECT_TD

include "mlir/IR/DialectBase.td"

def Sched_Dialect : Dialect {
  let name = "sched";
  let cppNamespace = "::tegula::sched";
  let summary = "Scheduled kernels: what a machine runs, without naming a vendor.";
  let description = [{
    One `sched.kernel` is one grid instance's work: buffers, channels and scalars
    first, then roles. A role is one program run by its members; roles run
    concurrently, and only channels and batons order them. Inside one member ops
    take effect in the order written; asynchronous are copies with an engine,
    which the wait of a channel ends, and `mma async`, which `mma_wait` ends.
    Position is the schedule.

    What one CPU thread needs is a kernel without roles: `local` buffers, plain
    copies, products into buffers, maps over buffers.

    Loops, branches and index arithmetic are upstream's (`scf`, `arith`,
    `affine`): slots, fragments and products in flight are ordinary loop values.
  }];
  let dependentDialects = ["::tegula::TegulaDialect", "::mlir::memref::MemRefDialect"];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    void registerAttributes();
    void registerTypes();
  }];
}

#endif // TEGULA_DIALECT_SCHED_IR_SCHEDDIALECT_TD
