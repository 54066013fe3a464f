# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The points of *language*: the language, the x86 target, and the main job on real input."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from acceptance import (
    DEV,
    LIBRARY,
    OPT,
    PYTHON,
    RELEASE,
    ROOT,
    TEGULAC,
    Failed,
    Points,
    benchmark,
    lit,
    need,
    needed_libraries,
    pytest,
    python,
    run,
    speed,
)  # fmt: skip

point = Points()
EXAMPLES = ROOT / "examples/mlir"
ATTENTION, MATMUL = EXAMPLES / "attention.mlir", EXAMPLES / "matmul.mlir"
SYSTEM = {"libc.so.6", "libm.so.6"}


def text(path: str) -> str:
    """A file of the checkout."""
    if not (ROOT / path).is_file():
        raise Failed(f"{path} is missing")
    return (ROOT / path).read_text(encoding="utf-8")


# ---- Build


@point("build.presets", "presets dev, release and asan")
def _() -> str:
    names = set(re.findall(r'"(\w+)"', run("cmake", "--list-presets")))
    return need({"dev", "release", "asan"} <= names, " ".join(sorted(names)))


@point("build.dev", "dev links shared MLIR, with our assertions on")
def _() -> str:
    libraries = needed_libraries(DEV / "bin/tegula-opt")
    mlir = sorted(name for name in libraries if "MLIR" in name)
    options = "TEGULA_ASSERTIONS:BOOL=ON" in (DEV / "CMakeCache.txt").read_text()
    return need(mlir and options, f"needs {', '.join(mlir)}; assertions {'on' if options else 'off'}")


def shipped(binary: Path) -> Callable[[], str]:
    def check() -> str:
        libraries = needed_libraries(binary)
        size = binary.stat().st_size / 1e6
        return need(libraries <= SYSTEM, f"needs {', '.join(sorted(libraries))}; {size:.0f} MB")

    return check


for binary in (OPT, TEGULAC, LIBRARY):
    point.add(f"build.static.{binary.name}", f"release's {binary.name} needs only libc and libm", shipped(binary))


@point("build.setup", "set-up run again does nothing, and says so")
def _() -> str:
    output = run(ROOT / "utils/setup.sh", timeout=20)
    return need("are installed" in output and "is up to date" in output, output)


@point("build.python", ".venv imports tegula from this checkout, torch 2.13.0, numpy, scipy")
def _() -> str:
    figure = python(
        "import tegula as t, torch, numpy, scipy; print(t.__file__, *(m.__version__ for m in (torch, numpy, scipy)))"
    )
    return need(figure.startswith(str(ROOT / "python")) and " 2.13.0" in figure, figure.removeprefix(str(ROOT) + "/"))


@point("build.tools", "build/release/bin holds tegula-opt and tegulac, and they run")
def _() -> str:
    for tool in (OPT, TEGULAC):
        run(tool, "--help")
    return "both run"


@point("build.ci", ".ci/run calls make check")
def _() -> str:
    return need("make check" in text(".ci/run"), "make check")


@point("build.licence", "Apache-2.0 with LLVM exceptions; notices")
def _() -> str:
    licence = text("LICENSE")
    parts = "Version 2.0, January 2004", "END OF TERMS AND CONDITIONS", "LLVM Exceptions to the Apache 2.0 License"
    have = [part in licence for part in parts]
    return need(all(have) and "LLVM" in text("THIRD_PARTY.md") and text("NOTICE"), f"{sum(have)} of 3 parts, notices")


# ---- The dialect

OPS = (
    "program kernel require grid load store stream dot reduce scan broadcast transpose reshape concat iota exp2 "
    "softmax_init softmax_update softmax_merge softmax_state softmax_parts softmax_finish"
).split()


@point("dialect.ops", "every op of the core is defined")
def _() -> str:
    source = "".join(p.read_text() for p in (ROOT / "include/tegula/Dialect/Tegula/IR").glob("*.td"))
    missing = [op for op in OPS if f'<"{op}"' not in source]
    return need(
        not missing, f"{len(OPS) - len(missing)} of {len(OPS)}{' without ' if missing else ''}{' '.join(missing)}"
    )


