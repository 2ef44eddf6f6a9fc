// [sgd], [momentum], [nesterov], [adam], [adamw]: one step on one vector of parameters.

template <class T> inline Vector<T> sgd(Vector<T> theta, Vector<T> g, Vector<T> eta) { return fnma(eta, g, theta); }

// The rules with moments: theta, m and v at one place. Not inlined: their arithmetic is worth a call.
template <class T>
PELLUCID_NOINLINE void step_with_moments(const Rule<T>& rule, const T* g_at, T* theta_at, T* m_at, T* v_at) {
    const Vector<T> eta = set(rule.learning_rate), g = load(g_at);
    Vector<T> theta = load(theta_at);
    if (rule.optimizer == Optimizer::momentum || rule.optimizer == Optimizer::nesterov) {
        const Vector<T> mu = set(rule.mu), m = fma(mu, load(m_at), g);
        store(m_at, m);
        store(theta_at, fnma(eta, rule.optimizer == Optimizer::momentum ? m : fma(mu, m, g), theta));
        return;
    }
    if (rule.optimizer == Optimizer::adamw) theta = mul(theta, set(rule.keep));
    const Vector<T> m = fma(set(rule.beta_1), load(m_at), mul(set(rule.rest_1), g));
    const Vector<T> v = fma(set(rule.beta_2), load(v_at), mul(set(rule.rest_2), mul(g, g)));
    store(m_at, m);
    store(v_at, v);
    const Vector<T> denominator = fma(sqrt(v), set(rule.correction), set(rule.epsilon));
    store(theta_at, sub(theta, div(mul(eta, m), denominator)));
}

// Updates as they come, and says whether what was written is finite: x times 0 is 0 for finite x alone.
template <class T> struct Updating {
    Parameters<T> parameters;
    const Rule<T>& rule;
    bool plain = rule.optimizer == Optimizer::sgd;
    bool pulls = rule.pull != 0;
    Vector<T> eta = set(rule.learning_rate), pull = set(rule.pull);

    // [l2]: the gradient, and what pulls each weight towards 0.
    inline Vector<T> pulled(Vector<T> g, Vector<T> theta) const { return pulls ? fma(pull, theta, g) : g; }

    inline Vector<T> vector(int64_t at, Vector<T> g) const {
        T* const theta_at = parameters.theta + at;
        Vector<T> theta = load(theta_at);
        g = pulled(g, theta);
        if (plain) {
            theta = sgd<T>(theta, g, eta);
            store(theta_at, theta);
        } else {
            T g_at[lanes<T>];
            store(g_at, g);
            step_with_moments<T>(rule, g_at, theta_at, parameters.m + at, parameters.v + at);
            theta = load(theta_at);
        }
        return mul(theta, set(T(0)));
    }
};

// Places: how many there are, where that is known beforehand; else 0.
template <int Places, class T> inline Vector<T> sum_at(Summands<T> g, int64_t at) {
    Vector<T> sum = load(g.in[0] + at);
    const int places = Places > 0 ? Places : g.places;
#pragma GCC unroll 8
    for (int i = 1; i < places; ++i) sum = add(sum, load(g.in[i] + at));
    return sum;
}

// With a factor below 1, [clip].
template <int Places, class T> bool update_from(Parameters<T> theta, Summands<T> g, T factor, const Rule<T>& rule, int64_t n) {
    Updating<T> updating{theta, rule};
    Vector<T> zero_if_finite = set(T(0));
    for (int64_t at = 0; at < n; at += lanes<T>)
        zero_if_finite = zero_or_nan(zero_if_finite, updating.vector(at, mul(sum_at<Places>(g, at), set(factor))));
    return nonzero_bits(zero_if_finite) == 0;
}
template <class T> bool update(Parameters<T> theta, Summands<T> g, T factor, const Rule<T>& rule, int64_t n) {
    switch (g.places) {
        case 1: return update_from<1>(theta, g, factor, rule, n);
        case 2: return update_from<2>(theta, g, factor, rule, n);
        case 4: return update_from<4>(theta, g, factor, rule, n);
        case 8: return update_from<8>(theta, g, factor, rule, n);
        default: return update_from<0>(theta, g, factor, rule, n);
    }
}

// [l2]
template <class T> void add_up(Summands<T> g, const T* theta, T pull, T* sum, int64_t n) {
    for (int64_t at = 0; at < n; at += lanes<T>) {
        const Vector<T> all = sum_at<0>(g, at);
        store(sum + at, pull != 0 ? fma(set(pull), load(theta + at), all) : all);
    }
}

// The norms of [l2] and [clip]: eight sums side by side.
template <class T> double sum_of_squares(const T* numbers, int64_t n) {
    double sums[8] = {};
    int64_t at = 0;
    for (; at + 8 <= n; at += 8)
        for (int i = 0; i < 8; ++i) sums[i] += double(numbers[at + i]) * double(numbers[at + i]);
    for (int i = 0; at + i < n; ++i) sums[i] += double(numbers[at + i]) * double(numbers[at + i]);
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}
