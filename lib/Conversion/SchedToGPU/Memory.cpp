//===- Memory.cpp - Loads, stores and copies ------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Access.h"

#include "tegula/Target/GpuInfo.h"

#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::gpu;

/// The most elements that one access moves.
static int64_t mostElements(Type elem) { return std::max<int64_t>(1, 16 / bytesOf(elem)); }

//===----------------------------------------------------------------------===//
// Fragments and device memory
//===----------------------------------------------------------------------===//

/// Registers [i, i + width), with the split position of the first.
using VisitRegisters = function_ref<void(int64_t first, ArrayRef<Coordinate> at)>;

static void visit(Emitter &e, Lowering &lowering, const Registers &regs, TileAccess &access,
                  int64_t width, VisitRegisters body) {
  Coordinate row = lowering.rowOf(e, regs), col = lowering.colOf(e, regs);
  for (int64_t i = 0; i < regs.size(); i += width)
    body(i, access.split(e, row.plus(regs.regs[i].row), col.plus(regs.regs[i].col)));
}

/// A register whose position is outside the tile for every thread.
static bool isBeyond(const Registers &regs, int64_t i) {
  return regs.regs[i].row >= regs.rows || regs.regs[i].col >= regs.cols;
}

static Value padOf(Emitter &e, Lowering &lowering, Value pad, Type elem) {
  return pad ? lowering.scalar(pad) : e.number(elem, 0);
}

/// Elements outside are read from a constant that is 0: an address is chosen, and nothing
/// branches.
static Values loadMasked(Emitter &e, Lowering &lowering, const Registers &regs, TileAccess &access,
                         Type elem, Value pad) {
  Values result(regs.size());
  bool padIsZero = !pad;
  Value zero = lowering.zeros(e);
  visit(e, lowering, regs, access, 1, [&](int64_t i, ArrayRef<Coordinate> at) {
    if (isBeyond(regs, i)) {
      result[i] = padOf(e, lowering, pad, elem);
      return;
    }
    Value inside = e.both(access.isInside(e, at), lowering.isInTile(e, regs, regs.regs[i]));
    Value address = access.address(e, at);
    if (inside)
      address = e.select(inside, address, zero);
    Value element = e.load(address, elem, 1, bytesOf(elem)).front();
    if (inside && !padIsZero)
      element = e.select(inside, element, padOf(e, lowering, pad, elem));
    result[i] = element;
  });
  return result;
}

static Values loadWhole(Emitter &e, Lowering &lowering, const Registers &regs, TileAccess &access,
                        Type elem, int64_t width) {
  Values result;
  visit(e, lowering, regs, access, width, [&](int64_t, ArrayRef<Coordinate> at) {
    result.append(e.load(access.address(e, at), elem, width, width * bytesOf(elem)));
  });
  return result;
}

/// Elements travel out of a branch 32 bits at a time.
static Values choosePacked(Emitter &e, Type elem, Value condition, function_ref<Values()> then,
                           function_ref<Values()> other) {
  bool pairs = elem.getIntOrFloatBitWidth() == 16;
  auto packed = [&](function_ref<Values()> from) {
    Values values = from();
    return pairs && values.size() % 2 == 0 ? e.toWords(values) : values;
  };
  bool whole = true;
  Values result = e.choose(
      condition,
      [&] {
        Values values = then();
        whole = !(pairs && values.size() % 2 == 0);
        return whole ? values : e.toWords(values);
      },
      [&] { return packed(other); });
  return whole ? result : e.fromWords(result, elem);
}

/// The first half of a copy through registers: its place is above what it hides behind.
static bool runsAhead(sched::LoadOp op) {
  return op.getWhere() && llvm::all_of(op.getFragment().getUsers(), [](Operation *user) {
           return isa<sched::StoreOp>(user) || user->hasTrait<OpTrait::IsTerminator>();
         });
}

