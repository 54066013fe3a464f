#!/usr/bin/env python3
# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Begins a new pass or op of the tile level: every file that it needs, each under its name.

A pass `tegula FuseThings` is `FuseThingsPass` in `Passes.td`, `lib/Transforms/FuseThings.cpp`, the flag
and test `tegula-fuse-things`. An op `gather Memory` is `GatherOp` in `MemoryOps.td` and `.cpp`, with
tests `gather.mlir` and `gather-invalid.mlir`. What is left to write is marked `FILL IN`; the tests
fail until it is written.

usage: utils/new.py pass DIALECT CamelName "summary"
       utils/new.py op mnemonic Group "summary"
       (--root FOLDER for another checkout)
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path

HEADER = """//===- {name} - {summary} {dashes}===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

"""

PASS_TD = """def {name}Pass : Pass<"{flag}"> {{
  let summary = "{summary}";
  let description = [{{
    FILL IN: what it does and why, before -> after.

    **Requires** FILL IN. **Guarantees** FILL IN. **Fails when** FILL IN.
  }}];
}}

"""

PASS_CPP = """#include "tegula/Dialect/Tegula/IR/Tegula.h"
#include "tegula/Transforms/Passes.h"

namespace tegula {{
#define GEN_PASS_DEF_{upper}PASS
#include "tegula/Transforms/Passes.h.inc"
}} // namespace tegula

using namespace mlir;
using namespace tegula;

namespace {{

struct {name} : tegula::impl::{name}PassBase<{name}> {{
  void runOnOperation() override {{
    getOperation()->emitError("FILL IN: {flag}");
    signalPassFailure();
  }}
}};

}} // namespace
"""

PASS_TEST = """// RUN: tegula-opt %s -{flag} | FileCheck %s

// CHECK: FILL IN
"""

OP_TD = """def Tegula_{name}Op : Tegula_Op<"{mnemonic}", [Pure]> {{
  let summary = "{summary}";
  let description = [{{
    FILL IN: meaning, and constraints that the verifier checks.

    * C1: FILL IN.

    ```mlir
    // given %x: tensor<4xf32>
    %r = tegula.{mnemonic} %x : tensor<4xf32> -> tensor<4xf32>
    ```
  }}];
  let arguments = (ins Tegula_Tile:$x);
  let results = (outs Tegula_Tile:$result);
  let assemblyFormat = "$x attr-dict `:` type($x) `->` type($result)";
  let hasVerifier = 1;
}}

"""

OP_CPP = """
LogicalResult {name}Op::verify() {{
  return emitOpError("FILL IN: C1"); // C1
}}
"""

OP_TEST = """// RUN: tegula-opt %s | tegula-opt | FileCheck %s
// RUN: tegula-opt %s -mlir-print-op-generic | tegula-opt | FileCheck %s

// CHECK-LABEL: @{mnemonic}
func.func @{mnemonic}(%x: tensor<4xf32>) {{
  // CHECK: tegula.{mnemonic} %{{{{.*}}}} : tensor<4xf32> -> tensor<4xf32>
  %0 = tegula.{mnemonic} %x : tensor<4xf32> -> tensor<4xf32>
  return
}}
"""

OP_INVALID = """// RUN: tegula-opt %s -split-input-file -verify-diagnostics

// C1: FILL IN
func.func @c1(%x: tensor<4xf32>) {{
  // expected-error @+1 {{{{FILL IN}}}}
  %0 = tegula.{mnemonic} %x : tensor<4xf32> -> tensor<8xf32>
  return
}}
"""


def kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


@dataclass(frozen=True)
class Tree:
    """The checkout that gets the files."""

    root: Path

    def create(self, path: str, text: str) -> None:
        if (self.root / path).exists():
            raise SystemExit(f"{path} exists already")
        (self.root / path).write_text(text, encoding="utf-8")
        print(f"new      {path}")

    def insert(self, path: str, before: str, text: str) -> None:
        """Puts `text` in front of the last line that begins with `before`, or at the end."""
        old = (self.root / path).read_text(encoding="utf-8")
        at = old.rfind("\n" + before) + 1 if before else len(old)
        if at == 0:
            raise SystemExit(f"{path} has no line that begins with '{before}'")
        (self.root / path).write_text(old[:at] + text + old[at:], encoding="utf-8")
        print(f"changed  {path}")


def new_pass(tree: Tree, dialect: str, name: str, summary: str) -> None:
    flag = f"{dialect}-{kebab(name)}"
    head = f"//===- {name}.cpp - {summary[:50]} "
    header = HEADER.format(name=f"{name}.cpp", summary=summary[:50], dashes="-" * max(1, 75 - len(head)))
    names = {"name": name, "flag": flag, "summary": summary, "upper": name.upper()}
    tree.create(f"lib/Transforms/{name}.cpp", header + PASS_CPP.format(**names))
    tree.create(f"test/Transforms/{flag}.mlir", PASS_TEST.format(**names))
    tree.insert("include/tegula/Transforms/Passes.td", "#endif", PASS_TD.format(**names))
    tree.insert("lib/Transforms/CMakeLists.txt", "  LINK_LIBS", f"  {name}.cpp\n")


def new_op(tree: Tree, mnemonic: str, group: str, summary: str) -> None:
    name = "".join(word.capitalize() for word in mnemonic.split("_"))
    names = {"name": name, "mnemonic": mnemonic, "summary": summary}
    test = f"test/Dialect/Tegula/{mnemonic.replace('_', '-')}"
    tree.create(f"{test}.mlir", OP_TEST.format(**names))
    tree.create(f"{test}-invalid.mlir", OP_INVALID.format(**names))
    tree.insert(f"include/tegula/Dialect/Tegula/IR/{group}Ops.td", "#endif", OP_TD.format(**names))
    tree.insert(f"lib/Dialect/Tegula/IR/{group}Ops.cpp", "", OP_CPP.format(**names))


def main() -> int:
    parser = argparse.ArgumentParser(description="Begins a new pass or op.")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1])
    kinds = parser.add_subparsers(dest="kind", required=True)
    a_pass, an_op = kinds.add_parser("pass"), kinds.add_parser("op")
    for name in ("dialect", "name", "summary"):
        a_pass.add_argument(name)
    for name in ("mnemonic", "group", "summary"):
        an_op.add_argument(name)
    options = parser.parse_args()
    tree = Tree(options.root)
    if options.kind == "pass":
        new_pass(tree, options.dialect, options.name, options.summary)
    else:
        new_op(tree, options.mnemonic, options.group, options.summary)
    return 0


if __name__ == "__main__":
    sys.exit(main())
