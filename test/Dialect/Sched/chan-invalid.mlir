// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// kind
// expected-error @below {{unknown kind of completion 'fast'}}
func.func private @f(!sched.chan<fast, !sched.buf<4xf32, shared>>)

// -----

// C1
// expected-error @below {{channel has no buffer}}
func.func private @f(!sched.chan<fifo>)

// -----

// C2
// expected-error @below {{buffers of a channel have different stage counts [3, 4]}}
func.func private @f(!sched.chan<fifo, !sched.buf<3 x 4xf32, shared>, !sched.buf<4 x 4xf32, shared>>)
