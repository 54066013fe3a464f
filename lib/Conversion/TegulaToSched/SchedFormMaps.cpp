//===- SchedFormMaps.cpp - Elementwise tile ops into map regions -===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Which ops meet in one map is decided on the dependence graph of a block, not
// on the order of its text. A node is a map in the making or a single other op;
// *virtual* ops (constants, splats, iotas, broadcasts and masks made of them)
// are no nodes: they cost nothing where they are used, so they are cloned there.
// An op joins the map of an operand unless that would close a cycle.

#include "tegula/Conversion/Passes.h"
#include "tegula/Dialect/Sched/IR/Sched.h"
#include "tegula/Dialect/Tegula/IR/Tegula.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

namespace tegula {
#define GEN_PASS_DEF_SCHEDFORMMAPSPASS
#include "tegula/Conversion/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;

/// Elementwise chains of virtual ops up to this many ops are recomputed where
/// they are used.
static constexpr unsigned maxVirtualOps = 8;
/// And so are ones that read a tile which is in memory anyway, up to this many: to
/// read that again costs as much as to read the result, which is not stored then.
static constexpr unsigned maxRecomputedOps = 3;

/// How many maps over one domain are looked at for one that reads the same tiles.
static constexpr unsigned maxSiblings = 8;

//===----------------------------------------------------------------------===//
// What an op is
//===----------------------------------------------------------------------===//

static bool isTile(Value value) { return isa<RankedTensorType>(value.getType()); }

static bool hasTileResult(Operation *op) { return llvm::any_of(op->getResults(), isTile); }

/// An elementwise op on tiles, or one of ours that behaves so.
static bool isElementwise(Operation *op) {
  return hasTileResult(op) && op->getNumRegions() == 0 &&
         (OpTrait::hasElementwiseMappableTraits(op) || isa<Exp2Op>(op));
}

/// Needs more than a cycle or two an element.
static bool isExpensive(Operation *op) {
  return isa<Exp2Op, arith::DivFOp, arith::RemFOp, arith::DivSIOp, arith::DivUIOp,
             arith::RemSIOp, arith::RemUIOp>(op) ||
         isa<math::MathDialect>(op->getDialect());
}

/// acc * rows(scale) where the product is only the accumulator of one dot: the
/// dot rescales its accumulator as it adds to it.
static bool isRescale(Operation *op) {
  auto mul = dyn_cast<arith::MulFOp>(op);
  if (!mul || !mul->hasOneUse() || !isTile(mul))
    return false;
  auto dot = dyn_cast<DotOp>(*mul->user_begin());
  if (!dot || dot.getAcc() != mul.getResult() || dot->getBlock() != op->getBlock())
    return false;
  auto rows = mul.getRhs().getDefiningOp<BroadcastOp>();
  if (!rows || isa_and_nonnull<arith::ConstantOp, tensor::SplatOp, BroadcastOp>(
                   mul.getLhs().getDefiningOp()))
    return false;
  // It moves with the dot, so nothing else may hang on it.
  if (!rows->hasOneUse() || rows->getBlock() != op->getBlock())
    return false;
  int64_t rank = dot.getType().getRank();
  return llvm::equal(rows.getDims(), llvm::seq<int64_t>(0, rank - 1)) &&
         rows.getX().getType().getShape() == dot.getType().getShape().drop_back();
}

/// The factors of a rescaled accumulator, one a row, where most are known to be exactly
/// 1: then a product of them all is seldom more than a copy. Null elsewhere.
static Value getRareFactors(Operation *op) {
  if (!isRescale(op))
    return nullptr;
  Value factors = op->getOperand(1).getDefiningOp<BroadcastOp>().getX();
  auto choice = factors.getDefiningOp<arith::SelectOp>();
  return choice && matchPattern(choice.getTrueValue(), m_OneFloat()) ? factors : nullptr;
}

namespace {

/// Remembers which ops are virtual.
class VirtualOps {
public:
  /// `rescale`: products rescale their accumulators themselves.
  explicit VirtualOps(bool rescale) : rescale(rescale) {}

  bool isRescale(Operation *op) const { return rescale && ::isRescale(op); }

  /// What can be part of a map.
  bool isMember(Operation *op) const {
    return (isElementwise(op) && !isRescale(op)) || isa<ReduceOp>(op);
  }

  /// Number of elementwise ops that recomputing `value` costs, or nothing where
  /// it must be materialised.
  std::optional<unsigned> getCost(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op || !isTile(value))
      return std::nullopt;
    auto [it, inserted] = costs.try_emplace(op, std::nullopt);
    if (inserted) {
      std::optional<unsigned> cost = compute(op);
      costs[op] = cost;
      return cost;
    }
    return it->second;
  }

