//===- HostABI.h - How the host calls a compiled kernel -------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel NAME that is compiled for a CPU is two functions with C linkage,
// whichever way it went through the compiler:
//
//   int32_t NAME.bind(const uint64_t *args, int64_t *counts);
//   int32_t NAME.run(const uint64_t *args, void *arena, int64_t first, int64_t last);
//
// `bind` is the launch part. It returns 0, or the number (from 1) of the first
// `tegula.require` that does not hold; on 0 it has written one instance count
// per grid axis, ceil(extent / step). A kernel whose instances must run in order
// says that it has one instance, or none; that one runs them all. It reads sizes, strides and scalars, never
// memory behind a view.
//
// `run` runs the instances `first`, `first` + 1, ... `last` - 1 of the grid, which
// the grid's order hint has put in a line; there are as many as the product of
// the counts. It returns 0, or the number (from 1) of the first `tegula.check`
// that failed: that instance stopped there and those after it did not run.
// Instances are independent, so any split of the line over any number of
// workers gives the same bytes (but for the sums of floats of an atomic
// `tegula.reduce_store`).
//
// `args`, the argument block, is a line of 8-byte words, the arguments in order:
//
//   view of rank r     1 + 2 r words: address, sizes[r], strides[r]; strides count
//                      elements, the address is that of element 0
//   scalar             1 word: f64 as it is; f32 in the low four bytes; f16, bf16
//                      and f8 in the low bytes; i1 as 0 or 1; other integers and
//                      `index` sign-extended to 64 bits
//
// Sizes and strides that the kernel knows statically are in the block as well,
// and are not read. `i1` elements of a view take a byte each.
//
// `arena` is the worker's scratch memory: as many bytes as the kernel's entry
// says, aligned to `arenaAlignment`, with undefined contents, used by one call
// of `run` at a time. It may be null where the kernel needs none.
//
// A third function, NAME.instance, is private to the object.
//
// A program NAME is one function, which calls back for what only the host can do:
//
//   int32_t NAME.program(const uint64_t *args, const ProgramHost *host);
//
// It checks its conditions, asks for workspace, and launches kernels in order. It
// returns 0; the number (from 1) of the condition that does not hold; or -1 where a
// callback has stopped it (the host knows why).
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_RUNTIME_HOSTABI_H
#define TEGULA_RUNTIME_HOSTABI_H

#include <cstddef>
#include <cstdint>

namespace tegula::host {

/// Type of NAME.bind.
using BindFn = int32_t (*)(const uint64_t *args, int64_t *counts);

/// Type of NAME.run.
using RunFn = int32_t (*)(const uint64_t *args, void *arena, int64_t first, int64_t last);

/// What a program asks of its host.
struct ProgramHost {
  /// Handed back to the callbacks.
  void *context;
  /// `bytes` of memory, 64-byte aligned, until the program returns; null stops it.
  void *(*workspace)(void *context, uint64_t bytes);
  /// Runs the program's kernel number `kernel` (from 0) on an argument block; anything
  /// but 0 stops the program.
  int32_t (*launch)(void *context, int32_t kernel, const uint64_t *args);
};

/// Type of NAME.program.
using ProgramFn = int32_t (*)(const uint64_t *args, const ProgramHost *host);

/// Alignment of the scratch memory of a worker, in bytes.
constexpr size_t arenaAlignment = 64;

/// Words that a view of `rank` axes takes in the argument block.
constexpr size_t viewWords(size_t rank) { return 1 + 2 * rank; }

} // namespace tegula::host

#endif // TEGULA_RUNTIME_HOSTABI_H
