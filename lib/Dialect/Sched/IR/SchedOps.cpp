//===- SchedOps.cpp - Kernels, buffers, copies, products -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Dialect/Tegula/IR/KernelSyntax.h"

using namespace mlir;
using namespace tegula;
using namespace tegula::sched;

//===----------------------------------------------------------------------===//
// KernelOp, AllocOp, ArenaOp
//===----------------------------------------------------------------------===//

ParseResult sched::KernelOp::parse(OpAsmParser &parser, OperationState &result) {
  auto &properties = result.getOrAddProperties<Properties>();
  StringAttr name;
  std::string target;
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<Attribute> attrs;
  if (parser.parseSymbolName(name) || parseArguments(parser, arguments, attrs) ||
      parser.parseKeyword("target") || parser.parseString(&target))
    return failure();
  properties.sym_name = name;
  properties.args = parser.getBuilder().getArrayAttr(attrs);
  properties.target = parser.getBuilder().getStringAttr(target);
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  return parser.parseRegion(*result.addRegion(), arguments);
}

void sched::KernelOp::print(OpAsmPrinter &printer) {
  printer << " ";
  printer.printSymbolName(getSymName());
  printArguments(printer, getBody().front(), getArgs());
  printer << " target " << getTargetAttr();
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {"sym_name", "args", "target"});
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

void sched::KernelOp::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {
  nameArguments(region, getArgs(), setName);
}

LogicalResult sched::KernelOp::verify() {
  if (getTarget().empty()) // C2
    return emitOpError("names no target");
  return verifyArguments(*this, getBody().front(), getArgs());
}

LogicalResult sched::KernelOp::verifyRegions() { // C3
  return verifyKernelBody(*this, getBody().front(), getSymName());
}

LogicalResult AllocOp::verify() {
  if (!isa<GridOp>((*this)->getParentOp())) // C1
    return emitOpError("stands inside a loop or branch: buffers are made once an instance");
  return success();
}

LogicalResult ArenaOp::verify() {
  MemRefType type = getArena().getType();
  if (type.getRank() != 1 || !type.hasStaticShape() || !type.getLayout().isIdentity()) // C1
    return emitOpError() << "is one contiguous block of static size, not " << type;
  return success();
}

//===----------------------------------------------------------------------===//
// Copies and stores
//===----------------------------------------------------------------------===//

/// Offsets and limits of an access to `view` by a tile like `buf`.
static LogicalResult verifyAccess(Operation *op, MemRefType view, BufType buf, ValueRange at,
                                  ValueRange upto) {
  int64_t rank = view.getRank();
  if (static_cast<int64_t>(at.size()) != rank || buf.getRank() != rank) // C1
    return op->emitOpError() << "has " << at.size() << " offsets and a buffer of rank "
                             << buf.getRank() << " for a view of rank " << rank;
  if (!upto.empty() && static_cast<int64_t>(upto.size()) != rank) // C2
    return op->emitOpError() << "has " << upto.size() << " limits for a view of rank " << rank;
  if (view.getElementType() != buf.getElem())
    return op->emitOpError() << "moves elements between " << view.getElementType() << " and "
                             << buf.getElem();
  return success();
}

LogicalResult CopyOp::verify() {
  BufType dest = getDest().getType();
  if (getPad() && getPad().getType() != dest.getElem())
    return emitOpError() << "pads with " << getPad().getType() << " but the buffer holds "
                         << dest.getElem();
  if (auto view = dyn_cast<MemRefType>(getSource().getType()))
    return verifyAccess(*this, view, dest, getAt(), getUpto());
  if (!getAt().empty() || !getUpto().empty() || getPad()) // C3
    return emitOpError("from a buffer takes no offsets, limits or pad");
  auto source = cast<BufType>(getSource().getType());
  if (source.getTile() != dest.getTile() || source.isPacked())
    return emitOpError() << "cannot copy " << source << " to " << dest;
  return success();
}

LogicalResult sched::StoreOp::verify() {
  BufType source = getSource().getType();
  if (source.isPacked()) // C3
    return emitOpError() << "takes no packed buffer, got " << source;
  return verifyAccess(*this, cast<MemRefType>(getView().getType()), source, getAt(), getUpto());
}

