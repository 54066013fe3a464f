# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# ruff: noqa
# fmt: off
"""Every kernel of the language page's section 2, word for word.

They are in the page's dense style, and the style checks leave this file alone. Do not edit: a test of
the language is worth something only as long as these are the page's own kernels.
"""
from math import pi, prod
import numpy as np
import tegula as tg
from tegula import Cx, In, Out, InOut, Opt, T, U, A, const, tile, fn, f32, i32, i64, u64, index        # A = tg.acc(T): f64 for f64, else f32
Q, K = In[T, "B H M $D"], In[T, "B HK N $D"]              # aliases of annotations are fine (in shipped code: one a line, helpers annotated, pyright strict)
V, O = In[T, "B HK N $DV"], In[T, "B H M $DV"]
def no_mod(s, b, h, i, j): return s
def scores(qt, kt, scale, softcap, mod, b, h, m, n):     # natural log units, before masking; i: [BM,1], j: [1,BN]
    s = tg.dot(qt, kt.T) * scale                          # [BM,BN] A
    if softcap is not None: s = softcap * tg.tanh(s / softcap)      # presence of an optional argument: decided while tracing
    return mod(s, b, h, m.ids[:, None], n.ids[None, :])
def visible(m, n, off, left, right):                      # affine in the two spans: streams split on it
    rel, keep = n.ids[None, :] - (m.ids[:, None] + off), n.valid[None, :]
    if left is not None: keep = keep & (rel >= -left)
    return keep if right is None else keep & (rel <= right)
def keys_of(m, off, end, left, right):                    # the keys that some row of m can see: [lo, hi)
    lo = 0 if left is None else max(m.start + off - left, 0)
    return lo, end if right is None else min(m.start + m.size + off + right, end)
def mm(x, y, acc=None): return tg.dot(x.to(T), y.to(T), acc)                           # round operands to the storage type
def pad16(n): return tg.span(tg.round_up(n, 16))          # n static; columns n.. load as 0 and are not stored

def attend(q, k, v, b, h, m, end, off, scale, left, right, bias, sink, softcap, mod, BN):   # q [M,D], k [N,D], v [N,DV] views
    d, dv = pad16(q.shape[1]), pad16(v.shape[1])
    qt = tg.load(q, (m, d))                               # [BM,D'] resident: loaded outside the stream, used inside
    st = tg.softmax_init(m.size, dv.size)                 # running (max, sum, [BM,DV'])
    lo, hi = keys_of(m, off, end, left, right)
    for n in tg.stream(lo, hi, BN, order="any", label="keys"):
        kt, vt = tg.load(k, (n, d)), tg.load(v, (n, dv))  # [BN,D'], [BN,DV']; rows >= hi are 0
        s = scores(qt, kt, scale, softcap, mod, b, h, m, n)
        if bias is not None: s = s + tg.load(bias, (m, n)).to(A)
        st = tg.softmax_update(st, tg.where(visible(m, n, off, left, right), s, -tg.inf), vt)
    if sink is not None:                                  # a key with this logit and value 0
        one = tg.full((m.size,), 1.0, A)
        st = tg.softmax_merge(st, tg.softmax_state(one * sink, one, tg.zeros((m.size, dv.size), A)))
    return tg.softmax_finish(st)                          # [BM,DV'] A, lse [BM]; no visible key: 0 and -inf
@tg.kernel
def attention_fwd(q: Q, k: K, v: V, o: Out[T, "B H M $DV"], lse: Out[A, "B H M"], scale: A, left: Opt[index] = None, right: Opt[index] = None,
                  bias: Opt[In[U, "B? H? M? N?"]] = None, kv_len: Opt[In[i32, "B"]] = None, sink: Opt[In[A, "H"]] = None, softcap: Opt[A] = None, *,
                  mod: fn = no_mod, BM: tile = 128, BN: tile = 64):
    (B, H, M, D), (_, HK, N, DV) = q.shape, v.shape
    tg.require(H % HK == 0, "H must be a multiple of HK")
    m, h, b = tg.grid((M, BM), H, B)                      # a span of BM rows, and two indices
    hk, end = h // (H // HK), N if kv_len is None else tg.load(kv_len, (b,))
    bias, sink = None if bias is None else bias[b, h], None if sink is None else tg.load(sink, (h,))
    ot, ls = attend(q[b, h], k[b, hk], v[b, hk], b, h, m, end, end - M, scale, left, right, bias, sink, softcap, mod, BN)
    tg.store(o[b, h], (m, pad16(DV)), ot.to(T))
    tg.store(lse[b, h], (m,), ls)
@tg.kernel
def attention_packed(q: In[T, "TQ H $D"], k: In[T, "TK HK $D"], v: In[T, "TK HK $DV"], cu_q: In[i32, "B1"], cu_k: In[i32, "B1"],
                     o: Out[T, "TQ H $DV"], max_q: index, scale: A, right: Opt[index] = None, *, BM: tile = 128, BN: tile = 64):
    H, HK, B = q.shape[1], k.shape[1], cu_q.shape[0] - 1
    m, h, b = tg.grid((max_q, BM), H, B)
    q0, q1, k0, k1 = tg.load(cu_q, (b,)), tg.load(cu_q, (b + 1,)), tg.load(cu_k, (b,)), tg.load(cu_k, (b + 1,))
    hk, m = h // (H // HK), m.clip(q1 - q0)               # narrowing the views narrows every bound
    q, k, v, end, off = q[q0:q1, h], k[k0:k1, hk], v[k0:k1, hk], k1 - k0, (k1 - k0) - (q1 - q0)
    ot, _ = attend(q, k, v, b, h, m, end, off, scale, None, right, None, None, None, no_mod, BN)
    tg.store(o[q0:q1, h], (m, pad16(v.shape[1])), ot.to(T))

