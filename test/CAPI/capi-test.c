/*===- capi-test.c - A C program that uses libtegula alone ----------------===*\
|*                                                                            *|
|* Part of the Tegula project, under the Apache License v2.0 with LLVM        *|
|* Exceptions. See LICENSE for license information.                           *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#include "tegula-c/tegula.h"

#include <math.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int failures = 0;

#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      printf("FAIL line %d: %s\n", __LINE__, #condition);                                          \
      ++failures;                                                                                  \
    }                                                                                              \
  } while (0)

/* y = x * f over rows of 4, eight rows an instance; `limit` is what a check compares. */
static const char program[] =
    "tegula.kernel @scale(in %x: memref<?x4xf32, strided<[4, 1]>> align 16,\n"
    "                     out %y: memref<?x4xf32, strided<[4, 1]>> align 16,\n"
    "                     %f: f32, %limit: index) {\n"
    "  %c0 = arith.constant 0 : index\n"
    "  %c1 = arith.constant 1 : index\n"
    "  %c4 = arith.constant 4 : index\n"
    "  %n = memref.dim %x, %c0 : memref<?x4xf32, strided<[4, 1]>>\n"
    "  %m = memref.dim %y, %c0 : memref<?x4xf32, strided<[4, 1]>>\n"
    "  %same = arith.cmpi eq, %n, %m : index\n"
    "  tegula.require %same, \"rows of x and y differ\" loc(\"author.py\":7:3 to :20)\n"
    "  tegula.grid (%i) to (%n) step (8) {\n"
    "    %c8 = arith.constant 8 : index\n"
    "    %hi = arith.addi %i, %c8 : index\n"
    "    %end = arith.minsi %hi, %n : index\n"
    "    %ok = arith.cmpi sle, %end, %limit : index\n"
    "    tegula.check %ok, \"past the limit\" loc(callsite(\"author.py\":9:5 at \"caller.py\":2:1))\n"
    "    scf.for %r = %i to %end step %c1 {\n"
    "      scf.for %c = %c0 to %c4 step %c1 {\n"
    "        %v = memref.load %x[%r, %c] : memref<?x4xf32, strided<[4, 1]>>\n"
    "        %w = arith.mulf %v, %f : f32\n"
    "        memref.store %w, %y[%r, %c] : memref<?x4xf32, strided<[4, 1]>>\n"
    "      }\n"
    "    }\n"
    "    tegula.yield\n"
    "  }\n"
    "  tegula.return\n"
    "}\n"
    /* The library's exp is the only way to compute it in f64. */
    "tegula.kernel @exp64(in %x: memref<?xf64>, out %y: memref<?xf64>) {\n"
    "  %c0 = arith.constant 0 : index\n"
    "  %n = memref.dim %x, %c0 : memref<?xf64>\n"
    "  tegula.grid (%i) to (%n) step (1) {\n"
    "    %v = memref.load %x[%i] : memref<?xf64>\n"
    "    %w = math.exp %v : f64\n"
    "    memref.store %w, %y[%i] : memref<?xf64>\n"
    "    tegula.yield\n"
    "  }\n"
    "  tegula.return\n"
    "}\n";

/* y = 2 * 3 * x where x is short, else 2 * 2 * x up to 100, else refused. */
static const char twoLaunches[] =
    "tegula.kernel @times(in %x: memref<?xf32>, out %y: memref<?xf32>, %f: f32) {\n"
    "  %c0 = arith.constant 0 : index\n"
    "  %n = memref.dim %x, %c0 : memref<?xf32>\n"
    "  tegula.grid (%i) to (%n) step (1) {\n"
    "    %v = memref.load %x[%i] : memref<?xf32>\n"
    "    %w = arith.mulf %v, %f : f32\n"
    "    memref.store %w, %y[%i] : memref<?xf32>\n"
    "    tegula.yield\n"
    "  }\n"
    "  tegula.return\n"
    "}\n"
    "tegula.program @twice(in %x: memref<?xf32>, out %y: memref<?xf32>, %short: index) {\n"
    "  %c0 = arith.constant 0 : index\n"
    "  %c100 = arith.constant 100 : index\n"
    "  %two = arith.constant 2.0 : f32\n"
    "  %three = arith.constant 3.0 : f32\n"
    "  %n = memref.dim %x, %c0 : memref<?xf32>\n"
    "  %m = memref.dim %y, %c0 : memref<?xf32>\n"
    "  %same = arith.cmpi eq, %n, %m : index\n"
    "  tegula.require %same, \"x and y differ\"\n"
    "  %w = tegula.workspace(%n) : memref<?xf32>\n"
    "  tegula.launch @times(%x, %w, %two) : memref<?xf32>, memref<?xf32>, f32\n"
    "  %isShort = arith.cmpi slt, %n, %short : index\n"
    "  tegula.variant (%isShort) {\n"
    "    tegula.launch @times(%w, %y, %three) : memref<?xf32>, memref<?xf32>, f32\n"
    "    tegula.yield\n"
    "  }\n"
    "  %isTiny = arith.cmpi slt, %n, %c100 : index\n"
    "  tegula.variant (%isTiny) {\n"
    "    tegula.launch @times(%w, %y, %two) : memref<?xf32>, memref<?xf32>, f32\n"
    "    tegula.yield\n"
    "  }\n"
    "  tegula.return\n"
    "}\n";

