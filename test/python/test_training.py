# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Programs with a backward, in PyTorch's autograd and as its operators."""

from __future__ import annotations

from typing import Any

import pytest
import tegula as tg
import torch
from tegula import In, Opt, Out, T, i32, tile
from tegula.errors import KernelError, LaunchError
from tegula.ops._torch import Operator


@pytest.fixture(autouse=True)
def seed(request: pytest.FixtureRequest) -> None:
    """Fresh data; the seed is in the output of a failure."""
    value = int(torch.randint(1 << 31, ()).item())
    print(f"{request.node.name}: torch.manual_seed({value})")
    torch.manual_seed(value)


# ---- a program of our own: y = x·x·w + z, w may be absent


@tg.kernel
def cubic(x: In[T, "N"], y: Out[T, "N"], w: Opt[In[T, "N"]] = None, z: Opt[In[T, "N"]] = None, *, B: tile = 16):
    n = tg.grid((x.shape[0], B))
    t = tg.load(x, (n,))
    t = t * t
    if w is not None:
        t = t * tg.load(w, (n,))
    if z is not None:
        t = t + tg.load(z, (n,))
    tg.store(y, (n,), t)


@tg.kernel
def count_up(y: Out[i32, "N"], *, B: tile = 16):
    n = tg.grid((y.shape[0], B))
    tg.store(y, (n,), n.ids)


@tg.kernel
def cubic_grad(
    x: In[T, "N"],
    square: In[T, "N"],
    dy: In[T, "N"],
    dx: Out[T, "N"],
    w: Opt[In[T, "N"]] = None,
    dw: Opt[Out[T, "N"]] = None,
    *,
    B: tile = 16,
):
    n = tg.grid((x.shape[0], B))
    t, d = tg.load(x, (n,)), tg.load(dy, (n,))
    g = 2.0 * t * d
    if w is not None:
        g = g * tg.load(w, (n,))
    tg.store(dx, (n,), g)
    if dw is not None:
        tg.store(dw, (n,), tg.load(square, (n,)) * d)


@tg.program
def polynomial(x: Any, w: Any = None, z: Any = None, *, count: int = 1, word: str = "a") -> Any:
    y, index = tg.empty_like(x), tg.empty(x.shape, i32)
    cubic(x, y, w, z)
    count_up(index)
    square = tg.empty_like(x)
    cubic(x, square)
    return y, index, tg.save(x, w, square)


@polynomial.backward
def _(saved: Any, dy: Any, dindex: Any = None, *, count: int, word: str, needs: tuple[bool, ...]) -> Any:
    x, w, square = saved
    dx = tg.empty_like(x)
    dw = tg.empty_like(w) if needs[1] else None
    assert dindex is None and count == 1 and word == "a"
    cubic_grad(x, square, dy, dx, w, dw)
    return dx, dw, dy


def numbers(*shape: int, grad: bool = True) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=grad)


def test_a_program_with_a_backward_is_a_node() -> None:
    x, w, z = numbers(37), numbers(37), numbers(37)
    for args in ((x,), (x, w), (x, w, z), (x, None, z), (x.detach(), w), (x, w.detach(), z)):
        assert torch.autograd.gradcheck(lambda *a: polynomial(*a)[0], args)
    y, index = polynomial(x, w, z)
    assert y.requires_grad and not index.requires_grad and index.dtype is torch.int32
    y.backward(torch.ones_like(y))
    for grad, want in ((x.grad, 2 * x * w), (w.grad, x * x), (z.grad, torch.ones(37))):
        torch.testing.assert_close(grad, want.detach().double())
    with torch.no_grad():
        assert not polynomial(x)[0].requires_grad


def test_what_a_node_saves_may_not_be_changed() -> None:
    x = numbers(8)
    y, _ = polynomial(x * 1.0, x)
    with torch.no_grad():
        x += 1.0
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_second_derivatives_are_refused_not_cut() -> None:
    x = numbers(8)
    for call in (lambda: polynomial(x)[0], lambda: OPERATOR(x)[0]):
        (g,) = torch.autograd.grad(call().sum(), x, create_graph=True)
        torch.testing.assert_close(g.detach(), 2 * x.detach())
        with pytest.raises(LaunchError, match="polynomial: has no second derivative"):
            torch.autograd.grad(g.sum() + x.sum(), x)


