# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GPUs that hold a call's tensors: which target a kernel is compiled for, and which stream it goes to.

PyTorch knows both, under one name ("cuda") for CUDA and HIP. Nothing here imports it: a tensor that is on
a GPU has.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tegula._compiler.backend import CompileFailed, device_target, target_facts
from tegula.errors import LaunchError


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU by its driver's interface and number."""

    api: str  # "cuda" or "hip"
    ordinal: int

    def __str__(self) -> str:
        return f"cuda:{self.ordinal}"  # PyTorch's word for both


def device_of(tensor: Any) -> Device | None:
    """Where a torch tensor is; None: in the process's memory.

    Raises:
        LaunchError: On a device that no code is made for.
    """
    device = tensor.device
    if device.type == "cpu":
        return None
    if device.type != "cuda":
        raise LaunchError(f"is on device {device}: kernels run on CPUs, and on GPUs of CUDA and HIP")
    torch: Any = sys.modules["torch"]
    return Device("hip" if torch.version.hip else "cuda", device.index or 0)


def common_device(arrays: Iterable[tuple[str, Device | None]]) -> Device | None:
    """The one device of all arrays of a call.

    Raises:
        LaunchError: There are several; it names an argument on each of two.
    """
    first: tuple[str, Device | None] | None = None
    for name, device in arrays:
        if first is None:
            first = (name, device)
        elif device != first[1]:
            raise LaunchError(
                f"'{first[0]}' is on {first[1] or 'cpu'} and '{name}' on {device or 'cpu'}: all arrays of a call are "
                "on one device"
            )
    return None if first is None else first[1]


@lru_cache(maxsize=64)
def target_of(device: Device) -> str:
    """The target whose code a device runs.

    Raises:
        LaunchError: There is no driver, no device, or none that code is made for.
    """
    torch: Any = sys.modules["torch"]
    try:
        if device.api == "cuda":
            return device_target(device.api, device.ordinal)
        name: str = torch.cuda.get_device_properties(device.ordinal).gcnArchName.split(":")[0]
        return target_facts(name).name
    except CompileFailed as e:
        raise LaunchError(f"{device}: " + "; ".join(d.message for d in e.diagnostics)) from None


def current_stream(device: Device) -> int:
    """The handle of PyTorch's current stream of a device."""
    torch: Any = sys.modules["torch"]
    raw = getattr(torch._C, "_cuda_getCurrentRawStream", None)
    return int(raw(device.ordinal) if raw is not None else torch.cuda.current_stream(device.ordinal).cuda_stream)
