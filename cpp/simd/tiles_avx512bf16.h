// The words for products of bfloat16 tiles with AVX512-BF16: one instruction adds two products, those of a pair of k, to each of
// 16 sums. It takes numbers below 2^-126 for zeros, as AMX does.
//
// For each pair of k, two registers of B are loaded; of each row a pair of A goes to all lanes.

#include "simd/rounding_avx512.h"

inline void begin_tiles() {}
inline void end_tiles() {}

using Pairs = __m512i;
inline __m512 add_pairs(__m512 sums, Pairs a, Pairs b) { return _mm512_dpbf16_ps(sums, (__m512bh)a, (__m512bh)b); }
inline Pairs load_pairs(const uint16_t* p) { return _mm512_loadu_si512(p); }
inline Pairs pair_for_all(const uint16_t* a) {
    int pair;
    __builtin_memcpy(&pair, a, sizeof pair);
    return _mm512_set1_epi32(pair);
}
// Which pairs of a group are not two zeros: one bit a pair.
inline unsigned nonzero_pairs(const uint16_t* group) {
    const Pairs pairs = load_pairs(group);
    return _mm512_test_epi32_mask(pairs, pairs);
}

template <int R>
inline void add_rows_of_tiles(float* sums, bool anew, const uint16_t* a, int64_t a_stride, const uint16_t* b, int64_t groups) {
    Sums<float> here[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) here[r] = anew ? no_sums<float>() : load_sums(sums + r * 32);
    for (int64_t group = 0; group < groups; ++group, a += a_stride)
        for (int k = 0; k < 32; k += 2, b += 64) {
            const Pairs left = load_pairs(b), right = load_pairs(b + 32);
#pragma GCC unroll 8
            for (int r = 0; r < R; ++r) {
                const Pairs pair = pair_for_all(a + r * 32 + k);
                here[r].left = add_pairs(here[r].left, pair, left);
                here[r].right = add_pairs(here[r].right, pair, right);
            }
        }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) store_sums(sums + r * 32, here[r]);
}

// sums[rows][32] = or += A[rows][k] B[k][32], of at most 32 rows: `groups` times 32 k; A's groups stand `a_stride` apart, B's
// follow each other. Rows behind the last may be another member's, who is writing them: they are not read.
inline void add_tile_products(float* sums, bool anew, int64_t rows, const uint16_t* a, int64_t a_stride, const uint16_t* b, int64_t groups) {
    int64_t row = 0;
    for (; row + 8 <= rows; row += 8) add_rows_of_tiles<8>(sums + row * 32, anew, a + row * 32, a_stride, b, groups);  // 16 sums hide the latency
    if (rows & 4) add_rows_of_tiles<4>(sums + row * 32, anew, a + row * 32, a_stride, b, groups), row += 4;
    if (rows & 2) add_rows_of_tiles<2>(sums + row * 32, anew, a + row * 32, a_stride, b, groups), row += 2;
    if (rows & 1) add_rows_of_tiles<1>(sums + row * 32, anew, a + row * 32, a_stride, b, groups);
}
