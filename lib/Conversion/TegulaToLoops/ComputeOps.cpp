//===- ComputeOps.cpp - Products, reductions and shapes as loops -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::loops;

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// Where an operand is read for batch point `batch`, row and column; a batch axis of
/// extent 1 is stretched.
static SmallVector<Value> dotIndices(LoopBuilder &b, DotOperand operand, ValueRange batch,
                                     Value row, Value col) {
  ArrayRef<int64_t> shape = cast<MemRefType>(operand.buffer.getType()).getShape();
  SmallVector<Value> at;
  for (auto [axis, i] : llvm::enumerate(batch))
    at.push_back(shape[axis] == 1 ? b.index(0) : i);
  at.push_back(operand.trans ? col : row);
  at.push_back(operand.trans ? row : col);
  return at;
}

Value loops::writeDotSum(LoopBuilder &b, DotOperand lhs, DotOperand rhs, Value start,
                         ValueRange at) {
  ArrayRef<int64_t> shape = cast<MemRefType>(lhs.buffer.getType()).getShape();
  int64_t depth = shape[lhs.trans ? shape.size() - 2 : shape.size() - 1];
  ValueRange batch = at.drop_back(2);
  Value m = at[at.size() - 2], n = at[at.size() - 1];
  auto element = [&](DotOperand operand, Value row, Value col) -> Value {
    Value x = b.widen(b.load(operand.buffer, dotIndices(b, operand, batch, row, col)));
    if (isa<IntegerType>(x.getType()))
      return arith::ExtSIOp::create(b, start.getType(), x);
    return x;
  };
  return b.fold(depth, start, [&](Value k, ValueRange partial) {
    Value product = b.mul(element(lhs, m, k), element(rhs, k, n));
    return SmallVector<Value>{b.add(partial[0], product)};
  })[0];
}

/// result[.., m, n] = acc[.., m, n] + sum over k of a[.., m, k] * b[.., k, n]
LogicalResult loops::lower(DotOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  RankedTensorType type = op.getResult().getType();
  DotOperand lhs{lowering.buffer(op.getA()), op.getTransA()};
  DotOperand rhs{lowering.buffer(op.getB()), op.getTransB()};
  Value acc = op.getAcc() ? lowering.buffer(op.getAcc()) : Value();
  Value result = lowering.define(op.getResult()).front();
  b.nest(type.getShape(), [&](ValueRange i) {
    Value start = acc ? b.load(acc, i) : b.number(type.getElementType(), 0);
    b.store(writeDotSum(b, lhs, rhs, start, i), result, i);
  });
  return success();
}

//===----------------------------------------------------------------------===//
// Along one axis
//===----------------------------------------------------------------------===//

/// Indices of the whole tile from those without `axis`, and a position on it.
static SmallVector<Value> withAxis(ValueRange others, int64_t axis, Value position) {
  SmallVector<Value> at(others);
  at.insert(at.begin() + axis, position);
  return at;
}

/// Rounds a sum that was kept in f32 where the tile holds 16-bit floats.
static Value narrowSum(LoopBuilder &b, Value sum, Type elem) {
  auto narrow = dyn_cast<FloatType>(elem);
  return narrow ? b.convertFloat(sum, narrow) : sum;
}

/// result[..] = x[.., 0] + x[.., 1] + ..., 16-bit floats in f32 and rounded once
LogicalResult loops::lower(ReduceOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  RankedTensorType from = op.getX().getType(), to = op.getResult().getType();
  Type elem = to.getElementType();
  int64_t axis = op.getAxis();
  Value x = lowering.buffer(op.getX()), result = lowering.define(op.getResult()).front();
  b.nest(to.getShape(), [&](ValueRange i) {
    Value start = b.neutral(op.getKind(), getAccumulator(elem));
    Value total = b.fold(from.getDimSize(axis), start, [&](Value k, ValueRange partial) {
      Value next = b.widen(b.load(x, withAxis(i, axis, k)));
      return SmallVector<Value>{b.combine(op.getKind(), partial[0], next)};
    })[0];
    b.store(narrowSum(b, total, elem), result, i);
  });
  return success();
}

/// Whether `value` replaces `best` as the maximum so far: it is greater, or the first NaN.
static Value isAbove(LoopBuilder &b, Value value, Value best) {
  if (isa<IntegerType>(value.getType()))
    return arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, value, best);
  Value greater = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, value, best);
  Value isNan = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, value, value);
  Value bestIsNumber = arith::CmpFOp::create(b, arith::CmpFPredicate::ORD, best, best);
  return arith::OrIOp::create(b, greater, arith::AndIOp::create(b, isNan, bestIsNumber));
}