@tg.kernel
def row_dot(o: O, do: O, delta: Out[A, "B H M"], *, BM: tile = 128):
    B, H, M, DV = o.shape
    m, h, b = tg.grid((M, BM), H, B)
    x, y = (tg.load(z[b, h], (m, pad16(DV))).to(A) for z in (o, do))
    tg.store(delta[b, h], (m,), (x * y).sum(axis=1))
def p_ds(qt, kt, vt, dot_, lse, delta, scale, left, right, softcap, mod, b, h, m, n, off):
    f = lambda s: mod(s if softcap is None else softcap * tg.tanh(s / softcap), b, h, m.ids[:, None], n.ids[None, :])
    raw = tg.dot(qt, kt.T) * scale
    p = tg.where(visible(m, n, off, left, right), tg.exp(f(raw) - lse[:, None]), 0.0)     # lse pad is +inf: rows >= M give 0
    ds = p * (tg.dot(dot_, vt.T) - delta[:, None]) * tg.grad(f)(raw)
    return p, ds * scale
@tg.kernel
def attention_dkdv(q: Q, k: K, v: V, do: O, lse: In[A, "B H M"], delta: In[A, "B H M"], dk: Out[T, "B HK N $D"], dv: Out[T, "B HK N $DV"],
                   scale: A, left: Opt[index] = None, right: Opt[index] = None, softcap: Opt[A] = None, *, mod: fn = no_mod, BM: tile = 64,
                   BN: tile = 128):
    (B, H, M, D), (_, HK, N, DV) = q.shape, v.shape
    n, hk, b = tg.grid((N, BN), HK, B)
    d, e, off, G = pad16(D), pad16(DV), N - M, H // HK
    kt, vt = tg.load(k[b, hk], (n, d)), tg.load(v[b, hk], (n, e))
    dkt, dvt = tg.zeros((BN, d.size), A), tg.zeros((BN, e.size), A)
    lo = 0 if right is None else max(n.start - off - right, 0)                            # rows that see some key of n
    hi = M if left is None else min(n.start + BN - off + left, M)
    for h in tg.stream(hk * G, hk * G + G):               # no block: yields indices; GQA summed on chip, fixed order
        for m in tg.stream(lo, hi, BM, order="any", label="rows"):
            qt, dot_ = tg.load(q[b, h], (m, d)), tg.load(do[b, h], (m, e))
            ls, dl = tg.load(lse[b, h], (m,), pad=tg.inf), tg.load(delta[b, h], (m,))
            p, ds = p_ds(qt, kt, vt, dot_, ls, dl, scale, left, right, softcap, mod, b, h, m, n, off)
            dvt, dkt = tg.dot(p.to(T).T, dot_, dvt), tg.dot(ds.to(T).T, qt, dkt)
    tg.store(dk[b, hk], (n, d), dkt.to(T))
    tg.store(dv[b, hk], (n, e), dvt.to(T))
@tg.kernel
def attention_dq(q: Q, k: K, v: V, do: O, lse: In[A, "B H M"], delta: In[A, "B H M"], dq: Out[T, "B H M $D"], scale: A, left: Opt[index] = None,
                 right: Opt[index] = None, softcap: Opt[A] = None, *, mod: fn = no_mod, BM: tile = 128, BN: tile = 64):
    (B, H, M, D), (_, HK, N, DV) = q.shape, v.shape
    m, h, b = tg.grid((M, BM), H, B)
    d, e, off, hk = pad16(D), pad16(DV), N - M, h // (H // HK)
    qt, dot_, acc = tg.load(q[b, h], (m, d)), tg.load(do[b, h], (m, e)), tg.zeros((BM, d.size), A)
    ls, dl = tg.load(lse[b, h], (m,), pad=tg.inf), tg.load(delta[b, h], (m,))
    for n in tg.stream(*keys_of(m, off, N, left, right), BN, order="any"):
        kt, vt = tg.load(k[b, hk], (n, d)), tg.load(v[b, hk], (n, e))
        _, ds = p_ds(qt, kt, vt, dot_, ls, dl, scale, left, right, softcap, mod, b, h, m, n, off)
        acc = tg.dot(ds.to(T), kt, acc)
    tg.store(dq[b, h], (m, d), acc.to(T))

@tg.kernel
def decode_split(q: In[T, "B H M $D"], k: In[T, "P $PS HK $D"], v: In[T, "P $PS HK $DV"], table: In[i32, "B W"], kv_len: In[i32, "B"],
                 po: Out[A, "B H M S $DV"], pl: Out[A, "B H M S"], scale: A, *, GP: tile = 8, MP: tile = 2, BN: tile = 64):
    (B, H, M, D), (_, PS, HK, DV), S = q.shape, v.shape, po.shape[3]
    G, g, i, d, e = H // HK, tg.span(GP), tg.span(MP), pad16(D), pad16(DV)
    tg.require(H % HK == 0 and G <= GP and M <= MP and PS % BN == 0, "rows must fit GP x MP, pages must hold whole tiles")
    s, hk, b = tg.grid(S, HK, B)
    end, mine = tg.load(kv_len, (b,)), slice(hk * G, hk * G + G)
    row = (tg.zeros((GP, 1), i32) + i.ids[None, :] + (end - M)).reshape(GP * MP)             # key position of each row
    qt = tg.load(q[b, mine], (g, i, d)).reshape(GP * MP, d.size)                             # view [G,M,D] -> rows
    chunk = tg.round_up(tg.cdiv(end, S), BN)
    st = tg.softmax_init(GP * MP, e.size)
    for n in tg.stream(s * chunk, min(s * chunk + chunk, end), BN, order="any"):
        page = n.start // PS
        p, at = tg.load(table, (b, page)), n.shift(-page * PS)               # same span, seen from the start of its page
        kt, vt = tg.load(k[p, :, hk], (at, d)), tg.load(v[p, :, hk], (at, e))
        x = tg.where((n.ids[None, :] <= row[:, None]) & n.valid[None, :], tg.dot(qt, kt.T), -tg.inf)
        st = tg.softmax_update(st, x, vt, scale=scale)
    o, l = tg.softmax_finish(st)                          # an empty split writes 0 and -inf
    tg.store(po[b, mine, :, s], (g, i, e), o.reshape(GP, MP, e.size))
    tg.store(pl[b, mine, :, s], (g, i), l.reshape(GP, MP))
