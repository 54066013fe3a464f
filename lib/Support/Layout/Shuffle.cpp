//===- Shuffle.cpp - Exchange of registers within a warp ------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Conversion.h derives the rounds. Here: the tile that both layouts repeat, the linear
// map between their registers and lanes in it, the choice of K and P, and the program.
//
//===----------------------------------------------------------------------===//

#include "tegula/Support/Layout/Conversion.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <map>
#include <vector>

using namespace tegula::layout;
using llvm::ArrayRef;
using llvm::SmallVector;
using llvm::StringRef;

using Kind = ShuffleStep::Kind;

bool ShuffleStep::operator<(const ShuffleStep &other) const {
  return std::tie(kind, operands, index, mask, source) <
         std::tie(other.kind, other.operands, other.index, other.mask, other.source);
}

unsigned ShufflePlan::count(Kind kind) const {
  return llvm::count_if(steps, [&](const ShuffleStep &step) { return step.kind == kind; });
}

//===----------------------------------------------------------------------===//
// The tile that both layouts repeat
//===----------------------------------------------------------------------===//

namespace {

/// One layout inside the common tile, for one warp.
struct TileView {
  /// (register, lane) -> (row, col) inside the tile; "register" numbers the atom's
  /// registers, then the atoms that fill the tile, columns first.
  LinearMap map;
  /// For each tile of the warp's part, by its row and column in tiles: the layout's
  /// register for each number above. A tile may be filled in part.
  std::map<std::pair<int64_t, int64_t>, SmallVector<unsigned>> registers;
};

} // namespace

/// Bits of rows and columns that registers and lanes of one warp span in an atom, or
/// nothing if they are not the low ones.
static std::optional<std::array<unsigned, 2>> getInnerBits(const Atom &atom) {
  std::array<unsigned, 2> bits;
  LinearMap inner = atom.map.sublayout({registerDim, laneDim}, {rowDim, colDim});
  for (auto [axis, dim] : llvm::enumerate(ArrayRef<StringRef>{rowDim, colDim})) {
    uint64_t used = 0;
    for (uint64_t column : inner.getColumns())
      used |= inner.getOutComponent(column, dim);
    if (used & (used + 1))
      return std::nullopt;
    bits[axis] = llvm::popcount(used);
  }
  return bits;
}

static TileView getTileView(const Layout &layout, std::array<unsigned, 2> innerBits,
                            std::array<unsigned, 2> tileBits) {
  // Atoms side by side fill the tile: registers above the atom's own.
  const Atom &atom = layout.getAtom();
  LinearMap inner =
      atom.map.sublayout({registerDim, laneDim}, {rowDim, colDim}).product(LinearMap::zero({}, {}));
  SmallVector<uint64_t> columns;
  auto place = [&](uint64_t row, uint64_t col) { return row | col << tileBits[0]; };
  auto addColumns = [&](StringRef dim) {
    for (unsigned bit = 0, e = inner.getInBits(dim); bit < e; ++bit)
      columns.push_back(place(inner.getBasis(dim, bit, rowDim), inner.getBasis(dim, bit, colDim)));
  };
  unsigned colSteps = tileBits[1] - innerBits[1], rowSteps = tileBits[0] - innerBits[0];
  addColumns(registerDim);
  for (unsigned bit = 0; bit < colSteps; ++bit)
    columns.push_back(place(0, 1ull << (innerBits[1] + bit)));
  for (unsigned bit = 0; bit < rowSteps; ++bit)
    columns.push_back(place(1ull << (innerBits[0] + bit), 0));
  unsigned registerBits = columns.size();
  addColumns(laneDim);

  TileView view;
  view.map = LinearMap(
      {{registerDim.str(), registerBits}, {laneDim.str(), unsigned(columns.size()) - registerBits}},
      {{rowDim.str(), tileBits[0]}, {colDim.str(), tileBits[1]}}, columns);

  unsigned atomBits = inner.getInBits(registerDim);
  Extents shape = atom.getShape();
  for (int64_t i = 0; i < layout.getRepetition()[0]; ++i)
    for (int64_t j = 0; j < layout.getRepetition()[1]; ++j) {
      int64_t row = i * shape[0], col = j * shape[1];
      auto &table = view.registers[{row >> tileBits[0], col >> tileBits[1]}];
      table.resize(1u << registerBits, noRegister);
      int64_t subRow = (row & ((1ll << tileBits[0]) - 1)) >> innerBits[0];
      int64_t subCol = (col & ((1ll << tileBits[1]) - 1)) >> innerBits[1];
      for (unsigned reg = 0; reg < atom.getRegisters(); ++reg)
        table[reg | subCol << atomBits | subRow << (atomBits + colSteps)] =
            layout.getRegister(i, j, reg);
    }
  return view;
}

