# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# pyright: basic
"""Programs with a backward, in PyTorch's autograd and as its operators."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tegula as tg
import torch
from tegula import In, Opt, Out, T, i32, ops, tile
from tegula.errors import KernelError, LaunchError
from tegula.ops._host import floating
from tegula.ops._torch import Operator
from tegula.testing import check, gradients, oracles
from torch._dynamo.testing import CompileCounterWithBackend
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad
from torch.utils.checkpoint import checkpoint


@pytest.fixture(autouse=True)
def seed(request: pytest.FixtureRequest) -> None:
    """Fresh data; the seed is in the output of a failure."""
    value = int(torch.randint(1 << 31, ()).item())
    print(f"{request.node.name}: torch.manual_seed({value})")
    torch.manual_seed(value)


@pytest.fixture
def poisoned() -> Iterator[None]:
    """`torch.empty` gives NaN."""
    torch.use_deterministic_algorithms(True)
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)


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


# ---- attention

DTYPES = {"f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def attention_reference(
    q: Any, k: Any, v: Any, bias: Any = None, *, scale: Any, softcap: Any, causal: bool, window: Any
):
    """o and lse by the plain formula, in PyTorch."""
    groups = q.shape[1] // k.shape[1]
    k, v = (x.repeat_interleave(groups, 1) for x in (k, v))
    s = q @ k.mT * (q.shape[3] ** -0.5 if scale is None else scale)
    s = s if softcap is None else softcap * torch.tanh(s / softcap)
    keep = torch.from_numpy(oracles.visible(q.shape[2], k.shape[2], causal, window)).expand(s.shape)
    if bias is not None and bias.dtype is torch.bool:
        keep = keep & bias
    elif bias is not None:
        s = s + bias
    none = ~keep.any(-1, keepdim=True)
    lse = s.masked_fill(~keep & ~none, -torch.inf).logsumexp(-1)
    p = torch.exp(s.masked_fill(~keep, -torch.inf) - lse[..., None]).masked_fill(none, 0.0)
    return p @ v, lse.masked_fill(none[..., 0], -torch.inf)


CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "causal, more queries than keys": {"causal": True, "lengths": (41, 23)},
    "window and softcap": {"window": (5, 3), "softcap": 4.0, "lengths": (70, 83)},
    "bias, grouped": {"bias": "values", "heads": (6, 2), "dims": (24, 40)},
    "mask, causal": {"bias": "mask", "causal": True, "heads": (4, 1)},
    "rows without keys": {"window": (None, -9), "lengths": (20, 33), "lse": False},
    "several tiles, strided": {"lengths": (150, 140), "layout": "strided", "scale": 0.05, "window": (40, None)},
    "one of each": {"lengths": (1, 1), "dims": (1, 1), "heads": (1, 1)},
}


def attention_case(case: str, dtype: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments with the gradients that flow in, and options."""
    c = dict(CASES[case])
    (H, HK), (M, N), (D, DV) = c.pop("heads", (2, 2)), c.pop("lengths", (37, 53)), c.pop("dims", (16, 16))

    def draw(*shape: int) -> torch.Tensor:
        if c.get("layout") != "strided":
            return torch.randn(*shape, dtype=torch.float64).to(DTYPES[dtype])
        wide = torch.full((shape[0], shape[2], shape[1], 2 * shape[3]), torch.nan).to(DTYPES[dtype])
        x = wide.permute(0, 2, 1, 3)[..., ::2]
        x.copy_(torch.randn(*shape))
        return x

    a = {"q": draw(2, H, M, D), "k": draw(2, HK, N, D), "v": draw(2, HK, N, DV), "do": draw(2, H, M, DV)}
    if c.pop("lse", True):
        a["dlse"] = torch.randn(2, H, M, dtype=torch.float64 if dtype == "f64" else torch.float32)
    kind = c.pop("bias", None)
    if kind is not None:
        a["bias"] = torch.rand(1, H, M, N) < 0.7 if kind == "mask" else torch.randn(2, 1, M, N).to(DTYPES[dtype])
    c.pop("layout", None)
    return a, {"scale": None, "softcap": None, "causal": False, "window": None, **c}


