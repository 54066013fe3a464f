# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Matmul, attention, an encoder and the operator families on the CPU, beside PyTorch.

    python -m benchmarks.cpu [--only GROUP …] [--quick] [--out FOLDER]

Both parties run in one process on PyTorch's OpenMP team, called in turn; see
``benchmarks/harness.py`` for the rule that refuses a ratio. *of peak* is our rate over what
the FMA units give in f32 (a bf16 dot product may pass 100 %); *needed* is the part of that
peak at which the floor would be reached: where PyTorch itself is near the peak, no program
can reach it.

The exit status is 1 if a case is wrong or below its floor, and 2 if only refused ratios
stand in the way.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tegula.ops as ops
import torch

from benchmarks import harness
from benchmarks.cpu import fft_conv, low_rank, schnet, training
from benchmarks.harness import Case, Peak

Tensor = torch.Tensor

SEED = 20
F16_FLOOR, F32_FLOOR, MATMUL_FLOOR, ENCODER_FLOOR = 1.5, 1.8, 1.7, 1.2
TOLERANCE = {torch.float32: 1e-4, torch.float16: 4e-3, torch.bfloat16: 3e-2}


def difference(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference, relative to the largest element."""
    return float((ours.float() - theirs.float()).abs().max() / theirs.float().abs().max())


def random(which: int, *shape: int, dtype: torch.dtype) -> Tensor:
    """Normal numbers, the same in every run, others for each `which`."""
    generator = torch.Generator().manual_seed(SEED + which)
    return torch.randn(*shape, generator=generator).to(dtype)


def matmuls(quick: bool) -> Iterator[Case]:
    """Square f32 products."""
    for n in (768, 2048) if quick else (768, 1024, 1536, 2048, 3072, 4096):
        a, b = (random(i, n, n, dtype=torch.float32) for i in range(2))
        yield Case(
            "matmul", f"f32 {n}³", lambda a=a, b=b: ops.matmul(a, b), lambda a=a, b=b: torch.matmul(a, b),
            MATMUL_FLOOR, 2.0 * n**3, difference, TOLERANCE[torch.float32],
        )  # fmt: skip


def attentions(quick: bool) -> Iterator[Case]:
    """Self-attention of one sequence: 12 heads of 64, 8 heads of 128."""
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        for heads, dim in ((12, 64), (8, 128)):
            for causal in (False, True):
                for length in (512, 2048) if quick else (512, 1024, 2048, 4096):
                    q, k, v = (random(i, 1, heads, length, dim, dtype=dtype) for i in range(3))

                    def ours(q: Tensor = q, k: Tensor = k, v: Tensor = v, causal: bool = causal) -> Any:
                        return ops.attention(q, k, v, causal=causal)

                    def theirs(q: Tensor = q, k: Tensor = k, v: Tensor = v, causal: bool = causal) -> Tensor:
                        return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)

                    short = str(dtype).removeprefix("torch.").replace("float", "f")
                    yield Case(
                        "attention", f"{short} h{heads} d{dim} S{length}{' causal' if causal else ''}", ours, theirs,
                        F32_FLOOR if dtype is torch.float32 else F16_FLOOR,
                        4.0 * heads * length**2 * dim * (0.5 if causal else 1.0), difference, TOLERANCE[dtype],
                    )  # fmt: skip


def encoders(quick: bool) -> Iterator[Case]:
    """The network of examples/_minilm.py on 32 sentences, forward in f32."""
    import numpy as np
    from safetensors import numpy as safetensors_numpy

    sys.path.insert(0, str(harness.ROOT / "examples"))
    import _minilm as example

    folder = example.files()
    load_file: Callable[[str], dict[str, Any]] = getattr(safetensors_numpy, "load_file")  # noqa: B009 (its stub is not typed)
    weights = load_file(str(folder / "model.safetensors"))
    tensor: Callable[[Any], Tensor] = getattr(torch, "from_numpy")  # noqa: B009 (its stub is not typed)
    model, tensors = example.Model.read(weights), {name: tensor(w) for name, w in weights.items()}
    ids, mask = (np.concatenate([x, x]) for x in example.tokens(folder, example.SENTENCES))
    ids_t, mask_t = tensor(ids), tensor(mask)

    def ours() -> Tensor:
        return tensor(example.encode(model, ids, mask))

    def theirs() -> Tensor:
        return example.encode_torch(tensors, ids_t, mask_t)

    name = f"MiniLM-L6 batch {len(ids)}, {ids.shape[1]} tokens"
    yield Case("encoder", name, ours, theirs, ENCODER_FLOOR, None, difference, 1e-4)


GROUPS: dict[str, Callable[[bool], Iterator[Case]]] = {
    "matmul": matmuls,
    "attention": attentions,
    "encoder": encoders,
    "low_rank": low_rank.feed_forward,
    "schnet": schnet.cases,
    "training": training.cases,
    "fft_conv": fft_conv.convolutions,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=sorted(GROUPS), help="these groups of cases")
    parser.add_argument("--match", default="", help="only cases whose name holds this text")
    parser.add_argument("--quick", action="store_true", help="two sizes of each")
    parser.add_argument(
        "--out", type=Path, default=harness.ROOT / "build/benchmarks/cpu", help="where JSON and plot go"
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    peak = Peak(options.threads)
    first = peak(0.3)
    rows: list[harness.Row] = []
    with torch.inference_mode():
        for group in options.only or GROUPS:
            for case in GROUPS[group](options.quick):
                if options.match not in case.name:
                    continue
                rows.append(harness.measure(case, peak))
                print(f"  {case.group} {case.name}: {rows[-1].verdict}", file=sys.stderr, flush=True)
    last = peak(0.3)
    print(harness.table(rows))
    print(f"\npeak probe: {first:.0f} GFLOP/s before everything, {last:.0f} after, {options.threads} threads")
    about = {"threads": options.threads, "torch": torch.__version__, "peak": [first, last]}
    harness.write_json(options.out / "cpu.json", rows, about)
    harness.plot(options.out / "cpu.png", rows, f"CPU, {options.threads} threads, beside PyTorch {torch.__version__}")
    print(f"wrote {options.out}/cpu.json, cpu.png")
    if any(row.error or row.verdict == "below" for row in rows):
        return 1
    return 2 if any(row.ratio is None for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
