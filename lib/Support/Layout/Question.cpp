//===- Question.cpp - Questions about layouts in words --------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Support/Layout/Print.h"

#include "llvm/Support/raw_ostream.h"

using namespace tegula::layout;
using llvm::Expected;
using llvm::SmallVector;
using llvm::StringRef;

static llvm::Error fail(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

/// 32 banks of 4 bytes; lanes in a row form a phase of 128 bytes.
static SharedTarget getUsualTarget() {
  SharedTarget target;
  target.loads = target.stores = {{4, {1, 2, 4, 8, 16}}, {8, {1, 2, 4, 8}}, {16, {1, 2, 4}}};
  return target;
}

/// Takes `64x80 of 2` off the front.
static Expected<Storage> consumeStorage(StringRef &text) {
  Extents tile;
  unsigned bytes;
  text = text.ltrim();
  if (text.consumeInteger(10, tile[0]) || !text.consume_front("x") ||
      text.consumeInteger(10, tile[1]) || !(text = text.ltrim()).consume_front("of ") ||
      (text = text.ltrim()).consumeInteger(10, bytes))
    return fail("expected 'ROWSxCOLS of BYTES'");
  auto isFine = [](int64_t extent) { return extent >= 1 && extent <= 4096; };
  if (!isFine(tile[0]) || !isFine(tile[1]) || !llvm::is_contained({1u, 2u, 4u, 8u, 16u}, bytes))
    return fail("expected extents up to 4096 and elements of 1, 2, 4, 8 or 16 bytes");
  if (tile[1] * bytes % 16)
    return fail("rows must be a multiple of 16 bytes");
  text = text.ltrim();
  return Storage::getRowMajor(tile, bytes);
}

static Expected<std::string> answerUnits(StringRef text) {
  Expected<Storage> storage = consumeStorage(text);
  if (!storage)
    return storage.takeError();
  unsigned number;
  if (text.consume_front("swizzle")) {
    if ((text = text.ltrim()).consumeInteger(10, number) ||
        !llvm::is_contained({128u, 64u, 32u}, number))
      return fail("expected 128, 64 or 32 after 'swizzle'");
    storage = Storage::getSwizzled({storage->rows, storage->cols}, storage->elementBytes, number);
  } else if (text.consume_front("key")) {
    for (text = text.ltrim(); !text.empty(); text = text.ltrim()) {
      if (text.consumeInteger(10, number) || number >> storage->getKeyBits())
        return fail("expected images below " + llvm::Twine(1u << storage->getKeyBits()) +
                    " after 'key'");
      storage->key.images.push_back(number);
    }
  }
  if (!text.trim().empty())
    return fail("unexpected '" + text + "'");
  std::string result;
  llvm::raw_string_ostream os(result);
  printUnits(os, *storage);
  return result;
}

static Expected<std::string> answerSolve(StringRef text) {
  Expected<Storage> storage = consumeStorage(text);
  if (!storage)
    return storage.takeError();
  if (!text.consume_front("read"))
    return fail("expected 'read' and layouts");
  SharedTarget target = getUsualTarget();
  const SharedInstruction &quad = target.loads.back();
  Extents tile = {storage->rows, storage->cols};
  std::vector<TileAccess> accesses;
  // The commas between layouts are those outside brackets.
  for (unsigned depth = 0; !text.empty();) {
    size_t end = 0;
    for (; end < text.size() && (depth || text[end] != ','); ++end)
      depth += text[end] == '[' ? 1 : text[end] == ']' && depth ? -1 : 0;
    Expected<Layout> layout = Layout::parse(text.take_front(end));
    if (!layout)
      return layout.takeError();
    if (layout->getTile() != tile)
      return fail("layout " + layout->str() + " is of another tile");
    text = text.drop_front(std::min(end + 1, text.size()));
    unsigned bytes = storage->elementBytes;
    std::optional<SmallVector<MatrixAccess>> matrices;
    if (bytes == 2)
      matrices = planMatrices(*layout, 1);
    std::vector<TileAccess> reads =
        matrices
            ? getAccesses(*layout, *matrices, 1, quad, layout->getWarps())
            : getAccesses(*layout, planVectors(*layout, 1, bytes, 16), 1, quad, layout->getWarps());
    accesses.insert(accesses.end(), reads.begin(), reads.end());
  }
  std::vector<TileAccess> writes = getCopyAccesses(tile, storage->elementBytes, quad, 32);
  accesses.insert(accesses.end(), writes.begin(), writes.end());

  BankCycles plain = countCycles(target.banks, *storage, accesses);
  SolvedStorage solved = solveSwizzle(target.banks, tile, storage->elementBytes, accesses);
  std::string result;
  llvm::raw_string_ostream os(result);
  os << "plain: " << plain.cycles << " cycles, " << plain.getConflicts() << " of them conflicts\n"
     << solved.storage.str() << ": " << solved.cost.cycles << " cycles, "
     << solved.cost.getConflicts() << " of them conflicts\n";
  return result;
}

static Expected<std::string> answerConvert(StringRef text) {
  unsigned bits = 32;
  if (auto [front, back] = text.rsplit("bits"); !back.empty()) {
    if (back.trim().getAsInteger(10, bits) || !llvm::is_contained({8u, 16u, 32u, 64u}, bits))
      return fail("expected 8, 16, 32 or 64 after 'bits'");
    text = front;
  }
  auto [first, second] = text.split(" to ");
  Expected<Layout> from = Layout::parse(first);
  if (!from)
    return from.takeError();
  Expected<Layout> to = Layout::parse(second);
  if (!to)
    return to.takeError();
  if (std::optional<std::string> why = checkConversion(*from, *to))
    return fail(*why);
  std::string result;
  llvm::raw_string_ostream os(result);
  printPlan(os, planConversion(*from, *to, std::max(from->getWarps(), to->getWarps()), bits,
                               getUsualTarget()));
  return result;
}

Expected<std::string> tegula::layout::answer(StringRef question) {
  auto [verb, rest] = question.trim().split(' ');
  if (verb == "units")
    return answerUnits(rest);
  if (verb == "solve")
    return answerSolve(rest);
  if (verb == "convert")
    return answerConvert(rest);
  std::string result;
  llvm::raw_string_ostream os(result);
  if (verb == "atom") {
    const Atom *atom = findAtom(rest.trim());
    if (!atom)
      return fail("unknown atom '" + rest.trim() + "'");
    os << atom->str() << '\n';
    return result;
  }
  if (verb != "table")
    return fail("expected table, atom, convert, units or solve, not '" + verb + "'");
  Expected<Layout> layout = Layout::parse(rest);
  if (!layout)
    return layout.takeError();
  printTable(os, *layout);
  return result;
}
