# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The few commands that a checkout needs. Each may be run again at any time: what is
# done is found done. CMake and Ninja do the building; this file only orders the steps.

PYTHON := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help setup dev release check demo accept bench

help:
	@echo "make demo     set up, build, run the examples on real input (examples/demo.py)"
	@echo "make check    set up, build, run every test; the closing line counts them"
	@echo "make setup    only the set-up: apt packages (as root), .venv/ with pinned versions"
	@echo "make dev      build build/dev: shared MLIR, our assertions on; what lit and the unit tests run"
	@echo "make release  build build/release: static, what ships; what Python, the C API and the tools run"
	@echo "make accept   every point of the acceptance lists, the slow ones too (utils/accept.py)"
	@echo "make bench    the benchmarks against PyTorch (benchmarks/); wants an idle machine"

setup:
	@utils/setup.sh

dev release: setup
	@echo "$@: configuring and building build/$@"
	@test build/$@/build.ninja -nt CMakePresets.json || { mkdir -p build && \
	  cmake --preset $@ >build/configure-$@.log 2>&1 || { cat build/configure-$@.log; exit 1; }; }
	@ninja -C build/$@

check: setup dev release
	@$(PYTHON) utils/check.py

demo: setup release
	@$(PYTHON) examples/demo.py

accept: setup dev release
	@$(PYTHON) utils/accept.py language families

bench: setup release
	@$(PYTHON) -m benchmarks.cpu
	@$(PYTHON) -m benchmarks.compile_time
