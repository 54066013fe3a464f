#!/usr/bin/env python3
# Part of the Tegula project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A room around real voices: recordings convolved with long impulse responses, through tegula.ops.fft_conv.

The recordings are the spoken names of loudspeakers ("front left", …) of Debian's alsa-utils (GPL-2), 16 bits at
48 kHz. Each stands at its own place in a room; the room is synthetic, from a seed: for each voice and ear a delayed
direct sound, and noise that decays by 60 dB in a time that falls with frequency. The response lasts 2 s (96,000
taps), so a transform of 262,144 points does it in three kernels; SciPy does the same in f32 and in float64.

usage: reverb.py [--out FOLDER] [--seed N] [--summary FILE]

Writes reverb.wav (stereo) and reverb.png (spectrograms); the exit status is not 0 if anything is off.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import sys
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _summary import Row, add_option, close
from numpy.typing import NDArray
from tegula import ops

Signal = NDArray[Any]
fft: Any = importlib.import_module("scipy.fft")  # its stubs are not typed

RECORDINGS = Path("/usr/share/sounds/alsa")
PLACES = (
    "Front_Left", "Front_Center", "Front_Right", "Side_Right", "Rear_Right", "Rear_Center", "Rear_Left", "Side_Left",
)  # fmt: skip
RATE, TAPS, GAP = 48_000, 96_000, 1.5
AGREEMENT = 1e-6


def recording(name: str) -> Signal:
    """A mono recording as numbers from -1 to 1."""
    path = RECORDINGS / f"{name}.wav"
    if not path.exists():
        sys.exit(f"{path} is missing: apt-get install alsa-utils (utils/setup.sh does)")
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768


def room(rng: np.random.Generator) -> Signal:
    """Impulse responses [voices, ears, taps]: direct sound by angle, then noise that loses its highs first."""
    t = np.arange(TAPS) / RATE
    out = np.zeros((len(PLACES), 2, TAPS))
    for voice in range(len(PLACES)):
        angle = 2 * np.pi * (voice - 1) / len(PLACES)
        for ear, side in enumerate((-1, 1)):
            nearness = side * np.sin(angle)
            delay = int(RATE * (0.008 - 0.00035 * nearness))
            out[voice, ear, delay] = 0.7 + 0.3 * nearness
            for low, high, decay in ((0, 400, 2.2), (400, 3000, 1.6), (3000, 24000, 0.8)):
                spectrum = fft.rfft(rng.standard_normal(TAPS))
                frequency = np.fft.rfftfreq(TAPS, 1 / RATE)
                noise = fft.irfft(spectrum * ((frequency >= low) & (frequency < high)), TAPS)
                tail = 0.012 * noise * 10 ** (-3 * t / decay)
                out[voice, ear, delay + 400 :] += tail[: TAPS - delay - 400]
    return out.astype(np.float32)


def with_scipy(u: Signal, k: Signal) -> Signal:
    """The same convolution, causal, through SciPy's transforms, in the precision of its arguments."""
    points = fft.next_fast_len(u.shape[-1] + k.shape[-1], real=True)
    f = fft.rfft(u, points, workers=-1) * fft.rfft(k, points, workers=-1)
    return fft.irfft(f, points, workers=-1)[..., : u.shape[-1]]


def seconds(call: Callable[[], Any], times: int = 3) -> float:
    """Median time of a call."""
    taken: list[float] = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def write_wav(path: Path, stereo: Signal) -> None:
    """Two channels of 16 bits, the loudest point just below full scale."""
    loudest = float(np.abs(stereo).max())
    scaled: Signal = (stereo * (32000 / loudest)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(scaled.T.tobytes())


def plot(path: Path, dry: Signal, wet: Signal) -> None:
    """Spectrograms of the voices and of what an ear in the room hears."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    tools: Any = pyplot
    figure, axes = tools.subplots(2, 1, figsize=(10, 6), sharex=True, sharey=True, layout="constrained")
    for axis, signal, title in zip(axes, (dry, wet), ("recordings", "in the room, left ear"), strict=True):
        quiet = signal + 1e-7 * np.random.default_rng(0).standard_normal(len(signal))  # silence has no logarithm
        axis.specgram(quiet, NFFT=1024, noverlap=512, Fs=RATE, vmin=-150, vmax=-40, cmap="magma")
        axis.set(title=title, ylabel="frequency, Hz", ylim=(0, 12_000))
    axes[-1].set_xlabel("time, s")
    figure.savefig(path, dpi=110)
    tools.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parent.parent
    parser.add_argument("--out", type=Path, default=root / "build/examples", help="where WAV and plot go")
    parser.add_argument("--seed", type=int, default=1, help="of the room")
    add_option(parser)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    voices = [recording(name) for name in PLACES]
    length = max(map(len, voices)) + TAPS  # the room goes on after the voice
    u = np.zeros((1, 2 * len(voices), length), np.float32)  # a channel for each voice and ear
    for i, voice in enumerate(voices):
        u[0, 2 * i : 2 * i + 2, : len(voice)] = voice
    k = room(np.random.default_rng(options.seed)).reshape(2 * len(voices), TAPS)

    start = time.perf_counter()
    plan = ops.fft_conv_plan(k, length)
    y = ops.fft_conv(u, plan)
    first = time.perf_counter() - start
    ours = seconds(lambda: ops.fft_conv(u, plan))
    exact = with_scipy(u.astype(np.float64), k.astype(np.float64))
    theirs = seconds(lambda: with_scipy(u, k))

    def error(x: Signal) -> float:
        return float(np.sqrt(np.mean((x - exact) ** 2) / np.mean(exact**2)))

    stride = int(GAP * RATE)
    dry, wet = np.zeros(stride * (len(voices) - 1) + length), np.zeros((2, stride * (len(voices) - 1) + length))
    for i in range(len(voices)):
        at = slice(i * stride, i * stride + length)
        dry[at] += u[0, 2 * i]
        wet[:, at] += y[0, 2 * i : 2 * i + 2]
    write_wav(options.out / "reverb.wav", wet)
    plot(options.out / "reverb.png", dry, wet[0])

    rms, control = error(y), error(np.roll(y, 1, axis=1))
    print(f"{u.shape[1]} channels of {length:,} points, {TAPS:,} taps: {plan.size:,} points in the transform")
    print(f"wrote {options.out}/reverb.wav ({wet.shape[1] / RATE:.1f} s), reverb.png")
    scipy_rms = error(with_scipy(u, k))
    rows = [
        Row(
            "error against float64", f"{rms:.1e} (at most {AGREEMENT:.0e}; SciPy f32 {scipy_rms:.1e})", rms <= AGREEMENT
        ),
        Row("the same with channels exchanged", f"{control:.2f} (must be refused)", control > AGREEMENT),
        Row("time", f"{ours * 1e3:.0f} ms, spectrum known; SciPy with the filter's {theirs * 1e3:.0f} ms"),
        Row("first call, compiling", f"{first:.1f} s"),
    ]
    return close(rows, options.summary)


if __name__ == "__main__":
    sys.exit(main())
