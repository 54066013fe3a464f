//===- tegula.cpp - The C interface of Tegula -----------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Opaque.h"

#include "tegula/Pipelines/Compile.h"
#include "tegula/Runtime/Artifact.h"
#include "tegula/Runtime/Gpu.h"
#include "tegula/Runtime/Module.h"
#include "tegula/Target/CpuTarget.h"
#include "tegula/Target/GpuTable.h"
#include "tegula/Target/TargetInfo.h"

#include <cstring>

using namespace tegula;

//===----------------------------------------------------------------------===//
// Opaque types
//===----------------------------------------------------------------------===//

struct tegula_artifact {
  std::shared_ptr<const Artifact> artifact;
};
struct tegula_kernel {
  Kernel &kernel;
  std::weak_ptr<Module> module;
};
struct tegula_program {
  Program &program;
  std::weak_ptr<Module> module;
};
struct tegula_module {
  std::shared_ptr<Module> module;
  std::vector<tegula_kernel> kernels;
  std::vector<tegula_program> programs;
};
struct tegula_record {
  std::unique_ptr<Launchable> record;
  /// The same object where it is a program's, else null.
  ProgramRecord *program;
};

struct tegula_gpu {
  std::shared_ptr<GpuDevice> device;
};
struct tegula_gpu_module {
  std::unique_ptr<GpuModule> module;
};

// The C enums are the C++ ones, value for value.
static_assert(TEGULA_F8E5M2 == static_cast<int>(DType::F8E5M2) &&
              TEGULA_INDEX == static_cast<int>(DType::Index) &&
              TEGULA_I1 == static_cast<int>(DType::I1));
static_assert(TEGULA_INOUT == static_cast<int>(ArgumentAccess::InOut) &&
              TEGULA_ERROR == static_cast<int>(Severity::Error));
static_assert(TEGULA_DYNAMIC == dynamicExtent);

/// A list for the caller, or null where there is nothing to say.
static tegula_diagnostics *give(Diagnostics &&list) {
  return list.empty() ? nullptr : new tegula_diagnostics{std::move(list)};
}

static tegula_diagnostics *giveError(std::string message) {
  return new tegula_diagnostics{{makeError(std::move(message))}};
}

static const tegula_diagnostic *view(const Diagnostic &diagnostic) {
  return static_cast<const tegula_diagnostic *>(&diagnostic);
}

//===----------------------------------------------------------------------===//
// Version, diagnostics, bytes
//===----------------------------------------------------------------------===//

int tegula_api_version(void) { return TEGULA_API_VERSION; }
const char *tegula_version(void) { return libraryVersion; }

size_t tegula_diagnostics_count(const tegula_diagnostics *diagnostics) {
  return diagnostics ? diagnostics->list.size() : 0;
}
const tegula_diagnostic *tegula_diagnostics_get(const tegula_diagnostics *diagnostics,
                                                size_t index) {
  return index < tegula_diagnostics_count(diagnostics) ? view(diagnostics->list[index]) : nullptr;
}
void tegula_diagnostics_free(tegula_diagnostics *diagnostics) { delete diagnostics; }

tegula_severity tegula_diagnostic_severity(const tegula_diagnostic *diagnostic) {
  return static_cast<tegula_severity>(diagnostic->severity);
}
const char *tegula_diagnostic_message(const tegula_diagnostic *diagnostic) {
  return diagnostic->message.c_str();
}
size_t tegula_diagnostic_site_count(const tegula_diagnostic *diagnostic) {
  return diagnostic->sites.size();
}
tegula_position tegula_diagnostic_site(const tegula_diagnostic *diagnostic, size_t index) {
  if (index >= diagnostic->sites.size())
    return {"", 0, 0, 0, 0};
  const Position &position = diagnostic->sites[index];
  return {position.file.c_str(), position.line, position.column, position.endLine,
          position.endColumn};
}
size_t tegula_diagnostic_note_count(const tegula_diagnostic *diagnostic) {
  return diagnostic->notes.size();
}
const tegula_diagnostic *tegula_diagnostic_note(const tegula_diagnostic *diagnostic, size_t index) {
  return index < diagnostic->notes.size() ? view(diagnostic->notes[index]) : nullptr;
}

