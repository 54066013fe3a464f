/*===- tegula.h - The C interface of Tegula -------------------------------===*\
|*                                                                            *|
|* Part of the Tegula project, under the Apache License v2.0 with LLVM        *|
|* Exceptions. See LICENSE for license information.                           *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|*===----------------------------------------------------------------------===*|
|*                                                                            *|
|* text --compile--> artifact --load--> module --find--> kernel               *|
|*                      |                                  |                  *|
|*                   bytes, files                       prepare               *|
|*                                                         |                  *|
|*                                                       record --launch-->   *|
|*                                                                            *|
|* One rule for errors: a function that can fail returns its diagnostics, or  *|
|* NULL where there is nothing to say, and gives its result through its last  *|
|* parameter, which is NULL if and only if it failed. A result may come with  *|
|* warnings. A launch has no result: it returns NULL if and only if it went   *|
|* well. Nothing is printed, nothing aborts.                                  *|
|*                                                                            *|
|* One rule for memory: what a function creates, the caller frees with the    *|
|* function named beside it; all of these take NULL. Everything else (strings,*|
|* kernels, diagnostics inside diagnostics) belongs to the object that it was *|
|* asked of. Strings end with NUL.                                            *|
|*                                                                            *|
|* One rule for threads: there is no global state. Every function may be      *|
|* called from any thread at any time, on one object too; only the freeing of *|
|* an object must not meet another use of it.                                 *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef TEGULA_C_TEGULA_H
#define TEGULA_C_TEGULA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define TEGULA_EXPORT __declspec(dllexport)
#else
#define TEGULA_EXPORT __attribute__((visibility("default")))
#endif

/* Version --------------------------------------------------------------- */

/** Changes when a function or struct of this header changes its meaning. */
#define TEGULA_API_VERSION 1

/** The TEGULA_API_VERSION that the library was built with. */
TEGULA_EXPORT int tegula_api_version(void);

/** Version of the library, "0.1.0". Artifacts are read by the version that wrote them. */
TEGULA_EXPORT const char *tegula_version(void);

/* Diagnostics ----------------------------------------------------------- */

/** A list of messages. */
typedef struct tegula_diagnostics tegula_diagnostics;

/** One message of a list. */
typedef struct tegula_diagnostic tegula_diagnostic;

typedef enum tegula_severity {
  TEGULA_NOTE,
  TEGULA_REMARK,
  TEGULA_WARNING,
  TEGULA_ERROR
} tegula_severity;

/** A range of source text; lines and columns count from 1, the end is exclusive. */
typedef struct tegula_position {
  const char *file;
  uint32_t line, column, end_line, end_column;
} tegula_position;

TEGULA_EXPORT size_t tegula_diagnostics_count(const tegula_diagnostics *diagnostics);
TEGULA_EXPORT const tegula_diagnostic *tegula_diagnostics_get(const tegula_diagnostics *diagnostics,
                                                              size_t index);
TEGULA_EXPORT void tegula_diagnostics_free(tegula_diagnostics *diagnostics);

TEGULA_EXPORT tegula_severity tegula_diagnostic_severity(const tegula_diagnostic *diagnostic);
TEGULA_EXPORT const char *tegula_diagnostic_message(const tegula_diagnostic *diagnostic);
/** The place, then its call sites, innermost first. There may be none. */
TEGULA_EXPORT size_t tegula_diagnostic_site_count(const tegula_diagnostic *diagnostic);
TEGULA_EXPORT tegula_position tegula_diagnostic_site(const tegula_diagnostic *diagnostic,
                                                     size_t index);
TEGULA_EXPORT size_t tegula_diagnostic_note_count(const tegula_diagnostic *diagnostic);
TEGULA_EXPORT const tegula_diagnostic *tegula_diagnostic_note(const tegula_diagnostic *diagnostic,
                                                              size_t index);

/* Bytes ----------------------------------------------------------------- */

/** Bytes that a function has made. A NUL follows them. */
typedef struct tegula_bytes tegula_bytes;

TEGULA_EXPORT const char *tegula_bytes_data(const tegula_bytes *bytes);
TEGULA_EXPORT size_t tegula_bytes_size(const tegula_bytes *bytes);
TEGULA_EXPORT void tegula_bytes_free(tegula_bytes *bytes);

