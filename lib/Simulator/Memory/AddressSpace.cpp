//===- AddressSpace.cpp - What addresses mean ----------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Core/Run.h"

#include <cmath>
#include <cstdlib>
#include <cstring>

using namespace llvm;
using namespace tegula::sim;

Region *tegula::sim::findRegion(Warp &warp, uint64_t address, uint64_t &offset) {
  uint64_t index = address >> regionShift;
  if (index == 0) {
    if (address - sharedWindow >= windowSize)
      return nullptr;
    offset = address - sharedWindow;
    return &warp.block->shared;
  }
  auto &regions = warp.machine->regions;
  if (index > regions.size())
    return nullptr;
  offset = address - regionBase(static_cast<unsigned>(index - 1));
  return regions[index - 1].get();
}

uint64_t tegula::sim::randomBits(Warp &warp) {
  uint64_t high = warp.machine->random();
  return high << 32 ^ warp.machine->random();
}

uint64_t tegula::sim::launchValue(const Warp &warp, LaunchValue value, unsigned lane) {
  const Launch &launch = warp.machine->launch;
  unsigned width = warp.machine->program.width;
  uint64_t thread = uint64_t(warp.id) * width + lane;
  const auto &size = launch.block;
  switch (value) {
  case LaunchValue::ThreadX:
    return thread % size[0];
  case LaunchValue::ThreadY:
    return thread / size[0] % size[1];
  case LaunchValue::ThreadZ:
    return thread / size[0] / size[1];
  case LaunchValue::BlockX:
  case LaunchValue::BlockY:
  case LaunchValue::BlockZ:
    return warp.block
        ->index[static_cast<unsigned>(value) - static_cast<unsigned>(LaunchValue::BlockX)];
  case LaunchValue::BlockSizeX:
  case LaunchValue::BlockSizeY:
  case LaunchValue::BlockSizeZ:
    return size[static_cast<unsigned>(value) - static_cast<unsigned>(LaunchValue::BlockSizeX)];
  case LaunchValue::GridX:
  case LaunchValue::GridY:
  case LaunchValue::GridZ:
    return launch.grid[static_cast<unsigned>(value) - static_cast<unsigned>(LaunchValue::GridX)];
  case LaunchValue::Lane:
    return lane;
  case LaunchValue::Warp:
    return warp.id;
  case LaunchValue::WarpsPerBlock:
    return warp.block->warps.size();
  case LaunchValue::WarpWidth:
    return width;
  case LaunchValue::Clock:
    return warp.instructions;
  }
  return 0;
}

void tegula::sim::countExponentials(Warp &warp, uint64_t lanes) {
  warp.machine->counters.exponentials += static_cast<uint64_t>(__builtin_popcountll(lanes));
}

//===----------------------------------------------------------------------===//
// Regions of a run
//===----------------------------------------------------------------------===//

void Machine::makeRegions() {
  for (size_t i = 0; i < launch.buffers.size(); ++i) {
    const Buffer &buffer = launch.buffers[i];
    auto region = std::make_unique<Region>();
    region->data = buffer.bytes.data();
    region->size = buffer.bytes.size();
    region->readOnly = buffer.readOnly;
    region->buffer = static_cast<int>(i);
    if (!buffer.initialised) {
      region->shadow = allocateAligned(region->size);
      std::memset(region->shadow, 0, region->size);
    }
    regions.push_back(std::move(region));
  }
  auto copy = [&](const uint8_t *bytes, uint64_t size, bool readOnly) {
    auto region = std::make_unique<Region>();
    region->size = size;
    region->readOnly = readOnly;
    region->data = allocateAligned(size);
    if (size)
      std::memcpy(region->data, bytes, size);
    regions.push_back(std::move(region));
  };
  for (const DataVariable &variable : program.data)
    copy(variable.bytes.data(), variable.bytes.size(), variable.readOnly);
  // Parameters by value: the kernel gets a copy of the bytes of a buffer.
  for (size_t i = 0; i < program.parameters.size(); ++i) {
    uint64_t size = program.parameters[i].byValue;
    const Argument &argument = launch.arguments[i];
    copy(size ? launch.buffers[argument.buffer].bytes.data() + argument.bits : nullptr, size, true);
  }
}