static int says(const tegula_diagnostics *diagnostics, const char *text) {
  if (tegula_diagnostics_count(diagnostics) == 0)
    return 0;
  const char *message = tegula_diagnostic_message(tegula_diagnostics_get(diagnostics, 0));
  if (strstr(message, text))
    return 1;
  printf("  it says: %s\n", message);
  return 0;
}

/* The diagnostics begin with an error that contains `text`; frees them. */
static int refused(tegula_diagnostics *diagnostics, const char *text) {
  int good = says(diagnostics, text);
  tegula_diagnostics_free(diagnostics);
  return good;
}

static tegula_artifact *build(const char *text, const char *target, const char *path) {
  tegula_options options = {sizeof options, .target = target, .path = path};
  tegula_artifact *artifact;
  tegula_diagnostics *diagnostics =
      tegula_compile(text, strlen(text), "program.mlir", &options, &artifact);
  if (!artifact)
    says(diagnostics, "\n");
  tegula_diagnostics_free(diagnostics);
  return artifact;
}

/* Word of an argument: an address, or bits of a scalar. */
typedef union {
  const void *address;
  double f64;
  float f32;
  int64_t integer;
  uint64_t bits;
} word;

typedef struct {
  tegula_module *module;
  tegula_record *record;
  int64_t rows;
  float *x, *y;
} scale;

static tegula_record *prepareScale(tegula_module *module, int64_t xRows, int64_t yRows) {
  int64_t xSizes[] = {xRows, 4}, ySizes[] = {yRows, 4}, strides[] = {4, 1};
  tegula_descriptor descriptors[] = {{TEGULA_F32, 2, xSizes, strides},
                                     {TEGULA_F32, 2, ySizes, strides},
                                     {TEGULA_F32, 0, NULL, NULL},
                                     {TEGULA_INDEX, 0, NULL, NULL}};
  tegula_record *record;
  tegula_diagnostics *diagnostics =
      tegula_prepare(tegula_module_find(module, "scale"), descriptors, 4, &record);
  CHECK(record && !diagnostics);
  return record;
}

static tegula_diagnostics *launchScale(tegula_record *record, float *x, float *y, float factor,
                                       int64_t limit, int threads) {
  word packed[4] = {{.address = x}, {.address = y}, {.bits = 0}, {.integer = limit}};
  packed[2].f32 = factor;
  return tegula_launch(record, packed, threads);
}

static void testQueries(tegula_module *module) {
  CHECK(tegula_module_kernel_count(module) == 2);
  CHECK(!tegula_module_kernel(module, 2));
  CHECK(!tegula_module_find(module, "none"));
  const tegula_kernel *kernel = tegula_module_find(module, "scale");
  CHECK(strcmp(tegula_kernel_name(kernel), "scale") == 0);
  CHECK(tegula_kernel_argument_count(kernel) == 4);
  tegula_argument y = tegula_kernel_argument(kernel, 1);
  CHECK(strcmp(y.name, "y") == 0 && y.access == TEGULA_OUT && y.dtype == TEGULA_F32);
  CHECK(y.rank == 2 && y.sizes[0] == TEGULA_DYNAMIC && y.sizes[1] == 4 && y.strides[0] == 4);
  CHECK(y.align == 16 && !y.multiples);
  tegula_argument limit = tegula_kernel_argument(kernel, 3);
  CHECK(limit.access == TEGULA_VALUE && limit.dtype == TEGULA_INDEX && limit.rank == 0);
  CHECK(tegula_kernel_requirement_count(kernel) == 1);
  CHECK(strcmp(tegula_kernel_requirement(kernel, 0), "rows of x and y differ") == 0);
  CHECK(tegula_kernel_grid_rank(kernel) == 1 && tegula_kernel_grid_step(kernel, 0) == 8);
  CHECK(tegula_kernel_arena_bytes(kernel) == 0);
}

