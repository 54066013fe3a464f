//===- RoleMaterializer.cpp - Tile programs into roles and fragments ------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RoleMaterializer.h"

#include "tegula/Support/Layout/Conversion.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tegula;
using layout::Layout;
using sched::FragType;

static bool isTile(Type type) { return isa<RankedTensorType>(type); }
static bool isTile(Value value) { return isTile(value.getType()); }

RoleMaterializer::RoleMaterializer(KernelOp kernel, StringRef targetName, const GpuInfo &gpu,
                                   ScheduleRoleAttr role)
    : kernel(kernel), targetName(targetName), gpu(gpu), roleAttr(role),
      layouts(gpu, role.getMembers()) {}

//===----------------------------------------------------------------------===//
// Fragments
//===----------------------------------------------------------------------===//

/// A number that every thread holds needs no layout.
FragType RoleMaterializer::getFragType(RankedTensorType tile, const Layout &layout) {
  if (tile.getRank() == 0)
    return FragType::get(kernel.getContext(), {}, tile.getElementType(), nullptr);
  return FragType::get(kernel.getContext(), tile.getShape(), tile.getElementType(),
                       sched::LayoutAttr::get(kernel.getContext(), layout));
}

FragType RoleMaterializer::getFragType(Value tile) {
  return getFragType(cast<RankedTensorType>(tile.getType()), layouts.get(tile));
}

void RoleMaterializer::hold(Value tile, const Layout &layout, Value fragment) {
  fragments[tile].push_back({layout, fragment});
}

void RoleMaterializer::hold(Value tile, Value fragment) { hold(tile, layouts.get(tile), fragment); }

Value RoleMaterializer::getFragment(Value tile) { return getFragment(tile, layouts.get(tile)); }

/// Whether two layouts are one to a reader of the program: a product says by name which
/// atoms its operands have.
static bool isSame(const Layout &a, const Layout &b) {
  return a == b && a.getAtom().name == b.getAtom().name;
}

/// The fragment of `tile` in the layout `wanted`, converted where it is made.
Value RoleMaterializer::getFragment(Value tile, const Layout &wanted) {
  std::vector<Held> &held = fragments[tile];
  assert(!held.empty() && "a tile is converted before its users");
  for (const Held &have : held)
    if (isSame(have.layout, wanted))
      return have.fragment;
  Value converted = convertLayout(held.front().fragment, held.front().layout, wanted);
  held.push_back({wanted, converted});
  return converted;
}

Value RoleMaterializer::convertLayout(Value fragment, const Layout &from, const Layout &to) {
  auto type = cast<FragType>(fragment.getType());
  OpBuilder builder(kernel.getContext());
  builder.setInsertionPointAfterValue(fragment);
  sched::Conversion cost;
  Value scratch;
  // A line that lies as a row may be wanted as a column.
  Layout oriented = layout::orient(from, to.getTile());
  switch (layout::classifyConversion(oriented, to, roleAttr.getMembers())) {
  case layout::ConversionClass::Free:
    cost = sched::Conversion::free;
    break;
  case layout::ConversionClass::Shuffle:
    cost = sched::Conversion::shuffle;
    break;
  case layout::ConversionClass::Shared:
    cost = sched::Conversion::shared;
    scratch = createOutside<sched::AllocOp>(
        fragment.getLoc(), sched::BufType::get(type.getTile(), sched::Space::shared), "scratch");
  }
  return sched::ConvertOp::create(builder, fragment.getLoc(), getFragType(type.getTile(), to),
                                  fragment, cost, scratch, /*ssa_name=*/StringAttr());
}

/// The layout over which a map computes: of its operands and results of the domain's
/// shape; of pieces where all have fewer axes.
Layout RoleMaterializer::getDomainLayout(sched::MapOp map) {
  for (Value value :
       llvm::concat<Value>(llvm::to_vector(map.getIns()), llvm::to_vector(map.getResults())))
    if (auto tile = dyn_cast<RankedTensorType>(value.getType());
        tile && tile.getShape() == map.getDomain())
      return layouts.get(value);
  return layouts.getPieces(map.getDomain());
}

//===----------------------------------------------------------------------===//
// Loads and products
//===----------------------------------------------------------------------===//

