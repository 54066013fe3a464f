// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1
func.func @c1(%x: !sched.frag<16xf32>) {
  // expected-error @+1 {{compares elements of 'f32' with 1 : i32}}
  %0 = sched.differs %x from 1 : i32 : !sched.frag<16xf32>
  return
}

// -----

// C2: what differs between warps steers nothing that they do together
func.func @c2(%x: !sched.frag<16xf32>, %y: !sched.frag<16x8xf32>) {
  // expected-error @+1 {{may differ between warps: it is 'when' of maps without 'along' alone}}
  %0 = sched.differs %x from 1.0 : f32 : !sched.frag<16xf32>
  // expected-note @+1 {{used here}}
  %r = sched.map domain [16, 8] along 1 ins(%t = %y : !sched.frag<16x8xf32>) when %0 -> !sched.frag<16x8xf32> {
    sched.yield %t : tensor<16x8xf32>
  }
  return
}
