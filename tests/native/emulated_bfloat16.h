// The instructions of AVX512-BF16 and AMX, made of others: so that the targets that use them can be tested, bit for bit, on any
// processor with AVX-512, and so that sanitizers see what they read and write, which they do not of the real ones. Slow.
//
// Included within a region for AVX-512, in the place of one for these instructions. What each does is as Intel's manuals have
// it (Architecture Instruction Set Extensions Programming Reference, chapters on AVX512_BF16 and AMX): numbers below 2^-126 are
// taken for zeros and given as zeros, whatever the processor is set to; sums are rounded to the nearest.

#pragma once

namespace pellucid::emulated {

// Denormals are zeros, for as long as this lives.
class DenormalsAreZeros {
  public:
    DenormalsAreZeros() : before_(_mm_getcsr()) { _mm_setcsr(before_ | flush_to_zero | denormals_are_zeros); }
    ~DenormalsAreZeros() { _mm_setcsr(before_); }

  private:
    static constexpr unsigned flush_to_zero = 0x8000, denormals_are_zeros = 0x0040;
    const unsigned before_;
};

// VCVTNE2PS2BF16 for 16 of its 32 numbers.
inline __m256i to_bfloat16(__m512 x) {
    const __m512i bits = _mm512_castps_si512(x), sign = _mm512_set1_epi32(int(0x80000000)), exponent = _mm512_set1_epi32(0x7F800000);
    const __m512i last = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(last, _mm512_set1_epi32(0x7FFF)));
    rounded = _mm512_mask_mov_epi32(rounded, _mm512_testn_epi32_mask(bits, exponent), _mm512_and_si512(bits, sign));
    rounded = _mm512_mask_mov_epi32(rounded, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), _mm512_or_si512(bits, _mm512_set1_epi32(1 << 22)));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16));
}
inline __m512i cvtne2ps_pbh(__m512 high, __m512 low) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(to_bfloat16(low)), to_bfloat16(high), 1);
}

// The first and the second of each pair, as float32.
inline __m512 first_of_pairs(__m512i pairs) { return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)); }
inline __m512 second_of_pairs(__m512i pairs) { return _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(int(0xFFFF0000)))); }

// VDPBF16PS: the second product of each pair first.
inline __m512 dpbf16_ps(__m512 sums, __m512i a, __m512i b) {
    const DenormalsAreZeros here;
    sums = _mm512_fmadd_ps(second_of_pairs(a), second_of_pairs(b), sums);
    sums = _mm512_fmadd_ps(first_of_pairs(a), first_of_pairs(b), sums);
    __asm__ volatile("" : "+v"(sums));  // before the processor is set back
    return sums;
}

// The eight registers, each of as many rows and bytes a row as it is told, of 16 and 64 at most. What lies beyond is 0.
struct Tile {
    alignas(64) unsigned char row[16][64];
    int rows, bytes;
};
inline thread_local Tile tiles[8];

// What the processor would refuse ends the program.
inline void require(bool condition) {
    if (!condition) __builtin_trap();
}
inline void clear(Tile& tile) { __builtin_memset(tile.row, 0, sizeof tile.row); }
inline Tile& tile(int number) {
    require(tiles[number].rows > 0);
    return tiles[number];
}

// LDTILECFG: 64 bytes; the palette first, of each register the bytes a row from byte 16 on, the rows from byte 48 on.
inline void tile_loadconfig(const void* configuration) {
    unsigned char bytes[64];
    __builtin_memcpy(bytes, configuration, sizeof bytes);
    require(bytes[0] == 1);
    for (int i = 0; i < 8; ++i) {
        Tile& here = tiles[i];
        here.bytes = bytes[16 + 2 * i] | bytes[17 + 2 * i] << 8, here.rows = bytes[48 + i];
        require(here.bytes <= 64 && here.rows <= 16 && (here.bytes == 0) == (here.rows == 0));
        clear(here);
    }
}
inline void tile_release() {
    for (Tile& each : tiles) each.rows = each.bytes = 0;
}
inline void tile_zero(int number) { clear(tile(number)); }
inline void tile_loadd(int number, const void* from, int64_t stride) {
    Tile& here = tile(number);
    clear(here);
    for (int i = 0; i < here.rows; ++i) __builtin_memcpy(here.row[i], static_cast<const char*>(from) + i * stride, size_t(here.bytes));
}
inline void tile_stored(int number, void* to, int64_t stride) {
    const Tile& here = tile(number);
    for (int i = 0; i < here.rows; ++i) __builtin_memcpy(static_cast<char*>(to) + i * stride, here.row[i], size_t(here.bytes));
}

// TDPBF16PS: the first and the second products of the pairs are summed apart, then together, then added to what is there.
inline void tile_dpbf16ps(int sums, int a, int b) {
    const DenormalsAreZeros here;
    require(tile(sums).rows == tile(a).rows && tile(sums).bytes == tile(b).bytes && tile(a).bytes == 4 * tile(b).rows);
    for (int row = 0; row < tile(sums).rows; ++row) {
        __m512 first = _mm512_setzero_ps(), second = _mm512_setzero_ps();
        for (int k = 0; k < tile(b).rows; ++k) {
            int pair;
            __builtin_memcpy(&pair, tile(a).row[row] + 4 * k, sizeof pair);
            const __m512i left = _mm512_set1_epi32(pair), right = _mm512_loadu_si512(tile(b).row[k]);
            first = _mm512_fmadd_ps(first_of_pairs(left), first_of_pairs(right), first);
            second = _mm512_fmadd_ps(second_of_pairs(left), second_of_pairs(right), second);
        }
        unsigned char* const there = tile(sums).row[row];
        __m512 sum = _mm512_add_ps(_mm512_loadu_ps(there), _mm512_add_ps(first, second));
        __asm__ volatile("" : "+v"(sum));
        _mm512_storeu_ps(there, sum);
    }
}

}  // namespace pellucid::emulated

// From here on the names of the instructions mean these.
#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#define _tile_loadconfig pellucid::emulated::tile_loadconfig
#define _tile_release pellucid::emulated::tile_release
#define _tile_zero pellucid::emulated::tile_zero
#define _tile_loadd pellucid::emulated::tile_loadd
#define _tile_stored pellucid::emulated::tile_stored
#define _tile_dpbf16ps pellucid::emulated::tile_dpbf16ps
#define _mm512_cvtne2ps_pbh pellucid::emulated::cvtne2ps_pbh
#define _mm512_dpbf16_ps(sums, a, b) pellucid::emulated::dpbf16_ps(sums, (__m512i)(a), (__m512i)(b))
