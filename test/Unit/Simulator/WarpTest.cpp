//===- WarpTest.cpp - Lanes, barriers and copies as the manual has them ---===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What lanes of a warp do together, against the manual's own words, written here a
// second time: the pseudocode of `shfl.sync`, votes, matches and reductions by
// definition, copies with their zeros, and control flow against plain C++.
//
//===----------------------------------------------------------------------===//

#include "SimulatorTestUtils.h"

using namespace tegula::sim;
using namespace tegula::sim::test;

/// A kernel of 32 lanes: `body` computes %r (i32) from %t, %a (and %b) and it is stored.
static std::string kernel(const std::string &body) {
  return "define ptx_kernel void @k(ptr addrspace(1) %pa, ptr addrspace(1) %pb, ptr addrspace(1) "
         "%pr) {\n"
         "%t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()\n"
         "%qa = getelementptr i32, ptr addrspace(1) %pa, i32 %t\n%a = load i32, ptr addrspace(1) "
         "%qa\n"
         "%qb = getelementptr i32, ptr addrspace(1) %pb, i32 %t\n%b = load i32, ptr addrspace(1) "
         "%qb\n" +
         body +
         "\n%qr = getelementptr i32, ptr addrspace(1) %pr, i32 %t\nstore i32 %r, ptr addrspace(1) "
         "%qr\n"
         "ret void\n}\n";
}

/// Runs it, and compares each lane with `expect(lane)`.
template <typename Expect>
static void checkLanes(const std::string &body, std::vector<uint32_t> a, std::vector<uint32_t> b,
                       Expect expect, const std::string &note) {
  SCOPED_TRACE(body + " " + note);
  std::vector<uint32_t> r(a.size());
  Bench bench(a.size());
  bench.buffer("a", a);
  bench.buffer("b", b);
  bench.buffer("r", r, /*initialised=*/false);
  bench.runClean(kernel(body));
  for (uint32_t lane = 0; lane < a.size(); ++lane)
    ASSERT_EQ(r[lane], expect(lane)) << "lane " << lane;
}

static std::vector<uint32_t> someWords(Numbers &numbers, int low, int high, unsigned count = 32) {
  std::vector<uint32_t> v(count);
  for (uint32_t &x : v)
    x = static_cast<uint32_t>(numbers.integer(low, high));
  return v;
}

TEST(SimulatorWarp, Shuffles) {
  Numbers numbers;
  // The manual's `shfl.sync`, with c = segmask << 8 | cval.
  struct Result {
    uint32_t lane;
    bool inRange;
  };
  auto source = [](const std::string &mode, uint32_t lane, uint32_t b, uint32_t c) -> Result {
    uint32_t bval = b & 0x1F, cval = c & 0x1F, mask = (c >> 8) & 0x1F;
    uint32_t maxLane = (lane & mask) | (cval & ~mask), minLane = lane & mask;
    int j = 0;
    bool p = false;
    if (mode == "up") {
      j = static_cast<int>(lane) - static_cast<int>(bval);
      p = j >= static_cast<int>(maxLane);
    } else if (mode == "down") {
      j = lane + bval;
      p = j <= static_cast<int>(maxLane);
    } else if (mode == "bfly") {
      j = lane ^ bval;
      p = j <= static_cast<int>(maxLane);
    } else {
      j = minLane | (bval & ~mask);
      p = j <= static_cast<int>(maxLane);
    }
    return {p ? static_cast<uint32_t>(j) : lane, p};
  };
  for (const char *mode : {"idx", "up", "down", "bfly"})
    for (uint32_t width : {32, 16, 8}) {
      uint32_t c = ((32 - width) << 8) | (std::string(mode) == "up" ? 0 : 0x1F);
      std::vector<uint32_t> a(32), b = someWords(numbers, 0, 31);
      for (uint32_t &x : a)
        x = static_cast<uint32_t>(numbers.bits());
      std::string arguments = "(i32 -1, i32 %a, i32 %b, i32 " + std::to_string(c) + ")";
      checkLanes(
          "%r = call i32 @llvm.nvvm.shfl.sync." + std::string(mode) + ".i32" + arguments, a, b,
          [&](uint32_t lane) { return a[source(mode, lane, b[lane], c).lane]; }, numbers.note());
      checkLanes(
          "%s = call { i32, i1 } @llvm.nvvm.shfl.sync." + std::string(mode) + ".i32p" + arguments +
              "\n%p = extractvalue { i32, i1 } %s, 1\n%r = zext i1 %p to i32",
          a, b, [&](uint32_t lane) { return source(mode, lane, b[lane], c).inRange; },
          numbers.note());
      checkLanes(
          "%r = call i32 asm \"shfl.sync." + std::string(mode) + ".b32 $0, $1, $2, " +
              std::to_string(c) + ", -1;\", \"=r,r,r\"(i32 %a, i32 %b)",
          a, b, [&](uint32_t lane) { return a[source(mode, lane, b[lane], c).lane]; },
          numbers.note());
    }
}