def attention_gradients(q: Any, k: Any, v: Any, do: Any, dlse: Any = None, bias: Any = None, **options: Any) -> Any:
    """dq, dk, dv through autograd."""
    leaves = [x.detach().requires_grad_() for x in (q, k, v)]
    o, lse = ops.attention(*leaves, bias=bias, return_lse=True, **options)
    outputs, grads = ([o], [do]) if dlse is None else ([o, lse], [do, dlse])
    return torch.autograd.grad(outputs, leaves, grads)


@pytest.mark.parametrize("case", CASES)
def test_attention_oracle_is_the_derivative_of_the_formula(case: str) -> None:
    a, options = attention_case(case, "f64")
    leaves = [a[n].requires_grad_() for n in ("q", "k", "v")]
    o, lse = attention_reference(*leaves, a.get("bias"), **options)
    flows = (o * a["do"]).sum()
    if "dlse" in a:
        flows = flows + (lse * a["dlse"])[lse > -torch.inf].sum()
    want = torch.autograd.grad(flows, leaves)
    found = gradients.attention(**{n: x.detach().numpy() for n, x in a.items()}, **options)
    for x, y in zip(found, want, strict=True):
        torch.testing.assert_close(torch.from_numpy(np.ascontiguousarray(x)), y, rtol=1e-10, atol=1e-12)


def pairs(cases: Any) -> list[tuple[str, str]]:
    """Each case in f64 and in one other dtype, the first one in all."""
    return [(c, d) for i, c in enumerate(cases) for j, d in enumerate(DTYPES) if i == 0 or j in (0, 1 + i % 3)]


@pytest.mark.parametrize(("case", "dtype"), pairs(CASES))
def test_attention_gradients(case: str, dtype: str, poisoned: None) -> None:
    a, options = attention_case(case, dtype)
    report = check(
        lambda **named: attention_gradients(**named, **options),
        lambda **named: gradients.attention(**named, **options),
        a,
    )
    print(report)
    again = attention_gradients(**a, **options)
    with tg.threads(1):
        assert all(map(torch.equal, again, attention_gradients(**a, **options)))


def test_attention_gradcheck() -> None:
    for options in ({"causal": True, "softcap": 3.0}, {"window": (1, -1)}):
        q, k, v = numbers(1, 2, 5, 4), numbers(1, 1, 6, 4), numbers(1, 1, 6, 3)
        bias = torch.randn(1, 1, 5, 6, dtype=torch.float64)

        def f(q: Any, k: Any, v: Any, options: Any = options, bias: Any = bias) -> Any:
            o, lse = ops.attention(q, k, v, bias=bias, return_lse=True, **options)
            return o, lse[lse > -torch.inf]

        assert torch.autograd.gradcheck(f, (q, k, v))


def test_attention_that_sees_nothing_has_gradients_of_zero(poisoned: None) -> None:
    q, k, v = numbers(1, 1, 5, 8), numbers(1, 1, 7, 8), numbers(1, 1, 7, 8)
    for options in (
        {"bias": torch.zeros(1, 1, 1, 1, dtype=torch.bool)},
        {"bias": torch.full((1, 1, 1, 7), -torch.inf, dtype=torch.float64)},
    ):
        o, lse = ops.attention(q, k, v, return_lse=True, **options)
        for grad in torch.autograd.grad([o, lse], [q, k, v], [torch.randn_like(o), torch.randn_like(lse)]):
            assert not grad.any() and not grad.isnan().any(), options
    empty = numbers(1, 1, 0, 8)
    (dq,) = torch.autograd.grad(ops.attention(q, empty, empty).sum(), q)
    assert not dq.any()
    dk, dv = torch.autograd.grad(ops.attention(empty, k, v).sum(), (k, v))
    assert not dk.any() and not dv.any()
    with pytest.raises(LaunchError, match="'v' has value_dim 0, which has no gradient"):
        ops.attention(q, k, v[..., :0])


def test_one_tensor_in_several_places() -> None:
    x = numbers(1, 2, 9, 8)
    (got,) = torch.autograd.grad(ops.attention(x, x, x).sum(), x)
    parts = [x.detach().clone().requires_grad_() for _ in range(3)]
    torch.testing.assert_close(got, sum(torch.autograd.grad(ops.attention(*parts).sum(), parts)))


