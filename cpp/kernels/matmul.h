// Products of matrices in panels, the one place where the time goes.
//
// Every element of a product is one chain of fused multiply-adds over k = 0, 1, 2 ..., whatever the size of the batch, the
// number of threads or the path taken. Skipping a zero leaves out an addition of zero. So all paths give the same bits.
//
// An epilogue says what becomes of a finished row of a panel, so that nothing is written that is not kept:
//   partial(row, panel)        where sums wait that are not yet complete
//   starts_anew                false where sums of an earlier call are continued
//   whole_depth                true where sums are complete at once: there is no room for partial ones
//   finish(sums, row, panel)   what is done with the complete sums; zeros come back, or NaN where something was not finite
//   see(zeros)                 is told of all of them: kept in a register until then, as memory would make each wait for the last
//   idle(row)                  true where a row of zeros needs no finishing
// and, of bfloat16 alone:
//   not_idle(row, count)       which of at most 32 rows need finishing, a bit each
//   finished(rows, panel, b)   those are

template <class T> constexpr int panel_width = 2 * lanes<T>;

// One row of one panel.
template <class T> struct Sums {
    Vector<T> left, right;
};

template <class T> inline Sums<T> no_sums() { return {set(T(0)), set(T(0))}; }
template <class T> inline Sums<T> load_sums(const T* p) { return {load(p), load(p + lanes<T>)}; }
template <class T> inline void store_sums(T* p, const Sums<T>& sums) {
    store(p, sums.left);
    store(p + lanes<T>, sums.right);
}

template <class T> inline const T* panel_of(const Panels<const T>& matrix, int64_t panel) {
    return matrix.data + panel * matrix.rows * panel_width<T>;
}
template <class T> inline T* row_of_panel(const Panels<T>& matrix, int64_t row, int64_t panel) {
    return matrix.data + (panel * matrix.rows + row) * panel_width<T>;
}

inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// ---- Every element ------------------------------------------------------------------------------------------------------

constexpr int64_t depth_at_a_time = 256;  // so many rows of a panel of B stay in the first-level cache
constexpr int64_t rows_at_a_time = 192;   // so many rows of A, of that depth, stay in the second-level cache

// The element (r, k) of the left operand stands at a[r row_stride + k k_stride].
template <int R, class T>
inline void accumulate(Sums<T> (&sums)[R], const T* a, int64_t row_stride, int64_t k_stride, const T* b, int64_t count) {
    for (int64_t k = 0; k < count; ++k) {
        const Vector<T> left = load(b), right = load(b + lanes<T>);
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
            const Vector<T> x = set(a[r * row_stride]);
            sums[r].left = fma(x, left, sums[r].left);
            sums[r].right = fma(x, right, sums[r].right);
        }
        a += k_stride;
        b += panel_width<T>;
    }
}

// R rows of one panel of the product, over some of the depth. `transposed`: the rows are the columns of A. Not inlined: the
// loop needs all the registers there are, and an epilogue's constants would take some.
template <int R, bool transposed, class T, class Epilogue>
PELLUCID_NOINLINE void tile(Panels<const T> A, const T* b, int64_t row, Range depth, bool complete, int64_t panel, Epilogue& epilogue) {
    constexpr int width = panel_width<T>;
    Sums<T> sums[R];
    const bool anew = depth.begin == 0 && epilogue.starts_anew;
    T* partial = anew && complete ? nullptr : epilogue.partial(row, panel);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) sums[r] = anew ? no_sums<T>() : load_sums(partial + r * width);
    if constexpr (transposed) {
        const T* a = row_of_panel(A, depth.begin, row / width) + row % width;
        accumulate<R, T>(sums, a, 1, width, b + depth.begin * width, depth.end - depth.begin);
    } else {
        for (int64_t k = depth.begin; k < depth.end; k += width) {
            const T* a = row_of_panel(A, row, k / width);
            accumulate<R, T>(sums, a, width, 1, b + k * width, least(width, depth.end - k));
        }
    }
    Vector<T> zeros = set(T(0));
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
        if (complete) zeros = zero_or_nan(zeros, epilogue.finish(sums[r], row + r, panel));
        else store_sums(partial + r * width, sums[r]);
    }
    epilogue.see(zeros);
}