const char *tegula_bytes_data(const tegula_bytes *bytes) { return bytes->data.c_str(); }
size_t tegula_bytes_size(const tegula_bytes *bytes) { return bytes->data.size(); }
void tegula_bytes_free(tegula_bytes *bytes) { delete bytes; }

//===----------------------------------------------------------------------===//
// Compiling
//===----------------------------------------------------------------------===//

/// The options that `given` stands for; false with a message where it makes no sense.
static bool readOptions(const tegula_options *given, CompileOptions &options,
                        std::string &message) {
  tegula_options all = {};
  if (given) // a caller built with an older header gives fewer fields
    std::memcpy(&all, given, std::min(given->size, sizeof(all)));
  if (all.target)
    options.target = all.target;
  if (all.ptxas)
    options.assembler.path = all.ptxas;
  std::optional<Path> path = symbolizePath(all.path ? all.path : "sched");
  if (!path) {
    message = std::string("unknown path '") + all.path + "': expected sched or loops";
    return false;
  }
  options.path = *path;
  options.sched.rescaleAbove = all.rescale_above;
  if (all.exp_policy)
    options.sched.expPolicy = all.exp_policy;
  message = options.sched.findFault();
  return message.empty();
}

tegula_diagnostics *tegula_target_describe(const char *target, tegula_target_facts *given,
                                           tegula_bytes **name) {
  *name = nullptr;
  std::string wanted = target ? target : "native";
  uint64_t seed = 0;
  const GpuInfo *gpu = parseSimulated(wanted, seed);
  if (gpu || (gpu = GpuInfo::lookup(wanted))) {
    tegula_target_facts facts = {};
    facts.size = given->size;
    facts.on_chip_bytes = facts.l1_bytes = gpu->getSharedPerBlock();
    // A warp's register is the vector of a GPU.
    facts.vector_bytes = 4 * gpu->getWarpSize();
    facts.vector_registers = gpu->getRegistersPerLane();
    // Half of what a block of as many warps has whose lanes all take the most.
    int64_t warps = gpu->getRegistersPerCore() / (gpu->getRegistersPerLane() * gpu->getWarpSize());
    warps = std::max<int64_t>(
        1, std::min<int64_t>(warps, gpu->getThreadsPerBlock() / gpu->getWarpSize()));
    facts.sum_bytes = warps * facts.vector_bytes * facts.vector_registers / 2;
    facts.lanes = gpu->getWarpSize();
    std::memcpy(given, &facts, std::min(given->size, sizeof(facts)));
    *name = new tegula_bytes{wanted};
    return nullptr;
  }
  llvm::Expected<CpuTarget> found = resolveCpuTarget(wanted);
  if (!found)
    return giveError(llvm::toString(found.takeError()));
  const TargetInfo *info = TargetInfo::lookup(found->row);
  if (!info)
    return giveError("no facts of target '" + found->row + "'");
  tegula_target_facts facts = {};
  facts.size = given->size;
  facts.on_chip_bytes = info->getL2Bytes();
  facts.l1_bytes = info->getL1Bytes();
  facts.vector_bytes = info->getVectorBytes();
  facts.vector_registers = info->getNumRegisters();
  facts.sum_bytes = facts.on_chip_bytes;
  facts.lanes = 1;
  std::memcpy(given, &facts, std::min(given->size, sizeof(facts)));
  *name = new tegula_bytes{found->name};
  return nullptr;
}

tegula_diagnostics *tegula_target_table(tegula_bytes **json) {
  *json = new tegula_bytes{printGpuTable()};
  return nullptr;
}

tegula_diagnostics *tegula_compile(const char *text, size_t size, const char *file_name,
                                   const tegula_options *given, tegula_artifact **artifact) {
  *artifact = nullptr;
  CompileOptions options;
  std::string message;
  if (!readOptions(given, options, message))
    return giveError(message);
  Diagnostics diagnostics;
  std::shared_ptr<const Artifact> made =
      compile(llvm::StringRef(text, size), file_name ? file_name : "-", options, diagnostics);
  if (made)
    *artifact = new tegula_artifact{std::move(made)};
  return give(std::move(diagnostics));
}

