// [bfloat16]: matrices rounded, in the two forms that tiles are loaded from.
//
//   Rounded, a left operand: for 32 k at a time, the 32 elements of a row side by side, row after row:
//          row 0: k0 k1 ... k31 | row 1: k0 k1 ... k31 | ...
//   Paired, a right operand: panel by panel, two k at a time, the two elements of a column side by side:
//          k0,k1: (b00 b10) (b01 b11) (b02 b12) ... | k2,k3: ...
//
// What stands behind the last row or column of a product's k is 0 in both, as 0 times what is left there may be NaN.

constexpr int64_t bf_width = panel_width<float>;
constexpr int64_t bf_group = rounded_group;

inline int64_t whole_groups(int64_t n) { return (n + bf_group - 1) / bf_group * bf_group; }

inline void round_panels(Panels<const float> a, Rounded to, Range rows, Range panels) {
    for (int64_t panel = panels.begin; panel < panels.end; ++panel) {
        const int64_t column = panel * bf_width;
        uint16_t* const group = to.data + column / bf_group * to.rows * bf_group + column % bf_group;
        const int64_t columns = least(bf_width, a.columns - column);
        for (int64_t row = rows.begin; row < rows.end; ++row) {
            store_bfloat16(group + row * bf_group, load_sums(row_of_panel(a, row, panel)));
            for (int64_t behind = columns; behind < bf_width; ++behind) group[row * bf_group + behind] = 0;
        }
    }
}

inline void round_bytes(const uint8_t* const* X, int64_t columns, Rounded to, Range rows) {
    for (int64_t row = rows.begin; row < rows.end; ++row)
        for (int64_t k = 0; k < columns; k += bf_group)
            store_bytes_as_bfloat16(to.data + k * to.rows + row * bf_group, X[row] + k, least(bf_group, columns - k));
}

inline void turn(Rounded a, int64_t n, Rounded to, uint32_t* in_use, Range groups) {
    for (int64_t group = groups.begin; group < groups.end; ++group) {
        in_use[group] = 0;
        for (int64_t row = 0; row < n; row += bf_group)
            in_use[group] |= turn_bfloat16(a.data + (group * a.rows + row) * bf_group, least(bf_group, n - row),
                                           to.data + (row / bf_group * to.rows + group * bf_group) * bf_group);
    }
}

inline void pair(Panels<const float> b, Paired to, Range panels) {
    for (int64_t panel = panels.begin; panel < panels.end; ++panel)
        for (int64_t k = 0; k < whole_groups(b.rows); k += 2)
            store_bfloat16_pairs(to.data + (panel * to.rows + k) * bf_width,
                                 k < b.rows ? load_sums(row_of_panel(b, k, panel)) : no_sums<float>(),
                                 k + 1 < b.rows ? load_sums(row_of_panel(b, k + 1, panel)) : no_sums<float>());
}

inline uint32_t first_bits(int64_t count) { return count >= 32 ? ~uint32_t(0) : (uint32_t(1) << count) - 1; }

// At most 32 inputs of one panel, those that have changed, a bit each. All of W_back: its columns are inputs.
inline void pair_weights(Panels<const float> W, const PairedWeights& to, Range inputs, int64_t panel, uint32_t changed) {
    if (to.W.data)
        for (uint32_t left = (changed | changed >> 1) & 0x55555555; left; left &= left - 1) {
            const int64_t k = inputs.begin + __builtin_ctz(left);
            store_bfloat16_pairs(to.W.data + (panel * to.W.rows + k) * bf_width, load_sums(row_of_panel(W, k, panel)),
                                 k + 1 < inputs.end ? load_sums(row_of_panel(W, k + 1, panel)) : no_sums<float>());
        }
    for (int64_t k = inputs.begin; to.W_back.data && k < inputs.end; k += bf_width)
        store_turned_pairs(to.W_back.data + (k / bf_width * to.W_back.rows + panel * bf_width) * bf_width,
                           row_of_panel(W, k, panel), least(bf_width, inputs.end - k));
}
inline void pair_weights(Panels<const float> W, const PairedWeights& to, Range inputs, Range panels) {
    for (int64_t panel = panels.begin; panel < panels.end; ++panel)
        for (int64_t k = inputs.begin; k < inputs.end; k += 32) {
            const Range some{k, least(k + 32, inputs.end)};
            pair_weights(W, to, some, panel, first_bits(some.end - some.begin));
        }
}