/* Compiling ------------------------------------------------------------- */

/** What changes the code that is made. Set `size` to sizeof(tegula_options) and what
    is not needed to 0: a field that a later version adds then has its default. */
typedef struct tegula_options {
  size_t size;
  /** "x86-64-v3", "x86-64-v4", either with features ("x86-64-v4+avx512bf16"), "native"
      (also NULL): this machine. A GPU, "sm_80" or "gfx942": what its driver loads, with host
      code around it. "simulate:sm_80", with a seed "simulate:sm_80:7": a program whose kernels
      the simulator runs on the caller's memory, checked. */
  const char *target;
  /** "sched" (also NULL): the fast path; "loops": plain scalar loops, the oracle. */
  const char *path;
  /** "poly" (also NULL), "hw" or "mix": what computes exponentials where the author says
      nothing. A CPU always takes the polynomial. */
  const char *exp_policy;
  /** Of NVIDIA targets: the assembler `ptxas`, or the folder that holds it; NULL: the
      search path. Where there is none, an artifact holds PTX, which the driver assembles. */
  const char *ptxas;
  /** By how many powers of two the maximum of a softmax may lag before its accumulators
      are rescaled; 0: not at all. Weights reach as much, so it is less than 16 for f16
      values and less than 128 for others. */
  double rescale_above;
} tegula_options;

/** Facts of a target, for whoever chooses block sizes; bytes are of one core. Set `size` to
    sizeof(tegula_target_facts): a field that a later version adds is then left alone. */
typedef struct tegula_target_facts {
  size_t size;
  /** What the tiles of an instance can stay in: the L2 cache of a CPU. */
  int64_t on_chip_bytes;
  int64_t l1_bytes;
  /** Width and number of the vector registers. */
  int64_t vector_bytes;
  int64_t vector_registers;
  /** What the sums of an instance can take: `on_chip_bytes` of a CPU, half of the registers
      of a GPU's block. */
  int64_t sum_bytes;
  /** Lanes that run in lockstep; 1 on a CPU. */
  int64_t lanes;
} tegula_target_facts;

/** The facts of a target, named as in `tegula_options`, and its canonical name with features.
    Free the name with tegula_bytes_free. */
TEGULA_EXPORT tegula_diagnostics *
tegula_target_describe(const char *target, tegula_target_facts *facts, tegula_bytes **name);

/** The GPUs of the table of targets as a JSON list, one object per row. Free the text with
    tegula_bytes_free. */
TEGULA_EXPORT tegula_diagnostics *tegula_target_table(tegula_bytes **json);

/** A compiled program as data. */
typedef struct tegula_artifact tegula_artifact;

/** Compiles MLIR text of `size` bytes. `file_name` names it in diagnostics. `options`
    may be NULL. Free the result with tegula_artifact_free. */
TEGULA_EXPORT tegula_diagnostics *tegula_compile(const char *text, size_t size,
                                                 const char *file_name,
                                                 const tegula_options *options,
                                                 tegula_artifact **artifact);

/** The program at a level: "tegula", "sched", "loops", "llvm", "asm", or "obj" (an
    object's bytes); of GPUs "nvvm", "ptx" and "cubin", or "rocdl" and "hsaco". Free the result with
   tegula_bytes_free. */
TEGULA_EXPORT tegula_diagnostics *tegula_emit(const char *text, size_t size, const char *file_name,
                                              const char *level, const tegula_options *options,
                                              tegula_bytes **output);

TEGULA_EXPORT tegula_diagnostics *tegula_artifact_serialize(const tegula_artifact *artifact,
                                                            tegula_bytes **bytes);
/** Refuses bytes that are damaged or that another version wrote. */
TEGULA_EXPORT tegula_diagnostics *tegula_artifact_deserialize(const char *data, size_t size,
                                                              tegula_artifact **artifact);
/** The target with its features, as `target` above takes it. */
TEGULA_EXPORT const char *tegula_artifact_target(const tegula_artifact *artifact);
TEGULA_EXPORT void tegula_artifact_free(tegula_artifact *artifact);