//===----------------------------------------------------------------------===//
// The rounds
//===----------------------------------------------------------------------===//

namespace {

/// What register d and lane l of the result need: s = A d + B l, m = C d + D l.
/// Columns by bit of d, then of l.
struct Exchange {
  SmallVector<uint64_t> a, b, c, d;
  /// Lanes of `from` that hold the same: D may be changed by these.
  SmallVector<uint64_t> freeLanes;
};

/// K, the invertible P, and G; columns by bit of the lane.
struct Rounds {
  SmallVector<uint64_t> k, p, g;
};

} // namespace

static uint64_t multiply(ArrayRef<uint64_t> columns, uint64_t x) {
  uint64_t y = 0;
  for (; x; x &= x - 1)
    y ^= columns[llvm::countr_zero(x)];
  return y;
}

/// The square matrix with these columns, inverted.
static std::optional<SmallVector<uint64_t>> invert(ArrayRef<uint64_t> columns) {
  unsigned bits = columns.size();
  std::optional<LinearMap> inverse = LinearMap({{"x", bits}}, {{"y", bits}}, columns).invert();
  if (!inverse)
    return std::nullopt;
  return SmallVector<uint64_t>(inverse->getColumns());
}

/// Chooses, lane bit by lane bit, the image p_b = D e_b + C k_b + z_b with z_b a free
/// lane, so that all are independent. Those D e_b that are independent modulo what may
/// be added stay independent whatever is added; the rest complete them. Unchanged lanes,
/// p_b = e_b, are taken where they can be had.
static std::optional<Rounds> chooseRounds(const Exchange &x) {
  unsigned laneBits = x.d.size();
  // What may be added, free lanes first since they cost nothing.
  SmallVector<uint64_t> added(x.freeLanes);
  added.append(x.c.begin(), x.c.end());
  SmallVector<uint64_t> addedSpan = reduceSpan(added);
  LinearMap addition({{"w", unsigned(added.size())}}, {{"y", laneBits}}, added);

  Rounds rounds;
  rounds.k.assign(laneBits, 0);
  rounds.p.assign(laneBits, 0);
  SmallVector<uint64_t> modulo(addedSpan), chosen;
  SmallVector<unsigned> later;
  auto take = [&](unsigned b, uint64_t image) {
    rounds.p[b] = image;
    chosen.push_back(image);
  };
  for (unsigned b = 0; b < laneBits; ++b) {
    uint64_t unit = 1ull << b;
    if (isInSpan(modulo, x.d[b])) {
      later.push_back(b);
      continue;
    }
    modulo.push_back(x.d[b]);
    take(b, isInSpan(addedSpan, unit ^ x.d[b]) ? unit : x.d[b]);
  }
  for (unsigned b : later) {
    uint64_t unit = 1ull << b;
    SmallVector<uint64_t> candidates;
    if (isInSpan(addedSpan, unit ^ x.d[b]))
      candidates.push_back(unit);
    candidates.push_back(x.d[b]);
    for (uint64_t w : addedSpan)
      candidates.push_back(x.d[b] ^ w);
    auto *image = llvm::find_if(candidates, [&](uint64_t p) { return !isInSpan(chosen, p); });
    if (image == candidates.end())
      return std::nullopt;
    take(b, *image);
  }
  for (unsigned b = 0; b < laneBits; ++b) {
    std::optional<LinearMap> combination =
        addition.solve(LinearMap({{"one", 1}}, {{"y", laneBits}}, {rounds.p[b] ^ x.d[b]}));
    rounds.k[b] = combination->getColumns()[0] >> x.freeLanes.size();
  }
  std::optional<SmallVector<uint64_t>> inverse = invert(rounds.p);
  if (!inverse)
    return std::nullopt;
  for (uint64_t column : *inverse)
    rounds.g.push_back(multiply(x.a, multiply(rounds.k, column)) ^ multiply(x.b, column));
  return rounds;
}

