// Attention of one head for tensor cores with 16-bit operands, as a kernel author would write it:
// a block computes 64 rows, a warp 16 of them; keys and values come through a ring of two stages
// by asynchronous copies; scores stay in registers.
//
// FAULT plants one fault, for the tests of the checks:
//   1 keys and values are not waited for        2 no barrier after the wait
//   3 no barrier before a stage is overwritten  4 the ring's copies go one row too far
//   5 the running maximum starts undefined      6 rows and columns of the values swapped
using u32 = unsigned;
using u64 = unsigned long long;
#define SHARED __attribute__((address_space(3)))
#define GLOBAL __attribute__((address_space(1)))
#define INLINE static inline __attribute__((always_inline))
#ifndef FAULT
#define FAULT 0
#endif

constexpr int D = 64, Rows = 64, Keys = 64, Stages = 2, RowBytes = D * 2, TileBytes = Keys * RowBytes;

extern SHARED char memory[];

struct Lane {
  int thread = __nvvm_read_ptx_sreg_tid_x();
  int lane = thread & 31, warp = thread >> 5;
};

// 16-byte pieces of a row are exchanged by the row's number, so that eight rows meet no bank twice.
INLINE u32 place(int row, int piece) { return row * RowBytes + ((piece ^ (row & 7)) << 4); }

INLINE void copyTile(u32 to, const GLOBAL char *from, int thread, int extra) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    int n = thread + 128 * i, row = n >> 3, piece = n & 7;
    __nvvm_cp_async_cg_shared_global_16((SHARED void *)(memory + to + place(row, piece)),
                                        (const GLOBAL void *)(from + (row + extra) * RowBytes + piece * 16));
  }
}

template <bool Transposed>
INLINE void loadFour(u32 *r, u32 at) {
  u32 address = (u32)(u64)(SHARED char *)(memory + at);
  if (Transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
}

INLINE void multiply(float *c, const u32 *a, u32 b0, u32 b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

INLINE u32 pack(float low, float high) {
  u32 r;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  return r;
}

INLINE float exchange(float x, int distance) {
  return __builtin_bit_cast(
      float, __nvvm_shfl_sync_bfly_i32(~0u, __builtin_bit_cast(int, x), distance, 31));
}
INLINE float overRow(float x, bool sum) {
#pragma unroll
  for (int distance = 1; distance < 4; distance *= 2) {
    float other = exchange(x, distance);
    x = sum ? x + other : __nvvm_fmax_f(x, other);
  }
  return x;
}

extern "C" __attribute__((nvptx_kernel)) void attention(const GLOBAL char *q, const GLOBAL char *k,
                                                        const GLOBAL char *v, GLOBAL u32 *out,
                                                        int keys, float scale) {
  Lane me;
  int first = __nvvm_read_ptx_sreg_ctaid_x() * Rows, blocks = keys / Keys;
  constexpr u32 ringK = TileBytes, ringV = ringK + Stages * TileBytes;
  copyTile(0, q + first * RowBytes, me.thread, 0);
  copyTile(ringK, k, me.thread, 0);
  copyTile(ringV, v, me.thread, 0);
  __nvvm_cp_async_commit_group();

  u32 queries[4][4];
  float sums[8][4] = {}, total[2] = {}, most[2];
  if (FAULT != 5)
    most[0] = most[1] = -__builtin_inff();
  for (int j = 0; j < blocks; ++j) {
    int stage = j % Stages, next = (j + 1) % Stages;
    if (FAULT != 1)
      __nvvm_cp_async_wait_group(0);
    if (FAULT != 2)
      __nvvm_bar_sync(0);
    if (j == 0)
#pragma unroll
      for (int n = 0; n < 4; ++n)
        loadFour<false>(queries[n], place(16 * me.warp + (me.lane & 15), 2 * n + (me.lane >> 4)));
    if (j + 1 < blocks) {
      int extra = FAULT == 4 && j + 2 == blocks;
      copyTile(ringK + next * TileBytes, k + (j + 1) * TileBytes, me.thread, extra);
      copyTile(ringV + next * TileBytes, v + (j + 1) * TileBytes, me.thread, 0);
      __nvvm_cp_async_commit_group();
    }
    float scores[8][4] = {};
#pragma unroll
    for (int n = 0; n < 8; n += 2)
#pragma unroll
      for (int d = 0; d < 4; ++d) {
        u32 b[4];
        int row = 8 * n + (me.lane & 7) + (me.lane >> 4) * 8;
        loadFour<false>(b, ringK + stage * TileBytes + place(row, 2 * d + ((me.lane >> 3) & 1)));
        multiply(scores[n], queries[d], b[0], b[1]);
        multiply(scores[n + 1], queries[d], b[2], b[3]);
      }
    float rescale[2];
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      float m = most[h];
#pragma unroll
      for (int n = 0; n < 8; ++n)
        m = __nvvm_fmax_f(m, __nvvm_fmax_f(scores[n][2 * h], scores[n][2 * h + 1]));
      m = overRow(m, false);
      rescale[h] = __nvvm_ex2_approx_ftz_f((most[h] - m) * scale);
      most[h] = m;
      float sum = 0;
#pragma unroll
      for (int n = 0; n < 8; ++n)
#pragma unroll
        for (int e = 2 * h; e < 2 * h + 2; ++e) {
          scores[n][e] = __nvvm_ex2_approx_ftz_f((scores[n][e] - m) * scale);
          sum += scores[n][e];
        }
      total[h] = total[h] * rescale[h] + sum;
    }
    u32 weights[4][4];
#pragma unroll
    for (int n = 0; n < 8; ++n) {
      weights[n / 2][n % 2 * 2] = pack(scores[n][0], scores[n][1]);
      weights[n / 2][n % 2 * 2 + 1] = pack(scores[n][2], scores[n][3]);
#pragma unroll
      for (int e = 0; e < 4; ++e)
        sums[n][e] *= rescale[e / 2];
    }
#pragma unroll
    for (int n = 0; n < 8; n += 2)
#pragma unroll
      for (int c = 0; c < 4; ++c) {
        u32 b[4];
        loadFour<FAULT != 6>(b, ringV + stage * TileBytes +
                                    place(16 * c + (me.lane & 15), n + (me.lane >> 4)));
        multiply(sums[n], weights[c], b[0], b[1]);
        multiply(sums[n + 1], weights[c], b[2], b[3]);
      }
    if (FAULT != 3)
      __nvvm_bar_sync(0);
  }
  __nvvm_cp_async_wait_group(0);
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    float inverse = 1.0f / overRow(total[h], true);
    int row = first + 16 * me.warp + me.lane / 4 + 8 * h;
#pragma unroll
    for (int n = 0; n < 8; ++n)
      out[row * D / 2 + 4 * n + me.lane % 4] =
          pack(sums[n][2 * h] * inverse, sums[n][2 * h + 1] * inverse);
  }
}
