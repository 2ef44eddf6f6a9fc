// The losses but the cross-entropy, and what the network puts out: a row at a time, forwards and back. The mean over the batch
// is in `share`, as for the softmax.

template <class T> struct LossAndSlope {
    Vector<T> loss, slope;
};

// sign(x), and NaN where x is.
template <class T> inline Vector<T> sign(Vector<T> x) {
    const Vector<T> zero_or_nan = max(set(T(0)), min(set(T(0)), x));
    return add(sub(positive(x), positive(negative<T>(x))), zero_or_nan);
}

// [binary-loss], of labels that are smoothed first: [label-smoothing].
template <class T> struct BinaryCrossEntropy {
    Vector<T> kept, spread;
    explicit BinaryCrossEntropy(double smoothing) : kept(set(T(1 - smoothing))), spread(set(T(smoothing / 2))) {}
    inline LossAndSlope<T> operator()(Vector<T> z, Vector<T> y) const {
        y = fma(kept, y, spread);
        const Vector<T> e = exponential<T>(negative<T>(absolute<T>(z)));
        const Vector<T> loss = add(fnma(z, y, max(set(T(0)), z)), logarithm_of_1_plus<T>(e));
        return {loss, sub(logistic_of_power<T>(z, e).of_z, y)};
    }
};
// [squared]
template <class T> struct SquaredError {
    explicit SquaredError(double) {}
    inline LossAndSlope<T> operator()(Vector<T> z, Vector<T> y) const {
        const Vector<T> error = sub(z, y);
        return {mul(mul(error, error), set(T(0.5))), error};
    }
};
// [absolute]
template <class T> struct AbsoluteError {
    explicit AbsoluteError(double) {}
    inline LossAndSlope<T> operator()(Vector<T> z, Vector<T> y) const {
        const Vector<T> error = sub(z, y);
        return {absolute<T>(error), sign<T>(error)};
    }
};
// [huber]
template <class T> struct Huber {
    Vector<T> delta;
    explicit Huber(double delta) : delta(set(T(delta))) {}
    inline LossAndSlope<T> operator()(Vector<T> z, Vector<T> y) const {
        const Vector<T> error = sub(z, y), distance = absolute<T>(error), cut = min(delta, distance);
        return {mul(cut, fnma(set(T(0.5)), cut, distance)), min(delta, max(negative<T>(delta), error))};
    }
};
// [quantile]
template <class T> struct Quantile {
    Vector<T> q, rest;
    explicit Quantile(double q) : q(set(T(q))), rest(set(T(1 - q))) {}
    inline LossAndSlope<T> operator()(Vector<T> z, Vector<T> y) const {
        const Vector<T> error = sub(z, y), side = sign<T>(error);
        const Vector<T> above = positive(error), weight = add(mul(above, rest), mul(sub(set(T(1)), above), q));
        return {max(mul(negative<T>(q), error), mul(rest, error)), mul(side, weight)};
    }
};
// [poisson]. What the best p would cost, y log y - y, is the same in every epoch, and not worth a logarithm of our own.
template <class T> struct Poisson {
    explicit Poisson(double) {}
    inline LossAndSlope<T> operator()(Vector<T> z, Vector<T> y) const {
        T best[lanes<T>];
        store(best, y);
        for (int i = 0; i < lanes<T>; ++i)
            best[i] = T((best[i] > 0 ? double(best[i]) * natural_logarithm(double(best[i])) : 0) - double(best[i]));
        const Vector<T> p = exponential<T>(z);
        return {add(fnma(y, z, p), load(best)), sub(p, y)};
    }
};

// Numbers of a row of a plain array, from a panel's first column on; zeros behind the last.
template <class T> inline Sums<T> load_some(const T* from, int64_t count) {
    if (count == panel_width<T>) return load_sums(from);
    T row[panel_width<T>] = {};
    for (int64_t j = 0; j < count; ++j) row[j] = from[j];
    return load_sums(row);
}
template <class T> inline Sums<T> zeros_from(const Sums<T>& sums, int64_t count) {
    T row[panel_width<T>];
    store_sums(row, sums);
    return load_some(row, count);
}
template <class T> inline uint64_t bits_above(const Sums<T>& sums, T limit) {
    const Vector<T> left = positive(sub(sums.left, set(limit))), right = positive(sub(sums.right, set(limit)));
    return nonzero_bits(left) | uint64_t(nonzero_bits(right)) << lanes<T>;
}

template <class F, class T>
void loss_by(LossSetting by, Panels<const T> z, const T* const* y, const T* share, Panels<T> dz, double* loss, uint8_t* correct,
             Range rows) {
    constexpr int width = panel_width<T>;
    const F f(by.setting);
    const bool decides = by.loss == Loss::binary_cross_entropy;  // yes or no; else there is nothing to be right about
    for (int64_t row = rows.begin; row < rows.end; ++row) {
        const Vector<T> share_of_row = set(share[row]);
        Vector<T> sums = set(T(0));
        bool right = decides;
        for (int64_t column = 0; column < z.columns; column += width) {
            const int64_t some = least(width, z.columns - column);
            const Sums<T> here = load_sums(row_of_panel(z, row, column / width)), wanted = load_some(y[row] + column, some);
            const LossAndSlope<T> left = f(here.left, wanted.left), right_half = f(here.right, wanted.right);
            Sums<T> losses{left.loss, right_half.loss};
            Sums<T> slopes{mul(left.slope, share_of_row), mul(right_half.slope, share_of_row)};
            if (some < width) losses = zeros_from(losses, some), slopes = zeros_from(slopes, some);
            sums = add(sums, add(losses.left, losses.right));
            store_sums(row_of_panel(dz, row, column / width), slopes);
            const uint64_t differ = bits_above(here, T(0)) ^ bits_above(wanted, T(0.5));
            right = right && (differ & ~uint64_t(0) >> (64 - some)) == 0;
        }
        loss[row] = double(sum(sums));
        correct[row] = right;
    }
}

