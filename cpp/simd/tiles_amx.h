// The words for products of bfloat16 tiles on AMX.
//
// A tile is 16 rows of 64 bytes. A panel is two tiles wide and a group of rows two tiles high, so that four tiles of sums, two
// of A and two of B use all eight registers:
//
//             B 6      B 7
//   A 4    sums 0   sums 1
//   A 5    sums 2   sums 3

#include "simd/rounding_avx512.h"

// GCC does not know that tiles are loaded from memory and stored to it: what was written before must be there.
inline void settle_memory() { __asm__ volatile("" ::: "memory"); }

struct TileShapes {
    uint8_t palette = 1, start_row = 0, reserved[14] = {};
    uint16_t bytes_a_row[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

inline void begin_tiles() {
    alignas(64) const TileShapes shapes;
    settle_memory();
    _tile_loadconfig(&shapes);
}
inline void end_tiles() { _tile_release(); }

// sums[rows][32] = or += A[rows][k] B[k][32], of at most 32 rows: `groups` times 32 k; A's groups stand `a_stride` apart, B's
// follow each other.
inline void add_tile_products(float* sums, bool anew, int64_t rows, const uint16_t* a, int64_t a_stride, const uint16_t* b, int64_t groups) {
    constexpr int row = 128, lower = 16 * 32;  // bytes of a row of sums and of a pair of rows of B; elements of 16 rows
    settle_memory();
    if (anew) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    } else {
        _tile_loadd(0, sums, row);
        _tile_loadd(1, sums + 16, row);
        _tile_loadd(2, sums + lower, row);
        _tile_loadd(3, sums + lower + 16, row);
    }
    if (rows > 16) {
        for (int64_t group = 0; group < groups; ++group) {
            const uint16_t *const a_here = a + group * a_stride, *const b_here = b + group * 32 * 32;
            _tile_loadd(4, a_here, 64);
            _tile_loadd(6, b_here, row);
            _tile_loadd(7, b_here + 32, row);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
            _tile_loadd(5, a_here + lower, 64);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
    } else {
        for (int64_t group = 0; group < groups; ++group) {
            const uint16_t* const b_here = b + group * 32 * 32;
            _tile_loadd(4, a + group * a_stride, 64);
            _tile_loadd(6, b_here, row);
            _tile_loadd(7, b_here + 32, row);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(1, 4, 7);
        }
    }
    _tile_stored(0, sums, row);
    _tile_stored(1, sums + 16, row);
    _tile_stored(2, sums + lower, row);
    _tile_stored(3, sums + lower + 16, row);
    settle_memory();
}
