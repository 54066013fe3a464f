//===- PackedArguments.cpp - The argument block of a launch ---------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Runtime/Module.h"

#include <algorithm>

using namespace tegula;

static std::string list(const std::vector<int64_t> &numbers) {
  std::string text;
  for (int64_t number : numbers)
    text += (text.empty() ? "" : ", ") + std::to_string(number);
  return "[" + text + "]";
}

/// What is wrong with the layout of view `info`, or "".
static std::string checkLayout(const ArgumentInfo &info, const ArgumentLayout &layout) {
  size_t rank = info.sizes.size();
  if (layout.sizes.size() != rank || layout.strides.size() != rank)
    return "must have rank " + std::to_string(rank) + ", got sizes " + list(layout.sizes) +
           " and strides " + list(layout.strides);
  bool isEmpty = std::find(layout.sizes.begin(), layout.sizes.end(), 0) != layout.sizes.end();
  for (size_t axis = 0; axis < rank; ++axis) {
    int64_t size = layout.sizes[axis], stride = layout.strides[axis];
    std::string where = " of axis " + std::to_string(axis);
    if (size < 0 || size >= int64_t(1) << 31)
      return "has size " + std::to_string(size) + where + ", which must be below 2^31";
    if (info.sizes[axis] != dynamicExtent && info.sizes[axis] != size)
      return "has size " + std::to_string(size) + where + ", but the kernel was compiled for " +
             std::to_string(info.sizes[axis]);
    if (size <= 1 || isEmpty)
      continue; // no second element: the stride is never used
    if (info.strides[axis] != dynamicExtent && info.strides[axis] != stride)
      return "has stride " + std::to_string(stride) + where + ", but the kernel was compiled for " +
             std::to_string(info.strides[axis]);
    if (!info.multiples.empty() && stride % info.multiples[axis] != 0)
      return "has stride " + std::to_string(stride) + where + ", which must be a multiple of " +
             std::to_string(info.multiples[axis]);
    if (info.isWritten() && stride == 0)
      return "is written, but its stride" + where + " is 0: its elements overlap";
  }
  return "";
}

/// Bytes that a view reaches, from its address; nothing where they overflow.
static bool reach(const ArgumentLayout &layout, int64_t &lo, int64_t &hi) {
  lo = 0;
  hi = dtypeBytes(layout.dtype);
  int64_t bytes = hi;
  for (size_t axis = 0; axis < layout.sizes.size(); ++axis) {
    if (layout.sizes[axis] == 0) {
      lo = hi = 0;
      return true;
    }
    int64_t span;
    if (__builtin_mul_overflow(layout.sizes[axis] - 1, layout.strides[axis], &span) ||
        __builtin_mul_overflow(span, bytes, &span) ||
        __builtin_add_overflow(span < 0 ? lo : hi, span, span < 0 ? &lo : &hi))
      return false;
  }
  return true;
}

bool PackedArguments::addView(const ArgumentLayout &layout, uint32_t argument,
                              Diagnostics &diagnostics) {
  const ArgumentInfo &info = (*arguments)[argument];
  std::string wrong = checkLayout(info, layout);
  View view;
  if (wrong.empty() && !reach(layout, view.lo, view.hi))
    wrong = "reaches past the end of memory";
  if (!wrong.empty()) {
    diagnostics.push_back(makeError("argument '" + info.name + "' " + wrong));
    return false;
  }
  view.argument = argument;
  view.word = block.size();
  view.isWritten = info.isWritten();
  view.isEmpty = view.lo == view.hi;
  view.align = info.align;
  views.push_back(view);
  block.push_back(0);
  block.insert(block.end(), layout.sizes.begin(), layout.sizes.end());
  block.insert(block.end(), layout.strides.begin(), layout.strides.end());
  return true;
}

bool PackedArguments::prepare(const std::string &what, const std::vector<ArgumentInfo> &given,
                              const std::vector<ArgumentLayout> &layouts,
                              Diagnostics &diagnostics) {
  arguments = &given;
  if (layouts.size() != given.size()) {
    diagnostics.push_back(makeError(what + " takes " + std::to_string(given.size()) +
                                    " arguments, got " + std::to_string(layouts.size())));
    return false;
  }
  for (uint32_t i = 0; i < given.size(); ++i) {
    const ArgumentInfo &info = given[i];
    if (layouts[i].dtype != info.dtype) {
      diagnostics.push_back(makeError("argument '" + info.name + "' must be " +
                                      dtypeName(info.dtype) + ", got " +
                                      dtypeName(layouts[i].dtype)));
      return false;
    }
    words.push_back(block.size());
    if (!info.isView()) {
      if (!layouts[i].sizes.empty()) {
        diagnostics.push_back(makeError("argument '" + info.name + "' is a scalar, got sizes " +
                                        list(layouts[i].sizes)));
        return false;
      }
      block.push_back(0);
    } else if (!addView(layouts[i], i, diagnostics)) {
      return false;
    }
  }
  return true;
}

void PackedArguments::fill(const uint64_t *packed, uint64_t *target) const {
  std::copy(block.begin(), block.end(), target);
  for (size_t i = 0, n = words.size(); i < n; ++i)
    target[words[i]] = packed[i];
}

std::optional<Diagnostic> PackedArguments::check(const uint64_t *filled) const {
  auto name = [&](const View &view) { return (*arguments)[view.argument].name; };
  for (const View &view : views) {
    uint64_t address = filled[view.word];
    if (view.isEmpty)
      continue;
    if (address == 0)
      return makeError("argument '" + name(view) + "' has no memory (its address is null)");
    if (address % view.align != 0)
      return makeError("argument '" + name(view) + "' must be aligned to " +
                       std::to_string(view.align) + " bytes, got an address that is " +
                       std::to_string(address % view.align) + " past a multiple");
    if (!view.isWritten)
      continue;
    for (const View &other : views) {
      if (&other == &view || other.isEmpty || (other.isWritten && other.word < view.word))
        continue;
      uint64_t first = filled[other.word];
      if (address + view.lo < first + other.hi && first + other.lo < address + view.hi)
        return makeError("argument '" + name(view) + "' is written and overlaps argument '" +
                         name(other) + "' in memory");
    }
  }
  return std::nullopt;
}
