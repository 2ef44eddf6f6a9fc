// The activations whose bend is worth a pass of its own, right after the product, while z is in the cache. z stays where it
// is: the way back wants it. (The identity and ReLU cost nothing within the product: relu.h.)

// Each is a pair of functions of vectors: z -> a; and da, z -> dz.

// [leaky-relu]
template <class T> struct LeakyReLU {
    static inline Vector<T> forward(Vector<T> z) { return max(mul(set(T(0.01)), z), z); }
    static inline Vector<T> backward(Vector<T> da, Vector<T> z) {
        const Vector<T> above = positive(z);
        return mul(da, add(above, mul(sub(set(T(1)), above), set(T(0.01)))));
    }
};
// [elu]
template <class T> struct ELU {
    static inline Vector<T> forward(Vector<T> z) {
        return add(max(set(T(0)), z), exponential_minus_1<T>(min(set(T(0)), z)));
    }
    static inline Vector<T> backward(Vector<T> da, Vector<T> z) { return mul(da, exponential<T>(min(set(T(0)), z))); }
};
// [selu]
template <class T> struct SELU {
    static constexpr T scale = T(1.0507009873554804934), scale_alpha = T(1.0507009873554804934 * 1.6732632423543772848);
    static inline Vector<T> forward(Vector<T> z) {
        const Vector<T> below = exponential_minus_1<T>(min(set(T(0)), z));
        return fma(set(scale), max(set(T(0)), z), mul(set(scale_alpha), below));
    }
    static inline Vector<T> backward(Vector<T> da, Vector<T> z) {
        const Vector<T> above = positive(z), power = exponential<T>(min(set(T(0)), z));
        const Vector<T> slope_below = mul(mul(set(scale_alpha), power), sub(set(T(1)), above));
        return mul(da, fma(set(scale), above, slope_below));
    }
};
// [logistic]
template <class T> struct LogisticFunction {
    static inline Vector<T> forward(Vector<T> z) { return logistic<T>(z).of_z; }
    static inline Vector<T> backward(Vector<T> da, Vector<T> z) {
        const Logistic<T> s = logistic<T>(z);
        return mul(da, mul(s.of_z, s.of_minus_z));
    }
};
// [tanh]: 1 - a^2 is 4 sigma(2z) sigma(-2z), without the difference.
template <class T> struct Tanh {
    static inline Vector<T> forward(Vector<T> z) { return hyperbolic_tangent<T>(z); }
    static inline Vector<T> backward(Vector<T> da, Vector<T> z) {
        const Logistic<T> s = logistic<T>(add(z, z));
        return mul(da, mul(set(T(4)), mul(s.of_z, s.of_minus_z)));
    }
};
// [scaled-tanh]: likewise
template <class T> struct ScaledTanh {
    static inline Vector<T> forward(Vector<T> z) { return scaled_hyperbolic_tangent<T>(z); }
    static inline Vector<T> backward(Vector<T> da, Vector<T> z) {
        const Logistic<T> s = logistic<T>(mul(set(2 * scaled_tanh_slope<T>), z));
        return mul(da, mul(set(4 * scaled_tanh_amplitude<T> * scaled_tanh_slope<T>), mul(s.of_z, s.of_minus_z)));
    }
};
// [gelu]: max(0, z) - |z| Phi(-|z|); and back Phi(z) + z phi(z)
template <class T> struct GELU {
    static inline Vector<T> forward(Vector<T> z) {
        return fnma(min(set(farthest<T>), absolute<T>(z)), normal_distribution<T>(z).tail, max(set(T(0)), z));
    }
    static inline Vector<T> backward(Vector<T> da, Vector<T> z) {
        const Normal<T> normal = normal_distribution<T>(z);
        const Vector<T> above = positive(z), side = sub(set(T(1)), add(above, above));
        const Vector<T> within = min(set(farthest<T>), max(set(-farthest<T>), z));
        return mul(da, fma(within, normal.density, fma(side, normal.tail, above)));
    }
};
// [silu]
template <class T> struct SiLU {
    static inline Vector<T> forward(Vector<T> z) { return mul(z, logistic<T>(z).of_z); }
    static inline Vector<T> backward(Vector<T> da, Vector<T> z) {
        const Logistic<T> s = logistic<T>(z);
        return mul(da, mul(s.of_z, fma(z, s.of_minus_z, set(T(1)))));
    }
};
// [mish]: with e = e^z, T = e (e + 2) / (e (e + 2) + 2), and 1 - T^2 = (1 - T) (1 + T). Beyond 30, T is 1 and its slope 0,
// however large z.
template <class T> struct Mish {
    struct Parts {
        Vector<T> e, T_of_z, rest;  // rest: 1 - T
    };
    static inline Parts parts(Vector<T> z) {
        const Vector<T> e = exponential<T>(min(set(T(30)), z)), product = mul(e, add(e, set(T(2))));
        const Vector<T> whole = add(product, set(T(2)));
        return {e, div(product, whole), div(set(T(2)), whole)};
    }
    static inline Vector<T> forward(Vector<T> z) { return mul(z, parts(z).T_of_z); }
    static inline Vector<T> backward(Vector<T> da, Vector<T> z) {
        const Parts is = parts(z);
        const Vector<T> one = set(T(1)), sigma = div(is.e, add(one, is.e));
        const Vector<T> rest = mul(is.rest, positive(sub(set(T(30)), z)));
        const Vector<T> slope_of_T = mul(mul(rest, add(one, is.T_of_z)), sigma);
        return mul(da, fma(z, slope_of_T, is.T_of_z));
    }
};
// [softplus]
template <class T> struct Softplus {
    static inline Vector<T> forward(Vector<T> z) {
        return add(max(set(T(0)), z), logarithm_of_1_plus<T>(exponential<T>(negative<T>(absolute<T>(z)))));
    }
    static inline Vector<T> backward(Vector<T> da, Vector<T> z) { return mul(da, logistic<T>(z).of_z); }
};