static LogicalResult loadFromView(sched::LoadOp op, Lowering &lowering) {
  Emitter e = lowering.at(op.getLoc());
  sched::FragType type = op.getFragment().getType();
  FailureOr<View> view = lowering.view(op.getSource());
  FailureOr<Registers> regs = lowering.registersOf(op.getFragment());
  if (failed(view) || failed(regs))
    return failure();
  Type elem = type.getElem();
  SmallVector<int64_t> shape(type.getShape());
  if (op.getTrans())
    std::swap(shape[shape.size() - 1], shape[shape.size() - 2]);
  Value where = op.getWhere() ? lowering.scalar(op.getWhere()) : Value();
  auto load = [&]() -> Values {
    TileAccess access(e, lowering, *view, shape, {op.getAt(), op.getUpto(), {}}, op.getTrans());
    auto masked = [&] { return loadMasked(e, lowering, *regs, access, elem, op.getPad()); };
    if (regs->hasRemainder())
      return masked();
    int64_t width = access.getWidth(regs->vectorWidth(mostElements(elem)));
    Value whole = e.both(access.isWholeInside(e), access.isAligned(e, width * bytesOf(elem)));
    return choosePacked(
        e, elem, whole, [&] { return loadWhole(e, lowering, *regs, access, elem, width); }, masked);
  };
  Values elements = choosePacked(e, elem, where, load, [&] {
    return Values(regs->size(), padOf(e, lowering, op.getPad(), elem));
  });
  return lowering.define(op.getFragment(), elements);
}

static LogicalResult storeToView(sched::StoreOp op, Lowering &lowering) {
  Emitter e = lowering.at(op.getLoc());
  auto type = cast<sched::FragType>(op.getSource().getType());
  FailureOr<View> view = lowering.view(op.getDest());
  if (failed(view))
    return failure();
  Fragment &source = lowering.fragment(op.getSource());
  Values elements = lowering.elements(e, source);
  const Registers &regs = source.regs;
  Type elem = type.getElem();
  SmallVector<int64_t> shape(type.getShape());
  if (op.getTrans())
    std::swap(shape[shape.size() - 1], shape[shape.size() - 2]);
  Value where = e.both(op.getWhere() ? lowering.scalar(op.getWhere()) : Value(),
                       lowering.isFirstHolder(e, regs));
  // What is read and written: other warps may hold copies of what this one writes over,
  // or other parts of it than they will read.
  bool ordered = getViewAccess(op.getDest()) == Access::InOut;
  if (ordered)
    lowering.vendor.globalBarrier(e);
  llvm::scope_exit after([&] {
    if (ordered)
      lowering.vendor.globalBarrier(e);
  });
  e.when(where, [&] {
    TileAccess access(e, lowering, *view, shape, {op.getAt(), op.getUpto(), {}}, op.getTrans());
    auto masked = [&] {
      visit(e, lowering, regs, access, 1, [&](int64_t i, ArrayRef<Coordinate> at) {
        if (isBeyond(regs, i))
          return;
        Value inside = e.both(access.isInside(e, at), lowering.isInTile(e, regs, regs.regs[i]));
        e.when(inside, [&] { e.store(elements[i], access.address(e, at), bytesOf(elem)); });
      });
    };
    if (regs.hasRemainder())
      return masked();
    int64_t width = access.getWidth(regs.vectorWidth(mostElements(elem)));
    Value whole = e.both(access.isWholeInside(e), access.isAligned(e, width * bytesOf(elem)));
    e.choose(
        whole,
        [&]() -> Values {
          visit(e, lowering, regs, access, width, [&](int64_t i, ArrayRef<Coordinate> at) {
            e.store(ValueRange(elements).slice(i, width), access.address(e, at),
                    width * bytesOf(elem));
          });
          return {};
        },
        [&]() -> Values {
          masked();
          return {};
        });
  });
  return success();
}

//===----------------------------------------------------------------------===//
// Fragments and shared memory
//===----------------------------------------------------------------------===//