static void testLaunch(tegula_module *module) {
  enum { rows = 1003 };
  float *x = aligned_alloc(64, sizeof(float) * 4 * (rows + 5)), *y = aligned_alloc(64, 32 * rows);
  for (int i = 0; i < 4 * rows; ++i)
    x[i] = (float)i;
  tegula_record *record = prepareScale(module, rows, rows);
  for (int threads = 0; threads <= 4; ++threads) {
    memset(y, 0, 16 * rows);
    CHECK(!launchScale(record, x, y, 0.5f, rows, threads));
    int wrong = 0;
    for (int i = 0; i < 4 * rows; ++i)
      wrong += y[i] != 0.5f * (float)i;
    CHECK(wrong == 0);
  }

  /* A failed check: the message, its place and its caller; the same on any threads. */
  for (int threads = 1; threads <= 2; ++threads) {
    tegula_diagnostics *diagnostics = launchScale(record, x, y, 0.5f, 512, threads);
    CHECK(says(diagnostics, "past the limit"));
    const tegula_diagnostic *first = tegula_diagnostics_get(diagnostics, 0);
    CHECK(tegula_diagnostic_severity(first) == TEGULA_ERROR);
    CHECK(tegula_diagnostic_site_count(first) == 2);
    CHECK(tegula_diagnostic_site(first, 0).line == 9);
    CHECK(strcmp(tegula_diagnostic_site(first, 1).file, "caller.py") == 0);
    tegula_diagnostics_free(diagnostics);
  }

  /* Refused before anything runs. */
  CHECK(refused(launchScale(record, x, x, 1.f, rows, 1),
                "argument 'y' is written and overlaps argument 'x' in memory"));
  CHECK(refused(launchScale(record, x, x + 4 * (rows - 1), 1.f, rows, 1), "overlaps"));
  CHECK(!launchScale(record, x, y, 1.f, rows, 1));
  CHECK(refused(launchScale(record, x + 1, y, 1.f, rows, 1),
                "argument 'x' must be aligned to 16 bytes, got an address that is 4 past"));
  CHECK(refused(launchScale(record, x, NULL, 1.f, rows, 1), "argument 'y' has no memory"));
  tegula_record_free(record);

  record = prepareScale(module, rows, rows - 1);
  tegula_diagnostics *diagnostics = launchScale(record, x, y, 1.f, rows, 1);
  CHECK(says(diagnostics, "rows of x and y differ"));
  tegula_position place = tegula_diagnostic_site(tegula_diagnostics_get(diagnostics, 0), 0);
  CHECK(strcmp(place.file, "author.py") == 0 && place.line == 7 && place.column == 3 &&
        place.end_line == 7 && place.end_column == 20);
  tegula_diagnostics_free(diagnostics);
  tegula_record_free(record);

  /* Nothing to do: no memory is needed. */
  record = prepareScale(module, 0, 0);
  CHECK(!launchScale(record, NULL, NULL, 1.f, 0, 0));
  tegula_record_free(record);
  free(x);
  free(y);
}