LogicalResult sched::ReduceStoreOp::verify() {
  BufType source = getSource().getType();
  if (failed(verifyAccess(*this, cast<MemRefType>(getView().getType()), source, getAt(),
                          getUpto())))
    return failure();
  Type elem = source.getElem();
  if (source.isPacked() ||
      !(elem.isF32() || elem.isF64() || elem.isInteger(32) || elem.isInteger(64))) // C2
    return emitOpError() << "reduces rows of f64, f32, i64 or i32 into memory, got " << source;
  auto grid = (*this)->getParentOfType<GridOp>();
  if (!getAtomic() && grid && grid.getOrder() != GridOrder::sequential) // C3
    return emitOpError("is not atomic, in a grid whose instances run in any order");
  return success();
}

//===----------------------------------------------------------------------===//
// MmaOp
//===----------------------------------------------------------------------===//

LogicalResult MmaOp::verify() {
  BufType a = getA().getType(), b = getB().getType(), c = getC().getType();
  int64_t rank = c.getRank();
  if (a.getRank() != rank || b.getRank() != rank || rank < 2) // C1
    return emitOpError() << "needs operands of one rank, at least 2, got " << a.getRank() << ", "
                         << b.getRank() << " and " << rank;
  int64_t m = a.getDimSize(rank - 2), ka = a.getDimSize(rank - 1);
  int64_t kb = b.getDimSize(rank - 2), n = b.getDimSize(rank - 1);
  if (getTransA())
    std::swap(m, ka);
  if (getTransB())
    std::swap(kb, n);
  if (ka != kb || m != c.getDimSize(rank - 2) || n != c.getDimSize(rank - 1))
    return emitOpError() << "of " << m << "x" << ka << " and " << kb << "x" << n
                         << " does not give " << c.getDimSize(rank - 2) << "x"
                         << c.getDimSize(rank - 1);
  for (int64_t axis = 0; axis < rank - 2; ++axis)
    for (int64_t extent : {a.getDimSize(axis), b.getDimSize(axis)})
      if (extent != 1 && extent != c.getDimSize(axis))
        return emitOpError() << "stretches batch axis " << axis << " of extent " << extent
                             << " to " << c.getDimSize(axis);
  if (a.getElem() != b.getElem())
    return emitOpError() << "mixes " << a.getElem() << " and " << b.getElem();
  if (a.isPacked() || c.isPacked()) // C2
    return emitOpError("takes a packed buffer on its right only");
  if (b.isPacked() && b.getTransposed() != getTransB())
    return emitOpError() << "reads " << b << " the other way than it is packed";
  if (getScale()) { // C3
    BufType scale = getScale().getType();
    if (!getAccumulate())
      return emitOpError("scales a result that it overwrites");
    if (scale.getShape() != c.getShape().drop_back() || scale.getElem() != c.getElem())
      return emitOpError() << "takes one scale per row of " << c << ", got " << scale;
  }
  if (getPanel() && static_cast<int64_t>(*getPanel()) < 1) // C4
    return emitOpError() << "needs a positive panel, got " << static_cast<int64_t>(*getPanel());
  return success();
}

//===----------------------------------------------------------------------===//
// Moves
//===----------------------------------------------------------------------===//

/// No rearranging op takes packed buffers.
static LogicalResult verifyRows(Operation *op, BufType source, BufType dest) {
  if (source.isPacked() || dest.isPacked())
    return op->emitOpError("takes no packed buffers");
  return success();
}

LogicalResult sched::ConstantOp::verify() {
  if (getValue().getType() != getBuffer().getType().getTile()) // C1
    return emitOpError() << "puts " << getValue().getType() << " into "
                         << getBuffer().getType();
  return success();
}

