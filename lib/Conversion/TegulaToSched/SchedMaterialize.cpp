//===- SchedMaterialize.cpp - Tiles into buffers -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// A tile is an immutable value; a buffer is overwritten. Which buffer an op
// writes is decided op by op, in order: over an operand that dies there, else
// into a new one. Lifetimes are known from the text before it changes: `lastUse`
// holds, for each tile, the op of its own block after which nobody reads it. A
// tile from outside a loop never dies inside it.
//
// A slice or reshape that only shows a tile in another way shares its buffer: who
// reads the one reads the other. Such a buffer is never written over.

#include "tegula/Conversion/Passes.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Dialect/Tegula/IR/Schedule.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "tegula/Target/TargetInfo.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"

namespace tegula {
#define GEN_PASS_DEF_SCHEDMATERIALIZEPASS
#include "tegula/Conversion/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;
using sched::BufType;

static bool isTile(Type type) { return isa<RankedTensorType>(type); }
static bool isTile(Value value) { return isTile(value.getType()); }

namespace {

/// Schedules one kernel.
class Materializer {
public:
  Materializer(KernelOp kernel, StringRef targetName, const TargetInfo &target)
      : kernel(kernel), targetName(targetName), target(target), allocs(kernel.getContext()) {}

  FailureOr<sched::KernelOp> run();

private:
  // Lifetimes.
  bool sharesStorage(Operation *op);
  Operation *findLastUse(Value tile, Block *block);
  void findLastUses();
  bool diesAt(Value tile, Operation *op) { return lastUse.lookup(tile) == op; }

  // Buffers.
  Value alloc(BufType type, Location loc);
  Value allocTile(Type tile, Location loc) {
    return alloc(BufType::get(cast<RankedTensorType>(tile)), loc);
  }
  Value buffer(Value tile);
  void place(Value tile, Value buf) {
    buffers[tile] = buf;
    tenants[buf] = tile;
  }
  Value chooseBuffer(Value result, Operation *op, ArrayRef<Value> candidates);
  Value getPart(Value result, Operation *op);
  bool readsPairs(DotOp op) const;
  Value getLeftOperand(DotOp op);
  Value getRightOperand(DotOp op);
  ScheduleRowAttr getRow(AnchorOpInterface op);
  FailureOr<BufType> getStorage(Value tile, AnchorOpInterface anchor);
  void copy(OpBuilder &builder, Location loc, Value from, Value to);

  // Ops.
  LogicalResult convertBlock(Block &block);
  LogicalResult convert(Operation *op);
  LogicalResult convert(LoadOp op);
  LogicalResult convert(StoreOp op);
  LogicalResult convert(GatherOp op);
  LogicalResult convert(ScatterOp op);
  LogicalResult convert(ReduceStoreOp op);
  LogicalResult convert(SegmentSumOp op);
  LogicalResult convert(DotOp op);
  LogicalResult convert(sched::MapOp op);
  LogicalResult convert(TransposeOp op);
  LogicalResult convert(tensor::ExtractSliceOp op);
  LogicalResult convert(ConcatOp op);
  LogicalResult convert(ReshapeOp op);
  LogicalResult convert(ScanOp op);
  LogicalResult convert(ArgMaxOp op);
  LogicalResult convert(arith::ConstantOp op);
  LogicalResult convert(tensor::ExtractOp op);
  LogicalResult convert(StreamOp op);
  LogicalResult convert(scf::IfOp op);
  void store(OpBuilder &builder, Location loc, ValueRange tiles, ArrayRef<Value> buffers);