static void testPrepare(tegula_module *module) {
  const tegula_kernel *kernel = tegula_module_find(module, "scale");
  int64_t good[] = {8, 4}, narrow[] = {8, 3}, huge[] = {(int64_t)1 << 31, 4}, strides[] = {4, 1},
          wide[] = {8, 1};
  tegula_descriptor all[] = {{TEGULA_F32, 2, good, strides},
                             {TEGULA_F32, 2, good, strides},
                             {TEGULA_F32, 0, NULL, NULL},
                             {TEGULA_INDEX, 0, NULL, NULL}};
  tegula_record *record;
  CHECK(refused(tegula_prepare(kernel, all, 3, &record), "takes 4 arguments, got 3") && !record);
  all[0].dtype = TEGULA_F64;
  CHECK(refused(tegula_prepare(kernel, all, 4, &record), "'x' must be f32, got f64"));
  all[0].dtype = TEGULA_F32;
  all[0].sizes = narrow;
  CHECK(refused(tegula_prepare(kernel, all, 4, &record),
                "'x' has size 3 of axis 1, but the kernel was compiled for 4"));
  all[0].sizes = huge;
  CHECK(refused(tegula_prepare(kernel, all, 4, &record), "must be below 2^31"));
  all[0].sizes = good;
  all[0].strides = wide;
  CHECK(refused(tegula_prepare(kernel, all, 4, &record),
                "'x' has stride 8 of axis 0, but the kernel was compiled for 4"));
  all[0].strides = strides;
  all[0].rank = 1;
  CHECK(refused(tegula_prepare(kernel, all, 4, &record), "'x' must have rank 2, got sizes [8]"));
  all[0].rank = 2;
  all[2].rank = 1, all[2].sizes = good, all[2].strides = strides;
  CHECK(refused(tegula_prepare(kernel, all, 4, &record), "'f' is a scalar, got sizes [8]"));
  all[2].rank = 0;
  all[2].dtype = (tegula_dtype)77;
  CHECK(refused(tegula_prepare(kernel, all, 4, &record), "descriptor 2 has no valid element type"));
}

static void testErrors(void) {
  tegula_artifact *artifact;
  const char *bad = "tegula.kernel @f(in %x: memref<?xf32>) {\n  tegula.return\n}";
  tegula_diagnostics *diagnostics = tegula_compile(bad, strlen(bad), "bad.mlir", NULL, &artifact);
  CHECK(!artifact && says(diagnostics, "has no grid"));
  tegula_position place = tegula_diagnostic_site(tegula_diagnostics_get(diagnostics, 0), 0);
  CHECK(strcmp(place.file, "bad.mlir") == 0 && place.line == 1 && place.column == 1);
  tegula_diagnostics_free(diagnostics);

  CHECK(refused(tegula_compile("{", 1, NULL, NULL, &artifact), "expected"));
  tegula_options target = {sizeof target, .target = "z80"}, path = {sizeof path, .path = "magic"},
                 policy = {sizeof policy, .exp_policy = "guess"};
  CHECK(refused(tegula_compile("", 0, NULL, &target, &artifact), "unknown target 'z80'"));
  CHECK(refused(tegula_compile("", 0, NULL, &path, &artifact), "unknown path 'magic'"));
  CHECK(refused(tegula_compile("", 0, NULL, &policy, &artifact), "unknown exp policy 'guess'"));
  /* A caller that was built with an older header gives fewer fields. */
  policy.size = offsetof(tegula_options, exp_policy);
  CHECK(!tegula_compile("", 0, NULL, &policy, &artifact) && artifact);
  tegula_artifact_free(artifact);
  target.target = "x86-64-v4+warp";
  CHECK(refused(tegula_compile("", 0, NULL, &target, &artifact), "has an unknown feature 'warp'"));
  tegula_bytes *output;
  CHECK(refused(tegula_emit("", 0, NULL, "wasm", NULL, &output), "unknown level 'wasm'"));
  tegula_options plain = {sizeof plain, .path = "loops"};
  CHECK(refused(tegula_emit("", 0, NULL, "sched", &plain, &output), "has no scheduled level"));
}

static void testEmit(void) {
  static const struct {
    const char *level, *text;
  } levels[] = {{"tegula", "tegula.kernel @scale(in %x"},
                {"loops", "tegula.grid"},
                {"llvm", "define i32 @scale.run(ptr"},
                {"asm", "scale.run:"},
                {"obj", "ELF"}};
  for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); ++i) {
    tegula_options options = {sizeof options, .target = "x86-64-v3", .path = "loops"};
    tegula_bytes *output;
    tegula_diagnostics *diagnostics = tegula_emit(program, strlen(program), "program.mlir",
                                                  levels[i].level, &options, &output);
    CHECK(!diagnostics && output && strstr(tegula_bytes_data(output), levels[i].text));
    tegula_bytes_free(output);
  }
}