/// How the product `dot` reads an operand that comes from memory: turned as the product
/// wants it, if the tile is named transposed.
std::optional<RoleMaterializer::Use> RoleMaterializer::getOperandUse(DotOp dot, bool right) {
  bool trans = right ? dot.getTransB() : dot.getTransA();
  Layout wanted = right ? layouts.getB(dot) : layouts.getA(dot);
  return Use{wanted, trans};
}

/// The distinct forms in which the users of `tile` want it.
std::vector<RoleMaterializer::Use> RoleMaterializer::getUses(Value tile) {
  std::vector<Use> uses;
  auto add = [&](Use use) {
    if (!llvm::is_contained(uses, use))
      uses.push_back(use);
  };
  for (OpOperand &operand : tile.getUses()) {
    auto dot = dyn_cast<DotOp>(operand.getOwner());
    bool isOperand = dot && operand.get() != dot.getAcc();
    if (isOperand && layouts.readsShared(dot) && stored.contains(tile))
      continue;
    if (isOperand && !layouts.readsShared(dot))
      add(*getOperandUse(dot, operand.getOperandNumber() == 1));
    else
      add({layouts.get(tile), false});
  }
  return uses;
}

LogicalResult RoleMaterializer::convert(LoadOp op) {
  if (copyShared(op))
    return success();
  OpBuilder builder(op);
  auto tile = cast<RankedTensorType>(op.getTile().getType());
  for (const Use &use : getUses(op.getTile())) {
    SmallVector<int64_t> shape(tile.getShape());
    if (use.turned)
      std::swap(shape[shape.size() - 2], shape.back());
    Layout layout = use.turned ? use.layout.getTransposed() : use.layout;
    Value fragment = sched::LoadOp::create(
        builder, op.getLoc(), getFragType(tile.clone(shape), layout), op.getView(), op.getAt(),
        /*by=*/Value(), /*axis=*/IntegerAttr(), op.getUpto(), op.getPad(), use.turned,
        /*ahead=*/IntegerAttr(),
        /*where=*/Value(), op.getLabelAttr(), /*ssa_name=*/StringAttr());
    (use.turned ? turned : fragments)[op.getTile()].push_back({use.layout, fragment});
  }
  return success();
}

/// The fragments of a load whose tile lies in a buffer, transposed there or not.
void RoleMaterializer::loadUses(OpBuilder &builder, LoadOp load, Value buffer, bool storedTurned,
                                IntegerAttr ahead) {
  auto tile = cast<RankedTensorType>(load.getTile().getType());
  for (const Use &use : getUses(load.getTile())) {
    SmallVector<int64_t> shape(tile.getShape());
    if (use.turned)
      std::swap(shape[shape.size() - 2], shape.back());
    Layout layout = use.turned ? use.layout.getTransposed() : use.layout;
    Value fragment = sched::LoadOp::create(
        builder, load.getLoc(), getFragType(tile.clone(shape), layout), buffer, ValueRange(),
        /*by=*/Value(), /*axis=*/IntegerAttr(), ValueRange(), /*pad=*/Value(),
        use.turned != storedTurned, ahead,
        /*where=*/Value(),
        /*label=*/StringAttr(), /*ssa_name=*/StringAttr());
    (use.turned ? turned : fragments)[load.getTile()].push_back({use.layout, fragment});
  }
}

LogicalResult RoleMaterializer::convert(StoreOp op) {
  OpBuilder builder(op);
  sched::StoreOp::create(builder, op.getLoc(), getFragment(op.getTile()), op.getView(), op.getAt(),
                         op.getUpto(), /*trans=*/false, /*where=*/Value(), op.getLabelAttr());
  return success();
}

/// The fragment of an operand, and whether the product names it transposed.
std::pair<Value, bool> RoleMaterializer::getOperand(DotOp dot, bool right) {
  Value tile = right ? dot.getB() : dot.getA();
  if (layouts.readsShared(dot)) {
    Stored place = getStored(tile);
    return {place.buffer, place.turned != (right ? dot.getTransB() : dot.getTransA())};
  }
  Use use = *getOperandUse(dot, right);
  for (const Held &have : (use.turned ? turned : fragments).lookup(tile))
    if (isSame(have.layout, use.layout))
      return {have.fragment, false};
  return {getFragment(tile, right ? layouts.getB(dot) : layouts.getA(dot)), use.turned};
}