  KernelOp kernel;
  StringRef targetName;
  const TargetInfo &target;
  OpBuilder allocs;
  Operation *lastAlloc = nullptr;
  /// Of the stream whose body is being converted, or null.
  ScheduleAttr schedule;
  DenseMap<Value, Operation *> lastUse;
  /// Buffer of each tile, and the tile that lives in each buffer now.
  DenseMap<Value, Value> buffers, tenants;
  /// Packed copies of right operands that are stored otherwise, plain and transposed.
  std::array<DenseMap<Value, Value>, 2> packedCopies;
  /// Buffer that a tile should end in: a carried tile's, for what is yielded.
  DenseMap<Value, Value> wanted;
  /// Ops whose scheduled form is written, erased at the end.
  SmallVector<Operation *> done;
};

} // namespace

//===----------------------------------------------------------------------===//
// Lifetimes
//===----------------------------------------------------------------------===//

/// Whether the result of `op` is its operand seen in another way.
bool Materializer::sharesStorage(Operation *op) {
  auto isSlice = [](Operation *op) {
    auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(op);
    if (!slice || !slice.hasUnitStride() ||
        llvm::any_of(slice.getStaticOffsets(), ShapedType::isDynamic))
      return false;
    RankedTensorType from = slice.getSourceType(), to = slice.getType();
    // Maps read boxes of whole rows with any stride between the rows.
    return from.getRank() == to.getRank() && from.getShape().back() == to.getShape().back() &&
           llvm::all_of(slice->getUsers(), [](Operation *user) { return isa<sched::MapOp>(user); });
  };
  if (isSlice(op))
    return true;
  auto reshape = dyn_cast<ReshapeOp>(op);
  if (!reshape || isSlice(reshape.getX().getDefiningOp()))
    return false;
  auto hasWholeRows = [&](Value tile) {
    auto type = cast<RankedTensorType>(tile.getType());
    return type.getRank() > 0 && type.getShape().back() % target.getRowMultiple() == 0;
  };
  return hasWholeRows(reshape.getX()) && hasWholeRows(reshape.getResult());
}

/// The last op of `block` that reads `tile`, or what shares its storage.
Operation *Materializer::findLastUse(Value tile, Block *block) {
  Operation *last = nullptr;
  auto use = [&](Operation *here) {
    if (here && (!last || last->isBeforeInBlock(here)))
      last = here;
  };
  for (Operation *user : tile.getUsers()) {
    use(block->findAncestorOpInBlock(*user));
    if (sharesStorage(user))
      use(findLastUse(user->getResult(0), block));
  }
  return last;
}

void Materializer::findLastUses() {
  kernel->walk([&](Operation *op) {
    auto record = [&](Value tile) { lastUse[tile] = findLastUse(tile, tile.getParentBlock()); };
    for (Value result : op->getResults())
      if (isTile(result))
        record(result);
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (BlockArgument argument : block.getArguments())
          if (isTile(argument))
            record(argument);
  });
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

Value Materializer::alloc(BufType type, Location loc) {
  // Allocations come first, in the order in which they are made.
  if (lastAlloc)
    allocs.setInsertionPointAfter(lastAlloc);
  auto op = sched::AllocOp::create(allocs, loc, type);
  lastAlloc = op;
  return op;
}

/// The buffer whose storage `buf` is a part of.
static Value getRoot(Value buf) {
  while (Operation *def = buf.getDefiningOp()) {
    if (!isa<sched::SliceOp, sched::ViewOp>(def))
      break;
    buf = def->getOperand(0);
  }
  return buf;
}

/// Whether a tile has `buf` to itself, so that another may follow in it.
static bool isOwned(Value buf) { return buf.getDefiningOp<sched::AllocOp>() != nullptr; }

Value Materializer::buffer(Value tile) {
  Value buf = buffers.lookup(tile);
  assert(buf && "a tile is converted before its users");
  return buf;
}

/// The buffer that `op` writes `result` into: the one it should end in, one of
/// an operand in `candidates` that dies here, or a new one.
Value Materializer::chooseBuffer(Value result, Operation *op, ArrayRef<Value> candidates) {
  // Not one of which the op reads a part elsewhere.
  SmallVector<Value> overwritable(candidates);
  llvm::erase_if(overwritable, [&](Value candidate) {
    return llvm::any_of(op->getOperands(), [&](Value operand) {
      return operand != candidate && isTile(operand) && buffers.contains(operand) &&
             getRoot(buffer(operand)) == getRoot(buffer(candidate));
    });
  });
  auto type = BufType::get(cast<RankedTensorType>(result.getType()));
  auto isFree = [&](Value tenant) {
    Operation *last = lastUse.lookup(tenant);
    if (!last || last->getBlock() != op->getBlock())
      return !last;
    return last->isBeforeInBlock(op) || (last == op && llvm::is_contained(overwritable, tenant));
  };
  if (Value home = wanted.lookup(result); home && isFree(tenants.lookup(home)))
    return home;
  for (Value operand : overwritable)
    if (diesAt(operand, op) && buffer(operand).getType() == type && isOwned(buffer(operand)) &&
        tenants.lookup(buffer(operand)) == operand)
      return buffer(operand);
  return alloc(type, op->getLoc());
}

void Materializer::copy(OpBuilder &builder, Location loc, Value from, Value to) {
  if (from != to)
    sched::CopyOp::create(builder, loc, from, ValueRange(), ValueRange(), Value(), to,
                          StringAttr());
}

/// Whether the target reads the operands of `op` as pairs of neighbours along K.
bool Materializer::readsPairs(DotOp op) const {
  return target.hasPairDots() &&
         cast<RankedTensorType>(op.getA().getType()).getElementType().isBF16();
}

/// The left operand of `op`, as the op names it, but a transposed copy where pairs are
/// to be read along K and lie along the other axis.
Value Materializer::getLeftOperand(DotOp op) {
  Value buf = buffer(op.getA());
  if (!op.getTransA() || !readsPairs(op))
    return buf;
  auto tile = cast<RankedTensorType>(op.getA().getType());
  SmallVector<int64_t> shape(tile.getShape()), zeros(tile.getRank(), 0),
      perm(llvm::to_vector(llvm::seq<int64_t>(0, tile.getRank())));
  std::swap(shape[shape.size() - 2], shape.back());
  std::swap(perm[perm.size() - 2], perm.back());
  Value rows = allocTile(RankedTensorType::get(shape, tile.getElementType()), op.getLoc());
  OpBuilder builder(op);
  sched::MoveOp::create(builder, op.getLoc(), buf, rows, zeros, zeros, shape, perm);
  return rows;
}

/// The right operand of `op`; where it is a row buffer that is read transposed or in
/// pairs, a packed copy, made once where the tile is made.
Value Materializer::getRightOperand(DotOp op) {
  Value tile = op.getB(), buf = buffer(tile);
  auto type = cast<BufType>(buf.getType());
  if (type.isPacked() || (!op.getTransB() && !readsPairs(op)))
    return buf;
  DenseMap<Value, Value> &copies = packedCopies[op.getTransB()];
  Value &copyOf = copies[tile];
  if (copyOf)
    return copyOf;
  copyOf = alloc(BufType::get(type.getTile(), type.getSpace(),
                              target.getPanelWidth(type.getElem()), op.getTransB()),
                 op.getLoc());
  OpBuilder builder(op);
  if (Operation *def = tile.getDefiningOp())
    builder.setInsertionPointAfter(def);
  copy(builder, op.getLoc(), buf, copyOf);
  // A carried tile changes from trip to trip: its copy serves this dot only.
  Value result = copyOf;
  if (!tile.getDefiningOp())
    copies.erase(tile);
  return result;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// The current stream's row for `op`, or null: outside streams the defaults hold.
ScheduleRowAttr Materializer::getRow(AnchorOpInterface op) {
  if (!schedule || !op.getAnchorLabel())
    return nullptr;
  return findRow(schedule, op.getAnchorLabel());
}

/// How a tile that comes from memory is stored: as the row says, else packed
/// where it is nothing but the right operand of products.
FailureOr<BufType> Materializer::getStorage(Value tile, AnchorOpInterface anchor) {
  auto type = cast<RankedTensorType>(tile.getType());
  std::optional<bool> side = getRightOperandSide(tile);
  ScheduleRowAttr row = anchor ? getRow(anchor) : nullptr;
  if (!row)
    return side ? BufType::get(type, sched::Space::local,
                               target.getPanelWidth(type.getElementType()), *side)
                : BufType::get(type);
  bool packT = row.has(ScheduleFlag::pack_t);
  if (!packT && !row.has(ScheduleFlag::pack))
    return BufType::get(type);
  if (side != packT)
    return anchor->emitOpError() << "is scheduled to be packed, but is not only the "
                                 << (packT ? "transposed " : "") << "right operand of products";
  int64_t width = *row.getAmount(packT ? ScheduleFlag::pack_t : ScheduleFlag::pack);
  return BufType::get(type, sched::Space::local, width, packT);
}

LogicalResult Materializer::convert(LoadOp op) {
  OpBuilder builder(op);
  FailureOr<BufType> type = getStorage(op.getTile(), op);
  if (failed(type))
    return failure();
  Value buf = alloc(*type, op.getLoc());
  sched::CopyOp::create(builder, op.getLoc(), op.getView(), op.getAt(), op.getUpto(),
                        op.getPad(), buf, op.getLabelAttr());
  place(op.getTile(), buf);
  return success();
}

LogicalResult Materializer::convert(StoreOp op) {
  OpBuilder builder(op);
  sched::StoreOp::create(builder, op.getLoc(), buffer(op.getTile()), op.getView(), op.getAt(),
                         op.getUpto(), op.getLabelAttr());
  return success();
}

/// Rows are gathered one by one, so the tile is stored in rows.
LogicalResult Materializer::convert(GatherOp op) {
  OpBuilder builder(op);
  Value buf = alloc(BufType::get(op.getTile().getType()), op.getLoc());
  sched::GatherOp::create(builder, op.getLoc(), op.getView(), op.getAt(), buffer(op.getBy()),
                          op.getAxis(), op.getUpto(), op.getPad(), buf, op.getLabelAttr());
  place(op.getTile(), buf);
  return success();
}

LogicalResult Materializer::convert(ScatterOp op) {
  OpBuilder builder(op);
  sched::ScatterOp::create(builder, op.getLoc(), buffer(op.getTile()), op.getView(), op.getAt(),
                           buffer(op.getBy()), op.getAxis(), op.getUpto(), op.getLabelAttr());
  return success();
}

LogicalResult Materializer::convert(ReduceStoreOp op) {
  // The order of instances is the fixed order of `two_pass` as well.
  bool atomic = op.getHow() == ReduceHow::atomic;
  if (!atomic)
    op->getParentOfType<GridOp>().setOrder(GridOrder::sequential);
  OpBuilder builder(op);
  sched::ReduceStoreOp::create(builder, op.getLoc(), op.getKind(), buffer(op.getTile()),
                               op.getView(), op.getAt(), op.getUpto(), atomic, op.getLabelAttr());
  return success();
}

/// Onto the accumulator's own buffer where it dies here, else onto a copy.
LogicalResult Materializer::convert(SegmentSumOp op) {
  OpBuilder builder(op);
  Value acc = op.getAcc();
  bool read = acc == op.getX() || acc == op.getBy();
  Value out = chooseBuffer(op.getResult(), op, read ? ArrayRef<Value>() : acc);
  copy(builder, op.getLoc(), buffer(acc), out);
  sched::SegmentSumOp::create(builder, op.getLoc(), buffer(op.getX()), buffer(op.getBy()), out,
                              op.getLabelAttr());
  place(op.getResult(), out);
  return success();
}

/// A constant with different elements is a buffer of its own, laid out for its readers.
LogicalResult Materializer::convert(arith::ConstantOp op) {
  OpBuilder builder(op);
  FailureOr<BufType> type = getStorage(op.getResult(), nullptr);
  if (failed(type))
    return failure();
  buffers[op.getResult()] = sched::ConstantOp::create(builder, op.getLoc(), *type,
                                                      cast<ElementsAttr>(op.getValue()));
  return success();
}

//===----------------------------------------------------------------------===//
// Compute
//===----------------------------------------------------------------------===//

LogicalResult Materializer::convert(DotOp op) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  Value acc = op.getAcc(), scale;
  if (acc && matchPattern(acc, m_AnyZeroFloat()))
    acc = nullptr;
  if (acc)
    if (auto mul = acc.getDefiningOp<arith::MulFOp>()) { // left outside by form-maps
      scale = mul.getRhs().getDefiningOp<BroadcastOp>().getX();
      acc = mul.getLhs();
    }
  Value c;
  if (acc) {
    // The rescaling multiplication reads the accumulator on the dot's behalf.
    Operation *reader = scale ? op.getAcc().getDefiningOp() : op.getOperation();
    Value root = buffer(acc);
    bool dies = diesAt(acc, reader) && isOwned(root) && root != getRoot(buffer(op.getA())) &&
                root != getRoot(buffer(op.getB()));
    if (dies) {
      c = buffer(acc);
    } else {
      c = chooseBuffer(op.getResult(), op, {});
      copy(builder, loc, buffer(acc), c);
    }
  } else {
    c = chooseBuffer(op.getResult(), op, {});
  }
  Value a = getLeftOperand(op), b = getRightOperand(op);
  bool transA = op.getTransA() && a == buffer(op.getA());
  IntegerAttr panel;
  if (ScheduleRowAttr row = getRow(op); row && row.has(ScheduleFlag::panel))
    panel = builder.getI64IntegerAttr(*row.getAmount(ScheduleFlag::panel));
  sched::MmaOp::create(builder, loc, a, b, c, scale ? buffer(scale) : Value(), transA,
                       op.getTransB(), static_cast<bool>(acc), panel, op.getLabelAttr());
  place(op.getResult(), c);
  return success();
}

/// Operands that the body reads only at the point that it writes.
static SmallVector<Value> getPointwiseOperands(sched::MapOp op) {
  SmallVector<Value> operands;
  for (auto [operand, argument] : llvm::zip(op.getIns(), op.getBody().getArguments())) {
    auto type = cast<RankedTensorType>(argument.getType());
    bool pointwise = type.getShape() == op.getDomain() &&
                     llvm::none_of(argument.getUsers(),
                                   [](Operation *user) { return isa<BroadcastOp>(user); });
    if (pointwise)
      operands.push_back(operand);
  }
  return operands;
}

/// Where `result`, of `op`, belongs in the concatenation that is its only reader; null
/// where there is none, or where the parts' rows are not whole rows of it.
Value Materializer::getPart(Value result, Operation *op) {
  auto concat = result.hasOneUse() ? dyn_cast<ConcatOp>(*result.user_begin()) : ConcatOp();
  if (!concat || concat->getBlock() != op->getBlock())
    return nullptr;
  int64_t axis = concat.getAxis(), rank = concat.getType().getRank();
  if (axis == rank - 1)
    return nullptr;
  Value whole = buffers.lookup(concat.getResult());
  if (!whole) {
    whole = chooseBuffer(concat.getResult(), op, {});
    place(concat.getResult(), whole);
  }
  SmallVector<int64_t> at(rank, 0);
  for (Value x : concat.getXs()) {
    if (x == result)
      break;
    at[axis] += cast<RankedTensorType>(x.getType()).getDimSize(axis);
  }
  OpBuilder builder(op);
  return sched::SliceOp::create(builder, op->getLoc(),
                                BufType::get(cast<RankedTensorType>(result.getType())), whole, at);
}

LogicalResult Materializer::convert(sched::MapOp op) {
  OpBuilder builder(op);
  SmallVector<Value> ins = llvm::map_to_vector(op.getIns(), [&](Value in) { return buffer(in); });
  SmallVector<Value> overwritable = getPointwiseOperands(op), outs;
  for (auto [result, yielded] : llvm::zip(op.getResults(), op.getYield().getValues())) {
    if (Value part = getPart(result, op)) {
      outs.push_back(part);
      continue;
    }
    bool reduced = isa_and_nonnull<ReduceOp>(yielded.getDefiningOp());
    Value out = chooseBuffer(result, op, reduced ? ArrayRef<Value>() : overwritable);
    // One tile per buffer: what is taken is no longer free.
    llvm::erase_if(overwritable, [&](Value operand) { return buffer(operand) == out; });
    if (llvm::is_contained(outs, out))
      out = allocTile(result.getType(), op.getLoc());
    outs.push_back(out);
  }
  auto map = sched::MapOp::create(builder, op.getLoc(), TypeRange(), op.getDomain(), ins, outs,
                                  op.getLabelAttr());
  map.getBody().takeBody(op.getBody());
  for (auto [result, out] : llvm::zip(op.getResults(), outs))
    place(result, out);
  return success();
}

/// The whole of a tile, at the origin.
static SmallVector<int64_t> zeros(int64_t rank) { return SmallVector<int64_t>(rank, 0); }

LogicalResult Materializer::convert(TransposeOp op) {
  OpBuilder builder(op);
  auto type = cast<RankedTensorType>(op.getType());
  Value out = chooseBuffer(op.getResult(), op, {});
  sched::MoveOp::create(builder, op.getLoc(), buffer(op.getX()), out, zeros(type.getRank()),
                        zeros(type.getRank()), type.getShape(), op.getPerm());
  place(op.getResult(), out);
  return success();
}

LogicalResult Materializer::convert(tensor::ExtractSliceOp op) {
  OpBuilder builder(op);
  auto from = cast<RankedTensorType>(op.getSource().getType());
  auto to = cast<RankedTensorType>(op.getType());
  if (from.getRank() != to.getRank() || !op.hasUnitStride() ||
      llvm::any_of(op.getStaticOffsets(), ShapedType::isDynamic))
    return op.emitOpError("must be a static slice of unit stride that keeps the rank");
  if (sharesStorage(op)) {
    buffers[op.getResult()] = sched::SliceOp::create(
        builder, op.getLoc(), BufType::get(to), buffer(op.getSource()), op.getStaticOffsets());
    return success();
  }
  Value out = chooseBuffer(op.getResult(), op, {});
  sched::MoveOp::create(builder, op.getLoc(), buffer(op.getSource()), out,
                        op.getStaticOffsets(), zeros(to.getRank()), to.getShape(),
                        llvm::to_vector(llvm::seq<int64_t>(0, to.getRank())));
  place(op.getResult(), out);
  return success();
}

LogicalResult Materializer::convert(ConcatOp op) {
  OpBuilder builder(op);
  auto to = cast<RankedTensorType>(op.getType());
  Value out = buffers.lookup(op.getResult());
  if (!out)
    out = chooseBuffer(op.getResult(), op, {});
  SmallVector<int64_t> at = zeros(to.getRank());
  for (Value x : op.getXs()) {
    auto from = cast<RankedTensorType>(x.getType());
    auto part = buffer(x).getDefiningOp<sched::SliceOp>();
    bool isThere = part && part.getSource() == out && part.getAt() == ArrayRef<int64_t>(at) &&
                   part.getBuffer().getType().getTile() == from;
    if (!isThere)
      sched::MoveOp::create(builder, op.getLoc(), buffer(x), out, zeros(to.getRank()), at,
                          from.getShape(),
                          llvm::to_vector(llvm::seq<int64_t>(0, to.getRank())));
    at[op.getAxis()] += from.getDimSize(op.getAxis());
  }
  place(op.getResult(), out);
  return success();
}

LogicalResult Materializer::convert(ReshapeOp op) {
  OpBuilder builder(op);
  if (sharesStorage(op)) {
    buffers[op.getResult()] = sched::ViewOp::create(
        builder, op.getLoc(), BufType::get(op.getType()), buffer(op.getX()));
    return success();
  }
  Value out = chooseBuffer(op.getResult(), op, {});
  sched::ReshapeOp::create(builder, op.getLoc(), buffer(op.getX()), out);
  place(op.getResult(), out);
  return success();
}

LogicalResult Materializer::convert(ScanOp op) {
  OpBuilder builder(op);
  Value out = chooseBuffer(op.getResult(), op, op.getX());
  sched::ScanOp::create(builder, op.getLoc(), op.getKind(), buffer(op.getX()), out,
                        op.getAxis(), op.getReverse(), op.getExclusive());
  place(op.getResult(), out);
  return success();
}

LogicalResult Materializer::convert(ArgMaxOp op) {
  OpBuilder builder(op);
  Value out = chooseBuffer(op.getResult(), op, {});
  sched::ArgMaxOp::create(builder, op.getLoc(), buffer(op.getX()), out, op.getAxis());
  place(op.getResult(), out);
  return success();
}

LogicalResult Materializer::convert(tensor::ExtractOp op) {
  OpBuilder builder(op);
  Value scalar = sched::ScalarOp::create(builder, op.getLoc(), op.getType(),
                                         buffer(op.getTensor()), op.getIndices());
  op.getResult().replaceAllUsesWith(scalar);
  return success();
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

/// Copies each tile into its buffer, all at once: a buffer that is still to be
/// read is saved first.
void Materializer::store(OpBuilder &builder, Location loc, ValueRange tiles,
                         ArrayRef<Value> homes) {
  SmallVector<std::pair<Value, Value>> moves;
  for (auto [tile, home] : llvm::zip(tiles, homes)) {
    Value from = buffer(tile);
    if (from != home)
      moves.emplace_back(from, home);
  }
  for (auto &[from, to] : moves) {
    bool overwritten = llvm::any_of(moves, [&, from = from](auto &other) {
      return other.second == getRoot(from);
    });
    if (!overwritten)
      continue;
    Value saved = alloc(cast<BufType>(from.getType()), loc);
    copy(builder, loc, from, saved);
    from = saved;
  }
  for (auto [from, to] : moves)
    copy(builder, loc, from, to);
}

LogicalResult Materializer::convert(StreamOp op) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  SmallVector<Value> scalars, homes;
  SmallVector<unsigned> tileIndices, scalarIndices;
  SmallVector<Value> copied;
  for (auto [i, init] : llvm::enumerate(op.getInitArgs())) {
    if (!isTile(init)) {
      scalarIndices.push_back(i);
      scalars.push_back(init);
      continue;
    }
    tileIndices.push_back(i);
    // The initial value's own buffer, where nothing else reads it.
    Value home = buffer(init);
    bool ours = diesAt(init, op) && isOwned(home) && llvm::count(op.getInitArgs(), init) == 1 &&
                !cast<BufType>(home.getType()).isPacked() &&
                llvm::all_of(init.getUsers(), [&](Operation *user) { return user == op; });
    if (!ours) {
      home = wanted.lookup(op.getResult(i));
      Operation *last = home ? lastUse.lookup(tenants.lookup(home)) : nullptr;
      bool free = home && last && last->getBlock() == op->getBlock() && last->isBeforeInBlock(op);
      if (!free)
        home = allocTile(init.getType(), loc);
      copy(builder, loc, buffer(init), home);
    }
    homes.push_back(home);
  }

  // Positions lo, lo + step, .. of the trips, in the stream's order.
  Value step = arith::ConstantIndexOp::create(builder, loc, op.getStep());
  auto loop = scf::ForOp::create(builder, loc, op.getLo(), op.getHi(), step, scalars);
  Block *body = loop.getBody();
  if (!body->empty() && body->back().hasTrait<OpTrait::IsTerminator>())
    body->back().erase();
  builder.setInsertionPointToStart(body);
  Value position = loop.getInductionVar();
  if (op.getOrder() == StreamOrder::down) {
    // first + last - i, where last = lo + floor((hi - 1 - lo) / step) * step
    Value one = arith::ConstantIndexOp::create(builder, loc, 1);
    Value span = arith::SubIOp::create(
        builder, loc, arith::SubIOp::create(builder, loc, op.getHi(), one), op.getLo());
    Value whole = arith::MulIOp::create(
        builder, loc, arith::DivUIOp::create(builder, loc, span, step), step);
    Value passed = arith::SubIOp::create(builder, loc, position, op.getLo());
    position = arith::AddIOp::create(builder, loc, op.getLo(),
                                     arith::SubIOp::create(builder, loc, whole, passed));
  }
  op.getPosition().replaceAllUsesWith(position);
  for (auto [i, index] : llvm::enumerate(scalarIndices)) {
    op.getCarried()[index].replaceAllUsesWith(loop.getRegionIterArg(i));
    op.getResult(index).replaceAllUsesWith(loop.getResult(i));
  }
  for (auto [index, home] : llvm::zip(tileIndices, homes)) {
    place(op.getCarried()[index], home);
    Value yielded = op.getYield().getValues()[index];
    if (yielded.getParentBlock() == &op.getBody().front() && !isa<BlockArgument>(yielded))
      wanted[yielded] = home;
  }

  Block &old = op.getBody().front();
  body->getOperations().splice(body->end(), old.getOperations());
  auto yield = cast<tegula::YieldOp>(body->back());
  ScheduleAttr outer = std::exchange(schedule, op.getScheduleAttr());
  if (failed(convertBlock(*body)))
    return failure();
  schedule = outer;
  builder.setInsertionPoint(yield);
  SmallVector<Value> tiles, scalarYields;
  for (unsigned index : tileIndices)
    tiles.push_back(yield.getValues()[index]);
  for (unsigned index : scalarIndices)
    scalarYields.push_back(yield.getValues()[index]);
  store(builder, loc, tiles, homes);
  scf::YieldOp::create(builder, loc, scalarYields);
  yield.erase();
  for (auto [index, home] : llvm::zip(tileIndices, homes))
    place(op.getResult(index), home);
  return success();
}

LogicalResult Materializer::convert(scf::IfOp op) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  SmallVector<Type> scalarTypes;
  SmallVector<Value> homes;
  for (Value result : op.getResults()) {
    if (!isTile(result))
      scalarTypes.push_back(result.getType());
    else
      homes.push_back(allocTile(result.getType(), loc));
  }
  auto branch = scf::IfOp::create(builder, loc, scalarTypes, op.getCondition(),
                                  /*withElseRegion=*/!op.getElseRegion().empty());
  for (auto [from, to] : llvm::zip(op->getRegions(), branch->getRegions())) {
    if (from.empty())
      continue;
    Block &block = to.front();
    if (!block.empty())
      block.clear();
    block.getOperations().splice(block.end(), from.front().getOperations());
    if (failed(convertBlock(block)))
      return failure();
    auto yield = cast<scf::YieldOp>(block.getTerminator());
    builder.setInsertionPoint(yield);
    SmallVector<Value> tiles, scalars;
    for (Value value : yield.getOperands())
      (isTile(value) ? tiles : scalars).push_back(value);
    store(builder, loc, tiles, homes);
    scf::YieldOp::create(builder, loc, scalars);
    yield.erase();
  }
  unsigned nextScalar = 0, nextTile = 0;
  for (Value result : op.getResults()) {
    if (isTile(result))
      place(result, homes[nextTile++]);
    else
      result.replaceAllUsesWith(branch.getResult(nextScalar++));
  }
  return success();
}

LogicalResult Materializer::convert(Operation *op) {
  auto touchesTiles = [](Operation *op) {
    return llvm::any_of(op->getOperandTypes(), [](Type type) { return isTile(type); }) ||
           llvm::any_of(op->getResultTypes(), [](Type type) { return isTile(type); });
  };
  bool isLoop = isa<StreamOp>(op);
  if (!isLoop && !isa<scf::IfOp>(op) && !touchesTiles(op))
    return op->getNumRegions() == 0
               ? success()
               : LogicalResult(op->emitOpError("has no scheduled form"));
  if (op->hasTrait<OpTrait::IsTerminator>())
    return success();
  if (isa<scf::IfOp>(op) && op->getNumResults() == 0 && !op->getRegion(0).empty()) {
    for (Region &region : op->getRegions())
      if (!region.empty() && failed(convertBlock(region.front())))
        return failure();
    return success();
  }
  // Read by the dot that rescales its accumulator; its broadcast likewise.
  if (isa<arith::MulFOp, BroadcastOp>(op)) {
    done.push_back(op);
    return success();
  }
  if (auto constant = dyn_cast<arith::ConstantOp>(op);
      constant && isa<SplatElementsAttr>(constant.getValue())) {
    done.push_back(op);
    return success();
  }
  LogicalResult result =
      llvm::TypeSwitch<Operation *, LogicalResult>(op)
          .Case<LoadOp, StoreOp, GatherOp, ScatterOp, ReduceStoreOp, SegmentSumOp, DotOp, sched::MapOp, TransposeOp, tensor::ExtractSliceOp,
                ConcatOp, ReshapeOp, ScanOp, ArgMaxOp, arith::ConstantOp, tensor::ExtractOp,
                StreamOp, scf::IfOp>([&](auto op) { return convert(op); })
          .Default([](Operation *op) { return op->emitOpError("has no scheduled form"); });
  done.push_back(op);
  return result;
}

LogicalResult Materializer::convertBlock(Block &block) {
  SmallVector<Operation *> ops = llvm::map_to_vector(block, [](Operation &op) { return &op; });
  for (Operation *op : ops)
    if (failed(convert(op)))
      return failure();
  return success();
}

FailureOr<sched::KernelOp> Materializer::run() {
  auto grid = *kernel.getBody().getOps<GridOp>().begin();
  Block &block = grid.getBody().front();
  // Constant tiles gather in the launch part, but instances copy them in.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(*grid->getBlock())))
    if (isa<arith::ConstantOp>(op) && isTile(op.getResult(0).getType()))
      op.moveBefore(&block, block.begin());
  findLastUses();
  allocs.setInsertionPointToStart(&block);
  if (failed(convertBlock(block)))
    return failure();
  for (Operation *op : done)
    op->dropAllReferences();
  for (Operation *op : llvm::reverse(done))
    op->erase();
  OpBuilder builder(kernel);
  auto scheduled = sched::KernelOp::create(builder, kernel.getLoc(), kernel.getSymNameAttr(),
                                           kernel.getArgsAttr(),
                                           builder.getStringAttr(targetName));
  scheduled.getBody().takeBody(kernel.getBody());
  kernel.erase();
  return scheduled;
}

namespace {

struct SchedMaterialize : tegula::impl::SchedMaterializePassBase<SchedMaterialize> {
  using SchedMaterializePassBase::SchedMaterializePassBase;

  void runOnOperation() override {
    const TargetInfo *info = TargetInfo::lookup(target);
    if (!info) {
      getOperation()->emitError() << "unknown target '" << target << "'";
      return signalPassFailure();
    }
    SmallVector<KernelOp> kernels;
    getOperation()->walk([&](KernelOp kernel) { kernels.push_back(kernel); });
    for (KernelOp kernel : kernels)
      if (failed(Materializer(kernel, target, *info).run()))
        return signalPassFailure();
  }
};

} // namespace
