/*===- FakeCuda.c - A CUDA driver that writes down what it is asked -------===*\
|*                                                                            *|
|* Part of the Tegula project, under the Apache License v2.0 with LLVM        *|
|* Exceptions. See LICENSE for license information.                           *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|*===----------------------------------------------------------------------===*|
|*                                                                            *|
|* One device of compute capability 8.0 with one primary context. The test    *|
|* sets how it misbehaves and reads the log, both in `fake`.                  *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct Fake {
  int devices, capability, initResult, loadResult, launchResult, allocateResult;
  void *current; /* context of the calling thread */
  void *shared;  /* memory of the host that kernels write, the latest */
  char log[4096];
} fake = {1, 80, 0, 0, 0, 0, 0, 0, ""};

static void note(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  size_t used = strlen(fake.log);
  vsnprintf(fake.log + used, sizeof(fake.log) - used, format, arguments);
  va_end(arguments);
}

int cuInit(unsigned flags) { return flags ? 1 : fake.initResult; }
int cuGetErrorString(int error, const char **text) {
  *text = error == 209 ? "no kernel image is available" : "something is wrong";
  return 0;
}
int cuDeviceGetCount(int *count) {
  *count = fake.devices;
  return 0;
}
int cuDeviceGet(int *device, int ordinal) {
  *device = ordinal;
  return 0;
}
int cuDeviceGetName(char *name, int size, int device) {
  snprintf(name, size, "Fake %d", device);
  return 0;
}
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  *value = attribute == 75 ? fake.capability / 10 : attribute == 76 ? fake.capability % 10 : 163840;
  return 0;
}
int cuDevicePrimaryCtxRetain(void **context, int device) {
  note("retain ");
  *context = (void *)0x1000;
  return 0;
}
int cuDevicePrimaryCtxRelease_v2(int device) {
  note("release ");
  return 0;
}
int cuCtxGetCurrent(void **context) {
  *context = fake.current;
  return 0;
}
int cuCtxGetDevice(int *device) {
  *device = 0;
  return fake.current ? 0 : 201;
}
int cuCtxPushCurrent_v2(void *context) {
  note("push ");
  fake.current = context;
  return 0;
}
int cuCtxPopCurrent_v2(void **context) {
  note("pop ");
  *context = fake.current;
  fake.current = 0;
  return 0;
}
int cuModuleLoadData(void **module, const void *image) {
  note("load(%.60s) ", (const char *)image);
  *module = (void *)0x2000;
  return fake.loadResult;
}
int cuModuleUnload(void *module) {
  note("unload ");
  return 0;
}
int cuModuleGetFunction(void **function, void *module, const char *name) {
  note("find(%s) ", name);
  *function = (void *)0x3000;
  return strcmp(name, "missing") ? 0 : 500;
}
int cuFuncSetAttribute(void *function, int attribute, int value) {
  note("attribute(%d, %d) ", attribute, value);
  return 0;
}
int cuLaunchKernel(void *function, unsigned x, unsigned y, unsigned z, unsigned threads,
                   unsigned threadsY, unsigned threadsZ, unsigned shared, void *stream,
                   void **arguments, void **extra) {
  note("launch(%ux%ux%u, %u, %u, stream %p, first %d, extra %p) ", x, y, z,
       threads * threadsY * threadsZ, shared, stream, *(int *)arguments[0], (void *)extra);
  return fake.launchResult;
}
int cuMemAllocAsync(uint64_t *address, size_t bytes, void *stream) {
  note("allocate(%zu, stream %p) ", bytes, stream);
  *address = 0x5000;
  return fake.allocateResult;
}
int cuMemFreeAsync(uint64_t address, void *stream) {
  note("free(%#lx, stream %p) ", (unsigned long)address, stream);
  return 0;
}
int cuMemHostAlloc(void **address, size_t bytes, unsigned flags) {
  *address = fake.shared = malloc(bytes);
  return 0;
}
int cuMemFreeHost(void *address) {
  free(address);
  return 0;
}
