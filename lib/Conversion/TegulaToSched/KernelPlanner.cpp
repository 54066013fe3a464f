//===- KernelPlanner.cpp - A schedule that fits its kernel's core ---------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelPlanner.h"

#include <cmath>

using namespace mlir;
using namespace tegula;

/// A form must be faster by this to be taken instead of the one that hides all latency.
static constexpr double leastGain = 1.05;
/// A kernel whose lanes need this many times the registers that they have is refused.
static constexpr int64_t mostSpilling = 8;

/// 32-bit words of a tile; of others none.
static int64_t getWords(Value value) {
  auto tile = dyn_cast<RankedTensorType>(value.getType());
  return tile ? tile.getNumElements() * llvm::divideCeil(tile.getElementTypeBitWidth(), 32) : 0;
}

/// Four warps, and as many more as it takes to hold what a trip keeps at once (the carried
/// tiles, and the largest result of a product beside them) in five eighths of a lane's
/// registers; then twice as many, and so on.
SmallVector<int64_t> KernelPlanner::getWarpCounts() {
  if (ArrayAttr roles = grid.getRolesAttr())
    return {cast<ScheduleRoleAttr>(roles[0]).getMembers()};
  int64_t most = 0;
  kernel->walk([&](StreamOp stream) {
    int64_t carried = 0, result = 0;
    for (Value init : stream.getInitArgs())
      carried += getWords(init);
    for (DotOp dot : stream.getBody().getOps<DotOp>())
      if (!dot.getAcc())
        result = std::max(result, getWords(dot.getResult()));
    most = std::max(most, carried + result);
  });
  int64_t limit = std::min<int64_t>(16, gpu.getThreadsPerBlock() / gpu.getWarpSize());
  int64_t warps = 4;
  while (warps * 2 <= limit &&
         most / (warps * gpu.getWarpSize()) > gpu.getRegistersPerLane() * 5 / 8)
    warps *= 2;
  SmallVector<int64_t> counts;
  for (; warps <= limit; warps *= 2)
    counts.push_back(warps);
  return counts;
}

KernelPlanner::Plan KernelPlanner::makePlan(int64_t warps) {
  Plan plan;
  plan.warps = warps;
  RolePlanner planner(kernel, gpu, warps);
  kernel->walk([&](StreamOp stream) {
    if (stream.getScheduleAttr())
      return;
    PlannedStream planned;
    planned.stream = stream;
    planned.loads = planner.findLoads(stream);
    planned.costs = planner.getCosts().get(stream, planned.loads.getAll());
    planned.forms = planner.getForms(planned.loads, planned.costs);
    plan.streams.push_back(std::move(planned));
  });
  return plan;
}

/// Puts the plan on the kernel.
void KernelPlanner::write(const Plan &plan) {
  RolePlanner planner(kernel, gpu, plan.warps);
  if (!roles)
    GridOp(grid).setRolesAttr(ArrayAttr::get(kernel.getContext(), {planner.getRole()}));
  for (const PlannedStream &planned : plan.streams) {
    StreamOp stream = planned.stream;
    stream.setScheduleAttr(planner.plan(stream, planned.loads, planned.getForm()));
  }
}

/// Tries the plan on a copy of the kernel; the kernel itself stays as it was.
void KernelPlanner::attempt(Plan &plan) {
  write(plan);
  plan.trial = tryKernel(module, kernel, gpu, run);
  if (!roles)
    GridOp(grid).removeRolesAttr();
  for (const PlannedStream &planned : plan.streams)
    StreamOp(planned.stream).removeScheduleAttr();
}

/// Takes a simpler form of the stream whose rings are largest, or says that there is none.
static bool simplify(MutableArrayRef<PlannedStream> streams) {
  PlannedStream *largest = nullptr;
  for (PlannedStream &planned : streams)
    if (planned.getRingBytes() > (largest ? largest->getRingBytes() : 0))
      largest = &planned;
  if (largest)
    ++largest->form;
  return largest;
}

static int64_t getRingBytes(ArrayRef<PlannedStream> streams) {
  int64_t bytes = 0;
  for (const PlannedStream &planned : streams)
    bytes += planned.getRingBytes();
  return bytes;
}

