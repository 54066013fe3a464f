//===- peak.c - What the FMA units of this machine give --------------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The probe that runs before and after a measurement. Every thread runs fused
// multiply-adds on registers only, in slices of about a millisecond; the rate
// of a slice is its operations over its *wall* time. The mean over all slices
// is therefore lower than the peak where the clock falls or somebody else uses
// the cores: either makes a measurement beside it worthless.
//
//===----------------------------------------------------------------------===//

#include <pthread.h>
#include <time.h>

#if defined(__AVX512F__)
#define LANES 16
#define CHAINS 16 // Latency 4, two units: 8 chains are enough, 16 to be safe.
#elif defined(__AVX2__)
#define LANES 8
#define CHAINS 12 // 16 registers, two of them hold the operands.
#else
#define LANES 4
#define CHAINS 12
#endif

typedef float Vector __attribute__((vector_size(LANES * 4)));
enum { STEPS = 1 << 16 };

typedef struct {
  double seconds; // how long to run
  double gflops;  // the answer
} Job;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/// STEPS rounds of CHAINS independent fused multiply-adds.
__attribute__((noinline)) static void slice(Vector *chains) {
  Vector acc[CHAINS], scale = chains[0] * 0.0f + 0.999999f, bias = scale * 1e-6f;
#pragma unroll
  for (int i = 0; i < CHAINS; ++i)
    acc[i] = chains[i];
  for (int step = 0; step < STEPS; ++step) {
#pragma unroll
    for (int i = 0; i < CHAINS; ++i)
      acc[i] = __builtin_elementwise_fma(acc[i], scale, bias);
    // Keeps the compiler from merging rounds; costs no instruction.
    __asm__ volatile("" ::: );
  }
#pragma unroll
  for (int i = 0; i < CHAINS; ++i)
    chains[i] = acc[i];
}

static void *work(void *argument) {
  Job *job = argument;
  Vector chains[CHAINS];
  for (int i = 0; i < CHAINS; ++i)
    chains[i] = (Vector){0} + (float)i;
  long slices = 0;
  double start = now(), end;
  do {
    slice(chains);
    ++slices;
    end = now();
  } while (end - start < job->seconds);
  job->gflops = 2.0 * LANES * CHAINS * STEPS * (double)slices / (end - start) * 1e-9;
  return 0;
}

/// The f32 rate in GFLOP/s of `threads` threads (at most 64) together, over
/// `seconds` of wall time; negative if a thread could not be made.
double tegula_peak_gflops(int threads, double seconds) {
  enum { MOST = 64 };
  pthread_t ids[MOST];
  Job jobs[MOST];
  if (threads < 1 || threads > MOST)
    return -1.0;
  for (int i = 0; i < threads; ++i) {
    jobs[i].seconds = seconds;
    if (pthread_create(&ids[i], 0, work, &jobs[i]))
      return -1.0;
  }
  double sum = 0.0;
  for (int i = 0; i < threads; ++i) {
    pthread_join(ids[i], 0);
    sum += jobs[i].gflops;
  }
  return sum;
}