//===----------------------------------------------------------------------===//
// The program
//===----------------------------------------------------------------------===//

namespace {

/// Appends steps, folding those that do nothing and sharing equal ones.
class Program {
public:
  explicit Program(unsigned registers) { plan.registers = registers; }

  unsigned pack(ArrayRef<unsigned> elements) {
    if (elements.size() == 1 || llvm::all_of(elements, isNothing))
      return elements[0];
    return emit({Kind::Pack, SmallVector<unsigned, 4>(elements), 0, 0, {}});
  }

  unsigned unpack(unsigned value, unsigned index) {
    if (plan.pack == 1 || isNothing(value))
      return value;
    if (const ShuffleStep *step = findStep(value); step && step->kind == Kind::Pack)
      return step->operands[index];
    return emit({Kind::Unpack, {value}, index, 0, {}});
  }

  /// `even` in lanes with even parity of (lane & mask).
  unsigned select(unsigned mask, unsigned even, unsigned odd) {
    if (even == odd || isNothing(odd))
      return even;
    if (isNothing(even))
      return odd;
    return emit({Kind::Select, {even, odd}, 0, mask, {}});
  }

  unsigned shuffle(unsigned value, const LaneFunction &source) {
    if (isNothing(value) || source.isIdentity())
      return value;
    return emit({Kind::Shuffle, {value}, 0, 0, source});
  }

  ShufflePlan plan;

  /// Drops steps that no result needs.
  void finish();

private:
  static bool isNothing(unsigned value) { return value == noRegister; }

  const ShuffleStep *findStep(unsigned value) const {
    return value < plan.registers ? nullptr : &plan.steps[value - plan.registers];
  }

  unsigned emit(ShuffleStep step) {
    auto [known, isNew] = numbers.try_emplace(step, plan.registers + plan.steps.size());
    if (isNew)
      plan.steps.push_back(std::move(step));
    return known->second;
  }

  std::map<ShuffleStep, unsigned> numbers;
};

} // namespace

void Program::finish() {
  unsigned registers = plan.registers;
  SmallVector<bool> isUsed(registers + plan.steps.size(), false);
  auto use = [&](unsigned value) {
    if (!isNothing(value))
      isUsed[value] = true;
  };
  llvm::for_each(plan.results, use);
  for (size_t i = plan.steps.size(); i-- > 0;)
    if (isUsed[registers + i])
      llvm::for_each(plan.steps[i].operands, use);

  SmallVector<unsigned> renumbered(isUsed.size());
  SmallVector<ShuffleStep> kept;
  auto rename = [&](unsigned &value) { value = isNothing(value) ? value : renumbered[value]; };
  for (unsigned i = 0; i < registers; ++i)
    renumbered[i] = i;
  for (auto [i, step] : llvm::enumerate(plan.steps)) {
    if (!isUsed[registers + i])
      continue;
    renumbered[registers + i] = registers + kept.size();
    llvm::for_each(step.operands, rename);
    kept.push_back(std::move(step));
  }
  plan.steps = std::move(kept);
  llvm::for_each(plan.results, rename);
}

/// values[i ^ f(lane)] for all i, f linear with those images of lane bits: a stage of
/// selects for each dimension of f's image.
static void permute(Program &program, llvm::SmallVectorImpl<unsigned> &values,
                    ArrayRef<uint64_t> f) {
  // f(lane) = sum over a basis u of its image of (parity(lane & mask_u)) u. Reduced
  // rows have a leading bit each, which says whether u is part of a value.
  for (uint64_t u : reduceSpan(f)) {
    unsigned mask = 0;
    for (auto [bit, image] : llvm::enumerate(f))
      if (image & llvm::bit_floor(u))
        mask |= 1u << bit;
    SmallVector<unsigned> before(values.begin(), values.end());
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = program.select(mask, before[i], before[i ^ u]);
  }
}