  bool contains(Operation *op) {
    return op && op->getNumResults() == 1 && getCost(op->getResult(0)).has_value();
  }

private:
  std::optional<unsigned> compute(Operation *op) {
    if (isa<arith::ConstantOp, tensor::SplatOp, IotaOp>(op))
      return 0;
    // A broadcast of a materialised tile is a way of reading it.
    if (auto broadcast = dyn_cast<BroadcastOp>(op))
      return getCost(broadcast.getX()).value_or(0);
    if (isRescale(op))
      return 0;
    if (!isElementwise(op) || isExpensive(op) || op->getNumResults() != 1)
      return std::nullopt;
    unsigned total = 1;
    bool reads = false;
    llvm::SmallSetVector<Value, 2> tiles;
    for (Value operand : op->getOperands()) {
      if (!isTile(operand))
        continue;
      std::optional<unsigned> cost = getCost(operand);
      if (!cost && !isInMemory(operand, op))
        return std::nullopt;
      total += cost.value_or(0);
      reads |= !cost || readsTile(operand);
      collectTiles(operand, tiles);
    }
    if (!reads)
      return total <= maxVirtualOps ? std::optional<unsigned>(total) : std::nullopt;
    bool recomputed = tiles.size() == 1 && total <= maxRecomputedOps && isCheap(op) &&
                      llvm::all_of(op->getUsers(), [&](Operation *user) {
                        return user->getBlock() == op->getBlock() && isMember(user);
                      });
    return recomputed ? std::optional<unsigned>(total) : std::nullopt;
  }

  /// A tile that `op` reads and that no map writes.
  static bool isInMemory(Value tile, Operation *op) {
    return isa_and_nonnull<LoadOp, DotOp>(tile.getDefiningOp()) &&
           tile.getParentBlock() == op->getBlock();
  }

  /// 16-bit floats are rounded after each op; a cast from them is none.
  static bool isCheap(Operation *op) {
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    return !type.getElementType().isF16() && !type.getElementType().isBF16();
  }

  /// The tiles in memory that `value` reads point by point.
  void collectTiles(Value value, llvm::SmallSetVector<Value, 2> &tiles) {
    if (!getCost(value)) {
      tiles.insert(value);
      return;
    }
    if (Operation *op = value.getDefiningOp(); isElementwise(op))
      for (Value operand : op->getOperands())
        if (isTile(operand))
          collectTiles(operand, tiles);
  }

  /// True where the virtual `value` reads a materialised tile somewhere.
  bool readsTile(Value value) {
    Operation *op = value.getDefiningOp();
    return llvm::any_of(op->getOperands(), [&](Value operand) {
      return isTile(operand) && (!getCost(operand) || readsTile(operand));
    });
  }

  bool rescale;
  DenseMap<Operation *, std::optional<unsigned>> costs;
};

/// A map in the making, or one other op of a block.
struct Node {
  SmallVector<Operation *> ops;
  bool isMap = false;
  SmallVector<int64_t> domain;
  std::optional<int64_t> reducedAxis;
  /// Where these are 1 the map gives its first operand.
  Value rareFactors;
  /// The last op before this one whose effects must not be reordered with it.
  Node *previousEffect = nullptr;
  bool emitted = false;
};

/// Forms the maps of one block.
class BlockMapper {
public:
  BlockMapper(Block &block, VirtualOps &virtualOps) : block(block), virtualOps(virtualOps) {}

  void run();

private:
  void assign(Operation *op);
  bool canJoin(Operation *op, Node *node);
  void collectDeps(Node *node, llvm::SetVector<Node *> &deps);
  void collectDeps(Value value, llvm::SetVector<Node *> &deps, bool throughVirtual,
                   llvm::SetVector<Node *> *readThrough);
  bool reaches(Node *from, Node *to);
  Node *findSibling(Operation *op);
  void emit(Node *node);
  void emitMap(Node *node);
  void materialiseOperands(Operation *op);
  Value clone(OpBuilder &builder, Value value, Block *body, IRMapping &mapping,
              llvm::SetVector<Value> &ins);

  Block &block;
  VirtualOps &virtualOps;
  SmallVector<std::unique_ptr<Node>> nodes;
  DenseMap<Operation *, Node *> nodeOf;
  Node *lastEffect = nullptr;
  /// Where the next op is written.
  Operation *end = nullptr;
};

} // namespace

