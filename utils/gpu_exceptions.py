# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kernels whose machine code falls short of what is promised, and by how much at most (see gpu_table.py).

A key is operator, kernel, element type, head size and target; a figure may get smaller, and an entry that is not needed
any more should go.
"""

from __future__ import annotations

EXCEPTIONS: dict[str, str] = {
    "attention attention_dkdv bf16 64 gfx942": "spills 36",
    "attention attention_dkdv bf16 128 gfx942": "spills 21",
    "attention attention_dkdv bf16 256 gfx942": "spills 1 registers 263",
    "attention attention_dkdv f16 64 gfx942": "spills 34",
    "attention attention_dkdv f16 128 gfx942": "spills 19",
    "attention attention_dkdv f16 256 gfx942": "spills 1 registers 263",
    "attention attention_dkdv f32 128 gfx942": "spills 7",
    "attention attention_dkdv f32 256 gfx942": "spills 12",
    "attention attention_dkdv f64 64 gfx942": "spills 50",
    "attention attention_dkdv f64 128 gfx942": "spills 49",
    "attention attention_dkdv f64 256 gfx942": "spills 435 private 1488",
    "attention attention_dkdv f64 256 sm_80": "spills 72 private 40",
    "attention attention_dq f64 256 gfx942": "registers 388",
    "attention attention_fwd f64 128 gfx942": "spills 2",
    "attention attention_fwd f64 256 gfx942": "spills 88 private 276",
    "fft_conv conv_kernel bf16 - gfx942": "registers 352",
    "fft_conv conv_kernel bf16 - sm_80": "spills 564 private 240",
    "fft_conv conv_kernel f16 - gfx942": "registers 352",
    "fft_conv conv_kernel f16 - sm_80": "spills 564 private 240",
    "fft_conv conv_kernel f32 - gfx942": "registers 350",
    "fft_conv conv_kernel f32 - sm_80": "spills 544 private 232",
    "fft_conv conv_kernel f64 - gfx942": "registers 305",
    "fft_conv conv_kernel f64 - sm_80": "spills 1032 private 464",
    "fft_conv conv_kernel#2 bf16 - gfx942": "registers 352",
    "fft_conv conv_kernel#2 bf16 - sm_80": "spills 564 private 240",
    "fft_conv conv_kernel#2 f16 - gfx942": "registers 352",
    "fft_conv conv_kernel#2 f16 - sm_80": "spills 564 private 240",
    "fft_conv conv_kernel#2 f32 - gfx942": "registers 350",
    "fft_conv conv_kernel#2 f32 - sm_80": "spills 544 private 232",
    "fft_conv conv_kernel#2 f64 - gfx942": "registers 305",
    "fft_conv conv_kernel#2 f64 - sm_80": "spills 1032 private 464",
    "fft_conv filter_grad_kernel bf16 - gfx942": "registers 500",
    "fft_conv filter_grad_kernel bf16 - sm_80": "spills 1264 private 400",
    "fft_conv filter_grad_kernel f16 - gfx942": "registers 500",
    "fft_conv filter_grad_kernel f16 - sm_80": "spills 1264 private 400",
    "fft_conv filter_grad_kernel f32 - gfx942": "registers 498",
    "fft_conv filter_grad_kernel f32 - sm_80": "spills 1264 private 400",
    "fft_conv filter_grad_kernel f64 - gfx942": "registers 378",
    "fft_conv filter_grad_kernel f64 - sm_80": "spills 2032 private 776",
    "layer_norm norm_gradients f64 - sm_80": "spills 16 private 8",
    "low_rank_attention low_rank_attention_fwd#2 bf16 64 gfx942": "spills 8",
    "low_rank_attention low_rank_attention_fwd#2 bf16 128 gfx942": "spills 1",
    "low_rank_attention low_rank_attention_fwd#2 f16 64 gfx942": "spills 21",
    "low_rank_attention low_rank_attention_fwd#2 f16 256 gfx942": "registers 258",
    "low_rank_attention low_rank_attention_fwd#2 f64 256 gfx942": "spills 64 private 260",
    "low_rank_attention low_rank_attention_fwd#2 f64 256 sm_80": "refused",  # tiles larger than shared memory
    "low_rank_ffn low_rank_ffn_rows bf16 - gfx942": "spills 10",
    "low_rank_ffn low_rank_ffn_rows f16 - gfx942": "spills 10",
    "low_rank_ffn low_rank_ffn_rows f64 - gfx942": "spills 32",
    "matmul activation_gradient f64 - gfx942": "spills 13",
    "matmul matmul_tiles f64 - gfx942": "spills 16",
    "schnet cfconv_bwd bf16 - gfx942": "spills 12",
    "schnet cfconv_bwd f16 - gfx942": "spills 9",
    "schnet cfconv_bwd f32 - gfx942": "spills 9",
    "schnet cfconv_bwd f32 - sm_80": "refused",  # channel ops in a loop whose count is not a function of 'trips'
    "schnet cfconv_bwd f64 - gfx942": "spills 117 private 340",
    "schnet cfconv_bwd f64 - sm_80": "refused",  # channel ops in a loop whose count is not a function of 'trips'
    "schnet cfconv_bwd#2 bf16 - gfx942": "spills 5",
    "schnet cfconv_bwd#2 f16 - gfx942": "spills 6",
    "schnet cfconv_bwd#2 f32 - gfx942": "spills 9",
    "schnet cfconv_bwd#2 f32 - sm_80": "refused",  # channel ops in a loop whose count is not a function of 'trips'
    "schnet cfconv_bwd#2 f64 - gfx942": "spills 31 registers 370",
    "schnet cfconv_bwd#2 f64 - sm_80": "refused",  # channel ops in a loop whose count is not a function of 'trips'
    "schnet cfconv_fwd bf16 - gfx942": "spills 4",
    "schnet cfconv_fwd f32 - sm_80": "refused",  # channel ops in a loop whose count is not a function of 'trips'
    "schnet cfconv_fwd f64 - gfx942": "spills 26 registers 306",
    "schnet cfconv_fwd f64 - sm_80": "refused",  # channel ops in a loop whose count is not a function of 'trips'
}
