// Moving without computing: which elements are zero, and W turned round.

template <class T> int64_t nonzero(Panels<const T> a, Bits bits, Range rows) {
    constexpr int width = panel_width<T>;
    int64_t count = 0;
    for (int64_t row = rows.begin; row < rows.end; ++row) {
        for (int64_t w = 0; w < bits.words_a_row; ++w) {
            uint64_t word = 0;
            for (int64_t column = 64 * w; column < least(64 * w + 64, a.columns); column += width) {
                const Sums<T> here = load_sums(row_of_panel(a, row, column / width));
                const uint64_t both = nonzero_bits(here.left) | uint64_t(nonzero_bits(here.right)) << lanes<T>;
                word |= both << column % 64;
            }
            // What stands in the padding does not count: it may be NaN, where a row is not finite.
            if (64 * w + 64 > a.columns) word &= ~uint64_t(0) >> (64 * w + 64 - a.columns);
            bits.words[row * bits.words_a_row + w] = word;
            count += __builtin_popcountll(word);
        }
    }
    return count;
}

inline int64_t nonzero_of_bytes(const uint8_t* const* rows, int64_t columns, Bits bits, Range which) {
    int64_t count = 0;
    for (int64_t row = which.begin; row < which.end; ++row) {
        for (int64_t w = 0; w < bits.words_a_row; ++w) {
            const uint8_t* const bytes = rows[row] + 64 * w;
            uint64_t word = 0;
            if (64 * w + 64 <= columns) word = nonzero_bytes(bytes);
            else for (int64_t j = 0; j < columns - 64 * w; ++j) word |= uint64_t(bytes[j] != 0) << j;
            bits.words[row * bits.words_a_row + w] = word;
            count += __builtin_popcountll(word);
        }
    }
    return count;
}

template <class T> void transpose(Panels<const T> W, Panels<T> W_back, Range inputs, Range panels) {
    constexpr int width = panel_width<T>;
    for (int64_t panel = panels.begin; panel < panels.end; ++panel) {
        for (int64_t column = inputs.begin; column < inputs.end; column += width) {
            const T* const from = panel_of(W, panel) + column * width;
            T* const to = row_of_panel(W_back, panel * width, column / width);
            const int64_t columns = least(width, inputs.end - column), rows = least(width, W.columns - panel * width);
            for (int64_t j = 0; j < rows; ++j)
                for (int64_t i = 0; i < columns; ++i) to[j * width + i] = from[i * width + j];
        }
    }
}