def test_only_gradients_that_are_wanted() -> None:
    q, k, v = numbers(1, 2, 9, 8), numbers(1, 2, 9, 8, grad=False), numbers(1, 2, 9, 8)
    dq, dv = torch.autograd.grad(ops.attention(q, k, v).sum(), (q, v))
    k.requires_grad_()
    for x, y in zip((dq, dv), torch.autograd.grad(ops.attention(q, k, v).sum(), (q, v)), strict=True):
        assert torch.equal(x, y)


def test_attention_under_pytorchs_tracers() -> None:
    operator = importlib.import_module("tegula.ops.attention").OPERATOR
    q, k, v = numbers(1, 2, 7, 8), numbers(1, 1, 9, 8), numbers(1, 1, 9, 4)
    bias = torch.randn(1, 1, 7, 9, dtype=torch.float64)
    for args, options in (((q, k, v), {"scale": 0.3, "right": 0}), ((q, k, v, bias), {"scale": 0.3, "softcap": 2.0})):
        checked = torch.library.opcheck(operator.overload, args, options)
        assert len(checked) == 4 and set(checked.values()) == {"SUCCESS"}
    assert torch.ops.tegula.attention.default is operator.overload
    with FakeTensorMode():
        x = torch.empty(2, 4, 100, 64)
        o, lse = ops.attention(x, x[:, :2], x[:, :2], return_lse=True)
        assert o.shape == x.shape and lse.shape == (2, 4, 100) and lse.dtype is torch.float32


@pytest.mark.parametrize("backend", ["aot_eager"])
def test_attention_compiled_by_pytorch(backend: str) -> None:
    torch._dynamo.reset()
    counts = CompileCounterWithBackend(backend)

    @torch.compile(backend=counts, fullgraph=True)
    def layer(q: Any, k: Any, v: Any) -> Any:
        return ops.attention(q * 2.0, k, v, causal=True).sin()

    for n in (7, 5, 3, 1):
        given = [numbers(1, 2, n + 1, 8) for _ in range(3)]
        want = ops.attention(given[0] * 2.0, *given[1:], causal=True).sin()
        got = layer(*given)
        assert torch.equal(got, want)
        for x, y in zip(torch.autograd.grad(got.sum(), given), torch.autograd.grad(want.sum(), given), strict=True):
            assert torch.equal(x, y)
    assert counts.frame_count <= 2, "one graph for the first sizes, one for all others"


# ---- matrix products and norms

PRODUCTS: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "plain": ((37, 19), (19, 45), {}),
    "gelu, bias": ((70, 33), (33, 50), {"activation": "gelu", "bias": "same"}),
    "gelu_tanh, batch of a": ((2, 3, 9, 16), (16, 40), {"activation": "gelu_tanh", "bias": "sum"}),
    "silu, batches": ((2, 3, 9, 16), (2, 3, 16, 8), {"activation": "silu"}),
    "relu, stretched": ((3, 1, 9, 16), (2, 16, 8), {"activation": "relu", "bias": "same"}),
    "batch of b": ((9, 16), (2, 16, 8), {"bias": "sum"}),
    "one of each": ((1, 1), (1, 1), {"activation": "silu"}),
}
TORCH_ACTIVATIONS: dict[Any, Any] = {
    None: lambda z: z,
    "gelu": torch.nn.functional.gelu,
    "gelu_tanh": lambda z: torch.nn.functional.gelu(z, approximate="tanh"),
    "silu": torch.nn.functional.silu,
    "relu": torch.nn.functional.relu,
}


def accumulator(dtype: str) -> torch.dtype:
    return torch.float64 if dtype == "f64" else torch.float32


