# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""An array that rounds to a dtype after every operation: what plain NumPy code in that precision gives.

An oracle is written once, in NumPy. Called with float64 arrays it gives the result to compare with;
called with `Rounded` arrays it gives the error that its precision has anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Rounded(np.ndarray[Any, np.dtype[np.float64]]):
    """Float64 numbers that are all of `target`; each ufunc, reduction or NumPy function rounds its result.

    >>> import ml_dtypes
    >>> x = Rounded.of(np.array([1.0, 2.0]), np.dtype(ml_dtypes.bfloat16))
    >>> float((x + 2.0**-8)[0])
    1.0
    """

    target: np.dtype[Any]

    @staticmethod
    def of(data: Any, target: np.dtype[Any]) -> Rounded:
        """Numbers rounded to `target`."""
        with np.errstate(all="ignore"):
            out = np.asarray(data, np.float64).astype(target).astype(np.float64).view(Rounded)
        out.target = target
        return out

    def __array_finalize__(self, obj: Any) -> None:
        self.target = getattr(obj, "target", np.dtype(np.float64))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **named: Any) -> Any:
        if ufunc is np.matmul and method == "__call__" and self.target == np.float32:
            # Single precision also sums in single precision.
            inputs = tuple(np.asarray(_plain(x), np.float32) for x in inputs)
        out = named.pop("out", None)
        with np.errstate(all="ignore"):
            result = getattr(ufunc, method)(*(_plain(x) for x in inputs), **{k: _plain(v) for k, v in named.items()})
        rounded = _rounded(result, self.target)
        if out is None:
            return rounded
        out[0][...] = rounded
        return out[0]

    def __array_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Iterable[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        with np.errstate(all="ignore"):
            result = func(*(_plain(a) for a in args), **{k: _plain(v) for k, v in kwargs.items()})
        return _rounded(result, self.target)


def _plain(x: Any) -> Any:
    if isinstance(x, Rounded):
        return x.view(np.ndarray)
    if type(x) in (list, tuple):
        return type(x)(_plain(v) for v in x)
    return x


def _rounded(x: Any, target: np.dtype[Any]) -> Any:
    if isinstance(x, tuple | list):
        items = [_rounded(v, target) for v in cast("list[Any]", x)]
        return items if isinstance(x, list) else tuple(items)
    if isinstance(x, np.ndarray | np.floating) and np.issubdtype(cast("Array", x).dtype, np.floating):
        return Rounded.of(x, target)
    return cast("Any", x)