@point("dialect.listing", "listing (a) of the language page parses, verifies and round-trips as given")
def _() -> str:
    source = ROOT / "test/Dialect/Tegula/listing-a.mlir"
    text("test/Dialect/Tegula/listing-a.mlir")
    once = run(OPT, source)
    with tempfile.NamedTemporaryFile("w", suffix=".mlir") as file:
        file.write(once)
        file.flush()
        twice = run(OPT, file.name)
    return need(
        once == twice and "tegula.softmax_update" in once, f"{once.count(chr(10))} lines, equal on the second pass"
    )


def style(rule: str) -> Callable[[], str]:
    return lambda: run(PYTHON, ROOT / "utils/check_style.py", rule).splitlines()[-1].removeprefix(f"PASS style.{rule} ")


for rule, promise in (
    ("op-docs", "every op has summary, labelled constraints and an example"),
    ("op-tests", "every op has its tests"),
    ("diagnostics-tested", "every diagnostic is expected by a test"),
    ("pass-names", "every pass has one file and one test, found by its name"),
    ("pass-docs", "every pass says what it requires, guarantees, and when it fails"),
):
    point.add(f"dialect.{rule}", promise, style(rule))

TYPES = "f64 f32 f16 bf16 i8 i32 i64 i1 f8E4M3FN f8E5M2".split()


@point("dialect.types", "element types of the language parse")
def _() -> str:
    good: list[str] = []
    for kind in TYPES:
        module = f"""
          tegula.kernel @copy(in %x: memref<?x{kind}>, out %y: memref<?x{kind}>) {{
            %c0 = arith.constant 0 : index
            %n = memref.dim %x, %c0 : memref<?x{kind}>
            tegula.grid (%i) to (%n) step (16) {{
              %t = tegula.load %x[%i] : memref<?x{kind}> -> tensor<16x{kind}>
              tegula.store %t, %y[%i] : tensor<16x{kind}>, memref<?x{kind}>
              tegula.yield
            }}
            tegula.return
          }}"""
        with tempfile.NamedTemporaryFile("w", suffix=".mlir") as file:
            file.write(module)
            file.flush()
            run(OPT, file.name)
        good.append(kind)
    return " ".join(good)


@point("dialect.decompose", "--tegula-decompose leaves no structured op of attention")
def _() -> str:
    before, after = run(OPT, ATTENTION), run(OPT, ATTENTION, "--tegula-decompose")
    count = before.count("tegula.softmax_")
    return need(count and "softmax" not in after, f"{count} structured ops before, {after.count('softmax')} after")


@point("dialect.split-streams", "attention under a causal mask streams in unmasked and masked parts")
def _() -> str:
    before, after = run(OPT, ATTENTION), run(OPT, ATTENTION, "--tegula-split-streams", "--canonicalize")
    counts = before.count("tegula.stream"), after.count("tegula.stream")
    return need(counts[1] > counts[0] > 0, f"{counts[0]} streams before, {counts[1]} after")


for name, pattern, promise in (
    ("dialect.canonicalise", "canonicalize", "canonicalisations"),
    ("dialect.hoist", "hoist", "invariant loads are hoisted"),
    ("dialect.policies", "polic", "softmax and exp policies are set by a pass"),
    ("run.loops.tests", "Conversion/TegulaToLoops", "plain loops run every op"),
    ("run.sched.tests", "Conversion/(TegulaToSched|SchedTo)|Dialect/Sched", "the path through sched"),
    ("cli.tests", "Tools/", "the tools"),
):
    point.add(name, promise, lambda pattern=pattern: lit(pattern))


@point("dialect.program", "the text form of programs has its rationale")
def _() -> str:
    page = text("docs/language.md")
    return need("tegula.program" in page and re.search(r"(?i)rationale|why", page), "docs/language.md")


# ---- Two ways to run

