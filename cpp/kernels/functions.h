// Functions that no processor has an instruction for, made of the words that it has: each lane by itself, without a branch.
// NaN stays NaN.

// max and min keep a NaN of their second operand alone, which is why it is always the number that comes second here.
template <class T> inline Vector<T> negative(Vector<T> x) { return sub(set(T(0)), x); }
template <class T> inline Vector<T> absolute(Vector<T> x) { return max(x, negative<T>(x)); }

// c_0 + c_1 x + c_2 x^2 ...
template <int terms, class T> inline Vector<T> polynomial(const T (&c)[terms], Vector<T> x, int used = terms) {
    Vector<T> sum = set(c[used - 1]);
#pragma GCC unroll 32
    for (int k = used - 2; k >= 0; --k) sum = fma(sum, x, set(c[k]));
    return sum;
}

// x = n log 2 + r, with n whole and |r| <= log(2)/2.
template <class T> struct Reduced {
    Vector<T> n, r;
};
template <class T> inline Reduced<T> reduced(Vector<T> x) {
    constexpr bool single = sizeof(T) == 4;
    constexpr T log2_high = single ? T(0.693359375) : T(0.693147180369123816490);  // few bits: n times it is exact
    constexpr T log2_low = single ? T(-2.12194440054690582e-4) : T(1.90821492927058770e-10);
    const Vector<T> n = round(mul(x, set(T(1.44269504088896340736))));
    return {n, fma(n, set(-log2_low), fma(n, set(-log2_high), x))};
}

template <class T> constexpr int exponential_terms = sizeof(T) == 4 ? 8 : 14;
template <class T> constexpr T one_over_factorial[] = {
    1, 1, T(1.0 / 2), T(1.0 / 6), T(1.0 / 24), T(1.0 / 120), T(1.0 / 720), T(1.0 / 5040), T(1.0 / 40320), T(1.0 / 362880),
    T(1.0 / 3628800), T(1.0 / 39916800), T(1.0 / 479001600), T(1.0 / 6227020800.0)};
template <class T> constexpr T one_over_next_factorial[] = {  // of (e^x - 1) / x
    1, T(1.0 / 2), T(1.0 / 6), T(1.0 / 24), T(1.0 / 120), T(1.0 / 720), T(1.0 / 5040), T(1.0 / 40320), T(1.0 / 362880),
    T(1.0 / 3628800), T(1.0 / 39916800), T(1.0 / 479001600), T(1.0 / 6227020800.0)};

// e^x = 2^n e^r, and e^r is its Taylor series, long enough for the type. 2^n is multiplied in two halves, so that results
// below the normal numbers are right, too (where those do not count as 0), and those above are infinite.
template <class T> inline Vector<T> exponential(Vector<T> x) {
    constexpr bool single = sizeof(T) == 4;
    constexpr T lowest = single ? T(-104) : T(-746), highest = single ? T(89) : T(710);  // there it is 0, there infinite
    const Vector<T> within = min(set(highest), max(set(lowest), x));
    const Reduced<T> x_is = reduced<T>(within);
    const Vector<T> series = polynomial(one_over_factorial<T>, x_is.r, exponential_terms<T>);
    const Vector<T> half = round(mul(x_is.n, set(T(0.5))));
    const Vector<T> not_zero = positive(sub(within, set(lowest)));  // a product that is rounded to 0 would take a hundred cycles
    return mul(mul(series, two_to_the(half)), mul(two_to_the(sub(x_is.n, half)), not_zero));
}

// e^x - 1 for x <= 0, also near 0 to the last bits: 2^n (e^r - 1) + (2^n - 1).
template <class T> inline Vector<T> exponential_minus_1(Vector<T> x) {
    const Reduced<T> x_is = reduced<T>(max(set(T(-40)), x));  // there it is -1
    const Vector<T> series = mul(x_is.r, polynomial(one_over_next_factorial<T>, x_is.r, exponential_terms<T> - 1));
    const Vector<T> power = two_to_the(x_is.n);
    return fma(series, power, sub(power, set(T(1))));
}

