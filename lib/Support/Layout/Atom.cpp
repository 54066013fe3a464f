//===- Atom.cpp - Layouts that instructions prescribe ---------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Support/Layout/Atom.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/raw_ostream.h"
#include <vector>

using namespace tegula::layout;
using llvm::SmallVector;
using llvm::StringRef;
using llvm::Twine;

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

static constexpr llvm::StringLiteral table[] = {
    // mma.sync, 16-bit operands, f32 result.
    "m16n8k16.A   axes mk  lane k2 k4 m1 m2 m4 | reg k1 m8 k8",
    "m16n8k16.B   axes kn  lane k2 k4 n1 n2 n4 | reg k1 k8",
    "m16n8k16.D   axes mn  lane n2 n4 m1 m2 m4 | reg n1 m8",
    // mma.sync, tf32 operands.
    "m16n8k8.A    axes mk  lane k1 k2 m1 m2 m4 | reg m8 k4",
    "m16n8k8.B    axes kn  lane k1 k2 n1 n2 n4 | reg k4",
    "m16n8k8.D    axes mn  lane n2 n4 m1 m2 m4 | reg n1 m8",
    // The same with the depth in another order, which a sum allows: D is the A of the next
    // product, and lanes read neighbours. `tf32x3` is three such products: of the upper
    // parts of both operands, and of each upper part with what the other's leaves.
    "tf32.A       axes mk  lane k2 k4 m1 m2 m4 | reg k1 m8",
    "tf32.B       axes kn  lane k2 k4 n1 n2 n4 | reg k1",
    "tf32.D       axes mn  lane n2 n4 m1 m2 m4 | reg n1 m8",
    "tf32x3.A     axes mk  lane k2 k4 m1 m2 m4 | reg k1 m8",
    "tf32x3.B     axes kn  lane k2 k4 n1 n2 n4 | reg k1",
    "tf32x3.D     axes mn  lane n2 n4 m1 m2 m4 | reg n1 m8",
    // mma.sync, f64.
    "m8n8k4.A     axes mk  lane k1 k2 m1 m2 m4 | reg",
    "m8n8k4.B     axes kn  lane k1 k2 n1 n2 n4 | reg",
    "m8n8k4.D     axes mn  lane n2 n4 m1 m2 m4 | reg n1",
    // wgmma, 16-bit: A from registers; B is always a buffer. D has 8 columns, N is
    // repetition.
    "wgmma.A      axes mk  lane k2 k4 m1 m2 m4 | reg k1 m8 k8 | warp m16 m32",
    "wgmma.D      axes mn  lane n2 n4 m1 m2 m4 | reg n1 m8 | warp m16 m32",
    // mfma 32x32x8 and 16x16x16, 16-bit operands.
    "mfma32.A     axes mk  lane m1 m2 m4 m8 m16 k4 | reg k1 k2",
    "mfma32.B     axes kn  lane n1 n2 n4 n8 n16 k4 | reg k1 k2",
    "mfma32.D     axes mn  lane n1 n2 n4 n8 n16 m4 | reg m1 m2 m8 m16",
    "mfma16.A     axes mk  lane m1 m2 m4 m8 k4 k8 | reg k1 k2",
    "mfma16.B     axes kn  lane n1 n2 n4 n8 k4 k8 | reg k1 k2",
    "mfma16.D     axes mn  lane n1 n2 n4 n8 m4 m8 | reg m1 m2",
    // The same of twice the depth, with 16 bytes of k in a lane: an instruction
    // where there is one, else two of the above that take k in another order
    // (registers 0 to 3, then 4 to 7), which a sum over k allows.
    "mfma32k16.A  axes mk  lane m1 m2 m4 m8 m16 k8 | reg k1 k2 k4",
    "mfma32k16.B  axes kn  lane n1 n2 n4 n8 n16 k8 | reg k1 k2 k4",
    "mfma32k16.D  axes mn  lane n1 n2 n4 n8 n16 m4 | reg m1 m2 m8 m16",
    "mfma16k32.A  axes mk  lane m1 m2 m4 m8 k8 k16 | reg k1 k2 k4",
    "mfma16k32.B  axes kn  lane n1 n2 n4 n8 k8 k16 | reg k1 k2 k4",
    "mfma16k32.D  axes mn  lane n1 n2 n4 n8 m4 m8 | reg m1 m2",
    // mfma 32x32x2 and 16x16x4, f32 operands.
    "mfma32k2.A   axes mk  lane m1 m2 m4 m8 m16 k1 | reg",
    "mfma32k2.B   axes kn  lane n1 n2 n4 n8 n16 k1 | reg",
    "mfma32k2.D   axes mn  lane n1 n2 n4 n8 n16 m4 | reg m1 m2 m8 m16",
    "mfma16k4.A   axes mk  lane m1 m2 m4 m8 k1 k2 | reg",
    "mfma16k4.B   axes kn  lane n1 n2 n4 n8 k1 k2 | reg",
    "mfma16k4.D   axes mn  lane n1 n2 n4 n8 m4 m8 | reg m1 m2",
    // mfma 16x16x4, f64: its rows are dealt otherwise.
    "mfma16d.A    axes mk  lane m1 m2 m4 m8 k1 k2 | reg",
    "mfma16d.B    axes kn  lane n1 n2 n4 n8 k1 k2 | reg",
    "mfma16d.D    axes mn  lane n1 n2 n4 n8 m1 m2 | reg m4 m8",
    // Four of these, of which number i takes depths 4 i to 4 i + 3: D transposed is the B
    // of the next product. For f32, four products by register of `mfma32` and `mfma16`.
    "mfma16dk16.A axes mk  lane m1 m2 m4 m8 k1 k2 | reg k4 k8",
    "mfma16dk16.B axes kn  lane n1 n2 n4 n8 k1 k2 | reg k4 k8",
    "mfma16dk16.D axes mn  lane n1 n2 n4 n8 m1 m2 | reg m4 m8",
    // Products by multiply-add, for a type that has no matrix unit: a lane owns rows and
    // columns of D and needs all the depth of both. Rows are shared among 4 (8) lanes. In
    // `fma` a lane's columns are neighbours, and it reads vectors of a row of B; in
    // `fmak` lanes have neighbouring columns, and read vectors of depth. In `fmarow` a
    // lane owns a row, so D is the A of the next product and row statistics cross no lane.
    "fma32.A      axes mk  lane 0 0 m1 m2 m4 | reg k1 k2",
    "fma32.B      axes kn  lane n4 n8 0 0 0 | reg n1 n2 k1 k2",
    "fma32.D      axes mn  lane n4 n8 m1 m2 m4 | reg n1 n2",
    "fma64.A      axes mk  lane 0 0 0 m1 m2 m4 | reg k1 k2",
    "fma64.B      axes kn  lane n4 n8 n16 0 0 0 | reg n1 n2 k1 k2",
    "fma64.D      axes mn  lane n4 n8 n16 m1 m2 m4 | reg n1 n2",
    "fmak32.A     axes mk  lane 0 0 m1 m2 m4 | reg k1 k2",
    "fmak32.B     axes kn  lane n1 n2 0 0 0 | reg k1 k2 n4 n8",
    "fmak32.D     axes mn  lane n1 n2 m1 m2 m4 | reg n4 n8",
    "fmak64.A     axes mk  lane 0 0 0 m1 m2 m4 | reg k1 k2",
    "fmak64.B     axes kn  lane n1 n2 n4 0 0 0 | reg k1 k2 n8 n16",
    "fmak64.D     axes mn  lane n1 n2 n4 m1 m2 m4 | reg n8 n16",
    "fmarow32.A   axes mk  lane m1 m2 m4 m8 m16 | reg k1 k2",
    "fmarow32.B   axes kn  lane 0 0 0 0 0 | reg n1 n2 k1 k2",
    "fmarow32.D   axes mn  lane m1 m2 m4 m8 m16 | reg n1 n2",
    "fmarow64.A   axes mk  lane m1 m2 m4 m8 m16 m32 | reg k1 k2",
    "fmarow64.B   axes kn  lane 0 0 0 0 0 0 | reg n1 n2 k1 k2",
    "fmarow64.D   axes mn  lane m1 m2 m4 m8 m16 m32 | reg n1 n2",
    // One number per row or column of a result.
    "row8         axes rx  lane 0 0 r1 r2 r4 | reg",
    "row16        axes rx  lane 0 0 r1 r2 r4 | reg r8",
    "row64        axes rx  lane 0 0 r1 r2 r4 | reg r8 | warp r16 r32",
    "col8         axes xq  lane q2 q4 0 0 0 | reg q1",
    "row32        axes rx  lane 0 0 0 0 0 r4 | reg r1 r2 r8 r16",
    "col32        axes xq  lane q1 q2 q4 q8 q16 0 | reg",
    "col16        axes xq  lane q1 q2 q4 q8 0 0 | reg",
    // Neither rows nor columns: all lanes hold everything.
    "all32        axes rc  lane 0 0 0 0 0 | reg",
    "all64        axes rc  lane 0 0 0 0 0 0 | reg",
    "allgroup     axes rc  lane 0 0 0 0 0 | reg | warp 0 0",
};

