// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// element type
// expected-error @below {{fragment cannot hold 'index'}}
func.func private @f(!sched.frag<4xindex>)

// -----

// C1
// expected-error @below {{fragment needs positive extents, got 0}}
func.func private @f(!sched.frag<0xf32>)

// -----

// C2
// expected-error @below {{fragment of rank 0 has a layout}}
func.func private @f(!sched.frag<f32, #sched.layout<m16n8k16.D [1, 1]>>)

// -----

// C3
// expected-error @below {{covers 128x32, the tile is 128x64}}
func.func private @f(!sched.frag<128x64xbf16, #sched.layout<m16n8k16.A [2, 2] warps [4, 1]>>)

// -----

// C3, of a flight
// expected-error @below {{covers 16x8, the tile is 16x16}}
func.func private @f(!sched.flight<16x16xf32, #sched.layout<m16n8k16.D [1, 1]>>)
