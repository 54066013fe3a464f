//===- EntryOps.td - What a launcher knows of a kernel ----*- tablegen -*-===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TEGULA_DIALECT_TEGULA_IR_ENTRYOPS_TD
#define TEGULA_DIALECT_TEGULA_IR_ENTRYOPS_TD

include "mlir/IR/SymbolInterfaces.td"
include "tegula/Dialect/Tegula/IR/TegulaAttrs.td"

def Tegula_MessageAttr : Tegula_Attr<"Message", "message"> {
  let summary = "a message of the author's program and where it stands";
  let description = [{
    ```mlir
    #tegula.message<"H must be a multiple of HK", loc("f.py":3:5)>
    ```
  }];
  let parameters = (ins "::mlir::StringAttr":$text, "::mlir::LocationAttr":$place);
  let assemblyFormat = "`<` $text `,` $place `>`";
}

def Tegula_EntryOp : Tegula_Op<"entry", [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a kernel that has become functions, as a launcher sees it";
  let description = [{
    `convert-kernel-to-func` leaves one for each kernel: its functions of the
    host ABI (`tegula/Runtime/HostABI.h`), the arguments with their promises, the
    messages behind the numbers that the functions return, the grid's steps, and
    the bytes of scratch memory that one worker needs. The artifact carries it;
    no machine code is made of it.

    * C1: as many types as arguments.
    * C2: the symbols name functions of this module.

    ```mlir
    tegula.entry "fill" bind @fill.bind run @fill.run instance @fill.instance
      args [#tegula.arg<out "y">, #tegula.arg<value "v">] types [memref<?xf32>, f32]
      steps [64] requirements [] checks [] arena 0
    func.func private @fill.bind(!llvm.ptr, !llvm.ptr) -> i32
    func.func private @fill.run(!llvm.ptr, !llvm.ptr, i64, i64) -> i32
    func.func private @fill.instance(!llvm.ptr, !llvm.ptr, index) -> i32
    ```
  }];
  let arguments = (ins StrAttr:$kernel,
                       FlatSymbolRefAttr:$bind, FlatSymbolRefAttr:$run,
                       FlatSymbolRefAttr:$instance,
                       TypedArrayAttrBase<Tegula_ArgAttr, "argument attributes">:$args,
                       TypeArrayAttr:$types, DenseI64ArrayAttr:$steps,
                       TypedArrayAttrBase<Tegula_MessageAttr, "messages">:$requirements,
                       TypedArrayAttrBase<Tegula_MessageAttr, "messages">:$checks,
                       I64Attr:$arena);
  let assemblyFormat = [{
    $kernel `bind` $bind `run` $run `instance` $instance `args` $args `types` $types
    `steps` $steps `requirements` $requirements `checks` $checks `arena` $arena attr-dict
  }];
  let hasVerifier = 1;
}

def Tegula_ProgramEntryOp : Tegula_Op<"program_entry", [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a program that has become a function, as a launcher sees it";
  let description = [{
    `convert-program-to-func` leaves one for each program: its function of the
    host ABI, the arguments with their promises, the messages behind the numbers
    that it returns, and the kernels behind the numbers that it launches.

    * C1: as many types as arguments.
    * C2: the symbol names a function of this module.

    ```mlir
    tegula.program_entry "twice" run @twice.program
      args [#tegula.arg<in "x">, #tegula.arg<out "y">] types [memref<?xf32>, memref<?xf32>]
      requirements [] kernels ["copy"]
    func.func private @twice.program(!llvm.ptr, !llvm.ptr) -> i32
    ```
  }];
  let arguments = (ins StrAttr:$program, FlatSymbolRefAttr:$run,
                       TypedArrayAttrBase<Tegula_ArgAttr, "argument attributes">:$args,
                       TypeArrayAttr:$types,
                       TypedArrayAttrBase<Tegula_MessageAttr, "messages">:$requirements,
                       StrArrayAttr:$kernels);
  let assemblyFormat = [{
    $program `run` $run `args` $args `types` $types `requirements` $requirements
    `kernels` $kernels attr-dict
  }];
  let hasVerifier = 1;
}

def Tegula_DeviceEntryOp : Tegula_Op<"device_entry", [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a kernel that has become a function of a GPU, as a launcher sees it";
  let description = [{
    What a launcher must know of a device function (`docs/gpu_abi.md`): the
    arguments with their promises, threads of a block, bytes of shared memory, and
    the messages behind the numbers that a failed check leaves.

    * C1: as many types as arguments.
    * C2: the symbol names a function of this module.
    * C3: there is at least one thread.

    ```mlir
    tegula.device_entry @fill args [#tegula.arg<out "y">, #tegula.arg<value "v">]
      types [memref<?xf32>, f32] threads 128 shared 0 checks []
    llvm.func @fill(!llvm.ptr<1>, i64, f32)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$function,
                       TypedArrayAttrBase<Tegula_ArgAttr, "argument attributes">:$args,
                       TypeArrayAttr:$types, I64Attr:$threads, I64Attr:$shared,
                       TypedArrayAttrBase<Tegula_MessageAttr, "messages">:$checks);
  let assemblyFormat = [{
    $function `args` $args `types` $types `threads` $threads `shared` $shared
    `checks` $checks attr-dict
  }];
  let hasVerifier = 1;
}

#endif // TEGULA_DIALECT_TEGULA_IR_ENTRYOPS_TD
