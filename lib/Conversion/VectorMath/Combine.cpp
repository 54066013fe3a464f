//===- Combine.cpp - Sums, maxima and minima in code ---------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Conversion/Combine.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace tegula;

Value tegula::combine(OpBuilder &builder, Location loc, Combine kind, Value a, Value b) {
  bool real = isa<FloatType>(getElementTypeOrSelf(a.getType()));
  switch (kind) {
  case Combine::add:
    if (real)
      return arith::AddFOp::create(builder, loc, a, b);
    return arith::AddIOp::create(builder, loc, a, b);
  case Combine::max:
    if (real)
      return arith::MaximumFOp::create(builder, loc, a, b);
    return arith::MaxSIOp::create(builder, loc, a, b);
  case Combine::min:
    if (real)
      return arith::MinimumFOp::create(builder, loc, a, b);
    return arith::MinSIOp::create(builder, loc, a, b);
  }
  llvm_unreachable("unknown combination");
}

TypedAttr tegula::getNeutral(Combine kind, Type elem) {
  Builder builder(elem.getContext());
  if (kind == Combine::add)
    return builder.getZeroAttr(elem);
  bool isMax = kind == Combine::max;
  if (auto real = dyn_cast<FloatType>(elem))
    return builder.getFloatAttr(elem,
                                APFloat::getInf(real.getFloatSemantics(), /*Negative=*/isMax));
  unsigned width = elem.getIntOrFloatBitWidth();
  return builder.getIntegerAttr(elem, isMax ? APInt::getSignedMinValue(width)
                                            : APInt::getSignedMaxValue(width));
}
