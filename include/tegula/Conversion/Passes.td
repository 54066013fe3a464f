//===- Passes.td - Passes that change the dialect mix -----*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_CONVERSION_PASSES_TD
#define TEGULA_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertKernelToFuncPass : Pass<"convert-kernel-to-func", "::mlir::ModuleOp"> {
  let summary = "kernels into functions of the host ABI";
  let description = [{
    Each kernel becomes `NAME.bind` (the launch part), `NAME.run` (a span of
    instances) and the private `NAME.instance` (the grid's body), as
    `tegula/Runtime/HostABI.h` says, and leaves a `tegula.entry` with what a
    launcher must know. Views are rebuilt from the argument block as LLVM
    descriptors behind `unrealized_conversion_cast`. A `tegula.check` becomes a
    `cf.assert`, which `convert-assert-to-exit` turns into a return.

    **Requires** kernels whose bodies hold upstream ops and `tegula.check` only.
    **Guarantees** no kernel is left; one entry per kernel. **Fails when** a
    grid's body holds an op of the tile or scheduled level.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
                           "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect"];
}

def ConvertProgramToFuncPass : Pass<"convert-program-to-func", "::mlir::ModuleOp"> {
  let summary = "programs into functions of the host ABI";
  let description = [{
    Each program becomes `NAME.program`, as `tegula/Runtime/HostABI.h` says, and
    leaves a `tegula.program_entry`. Workspace and launches become calls of the
    host's callbacks: no symbol is needed from outside. Of the variants the first
    whose guards hold runs; where none does, the call is refused.

    **Requires** kernels that are still kernels: run it before
    `convert-kernel-to-func`. **Guarantees** no program is left. **Fails when**
    nothing.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
                           "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect"];
}

def ConvertAssertToExitPass : Pass<"convert-assert-to-exit", "::mlir::ModuleOp"> {
  let summary = "failed checks of an instance into a return of their number";
  let description = [{
    In the instance function of each `tegula.entry`, a `cf.assert` becomes a
    branch to a return of the number (from 1) of its message among the entry's
    checks. A message that occurs at several places is told apart by its
    location. Upstream's own lowering of `cf.assert` would end the process.

    **Requires** functions made by `convert-kernel-to-func`, in unstructured
    control flow. **Guarantees** no assertion is left in them. **Fails when** an
    assertion is not among the entry's checks, or still stands inside a
    structured op, where no branch can leave it.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
                           "::mlir::func::FuncDialect"];
}

def TegulaToLoopsPass : Pass<"tegula-to-loops", "::mlir::ModuleOp"> {
  let summary = "the plain meaning of tile programs: scalar loops";
  let description = [{
    Every tile becomes a buffer, every tile op a nest of loops over scalars,
    inside the same kernel and grid. This path is the oracle that faster ones are
    compared with: it is deliberately plain, and shares no lowering with them.
    Structured ops have a lowering of their own here; decomposed programs run too.

    * Buffers are allocated where the instance begins and freed where it ends (a
      failed `tegula.check` is an end), so streams never allocate.
    * Every element of a load or store is guarded by its bounds.
    * 16-bit floats are computed in f32 and rounded to nearest even after each op;
      bf16 is rounded in integer arithmetic, and conversions from f64 and from
      integers round once.
    * A float `dot`, `sum` or scan is accumulated in its result's type, 16-bit
      ones in f32. `order any` visits upwards.
    * Integer division by zero gives 0, as in NumPy, and never traps.

    * Scheduled programs run as well; a buffer is its tile, however it is stored.

    **Requires** verified tile or scheduled programs. **Guarantees** no tile, no
    stream, no structured and no scheduled op is left in any kernel. **Fails when** an op takes or gives a tile
    and has no meaning as scalar loops, or a tile has 8-bit floats.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}

//===----------------------------------------------------------------------===//
// TegulaToSched
//===----------------------------------------------------------------------===//

def SchedPlanPass : Pass<"sched-plan", "::mlir::ModuleOp"> {
  let summary = "chooses a schedule for each stream that has none";
  let description = [{
    Writes the schedule attribute (docs/schedules.md): one row per load, store and dot,
    one for the elementwise work between them. Anchors without a label get one. `print`
    writes the table to standard output.

    On a CPU thread there is one role and one stage; the plan decides which operands are
    packed, in panels of which width, and how many rows a register block has. For a role
    of warps it decides how many there are, and how far ahead and through which rings
    operands come. It tries what it plans on a copy of the kernel, so that the memory and
    registers that it counts with are those of the materialised form. Where a simpler
    schedule is taken than was wanted, a remark says so; `remarks` adds one on the pipes
    of each stream.

    **Requires** decomposed tile programs. **Guarantees** every stream has a schedule that
    covers its anchors, and what is planned for warps fits the target. **Fails when** the
    target is unknown, or no schedule fits it.
  }];
  let options = [
    // style: allow(chip) a default, for tests of the pass alone; pipelines always say.
    Option<"target", "target", "std::string", "\"x86-64-v4\"", "machine to schedule for">,
    Option<"print", "print", "bool", "false", "print the schedules as tables">,
    Option<"remarks", "remarks", "bool", "false", "say what bounds each stream">];
  let dependentDialects = ["::tegula::sched::SchedDialect", "::mlir::arith::ArithDialect",
                           "::mlir::cf::ControlFlowDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::NVVM::NVVMDialect", "::mlir::ROCDL::ROCDLDialect",
                           "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def SchedFormMapsPass : Pass<"sched-form-maps"> {
  let summary = "gathers elementwise tile ops into map regions";
  let description = [{
    Elementwise ops and reductions that can run in one sweep over a domain become
    one `sched.map`, still on tile values. Constants, splats, iotas, broadcasts
    and masks made of them are cloned into each map that reads them: they cost
    less than the memory they would fill. With `rescale` a product of a dot's
    accumulator with one number per row stays outside: it becomes the dot's `scale`.

    **Requires** decomposed tile programs. **Guarantees** outside maps no
    elementwise op or reduction on tiles is left, but rescaled accumulators; ops
    that touch memory keep their order. **Fails when** nothing: what it does not
    know stays.
  }];
  let options = [
    Option<"rescale", "rescale", "bool", "true", "products rescale their accumulators">];
  let dependentDialects = ["::tegula::sched::SchedDialect"];
}

def SchedMaterializePass : Pass<"sched-materialize"> {
  let summary = "places tiles in buffers: tile programs become scheduled kernels";
  let description = [{
    Each tile gets a buffer, allocated once per instance outside all streams. An
    op writes over an operand's buffer where that operand dies there; a carried
    tile keeps one buffer over all trips. A load whose tile is only the right
    operand of products becomes a packing copy. Streams become `scf.for`.

    **Requires** `sched-form-maps`. **Guarantees** no tile value is left outside
    map bodies. **Fails when** an op has no scheduled form, naming the op.
  }];
  let options = [
    // style: allow(chip) a default, for tests of the pass alone; pipelines always say.
    Option<"target", "target", "std::string", "\"x86-64-v4\"", "machine to schedule for">];
  let dependentDialects = ["::tegula::sched::SchedDialect", "::mlir::scf::SCFDialect",
                           "::mlir::memref::MemRefDialect"];
}

def SchedMaterializeRolesPass : Pass<"sched-materialize-roles"> {
  let summary = "gives tiles registers and rings: tile programs become roles of warps";
  let description = [{
    Each tile becomes a fragment, in a layout that is decided once for the kernel: that
    of a product where it meets one, else pieces of 16 bytes. Loads that a stream's
    schedule puts into a ring become copies that run ahead by the distance between their
    stage and the last; waits, releases, commits in flight, prologue and drains follow.
    Streams become loops over `sched.trips`.

    **Requires** `sched-form-maps`, and one role on each grid. **Guarantees** no tile
    value is left outside map bodies, and position is the schedule. **Fails when** an op
    has no form on fragments, or the schedule asks for what one role cannot do, naming
    the op.
  }];
  let options = [
    // style: allow(chip) a default, for tests of the pass alone; pipelines always say.
    Option<"target", "target", "std::string", "\"sm_80\"", "machine to schedule for">];
  let dependentDialects = ["::tegula::sched::SchedDialect", "::mlir::scf::SCFDialect",
                           "::mlir::arith::ArithDialect"];
}

def ExpandVectorMathPass : Pass<"expand-vector-math"> {
  let summary = "elementary functions and 16-bit floats as vector arithmetic";
  let description = [{
    A call per element costs more than the function: LLVM makes 16 of one
    `math.exp` on a vector. Here each function becomes some 15 to 30 ops of `arith`
    and `math.fma` on all elements at once, of vectors of any shape and of scalars
    alike, without branches, tables or calls.

    * f32 `exp`, `exp2`, `expm1`, `log`, `log2`, `log1p`, `tanh`, `erf`, `sin`,
      `cos`, `rsqrt`: the whole range, subnormals, infinities and NaN included;
      `docs/math.md` has the errors. `sin` and `cos` give NaN from 2^50 on.
    * `tegula.exp2`: its degree, or that of the type that consumes it (f32 6,
      f16 4, bf16 3); below 2^-126.5 it is 0. All policies mean the polynomial.
    * 16-bit floats: widened, computed in f32, rounded after each op. Conversions
      round once, to nearest even; a bf16 that is widened again never takes its
      16-bit form.
    * `maximumf` and its like, also as reductions: compare and select, NaN kept.
      Zeros of both signs are equal.

    Native instructions stay: `sqrt`, `floor`, `ceil`, `trunc`, `round`,
    `roundeven`, `absf`, `copysign`, `fma`, f16 <-> f32. f64 functions stay.

    **Requires** values are scalars or vectors; ops on tiles, and ops under a
    `vector.mask`, are left alone. **Guarantees** f32 and 16-bit floats need no
    call. **Fails when** an f32 or 16-bit function has no expansion here, `powf`
    among them.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

//===----------------------------------------------------------------------===//
// SchedToX86
//===----------------------------------------------------------------------===//

def SchedAssignArenaPass : Pass<"sched-assign-arena", "::mlir::ModuleOp"> {
  let summary = "places of buffers in the arena of a worker";
  let description = [{
    Gives each `sched.alloc` its offset in bytes. Buffers that are never alive at
    the same time share bytes; the contents of a buffer that a loop does not
    overwrite at the start of each trip live as long as the loop. Offsets are
    multiples of 64; unused buffers are dropped.

    **Requires** scheduled kernels for a CPU target. **Guarantees** every
    allocation has an offset. **Fails when** the target is unknown or has no
    storage for an element type or a panel width.
  }];
}

def ConvertSchedToX86Pass : Pass<"convert-sched-to-x86", "::mlir::ModuleOp"> {
  let summary = "scheduled kernels into loops over vectors";
  let description = [{
    Every scheduled op becomes loops over vectors of the target's width on the
    arena, inside the same kernel and grid: products as blocks that stay in
    registers, maps as strips of vectors, copies with masks at the edges only.

    * Rows are padded to whole vectors; 16-bit floats are held as f32 values that
      are rounded after each op, i1 as a byte.
    * Where the target sums pairs of products of bf16, buffers hold bf16 as it is,
      and products read it so: subnormal operands count as 0 there.
    * Block sums start from zero and are added to the result once; a sum of more
      than 512 products of floats is cut into blocks of about 256.
    * Integer division by zero gives 0, as in NumPy, and never traps.
    * Copies between a buffer and a view without a unit stride move one element
      at a time.

    **Requires** placed allocations (`sched-assign-arena`). **Guarantees** no op
    of the scheduled level is left but the kernel and its `sched.arena`, nothing
    is allocated, and no tile-sized vector is formed. **Fails when** a map holds
    an op or type that the target has no vector form of.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect",
                           "::mlir::x86vector::X86VectorDialect"];
}

//===----------------------------------------------------------------------===//
// SchedToGPU and its leaves
//===----------------------------------------------------------------------===//

def ConvertSchedToNVVMPass : Pass<"convert-sched-to-nvvm", "::mlir::ModuleOp"> {
  let summary = "scheduled kernels into functions of one thread of an NVIDIA GPU";
  let description = [{
    Each kernel for such a target becomes one device function and leaves a
    `tegula.device_entry`, as docs/gpu_abi.md says. Fragments become scalars in
    registers, slots the number of a stage, views a pointer with sizes and strides;
    loops and branches stay structured. Waits become the wait of the copies that
    the thread has issued and a barrier; matrix products `mma.sync`, their
    operands `ldmatrix` where a layout allows it.

    * A copy whose rows are not aligned to a piece, which may only be known when
      the kernel runs, goes through registers, element by element.
    * What an op moves between threads in other ways than lanes exchange goes
      through scratch in shared memory, behind the buffers.
    * f32 elementary functions are those of `expand-vector-math`; `tegula.exp2` by
      hardware is the special-function unit's.

    **Requires** verified kernels of one role of warps, with layouts on all
    fragments. **Guarantees** no scheduled op is left in kernels for NVIDIA
    targets. **Fails when** an op or a form of it has no code for the target,
    naming it.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect"];
}

def ConvertSchedToROCDLPass : Pass<"convert-sched-to-rocdl", "::mlir::ModuleOp"> {
  let summary = "scheduled kernels into functions of one thread of an AMD GPU";
  let description = [{
    As `convert-sched-to-nvvm`, which shares all but the instructions: products
    become MFMA (with operands exchanged where the result is held transposed),
    waits a barrier that orders local memory only, phases are fenced against the
    scheduler, and lanes exchange words through local memory's crossbar. Copies
    into rings go through registers, in `sync` rings as the schedule says.

    **Requires** verified kernels of one role of warps, with layouts on all
    fragments. **Guarantees** no scheduled op is left in kernels for AMD targets.
    **Fails when** an op or a form of it has no code for the target, naming it.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::ROCDL::ROCDLDialect"];
}

#endif // TEGULA_CONVERSION_PASSES_TD