THREE = """
import json, os, subprocess, sys
import numpy as np
import tegula as tg
from tegula.ops.attention import attention_fwd
from tegula.testing import evaluate
rng = np.random.default_rng(1)
q, k, v = rng.standard_normal((1, 2, 37, 24)), rng.standard_normal((1, 1, 53, 24)), rng.standard_normal((1, 1, 53, 40))
def out(): return np.zeros((1, 2, 37, 40)), np.zeros((1, 2, 37))
def call(kernel, o, lse): kernel(q, k, v, o, 0.3, lse, right=0, softcap=5.0, BM=16, BN=16)
o, lse = out()
if sys.argv[1] == "numpy": evaluate(attention_fwd, q, k, v, o, 0.3, lse, right=0, softcap=5.0, BM=16, BN=16)
else: call(attention_fwd, o, lse)
np.savez(sys.argv[2], o=o, lse=lse)
print("ok")
"""


LARGEST = """
import numpy as np, sys
results = [np.load(file) for file in sys.argv[1:4]]
print(max(abs(x[n] - y[n]).max() for x in results for y in results for n in ("o", "lse")), abs(results[0]["o"]).max())
"""


@point("run.three", "plain loops, the x86 path and NumPy agree to 1e-12 in f64 on causal attention")
def _() -> str:
    with tempfile.TemporaryDirectory() as folder:
        files = [f"{folder}/{name}.npz" for name in ("numpy", "loops", "sched")]
        for name, file in zip(("numpy", "loops", "sched"), files):
            python(THREE, name, file, env={} if name == "numpy" else {"TEGULA_PATH": name})
        difference, largest = (float(word) for word in python(LARGEST, *files).split())
    return need(difference <= 1e-12 and largest > 0.1, f"largest difference {difference:.1e}")


def emit(kind: str, target: str = "native", *more: str) -> str:
    return run(TEGULAC, ATTENTION, f"--target={target}", f"--emit={kind}", "-o", "-", *more)


@point("run.print-schedule", "the schedule prints as a table")
def _() -> str:
    output = emit("sched", "native", "--print-schedule")
    rows = re.findall(r"^\s+\w+ \d+ +\S+", output, re.MULTILINE)
    head = re.search(r"^schedule @\S+ for \S+", output, re.MULTILINE)
    return need(rows and head, f"{head[0] if head else 'no table'}: {len(rows)} rows")


@point("run.asm-stats", "no scalar float, spill or call in an innermost loop, for every operator", cheap=False)
def _() -> str:
    return run(PYTHON, ROOT / "utils/asm_stats.py", timeout=600).splitlines()[-1]


OPERATORS = """
import numpy as np, tegula.ops as ops
rng = np.random.default_rng(2)
a, b = rng.standard_normal((65, 70)).astype("f4"), rng.standard_normal((70, 33)).astype("f4")
q, k, v = (rng.standard_normal((1, 2, 50, 64)).astype("f4") for _ in range(3))
x, w = rng.standard_normal((9, 100)).astype("f4"), rng.standard_normal(100).astype("f4")
s = q.astype("f8") @ k.astype("f8").swapaxes(-1, -2) / 8
s = np.where(np.tril(np.ones(s.shape[-2:], bool)), s, -np.inf)
p = np.exp(s - s.max(-1, keepdims=True))
X = x.astype("f8"); C = X - X.mean(-1, keepdims=True)
pairs = dict(
    matmul=(ops.matmul(a, b, activation="relu"), np.maximum(a.astype("f8") @ b, 0)),
    attention=(ops.attention(q, k, v, causal=True), p @ v / p.sum(-1, keepdims=True)),
    layer_norm=(ops.layer_norm(x, w), C / np.sqrt((C * C).mean(-1, keepdims=True) + 1e-5) * w),
    rms_norm=(ops.rms_norm(x, w), X / np.sqrt((X * X).mean(-1, keepdims=True) + 1e-6) * w),
)
errors = {n: float(abs(got - want).max() / abs(want).max()) for n, (got, want) in pairs.items()}
assert all(e < 2e-6 for e in errors.values()), errors
print(" ".join(f"{n} {e:.0e}" for n, e in errors.items()))
"""

for target in ("x86-64-v3", "x86-64-v4"):
    point.add(
        f"run.{target}", f"the operators are right when built for {target}",
        lambda target=target: python(OPERATORS, env={"TEGULA_TARGET": target}),
    )  # fmt: skip


@point("run.refuses-isa", "a program for more than the CPU has is refused with an error")
def _() -> str:
    need("but this CPU lacks" in text("test/CAPI/capi-test.c"), "test/CAPI/capi-test.c expects no refusal")
    run(RELEASE / "bin/tegula-capi-test")
    return "capi-test loads a program for features that no CPU has"