tegula_diagnostics *tegula_emit(const char *text, size_t size, const char *file_name,
                                const char *level, const tegula_options *given,
                                tegula_bytes **output) {
  *output = nullptr;
  CompileOptions options;
  std::string message;
  if (!readOptions(given, options, message))
    return giveError(message);
  std::optional<Level> wanted = symbolizeLevel(level);
  if (!wanted)
    return giveError(std::string("unknown level '") + level +
                     "': expected tegula, sched, loops, nvvm, rocdl, llvm, asm, obj, ptx, cubin or "
                     "hsaco");
  Diagnostics diagnostics;
  std::optional<std::string> made =
      emit(llvm::StringRef(text, size), file_name ? file_name : "-", *wanted, options, diagnostics);
  if (made)
    *output = new tegula_bytes{std::move(*made)};
  return give(std::move(diagnostics));
}

tegula_diagnostics *tegula_artifact_serialize(const tegula_artifact *artifact,
                                              tegula_bytes **bytes) {
  std::vector<char> data = artifact->artifact->serialize();
  *bytes = new tegula_bytes{std::string(data.data(), data.size())};
  return nullptr;
}

tegula_diagnostics *tegula_artifact_deserialize(const char *data, size_t size,
                                                tegula_artifact **artifact) {
  *artifact = nullptr;
  Diagnostics diagnostics;
  std::shared_ptr<const Artifact> read = Artifact::deserialize(data, size, diagnostics);
  if (read)
    *artifact = new tegula_artifact{std::move(read)};
  return give(std::move(diagnostics));
}

const char *tegula_artifact_target(const tegula_artifact *artifact) {
  return artifact->artifact->target.c_str();
}
void tegula_artifact_free(tegula_artifact *artifact) { delete artifact; }

//===----------------------------------------------------------------------===//
// Modules and kernels
//===----------------------------------------------------------------------===//

tegula_diagnostics *tegula_module_load(const tegula_artifact *artifact, tegula_module **module) {
  return tegula_module_load_on(artifact, -1, module);
}

tegula_diagnostics *tegula_module_load_on(const tegula_artifact *artifact, int device,
                                          tegula_module **module) {
  *module = nullptr;
  ImageKind kind = artifact->artifact->imageKind;
  if (device != -1 && kind != ImageKind::CUDA && kind != ImageKind::HIP)
    return giveError("the program is for '" + artifact->artifact->target +
                     "', which has no device " + std::to_string(device));
  Diagnostics diagnostics;
  std::shared_ptr<Module> loaded = Module::load(artifact->artifact, diagnostics, device);
  if (loaded) {
    auto *result = new tegula_module{loaded, {}, {}};
    result->kernels.reserve(loaded->size());
    for (size_t i = 0; i < loaded->size(); ++i)
      result->kernels.push_back({loaded->kernel(i), loaded});
    result->programs.reserve(loaded->programCount());
    for (size_t i = 0; i < loaded->programCount(); ++i)
      result->programs.push_back({loaded->program(i), loaded});
    *module = result;
  }
  return give(std::move(diagnostics));
}

size_t tegula_module_kernel_count(const tegula_module *module) { return module->kernels.size(); }
const tegula_kernel *tegula_module_kernel(const tegula_module *module, size_t index) {
  return index < module->kernels.size() ? &module->kernels[index] : nullptr;
}
const tegula_kernel *tegula_module_find(const tegula_module *module, const char *name) {
  for (const tegula_kernel &kernel : module->kernels)
    if (kernel.kernel.info.name == name)
      return &kernel;
  return nullptr;
}
void tegula_module_free(tegula_module *module) { delete module; }

