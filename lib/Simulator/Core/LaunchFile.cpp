//===- LaunchFile.cpp - A launch as JSON ---------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Simulator/LaunchFile.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <cmath>
#include <cstring>

using namespace llvm;
using namespace tegula::sim;

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

std::optional<ElementType> tegula::sim::parseElementType(StringRef name) {
  return StringSwitch<std::optional<ElementType>>(name)
      .Case("f64", ElementType::F64)
      .Case("f32", ElementType::F32)
      .Case("bf16", ElementType::BF16)
      .Case("f16", ElementType::F16)
      .Case("i64", ElementType::I64)
      .Case("i32", ElementType::I32)
      .Case("i16", ElementType::I16)
      .Cases({"i8", "i1"}, ElementType::I8)
      .Default(std::nullopt);
}

unsigned tegula::sim::elementBytes(ElementType type) {
  switch (type) {
  case ElementType::F64:
  case ElementType::I64:
    return 8;
  case ElementType::F32:
  case ElementType::I32:
    return 4;
  case ElementType::BF16:
  case ElementType::F16:
  case ElementType::I16:
    return 2;
  case ElementType::I8:
    return 1;
  }
  return 1;
}

/// LLVM's format of a float type.
static const fltSemantics *floatFormat(ElementType type) {
  switch (type) {
  case ElementType::F64:
    return &APFloat::IEEEdouble();
  case ElementType::F32:
    return &APFloat::IEEEsingle();
  case ElementType::BF16:
    return &APFloat::BFloat();
  case ElementType::F16:
    return &APFloat::IEEEhalf();
  default:
    return nullptr;
  }
}

double tegula::sim::readElement(ElementType type, const uint8_t *at) {
  unsigned bytes = elementBytes(type);
  uint64_t bits = 0;
  std::memcpy(&bits, at, bytes);
  if (const fltSemantics *format = floatFormat(type)) {
    APFloat number(*format, APInt(8 * bytes, bits));
    bool loses = false;
    (void)number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &loses);
    return number.convertToDouble();
  }
  unsigned shift = 64 - 8 * bytes;
  return static_cast<double>(static_cast<int64_t>(bits << shift) >> shift);
}

void tegula::sim::writeElement(ElementType type, uint8_t *at, double value) {
  uint64_t bits;
  if (const fltSemantics *format = floatFormat(type)) {
    APFloat number(value);
    bool loses = false;
    (void)number.convert(*format, APFloat::rmNearestTiesToEven, &loses);
    bits = number.bitcastToAPInt().getZExtValue();
  } else {
    bits = static_cast<uint64_t>(static_cast<int64_t>(value));
  }
  std::memcpy(at, &bits, elementBytes(type));
}

//===----------------------------------------------------------------------===//
// Parsing
//===----------------------------------------------------------------------===//

static Error bad(const Twine &message) { return createStringError("launch file: " + message); }

/// Numbers of a buffer as {"random": seed} gives them: the same everywhere, for ever.
static double randomNumber(uint64_t &state, bool isFloat) {
  state += 0x9E3779B97F4A7C15ull;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  z ^= z >> 31;
  double unit = static_cast<double>(z >> 11) * 0x1p-53;
  return isFloat ? 2 * unit - 1 : std::floor(16 * unit) - 8;
}

