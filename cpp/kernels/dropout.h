// [dropout]: which units of a layer are left out, by the words of [philox] for each example; and what that makes of them.

// 16 counters that follow each other at once, in plain loops that a compiler makes vectors of, as long as it does not unroll
// them first: numbers of 64 bits, as products are.
constexpr int counters_at_a_time = 16, columns_at_a_time = 4 * counters_at_a_time;  // whole panels on every target
using Counters = uint64_t[4][counters_at_a_time];

inline void scramble(Counters& words, uint32_t key_0, uint32_t key_1) {
    constexpr uint64_t low = 0xFFFFFFFF;
    for (int round = 0; round < 10; ++round) {
#pragma GCC unroll 1
        for (int i = 0; i < counters_at_a_time; ++i) {
            const uint64_t product_0 = 0xD2511F53 * (words[0][i] & low), product_1 = 0xCD9E8D57 * (words[2][i] & low);
            words[0][i] = product_1 >> 32 ^ words[1][i] ^ key_0;
            words[1][i] = product_1 & low;
            words[2][i] = product_0 >> 32 ^ words[3][i] ^ key_1;
            words[3][i] = product_0 & low;
        }
        key_0 += 0x9E3779B9;
        key_1 += 0xBB67AE85;
    }
}

template <class T> void dropout(const Dropout<T>& by, const int64_t* examples, Panels<T> mask, Range rows) {
    constexpr int width = panel_width<T>;
    for (int64_t row = rows.begin; row < rows.end; ++row)
        for (int64_t column = 0; column < mask.columns; column += columns_at_a_time) {
            const uint32_t block = uint32_t(column / 4), example = uint32_t(examples[row]);
            Counters words;
#pragma GCC unroll 1
            for (int i = 0; i < counters_at_a_time; ++i) {
                words[0][i] = block + uint32_t(i);
                words[1][i] = example;
                words[2][i] = by.epoch;
                words[3][i] = by.purpose;
            }
            scramble(words, by.key_0, by.key_1);
            const uint64_t threshold = by.threshold;
            const T kept = by.factor;
            T factors[columns_at_a_time];
#pragma GCC unroll 1
            for (int i = 0; i < counters_at_a_time; ++i) {
                factors[4 * i] = words[0][i] >= threshold ? kept : T(0);
                factors[4 * i + 1] = words[1][i] >= threshold ? kept : T(0);
                factors[4 * i + 2] = words[2][i] >= threshold ? kept : T(0);
                factors[4 * i + 3] = words[3][i] >= threshold ? kept : T(0);
            }
            for (int64_t at = 0; at < least(columns_at_a_time, mask.columns - column); at += width)
                store_sums(row_of_panel(mask, row, (column + at) / width), load_sums(factors + at));
        }
}

// a or da, times the mask.
template <class T> bool leave_out(Panels<const T> mask, Panels<T> a, Range rows, Range panels) {
    Vector<T> zero_if_finite = set(T(0));
    for (int64_t panel = panels.begin; panel < panels.end; ++panel)
        for (int64_t row = rows.begin; row < rows.end; ++row) {
            T* const place = row_of_panel(a, row, panel);
            const Sums<T> here = load_sums(place), factors = load_sums(row_of_panel(mask, row, panel));
            const Sums<T> kept{mul(here.left, factors.left), mul(here.right, factors.right)};
            zero_if_finite = zero_or_nan(zero_if_finite, mul(add(kept.left, kept.right), set(T(0))));
            store_sums(place, kept);
        }
    return nonzero_bits(zero_if_finite) == 0;
}