static void testTargets(void) {
  tegula_target_facts facts = {sizeof(facts), 0, 0, 0, 0, 0, 0};
  tegula_bytes *name;
  CHECK(!tegula_target_describe("x86-64-v3", &facts, &name));
  CHECK(strcmp(tegula_bytes_data(name), "x86-64-v3") == 0);
  CHECK(facts.vector_bytes == 32 && facts.vector_registers == 16);
  CHECK(facts.l1_bytes > 0 && facts.on_chip_bytes > facts.l1_bytes);
  tegula_bytes_free(name);
  // A caller of an older header gets the fields that it knows.
  tegula_target_facts less = {offsetof(tegula_target_facts, l1_bytes), 0, -1, -1, -1, -1, -1};
  CHECK(!tegula_target_describe(NULL, &less, &name));
  CHECK(less.on_chip_bytes > 0 && less.l1_bytes == -1);
  tegula_bytes_free(name);
  tegula_diagnostics *diagnostics = tegula_target_describe("z80", &facts, &name);
  CHECK(diagnostics && !name && tegula_diagnostics_count(diagnostics) == 1);
  tegula_diagnostics_free(diagnostics);
}

static void testArtifact(tegula_artifact *artifact) {
  CHECK(strcmp(tegula_artifact_target(artifact), "x86-64-v3") == 0);
  tegula_bytes *bytes;
  CHECK(!tegula_artifact_serialize(artifact, &bytes));
  size_t size = tegula_bytes_size(bytes);
  char *copy = malloc(size);
  memcpy(copy, tegula_bytes_data(bytes), size);
  tegula_bytes_free(bytes);

  tegula_artifact *again;
  CHECK(!tegula_artifact_deserialize(copy, size, &again));
  tegula_module *module;
  CHECK(!tegula_module_load(again, &module));
  tegula_artifact_free(again);
  testQueries(module);
  testLaunch(module);
  tegula_module_free(module);

  /* Cut short anywhere, or changed anywhere: an error, never a crash. */
  int accepted = 0;
  for (size_t cut = 0; cut < size; cut += cut < 200 ? 1 : 97) {
    tegula_diagnostics_free(tegula_artifact_deserialize(copy, cut, &again));
    accepted += again != NULL;
  }
  for (size_t at = 0; at < size; at += at < 200 ? 1 : 97) {
    copy[at] ^= 0x5a;
    tegula_diagnostics_free(tegula_artifact_deserialize(copy, size, &again));
    accepted += again != NULL;
    copy[at] ^= 0x5a;
  }
  CHECK(accepted == 0);
  char format = copy[8];
  copy[8] = 99;
  CHECK(refused(tegula_artifact_deserialize(copy, size, &again), "has format 99, this library"));
  copy[8] = format;
  copy[20] = '9'; /* the version's first digit */
  CHECK(refused(tegula_artifact_deserialize(copy, size, &again), "was made by version 9"));
  CHECK(refused(tegula_artifact_deserialize("hello", 5, &again), "not a Tegula artifact"));
  free(copy);
}

/* A program for more than this CPU has is refused with words. No CPU has all of these. */
static void testForeignCpu(void) {
  tegula_artifact *artifact = build(program, "x86-64-v3+fma4+amx-avx512", "loops");
  CHECK(artifact != NULL);
  tegula_module *module;
  CHECK(refused(tegula_module_load(artifact, &module), "but this CPU lacks fma4, amx-avx512"));
  CHECK(!module);
  tegula_artifact_free(artifact);
}

static void testExp(tegula_module *module) {
  int64_t sizes[] = {3}, strides[] = {1};
  tegula_descriptor descriptors[] = {{TEGULA_F64, 1, sizes, strides},
                                     {TEGULA_F64, 1, sizes, strides}};
  tegula_record *record;
  CHECK(!tegula_prepare(tegula_module_find(module, "exp64"), descriptors, 2, &record));
  double x[] = {-1, 0, 2}, y[3];
  word packed[] = {{.address = x}, {.address = y}};
  CHECK(!tegula_launch(record, packed, 1));
  for (int i = 0; i < 3; ++i)
    CHECK(y[i] == exp(x[i]));
  tegula_record_free(record);
}

static tegula_record *prepareTwice(const tegula_program *twice, int64_t xSize, int64_t ySize) {
  int64_t xSizes[] = {xSize}, ySizes[] = {ySize}, strides[] = {1};
  tegula_descriptor descriptors[] = {{TEGULA_F32, 1, xSizes, strides},
                                     {TEGULA_F32, 1, ySizes, strides},
                                     {TEGULA_INDEX, 0, NULL, NULL}};
  tegula_record *record;
  CHECK(!tegula_program_prepare(twice, descriptors, 3, &record));
  return record;
}

