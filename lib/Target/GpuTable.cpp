//===- GpuTable.cpp - The GPU targets ------------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where the numbers come from:
//
//   [cuda]  CUDA C++ Programming Guide, "Compute Capabilities" (limits, throughput of
//           arithmetic instructions)
//   [peak]  the vendor's peak of the reference part, divided by its cores and clock
//   [llvm]  LLVM's AMDGPU usage guide and instruction tables
//   [isa]   AMD's CDNA 2 and CDNA 3 instruction set guides
//   [micro] published microbenchmarks: Abdelkhalik et al. 2022 (Ampere), Sun et al.
//           2022 (matrix units), Luo et al. 2024 (Hopper)
//   [obs]   what code of ours was seen to need, in assembler reports
//   [est]   an estimate: order of magnitude right, not measured
//
//===----------------------------------------------------------------------===//

#include "tegula/Target/GpuInfo.h"
#include "tegula/Target/GpuTable.h"
#include "tegula/Target/TargetInfo.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/TargetParser/Triple.h"

#include <algorithm>

using namespace tegula;
using llvm::ArrayRef;
using llvm::StringRef;

//===----------------------------------------------------------------------===//
// What several rows share
//===----------------------------------------------------------------------===//

// Shared memory serves 128 bytes a cycle: 8 lanes of 16 bytes, 16 of 8, 32 of 4.
static constexpr int32_t eight[] = {1, 2, 4}, sixteen[] = {1, 2, 4, 8},
                         thirtyTwo[] = {1, 2, 4, 8, 16};
// ds_read_b128 takes lanes {0-3, 20-23} together. [doc triton #11365, ck docs]
static constexpr int32_t amdRead16[] = {1, 2, 20};

static constexpr SharedPhase nvidiaPhases[] = {
    {SharedAccess::Load, 16, eight},       {SharedAccess::Load, 8, sixteen},
    {SharedAccess::Load, 4, thirtyTwo},    {SharedAccess::Store, 16, eight},
    {SharedAccess::Store, 8, sixteen},     {SharedAccess::Store, 4, thirtyTwo},
    {SharedAccess::Copy, 16, eight},       {SharedAccess::Copy, 8, sixteen},
    {SharedAccess::Copy, 4, thirtyTwo},    {SharedAccess::MatrixLoad, 16, eight},
    {SharedAccess::MatrixStore, 16, eight}};
// stmatrix is the last row and came with compute capability 9.0.
static constexpr ArrayRef<SharedPhase> hopperPhases(nvidiaPhases),
    amperePhases(nvidiaPhases, std::size(nvidiaPhases) - 1);

// gfx90a is assumed to group lanes as gfx942. [est]
static constexpr SharedPhase cdnaPhases[] = {
    {SharedAccess::Load, 16, amdRead16}, {SharedAccess::Load, 8, sixteen},
    {SharedAccess::Load, 4, thirtyTwo},  {SharedAccess::Store, 16, eight},
    {SharedAccess::Store, 8, sixteen},   {SharedAccess::Store, 4, thirtyTwo},
    {SharedAccess::Copy, 4, thirtyTwo}};

static constexpr Completion fifo[] = {Completion::Fifo}, sync[] = {Completion::Sync},
                            tx[] = {Completion::Tx},
                            fifoOrArrive[] = {Completion::Fifo, Completion::Arrive},
                            syncOrArrive[] = {Completion::Sync, Completion::Arrive};

// Barrier objects exist before compute capability 9.0; without roles nothing uses them.
static constexpr Copying ampereCopies[] = {{CopyEngine::Async, fifo, 4, 16},
                                           {CopyEngine::Registers, sync, 1, 16}};
static constexpr Copying bulkCopies[] = {{CopyEngine::Bulk, tx, 16, 256},
                                         {CopyEngine::Async, fifoOrArrive, 4, 16},
                                         {CopyEngine::Registers, syncOrArrive, 1, 16}};
