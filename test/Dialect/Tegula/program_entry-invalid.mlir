// RUN: tegula-opt --split-input-file --verify-diagnostics %s

func.func private @f()
// C1
// expected-error @+1 {{has 0 arguments but 1 types}}
tegula.program_entry "p" run @f args [] types [f32] requirements [] kernels []

// -----

func.func private @f()
// C2
// expected-error @+1 {{'g' names no function of this module}}
tegula.program_entry "p" run @g args [] types [] requirements [] kernels []
