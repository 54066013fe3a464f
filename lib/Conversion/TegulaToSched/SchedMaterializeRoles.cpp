//===- SchedMaterializeRoles.cpp - Tiles into fragments and rings ---------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RoleMaterializer.h"

#include "tegula/Conversion/Passes.h"

namespace tegula {
#define GEN_PASS_DEF_SCHEDMATERIALIZEROLESPASS
#include "tegula/Conversion/Passes.h.inc"
} // namespace tegula

using namespace mlir;
using namespace tegula;

namespace {

struct SchedMaterializeRoles : tegula::impl::SchedMaterializeRolesPassBase<SchedMaterializeRoles> {
  using SchedMaterializeRolesPassBase::SchedMaterializeRolesPassBase;

  void runOnOperation() override {
    const GpuInfo *gpu = GpuInfo::lookup(target);
    if (!gpu) {
      getOperation()->emitError() << "target '" << target << "' has no warps to give roles to";
      return signalPassFailure();
    }
    SmallVector<KernelOp> kernels;
    getOperation()->walk([&](KernelOp kernel) { kernels.push_back(kernel); });
    for (KernelOp kernel : kernels)
      if (failed(materialize(kernel, *gpu)))
        return signalPassFailure();
  }

  LogicalResult materialize(KernelOp kernel, const GpuInfo &gpu) {
    auto grid = *kernel.getBody().getOps<GridOp>().begin();
    ArrayAttr roles = grid.getRolesAttr();
    if (!roles || roles.size() != 1)
      return grid.emitOpError() << "needs one role to be materialised, has "
                                << (roles ? roles.size() : 0);
    auto role = cast<ScheduleRoleAttr>(roles[0]);
    if (role.getGroups())
      return grid.emitOpError() << "has a role of groups, '" << role.getName()
                                << "', which nothing materialises yet";
    return RoleMaterializer(kernel, target, gpu, role).run();
  }
};

} // namespace
