//===- Coefficients.h - Polynomials of expand-vector-math -----------------===//
//
// Part of the Tegula project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Written by utils/fit_math.py --write, which fits them: do not edit. Lowest order
// first. Errors are relative to the function, coefficients rounded as they stand.

#ifndef TEGULA_CONVERSION_VECTORMATH_COEFFICIENTS_H
#define TEGULA_CONVERSION_VECTORMATH_COEFFICIENTS_H

namespace tegula::vectormath {

/// 2^x on [-1/2, 1/2].
/// Order 3, error 1.01e-04 = 1699.413 half ulp.
inline constexpr float kExp2Degree3[] = {
    1.0f, 0.6932829f, 0.24221095f, 0.05500903f,
};

/// 2^x on [-1/2, 1/2].
/// Order 4, error 2.82e-06 = 47.328 half ulp.
inline constexpr float kExp2Degree4[] = {
    1.0f, 0.6931242f, 0.24024092f, 0.05590649f, 0.009583126f,
};

/// 2^x on [-1/2, 1/2].
/// Order 5, error 9.32e-08 = 1.563 half ulp.
inline constexpr float kExp2Degree5[] = {
    1.0f, 0.693147f, 0.24022247f, 0.05550711f, 0.009671291f,
    0.0013269521f,
};

/// 2^x on [-1/2, 1/2].
/// Order 6, error 2.99e-09 = 0.050 half ulp.
inline constexpr float kExp2Degree6[] = {
    1.0f, 0.6931472f, 0.24022648f, 0.0555036f, 0.009618506f,
    0.0013390806f, 0.00015326471f,
};

/// 2^x on [-1/2, 1/2].
/// Order 7, error 1.62e-10 = 0.003 half ulp.
inline constexpr float kExp2Degree7[] = {
    1.0f, 0.6931472f, 0.2402265f, 0.05550405f, 0.009618087f,
    0.0013337972f, 0.00015452094f, 1.432023e-05f,
};

/// (e^x - 1 - x) / x^2 on [-ln2/2, ln2/2], weighed for e^x - 1.
/// Order 4, error 1.36e-08 = 0.229 half ulp.
inline constexpr float kExpm1[] = {
    0.49999997f, 0.16666546f, 0.041667446f, 0.008366249f, 0.0013869673f,
};

/// log(1 + x) / x on [sqrt(1/2) - 1, sqrt(2) - 1].
/// Order 9, error 4.19e-09 = 0.070 half ulp.
inline constexpr float kLog[] = {
    1.0f, -0.49999988f, 0.33333325f, -0.2500161f, 0.20002005f,
    -0.16608411f, 0.14180854f, -0.13248068f, 0.12912941f, -0.076190524f,
};

/// log2(1 + x) / x - kLog2eLo on [sqrt(1/2) - 1, sqrt(2) - 1].
/// Order 9, error 4.62e-09 = 0.077 half ulp.
inline constexpr float kLog2[] = {
    1.442695f, -0.72134733f, 0.4808982f, -0.36069867f, 0.28857142f,
    -0.23956735f, 0.20448661f, -0.19139092f, 0.18708786f, -0.11025495f,
};

/// -log(1 - erf(x)) / x - kErfSlopeLo on [0, 4], weighed for erf.
/// Order 8, error 4.24e-09 = 0.071 half ulp.
inline constexpr float kErf[] = {
    1.1283792f, 0.6366195f, 0.10277688f, -0.019149981f, -0.00016549889f,
    0.0016716839f, -0.00063520373f, 0.000118270145f, -9.324581e-06f,
};

/// (sin(x) - x) / x^3 in terms of x^2, |x| <= pi/4.
/// Order 2, error 3.96e-09 = 0.067 half ulp.
inline constexpr float kSin[] = {
    -0.16666655f, 0.008332189f, -0.00019518292f,
};

/// (cos(x) - 1 + x^2/2) / x^4 in terms of x^2, |x| <= pi/4.
/// Order 2, error 1.18e-10 = 0.002 half ulp.
inline constexpr float kCos[] = {
    0.041666646f, -0.001388731f, 2.4432327e-05f,
};

/// log2(e).
inline constexpr float kLog2e = 1.442695f;

/// What log2(e), rounded to f32, lacks.
inline constexpr float kLog2eLo = 1.925963e-08f;

/// What the slope of erf at 0, rounded to f32, lacks.
inline constexpr float kErfSlopeLo = -5.8635383e-08f;

/// ln(2) cut to 16 bits: whole multiples are exact.
inline constexpr float kLn2Hi = 0.69314575f;

/// What kLn2Hi lacks.
inline constexpr float kLn2Lo = 1.4286068e-06f;

} // namespace tegula::vectormath

#endif // TEGULA_CONVERSION_VECTORMATH_COEFFICIENTS_H