/// Where a product finds `tile` in shared memory: in its ring, or put there from registers.
RoleMaterializer::Stored RoleMaterializer::getStored(Value tile) {
  auto [it, isNew] = stored.try_emplace(tile);
  if (isNew)
    it->second = {putShared(tile), /*turned=*/false};
  return it->second;
}

/// A ring of one stage for `tile`, filled at `builder` by `fill`: the buffer to read.
Value RoleMaterializer::fillOne(OpBuilder &builder, Location loc, RankedTensorType tile,
                                sched::Completion kind,
                                llvm::function_ref<void(Value buffer)> fill) {
  Value buffer = createOutside<sched::AllocOp>(
      loc,
      sched::BufType::get(tile, sched::Space::shared, /*panel=*/0, /*transposed=*/false,
                          /*stages=*/1, sched::BufType::autoSwizzle),
      "operand");
  Value channel = createOutside<sched::ChannelOp>(
      loc, buffer, kind, StringAttr::get(kernel.getContext(), "put" + Twine(put.size())));
  auto part = [&](Value slot) -> Value {
    return sched::PartOp::create(builder, loc, slot, builder.getI64IntegerAttr(0),
                                 /*ssa_name=*/StringAttr());
  };
  Value space = sched::AcquireOp::create(builder, loc, channel, /*ssa_name=*/StringAttr());
  fill(part(space));
  sched::CommitOp::create(builder, loc, space);
  Value slot = sched::WaitOp::create(builder, loc, channel, builder.getI64IntegerAttr(0),
                                     /*ssa_name=*/StringAttr());
  put.push_back(slot);
  return part(slot);
}

/// From registers, where the tile is made.
Value RoleMaterializer::putShared(Value tile) {
  Value fragment = getFragment(tile);
  OpBuilder builder(kernel.getContext());
  builder.setInsertionPointAfterValue(fragment);
  return fillOne(builder, fragment.getLoc(), cast<RankedTensorType>(tile.getType()),
                 sched::Completion::sync, [&](Value buffer) {
                   sched::StoreOp::create(builder, fragment.getLoc(), fragment, buffer,
                                          ValueRange(), ValueRange(), /*trans=*/false,
                                          /*where=*/Value(), /*label=*/StringAttr());
                 });
}

/// A load that only such products read is copied past the registers, if the target has
/// copies of one element.
bool RoleMaterializer::copyShared(LoadOp load) {
  auto tile = cast<RankedTensorType>(load.getTile().getType());
  const Copying *engine = gpu.findCopy(CopyEngine::Async);
  bool readShared = llvm::all_of(load.getTile().getUses(), [&](OpOperand &use) {
    auto dot = dyn_cast<DotOp>(use.getOwner());
    return dot && use.get() != dot.getAcc() && layouts.readsShared(dot);
  });
  if (!readShared || load.getTile().use_empty() || !engine ||
      tile.getElementTypeBitWidth() / 8 < unsigned(engine->leastBytes))
    return false;
  OpBuilder builder(load);
  Value buffer = fillOne(
      builder, load.getLoc(), tile, sched::Completion::fifo, [&](Value buffer) {
        auto async = sched::EngineAttr::get(kernel.getContext(), sched::Engine::async);
        sched::CopyOp::create(builder, load.getLoc(), async, load.getView(), load.getAt(),
                              /*by=*/Value(), load.getUpto(), load.getPad(), buffer,
                              /*where=*/Value(), load.getLabelAttr());
      });
  stored[load.getTile()] = {buffer, /*turned=*/false};
  return true;
}

/// Gives slots back behind their last reader, and ends their rings behind the last use
/// outside loops, so that others may have the memory.
void RoleMaterializer::releasePut() {
  for (Value slot : put) {
    auto wait = slot.getDefiningOp<sched::WaitOp>();
    Operation *last = wait;
    for (Operation *part : slot.getUsers())
      for (Operation *reader : part->getUsers()) {
        Operation *here = wait->getBlock()->findAncestorOpInBlock(*reader);
        if (last->isBeforeInBlock(here))
          last = here;
      }
    OpBuilder builder(kernel.getContext());
    builder.setInsertionPointAfter(last);
    auto release = sched::ReleaseOp::create(builder, wait.getLoc(), slot);
    Block &whole = cast<sched::RoleOp>(role).getBody().front();
    builder.setInsertionPointAfter(whole.findAncestorOpInBlock(*release));
    sched::DrainOp::create(builder, wait.getLoc(), wait.getChannel());
  }
}

