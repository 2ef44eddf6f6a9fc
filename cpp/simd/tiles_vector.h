// The words for products of bfloat16 tiles where the processor has none: each element is made a float32 again. Right, and
// slow: it shows on any machine what AMX computes.

inline uint16_t to_bfloat16(float a) {
    const uint32_t bits = __builtin_bit_cast(uint32_t, a);
    if ((bits & 0x7FFFFFFF) > 0x7F800000) return uint16_t(bits >> 16 | 0x40);  // NaN stays one
    return uint16_t((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);                 // to the nearest, ties to even
}
inline float from_bfloat16(uint16_t a) { return __builtin_bit_cast(float, uint32_t(a) << 16); }

inline void store_bfloat16(uint16_t* to, const Sums<float>& a) {
    float row[panel_width<float>];
    store_sums(row, a);
    for (int j = 0; j < panel_width<float>; ++j) to[j] = to_bfloat16(row[j]);
}
inline void store_bfloat16_pairs(uint16_t* to, const Sums<float>& even, const Sums<float>& odd) {
    float even_row[panel_width<float>], odd_row[panel_width<float>];
    store_sums(even_row, even);
    store_sums(odd_row, odd);
    for (int j = 0; j < panel_width<float>; ++j) {
        to[2 * j] = to_bfloat16(even_row[j]);
        to[2 * j + 1] = to_bfloat16(odd_row[j]);
    }
}
// At most 32 bytes, exactly, and zeros behind.
inline void store_bytes_as_bfloat16(uint16_t* to, const uint8_t* from, int64_t count) {
    uint8_t bytes[32] = {};
    __builtin_memcpy(bytes, from, uint64_t(count));
    for (int j = 0; j < 32; ++j) to[j] = uint16_t(__builtin_bit_cast(uint32_t, float(bytes[j])) >> 16);
}

// 32 columns of some rows become 32 rows, zeros behind; one bit for each says whether anything in it is not zero.
inline uint32_t turn_bfloat16(const uint16_t* from, int64_t rows, uint16_t* to) {
    uint16_t any[32] = {};
    for (int64_t k = 0; k < rows; ++k)
        for (int j = 0; j < 32; ++j) any[j] |= from[k * 32 + j];
    uint32_t in_use = 0;
    for (int64_t j = 0; j < 32; ++j) {
        in_use |= uint32_t(any[j] != 0) << j;
        for (int64_t k = 0; k < rows; ++k) to[j * 32 + k] = from[k * 32 + j];
        for (int64_t k = rows; k < 32; ++k) to[j * 32 + k] = 0;
    }
    return in_use;
}

// Some rows of a panel become columns of pairs.
inline void store_turned_pairs(uint16_t* to, const float* from, int64_t rows) {
    constexpr int width = panel_width<float>;
    for (int64_t i = 0; i < rows; ++i)
        for (int j = 0; j < width; ++j) to[(j / 2 * width + i) * 2 + j % 2] = to_bfloat16(from[i * width + j]);
}

inline void begin_tiles() {}
inline void end_tiles() {}

// sums[rows][width] = or += A[rows][k] B[k][width], of at most 32 rows: `groups` times 32 k; A's groups stand `a_stride` apart,
// B's follow each other.
inline void add_tile_products(float* sums, bool anew, int64_t rows, const uint16_t* a, int64_t a_stride, const uint16_t* b, int64_t groups) {
    constexpr int width = panel_width<float>, rows_of_a_tile = 4;
    if (anew)
        for (int row = 0; row < 32; ++row) store_sums(sums + row * width, no_sums<float>());
    for (int64_t group = 0; group < groups; ++group) {
        float a_floats[32 * 32] = {}, b_floats[32 * width];
        for (int64_t i = 0; i < rows * 32; ++i) a_floats[i] = from_bfloat16(a[group * a_stride + i]);
        for (int k = 0; k < 32; k += 2)
            for (int j = 0; j < width; ++j) {
                const uint16_t* const pair = b + (group * 32 + k) * width + 2 * j;
                b_floats[k * width + j] = from_bfloat16(pair[0]);
                b_floats[(k + 1) * width + j] = from_bfloat16(pair[1]);
            }
        for (int row = 0; row < rows; row += rows_of_a_tile) {
            Sums<float> here[rows_of_a_tile];
#pragma GCC unroll 4
            for (int r = 0; r < rows_of_a_tile; ++r) here[r] = load_sums(sums + (row + r) * width);
            accumulate<rows_of_a_tile, float>(here, a_floats + row * 32, 32, 1, b_floats, 32);
#pragma GCC unroll 4
            for (int r = 0; r < rows_of_a_tile; ++r) store_sums(sums + (row + r) * width, here[r]);
        }
    }
}