/// `v8c64`: pieces of 8 elements, lanes along rows of 64 columns first; `v8c64w32`
/// for warps of 32 lanes.
static std::string spellPieces(unsigned vectorBits, unsigned colBits, unsigned laneBits) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << 'v' << (1 << vectorBits) << 'c' << (1 << colBits) << (laneBits == 5 ? "w32" : "")
     << " axes rc lane";
  for (unsigned bit = 0, used = vectorBits; bit < laneBits; ++bit, ++used)
    os << (used < colBits ? " c" : " r") << (1 << (used < colBits ? used : used - colBits));
  os << " | reg";
  for (unsigned bit = 0; bit < vectorBits; ++bit)
    os << " c" << (1 << bit);
  return text;
}

static std::vector<Atom> buildTable() {
  std::vector<Atom> atoms;
  auto add = [&](StringRef text) { atoms.push_back(llvm::cantFail(parseAtom(text))); };
  for (StringRef text : table)
    add(text);
  // Pieces of 16 bytes have 2, 4, 8 or 16 elements; narrower ones serve unaligned rows.
  for (unsigned laneBits : {6, 5})
    for (unsigned vectorBits = 0; vectorBits <= 4; ++vectorBits)
      for (unsigned colBits = std::max(3u, vectorBits); colBits <= vectorBits + laneBits; ++colBits)
        add(spellPieces(vectorBits, colBits, laneBits));
  for (size_t i = 0, e = atoms.size(); i < e; ++i)
    for (unsigned axis : {0u, 1u}) {
      if (!atoms[i].getPart() && !StringRef(atoms[i].name).starts_with("v"))
        continue;
      Atom statistics = atoms[i].dropAxis(axis);
      if (llvm::none_of(atoms, [&](const Atom &a) { return a.map == statistics.map; }))
        atoms.push_back(std::move(statistics));
    }
  // What drops from a transposed atom is the transposed of what drops from the atom.
  for (size_t i = 0, e = atoms.size(); i < e; ++i)
    atoms.push_back(atoms[i].getTransposed());
  return atoms;
}

