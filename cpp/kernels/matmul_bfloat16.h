// [bfloat16]: products of matrices whose elements are rounded to bfloat16, summed in float32.
//
// A block of A and a panel of B are rounded and packed as the tiles of AMX want them, at the beginning of a product:
//
//   A  for 32 k at a time, the 32 elements of a row side by side, row after row:
//          row 0: k0 k1 ... k31 | row 1: k0 k1 ... k31 | ...
//   B  two k at a time, the two elements of a column side by side:
//          k0,k1: (b00 b10) (b01 b11) (b02 b12) ... | k2,k3: ...
//
// Each row of the product depends on its own row of A alone, and its sums run through k in one fixed order. So it gets the
// same bits in any batch and with any number of threads.

constexpr int64_t bf_width = panel_width<float>;
constexpr int64_t bf_group = 32;   // k packed together; and rows of a tile
constexpr int64_t bf_depth = 512;  // most k of a block
constexpr int64_t bf_rows = 256;   // most rows of a block

// What one thread packs. Not on the stack: a quarter of a megabyte.
struct PackedBlocks {
    alignas(64) uint16_t A[bf_rows * bf_depth];
    alignas(64) uint16_t B[bf_depth * bf_width];
    alignas(64) float sums[bf_group * bf_width];
};
inline PackedBlocks& packed_blocks() {
    static thread_local PackedBlocks blocks;
    return blocks;
}

inline int64_t whole_groups(int64_t n) { return (n + bf_group - 1) / bf_group * bf_group; }

// Rows of A as they stand: k runs through the columns.
inline void pack_rows(Panels<const float> A, Range rows, Range depth, uint16_t* to) {
    const int64_t count = rows.end - rows.begin;
    for (int64_t k = depth.begin; k < depth.end; k += bf_group)
        for (int64_t r = 0; r < count; ++r)
            for (int64_t j = 0; j < bf_group; j += bf_width) {
                uint16_t* const out = to + ((k - depth.begin) / bf_group * whole_groups(count) + r) * bf_group + j;
                if (k + j < depth.end) store_bfloat16(out, load_sums(row_of_panel(A, rows.begin + r, (k + j) / bf_width)));
                else store_bfloat16(out, no_sums<float>());
            }
}

// Columns of A as rows: k runs through the rows of A.
inline void pack_columns(Panels<const float> A, Range rows, Range depth, uint16_t* to) {
    const int64_t count = rows.end - rows.begin;
    for (int64_t k = depth.begin; k < depth.end; k += bf_group)
        for (int64_t r = 0; r < count;) {
            const int64_t column = rows.begin + r, some = least(bf_width - column % bf_width, count - r);
            uint16_t* const out = to + ((k - depth.begin) / bf_group * whole_groups(count) + r) * bf_group;
            const float* const from = row_of_panel(A, k, column / bf_width) + column % bf_width;
            store_turned_bfloat16(out, from, least(bf_group, depth.end - k), some);
            r += some;
        }
}

// A panel of B, two rows at a time.
inline void pack_pairs(const float* b, Range depth, uint16_t* to) {
    for (int64_t k = depth.begin; k < depth.begin + whole_groups(depth.end - depth.begin); k += 2) {
        const Sums<float> even = k < depth.end ? load_sums(b + k * bf_width) : no_sums<float>();
        const Sums<float> odd = k + 1 < depth.end ? load_sums(b + (k + 1) * bf_width) : no_sums<float>();
        store_bfloat16_pairs(to + (k - depth.begin) * bf_width, even, odd);
    }
}

template <bool transposed, class Epilogue>
void multiply_bfloat16(Panels<const float> A, Panels<const float> B, Range rows, Range panels, Epilogue& epilogue) {
    PackedBlocks& blocks = packed_blocks();
    const int64_t depth_in_all = transposed ? A.rows : A.columns;
    begin_tiles();
    for (int64_t block = rows.begin; block < rows.end; block += bf_rows) {
        const Range some{block, least(block + bf_rows, rows.end)};
        const int64_t count = some.end - some.begin;
        for (int64_t k = 0; k < depth_in_all; k += bf_depth) {
            const Range depth{k, least(k + bf_depth, depth_in_all)};
            const int64_t groups = whole_groups(depth.end - depth.begin) / bf_group;
            const bool anew = k == 0 && epilogue.starts_anew, complete = depth.end == depth_in_all;
            if constexpr (transposed) pack_columns(A, some, depth, blocks.A);
            else pack_rows(A, some, depth, blocks.A);
            for (int64_t panel = panels.begin; panel < panels.end; ++panel) {
                pack_pairs(panel_of(B, panel), depth, blocks.B);
                for (int64_t r = 0; r < count; r += bf_group) {
                    const int64_t here = least(bf_group, count - r);
                    float* const sums = blocks.sums;
                    for (int64_t i = 0; i < here; ++i)
                        store_sums(sums + i * bf_width, anew ? no_sums<float>() : load_sums(epilogue.partial(block + r + i, panel)));
                    add_tile_products(sums, blocks.A + r * bf_group, whole_groups(count) * bf_group, blocks.B, groups);
                    for (int64_t i = 0; i < here; ++i) {
                        const Sums<float> finished = load_sums(sums + i * bf_width);
                        if (complete) epilogue.finish(finished, block + r + i, panel);
                        else store_sums(epilogue.partial(block + r + i, panel), finished);
                    }
                }
            }
        }
    }
    end_tiles();
}
