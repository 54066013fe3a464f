//===- Programs.h - Two schedules with knobs ------------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_TEST_UNIT_ANALYSIS_SCHEDULE_PROGRAMS_H
#define TEGULA_TEST_UNIT_ANALYSIS_SCHEDULE_PROGRAMS_H

#include "Builder.h"

namespace tegula::sched::proof {

/// Everything there is: two engines, every kind, asynchronous products.
inline Machine makeMachine() {
  Machine machine;
  machine.name = "test";
  machine.lanes = 32;
  machine.maxRoles = 3;
  machine.asyncProducts = true;
  machine.kinds = {Completion::Tx, Completion::Arrive, Completion::Fifo, Completion::Sync};
  machine.engines = {{CopyEngine::Bulk, {Completion::Tx}},
                     {CopyEngine::Async, {Completion::Fifo, Completion::Arrive}}};
  return machine;
}

/// Knobs of a loop in one role that copies `lead` iterations ahead of its products.
struct RingOptions {
  unsigned depth = 3;
  int64_t lead = 2;
  int64_t guardShift = 2, position = 2;
  unsigned inflight = 1;
  bool acquireFirst = false; ///< the acquire stands above the wait
  bool commit = true, release = true, drained = true, doubleRelease = false;
  bool readLate = false, readEarly = false;
  Completion kind = Completion::Fifo;
};

/// wait; acquire, copy, commit; product; release.
inline Builder makeRing(const RingOptions &o = {}) {
  Builder b;
  ExprId n = b.trips("n");
  unsigned ring = b.channel("%ch", o.kind, o.depth);
  b.role("all", 1, [&] {
    b.loop(b.c(0), b.c(o.lead), [&](ExprId j) {
      b.acquire(ring, "w0");
      b.copy(CopyEngine::Async, "w0", j, "at", b.less(j, n));
      b.commit("w0");
    });
    b.loop(b.c(0), n, [&](ExprId i) {
      if (!o.acquireFirst)
        b.wait(ring, "r", o.inflight);
      b.acquire(ring, "w");
      b.copy(CopyEngine::Async, "w", b.add(i, o.position), "at", b.less(b.add(i, o.guardShift), n));
      if (o.readEarly)
        b.map({"w"}, {"x"});
      if (o.commit)
        b.commit("w");
      if (o.acquireFirst)
        b.wait(ring, "r", o.inflight);
      b.mma(false, {"r", "r"}, "s");
      b.compute(Compute::Kind::Output, {"s"}, {});
      if (o.release)
        b.release("r");
      if (o.doubleRelease)
        b.release("r");
      if (o.readLate)
        b.map({"r"}, {"y"});
    });
    if (o.drained)
      b.drain(ring);
  });
  return b;
}

/// Knobs of a role of copies and a role of asynchronous products, two members.
struct PairOptions {
  unsigned depthK = 2, depthV = 2;
  int64_t producerLess = 0;
  bool swapOrder = false; ///< the producer takes V before K
  bool vBeforeK = false;  ///< the consumer too
  bool turn = true, pass = true, passTwice = false;
  bool retire = true, finish = true, earlyRelease = false;
  unsigned lastInflight = 0;
  bool readFlight = false;
  Completion kind = Completion::Tx;
};

inline Builder makePair(const PairOptions &o = {}) {
  Builder b;
  ExprId n = b.trips("n");
  unsigned k = b.channel("%kc", o.kind, o.depthK), v = b.channel("%vc", o.kind, o.depthV);
  unsigned baton = b.baton("%pp", 2);
  CopyEngine engine = o.kind == Completion::Tx ? CopyEngine::Bulk : CopyEngine::Async;
  b.role(
      "load", 1,
      [&] {
        b.loop(b.c(0), b.add(n, -o.producerLess), [&](ExprId i) {
          auto fill = [&](unsigned channel, const std::string &slot, const std::string &label) {
            b.acquire(channel, slot);
            b.copy(engine, slot, i, label);
            b.commit(slot);
          };
          if (o.swapOrder)
            fill(v, "wv", "vt");
          fill(k, "wk", "kt");
          if (!o.swapOrder)
            fill(v, "wv", "vt");
        });
      },
      1);
  b.role("mma", 2, [&] {
    b.loop(b.c(0), n, [&](ExprId) {
      b.compute(Compute::Kind::Other, {}, {"p"});
      b.wait(k, "k");
      if (o.turn)
        b.turn(baton);
      b.mma(true, {"k", "k"}, "ts");
      b.wait(v, "v");
      b.mma(true, {"p", "v"}, "to");
      if (o.pass)
        b.pass(baton);
      if (o.passTwice)
        b.pass(baton);
      if (o.earlyRelease)
        b.release("v");
      b.mmaWait(1, {{"ts", "s"}});
      b.release("k");
      b.map({o.readFlight ? "to" : "s"}, {"m"});
      if (o.finish)
        b.finish();
      b.mmaWait(o.lastInflight, {{"to", "o"}}, o.retire ? Builder::Names{"p"} : Builder::Names{});
      if (!o.earlyRelease)
        b.release("v");
      b.compute(Compute::Kind::Output, {"o", "m"}, {});
    });
  });
  return b;
}

} // namespace tegula::sched::proof

#endif // TEGULA_TEST_UNIT_ANALYSIS_SCHEDULE_PROGRAMS_H