/// result[..] = the least k with x[.., k] = max over k; a NaN is above everything
void loops::writeArgMax(LoopBuilder &b, Value x, Value result, int64_t axis) {
  auto to = cast<MemRefType>(result.getType());
  int64_t extent = cast<MemRefType>(x.getType()).getDimSize(axis);
  b.nest(to.getShape(), [&](ValueRange i) {
    Value first = b.widen(b.load(x, withAxis(i, axis, b.index(0))));
    Value best = b.fold(extent, {first, b.index(0)}, [&](Value k, ValueRange partial) {
      Value next = b.widen(b.load(x, withAxis(i, axis, k)));
      Value above = isAbove(b, next, partial[0]);
      return SmallVector<Value>{b.select(above, next, partial[0]), b.select(above, k, partial[1])};
    })[1];
    b.store(arith::IndexCastOp::create(b, to.getElementType(), best), result, i);
  });
}

LogicalResult loops::lower(ArgMaxOp op, Lowering &lowering) {
  Value result = lowering.define(op.getResult()).front();
  writeArgMax(lowering.builder(), lowering.buffer(op.getX()), result, op.getAxis());
  return success();
}

/// for k: sum += x[.., k]; result[.., k] = sum, with k from the end if `reverse`, and
/// the sum before the addition if `exclusive`
void loops::writeScan(LoopBuilder &b, Scan scan, Value x, Value result) {
  auto type = cast<MemRefType>(x.getType());
  Type elem = type.getElementType();
  int64_t extent = type.getDimSize(scan.axis);
  SmallVector<int64_t> others(type.getShape());
  others.erase(others.begin() + scan.axis);
  b.nest(others, [&](ValueRange i) {
    Value start = b.neutral(scan.kind, getAccumulator(elem));
    b.fold(extent, start, [&](Value k, ValueRange partial) {
      Value position = scan.reverse ? b.sub(b.index(extent - 1), k) : k;
      SmallVector<Value> at = withAxis(i, scan.axis, position);
      Value total = b.combine(scan.kind, partial[0], b.widen(b.load(x, at)));
      b.store(narrowSum(b, scan.exclusive ? partial[0] : total, elem), result, at);
      return SmallVector<Value>{total};
    });
  });
}

