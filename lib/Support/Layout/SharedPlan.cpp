//===- SharedPlan.cpp - Conversions through shared memory -----------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Support/Layout/Conversion.h"

#include "llvm/Support/MathExtras.h"
#include <set>

using namespace tegula::layout;
using llvm::ArrayRef;
using llvm::SmallVector;

/// The instruction that serves `bytes` a lane: the narrowest one that is as wide, or the
/// widest; narrower accesses go in its phases.
static SharedInstruction pickInstruction(ArrayRef<SharedInstruction> instructions, unsigned bytes) {
  assert(!instructions.empty() && "a target has loads and stores");
  const SharedInstruction *best = &instructions.front();
  for (const SharedInstruction &candidate : instructions) {
    bool fits = candidate.bytes >= bytes, bestFits = best->bytes >= bytes;
    if (fits != bestFits ? fits
                         : (fits ? candidate.bytes < best->bytes : candidate.bytes > best->bytes))
      best = &candidate;
  }
  SharedInstruction result = *best;
  result.bytes = bytes;
  return result;
}

static unsigned getWidest(ArrayRef<SharedInstruction> instructions) {
  unsigned widest = 1;
  for (const SharedInstruction &instruction : instructions)
    widest = std::max(widest, instruction.bytes);
  return widest;
}

/// Vectors no wider than that loads of them read only what `from` has stored: the last
/// one inside the tile may reach beyond it.
static SmallVector<VectorAccess> planLoads(const Layout &from, const Layout &to, unsigned axis,
                                           unsigned elementBytes, unsigned mostBytes) {
  for (;; mostBytes /= 2) {
    SmallVector<VectorAccess> loads = planVectors(to, axis, elementBytes, mostBytes);
    int64_t width = loads[0].registers.size();
    if (width == 1 || int64_t(llvm::alignTo(to.getTile()[axis], width)) <= from.getCovered()[axis])
      return loads;
    mostBytes = width * elementBytes;
  }
}

/// For each warp, whether no warp before it holds the same part.
static SmallVector<bool> findStoringWarps(const Layout &from, int64_t warps) {
  SmallVector<bool> stores;
  std::set<std::pair<int64_t, int64_t>> seen;
  for (int64_t warp = 0; warp < warps; ++warp) {
    Element first = from.getElement(warp, 0, 0);
    stores.push_back(seen.insert({first.row, first.col}).second);
  }
  return stores;
}

/// Whether a warp loads what another one stored.
static bool crossesWarps(const SharedPlan &plan, const Layout &from, const Layout &to,
                         int64_t warps) {
  Extents tile = to.getTile();
  std::vector<int64_t> storedBy(tile[0] * tile[1], -1);
  for (int64_t warp = 0; warp < warps; ++warp) {
    if (!plan.storesOfWarp[warp])
      continue;
    for (unsigned lane = 0; lane < from.getLanes(); ++lane)
      for (unsigned reg = 0, e = from.getRegisters(); reg < e; ++reg)
        if (Element x = from.getElement(warp, lane, reg); from.isInside(x))
          storedBy[x.row * tile[1] + x.col] = warp;
  }
  for (int64_t warp = 0; warp < warps; ++warp)
    for (unsigned lane = 0; lane < to.getLanes(); ++lane)
      for (unsigned reg = 0, e = to.getRegisters(); reg < e; ++reg)
        if (Element x = to.getElement(warp, lane, reg);
            to.isInside(x) && storedBy[x.row * tile[1] + x.col] != warp)
          return true;
  return false;
}

/// The accesses of stores, all of `from` and each part once.
static std::vector<TileAccess> getStores(const SharedPlan &plan, const Layout &from,
                                         const SharedInstruction &instruction) {
  std::vector<TileAccess> accesses;
  for (auto [warp, stores] : llvm::enumerate(plan.storesOfWarp)) {
    if (!stores)
      continue;
    for (const VectorAccess &vector : plan.stores) {
      TileAccess access{instruction, {}};
      access.lanes.resize(from.getLanes());
      for (unsigned lane = 0; lane < from.getLanes(); ++lane)
        if (!(lane & plan.storeLaneMask))
          access.lanes[lane] = plan.getStored(from.getElement(warp, lane, vector.registers[0]));
      accesses.push_back(std::move(access));
    }
  }
  return accesses;
}

SharedPlan tegula::layout::planShared(const Layout &from, const Layout &to, int64_t warps,
                                      unsigned elementBytes, const SharedTarget &target) {
  assert(!checkConversion(from, to) && "layouts of different tiles");
  std::optional<SharedPlan> best;
  for (unsigned axis : {1u, 0u}) {
    SharedPlan plan;
    plan.axis = axis;
    plan.storeLaneMask = from.getAtom().map.getFreeBits(laneDim);
    plan.storesOfWarp = findStoringWarps(from, warps);
    plan.stores = planVectors(from, axis, elementBytes, getWidest(target.stores));
    plan.loads = planLoads(from, to, axis, elementBytes, getWidest(target.loads));
    unsigned storeBytes = plan.stores[0].registers.size() * elementBytes;
    unsigned loadBytes = plan.loads[0].registers.size() * elementBytes;

    std::vector<TileAccess> accesses =
        getStores(plan, from, pickInstruction(target.stores, storeBytes));
    std::vector<TileAccess> loads =
        getAccesses(to, plan.loads, axis, pickInstruction(target.loads, loadBytes), warps);
    accesses.insert(accesses.end(), loads.begin(), loads.end());

    // Units as narrow as the accesses allow leave the key most room.
    Extents extent = from.getCovered();
    for (unsigned i : {0, 1})
      extent[i] = std::max(extent[i], to.getCovered()[i]);
    extent[axis] = llvm::alignTo(extent[axis], std::max(storeBytes, loadBytes) / elementBytes);
    Storage plain =
        Storage::getRowMajor(axis == 1 ? extent : Extents{extent[1], extent[0]}, elementBytes);
    for (unsigned unit = std::max({storeBytes, loadBytes, target.banks.bankBytes}); unit <= 16;
         unit *= 2) {
      plain.unitBytes = unit;
      SolvedStorage solved = solveSwizzle(target.banks, plain, accesses, /*mayPad=*/true);
      if (best && solved.cost.cycles >= best->cost.cycles)
        continue;
      plan.storage = solved.storage;
      plan.cost = solved.cost;
      best = plan;
    }
  }
  best->crossesWarps = crossesWarps(*best, from, to, warps);
  return *best;
}

ConversionPlan tegula::layout::planConversion(const Layout &from, const Layout &to, int64_t warps,
                                              unsigned elementBits, const SharedTarget &target) {
  ConversionPlan plan;
  if (std::optional<SmallVector<unsigned>> rename = findRename(from, to, warps)) {
    plan.rename = std::move(*rename);
  } else if (std::optional<ShufflePlan> shuffle = planShuffle(from, to, warps, elementBits)) {
    plan.kind = ConversionClass::Shuffle;
    plan.shuffle = std::move(*shuffle);
  } else {
    plan.kind = ConversionClass::Shared;
    plan.shared = planShared(from, to, warps, llvm::divideCeil(elementBits, 8), target);
  }
  return plan;
}