// LDS-DMA of 1 and 2 bytes exists and is of no use to us.
static constexpr Copying cdnaCopies[] = {{CopyEngine::Direct, fifo, 4, 4},
                                         {CopyEngine::Registers, sync, 1, 16}};

// Products of one warp, operands in registers.
static constexpr MatrixUnit warpProduct(llvm::StringLiteral atom, Element element, int32_t k,
                                        int32_t macs, int32_t latency) {
  return {atom,  element, 16,     8, k, 8, 1, OperandSource::Registers, OperandSource::Registers,
          false, macs,    latency};
}
static constexpr MatrixUnit waveProduct(llvm::StringLiteral atom, Element element, int32_t edge,
                                        int32_t k, int32_t macs, int32_t latency) {
  return {
      atom,  element, edge,   edge, k, edge, 1, OperandSource::Registers, OperandSource::Registers,
      false, macs,    latency};
}
static constexpr MatrixUnit groupProduct(Element element, int32_t k, int32_t macs) {
  return {"wgmma",
          element,
          64,
          8,
          k,
          256,
          4,
          OperandSource::Either,
          OperandSource::Shared,
          true,
          macs,
          /*latency [est]=*/32};
}

// 312 and 156 TFLOP/s [peak]; 33 and 35 cycles [micro].
static constexpr MatrixUnit a100Units[] = {warpProduct("m16n8k16", Element::F16, 16, 1024, 33),
                                           warpProduct("m16n8k16", Element::BF16, 16, 1024, 33),
                                           warpProduct("tf32", Element::TF32, 8, 512, 35)};
// 149.7 (A40), 362 (L40S) and 504 (RTX PRO 6000) TFLOP/s [peak]: 512 each. Parts sold
// for games do half with f32 accumulators.
static constexpr MatrixUnit ga102Units[] = {warpProduct("m16n8k16", Element::F16, 16, 512, 33),
                                            warpProduct("m16n8k16", Element::BF16, 16, 512, 33),
                                            warpProduct("tf32", Element::TF32, 8, 256, 33)};
// 989 and 495 TFLOP/s [peak]; one warp's products reach about 62 % of it [micro].
static constexpr MatrixUnit hopperUnits[] = {groupProduct(Element::F16, 16, 2048),
                                             groupProduct(Element::BF16, 16, 2048),
                                             groupProduct(Element::TF32, 8, 1024),
                                             warpProduct("m16n8k16", Element::F16, 16, 1280, 33),
                                             warpProduct("m16n8k16", Element::BF16, 16, 1280, 33),
                                             warpProduct("tf32", Element::TF32, 8, 640, 33)};
// 383 (MI250X) and 1307 (MI300X) TFLOP/s [peak]. 16 and 8 passes of 4 cycles [isa]. With
// f32 and f64 95.7 and 163.4; an atom is four instructions of 16 and 8 passes.
static constexpr MatrixUnit mi200Units[] = {waveProduct("mfma32", Element::F16, 32, 8, 512, 64),
                                            waveProduct("mfma32", Element::BF16, 32, 8, 512, 64),
                                            waveProduct("mfma16", Element::F16, 16, 16, 512, 32),
                                            waveProduct("mfma16", Element::BF16, 16, 16, 512, 32),
                                            waveProduct("mfma32", Element::F32, 32, 8, 128, 256),
                                            waveProduct("mfma16", Element::F32, 16, 16, 128, 128),
                                            waveProduct("mfma16dk16", Element::F64, 16, 16, 128,
                                                        128)};
static constexpr MatrixUnit mi300Units[] = {waveProduct("mfma32", Element::F16, 32, 8, 1024, 32),
                                            waveProduct("mfma32", Element::BF16, 32, 8, 1024, 32),
                                            waveProduct("mfma16", Element::F16, 16, 16, 1024, 16),
                                            waveProduct("mfma16", Element::BF16, 16, 16, 1024, 16),
                                            waveProduct("mfma32", Element::F32, 32, 8, 128, 256),
                                            waveProduct("mfma16", Element::F32, 16, 16, 128, 128),
                                            waveProduct("mfma16dk16", Element::F64, 16, 16, 128,
                                                        128)};

