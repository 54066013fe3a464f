# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ruff: noqa: F722, F821, UP037
"""The NumPy evaluation runs every kernel of the language page against float64 formulas written apart from it.

Wide: floats are float64 and T is a tag, so a formula either agrees to 1e-12 or is wrong. Rounding: the
same kernels with inputs and values in T. Sizes are small and odd; cases include rows without keys,
empty sequences, windows that exclude the diagonal, NaN in unused pages, rows without edges, ties.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import language_kernels as K
import ml_dtypes
import numpy as np
import pytest
import tegula as tg
from tegula.errors import (
    ShapeError,
)
from tegula.testing import Evaluation

NUMPY = {"f64": np.float64, "f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16}
TOLERANCE = {"f64": 1e-12, "f32": 2e-5, "f16": 6e-3, "bf16": 5e-2}


@dataclass
class Harness:
    """Draws inputs in T or A, runs kernels, and compares with references."""

    dtype: str
    wide: bool
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))

    def _cast(self, x: Any, name: str) -> Any:
        return np.asarray(x, np.float64) if self.wide else np.asarray(x).astype(NUMPY[name])

    def t(self, x: Any) -> Any:
        """An array in T."""
        return self._cast(x, self.dtype)

    def a(self, x: Any) -> Any:
        """An array in A."""
        return self._cast(x, "f64" if self.dtype == "f64" else "f32")

    def R(self, *shape: int) -> Any:
        """Normal numbers in T."""
        return self.t(self.rng.standard_normal(shape))

    def RA(self, *shape: int) -> Any:
        """Normal numbers in A."""
        return self.a(self.rng.standard_normal(shape))

    def out(self, *shape: int) -> Any:
        """An output in T."""
        return self.t(np.zeros(shape))

    def out_a(self, *shape: int) -> Any:
        """An output in A."""
        return self.a(np.zeros(shape))

    def run(self, kernel: Any, *args: Any, **named: Any) -> Any:
        """Evaluates."""
        types = {"T": self.dtype, "U": self.dtype} if self.wide else {}
        return Evaluation(wide=self.wide, seed=5, types=types)(kernel, *args, **named)

    def close(self, *pairs: tuple[Any, Any], factor: float = 1) -> None:
        """Each result equals its reference: non-finite values exactly, others within the dtype's tolerance."""
        limit = (1e-12 if self.wide else TOLERANCE[self.dtype]) * factor
        for got, want in pairs:
            x, y = np.asarray(got, np.float64), np.asarray(want, np.float64)
            assert x.shape == y.shape
            finite = np.isfinite(y)
            assert (finite == np.isfinite(x)).all(), "finite where the reference is not, or the other way round"
            assert (x[~finite] == y[~finite]).all()
            scale = np.abs(y[finite]).max(initial=0.0)
            assert scale > 1e-6 or scale == 0, "a reference of nothing shows nothing"
            assert np.abs(x[finite] - y[finite]).max(initial=0.0) <= limit * max(scale, 1e-30)


def f64(*xs: Any) -> Any:
    """Arrays as float64."""
    out = [np.asarray(x, np.float64) for x in xs]
    return out[0] if len(out) == 1 else out


def i32s(x: Any) -> Any:
    """An i32 array."""
    return np.asarray(x, np.int32)


MODES = [("f64", True), ("f32", True), ("bf16", True), ("f32", False), ("f16", False), ("bf16", False)]


@pytest.fixture(params=MODES, ids=[f"{t}-{'wide' if w else 'rounded'}" for t, w in MODES])
def h(request: pytest.FixtureRequest) -> Harness:
    """One dtype in one mode."""
    return Harness(*request.param)