THREADS = """
import numpy as np, tegula as tg, tegula.ops as ops
from tegula._frontend.dispatch import threads
rng = np.random.default_rng(3)
q, k, v = (rng.standard_normal((2, 4, 300, 64)).astype("f4") for _ in range(3))
a, b = rng.standard_normal((700, 300)).astype("f4"), rng.standard_normal((300, 500)).astype("f4")
results = []
for count in (1, 2, 3, 7):
    with threads(count):
        results.append((ops.attention(q, k, v, causal=True), ops.matmul(a, b)))
assert all(np.array_equal(x, y) for r in results for x, y in zip(r, results[0]))
print("equal bits on 1, 2, 3 and 7 threads")
"""


@point("run.threads", "results do not depend on the number of threads, which a call may set")
def _() -> str:
    return python(THREADS)


# ---- C API, command line, Python


@point("capi.exports", "libtegula exports only the C API")
def _() -> str:
    symbols = [line.split()[-1] for line in run("nm", "-D", "--defined-only", LIBRARY).splitlines()]
    other = [s for s in symbols if not s.startswith("tegula")]
    return need(symbols and not other, f"{len(symbols)} symbols, {len(other)} of them others' {' '.join(other[:3])}")


@point("capi.test", "a C program uses the API alone")
def _() -> str:
    return lit("CAPI/", RELEASE)


@point("cli.opt-main", "tegula-opt's main is at most 100 lines")
def _() -> str:
    lines = text("tools/tegula-opt/tegula-opt.cpp").count("\n")
    return need(lines <= 100, f"{lines} lines")


for kind, mark in (
    ("tegula", "tegula.kernel"), ("sched", "sched."), ("loops", "scf.for"), ("llvm", "define "), ("asm", ".text"),
):  # fmt: skip

    def emit_text(kind: str = kind, mark: str = mark) -> str:
        out = emit(kind)
        if kind == "loops" and (
            left := re.findall(r"\b(?:sched|tegula)\.(?!kernel|grid|yield|return|require|arena)\w+", out)
        ):
            raise Failed(f"holds {left[0]}")
        return need(mark in out, f"{out.count(chr(10))} lines, '{mark}' {out.count(mark)} times")

    point.add(f"cli.emit.{kind}", f"tegulac --emit={kind}", emit_text)

for kind, mark in (("obj", b"\x7fELF"), ("shared", b"\x7fELF")):

    def emit_binary(kind: str = kind, mark: bytes = mark) -> str:
        with tempfile.TemporaryDirectory() as folder:
            run(TEGULAC, ATTENTION, f"--emit={kind}", "-o", f"{folder}/out")
            data = Path(f"{folder}/out").read_bytes()
        return need(data.startswith(mark), f"{len(data)} bytes, ELF type {data[16] if len(data) > 16 else '?'}")

    point.add(f"cli.emit.{kind}", f"tegulac --emit={kind}", emit_binary)


@point("cli.run", "tegulac --run with inputs from .npy, sizes from --bind, on both paths")
def _() -> str:
    return lit("Tools/tegulac.*run", RELEASE)


@point("cli.flags", "MLIR's printing, timing and reproducer flags work in tegulac")
def _() -> str:
    printed = emit("llvm", "native", "--mlir-print-ir-after-all", "--mlir-timing")
    count = printed.count("IR Dump After")
    return need(count and "Execution time report" in printed, f"{count} dumps, a timing report")


@point("python.without-torch", "import tegula works without torch, and does not import it")
def _() -> str:
    code = "import sys; sys.modules['torch'] = None; import tegula, tegula.ops, tegula.testing; print('imports')"
    python(code)
    return python("import sys, tegula.ops; assert 'torch' not in sys.modules; print('torch is not imported')")


