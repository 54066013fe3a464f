//===- KernelProof.cpp - The proof of a sched.kernel ----------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Layouts.h"
#include "tegula/Analysis/ScheduledKernel.h"

#include <cmath>

using namespace mlir;
using namespace tegula::sched;

/// Findings as diagnostics at the ops that they are about.
static void emit(const proof::Findings &findings, ArrayRef<Operation *> sites, bool emitRemarks) {
  for (const proof::Finding &finding : findings.get()) {
    if (!finding.isError && !emitRemarks)
      continue;
    Location loc = sites[finding.site]->getLoc();
    InFlightDiagnostic diagnostic = finding.isError ? emitError(loc) : emitRemark(loc);
    diagnostic << finding.message;
    for (const proof::FindingNote &note : finding.notes)
      diagnostic.attachNote(sites[note.site]->getLoc()) << note.message;
  }
}

static ScheduleFacts collectFacts(const ExtractedKernel &kernel, const proof::Proof &proof) {
  ScheduleFacts facts;
  facts.bound = proof.bound;
  for (proof::Site site : proof.acquireBarriers)
    facts.acquireBarriers.insert(kernel.sites[site]);
  proof::MemoryPlan plan = proof::planMemory(kernel.program);
  for (auto [buffer, offset] : llvm::zip(kernel.program.buffers, plan.offsets))
    facts.bufferOffsets[kernel.sites[buffer.site]] = offset;
  for (auto [channel, offset] : llvm::zip(kernel.program.channels, plan.barrierOffsets))
    if (offset >= 0)
      facts.barrierOffsets[kernel.sites[channel.site]] = offset;
  facts.sharedBytes = plan.bytes["shared"];
  facts.heldBytes = plan.heldBytes;
  return facts;
}

FailureOr<KernelNeeds> tegula::sched::measureKernel(KernelOp kernel) {
  std::optional<proof::Machine> machine = proof::Machine::lookup(kernel.getTarget());
  if (!machine)
    return failure();
  FailureOr<ExtractedKernel> extracted = extractEvents(kernel, machine->lanes);
  if (failed(extracted))
    return failure();
  KernelNeeds needs;
  proof::MemoryPlan plan = proof::planMemory(extracted->program);
  needs.heldBytes = plan.heldBytes;
  needs.scratchBytes = std::max<int64_t>(0, plan.bytes["shared"] - plan.heldBytes);
  for (auto [role, values] : llvm::zip(extracted->program.roles, extracted->values)) {
    proof::RegisterPeak peak = proof::findRegisterPeak(role);
    int64_t registers = std::lround(peak.registers) + machine->registerMargin;
    if (needs.budget && registers * needs.budget <= needs.registers * int64_t(role.registers))
      continue;
    needs.registers = registers;
    needs.budget = role.registers;
    needs.live.clear();
    for (auto [value, count] : peak.values)
      needs.live.push_back({values[value], count});
  }
  return needs;
}

FailureOr<ScheduleFacts> tegula::sched::proveKernel(KernelOp kernel, ProofOptions options) {
  bool hasRoles = kernel.walk([](RoleOp) { return WalkResult::interrupt(); }).wasInterrupted();
  if (!hasRoles)
    return ScheduleFacts();
  std::optional<proof::Machine> machine = proof::Machine::lookup(kernel.getTarget());
  if (!machine)
    return kernel.emitError() << "unknown target '" << kernel.getTarget() << "'; there are "
                              << ::tegula::getTargetNames();
  FailureOr<ExtractedKernel> extracted = extractEvents(kernel, machine->lanes);
  if (failed(extracted))
    return failure();

  proof::Proof proof = proof::prove(extracted->program, *machine);
  if (options.checkMemory)
    proof::checkMemory(extracted->program, *machine, proof.findings);
  if (options.checkRegisters)
    proof::checkRegisters(extracted->program, *machine, proof.findings);
  emit(proof.findings, extracted->sites, options.emitRemarks);
  bool good = !proof.findings.hasErrors();
  kernel.walk([&](RoleOp role) { good &= succeeded(checkLayouts(role, *machine)); });
  if (!good)
    return failure();
  return collectFacts(*extracted, proof);
}