TEST(SimulatorWarp, VotesMatchesReductions) {
  Numbers numbers;
  for (int round = 0; round < 4; ++round) {
    std::vector<uint32_t> a = someWords(numbers, 0, round),
                          b = someWords(numbers, -1000000, 1000000);
    uint32_t ones = 0;
    for (int i = 0; i < 32; ++i)
      ones |= (a[i] != 0) << i;
    std::string p = "%p = icmp ne i32 %a, 0\n";
    auto vote = [&](const char *name, uint32_t want) {
      checkLanes(
          p + "%v = call i1 @llvm.nvvm.vote." + name +
              ".sync(i32 -1, i1 %p)\n%r = zext i1 %v to i32",
          a, b, [&](uint32_t) { return want; }, numbers.note());
    };
    vote("all", ones == ~0u);
    vote("any", ones != 0);
    vote("uni", ones == 0 || ones == ~0u);
    checkLanes(
        p + "%r = call i32 @llvm.nvvm.vote.ballot.sync(i32 -1, i1 %p)", a, b,
        [&](uint32_t) { return ones; }, numbers.note());
    checkLanes(
        "%r = call i32 @llvm.nvvm.match.any.sync.i32(i32 -1, i32 %a)", a, b,
        [&](uint32_t lane) {
          uint32_t same = 0;
          for (int i = 0; i < 32; ++i)
            same |= (a[i] == a[lane]) << i;
          return same;
        },
        numbers.note());
    bool allSame = std::all_of(a.begin(), a.end(), [&](uint32_t x) { return x == a[0]; });
    checkLanes(
        "%s = call { i32, i1 } @llvm.nvvm.match.all.sync.i32p(i32 -1, i32 %a)\n"
        "%r = extractvalue { i32, i1 } %s, 0",
        a, b, [&](uint32_t) { return allSame ? ~0u : 0; }, numbers.note());
    auto reduce = [&](const char *name, uint32_t (*f)(uint32_t, uint32_t)) {
      uint32_t want = b[0];
      for (int i = 1; i < 32; ++i)
        want = f(want, b[i]);
      checkLanes(
          "%r = call i32 @llvm.nvvm.redux.sync." + std::string(name) + "(i32 %b, i32 -1)", a, b,
          [&](uint32_t) { return want; }, numbers.note());
    };
    reduce("add", [](uint32_t x, uint32_t y) { return x + y; });
    reduce("and", [](uint32_t x, uint32_t y) { return x & y; });
    reduce("or", [](uint32_t x, uint32_t y) { return x | y; });
    reduce("xor", [](uint32_t x, uint32_t y) { return x ^ y; });
    reduce("umin", [](uint32_t x, uint32_t y) { return std::min(x, y); });
    reduce("umax", [](uint32_t x, uint32_t y) { return std::max(x, y); });
    reduce("min", [](uint32_t x, uint32_t y) {
      return static_cast<uint32_t>(std::min(static_cast<int32_t>(x), static_cast<int32_t>(y)));
    });
    reduce("max", [](uint32_t x, uint32_t y) {
      return static_cast<uint32_t>(std::max(static_cast<int32_t>(x), static_cast<int32_t>(y)));
    });
  }
  std::vector<uint32_t> zero(32);
  checkLanes(
      "%s = call { i32, i1 } @llvm.nvvm.elect.sync(i32 -1)\n%p = extractvalue { i32, i1 } %s, 1\n"
      "%r = zext i1 %p to i32",
      zero, zero, [](uint32_t lane) { return lane == 0; }, "");
  checkLanes("%r = call i32 @llvm.nvvm.activemask()", zero, zero, [](uint32_t) { return ~0u; }, "");
}

