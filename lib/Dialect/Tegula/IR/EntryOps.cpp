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

LogicalResult EntryOp::verify() {
  if (getArgs().size() != getTypes().size()) // C1
    return emitOpError() << "has " << getArgs().size() << " arguments but " << getTypes().size()
                         << " types";
  return success();
}

LogicalResult EntryOp::verifySymbolUses(SymbolTableCollection &symbols) {
  for (FlatSymbolRefAttr name : {getBindAttr(), getRunAttr(), getInstanceAttr()})
    if (!symbols.lookupNearestSymbolFrom<FunctionOpInterface>(*this, name)) // C2
      return emitOpError() << "'" << name.getValue() << "' names no function of this module";
  return success();
}
