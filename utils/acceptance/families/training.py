# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Derivatives: programs with a backward, torch.autograd, custom ops."""

from __future__ import annotations

from collections.abc import Callable

from acceptance import Points, pytest, python

point = Points()

TESTS = "test/python/test_training.py"

SETUP = """
import torch, tegula as tg, tegula.ops as ops
def t(*shape): return torch.randn(*shape, dtype=torch.float64, requires_grad=True)
q, k, v, x, w, b, m = t(1, 2, 6, 8), t(1, 1, 7, 8), t(1, 1, 7, 5), t(5, 9), t(9), t(9), t(9, 4)
calls = {
    "attention": (lambda q, k, v: ops.attention(q, k, v, causal=True, softcap=3.0, return_lse=True), (q, k, v)),
    "matmul": (lambda x, m: ops.matmul(x, m, activation="gelu"), (x, m)),
    "layer_norm": (ops.layer_norm, (x, w, b)),
    "rms_norm": (ops.rms_norm, (x, w)),
}
"""

GRADCHECK = """
for name, (call, args) in calls.items(): assert torch.autograd.gradcheck(call, args), name
print(*calls)
"""

OPCHECK = """
for call, args in calls.values(): call(*args)  # registers
import importlib
operator = lambda name: getattr(torch.ops.tegula, name).default
checks = {
    "attention": ((q, k, v), {"scale": 0.3, "right": 0}),
    "matmul": ((x[None, None], m[None, None]), {"activation": "silu"}),
    "layer_norm": ((x, w, b), {"eps": 1e-5}), "rms_norm": ((x, w), {"eps": 1e-5}),
}
count = 0
for name, (args, options) in checks.items():
    args = tuple(a.detach().requires_grad_() for a in args)
    found = torch.library.opcheck(operator(name), args, options)
    assert set(found.values()) == {"SUCCESS"}, found
    count += len(found)
print(f"{count} checks of {len(checks)} operators")
"""

REPEATS = """
q, k, v = (torch.randn(1, 2, 200, 32, requires_grad=True) for _ in range(3))
x, w, m, b = torch.randn(300, 64, requires_grad=True), t(64).float(), t(64, 48).float(), t(48).float()
many = {"attention": (lambda q, k, v: ops.attention(q, k, v, causal=True), (q, k, v)),
        "rms_norm": (ops.rms_norm, (x, w)),
        "matmul": (lambda x, m, b: ops.matmul(x, m, bias=b, activation="gelu"), (x, m, b))}
for name, (call, args) in many.items():
    args = tuple(a.detach().requires_grad_() for a in args)
    def grads(threads):
        with tg.threads(threads):
            y = call(*args)
            return torch.autograd.grad(y, args, torch.sin(torch.arange(y.numel()) * 1.0).reshape(y.shape))
    first = grads(1)
    assert all(torch.equal(a, b) for n in (1, 2, 3, 8) for a, b in zip(first, grads(n))), name
print("bits equal on 1, 2, 3 and 8 threads")
"""

ERRORS = """
def refused(call, text):
    try: call()
    except tg.TegulaError as e: assert text in str(e), e
    else: raise AssertionError(text)
refused(lambda: ops.attention(q, k, v, bias=t(1, 1, 6, 7)),
        "'bias' requires grad, and attention has no gradient for a bias")
(g,) = torch.autograd.grad(ops.rms_norm(x).sum(), x, create_graph=True)
refused(lambda: torch.autograd.grad(g.sum(), x), "rms_norm: has no second derivative")
print("a bias that requires grad, a second derivative")
"""

MEMORY = """
import resource
def run(n):
    q, k, v = (torch.ones(1, 1, n, 64, requires_grad=True) for _ in range(3))
    ops.attention(q, k, v, causal=True).backward(torch.ones(1, 1, n, 64))
    return 8 * q.nbytes  # q, k, v, o, and their gradients
run(256); run(512)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
known = run(4096)
extra = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 - known
assert extra < 16e6, extra
print(f"{max(extra, 0) / 1e6:.1f} MB beyond operands and gradients; a matrix of 4096 x 4096 would be 67 MB")
"""

COMPILE = """
f = lambda x, w, m: ops.matmul(ops.layer_norm(x, w), m, activation="gelu")
compiled = torch.compile(f, backend="aot_eager", fullgraph=True)
given = tuple(a.detach().requires_grad_() for a in (x, w, m))
for x_ in (given[0], t(7, 9), t(8, 9)):
    args = (x_, *given[1:])
    assert torch.equal(compiled(*args), f(*args))
    for a, b in zip(torch.autograd.grad(compiled(*args).sum(), args), torch.autograd.grad(f(*args).sum(), args)):
        assert torch.equal(a, b)
from torch._subclasses.fake_tensor import FakeTensorMode
with FakeTensorMode(): assert ops.attention(*[torch.empty(2, 4, 9, 8)] * 3).shape == (2, 4, 9, 8)
print("one graph with its gradients, fake tensors")
"""


def script(code: str) -> Callable[[], str]:
    return lambda: python(SETUP + code)


for name, promise, code in (
    ("gradcheck", "torch.autograd.gradcheck in f64 of attention, matmul and the norms", GRADCHECK),
    ("opcheck", "custom ops with fake kernels and autograd: torch.library.opcheck passes", OPCHECK),
    ("repeatable", "gradients are the same bits on any number of threads", REPEATS),
    ("errors", "a bias that requires grad, and second derivatives, are refused by name", ERRORS),
    ("memory", "the backward of attention stores no [seq, seq] array", MEMORY),
    ("compile", "torch.compile and fake tensors go through the custom ops", COMPILE),
):
    point.add(f"training.{name}", promise, script(code))


@point("training.programs", "a program with a backward is a node of the graph", cheap=False)
def _() -> str:
    return pytest(TESTS, "-k", "node or tuples or fit or operator")


@point("training.oracles", "gradients agree with float64 oracles in all dtypes, oracles with autograd", cheap=False)
def _() -> str:
    return pytest(TESTS, "-k", "oracle or gradients")


@point("training.mlir", "the backward kernels stand under examples/mlir, and run on both paths", cheap=False)
def _() -> str:
    return pytest("test/python/test_examples_mlir.py", "-k", "gradients")
