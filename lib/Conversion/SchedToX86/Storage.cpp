//===- Storage.cpp - How buffers lie in the arena -------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Storage.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;

bool x86::isPaired(BufType buf, const TargetInfo &target) {
  return buf.isPacked() && target.hasPairDots(buf.getElem());
}

MemRefType x86::getStorage(BufType buf, const TargetInfo &target) {
  SmallVector<int64_t> shape(buf.getShape());
  if (buf.isPacked()) {
    int64_t inner = shape.pop_back_val(), outer = shape.pop_back_val();
    int64_t k = buf.getTransposed() ? inner : outer, n = buf.getTransposed() ? outer : inner;
    int64_t group = isPaired(buf, target) ? 2 : 1;
    shape.append({llvm::divideCeilSigned(n, buf.getPanel()), llvm::divideCeilSigned(k, group),
                  group * buf.getPanel()});
  } else if (shape.empty()) {
    shape.push_back(target.getRowMultiple());
  } else {
    shape.back() = llvm::alignTo(shape.back(), target.getRowMultiple());
  }
  return MemRefType::get(shape, target.getStorageType(buf.getElem()));
}

int64_t x86::getStorageBytes(BufType buf, const TargetInfo &target) {
  MemRefType type = getStorage(buf, target);
  return type.getNumElements() * type.getElementTypeBitWidth() / 8;
}

const TargetInfo *x86::getTarget(sched::KernelOp kernel) {
  const TargetInfo *target = TargetInfo::lookup(kernel.getTarget());
  if (!target) {
    InFlightDiagnostic diag = kernel.emitOpError() << "is scheduled for the unknown target '"
                                                   << kernel.getTarget() << "'; known are";
    for (const TargetInfo &known : TargetInfo::getAll())
      diag << " " << known.getName();
  }
  return target;
}

LogicalResult x86::verifyStorage(AllocOp alloc, const TargetInfo &target) {
  BufType buf = alloc.getBuffer().getType();
  if (!target.getStorageType(buf.getElem()))
    return alloc.emitOpError() << "holds " << buf.getElem() << ", which " << target.getName()
                               << " has no storage for";
  if (buf.isPacked()) {
    int64_t lanes = target.getLanes(target.getStorageType(buf.getElem()));
    if (buf.getPanel() % lanes != 0)
      return alloc.emitOpError() << "has panels of " << buf.getPanel()
                                 << " columns, which are no whole vectors of " << lanes;
  }
  return success();
}