TEST(SimulatorWarp, SpecialRegisters) {
  std::vector<uint32_t> out(2 * 3 * 2 * 60 * 10);
  const char *names[] = {"tid.x",   "tid.y",  "tid.z",    "ctaid.x", "ctaid.y",
                         "ctaid.z", "ntid.y", "nctaid.z", "laneid",  "warpid"};
  std::string text = "define ptx_kernel void @k(ptr addrspace(1) %o) {\n";
  for (int i = 0; i < 10; ++i)
    text += "%v" + std::to_string(i) + " = call i32 @llvm.nvvm.read.ptx.sreg." + names[i] + "()\n";
  // The number of the thread in the grid: 5 x 4 x 3 threads, 2 x 3 x 2 blocks.
  text += "%y = mul i32 %v1, 5\n%z = mul i32 %v2, 20\n%yz = add i32 %y, %z\n%thread = add i32 %yz, "
          "%v0\n"
          "%by = mul i32 %v4, 2\n%bz = mul i32 %v5, 6\n%byz = add i32 %by, %bz\n%block = add i32 "
          "%byz, %v3\n"
          "%first = mul i32 %block, 60\n%n = add i32 %first, %thread\n";
  for (int i = 0; i < 10; ++i) {
    std::string n = std::to_string(i);
    text += "%p" + n + " = getelementptr [10 x i32], ptr addrspace(1) %o, i32 %n, i32 " + n +
            "\nstore i32 %v" + n + ", ptr addrspace(1) %p" + n + "\n";
  }
  text += "ret void\n}\n";
  Bench bench;
  bench.launch.block = {5, 4, 3};
  bench.launch.grid = {2, 3, 2};
  bench.buffer("o", out, false);
  bench.runClean(text);
  for (uint32_t block = 0; block < 12; ++block)
    for (uint32_t thread = 0; thread < 60; ++thread) {
      uint32_t want[] = {thread % 5,    thread / 5 % 4, thread / 20, block % 2,
                         block / 2 % 3, block / 6,      4,           2,
                         thread % 32,   thread / 32};
      for (int i = 0; i < 10; ++i)
        ASSERT_EQ(out[(block * 60 + thread) * 10 + i], want[i])
            << names[i] << " of thread " << thread;
    }
}

TEST(SimulatorWarp, BarrierReductions) {
  Numbers numbers;
  std::vector<uint32_t> a = someWords(numbers, 0, 1, 96), b(96);
  uint32_t sum = 0;
  for (uint32_t x : a)
    sum += x;
  auto reduce = [&](const std::string &call, uint32_t want) {
    checkLanes(
        "%p = icmp ne i32 %a, 0\n" + call, a, b, [&](uint32_t) { return want; }, numbers.note());
  };
  reduce("%r = call i32 @llvm.nvvm.barrier.cta.red.popc.aligned.all(i32 0, i1 %p)", sum);
  reduce("%v = call i1 @llvm.nvvm.barrier.cta.red.and.aligned.all(i32 0, i1 %p)\n%r = zext i1 %v "
         "to i32",
         sum == 96);
  reduce("%v = call i1 @llvm.nvvm.barrier.cta.red.or.aligned.count(i32 3, i32 96, i1 %p)\n%r = "
         "zext i1 %v to i32",
         sum != 0);
}

