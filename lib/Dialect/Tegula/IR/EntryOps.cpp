//===- EntryOps.cpp - What a launcher knows of a kernel -------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace tegula;

/// C1 of both.
template <typename OpTy> static LogicalResult verifyTypes(OpTy op) {
  if (op.getArgs().size() != op.getTypes().size())
    return op.emitOpError() << "has " << op.getArgs().size() << " arguments but "
                            << op.getTypes().size() << " types";
  return success();
}

/// C2 of both.
static LogicalResult verifyFunctions(Operation *op, ArrayRef<FlatSymbolRefAttr> names,
                                     SymbolTableCollection &symbols) {
  for (FlatSymbolRefAttr name : names)
    if (!symbols.lookupNearestSymbolFrom<FunctionOpInterface>(op, name))
      return op->emitOpError() << "'" << name.getValue() << "' names no function of this module";
  return success();
}

LogicalResult EntryOp::verify() { return verifyTypes(*this); }

LogicalResult EntryOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyFunctions(*this, {getBindAttr(), getRunAttr(), getInstanceAttr()}, symbols);
}

LogicalResult ProgramEntryOp::verify() { return verifyTypes(*this); }

LogicalResult ProgramEntryOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyFunctions(*this, {getRunAttr()}, symbols);
}

LogicalResult DeviceEntryOp::verify() {
  if (getThreads() < 1) // C3
    return emitOpError() << "needs at least one thread, got " << static_cast<int64_t>(getThreads());
  return verifyTypes(*this);
}

LogicalResult DeviceEntryOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyFunctions(*this, {getFunctionAttr()}, symbols);
}
