//===- LinkerParts.cpp - What the linked-in linker goes without ----------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LLVM's linker comes with its link-time optimiser, which objects of ours never reach
// and which names every backend of LLVM, and Polly. In a static library these would
// weigh more than all the rest: here stand, in their place, functions that register
// nothing. Compiled where LLVM is linked statically only.
//
//===----------------------------------------------------------------------===//

#include "llvm/Plugins/PassPlugin.h"

llvm::PassPluginLibraryInfo getPollyPluginInfo();
llvm::PassPluginLibraryInfo getPollyPluginInfo() {
  return {LLVM_PLUGIN_API_VERSION, "none", "", [](llvm::PassBuilder &) {}, nullptr};
}

#define TEGULA_WITHOUT(TARGET)                                                                     \
  extern "C" void LLVMInitialize##TARGET##TargetInfo() {}                                          \
  extern "C" void LLVMInitialize##TARGET##Target() {}                                              \
  extern "C" void LLVMInitialize##TARGET##TargetMC() {}                                            \
  extern "C" void LLVMInitialize##TARGET##AsmPrinter() {}                                          \
  extern "C" void LLVMInitialize##TARGET##AsmParser() {}

TEGULA_WITHOUT(AArch64)
TEGULA_WITHOUT(ARM)
TEGULA_WITHOUT(AVR)
TEGULA_WITHOUT(BPF)
TEGULA_WITHOUT(Hexagon)
TEGULA_WITHOUT(Lanai)
TEGULA_WITHOUT(LoongArch)
TEGULA_WITHOUT(M68k)
TEGULA_WITHOUT(MSP430)
TEGULA_WITHOUT(Mips)
TEGULA_WITHOUT(PowerPC)
TEGULA_WITHOUT(RISCV)
TEGULA_WITHOUT(SPIRV)
TEGULA_WITHOUT(Sparc)
TEGULA_WITHOUT(SystemZ)
TEGULA_WITHOUT(VE)
TEGULA_WITHOUT(WebAssembly)
TEGULA_WITHOUT(XCore)
TEGULA_WITHOUT(Xtensa)
