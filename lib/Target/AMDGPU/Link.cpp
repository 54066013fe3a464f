//===- Link.cpp - AMD objects to loadable HSACO --------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Target/GpuCode.h"

#include "lld/Common/Driver.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/BinaryFormat/MsgPackDocument.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <mutex>

LLD_HAS_DRIVER(elf)

using namespace llvm;
using namespace tegula;

//===----------------------------------------------------------------------===//
// Metadata
//===----------------------------------------------------------------------===//

/// The integer `key` of a kernel's map, 0 if it is not there.
static int64_t readInteger(msgpack::MapDocNode &map, StringRef key) {
  auto found = map.find(key);
  if (found == map.end())
    return 0;
  if (found->second.getKind() == msgpack::Type::UInt)
    return found->second.getUInt();
  return found->second.getKind() == msgpack::Type::Int ? found->second.getInt() : 0;
}

static std::string readText(msgpack::MapDocNode &map, StringRef key) {
  auto found = map.find(key);
  if (found == map.end() || !found->second.isString())
    return "";
  return found->second.getString().str();
}

static KernelResources readKernel(msgpack::MapDocNode &map) {
  KernelResources kernel;
  kernel.kernel = readText(map, ".name");
  kernel.registers = readInteger(map, ".vgpr_count");
  kernel.accumulators = readInteger(map, ".agpr_count");
  kernel.scalarRegisters = readInteger(map, ".sgpr_count");
  kernel.spills = readInteger(map, ".vgpr_spill_count") + readInteger(map, ".sgpr_spill_count");
  kernel.stackBytes = readInteger(map, ".private_segment_fixed_size");
  kernel.sharedBytes = readInteger(map, ".group_segment_fixed_size");
  kernel.argumentBytes = readInteger(map, ".kernarg_segment_size");
  kernel.threads = readInteger(map, ".max_flat_workgroup_size");
  kernel.warpSize = readInteger(map, ".wavefront_size");
  return kernel;
}

static Expected<std::vector<KernelResources>> readNote(StringRef bytes) {
  msgpack::Document document;
  if (!document.readFromBlob(bytes, /*Multi=*/false) || !document.getRoot().isMap())
    return createStringError("the metadata of the HSACO cannot be read");
  msgpack::MapDocNode &root = document.getRoot().getMap();
  auto found = root.find("amdhsa.kernels");
  std::vector<KernelResources> kernels;
  if (found == root.end() || !found->second.isArray())
    return kernels;
  for (msgpack::DocNode &node : found->second.getArray())
    if (node.isMap())
      kernels.push_back(readKernel(node.getMap()));
  return kernels;
}

Expected<std::vector<KernelResources>> tegula::readHSACO(StringRef image) {
  auto file = object::ELF64LEFile::create(image);
  if (!file)
    return file.takeError();
  auto sections = file->sections();
  if (!sections)
    return sections.takeError();
  for (const object::ELF64LE::Shdr &section : *sections) {
    if (section.sh_type != ELF::SHT_NOTE)
      continue;
    Error error = Error::success();
    for (const object::ELF64LE::Note &note : file->notes(section, error))
      if (note.getName() == "AMDGPU" && note.getType() == ELF::NT_AMDGPU_METADATA) {
        cantFail(std::move(error));
        return readNote(note.getDescAsStringRef(section.sh_addralign));
      }
    if (error)
      return error;
  }
  return createStringError("the file has no metadata of AMD kernels");
}

//===----------------------------------------------------------------------===//
// Linking
//===----------------------------------------------------------------------===//

/// Runs LLVM's linker in this process: it keeps its state in globals, so one at a time.
static bool link(ArrayRef<const char *> arguments, std::string &said) {
  // style: allow(static) guards the linker's own globals.
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  raw_string_ostream stream(said);
  lld::Result result = lld::lldMain(arguments, stream, stream, {{lld::Gnu, &lld::elf::link}});
  return result.retCode == 0;
}

Expected<GpuCode> tegula::linkHSACO(StringRef object) {
  SmallString<128> input, output;
  int descriptor;
  if (sys::fs::createTemporaryFile("tegula", "o", descriptor, input) ||
      sys::fs::createTemporaryFile("tegula", "hsaco", output))
    return createStringError("cannot make a temporary file");
  FileRemover removeInput(input), removeOutput(output);
  {
    raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
    stream << object;
  }
  std::string said;
  const char *arguments[] = {"ld.lld", "-shared", input.c_str(), "-o", output.c_str()};
  if (!link(arguments, said))
    return createStringError("linking the HSACO failed: " + StringRef(said).trim());
  ErrorOr<std::unique_ptr<MemoryBuffer>> image = MemoryBuffer::getFile(output);
  if (!image)
    return createStringError(output + ": " + image.getError().message());
  GpuCode code;
  code.image = (*image)->getBuffer().str();
  if (!StringRef(said).trim().empty())
    code.messages.push_back(StringRef(said).trim().str());
  Expected<std::vector<KernelResources>> kernels = readHSACO(code.image);
  if (!kernels)
    return kernels.takeError();
  code.kernels = std::move(*kernels);
  return code;
}