/* A program: workspace, launches, variants, conditions. */
static void testProgram(void) {
  tegula_artifact *artifact = build(twoLaunches, "native", "loops");
  CHECK(artifact != NULL);
  tegula_bytes *bytes;
  CHECK(!tegula_artifact_serialize(artifact, &bytes));
  tegula_artifact_free(artifact);
  CHECK(!tegula_artifact_deserialize(tegula_bytes_data(bytes), tegula_bytes_size(bytes), &artifact));
  tegula_bytes_free(bytes);
  tegula_module *module;
  CHECK(!tegula_module_load(artifact, &module));
  tegula_artifact_free(artifact);
  CHECK(tegula_module_program_count(module) == 1 && tegula_module_kernel_count(module) == 1);
  CHECK(!tegula_module_program(module, 1) && !tegula_module_find_program(module, "times"));
  const tegula_program *twice = tegula_module_find_program(module, "twice");
  CHECK(strcmp(tegula_program_name(twice), "twice") == 0);
  CHECK(tegula_program_argument_count(twice) == 3);
  CHECK(tegula_program_argument(twice, 1).access == TEGULA_OUT);
  CHECK(tegula_program_requirement_count(twice) == 2);
  CHECK(strcmp(tegula_program_requirement(twice, 0), "x and y differ") == 0);

  float x[200], y[200];
  for (int i = 0; i < 200; ++i)
    x[i] = (float)i;
  word packed[] = {{.address = x}, {.address = y}, {.integer = 10}};
  static const struct {
    int64_t size;
    float factor;
  } cases[] = {{5, 6.f}, {9, 6.f}, {10, 4.f}, {99, 4.f}, {0, 6.f}};
  for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); ++c) {
    tegula_record *record = prepareTwice(twice, cases[c].size, cases[c].size);
    uint64_t workspace;
    CHECK(!tegula_record_workspace(record, packed, &workspace));
    CHECK(workspace == 4 * (uint64_t)cases[c].size);
    for (int again = 0; again < 3; ++again) {
      memset(y, 0, sizeof(y));
      CHECK(!tegula_launch(record, packed, again));
      int wrong = 0;
      for (int i = 0; i < 200; ++i)
        wrong += y[i] != (i < cases[c].size ? cases[c].factor * x[i] : 0.f);
      CHECK(wrong == 0);
    }
    tegula_record_free(record);
  }
  tegula_record *record = prepareTwice(twice, 150, 150);
  CHECK(refused(tegula_launch(record, packed, 1), "no variant of program 'twice' fits this call"));
  packed[1].address = x + 1;
  CHECK(refused(tegula_launch(record, packed, 1), "argument 'y' is written and overlaps"));
  packed[1].address = y;
  tegula_record_free(record);
  record = prepareTwice(twice, 5, 6);
  tegula_module_free(module); /* the record keeps what it needs */
  CHECK(refused(tegula_launch(record, packed, 1), "x and y differ"));
  tegula_record_free(record);
}

/* Several threads on one record, others compiling. */
static void *launchMany(void *opaque) {
  scale *work = opaque;
  for (int i = 0; i < 200; ++i)
    tegula_diagnostics_free(launchScale(work->record, work->x, work->y, 3.f, work->rows, 2));
  return NULL;
}

static void *compileSome(void *opaque) {
  (void)opaque;
  for (int i = 0; i < 3; ++i)
    tegula_artifact_free(build(program, "native", "loops"));
  return NULL;
}

static void testThreads(tegula_module *module) {
  enum { count = 4, rows = 64 };
  tegula_record *record = prepareScale(module, rows, rows);
  float *x = aligned_alloc(64, 16 * rows);
  for (int i = 0; i < 4 * rows; ++i)
    x[i] = (float)i;
  scale work[count];
  pthread_t threads[count + 1];
  for (int t = 0; t < count; ++t) {
    work[t] = (scale){module, record, rows, x, aligned_alloc(64, 16 * rows)};
    pthread_create(&threads[t], NULL, launchMany, &work[t]);
  }
  pthread_create(&threads[count], NULL, compileSome, NULL);
  for (int t = 0; t <= count; ++t)
    pthread_join(threads[t], NULL);
  for (int t = 0; t < count; ++t) {
    int wrong = 0;
    for (int i = 0; i < 4 * rows; ++i)
      wrong += work[t].y[i] != 3.f * (float)i;
    CHECK(wrong == 0);
    free(work[t].y);
  }
  free(x);
  tegula_record_free(record);
}

