// [bfloat16]: products that leave out what is 0, for a target whose instruction multiplies pairs of k.
//
// Four pixels in five of MNIST are 0, and of two neighbours both are more often than not. A pair of zeros adds 0 to each sum, as
// long as the other operand is finite: so the same bits come out as from tiles.

constexpr int64_t bf_groups_of_a_word = 4;  // 64 pairs: a bit each; as many pairs of rows of four panels fill the first-level cache

// Which pairs of a row are not zeros, of at most four groups.
inline uint64_t nonzero_pairs(Rounded A, int64_t row, int64_t group, int64_t groups) {
    uint64_t bits = 0;
    for (int64_t g = 0; g < groups; ++g) bits |= uint64_t(nonzero_pairs(A.data + ((group + g) * A.rows + row) * bf_group)) << (16 * g);
    return bits;
}

// Whether it pays: the instruction waits for its sums where there are few panels, and a row's end cannot be foreseen; but of a
// few rows a tile waits, too. A look at one row in some is enough.
inline bool skipping_pairs_pays(Rounded A, int64_t groups, Range rows, Range panels) {
    if (rows.end - rows.begin <= 4) return true;
    const int64_t step = rows.end - rows.begin < 64 ? 1 : 7;
    int64_t pairs = 0, nonzero = 0;
    for (int64_t row = rows.begin; row < rows.end; row += step)
        for (int64_t group = 0; group < groups; ++group, pairs += 16)
            nonzero += __builtin_popcount(nonzero_pairs(A.data + (group * A.rows + row) * bf_group));
    return double(nonzero) < (panels.end - panels.begin >= 4 ? 0.5 : 0.125 * double(panels.end - panels.begin)) * double(pairs);
}

template <int P, class Epilogue>
PELLUCID_NOINLINE void skip_pairs(Rounded A, Paired B, Range rows, int64_t panel, Epilogue& epilogue) {
    const Epilogue mine = epilogue;  // nothing that is written can be part of it
    Vector<float> zeros = set(0.0f);
    const int64_t groups = B.rows / bf_group, groups_of_a_block = epilogue.whole_depth ? groups : bf_groups_of_a_word;
    for (int64_t block = 0; block < groups; block += groups_of_a_block) {
        const int64_t end = least(block + groups_of_a_block, groups);
        const bool anew = block == 0 && epilogue.starts_anew, complete = end == groups;
        for (int64_t some = rows.begin; some < rows.end; some += bf_group) {
            const int64_t here = least(bf_group, rows.end - some);
            const uint32_t wanted = mine.not_idle(some, here);
            for (uint32_t left = wanted; left; left &= left - 1) {
                const int64_t row = some + __builtin_ctz(left);
                Sums<float> sums[P];
#pragma GCC unroll 4
                for (int j = 0; j < P; ++j) sums[j] = anew ? no_sums<float>() : load_sums(mine.partial(row, panel + j));
                for (int64_t group = block; group < end; group += bf_groups_of_a_word) {
                    const uint16_t* const a = A.data + (group * A.rows + row) * bf_group;
                    const uint16_t* b[P];
#pragma GCC unroll 4
                    for (int j = 0; j < P; ++j) b[j] = B.data + ((panel + j) * B.rows + group * bf_group) * bf_width;
                    for (uint64_t bits = nonzero_pairs(A, row, group, least(bf_groups_of_a_word, end - group)); bits; bits &= bits - 1) {
                        const int64_t pair = __builtin_ctzll(bits);
                        const Pairs x = pair_for_all(a + pair / 16 * A.rows * bf_group + pair % 16 * 2);
#pragma GCC unroll 4
                        for (int j = 0; j < P; ++j) {
                            const uint16_t* const row_of_b = b[j] + pair * 2 * bf_width;
                            sums[j].left = add_pairs(sums[j].left, x, load_pairs(row_of_b));
                            sums[j].right = add_pairs(sums[j].right, x, load_pairs(row_of_b + bf_width));
                        }
                    }
                }
#pragma GCC unroll 4
                for (int j = 0; j < P; ++j) {
                    if (complete) zeros = zero_or_nan(zeros, mine.finish(sums[j], row, panel + j));
                    else store_sums(mine.partial(row, panel + j), sums[j]);
                }
            }
            if (complete && wanted)
                for (int j = 0; j < P; ++j) mine.finished({some, some + here}, panel + j, wanted);
        }
    }
    epilogue.see(zeros);
}

template <class Epilogue>
inline void multiply_skipping_pairs(Rounded A, Paired B, Range rows, Range panels, Epilogue& epilogue) {
    int64_t panel = panels.begin;
    for (; panel + 4 <= panels.end; panel += 4) skip_pairs<4>(A, B, rows, panel, epilogue);
    switch (panels.end - panel) {
        case 3: skip_pairs<3>(A, B, rows, panel, epilogue); break;
        case 2: skip_pairs<2>(A, B, rows, panel, epilogue); break;
        case 1: skip_pairs<1>(A, B, rows, panel, epilogue); break;
        default: break;
    }
}
