// [softened], [distillation]: the loss of a row and its slope, made by the labels, are mixed with those by a teacher's logits.

// Logits of a plain row from a panel's first column on; behind the last one what gives an exponential of 0.
template <class T> inline Sums<T> load_logits(const T* from, int64_t count) {
    if (count == panel_width<T>) return load_sums(from);
    T row[panel_width<T>];
    for (int64_t j = 0; j < panel_width<T>; ++j) row[j] = j < count ? from[j] : T(-__builtin_inf());
    return load_sums(row);
}

// e^((z - most) / T)
template <class T> inline Sums<T> softened_powers(const Sums<T>& z, Vector<T> most, Vector<T> by) {
    return {exponential<T>(mul(sub(z.left, most), by)), exponential<T>(mul(sub(z.right, most), by))};
}

// One class of several: -> the cross-entropy of the softened answers of a row.
template <class T>
double distil_classes(Distillation by, Panels<const T> z, const T* z_teacher, T share, Panels<T> dz, int64_t row) {
    constexpr int width = panel_width<T>;
    const int64_t panels = (z.columns + width - 1) / width;
    const auto said = [&](int64_t panel) { return load_logits(z_teacher + panel * width, least(width, z.columns - panel * width)); };
    const auto heard = [&](int64_t panel) { return load_sums(row_of_panel(z, row, panel)); };
    const Vector<T> cooler = set(T(1 / by.temperature)), most = set(largest_logit(z, row, panels));
    Vector<T> most_said = set(z_teacher[0]);
    for (int64_t panel = 0; panel < panels; ++panel) most_said = max(max(said(panel).left, said(panel).right), most_said);
    most_said = set(largest(most_said));
    Vector<T> sums = set(T(0)), sums_said = set(T(0));
    double below = 0;  // of the pupil's logits, weighed by what the teacher says
    for (int64_t panel = 0; panel < panels; ++panel) {
        const Sums<T> p = softened_powers<T>(heard(panel), most, cooler), q = softened_powers<T>(said(panel), most_said, cooler);
        sums = add(sums, add(p.left, p.right)), sums_said = add(sums_said, add(q.left, q.right));
        T weights[width], least_first[width];
        store_sums(weights, q);
        store_sums<T>(least_first, {sub(heard(panel).left, most), sub(heard(panel).right, most)});
        for (int64_t j = 0; j < least(width, z.columns - panel * width); ++j) below += double(weights[j]) * double(least_first[j]);
    }
    const T total = sum(sums), total_said = sum(sums_said);
    const Vector<T> of_p = set(T(by.weight * by.temperature) * share / total), kept = set(T(1 - by.weight));
    const Vector<T> of_q = set(T(by.weight * by.temperature) * share / total_said);
    for (int64_t panel = 0; panel < panels; ++panel) {
        const Sums<T> p = softened_powers<T>(heard(panel), most, cooler), q = softened_powers<T>(said(panel), most_said, cooler);
        T* const place = row_of_panel(dz, row, panel);
        const Sums<T> slope = load_sums(place);
        store_sums<T>(place, {fnma(q.left, of_q, fma(p.left, of_p, mul(kept, slope.left))),
                              fnma(q.right, of_q, fma(p.right, of_p, mul(kept, slope.right)))});
    }
    return natural_logarithm(double(total)) - below / (by.temperature * double(total_said));
}

// Yes or no, once for each output: -> the sum of the cross-entropies. Behind the last column stands 0 in dz.
template <class T>
double distil_answers(Distillation by, Panels<const T> z, const T* z_teacher, T share, Panels<T> dz, int64_t row) {
    constexpr int width = panel_width<T>;
    const BinaryCrossEntropy<T> measured(0);
    const Vector<T> cooler = set(T(1 / by.temperature)), kept = set(T(1 - by.weight)), of_both = set(T(by.weight * by.temperature) * share);
    const auto half = [&](Vector<T> z_here, Vector<T> said) {
        return measured(mul(z_here, cooler), logistic<T>(mul(said, cooler)).of_z);
    };
    Vector<T> sums = set(T(0));
    for (int64_t column = 0; column < z.columns; column += width) {
        const int64_t some = least(width, z.columns - column);
        T* const place = row_of_panel(dz, row, column / width);
        const Sums<T> here = load_sums(row_of_panel(z, row, column / width)), said = load_some(z_teacher + column, some);
        const LossAndSlope<T> left = half(here.left, said.left), right = half(here.right, said.right);
        Sums<T> losses{left.loss, right.loss}, slopes = load_sums(place);
        slopes = {fma(left.slope, of_both, mul(kept, slopes.left)), fma(right.slope, of_both, mul(kept, slopes.right))};
        if (some < width) losses = zeros_from(losses, some), slopes = zeros_from(slopes, some);
        sums = add(sums, add(losses.left, losses.right));
        store_sums(place, slopes);
    }
    return double(sum(sums));
}

template <class T>
void distil(Distillation by, Panels<const T> z, const T* const* z_teacher, const T* share, Panels<T> dz, double* loss, Range rows) {
    const auto surprise_of = by.output == Output::softmax ? distil_classes<T> : distil_answers<T>;
    for (int64_t row = rows.begin; row < rows.end; ++row) {
        const double surprise = surprise_of(by, z, z_teacher[row], share[row], dz, row);
        loss[row] = (1 - by.weight) * loss[row] + by.weight * by.temperature * by.temperature * surprise;
    }
}
