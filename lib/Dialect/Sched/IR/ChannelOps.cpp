//===- ChannelOps.cpp - Rings, slots, batons ------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Sched/IR/Sched.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;

//===----------------------------------------------------------------------===//
// Names, and where slots come from
//===----------------------------------------------------------------------===//

std::string sched::describe(Value value) {
  std::string text;
  llvm::raw_string_ostream os(text);
  // Called by verifiers: the printer must not verify again.
  value.printAsOperand(os, OpPrintingFlags().assumeVerified());
  return text;
}

Value sched::getSlot(Value buffer) {
  while (auto slice = buffer.getDefiningOp<sched::SliceOp>())
    buffer = slice.getSource();
  auto part = buffer.getDefiningOp<PartOp>();
  return part ? Value(part.getSlot()) : Value();
}

/// The value that a carried or yielded value begins as; null where none is known.
static Value getOrigin(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto loop = dyn_cast_or_null<scf::ForOp>(argument.getOwner()->getParentOp());
    OpOperand *init = loop ? loop.getTiedLoopInit(argument) : nullptr;
    return init ? init->get() : Value();
  }
  auto result = cast<OpResult>(value);
  unsigned number = result.getResultNumber();
  if (auto loop = dyn_cast<scf::ForOp>(result.getOwner()))
    return loop.getInitArgs()[number];
  if (auto branch = dyn_cast<scf::IfOp>(result.getOwner()))
    return branch.thenYield().getOperand(number);
  if (auto phase = dyn_cast<PhaseOp>(result.getOwner()))
    return phase.getBody().front().getTerminator()->getOperand(number);
  return {};
}

Value sched::getChannel(Value slot) {
  while (slot) {
    if (auto acquire = slot.getDefiningOp<AcquireOp>())
      return acquire.getChannel();
    if (auto wait = slot.getDefiningOp<WaitOp>())
      return wait.getChannel();
    slot = getOrigin(slot);
  }
  return {};
}

/// Ops on slots stand in roles.
static LogicalResult verifyInRole(Operation *op) {
  if (!op->getParentOfType<RoleOp>())
    return op->emitOpError("stands outside roles: nobody would run it");
  return success();
}

//===----------------------------------------------------------------------===//
// Channels
//===----------------------------------------------------------------------===//

LogicalResult ChannelOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location,
                                          Adaptor adaptor, SmallVectorImpl<Type> &types) {
  SmallVector<BufType> buffers;
  for (Value buffer : adaptor.getBuffers())
    buffers.push_back(cast<BufType>(buffer.getType()));
  Location loc = location.value_or(UnknownLoc::get(context));
  auto emitError = [&] { return mlir::emitError(loc); };
  auto type = ChanType::getChecked(function_ref<InFlightDiagnostic()>(emitError), context,
                                   adaptor.getKind(), ArrayRef<BufType>(buffers));
  if (!type)
    return failure();
  types.push_back(type);
  return success();
}

LogicalResult ChannelOp::verify() {
  if (!isa<GridOp>((*this)->getParentOp())) // C1
    return emitOpError("stands inside a role, loop or branch: channels are made once an instance");
  Space space = cast<BufType>(getBuffers().front().getType()).getSpace();
  for (Value buffer : getBuffers()) {
    auto alloc = buffer.getDefiningOp<AllocOp>();
    if (!alloc) // C2
      return emitOpError() << "takes allocated buffers, and '" << describe(buffer) << "' is none";
    bool taken = llvm::count(getBuffers(), buffer) > 1;
    for (Operation *user : buffer.getUsers())
      taken |= isa<ChannelOp>(user) && user != *this && user->getBlock() == (*this)->getBlock() &&
               user->isBeforeInBlock(*this);
    if (taken)
      return emitOpError() << "takes buffer '" << describe(buffer) << "' of another channel";
    if (cast<BufType>(buffer.getType()).getSpace() != space) // C4
      return emitOpError() << "'" << describe(getChannel()) << "' mixes buffers in "
                           << stringifySpace(space) << " and "
                           << stringifySpace(cast<BufType>(buffer.getType()).getSpace())
                           << " memory";
  }
  return success();
}

static SlotType getSlotType(SlotMode mode, Value channel) {
  return SlotType::get(channel.getContext(), mode, cast<ChanType>(channel.getType()));
}

LogicalResult AcquireOp::inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor adaptor,
                                          SmallVectorImpl<Type> &types) {
  types.push_back(getSlotType(SlotMode::acquired, adaptor.getChannel()));
  return success();
}

LogicalResult AcquireOp::verify() { return verifyInRole(*this); } // C1

LogicalResult PartOp::inferReturnTypes(MLIRContext *context, std::optional<Location> location,
                                       Adaptor adaptor, SmallVectorImpl<Type> &types) {
  ArrayRef<BufType> buffers = cast<SlotType>(adaptor.getSlot().getType()).getChan().getBuffers();
  uint64_t number = adaptor.getNumber();
  if (number >= buffers.size()) // C1
    return emitOptionalError(location, "part ", static_cast<int64_t>(number), " of a slot of ",
                             buffers.size(), " buffers");
  types.push_back(buffers[number].getStage());
  return success();
}

LogicalResult CommitOp::verify() {
  if (getSlot().getType().getMode() != SlotMode::acquired) // C1
    return emitOpError() << "of '" << describe(getSlot()) << "' which is not an acquired slot";
  return success();
}

LogicalResult WaitOp::inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor adaptor,
                                       SmallVectorImpl<Type> &types) {
  types.push_back(getSlotType(SlotMode::waited, adaptor.getChannel()));
  return success();
}

LogicalResult WaitOp::verify() {
  auto inflight = static_cast<int64_t>(getInflight());
  Completion kind = getChannel().getType().getKind();
  if (inflight != 0 && kind != Completion::fifo) // C2
    return emitOpError() << "'inflight' on channel '" << describe(getChannel()) << "' of kind "
                         << stringifyCompletion(kind) << ": only fifo channels count";
  if (inflight < 0)
    return emitOpError() << "'inflight' is not negative, got " << inflight;
  return verifyInRole(*this); // C1
}

LogicalResult ReleaseOp::verify() {
  if (getSlot().getType().getMode() != SlotMode::waited) // C1
    return emitOpError() << "of '" << describe(getSlot()) << "' which is not an open waited slot";
  return success();
}

LogicalResult DrainOp::verify() { return verifyInRole(*this); } // C1

//===----------------------------------------------------------------------===//
// Batons
//===----------------------------------------------------------------------===//

LogicalResult BatonOp::verify() {
  if (!isa<GridOp>((*this)->getParentOp())) // C1
    return emitOpError("stands inside a role, loop or branch: batons are made once an instance");
  if (static_cast<int64_t>(getMembers()) < 1) // C2
    return emitOpError() << "needs at least one member, got " << static_cast<int64_t>(getMembers());
  return success();
}

/// C1 of turns and passes.
static LogicalResult verifyMembers(Operation *op, Value baton) {
  auto role = op->getParentOfType<RoleOp>();
  if (!role)
    return verifyInRole(op);
  auto made = baton.getDefiningOp<BatonOp>();
  if (made && made.getMembers() != role.getCount())
    return op->emitOpError() << "baton '" << describe(baton) << "' is for "
                             << static_cast<int64_t>(made.getMembers()) << " members, and role @"
                             << role.getSymName() << " has "
                             << static_cast<int64_t>(role.getCount());
  return success();
}

LogicalResult TurnOp::verify() { return verifyMembers(*this, getBaton()); }

LogicalResult PassOp::verify() { return verifyMembers(*this, getBaton()); }