def attend(q, k, v, scale, left=None, right=None, bias=None, lens=None, sink=None, cap=0.0):  # type: ignore[no-untyped-def]
    """Attention as a formula: out, lse, probabilities."""
    q, k, v = f64(q, k, v)
    B, H, M, _ = q.shape
    N, G = k.shape[2], H // k.shape[1]
    k, v = np.repeat(k, G, 1), np.repeat(v, G, 1)
    s = np.einsum("bhmd,bhnd->bhmn", q, k) * scale
    if cap:
        s = cap * np.tanh(s / cap)
    if bias is not None:
        s = s + f64(bias)
    end = np.full(B, N) if lens is None else lens
    i, j = np.arange(M)[None, :, None], np.arange(N)[None, None]
    off = (end - M)[:, None, None]
    ok = np.broadcast_to(j < end[:, None, None], (B, M, N))
    if left is not None:
        ok = ok & (j >= i + off - left)
    if right is not None:
        ok = ok & (j <= i + off + right)
    s = np.where(ok[:, None], s, -np.inf)
    p = np.where(np.isfinite(s), np.exp(s), 0)
    total = p.sum(-1) + (0 if sink is None else np.exp(f64(sink))[None, :, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        P = np.where(total[..., None] > 0, p / total[..., None], 0)
        return P @ v, np.log(total), P


FORWARD = [
    {},
    {"right": 0},
    {"left": 7, "right": 0},
    {"left": 5, "right": -2},
    {"left": 3, "right": 4, "cap": 2.0},
    {"right": 0, "bias": 1, "lens": 1},
    {"lens": 1, "sink": 1, "right": 0},
]


@pytest.mark.parametrize("kw", FORWARD, ids=lambda kw: "-".join(kw) or "plain")
def test_attention_forward(h: Harness, kw: dict[str, Any]) -> None:
    B, H, HK, M, N, D, DV = 2, 4, 2, 19, 37, 20, 24
    q, k, v, o, lse = h.R(B, H, M, D), h.R(B, HK, N, D), h.R(B, HK, N, DV), h.out(B, H, M, DV), h.out_a(B, H, M)
    bias = h.R(1, H, 1, N) if "bias" in kw else None
    lens = i32s([37, 9]) if "lens" in kw else None
    sink = h.RA(H) if "sink" in kw else None
    left, right, cap = kw.get("left"), kw.get("right"), kw.get("cap")
    h.run(
        K.attention_fwd, q, k, v, o, lse, 0.3, left=left, right=right, bias=bias, kv_len=lens, sink=sink, softcap=cap,
        BM=8, BN=16,
    )  # fmt: skip
    ro, rl, _ = attend(q, k, v, 0.3, left, right, bias, lens, sink, cap or 0)
    h.close((o, ro), (lse, rl))


def test_attention_packed(h: Harness) -> None:
    cq, ck = i32s([0, 5, 5, 14]), i32s([0, 9, 12, 32])
    q, k, v, o = h.R(14, 4, 20), h.R(32, 2, 20), h.R(32, 2, 24), h.out(14, 4, 24)
    h.run(K.attention_packed, q, k, v, cq, ck, o, 9, 0.3, right=0, BM=8, BN=16)
    want = np.zeros(o.shape)
    for b in range(3):
        x, y = slice(cq[b], cq[b + 1]), slice(ck[b], ck[b + 1])
        if cq[b + 1] > cq[b]:
            part = attend(*(z.transpose(1, 0, 2)[None] for z in (q[x], k[y], v[y])), 0.3, right=0)[0]
            want[x] = part[0].transpose(1, 0, 2)
    h.close((o, want))


@pytest.mark.parametrize(
    "kw",
    [{}, {"right": 0}, {"left": 6, "right": 1}, {"left": 2, "right": 1}, {"right": 0, "softcap": 1.5}],
    ids=lambda kw: "-".join(kw) or "plain",
)
def test_attention_backward(h: Harness, kw: dict[str, Any]) -> None:
    B, H, HK, M, N, D, DV, sc = 1, 4, 2, 19, 13, 20, 24, 0.4
    q, k, v, do = h.R(B, H, M, D), h.R(B, HK, N, D), h.R(B, HK, N, DV), h.R(B, H, M, DV)
    cap = kw.get("softcap", 0)
    ro, rl, P = attend(q, k, v, sc, kw.get("left"), kw.get("right"), cap=cap)
    o, lse = h.t(ro), h.a(rl)
    q64, k64, v64, do64, o64 = f64(q, k, v, do, o)
    kk, vv = np.repeat(k64, 2, 1), np.repeat(v64, 2, 1)
    dP = do64 @ vv.swapaxes(-1, -2)
    dS = P * (dP - (do64 * o64).sum(-1)[..., None])
    if cap:
        dS = dS * (1 - np.tanh(q64 @ kk.swapaxes(-1, -2) * sc / cap) ** 2)
    rdq = dS @ kk * sc
    rdk = (dS.swapaxes(-1, -2) @ q64 * sc).reshape(B, HK, 2, N, D).sum(2)
    rdv = (P.swapaxes(-1, -2) @ do64).reshape(B, HK, 2, N, DV).sum(2)
    dl, dq, dk, dv = h.out_a(B, H, M), h.out(B, H, M, D), h.out(B, HK, N, D), h.out(B, HK, N, DV)
    h.run(K.row_dot, o, do, dl, BM=8)
    h.run(K.attention_dkdv, q, k, v, do, lse, dl, dk, dv, sc, **kw, BM=8, BN=8)
    h.run(K.attention_dq, q, k, v, do, lse, dl, dq, sc, **kw, BM=8, BN=8)
    h.close((dl, (do64 * o64).sum(-1)), (dq, rdq), (dk, rdk), (dv, rdv))


def test_program_and_its_backward() -> None:
    import language_program as P

    h = Harness("f64", True)
    B, H, M, N, D = 2, 4, 19, 23, 20
    q, k, v, do = h.R(B, H, M, D), h.R(B, 2, N, D), h.R(B, 2, N, D), h.R(B, H, M, D)
    o, saved = h.run(P.attention, q, k, v, scale=0.3, causal=True)
    h.close((o, attend(q, k, v, 0.3, right=0)[0]))
    assert len(saved) == 5
    grads = h.run(P._, saved, do, scale=0.3, causal=True)
    eps = 1e-6
    for which, gradient in enumerate(grads):
        way = h.R(*gradient.shape)

        def loss(s: float, which: int = which, way: Any = way) -> float:
            inputs = [z + s * way if i == which else z for i, z in enumerate((q, k, v))]
            return float((attend(*inputs, 0.3, right=0)[0] * do).sum())

        slope = (loss(eps) - loss(-eps)) / 2 / eps
        assert abs(slope - (gradient * way).sum()) < 1e-6 * abs(slope)


def test_paged_decode_and_merge(h: Harness) -> None:
    B, H, HK, M, D, DV, S, PS = 2, 6, 2, 2, 20, 24, 4, 32
    lens, pages, order = i32s([75, 5]), i32s(np.zeros((B, 3))), h.rng.permutation(8)
    q, kp, vp = h.R(B, H, M, D), h.t(np.full((8, PS, HK, D), np.nan)), h.t(np.full((8, PS, HK, DV), np.nan))
    kd, vd = np.zeros((B, HK, 96, D)), np.zeros((B, HK, 96, DV))
    used = 0
    for b in range(B):
        for w in range(-(-lens[b] // PS)):
            p, c = order[used], min(PS, lens[b] - w * PS)
            used += 1
            pages[b, w] = p
            kp[p, :c], vp[p, :c] = h.R(c, HK, D), h.R(c, HK, DV)
            kd[b, :, w * PS : w * PS + c] = f64(kp[p, :c]).swapaxes(0, 1)
            vd[b, :, w * PS : w * PS + c] = f64(vp[p, :c]).swapaxes(0, 1)
    po, pl, o, lse = h.out_a(B, H, M, S, DV), h.out_a(B, H, M, S), h.out(B, H, M, DV), h.out_a(B, H, M)
    h.run(K.decode_split, q, kp, vp, pages, lens, po, pl, 0.3, GP=4, MP=2, BN=16)
    h.run(K.merge_splits, po, pl, o, lse, BS=8)
    ro, rl, _ = attend(q, kd, vd, 0.3, right=0, lens=lens)
    h.close((o, ro), (lse, rl))


def test_matmul_with_epilogue(h: Harness) -> None:
    a, b, bias, c = h.R(13, 21), h.R(21, 19), h.RA(19), h.out(13, 19)
    h.run(K.matmul, a, b, c, bias, epilogue=lambda x: tg.maximum(x, 0.0), BM=8, BN=8, BK=8)
    h.close((c, np.maximum(f64(a) @ f64(b) + f64(bias), 0)))


def test_layer_norm(h: Harness) -> None:
    x, w, b, y = h.R(7, 50), h.RA(50), h.RA(50), h.out(7, 50)
    h.run(K.layer_norm, x, w, b, y, 1e-5)
    X = f64(x)
    want = (X - X.mean(1, keepdims=True)) / np.sqrt(X.var(1, keepdims=True) + 1e-5) * f64(w) + f64(b)
    h.close((y, want))


@pytest.mark.parametrize("absorb", [True, False])
def test_low_rank_attention(h: Harness, absorb: bool) -> None:
    B, H, M, N, RK, D, DV = 2, 2, 11, 21, 10, 20, 24
    pq, pk, pv = h.R(B, H, M, RK), h.R(B, H, N, RK), h.R(B, H, N, RK)
    vq, vk, vv, bq, bk, bv = h.R(H, RK, D), h.R(H, RK, D), h.R(H, RK, DV), h.RA(H, D), h.RA(H, D), h.RA(H, DV)
    mask = i32s(h.rng.random((B, N)) < 0.7)
    mask[1] = 0
    mask[0, :9] = 0
    q, k, v = (
        np.einsum("bhmr,hrd->bhmd", f64(p), f64(w)) + f64(c)[None, :, None]
        for p, w, c in ((pq, vq, bq), (pk, vk, bk), (pv, vv, bv))
    )
    s = np.where(mask[:, None, None] > 0, q @ k.swapaxes(-1, -2) * 0.2, -np.inf)
    p = np.where(np.isfinite(s), np.exp(s), 0)
    total = p.sum(-1, keepdims=True)
    want = np.where(total > 0, p / np.where(total > 0, total, 1), 0) @ v
    o = h.out(B, H, M, DV)
    h.run(K.low_rank_attention, pq, vq, bq, pk, vk, bk, pv, vv, bv, o, 0.2, mask, absorb=absorb, BM=8, BN=8)
    h.close((o, want), factor=4)


def test_low_rank_ffn(h: Harness) -> None:
    M, HH, R1, E, R2 = 13, 30, 10, 37, 12
    x, u1, v1, b1 = h.R(M, HH), h.R(HH, R1), h.R(R1, E), h.RA(E)
    u2, v2, b2, y = h.R(E, R2), h.R(R2, HH), h.RA(HH), h.out(M, HH)
    h.run(K.low_rank_ffn, x, u1, v1, b1, u2, v2, b2, y, BM=8, BE=16, BH=8)
    t = f64(x) @ f64(u1) @ f64(v1) + f64(b1)
    t = 0.5 * t * (1 + np.vectorize(math.erf)(t / 2**0.5))
    h.close((y, t @ f64(u2) @ f64(v2) + f64(b2)))


def frequencies(factors: tuple[int, ...]) -> Any:
    """Position -> frequency, in the order that `spectrum` yields."""
    if len(factors) == 1:
        return np.arange(factors[0])
    return (np.arange(factors[0])[:, None] + factors[0] * frequencies(factors[1:])[None, :]).reshape(-1)


@pytest.mark.parametrize(
    ("fs", "L", "gated", "keep"),
    [
        ((8, 8), 32, True, None),
        ((8, 8), 27, False, None),
        ((8, 8), 64, True, None),
        ((4, 8, 8), 128, True, None),
        ((4, 4, 8), 50, False, (2, 3, 8)),
        ((4, 8), 16, True, (4, 5)),
    ],
)
def test_fft_convolution(h: Harness, fs: tuple[int, ...], L: int, gated: bool, keep: tuple[int, ...] | None) -> None:
    N, B, C = math.prod(fs), 5, 3
    u, pre, post, y = h.R(B, C, L), h.R(B, C, L), h.R(B, C, L), h.out(B, C, L)
    kf = np.fft.fft(h.rng.standard_normal((C, min(L, N))), N)
    used = frequencies(fs)[np.arange(N).reshape(fs)[tuple(slice(0, z) for z in keep or fs)].reshape(-1)]
    mask = np.zeros(N)
    mask[used] = 1
    g = (pre, post) if gated else (None, None)
    h.run(K.fft_conv, u, h.a(kf.real[:, used]), h.a(kf.imag[:, used]), y, *g, factors=fs, keep=keep, BB=2)
    signal = f64(u) * f64(pre) if gated else f64(u)
    want = np.fft.ifft(np.fft.fft(signal, N) * (kf * mask)[None], axis=-1)[..., :L].real * (f64(post) if gated else 1)
    h.close((y, want))


@pytest.mark.parametrize(("fs", "rows", "keep"), [((4, 8), None, None), ((4, 2, 8), 2, None), ((4, 8), 3, (4, 5))])
def test_transforms_and_butterfly(fs: tuple[int, ...], rows: int | None, keep: tuple[int, ...] | None) -> None:
    run, rng, N = Evaluation(seed=0, types={"T": "f64"}), np.random.default_rng(0), math.prod(fs)
    x = rng.standard_normal((3, N if rows is None else rows * N // fs[0]))
    used = frequencies(fs)[np.arange(N).reshape(fs)[tuple(slice(0, z) for z in keep or fs)].reshape(-1)]

    def there(t: Any) -> Any:
        z = tg.fft(tg.Cx(t), fs, rows=rows, keep=keep)
        return z.re, z.im

    def back(re: Any, im: Any) -> Any:
        z = tg.ifft(tg.Cx(re, im), fs, rows=rows, keep=keep)
        return z.re, z.im

    re, im = run.helper(there, x)
    want = np.fft.fft(x, N, norm="ortho")[:, used]
    np.testing.assert_allclose(re + 1j * im, want, atol=1e-13)
    spread = np.zeros((3, N), complex)
    spread[:, used] = want
    got_re, got_im = run.helper(back, re, im)
    signal = np.fft.ifft(spread, norm="ortho")[:, : x.shape[1]]
    np.testing.assert_allclose(got_re + 1j * got_im, signal, atol=1e-13)
    if keep is None and rows is None:
        learned = [np.fft.fft(np.eye(n), norm="ortho") for n in fs]
        parts = [p for z in learned for p in (z.real.copy(), z.imag.copy())]

        def same(t: Any, *m: Any) -> Any:
            z = tg.butterfly(tg.Cx(t), [tg.Cx(m[2 * i], m[2 * i + 1]) for i in range(len(fs))])
            return z.re, z.im

        re, im = run.helper(same, x, *parts)
        np.testing.assert_allclose(re + 1j * im, want, atol=1e-13)
    with pytest.raises(ShapeError, match="expected"):
        run.helper(there, x[:, 1:])


def test_learned_butterfly(h: Harness) -> None:
    P, Q, C, B = 4, 8, 3, 5
    N = P * Q
    f1, f2, u, kf, y = h.R(2, C, P, P), h.R(2, C, Q, Q), h.R(B, C, N), h.RA(2, C, N), h.out(B, C, N)
    h.run(K.butterfly_conv, u, f1, f2, kf[0], kf[1], y, BB=2)
    (a, b), (c, d), (e, f) = f64(f1), f64(f2), f64(kf)
    Y = np.einsum("cab,zcbq->zcaq", a + 1j * b, f64(u).reshape(B, C, P, Q))
    Y = Y * np.exp(-2j * np.pi / N * np.outer(range(P), range(Q)))
    Y = np.einsum("zcaq,cqr->zcar", Y, c + 1j * d) * (e + 1j * f).reshape(C, P, Q)
    spread = np.zeros((B, C, N), complex)
    spread[..., frequencies((P, Q))] = Y.reshape(B, C, N)
    h.close((y, np.fft.ifft(spread, axis=-1).real * N**0.5), factor=4)


class Graph:
    """A molecule with an isolated atom, its edges in both orders, and a filter network."""

    def __init__(self, h: Harness) -> None:
        n, F, KK, self.rc = 23, 12, 10, 2.5
        pos = h.rng.standard_normal((n, 3))
        pos[5] += 50
        self.pos = h.a(pos)
        near = np.linalg.norm(f64(self.pos)[:, None] - f64(self.pos)[None], axis=-1)
        self.dst, self.src = np.nonzero((near < self.rc) & (near > 0))
        self.ptr = i32s(np.searchsorted(self.dst, np.arange(n + 1)))
        mu = np.linspace(0, self.rc, KK)
        self.gamma = float(-0.5 / (mu[1] - mu[0]) ** 2)
        draw = h.rng.standard_normal
        self.weights = (
            h.t(draw((KK, F)) * 0.5),
            h.a(draw(F) * 0.3),
            h.t(draw((F, F)) * 0.5),
            h.a(draw(F) * 0.3),
            h.a(mu),
        )
        self.filter = K.Filter(*self.weights)
        self.h, self.ct = h.R(n, F), h.RA(n, F)
        self.n, self.F, self.E = n, F, len(self.src)

    def message(self, pos: Any) -> tuple[Any, Any]:
        """Filter and envelope of each edge."""
        w1, b1, w2, b2, mu = f64(*self.weights)
        d = np.linalg.norm(pos[self.dst] - pos[self.src], axis=1)
        z = np.exp(self.gamma * (d[:, None] - mu) ** 2) @ w1 + b1
        return (np.logaddexp(0, z) - np.log(2)) @ w2 + b2, (0.5 * np.cos(np.pi * d / self.rc) + 0.5)[:, None]

    def forward(self, pos: Any) -> Any:
        """The layer as a formula."""
        w, cut = self.message(pos)
        y = np.zeros((self.n, self.F))
        np.add.at(y, self.dst, f64(self.h)[self.src] * w * cut)
        return y


@pytest.mark.parametrize(("BR", "BE"), [(4, 8), (2, 64), (8, 16)])
def test_schnet_forward(h: Harness, BR: int, BE: int) -> None:
    g = Graph(h)
    y = h.out_a(g.n, g.F)
    h.run(K.cfconv_fwd, g.pos, g.h, g.ptr, i32s(g.src), g.filter, y, g.gamma, g.rc, BR=BR, BE=BE)
    h.close((y, g.forward(f64(g.pos))))
    assert np.diff(g.ptr).max() > 8 > 0 == np.diff(g.ptr).min()


def test_schnet_forces() -> None:
    schnet_forces(Harness("f64", True))


def schnet_forces(h: Harness) -> None:
    g = Graph(h)
    gd, gp, gh = h.out_a(g.E), h.out_a(g.n, 3), h.out_a(g.n, g.F)
    h.run(K.cfconv_bwd_dst, g.pos, g.h, g.ct, g.ptr, i32s(g.src), g.filter, gd, gp, g.gamma, g.rc, BE=16)
    order = np.lexsort((g.dst, g.src))
    by_source = i32s(np.searchsorted(g.src[order], np.arange(g.n + 1)))
    h.run(
        K.cfconv_bwd_src, g.pos, g.ct, by_source, i32s(g.dst[order]), i32s(order), g.filter, gd, gh, gp, g.gamma, g.rc,
        BE=16,
    )  # fmt: skip
    step, want = 1e-5, np.zeros((g.n, 3))
    for i in range(g.n):
        for c in range(3):
            p = g.pos.copy()
            p[i, c] += step
            up = (g.forward(p) * g.ct).sum()
            p[i, c] -= 2 * step
            want[i, c] = (up - (g.forward(p) * g.ct).sum()) / 2 / step
    assert np.abs(want - gp).max() < 1e-7 * np.abs(want).max()
    w, cut = g.message(g.pos)
    rgh = np.zeros((g.n, g.F))
    np.add.at(rgh, g.src, g.ct[g.dst] * w * cut)
    h.close((gh, rgh))


def test_gated_linear_attention(h: Harness) -> None:
    B, L, H, KD, V = 2, 37, 2, 12, 20
    q, k, v = h.R(B, L, H, KD), h.R(B, L, H, KD), h.R(B, L, H, V)
    g, s0 = h.a(-h.rng.random((B, L, H, KD)) * 3), h.RA(B, H, KD, V)
    o, s1 = h.out(B, L, H, V), h.out_a(B, H, KD, V)
    h.run(K.gla_fwd, q, k, v, g, s0, o, s1, 0.3, C=16, S=4, BV=16)
    state, want = f64(s0).copy(), np.zeros(o.shape)
    q, k, v, g = f64(q, k, v, g)
    for t in range(L):
        state = np.exp(g[:, t])[..., None] * state + k[:, t][..., None] * v[:, t][..., None, :]
        want[:, t] = 0.3 * np.einsum("bhk,bhkv->bhv", q[:, t], state)
    h.close((o, want), (s1, state))


def test_mlstm(h: Harness) -> None:
    B, L, H, KD, V = 2, 37, 2, 12, 20
    q, k, v, y = h.R(B, H, L, KD), h.R(B, H, L, KD), h.R(B, H, L, V), h.out(B, H, L, V)
    ig, fg = h.a(h.rng.standard_normal((B, H, L)) * 3), h.a(h.rng.standard_normal((B, H, L)) * 3)
    h.run(K.mlstm_fwd, q, k, v, ig, fg, y, 1e-6, C=16)
    q, k, v, ig, fg = f64(q, k, v, ig, fg)
    Cm, nn, m, want = np.zeros((B, H, KD, V)), np.zeros((B, H, KD)), np.zeros((B, H)), np.zeros(y.shape)
    for t in range(L):
        lf = -np.logaddexp(0, -fg[:, :, t])
        mn = np.maximum(lf + m, ig[:, :, t])
        f, i = np.exp(lf + m - mn), np.exp(ig[:, :, t] - mn)
        Cm = f[..., None, None] * Cm + i[..., None, None] * k[:, :, t][..., None] * v[:, :, t][..., None, :]
        nn, m = f[..., None] * nn + i[..., None] * k[:, :, t], mn
        x = q[:, :, t] / KD**0.5
        below = np.maximum(np.abs((x * nn).sum(-1)), np.exp(-m)) + 1e-6
        want[:, :, t] = np.einsum("bhk,bhkv->bhv", x, Cm) / below[..., None]
    h.close((y, want), factor=4)


def test_gated_delta_rule(h: Harness) -> None:
    B, L, H, KD, V = 2, 37, 2, 12, 20
    k = h.rng.standard_normal((B, L, H, KD))
    q, k, v = h.R(B, L, H, KD), h.t(k / np.linalg.norm(k, axis=-1, keepdims=True)), h.R(B, L, H, V)
    g, be, o = h.a(-h.rng.random((B, L, H))), h.a(h.rng.random((B, L, H))), h.out(B, L, H, V)
    h.run(K.gated_delta_fwd, q, k, v, g, be, o, 0.3, C=16, BV=16)
    q, k, v, g, be = f64(q, k, v, g, be)
    state, want = np.zeros((B, H, KD, V)), np.zeros(o.shape)
    for t in range(L):
        state = np.exp(g[:, t])[..., None, None] * state
        dv = be[:, t][..., None] * (v[:, t] - np.einsum("bhk,bhkv->bhv", k[:, t], state))
        state = state + k[:, t][..., None] * dv[..., None, :]
        want[:, t] = 0.3 * np.einsum("bhk,bhkv->bhv", q[:, t], state)
    h.close((o, want), factor=4)


def test_persistent_lstm(h: Harness) -> None:
    L, B, D = 9, 3, 20
    wx, r, y, cl = h.R(L, B, 4, D), h.t(h.rng.standard_normal((4, D, D)) * 0.3), h.out(L + 1, B, D), h.out_a(B, D)
    y[0] = h.R(B, D)
    first = f64(y[0]).copy()
    h.run(K.lstm_fwd, wx, r, y, cl, BB=4, BD=8)

    def sigmoid(x: Any) -> Any:
        return 1 / (1 + np.exp(-x))

    want, c = np.zeros(y.shape), np.zeros((B, D))
    want[0] = first
    for t in range(L):
        a = np.einsum("bd,gde->gbe", want[t], f64(r)) + f64(wx)[t].swapaxes(0, 1)
        c = sigmoid(a[1]) * c + sigmoid(a[0]) * np.tanh(a[2])
        want[t + 1] = sigmoid(a[3]) * np.tanh(c)
    h.close((y, want), (cl, c))


def test_mixture_of_block_attention() -> None:
    mixture_of_block_attention(Harness("f64", True))


def mixture_of_block_attention(h: Harness) -> None:
    H, M, D, DV, BK, KK = 2, 43, 12, 20, 8, 3
    NB = -(-M // BK)
    q, k, v = h.R(H, M, D), h.R(H, M, D), h.R(H, M, DV)
    mean, sel = h.out_a(H, NB, D), i32s(np.zeros((H, M, KK)))
    h.run(K.block_means, k, mean, BK=BK)
    h.run(K.moba_route, q, mean, sel, BK=BK, BM=8, BN=4)
    rm, ro = np.stack([k[:, j * BK : (j + 1) * BK].mean(1) for j in range(NB)], 1), np.zeros((H, M, DV))
    ptr, item = i32s(np.zeros((H, NB + 1))), i32s(np.full((H, M * KK), -1))
    for hh in range(H):
        lists: list[list[int]] = [[] for _ in range(NB)]
        for t in range(M):
            own = t // BK
            scored = [(np.inf if j == own else q[hh, t] @ rm[hh, j], j) for j in range(own + 1)]
            top = [j for _, j in sorted(scored, reverse=True)[:KK]]
            assert set(top) == {x for x in sel[hh, t] if x >= 0}
            keys = [x for j in top for x in range(j * BK, min(j * BK + BK, t + 1))]
            s = q[hh, t] @ k[hh, keys].T * 0.3
            p = np.exp(s - s.max())
            ro[hh, t] = p @ v[hh, keys] / p.sum()
            for slot, j in enumerate(sel[hh, t]):
                if j >= 0:
                    lists[j].append(t * KK + slot)
        ptr[hh] = np.cumsum([0] + [len(x) for x in lists])
        flat = [x for one in lists for x in one]
        item[hh, : len(flat)] = flat
    po, pl, o = h.out_a(H, M * KK, DV), h.a(np.full((H, M * KK), -np.inf)), h.out(H, M, DV)
    h.run(K.moba_attend, q, k, v, ptr, item, po, pl, 0.3, KK=KK, BK=BK, BM=8)
    h.run(K.moba_merge, po.reshape(H, M, KK, DV), pl.reshape(H, M, KK), o, BM=8)
    h.close((mean, rm), (o, ro))


def test_bitmap_sparse_product() -> None:
    bitmap_sparse_product(Harness("f64", True))


def bitmap_sparse_product(h: Harness) -> None:
    M, KD, N, S = 128, 192, 11, 2
    a = np.where(h.rng.random((M, KD)) < 0.4, h.R(M, KD), 0)
    b, bits, base, values = h.R(KD, N), np.zeros((2, 3, 8, 8), np.uint64), i32s(np.zeros((2, 3))), []
    for i, t in np.ndindex(2, 3):
        base[i, t] = len(values)
        for r, c in np.ndindex(8, 8):
            word = 0
            for z in range(64):
                x = a[i * 64 + r * 8 + z // 8, t * 64 + c * 8 + z % 8]
                if x:
                    word |= 1 << z
                    values.append(x)
            bits[i, t, r, c] = word
    part, c = h.out_a(S, M, N), h.out(M, N)
    h.run(K.bitmap_spmm, bits, base, np.array(values), b, part)
    h.run(K.sum_partials, part, c)
    h.close((c, a @ b))


def test_head_with_packed_keys() -> None:
    head_with_packed_keys(Harness("f32", False))


def head_with_packed_keys(h: Harness) -> None:
    rng = np.random.default_rng(3)
    R, C, CAP, D, P = 5, 40, 4, 12, 7
    W = rng.standard_normal((C, CAP, D)).astype(np.float32)
    cent, x = W.mean(1), rng.standard_normal((R, D)).astype(np.float32)
    ids = i32s(rng.permutation(C * CAP).reshape(C, CAP))
    sel, best = i32s(np.zeros((R, P))), np.full(R, np.iinfo(np.int64).min)
    run = h.run
    run(K.head_route, x, cent, sel, BC=16)
    run(K.head_probe, x, W, ids, sel, best)
    got = 0x7FFFFFFF - (best & 0xFFFFFFFF)
    for t in range(R):
        chosen = np.argsort(-(cent @ x[t]), kind="stable")[:P]
        assert set(chosen) == set(sel[t])
        assert ids[chosen].reshape(-1)[(W[chosen] @ x[t]).reshape(-1).argmax()] == got[t]
    best = np.full(1, np.iinfo(np.int64).min)  # every logit far below 0
    run(K.head_probe, -5 * np.ones((1, D), np.float32), np.abs(W), ids, i32s(np.arange(C))[None], best)
    logits = (np.abs(W) @ (-5 * np.ones(D))).reshape(-1)
    assert ids.reshape(-1)[logits.argmax()] == (0x7FFFFFFF - (best & 0xFFFFFFFF))[0]
    assert logits.max() < -2
    tied, s = np.zeros((20, D), np.float32), i32s(np.zeros((1, 2)))
    tied[[3, 9, 15, 17], 0] = 1
    one = np.zeros((1, D), np.float32)
    one[0, 0] = 1
    run(K.head_route, one, tied, s, BR=1, BC=4)
    assert set(s[0]) == {3, 9}
    mq, mean, s = np.zeros((1, 64, D), np.float32), np.zeros((1, 8, D), np.float32), i32s(np.zeros((1, 64, 3)))
    mq[..., 0] = 1
    mean[0, [1, 2, 4], 0] = 1
    run(K.moba_route, mq, mean, s, BK=8, BM=8, BN=4)
    assert set(s[0, 63]) == {7, 4, 2}