def product_case(case: str, dtype: str) -> tuple[dict[str, Any], dict[str, Any]]:
    a, b, options = PRODUCTS[case]
    kind = DTYPES[dtype]
    batch = np.broadcast_shapes(a[:-2], b[:-2])
    found = {"a": torch.randn(a), "b": torch.randn(*b[:-2], b[-1], b[-2]).mT, "dc": torch.randn(*batch, a[-2], b[-1])}
    found = {n: x.to(kind) for n, x in found.items()}
    if "bias" in options:
        found["bias"] = torch.randn(b[-1]).to(kind if options["bias"] == "same" else accumulator(dtype))
    return found, {n: v for n, v in options.items() if n != "bias"}


NORMS: dict[str, tuple[str, tuple[int, ...], tuple[str, ...], float]] = {
    "layer_norm": ("layer_norm", (37, 48), ("weight", "bias"), 1e-5),
    "layer_norm of odd rows": ("layer_norm", (3, 11, 45), ("weight", "bias"), 0.0),
    "layer_norm, bias alone": ("layer_norm", (5, 33), ("bias",), 1e-3),
    "layer_norm alone": ("layer_norm", (5, 33), (), 1e-5),
    "rms_norm": ("rms_norm", (37, 48), ("weight",), 1e-6),
    "rms_norm of many rows": ("rms_norm", (1500, 20), ("weight",), 0.0),
    "rms_norm alone": ("rms_norm", (5, 33), (), 1e-6),
}


def norm_case(case: str, dtype: str) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    name, shape, weights, eps = NORMS[case]
    kind = accumulator(dtype) if case.endswith("norm") else DTYPES[dtype]
    found = {"x": (torch.randn(shape) + 0.5).to(DTYPES[dtype]), "dy": torch.randn(shape).to(DTYPES[dtype])}
    found |= {n: torch.randn(shape[-1]).to(kind) for n in weights}
    return name, found, {"eps": eps}


def through_autograd(op: Any, flow: str, **named: Any) -> Any:
    """The gradients of an operator in its arguments, in the order of `named`."""
    d = named.pop(flow)
    leaves = {n: x.detach().requires_grad_() for n, x in named.items()}
    return torch.autograd.grad(op(**leaves), list(leaves.values()), d)


def as_torch(found: tuple[Any, ...]) -> list[torch.Tensor]:
    return [torch.from_numpy(np.ascontiguousarray(x)) for x in found]