OVERHEAD = """
import sys, time, numpy as np, tegula as tg
from tegula import In, Out, T
@tg.kernel
def add4(a: In[T, "N"], b: In[T, "N"], c: In[T, "N"], y: Out[T, "N"], *, B: tg.tile = 16):
    n = tg.grid((a.shape[0], B))
    tg.store(y, (n,), tg.load(a, (n,)) + tg.load(b, (n,)) + tg.load(c, (n,)))
if sys.argv[1] == "torch":
    import torch
    arrays = [torch.ones(16) for _ in range(4)]
else:
    arrays = [np.ones(16, "f4") for _ in range(4)]
def measure(count=3000):
    start = time.perf_counter()
    for _ in range(count): add4(*arrays)
    return (time.perf_counter() - start) / count * 1e6
add4(*arrays)
print(min(measure() for _ in range(15)))
"""

for framework, limit in (("torch", 5.0), ("numpy", 12.0)):

    def overhead(framework: str = framework, limit: float = limit) -> str:
        directory = tempfile.NamedTemporaryFile("w", suffix=".py")
        with directory as file:  # kernels are read from files
            file.write(OVERHEAD)
            file.flush()
            microseconds = float(run(PYTHON, file.name, framework).splitlines()[-1])
        return need(microseconds <= limit, f"{microseconds:.1f} µs a call of 4 arrays, limit {limit:.0f}")

    point.add(
        f"python.overhead.{framework}", f"call overhead with {framework}, ≤ {limit:.0f} µs", overhead, cheap=False
    )

IR = """
import numpy as np, tegula as tg
from tegula.ops.attention import attention_fwd
q = np.zeros((1, 2, 64, 64), "f4")
marks = dict(tegula="tegula.softmax_update", sched="sched.", llvm="define", asm="vfmadd")
found = {n: m in attention_fwd.ir(n, q, q, q, q, 0.1, right=0) for n, m in marks.items()}
assert all(found.values()), found
print(" ".join(found))
"""


@point("python.ir", 'kernel.ir("tegula" | "sched" | "llvm" | "asm")')
def _() -> str:
    return python(IR)


@point("python.pyright", "pyright strict passes on the shipped operators", cheap=False)
def _() -> str:
    return run(PYTHON, "-m", "pyright", timeout=300).splitlines()[-1]


@point("python.errors", "every kind of user mistake, by class and text, with the author's line", cheap=False)
def _() -> str:
    return pytest("test/python/test_errors.py", "test/python/test_errors_values.py")


@point("python.grad", "tg.grad", cheap=False)
def _() -> str:
    return pytest("test/python", "-k", "grad")


@point("python.program", "programs are recorded and run", cheap=False)
def _() -> str:
    return pytest("test/python", "-k", "program")


@point("testing.check", "tegula.testing.check passes what is right, rejects zeros and swapped rows", cheap=False)
def _() -> str:
    return pytest("test/python/test_check_rule.py")


# ---- Operators


@point("ops.right", "each operator agrees with float64")
def _() -> str:
    return python(OPERATORS)


for name, pattern, promise in (
    ("ops.attention", "test_attention", "attention: pairwise covering array, corners, special values, refusals"),
    ("ops.matmul", "test_matmul", "matmul: types, batches, bias, activations, refusals"),
    ("ops.norm", "test_norm", "layer_norm and rms_norm"),
):

    def operator_suite(pattern: str = pattern) -> str:
        return pytest(*(str(path) for path in operator_tests(pattern)), "-n", "2", timeout=1800)

    point.add(name, promise, operator_suite, cheap=False)


def operator_tests(pattern: str) -> list[Path]:
    found = sorted((ROOT / "test/python").glob(f"**/{pattern}*.py"))
    if not found:
        raise Failed(f"no test/python/{pattern}*.py")
    return found