namespace {

/// Bits of a register number that are kept, and those that count inside a pack.
struct Packing {
  SmallVector<unsigned> kept, inside;

  /// The register that is element `element` of pack `number`.
  unsigned join(unsigned number, unsigned element) const {
    unsigned reg = 0;
    for (auto [i, bit] : llvm::enumerate(kept))
      reg |= (number >> i & 1) << bit;
    for (auto [i, bit] : llvm::enumerate(inside))
      reg |= (element >> i & 1) << bit;
    return reg;
  }
  /// The kept bits of a sum of registers.
  uint64_t squeeze(uint64_t reg) const {
    uint64_t number = 0;
    for (auto [i, bit] : llvm::enumerate(kept))
      number |= (reg >> bit & 1) << i;
    return number;
  }
};

} // namespace

/// Pairs of bits, one of d and one of s, that carry each other and nothing else: both
/// registers of such a pair go the same way.
static std::pair<Packing, Packing> choosePacking(const LinearMap &need, unsigned fromBits,
                                                 unsigned toBits, unsigned most) {
  Packing from, to;
  ArrayRef<uint64_t> columns = need.getColumns();
  for (unsigned p = 0; p < toBits; ++p) {
    uint64_t image = columns[p];
    bool isPure = llvm::has_single_bit(image) && unsigned(llvm::countr_zero(image)) < fromBits &&
                  llvm::count_if(columns, [&](uint64_t c) { return c & image; }) == 1;
    if (isPure && to.inside.size() < most) {
      to.inside.push_back(p);
      from.inside.push_back(llvm::countr_zero(image));
    } else {
      to.kept.push_back(p);
    }
  }
  for (unsigned q = 0; q < fromBits; ++q)
    if (!llvm::is_contained(from.inside, q))
      from.kept.push_back(q);
  return {from, to};
}

/// Executes a plan on elements instead of values: true if every lane of every warp gets
/// what `to` says. The algebra above makes no promise about parts that warps lack.
static bool isRight(const ShufflePlan &plan, const Layout &from, const Layout &to, int64_t warps) {
  // An element is a number; -1 is none. A value has `pack` of them in every lane.
  unsigned lanes = from.getLanes(), pack = plan.pack;
  int64_t width = std::max(from.getCovered()[1], to.getCovered()[1]);
  auto number = [&](Element e) { return int32_t(e.row * width + e.col); };
  std::vector<int32_t> values((plan.registers + plan.steps.size()) * lanes * pack);
  auto at = [&](unsigned value, unsigned lane) { return &values[(value * lanes + lane) * pack]; };
  for (int64_t warp = 0; warp < warps; ++warp) {
    for (unsigned reg = 0; reg < plan.registers; ++reg)
      for (unsigned lane = 0; lane < lanes; ++lane)
        *at(reg, lane) = number(from.getElement(warp, lane, reg));
    for (auto [i, step] : llvm::enumerate(plan.steps))
      for (unsigned lane = 0; lane < lanes; ++lane) {
        int32_t *value = at(plan.registers + i, lane);
        switch (step.kind) {
        case Kind::Pack:
          for (unsigned part : step.operands)
            *value++ = part == noRegister ? -1 : *at(part, lane);
          break;
        case Kind::Unpack:
          *value = at(step.operands[0], lane)[step.index];
          break;
        case Kind::Select:
          std::copy_n(at(step.operands[llvm::popcount(lane & step.mask) & 1], lane), pack, value);
          break;
        case Kind::Shuffle:
          std::copy_n(at(step.operands[0], step.source(lane)), pack, value);
          break;
        }
      }
    for (auto [reg, value] : llvm::enumerate(plan.results))
      for (unsigned lane = 0; lane < lanes; ++lane) {
        Element wanted = to.getElement(warp, lane, reg);
        if (to.isInside(wanted) && (value == noRegister || *at(value, lane) != number(wanted)))
          return false;
      }
  }
  return true;
}