/// Fills bytes as a description says; `initialised` becomes false for "undefined".
static Error fill(const json::Value *how, const Twine &what, ElementType type,
                  std::vector<uint8_t> &bytes, StringRef folder, bool &initialised) {
  unsigned size = elementBytes(type);
  size_t count = bytes.size() / size;
  auto set = [&](size_t i, double value) { writeElement(type, &bytes[i * size], value); };
  if (!how || how->getAsString() == std::optional<StringRef>("zero"))
    return Error::success();
  if (how->getAsString() == std::optional<StringRef>("undefined")) {
    initialised = false;
    std::fill(bytes.begin(), bytes.end(), 0xA5);
    return Error::success();
  }
  const json::Object *object = how->getAsObject();
  if (!object)
    return bad(what + ": expected \"zero\", \"undefined\" or an object");
  if (const json::Array *values = object->getArray("values")) {
    if (values->empty())
      return bad(what + ": 'values' is empty");
    for (size_t i = 0; i < count; ++i) {
      std::optional<double> value = (*values)[i % values->size()].getAsNumber();
      if (!value)
        return bad(what + ": 'values' holds something that is no number");
      set(i, *value);
    }
    return Error::success();
  }
  if (const json::Array *iota = object->getArray("iota")) {
    std::optional<double> start = iota->size() == 2 ? (*iota)[0].getAsNumber() : std::nullopt;
    std::optional<double> step = iota->size() == 2 ? (*iota)[1].getAsNumber() : std::nullopt;
    if (!start || !step)
      return bad(what + ": expected 'iota' to be [start, step]");
    for (size_t i = 0; i < count; ++i)
      set(i, *start + static_cast<double>(i) * *step);
    return Error::success();
  }
  if (std::optional<int64_t> seed = object->getInteger("random")) {
    auto state = static_cast<uint64_t>(*seed);
    for (size_t i = 0; i < count; ++i)
      set(i, randomNumber(state, floatFormat(type)));
    return Error::success();
  }
  if (std::optional<StringRef> file = object->getString("file")) {
    SmallString<128> path(folder);
    sys::path::append(path, *file);
    auto content = MemoryBuffer::getFile(path);
    if (!content)
      return bad(what + ": cannot read '" + path + "': " + content.getError().message());
    if ((*content)->getBufferSize() != bytes.size())
      return bad(what + ": '" + path + "' has " + Twine((*content)->getBufferSize()) +
                 " bytes, expected " + Twine(bytes.size()));
    std::memcpy(bytes.data(), (*content)->getBufferStart(), bytes.size());
    return Error::success();
  }
  return bad(what + ": expected one of 'values', 'iota', 'random', 'file'");
}

/// "grid" and "block": up to three positive numbers.
static Error parseExtent(const json::Object &object, StringRef key,
                         std::array<uint32_t, 3> &extent) {
  const json::Array *array = object.getArray(key);
  if (!array || array->empty() || array->size() > 3)
    return bad("expected '" + key + "' to be a list of one to three numbers");
  for (size_t i = 0; i < array->size(); ++i) {
    std::optional<int64_t> number = (*array)[i].getAsInteger();
    if (!number || *number < 1 || *number > (int64_t(1) << 31))
      return bad("expected '" + key + "' to hold positive numbers");
    extent[i] = static_cast<uint32_t>(*number);
  }
  return Error::success();
}

static Expected<Argument> parseArgument(const json::Value &value, const Launch &launch,
                                        size_t index) {
  const json::Object *object = value.getAsObject();
  if (!object || object->empty())
    return bad("argument " + Twine(index) + ": expected an object");
  if (std::optional<StringRef> name = object->getString("buffer")) {
    for (size_t i = 0; i < launch.buffers.size(); ++i)
      if (launch.buffers[i].name == *name)
        return Argument::pointer(i, object->getInteger("offset").value_or(0));
    return bad("argument " + Twine(index) + ": there is no buffer '" + *name + "'");
  }
  std::optional<ElementType> type = parseElementType(object->begin()->first);
  if (!type)
    return bad("argument " + Twine(index) + ": expected 'buffer' or the name of a type");
  uint64_t bits = 0;
  if (std::optional<int64_t> integer = object->begin()->second.getAsInteger();
      integer && !floatFormat(*type)) {
    bits = static_cast<uint64_t>(*integer);
  } else if (std::optional<double> number = object->begin()->second.getAsNumber()) {
    writeElement(*type, reinterpret_cast<uint8_t *>(&bits), *number);
  } else if (std::optional<StringRef> text = object->begin()->second.getAsString();
             text && floatFormat(*type)) {
    // JSON has no infinity.
    double special = *text == "inf" ? HUGE_VAL : *text == "-inf" ? -HUGE_VAL : std::nan("");
    writeElement(*type, reinterpret_cast<uint8_t *>(&bits), special);
  } else {
    return bad("argument " + Twine(index) + ": expected a number");
  }
  return Argument::scalar(bits);
}