LogicalResult loops::lower(ScanOp op, Lowering &lowering) {
  Value x = lowering.buffer(op.getX()), result = lowering.define(op.getResult()).front();
  Scan scan{op.getKind(), static_cast<int64_t>(op.getAxis()), op.getReverse(), op.getExclusive()};
  writeScan(lowering.builder(), scan, x, result);
  return success();
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

LogicalResult loops::lower(BroadcastOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  RankedTensorType from = op.getX().getType();
  Value x = lowering.buffer(op.getX()), result = lowering.define(op.getResult()).front();
  b.nest(op.getResult().getType().getShape(), [&](ValueRange i) {
    SmallVector<Value> at;
    for (auto [axis, dim] : llvm::enumerate(op.getDims()))
      at.push_back(from.getDimSize(axis) == 1 ? b.index(0) : i[dim]);
    b.store(b.load(x, at), result, i);
  });
  return success();
}

LogicalResult loops::lower(TransposeOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  Value x = lowering.buffer(op.getX()), result = lowering.define(op.getResult()).front();
  b.nest(op.getResult().getType().getShape(), [&](ValueRange i) {
    SmallVector<Value> at(i.size());
    for (auto [axis, source] : llvm::enumerate(op.getPerm()))
      at[source] = i[axis];
    b.store(b.load(x, at), result, i);
  });
  return success();
}

/// The indices of element `linear`, in row-major order.
static SmallVector<Value> delinearize(LoopBuilder &b, Value linear, ArrayRef<int64_t> shape) {
  SmallVector<Value> at(shape.size());
  for (int64_t axis = shape.size() - 1; axis >= 0; --axis) {
    at[axis] = arith::RemUIOp::create(b, linear, b.index(shape[axis]));
    linear = arith::DivUIOp::create(b, linear, b.index(shape[axis]));
  }
  return at;
}

void loops::writeReshape(LoopBuilder &b, Value x, Value result) {
  auto from = cast<MemRefType>(x.getType()), to = cast<MemRefType>(result.getType());
  b.loop(to.getNumElements(), [&](Value linear) {
    Value element = b.load(x, delinearize(b, linear, from.getShape()));
    b.store(element, result, delinearize(b, linear, to.getShape()));
  });
}

LogicalResult loops::lower(ReshapeOp op, Lowering &lowering) {
  Value result = lowering.define(op.getResult()).front();
  writeReshape(lowering.builder(), lowering.buffer(op.getX()), result);
  return success();
}

LogicalResult loops::lower(ConcatOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  Value result = lowering.define(op.getResult()).front();
  int64_t axis = op.getAxis(), offset = 0;
  for (Value part : op.getXs()) {
    auto type = cast<RankedTensorType>(part.getType());
    Value x = lowering.buffer(part);
    b.nest(type.getShape(), [&](ValueRange i) {
      SmallVector<Value> at(i);
      at[axis] = b.add(at[axis], b.index(offset));
      b.store(b.load(x, i), result, at);
    });
    offset += type.getDimSize(axis);
  }
  return success();
}

LogicalResult loops::lower(tensor::ExtractSliceOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  auto isStatic = [](ArrayRef<int64_t> numbers) {
    return llvm::none_of(numbers, ShapedType::isDynamic);
  };
  if (!isStatic(op.getStaticOffsets()) || !isStatic(op.getStaticSizes()) ||
      !isStatic(op.getStaticStrides()))
    return op.emitOpError("slices a tile at run-time offsets, sizes or strides: slices of "
                          "tiles are static");
  Value x = lowering.buffer(op.getSource());
  Value result = lowering.define(op.getResult()).front();
  llvm::SmallBitVector dropped = op.getDroppedDims();
  b.nest(op.getType().getShape(), [&](ValueRange i) {
    SmallVector<Value> at;
    unsigned next = 0;
    for (int64_t axis = 0; axis < op.getSourceType().getRank(); ++axis) {
      Value local = dropped.test(axis) ? b.index(0) : i[next++];
      Value scaled = b.mul(local, b.index(op.getStaticStride(axis)));
      at.push_back(b.add(scaled, b.index(op.getStaticOffset(axis))));
    }
    b.store(b.load(x, at), result, i);
  });
  return success();
}

//===----------------------------------------------------------------------===//
// Elements and constants
//===----------------------------------------------------------------------===//

LogicalResult loops::lower(IotaOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  RankedTensorType type = op.getResult().getType();
  Value result = lowering.define(op.getResult()).front();
  b.nest(type.getShape(), [&](ValueRange i) {
    Value id = b.add(op.getStart(), i[0]);
    b.store(arith::IndexCastOp::create(b, type.getElementType(), id), result, i);
  });
  return success();
}

/// The policy says how a fast path may compute it; here it is the C library's.
LogicalResult loops::lower(Exp2Op op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  auto elem = cast<FloatType>(getElementTypeOrSelf(op.getX().getType()));
  auto scalar = [&](Value x) -> Value {
    return b.convertFloat(math::Exp2Op::create(b, b.widen(x)), elem);
  };
  auto type = dyn_cast<RankedTensorType>(op.getResult().getType());
  if (!type) {
    op.getResult().replaceAllUsesWith(scalar(op.getX()));
    return success();
  }
  Value x = lowering.buffer(op.getX()), result = lowering.define(op.getResult()).front();
  b.nest(type.getShape(), [&](ValueRange i) { b.store(scalar(b.load(x, i)), result, i); });
  return success();
}

memref::GlobalOp loops::createGlobal(Operation *from, ElementsAttr value) {
  auto type = MemRefType::get(value.getShapedType().getShape(), value.getElementType());
  Operation *module = SymbolTable::getNearestSymbolTable(from);
  SymbolTable symbols(module);
  OpBuilder builder(module->getContext());
  auto global = memref::GlobalOp::create(
      builder, from->getLoc(), "tegula_constant", builder.getStringAttr("private"), type, value,
      /*constant=*/true, /*alignment=*/builder.getI64IntegerAttr(64));
  symbols.insert(global, module->getRegion(0).front().begin());
  return global;
}

/// A splat is a filled buffer, other constants are read-only globals.
LogicalResult loops::lower(arith::ConstantOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  auto type = cast<RankedTensorType>(op.getType());
  auto value = cast<ElementsAttr>(op.getValue());
  if (auto splat = dyn_cast<SplatElementsAttr>(value)) {
    Value result = lowering.define(op.getResult()).front();
    Value element = b.constant(splat.getSplatValue<TypedAttr>());
    lowering.atEntry(
        [&] { b.nest(type.getShape(), [&](ValueRange i) { b.store(element, result, i); }); });
    return success();
  }
  memref::GlobalOp global = createGlobal(op, value);
  lowering.atEntry([&] {
    Value data = memref::GetGlobalOp::create(b, global.getType(), global.getSymName());
    lowering.alias(op.getResult(), data);
  });
  return success();
}

LogicalResult loops::lower(tensor::SplatOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  Value result = lowering.define(op.getResult()).front();
  b.nest(op.getType().getShape(), [&](ValueRange i) { b.store(op.getInput(), result, i); });
  return success();
}

LogicalResult loops::lower(tensor::FromElementsOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  auto type = cast<RankedTensorType>(op.getType());
  Value result = lowering.define(op.getResult()).front();
  for (auto [linear, element] : llvm::enumerate(op.getElements())) {
    SmallVector<Value> at(type.getRank());
    int64_t rest = linear;
    for (int64_t axis = type.getRank() - 1; axis >= 0; --axis) {
      at[axis] = b.index(rest % type.getDimSize(axis));
      rest /= type.getDimSize(axis);
    }
    b.store(element, result, at);
  }
  return success();
}

LogicalResult loops::lower(tensor::ExtractOp op, Lowering &lowering) {
  LoopBuilder &b = lowering.builder();
  Value element = b.load(lowering.buffer(op.getTensor()), op.getIndices());
  op.getResult().replaceAllUsesWith(element);
  return success();
}