/// The elements of registers [first, first + n) by ordinary loads, n as many as one
/// access moves.
static Values loadRegisters(Emitter &e, Lowering &lowering, const Registers &regs,
                            const Buffer &from, bool trans, int64_t first) {
  Type elem = from.storage.elem;
  int64_t width = 1;
  if (!trans && !regs.hasRemainder() && from.col.constant % from.storage.getUnit() == 0)
    width = regs.vectorWidth(std::min(mostElements(elem), from.storage.getUnit()));
  Coordinate row = lowering.rowOf(e, regs).plus(regs.regs[first].row);
  Coordinate col = lowering.colOf(e, regs).plus(regs.regs[first].col);
  if (isBeyond(regs, first))
    return {e.number(elem, 0)};
  Value inside = lowering.isInTile(e, regs, regs.regs[first]);
  if (trans)
    std::swap(row, col);
  Value address = from.storage.address(e, from.base, Coordinate::sum(e, from.row, row),
                                       Coordinate::sum(e, from.col, col));
  if (inside) // the stage's first element is always there
    address = e.select(inside, address, from.base);
  Values elements = e.load(address, elem, width, width * bytesOf(elem));
  if (inside)
    elements.front() = e.select(inside, elements.front(), e.number(elem, 0));
  return elements;
}

ArrayRef<Value> Lowering::elements(Emitter &e, Fragment &fragment, int64_t first, int64_t count) {
  Values &elements = fragment.elements;
  for (int64_t i = first; i < first + count; ++i) {
    if (elements[i])
      continue;
    const Registers &regs = fragment.regs;
    Values loaded;
    auto space = cast<LLVM::LLVMPointerType>(fragment.source->base.getType());
    if (!regs.hasRemainder() && space.getAddressSpace() == sharedSpace)
      loaded = vendor.loadMatrices(e, *fragment.source, regs, fragment.trans, i, lane,
                                   warpRowOf(e, regs), warpColOf(e, regs));
    if (loaded.empty())
      loaded = loadRegisters(e, *this, regs, *fragment.source, fragment.trans, i);
    for (auto [j, element] : llvm::enumerate(loaded))
      if (!elements[i + j])
        elements[i + j] = element;
  }
  return ArrayRef(elements).slice(first, count);
}

Values Lowering::elements(Emitter &e, Fragment &fragment) {
  return Values(elements(e, fragment, 0, fragment.regs.size()));
}

Values Lowering::fill(Emitter &e, const Registers &regs, const Buffer &from, bool trans) {
  Fragment fragment{{}, regs, Values(regs.size()), from, trans};
  return elements(e, fragment);
}

void Lowering::spill(Emitter &e, const Registers &regs, ValueRange elements, const Buffer &to,
                     bool trans) {
  e.when(isFirstHolder(e, regs), [&] {
    Coordinate row = rowOf(e, regs), col = colOf(e, regs);
    int64_t width = 1;
    if (!trans && !regs.hasRemainder())
      width = regs.vectorWidth(std::min(mostElements(to.storage.elem), to.storage.getUnit()));
    for (int64_t i = 0; i < regs.size(); i += width) {
      if (isBeyond(regs, i))
        continue;
      Coordinate r = row.plus(regs.regs[i].row), c = col.plus(regs.regs[i].col);
      if (trans)
        std::swap(r, c);
      e.when(isInTile(e, regs, regs.regs[i]), [&] {
        Value address = to.storage.address(e, to.base, Coordinate::sum(e, to.row, r),
                                           Coordinate::sum(e, to.col, c));
        e.store(elements.slice(i, width), address, width * bytesOf(to.storage.elem));
      });
    }
  });
}

Buffer Lowering::scratch(Emitter &e, int64_t rows, int64_t cols, Type elem, int64_t &used) {
  Storage storage(rows, cols, elem, /*swizzle=*/0);
  Value base = e.move(shared, llvm::alignTo(sharedBytes, 16) + used);
  used += storage.getBytes();
  scratchBytes = std::max(scratchBytes, used);
  return Buffer{{}, base, storage, {}, {}};
}

Value Lowering::truncate(Emitter &e, Value value, Type type) {
  if (value.getType() == type)
    return value;
  return arith::TruncFOp::create(builder, e.loc, type, value);
}