LogicalResult RoleMaterializer::convert(DotOp op) {
  OpBuilder builder(op);
  auto [a, transA] = getOperand(op, /*right=*/false);
  auto [b, transB] = getOperand(op, /*right=*/true);
  Layout result = layouts.getD(op);
  Value acc = op.getAcc() ? getFragment(op.getAcc(), result) : Value();
  auto mma = sched::MmaOp::create(builder, op.getLoc(), getFragType(op.getType(), result),
                                  /*is_async=*/false, a, b, /*c=*/Value(), /*scale=*/Value(), acc,
                                  transA, transB, /*accumulate=*/false, /*panel=*/IntegerAttr(),
                                  op.getLabelAttr(), /*ssa_name=*/StringAttr());
  hold(op.getResult(), result, mma.getResult());
  return success();
}

//===----------------------------------------------------------------------===//
// Indices
//===----------------------------------------------------------------------===//

/// An index tile where the rows or columns that it names are; as it is where rows are
/// several axes.
Value RoleMaterializer::getIndices(Value indices, Value tile, int64_t axis) {
  const Layout &layout = layouts.get(tile);
  switch (cast<RankedTensorType>(tile.getType()).getRank()) {
  case 1:
    return getFragment(indices, layout);
  case 2:
    return getFragment(indices, layout.dropAxis(1 - axis));
  default:
    return getFragment(indices);
  }
}

LogicalResult RoleMaterializer::convert(GatherOp op) {
  OpBuilder builder(op);
  IntegerAttr axis = op.getAxis() == 0 ? IntegerAttr() : op.getAxisAttr();
  hold(op.getTile(),
       sched::LoadOp::create(builder, op.getLoc(), getFragType(op.getTile()), op.getView(),
                             op.getAt(), getIndices(op.getBy(), op.getTile(), op.getAxis()), axis,
                             op.getUpto(), op.getPad(), /*trans=*/false, /*ahead=*/IntegerAttr(),
                             /*where=*/Value(), op.getLabelAttr(), /*ssa_name=*/StringAttr()));
  return success();
}

LogicalResult RoleMaterializer::convert(ScatterOp op) {
  OpBuilder builder(op);
  sched::ScatterOp::create(builder, op.getLoc(), getFragment(op.getTile()), op.getView(),
                           op.getAt(), getIndices(op.getBy(), op.getTile(), op.getAxis()),
                           op.getAxis(), op.getUpto(), op.getLabelAttr());
  return success();
}

LogicalResult RoleMaterializer::convert(ReduceStoreOp op) {
  // The order of instances is the fixed order of `two_pass` as well.
  bool atomic = op.getHow() == ReduceHow::atomic;
  if (!atomic)
    op->getParentOfType<GridOp>().setOrder(GridOrder::sequential);
  OpBuilder builder(op);
  sched::ReduceStoreOp::create(builder, op.getLoc(), op.getKind(), getFragment(op.getTile()),
                               op.getView(), op.getAt(), op.getUpto(), atomic, op.getLabelAttr());
  return success();
}

LogicalResult RoleMaterializer::convert(SegmentSumOp op) {
  OpBuilder builder(op);
  auto sum = sched::SegmentSumOp::create(
      builder, op.getLoc(), getFragType(op.getResult()), getFragment(op.getX()),
      getIndices(op.getBy(), op.getX(), /*axis=*/0), /*dest=*/Value(),
      getFragment(op.getAcc(), layouts.get(op.getResult())), op.getLabelAttr(),
      /*ssa_name=*/StringAttr());
  hold(op.getResult(), sum.getResult());
  return success();
}

//===----------------------------------------------------------------------===//
// Elements that change places
//===----------------------------------------------------------------------===//

