//===- Report.cpp - What is said about errors ----------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Core/Run.h"
#include "../Decode/Decoder.h"

#include "llvm/IR/DebugInfoMetadata.h"
#include "llvm/IR/Function.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace tegula::sim;

StringRef tegula::sim::kindName(ReportKind kind) {
  switch (kind) {
  case ReportKind::Launch:
    return "launch";
  case ReportKind::Unsupported:
    return "unsupported";
  case ReportKind::OutOfBounds:
    return "out-of-bounds";
  case ReportKind::Misaligned:
    return "misaligned";
  case ReportKind::Uninitialised:
    return "uninitialised";
  case ReportKind::ReadOnly:
    return "read-only";
  case ReportKind::Deadlock:
    return "deadlock";
  case ReportKind::Livelock:
    return "livelock";
  case ReportKind::Convergence:
    return "convergence";
  case ReportKind::Misuse:
    return "misuse";
  case ReportKind::AsyncAtExit:
    return "async-at-exit";
  case ReportKind::Trap:
    return "trap";
  case ReportKind::Race:
    return "race";
  case ReportKind::RaceAsync:
    return "race-async";
  case ReportKind::RaceLane:
    return "race-lane";
  case ReportKind::RaceBlock:
    return "race-block";
  }
  return "unknown";
}

std::vector<Site> tegula::sim::sitesOf(const Instruction &inst) {
  std::vector<Site> sites;
  for (const DILocation *at = inst.getDebugLoc().get(); at; at = at->getInlinedAt()) {
    SmallString<128> file(at->getFilename());
    if (!sys::path::is_absolute(file) && !at->getDirectory().empty()) {
      file = at->getDirectory();
      sys::path::append(file, at->getFilename());
    }
    sites.push_back({file.str().str(), at->getLine(), at->getColumn()});
  }
  return sites;
}

std::string tegula::sim::textOf(const Instruction &inst) {
  std::string text;
  raw_string_ostream os(text);
  inst.print(os);
  // Without the metadata, which says nothing to a reader.
  size_t end = text.find(", !");
  return StringRef(text).take_front(end).trim().take_front(200).str();
}

std::vector<Site> Machine::sitesOf(uint32_t source) const {
  const Instruction *inst = source < program.sources.size() ? program.sources[source] : nullptr;
  return inst ? tegula::sim::sitesOf(*inst) : std::vector<Site>();
}