FailureOr<Value> Lowering::constantTable(Emitter &e, ElementsAttr value) {
  auto shaped = cast<ShapedType>(value.getType());
  auto dense = dyn_cast<DenseElementsAttr>(value);
  if (!dense)
    return failure();
  LLVM::GlobalOp &global = tables[value];
  if (!global) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(function);
    Type elem = shaped.getElementType();
    auto flat = RankedTensorType::get({shaped.getNumElements()}, elem);
    Attribute contents = dense.reshape(flat);
    if (elem.isInteger(1)) { // a byte each
      SmallVector<int8_t> bytes;
      for (bool bit : dense.getValues<bool>())
        bytes.push_back(bit);
      elem = builder.getI8Type();
      contents = DenseElementsAttr::get(RankedTensorType::get(flat.getShape(), elem),
                                        ArrayRef<int8_t>(bytes));
    }
    global = LLVM::GlobalOp::create(
        builder, getModuleLoc(), LLVM::LLVMArrayType::get(elem, shaped.getNumElements()),
        /*isConstant=*/true, LLVM::Linkage::Internal,
        getCodeName(kernel.getKernelName()) + "$table" + std::to_string(tables.size()), contents,
        /*alignment=*/16, globalSpace);
  }
  return Value(LLVM::AddressOfOp::create(builder, e.loc, global));
}

Value Lowering::zeros(Emitter &e) {
  if (!zeroGlobal) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(function);
    auto type = VectorType::get({4}, builder.getI32Type());
    zeroGlobal = LLVM::GlobalOp::create(builder, getModuleLoc(), type, /*isConstant=*/true,
                                        LLVM::Linkage::Internal,
                                        getCodeName(kernel.getKernelName()) + "$zeros",
                                        builder.getZeroAttr(type), /*alignment=*/16, globalSpace);
  }
  return LLVM::AddressOfOp::create(builder, e.loc, zeroGlobal);
}

//===----------------------------------------------------------------------===//
// Copies into slots
//===----------------------------------------------------------------------===//

/// Pieces of a tile, dealt out over the threads: `body(row, column, condition)` for each
/// of this thread's, with a condition where it may have none.
static void deal(Emitter &e, Lowering &lowering, int64_t rows, int64_t cols, int64_t width,
                 int64_t threads,
                 function_ref<void(const Coordinate &, const Coordinate &, Value)> body) {
  int64_t perRow = cols / width, total = rows * perRow;
  for (int64_t first = 0; first < total; first += threads) {
    Coordinate row, col;
    uint64_t bits = llvm::NextPowerOf2(threads - 1) - 1;
    if (threads % perRow == 0 && llvm::isPowerOf2_64(perRow)) {
      row = {e.div(lowering.thread, perRow), bits / perRow, first / perRow};
      col = {e.mul(e.rem(lowering.thread, perRow), width),
             static_cast<uint64_t>((perRow - 1) * width), 0};
      if (perRow == 1)
        col = {};
    } else if (perRow % threads == 0 && llvm::isPowerOf2_64(threads)) {
      row.constant = first / perRow;
      col = {e.mul(lowering.thread, width), static_cast<uint64_t>((threads - 1) * width),
             first % perRow * width};
    } else {
      Value number = e.add(lowering.thread, first);
      row = {e.div(number, perRow), ~uint64_t(0), 0};
      col = {e.mul(e.rem(number, perRow), width), ~uint64_t(width - 1), 0};
    }
    Value some;
    if (first + threads > total)
      some = e.less(e.add(lowering.thread, first), e.i32(total));
    body(row, col, some);
  }
}

