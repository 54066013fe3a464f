//===- Buffers.cpp - Constants, slices and views --------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

/// The elements of a constant, also of one that lies in a resource.
static FailureOr<DenseElementsAttr> getElements(Operation *op, ElementsAttr value) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    bool splat = false;
    if (!blob || !DenseElementsAttr::isValidRawBuffer(resource.getType(), blob->getData(), splat))
      return op->emitOpError("has no data");
    return DenseElementsAttr::getFromRawBuffer(resource.getType(), blob->getData());
  }
  if (auto dense = dyn_cast<DenseElementsAttr>(value))
    return dense;
  return op->emitOpError("is a constant of unknown form");
}

/// One element as the target holds it.
static Attribute toStorage(Attribute attr, Type elem) {
  if (auto real = dyn_cast<FloatAttr>(attr)) {
    APFloat number = real.getValue();
    bool lost;
    number.convert(cast<FloatType>(elem).getFloatSemantics(), APFloat::rmNearestTiesToEven, &lost);
    return FloatAttr::get(elem, number);
  }
  APInt number = cast<IntegerAttr>(attr).getValue();
  return IntegerAttr::get(elem, number.zextOrTrunc(elem.getIntOrFloatBitWidth()));
}

/// Where element `at` of the tile lies in the storage of `buf`.
static SmallVector<int64_t> getPlace(BufType buf, ArrayRef<int64_t> at, const TargetInfo &target) {
  SmallVector<int64_t> place(at);
  if (!buf.isPacked()) {
    if (place.empty())
      place.push_back(0);
    return place;
  }
  int64_t inner = place.pop_back_val(), outer = place.pop_back_val();
  int64_t k = buf.getTransposed() ? inner : outer, n = buf.getTransposed() ? outer : inner;
  int64_t group = x86::isPaired(buf, target) ? 2 : 1;
  place.append({n / buf.getPanel(), k / group, n % buf.getPanel() * group + k % group});
  return place;
}

FailureOr<Value> x86::makeConstant(Context &context, Emitter &emit, Operation *op,
                                   ElementsAttr value, BufType buf) {
  MemRefType storage = getStorage(buf, context.target);
  memref::GlobalOp &global = context.constants[{value, buf}];
  if (!global) {
    FailureOr<DenseElementsAttr> elements = getElements(op, value);
    if (failed(elements))
      return failure();
    Type elem = storage.getElementType();
    SmallVector<int64_t> strides = computeSuffixProduct(storage.getShape());
    SmallVector<int64_t> tileStrides = computeSuffixProduct(buf.getShape());
    SmallVector<Attribute> laidOut(storage.getNumElements(), emit.builder.getZeroAttr(elem));
    for (auto [i, attr] : llvm::enumerate(elements->getValues<Attribute>())) {
      SmallVector<int64_t> place = getPlace(buf, delinearize(i, tileStrides), context.target);
      laidOut[linearize(place, strides)] = toStorage(attr, elem);
    }
    OpBuilder builder(op->getContext());
    auto data = DenseElementsAttr::get(RankedTensorType::get(storage.getShape(), elem), laidOut);
    global = memref::GlobalOp::create(builder, op->getLoc(), "tile_constant",
                                      builder.getStringAttr("private"), storage, data,
                                      /*constant=*/true, builder.getI64IntegerAttr(64));
    context.symbols.insert(global, context.symbols.getOp()->getRegion(0).front().begin());
  }
  return memref::GetGlobalOp::create(emit.builder, op->getLoc(), storage, global.getSymName())
      .getResult();
}

LogicalResult x86::lowerConstant(Context &context, Emitter &emit, sched::ConstantOp op) {
  BufType buf = op.getBuffer().getType();
  if (!context.target.getStorageType(buf.getElem()))
    return op.emitOpError() << "holds " << buf.getElem() << ", which " << context.target.getName()
                            << " has no storage for";
  FailureOr<Value> memref = makeConstant(context, emit, op, op.getValue(), buf);
  if (succeeded(memref))
    context.arena.set(op.getBuffer(), *memref);
  return memref;
}

//===----------------------------------------------------------------------===//
// Slices and views
//===----------------------------------------------------------------------===//

LogicalResult x86::lowerSlice(Context &context, Emitter &emit, sched::SliceOp op) {
  OpBuilder &builder = emit.builder;
  auto ints = [&](ArrayRef<int64_t> numbers) {
    return getAsIndexOpFoldResult(builder.getContext(), numbers);
  };
  MemRefType box = getStorage(op.getBuffer().getType(), context.target);
  SmallVector<int64_t> ones(box.getRank(), 1);
  context.arena.set(op.getBuffer(), memref::SubViewOp::create(
                                        builder, op.getLoc(), context.arena.get(op.getSource()),
                                        ints(op.getAt()), ints(box.getShape()), ints(ones)));
  return success();
}

LogicalResult x86::lowerView(Context &context, Emitter &emit, sched::ViewOp op) {
  BufType from = op.getSource().getType(), to = op.getBuffer().getType();
  auto hasGaps = [&](BufType buf) {
    return getStorage(buf, context.target).getNumElements() != buf.getTile().getNumElements();
  };
  Value memref;
  if (from == to)
    memref = context.arena.get(op.getSource());
  else if (!hasGaps(from) && !hasGaps(to))
    memref = context.arena.get(op.getSource(), to.getShape());
  if (!memref)
    return op.emitOpError("is of rows that do not follow each other");
  context.arena.set(op.getBuffer(), memref);
  return success();
}
