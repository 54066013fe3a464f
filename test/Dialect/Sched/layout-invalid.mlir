// RUN: tegula-opt %s -verify-diagnostics -split-input-file

// C1
// expected-error @below {{must be between 1 and 4096}}
func.func private @f() attributes {a = #sched.layout<m16n8k16.D [0, 2]>}

// -----

// C1
// expected-error @below {{warps [0, 1] by [1, 1] must be between 1 and 64}}
func.func private @f() attributes {a = #sched.layout<m16n8k16.D [1, 2] warps [0, 1]>}

// -----

// C2
// expected-error @below {{no atom is called 'm16n8k16.E'}}
func.func private @f() attributes {a = #sched.layout<m16n8k16.E [1, 2]>}