Expected<LaunchFile> LaunchFile::parse(StringRef text, StringRef folder) {
  Expected<json::Value> root = json::parse(text);
  if (!root)
    return bad(toString(root.takeError()));
  const json::Object *object = root->getAsObject();
  if (!object)
    return bad("expected an object");
  LaunchFile file;
  Launch &launch = file.description;
  std::optional<StringRef> kernel = object->getString("kernel");
  if (!kernel)
    return bad("expected 'kernel' to name one");
  launch.kernel = kernel->str();
  if (Error error = parseExtent(*object, "grid", launch.grid))
    return error;
  if (Error error = parseExtent(*object, "block", launch.block))
    return error;
  launch.dynamicShared = object->getInteger("dynamic_shared").value_or(0);
  if (const json::Array *buffers = object->getArray("buffers"))
    for (const json::Value &value : *buffers) {
      const json::Object *entry = value.getAsObject();
      std::optional<StringRef> name = entry ? entry->getString("name") : std::nullopt;
      if (!name)
        return bad("expected every buffer to have a 'name'");
      std::optional<ElementType> type = parseElementType(entry->getString("type").value_or("f32"));
      const json::Array *shape = entry->getArray("shape");
      if (!type || !shape)
        return bad("buffer '" + *name + "': expected a known 'type' and a 'shape'");
      Buffer buffer;
      buffer.name = name->str();
      buffer.elementBytes = sim::elementBytes(*type);
      uint64_t count = 1;
      for (const json::Value &size : *shape) {
        std::optional<int64_t> number = size.getAsInteger();
        if (!number || *number < 0 || *number > (int64_t(1) << 31))
          return bad("buffer '" + *name + "': expected 'shape' to hold sizes");
        buffer.shape.push_back(*number);
        count *= *number;
      }
      if (count > (uint64_t(1) << 31))
        return bad("buffer '" + *name + "' is too large");
      Memory memory;
      memory.type = *type;
      memory.initial.resize(count * buffer.elementBytes);
      if (Error error = fill(entry->get("init"), "buffer '" + *name + "'", *type, memory.initial,
                             folder, buffer.initialised))
        return error;
      if (const json::Value *expected = entry->get("expect")) {
        bool ignored = true;
        memory.expected.resize(memory.initial.size());
        if (Error error = fill(expected, "'expect' of buffer '" + *name + "'", *type,
                               memory.expected, folder, ignored))
          return error;
        memory.hasExpected = true;
        memory.tolerance = entry->getNumber("tolerance").value_or(0);
      }
      buffer.readOnly = entry->getString("access") == std::optional<StringRef>("read");
      launch.buffers.push_back(std::move(buffer));
      file.memory.push_back(std::move(memory));
    }
  if (const json::Array *arguments = object->getArray("arguments"))
    for (size_t i = 0; i < arguments->size(); ++i) {
      Expected<Argument> argument = parseArgument((*arguments)[i], launch, i);
      if (!argument)
        return argument.takeError();
      launch.arguments.push_back(*argument);
    }
  file.reset();
  return std::move(file);
}

void LaunchFile::reset() {
  for (size_t i = 0; i < memory.size(); ++i) {
    memory[i].bytes = memory[i].initial;
    description.buffers[i].bytes = memory[i].bytes;
  }
}

std::vector<std::string> LaunchFile::mismatches() const {
  std::vector<std::string> lines;
  for (size_t i = 0; i < memory.size(); ++i) {
    const Memory &m = memory[i];
    if (!m.hasExpected)
      continue;
    unsigned bytes = sim::elementBytes(m.type);
    size_t count = 0, first = 0;
    for (size_t k = 0; k < m.bytes.size() / bytes; ++k) {
      double got = readElement(m.type, &m.bytes[k * bytes]);
      double want = readElement(m.type, &m.expected[k * bytes]);
      if (got == want || (std::isnan(got) && std::isnan(want)))
        continue;
      double error = std::fabs(got - want);
      if (error <= m.tolerance * std::max(1.0, std::fabs(want)))
        continue;
      if (count++ == 0)
        first = k;
    }
    if (count)
      lines.push_back("buffer '" + description.buffers[i].name + "': " + std::to_string(count) +
                      " elements differ; the first is " + std::to_string(first) + ": " +
                      std::to_string(readElement(m.type, &m.bytes[first * bytes])) + ", expected " +
                      std::to_string(readElement(m.type, &m.expected[first * bytes])));
  }
  return lines;
}