LogicalResult gpu::lower(sched::CopyOp op, Lowering &lowering) {
  Emitter e = lowering.at(op.getLoc());
  if (!isa<MemRefType>(op.getSource().getType()) || !op.getEngine())
    return lowering.refuse(op, "copies within a block");
  FailureOr<View> view = lowering.view(op.getSource());
  FailureOr<Buffer> dest = lowering.buffer(op.getDest());
  if (failed(view) || failed(dest))
    return failure();
  if (*op.getEngine() != sched::Engine::async)
    return lowering.refuse(op, "is by engine '" + sched::stringifyEngine(*op.getEngine()) + "'");
  std::optional<Buffer> by;
  if (op.getBy()) {
    FailureOr<Buffer> found = lowering.buffer(op.getBy());
    if (failed(found))
      return failure();
    by = *found;
  }

  Type elem = view->elem;
  int64_t bytes = bytesOf(elem);
  SmallVector<int64_t> shape(dest->type.getShape());
  auto copy = [&] {
    TileAccess access(e, lowering, *view, shape, {op.getAt(), op.getUpto(), {}}, /*trans=*/false);
    int64_t width = std::min(access.getWidth(16 / bytes), dest->storage.getUnit());
    while (width > 1 && !lowering.vendor.canCopyAsync(width * bytes))
      width /= 2;
    layout::Extents tile = sched::getMatrix(shape, /*layout=*/nullptr);
    auto target = [&](const Coordinate &row, const Coordinate &col) {
      return dest->storage.address(e, dest->base, Coordinate::sum(e, dest->row, row),
                                   Coordinate::sum(e, dest->col, col));
    };
    auto beside = [&]() -> Values {
      deal(e, lowering, tile[0], tile[1], width, lowering.threads(),
           [&](const Coordinate &row, const Coordinate &col, Value some) {
             SmallVector<Coordinate> at = access.split(e, row, col);
             // Whole pieces, but at the end of a row.
             int64_t last = shape.size() - 1;
             Value inside = access.isInside(e, at, last), valid;
             if (access.isLastBounded()) {
               Value left = e.sub(access.getLastLimit(), at[last].get(e));
               left = e.max(e.min(left, e.i32(width)), e.i32(0));
               valid = e.mul(left, bytes);
               if (access.getLastLow())
                 inside = e.both(inside, e.less(e.add(access.getLastLow(), -1), at[last].get(e)));
             }
             if (inside)
               valid = e.select(inside, valid ? valid : e.i32(width * bytes), e.i32(0));
             Value from = access.address(e, at), to = target(row, col);
             e.when(some, [&] { lowering.vendor.copyAsync(e, to, from, width * bytes, valid); });
           });
      return {};
    };
    // Rows that are not aligned, or a pad: through registers.
    auto byElement = [&]() -> Values {
      int64_t total = tile[0] * tile[1], threads = lowering.threads();
      return e.loop(lowering.thread, e.i32(total), threads, {}, [&](Value number, ValueRange) {
        Coordinate row{e.div(number, tile[1]), ~uint64_t(0), 0};
        Coordinate col{e.rem(number, tile[1]), ~uint64_t(0), 0};
        SmallVector<Coordinate> at = access.split(e, row, col);
        Value inside = access.isInside(e, at), from = access.address(e, at);
        if (inside)
          from = e.select(inside, from, lowering.zeros(e));
        Value element = e.load(from, elem, 1, bytes).front();
        if (inside && op.getPad())
          element = e.select(inside, element, lowering.scalar(op.getPad()));
        e.store(element, target(row, col), bytes);
        return Values();
      });
    };
    // Rows that start at any element, where that is as much as a piece may be.
    auto besideByElement = [&]() -> Values {
      int64_t total = tile[0] * tile[1], threads = lowering.threads();
      return e.loop(lowering.thread, e.i32(total), threads, {}, [&](Value number, ValueRange) {
        Coordinate row{e.div(number, tile[1]), ~uint64_t(0), 0};
        Coordinate col{e.rem(number, tile[1]), ~uint64_t(0), 0};
        SmallVector<Coordinate> at = access.split(e, row, col);
        Value inside = access.isInside(e, at);
        Value valid = inside ? e.select(inside, e.i32(bytes), e.i32(0)) : Value();
        lowering.vendor.copyAsync(e, target(row, col), access.address(e, at), bytes, valid);
        return Values();
      });
    };
    if (op.getPad() || !lowering.vendor.canCopyAsync(width * bytes)) {
      op.emitRemark() << "copy moves elements one by one through registers: "
                      << (op.getPad() ? "it pads with a number"
                                      : "its rows start anywhere in memory");
      byElement();
      return;
    }
    if (lowering.vendor.canCopyAsync(bytes)) {
      e.choose(access.isAligned(e, width * bytes), beside, besideByElement);
      return;
    }
    e.choose(access.isAligned(e, width * bytes), beside, byElement);
  };
  if (by)
    return lowering.refuse(op, "goes by index into a ring");
  e.when(op.getWhere() ? lowering.scalar(op.getWhere()) : Value(), copy);
  return success();
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

/// Whether a product may load the fragment piece by piece: it is the only reader and
/// stands in the same block.
static bool isDeferred(sched::LoadOp op) {
  if (!op.getFragment().hasOneUse())
    return false;
  auto product = dyn_cast<sched::MmaOp>(*op.getFragment().getUsers().begin());
  return product && product->getBlock() == op->getBlock();
}

LogicalResult gpu::lower(sched::LoadOp op, Lowering &lowering) {
  if (op.getBy())
    return lowerGather(op, lowering);
  if (isa<MemRefType>(op.getSource().getType())) {
    LogicalResult result = loadFromView(op, lowering);
    if (runsAhead(op)) {
      Emitter e = lowering.at(op.getLoc());
      lowering.vendor.pin(e, Issue::GlobalLoad);
    }
    return result;
  }
  Emitter e = lowering.at(op.getLoc());
  FailureOr<Buffer> source = lowering.buffer(op.getSource());
  if (failed(source) || failed(lowering.define(op.getFragment(), {})))
    return failure();
  Fragment &fragment = lowering.fragment(op.getFragment());
  fragment.source = *source;
  fragment.trans = op.getTrans();
  fragment.elements.assign(fragment.regs.size(), Value());
  if (!isDeferred(op))
    (void)lowering.elements(e, fragment, 0, fragment.regs.size());
  return success();
}

LogicalResult gpu::lower(sched::StoreOp op, Lowering &lowering) {
  if (!isa<sched::FragType>(op.getSource().getType()))
    return lowering.refuse(op, "stores a buffer instead of a fragment");
  if (isa<MemRefType>(op.getDest().getType()))
    return storeToView(op, lowering);
  Emitter e = lowering.at(op.getLoc());
  FailureOr<Buffer> dest = lowering.buffer(op.getDest());
  if (failed(dest))
    return failure();
  Fragment &source = lowering.fragment(op.getSource());
  Values elements = lowering.elements(e, source);
  e.when(op.getWhere() ? lowering.scalar(op.getWhere()) : Value(),
         [&] { lowering.spill(e, source.regs, elements, *dest, op.getTrans()); });
  return success();
}

LogicalResult gpu::lower(sched::SplatOp op, Lowering &lowering) {
  FailureOr<Registers> regs = lowering.registersOf(op.getFragment());
  if (failed(regs))
    return failure();
  return lowering.define(op.getFragment(), Values(regs->size(), lowering.scalar(op.getValue())));
}

/// What every thread holds is there; an element of a tile is seen by all through scratch.
static LogicalResult lowerScalarOfFragment(sched::ScalarOp op, Lowering &lowering) {
  Emitter e = lowering.at(op.getLoc());
  Fragment &source = lowering.fragment(op.getSource());
  Values elements = lowering.elements(e, source);
  Value number;
  if (source.type.getRank() == 0) {
    number = elements.front();
  } else {
    int64_t used = 0;
    Type elem = source.type.getElem();
    Buffer tile = lowering.scratch(e, source.regs.rows, source.regs.cols, elem, used);
    lowering.vendor.barrier(e);
    lowering.spill(e, source.regs, elements, tile);
    lowering.vendor.barrier(e);
    Value at = e.i32(0);
    for (auto [extent, index] : llvm::zip(source.type.getShape(), op.getAt()))
      at = e.add(e.mul(at, extent), e.toI32(lowering.scalar(index)));
    int64_t bytes = bytesOf(elem);
    number = e.load(e.move(tile.base, e.mul(at, bytes)), elem, 1, bytes).front();
  }
  lowering.setScalar(op.getValue(), number);
  return success();
}

LogicalResult gpu::lower(sched::ScalarOp op, Lowering &lowering) {
  if (isa<sched::FragType>(op.getSource().getType()))
    return lowerScalarOfFragment(op, lowering);
  if (isa<MemRefType>(op.getSource().getType()))
    return lowering.lowerElement(op.getSource(), op.getAt(), op.getValue());
  FailureOr<Buffer> source = lowering.buffer(op.getSource());
  if (failed(source))
    return failure();
  Emitter e = lowering.at(op.getLoc());
  // The last axis is the column, the others one row.
  Value row = e.i32(0), col = e.i32(0);
  ArrayRef<int64_t> shape = source->type.getShape();
  for (auto [axis, at] : llvm::enumerate(op.getAt())) {
    Value place = e.toI32(lowering.scalar(at));
    if (axis + 1 == shape.size())
      col = place;
    else
      row = e.add(e.mul(row, shape[axis]), place);
  }
  Coordinate r{row, ~uint64_t(0), 0}, c{col, ~uint64_t(0), 0};
  Value address = source->storage.address(e, source->base, Coordinate::sum(e, source->row, r),
                                          Coordinate::sum(e, source->col, c));
  lowering.setScalar(
      op.getValue(),
      e.load(address, source->storage.elem, 1, bytesOf(source->storage.elem)).front());
  return success();
}

LogicalResult gpu::lower(sched::ConvertOp op, Lowering &lowering) {
  Emitter e = lowering.at(op.getLoc());
  FailureOr<Registers> to = lowering.registersOf(op.getResult());
  if (failed(to))
    return failure();
  Fragment &source = lowering.fragment(op.getSource());
  Values elements = lowering.elements(e, source);
  if (!op.getScratch())
    return lowering.define(op.getResult(),
                           lowering.convert(e, source.regs, elements, *to, source.type.getElem()));
  FailureOr<Buffer> tile = lowering.buffer(op.getScratch());
  if (failed(tile))
    return failure();
  return lowering.define(op.getResult(),
                         lowering.convertThrough(e, source.regs, elements, *to, *tile));
}

/// A line of elements lies in memory as a row, whichever way its fragments hold it.
Values Lowering::convertThrough(Emitter &e, const Registers &from, ValueRange elements,
                                const Registers &to, const Buffer &tile) {
  layout::Extents lies = {tile.storage.rows, tile.storage.cols};
  vendor.barrier(e);
  spill(e, Registers(layout::orient(from.layout, lies)), elements, tile);
  vendor.barrier(e);
  return fill(e, Registers(layout::orient(to.layout, lies)), tile);
}

Values Lowering::convert(Emitter &e, const Registers &from, ValueRange elements,
                         const Registers &to, Type elem, int64_t used) {
  if (layout::Layout oriented = layout::orient(from.layout, to.layout.getTile());
      oriented.getTile() != from.layout.getTile())
    return convert(e, Registers(oriented), elements, to, elem, used);
  if (!layout::checkConversion(from.layout, to.layout)) {
    if (auto rename = layout::findRename(from.layout, to.layout, warps)) {
      Values result;
      for (unsigned reg : *rename)
        result.push_back(reg == layout::noRegister ? e.number(elem, 0) : elements[reg]);
      return result;
    }
    // A bit has a word to itself.
    unsigned bits = elem.isInteger(1) ? 32 : elem.getIntOrFloatBitWidth();
    if (auto plan = layout::planShuffle(from.layout, to.layout, warps, bits))
      return exchange(e, *plan, elements, elem);
  }
  Buffer tile = scratch(e, from.rows, from.cols, elem, used);
  if (from.rows == to.rows && from.cols == to.cols)
    return convertThrough(e, from, elements, to, tile);
  // Axes that are joined otherwise: the same elements in the same order.
  vendor.barrier(e);
  spill(e, from, elements, tile);
  vendor.barrier(e);
  tile.storage = Storage(to.rows, to.cols, elem, /*swizzle=*/0);
  return fill(e, to, tile);
}