std::optional<ShufflePlan> tegula::layout::planShuffle(const Layout &from, const Layout &to,
                                                       int64_t warps, unsigned elementBits) {
  assert(!checkConversion(from, to) && "layouts of different tiles");
  std::optional<std::array<unsigned, 2>> fromInner = getInnerBits(from.getAtom()),
                                         toInner = getInnerBits(to.getAtom());
  if (!fromInner || !toInner)
    return std::nullopt;
  std::array<unsigned, 2> tileBits = {std::max((*fromInner)[0], (*toInner)[0]),
                                      std::max((*fromInner)[1], (*toInner)[1])};
  TileView source = getTileView(from, *fromInner, tileBits);
  TileView target = getTileView(to, *toInner, tileBits);
  std::optional<LinearMap> need = source.map.solve(target.map);
  if (!need)
    return std::nullopt;

  unsigned fromBits = source.map.getInBits(registerDim), toBits = target.map.getInBits(registerDim);
  unsigned laneBits = source.map.getInBits(laneDim);
  unsigned most = elementBits >= 32 ? 0 : llvm::Log2_32(32 / elementBits);
  std::pair<Packing, Packing> packing = choosePacking(*need, fromBits, toBits, most);
  const Packing &fromPacking = packing.first, &toPacking = packing.second;

  Exchange x;
  auto addColumn = [&](uint64_t column, SmallVector<uint64_t> &regs, SmallVector<uint64_t> &lanes) {
    regs.push_back(fromPacking.squeeze(need->getOutComponent(column, registerDim)));
    lanes.push_back(need->getOutComponent(column, laneDim));
  };
  for (unsigned bit : toPacking.kept)
    addColumn(need->getColumns()[bit], x.a, x.c);
  for (unsigned bit = 0; bit < laneBits; ++bit)
    addColumn(need->getColumns()[toBits + bit], x.b, x.d);
  for (uint64_t vector : source.map.getKernel())
    if (!source.map.getInComponent(vector, registerDim))
      x.freeLanes.push_back(source.map.getInComponent(vector, laneDim));
  std::optional<Rounds> rounds = chooseRounds(x);
  if (!rounds)
    return std::nullopt;

  Program program(from.getRegisters());
  unsigned pack = program.plan.pack = 1u << toPacking.inside.size();
  program.plan.results.assign(to.getRegisters(), noRegister);
  unsigned numSources = 1u << fromPacking.kept.size(), numTargets = 1u << toPacking.kept.size();
  for (const auto &[coordinate, targets] : target.registers) {
    auto held = source.registers.find(coordinate);
    if (held == source.registers.end())
      continue; // nobody's, or beyond the tile: isRight decides
    SmallVector<unsigned> published, received(numTargets);
    for (unsigned i = 0; i < numSources; ++i) {
      SmallVector<unsigned, 4> elements;
      for (unsigned e = 0; e < pack; ++e)
        elements.push_back(held->second[fromPacking.join(i, e)]);
      published.push_back(program.pack(elements));
    }
    permute(program, published, rounds->g);
    for (unsigned t = 0; t < numTargets; ++t) {
      LaneFunction lane;
      lane.constant = multiply(x.c, t);
      for (uint64_t image : rounds->p)
        lane.images.push_back(image);
      uint64_t value = multiply(x.a, t) ^ multiply(rounds->g, lane.constant);
      received[t] = program.shuffle(published[value], lane);
    }
    permute(program, received, rounds->k);
    for (unsigned t = 0; t < numTargets; ++t)
      for (unsigned e = 0; e < pack; ++e)
        if (unsigned reg = targets[toPacking.join(t, e)]; reg != noRegister)
          program.plan.results[reg] = program.unpack(received[t], e);
  }
  program.finish();
  if (!isRight(program.plan, from, to, warps))
    return std::nullopt;
  return std::move(program.plan);
}
