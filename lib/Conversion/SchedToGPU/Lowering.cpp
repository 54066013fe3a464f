//===- Lowering.cpp - Scheduled kernels into code of one thread -----------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"
#include "Math.h"

#include "tegula/Target/GpuInfo.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;
using namespace tegula;
using namespace tegula::gpu;

Lowering::Lowering(sched::KernelOp kernel, Vendor &vendor)
    : vendor(vendor), kernel(kernel), builder(kernel.getContext()) {}

LogicalResult Lowering::run() {
  for (Operation &op : *kernel.getKernelBlock())
    if (auto found = dyn_cast<GridOp>(op))
      grid = found;
  if (!grid)
    return refuse(kernel, "has no grid");
  if (failed(readRoles()))
    return failure();
  createFunction();
  bindArguments();
  for (Operation &op : *kernel.getKernelBlock())
    if (!isa<GridOp, RequireOp>(op) && !op.hasTrait<OpTrait::IsTerminator>() && failed(lower(&op)))
      return failure();
  bindPosition();
  if (failed(placeBuffers()) || failed(lowerBlock(grid.getBody().front())) || failed(finish()))
    return failure();
  return expandMath(function);
}

LogicalResult Lowering::refuse(Operation *op, const Twine &what) const {
  return op->emitOpError() << what.str() << ": there is no code for it on '"
                           << vendor.getInfo().getName() << "'";
}

//===----------------------------------------------------------------------===//
// The frame
//===----------------------------------------------------------------------===//

LogicalResult Lowering::readRoles() {
  for (auto found : grid.getBody().getOps<sched::RoleOp>()) {
    if (role)
      return refuse(found, "is a second role of its kernel");
    role = found;
  }
  if (!role)
    return refuse(kernel, "has no role");
  if (role.getMembers() != sched::Members::warps)
    return refuse(role, "acts in groups of warps");
  warps = role.getCount();
  // A schedule that is not proved is not lowered. Too many registers are slow, not wrong.
  sched::ProofOptions proof;
  proof.checkRegisters = false;
  FailureOr<sched::ScheduleFacts> proved = sched::proveKernel(kernel, proof);
  if (failed(proved))
    return failure();
  facts = std::move(*proved);
  return success();
}

/// Bytes of shared memory, and rings.
LogicalResult Lowering::placeBuffers() {
  llvm::DenseMap<Value, int64_t> places;
  for (auto alloc : grid.getBody().getOps<sched::AllocOp>()) {
    sched::BufType type = alloc.getBuffer().getType();
    if (type.getSpace() != sched::Space::shared)
      return refuse(alloc, "is in " + sched::stringifySpace(type.getSpace()) + " memory");
    sharedAlign = std::max(sharedAlign, Storage(type).getAlign());
    places[alloc.getBuffer()] = facts.bufferOffsets.lookup(alloc);
  }
  sharedBytes = facts.heldBytes;
  Emitter e = at(kernel.getLoc());
  for (auto channel : grid.getBody().getOps<sched::ChannelOp>()) {
    Ring ring;
    ring.type = cast<sched::ChanType>(channel.getChannel().getType());
    for (Value buffer : channel.getBuffers())
      ring.offsets.push_back(places.lookup(buffer));
    ring.acquire = ring.wait = e.i32(0);
    ringOf[channel.getChannel()] = rings.size();
    rings.push_back(ring);
  }
  for (auto [buffer, place] : places)
    if (cast<sched::BufType>(buffer.getType()).getStages() == 1)
      buffers.try_emplace(buffer, Buffer{cast<sched::BufType>(buffer.getType()),
                                         e.move(shared, place),
                                         Storage(cast<sched::BufType>(buffer.getType())),
                                         {},
                                         {}});
  return success();
}

/// The scalar type in which an argument is passed.
static Type getPassedType(Type type) {
  MLIRContext *context = type.getContext();
  if (type.isIndex())
    return IntegerType::get(context, 64);
  if (type.isInteger(1))
    return IntegerType::get(context, 8);
  return type;
}

/// Strides as the type states them: dynamic ones are passed, but for those of a
/// contiguous view, which follow from its sizes.
static SmallVector<int64_t> getStatedStrides(MemRefType type) {
  auto [strides, offset] = type.getStridesAndOffset();
  return strides;
}