llvm::ArrayRef<Atom> tegula::layout::getAtoms() {
  static const std::vector<Atom> atoms = buildTable();
  return atoms;
}

const Atom *tegula::layout::findAtom(StringRef name) {
  static const llvm::StringMap<const Atom *> byName = [] {
    llvm::StringMap<const Atom *> map;
    for (const Atom &atom : getAtoms())
      map[atom.name] = &atom;
    return map;
  }();
  return byName.lookup(name);
}

const Atom *tegula::layout::findAtom(const LinearMap &map) {
  for (const Atom &atom : getAtoms())
    if (atom.map == map)
      return &atom;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Atoms
//===----------------------------------------------------------------------===//

Extents Atom::getShape() const {
  return {int64_t(1) << map.getOutBits(rowDim), int64_t(1) << map.getOutBits(colDim)};
}

static constexpr llvm::StringLiteral transposedMark = "^T";

bool Atom::isTransposed() const { return StringRef(name).ends_with(transposedMark); }

/// `m16n8k16.D` of `m16n8k16.D^T`.
static StringRef getPlainName(const Atom &atom) {
  StringRef text = atom.name;
  text.consume_back(transposedMark);
  return text;
}

StringRef Atom::getProduct() const { return getPart() ? getPlainName(*this).drop_back(2) : ""; }

char Atom::getPart() const {
  StringRef text = getPlainName(*this);
  for (StringRef part : {".A", ".B", ".D"})
    if (text.ends_with(part))
      return part.back();
  return 0;
}

Atom Atom::getTransposed() const {
  SmallVector<uint64_t> columns;
  unsigned rowBits = map.getOutBits(rowDim), colBits = map.getOutBits(colDim);
  for (uint64_t column : map.getColumns())
    columns.push_back(map.getOutComponent(column, colDim) | map.getOutComponent(column, rowDim)
                                                                << colBits);
  LinearMap transposed(map.getIns(), {{rowDim.str(), colBits}, {colDim.str(), rowBits}}, columns);
  std::string newName = (getPlainName(*this) + (isTransposed() ? "" : transposedMark)).str();
  return {newName, {axes[1], axes[0]}, transposed};
}

Atom Atom::dropAxis(unsigned axis) const {
  StringRef gone = axis == 0 ? rowDim : colDim;
  SmallVector<Dim> outs(map.getOuts());
  outs[axis].bits = 0;
  // Registers that differ in dropped bits alone would be copies: only they go.
  unsigned kept = 0;
  SmallVector<uint64_t> columns;
  for (unsigned bit = 0, e = map.getInBits(); bit < e; ++bit) {
    uint64_t column = map.getColumns()[bit];
    uint64_t rest = map.getOutComponent(column, axis == 0 ? colDim : rowDim);
    bool isRegister = bit < map.getInBits(registerDim);
    if (isRegister && map.getOutComponent(column, gone) && !rest)
      continue;
    kept += isRegister;
    columns.push_back(rest);
  }
  SmallVector<Dim> ins(map.getIns());
  ins[0].bits = kept;
  LinearMap dropped(ins, outs, columns);
  std::string suffix = axis == 0 ? ".col" : ".row";
  Atom result{name + suffix, axis == 0 ? std::string{'x', axes[1]} : std::string{axes[0], 'x'},
              dropped};
  return result;
}

std::string Atom::str() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << name << " axes " << axes;
  for (StringRef dim : {StringRef(laneDim), StringRef(registerDim), StringRef(warpDim)}) {
    unsigned bits = map.getInBits(dim);
    if (dim == warpDim && !bits)
      continue;
    os << (dim == laneDim ? " lane" : dim == registerDim ? " | reg" : " | warp");
    for (unsigned bit = 0; bit < bits; ++bit) {
      uint64_t row = map.getBasis(dim, bit, rowDim), col = map.getBasis(dim, bit, colDim);
      os << ' ';
      if (!row && !col)
        os << '0';
      if (row)
        os << axes[0] << row << (col ? "+" : "");
      if (col)
        os << axes[1] << col;
    }
  }
  return text;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

static llvm::Error fail(const Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

llvm::Expected<Atom> tegula::layout::parseAtom(StringRef text) {
  SmallVector<StringRef> words;
  llvm::SplitString(text, words);
  if (words.size() < 4 || words[1] != "axes" || words[2].size() != 2 || words[2][0] == words[2][1])
    return fail("expected 'name axes xy lane …' in the atom '" + text + "'");
  StringRef axes = words[2];

  LinearMap::Bases lane{laneDim, {}}, reg{registerDim, {}}, warp{warpDim, {}};
  LinearMap::Bases *current = nullptr;
  Extents highest = {0, 0};
  for (StringRef word : llvm::ArrayRef(words).drop_front(3)) {
    if (word == "|") {
      continue;
    } else if (word == "lane" || word == "reg" || word == "warp") {
      current = word == "lane" ? &lane : word == "reg" ? &reg : &warp;
      continue;
    }
    if (!current)
      return fail("image '" + word + "' belongs to no dimension in the atom '" + text + "'");
    auto &image = current->images.emplace_back();
    if (word == "0")
      continue;
    unsigned axis = word[0] == axes[0] ? 0 : 1;
    uint64_t value = 0;
    if (word[0] != axes[axis] || word.drop_front().getAsInteger(10, value) ||
        !llvm::has_single_bit(value))
      return fail("expected an axis of '" + axes + "' and a power of two, not '" + word + "'");
    highest[axis] = std::max<int64_t>(highest[axis], value);
    image.push_back({axis == 0 ? rowDim : colDim, value});
  }
  auto bits = [](int64_t value) { return static_cast<unsigned>(llvm::bit_width(uint64_t(value))); };
  LinearMap map = LinearMap::fromBases(
      {reg, lane, warp}, {{rowDim.str(), bits(highest[0])}, {colDim.str(), bits(highest[1])}});
  if (!map.isSurjective())
    return fail("the atom '" + words[0] + "' has elements that nobody holds");
  return Atom{words[0].str(), axes.str(), map};
}