/// Takes simpler forms until the schedule is proved and shared memory holds the kernel. False
/// where the simplest do not do.
bool KernelPlanner::fit(Plan &plan) {
  for (attempt(plan); plan.trial; attempt(plan)) {
    if (!plan.trial->refusal.empty()) {
      if (plan.refusal.empty())
        plan.refusal = plan.trial->refusal;
      if (!simplify(plan.streams))
        return true; // the lowering will say the same of what is left
      continue;
    }
    int64_t others = plan.trial->sharedBytes - getRingBytes(plan.streams);
    if (plan.trial->sharedBytes <= gpu.getSharedPerBlock())
      return true;
    while (others + getRingBytes(plan.streams) > gpu.getSharedPerBlock())
      if (!simplify(plan.streams))
        return false;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Time
//===----------------------------------------------------------------------===//

int64_t KernelPlanner::getInstances(const Plan &plan, int64_t sharedBytes) {
  int64_t registers = std::min(plan.trial->registers, plan.trial->budget);
  return std::max(1, gpu.getResidentBlocks(plan.warps * gpu.getWarpSize(), registers, sharedBytes));
}

/// Cycles of a trip, with so many instances on a core.
double KernelPlanner::getTime(const PlannedStream &planned, StreamForm form, int64_t instances) {
  using Path = StreamForm::Path;
  const TripCosts &costs = planned.costs;
  size_t groups = planned.loads.groups.size();
  double latency =
      StreamCosts(gpu, 1).getCopyLatency(planned.loads.bytes / std::max<size_t>(1, groups));
  double alone = costs.alone;
  int64_t barriers = form.path == Path::Joint ? 1 : form.path == Path::Plain ? 0 : groups;
  if (form.lead == 0) { // nothing covers the latency; a slot is filled and read in one trip
    alone += latency;
    barriers *= 2;
  } else {
    alone = std::max(alone, latency / form.lead);
  }
  alone += barriers * gpu.getLatencies().barrier;
  return std::max({costs.getResource(), costs.recurrence / instances, alone / instances});
}

/// A form that lets more instances share a core may be faster than one that hides all
/// latency by itself.
void KernelPlanner::tradeForInstances(Plan &plan) {
  if (!plan.trial || plan.streams.empty())
    return;
  auto *most = llvm::max_element(plan.streams, [](const PlannedStream &a, const PlannedStream &b) {
    return a.getRingBytes() < b.getRingBytes();
  });
  if (most->getRingBytes() == 0)
    return;
  int64_t others = plan.trial->sharedBytes - most->getRingBytes();
  size_t best = most->form;
  auto timeOf = [&](size_t form) {
    int64_t bytes = others + most->loads.getRingBytes(most->forms[form]);
    return getTime(*most, most->forms[form], getInstances(plan, bytes));
  };
  double bestTime = timeOf(best) / leastGain;
  for (size_t form = best + 1; form < most->forms.size(); ++form) {
    if (most->forms[form].lead == 0)
      break;
    if (double time = timeOf(form); time < bestTime) {
      bestTime = time;
      best = form;
    }
  }
  if (best == most->form)
    return;
  Plan other = plan;
  other.streams[most - plan.streams.begin()].form =
      other.streams[most - plan.streams.begin()].wanted = best;
  attempt(other);
  if (other.trial && other.trial->sharedBytes <= gpu.getSharedPerBlock() &&
      other.trial->registers <= std::max(plan.trial->registers, plan.trial->budget))
    plan = std::move(other);
}

//===----------------------------------------------------------------------===//
// Choice
//===----------------------------------------------------------------------===//

LogicalResult KernelPlanner::plan() {
  roles = grid.getRolesAttr();
  std::optional<Plan> first, best;
  for (int64_t warps : getWarpCounts()) {
    Plan plan = makePlan(warps);
    bool fits = fit(plan);
    if (!first)
      first = plan;
    if (!plan.trial) { // something else is wrong, and will be said
      best = plan;
      break;
    }
    if (!fits)
      continue;
    auto getExcess = [](const Plan &plan) {
      return double(plan.trial->registers) / std::max<int64_t>(1, plan.trial->budget);
    };
    // More warps exchange more: they must help.
    if (!best || getExcess(plan) * leastGain < getExcess(*best))
      best = plan;
    if (getExcess(plan) <= 1)
      break;
  }
  if (!best)
    return refuse(*first);
  tradeForInstances(*best);
  if (failed(checkRegisters(*best)))
    return failure();
  remark(*best, *first);
  write(*best);
  chosen = std::move(*best);
  return success();
}

/// The tiles that are live at the peak, and what a lane holds of each.
static std::string listTiles(const KernelTrial &trial) {
  std::string list;
  for (const LiveTile &tile : ArrayRef(trial.live).take_front(4))
    if (long registers = std::lround(tile.registers))
      list += (list.empty() ? "" : ", ") + tile.type + " " + std::to_string(registers);
  return list;
}

/// Where the largest live tile is made.
static Location getPlace(const KernelTrial &trial, Location otherwise) {
  return trial.live.empty() ? otherwise : trial.live.front().loc;
}

LogicalResult KernelPlanner::refuse(const Plan &plan) {
  const KernelTrial &trial = *plan.trial;
  InFlightDiagnostic error = emitError(getPlace(trial, kernel.getLoc()));
  error << "tiles need " << trial.sharedBytes << " bytes of shared memory, "
        << trial.sharedBytes - trial.heldBytes
        << " of them to exchange elements between threads, and '" << gpu.getName() << "' has "
        << gpu.getSharedPerBlock() << ": take smaller tiles";
  if (std::string list = listTiles(trial); !list.empty())
    error.attachNote(grid.getLoc()) << "registers of a lane where most are live: " << list;
  return error;
}

LogicalResult KernelPlanner::checkRegisters(const Plan &plan) {
  if (!plan.trial || plan.trial->registers <= plan.trial->budget)
    return success();
  const KernelTrial &trial = *plan.trial;
  Location loc = getPlace(trial, kernel.getLoc());
  // Spilling is slow and not wrong, as long as it is a part that spills.
  bool hopeless = trial.registers > mostSpilling * trial.budget;
  InFlightDiagnostic diagnostic = hopeless ? emitError(loc) : emitRemark(loc);
  diagnostic << "tiles need about " << trial.registers << " registers of each of "
             << plan.warps * gpu.getWarpSize() << " threads, and '" << gpu.getName() << "' has "
             << trial.budget << (hopeless ? ": take smaller tiles" : ": some will spill")
             << "; live at the peak: " << listTiles(trial);
  return failure(hopeless);
}

void KernelPlanner::remark(const Plan &plan, const Plan &first) {
  if (!plan.trial)
    return;
  if (plan.warps > first.warps && first.trial)
    emitRemark(getPlace(*first.trial, kernel.getLoc()))
        << plan.warps << " warps instead of " << first.warps << ": with these a lane needs about "
        << first.trial->registers << " registers of " << first.trial->budget
        << "; live at the peak: " << listTiles(*first.trial);
  for (const PlannedStream &planned : plan.streams) {
    if (planned.form == planned.wanted)
      continue;
    InFlightDiagnostic remark = emitRemark(planned.stream->getLoc());
    remark << "operands are " << planned.getForm().str() << ", not "
           << planned.forms[planned.wanted].str();
    if (!plan.refusal.empty())
      remark << ", which is not proved: " << plan.refusal;
    else
      remark << ": that takes " << planned.loads.getRingBytes(planned.forms[planned.wanted])
             << " bytes of shared memory, and beside the kernel's other "
             << plan.trial->sharedBytes - getRingBytes(plan.streams) << " '" << gpu.getName()
             << "' has " << gpu.getSharedPerBlock();
  }
}

//===----------------------------------------------------------------------===//
// What is said of a plan
//===----------------------------------------------------------------------===//

void KernelPlanner::remarkPipes() {
  for (const PlannedStream &planned : chosen.streams) {
    const TripCosts &costs = planned.costs;
    InFlightDiagnostic remark = emitRemark(planned.stream->getLoc());
    remark << "a trip keeps the pipes busy for " << costs.str() << " cycles: '"
           << stringify(costs.getBusiest()) << "' bounds it, carried values want "
           << std::lround(costs.recurrence) << ", one instance alone takes "
           << std::lround(costs.alone);
    if (!planned.loads.groups.empty())
      remark << "; operands are " << planned.getForm().str();
  }
}

void KernelPlanner::printNeeds(raw_ostream &os) {
  if (!chosen.trial)
    return;
  const KernelTrial &trial = *chosen.trial;
  os << "  # shared memory " << trial.sharedBytes << " of " << gpu.getSharedPerBlock()
     << " bytes, registers about " << trial.registers << " of " << trial.budget << ", instances "
     << getInstances(chosen, trial.sharedBytes) << " a core\n";
  for (const PlannedStream &planned : chosen.streams)
    os << "  # stream " << StreamOp(planned.stream).getLabel().value_or("-") << ": cycles "
       << planned.costs.str() << "; bound by " << stringify(planned.costs.getBusiest())
       << ", carried " << std::lround(planned.costs.recurrence) << ", alone "
       << std::lround(planned.costs.alone) << "\n";
}