// [a]. Zeros are written behind the last column, whatever f(0) is.
template <class F, class T> void bend(Panels<const T> z, Panels<T> a, Range rows, Range panels) {
    constexpr int width = panel_width<T>;
    for (int64_t panel = panels.begin; panel < panels.end; ++panel) {
        const int64_t some = least(width, z.columns - panel * width);
        for (int64_t row = rows.begin; row < rows.end; ++row) {
            const Sums<T> here = load_sums(row_of_panel(z, row, panel));
            T* const to = row_of_panel(a, row, panel);
            store_sums<T>(to, {F::forward(here.left), F::forward(here.right)});
            for (int64_t j = some; j < width; ++j) to[j] = T(0);
        }
    }
}

// [dz], in the place of da.
template <class F, class T> bool bend_back(Panels<const T> z, Panels<T> d, Range rows, Range panels) {
    Vector<T> zero_if_finite = set(T(0));
    for (int64_t panel = panels.begin; panel < panels.end; ++panel)
        for (int64_t row = rows.begin; row < rows.end; ++row) {
            const Sums<T> here = load_sums(row_of_panel(z, row, panel));
            T* const place = row_of_panel(d, row, panel);
            const Sums<T> da = load_sums(place);
            const Sums<T> dz{F::backward(da.left, here.left), F::backward(da.right, here.right)};
            zero_if_finite = zero_or_nan(zero_if_finite, mul(add(dz.left, dz.right), set(T(0))));
            store_sums(place, dz);
        }
    return nonzero_bits(zero_if_finite) == 0;
}

template <class T> void activation(Activation f, Panels<const T> z, Panels<T> a, Range rows, Range panels) {
    switch (f) {
        case Activation::leaky_relu: bend<LeakyReLU<T>>(z, a, rows, panels); break;
        case Activation::elu: bend<ELU<T>>(z, a, rows, panels); break;
        case Activation::selu: bend<SELU<T>>(z, a, rows, panels); break;
        case Activation::logistic: bend<LogisticFunction<T>>(z, a, rows, panels); break;
        case Activation::tanh: bend<Tanh<T>>(z, a, rows, panels); break;
        case Activation::scaled_tanh: bend<ScaledTanh<T>>(z, a, rows, panels); break;
        case Activation::gelu: bend<GELU<T>>(z, a, rows, panels); break;
        case Activation::silu: bend<SiLU<T>>(z, a, rows, panels); break;
        case Activation::mish: bend<Mish<T>>(z, a, rows, panels); break;
        case Activation::softplus: bend<Softplus<T>>(z, a, rows, panels); break;
        case Activation::identity:
        case Activation::relu: break;
    }
}

template <class T> bool activation_backward(Activation f, Panels<const T> z, Panels<T> d, Range rows, Range panels) {
    switch (f) {
        case Activation::leaky_relu: return bend_back<LeakyReLU<T>>(z, d, rows, panels);
        case Activation::elu: return bend_back<ELU<T>>(z, d, rows, panels);
        case Activation::selu: return bend_back<SELU<T>>(z, d, rows, panels);
        case Activation::logistic: return bend_back<LogisticFunction<T>>(z, d, rows, panels);
        case Activation::tanh: return bend_back<Tanh<T>>(z, d, rows, panels);
        case Activation::scaled_tanh: return bend_back<ScaledTanh<T>>(z, d, rows, panels);
        case Activation::gelu: return bend_back<GELU<T>>(z, d, rows, panels);
        case Activation::silu: return bend_back<SiLU<T>>(z, d, rows, panels);
        case Activation::mish: return bend_back<Mish<T>>(z, d, rows, panels);
        case Activation::softplus: return bend_back<Softplus<T>>(z, d, rows, panels);
        case Activation::identity:
        case Activation::relu: break;
    }
    return true;
}