def test_tuples_and_keywords() -> None:
    @tg.program
    def pair(xs: Any, *, other: Any = None) -> Any:
        y = tg.empty_like(xs[0])
        cubic(xs[0], y, xs[1])
        square = tg.empty_like(y)
        cubic(xs[0], square)
        return y, tg.save(*xs, square)

    @pair.backward
    def _(saved: Any, dy: Any, *, other: Any) -> Any:
        dx, dw = tg.empty_like(dy), tg.empty_like(dy)
        cubic_grad(saved[0], saved[2], dy, dx, saved[1], dw)
        return dx, dw

    x, w = numbers(9), numbers(9)
    for kind in (tuple, list):
        assert torch.autograd.gradcheck(lambda a, b, kind=kind: pair(kind((a, b))), (x, w))
    with pytest.raises(LaunchError, match="pair: 'other' requires grad, and a keyword argument has no gradient"):
        pair((x, w), other=x)
    with pytest.raises(LaunchError, match=r"pair: 'xs\[1\]' requires grad, and what a dict holds has no gradient"):
        pair((x, {"w": w}))
    with pytest.raises(LaunchError, match="pair: missing a required argument: 'xs'"):
        pair(other=x)


def test_gradients_that_do_not_fit_are_errors() -> None:
    x, w = numbers(8), numbers(8)

    @tg.program
    def lazy(x: Any, w: Any) -> Any:
        y, z = tg.empty_like(x), tg.empty_like(x)
        cubic(x, y, w)
        cubic(x, z, w)
        return y, z, tg.save(x)

    @lazy.backward
    def _(saved: Any, dy: Any) -> Any:
        return dy

    with pytest.raises(LaunchError, match="lazy: 'w' requires grad, and the backward has none for it"):
        lazy(x, w)[0].sum().backward()
    with pytest.raises(LaunchError, match="lazy: a gradient flows into result 1, and its backward takes 1 gradients"):
        lazy(x, w.detach())[1].sum().backward()
    lazy.backward(lambda saved, dy, dz: (dy, dz, dy))
    with pytest.raises(LaunchError, match="lazy: its backward returns 3 gradients for 2 arguments"):
        lazy(x, w)[0].sum().backward()
    lazy.backward(lambda saved, dy, dz: (dy, dz))  # a gradient that does not flow in is zeros
    lazy(x, w)[0].sum().backward()
    assert x.grad is not None and w.grad is not None and x.grad.eq(1).all() and not w.grad.any()
    with pytest.raises(LaunchError, match="lazy: an argument requires grad, and programs differentiate when they are"):
        lazy.forward(x, w)

    @tg.program
    def many(*xs: Any) -> Any:
        return xs[0]

    many.backward(lambda saved, dy: dy)
    with pytest.raises(KernelError, match=r"many: a program with a backward names its parameters: no \*xs"):
        many(x)


# ---- as an operator of PyTorch's

OPERATOR = Operator(polynomial, results=2, saved=1)


def test_an_operator_passes_opcheck() -> None:
    x, w, z = numbers(37), numbers(37), numbers(37)
    for args in ((x,), (x, w), (x.detach(), w), (x.detach(),), (x, None, z)):
        checked = torch.library.opcheck(OPERATOR.overload, args, {"count": 1})
        assert len(checked) == 4 and set(checked.values()) == {"SUCCESS"}
        if any(a is not None and a.requires_grad for a in args):
            assert torch.autograd.gradcheck(lambda *a: OPERATOR(*a)[0], args)


def test_what_an_operator_may_not_do() -> None:
    def count(x: Any) -> Any:
        return tg.empty_like(x), tg.save(*[tg.empty_like(x) for _ in range(x.shape[0])])

    def wrong(x: Any, *, number: complex) -> Any:
        return x

    def sizes(x: Any) -> Any:
        return tg.empty_like(x), tg.save(x if x.shape[0] > 2 else None)

    def operator(fn: Any, results: int = 1, saved: int = 0) -> Operator:
        program = tg.program(fn)
        program.backward(lambda saved, dy: dy)
        return Operator(program, results=results, saved=saved)

    x = numbers(3)
    with pytest.raises(KernelError, match="wrong: 'number' is complex: an operator takes float, int, bool, str"):
        operator(wrong)(x)
    few = operator(count, 1, 2)
    few(x[:2])
    with pytest.raises(LaunchError, match="count: saves 3 arrays of its own, 2 were announced"):
        few(x)
    varied = operator(sizes)
    varied(x)
    with pytest.raises(LaunchError, match="sizes: what it saves or differentiates depends on sizes"):
        varied(x[:1])


def test_announced_results() -> None:
    @tg.program
    def announced(x: Any) -> Any:
        return tg.empty_like(x), tg.empty_like(x)

    announced.backward(lambda saved, dy: dy)
    with pytest.raises(LaunchError, match="announced: 2 results, 1 were announced"):
        Operator(announced)(numbers(3))