void Lowering::createFunction() {
  MLIRContext *context = kernel.getContext();
  Type pointer = LLVM::LLVMPointerType::get(context, globalSpace);
  Type i64 = IntegerType::get(context, 64);
  SmallVector<Type> types;
  for (BlockArgument argument : kernel.getKernelBlock()->getArguments()) {
    auto memref = dyn_cast<MemRefType>(argument.getType());
    if (!memref) {
      types.push_back(getPassedType(argument.getType()));
      continue;
    }
    types.push_back(pointer);
    types.append(memref.getNumDynamicDims(), i64);
    if (!memref.getLayout().isIdentity())
      types.append(llvm::count(getStatedStrides(memref), ShapedType::kDynamic), i64);
  }
  if (kernel.walk([](CheckOp) { return WalkResult::interrupt(); }).wasInterrupted())
    types.push_back(pointer);
  builder.setInsertionPoint(kernel);
  auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), types);
  function =
      LLVM::LLVMFuncOp::create(builder, kernel.getLoc(), getCodeName(kernel.getKernelName()), type);
  Block *entry = function.addEntryBlock(builder);
  builder.setInsertionPointToStart(entry);
}

void Lowering::bindArguments() {
  Block *entry = builder.getInsertionBlock();
  unsigned number = 0;
  for (auto [argument, attr] :
       llvm::zip(kernel.getKernelBlock()->getArguments(), kernel.getArgs())) {
    Emitter e = at(argument.getLoc());
    auto promise = cast<ArgAttr>(attr);
    auto memref = dyn_cast<MemRefType>(argument.getType());
    if (!memref) {
      Value passed = entry->getArgument(number++);
      if (argument.getType().isIndex())
        passed = e.toIndex(passed);
      else if (argument.getType().isInteger(1))
        passed = arith::TruncIOp::create(builder, e.loc, argument.getType(), passed);
      scalars.map(argument, passed);
      continue;
    }
    View view;
    view.elem = memref.getElementType();
    BlockArgument pointer = entry->getArgument(number++);
    view.pointer = pointer;
    view.align = std::max(promise.getAlign(), bytesOf(view.elem));
    function.setArgAttr(pointer.getArgNumber(), LLVM::LLVMDialect::getAlignAttrName(),
                        builder.getI64IntegerAttr(view.align));
    function.setArgAttr(pointer.getArgNumber(), LLVM::LLVMDialect::getNoAliasAttrName(),
                        builder.getUnitAttr());
    for (int64_t size : memref.getShape())
      view.sizes.push_back(ShapedType::isDynamic(size) ? Value(entry->getArgument(number++))
                                                       : e.i64(size));
    SmallVector<int64_t> strides = getStatedStrides(memref);
    bool contiguous = memref.getLayout().isIdentity();
    for (auto [axis, stride] : llvm::enumerate(strides)) {
      int64_t multiple = axis < promise.getMultiples().size() ? promise.getMultiples()[axis] : 1;
      if (!ShapedType::isDynamic(stride)) {
        view.strides.push_back(e.i64(stride));
        multiple = std::max<int64_t>(stride, 1);
      } else {
        view.strides.push_back(contiguous ? Value() : Value(entry->getArgument(number++)));
      }
      view.multiples.push_back(multiple);
    }
    for (size_t axis = view.strides.size(); axis-- > 0;)
      if (!view.strides[axis])
        view.strides[axis] = e.mul(view.strides[axis + 1], view.sizes[axis + 1]);
    views.try_emplace(argument, std::move(view));
  }
  if (number < entry->getNumArguments())
    status = entry->getArgument(number);
  Emitter e = at(kernel.getLoc());
  thread = vendor.threadId(e);
  int64_t lanes = vendor.getInfo().getWarpSize();
  lane = e.rem(thread, lanes);
  warp = warps == 1 ? e.i32(0) : vendor.uniform(e, e.div(thread, lanes));
  auto space = LLVM::LLVMPointerType::get(builder.getContext(), sharedSpace);
  shared = LLVM::AddressOfOp::create(builder, e.loc, space,
                                     getCodeName(kernel.getKernelName()) + "$shared");
}