TEST(SimulatorWarp, NamedBarriers) {
  // Warps 0 and 1 arrive and do not wait; warps 2 and 3 wait for them.
  std::vector<uint32_t> out(128);
  std::string text = R"(
@s = internal addrspace(3) global [64 x i32] undef, align 4
define ptx_kernel void @k(ptr addrspace(1) %o) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %low = icmp ult i32 %t, 64
  br i1 %low, label %produce, label %consume
produce:
  %p = getelementptr i32, ptr addrspace(3) @s, i32 %t
  store i32 %t, ptr addrspace(3) %p
  call void @llvm.nvvm.barrier.cta.arrive.aligned.count(i32 1, i32 128)
  br label %end
consume:
  call void @llvm.nvvm.barrier.cta.sync.aligned.count(i32 1, i32 128)
  %i = sub i32 127, %t
  %q = getelementptr i32, ptr addrspace(3) @s, i32 %i
  %v = load i32, ptr addrspace(3) %q
  %r = getelementptr i32, ptr addrspace(1) %o, i32 %t
  store i32 %v, ptr addrspace(1) %r
  br label %end
end:
  ret void
}
)";
  Bench bench(128);
  bench.buffer("o", out);
  bench.runClean(text);
  for (uint32_t t = 64; t < 128; ++t)
    EXPECT_EQ(out[t], 127 - t);
}

TEST(SimulatorWarp, AsynchronousCopies) {
  // Every size, with fewer bytes than that: zeros follow. As early, as late and in
  // pieces.
  for (unsigned bytes : {4, 8, 16})
    for (bool assembly : {false, true})
      for (Landing landing : {Landing::Early, Landing::Late, Landing::Random}) {
        Numbers numbers;
        std::vector<uint32_t> in(128), size(32), out(128);
        for (uint32_t &x : in)
          x = static_cast<uint32_t>(numbers.bits());
        for (uint32_t &x : size)
          x = static_cast<uint32_t>(numbers.integer(0, bytes / 4)) * 4;
        std::string n = std::to_string(bytes), words = std::to_string(bytes / 4);
        std::string text = "@s = internal addrspace(3) global [512 x i8] undef, align 16\n"
                           "define ptx_kernel void @k(ptr addrspace(1) %in, ptr addrspace(1) "
                           "%size, ptr addrspace(1) %out) {\n"
                           "%t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()\n"
                           "%zp = getelementptr i32, ptr addrspace(1) %size, i32 %t\n%z = load "
                           "i32, ptr addrspace(1) %zp\n"
                           "%d = getelementptr [" +
                           n +
                           " x i8], ptr addrspace(3) @s, i32 %t\n"
                           "%f = getelementptr [" +
                           n + " x i8], ptr addrspace(1) %in, i32 %t\n";
        if (assembly)
          text += "%di = ptrtoint ptr addrspace(3) %d to i32\ncall void asm sideeffect "
                  "\"cp.async.ca.shared.global [$0], [$1], " +
                  n +
                  ", $2;\", \"r,l,r\"(i32 %di, ptr addrspace(1) %f, i32 %z)\n"
                  "call void asm sideeffect \"cp.async.commit_group;\", \"\"()\n"
                  "call void asm sideeffect \"cp.async.wait_group 0;\", \"\"()\n";
        else
          text += "call void @llvm.nvvm.cp.async.ca.shared.global." + n +
                  ".s(ptr addrspace(3) %d, ptr addrspace(1) %f, i32 %z)\n"
                  "call void @llvm.nvvm.cp.async.commit.group()\ncall void "
                  "@llvm.nvvm.cp.async.wait.group(i32 0)\n";
        for (unsigned w = 0; w < bytes / 4; ++w) {
          std::string i = std::to_string(w);
          text += "%a" + i + " = getelementptr i32, ptr addrspace(3) %d, i32 " + i + "\n%v" + i +
                  " = load i32, ptr addrspace(3) %a" + i + "\n%b" + i + " = getelementptr [" +
                  words + " x i32], ptr addrspace(1) %out, i32 %t, i32 " + i + "\nstore i32 %v" +
                  i + ", ptr addrspace(1) %b" + i + "\n";
        }
        text += "ret void\n}\n";
        Bench bench;
        bench.options.landing = landing;
        bench.buffer("in", in);
        bench.buffer("size", size);
        bench.buffer("out", out, false);
        bench.runClean(text);
        uint64_t asked = 0;
        for (unsigned t = 0; t < 32; ++t) {
          asked += size[t];
          for (unsigned w = 0; w < bytes / 4; ++w)
            ASSERT_EQ(out[t * bytes / 4 + w], 4 * w < size[t] ? in[t * bytes / 4 + w] : 0)
                << numbers.note();
        }
        EXPECT_EQ(bench.counters.asyncBytes, asked);
        EXPECT_EQ(bench.counters.buffers[0].bytesLoaded, asked);
      }
}