/// Loads from `in` views have no order; everything else that touches memory, and
/// the terminator, keeps its place.
static bool hasOrderedEffects(Operation *op) {
  if (op->hasTrait<OpTrait::IsTerminator>())
    return true;
  return !isMemoryEffectFree(op) && !isUnorderedLoad(op);
}

/// The domain that `op` computes over as a member of a map.
static ArrayRef<int64_t> getDomain(Operation *op) {
  if (auto reduce = dyn_cast<ReduceOp>(op))
    return reduce.getX().getType().getShape();
  return cast<RankedTensorType>(op->getResult(0).getType()).getShape();
}

//===----------------------------------------------------------------------===//
// Grouping
//===----------------------------------------------------------------------===//

/// Adds the nodes that `value` comes from, through virtual ops. Nodes whose tile
/// is read through a broadcast are also put into `readThrough`.
void BlockMapper::collectDeps(Value value, llvm::SetVector<Node *> &deps, bool throughVirtual,
                              llvm::SetVector<Node *> *readThrough) {
  Operation *def = value.getDefiningOp();
  if (!def)
    return;
  if (virtualOps.contains(def)) {
    for (Value operand : def->getOperands())
      collectDeps(operand, deps, /*throughVirtual=*/true, readThrough);
    return;
  }
  Operation *ancestor = block.findAncestorOpInBlock(*def);
  if (!ancestor)
    return;
  Node *node = nodeOf.lookup(ancestor);
  if (!node)
    return;
  deps.insert(node);
  if (readThrough && (throughVirtual || isa<ReduceOp>(def)))
    readThrough->insert(node);
}

void BlockMapper::collectDeps(Node *node, llvm::SetVector<Node *> &deps) {
  if (node->previousEffect)
    deps.insert(node->previousEffect);
  for (Operation *op : node->ops)
    op->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        collectDeps(operand, deps, false, nullptr);
    });
}

/// True where `from` depends on `to`.
bool BlockMapper::reaches(Node *from, Node *to) {
  llvm::SetVector<Node *> seen;
  seen.insert(from);
  for (unsigned i = 0; i < seen.size(); ++i) {
    if (seen[i] == to)
      return true;
    collectDeps(seen[i], seen);
  }
  return false;
}

bool BlockMapper::canJoin(Operation *op, Node *node) {
  if (!node->isMap || node->rareFactors || ArrayRef<int64_t>(node->domain) != getDomain(op))
    return false;
  if (auto reduce = dyn_cast<ReduceOp>(op))
    if (node->reducedAxis && *node->reducedAxis != static_cast<int64_t>(reduce.getAxis()))
      return false;
  llvm::SetVector<Node *> deps, readThrough;
  for (Value operand : op->getOperands())
    collectDeps(operand, deps, false, &readThrough);
  // A reduction, or a broadcast, of the map's own values is known only after it.
  if (readThrough.contains(node))
    return false;
  return llvm::none_of(deps, [&](Node *dep) { return dep != node && reaches(dep, node); });
}

/// The tiles in memory that `op` reads, through virtual ops and slices.
static void collectSources(Operation *op, VirtualOps &virtualOps,
                           llvm::SmallPtrSetImpl<void *> &sources) {
  for (Value operand : op->getOperands()) {
    if (!isTile(operand))
      continue;
    Operation *def = operand.getDefiningOp();
    if (virtualOps.contains(def) || isa_and_nonnull<tensor::ExtractSliceOp>(def))
      collectSources(def, virtualOps, sources);
    else
      sources.insert(operand.getAsOpaquePointer());
  }
}

/// A map over the same domain that reads one of the tiles that `op` reads: each
/// element is then loaded once for both.
Node *BlockMapper::findSibling(Operation *op) {
  llvm::SmallPtrSet<void *, 4> wanted;
  collectSources(op, virtualOps, wanted);
  unsigned tries = 0;
  for (auto it = nodes.rbegin(); it != nodes.rend() && tries < maxSiblings; ++it) {
    Node *node = it->get();
    if (!node->isMap || ArrayRef<int64_t>(node->domain) != getDomain(op))
      continue;
    ++tries;
    bool shares = llvm::any_of(node->ops, [&](Operation *member) {
      llvm::SmallPtrSet<void *, 4> sources;
      collectSources(member, virtualOps, sources);
      return llvm::any_of(sources, [&](void *source) { return wanted.contains(source); });
    });
    if (shares && canJoin(op, node))
      return node;
  }
  return nullptr;
}

