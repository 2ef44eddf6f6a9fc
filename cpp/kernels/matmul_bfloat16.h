// [bfloat16]: products of matrices that are there rounded, summed in float32.
//
// Each row of the product depends on its own row of A alone, and its sums run through k in one fixed order. So it gets the
// same bits in any batch and with any number of threads.

constexpr int64_t bf_depth = 1024;  // so many k of a panel of B stay in the first-level cache
constexpr int64_t bf_rows = 512;   // so many rows of A, of that depth, in the second-level cache

template <class Epilogue>
void multiply_bfloat16(Rounded A, Paired B, Range rows, Range panels, Epilogue& epilogue) {
    alignas(64) float sums[bf_group * bf_width];
    const Epilogue mine = epilogue;  // nothing that is written can be part of it
    Vector<float> zeros = set(0.0f);
    const int64_t depth_of_a_block = epilogue.whole_depth ? B.rows : bf_depth;
    begin_tiles();
    for (int64_t block = rows.begin; block < rows.end; block += bf_rows) {
        const int64_t end_of_block = least(block + bf_rows, rows.end);
        for (int64_t k = 0; k < B.rows; k += depth_of_a_block) {
            const int64_t depth = least(depth_of_a_block, B.rows - k);
            const bool anew = k == 0 && epilogue.starts_anew, complete = k + depth == B.rows;
            for (int64_t panel = panels.begin; panel < panels.end; ++panel) {
                const uint16_t* const b = B.data + (panel * B.rows + k) * bf_width;
                for (int64_t row = block; row < end_of_block; row += bf_group) {
                    const int64_t here = least(bf_group, end_of_block - row);
                    const uint32_t wanted = mine.not_idle(row, here);
                    if (!wanted) continue;
                    if (!anew)
                        for (int64_t i = 0; i < here; ++i) store_sums(sums + i * bf_width, load_sums(mine.partial(row + i, panel)));
                    add_tile_products(sums, anew, here, A.data + (k / bf_group * A.rows + row) * bf_group, A.rows * bf_group, b,
                                      depth / bf_group);
                    for (uint32_t left = wanted; left; left &= left - 1) {
                        const int64_t i = __builtin_ctz(left);
                        const Sums<float> sum = load_sums(sums + i * bf_width);
                        if (complete) zeros = zero_or_nan(zeros, mine.finish(sum, row + i, panel));
                        else store_sums(mine.partial(row + i, panel), sum);
                    }
                    if (complete) mine.finished({row, row + here}, panel, wanted);
                }
            }
        }
    }
    end_tiles();
    epilogue.see(zeros);
}