@tg.kernel
def merge_splits(po: In[A, "B H M S $DV"], pl: In[A, "B H M S"], o: Out[T, "B H M $DV"], lse: Out[A, "B H M"], *, BS: tile = 16):
    B, H, M, S, DV = po.shape
    m, h, b = tg.grid(M, H, B)
    e, st = pad16(DV), tg.softmax_init(1, pad16(DV).size)
    for s in tg.stream(0, S, BS):
        st = tg.softmax_update(st, tg.load(pl[b, h, m], (s,), pad=-tg.inf)[None, :], tg.load(po[b, h, m], (s, e)))
    ot, l = tg.softmax_finish(st)
    tg.store(o[b, h], (m, e), ot.reshape(e.size).to(T))
    tg.store(lse[b, h, m:m + 1], (tg.span(1),), l)

@tg.kernel
def matmul(a: In[T, "M K"], b: In[T, "K N"], c: Out[T, "M N"], bias: Opt[In[A, "N"]] = None, *, epilogue: fn = lambda x: x, BM: tile = 128,
           BN: tile = 128, BK: tile = 64):
    (M, K), N = a.shape, b.shape[1]
    m, n = tg.grid((M, BM), (N, BN), order="grouped:8")   # order is a hint (L2 reuse); never changes a result
    acc = tg.zeros((BM, BN), A)
    for k in tg.stream(0, K, BK):
        acc = tg.dot(tg.load(a, (m, k)), tg.load(b, (k, n)), acc)
    if bias is not None: acc = acc + tg.load(bias, (n,))[None, :]
    tg.store(c, (m, n), epilogue(acc).to(T))
@tg.kernel
def layer_norm(x: In[T, "R $H"], w: In[A, "$H"], b: In[A, "$H"], y: Out[T, "R $H"], eps: A, *, BR: tile = 4):
    R, H = x.shape
    r, c = tg.grid((R, BR)), tg.span(tg.round_up(H, 32), limit=H)
    xt = tg.load(x, (r, c)).to(A)
    xc = tg.where(c.valid[None, :], xt - xt.sum(axis=1, keep=True) / H, 0.0)
    yt = xc * tg.rsqrt((xc * xc).sum(axis=1, keep=True) / H + eps)
    tg.store(y, (r, c), (yt * tg.load(w, (c,))[None, :] + tg.load(b, (c,))[None, :]).to(T))

@tg.kernel
def low_rank_attention(pq: In[T, "B H M $R"], vq: In[T, "H $R $D"], bq: In[A, "H $D"], pk: In[T, "B H N $R"], vk: In[T, "H $R $D"],
                       bk: In[A, "H $D"], pv: In[T, "B H N $R"], vv: In[T, "H $R $DV"], bv: In[A, "H $DV"], o: Out[T, "B H M $DV"], scale: A,
                       key_mask: Opt[In[i32, "B N"]] = None, *, absorb: const = True, BM: tile = 64, BN: tile = 64):
    (B, H, M, R), N, D, DV = pq.shape, pk.shape[2], vq.shape[2], vv.shape[2]
    m, h, b = tg.grid((M, BM), H, B)
    r, d, e = pad16(R), pad16(D), pad16(DV)
    qt = (tg.dot(tg.load(pq[b, h], (m, r)), tg.load(vq[h], (r, d))) + tg.load(bq[h], (d,))[None, :]).to(T)
    fk, fv = tg.load(vk[h], (r, d)), tg.load(vv[h], (r, e))                  # factors, resident
    ck, cv = tg.load(bk[h], (d,)), tg.load(bv[h], (e,))
    st = tg.softmax_init(BM, r.size if absorb else e.size)
    for n in tg.stream(0, N, BN, order="any"):
        kt, vt = tg.load(pk[b, h], (n, r)), tg.load(pv[b, h], (n, r))        # [BN,R'] instead of [BN,D']
        if absorb:                                        # (q·Vkᵀ)·Pkᵀ; q·bk is one number per row: softmax drops it
            x = tg.low_rank_dot(qt, fk.T, kt.T)
        else:                                             # needed when a rotation sits between Pk·Vk and the scores
            x = tg.dot(qt, (tg.dot(kt, fk) + ck[None, :]).to(T).T)
            vt = (tg.dot(vt, fv) + cv[None, :]).to(T)
        keep = n.valid[None, :]
        if key_mask is not None: keep = keep & (tg.load(key_mask[b], (n,))[None, :] != 0)
        st = tg.softmax_update(st, tg.where(keep, x, -tg.inf), vt, scale=scale)
    ot, ls = tg.softmax_finish(st)
    if absorb: ot = tg.where(ls[:, None] > -tg.inf, tg.dot(ot.to(T), fv) + cv[None, :], 0.0)
    tg.store(o[b, h], (m, e), ot.to(T))
