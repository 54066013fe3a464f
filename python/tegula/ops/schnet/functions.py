# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The scalar functions of SchNet: activations, radial bases, the cutoff.

Derivatives of bases and cutoff come from `tg.grad`; those of activations stand beside them, in the form that
shares the most with the value, and that is right at 0.

A radial basis spreads a distance over K numbers, centred at mu[k] (Schütt et al. 2017; Unke and Meuwly 2019):

    gaussian    exp(gamma·(d - mu)²),                 gamma = -½ / spacing²,  mu even over [0, rc]
    expnormal   exp(gamma·(exp(-alpha·d) - mu)²),     gamma = -(K / 2 / (1 - exp(-rc)))²,  alpha = 5 / rc,
                                                      mu even over [exp(-rc), 1]

Weights smoothly fall to 0 at the cutoff rc by the cosine envelope ½cos(πd/rc) + ½.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tegula as tg
from tegula import Tile

Scalar = Any
"""A scalar of a kernel."""


def ssp(x: Tile) -> Tile:
    """ln(½ + ½eˣ): softplus, moved to pass through 0; without overflow."""
    return tg.maximum(x, 0.0) + tg.log(0.5 + 0.5 * tg.exp(-tg.abs(x)))


def ssp_slope(x: Tile) -> Tile:
    """sigmoid(x)"""
    e = tg.exp(-tg.abs(x))
    return tg.where(x >= 0.0, 1.0, e) / (1.0 + e)


def tanh(x: Tile) -> Tile:
    """tanh x"""
    return tg.tanh(x)


def tanh_slope(x: Tile) -> Tile:
    """1 - tanh² x"""
    y = tg.tanh(x)
    return 1.0 - y * y


def silu(x: Tile) -> Tile:
    """x·sigmoid(x)"""
    return x * tg.sigmoid(x)


def silu_slope(x: Tile) -> Tile:
    """The derivative of x·sigmoid(x)."""
    s = tg.sigmoid(x)
    return s * (1.0 + x * (1.0 - s))


def cosine(d: Tile, rc: Scalar) -> Tile:
    """½cos(πd/rc) + ½, and 0 from the cutoff on."""
    return tg.where(d < rc, 0.5 * tg.cos(d * (math.pi / rc)) + 0.5, 0.0)


def open_cosine(d: Tile, rc: Scalar) -> Tile:
    """½cos(πd/rc) + ½ at any distance: trusts the list of edges."""
    return 0.5 * tg.cos(d * (math.pi / rc)) + 0.5


def gaussian(d: Tile, mu: Tile, gamma: Scalar, alpha: Scalar, rc: Scalar) -> Tile:
    """exp(gamma·(d - mu)²)"""
    return tg.exp(gamma * (d - mu) * (d - mu))


def expnormal(d: Tile, mu: Tile, gamma: Scalar, alpha: Scalar, rc: Scalar) -> Tile:
    """exp(gamma·(exp(-alpha·d) - mu)²)"""
    x = tg.exp(-alpha * d) - mu
    return tg.exp(gamma * x * x)


def enveloped_gaussian(d: Tile, mu: Tile, gamma: Scalar, alpha: Scalar, rc: Scalar) -> Tile:
    """The Gaussian basis times the envelope."""
    return gaussian(d, mu, gamma, alpha, rc) * cosine(d, rc)


def enveloped_expnormal(d: Tile, mu: Tile, gamma: Scalar, alpha: Scalar, rc: Scalar) -> Tile:
    """The exponential basis times the envelope."""
    return expnormal(d, mu, gamma, alpha, rc) * cosine(d, rc)


ACTIVATIONS: dict[str, dict[str, Callable[[Tile], Tile]]] = {
    "ssp": {"act": ssp, "slope": ssp_slope},
    "tanh": {"act": tanh, "slope": tanh_slope},
    "silu": {"act": silu, "slope": silu_slope},
}
"""By name: the function and its derivative, under the names of the kernels' parameters."""
ENVELOPES: dict[str, Callable[..., Tile]] = {"cosine": cosine, "open": open_cosine}
BASES: dict[tuple[str, bool], Callable[..., Tile]] = {
    ("gaussian", False): gaussian,
    ("gaussian", True): enveloped_gaussian,
    ("expnormal", False): expnormal,
    ("expnormal", True): enveloped_expnormal,
}
"""By name, and whether the basis is enveloped as well."""


@dataclass(frozen=True)
class Centres:
    """The numbers of a radial basis."""

    mu: NDArray[np.float64]
    gamma: float
    alpha: float


def centres(basis: str, count: int, cutoff: float) -> Centres:
    """The basis of `count` functions up to a cutoff, as the field's implementations place it."""
    if basis == "gaussian":
        mu = np.linspace(0.0, cutoff, count)
        spacing = cutoff / max(count - 1, 1)
        return Centres(mu, -0.5 / spacing**2, 0.0)
    low = math.exp(-cutoff)
    return Centres(np.linspace(low, 1.0, count), -((count / 2 / (1 - low)) ** 2), 5.0 / cutoff)
