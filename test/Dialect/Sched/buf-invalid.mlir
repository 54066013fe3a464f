// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C3
// expected-error @below {{buffer needs at least one stage, got 0}}
func.func private @f(!sched.buf<0 x 4x4xf32, shared>)

// -----

// C4
// expected-error @below {{swizzle spans 32, 64 or 128 bytes, got 48}}
func.func private @f(!sched.buf<4x4xf32, shared, swz 48>)

// -----

// C4
// expected-error @below {{swizzle spans 32, 64 or 128 bytes, got 0}}
func.func private @f(!sched.buf<4x4xf32, shared, swz 0>)

// -----

// C4
// expected-error @below {{swizzled buffer needs rank 2 and no panels, got rank 1 and width 0}}
func.func private @f(!sched.buf<4xf32, shared, swz 128>)