def gelu(x): return 0.5 * x * (1.0 + tg.erf(x * 0.5 ** 0.5))
@tg.kernel
def low_rank_ffn(x: In[T, "M H"], u1: In[T, "H $R1"], v1: In[T, "$R1 E"], b1: In[A, "E"], u2: In[T, "E $R2"], v2: In[T, "$R2 H"], b2: In[A, "H"],
                 y: Out[T, "M H"], *, act: fn = gelu, BM: tile = 64, BE: tile = 64, BH: tile = 64):
    (M, H), R1, E, R2 = x.shape, u1.shape[1], v1.shape[1], u2.shape[1]
    m, r1, r2 = tg.grid((M, BM)), pad16(R1), pad16(R2)
    p, acc = tg.zeros((BM, r1.size), A), tg.zeros((BM, r2.size), A)
    for c in tg.stream(0, H, BH): p = tg.dot(tg.load(x, (m, c)), tg.load(u1, (c, r1)), p)
    p = p.to(T)                                           # the whole rank-sized accumulator stays on chip: recompute factor 1
    for c in tg.stream(0, E, BE):
        t = act(tg.dot(p, tg.load(v1, (r1, c))) + tg.load(b1, (c,))[None, :])
        acc = tg.dot(t.to(T), tg.load(u2, (c, r2)), acc)  # columns >= E: u2 rows load as 0
    for c in tg.stream(0, H, BH):
        tg.store(y, (m, c), (tg.dot(acc.to(T), tg.load(v2, (r2, c))) + tg.load(b2, (c,))[None, :]).to(T))

def cmul(x, y): return Cx(x.re * y.re - x.im * y.im, x.re * y.im + x.im * y.re)
def cdot(x, y):                                           # 4 real dots, or 2 when one side is real
    if x.im is None: return Cx(tg.dot(x.re, y.re), tg.dot(x.re, y.im))
    if y.im is None: return Cx(tg.dot(x.re, y.re), tg.dot(x.im, y.re))
    return Cx(tg.dot(x.re, y.re) - tg.dot(x.im, y.im), tg.dot(x.re, y.im) + tg.dot(x.im, y.re))
def cmap(f, x): return Cx(*(None if z is None else f(z) for z in x))
def czip(z, dt): return Cx(tg.constant(z.real, dt), tg.constant(z.imag, dt))           # z: a NumPy array, known while tracing
def dft(n, sign, dt): return czip(np.exp(sign * 2j * pi / n * np.outer(np.arange(n), np.arange(n))) / n ** .5, dt)
def twiddle(n, m, sign): return czip(np.exp(sign * 2j * pi / (n * m) * np.outer(np.arange(n), np.arange(m))), A)
def spectrum(x, F, fs, keep, dt):                         # x: Cx [R, rows*rest], rows <= fs[0] -> [R, prod(keep)], digit-reversed
    x, R, (n, *rest), (k, *kr) = cmap(lambda z: z.to(dt), x), x.re.shape[0], fs, keep
    if not rest: return cdot(x, cmap(lambda z: z[:, :k], F[0]))                        # contract the last axis
    w = prod(rest); rows = x.re.shape[1] // w                                          # rows < n: the rest is known zero
    y = cdot(cmap(lambda z: z[None, :k, :rows], F[0]), cmap(lambda z: z.reshape(R, rows, w), x))   # contract the first: [R,k,w]
    y = cmul(y, cmap(lambda z: z[None, :k], twiddle(n, w, -1)))
    return cmap(lambda z: z.reshape(R, k * prod(kr)), spectrum(cmap(lambda z: z.reshape(R * k, w), y), F[1:], rest, kr, dt))
def signal(y, fs, keep, rows, dt):                        # inverse; only the first `rows` output rows
    y, R, (n, *rest), (k, *kr) = cmap(lambda z: z.to(dt), y), y.re.shape[0], fs, keep
    if not rest: return cdot(y, cmap(lambda z: z[:k, :rows], dft(n, +1, dt)))
    w = prod(rest)
    z = signal(cmap(lambda a: a.reshape(R * k, prod(kr)), y), rest, kr, rest[0], dt)   # [R*k, w]
    z = cmul(cmap(lambda a: a.reshape(R, k, w), z), cmap(lambda a: a[None, :k], twiddle(n, w, +1)))
    x = cdot(cmap(lambda a: a[None, :rows, :k], dft(n, +1, dt)), cmap(lambda a: a.to(dt), z))
    return cmap(lambda a: a.reshape(R, rows * w), x)
@tg.kernel
def fft_conv(u: In[T, "B C L"], kre: In[A, "C $K"], kim: In[A, "C $K"], y: Out[T, "B C L"], pre: Opt[In[T, "B C L"]] = None,
             post: Opt[In[T, "B C L"]] = None, *, factors: const = (32, 32), keep: const = None, rows: const = None, BB: tile = 4):
    (B, C, L), fs, dt = u.shape, factors, T               # K = prod(keep); kre, kim in the order `spectrum` yields
    keep, rows, w = keep or fs, rows or fs[0], prod(fs[1:])    # rows*w >= L: rows = fs[0]/2 for causal (L <= N/2) skips the zero half
    tg.require(L <= rows * w, "the signal is longer than the transform")
    c, f, t = tg.grid(C), tg.span(prod(keep)), tg.span(rows * w)
    F = [dft(n, -1, dt) for n in fs]                      # constants: resident for the whole program
    kf = Cx(*(tg.load(z[c], (f,))[None, :] for z in (kre, kim)))                       # resident over the batch
    for b in tg.stream(0, B, BB):
        x = tg.load(u[:, c], (b, t))                      # [BB, rows*w]
        if pre is not None: x = x * tg.load(pre[:, c], (b, t))
        z = signal(cmul(spectrum(Cx(x), F, fs, keep, dt), kf), fs, keep, rows, dt).re  # only `.re` used: c2r falls out of DCE
        if post is not None: z = z * tg.load(post[:, c], (b, t)).to(A)
        tg.store(y[:, c], (b, t), z.to(T))