TEST(SimulatorWarp, BankConflicts) {
  // Lane i reads word i * stride: as many turns as lanes share a bank.
  for (unsigned stride : {0, 1, 2, 3, 4, 8, 16, 32}) {
    std::string text =
        "@s = internal addrspace(3) global [1024 x i32] undef, align 4\n"
        "define ptx_kernel void @k() {\n%t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()\n"
        "%i = mul i32 %t, " +
        std::to_string(stride) +
        "\n%p = getelementptr i32, ptr addrspace(3) @s, i32 %i\n"
        "%v = load i32, ptr addrspace(3) %p\nret void\n}\n";
    Bench bench;
    bench.runClean(text);
    unsigned want = stride == 0 ? 1 : std::max(1u, stride & -stride);
    EXPECT_EQ(bench.counters.sharedPhases, want) << "stride " << stride;
    EXPECT_EQ(bench.counters.sharedPhasesMin, 1u);
  }
}

TEST(SimulatorWarp, Atomics) {
  Numbers numbers;
  // Every lane of every block adds; the values seen on the way are all different.
  std::vector<uint32_t> sum(1), seen(128);
  std::string text = R"(
define ptx_kernel void @k(ptr addrspace(1) %sum, ptr addrspace(1) %seen) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %b = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %o = atomicrmw add ptr addrspace(1) %sum, i32 3 syncscope("device") monotonic
  %f = mul i32 %b, 64
  %i = add i32 %f, %t
  %p = getelementptr i32, ptr addrspace(1) %seen, i32 %i
  store i32 %o, ptr addrspace(1) %p
  ret void
}
)";
  Bench bench(64);
  bench.launch.grid = {2, 1, 1};
  bench.buffer("sum", sum);
  bench.buffer("seen", seen, false);
  bench.runClean(text);
  EXPECT_EQ(sum[0], 3u * 128);
  std::sort(seen.begin(), seen.end());
  for (uint32_t i = 0; i < 128; ++i)
    EXPECT_EQ(seen[i], 3 * i);
  EXPECT_EQ(bench.counters.buffers[0].bytesAtomic, 512u);

  // One lane's operation of each kind.
  auto one = [&](const std::string &op, uint32_t old, uint32_t operand, uint32_t want) {
    SCOPED_TRACE(op);
    std::vector<uint32_t> cell = {old}, previous(1);
    Bench single(1);
    single.buffer("cell", cell);
    single.buffer("previous", previous);
    single.scalar(operand);
    bool isFloat = op[0] == 'f';
    std::string type = isFloat ? "float" : "i32";
    single.runClean("define ptx_kernel void @k(ptr addrspace(1) %c, ptr addrspace(1) %p, " + type +
                    " %v) {\n%o = atomicrmw " + op + " ptr addrspace(1) %c, " + type +
                    " %v monotonic\nstore " + type + " %o, ptr addrspace(1) %p\nret void\n}\n");
    EXPECT_EQ(cell[0], want);
    EXPECT_EQ(previous[0], old);
  };
  auto bits = [](float f) {
    uint32_t b;
    std::memcpy(&b, &f, 4);
    return b;
  };
  one("xchg", 5, 9, 9);
  one("sub", 5, 9, static_cast<uint32_t>(-4));
  one("and", 6, 3, 2);
  one("or", 6, 3, 7);
  one("xor", 6, 3, 5);
  one("max", static_cast<uint32_t>(-1), 1, 1);
  one("min", static_cast<uint32_t>(-1), 1, static_cast<uint32_t>(-1));
  one("umax", static_cast<uint32_t>(-1), 1, static_cast<uint32_t>(-1));
  one("umin", static_cast<uint32_t>(-1), 1, 1);
  one("uinc_wrap", 5, 5, 0);
  one("udec_wrap", 0, 7, 7);
  one("fadd", bits(1.5f), bits(2.25f), bits(3.75f));
  one("fmax", bits(1.5f), bits(-2), bits(1.5f));
}

