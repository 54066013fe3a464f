//===- Array.cpp - Arrays of the command line --------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Array.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>
#include <optional>

using namespace llvm;
using namespace tegula;

bool tegula::isInteger(DType dtype) {
  return dtype == DType::I1 || dtype == DType::I8 || dtype == DType::I32 || dtype == DType::I64 ||
         dtype == DType::Index;
}

/// LLVM's format of a float type narrower than f32.
static const fltSemantics &semantics(DType dtype) {
  switch (dtype) {
  case DType::F16:
    return APFloat::IEEEhalf();
  case DType::BF16:
    return APFloat::BFloat();
  case DType::F8E4M3FN:
    return APFloat::Float8E4M3FN();
  default:
    return APFloat::Float8E5M2();
  }
}

static uint64_t narrow(DType dtype, double value) {
  APFloat number(value);
  bool losesInfo = false;
  (void)number.convert(semantics(dtype), APFloat::rmNearestTiesToEven, &losesInfo);
  return number.bitcastToAPInt().getZExtValue();
}

static double widen(DType dtype, uint64_t bits) {
  APFloat number(semantics(dtype), APInt(8 * dtypeBytes(dtype), bits));
  bool losesInfo = false;
  (void)number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &losesInfo);
  return number.convertToDouble();
}

