// z = W a + b and the way back: da, dW, db, each fused with what follows it.

// [z], [a]
template <class T> struct AffineEpilogue {
    const T* b;
    Activation f;
    Panels<T> out;
    Vector<T> factor;
    static constexpr bool starts_anew = true, whole_depth = false;

    inline bool idle(int64_t) const { return false; }
    inline T* partial(int64_t row, int64_t panel) const { return row_of_panel(out, row, panel); }
    inline uint32_t not_idle(int64_t, int64_t count) const { return first_bits(count); }
    inline void finished(Range, int64_t, uint32_t) const {}
    inline Vector<T> finish(const Sums<T>& sums, int64_t row, int64_t panel) const {
        const Sums<T> bias = load_sums(b + panel * panel_width<T>);
        store_sums<T>(row_of_panel(out, row, panel), {activate<T>(f, fma(sums.left, factor, bias.left)),
                                                      activate<T>(f, fma(sums.right, factor, bias.right))});
        return set(T(0));  // nobody asks
    }
    inline void see(Vector<T>) const {}
};

template <class T>
void affine(const Operand<T>& a, const RightOperand<T>& W, const T* b, Activation f, Panels<T> out, Range rows, Range panels) {
    AffineEpilogue<T> epilogue{b, f, out, set(a.factor)};
    product<false, T>(a, W, rows, panels, epilogue);
}

// [da], [dz]
template <class T> struct BackwardInputsEpilogue {
    Activation f;
    Panels<const T> a;
    Panels<T> out;
    Vector<T> zero_if_finite = set(T(0));
    static constexpr bool starts_anew = true, whole_depth = false;

    inline bool idle(int64_t) const { return false; }
    inline T* partial(int64_t row, int64_t panel) const { return row_of_panel(out, row, panel); }
    inline uint32_t not_idle(int64_t, int64_t count) const { return first_bits(count); }
    inline void finished(Range, int64_t, uint32_t) const {}
    inline Vector<T> finish(const Sums<T>& da, int64_t row, int64_t panel) const {
        const Sums<T> forward = load_sums(row_of_panel(a, row, panel));
        const Sums<T> dz{activate_backward<T>(f, da.left, forward.left), activate_backward<T>(f, da.right, forward.right)};
        store_sums(row_of_panel(out, row, panel), dz);
        return mul(add(dz.left, dz.right), set(T(0)));
    }
    inline void see(Vector<T> zeros) { zero_if_finite = zero_or_nan(zero_if_finite, zeros); }
};

template <class T>
bool affine_backward_inputs(const Operand<T>& dz, const RightOperand<T>& W_back, Activation f, Panels<const T> a,
                            Panels<T> out, Range rows, Range panels) {
    BackwardInputsEpilogue<T> epilogue{f, a, out};
    product<false, T>(dz, W_back, rows, panels, epilogue);
    return nonzero_bits(epilogue.zero_if_finite) == 0;
}

// [dW] and the update
template <class T> struct BackwardWeightsEpilogue {
    Summing<T> dW;
    Updating<T> updating;
    int64_t inputs;  // rows of W
    const PairedWeights& pairs;
    static constexpr bool whole_depth = true;
    Bits nonzero;
    const uint32_t* in_use;
    Vector<T> factor;
    bool starts_anew;
    bool updates = dW.last && updating.rule.optimizer != Optimizer::none;
    Vector<T> zero_if_finite = set(T(0));
    bool zeros_change_nothing = dW.first && dW.last && (nonzero.words || in_use) && updating.plain && !updating.pulls;

    // With plain SGD, what has no gradient stays as it is.
    inline uint32_t not_idle(int64_t row, int64_t count) const {
        if (!zeros_change_nothing) return first_bits(count);
        const int64_t word = row / 32, last = (row + count - 1) / 32;
        return uint32_t((uint64_t(in_use[last]) << 32 | in_use[word]) >> row % 32) & first_bits(count);
    }
    inline bool idle(int64_t row) const {
        if (!zeros_change_nothing) return false;
        uint64_t any = 0;
        for (int64_t w = 0; w < nonzero.words_a_row; ++w) any |= nonzero.words[row * nonzero.words_a_row + w];
        return any == 0;
    }
    // A gradient that is not used at once.
    inline Sums<T> complete(const Sums<T>& g, int64_t at) const {
        const Sums<T> W = load_sums(updating.parameters.theta + at);
        return {updating.pulled(mul(g.left, factor), W.left), updating.pulled(mul(g.right, factor), W.right)};
    }
    inline int64_t place(int64_t row, int64_t panel) const { return (panel * inputs + row) * panel_width<T>; }
    inline T* partial(int64_t row, int64_t panel) const { return dW.sums + place(row, panel); }
    inline Vector<T> finish(const Sums<T>& g, int64_t row, int64_t panel) const {
        const int64_t at = place(row, panel);
        if (updates)
            return zero_or_nan(updating.vector(at, mul(g.left, factor)), updating.vector(at + lanes<T>, mul(g.right, factor)));
        store_sums<T>(dW.sums + at, dW.last ? complete(g, at) : g);
        return set(T(0));
    }
    inline void see(Vector<T> zeros) { zero_if_finite = zero_or_nan(zero_if_finite, zeros); }
    // While they are in the fastest cache.
    inline void finished(Range rows, int64_t panel, uint32_t changed) const {
        if constexpr (sizeof(T) == sizeof(float))
            if (updates) pair_weights({updating.parameters.theta, inputs, 0}, pairs, rows, panel, changed);
    }
};

template <class T>
bool affine_backward_weights(const Operand<T>& a, const RightOperand<T>& dz, Summing<T> dW, Parameters<T> W,
                             const PairedWeights& pairs, const Rule<T>& rule, int64_t inputs_in_all, Range inputs, Range panels) {
    BackwardWeightsEpilogue<T> epilogue{dW, {W, rule}, inputs_in_all, pairs, a.nonzero, a.in_use, set(a.factor), dW.first};
    product<true, T>(a, dz, inputs, panels, epilogue);
    return nonzero_bits(epilogue.zero_if_finite) == 0;
}

// [db] and the update
template <class T>
bool affine_backward_bias(Panels<const T> dz, Summing<T> db, Parameters<T> b, const Rule<T>& rule, Range panels) {
    const Updating<T> updating{b, rule};
    Vector<T> zero_if_finite = set(T(0));
    for (int64_t panel = panels.begin; panel < panels.end; ++panel) {
        const int64_t at = panel * panel_width<T>;
        Sums<T> sums = db.first ? no_sums<T>() : load_sums(db.sums + at);
        for (int64_t row = 0; row < dz.rows; ++row) {
            const Sums<T> more = load_sums(row_of_panel(dz, row, panel));
            sums = {add(sums.left, more.left), add(sums.right, more.right)};
        }
        if (db.last && rule.optimizer != Optimizer::none) {
            zero_if_finite = zero_or_nan(zero_if_finite, updating.vector(at, sums.left));
            zero_if_finite = zero_or_nan(zero_if_finite, updating.vector(at + lanes<T>, sums.right));
        } else {
            store_sums(db.sums + at, sums);
        }
    }
    return nonzero_bits(zero_if_finite) == 0;
}
