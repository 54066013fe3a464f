# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the operators' tests share: drawing inputs, running an operator, and a covering array of cases."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np
from tegula.testing import Report, check

DTYPES = {"f64": np.float64, "f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16}


def call(op: Any, *args: Any, **named: Any) -> Any:
    """Calls an operator as its users do: compiled. Without the library this is an error, not a skip."""
    return op(*args, **named)


def verify(op: Any, oracle: Callable[..., Any], inputs: Mapping[str, Any], **options: Any) -> Report:
    """Checks an operator by the rule of `tegula.testing.check`."""
    return check(op, oracle, inputs, seed=options.pop("seed", 7), **options)


def torch_of(x: Any) -> Any:
    """A tensor over the same memory, strides included."""
    import torch

    if x.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(x.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(x)


def numpy_of(x: Any) -> Any:
    """A result as a NumPy array of float64, whatever its kind."""
    if isinstance(x, np.ndarray):
        return x.astype(np.float64)
    return x.double().numpy()


def covering(
    factors: Mapping[str, Sequence[Any]], allowed: Callable[[dict[str, Any]], bool] = lambda case: True, seed: int = 0
) -> list[dict[str, Any]]:
    """Cases in which every two values of any two factors that may meet do meet.

    Greedy: each case is the best of some random completions of a pair that is still missing. The
    result depends on the arguments alone. Factors are given as names and values; a case is refused
    by `allowed`, which sees partial cases too.
    """
    rng = random.Random(seed)
    names = list(factors)
    index = {n: range(len(factors[n])) for n in names}
    Pair = tuple[tuple[str, int], tuple[str, int]]

    def values(picked: Mapping[str, int]) -> dict[str, Any]:
        return {n: factors[n][i] for n, i in picked.items()}

    missing: dict[Pair, None] = {}  # ordered
    for a, b in itertools.combinations(names, 2):
        for i, j in itertools.product(index[a], index[b]):
            if allowed(values({a: i, b: j})):
                missing[(a, i), (b, j)] = None

    def pair(x: tuple[str, int], y: tuple[str, int]) -> Pair:
        return (x, y) if names.index(x[0]) < names.index(y[0]) else (y, x)

    def gain(picked: Mapping[str, int]) -> int:
        return sum(((a, picked[a]), (b, picked[b])) in missing for a, b in itertools.combinations(names, 2))

    def complete(first: Pair) -> dict[str, int] | None:
        picked = dict(first)
        for n in rng.sample(names, len(names)):
            if n in picked:
                continue
            choices = [i for i in index[n] if allowed(values({**picked, n: i}))]
            if not choices:
                return None

            def score(i: int, n: str = n) -> int:
                return sum(pair((n, i), other) in missing for other in picked.items())

            best = max(score(i) for i in choices)
            picked[n] = rng.choice([i for i in choices if score(i) == best])
        return picked

    cases: list[dict[str, Any]] = []
    while missing:
        first = next(iter(missing))
        tries = [c for c in (complete(first) for _ in range(12)) if c is not None]
        if not tries:
            raise ValueError(f"{values(dict(first))} cannot be completed")
        best = max(tries, key=gain)
        for a, b in itertools.combinations(names, 2):
            missing.pop(((a, best[a]), (b, best[b])), None)
        cases.append({n: factors[n][best[n]] for n in names})
    return cases