void Machine::report(ReportKind kind, const Warp *warp, const Inst *pc, uint64_t lanes,
                     const Twine &message, std::vector<Note> notes) {
  uint32_t source = pc ? pc->source : 0;
  if (!reported.insert(uint64_t(kind) << 32 | source).second || stopped)
    return;
  Report r{kind, message.str(), sitesOf(source), {}, program.name, {0, 0, 0},
           -1,   lanes,         std::move(notes)};
  if (const Instruction *inst = source < program.sources.size() ? program.sources[source] : nullptr)
    r.instruction = textOf(*inst);
  if (warp) {
    r.block = warp->block->index;
    r.warp = warp->id;
  }
  reports.push_back(std::move(r));
  if (reports.size() >= options.maxReports)
    stopped = true;
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

std::string Machine::regionName(const Region *region) const {
  if (region->space == Space::Shared)
    return "shared memory";
  if (region->space == Space::Local)
    return "private memory";
  if (region->buffer >= 0)
    return "'" + launch.buffers[region->buffer].name + "'";
  for (size_t i = launch.buffers.size(); i < regions.size(); ++i)
    if (regions[i].get() == region && i - launch.buffers.size() < program.data.size())
      return "'" + program.data[i - launch.buffers.size()].name + "'";
  return "an argument";
}

std::string Machine::describePlace(const Region *region, uint64_t offset) const {
  auto signedOffset = static_cast<int64_t>(offset);
  if (signedOffset < 0)
    return std::to_string(-signedOffset) + " bytes before " + regionName(region);
  if (offset >= region->size)
    return std::to_string(offset - region->size) + " bytes past the end of " + regionName(region) +
           ", which has " + std::to_string(region->size) + " bytes";
  if (region->space == Space::Shared) {
    for (const SharedVariable &variable : program.shared)
      if (offset - variable.offset < variable.size)
        return "byte " + std::to_string(offset - variable.offset) + " of '" + variable.name + "'";
    return "byte " + std::to_string(offset) + " of shared memory";
  }
  if (region->buffer < 0)
    return "byte " + std::to_string(offset) + " of " + regionName(region);
  const Buffer &buffer = launch.buffers[region->buffer];
  unsigned bytes = std::max(1u, buffer.elementBytes);
  uint64_t index = offset / bytes;
  std::vector<uint64_t> indices;
  for (size_t axis = buffer.shape.size(); axis-- > 1;) {
    uint64_t size = std::max<int64_t>(buffer.shape[axis], 1);
    indices.push_back(index % size);
    index /= size;
  }
  indices.push_back(index);
  std::string text = buffer.name + "[";
  for (size_t i = indices.size(); i-- > 0;)
    text += std::to_string(indices[i]) + (i ? ", " : "]");
  if (offset % bytes)
    text += " + " + std::to_string(offset % bytes) + " bytes";
  return text;
}

/// "lane 3" or "lanes 3, 4, 5 and 12 others".
static std::string laneList(uint64_t lanes) {
  unsigned count = popcount(lanes);
  if (count == 1)
    return "lane " + std::to_string(countr_zero(lanes));
  std::string text = "lanes ";
  unsigned shown = 0;
  for (uint64_t m = lanes; m && shown < 3; m &= m - 1, ++shown)
    text += (shown ? ", " : "") + std::to_string(countr_zero(m));
  if (count > shown)
    text += " and " + std::to_string(count - shown) + " others";
  return text;
}

void tegula::sim::reportOutOfBounds(Warp &warp, const Inst *pc, const Region *region,
                                    uint64_t lanes, const uint64_t *addresses, unsigned bytes,
                                    bool store) {
  Machine &machine = *warp.machine;
  uint64_t address = addresses[countr_zero(lanes)];
  std::string what = (store ? "a store of " : "a load of ") + std::to_string(bytes) + " bytes by " +
                     laneList(lanes);
  if (!region) {
    machine.report(ReportKind::OutOfBounds, &warp, pc, lanes,
                   what + " at address 0x" + utohexstr(address) + ", which belongs to no buffer");
    return;
  }
  // An access that starts inside and ends outside.
  std::string place = machine.describePlace(region, address);
  if (address < region->size)
    place += ", " + std::to_string(address + bytes - region->size) + " bytes past the end of " +
             machine.regionName(region);
  machine.report(ReportKind::OutOfBounds, &warp, pc, lanes, what + " at " + place);
}

void tegula::sim::reportMisaligned(Warp &warp, const Inst *pc, const Region *region, uint64_t lanes,
                                   const uint64_t *addresses, unsigned align, bool store) {
  warp.machine->report(ReportKind::Misaligned, &warp, pc, lanes,
                       Twine(store ? "a store" : "a load") + " by " + laneList(lanes) + " at " +
                           warp.machine->describePlace(region, addresses[countr_zero(lanes)]) +
                           " is not aligned to " + Twine(align) + " bytes");
}

void tegula::sim::reportReadOnly(Warp &warp, const Inst *pc, const Region *region, uint64_t lanes) {
  if (lanes)
    warp.machine->report(ReportKind::ReadOnly, &warp, pc, lanes,
                         "a store by " + laneList(lanes) + " to " +
                             warp.machine->regionName(region) + ", which is read-only");
}

void tegula::sim::reportUndefined(Warp &warp, const Inst *pc, uint64_t lanes, const char *what) {
  warp.machine->report(ReportKind::Uninitialised, &warp, pc, lanes,
                       Twine(what) + " is undefined in " + laneList(lanes));
}

void tegula::sim::reportUndefinedStore(Warp &warp, const Inst *pc, const Region *region,
                                       uint64_t lanes, const uint64_t *offsets) {
  warp.machine->report(ReportKind::Uninitialised, &warp, pc, lanes,
                       "an undefined value is stored by " + laneList(lanes) + " to " +
                           warp.machine->describePlace(region, offsets[countr_zero(lanes)]));
}

void tegula::sim::reportMisuse(Warp &warp, const Inst *pc, uint64_t lanes, const char *message) {
  warp.machine->report(ReportKind::Misuse, &warp, pc, lanes,
                       Twine(message) + " (" + laneList(lanes) + ")");
}

void tegula::sim::reportConvergence(Warp &warp, const Inst *pc, uint64_t lanes,
                                    const char *message) {
  warp.machine->report(ReportKind::Convergence, &warp, pc, lanes,
                       Twine(message) + " (" + laneList(lanes) + ")");
}

void tegula::sim::reportTrap(Warp &warp, const Inst *pc, uint64_t lanes, const char *message) {
  warp.machine->report(ReportKind::Trap, &warp, pc, lanes, message);
}

//===----------------------------------------------------------------------===//
// Output
//===----------------------------------------------------------------------===//

static void printSites(ArrayRef<Site> sites, StringRef severity, StringRef message,
                       raw_ostream &os) {
  if (!sites.empty())
    os << sites[0].file << ":" << sites[0].line << ":" << sites[0].column << ": ";
  os << severity << ": " << message << "\n";
  for (const Site &site : sites.drop_front(std::min<size_t>(1, sites.size())))
    os << "  called from " << site.file << ":" << site.line << ":" << site.column << "\n";
}

void Result::printText(raw_ostream &os) const {
  for (const Report &r : reports) {
    printSites(r.sites, "error", (kindName(r.kind) + ": " + r.message).str(), os);
    if (r.warp >= 0)
      os << "  in block (" << r.block[0] << ", " << r.block[1] << ", " << r.block[2] << "), warp "
         << r.warp << " of '" << r.function << "'\n";
    if (!r.instruction.empty())
      os << "  at '" << r.instruction << "'\n";
    for (const Note &note : r.notes)
      printSites(note.sites, "note", note.message, os);
  }
}

static json::Array toJSON(ArrayRef<Site> sites) {
  json::Array result;
  for (const Site &site : sites)
    result.push_back(
        json::Object{{"file", site.file}, {"line", site.line}, {"column", site.column}});
  return result;
}

json::Value Result::toJSON() const {
  json::Array list;
  for (const Report &r : reports) {
    json::Array notes;
    for (const Note &note : r.notes)
      notes.push_back(json::Object{{"message", note.message}, {"sites", ::toJSON(note.sites)}});
    list.push_back(json::Object{
        {"kind", kindName(r.kind)},
        {"message", r.message},
        {"sites", ::toJSON(r.sites)},
        {"instruction", r.instruction},
        {"function", r.function},
        {"block", json::Array{r.block[0], r.block[1], r.block[2]}},
        {"warp", r.warp},
        {"lanes", utohexstr(r.lanes)},
        {"notes", std::move(notes)},
    });
  }
  json::Array traffic;
  for (const Traffic &t : counters.buffers)
    traffic.push_back(json::Object{{"name", t.name},
                                   {"bytes_loaded", t.bytesLoaded},
                                   {"bytes_stored", t.bytesStored},
                                   {"bytes_atomic", t.bytesAtomic},
                                   {"sectors_loaded", t.sectorsLoaded},
                                   {"sectors_stored", t.sectorsStored}});
  json::Object matrix;
  for (const auto &[name, count] : counters.matrixOps)
    matrix[name] = count;
  return json::Object{
      {"reports", std::move(list)},
      {"counters", json::Object{{"buffers", std::move(traffic)},
                                {"warp_instructions", counters.warpInstructions},
                                {"shared_bytes_loaded", counters.sharedBytesLoaded},
                                {"shared_bytes_stored", counters.sharedBytesStored},
                                {"shared_accesses", counters.sharedAccesses},
                                {"shared_phases", counters.sharedPhases},
                                {"shared_phases_min", counters.sharedPhasesMin},
                                {"local_bytes", counters.localBytes},
                                {"exponentials", counters.exponentials},
                                {"barriers", counters.barriers},
                                {"async_bytes", counters.asyncBytes},
                                {"matrix_ops", std::move(matrix)}}},
  };
}

void tegula::sim::printCounters(const Counters &c, raw_ostream &os) {
  for (const Traffic &t : c.buffers) {
    os << t.name << ".bytes_loaded " << t.bytesLoaded << "\n";
    os << t.name << ".bytes_stored " << t.bytesStored << "\n";
    if (t.bytesAtomic)
      os << t.name << ".bytes_atomic " << t.bytesAtomic << "\n";
    os << t.name << ".sectors_loaded " << t.sectorsLoaded << "\n";
    os << t.name << ".sectors_stored " << t.sectorsStored << "\n";
  }
  os << "warp_instructions " << c.warpInstructions << "\n";
  os << "shared_bytes_loaded " << c.sharedBytesLoaded << "\n";
  os << "shared_bytes_stored " << c.sharedBytesStored << "\n";
  os << "shared_accesses " << c.sharedAccesses << "\n";
  os << "shared_phases " << c.sharedPhases << "\n";
  os << "shared_phases_min " << c.sharedPhasesMin << "\n";
  os << "local_bytes " << c.localBytes << "\n";
  os << "exponentials " << c.exponentials << "\n";
  os << "barriers " << c.barriers << "\n";
  os << "async_bytes " << c.asyncBytes << "\n";
  for (const auto &[name, count] : c.matrixOps)
    os << "matrix." << name << " " << count << "\n";
}