// quad_perm, row_half_mirror, row_ror:8 and row_mirror fold into their consumer. [obs]
static constexpr int32_t dppMasks[] = {1, 2, 3, 7, 8, 15};

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// What every NVIDIA row has in common; a row then says what differs.
static constexpr GpuInfo::Row nvidia(llvm::StringLiteral name, llvm::StringLiteral features) {
  return {/*name=*/name,
          /*backend=*/GpuBackend::NVPTX,
          /*features=*/features,
          /*warpSize=*/32,
          /*threadsPerBlock=*/1024,
          /*warpsPerCore=*/48,
          /*blocksPerCore=*/24, // [cuda]
          /*partitions=*/4,
          /*registersPerLane=*/255,
          /*registersPerCore=*/65536,
          /*registerGranule=*/8, // [cuda]
          /*registerMargin [obs]=*/38,
          /*mostRoles=*/1,
          /*roleRegistersLeast=*/0,
          /*roleRegistersMost=*/0,
          /*sharedPerBlock=*/99 << 10,
          /*sharedPerCore=*/100 << 10,
          /*sharedReserved=*/1 << 10,
          /*banks=*/32,
          /*bankBytes=*/4, // [cuda]
          /*matrixUnits=*/ga102Units,
          /*copies=*/ampereCopies,
          /*phases=*/amperePhases,
          /*warpsPerGroup=*/1,
          /*barriers=*/16,
          /*freeXorMasks=*/{},
          /*movesWaits=*/false,
          /*keepsOrder=*/false,
          /*rates=*/
          {/*fma=*/128, /*fma64=*/2, /*alu=*/64, /*exp=*/16, /*packedFma=*/128, // [cuda]
           /*sharedBytes=*/128, /*cacheBytes [est]=*/64},
          /*latencies [micro], memory [est]=*/
          {/*shared=*/23, /*cache=*/200, /*memory=*/600, /*fma=*/4, /*exp=*/18, /*shuffle=*/23,
           /*barrier [est]=*/20},
          /*part=*/{"", 0, 0, 0, 0}};
}

static constexpr GpuInfo::Row sm80() {
  GpuInfo::Row row = nvidia("sm_80", "+ptx80");
  row.warpsPerCore = 64;
  row.blocksPerCore = 32;
  row.sharedPerBlock = 163 << 10;
  row.sharedPerCore = 164 << 10;
  row.matrixUnits = a100Units;
  row.rates.fma = row.rates.packedFma = 64;
  row.rates.fma64 = 32;
  row.part = {"A100 SXM 80 GB", 108, 1410, 2039, 40};
  return row;
}

static constexpr GpuInfo::Row sm86() {
  GpuInfo::Row row = nvidia("sm_86", "+ptx80");
  row.blocksPerCore = 16;
  row.part = {"A40", 84, 1740, 696, 6};
  return row;
}

static constexpr GpuInfo::Row sm89() {
  GpuInfo::Row row = nvidia("sm_89", "+ptx80");
  row.part = {"L40S", 142, 2520, 864, 96};
  return row;
}

static constexpr GpuInfo::Row sm90a() {
  GpuInfo::Row row = nvidia("sm_90a", "+ptx80");
  row.warpsPerCore = 64;
  row.blocksPerCore = 32;
  row.mostRoles = 4;
  row.roleRegistersLeast = 24; // setmaxnreg, PTX ISA
  row.roleRegistersMost = 256;
  row.sharedPerBlock = 227 << 10;
  row.sharedPerCore = 228 << 10;
  row.matrixUnits = hopperUnits;
  row.copies = bulkCopies;
  row.phases = hopperPhases;
  row.warpsPerGroup = 4;
  row.movesWaits = true; // [obs] wgmma waits, over exponentials
  row.rates.fma64 = 64;
  row.latencies.cache = 260;
  row.part = {"H100 SXM", 132, 1830, 3352, 50};
  return row;
}