/// The coordinates of the instance that this block is, in steps, from its number in the
/// line that the grid's order makes of them (lib/Conversion/KernelToFunc).
void Lowering::bindPosition() {
  Emitter e = at(grid.getLoc());
  Values counts;
  for (auto [extent, step] : llvm::zip(grid.getExtents(), grid.getSteps())) {
    Value size = e.add(e.toI64(scalar(extent)), step - 1);
    size = e.max(size, e.i64(0));
    counts.push_back(e.toI32(e.div(size, step)));
  }
  auto rem = [&](Value a, Value b) -> Value {
    return arith::RemUIOp::create(builder, e.loc, a, b);
  };
  auto div = [&](Value a, Value b) -> Value {
    return arith::DivUIOp::create(builder, e.loc, a, b);
  };
  Value total = counts.front();
  for (Value count : ArrayRef(counts).drop_front())
    total = e.mul(total, count);
  Value number;
  if (grid.getOrder() == GridOrder::sequential) {
    inOrder = scf::ForOp::create(builder, e.loc, e.i32(0), total, e.i32(1));
    builder.setInsertionPointToStart(inOrder.getBody());
    number = inOrder.getInductionVar();
  } else {
    number = vendor.blockId(e);
  }
  size_t axes = counts.size();
  Values ids(axes);
  if (grid.getOrder() == GridOrder::heavy_first) {
    number = e.sub(e.sub(total, e.i32(1)), number);
  }
  if (grid.getOrder() == GridOrder::grouped && axes >= 2) {
    Value rows = counts[axes - 2], columns = counts[axes - 1];
    Value plane = e.mul(rows, columns), inPlane = number;
    if (axes > 2) {
      inPlane = rem(number, plane);
      number = div(number, plane);
    }
    Value height = e.i32(grid.getGroup());
    Value groupSize = e.mul(height, columns);
    Value firstRow = e.mul(div(inPlane, groupSize), height);
    Value groupRows = e.min(e.sub(rows, firstRow), height);
    Value inGroup = rem(inPlane, groupSize);
    ids[axes - 2] = e.add(firstRow, rem(inGroup, groupRows));
    ids[axes - 1] = div(inGroup, groupRows);
    axes -= 2;
  }
  for (size_t axis = axes; axis-- > 0;) {
    ids[axis] = axis == 0 ? number : rem(number, counts[axis]);
    if (axis != 0)
      number = div(number, counts[axis]);
  }
  for (auto [id, step, argument] : llvm::zip(ids, grid.getSteps(), grid.getBody().getArguments()))
    scalars.map(argument, e.mul(e.toIndex(id), step));
}

/// Where what stands beside the function comes from. A chain of calls ends in a function,
/// and upstream's pass of debug scopes takes it that each is inside one.
Location Lowering::getModuleLoc() {
  Location loc = kernel.getLoc();
  while (auto call = dyn_cast<CallSiteLoc>(loc))
    loc = call.getCallee();
  return loc;
}

LogicalResult Lowering::finish() {
  Emitter e = at(kernel.getLoc());
  if (inOrder) { // the next instance sees what this one has stored
    vendor.globalBarrier(e);
    builder.setInsertionPointAfter(inOrder);
  }
  LLVM::ReturnOp::create(builder, e.loc, ValueRange());
  vendor.finishKernel(function, threads());

  // Our own scratch lies where that of conversions does: each op orders its accesses.
  int64_t bytes =
      std::max(facts.sharedBytes, int64_t(llvm::alignTo(sharedBytes, 16)) + scratchBytes);
  builder.setInsertionPoint(function);
  bool dynamic = vendor.isSharedDynamic();
  auto type =
      LLVM::LLVMArrayType::get(builder.getI8Type(), dynamic ? 0 : std::max<int64_t>(bytes, 1));
  auto global = LLVM::GlobalOp::create(builder, getModuleLoc(), type, /*isConstant=*/false,
                                       dynamic ? LLVM::Linkage::External : LLVM::Linkage::Internal,
                                       getCodeName(kernel.getKernelName()) + "$shared", Attribute(),
                                       sharedAlign, sharedSpace);
  if (!dynamic) {
    OpBuilder::InsertionGuard guard(builder);
    Block *block = builder.createBlock(&global.getInitializerRegion());
    builder.setInsertionPointToStart(block);
    Value poison = LLVM::PoisonOp::create(builder, getModuleLoc(), type);
    LLVM::ReturnOp::create(builder, getModuleLoc(), poison);
  }
  SmallVector<Attribute> types;
  for (Type argument : kernel.getKernelBlock()->getArgumentTypes())
    types.push_back(TypeAttr::get(argument));
  DeviceEntryOp::create(
      builder, getModuleLoc(), FlatSymbolRefAttr::get(builder.getContext(), function.getSymName()),
      kernel.getArgs(), builder.getArrayAttr(types), builder.getI64IntegerAttr(threads()),
      builder.getI64IntegerAttr(bytes), builder.getArrayAttr(checks));
  // The entry stands all the same: the planner asks it how much is too much.
  if (int64_t most = vendor.getInfo().getSharedPerBlock(); bytes > most)
    return kernel.emitOpError() << "needs " << bytes << " bytes of shared memory, " << scratchBytes
                                << " of them to exchange elements between threads; '"
                                << vendor.getInfo().getName() << "' has " << most;
  kernel.erase();
  return success();
}

