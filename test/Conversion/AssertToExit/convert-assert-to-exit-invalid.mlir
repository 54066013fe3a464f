// RUN: tegula-opt --convert-assert-to-exit --split-input-file --verify-diagnostics %s

func.func private @f.instance(%a: i1) -> i32 {
  // expected-error @+1 {{is no check of kernel 'f'}}
  cf.assert %a, "unknown"
  %c0 = arith.constant 0 : i32
  return %c0 : i32
}
tegula.entry "f" bind @f.instance run @f.instance instance @f.instance args [] types [] steps [1]
  requirements [] checks [] arena 0

// -----

func.func private @f.instance(%a: i1) -> i32 {
  scf.if %a {
    // expected-error @+1 {{stands inside 'scf.if', which no branch can leave: lower it first}}
    cf.assert %a, "inside"
  }
  %c0 = arith.constant 0 : i32
  return %c0 : i32
}
tegula.entry "f" bind @f.instance run @f.instance instance @f.instance args [] types [] steps [1]
  requirements [] checks [#tegula.message<"inside", loc("f.py":1:1)>] arena 0