// At most R rows.
template <int R, bool transposed, class T, class Epilogue>
inline void tile_of(int64_t rows, Panels<const T> A, const T* b, int64_t row, Range depth, bool complete, int64_t panel,
                    Epilogue& epilogue) {
    if constexpr (R > 1) {
        if (rows < R) {
            tile_of<R - 1, transposed, T>(rows, A, b, row, depth, complete, panel, epilogue);
            return;
        }
    }
    tile<R, transposed, T>(A, b, row, depth, complete, panel, epilogue);
}

// So that it is there when its turn comes.
template <class T> inline void ask_for(const T* begin, int64_t count) {
    for (int64_t at = 0; at < count; at += 64 / int64_t(sizeof(T))) __builtin_prefetch(begin + at, 0, 3);
}

template <bool transposed, class T, class Epilogue>
void multiply(Panels<const T> A, Panels<const T> B, Range rows, Range panels, Epilogue& epilogue) {
    constexpr int width = panel_width<T>;
    const int64_t depth_in_all = transposed ? A.rows : A.columns;
    const int64_t depth_of_a_block = epilogue.whole_depth ? depth_in_all : depth_at_a_time;
    for (int64_t block = rows.begin; block < rows.end; block += rows_at_a_time) {
        const int64_t end_of_block = least(block + rows_at_a_time, rows.end);
        for (int64_t k = 0; k < depth_in_all; k += depth_of_a_block) {
            const Range depth{k, least(k + depth_of_a_block, depth_in_all)};
            for (int64_t panel = panels.begin; panel < panels.end; ++panel) {
                const T* b = panel_of(B, panel);
                const T* next = b + (B.rows + depth.begin) * width;  // the next panel, of which each tile asks for a share
                const int64_t share = (depth.end - depth.begin) * width / ((end_of_block - block) / tile_rows + 1) + 1;
                for (int64_t row = block; row < end_of_block;) {
                    if (panel + 1 < panels.end) ask_for(next, share);
                    next += share;
                    int64_t some = least(tile_rows, end_of_block - row);
                    if (transposed) some = least(some, width - row % width);  // a tile stays within a panel of A
                    tile_of<tile_rows, transposed, T>(some, A, b, row, depth, depth.end == depth_in_all, panel, epilogue);
                    row += some;
                }
            }
        }
    }
}

// ---- Skipping zeros -----------------------------------------------------------------------------------------------------

constexpr int panels_at_a_time = 4;    // eight sums at once hide the latency of a multiply-add
constexpr int64_t rows_of_sums = 128;  // so many rows' sums wait in the second-level cache

// Where the elements of the left operand stand: each of the four gives, for a row and a word of 64, a function of the bit; and
// how many words are worked off before the next row. Those of panels: as many rows of four panels of B as stay in the
// first-level cache. Pixels are 0 so often that to take up a row's sums again would cost more than rows that do not stay there.
template <class T> constexpr int64_t words_of_panels = (32 << 10) / (64 * panels_at_a_time * int64_t(sizeof(Sums<T>)));
constexpr int64_t words_of_pixels = 2;

template <class T> struct ElementsOfPanels {
    static constexpr int64_t words_at_a_time = words_of_panels<T>;
    struct Word {
        const T* a;
        int64_t stride;
        inline T operator()(int64_t bit) const { return a[bit / panel_width<T> * stride + bit % panel_width<T>]; }
    };
    Panels<const T> A;
    inline Word of(int64_t row, int64_t word) const {
        return {row_of_panel(A, row, word * (64 / panel_width<T>)), A.rows * panel_width<T>};
    }
};
template <class T> struct ElementsOfPanelsTransposed {
    static constexpr int64_t words_at_a_time = words_of_panels<T>;
    struct Word {
        const T* a;
        inline T operator()(int64_t bit) const { return a[bit * panel_width<T>]; }
    };
    Panels<const T> A;
    inline Word of(int64_t row, int64_t word) const {
        return {row_of_panel(A, 64 * word, row / panel_width<T>) + row % panel_width<T>};
    }
};
template <class T> struct ElementsOfBytes {
    static constexpr int64_t words_at_a_time = words_of_pixels;
    struct Word {
        const uint8_t* bytes;
        const T* value;
        inline T operator()(int64_t bit) const { return value[bytes[bit]]; }
    };
    const uint8_t* const* bytes;
    const T* value;
    inline Word of(int64_t row, int64_t word) const { return {bytes[row] + 64 * word, value}; }
};
template <class T> struct ElementsOfBytesTransposed {
    static constexpr int64_t words_at_a_time = words_of_pixels;
    struct Word {
        const uint8_t* const* bytes;
        const T* value;
        int64_t row;
        inline T operator()(int64_t bit) const { return value[bytes[bit][row]]; }
    };
    const uint8_t* const* bytes;
    const T* value;
    inline Word of(int64_t row, int64_t word) const { return {bytes + 64 * word, value, row}; }
};

