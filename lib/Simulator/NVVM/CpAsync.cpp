//===- CpAsync.cpp - Copies that land when the seed says so --------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A copy is issued, and some time between then and the wait that covers it its bytes
// arrive: at once, as late as possible, or piece by piece in any order. The source is
// read on arrival. Until then the destination is undefined, so whoever reads it early
// in an unlucky run is found out.
//
//===----------------------------------------------------------------------===//

#include "../Core/Run.h"

#include <cstring>

using namespace tegula::sim;

static void land(Warp &warp, AsyncCopy &copy) {
  Region &shared = warp.block->shared;
  if (copy.valid)
    std::memcpy(shared.data + copy.to, copy.from, copy.valid);
  std::memset(shared.data + copy.to + copy.valid, 0, copy.bytes - copy.valid);
  // What the source leaves undefined is undefined here too.
  if (copy.shadow && copy.valid)
    std::memcpy(shared.shadow + copy.to, copy.shadow, copy.valid);
  else
    std::memset(shared.shadow + copy.to, 0xFF, copy.valid);
  std::memset(shared.shadow + copy.to + copy.valid, 0xFF, copy.bytes - copy.valid);
  copy.landed = true;
}

void tegula::sim::issueCopy(Warp &warp, const Inst *pc, uint64_t to, const Region *from,
                            uint64_t offset, uint32_t bytes, uint32_t valid) {
  Machine &machine = *warp.machine;
  machine.counters.asyncBytes += valid;
  AsyncCopy copy;
  copy.to = to;
  copy.from = from ? from->data + offset : nullptr;
  copy.shadow = from && from->shadow ? from->shadow + offset : nullptr;
  copy.bytes = bytes;
  copy.valid = valid;
  copy.group = warp.copyGroup;
  copy.source = pc->source;
  copy.landed = false;
  if (machine.landing == Landing::Early)
    land(warp, copy);
  else
    std::memset(warp.block->shared.shadow + to, 0, bytes);
  warp.copies.push_back(copy);
}

void tegula::sim::commitCopies(Warp &warp) { ++warp.copyGroup; }

void tegula::sim::landSomeCopies(Warp &warp) {
  Machine &machine = *warp.machine;
  size_t count = warp.copies.size();
  for (uint64_t i = machine.random() % 8; i > 0; --i) {
    AsyncCopy &copy = warp.copies[machine.random() % count];
    if (!copy.landed)
      land(warp, copy);
  }
}

void tegula::sim::waitForCopies(Warp &warp, uint64_t pending) {
  // `wait_all` covers what no group holds yet.
  uint64_t groups = warp.copyGroup;
  if (pending == ~uint64_t(0)) {
    pending = 0;
    groups = ++warp.copyGroup;
  }
  if (groups < pending)
    return;
  uint64_t end = groups - pending;
  while (!warp.copies.empty() && warp.copies.front().group < end) {
    if (!warp.copies.front().landed)
      land(warp, warp.copies.front());
    warp.copies.pop_front();
  }
  warp.machine->joinCopies(warp, end);
}