int64_t Lowering::threads() const { return warps * vendor.getInfo().getWarpSize(); }

//===----------------------------------------------------------------------===//
// What values of the kernel's text are here
//===----------------------------------------------------------------------===//

Value Lowering::scalar(Value value) { return scalars.lookupOrDefault(value); }

FailureOr<View> Lowering::view(Value value) {
  auto found = views.find(value);
  if (found == views.end())
    return refuse(value.getDefiningOp() ? value.getDefiningOp() : kernel,
                  "gives a view that is no part of an argument");
  return found->second;
}

FailureOr<Buffer> Lowering::buffer(Value value) {
  auto found = buffers.find(value);
  if (found != buffers.end())
    return found->second;
  auto type = cast<sched::BufType>(value.getType());
  if (auto part = value.getDefiningOp<sched::PartOp>()) {
    Emitter e = at(part.getLoc());
    Value slot = part.getSlot();
    auto chan = cast<sched::SlotType>(slot.getType()).getChan();
    int64_t number = part.getNumber();
    Storage storage(chan.getBuffers()[number]);
    // Which ring it is does not follow from the type alone.
    int64_t offset = rings[ringOf.lookup(slot)].offsets[number];
    Value base = e.move(e.move(shared, e.mul(slots.lookup(slot), storage.getBytes())), offset);
    return Buffer{type, base, storage, {}, {}};
  }
  if (auto slice = value.getDefiningOp<sched::SliceOp>()) {
    FailureOr<Buffer> source = buffer(slice.getSource());
    if (failed(source))
      return failure();
    Emitter e = at(slice.getLoc());
    Buffer box = *source;
    box.type = type;
    size_t rank = type.getRank(), next = 0;
    if (rank != 2)
      return refuse(slice, "cuts a box whose rank is not 2");
    for (auto [axis, at] : llvm::enumerate(slice.getAt())) {
      Coordinate &place = axis == 0 ? box.row : box.col;
      if (ShapedType::isDynamic(at)) {
        Value moved = e.toI32(scalar(slice.getOffsets()[next++]));
        place = Coordinate::sum(e, place, {moved, ~uint64_t(0), 0});
      } else {
        place = place.plus(at);
      }
    }
    return box;
  }
  return refuse(value.getDefiningOp() ? value.getDefiningOp() : kernel,
                "gives a buffer that is no part of a ring");
}

Fragment &Lowering::fragment(Value value) {
  auto found = fragments.find(value);
  assert(found != fragments.end() && "a fragment is defined before it is used");
  return found->second;
}

FailureOr<Registers> Lowering::registersOf(Value value) const {
  auto type = cast<sched::FragType>(value.getType());
  if (type.getRank() == 0) { // every thread holds it
    const layout::Atom *atom =
        layout::findAtom(vendor.getInfo().getWarpSize() == 32 ? "all32" : "all64");
    return Registers(llvm::cantFail(layout::Layout::get(*atom, {1, 1})));
  }
  if (type.getLayout() || type.getRank() != 1)
    return Registers::get(type, value.getLoc());
  for (Operation *user : value.getUsers()) {
    auto map = dyn_cast<sched::MapOp>(user);
    if (!map || map.getDomain().size() != 2)
      continue;
    for (Value other : map->getOperands()) {
      auto whole = dyn_cast<sched::FragType>(other.getType());
      if (!whole || !whole.getLayout() || whole.getShape() != map.getDomain())
        continue;
      FailureOr<Registers> regs = Registers::get(whole, value.getLoc());
      if (failed(regs))
        return failure();
      bool isRow = type.getDimSize(0) == regs->cols;
      if (isRow || type.getDimSize(0) == regs->rows)
        return Registers(regs->layout.dropAxis(isRow ? 0 : 1));
    }
  }
  return Registers::get(type, value.getLoc());
}

LogicalResult Lowering::define(Value value, Values elements) {
  auto type = cast<sched::FragType>(value.getType());
  FailureOr<Registers> regs = registersOf(value);
  if (failed(regs))
    return failure();
  Fragment fragment{type, std::move(*regs), std::move(elements), std::nullopt, false};
  fragments.erase(value);
  fragments.try_emplace(value, std::move(fragment));
  return success();
}

//===----------------------------------------------------------------------===//
// Where a thread stands
//===----------------------------------------------------------------------===//

