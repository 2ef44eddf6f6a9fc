// The words that round to bfloat16 with AVX512-BF16, and turn and pair what is rounded: for the targets whose tiles are 32 wide.

// 16 elements of the one, then 16 of the other, rounded to the nearest.
inline __m512i as_bfloat16(__m512 low, __m512 high) {
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

inline void store_bfloat16(uint16_t* to, const Sums<float>& a) { _mm512_storeu_si512(to, as_bfloat16(a.left, a.right)); }

// Columns 0 to 15 of the pairs are a tile of B, columns 16 to 31 the other: they stand side by side.
inline __m512i pairs(__m512 even, __m512 odd) {
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5,
                                           20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, as_bfloat16(even, odd));
}
inline void store_bfloat16_pairs(uint16_t* to, const Sums<float>& even, const Sums<float>& odd) {
    _mm512_storeu_si512(to, pairs(even.left, odd.left));
    _mm512_storeu_si512(to + 32, pairs(even.right, odd.right));
}

// 16 rows of 16 double words become 16 columns.
inline void turn(__m512i (&r)[16]) {
    __m512i t[16];
#pragma GCC unroll 8
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xDD);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xDD);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xDD);
        r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
        r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xDD);
    }
}

// At most 32 bytes, exactly, and zeros behind.
inline __m512 floats_of_bytes(__m128i bytes) { return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes)); }
inline void store_bytes_as_bfloat16(uint16_t* to, const uint8_t* from, int64_t count) {
    const __mmask32 there = count >= 32 ? ~__mmask32(0) : (__mmask32(1) << count) - 1;
    const __m256i bytes = _mm256_maskz_loadu_epi8(there, from);
    _mm512_storeu_si512(to, as_bfloat16(floats_of_bytes(_mm256_castsi256_si128(bytes)), floats_of_bytes(_mm256_extracti128_si256(bytes, 1))));
}

// 32 columns of some rows become 32 rows, zeros behind; one bit for each says whether anything in it is not zero.
inline uint32_t turn_bfloat16(const uint16_t* from, int64_t rows, uint16_t* to) {
    __m512i low[16], high[16];  // the pairs of columns 0-3, 8-11, 16-19, 24-27, and those of the others
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
        const __m512i even = 2 * i < rows ? _mm512_loadu_si512(from + 2 * i * 32) : _mm512_setzero_si512();
        const __m512i odd = 2 * i + 1 < rows ? _mm512_loadu_si512(from + (2 * i + 1) * 32) : _mm512_setzero_si512();
        low[i] = _mm512_unpacklo_epi16(even, odd);
        high[i] = _mm512_unpackhi_epi16(even, odd);
    }
    __m512i any_low = low[0], any_high = high[0];
#pragma GCC unroll 16
    for (int i = 1; i < 16; ++i) any_low = _mm512_or_si512(any_low, low[i]), any_high = _mm512_or_si512(any_high, high[i]);
    turn(low);
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) _mm512_storeu_si512(to + (i / 4 * 8 + i % 4) * 32, low[i]);
    turn(high);
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) _mm512_storeu_si512(to + (i / 4 * 8 + 4 + i % 4) * 32, high[i]);
    return _pdep_u32(_mm512_test_epi32_mask(any_low, any_low), 0x0F0F0F0F) | _pdep_u32(_mm512_test_epi32_mask(any_high, any_high), 0xF0F0F0F0);
}

// Some rows of a panel become columns of pairs.
inline void store_turned_pairs(uint16_t* to, const float* from, int64_t rows) {
    for (int64_t half = 0; half < rows; half += 16) {
        __m512i block[16];
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) {
            const float* const row = from + (half + i) * panel_width<float>;
            block[i] = half + i < rows ? as_bfloat16(_mm512_loadu_ps(row), _mm512_loadu_ps(row + 16)) : _mm512_setzero_si512();
        }
        turn(block);
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) _mm512_storeu_si512(to + i * 2 * panel_width<float> + 2 * half, block[i]);
    }
}
