// RUN: tegula-opt %s --expand-vector-math --split-input-file --verify-diagnostics

func.func @power(%x: vector<8xf32>) -> vector<8xf32> {
  // expected-error@+1 {{'math.powf' op has no expansion into f32 arithmetic}}
  %y = math.powf %x, %x : vector<8xf32>
  return %y : vector<8xf32>
}

// -----

func.func @narrow_tangent(%x: bf16) -> bf16 {
  // expected-error@+1 {{'math.tan' op has no expansion into f32 arithmetic}}
  %y = math.tan %x : bf16
  return %y : bf16
}

// -----

func.func @remainder(%x: vector<8xf32>) -> vector<8xf32> {
  // expected-error@+1 {{'arith.remf' op has no expansion into f32 arithmetic}}
  %y = arith.remf %x, %x : vector<8xf32>
  return %y : vector<8xf32>
}

// -----

func.func @upwards(%x: f32) -> bf16 {
  // expected-error@+1 {{'arith.truncf' op to 'bf16' rounds to nearest even only}}
  %y = arith.truncf %x upward : f32 to bf16
  return %y : bf16
}

// -----

func.func @wide_integer(%x: i128) -> f16 {
  // expected-error@+1 {{'arith.sitofp' op from an integer of 128 bits (more than 64) to 'f16' has no expansion}}
  %y = arith.sitofp %x : i128 to f16
  return %y : f16
}

// -----

func.func @unknown_length(%x: vector<[4]xf32>) -> f32 {
  // expected-error@+1 {{'vector.reduction' op of a vector of unknown length has no expansion}}
  %y = vector.reduction <maximumf>, %x : vector<[4]xf32> into f32
  return %y : f32
}