/// Sum over the bits of `number` of what each adds: runs of bits that double move
/// together.
static Coordinate addBits(Emitter &e, Value number, ArrayRef<int64_t> images) {
  Coordinate sum;
  for (size_t bit = 0; bit < images.size();) {
    if (images[bit] == 0) {
      ++bit;
      continue;
    }
    size_t end = bit + 1;
    while (end < images.size() && images[end] == images[end - 1] * 2)
      ++end;
    int64_t mask = (int64_t(1) << (end - bit)) - 1;
    Value part = e.mul(e.bitAnd(e.shiftRight(number, bit), mask), images[bit]);
    uint64_t bits = 0;
    for (size_t i = bit; i < end; ++i)
      bits |= images[i];
    sum = Coordinate::sum(e, sum, {part, bits, 0});
    bit = end;
  }
  return sum;
}

static SmallVector<int64_t> project(ArrayRef<Position> images, bool rows) {
  return llvm::map_to_vector(images, [&](Position p) { return rows ? p.row : p.col; });
}

static Coordinate warpPart(Emitter &e, Value warp, const Registers &regs, bool rows) {
  SmallVector<int64_t> inAtom = project(regs.warpBits, rows);
  Coordinate sum = addBits(e, warp, inAtom);
  int64_t count = regs.layout.getWarpCounts()[rows ? 0 : 1];
  int64_t stride = regs.layout.getWarpStrides()[rows ? 0 : 1];
  int64_t extent = rows ? regs.block.row : regs.block.col;
  if (count == 1)
    return sum;
  int64_t unit = stride << regs.warpBits.size();
  Value number = e.rem(e.div(warp, unit), count);
  // The bits that multiples of a block may have.
  uint64_t bits = 0;
  for (int64_t i = 0; i < count; ++i)
    bits |= i * extent;
  return Coordinate::sum(e, sum, {e.mul(number, extent), bits, 0});
}

Coordinate Lowering::warpRowOf(Emitter &e, const Registers &regs) {
  return warpPart(e, warp, regs, /*rows=*/true);
}
Coordinate Lowering::warpColOf(Emitter &e, const Registers &regs) {
  return warpPart(e, warp, regs, /*rows=*/false);
}
Coordinate Lowering::rowOf(Emitter &e, const Registers &regs) {
  return Coordinate::sum(e, addBits(e, lane, project(regs.laneBits, true)), warpRowOf(e, regs));
}
Coordinate Lowering::colOf(Emitter &e, const Registers &regs) {
  return Coordinate::sum(e, addBits(e, lane, project(regs.laneBits, false)), warpColOf(e, regs));
}

Value Lowering::isFirstLane(Emitter &e, const Registers &regs, bool rows, bool cols) {
  int64_t copies = 0;
  for (auto [bit, image] : llvm::enumerate(regs.laneBits))
    if ((!rows || image.row == 0) && (!cols || image.col == 0))
      copies |= int64_t(1) << bit;
  return copies ? e.equal(e.bitAnd(lane, copies), e.i32(0)) : Value();
}

Value Lowering::isFirstWarp(Emitter &e, const Registers &regs) {
  SmallVector<int64_t> firsts;
  std::set<std::pair<int64_t, int64_t>> seen;
  for (int64_t w = 0; w < warps; ++w) {
    layout::Element origin = regs.layout.getWarpOrigin(w);
    if (seen.insert({origin.row, origin.col}).second)
      firsts.push_back(w);
  }
  if (static_cast<int64_t>(firsts.size()) == warps)
    return {};
  Value any;
  for (int64_t w : firsts) {
    Value isIt = e.equal(warp, e.i32(w));
    any = any ? arith::OrIOp::create(builder, e.loc, any, isIt).getResult() : isIt;
  }
  return any;
}

Value Lowering::isFirstHolder(Emitter &e, const Registers &regs) {
  return e.both(isFirstLane(e, regs, /*rows=*/true, /*cols=*/true), isFirstWarp(e, regs));
}

Value Lowering::isInTile(Emitter &e, const Registers &regs, Position reg) {
  if (!regs.hasRemainder())
    return {};
  auto check = [&](Coordinate place, int64_t extent, int64_t covered) -> Value {
    return covered <= extent ? Value() : e.less(place.get(e), e.i32(extent));
  };
  auto [rows, cols] = regs.layout.getCovered();
  return e.both(check(rowOf(e, regs).plus(reg.row), regs.rows, rows),
                check(colOf(e, regs).plus(reg.col), regs.cols, cols));
}