@pytest.mark.parametrize("case", PRODUCTS)
def test_product_oracle_is_the_derivative_of_the_formula(case: str) -> None:
    a, options = product_case(case, "f64")

    def formula(a: Any, b: Any, bias: Any = None) -> Any:
        z = a @ b
        return TORCH_ACTIVATIONS[options.get("activation")](z if bias is None else z + bias)

    want = through_autograd(formula, "dc", **a)
    found = gradients.matmul(**{n: x.numpy() for n, x in a.items()}, **options)
    torch.testing.assert_close(as_torch(found), list(want), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", NORMS)
def test_norm_oracle_is_the_derivative_of_the_formula(case: str) -> None:
    name, a, options = norm_case(case, "f64")

    def formula(x: Any, weight: Any = None, bias: Any = None) -> Any:
        if name == "rms_norm":
            return torch.nn.functional.rms_norm(x, x.shape[-1:], weight, options["eps"])
        return torch.nn.functional.layer_norm(x, x.shape[-1:], weight, bias, options["eps"])

    want = through_autograd(formula, "dy", **a)
    found = getattr(gradients, name)(**{n: x.numpy() for n, x in a.items()}, **options)
    torch.testing.assert_close(as_torch(found), list(want), rtol=1e-9, atol=1e-11)


def check_gradients(op: Any, oracle: Any, flow: str, a: dict[str, Any]) -> None:
    print(check(lambda **named: through_autograd(op, flow, **named), oracle, a))
    found = through_autograd(op, flow, **a)
    with tg.threads(1):
        assert all(map(torch.equal, found, through_autograd(op, flow, **a)))


@pytest.mark.parametrize(("case", "dtype"), pairs(PRODUCTS))
def test_product_gradients(case: str, dtype: str, poisoned: None) -> None:
    a, options = product_case(case, dtype)
    check_gradients(functools.partial(ops.matmul, **options), functools.partial(gradients.matmul, **options), "dc", a)


@pytest.mark.parametrize(("case", "dtype"), pairs(NORMS))
def test_norm_gradients(case: str, dtype: str, poisoned: None) -> None:
    name, a, options = norm_case(case, dtype)
    op, oracle = getattr(ops, name), getattr(gradients, name)
    check_gradients(functools.partial(op, **options), functools.partial(oracle, **options), "dy", a)


def test_product_and_norm_gradcheck() -> None:
    x, w, b = numbers(4, 10), numbers(10), numbers(10)
    m, n = numbers(10, 6), numbers(6)
    for op, args in (
        (ops.layer_norm, (x, w, b)),
        (ops.rms_norm, (x, w)),
        (lambda x, m, n: ops.matmul(x, m, bias=n, activation="gelu"), (x, m, n)),
        (lambda x, m: ops.matmul(x[None], m[None, None], activation="silu"), (x, m)),
    ):
        assert torch.autograd.gradcheck(op, args)


def test_an_operator_without_a_backward_says_so() -> None:
    x = numbers(2, 3)
    with pytest.raises(LaunchError, match=r"op: 'x' requires grad, and op has no gradient for it.*pass x.detach\(\)"):
        floating("op", "x", x, "at least 1", 1)
    assert not floating("op", "x", x.detach(), "at least 1", 1).graph
    assert floating("op", "x", x, "at least 1", 1, graph=True).graph


def test_relu_has_no_slope_at_zero() -> None:
    a = torch.eye(3, requires_grad=True)
    b = torch.tensor([[0.0, 1.0, -1.0]] * 3)
    (da,) = torch.autograd.grad(ops.matmul(a, b, activation="relu").sum(), a)
    assert torch.equal(da, torch.ones(3, 3))


def test_gradients_of_nothing(poisoned: None) -> None:
    a, b, bias = numbers(0, 5), numbers(5, 6), numbers(6)
    da, db, dbias = torch.autograd.grad(ops.matmul(a, b, bias=bias, activation="gelu").sum(), (a, b, bias))
    assert da.shape == (0, 5) and not db.any() and not dbias.any()
    a, b = numbers(3, 0), numbers(0, 6)
    da, db, dbias = torch.autograd.grad(ops.matmul(a, b, bias=bias).sum(), (a, b, bias))
    assert da.shape == (3, 0) and db.shape == (0, 6) and dbias.eq(3).all()
    x, w = numbers(2, 0, 7), numbers(7)
    dx, dw = torch.autograd.grad(ops.layer_norm(x, w).sum(), (x, w))
    assert dx.shape == x.shape and not dw.any()
    with pytest.raises(LaunchError, match="rms_norm: 'x' has rows of length 0, which have no gradient"):
        ops.rms_norm(numbers(2, 0))


def test_products_and_norms_under_pytorchs_tracers() -> None:
    matmul = importlib.import_module("tegula.ops.matmul").OPERATOR
    norm = importlib.import_module("tegula.ops.norm")
    a, b, bias, x = numbers(1, 2, 5, 7), numbers(1, 2, 7, 6), numbers(6), numbers(20, 6)
    for operator, args, options in (
        (matmul, (a, b, bias), {"activation": "gelu"}),
        (matmul, (a.detach(), b), {}),
        (norm.LAYER_NORM, (x, bias, bias.detach().clone()), {"eps": 1e-5}),
        (norm.RMS_NORM, (x.detach(), bias), {"eps": 1e-5}),
    ):
        checked = torch.library.opcheck(operator.overload, args, options)
        assert len(checked) == 4 and set(checked.values()) == {"SUCCESS"}


def test_a_block_compiled_by_pytorch() -> None:
    """A transformer's block of our operators alone: one graph, and the gradients of eager mode."""

    def block(x: Any, wq: Any, wo: Any, w1: Any, w2: Any, g: Any, b: Any) -> Any:
        h = ops.matmul(ops.layer_norm(x, g, b), wq).reshape(x.shape[0], x.shape[1], 3, 2, 8).permute(2, 0, 3, 1, 4)
        o = ops.attention(h[0], h[1], h[2], causal=True).transpose(1, 2).reshape(x.shape)
        x = x + ops.matmul(o, wo)
        return x + ops.matmul(ops.matmul(ops.rms_norm(x, g), w1, bias=b.repeat(2), activation="gelu"), w2)

    torch._dynamo.reset()
    counts = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(block, backend=counts, fullgraph=True)
    weights = [numbers(16, 48), numbers(16, 16), numbers(16, 32), numbers(32, 16), numbers(16), numbers(16)]
    for n in (6, 9, 12):
        given = [numbers(2, n, 16), *weights]
        want, got = block(*given), compiled(*given)
        assert torch.equal(got, want)
        for x, y in zip(torch.autograd.grad(got.sum(), given), torch.autograd.grad(want.sum(), given), strict=True):
            torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-12)  # autograd may add two gradients in another order
    assert counts.frame_count <= 2


