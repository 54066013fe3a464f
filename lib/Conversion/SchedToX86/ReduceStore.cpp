//===- ReduceStore.cpp - Reductions into memory ---------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bounds.h"
#include "Lowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;

static arith::AtomicRMWKind getAtomicKind(Combine kind, bool real) {
  switch (kind) {
  case Combine::add:
    return real ? arith::AtomicRMWKind::addf : arith::AtomicRMWKind::addi;
  case Combine::max:
    return real ? arith::AtomicRMWKind::maximumf : arith::AtomicRMWKind::maxs;
  case Combine::min:
    return real ? arith::AtomicRMWKind::minimumf : arith::AtomicRMWKind::mins;
  }
  llvm_unreachable("unknown combination");
}

/// Element by element, as atomics go: what is reduced into memory is little, or it
/// would be the bottleneck on any machine.
LogicalResult x86::lowerReduceStore(Context &context, Emitter &emit, sched::ReduceStoreOp op) {
  Value storage = context.arena.get(op.getSource()), view = op.getView();
  auto buf = cast<BufType>(op.getSource().getType());
  ArrayRef<int64_t> shape = buf.getShape();
  OpBuilder &builder = emit.builder;
  Bounds bounds(emit, view, llvm::to_vector(llvm::seq<int64_t>(0, shape.size())), op.getAt(),
                op.getUpto(), shape);
  emit.nest(bounds.lo, bounds.hi, [&](ValueRange position) {
    Values from(position), to;
    if (from.empty())
      from.push_back(emit.index(0));
    for (auto [origin, offset] : llvm::zip(op.getAt(), position))
      to.push_back(emit.add(origin, offset));
    Value value = emit.loadElement(storage, from);
    if (op.getAtomic()) {
      arith::AtomicRMWKind kind = getAtomicKind(op.getKind(), isa<FloatType>(buf.getElem()));
      memref::AtomicRMWOp::create(builder, emit.loc, kind, value, view, to);
      return;
    }
    Value held = memref::LoadOp::create(builder, emit.loc, view, to);
    emit.store(emit.combine(op.getKind(), held, value), view, to);
  });
  return success();
}