@tg.kernel
def butterfly_conv(u: In[T, "B C $N"], f1: In[T, "2 C $P $P"], f2: In[T, "2 C $Q $Q"], kre: In[A, "C $N"], kim: In[A, "C $N"],
                   y: Out[T, "B C $N"], *, BB: tile = 4):                             # learned factors per channel, exact inverse
    (B, C, N), P, Q = u.shape, f1.shape[2], f2.shape[2]
    c, n, fs = tg.grid(C), tg.span(u.shape[2]), (P, Q)
    F = [Cx(*(tg.load(z[i, c], (tg.span(z.shape[2]), tg.span(z.shape[2]))) for i in range(2))) for z in (f1, f2)]
    kf = Cx(*(tg.load(z[c], (n,))[None, :] for z in (kre, kim)))
    for b in tg.stream(0, B, BB):
        Y = cmul(spectrum(Cx(tg.load(u[:, c], (b, n))), F, fs, fs, T), kf)
        tg.store(y[:, c], (b, n), signal(Y, fs, fs, P, T).re.to(T))

def ssp(z): return tg.softplus(z) - tg.LN2
def gaussian(d, mu, gamma): return tg.exp(gamma * (d - mu) * (d - mu))
def envelope(d, rc): return tg.where(d < rc, 0.5 * tg.cos(d * (1.0 / rc) * pi) + 0.5, 0.0)
def csr_rows(ptr, rows, n):                               # the edges of a span of rows, and where each row ends
    return (tg.load(ptr, (rows.start,)), tg.load(ptr, (min(rows.start + rows.size, n),)),
            tg.load(ptr, (rows.shift(1),), pad=2 ** 31 - 1))
def geometry(pos, i, j):                                  # i, j: i32 tiles [BE]; -1 gathers zeros
    xyz = tg.span(3)
    r = tg.load(pos, (i, xyz)) - tg.load(pos, (j, xyz))   # [BE,3]
    return r, tg.sqrt(tg.maximum((r * r).sum(axis=1), 1e-24))
@tg.views
class Filter:                                             # one parameter made of views
    w1: In[T, "$K $G"]; b1: In[A, "$G"]; w2: In[T, "$G $F"]; b2: In[A, "$F"]; mu: In[A, "$K"]
def resident(p):
    k, g, f = (pad16(n) for n in (*p.w1.shape, p.w2.shape[1]))
    return f, (tg.load(p.w1, (k, g)), tg.load(p.b1, (g,)), tg.load(p.w2, (g, f)), tg.load(p.b2, (f,)), tg.load(p.mu, (k,)))
def mlp(d, W, gamma, act, basis):                         # d [BE] -> z [BE,F], w [BE,F]; back-to-back dots, weights resident
    w1, b1, w2, b2, mu = W
    z = tg.dot(basis(d[:, None], mu[None, :], gamma).to(w1.dtype), w1) + b1[None, :]
    return z, tg.dot(act(z).to(w2.dtype), w2) + b2[None, :]
@tg.kernel
def cfconv_fwd(pos: In[A, "N 3"], h: In[T, "N $F"], ptr: In[i32, "N1"], src: In[i32, "E"], flt: Filter, y: Out[A, "N $F"], gamma: A, rc: A, *,
               act: fn = ssp, basis: fn = gaussian, cut: fn = envelope, BR: tile = 4, BE: tile = 64):
    N = h.shape[0]
    rows, (f, W) = tg.grid((N, BR)), resident(flt)
    lo, hi, ends = csr_rows(ptr, rows, N)
    acc = tg.zeros((BR, f.size), A)
    for e in tg.stream(lo, hi, BE, label="edges"):         # bounds are data; a row without edges keeps its zeros
        seg, j = tg.segment_ids(ends, e), tg.load(src, (e,), pad=-1)                   # [BE] row of each edge within `rows`; its source
        _, d = geometry(pos, tg.where(e.valid, seg + rows.start, -1), j)
        x = tg.load(h, (j, f)).to(A) * mlp(d, W, gamma, act, basis)[1] * cut(d, rc)[:, None]
        acc = tg.segment_sum(acc, x, seg)                 # acc[seg[e]] += x[e]
    tg.store(y, (rows, f), acc)
@tg.kernel
def cfconv_bwd_dst(pos: In[A, "N 3"], h: In[T, "N $F"], gy: In[A, "N $F"], ptr: In[i32, "N1"], src: In[i32, "E"], flt: Filter, gd: Out[A, "E"],
                   gpos: Out[A, "N 3"], gamma: A, rc: A, *, act: fn = ssp, basis: fn = gaussian, cut: fn = envelope, BR: tile = 4,
                   BE: tile = 64):
    N = h.shape[0]
    rows, (f, W) = tg.grid((N, BR)), resident(flt)
    lo, hi, ends = csr_rows(ptr, rows, N)
    acc = tg.zeros((BR, 3), A)
    for e in tg.stream(lo, hi, BE):
        seg, j = tg.segment_ids(ends, e), tg.load(src, (e,), pad=-1)
        i = tg.where(e.valid, seg + rows.start, -1)
        (r, d), mu = geometry(pos, i, j), W[4][None, :]
        z, w = mlp(d, W, gamma, act, basis)
        gh = tg.load(gy, (i, f)) * tg.load(h, (j, f)).to(A)                          # [BE,F]
        gz = mm(gh * cut(d, rc)[:, None], W[2].T) * tg.grad(act)(z)
        ge = mm(gz, W[0].T) * tg.grad(basis)(d[:, None], mu, gamma)                    # [BE,K']
        g = ge.sum(axis=1) + (gh * w).sum(axis=1) * tg.grad(cut)(d, rc)                # the envelope's own derivative is in
        tg.store(gd, (e,), g)
        acc = tg.segment_sum(acc, (g / d)[:, None] * r, seg)
    tg.store(gpos, (rows, tg.span(3)), acc)