EDGES = """
import numpy as np, torch, tegula.ops as ops
rng = np.random.default_rng(4)
def t(*s): return torch.from_numpy(rng.standard_normal(s).astype("f4"))
q, k, v = t(1, 2, 5, 32), t(1, 2, 7, 32), t(1, 2, 7, 32)
k2, v2 = torch.full((1, 2, 9, 32), float("nan")), torch.full((1, 2, 9, 32), float("nan"))
k2[:, :, :7], v2[:, :, :7] = k, v
assert torch.equal(ops.attention(q, k2[:, :, :7], v2[:, :, :7]), ops.attention(q, k, v)), "NaN behind a bound"
o, lse = ops.attention(q[:, :, :0], k, v, return_lse=True)
assert o.shape == (1, 2, 0, 32) and lse.shape == (1, 2, 0)
o, lse = ops.attention(q, k[:, :, :0], v[:, :, :0], return_lse=True)
assert not o.any() and torch.isneginf(lse).all(), "no key"
least = torch.finfo(torch.float32).min
o = ops.attention(q, k, v, bias=torch.full((1, 1, 1, 7), least))
assert torch.allclose(o, v.mean(2, keepdim=True).expand_as(o), atol=1e-5), "rows of the finite minimum"
try: ops.attention(q, k, v, bias=torch.zeros(1, 1, 5, 7, requires_grad=True))
except Exception as e: assert "requires grad" in str(e), e
else: raise AssertionError("requires grad was accepted")
print("bounds, empty, finite minimum, a bias that requires grad refused")
"""


@point("ops.edges", "NaN behind a bound, empty lengths, the finite minimum, a bias that requires grad")
def _() -> str:
    return python(EDGES)


MEMORY = """
import resource, numpy as np, tegula.ops as ops
x = np.ones((1, 1, 64, 64), "f4"); ops.attention(x, x, x, causal=True)
q = np.ones((1, 1, 16384, 64), "f4"); ops.attention(q[:, :, :256], q, q, causal=True)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
o = ops.attention(q[:, :, :8192], q, q, causal=True)
extra = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 - o.nbytes
assert extra < 16e6, extra
print(f"{max(extra, 0) / 1e6:.1f} MB beyond the result; a matrix of 8192 x 16384 would be {8192 * 16384 * 4e-6:.0f} MB")
"""


@point("ops.memory", "no [seq, seq] array: peak extra memory is threads times a tile")
def _() -> str:
    return python(MEMORY)


@point("ops.mlir", "the kernels also as .mlir under examples/mlir, and they verify")
def _() -> str:
    files = sorted(EXAMPLES.glob("*.mlir"))
    for file in files:
        run(OPT, file)
    names = " ".join(file.stem for file in files)
    wanted = {"attention", "matmul", "layer_norm", "rms_norm"}
    return need(wanted <= {file.stem for file in files}, names or "none")


# ---- The main job


@point("demo", "make demo: cosine ≥ 0.99999, under 2 minutes, and it says so", cheap=False)
def _() -> str:
    output = run(PYTHON, ROOT / "examples/sentence_embeddings.py", timeout=120)
    cosines = [float(x) for x in re.findall(r"(?i)cosine[^\n]*?([01]\.\d{5,})", output)]
    return need(cosines and min(cosines) >= 0.99999, f"cosine {min(cosines, default=0.0):.7f}")


# ---- Tests


@point("tests.suites", "make check's suites", cheap=False)
def _() -> str:
    return run(PYTHON, ROOT / "utils/check.py", "lit", "pytest", timeout=2400).splitlines()[-1]


# ---- Speed


for name, group, floor, match in (
    ("speed.attention.f32", "attention", 1.8, "f32 "),
    ("speed.attention.bf16", "attention", 1.5, "bf16 "),
    ("speed.attention.f16", "attention", 1.5, " f16 "),
    ("speed.matmul", "matmul", 1.7, ""),
    ("speed.encoder", "encoder", 1.2, ""),
):
    point.add(name, f"beside PyTorch, at least {floor} times", partial(speed, group, match), cheap=False)


@point("speed.compile", "cold compile of attention, call to first result, ≤ 0.6 s", cheap=False)
def _() -> str:
    rows = benchmark("benchmarks.compile_time", "compile_time.json")
    worst = max(rows, key=lambda r: r["cold"])
    return need(worst["cold"] <= 0.6, f"{worst['cold']:.2f} s at worst ({worst['name']}), floor 0.6")


# ---- Docs

for page in (
    "README.md",
    "docs/Tour.md",
    "docs/architecture.md",
    "docs/language.md",
    "docs/tutorials/first-operator.md",
):
    point.add(
        f"docs.{Path(page).stem}", page, lambda page=page: need((n := len(text(page).split())) > 250, f"{n} words")
    )


@point("docs.run", "the example of the README and the tutorial run as tests")
def _() -> str:
    return pytest("test/python/test_docs.py")


POINTS = point.all()