LogicalResult RoleMaterializer::convert(TransposeOp op) {
  OpBuilder builder(op);
  SmallVector<int64_t> zeros(op.getPerm().size(), 0);
  hold(op.getResult(), sched::CutOp::create(builder, op.getLoc(), getFragType(op.getResult()),
                                            getFragment(op.getX()), zeros, op.getPerm()));
  return success();
}

LogicalResult RoleMaterializer::convert(tensor::ExtractSliceOp op) {
  RankedTensorType from = op.getSourceType();
  if (!op.hasUnitStride() || from.getRank() != op.getType().getRank() ||
      llvm::any_of(op.getStaticOffsets(), ShapedType::isDynamic))
    return op.emitOpError("drops axes, takes strides or starts at a computed place, which has no "
                          "form on fragments yet");
  OpBuilder builder(op);
  hold(op.getResult(),
       sched::CutOp::create(builder, op.getLoc(), getFragType(op.getResult()),
                            getFragment(op.getSource()), op.getStaticOffsets(),
                            llvm::to_vector(llvm::seq<int64_t>(0, from.getRank()))));
  return success();
}

LogicalResult RoleMaterializer::convert(ConcatOp op) {
  OpBuilder builder(op);
  SmallVector<Value> parts;
  for (Value part : op.getXs())
    parts.push_back(getFragment(part));
  hold(op.getResult(), sched::ConcatOp::create(builder, op.getLoc(), getFragType(op.getResult()),
                                               parts, op.getAxis()));
  return success();
}

LogicalResult RoleMaterializer::convert(ReshapeOp op) {
  OpBuilder builder(op);
  auto reshape = sched::ReshapeOp::create(builder, op.getLoc(), getFragType(op.getResult()),
                                          getFragment(op.getX()), /*dest=*/Value());
  hold(op.getResult(), reshape.getResult());
  return success();
}

LogicalResult RoleMaterializer::convert(ScanOp op) {
  OpBuilder builder(op);
  auto scan = sched::ScanOp::create(builder, op.getLoc(), getFragType(op.getResult()), op.getKind(),
                                    getFragment(op.getX()), /*dest=*/Value(), op.getAxis(),
                                    op.getReverse(), op.getExclusive());
  hold(op.getResult(), scan.getResult());
  return success();
}

LogicalResult RoleMaterializer::convert(ArgMaxOp op) {
  OpBuilder builder(op);
  auto argmax = sched::ArgMaxOp::create(builder, op.getLoc(), getFragType(op.getResult()),
                                        getFragment(op.getX()), /*dest=*/Value(), op.getAxis());
  hold(op.getResult(), argmax.getResult());
  return success();
}

LogicalResult RoleMaterializer::convert(tensor::ExtractOp op) {
  OpBuilder builder(op);
  Value element = sched::ScalarOp::create(builder, op.getLoc(), op.getType(),
                                          getFragment(op.getTensor()), op.getIndices());
  op.getResult().replaceAllUsesWith(element);
  return success();
}

/// Kept with the code, and read where it is used.
LogicalResult RoleMaterializer::convert(arith::ConstantOp op) {
  auto value = cast<ElementsAttr>(op.getValue());
  OpBuilder builder(op);
  if (auto splat = dyn_cast<SplatElementsAttr>(value)) {
    Value number = createOutside<arith::ConstantOp>(
        op.getLoc(), cast<TypedAttr>(splat.getSplatValue<Attribute>()));
    hold(op, sched::SplatOp::create(builder, op.getLoc(), getFragType(op), number,
                                    /*ssa_name=*/StringAttr()));
    return success();
  }
  auto tile = cast<RankedTensorType>(op.getType());
  Value buffer = createOutside<sched::ConstantOp>(op.getLoc(), sched::BufType::get(tile), value);
  hold(op, sched::LoadOp::create(builder, op.getLoc(), getFragType(op), buffer, ValueRange(),
                                 /*by=*/Value(), /*axis=*/IntegerAttr(), ValueRange(),
                                 /*pad=*/Value(), /*trans=*/false,
                                 /*ahead=*/IntegerAttr(), /*where=*/Value(),
                                 /*label=*/StringAttr(), /*ssa_name=*/StringAttr()));
  return success();
}

//===----------------------------------------------------------------------===//
// Maps
//===----------------------------------------------------------------------===//