@tg.kernel
def cfconv_bwd_src(pos: In[A, "N 3"], gy: In[A, "N $F"], ptr: In[i32, "N1"], dst: In[i32, "E"], perm: In[i32, "E"], flt: Filter,
                   gd: In[A, "E"], gh: Out[A, "N $F"], gpos: InOut[A, "N 3"], gamma: A, rc: A, *, act: fn = ssp,
                   basis: fn = gaussian, cut: fn = envelope, BR: tile = 4, BE: tile = 64):     # CSR by source; perm: each edge's place in the other order
    N = gy.shape[0]
    rows, (f, W), xyz = tg.grid((N, BR)), resident(flt), tg.span(3)
    lo, hi, ends = csr_rows(ptr, rows, N)
    acc, gp = tg.zeros((BR, f.size), A), tg.load(gpos, (rows, xyz))
    for e in tg.stream(lo, hi, BE):
        seg, i = tg.segment_ids(ends, e), tg.load(dst, (e,), pad=-1)
        r, d = geometry(pos, i, tg.where(e.valid, seg + rows.start, -1))
        w = mlp(d, W, gamma, act, basis)[1] * cut(d, rc)[:, None]
        acc = tg.segment_sum(acc, tg.load(gy, (i, f)) * w, seg)
        gp = tg.segment_sum(gp, (-tg.load(gd, (tg.load(perm, (e,), pad=-1),)) / d)[:, None] * r, seg)
    tg.store(gh, (rows, f), acc)
    tg.store(gpos, (rows, xyz), gp)                       # rows are owned by one instance: InOut needs no atomics

def tril(n, strict=False):
    return tg.iota(n)[:, None] >= tg.iota(n)[None, :] + int(strict)
def between(g, n):                                        # [n,n]: sum of g over (j, i], -inf above the diagonal; no b_i - b_j cancellation
    return tg.where(tril(n), tg.cumsum(tg.where(tril(n, True), g[:, None], 0.0), axis=0), -tg.inf)
def gla_intra(q, k, b, C, S):                             # A[i,j] = sum_k q_ik k_jk 2^(b_ik - b_jk), j <= i, no exponent > 0
    out = []
    for s in range(0, C, S):                              # Python range over constants: unrolled
        qs, ks, bs, parts = q[s:s + S], k[s:s + S], b[s:s + S], []
        if s: parts = [mm(qs * tg.exp2(bs - bs[:1]), (k[:s] * tg.exp2(bs[:1] - b[:s])).T)]        # both shifted to the block's first row
        near = qs[:, None] * ks[None] * tg.exp2(tg.minimum(bs[:, None] - bs[None], 0.0))        # [S,S,K]
        parts.append(tg.where(tril(S), near.sum(axis=2), 0.0))
        if s + S < C: parts.append(tg.zeros((S, C - s - S), A))
        out.append(tg.concat(parts, axis=1))
    return tg.concat(out, axis=0)
@tg.kernel
def gla_fwd(q: In[T, "B L H $K"], k: In[T, "B L H $K"], v: In[T, "B L H $V"], g: In[A, "B L H $K"], s0: Opt[In[A, "B H $K $V"]],
            o: Out[T, "B L H $V"], s1: Out[A, "B H $K $V"], scale: A, *, C: tile = 64, S: tile = 16, BV: tile = 64):
    (B, L, H, K), V = q.shape, v.shape[3]
    e, h, b = tg.grid((V, BV), H, B)
    kk = pad16(K)
    st = tg.zeros((kk.size, BV), A) if s0 is None else tg.load(s0[b, h], (kk, e))
    for t in tg.stream(0, L, C, label="chunks"):           # rows beyond L: k = v = 0, gate 0
        qt, kt = (tg.load(z[b, :, h], (t, kk)).to(A) for z in (q, k))
        vt, bt = tg.load(v[b, :, h], (t, e)), tg.cumsum(tg.load(g[b, :, h], (t, kk)) * tg.LOG2E, axis=0)
        last = bt[C - 1:]                                 # [1,K]
        ot = mm(gla_intra(qt, kt, bt, C, S), vt, mm(qt * tg.exp2(bt), st))
        st = mm((kt * tg.exp2(last - bt)).T, vt, tg.exp2(last).T * st)
        tg.store(o[b, :, h], (t, e), (ot * scale).to(T))
    tg.store(s1[b, h], (kk, e), st)
