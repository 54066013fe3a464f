//===- TraceProducts.cpp - Products in flight -----------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Trace.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"

using namespace llvm;
using namespace tegula::sched::proof;

/// A product in flight may go on as the accumulator of one further asynchronous product.
void Tracer::checkAccumulator(const Product &op, Site site) {
  ValueId name = op.accumulator->value;
  const Binding &binding = bindings[name];
  if (binding.kind != Binding::Kind::Flight) {
    read(*op.accumulator, site);
    return;
  }
  Flight &flight = flights[binding.index];
  auto refuse = [&](const Twine &message) {
    Finding &finding = findings.error(Rule::Products, site, message);
    finding.notes.push_back({flight.site, "the product is issued here"});
  };
  if (!op.async)
    return refuse("accumulator " + quote(name) + " is in flight");
  if (!flight.open)
    return refuse("accumulator " + quote(name) +
                  " was already retired: use the result of its mma_wait");
  if (flight.continuedBy)
    return refuse("accumulator " + quote(name) + " was already taken by the product " +
                  quote(*flight.continuedBy));
  flight.continuedBy = op.result;
}

void Tracer::visit(const Product &op, Site site) {
  if (op.async && !machine.asyncProducts)
    findings.error(Rule::Products, site, "target " + machine.name + " has no asynchronous product");
  for (const Operand &operand : op.operands)
    read(operand, site);
  if (op.accumulator)
    checkAccumulator(op, site);
  if (!op.async) {
    define(op.result);
    return;
  }
  Flight flight;
  flight.name = op.result;
  flight.site = site;
  for (const Operand &operand : op.operands) {
    const Binding &binding = bindings[operand.value];
    if (binding.kind == Binding::Kind::Slot)
      flight.slots.push_back(binding.index);
    if (binding.kind == Binding::Kind::Fragment)
      flight.fragments.push_back({operand.value, binding.index});
  }
  groups.push_back(flights.size());
  bindings[op.result] = {Binding::Kind::Flight, unsigned(flights.size())};
  flights.push_back(std::move(flight));
}

void Tracer::closeFlight(Flight &flight, ArrayRef<unsigned> retired, Site site) {
  for (auto [fragment, identity] : flight.fragments) {
    if (is_contained(retired, identity))
      continue;
    Finding &finding = findings.error(Rule::Products, site,
                                      "mma_wait closes the product " + quote(flight.name) +
                                          " but does not retire its operand " + quote(fragment) +
                                          ": its registers may be reused in flight");
    finding.notes.push_back({flight.site, "the product is issued here"});
  }
  flight.open = false;
}

void Tracer::visit(const ProductWait &op, Site site) {
  SmallVector<unsigned, 4> retired;
  for (ValueId value : op.retire) {
    if (bindings[value].kind == Binding::Kind::Fragment)
      retired.push_back(bindings[value].index);
    read({value}, site);
  }
  size_t closed = groups.size() - std::min<size_t>(groups.size(), op.inflight);
  bool unpinned = false;
  for (unsigned group : ArrayRef(groups).take_front(closed)) {
    unpinned |= flights[group].unpinned;
    closeFlight(flights[group], retired, site);
  }
  groups.erase(groups.begin(), groups.begin() + closed);
  if (unpinned)
    findings.remark(Rule::Overlap, site,
                    "elementwise work since the product was issued is not pinned before this "
                    "wait: add 'finish'");
  for (auto [name, result] : zip(op.products, op.results)) {
    const Binding binding = bindings[name];
    define(result);
    if (binding.kind != Binding::Kind::Flight) {
      findings.error(Rule::Products, site, quote(name) + " is not a product in flight");
      continue;
    }
    const Flight &flight = flights[binding.index];
    std::string message;
    if (flight.open)
      message = ("mma_wait with " + Twine(op.inflight) + " in flight does not cover " +
                 quote(name) + ", one of the newest " + Twine(op.inflight))
                    .str();
    else if (flight.continuedBy)
      message = "the product " + quote(name) + " went on as " + quote(*flight.continuedBy) +
                ": name that one";
    if (!message.empty())
      findings.error(Rule::Products, site, message)
          .notes.push_back({flight.site, "the product is issued here"});
  }
}