/* Not a test: what a call of a tiny kernel costs. */
static void timeTinyLaunch(tegula_module *module) {
  enum { rows = 8, calls = 200000 };
  _Alignas(16) float x[4 * rows] = {0}, y[4 * rows];
  tegula_record *record = prepareScale(module, rows, rows);
  struct timespec start, end;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (int i = 0; i < calls; ++i)
    tegula_diagnostics_free(launchScale(record, x, y, 1.f, rows, 0));
  clock_gettime(CLOCK_MONOTONIC, &end);
  double seconds = (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
  printf("tiny launch: %.0f ns\n", 1e9 * seconds / calls);
  tegula_record_free(record);
}

static void testSimulate(void) {
  const char *module = "target triple = \"nvptx64-nvidia-cuda\"\n"
                       "define ptx_kernel void @twice(ptr addrspace(1) %x, i32 %n) {\n"
                       "  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()\n"
                       "  %p = getelementptr i32, ptr addrspace(1) %x, i32 %t\n"
                       "  %v = load i32, ptr addrspace(1) %p\n"
                       "  %r = mul i32 %v, %n\n"
                       "  store i32 %r, ptr addrspace(1) %p\n"
                       "  ret void\n"
                       "}\n";
  int32_t x[40];
  int64_t sizes[] = {40};
  tegula_simulated_buffer buffer = {"x", x, sizeof x, 4, 1, sizes, 0, 0};
  tegula_simulated_argument arguments[] = {{0, 0}, {-1, 3}};
  tegula_simulation launch = {.size = sizeof launch, .kernel = "twice", .block = {40},
                              .buffers = &buffer, .buffer_count = 1,
                              .arguments = arguments, .argument_count = 2, .seed = 7};
  for (int i = 0; i < 40; ++i)
    x[i] = i;
  tegula_bytes *counters;
  CHECK(!tegula_simulate(module, strlen(module), "twice.ll", &launch, &counters));
  CHECK(counters && strstr(tegula_bytes_data(counters), "\"bytes_stored\":160"));
  tegula_bytes_free(counters);
  for (int i = 0; i < 40; ++i)
    CHECK(x[i] == 3 * i);

  launch.block[0] = 41;
  tegula_diagnostics *list =
      tegula_simulate(module, strlen(module), "twice.ll", &launch, &counters);
  CHECK(list && !counters && tegula_diagnostics_count(list) == 2);
  const tegula_diagnostic *first = tegula_diagnostics_get(list, 0);
  CHECK(!strcmp(tegula_diagnostic_message(first),
                "out-of-bounds: a load of 4 bytes by lane 8 at 0 bytes past the end of 'x', which "
                "has 160 bytes"));
  CHECK(tegula_diagnostic_note_count(first) == 2);
  tegula_diagnostics_free(list);

  list = tegula_simulate("nonsense", 8, "twice.ll", &launch, &counters);
  CHECK(list && !counters);
  CHECK(!strcmp(tegula_diagnostic_site(tegula_diagnostics_get(list, 0), 0).file, "twice.ll"));
  tegula_diagnostics_free(list);
}

int main(void) {
  CHECK(tegula_api_version() == TEGULA_API_VERSION);
  printf("tegula %s\n", tegula_version());
  tegula_artifact *artifact = build(program, "x86-64-v3", "loops");
  CHECK(artifact != NULL);
  if (!artifact)
    return 1;
  tegula_module *module;
  CHECK(!tegula_module_load(artifact, &module));
  testQueries(module);
  testPrepare(module);
  testLaunch(module);
  testExp(module);
  testErrors();
  testEmit();
  testTargets();
  testArtifact(artifact);
  testForeignCpu();
  testProgram();
  testSimulate();
  testThreads(module);
  timeTinyLaunch(module);
  tegula_module_free(module);
  tegula_artifact_free(artifact);
  tegula_diagnostics_free(NULL);
  printf(failures ? "%d checks failed\n" : "all checks passed\n", failures);
  return failures != 0;
}