@tg.kernel
def mlstm_fwd(q: In[T, "B H L $K"], k: In[T, "B H L $K"], v: In[T, "B H L $V"], ig: In[A, "B H L"], fg: In[A, "B H L"], y: Out[T, "B H L $V"],
              eps: A, *, C: tile = 64):
    (B, H, L, K), V = q.shape, v.shape[3]
    h, b = tg.grid(H, B)
    kk, e, c = pad16(K), pad16(V), K ** -0.5
    S, nrm, m = tg.zeros((kk.size, e.size), A), tg.zeros((kk.size, 1), A), tg.zeros((1,), A)
    for t in tg.stream(0, L, C):
        qt, kt, vt = tg.load(q[b, h], (t, kk)), tg.load(k[b, h], (t, kk)), tg.load(v[b, h], (t, e))
        i, lf = tg.load(ig[b, h], (t,), pad=-tg.inf), tg.log_sigmoid(tg.load(fg[b, h], (t,), pad=tg.inf))
        bt = tg.cumsum(lf, axis=0)
        D = between(lf, C) + i[None, :]                   # log-weights; q·k is the signed multiplier
        st = tg.softmax_update(tg.softmax_init(C, e.size), D, vt, mult=tg.dot(qt, kt.T) * c)
        st = tg.softmax_merge(st, tg.softmax_state(bt + m, mm(qt, nrm).reshape(C) * c, mm(qt, S) * c))
        mx, l, acc = tg.softmax_parts(st)                 # reading the parts forces the exact maximum
        den = tg.maximum(tg.abs(l), tg.exp(-mx)) + eps
        tg.store(y[b, h], (t, e), (acc / den[:, None]).to(T))
        a = tg.cumsum(lf, axis=0, reverse=True, exclusive=True) + i
        new = tg.maximum(bt[C - 1:] + m, a.max(axis=0, keep=True))                     # [1]
        dec, w = tg.exp(bt[C - 1:] + m - new)[:, None], kt.to(A) * tg.exp(a - new)[:, None]
        S, nrm, m = mm(w.T, vt, dec * S), dec * nrm + w.sum(axis=0)[:, None], new
@tg.kernel
def gated_delta_fwd(q: In[T, "B L H $K"], k: In[T, "B L H $K"], v: In[T, "B L H $V"], g: In[A, "B L H"], beta: In[A, "B L H"],
                    o: Out[T, "B L H $V"], scale: A, *, C: tile = 64, BV: tile = 64):
    (B, L, H, K), V = q.shape, v.shape[3]
    e, h, b = tg.grid((V, BV), H, B)
    kk = pad16(K); S = tg.zeros((kk.size, BV), A)
    for t in tg.stream(0, L, C):
        qt, kt = (tg.load(z[b, :, h], (t, kk)).to(A) for z in (q, k))
        vt, be = tg.load(v[b, :, h], (t, e)).to(A), tg.load(beta[b, :, h], (t,))[:, None]
        gt = tg.load(g[b, :, h], (t,))
        bt, G = tg.cumsum(gt, axis=0), tg.exp(between(gt, C))                          # the exponent is masked, not the product
        inv = tg.tril_inverse(tg.where(tril(C, True), be * mm(kt, kt.T) * G, 0.0))     # LATER op: (I + A)^-1, A strictly lower
        w, u = mm(inv, be * tg.exp(bt)[:, None] * kt), mm(inv, be * vt)
        vn = u - mm(w, S)
        ot = mm(mm(qt, kt.T) * G, vn, mm(qt * tg.exp(bt)[:, None], S))
        S = mm((kt * tg.exp(bt[C - 1:] - bt)[:, None]).T, vn, tg.exp(bt[C - 1:])[:, None] * S)
        tg.store(o[b, :, h], (t, e), (ot * scale).to(T))

def lstm_cell(pre, c):                                    # pre: 4 tiles [BB,BD]; a user callback
    i, f, z, o = pre
    c = tg.sigmoid(f) * c + tg.sigmoid(i) * tg.tanh(z)
    return tg.sigmoid(o) * tg.tanh(c), c
@tg.kernel
def lstm_fwd(wx: In[T, "L B 4 D"], r: In[T, "4 $D D"], y: InOut[T, "L1 B $D"], cl: Out[A, "B D"], *, cell: fn = lstm_cell,
             BB: tile = 16, BD: tile = 32):             # y[0] is the initial state; y[t+1] is written at step t
    (L, B, _, D), b, x, gates = wx.shape, tg.span(BB), pad16(y.shape[2]), tg.span(4)
    tg.require(B <= BB, "batch exceeds BB: launch once per batch tile")
    j = tg.grid((D, BD), resident=True)
    rt, c = tg.load(r, (gates, x, j)), tg.zeros((BB, BD), A)                         # [4,D',BD] resident, [BB,BD] carried
    for t in tg.stream(0, L):
        yt = tg.load(y[t], (b, x))                        # InOut: not hoisted over the barrier
        w = tg.load(wx[t], (b, gates, j)).permute(1, 0, 2).to(A)                     # [4,BB,BD]; In: may run ahead freely
        a = tg.dot(yt[None], rt) + w                      # batch 1 stretched to 4
        out, c = cell([a[n:n + 1].reshape(BB, BD) for n in range(4)], c)
        tg.store(y[t + 1], (b, j), out.to(T))
        tg.barrier()                                      # every instance's stores before it are visible to all loads after it
    tg.store(cl, (b, j), c)

@tg.kernel
def block_means(k: In[T, "H N $D"], out: Out[A, "H NB $D"], *, BK: const = 64):
    H, N, D = k.shape
    j, h = tg.grid(out.shape[1], H)
    n, d = tg.span(j * BK, BK), pad16(D)
    tg.store(out[h], (j, d), tg.load(k[h], (n, d)).to(A).sum(axis=0) / tg.cast(min(N - j * BK, BK), A))
@tg.kernel
def moba_route(q: In[T, "H M $D"], mean: In[A, "H NB $D"], sel: Out[i32, "H M $KK"], *, BK: const = 64, BM: tile = 64, BN: tile = 64):
    (H, M, D), NB, KK = q.shape, mean.shape[1], sel.shape[2]
    m, h = tg.grid((M, BM), H)
    qt, best, own = tg.load(q[h], (m, pad16(D))).to(A), tg.topk_init(BM, KK), m.ids[:, None] // BK
    for n in tg.stream(0, NB, BN):
        s = tg.dot(qt, tg.load(mean[h], (n, pad16(D))).T)
        s = tg.where(n.ids[None, :] == own, tg.inf, tg.where(n.ids[None, :] < own, s, -tg.inf))
        best = tg.topk_update(best, s, n.ids, ties="high")                             # -inf is never selected; empty slots are -1
    tg.store(sel[h], (m, tg.span(KK)), tg.topk_finish(best)[1])
