// [dropout]: which units of a layer are left out, by the words of [philox] for each example; and what that makes of them.

// 16 counters that follow each other at once, a register full at a time: numbers of 64 bits, as products are.
constexpr int counters_at_a_time = 16, columns_at_a_time = 4 * counters_at_a_time;  // whole panels on every target
using Counters = uint64_t[4][counters_at_a_time];

// A round waits for the one before it: two registers' worth of counters at once give the processor something to do meanwhile.
inline void scramble(Counters& words, uint32_t key_0, uint32_t key_1) {
    constexpr int at_once = lanes<double>, registers = 2;
    const Whole zero{}, low = zero + 0xFFFFFFFF, M_0 = zero + 0xD2511F53, M_1 = zero + 0xCD9E8D57;
#pragma GCC unroll 1
    for (int at = 0; at < counters_at_a_time; at += registers * at_once) {
        Whole c[registers][4];
        for (int r = 0; r < registers; ++r)
            for (int i = 0; i < 4; ++i) __builtin_memcpy(&c[r][i], words[i] + at + r * at_once, sizeof c[r][i]);
        uint32_t k_0 = key_0, k_1 = key_1;
#pragma GCC unroll 10
        for (int round = 0; round < 10; ++round) {
            for (int r = 0; r < registers; ++r) {
                const Whole product_0 = product_of_low_halves(M_0, c[r][0]), product_1 = product_of_low_halves(M_1, c[r][2]);
                c[r][0] = (product_1 >> 32) ^ c[r][1] ^ (zero + k_0);
                c[r][1] = product_1 & low;
                c[r][2] = (product_0 >> 32) ^ c[r][3] ^ (zero + k_1);
                c[r][3] = product_0 & low;
            }
            k_0 += 0x9E3779B9;
            k_1 += 0xBB67AE85;
        }
        for (int r = 0; r < registers; ++r)
            for (int i = 0; i < 4; ++i) __builtin_memcpy(words[i] + at + r * at_once, &c[r][i], sizeof c[r][i]);
    }
}

// The words of an example from `block` on: those of a counter that is i blocks further stand in column i.
inline void words_of(Counters& words, uint32_t block, uint32_t example, uint32_t epoch, uint32_t purpose, uint32_t key_0,
                     uint32_t key_1) {
#pragma GCC unroll 1
    for (int i = 0; i < counters_at_a_time; ++i) {
        words[0][i] = block + uint32_t(i);
        words[1][i] = example;
        words[2][i] = epoch;
        words[3][i] = purpose;
    }
    scramble(words, key_0, key_1);
}

template <class T> void dropout(const Dropout<T>& by, const int64_t* examples, Panels<T> mask, Range rows) {
    constexpr int width = panel_width<T>;
    for (int64_t row = rows.begin; row < rows.end; ++row)
        for (int64_t column = 0; column < mask.columns; column += columns_at_a_time) {
            Counters words;
            words_of(words, uint32_t(column / 4), uint32_t(examples[row]), by.epoch, by.purpose, by.key_0, by.key_1);
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