/* Modules and kernels --------------------------------------------------- */

/** A program in memory, ready to run. */
typedef struct tegula_module tegula_module;

/** A kernel of a module. */
typedef struct tegula_kernel tegula_kernel;

/** Element types. `index` is a 64-bit signed integer. */
typedef enum tegula_dtype {
  TEGULA_F64,
  TEGULA_F32,
  TEGULA_F16,
  TEGULA_BF16,
  TEGULA_I1, /* a byte, 0 or 1 */
  TEGULA_I8,
  TEGULA_I32,
  TEGULA_I64,
  TEGULA_INDEX,
  TEGULA_F8E4M3FN,
  TEGULA_F8E5M2
} tegula_dtype;

/** What a kernel does with an argument; a `value` is a scalar, the others are views. */
typedef enum tegula_access { TEGULA_VALUE, TEGULA_IN, TEGULA_OUT, TEGULA_INOUT } tegula_access;

/** A size or stride that is known at launch only. */
#define TEGULA_DYNAMIC INT64_MIN

/** An argument of a kernel and what its caller must keep. */
typedef struct tegula_argument {
  const char *name;
  tegula_access access;
  tegula_dtype dtype;
  /** Of a view; 0 for a scalar. */
  uint32_t rank;
  /** One per axis, or TEGULA_DYNAMIC. Strides count elements. */
  const int64_t *sizes, *strides;
  /** The address is a multiple of so many bytes. */
  int64_t align;
  /** The stride of an axis is a multiple of so many elements; NULL: any. */
  const int64_t *multiples;
} tegula_argument;

/** Loads a program into this process; refuses one that was built for more than this
    CPU has. Free the result with tegula_module_free. The artifact may go before. */
TEGULA_EXPORT tegula_diagnostics *tegula_module_load(const tegula_artifact *artifact,
                                                     tegula_module **module);
/** The same for device `device` of the GPU's driver; -1: the one that the calling thread uses.
    Refused where there is no driver, no device, or one that does not run the code. A program
    of a CPU has no device and takes -1 only. */
TEGULA_EXPORT tegula_diagnostics *tegula_module_load_on(const tegula_artifact *artifact, int device,
                                                        tegula_module **module);
TEGULA_EXPORT size_t tegula_module_kernel_count(const tegula_module *module);
TEGULA_EXPORT const tegula_kernel *tegula_module_kernel(const tegula_module *module, size_t index);
/** NULL if there is none of that name. */
TEGULA_EXPORT const tegula_kernel *tegula_module_find(const tegula_module *module,
                                                      const char *name);
/** Records keep what they need of their module: the module may go before. */
TEGULA_EXPORT void tegula_module_free(tegula_module *module);

TEGULA_EXPORT const char *tegula_kernel_name(const tegula_kernel *kernel);
TEGULA_EXPORT size_t tegula_kernel_argument_count(const tegula_kernel *kernel);
TEGULA_EXPORT tegula_argument tegula_kernel_argument(const tegula_kernel *kernel, size_t index);
/** Conditions that are checked on every launch: their messages. */
TEGULA_EXPORT size_t tegula_kernel_requirement_count(const tegula_kernel *kernel);
TEGULA_EXPORT const char *tegula_kernel_requirement(const tegula_kernel *kernel, size_t index);
/** Axes of the grid, and the step of each. */
TEGULA_EXPORT size_t tegula_kernel_grid_rank(const tegula_kernel *kernel);
TEGULA_EXPORT int64_t tegula_kernel_grid_step(const tegula_kernel *kernel, size_t axis);
/** Scratch bytes that each thread of a launch needs; the library provides them. */
TEGULA_EXPORT uint64_t tegula_kernel_arena_bytes(const tegula_kernel *kernel);

/* Programs -------------------------------------------------------------- */

/** A program of a module: host arithmetic, workspace, and launches in order. */
typedef struct tegula_program tegula_program;

TEGULA_EXPORT size_t tegula_module_program_count(const tegula_module *module);
TEGULA_EXPORT const tegula_program *tegula_module_program(const tegula_module *module,
                                                          size_t index);
/** NULL if there is none of that name. */
TEGULA_EXPORT const tegula_program *tegula_module_find_program(const tegula_module *module,
                                                               const char *name);
