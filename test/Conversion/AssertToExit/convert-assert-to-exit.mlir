// RUN: tegula-opt --convert-assert-to-exit %s | FileCheck %s

// CHECK-LABEL: func.func private @f.instance(
// CHECK-SAME:    %[[A:.*]]: i1, %[[B:.*]]: i1) -> i32
// CHECK:         %[[ONE:.*]] = arith.constant 1 : i32
// CHECK:         cf.cond_br %[[A]], ^[[NEXT:.*]], ^[[EXIT:.*]](%[[ONE]] : i32)
// CHECK:       ^[[NEXT]]:
// CHECK:         %[[TWO:.*]] = arith.constant 2 : i32
// CHECK:         cf.cond_br %[[B]], ^{{.*}}, ^[[EXIT]](%[[TWO]] : i32)
// CHECK:       ^[[EXIT]](%[[N:.*]]: i32):
// CHECK:         return %[[N]] : i32
func.func private @f.instance(%a: i1, %b: i1) -> i32 {
  cf.assert %a, "first"
  cf.assert %b, "second"
  %c0 = arith.constant 0 : i32
  return %c0 : i32
}

// One text at two places: told apart by the place.
// CHECK-LABEL: func.func private @g.instance(
// CHECK:         arith.constant 2 : i32
// CHECK:         cf.cond_br
// CHECK:         arith.constant 1 : i32
// CHECK:         cf.cond_br
func.func private @g.instance(%a: i1, %b: i1) -> i32 {
  cf.assert %a, "same" loc("f.py":2:1)
  cf.assert %b, "same" loc("f.py":1:1)
  %c0 = arith.constant 0 : i32
  return %c0 : i32
}

tegula.entry "f" bind @f.instance run @f.instance instance @f.instance args [] types [] steps [1]
  requirements [] checks [#tegula.message<"first", loc("f.py":1:1)>, #tegula.message<"second", loc("f.py":2:1)>] arena 0
tegula.entry "g" bind @g.instance run @g.instance instance @g.instance args [] types [] steps [1]
  requirements [] checks [#tegula.message<"same", loc("f.py":1:1)>, #tegula.message<"same", loc("f.py":2:1)>] arena 0