LogicalResult sched::SliceOp::verify() {
  BufType source = getSource().getType(), box = getBuffer().getType();
  int64_t rank = source.getRank();
  if (static_cast<int64_t>(getAt().size()) != rank || box.getRank() != rank || rank < 1) // C1, C2
    return emitOpError() << "needs offsets and a box of rank " << rank << ", got "
                         << getAt().size() << " and " << box;
  for (int64_t axis = 0; axis < rank; ++axis)
    if (getAt()[axis] < 0 || getAt()[axis] + box.getDimSize(axis) > source.getDimSize(axis)) // C1
      return emitOpError() << "leaves " << source << " along axis " << axis;
  if (box.getElem() != source.getElem() || box.getSpace() != source.getSpace()) // C2
    return emitOpError() << "cannot be " << box << " of " << source;
  if (box.getShape().back() != source.getShape().back()) // C3
    return emitOpError() << "does not cover the last axis of " << source;
  return verifyRows(*this, source, box);
}

LogicalResult sched::ViewOp::verify() {
  BufType source = getSource().getType(), view = getBuffer().getType();
  if (source.getTile().getNumElements() != view.getTile().getNumElements() ||
      source.getElem() != view.getElem() || source.getSpace() != view.getSpace()) // C1
    return emitOpError() << "cannot show " << source << " as " << view;
  return verifyRows(*this, source, view);
}

LogicalResult MoveOp::verify() {
  BufType source = getSource().getType(), dest = getDest().getType();
  int64_t rank = source.getRank();
  for (size_t count : {getFrom().size(), getTo().size(), getSizes().size(), getPerm().size(),
                       static_cast<size_t>(dest.getRank())})
    if (static_cast<int64_t>(count) != rank) // C1
      return emitOpError() << "needs offsets, sizes and perm of rank " << rank << ", got "
                           << count;
  llvm::SmallBitVector seen(rank);
  for (auto [axis, from] : llvm::enumerate(getPerm())) {
    if (from < 0 || from >= rank || seen.test(from))
      return emitOpError() << "perm is no permutation of " << rank << " axes";
    seen.set(from);
    int64_t size = getSizes()[axis];
    if (size < 1 || getTo()[axis] < 0 || getTo()[axis] + size > dest.getDimSize(axis) ||
        getFrom()[from] < 0 || getFrom()[from] + size > source.getDimSize(from)) // C2
      return emitOpError() << "leaves a buffer along axis " << axis;
  }
  if (source.getElem() != dest.getElem()) // C3
    return emitOpError() << "moves " << source.getElem() << " to " << dest.getElem();
  return verifyRows(*this, source, dest);
}

LogicalResult sched::ReshapeOp::verify() {
  BufType source = getSource().getType(), dest = getDest().getType();
  if (source.getTile().getNumElements() != dest.getTile().getNumElements() ||
      source.getElem() != dest.getElem()) // C1
    return emitOpError() << "cannot make " << dest << " of " << source;
  return verifyRows(*this, source, dest);
}

LogicalResult sched::ScanOp::verify() {
  BufType source = getSource().getType(), dest = getDest().getType();
  if (static_cast<int64_t>(getAxis()) < 0 ||
      static_cast<int64_t>(getAxis()) >= source.getRank()) // C1
    return emitOpError() << "axis " << static_cast<int64_t>(getAxis())
                         << " is no axis of rank " << source.getRank();
  if (source != dest) // C2
    return emitOpError() << "scans " << source << " into " << dest;
  return verifyRows(*this, source, dest);
}

LogicalResult sched::ArgMaxOp::verify() {
  BufType source = getSource().getType(), dest = getDest().getType();
  int64_t axis = getAxis();
  if (axis < 0 || axis >= source.getRank()) // C1
    return emitOpError() << "axis " << axis << " is no axis of rank " << source.getRank();
  SmallVector<int64_t> shape(source.getShape());
  shape.erase(shape.begin() + axis);
  if (dest.getShape() != ArrayRef<int64_t>(shape) || !dest.getElem().isInteger(32)) // C2
    return emitOpError() << "along axis " << axis << " of " << source << " does not give "
                         << dest;
  return verifyRows(*this, source, dest);
}

LogicalResult ScalarOp::verify() {
  BufType source = getSource().getType();
  if (static_cast<int64_t>(getAt().size()) != source.getRank() || source.isPacked()) // C1
    return emitOpError() << "takes " << source.getRank() << " indices of a row buffer, got "
                         << getAt().size() << " for " << source;
  if (getValue().getType() != source.getElem()) // C2
    return emitOpError() << "gives " << source.getElem() << ", not " << getValue().getType();
  return success();
}