@tg.kernel
def moba_attend(q: In[T, "H M $D"], k: In[T, "H M $D"], v: In[T, "H M $DV"], ptr: In[i32, "H NB1"], item: In[i32, "H ME"], po: Out[A, "H ME $DV"],
                pl: InOut[A, "H ME"], scale: A, *, KK: const, BK: const = 64, BM: tile = 64):
    (H, M, D), NB, DV = q.shape, ptr.shape[1] - 1, v.shape[2]                          # item = query*KK + slot; pl starts at -inf
    j, h = tg.grid(NB, H)
    n, d, e = tg.span(j * BK, BK), pad16(D), pad16(DV)
    kt, vt = tg.load(k[h], (n, d)), tg.load(v[h], (n, e))                              # resident
    for p in tg.stream(tg.load(ptr, (h, j)), tg.load(ptr, (h, j + 1)), BM):
        it = tg.load(item[h], (p,), pad=-1)
        row = it // KK                                    # floor division: -1 stays -1
        x = tg.dot(tg.load(q[h], (row, d)), kt.T)         # gathered rows, dense product
        x = tg.where(n.ids[None, :] <= row[:, None], x, -tg.inf)
        o, l = tg.softmax_finish(tg.softmax_update(tg.softmax_init(BM, e.size), x, vt, scale=scale))
        tg.store(po[h], (it, e), o)                       # scatter; indices are distinct (checked in the simulator)
        tg.store(pl[h], (it,), l)
@tg.kernel
def moba_merge(po: In[A, "H M $KK $DV"], pl: In[A, "H M $KK"], o: Out[T, "H M $DV"], *, BM: tile = 64):
    H, M, KK, DV = po.shape
    m, h, e = *tg.grid((M, BM), H), pad16(DV)
    st = tg.softmax_init(BM, e.size)
    for s in range(KK):
        l = tg.load(pl[h], (m, s), pad=-tg.inf)
        a = tg.where(l[:, None] > -tg.inf, tg.load(po[h], (m, s, e)), 0.0)
        st = tg.softmax_merge(st, tg.softmax_state(l, tg.full((BM,), 1.0, A), a))
    tg.store(o[h], (m, e), tg.softmax_finish(st)[0].to(T))

@tg.kernel
def bitmap_spmm(bits: In[u64, "MT KT 8 8"], base: In[i32, "MT KT"], vals: In[T, "NNZ"], b: In[T, "K N"], part: Out[A, "S M N"], *, BN: tile = 16):
    MT, KT, S, N = bits.shape[0], bits.shape[1], part.shape[0], b.shape[1]
    i, s, n = tg.grid(MT, S, (N, BN))
    per, w, acc = tg.cdiv(KT, S), tg.span(8), tg.zeros((64, BN), A)
    for t in tg.stream(s * per, min(s * per + per, KT)):
        a = tg.expand_bitmap(tg.load(bits, (i, t, w, w)), vals, tg.load(base, (i, t)), (64, 64))   # LATER op: a load with popcount addresses
        acc = tg.dot(a, tg.load(b, (tg.span(t * 64, 64), n)), acc)
    tg.store(part[s], (tg.span(i * 64, 64), n), acc)      # split-K partials in A, summed in order by `sum_partials`
@tg.kernel
def sum_partials(part: In[A, "S M N"], c: Out[T, "M N"], *, BM: tile = 64, BN: tile = 64):
    (S, M, N), (m, n) = part.shape, tg.grid((part.shape[1], BM), (part.shape[2], BN))
    acc = tg.zeros((BM, BN), A)
    for s in tg.stream(0, S): acc = acc + tg.load(part[s], (m, n))
    tg.store(c, (m, n), acc.to(T))

def pack_key(x, ids):                                     # order-preserving i64; ties go to the smallest id; identity is INT64_MIN
    u = x.bitcast(i32)
    return (tg.where(u >= 0, u, u ^ 0x7fffffff).to(i64) << 32) | (0x7fffffff - ids).to(i64)
@tg.kernel
def head_route(x: In[T, "R $D"], cent: In[T, "C $D"], sel: Out[i32, "R $P"], *, BR: tile = 16, BC: tile = 64):
    (R, D), C, P = x.shape, cent.shape[0], sel.shape[1]
    r, d = tg.grid((R, BR)), pad16(D)
    xt, best = tg.load(x, (r, d)), tg.topk_init(BR, P)
    for c in tg.stream(0, C, BC):
        s = tg.where(c.valid[None, :], tg.dot(xt, tg.load(cent, (c, d)).T), -tg.inf)
        best = tg.topk_update(best, s, c.ids, ties="low")
    tg.store(sel, (r, tg.span(P)), tg.topk_finish(best)[1])
@tg.kernel
def head_probe(x: In[T, "R $D"], w: In[T, "C $CAP $D"], ids: In[i32, "C $CAP"], sel: In[i32, "R P"], best: InOut[i64, "R"]):
    (R, D), CAP, P = x.shape, w.shape[1], sel.shape[1]    # best starts at INT64_MIN
    r, p = tg.grid(R, P)
    c, t, d = tg.load(sel, (r, p)), tg.span(CAP), pad16(D)
    y = (tg.load(w[c], (t, d)).to(f32) * tg.load(x, (r, d)).to(f32)[None, :]).sum(axis=1)
    tg.reduce_store(best, (r,), pack_key(y, tg.load(ids[c], (t,))).max(axis=0), op="max", how="atomic")   # id = 0x7fffffff - (key & 0xffffffff)