TEGULA_EXPORT const char *tegula_program_name(const tegula_program *program);
TEGULA_EXPORT size_t tegula_program_argument_count(const tegula_program *program);
TEGULA_EXPORT tegula_argument tegula_program_argument(const tegula_program *program, size_t index);
/** Conditions that a call must meet: their messages. */
TEGULA_EXPORT size_t tegula_program_requirement_count(const tegula_program *program);
TEGULA_EXPORT const char *tegula_program_requirement(const tegula_program *program, size_t index);

/* Launching ------------------------------------------------------------- */

/** Type, sizes and strides (in elements) of one argument; a scalar has rank 0. */
typedef struct tegula_descriptor {
  tegula_dtype dtype;
  uint32_t rank;
  const int64_t *sizes, *strides;
} tegula_descriptor;

/** A launch with fixed sizes and strides. */
typedef struct tegula_record tegula_record;

/** Checks one descriptor per argument against the kernel and lays the launch out. Free
    the result with tegula_record_free. */
TEGULA_EXPORT tegula_diagnostics *tegula_prepare(const tegula_kernel *kernel,
                                                 const tegula_descriptor *descriptors, size_t count,
                                                 tegula_record **record);

/** Runs the kernel and waits for it. `packed` holds one 8-byte word per argument, in
    order: the address of a view; f64 as it is; f32 in the low four bytes; f16, bf16 and
    f8 as their bits in the low bytes; i1 as 0 or 1; other integers sign-extended.

    `threads` 0 means as many as the process's thread pool has. Results do not depend on
    their number. Refused, before anything runs: a condition of the kernel that does not
    hold, a written argument that overlaps another, a broken promise of alignment. If a
    check fails while it runs, outputs are unspecified. */
TEGULA_EXPORT tegula_diagnostics *tegula_launch(tegula_record *record, const void *packed,
                                                int threads);
/** How a launch goes; results do not depend on it. Set `size` to
    sizeof(tegula_launch_options) and what is not needed to 0. */
typedef struct tegula_launch_options {
  size_t size;
  /** Of a CPU: as in tegula_launch. */
  int32_t threads;
  /** Of the simulator, not 0: does not look for data races. */
  int32_t no_races;
  /** Of a GPU: CUstream or hipStream_t; NULL: the default stream. */
  void *stream;
  /** Of the simulator, if `has_seed` is not 0: what a GPU leaves open, the order of blocks and
      warps and the arrival of copies, is drawn from it. Else from the artifact's seed and the
      number of the launch. */
  uint64_t seed;
  int32_t has_seed;
} tegula_launch_options;

/** tegula_launch with options. On a GPU it is put on the stream and nothing is waited for;
    workspace is the driver's memory in the order of the stream. A check that fails while the
    kernel runs is then reported by the next launch of the kernel. What the simulator finds is
    a message that begins with "in the simulator of". */
TEGULA_EXPORT tegula_diagnostics *tegula_launch_with(tegula_record *record, const void *packed,
                                                     const tegula_launch_options *options);
TEGULA_EXPORT void tegula_record_free(tegula_record *record);

/** The same for a program; tegula_launch runs all of its launches. */
TEGULA_EXPORT tegula_diagnostics *tegula_program_prepare(const tegula_program *program,
                                                         const tegula_descriptor *descriptors,
                                                         size_t count, tegula_record **record);

/** Bytes of workspace that a launch with the scalars of `packed` takes, which the
    library provides and keeps with the record; 0 for a kernel. Nothing runs, addresses
    are not looked at. */
TEGULA_EXPORT tegula_diagnostics *tegula_record_workspace(tegula_record *record, const void *packed,
                                                          uint64_t *bytes);

/* GPUs ------------------------------------------------------------------ */

/** A device, with its driver, which is opened when the device is. */
typedef struct tegula_gpu tegula_gpu;

/** Code that a device has loaded. */
typedef struct tegula_gpu_module tegula_gpu_module;

/** How a kernel of a GPU is launched. Set `size` to
    sizeof(tegula_gpu_launch_info). */
