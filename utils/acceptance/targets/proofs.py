# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The proof of scheduled kernels: every rule refuses, nothing right is refused, what is accepted runs right."""

from __future__ import annotations

from acceptance import DEV, OPT, ROOT, Points, lit, need, pytest, run
from acceptance.targets.backends import unit

point = Points()
TESTS = "test/python/test_sched_verify.py"
LISTINGS = ROOT / "test/Dialect/Sched/listings"

point.add("proofs.rules", "each rule on programs of ten lines, with its message", lambda: unit("Proof.*"), cheap=False)
point.add("proofs.diagnostics", "every diagnostic of sched-verify at its line", lambda: lit("sched-verify"))
point.add("proofs.faults", "fifty mistakes planted into the listings are refused", lambda: pytest(TESTS), cheap=False)


@point("proofs.listings", "sched-verify has nothing to say on the ten listings")
def _() -> str:
    paths = sorted(LISTINGS.glob("*.mlir"))
    for path in paths:
        run(OPT, path, "--sched-verify=remarks", "-verify-diagnostics", "-o", "/dev/null")
    return need(len(paths) == 10, f"{len(paths)} listings")


@point("proofs.slips", "random slips of the listings: what the proof accepts runs right", cheap=False)
def _() -> str:
    need((DEV / "bin/TegulaUnitTests").exists(), "TegulaUnitTests is not built")
    return unit("*Slips*:*Interleaving*:Executor.*")