/// The axis of a domain of two that a tile of rank 1 lacks, by what the body does with it.
static int64_t getLackingAxis(Value inBody) {
  if (auto reduce = inBody.getDefiningOp<ReduceOp>())
    return reduce.getAxis();
  for (Operation *user : inBody.getUsers())
    if (auto broadcast = dyn_cast<BroadcastOp>(user))
      return broadcast.getDims().front() == 0 ? 1 : 0;
  return 1;
}

LogicalResult RoleMaterializer::convert(sched::MapOp op) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  Layout domain = getDomainLayout(op);
  auto getLayout = [&](Value tile, Value inBody) {
    auto type = cast<RankedTensorType>(tile.getType());
    if (type.getShape() == op.getDomain())
      return domain;
    // What is neither of the domain's shape nor a row or column of it comes as it is.
    if (type.getRank() != 1 || op.getDomain().size() != 2)
      return layouts.get(tile);
    int64_t lacking = getLackingAxis(inBody);
    if (type.getDimSize(0) != op.getDomain()[1 - lacking])
      return layouts.get(tile);
    return domain.dropAxis(lacking);
  };

  // One number everywhere needs no region.
  Block &body = op.getBody().front();
  if (op.getIns().empty() && op.getNumResults() == 1) {
    DenseElementsAttr value;
    if (matchPattern(op.getYield().getValues().front(), m_Constant(&value)) && value.isSplat()) {
      Value number =
          createOutside<arith::ConstantOp>(loc, cast<TypedAttr>(value.getSplatValue<Attribute>()));
      hold(op.getResult(0), sched::SplatOp::create(builder, loc, getFragType(op.getResult(0)),
                                                   number, /*ssa_name=*/StringAttr()));
      return success();
    }
  }

  SmallVector<Value> ins;
  for (auto [in, argument] : llvm::zip(op.getIns(), body.getArguments())) {
    ins.push_back(getFragment(in, getLayout(in, argument)));
  }
  SmallVector<Type> types;
  std::vector<Layout> given;
  for (auto [result, yielded] : llvm::zip(op.getResults(), op.getYield().getValues())) {
    auto type = cast<RankedTensorType>(result.getType());
    given.push_back(getLayout(result, yielded));
    types.push_back(getFragType(type, given.back()));
  }
  auto map = sched::MapOp::create(builder, loc, types, op.getDomain(), ins, ValueRange(),
                                  op.getLabelAttr());
  map.getBody().takeBody(op.getBody());
  if (op.getWhen())
    map.getWhenMutable().assign(op.getWhen());
  for (auto [result, fragment, layout] : llvm::zip(op.getResults(), map.getResults(), given))
    hold(result, layout, fragment);
  return success();
}

