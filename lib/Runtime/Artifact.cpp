//===- Artifact.cpp - A compiled program as data -----------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Runtime/Artifact.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/xxhash.h"

#include <cstring>
#include <type_traits>

using namespace tegula;

const char *tegula::dtypeName(DType dtype) {
  static constexpr const char *names[] = {"f64", "f32", "f16",   "bf16",     "i1",    "i8",
                                          "i32", "i64", "index", "f8E4M3FN", "f8E5M2"};
  return names[static_cast<size_t>(dtype)];
}

size_t tegula::dtypeBytes(DType dtype) {
  static constexpr uint8_t bytes[] = {8, 4, 2, 2, 1, 1, 4, 8, 8, 1, 1};
  return bytes[static_cast<size_t>(dtype)];
}

//===----------------------------------------------------------------------===//
// The format: little-endian numbers; a list or string is its length and its items
//===----------------------------------------------------------------------===//

static constexpr char magic[8] = {'T', 'E', 'G', 'U', 'L', 'A', '\n', '\0'};
static constexpr uint32_t formatVersion = 3;

namespace {

/// Appends values to bytes.
struct Writer {
  std::vector<char> bytes;

  void raw(const void *data, size_t size) {
    const char *begin = static_cast<const char *>(data);
    bytes.insert(bytes.end(), begin, begin + size);
  }
  template <typename T>
  std::enable_if_t<std::is_integral_v<T> || std::is_enum_v<T>> visit(const T &value) {
    raw(&value, sizeof(T));
  }
  void visit(const std::string &text) {
    visit(static_cast<uint64_t>(text.size()));
    raw(text.data(), text.size());
  }
  void visit(const std::vector<char> &data) {
    visit(static_cast<uint64_t>(data.size()));
    raw(data.data(), data.size());
  }
  template <typename T> void visit(const std::vector<T> &list);
};

/// Takes values from bytes; once it has run short it stays failed.
struct Reader {
  const char *data;
  size_t left;
  bool failed = false;

  const char *take(uint64_t size) {
    if (failed || size > left) {
      failed = true;
      return nullptr;
    }
    const char *begin = data;
    data += size;
    left -= size;
    return begin;
  }
  template <typename T>
  std::enable_if_t<std::is_integral_v<T> || std::is_enum_v<T>> visit(T &value) {
    if (const char *begin = take(sizeof(T)))
      std::memcpy(&value, begin, sizeof(T));
  }
  void visit(std::string &text) {
    uint64_t size = 0;
    visit(size);
    if (const char *begin = take(size))
      text.assign(begin, size);
  }
  void visit(std::vector<char> &bytes) {
    uint64_t size = 0;
    visit(size);
    if (const char *begin = take(size))
      bytes.assign(begin, begin + size);
  }
  template <typename T> void visit(std::vector<T> &list);
};

} // namespace

/// The fields of a struct, in the order of the format: one list for both ways.
template <typename Stream, typename T> static void fields(Stream &stream, T &value) {
  using Plain = std::remove_const_t<T>;
  if constexpr (std::is_same_v<Plain, Position>) {
    stream.visit(value.file);
    stream.visit(value.line);
    stream.visit(value.column);
    stream.visit(value.endLine);
    stream.visit(value.endColumn);
  } else if constexpr (std::is_same_v<Plain, MessageInfo>) {
    stream.visit(value.text);
    stream.visit(value.sites);
  } else if constexpr (std::is_same_v<Plain, ArgumentInfo>) {
    stream.visit(value.name);
    stream.visit(value.access);
    stream.visit(value.dtype);
    stream.visit(value.sizes);
    stream.visit(value.strides);
    stream.visit(value.align);
    stream.visit(value.multiples);
  } else if constexpr (std::is_same_v<Plain, KernelInfo>) {
    stream.visit(value.name);
    stream.visit(value.arguments);
    stream.visit(value.requirements);
    stream.visit(value.checks);
    stream.visit(value.steps);
    stream.visit(value.arenaBytes);
    stream.visit(value.threads);
    stream.visit(value.sharedBytes);
    stream.visit(value.parameters);
  } else if constexpr (std::is_same_v<Plain, ProgramInfo>) {
    stream.visit(value.name);
    stream.visit(value.arguments);
    stream.visit(value.requirements);
    stream.visit(value.kernels);
  } else if constexpr (std::is_same_v<Plain, Artifact>) {
    stream.visit(value.target);
    stream.visit(value.features);
    stream.visit(value.kernels);
    stream.visit(value.programs);
    stream.visit(value.object);
    stream.visit(value.imageKind);
    stream.visit(value.image);
    stream.visit(value.seed);
  } else {
    stream.visit(value);
  }
}