template <class T>
void loss_of_numbers(LossSetting by, Panels<const T> z, const T* const* y, const T* share, Panels<T> dz, double* loss,
                     uint8_t* correct, Range rows) {
    switch (by.loss) {
        case Loss::binary_cross_entropy: loss_by<BinaryCrossEntropy<T>>(by, z, y, share, dz, loss, correct, rows); break;
        case Loss::squared_error: loss_by<SquaredError<T>>(by, z, y, share, dz, loss, correct, rows); break;
        case Loss::absolute_error: loss_by<AbsoluteError<T>>(by, z, y, share, dz, loss, correct, rows); break;
        case Loss::huber: loss_by<Huber<T>>(by, z, y, share, dz, loss, correct, rows); break;
        case Loss::quantile: loss_by<Quantile<T>>(by, z, y, share, dz, loss, correct, rows); break;
        case Loss::poisson: loss_by<Poisson<T>>(by, z, y, share, dz, loss, correct, rows); break;
        case Loss::cross_entropy:
        case Loss::class_squared_error: break;  // their y are classes
    }
}

// [class-squared], of a row with the targets -1, and +1 at the label.
template <class T>
void class_squared_error(Panels<const T> z, const int64_t* y, const T* share, Panels<T> dz, double* loss, uint8_t* correct,
                         Range rows) {
    constexpr int width = panel_width<T>;
    constexpr T A = scaled_tanh_amplitude<T>;
    const auto measured = [](Vector<T> z, Vector<T> t) -> LossAndSlope<T> {
        const Vector<T> p = scaled_hyperbolic_tangent<T>(z), error = sub(p, t);
        const Vector<T> slope = mul(set(scaled_tanh_slope<T>), fnma(mul(p, set(1 / A)), p, set(A)));
        return {mul(mul(error, error), set(T(0.5))), mul(error, slope)};
    };
    for (int64_t row = rows.begin; row < rows.end; ++row) {
        const Vector<T> share_of_row = set(share[row]);
        Vector<T> sums = set(T(0));
        for (int64_t column = 0; column < z.columns; column += width) {
            const int64_t some = least(width, z.columns - column);
            T wanted[width];
            for (int64_t j = 0; j < width; ++j) wanted[j] = column + j == y[row] ? T(1) : T(-1);
            const Sums<T> here = load_sums(row_of_panel(z, row, column / width)), targets = load_sums(wanted);
            const LossAndSlope<T> left = measured(here.left, targets.left), right = measured(here.right, targets.right);
            Sums<T> losses{left.loss, right.loss};
            Sums<T> slopes{mul(left.slope, share_of_row), mul(right.slope, share_of_row)};
            if (some < width) losses = zeros_from(losses, some), slopes = zeros_from(slopes, some);
            sums = add(sums, add(losses.left, losses.right));
            store_sums(row_of_panel(dz, row, column / width), slopes);
        }
        loss[row] = double(sum(sums));
        correct[row] = first_of_the_largest<T>(z, row) == y[row];
    }
}

template <class T>
void loss_of_classes(LossSetting by, Panels<const T> z, const int64_t* y, const T* share, Panels<T> dz, double* loss,
                     uint8_t* correct, Range rows) {
    if (by.loss == Loss::cross_entropy)
        softmax_cross_entropy(by.setting, z, y, share, dz, loss, correct, rows);
    else
        class_squared_error(z, y, share, dz, loss, correct, rows);
}

// ---- What the network puts out ------------------------------------------------------------------------------------------

template <class T> struct AsItIs {
    static inline Vector<T> of(Vector<T> z) { return z; }
};
template <class T> struct AsProbability {  // [logistic]
    static inline Vector<T> of(Vector<T> z) { return logistic<T>(z).of_z; }
};
template <class T> struct AsScaledTanh {  // [scaled-tanh]
    static inline Vector<T> of(Vector<T> z) { return scaled_hyperbolic_tangent<T>(z); }
};
template <class T> struct AsCount {  // [poisson]
    static inline Vector<T> of(Vector<T> z) { return exponential<T>(z); }
};

template <class F, class T> void put_out(Panels<const T> z, T* p, Range rows) {
    constexpr int width = panel_width<T>;
    for (int64_t row = rows.begin; row < rows.end; ++row)
        for (int64_t column = 0; column < z.columns; column += width) {
            const Sums<T> here = load_sums(row_of_panel(z, row, column / width));
            T out[width];
            store_sums<T>(out, {F::of(here.left), F::of(here.right)});
            for (int64_t j = 0; j < least(width, z.columns - column); ++j) p[row * z.columns + column + j] = out[j];
        }
}

template <class T> void outputs(Output output, Panels<const T> z, T* p, Range rows) {
    switch (output) {
        case Output::identity: put_out<AsItIs<T>>(z, p, rows); break;
        case Output::softmax: softmax(z, p, rows); break;
        case Output::logistic: put_out<AsProbability<T>>(z, p, rows); break;
        case Output::exp: put_out<AsCount<T>>(z, p, rows); break;
        case Output::scaled_tanh: put_out<AsScaledTanh<T>>(z, p, rows); break;
    }
}