uint64_t tegula::scalarWord(DType dtype, double value) {
  uint64_t word = 0;
  if (isInteger(dtype))
    return static_cast<uint64_t>(static_cast<int64_t>(value));
  if (dtype == DType::F64) {
    std::memcpy(&word, &value, 8);
  } else if (dtype == DType::F32) {
    float single = static_cast<float>(value);
    std::memcpy(&word, &single, 4);
  } else {
    word = narrow(dtype, value);
  }
  return word;
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

static std::vector<int64_t> rowMajor(const std::vector<int64_t> &sizes) {
  std::vector<int64_t> strides(sizes.size());
  int64_t step = 1;
  for (size_t axis = sizes.size(); axis-- > 0;) {
    strides[axis] = step;
    step *= std::max<int64_t>(sizes[axis], 1);
  }
  return strides;
}

Array::Array(DType dtype, std::vector<int64_t> givenSizes, std::vector<int64_t> givenStrides)
    : dtype(dtype), sizes(std::move(givenSizes)), strides(std::move(givenStrides)) {
  int64_t last = count() ? 0 : -1;
  for (size_t axis = 0; last >= 0 && axis < sizes.size(); ++axis)
    last += (sizes[axis] - 1) * strides[axis];
  memory.resize(static_cast<size_t>(last + 1) * dtypeBytes(dtype) + 64);
  skip = (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64;
}

Array::Array(DType dtype, std::vector<int64_t> givenSizes)
    : Array(dtype, givenSizes, rowMajor(givenSizes)) {}

int64_t Array::count() const {
  int64_t total = 1;
  for (int64_t size : sizes)
    total *= size;
  return total;
}

int64_t Array::getInteger(int64_t offset) const {
  const char *place = data() + offset * static_cast<int64_t>(dtypeBytes(dtype));
  switch (dtype) {
  case DType::I1:
  case DType::I8:
    return *reinterpret_cast<const int8_t *>(place);
  case DType::I32:
    return *reinterpret_cast<const int32_t *>(place);
  default:
    return *reinterpret_cast<const int64_t *>(place);
  }
}

void Array::setInteger(int64_t offset, int64_t value) {
  if (dtype == DType::I1)
    value = value != 0;
  // Little-endian: the low bytes are the narrower number.
  std::memcpy(data() + offset * static_cast<int64_t>(dtypeBytes(dtype)), &value,
              dtypeBytes(dtype));
}

double Array::get(int64_t offset) const {
  if (isInteger(dtype))
    return static_cast<double>(getInteger(offset));
  const char *place = data() + offset * static_cast<int64_t>(dtypeBytes(dtype));
  if (dtype == DType::F64)
    return *reinterpret_cast<const double *>(place);
  if (dtype == DType::F32)
    return *reinterpret_cast<const float *>(place);
  uint64_t bits = 0;
  std::memcpy(&bits, place, dtypeBytes(dtype));
  return widen(dtype, bits);
}

void Array::set(int64_t offset, double value) {
  if (isInteger(dtype))
    return setInteger(offset, static_cast<int64_t>(value));
  uint64_t word = scalarWord(dtype, value);
  std::memcpy(data() + offset * static_cast<int64_t>(dtypeBytes(dtype)), &word,
              dtypeBytes(dtype));
}

std::string Array::typeName() const {
  std::string text;
  for (int64_t size : sizes)
    text += std::to_string(size) + "x";
  return text + dtypeName(dtype);
}

//===----------------------------------------------------------------------===//
// .npy: magic, version, length of the header, a Python dict, the data
//===----------------------------------------------------------------------===//

static constexpr StringLiteral npyMagic = "\x93NUMPY";

static std::optional<DType> fromNumpy(StringRef descr) {
  return StringSwitch<std::optional<DType>>(descr)
      .Case("<f8", DType::F64)
      .Case("<f4", DType::F32)
      .Case("<f2", DType::F16)
      .Case("|b1", DType::I1)
      .Case("|i1", DType::I8)
      .Case("<i4", DType::I32)
      .Case("<i8", DType::I64)
      .Default(std::nullopt);
}

static StringRef toNumpy(DType dtype) {
  switch (dtype) {
  case DType::F64:
    return "<f8";
  case DType::F16:
    return "<f2";
  case DType::I1:
    return "|b1";
  case DType::I8:
    return "|i1";
  case DType::I32:
    return "<i4";
  case DType::I64:
  case DType::Index:
    return "<i8";
  default:
    return "<f4";
  }
}

/// The text behind `'key':` in the header.
static StringRef field(StringRef header, StringRef key) {
  size_t at = header.find(("'" + key + "':").str());
  return at == StringRef::npos ? "" : header.substr(at + key.size() + 3).ltrim();
}

Expected<Array> Array::readNpy(StringRef path) {
  auto fail = [&](const Twine &why) { return createStringError(path + ": " + why); };
  ErrorOr<std::unique_ptr<MemoryBuffer>> file = MemoryBuffer::getFile(path, false, false);
  if (!file)
    return fail(file.getError().message());
  StringRef bytes = (*file)->getBuffer();
  if (!bytes.starts_with(npyMagic) || bytes.size() < 12)
    return fail("is no .npy file");
  bool isLong = bytes[6] >= 2;
  size_t start = isLong ? 12 : 10;
  size_t length = static_cast<uint8_t>(bytes[8]) | static_cast<uint8_t>(bytes[9]) << 8;
  if (isLong)
    length |= static_cast<uint8_t>(bytes[10]) << 16 |
              static_cast<size_t>(static_cast<uint8_t>(bytes[11])) << 24;
  if (start + length > bytes.size())
    return fail("is cut short");
  StringRef header = bytes.substr(start, length);
  StringRef descr = field(header, "descr").drop_front().take_until([](char c) { return c == '\''; });
  std::optional<DType> dtype = fromNumpy(descr);
  if (!dtype)
    return fail("has type '" + descr + "', expected f8, f4, f2, b1, i1, i4 or i8");
  SmallVector<StringRef> parts;
  field(header, "shape").drop_front().take_until([](char c) { return c == ')'; }).split(parts, ',');
  std::vector<int64_t> sizes;
  for (StringRef part : parts) {
    int64_t size;
    if (part.trim().empty())
      continue;
    if (part.trim().getAsInteger(10, size) || size < 0)
      return fail("has a malformed shape");
    sizes.push_back(size);
  }
  std::vector<int64_t> strides = rowMajor(sizes);
  if (field(header, "fortran_order").starts_with("True")) {
    std::vector<int64_t> reversed(sizes.rbegin(), sizes.rend());
    strides = rowMajor(reversed);
    std::reverse(strides.begin(), strides.end());
  }
  StringRef content = bytes.substr(start + length);
  Array array(*dtype, sizes, strides);
  size_t size = static_cast<size_t>(array.count()) * dtypeBytes(*dtype);
  if (content.size() < size)
    return fail("is cut short");
  std::memcpy(array.data(), content.data(), size);
  return array;
}

Error Array::writeNpy(StringRef path) const {
  std::string header = ("{'descr': '" + toNumpy(dtype) + "', 'fortran_order': False, 'shape': (").str();
  for (int64_t size : sizes)
    header += std::to_string(size) + ", ";
  header += "), }";
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  StringRef descr = toNumpy(dtype);
  DType stored = *fromNumpy(descr);
  Array packed(stored, sizes);
  int64_t next = 0;
  forEach([&](int64_t offset) {
    if (isInteger(dtype))
      packed.setInteger(next++, getInteger(offset));
    else
      packed.set(next++, get(offset));
  });
  std::error_code error;
  raw_fd_ostream stream(path, error);
  if (error)
    return createStringError(path + ": " + error.message());
  stream << npyMagic << '\1' << '\0' << static_cast<char>(header.size() & 0xff)
         << static_cast<char>(header.size() >> 8) << header;
  stream.write(packed.data(), static_cast<size_t>(packed.count()) * dtypeBytes(stored));
  return Error::success();
}
