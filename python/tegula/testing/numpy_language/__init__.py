# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The meaning of the language in NumPy: an eager evaluation for debugging, and a third oracle.

`values` has tiles and their rules, `math` elementwise functions and `tg.grad`, `structured` products,
the running softmax and segments, `views` memory; `language` puts them together as the names of
`tegula`, `rebind` runs an author's function over those names, `binding` and `evaluation` launch.
"""

from tegula.testing.numpy_language.evaluation import Evaluation, evaluate

__all__ = ["Evaluation", "evaluate"]
