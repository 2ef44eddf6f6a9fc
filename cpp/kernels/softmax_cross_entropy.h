// [p], [loss], [dz_out]: from logits to probabilities to the loss, and back: dz = (p - y) w.
//
// The padding of the last panel of z is minus infinity (so the biases are padded): it is never the largest, and its
// exponential is 0.

// The largest logit of a row.
template <class T> inline T largest_logit(Panels<const T> z, int64_t row, int64_t panels) {
    Vector<T> most = load(row_of_panel(z, row, 0));
    for (int64_t panel = 0; panel < panels; ++panel) {
        const Sums<T> here = load_sums(row_of_panel(z, row, panel));
        most = max(max(here.left, here.right), most);
    }
    return largest(most);
}

// What is not a number counts as the largest, as it does for NumPy.
template <class T> inline int64_t first_that_is_no_number(Panels<const T> z, int64_t row) {
    for (int64_t j = 0; j < z.columns; ++j) {
        const T here = row_of_panel(z, row, j / panel_width<T>)[j % panel_width<T>];
        if (here != here) return j;
    }
    return -1;
}

// Where the largest of a row stands, the first of them if there are several.
template <class T> inline int64_t first_of_the_largest(Panels<const T> z, int64_t row) {
    const auto at = [&](int64_t j) { return row_of_panel(z, row, j / panel_width<T>)[j % panel_width<T>]; };
    int64_t winner = 0;
    for (int64_t j = 1; j < z.columns && at(winner) == at(winner); ++j)
        if (!(at(j) <= at(winner))) winner = j;
    return winner;
}

// [label-smoothing]: of p - y, what is the same for all classes; returns what it adds to the loss, the differences from the
// largest logit being what they are.
template <class T>
inline double smooth_labels(Panels<const T> z, int64_t row, T most, double smoothing, T share, Panels<T> dz) {
    const double of_each = smoothing / double(z.columns);
    const T less = T(of_each) * share;
    double below = 0;
    for (int64_t j = 0; j < z.columns; ++j) {
        const int64_t panel = j / panel_width<T>, lane = j % panel_width<T>;
        below += double(row_of_panel(z, row, panel)[lane]) - double(most);
        row_of_panel(dz, row, panel)[lane] -= less;
    }
    return -of_each * below;
}

// Some rows are taken through each step together: a row's steps wait for each other, those of different rows do not.
constexpr int64_t rows_together = 32;

template <class T>
void softmax_cross_entropy(double smoothing, Panels<const T> z, const int64_t* y, const T* share, Panels<T> dz, double* loss,
                           uint8_t* correct, Range rows) {
    constexpr int width = panel_width<T>;
    const int64_t panels = (z.columns + width - 1) / width;
    for (int64_t first = rows.begin; first < rows.end; first += rows_together) {
        const int64_t end = least(first + rows_together, rows.end);
        T most[rows_together], total[rows_together];
        int64_t winner[rows_together];  // the first of the largest
        for (int64_t row = first; row < end; ++row) most[row - first] = largest_logit(z, row, panels);
        for (int64_t row = first; row < end; ++row) {
            const Vector<T> most_here = set(most[row - first]);
            Vector<T> sums = set(T(0));
            winner[row - first] = -1;
            for (int64_t panel = 0; panel < panels; ++panel) {
                const Sums<T> here = load_sums(row_of_panel(z, row, panel));
                const Sums<T> e{exponential<T>(sub(here.left, most_here)), exponential<T>(sub(here.right, most_here))};
                sums = add(sums, add(e.left, e.right));
                store_sums(row_of_panel(dz, row, panel), e);
                const unsigned equal = equal_bits(here.left, most_here) | equal_bits(here.right, most_here) << lanes<T>;
                if (winner[row - first] < 0 && equal) winner[row - first] = panel * width + __builtin_ctz(equal);
            }
            total[row - first] = sum(sums);
        }
        for (int64_t row = first; row < end; ++row) {
            const Vector<T> total_here = set(total[row - first]), share_here = set(share[row]);
            for (int64_t panel = 0; panel < panels; ++panel) {
                const Sums<T> e = load_sums(row_of_panel(dz, row, panel));
                store_sums<T>(row_of_panel(dz, row, panel), {mul(div(e.left, total_here), share_here),
                                                             mul(div(e.right, total_here), share_here)});
            }
        }
        for (int64_t row = first; row < end; ++row) {
            const int64_t label = y[row];
            const T z_label = row_of_panel(z, row, label / width)[label % width];
            T* const dz_label = row_of_panel(dz, row, label / width) + label % width;
            const double below = double(z_label) - double(most[row - first]);
            loss[row] = natural_logarithm(double(total[row - first])) - below;
            *dz_label = *dz_label - share[row];
            if (smoothing > 0) {
                *dz_label += T(smoothing) * share[row];
                loss[row] += smoothing * below + smooth_labels<T>(z, row, most[row - first], smoothing, share[row], dz);
            }
            if (total[row - first] != total[row - first]) {
                const int64_t strange = first_that_is_no_number(z, row);
                if (strange >= 0) winner[row - first] = strange;
            }
            correct[row] = winner[row - first] == label;
        }
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