void BlockMapper::assign(Operation *op) {
  bool member = virtualOps.isMember(op);
  Node *home = nullptr;
  Value rareFactors = member ? getRareFactors(op) : Value();
  if (member && !rareFactors) {
    llvm::SetVector<Node *> deps;
    for (Value operand : op->getOperands())
      collectDeps(operand, deps, false, nullptr);
    for (Node *dep : llvm::reverse(deps))
      if (canJoin(op, dep)) {
        home = dep;
        break;
      }
    if (!home)
      home = findSibling(op);
  }
  if (!home) {
    nodes.push_back(std::make_unique<Node>());
    home = nodes.back().get();
    home->isMap = member;
    home->rareFactors = rareFactors;
    if (member)
      home->domain.assign(getDomain(op).begin(), getDomain(op).end());
  }
  if (auto reduce = dyn_cast<ReduceOp>(op))
    home->reducedAxis = reduce.getAxis();
  home->ops.push_back(op);
  nodeOf[op] = home;
  if (!member && hasOrderedEffects(op)) {
    home->previousEffect = lastEffect;
    lastEffect = home;
  }
}

//===----------------------------------------------------------------------===//
// Writing the maps
//===----------------------------------------------------------------------===//

/// The value that stands for `value` in a map's body: its copy, a copy of the
/// virtual op behind it, or a new block argument.
Value BlockMapper::clone(OpBuilder &builder, Value value, Block *body, IRMapping &mapping,
                         llvm::SetVector<Value> &ins) {
  if (Value known = mapping.lookupOrNull(value))
    return known;
  if (!isTile(value))
    return value;
  Operation *def = value.getDefiningOp();
  if (!virtualOps.contains(def)) {
    ins.insert(value);
    mapping.map(value, body->addArgument(value.getType(), value.getLoc()));
    return mapping.lookup(value);
  }
  for (Value operand : def->getOperands())
    mapping.map(operand, clone(builder, operand, body, mapping, ins));
  return builder.clone(*def, mapping)->getResult(0);
}

/// Labels of all anchors of a map, joined by `+`.
static StringAttr joinLabels(ArrayRef<Operation *> ops) {
  std::string text;
  for (Operation *op : ops) {
    auto anchor = dyn_cast<AnchorOpInterface>(op);
    if (!anchor || !anchor.getAnchorLabel())
      continue;
    if (!text.empty())
      text += "+";
    text += anchor.getAnchorLabel().getValue();
  }
  return text.empty() ? nullptr : StringAttr::get(ops.front()->getContext(), text);
}

static bool isUsedOutside(Value value, ArrayRef<Operation *> ops, VirtualOps &virtualOps) {
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    return virtualOps.contains(user) || !llvm::is_contained(ops, user);
  });
}

void BlockMapper::emitMap(Node *node) {
  OpBuilder builder(end);
  SmallVector<Location> locs =
      llvm::map_to_vector(node->ops, [](Operation *op) { return op->getLoc(); });
  auto body = std::make_unique<Region>();
  Block *bodyBlock = builder.createBlock(body.get());
  IRMapping mapping;
  llvm::SetVector<Value> ins;
  SmallVector<Value> outer, yielded;
  for (Operation *op : node->ops) {
    for (Value operand : op->getOperands())
      mapping.map(operand, clone(builder, operand, bodyBlock, mapping, ins));
    Operation *copy = builder.clone(*op, mapping);
    for (auto [from, to] : llvm::zip(op->getResults(), copy->getResults())) {
      mapping.map(from, to);
      if (isUsedOutside(from, node->ops, virtualOps)) {
        outer.push_back(from);
        yielded.push_back(to);
      }
    }
  }
  sched::YieldOp::create(builder, node->ops.back()->getLoc(), yielded);

  builder.setInsertionPoint(end);
  auto map = sched::MapOp::create(builder, FusedLoc::get(block.getParentOp()->getContext(), locs),
                                  ValueRange(yielded).getTypes(), node->domain,
                                  ins.getArrayRef(), ValueRange(), joinLabels(node->ops));
  map.getBody().takeBody(*body);
  if (node->rareFactors && ins.front() == node->ops.front()->getOperand(0)) {
    // The ops of a map are all known by now, and the factors are what one of them gives.
    Value factors = node->ops.front()->getOperand(1).getDefiningOp<BroadcastOp>().getX();
    builder.setInsertionPoint(map);
    FloatAttr one = builder.getFloatAttr(getElementTypeOrSelf(factors.getType()), 1);
    map.getWhenMutable().assign(sched::DiffersOp::create(builder, map.getLoc(), factors, one));
  }
  for (auto [from, to] : llvm::zip(outer, map.getResults()))
    from.replaceAllUsesWith(to);
}