// P panels of the product, from `panel` on. Not inlined: the loop needs all the registers there are.
template <int P, class T, class Elements, class Epilogue>
PELLUCID_NOINLINE void skip_zeros(Bits bits, Elements elements, Panels<const T> B, Range rows, int64_t panel,
                                  Epilogue& epilogue) {
    constexpr int width = panel_width<T>;
    Sums<T> waiting[rows_of_sums][P];
    Vector<T> zeros = set(T(0));
    for (int64_t block = rows.begin; block < rows.end; block += rows_of_sums) {
        const int64_t end_of_block = least(block + rows_of_sums, rows.end);
        for (int64_t word = 0; word < bits.words_a_row; word += Elements::words_at_a_time) {
            const int64_t end_of_words = least(word + Elements::words_at_a_time, bits.words_a_row);
            const bool complete = end_of_words == bits.words_a_row;
            for (int64_t row = block; row < end_of_block; ++row) {
                if (epilogue.idle(row)) continue;
                Sums<T> sums[P];
#pragma GCC unroll 4
                for (int j = 0; j < P; ++j) {
                    if (word > 0) sums[j] = waiting[row - block][j];
                    else sums[j] = epilogue.starts_anew ? no_sums<T>() : load_sums(epilogue.partial(row, panel + j));
                }
                for (int64_t w = word; w < end_of_words; ++w) {
                    const typename Elements::Word element = elements.of(row, w);
                    const T* b[P];
#pragma GCC unroll 4
                    for (int j = 0; j < P; ++j) b[j] = row_of_panel(B, 64 * w, panel + j);
                    for (uint64_t left = bits.words[row * bits.words_a_row + w]; left; left &= left - 1) {
                        const int64_t bit = __builtin_ctzll(left);
                        const Vector<T> x = set(element(bit));
#pragma GCC unroll 4
                        for (int j = 0; j < P; ++j) {
                            sums[j].left = fma(x, load(b[j] + bit * width), sums[j].left);
                            sums[j].right = fma(x, load(b[j] + bit * width + lanes<T>), sums[j].right);
                        }
                    }
                }
#pragma GCC unroll 4
                for (int j = 0; j < P; ++j) {
                    if (complete) zeros = zero_or_nan(zeros, epilogue.finish(sums[j], row, panel + j));
                    else waiting[row - block][j] = sums[j];
                }
            }
        }
    }
    epilogue.see(zeros);
}

template <class T, class Elements, class Epilogue>
inline void multiply_skipping_zeros(Bits bits, Elements elements, Panels<const T> B, Range rows, Range panels,
                                    Epilogue& epilogue) {
    int64_t panel = panels.begin;
    for (; panel + panels_at_a_time <= panels.end; panel += panels_at_a_time)
        skip_zeros<panels_at_a_time, T>(bits, elements, B, rows, panel, epilogue);
    switch (panels.end - panel) {
        case 3: skip_zeros<3, T>(bits, elements, B, rows, panel, epilogue); break;
        case 2: skip_zeros<2, T>(bits, elements, B, rows, panel, epilogue); break;
        case 1: skip_zeros<1, T>(bits, elements, B, rows, panel, epilogue); break;
        default: break;
    }
}
