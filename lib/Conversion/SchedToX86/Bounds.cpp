//===- Bounds.cpp - The part of a tile inside a view ----------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bounds.h"

#include "tegula/Analysis/IndexFacts.h"
#include "tegula/Analysis/Requirements.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace tegula;

x86::Bounds::Bounds(Emitter &emit, Value view, ArrayRef<int64_t> axes, ValueRange at,
                    ValueRange upto, ArrayRef<int64_t> shape) {
  OpBuilder &builder = emit.builder;
  auto both = [&](Value condition) {
    inside = inside ? arith::AndIOp::create(builder, emit.loc, inside, condition) : condition;
  };
  for (auto [i, axis, extent] : llvm::enumerate(axes, shape)) {
    Value zero = emit.index(0), size = emit.index(extent);
    if (endsWithinView(view, axis, at[i], upto.empty() ? Value() : upto[i], extent)) {
      hi.push_back(size);
    } else {
      Value limit = builder.createOrFold<memref::DimOp>(emit.loc, view, axis);
      if (!upto.empty() && upto[i] != limit)
        limit = emit.min(limit, upto[i]);
      Value left = emit.sub(limit, at[i]);
      hi.push_back(emit.min(left, size));
      both(arith::CmpIOp::create(builder, emit.loc, arith::CmpIPredicate::sge, left, size));
    }
    if (isNonNegative(at[i])) {
      lo.push_back(zero);
      continue;
    }
    lo.push_back(emit.max(emit.sub(zero, at[i]), zero));
    both(arith::CmpIOp::create(builder, emit.loc, arith::CmpIPredicate::sge, at[i], zero));
  }
}

void x86::Bounds::choose(Emitter &emit, function_ref<void()> whole, function_ref<void()> part) {
  if (!inside)
    return whole();
  auto choice = scf::IfOp::create(emit.builder, emit.loc, inside, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(emit.builder);
  emit.builder.setInsertionPointToStart(choice.thenBlock());
  whole();
  emit.builder.setInsertionPointToStart(choice.elseBlock());
  part();
}
