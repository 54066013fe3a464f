//===- SlipsTest.cpp - What a proof accepts runs right --------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Slips.h"
#include "Programs.h"
#include "gtest/gtest.h"

using namespace tegula;
using namespace tegula::sched::proof;

namespace {

Outcome runOnce(const Builder &b, Landing landing, unsigned seed,
                const std::set<Site> &barriers = {}) {
  return execute(b.program, makeMachine(), {5}, barriers, landing, seed);
}

/// Whether some interleaving of `b` stores something else than `right` does in order.
bool canGoWrong(const Builder &b, const Builder &right, const std::set<Site> &barriers = {}) {
  Outcome expected = runOnce(right, Landing::Early, 1);
  for (unsigned seed = 0; seed < 40; ++seed)
    for (Landing landing : {Landing::Late, Landing::Random, Landing::Early})
      if (!(runOnce(b, landing, seed, barriers) == expected))
        return true;
  return false;
}

TEST(Executor, RightProgramsStoreTheSameAlways) {
  EXPECT_FALSE(canGoWrong(makeRing(), makeRing()));
  EXPECT_FALSE(canGoWrong(makePair(), makePair()));
  Outcome outcome = runOnce(makePair(), Landing::Random, 3);
  EXPECT_EQ(outcome.fault, "");
  EXPECT_EQ(outcome.outputs.size(), 5u); // a warp, and two threads of each group
  EXPECT_EQ(outcome.outputs.back().size(), 5u);
}

// The executor must be able to see what the proof refuses.
TEST(Executor, SeesWhatIsRefused) {
  RingOptions depth, inflight, lead;
  depth.depth = 2;
  EXPECT_TRUE(canGoWrong(makeRing(depth), makeRing()));
  inflight.inflight = 2;
  EXPECT_TRUE(canGoWrong(makeRing(inflight), makeRing()));
  lead.position = 3;
  EXPECT_TRUE(canGoWrong(makeRing(lead), makeRing()));
  lead.position = 2, lead.guardShift = 3;
  EXPECT_TRUE(canGoWrong(makeRing(lead), makeRing()));
  PairOptions retire, early, flight, trips, never;
  retire.retire = false;
  EXPECT_TRUE(canGoWrong(makePair(retire), makePair()));
  early.earlyRelease = true;
  EXPECT_TRUE(canGoWrong(makePair(early), makePair()));
  flight.readFlight = true;
  EXPECT_TRUE(canGoWrong(makePair(flight), makePair()));
  trips.producerLess = 1;
  EXPECT_TRUE(canGoWrong(makePair(trips), makePair()));
  never.pass = false;
  EXPECT_TRUE(canGoWrong(makePair(never), makePair()));
}

TEST(Executor, BarriersOfAcquiresAreNeeded) {
  RingOptions o;
  o.acquireFirst = true;
  o.inflight = 2;
  Builder b = makeRing(o);
  Proof proof = prove(b.program, makeMachine());
  ASSERT_EQ(proof.acquireBarriers.size(), 1u);
  // Another order of the same ops, so that the outputs are those of the usual one.
  EXPECT_TRUE(canGoWrong(b, makeRing()));
  EXPECT_FALSE(canGoWrong(b, makeRing(), proof.acquireBarriers));
}

TEST(Slips, WhatIsAcceptedRunsRight) {
  unsigned refusedRun = 0, refusedWrong = 0, accepted = 0;
  for (const Builder &b : {makeRing(), makePair()}) {
    Tally tally = trySlips(b.program, makeMachine(), 150, 11);
    EXPECT_TRUE(tally.holes.empty()) << ::testing::PrintToString(tally.holes);
    accepted += tally.accepted;
    refusedRun += tally.refusedRun;
    refusedWrong += tally.refusedWrong;
  }
  EXPECT_GT(accepted, 30u);
  // Most refusals are of programs that do go wrong: the proof is not merely strict.
  EXPECT_GT(refusedWrong * 10, refusedRun * 6)
      << refusedWrong << " of " << refusedRun << ", accepted " << accepted;
}

} // namespace
