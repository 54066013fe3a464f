# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators: functions of the field's usual signatures, each a kernel of this language and nothing else.

Inputs are NumPy arrays or CPU tensors of PyTorch, outputs are of the same kind; inputs are never written.
"""

from tegula.ops import schnet
from tegula.ops.attention import attention
from tegula.ops.fft_conv import butterfly, fft_conv, fft_conv_plan, fft_conv_step
from tegula.ops.low_rank import low_rank_attention, low_rank_ffn, low_rank_swiglu
from tegula.ops.matmul import matmul
from tegula.ops.norm import layer_norm, rms_norm

__all__ = [
    "attention",
    "butterfly",
    "fft_conv",
    "fft_conv_plan",
    "fft_conv_step",
    "layer_norm",
    "low_rank_attention",
    "low_rank_ffn",
    "low_rank_swiglu",
    "matmul",
    "rms_norm",
    "schnet",
]