template <typename T> void Writer::visit(const std::vector<T> &list) {
  visit(static_cast<uint64_t>(list.size()));
  for (const T &item : list)
    fields(*this, item);
}

template <typename T> void Reader::visit(std::vector<T> &list) {
  uint64_t size = 0;
  visit(size);
  // Every item takes at least a byte: a wrong length cannot make us allocate much.
  if (size > left)
    failed = true;
  for (uint64_t i = 0; i < size && !failed; ++i)
    fields(*this, list.emplace_back());
}

/// Enumerators and lists that a launch relies on are in range.
static bool isConsistent(const Artifact &artifact) {
  auto fits = [](const std::vector<ArgumentInfo> &arguments) {
    for (const ArgumentInfo &argument : arguments)
      if (argument.access > ArgumentAccess::InOut || argument.dtype > DType::F8E5M2 ||
          argument.sizes.size() != argument.strides.size() || argument.align < 1 ||
          (!argument.multiples.empty() && argument.multiples.size() != argument.sizes.size()))
        return false;
    return true;
  };
  for (const KernelInfo &kernel : artifact.kernels) {
    if (!fits(kernel.arguments))
      return false;
    size_t words = 0;
    for (const ArgumentInfo &argument : kernel.arguments)
      words += 1 + 2 * argument.sizes.size();
    for (uint32_t word : kernel.parameters)
      if (word >= words)
        return false;
  }
  if (artifact.imageKind > ImageKind::HIP)
    return false;
  for (const ProgramInfo &program : artifact.programs)
    if (!fits(program.arguments))
      return false;
  return true;
}

std::vector<char> Artifact::serialize() const {
  Writer content;
  fields(content, *this);
  Writer whole;
  whole.raw(magic, sizeof(magic));
  whole.visit(formatVersion);
  whole.visit(std::string(libraryVersion));
  whole.visit(static_cast<uint64_t>(llvm::xxh3_64bits(llvm::ArrayRef(
      reinterpret_cast<const uint8_t *>(content.bytes.data()), content.bytes.size()))));
  whole.visit(content.bytes);
  return std::move(whole.bytes);
}

std::unique_ptr<Artifact> Artifact::deserialize(const char *data, size_t size,
                                                Diagnostics &diagnostics) {
  auto fail = [&](std::string message) -> std::unique_ptr<Artifact> {
    diagnostics.push_back(makeError(std::move(message)));
    return nullptr;
  };
  Reader reader{data, size};
  const char *begin = reader.take(sizeof(magic));
  if (!begin || std::memcmp(begin, magic, sizeof(magic)) != 0)
    return fail("not a Tegula artifact");
  uint32_t format = 0;
  reader.visit(format);
  std::string version;
  if (format == formatVersion)
    reader.visit(version);
  if (reader.failed)
    return fail("the artifact is cut short");
  if (format != formatVersion)
    return fail("the artifact has format " + std::to_string(format) +
                ", this library reads format " + std::to_string(formatVersion));
  if (version != libraryVersion)
    return fail("the artifact was made by version " + version + ", this library is version " +
                libraryVersion);
  uint64_t hash = 0;
  std::vector<char> bytes;
  reader.visit(hash);
  reader.visit(bytes);
  if (reader.failed)
    return fail("the artifact is cut short");
  if (hash != llvm::xxh3_64bits(
                  llvm::ArrayRef(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size())))
    return fail("the artifact is damaged: its checksum does not fit");
  auto artifact = std::make_unique<Artifact>();
  Reader content{bytes.data(), bytes.size()};
  fields(content, *artifact);
  if (content.failed || content.left || !isConsistent(*artifact))
    return fail("the artifact is damaged: its content does not fit its format");
  return artifact;
}
