//===- Layouts.cpp - Rule 11 ----------------------------------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Layouts.h"
#include "Fragments.h"
#include "tegula/Support/Layout/Conversion.h"

using namespace mlir;
using namespace tegula::sched;
namespace layout = tegula::layout;

namespace {

/// Checks the ops of one role.
class Checker {
public:
  Checker(RoleOp role, const proof::Machine &machine)
      : role(role), machine(machine), scope(getRoleScope(role, machine.lanes)) {}

  LogicalResult run();

private:
  /// The layout of the value fits the lanes and warps of the role.
  LogicalResult checkValue(mlir::Value value, Location loc);
  LogicalResult check(MmaOp op);
  LogicalResult check(ConvertOp op);
  LogicalResult checkBufferOperand(MmaOp op, const layout::Atom &result,
                                   const ::tegula::MatrixUnit *unit, char part);
  LogicalResult checkFragmentOperand(MmaOp op, const layout::Layout &operand,
                                     const layout::Layout &result, char part);

  RoleOp role;
  const proof::Machine &machine;
  RoleScope scope;
};

} // namespace

static std::string quote(Attribute layout) {
  std::string text;
  llvm::raw_string_ostream os(text);
  layout.print(os);
  return text;
}

LogicalResult Checker::checkValue(mlir::Value value, Location loc) {
  LayoutAttr attr = getLayoutAttr(value.getType());
  if (!attr)
    return success();
  layout::Layout layout = *getLayout(value.getType());
  if (layout.getLanes() != machine.lanes)
    return emitError(loc) << "layout " << quote(attr) << " is for warps of " << layout.getLanes()
                          << " lanes, those of " << machine.name << " have " << machine.lanes;
  int64_t warps = layout.getWarps();
  if (warps > scope.warps)
    return emitError(loc) << "layout " << quote(attr) << " is spread over " << warps
                          << " warps, a member of role @" << role.getSymName() << " has "
                          << scope.warps;
  return success();
}

LogicalResult Checker::checkBufferOperand(MmaOp op, const layout::Atom &result,
                                          const ::tegula::MatrixUnit *unit, char part) {
  using ::tegula::OperandSource;
  OperandSource source =
      result.isMultiplyAdd() ? OperandSource::Either : OperandSource::Registers;
  if (unit)
    source = part == 'A' ? unit->a : unit->b;
  if (source != OperandSource::Registers)
    return success();
  return op.emitError() << "operand '" << part << "' of the product must be a fragment on "
                        << machine.name;
}

/// For a product whose other operand is a buffer; `checkProduct` wants both.
LogicalResult Checker::checkFragmentOperand(MmaOp op, const layout::Layout &operand,
                                            const layout::Layout &result, char part) {
  std::string needed = (result.getAtom().getProduct() + "." + Twine(part)).str();
  if (operand.getAtom().name != needed)
    return op.emitError() << "operand '" << part << "' has layout " << operand.getAtom().name
                          << ", the product needs " << needed;
  unsigned axis = part == 'A' ? 0 : 1;
  if (operand.getWarpCounts()[axis] == result.getWarpCounts()[axis])
    return success();
  return op.emitError() << (axis ? "columns" : "rows") << " of '" << part
                        << "' are spread over warps " << operand.getWarpCounts()[axis]
                        << ", those of the result over " << result.getWarpCounts()[axis];
}

LogicalResult Checker::check(MmaOp op) {
  if (!op.getResult() || !machine.gpu)
    return success();
  std::optional<layout::Layout> result = getLayout(op.getResult().getType());
  if (!result) {
    bool anyOperand = getLayout(op.getA().getType()) || getLayout(op.getB().getType());
    if (!anyOperand)
      return success(); // before layouts are assigned
    return op.emitError() << "product without a result layout";
  }
  if (result->getAtom().getPart() != 'D')
    return op.emitError() << "result layout " << result->getAtom().name
                          << " is not a result layout";
  using ::tegula::Element;
  std::optional<Element> element = ::tegula::getElement(
      isa<FragType>(op.getA().getType()) ? cast<FragType>(op.getA().getType()).getElem()
                                         : cast<BufType>(op.getA().getType()).getElem());
  const ::tegula::MatrixUnit *unit = nullptr;
  if (element) {
    unit = machine.gpu->findMatrixUnit(result->getAtom().getProduct(), *element);
    if (!unit && *element == Element::F32)
      unit = machine.gpu->findMatrixUnit(result->getAtom().getProduct(), Element::TF32);
  }
  std::optional<layout::Layout> a = getLayout(op.getA().getType()),
                                b = getLayout(op.getB().getType());
  if (!a && failed(checkBufferOperand(op, result->getAtom(), unit, 'A')))
    return failure();
  if (!b && failed(checkBufferOperand(op, result->getAtom(), unit, 'B')))
    return failure();
  if (a && op.getTransA())
    a = a->getTransposed();
  if (b && op.getTransB())
    b = b->getTransposed();
  if (a && b) {
    std::optional<std::string> message = layout::checkProduct(*a, *b, *result);
    return message ? op.emitError() << *message : success();
  }
  if (a && failed(checkFragmentOperand(op, *a, *result, 'A')))
    return failure();
  return b ? checkFragmentOperand(op, *b, *result, 'B') : success();
}

LogicalResult Checker::check(ConvertOp op) {
  std::optional<layout::Layout> from = getLayout(op.getSource().getType()),
                                to = getLayout(op.getResult().getType());
  if (!from || !to)
    return success();
  from = layout::orient(*from, to->getTile());
  if (std::optional<std::string> message = layout::checkConversion(*from, *to))
    return op.emitError() << *message;
  StringRef needed =
      layout::stringifyConversionClass(layout::classifyConversion(*from, *to, scope.warps));
  StringRef written = stringifyConversion(op.getCost());
  if (needed == written)
    return success();
  return op.emitError() << "conversion " << quote(getLayoutAttr(op.getSource().getType())) << " -> "
                        << quote(getLayoutAttr(op.getResult().getType())) << " is '" << needed
                        << "', written as '" << written << "'";
}

LogicalResult Checker::run() {
  WalkResult walked = role.getBody().walk([&](Operation *op) {
    for (Value result : op->getResults())
      if (failed(checkValue(result, op->getLoc())))
        return WalkResult::interrupt();
    LogicalResult checked = success();
    if (auto product = dyn_cast<MmaOp>(op))
      checked = check(product);
    if (auto convert = dyn_cast<ConvertOp>(op))
      checked = check(convert);
    return succeeded(checked) ? WalkResult::advance() : WalkResult::interrupt();
  });
  return failure(walked.wasInterrupted());
}

LogicalResult tegula::sched::checkLayouts(RoleOp role, const proof::Machine &machine) {
  return Checker(role, machine).run();
}