static constexpr GpuInfo::Row sm120a() {
  GpuInfo::Row row = nvidia("sm_120a", "+ptx87");
  row.mostRoles = 4;
  row.roleRegistersLeast = 24; // setmaxnreg, PTX ISA
  row.roleRegistersMost = 256;
  row.copies = bulkCopies;
  row.phases = hopperPhases;
  row.part = {"RTX PRO 6000 Blackwell", 188, 2617, 1792, 128};
  return row;
}

/// What the CDNA rows have in common.
static constexpr GpuInfo::Row cdna(llvm::StringLiteral name) {
  return {/*name=*/name,
          /*backend=*/GpuBackend::AMDGPU,
          /*features=*/"",
          /*warpSize=*/64,
          /*threadsPerBlock=*/1024,
          /*warpsPerCore=*/32,
          /*blocksPerCore [est]=*/16, // [llvm]
          /*partitions=*/4,
          // 512 for each of 8 waves of a SIMD. Above 256, values travel through AGPRs. [obs]
          /*registersPerLane=*/256,
          /*registersPerCore=*/131072,
          /*registerGranule=*/8, // [llvm]
          /*registerMargin [obs]=*/30,
          /*mostRoles=*/1,
          /*roleRegistersLeast=*/0,
          /*roleRegistersMost=*/0,
          /*sharedPerBlock=*/64 << 10,
          /*sharedPerCore=*/64 << 10,
          /*sharedReserved=*/0,
          /*banks=*/32,
          /*bankBytes=*/4, // [isa]
          /*matrixUnits=*/mi300Units,
          /*copies=*/cdnaCopies,
          /*phases=*/cdnaPhases,
          /*warpsPerGroup=*/1,
          /*barriers=*/1,
          /*freeXorMasks=*/dppMasks,
          /*movesWaits=*/false,
          /*keepsOrder=*/true,
          /*rates=*/
          {/*fma=*/64, /*fma64=*/64, /*alu=*/64, /*exp=*/16, /*packedFma=*/128, // [isa]
           /*sharedBytes=*/128, /*cacheBytes=*/64},
          /*latencies [est]=*/
          {/*shared=*/64, /*cache=*/300, /*memory=*/800, /*fma=*/4, /*exp=*/16, /*shuffle=*/64,
           /*barrier=*/20},
          /*part=*/{"", 0, 0, 0, 0}};
}

static constexpr GpuInfo::Row gfx90a() {
  GpuInfo::Row row = cdna("gfx90a");
  row.matrixUnits = mi200Units;
  row.part = {"MI250X, one die", 110, 1700, 1638, 8};
  return row;
}

static constexpr GpuInfo::Row gfx942() {
  GpuInfo::Row row = cdna("gfx942");
  row.part = {"MI300X", 304, 2100, 5325, 256};
  return row;
}

static constexpr GpuInfo gpus[] = {GpuInfo(sm80()),  GpuInfo(sm86()),   GpuInfo(sm89()),
                                   GpuInfo(sm90a()), GpuInfo(sm120a()), GpuInfo(gfx90a()),
                                   GpuInfo(gfx942())};

//===----------------------------------------------------------------------===//
// Lookup
//===----------------------------------------------------------------------===//

ArrayRef<GpuInfo> GpuInfo::getAll() { return gpus; }

const GpuInfo *GpuInfo::lookup(StringRef name) {
  const auto *found =
      llvm::find_if(gpus, [&](const GpuInfo &info) { return info.getName() == name; });
  return found == std::end(gpus) ? nullptr : found;
}

const GpuInfo *GpuInfo::lookupCapability(int32_t capability) {
  const GpuInfo *best = nullptr;
  for (const GpuInfo &info : gpus) {
    int32_t own = info.getComputeCapability();
    // Rows with an "a" run on their own chip only; they use what no other has.
    bool isExact = info.getName().ends_with("a");
    if (own == 0 || own > capability || (isExact && own != capability))
      continue;
    if (!best || own > best->getComputeCapability())
      best = &info;
  }
  return best;
}