def test_other_transformations_are_refused_or_work() -> None:
    x, w = numbers(3, 5, 16, grad=False), numbers(16)
    with pytest.raises(LaunchError, match="x. is a tensor without memory: torch.func and torch.vmap make such"):
        torch.vmap(ops.rms_norm)(x)
    ops.rms_norm(x, w)  # registers it
    torch.testing.assert_close(torch.vmap(lambda x: torch.ops.tegula.rms_norm(x, eps=1e-6))(x), ops.rms_norm(x))
    with pytest.raises(RuntimeError, match="autograd.Function with functorch transforms"):
        torch.func.grad(lambda w: ops.rms_norm(x, w).sum())(w.detach())
    with forward_ad.dual_level(), pytest.raises(LaunchError, match="rms_norm: 'x' has a tangent, and rms_norm has no"):
        ops.rms_norm(forward_ad.make_dual(x, x))
    f = lambda w: ops.rms_norm(ops.rms_norm(x, w) * 2.0, w).sum()  # noqa: E731
    (want,) = torch.autograd.grad(f(w), w)
    (got,) = torch.autograd.grad(checkpoint(f, w, use_reentrant=False), w)
    assert torch.equal(got, want)


def test_an_operator_first_called_while_pytorch_compiles() -> None:
    @tg.program(name="late")
    def program(x: Any) -> Any:
        y = tg.empty_like(x)
        cubic(x, y)
        return y, tg.save(x)

    @program.backward
    def _(saved: Any, dy: Any) -> Any:
        dx = tg.empty_like(dy)
        cubic_grad(saved[0], saved[0], dy, dx)
        return dx

    torch._dynamo.reset()
    late, x = Operator(program), numbers(8)
    compiled = torch.compile(lambda x: late(x).sin(), backend="aot_eager", fullgraph=True)
    (dx,) = torch.autograd.grad(compiled(x).sum(), x)
    torch.testing.assert_close(dx, torch.cos(x * x) * 2 * x)


def test_derivatives_are_recorded() -> None:
    """The programs of the operators and their derivatives, as `tegula.program`s."""
    norm, matmul = (importlib.import_module(f"tegula.ops.{n}") for n in ("norm", "matmul"))
    attention = importlib.import_module("tegula.ops.attention").attention_program
    x, w = tg.Spec((64, 96), tg.f32), tg.Spec((96,), tg.f32)
    q, k = tg.Spec((1, 2, 100, 64), tg.f32), tg.Spec((1, 1, 130, 64), tg.f32)
    a, b = tg.Spec((1, 1, 64, 128), tg.f32), tg.Spec((1, 1, 128, 96), tg.f32)
    for program, args, options, launches in (
        (attention, (q, k, k), {"scale": 0.125, "right": 0}, ["row_dot", "attention_dkdv", "attention_dq"]),
        (
            matmul.matmul_program,
            (a, b, w),
            {"activation": "gelu"},
            ["activation_gradient", "matmul_tiles", "matmul_tiles_1", "column_sums"],
        ),
        (norm.layer_norm_program, (x, w, w), {"eps": 1e-5}, ["norm_gradients", "column_sums", "column_sums"]),
        (norm.rms_norm_program, (x, w), {"eps": 1e-5}, ["norm_gradients", "column_sums"]),
    ):
        text = program.ir("tegula", *args, **options, backward=True)
        assert f"tegula.program @{program.name}_backward(" in text
        assert re.findall(r"tegula\.launch @(\w+)", text) == launches