TEST(SimulatorWarp, Divergence) {
  // Loops that lanes leave at different times, with `break`, `continue` and a switch, as
  // C++ does them. Run with both orders of every branch, drawn from the seeds.
  auto reference = [](uint32_t a, uint32_t b) {
    uint32_t r = 0;
    for (uint32_t i = 0; i < a; ++i) {
      if ((i ^ b) % 3 == 1)
        continue;
      switch ((i + b) % 4) {
      case 0:
        r += 1;
        break;
      case 2:
        r += 100;
        break;
      default:
        r += 10000;
      }
      if (r > 60000)
        break;
    }
    return r;
  };
  std::string body = R"(
  %any = icmp ne i32 %a, 0
  br i1 %any, label %loop, label %done
loop:
  %i = phi i32 [ 0, %entry ], [ %next, %latch ]
  %s = phi i32 [ 0, %entry ], [ %s3, %latch ]
  %x = xor i32 %i, %b
  %m = urem i32 %x, 3
  %skip = icmp eq i32 %m, 1
  br i1 %skip, label %latch, label %work
work:
  %y = add i32 %i, %b
  %n = urem i32 %y, 4
  switch i32 %n, label %other [ i32 0, label %zero
                                i32 2, label %two ]
zero:
  %s0 = add i32 %s, 1
  br label %after
two:
  %s1 = add i32 %s, 100
  br label %after
other:
  %s2 = add i32 %s, 10000
  br label %after
after:
  %sa = phi i32 [ %s0, %zero ], [ %s1, %two ], [ %s2, %other ]
  %stop = icmp ugt i32 %sa, 60000
  br i1 %stop, label %done, label %latch
latch:
  %s3 = phi i32 [ %s, %loop ], [ %sa, %after ]
  %next = add i32 %i, 1
  %more = icmp ult i32 %next, %a
  br i1 %more, label %loop, label %done
done:
  %r = phi i32 [ 0, %entry ], [ %sa, %after ], [ %s3, %latch ]
  ; Whole again: all lanes take part.
  %all = call i32 @llvm.nvvm.shfl.sync.idx.i32(i32 -1, i32 %r, i32 %t, i32 31)
)";
  Numbers numbers;
  std::vector<uint32_t> a = someWords(numbers, 0, 40, 64), b = someWords(numbers, 0, 40, 64);
  std::string text = kernel(body);
  size_t brace = text.find("{\n");
  text.insert(brace + 2, "entry:\n");
  std::vector<uint32_t> r(64);
  Bench bench(64);
  bench.buffer("a", a);
  bench.buffer("b", b);
  bench.buffer("r", r, false);
  bench.runClean(text);
  for (int i = 0; i < 64; ++i)
    EXPECT_EQ(r[i], reference(a[i], b[i])) << numbers.note();
}