llvm::PointerUnion<const TargetInfo *, const GpuInfo *> tegula::lookupTarget(StringRef name) {
  if (const GpuInfo *gpu = GpuInfo::lookup(name))
    return gpu;
  return TargetInfo::lookup(name);
}

std::string tegula::getTargetNames() {
  std::string names;
  auto add = [&](StringRef name) { names += (names.empty() ? "" : ", ") + name.str(); };
  for (const TargetInfo &cpu : TargetInfo::getAll())
    add(cpu.getName());
  for (const GpuInfo &gpu : gpus)
    add(gpu.getName());
  return names;
}

static llvm::StringRef getElementName(Element element) {
  static constexpr llvm::StringLiteral names[] = {"f64", "f32", "tf32", "f16", "bf16"};
  return names[static_cast<size_t>(element)];
}

std::string tegula::printGpuTable() {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream, 2);
  json.array([&] {
    for (const GpuInfo &gpu : gpus)
      json.object([&] {
        json.attribute("name", gpu.getName());
        json.attribute("backend", gpu.getBackend() == GpuBackend::NVPTX ? "nvptx" : "amdgpu");
        json.attribute("lanes", gpu.getWarpSize());
        json.attribute("threads_per_block", gpu.getThreadsPerBlock());
        json.attribute("warps_per_core", gpu.getWarpsPerCore());
        json.attribute("roles", gpu.getMostRoles());
        json.attribute("registers_per_lane", gpu.getRegistersPerLane());
        json.attribute("registers_per_core", gpu.getRegistersPerCore());
        json.attribute("shared_per_block", gpu.getSharedPerBlock());
        json.attribute("shared_per_core", gpu.getSharedPerCore());
        json.attributeArray("matrix_units", [&] {
          for (const MatrixUnit &unit : gpu.getMatrixUnits())
            json.object([&] {
              json.attribute("atom", unit.atom);
              json.attribute("element", getElementName(unit.element));
              json.attribute("m", unit.m);
              json.attribute("n", unit.n);
              json.attribute("n_most", unit.nMost);
              json.attribute("k", unit.k);
              json.attribute("warps", unit.warps);
              json.attribute("async", unit.async);
              json.attribute("macs_per_cycle", unit.macsPerCycle);
            });
        });
        json.attributeArray("copies", [&] {
          for (const Copying &copy : gpu.getCopies())
            json.object([&] {
              json.attribute("engine", stringify(copy.engine));
              json.attributeArray("completions", [&] {
                for (Completion kind : copy.completions)
                  json.value(stringify(kind));
              });
              json.attribute("least_bytes", copy.leastBytes);
              json.attribute("most_bytes", copy.mostBytes);
            });
        });
        json.attributeObject("part", [&] {
          const ReferencePart &part = gpu.getReferencePart();
          json.attribute("name", part.name);
          json.attribute("cores", part.cores);
          json.attribute("megahertz", part.megahertz);
          json.attribute("gigabytes_per_second", part.gigabytesPerSecond);
          json.attribute("cache_megabytes", part.cacheMegabytes);
        });
      });
  });
  return text;
}

//===----------------------------------------------------------------------===//
// Answers
//===----------------------------------------------------------------------===//

StringRef tegula::stringify(CopyEngine engine) {
  static constexpr llvm::StringLiteral names[] = {"async", "bulk", "direct", "pack", "registers"};
  return names[static_cast<size_t>(engine)];
}

StringRef tegula::stringify(Completion kind) {
  static constexpr llvm::StringLiteral names[] = {"tx", "arrive", "fifo", "sync"};
  return names[static_cast<size_t>(kind)];
}

std::optional<Element> tegula::getElement(mlir::Type type) {
  if (type.isF64())
    return Element::F64;
  if (type.isF32())
    return Element::F32;
  if (type.isTF32())
    return Element::TF32;
  if (type.isF16())
    return Element::F16;
  if (type.isBF16())
    return Element::BF16;
  return std::nullopt;
}

