#!/usr/bin/env python3
# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sentence embeddings with all-MiniLM-L6-v2, every attention, linear, GELU and norm a Tegula kernel.

The network stands in `_minilm.py`, once with Tegula's kernels and once in PyTorch, and the two are compared.

usage: sentence_embeddings.py [--ir] [--repeat N] [--summary FILE]

Prints the sentences' similarities, the agreement with PyTorch, times and memory; the exit status is
not 0 if anything is off. --ir also prints one kernel at each level of the compiler.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import numpy as np
import torch
from _minilm import (
    EPS,
    SENTENCES,
    Model,
    add_norm_rows,
    encode,
    encode_torch,
    files,
    memory,
    pairs_found,
    read,
    tensor_of,
    timed,
    tokens,
)
from _summary import Row, add_option, close


def print_similarities(vectors: Any) -> None:
    """The matrix of cosines, in percent."""
    print("similarity of each two sentences, in percent")
    for i, row in enumerate(100 * vectors @ vectors.T):
        print(f"{i:3d} " + " ".join(f"{v:4.0f}" for v in row) + f"   {SENTENCES[i][:48]}")


def print_levels() -> None:
    """One kernel at each level."""
    rows, width = np.zeros((64, 384), np.float32), np.zeros(384, np.float32)
    for level in ("tegula", "sched", "llvm", "asm"):
        print(f"---- add_norm_rows, {level}")
        print(add_norm_rows.ir(level, rows, rows, width, width, rows, EPS))


def main() -> int:
    """Runs it."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--ir", action="store_true", help="print one kernel at each level of the compiler")
    arguments.add_argument("--repeat", type=int, default=15, help="how often each network is timed")
    add_option(arguments)
    options = arguments.parse_args()

    folder = files()
    weights = read(folder / "model.safetensors")
    model = Model.read(weights)
    tensors = {name: tensor_of(w) for name, w in weights.items()}
    ids, mask = tokens(folder, SENTENCES)
    ids_t, mask_t = tensor_of(ids), tensor_of(mask)
    print(f"{len(SENTENCES)} sentences, {int(mask.sum())} tokens, padded to {ids.shape[1]}")

    start = time.perf_counter()
    ours = encode(model, ids, mask)
    first = 1e3 * (time.perf_counter() - start)
    with torch.inference_mode():
        theirs = encode_torch(tensors, ids_t, mask_t).numpy()
        # 32 sentences at once, the shape in which embeddings are usually computed.
        many, many_mask = np.concatenate([ids, ids]), np.concatenate([mask, mask])
        many_t, many_mask_t = tensor_of(many), tensor_of(many_mask)
        before = memory("VmHWM")
        encode(model, many, many_mask)
        grown = memory("VmHWM") - before
        ms, ms_torch = timed(
            options.repeat,
            lambda: encode(model, many, many_mask),
            lambda: encode_torch(tensors, many_t, many_mask_t),
        )
    print_similarities(ours)
    if options.ir:
        print_levels()

    cosine = float((ours * theirs).sum(axis=1).min())
    found = pairs_found(ours)
    finite = bool(np.isfinite(ours).all())
    rows = [
        Row("smallest cosine to PyTorch's embedding", f"{cosine:.7f}", cosine >= 0.99999),
        Row("sentences whose paraphrase is nearest", f"{found} of {len(SENTENCES)}", found == len(SENTENCES)),
        Row("all numbers finite", "yes" if finite else "no", finite),
        Row("first call, compilation included", f"{first:.0f} ms"),
        Row("32 sentences, Tegula", f"{ms:.1f} ms"),
        Row(f"32 sentences, PyTorch {torch.__version__}", f"{ms_torch:.1f} ms ({ms_torch / ms:.2f} of Tegula's)"),
        Row("peak memory of the process", f"{memory('VmHWM'):.0f} MiB"),
        Row("of it grown while 32 sentences were encoded", f"{grown:.0f} MiB"),
    ]
    return close(rows, options.summary)


if __name__ == "__main__":
    sys.exit(main())