/// Ops other than maps take tiles from memory: gives each virtual operand of
/// `op`, and of the ops inside it that are no members, a map of its own.
void BlockMapper::materialiseOperands(Operation *op) {
  for (OpOperand &operand : op->getOpOperands()) {
    Operation *def = operand.get().getDefiningOp();
    if (!virtualOps.contains(def))
      continue;
    if (virtualOps.isRescale(def)) {
      // Stays as it is, but behind the maps that its operands come from.
      def->getOperand(1).getDefiningOp()->moveBefore(op);
      def->moveBefore(op);
      continue;
    }
    auto constant = dyn_cast<arith::ConstantOp>(def);
    if (constant && !isa<SplatElementsAttr>(constant.getValue()))
      continue; // lies in memory as it is
    if (auto dot = dyn_cast<DotOp>(op); dot && constant && operand.get() == dot.getAcc() &&
                                        matchPattern(operand.get(), m_AnyZeroFloat()))
      continue;
    OpBuilder builder(end);
    auto body = std::make_unique<Region>();
    Block *bodyBlock = builder.createBlock(body.get());
    IRMapping mapping;
    llvm::SetVector<Value> ins;
    Value inner = clone(builder, operand.get(), bodyBlock, mapping, ins);
    sched::YieldOp::create(builder, def->getLoc(), inner);
    builder.setInsertionPoint(end);
    auto map = sched::MapOp::create(
        builder, def->getLoc(), inner.getType(),
        cast<RankedTensorType>(inner.getType()).getShape(), ins.getArrayRef(), ValueRange(),
        StringAttr());
    map.getBody().takeBody(*body);
    operand.set(map.getResult(0));
  }
}

void BlockMapper::emit(Node *node) {
  if (node->emitted)
    return;
  node->emitted = true;
  llvm::SetVector<Node *> deps;
  collectDeps(node, deps);
  for (Node *dep : deps)
    if (dep != node)
      emit(dep);
  if (node->isMap) {
    emitMap(node);
    return;
  }
  Operation *op = node->ops.front();
  if (op != end)
    op->moveBefore(end);
  Operation *after = op == end ? nullptr : end;
  end = op;
  materialiseOperands(op);
  end = after;
}

void BlockMapper::run() {
  SmallVector<Operation *> ops = llvm::map_to_vector(block, [](Operation &op) { return &op; });
  for (Operation *op : ops)
    if (!virtualOps.contains(op))
      assign(op);
  // Maps are pure and written where they are first needed; the others keep their
  // order.
  for (std::unique_ptr<Node> &node : nodes) {
    if (node->isMap || node->emitted)
      continue;
    end = node->ops.front();
    emit(node.get());
  }
}

namespace {

struct SchedFormMaps : tegula::impl::SchedFormMapsPassBase<SchedFormMaps> {
  using SchedFormMapsPassBase::SchedFormMapsPassBase;

  void runOnOperation() override {
    getOperation()->walk([this](KernelOp kernel) {
      VirtualOps virtualOps(rescale);
      SmallVector<Block *> blocks;
      // Inner blocks first: what they read from outside is still in its old form.
      kernel->walk<WalkOrder::PostOrder>([&](GridOp grid) {
        grid->walk<WalkOrder::PostOrder>([&](Operation *op) {
          if (isa<sched::MapOp>(op))
            return;
          for (Region &region : op->getRegions())
            for (Block &block : region)
              blocks.push_back(&block);
        });
      });
      for (Block *block : blocks)
        BlockMapper(*block, virtualOps).run();
      eraseDead(kernel);
    });
  }

  /// Members were copied into maps: drops the originals and unused virtual ops.
  static void eraseDead(KernelOp kernel) {
    SmallVector<Operation *> candidates;
    bool changed = true;
    while (changed) {
      changed = false;
      candidates.clear();
      kernel->walk<WalkOrder::PostOrder>([&](Operation *op) {
        if (hasTileResult(op) && isMemoryEffectFree(op) &&
            (op->getNumRegions() == 0 || isa<sched::MapOp>(op)))
          candidates.push_back(op);
      });
      for (Operation *op : llvm::reverse(candidates)) {
        if (!op->use_empty())
          continue;
        op->erase();
        changed = true;
      }
    }
  }
};

} // namespace