bool Copying::completesAs(Completion kind) const { return llvm::is_contained(completions, kind); }

StringRef GpuInfo::getTriple() const {
  return row.backend == GpuBackend::NVPTX ? "nvptx64-nvidia-cuda" : "amdgcn-amd-amdhsa";
}

std::string GpuInfo::getDataLayout() const { return llvm::Triple(getTriple()).computeDataLayout(); }

int32_t GpuInfo::getComputeCapability() const {
  StringRef digits = row.name;
  int32_t capability = 0;
  if (!digits.consume_front("sm_") || digits.consumeInteger(10, capability))
    return 0;
  return capability;
}

int32_t GpuInfo::getEntryRegisters(int32_t threads) const {
  int32_t warps = std::max<int32_t>(1, llvm::divideCeil(threads, row.warpSize));
  int32_t warpsOfPart = llvm::divideCeil(warps, row.partitions);
  int32_t share = row.registersPerCore / row.partitions / row.warpSize / warpsOfPart;
  return std::min<int32_t>(llvm::alignDown(share, row.registerGranule), row.registersPerLane);
}

int32_t GpuInfo::getResidentBlocks(int32_t threads, int32_t registers, int32_t sharedBytes) const {
  int32_t warps = std::max<int32_t>(1, llvm::divideCeil(threads, row.warpSize));
  int32_t used = llvm::alignTo(std::max(registers, 1), row.registerGranule);
  int32_t warpsOfPart = row.registersPerCore / row.partitions / (used * row.warpSize);
  int32_t byRegisters = warpsOfPart * row.partitions / warps;
  int32_t bytes = sharedBytes + row.sharedReserved;
  int32_t byShared = bytes == 0 ? row.blocksPerCore : row.sharedPerCore / bytes;
  return std::min({byRegisters, byShared, row.warpsPerCore / warps, row.blocksPerCore});
}

const SharedPhase *GpuInfo::findSharedPhase(SharedAccess access, int32_t bytes) const {
  for (const SharedPhase &phase : row.phases)
    if (phase.access == access && phase.bytes == bytes)
      return &phase;
  return nullptr;
}

const Copying *GpuInfo::findCopy(CopyEngine engine) const {
  for (const Copying &copy : row.copies)
    if (copy.engine == engine)
      return &copy;
  return nullptr;
}

bool GpuInfo::hasCompletion(Completion kind) const {
  return llvm::any_of(row.copies, [&](const Copying &copy) { return copy.completesAs(kind); });
}

const MatrixUnit *GpuInfo::findMatrixUnit(StringRef atom, Element element) const {
  for (const MatrixUnit &unit : row.matrixUnits)
    if (unit.atom == atom && unit.element == element)
      return &unit;
  return nullptr;
}

const MatrixUnit *GpuInfo::findMatrixUnit(Element element, bool async) const {
  const MatrixUnit *best = nullptr;
  for (const MatrixUnit &unit : row.matrixUnits)
    if (unit.element == element && unit.async == async &&
        (!best || unit.macsPerCycle > best->macsPerCycle))
      best = &unit;
  return best;
}

int32_t GpuInfo::getPolynomialPeriod() const {
  // A softmax has about 4 other ops an element for these units (scale, maximum, sum,
  // rounding), and a polynomial of degree 3 takes about 8. A share x balances the two where
  // (1 - x) / exp = (4 + 8 x) / fma.
  int32_t fma = row.rates.packedFma, exp = row.rates.exp, spare = fma - 4 * exp;
  return spare <= 0 ? 0 : (fma + 8 * exp + spare / 2) / spare;
}

bool GpuInfo::hasAsyncProducts() const {
  return llvm::any_of(row.matrixUnits, [](const MatrixUnit &unit) { return unit.async; });
}

bool GpuInfo::isFreeExchange(int32_t mask) const {
  return llvm::is_contained(row.freeXorMasks, mask);
}