typedef struct tegula_gpu_launch_info {
  size_t size;
  /** Blocks of the grid, threads of a block, dynamic shared memory of a block. */
  uint32_t blocks_x, blocks_y, blocks_z, threads, shared_bytes;
  /** CUstream or hipStream_t; NULL: the default stream. */
  void *stream;
} tegula_gpu_launch_info;

/** Opens device `ordinal` of "cuda" or "hip"; -1: the one that the calling thread uses.
    Refused where there is no driver, no device, or one that is too old. Free the result
    with tegula_gpu_free. */
TEGULA_EXPORT tegula_diagnostics *tegula_gpu_open(const char *api, int ordinal, tegula_gpu **gpu);
/** What the driver calls the device. */
TEGULA_EXPORT const char *tegula_gpu_name(const tegula_gpu *gpu);
/** The target whose code the device runs, as `tegula_options` takes it; "" where only
    loading tells. */
TEGULA_EXPORT const char *tegula_gpu_target(const tegula_gpu *gpu);
/** Modules keep what they need of their device: it may go before. */
TEGULA_EXPORT void tegula_gpu_free(tegula_gpu *gpu);

/** Loads a cubin, PTX or HSACO of `size` bytes. Free the result with
    tegula_gpu_module_free, when no launch of it runs any more. */
TEGULA_EXPORT tegula_diagnostics *tegula_gpu_load(const tegula_gpu *gpu, const char *image,
                                                  size_t size, tegula_gpu_module **module);
TEGULA_EXPORT void tegula_gpu_module_free(tegula_gpu_module *module);

/** Puts a kernel on the stream and does not wait for it. `arguments` has one pointer per
    parameter of the device function (docs/gpu_abi.md), read before this returns. */
TEGULA_EXPORT tegula_diagnostics *tegula_gpu_launch(tegula_gpu_module *module, const char *kernel,
                                                    const tegula_gpu_launch_info *info,
                                                    void **arguments);

/* Simulating ------------------------------------------------------------ */

/** Global memory of a simulated launch, which works on the caller's bytes. */
typedef struct tegula_simulated_buffer {
  /** For messages. */
  const char *name;
  void *data;
  uint64_t bytes;
  /** Bytes of an element, and the sizes of the tensor, row-major, for messages; rank 0: flat. */
  uint32_t element_bytes, rank;
  const int64_t *sizes;
  /** Not 0: a store to it is an error; its bytes hold no values before the kernel writes some. */
  int32_t read_only, undefined;
} tegula_simulated_buffer;

/** An argument of the device function: an address, or a scalar. */
typedef struct tegula_simulated_argument {
  /** Which buffer; -1: a scalar. */
  int32_t buffer;
  /** An offset into the buffer in bytes, or the scalar's bits. */
  uint64_t bits;
} tegula_simulated_argument;

/** A launch in the simulator. Set `size` to sizeof(tegula_simulation) and what is not needed
    to 0. */
typedef struct tegula_simulation {
  size_t size;
  const char *kernel;
  uint32_t grid[3], block[3];
  /** Dynamic shared memory of a block. */
  uint64_t shared_bytes;
  const tegula_simulated_buffer *buffers;
  size_t buffer_count;
  const tegula_simulated_argument *arguments;
  size_t argument_count;
  /** What a GPU leaves open, the order of blocks and warps and the arrival of copies, is drawn
      from the seed; the same seed gives the same run. */
  uint64_t seed;
  /** Not 0: does not look for data races. */
  int32_t no_races;
} tegula_simulation;

/** Runs a kernel for a GPU on this CPU, checked. `text` is an LLVM module (text or bitcode) of
    `size` bytes whose target triple says which machine. The result is the run's counters as
    JSON. Whatever the kernel does wrong is an error, and then there is no result: the message
    starts with the kind ("out-of-bounds: ..."), the sites are the author's lines. Free the
    result with tegula_bytes_free. */
TEGULA_EXPORT tegula_diagnostics *tegula_simulate(const char *text, size_t size,
                                                  const char *file_name,
                                                  const tegula_simulation *simulation,
                                                  tegula_bytes **counters);

#ifdef __cplusplus
}
#endif

#endif /* TEGULA_C_TEGULA_H */
