// The words for any processor: four float32 or two float64 in a vector of GCC's and Clang's, which is what every machine of
// an architecture has (SSE2 on x86-64, NEON on aarch64). From arrays in its place GCC makes products fifty times as slow.
//
// Included inside a namespace: no other header may be included here.

template <class T> struct Lanes {
    static constexpr int n = 16 / int(sizeof(T));
    typedef T All __attribute__((vector_size(16)));
    All lane;
};
template <class T> using Vector = Lanes<T>;
template <class T> constexpr int lanes = Lanes<T>::n;
constexpr int tile_rows = 4;

template <class T> inline Lanes<T> load(const T* p) {
    Lanes<T> result;
    __builtin_memcpy(&result, p, sizeof result);
    return result;
}
template <class T> inline void store(T* p, Lanes<T> a) { __builtin_memcpy(p, &a, sizeof a); }
inline Lanes<float> set(float a) { return {Lanes<float>::All{a, a, a, a}}; }
inline Lanes<double> set(double a) { return {Lanes<double>::All{a, a}}; }

template <class T> inline Lanes<T> add(Lanes<T> a, Lanes<T> b) {
    a.lane += b.lane;
    return a;
}
template <class T> inline Lanes<T> sub(Lanes<T> a, Lanes<T> b) {
    a.lane -= b.lane;
    return a;
}
template <class T> inline Lanes<T> mul(Lanes<T> a, Lanes<T> b) {
    a.lane *= b.lane;
    return a;
}
template <class T> inline Lanes<T> div(Lanes<T> a, Lanes<T> b) {
    a.lane /= b.lane;
    return a;
}
// Two roundings, where the other targets have one: a fused step in software would be many times slower.
template <class T> inline Lanes<T> fma(Lanes<T> a, Lanes<T> b, Lanes<T> c) { return add(mul(a, b), c); }
template <class T> inline Lanes<T> fnma(Lanes<T> a, Lanes<T> b, Lanes<T> c) { return sub(c, mul(a, b)); }

template <class T> inline Lanes<T> sqrt(Lanes<T> a) {
    for (int i = 0; i < lanes<T>; ++i) a.lane[i] = square_root(a.lane[i]);
    return a;
}

// max(a, b) and min(a, b) are b where either is NaN, or where both are zeros.
template <class T> inline Lanes<T> max(Lanes<T> a, Lanes<T> b) {
    for (int i = 0; i < lanes<T>; ++i) a.lane[i] = a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i];
    return a;
}
template <class T> inline Lanes<T> min(Lanes<T> a, Lanes<T> b) {
    for (int i = 0; i < lanes<T>; ++i) a.lane[i] = a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i];
    return a;
}

// For sums of zeros that must show a NaN.
template <class T> inline Lanes<T> zero_or_nan(Lanes<T> a, Lanes<T> b) { return add(a, b); }

// positive(a) is 1 where a > 0, else 0.
template <class T> inline Lanes<T> positive(Lanes<T> a) {
    for (int i = 0; i < lanes<T>; ++i) a.lane[i] = a.lane[i] > 0 ? T(1) : T(0);
    return a;
}

// One bit a lane: where a is not zero (NaN is not), where a equals b.
template <class T> inline unsigned nonzero_bits(Lanes<T> a) {
    unsigned bits = 0;
    for (int i = 0; i < lanes<T>; ++i) bits |= unsigned(a.lane[i] != 0) << i;
    return bits;
}
template <class T> inline unsigned equal_bits(Lanes<T> a, Lanes<T> b) {
    unsigned bits = 0;
    for (int i = 0; i < lanes<T>; ++i) bits |= unsigned(a.lane[i] == b.lane[i]) << i;
    return bits;
}

// To the nearest whole number: adding 1.5 x 2^23 (2^52) pushes the fraction out of the significand.
inline Lanes<float> round(Lanes<float> a) { return sub(add(a, set(12582912.0f)), set(12582912.0f)); }
inline Lanes<double> round(Lanes<double> a) { return sub(add(a, set(6755399441055744.0)), set(6755399441055744.0)); }

// 2 to the power of a whole number within the exponents of normal numbers.
template <class T> inline Lanes<T> two_to_the(Lanes<T> n) {
    for (int i = 0; i < lanes<T>; ++i) n.lane[i] = power_of_two(n.lane[i]);
    return n;
}

// The lanes added in pairs: a fixed order.
inline double sum(Lanes<double> a) { return a.lane[0] + a.lane[1]; }
inline float sum(Lanes<float> a) { return (a.lane[0] + a.lane[2]) + (a.lane[1] + a.lane[3]); }

// The largest lane, whatever it is where one is NaN.
template <class T> inline T largest(Lanes<T> a) {
    T result = a.lane[0];
    for (int i = 1; i < lanes<T>; ++i) result = a.lane[i] > result ? a.lane[i] : result;
    return result;
}

// Whole numbers of 64 bits, as many as lanes<double>; and the products of their low halves.
typedef uint64_t Whole __attribute__((vector_size(16)));
inline Whole product_of_low_halves(Whole a, Whole b) { return (a & 0xFFFFFFFF) * (b & 0xFFFFFFFF); }

// The four bytes of the words at some whole places, the lowest first.
template <class T> inline void gather_bytes(const uint32_t* from, Lanes<T> at, Lanes<T> (&bytes)[4]) {
    for (int i = 0; i < lanes<T>; ++i) {
        const uint32_t word = from[int64_t(at.lane[i])];
        for (int byte = 0; byte < 4; ++byte) bytes[byte].lane[i] = T(word >> 8 * byte & 255);
    }
}
// The numbers at some whole places.
template <class T> inline Lanes<T> gather(const T* from, Lanes<T> at) {
    for (int i = 0; i < lanes<T>; ++i) at.lane[i] = from[int64_t(at.lane[i])];
    return at;
}

// As many bytes as there are lanes, from memory and back; numbers are rounded to the nearest whole one.
template <class T> inline Lanes<T> of_bytes(const uint8_t* p) {
    Lanes<T> result;
    for (int i = 0; i < lanes<T>; ++i) result.lane[i] = T(p[i]);
    return result;
}
template <class T> inline void to_bytes(uint8_t* p, Lanes<T> a) {
    a = round(a);
    for (int i = 0; i < lanes<T>; ++i) p[i] = uint8_t(int32_t(a.lane[i]));
}

// Which of 64 bytes are not zero: one bit a byte.
inline uint64_t nonzero_bytes(const uint8_t* p) {
    uint64_t bits = 0;
    for (int i = 0; i < 64; ++i) bits |= uint64_t(p[i] != 0) << i;
    return bits;
}
