//===- Conversion.h - From one layout to another --------------*- C++ -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What it takes to have a tile in another layout. Three classes:
//
//   free     every lane has what it needs, in the same place of its registers as all
//            others: registers are renamed
//   shuffle  every warp has what its lanes need: they exchange registers
//   shared   through shared memory, with a scratch buffer and a barrier
//
// Each has a plan that a code generator walks from front to back: a list of registers,
// a straight-line program, or two lists of accesses to a stored tile.
//
// ## How an exchange is found
//
// Inside a tile that both layouts repeat, "register d of lane l shall have what register
// s of lane m holds" is a linear map, (d, l) -> (s, m), found by solving
// from(s, m) = to(d, l):
//
//   s = A d + B l        m = C d + D l
//
// A shuffle instruction lets every lane publish one value and read that of one lane. So
// it pays if in each round t all lanes read from different lanes, for then 2^bits(d)
// rounds do and none is wasted. Let lane l receive its register d = t + K l in round t.
// It reads from lane m = C t + P l with P = C K + D, and any K that makes P invertible
// will do; there always is one, since every lane of `from` is needed by somebody. What
// lane m publishes then depends on m and t alone:
//
//   s = A t + (A K + B) l = G m + (A + G C) t,   G = (A K + B) inverse(P)
//
// Choosing by G m before, and by K l after, is a few selects on bits of the lane: one
// per register for each dimension of the images of G and K. Rounds in which m = l need no
// shuffle. Replication of `from` leaves D free, and is used to make m = l.
//
// Example: registers hold columns and lanes rows, and it shall be the other way round,
// for one bit of each. A = D = 0, B = C = 1; K = 1 gives P = 1 and m = l ^ t: round 0
// needs no shuffle. A 2x2 transposition is one shuffle and four selects.
//
// 16-bit elements travel in pairs where a pair stays a pair: then a round moves both.
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_SUPPORT_LAYOUT_CONVERSION_H
#define TEGULA_SUPPORT_LAYOUT_CONVERSION_H

#include "tegula/Support/Layout/LaneFunction.h"
#include "tegula/Support/Layout/Layout.h"
#include "tegula/Support/Layout/Storage.h"

namespace tegula::layout {

/// A line, one row or one column, as `tile` has it: the same registers hold the same
/// elements, whichever way it lies. Other layouts stay what they are.
Layout orient(const Layout &line, Extents tile);

/// What a conversion costs, from cheap to dear.
enum class ConversionClass { Free, Shuffle, Shared };

/// `free`, `shuffle`, `shared`.
llvm::StringRef stringifyConversionClass(ConversionClass kind);
std::optional<ConversionClass> symbolizeConversionClass(llvm::StringRef name);

/// Why there is no conversion between these layouts at all, or nothing: tiles of other
/// extents, warps of other widths.
std::optional<std::string> checkConversion(const Layout &from, const Layout &to);

/// The class of a conversion among so many warps; `checkConversion` must hold.
ConversionClass classifyConversion(const Layout &from, const Layout &to, int64_t warps);

inline bool isFreeConversion(const Layout &from, const Layout &to, int64_t warps) {
  return classifyConversion(from, to, warps) == ConversionClass::Free;
}

/// For each register of `to`, the register of `from` that holds the same element in
/// every lane of every warp; nothing if there is not one for each. Registers that lie
/// beyond the tile in all lanes are `noRegister`.
inline constexpr unsigned noRegister = ~0u;
std::optional<llvm::SmallVector<unsigned>> findRename(const Layout &from, const Layout &to,
                                                      int64_t warps);

//===----------------------------------------------------------------------===//
// Exchange within a warp
//===----------------------------------------------------------------------===//

/// One step of an exchange; defines one value in every lane.
struct ShuffleStep {
  enum class Kind {
    Pack,    ///< the operands, elements, side by side in one 32-bit register
    Unpack,  ///< element `index` of the packed operand
    Select,  ///< operand 1 in lanes with odd parity of (lane & mask), operand 0 in others
    Shuffle, ///< the operand as lane `source(lane)` has it
  };
  Kind kind = Kind::Pack;
  /// Numbers of values; `noRegister` where an element of a pack does not matter.
  llvm::SmallVector<unsigned, 4> operands;
  unsigned index = 0;
  unsigned mask = 0;
  LaneFunction source;

  bool operator<(const ShuffleStep &other) const;
};

/// A straight-line program on the values of one lane. Values 0 to `registers` - 1 are
/// the registers of `from`; step i defines value `registers` + i.
struct ShufflePlan {
  unsigned registers = 0;
  /// Elements of a packed value; 1 if nothing is packed.
  unsigned pack = 1;
  llvm::SmallVector<ShuffleStep> steps;
  /// The value of each register of `to`; `noRegister` if it lies beyond the tile.
  llvm::SmallVector<unsigned> results;

  unsigned count(ShuffleStep::Kind kind) const;
};

/// The exchange for elements of so many bits; nothing if warps lack what they need, or
/// if their parts of the tile are dealt so differently that no linear one exists.
std::optional<ShufflePlan> planShuffle(const Layout &from, const Layout &to, int64_t warps,
                                       unsigned elementBits);

//===----------------------------------------------------------------------===//
// Through shared memory
//===----------------------------------------------------------------------===//

/// What a target says about accesses to shared memory from registers, one for each width.
struct SharedTarget {
  BankTable banks;
  llvm::SmallVector<SharedInstruction, 4> loads, stores;
};

/// A tile is stored, and after a barrier loaded. Both sides move vectors: the first
/// register of each has the address, `storage.getOffset` of its element, rows and columns
/// exchanged if `axis` is 0. All of `from` is stored, what lies beyond the tile included;
/// a lane loads a vector if its first element is inside.
struct SharedPlan {
  Storage storage;
  /// The axis whose neighbours are neighbours in memory: 1 by rows, 0 by columns.
  unsigned axis = 1;
  llvm::SmallVector<VectorAccess> stores, loads;
  /// Stores are only by lanes without these bits, and by warps for which this is true:
  /// the others hold the same.
  unsigned storeLaneMask = 0;
  llvm::SmallVector<bool> storesOfWarp;
  /// A barrier of all warps is needed; else the lanes of a warp need only wait for each
  /// other.
  bool crossesWarps = true;
  /// Cycles of all stores and loads.
  BankCycles cost;

  Element getStored(Element element) const {
    return axis == 1 ? element : Element{element.col, element.row};
  }
};

/// The plan with the fewest cycles. Elements are whole bytes.
SharedPlan planShared(const Layout &from, const Layout &to, int64_t warps, unsigned elementBytes,
                      const SharedTarget &target);

//===----------------------------------------------------------------------===//
// Any conversion
//===----------------------------------------------------------------------===//

/// A plan of the first class, from free on, that has one. Only that one is filled in.
struct ConversionPlan {
  ConversionClass kind = ConversionClass::Free;
  llvm::SmallVector<unsigned> rename;
  ShufflePlan shuffle;
  SharedPlan shared;
};

ConversionPlan planConversion(const Layout &from, const Layout &to, int64_t warps,
                              unsigned elementBits, const SharedTarget &target);

} // namespace tegula::layout

#endif // TEGULA_SUPPORT_LAYOUT_CONVERSION_H
