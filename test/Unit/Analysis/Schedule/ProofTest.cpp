//===- ProofTest.cpp - Rules of schedules on programs by hand -------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Programs.h"
#include "gtest/gtest.h"

using namespace tegula;
using llvm::StringRef;
using namespace tegula::sched::proof;

namespace {

/// The only finding, as text; all of them where there are more.
std::string findingsOf(const Builder &b, const Machine &machine = makeMachine()) {
  std::string text;
  Proof proof = prove(b.program, machine);
  for (const Finding &finding : proof.findings.get())
    text += (text.empty() ? "" : "\n") + std::string(finding.isError ? "" : "remark: ") +
            finding.message;
  return text;
}

TEST(Proof, RingInOneRole) {
  Proof proof = prove(makeRing().program, makeMachine());
  EXPECT_TRUE(proof.findings.get().empty());
  EXPECT_TRUE(proof.acquireBarriers.empty());
  EXPECT_EQ(proof.bound, 3 + 2 + 1);
}

TEST(Proof, Rule1Span) {
  RingOptions late, early, off;
  late.readLate = true;
  EXPECT_EQ(findingsOf(makeRing(late)),
            "access to '%r' outside its span: the slot of '%ch' was released");
  early.readEarly = true;
  EXPECT_EQ(findingsOf(makeRing(early)), "'%w' is acquired, not waited for: cannot read it");
  off.guardShift = 3;
  EXPECT_EQ(findingsOf(makeRing(off)),
            "'%r' is read although the copy into slot 2 of '%ch' is predicated off\n"
            "copy 'at' is on for 2 positions of a stream of 3");
}

TEST(Proof, Rule1Notes) {
  RingOptions late;
  late.readLate = true;
  Proof proof = prove(makeRing(late).program, makeMachine());
  ASSERT_EQ(proof.findings.get().size(), 1u);
  const Finding &finding = proof.findings.get().front();
  ASSERT_EQ(finding.notes.size(), 1u);
  EXPECT_EQ(finding.notes.front().message, "released here");
  EXPECT_EQ(finding.notes.front().site + 1, finding.site);
}

TEST(Proof, Rule2Linear) {
  RingOptions uncommitted, unreleased, twice;
  uncommitted.commit = false;
  EXPECT_EQ(findingsOf(makeRing(uncommitted)).substr(0, 76),
            "slot '%w' of '%ch' is acquired and never committed in this iteration");
  unreleased.release = false;
  EXPECT_EQ(findingsOf(makeRing(unreleased)),
            "slot '%r' of '%ch' is waited for and never released in this iteration");
  twice.doubleRelease = true;
  EXPECT_EQ(findingsOf(makeRing(twice)), "release of '%r' which is not an open waited slot");
}

TEST(Proof, Rule2SharedBufferOfNoChannel) {
  Builder b = makeRing();
  b.program.buffers.push_back({"%xb", "shared", 1, 256, 16, std::nullopt, 0});
  EXPECT_EQ(findingsOf(b), "shared buffer '%xb' belongs to no channel: nothing orders its users");
}

TEST(Proof, Rule3Drain) {
  RingOptions undrained, wide;
  undrained.drained = false;
  EXPECT_EQ(findingsOf(makeRing(undrained)),
            "role @all ends with 2 acquires and 0 waits on '%ch': drain it");
  wide.guardShift = 1;
  EXPECT_EQ(findingsOf(makeRing(wide)),
            "drain of '%ch' drops slot 2, whose copy was not predicated off: trip counts "
            "disagree");
}

TEST(Proof, Rule4Ring) {
  RingOptions tight;
  tight.depth = 2;
  EXPECT_EQ(findingsOf(makeRing(tight)),
            "ring '%ch' of depth 2 is too short: slot 2 is acquired while slot 0 is still held; "
            "depth 3 would do");
}

TEST(Proof, Rule5Counters) {
  RingOptions many, few, kind;
  many.inflight = 2;
  EXPECT_EQ(findingsOf(makeRing(many)), "wait on '%ch' allows 2 commits in flight, but only 1 "
                                        "are younger than the awaited one");
  few.inflight = 0;
  EXPECT_EQ(findingsOf(makeRing(few)),
            "remark: wait on '%ch' could leave 1 commits in flight, leaves 0");
  kind.kind = Completion::Arrive;
  EXPECT_NE(findingsOf(makeRing(kind))
                .find("'inflight' on channel '%ch' of kind arrive: only fifo channels count"),
            std::string::npos);
}

TEST(Proof, Rule5WaitBeforeCommit) {
  RingOptions o;
  o.lead = o.guardShift = o.position = 0;
  o.inflight = 0;
  EXPECT_EQ(findingsOf(makeRing(o)),
            "wait for slot 0 of '%ch' before its commit, in the same role");
}

TEST(Proof, Rule6BarrierOfItsOwn) {
  // Acquire above the wait: the release of an iteration is followed by no barrier before the
  // acquire of the next one, unless the ring is one deeper.
  RingOptions o;
  o.acquireFirst = true;
  o.inflight = 2;
  Builder b = makeRing(o);
  Proof proof = prove(b.program, makeMachine());
  EXPECT_EQ(findingsOf(b), "remark: acquire of '%ch' costs a barrier of its own");
  EXPECT_EQ(proof.acquireBarriers.size(), 1u);
  o.depth = 4;
  EXPECT_EQ(findingsOf(makeRing(o)), "");
  // One thread needs none.
  Machine thread = makeMachine();
  thread.lanes = 1;
  o.depth = 3;
  EXPECT_EQ(findingsOf(makeRing(o), thread), "");
}

TEST(Proof, Rule7Copies) {
  Machine none = makeMachine(), other = makeMachine(), kinds = makeMachine();
  none.engines.erase(CopyEngine::Async);
  EXPECT_EQ(findingsOf(makeRing(), none), "target test has no 'async' copy");
  other.engines[CopyEngine::Async] = {Completion::Arrive};
  EXPECT_EQ(findingsOf(makeRing(), other),
            "a 'async' copy completes as arrive, but channel '%ch' is 'fifo'");
  kinds.kinds.erase(Completion::Fifo);
  EXPECT_EQ(findingsOf(makeRing(), kinds), "target test has no 'fifo' completion");
}

TEST(Proof, Rule7StoreIntoCounterRing) {
  Builder b;
  ExprId n = b.trips("n");
  unsigned ring = b.channel("%ch", Completion::Fifo, 1);
  b.role("all", 1, [&] {
    b.loop(b.c(0), n, [&](ExprId i) {
      b.fetch("f", i, "at");
      b.acquire(ring, "w");
      b.put("f", "w");
      b.commit("w");
      b.wait(ring, "r");
      b.map({"r"}, {"x"});
      b.release("r");
    });
  });
  EXPECT_NE(findingsOf(b).find("a store completes as sync or arrive, but channel '%ch' is 'fifo'"),
            std::string::npos);
}

//===----------------------------------------------------------------------===//
// Two roles
//===----------------------------------------------------------------------===//

TEST(Proof, PairOfRoles) { EXPECT_EQ(findingsOf(makePair()), ""); }

TEST(Proof, Rule3Balance) {
  PairOptions o;
  o.producerLess = 1;
  EXPECT_EQ(StringRef(findingsOf(makePair(o))).split('\n').first,
            "channel '%kc' is out of balance for n = 1: @load.0 acquire 0, @load.0 commit 0, "
            "@mma.0 wait 1, @mma.0 release 1, @mma.1 wait 1, @mma.1 release 1");
}

TEST(Proof, Rule4Deadlock) {
  PairOptions o;
  o.swapOrder = true;
  o.depthV = 1;
  EXPECT_EQ(findingsOf(makePair(o)), ""); // order alone does not block
  // The consumer holds its only K until V comes, the producer fills K first.
  Builder b;
  ExprId n = b.trips("n");
  unsigned k = b.channel("%kc", Completion::Tx, 1), v = b.channel("%vc", Completion::Tx, 1);
  b.role("load", 1, [&] {
    b.loop(b.c(0), n, [&](ExprId i) {
      for (int twice = 0; twice < 2; ++twice) {
        b.acquire(k, "wk");
        b.copy(CopyEngine::Bulk, "wk", i);
        b.commit("wk");
      }
      b.acquire(v, "wv");
      b.copy(CopyEngine::Bulk, "wv", i);
      b.commit("wv");
    });
  });
  b.role("mma", 1, [&] {
    b.loop(b.c(0), n, [&](ExprId) {
      b.wait(k, "k");
      b.wait(v, "v");
      b.release("v");
      b.release("k");
      b.wait(k, "k2");
      b.release("k2");
    });
  });
  EXPECT_EQ(findingsOf(b), "deadlock for n = 1: @load.0 stops at acquire 1 of '%kc'; @mma.0 "
                           "stops at wait 0 of '%vc'");
}

TEST(Proof, Rule5FifoAcrossRoles) {
  PairOptions o;
  o.kind = Completion::Fifo;
  EXPECT_NE(
      findingsOf(makePair(o))
          .find("fifo channel '%kc' crosses roles: a counter is seen only by the threads that "
                "issued the copies"),
      std::string::npos);
  o.kind = Completion::Sync;
  EXPECT_NE(findingsOf(makePair(o))
                .find("sync channel '%kc' crosses roles: the barrier of a role "
                      "is seen by that role only"),
            std::string::npos);
}

TEST(Proof, Rule8Products) {
  PairOptions retire, early, flight, late;
  retire.retire = false;
  EXPECT_EQ(findingsOf(makePair(retire)),
            "mma_wait closes the product '%to' but does not retire its operand '%p': its "
            "registers may be reused in flight");
  early.earlyRelease = true;
  EXPECT_EQ(findingsOf(makePair(early)), "release of a slot of '%vc' while the product '%to' "
                                         "that reads it may be in flight");
  flight.readFlight = true;
  EXPECT_EQ(findingsOf(makePair(flight)), "'%to' is in flight: read the result of its mma_wait");
  late.lastInflight = 1;
  EXPECT_EQ(findingsOf(makePair(late)),
            "mma_wait with 1 in flight does not cover '%to', one of the newest 1\n"
            "release of a slot of '%vc' while the product '%to' that reads it may be in flight\n"
            "operand '%p' of the product '%to' is in flight over the back edge: retire it, or "
            "unroll by the number of live sets\n"
            "role @mma ends while the product '%to' may be in flight");
  Machine synchronous = makeMachine();
  synchronous.asyncProducts = false;
  EXPECT_NE(findingsOf(makePair(), synchronous).find("target test has no asynchronous product"),
            std::string::npos);
}

TEST(Proof, Rule8Chains) {
  auto make = [](const std::string &accumulator, const std::string &named, bool waitFirst) {
    Builder b;
    b.role("mma", 1, [&] {
      b.compute(Compute::Kind::Other, {}, {"z"});
      b.mma(true, {}, "t0", "z");
      if (waitFirst)
        b.mmaWait(0);
      b.mma(true, {}, "t1", "t0");
      b.mma(true, {}, "t2", accumulator);
      b.mmaWait(0, {{named, "x"}});
    });
    return findingsOf(b);
  };
  EXPECT_EQ(make("t1", "t2", false), "");
  EXPECT_EQ(make("t0", "t2", false), "accumulator '%t0' was already taken by the product '%t1'");
  EXPECT_EQ(make("t1", "t0", false), "the product '%t0' went on as '%t1': name that one");
  EXPECT_EQ(make("t1", "z", false), "'%z' is not a product in flight");
  EXPECT_EQ(make("t1", "t2", true),
            "accumulator '%t0' was already retired: use the result of its mma_wait");
}

TEST(Proof, Rule8FlightOverBackEdge) {
  Builder b;
  ExprId n = b.trips("n");
  b.role("mma", 1, [&] {
    b.mma(true, {}, "t0");
    b.loop(b.c(0), n, {{"t0", "ti"}}, {"tl"}, [&](ExprId) -> Builder::Names {
      b.mma(true, {}, "t1");
      b.mmaWait(1);
      return {"t1"};
    });
    b.mmaWait(0, {{"tl", "x"}});
  });
  EXPECT_EQ(findingsOf(b), "product '%t1' in flight is carried over the back edge, but not as an "
                           "accumulator chain");
}

TEST(Proof, Rule8SynchronousProductOnFlight) {
  Builder b;
  b.role("mma", 1, [&] {
    b.mma(true, {}, "t0");
    b.mma(false, {}, "s", "t0");
    b.mmaWait(0, {{"t0", "x"}});
  });
  EXPECT_EQ(findingsOf(b), "accumulator '%t0' is in flight");
}

TEST(Proof, Rule9Batons) {
  PairOptions twice, never;
  twice.passTwice = true;
  std::string message = "baton '%pp': every member must take turn and pass alternately, equally "
                        "often, for n = 1";
  EXPECT_EQ(findingsOf(makePair(twice)), message);
  never.pass = false;
  EXPECT_EQ(findingsOf(makePair(never)).substr(0, message.size()), message);
  Builder size = makePair();
  size.program.batons.front().members = 3;
  EXPECT_EQ(findingsOf(size), "baton '%pp' is for 3 members, role @mma has 2");
}

TEST(Proof, Rule10Control) {
  Builder b;
  unsigned ring = b.channel("%ch", Completion::Sync, 1);
  ExprId data = b.unknown();
  b.role("all", 1, [&] {
    b.guard(data, [&] {
      b.acquire(ring, "w");
      b.commit("w");
      b.wait(ring, "r");
      b.release("r");
    });
  });
  EXPECT_EQ(findingsOf(b), "channel ops under a condition that is not a function of 'trips'");
  Builder l;
  unsigned other = l.channel("%ch", Completion::Sync, 1);
  l.role("all", 1, [&] {
    l.loop(l.c(0), l.unknown(), [&](ExprId) {
      l.acquire(other, "w");
      l.commit("w");
      l.wait(other, "r");
      l.release("r");
    });
  });
  EXPECT_EQ(findingsOf(l), "channel ops in a loop whose count is not a function of 'trips'");
  RingOptions far;
  far.guardShift = 1000;
  EXPECT_EQ(findingsOf(makeRing(far)), "a bound or guard of channel ops shifts positions by 1000; "
                                       "schedules are proved up to a shift of 64");
}

TEST(Proof, Rule14Overlap) {
  PairOptions o;
  o.finish = false;
  EXPECT_EQ(findingsOf(makePair(o)), "remark: elementwise work since the product was issued is "
                                     "not pinned before this wait: add 'finish'");
}

TEST(Proof, Rule15Position) {
  RingOptions o;
  o.position = 3;
  EXPECT_EQ(findingsOf(makeRing(o)), "copy 'at' leaves its progression: its occurrences must take "
                                     "consecutive stream positions");
}

TEST(Proof, Rule15BendsLater) {
  // Position min(i, 40): right for as long as anybody would run it.
  Builder b;
  ExprId n = b.trips("n");
  unsigned ring = b.channel("%ch", Completion::Fifo, 1);
  b.role("all", 1, [&] {
    b.loop(b.c(0), n, [&](ExprId i) {
      b.acquire(ring, "w");
      b.copy(CopyEngine::Async, "w", b.make(Expressions::Kind::Minimum, i, b.c(40)), "at");
      b.commit("w");
      b.wait(ring, "r");
      b.map({"r"}, {"x"});
      b.release("r");
    });
  });
  EXPECT_EQ(findingsOf(b), "copy 'at' leaves its progression: its occurrences must take "
                           "consecutive stream positions");
}

TEST(Proof, Rule15RowsOfAnotherSlot) {
  Builder b;
  ExprId n = b.trips("n");
  unsigned j = b.channel("%jc", Completion::Sync, 2), g = b.channel("%gc", Completion::Fifo, 2);
  b.role("all", 1, [&] {
    b.fetch("f", b.c(0), "");
    b.acquire(j, "w0");
    b.put("f", "w0");
    b.commit("w0");
    b.wait(j, "j0");
    b.loop(b.c(0), n, {{"j0", "jr"}}, {"jl"}, [&](ExprId i) -> Builder::Names {
      b.fetch("f1", b.add(i, 1), "");
      b.acquire(j, "w");
      b.put("f1", "w");
      b.commit("w");
      b.wait(j, "j1");
      b.acquire(g, "wg");
      b.copy(CopyEngine::Async, "wg", b.c(0), "", std::nullopt, allParts, "j1");
      b.commit("wg");
      b.wait(g, "x");
      b.map({"x"}, {"y"});
      b.release("x");
      b.release("jr");
      return {"j1"};
    });
    b.release("jl");
  });
  EXPECT_EQ(findingsOf(b), "rows of slot 0 of '%gc' are addressed by slot 1 of '%jc'");
}

TEST(Proof, PersistentTilesWithAPrologueEach) {
  // Two trip counts; a copy in front of the inner loop belongs to its stream.
  Builder b;
  ExprId u = b.trips("u"), n = b.trips("n");
  unsigned ring = b.channel("%ch", Completion::Fifo, 2);
  b.role("all", 1, [&] {
    b.loop(b.c(0), u, [&](ExprId) {
      b.acquire(ring, "w0");
      b.copy(CopyEngine::Async, "w0", b.c(0), "at", b.less(b.c(0), n));
      b.commit("w0");
      b.loop(b.c(0), n, [&](ExprId i) {
        b.wait(ring, "r", 0);
        b.acquire(ring, "w");
        b.copy(CopyEngine::Async, "w", b.add(i, 1), "at", b.less(b.add(i, 1), n));
        b.commit("w");
        b.map({"r"}, {"x"});
        b.release("r");
      });
      b.drain(ring);
    });
  });
  EXPECT_EQ(findingsOf(b), "");
}

TEST(Proof, MembersMeetAtBarriersOfTheirRole) {
  // Member 1 waits for its turn while member 0 waits for it at the barrier of the ring.
  Builder b;
  ExprId n = b.trips("n");
  unsigned ring = b.channel("%ch", Completion::Fifo, 1);
  unsigned baton = b.baton("%pp", 2);
  b.role("mma", 2, [&] {
    b.loop(b.c(0), n, [&](ExprId i) {
      b.acquire(ring, "w");
      b.copy(CopyEngine::Async, "w", i);
      b.commit("w");
      b.turn(baton);
      b.wait(ring, "r");
      b.map({"r"}, {"x"});
      b.release("r");
      b.pass(baton);
    });
  });
  EXPECT_EQ(findingsOf(b), "deadlock for n = 1: @mma.0 stops at wait 0 of '%ch'; @mma.1 stops at "
                           "turn of '%pp'");
}

TEST(Proof, VerdictsDoNotDependOnTheBound) {
  for (unsigned stretch : {1, 3}) {
    EXPECT_TRUE(prove(makeRing().program, makeMachine(), stretch).findings.get().empty());
    EXPECT_TRUE(prove(makePair().program, makeMachine(), stretch).findings.get().empty());
  }
}

//===----------------------------------------------------------------------===//
// Budgets
//===----------------------------------------------------------------------===//

TEST(Proof, Rule12Memory) {
  Builder b;
  ExprId n = b.trips("n");
  std::vector<unsigned> rings;
  for (const char *name : {"%a", "%b"}) {
    rings.push_back(b.channel(name, Completion::Fifo, 2));
    b.program.buffers.push_back({std::string(name) + "b", "shared", 2, 1024, 128, rings.back(), 0});
  }
  auto use = [&](unsigned ring) {
    b.loop(b.c(0), n, [&](ExprId i) {
      b.acquire(ring, "w");
      b.copy(CopyEngine::Async, "w", i);
      b.commit("w");
      b.wait(ring, "r");
      b.map({"r"}, {"x"});
      b.release("r");
    });
  };
  b.role("all", 1, [&] {
    use(rings[0]);
    b.drain(rings[0]);
    use(rings[1]);
    b.drain(rings[1]);
  });
  // One after the other: they share bytes.
  EXPECT_EQ(planMemory(b.program).bytes["shared"], 2048);
  EXPECT_EQ(planMemory(b.program).offsets, (std::vector<int64_t>{0, 0}));
  b.program.roles.front().body.erase(b.program.roles.front().body.begin() + 1);
  EXPECT_EQ(planMemory(b.program).bytes["shared"], 4096);
  Machine machine = makeMachine();
  machine.spaces["shared"] = 4000;
  Findings findings;
  checkMemory(b.program, machine, findings);
  ASSERT_EQ(findings.get().size(), 1u);
  EXPECT_EQ(findings.get().front().message,
            "shared memory: 4096 bytes of 4000: %ab 2x1024, %bb 2x1024");
}

TEST(Proof, Rule12BarrierObjects) {
  Builder b = makePair();
  EXPECT_EQ(planMemory(b.program).bytes["shared"], 2 * 16 + 2 * 16);
}

TEST(Proof, Rule13Peak) {
  Builder b;
  b.registers = {{"o", 32}, {"s", 64}, {"p", 32}, {"o1", 32}, {"o2", 32}, {"q", 16}};
  ExprId n = b.trips("n");
  b.role("mma", 1, [&] {
    b.compute(Compute::Kind::Other, {}, {"q"}); // used in the loop: lives through it
    b.compute(Compute::Kind::Other, {}, {"o"});
    b.loop(b.c(0), n, {{"o", "o1"}}, {"ol"}, [&](ExprId) -> Builder::Names {
      b.mma(false, {"q"}, "s");
      b.map({"s"}, {"p"});
      b.mma(false, {"p"}, "o2", "o1");
      return {"o2"};
    });
    b.compute(Compute::Kind::Output, {"ol"}, {});
  });
  RegisterPeak peak = findRegisterPeak(b.program.roles.front());
  EXPECT_EQ(peak.registers, 16 + 32 + 64); // q, o1, s
  Machine machine = *Machine::lookup("sm_80");
  b.program.roles.front().registers = 128;
  Findings findings;
  checkRegisters(b.program, machine, findings);
  ASSERT_EQ(findings.get().size(), 1u);
  EXPECT_EQ(findings.get().front().message,
            "role @mma needs about 150 registers, its budget is 128; live at the peak: %s 64, "
            "%o1 32, %q 16");
}

TEST(Proof, Rule13Roles) {
  auto check = [](unsigned load, unsigned mma) {
    Builder b;
    b.role("load", 1, [] {});
    b.program.roles.back().warps = 1;
    b.program.roles.back().registers = load;
    b.role("mma", 2, [] {});
    b.program.roles.back().registers = mma;
    Findings findings;
    checkRegisters(b.program, *Machine::lookup("sm_90a"), findings);
    std::string text;
    for (const Finding &finding : findings.get())
      text += finding.message;
    return text;
  };
  EXPECT_EQ(check(24, 240), "");
  EXPECT_EQ(check(48, 240), "registers of all roles: 67584 of 64512 (168 at entry x 384 threads)");
  EXPECT_EQ(check(40, 228), "registers of role @mma (228) must be a multiple of 8 in 24..256");
}

} // namespace