/// The launch must give what the kernel takes.
bool Machine::checkLaunch() {
  auto fail = [&](const Twine &message) {
    report(ReportKind::Launch, nullptr, nullptr, 0, message);
    return false;
  };
  uint64_t threads = 1, blocks = 1;
  for (int axis = 0; axis < 3; ++axis) {
    threads *= launch.block[axis];
    blocks *= launch.grid[axis];
  }
  if (threads == 0 || threads > 1024)
    return fail("a block of " + Twine(threads) + " threads; expected 1 to 1024");
  if (program.maxThreads && threads > program.maxThreads)
    return fail("a block of " + Twine(threads) + " threads; '" + program.name +
                "' was compiled for at most " + Twine(program.maxThreads));
  if (blocks == 0 || blocks > (uint64_t(1) << 24))
    return fail("a grid of " + Twine(blocks) + " blocks; expected 1 to 16777216");
  if (launch.arguments.size() != program.parameters.size())
    return fail("'" + Twine(program.name) + "' takes " + Twine(program.parameters.size()) +
                " arguments, the launch gives " + Twine(launch.arguments.size()));
  for (size_t i = 0; i < launch.arguments.size(); ++i) {
    const Parameter &parameter = program.parameters[i];
    const Argument &argument = launch.arguments[i];
    bool wantsBuffer = parameter.isPointer || parameter.byValue;
    if (argument.buffer >= static_cast<int>(launch.buffers.size()))
      return fail("argument " + Twine(i) + " names buffer " + Twine(argument.buffer) +
                  ", the launch has " + Twine(launch.buffers.size()));
    if (argument.buffer >= 0 && !wantsBuffer)
      return fail("argument " + Twine(i) + " is a buffer, '" + program.name +
                  "' takes a scalar of " + Twine(parameter.bytes) + " bytes");
    if (argument.buffer < 0 && wantsBuffer && (parameter.byValue || argument.bits))
      return fail("argument " + Twine(i) + " is a scalar, '" + program.name + "' takes a pointer");
    if (parameter.byValue &&
        launch.buffers[argument.buffer].bytes.size() < argument.bits + parameter.byValue)
      return fail("argument " + Twine(i) + " is passed by value and takes " +
                  Twine(parameter.byValue) + " bytes, more than its buffer has");
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Atomic operations
//===----------------------------------------------------------------------===//

template <typename T> static T as(uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}
template <typename T> static uint64_t bitsOf(T value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  return bits;
}

/// The new value of a read-modify-write; `bytes` wide integers.
static uint64_t combine(AtomicOp op, uint64_t old, uint64_t operand, unsigned bytes) {
  unsigned shift = 64 - 8 * bytes;
  auto sign = [&](uint64_t v) { return static_cast<int64_t>(v << shift) >> shift; };
  switch (op) {
  case AtomicOp::Exchange:
    return operand;
  case AtomicOp::Add:
    return old + operand;
  case AtomicOp::Sub:
    return old - operand;
  case AtomicOp::And:
    return old & operand;
  case AtomicOp::Nand:
    return ~(old & operand);
  case AtomicOp::Or:
    return old | operand;
  case AtomicOp::Xor:
    return old ^ operand;
  case AtomicOp::SMax:
    return sign(old) > sign(operand) ? old : operand;
  case AtomicOp::SMin:
    return sign(old) < sign(operand) ? old : operand;
  case AtomicOp::UMax:
    return std::max(old, operand);
  case AtomicOp::UMin:
    return std::min(old, operand);
  case AtomicOp::Increment:
    return old >= operand ? 0 : old + 1;
  case AtomicOp::Decrement:
    return old == 0 || old > operand ? operand : old - 1;
  case AtomicOp::FAdd:
    return bytes == 8 ? bitsOf(as<double>(old) + as<double>(operand))
                      : bitsOf(as<float>(old) + as<float>(operand));
  case AtomicOp::FSub:
    return bytes == 8 ? bitsOf(as<double>(old) - as<double>(operand))
                      : bitsOf(as<float>(old) - as<float>(operand));
  case AtomicOp::FMax:
    return bytes == 8 ? bitsOf(std::fmax(as<double>(old), as<double>(operand)))
                      : bitsOf(std::fmax(as<float>(old), as<float>(operand)));
  case AtomicOp::FMin:
    return bytes == 8 ? bitsOf(std::fmin(as<double>(old), as<double>(operand)))
                      : bitsOf(std::fmin(as<float>(old), as<float>(operand)));
  case AtomicOp::CompareExchange:
    break;
  }
  return operand;
}

uint64_t tegula::sim::atomicLane(Warp &warp, const Inst *pc, Region &region, uint64_t offset,
                                 uint64_t operand, uint64_t desired, bool &success) {
  unsigned bytes = pc->count;
  uint64_t mask = bytes == 8 ? ~uint64_t(0) : (uint64_t(1) << (8 * bytes)) - 1;
  uint8_t *at = region.data + offset;
  if (region.shadow) {
    for (unsigned i = 0; i < bytes; ++i)
      if (region.shadow[offset + i] != 0xFF) {
        reportUndefined(warp, pc, warp.mask, "the memory of an atomic operation");
        break;
      }
    std::memset(region.shadow + offset, 0xFF, bytes);
  }
  uint64_t old = 0;
  std::memcpy(&old, at, bytes);
  auto op = static_cast<AtomicOp>(pc->extra->variant);
  uint64_t value;
  if (op == AtomicOp::CompareExchange) {
    success = old == (operand & mask);
    value = success ? desired : old;
  } else {
    value = combine(op, old, operand & mask, bytes);
  }
  std::memcpy(at, &value, bytes);
  return old;
}
