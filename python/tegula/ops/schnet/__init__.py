# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""SchNet: message passing over the edges of a graph, with filters made from distances."""

from tegula.ops.schnet.graph import Graph, radius_graph
from tegula.ops.schnet.layer import Block, cfconv, interaction
from tegula.ops.schnet.model import Model, Readout, Variant, energy, energy_and_forces

__all__ = [
    "Block",
    "Graph",
    "Model",
    "Readout",
    "Variant",
    "cfconv",
    "energy",
    "energy_and_forces",
    "interaction",
    "radius_graph",
]