const char *tegula_kernel_name(const tegula_kernel *kernel) {
  return kernel->kernel.info.name.c_str();
}
size_t tegula_kernel_argument_count(const tegula_kernel *kernel) {
  return kernel->kernel.info.arguments.size();
}
static tegula_argument giveArgument(const std::vector<ArgumentInfo> &arguments, size_t index) {
  if (index >= arguments.size())
    return {};
  const ArgumentInfo &info = arguments[index];
  return {info.name.c_str(),
          static_cast<tegula_access>(info.access),
          static_cast<tegula_dtype>(info.dtype),
          static_cast<uint32_t>(info.sizes.size()),
          info.sizes.data(),
          info.strides.data(),
          info.align,
          info.multiples.empty() ? nullptr : info.multiples.data()};
}
tegula_argument tegula_kernel_argument(const tegula_kernel *kernel, size_t index) {
  return giveArgument(kernel->kernel.info.arguments, index);
}
size_t tegula_kernel_requirement_count(const tegula_kernel *kernel) {
  return kernel->kernel.info.requirements.size();
}
const char *tegula_kernel_requirement(const tegula_kernel *kernel, size_t index) {
  const std::vector<MessageInfo> &all = kernel->kernel.info.requirements;
  return index < all.size() ? all[index].text.c_str() : nullptr;
}
size_t tegula_kernel_grid_rank(const tegula_kernel *kernel) {
  return kernel->kernel.info.steps.size();
}
int64_t tegula_kernel_grid_step(const tegula_kernel *kernel, size_t axis) {
  const std::vector<int64_t> &steps = kernel->kernel.info.steps;
  return axis < steps.size() ? steps[axis] : 0;
}
uint64_t tegula_kernel_arena_bytes(const tegula_kernel *kernel) {
  return kernel->kernel.info.arenaBytes;
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

size_t tegula_module_program_count(const tegula_module *module) { return module->programs.size(); }
const tegula_program *tegula_module_program(const tegula_module *module, size_t index) {
  return index < module->programs.size() ? &module->programs[index] : nullptr;
}
const tegula_program *tegula_module_find_program(const tegula_module *module, const char *name) {
  for (const tegula_program &program : module->programs)
    if (program.program.info.name == name)
      return &program;
  return nullptr;
}
const char *tegula_program_name(const tegula_program *program) {
  return program->program.info.name.c_str();
}
size_t tegula_program_argument_count(const tegula_program *program) {
  return program->program.info.arguments.size();
}
tegula_argument tegula_program_argument(const tegula_program *program, size_t index) {
  return giveArgument(program->program.info.arguments, index);
}
size_t tegula_program_requirement_count(const tegula_program *program) {
  return program->program.info.requirements.size();
}
const char *tegula_program_requirement(const tegula_program *program, size_t index) {
  const std::vector<MessageInfo> &all = program->program.info.requirements;
  return index < all.size() ? all[index].text.c_str() : nullptr;
}

//===----------------------------------------------------------------------===//
// Launching
//===----------------------------------------------------------------------===//

/// The layouts that descriptors stand for; null, or why they make no sense.
static tegula_diagnostics *readLayouts(const tegula_descriptor *descriptors, size_t count,
                                       std::vector<ArgumentLayout> &layouts) {
  layouts.resize(count);
  for (size_t i = 0; i < count; ++i) {
    const tegula_descriptor &descriptor = descriptors[i];
    if (descriptor.dtype < 0 || descriptor.dtype > TEGULA_F8E5M2)
      return giveError("descriptor " + std::to_string(i) + " has no valid element type");
    layouts[i].dtype = static_cast<DType>(descriptor.dtype);
    if (descriptor.rank) {
      layouts[i].sizes.assign(descriptor.sizes, descriptor.sizes + descriptor.rank);
      layouts[i].strides.assign(descriptor.strides, descriptor.strides + descriptor.rank);
    }
  }
  return nullptr;
}

tegula_diagnostics *tegula_prepare(const tegula_kernel *kernel,
                                   const tegula_descriptor *descriptors, size_t count,
                                   tegula_record **record) {
  *record = nullptr;
  std::vector<ArgumentLayout> layouts;
  if (tegula_diagnostics *wrong = readLayouts(descriptors, count, layouts))
    return wrong;
  std::shared_ptr<Module> module = kernel->module.lock();
  if (!module)
    return giveError("the kernel's module has been freed");
  Diagnostics diagnostics;
  std::unique_ptr<Record> prepared =
      Record::prepare(std::move(module), kernel->kernel, layouts, diagnostics);
  if (prepared)
    *record = new tegula_record{std::move(prepared), nullptr};
  return give(std::move(diagnostics));
}

tegula_diagnostics *tegula_program_prepare(const tegula_program *program,
                                           const tegula_descriptor *descriptors, size_t count,
                                           tegula_record **record) {
  *record = nullptr;
  std::vector<ArgumentLayout> layouts;
  if (tegula_diagnostics *wrong = readLayouts(descriptors, count, layouts))
    return wrong;
  std::shared_ptr<Module> module = program->module.lock();
  if (!module)
    return giveError("the program's module has been freed");
  Diagnostics diagnostics;
  std::unique_ptr<ProgramRecord> prepared =
      ProgramRecord::prepare(std::move(module), program->program, layouts, diagnostics);
  if (prepared) {
    ProgramRecord *same = prepared.get();
    *record = new tegula_record{std::move(prepared), same};
  }
  return give(std::move(diagnostics));
}

tegula_diagnostics *tegula_launch(tegula_record *record, const void *packed, int threads) {
  std::optional<Diagnostic> failure =
      record->record->launch(static_cast<const uint64_t *>(packed), {threads});
  return failure ? new tegula_diagnostics{{std::move(*failure)}} : nullptr;
}

tegula_diagnostics *tegula_launch_with(tegula_record *record, const void *packed,
                                       const tegula_launch_options *given) {
  tegula_launch_options all = {};
  if (given)
    std::memcpy(&all, given, std::min(given->size, sizeof(all)));
  LaunchOptions options;
  options.threads = all.threads;
  options.stream = all.stream;
  if (all.has_seed)
    options.seed = all.seed;
  options.races = !all.no_races;
  std::optional<Diagnostic> failure =
      record->record->launch(static_cast<const uint64_t *>(packed), options);
  return failure ? new tegula_diagnostics{{std::move(*failure)}} : nullptr;
}

tegula_diagnostics *tegula_record_workspace(tegula_record *record, const void *packed,
                                            uint64_t *bytes) {
  *bytes = 0;
  if (!record->program)
    return nullptr;
  std::optional<Diagnostic> failure =
      record->program->workspace(static_cast<const uint64_t *>(packed), *bytes);
  return failure ? new tegula_diagnostics{{std::move(*failure)}} : nullptr;
}

void tegula_record_free(tegula_record *record) { delete record; }

//===----------------------------------------------------------------------===//
// GPUs
//===----------------------------------------------------------------------===//

tegula_diagnostics *tegula_gpu_open(const char *api, int ordinal, tegula_gpu **gpu) {
  *gpu = nullptr;
  std::string name = api ? api : "";
  if (name != "cuda" && name != "hip")
    return giveError("unknown GPU interface '" + name + "': expected cuda or hip");
  Diagnostics diagnostics;
  std::shared_ptr<GpuDevice> device =
      GpuDevice::open(name == "cuda" ? GpuApi::CUDA : GpuApi::HIP, ordinal, diagnostics);
  if (device)
    *gpu = new tegula_gpu{std::move(device)};
  return give(std::move(diagnostics));
}
const char *tegula_gpu_name(const tegula_gpu *gpu) { return gpu->device->getName().c_str(); }
const char *tegula_gpu_target(const tegula_gpu *gpu) { return gpu->device->getTarget().c_str(); }
void tegula_gpu_free(tegula_gpu *gpu) { delete gpu; }

tegula_diagnostics *tegula_gpu_load(const tegula_gpu *gpu, const char *image, size_t size,
                                    tegula_gpu_module **module) {
  *module = nullptr;
  Diagnostics diagnostics;
  std::unique_ptr<GpuModule> loaded =
      GpuModule::load(gpu->device, std::string(image, size), diagnostics);
  if (loaded)
    *module = new tegula_gpu_module{std::move(loaded)};
  return give(std::move(diagnostics));
}
void tegula_gpu_module_free(tegula_gpu_module *module) { delete module; }

tegula_diagnostics *tegula_gpu_launch(tegula_gpu_module *module, const char *kernel,
                                      const tegula_gpu_launch_info *given, void **arguments) {
  tegula_gpu_launch_info info = {};
  std::memcpy(&info, given, std::min(given->size, sizeof(info)));
  GpuLaunch launch;
  launch.blocks[0] = info.blocks_x;
  launch.blocks[1] = info.blocks_y;
  launch.blocks[2] = info.blocks_z;
  launch.threads = info.threads;
  launch.sharedBytes = info.shared_bytes;
  launch.stream = info.stream;
  std::optional<Diagnostic> failure = module->module->launch(kernel, launch, arguments);
  return failure ? new tegula_diagnostics{{std::move(*failure)}} : nullptr;
}