LogicalResult RoleMaterializer::convert(sched::DiffersOp op) {
  OpBuilder builder(op);
  auto differs = sched::DiffersOp::create(builder, op.getLoc(), getFragment(op.getX()),
                                          op.getValueAttr());
  op.getResult().replaceAllUsesWith(differs.getResult());
  return success();
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

LogicalResult RoleMaterializer::convert(scf::IfOp op) {
  OpBuilder builder(op);
  SmallVector<Type> types;
  for (Value result : op.getResults())
    types.push_back(isTile(result) ? Type(getFragType(result)) : result.getType());
  auto branch = scf::IfOp::create(builder, op.getLoc(), types, op.getCondition(),
                                  /*withElseRegion=*/!op.getElseRegion().empty());
  for (auto [from, to] : llvm::zip(op->getRegions(), branch->getRegions())) {
    if (from.empty())
      continue;
    Block &block = to.front();
    block.clear();
    block.getOperations().splice(block.end(), from.front().getOperations());
    if (failed(convertBlock(block)))
      return failure();
    auto yield = cast<scf::YieldOp>(block.getTerminator());
    builder.setInsertionPoint(yield);
    SmallVector<Value> values;
    for (auto [value, result] : llvm::zip(yield.getOperands(), op.getResults()))
      values.push_back(isTile(value) ? getFragment(value, layouts.get(result)) : value);
    scf::YieldOp::create(builder, op.getLoc(), values);
    yield.erase();
  }
  for (auto [result, fragment] : llvm::zip(op.getResults(), branch.getResults())) {
    if (isTile(result))
      hold(result, fragment);
    else
      result.replaceAllUsesWith(fragment);
  }
  return success();
}

LogicalResult RoleMaterializer::convert(Operation *op) {
  if (op->hasTrait<OpTrait::IsTerminator>())
    return success();
  bool touchesTiles = llvm::any_of(op->getOperandTypes(), [](Type t) { return isTile(t); }) ||
                      llvm::any_of(op->getResultTypes(), [](Type t) { return isTile(t); });
  if (!touchesTiles && !isa<StreamOp, scf::IfOp>(op)) {
    if (op->getNumRegions() == 0)
      return success();
    return op->emitOpError("has no form on fragments yet");
  }
  LogicalResult result =
      llvm::TypeSwitch<Operation *, LogicalResult>(op)
          .Case<LoadOp, StoreOp, GatherOp, ScatterOp, ReduceStoreOp, SegmentSumOp, DotOp,
                sched::MapOp, TransposeOp, tensor::ExtractSliceOp, tensor::ExtractOp, ConcatOp,
                ReshapeOp, ScanOp, ArgMaxOp, sched::DiffersOp, arith::ConstantOp, StreamOp,
                scf::IfOp>([&](auto op) { return convert(op); })
          .Default([](Operation *op) { return op->emitOpError("has no form on fragments yet"); });
  done.push_back(op);
  return result;
}

LogicalResult RoleMaterializer::convertBlock(Block &block) {
  SmallVector<Operation *> ops = llvm::map_to_vector(block, [](Operation &op) { return &op; });
  for (Operation *op : ops)
    if (failed(convert(op)))
      return failure();
  return success();
}

/// Moves what touches tiles, and what hangs on it, into a new role; index arithmetic
/// stays outside, where every role sees it.
Block *RoleMaterializer::makeRole(Block &block) {
  OpBuilder builder(block.getTerminator());
  auto op = sched::RoleOp::create(
      builder, kernel.getLoc(), builder.getStringAttr(roleAttr.getName()),
      roleAttr.getGroups() ? sched::Members::groups : sched::Members::warps, roleAttr.getMembers(),
      roleAttr.getRegs() ? builder.getI64IntegerAttr(roleAttr.getRegs()) : IntegerAttr());
  if (op.getBody().empty())
    op.getBody().emplaceBlock();
  Block *inside = &op.getBody().front();
  inside->clear();
  builder.setInsertionPointToEnd(inside);
  auto yield = sched::YieldOp::create(builder, kernel.getLoc(), ValueRange());
  role = op;
  llvm::SmallPtrSet<Operation *, 16> moved;
  for (Operation &op : llvm::make_early_inc_range(block.without_terminator())) {
    if (&op == role)
      break;
    bool hangs = llvm::any_of(op.getOperands(), [&](Value operand) {
      return isTile(operand) || moved.contains(operand.getDefiningOp());
    });
    bool gives = llvm::any_of(op.getResultTypes(), [](Type type) { return isTile(type); });
    if (!hangs && !gives && op.getNumRegions() == 0 && isMemoryEffectFree(&op))
      continue;
    op.moveBefore(yield);
    moved.insert(&op);
  }
  return inside;
}

FailureOr<sched::KernelOp> RoleMaterializer::run() {
  auto grid = *kernel.getBody().getOps<GridOp>().begin();
  Block &block = grid.getBody().front();
  // Constant tiles gather in the launch part, but instances use them.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(*grid->getBlock())))
    if (isa<arith::ConstantOp>(op) && isTile(op.getResult(0)))
      op.moveBefore(&block, block.begin());
  if (failed(layouts.assign(kernel)))
    return failure();
  Block *inside = makeRole(block);
  if (failed(convertBlock(*inside)))
    return failure();
  releasePut();
  for (Operation *op : done)
    op->dropAllReferences();
  for (Operation *op : llvm::reverse(done))
    op->erase();
  grid.removeRolesAttr();
  OpBuilder builder(kernel);
  auto scheduled = sched::KernelOp::create(builder, kernel.getLoc(), kernel.getSymNameAttr(),
                                           kernel.getArgsAttr(), builder.getStringAttr(targetName));
  scheduled.getBody().takeBody(kernel.getBody());
  kernel.erase();
  return scheduled;
}