// log(1 + x) for 0 <= x <= 1: with s = x / (2 + x) it is log((1 + s) / (1 - s)) = 2 (s + s^3/3 + s^5/5 ...).
template <class T> inline Vector<T> logarithm_of_1_plus(Vector<T> x) {
    constexpr int terms = sizeof(T) == 4 ? 8 : 17;
    constexpr T one_over_odd[] = {1, T(1.0 / 3), T(1.0 / 5), T(1.0 / 7), T(1.0 / 9), T(1.0 / 11), T(1.0 / 13), T(1.0 / 15),
                                  T(1.0 / 17), T(1.0 / 19), T(1.0 / 21), T(1.0 / 23), T(1.0 / 25), T(1.0 / 27), T(1.0 / 29),
                                  T(1.0 / 31), T(1.0 / 33)};
    const Vector<T> s = div(x, add(x, set(T(2))));
    return mul(mul(set(T(2)), s), polynomial(one_over_odd, mul(s, s), terms));
}

// [logistic], of z and of -z, as e^-|z| gives both: no difference from 1 is taken.
template <class T> struct Logistic {
    Vector<T> of_z, of_minus_z;
};
template <class T> inline Logistic<T> logistic_of_power(Vector<T> z, Vector<T> e) {
    const Vector<T> one = set(T(1)), below = positive(negative<T>(z)), above = sub(one, below), sum = add(one, e);
    return {div(add(mul(below, e), above), sum), div(add(mul(above, e), below), sum)};
}
template <class T> inline Logistic<T> logistic(Vector<T> z) {
    return logistic_of_power<T>(z, exponential<T>(negative<T>(absolute<T>(z))));
}

// [tanh]: with t = e^(-2|z|) - 1 it is -t / (2 + t) for |z|, and odd.
template <class T> inline Vector<T> hyperbolic_tangent(Vector<T> z) {
    const Vector<T> t = exponential_minus_1<T>(mul(set(T(-2)), absolute<T>(z)));
    const Vector<T> side = sub(positive(negative<T>(z)), positive(z));
    return mul(side, div(t, add(set(T(2)), t)));
}

// [scaled-tanh]
template <class T> constexpr T scaled_tanh_amplitude = T(1.7159);
template <class T> constexpr T scaled_tanh_slope = T(2.0 / 3);
template <class T> inline Vector<T> scaled_hyperbolic_tangent(Vector<T> z) {
    return mul(set(scaled_tanh_amplitude<T>), hyperbolic_tangent<T>(mul(set(scaled_tanh_slope<T>), z)));
}

// [normal-cdf]: Phi(-|z|) and the density, as equations/beyond/normal_distribution.py has them.
template <class T> struct Normal {
    Vector<T> tail, density;
};
template <class T> constexpr T farthest = 40;
template <class T> inline Normal<T> normal_distribution(Vector<T> z) {
    constexpr T P[] = {
        T(0.7552851304157515), T(-0.6078966419718917), T(0.38713740074221936), T(-0.1865218579596934),
        T(0.06039657489067665), T(-0.007540188965625017), T(-0.0034796923618040597), T(0.0016308184424805887),
        T(0.00013334424978358428), T(-0.00023109482414997105), T(-1.9078434059248706e-06), T(3.51442149682578e-05),
        T(7.149308325478401e-07), T(-5.919013186154044e-06), T(-6.249906995369785e-07), T(1.0200713392568465e-06),
        T(2.6354310560684456e-07), T(-1.546196819122192e-07), T(-7.634712843441086e-08), T(1.4842390072751344e-08),
        T(1.3976528155950821e-08), T(-1.015295717649618e-11), T(-9.990624160023276e-10)};
    constexpr T centre = 4, one_over_root_of_2_pi = T(0.39894228040143267794);
    const Vector<T> m = min(set(farthest<T>), absolute<T>(z));
    const Vector<T> v = div(set(T(1)), add(m, set(centre)));
    const Vector<T> power = exponential<T>(mul(mul(m, m), set(T(-0.5))));
    const Vector<T> tail = mul(power, mul(polynomial(P, mul(sub(m, set(centre)), v)), v));
    return {tail, mul(power, set(one_over_root_of_2_pi))};
}
