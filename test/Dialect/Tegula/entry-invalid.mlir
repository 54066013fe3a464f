// RUN: tegula-opt --split-input-file --verify-diagnostics %s

func.func private @f()
// C1
// expected-error @+1 {{has 0 arguments but 1 types}}
tegula.entry "f" bind @f run @f instance @f args [] types [f32] steps [1] requirements [] checks [] arena 0

// -----

func.func private @f()
// C2
// expected-error @+1 {{'g' names no function of this module}}
tegula.entry "f" bind @f run @g instance @f args [] types [] steps [1] requirements [] checks [] arena 0
