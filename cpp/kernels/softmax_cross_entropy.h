// [p], [loss], [dz_out]: from logits to probabilities to the loss, and back: dz = (p - y) w.
//
// The padding of the last panel of z is minus infinity (so the biases are padded): it is never the largest, and its
// exponential is 0.

// e^x for x <= 0. x = n log 2 + r with |r| <= log(2)/2, so e^x = 2^n e^r, and e^r is its Taylor series, long enough for
// the type. 2^n is multiplied in two halves, so that results below the normal numbers are right, too.
template <class T> inline Vector<T> exponential(Vector<T> x) {
    constexpr bool single = sizeof(T) == 4;
    constexpr int terms = single ? 7 : 13;
    constexpr T log2_high = single ? T(0.693359375) : T(0.693147180369123816490);  // few bits: n times it is exact
    constexpr T log2_low = single ? T(-2.12194440054690582e-4) : T(1.90821492927058770e-10);
    constexpr T lowest = single ? T(-104) : T(-746);  // e^lowest is 0 in this type
    constexpr T one_over_factorial[] = {1, 1, T(1.0 / 2), T(1.0 / 6), T(1.0 / 24), T(1.0 / 120), T(1.0 / 720), T(1.0 / 5040),
                                        T(1.0 / 40320), T(1.0 / 362880), T(1.0 / 3628800), T(1.0 / 39916800),
                                        T(1.0 / 479001600), T(1.0 / 6227020800.0)};
    x = max(set(lowest), x);  // NaN stays
    const Vector<T> n = round(mul(x, set(T(1.44269504088896340736))));
    const Vector<T> r = fma(n, set(-log2_low), fma(n, set(-log2_high), x));
    Vector<T> series = set(one_over_factorial[terms]);
#pragma GCC unroll 16
    for (int k = terms - 1; k >= 0; --k) series = fma(series, r, set(one_over_factorial[k]));
    const Vector<T> half = round(mul(n, set(T(0.5))));
    return mul(mul(series, two_to_the(half)), two_to_the(sub(n, half)));
}

template <class T> inline T largest(Vector<T> a) {
    T lane[lanes<T>], result;
    store(lane, a);
    result = lane[0];
    for (int i = 1; i < lanes<T>; ++i) result = lane[i] > result ? lane[i] : result;
    return result;
}

// The largest logit of a row.
template <class T> inline T largest_logit(Panels<const T> z, int64_t row, int64_t panels) {
    Vector<T> most = load(row_of_panel(z, row, 0));
    for (int64_t panel = 0; panel < panels; ++panel) {
        const Sums<T> here = load_sums(row_of_panel(z, row, panel));
        most = max(max(here.left, here.right), most);
    }
    return largest<T>(most);
}

template <class T>
void softmax_cross_entropy(Panels<const T> z, const int64_t* y, const T* share, Panels<T> dz, double* loss,
                           uint8_t* correct, Range rows) {
    constexpr int width = panel_width<T>;
    const int64_t panels = (z.columns + width - 1) / width;
    for (int64_t row = rows.begin; row < rows.end; ++row) {
        const T most = largest_logit(z, row, panels);
        Vector<T> sums = set(T(0));
        int64_t winner = -1;  // the first of the largest
        for (int64_t panel = 0; panel < panels; ++panel) {
            const Sums<T> here = load_sums(row_of_panel(z, row, panel));
            const Sums<T> e{exponential<T>(sub(here.left, set(most))), exponential<T>(sub(here.right, set(most)))};
            sums = add(sums, add(e.left, e.right));
            store_sums(row_of_panel(dz, row, panel), e);
            const unsigned equal = equal_bits(here.left, set(most)) | equal_bits(here.right, set(most)) << lanes<T>;
            if (winner < 0 && equal) winner = panel * width + __builtin_ctz(equal);
        }
        const T total = sum(sums);
        for (int64_t panel = 0; panel < panels; ++panel) {
            const Sums<T> e = load_sums(row_of_panel(dz, row, panel));
            store_sums<T>(row_of_panel(dz, row, panel), {mul(div(e.left, set(total)), set(share[row])),
                                                         mul(div(e.right, set(total)), set(share[row]))});
        }
        const int64_t label = y[row];
        const T z_label = row_of_panel(z, row, label / width)[label % width];
        T* const dz_label = row_of_panel(dz, row, label / width) + label % width;
        *dz_label = *dz_label - share[row];
        loss[row] = natural_logarithm(double(total)) - (double(z_label) - double(most));
        correct[row] = winner == label;
    }
}

template <class T> void softmax(Panels<const T> z, T* p, Range rows) {
    constexpr int width = panel_width<T>;
    const int64_t panels = (z.columns + width - 1) / width;
    for (int64_t row = rows.begin; row < rows.end; ++row) {
        const T most = largest_logit(z, row, panels);
        Vector<T> sums = set(T(0));
        T* const p_row = p + row * z.columns;
        for (int64_t panel = 0; panel < panels; ++panel) {
            const Sums<T> here = load_sums(row_of_panel(z, row, panel));
            const Sums<T> e{exponential<T>(sub(here.left, set(most))), exponential<T>(sub(here.right, set(most)))};
            sums = add(sums, add(e.left, e.right));
            T buffer[width];
            store_sums(buffer, e);
            for (int64_t j = 0; j < least(width, z.columns - panel * width); ++j) p_row[panel * width + j] = buffer[j];
        }
        const T total = sum(sums);
        for (int64_t j = 0; j < z.columns; ++j) p_row[j] /= total;
    }
}