TEST(SimulatorWarp, LanesWaitForLanes) {
  // Lane 0 sets a flag that the others spin on: a machine that let a diverged warp run only
  // one side would hang here.
  std::string text = R"(
@flag = internal addrspace(3) global i32 undef, align 4
define ptx_kernel void @k(ptr addrspace(1) %o) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %z = icmp eq i32 %t, 0
  br i1 %z, label %init, label %ready
init:
  store i32 0, ptr addrspace(3) @flag
  br label %ready
ready:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  br i1 %z, label %set, label %spin
set:
  %old = atomicrmw xchg ptr addrspace(3) @flag, i32 7 monotonic
  br label %end
spin:
  %v = atomicrmw add ptr addrspace(3) @flag, i32 0 monotonic
  %go = icmp eq i32 %v, 7
  br i1 %go, label %end, label %spin
end:
  %r = phi i32 [ %old, %set ], [ %v, %spin ]
  %p = getelementptr i32, ptr addrspace(1) %o, i32 %t
  store i32 %r, ptr addrspace(1) %p
  ret void
}
)";
  std::vector<uint32_t> out(32);
  Bench bench;
  bench.options.maxInstructions = 100000;
  bench.buffer("o", out, false);
  bench.runClean(text);
  for (int i = 1; i < 32; ++i)
    EXPECT_EQ(out[i], 7u);
}

TEST(SimulatorWarp, GuardedAssembly) {
  // Under a guard: a load that would be out of bounds, and a value that stays.
  std::vector<uint32_t> in(16), out(32);
  for (uint32_t i = 0; i < 16; ++i)
    in[i] = 100 + i;
  std::string text = R"(
define ptx_kernel void @k(ptr addrspace(1) %in, ptr addrspace(1) %out) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %p = getelementptr i32, ptr addrspace(1) %in, i32 %t
  %r = call i32 asm sideeffect "{ .reg .pred p; setp.lt.u32 p, $2, 16; mov.u32 $0, 0x7; @p ld.global.b32 {$0}, [$1 + 0]; @!p add.u32 $0, $0, 1; }", "=r,l,r"(ptr addrspace(1) %p, i32 %t)
  %q = getelementptr i32, ptr addrspace(1) %out, i32 %t
  call void asm sideeffect "st.global.b32 [$0], {$1};", "l,r"(ptr addrspace(1) %q, i32 %r)
  ret void
}
)";
  Bench bench;
  bench.buffer("in", in);
  bench.buffer("out", out, false);
  bench.runClean(text);
  for (uint32_t i = 0; i < 32; ++i)
    EXPECT_EQ(out[i], i < 16 ? 100 + i : 8);
}

TEST(SimulatorWarp, SameSeedSameRun) {
  std::vector<uint32_t> seen(128), sum(1);
  std::string text = R"(
define ptx_kernel void @k(ptr addrspace(1) %sum, ptr addrspace(1) %seen) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %o = atomicrmw add ptr addrspace(1) %sum, i32 1 monotonic
  %p = getelementptr i32, ptr addrspace(1) %seen, i32 %t
  store i32 %o, ptr addrspace(1) %p
  ret void
}
)";
  Bench bench(128);
  bench.buffer("sum", sum);
  bench.buffer("seen", seen);
  auto once = [&](unsigned seeds) {
    sum[0] = 0;
    (void)bench.run(text, "k", seeds);
    return seen;
  };
  EXPECT_EQ(once(1), once(1));
  EXPECT_NE(once(1), once(2));
}
