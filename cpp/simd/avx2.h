// The words for AVX2 + FMA: eight float32 or four float64 in a register, sixteen registers.
//
// Included inside an open target region and namespace: no other header may be included here.

template <class T> struct Register;
template <> struct Register<float> { using type = __m256; };
template <> struct Register<double> { using type = __m256d; };
template <class T> using Vector = typename Register<T>::type;
template <class T> constexpr int lanes = 32 / int(sizeof(T));
constexpr int tile_rows = 6;  // 6 rows x 2 vectors of sums, 2 vectors of B and 1 of A: 15 of 16 registers

inline __m256 load(const float* p) { return _mm256_loadu_ps(p); }
inline __m256d load(const double* p) { return _mm256_loadu_pd(p); }
inline void store(float* p, __m256 a) { _mm256_storeu_ps(p, a); }
inline void store(double* p, __m256d a) { _mm256_storeu_pd(p, a); }
inline __m256 set(float a) { return _mm256_set1_ps(a); }
inline __m256d set(double a) { return _mm256_set1_pd(a); }

inline __m256 add(__m256 a, __m256 b) { return _mm256_add_ps(a, b); }
inline __m256d add(__m256d a, __m256d b) { return _mm256_add_pd(a, b); }
inline __m256 sub(__m256 a, __m256 b) { return _mm256_sub_ps(a, b); }
inline __m256d sub(__m256d a, __m256d b) { return _mm256_sub_pd(a, b); }
inline __m256 mul(__m256 a, __m256 b) { return _mm256_mul_ps(a, b); }
inline __m256d mul(__m256d a, __m256d b) { return _mm256_mul_pd(a, b); }
inline __m256 div(__m256 a, __m256 b) { return _mm256_div_ps(a, b); }
inline __m256d div(__m256d a, __m256d b) { return _mm256_div_pd(a, b); }
inline __m256 fma(__m256 a, __m256 b, __m256 c) { return _mm256_fmadd_ps(a, b, c); }
inline __m256d fma(__m256d a, __m256d b, __m256d c) { return _mm256_fmadd_pd(a, b, c); }
// fnma(a, b, c) is c - a b, rounded once.
inline __m256 fnma(__m256 a, __m256 b, __m256 c) { return _mm256_fnmadd_ps(a, b, c); }
inline __m256d fnma(__m256d a, __m256d b, __m256d c) { return _mm256_fnmadd_pd(a, b, c); }
inline __m256 sqrt(__m256 a) { return _mm256_sqrt_ps(a); }
inline __m256d sqrt(__m256d a) { return _mm256_sqrt_pd(a); }

// max(a, b) and min(a, b) are b where either is NaN, or where both are zeros.
inline __m256 max(__m256 a, __m256 b) { return _mm256_max_ps(a, b); }
inline __m256d max(__m256d a, __m256d b) { return _mm256_max_pd(a, b); }
inline __m256 min(__m256 a, __m256 b) { return _mm256_min_ps(a, b); }
inline __m256d min(__m256d a, __m256d b) { return _mm256_min_pd(a, b); }

// For sums of zeros that must show a NaN: a or b, bit by bit, quicker than an addition. Lanes of 0 or -0 stay so.
inline __m256 zero_or_nan(__m256 a, __m256 b) { return _mm256_or_ps(a, b); }
inline __m256d zero_or_nan(__m256d a, __m256d b) { return _mm256_or_pd(a, b); }

// positive(a) is 1 where a > 0, else 0.
inline __m256 positive(__m256 a) { return _mm256_and_ps(_mm256_cmp_ps(a, set(0.0f), _CMP_GT_OQ), set(1.0f)); }
inline __m256d positive(__m256d a) { return _mm256_and_pd(_mm256_cmp_pd(a, set(0.0), _CMP_GT_OQ), set(1.0)); }

// One bit a lane: where a is not zero (NaN is not), where a equals b.
inline unsigned nonzero_bits(__m256 a) { return unsigned(_mm256_movemask_ps(_mm256_cmp_ps(a, set(0.0f), _CMP_NEQ_UQ))); }
inline unsigned nonzero_bits(__m256d a) { return unsigned(_mm256_movemask_pd(_mm256_cmp_pd(a, set(0.0), _CMP_NEQ_UQ))); }
inline unsigned equal_bits(__m256 a, __m256 b) { return unsigned(_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_EQ_OQ))); }
inline unsigned equal_bits(__m256d a, __m256d b) { return unsigned(_mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_EQ_OQ))); }

inline __m256 round(__m256 a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
inline __m256d round(__m256d a) { return _mm256_round_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

// 2 to the power of a whole number within the exponents of normal numbers: the number is written into the exponent's bits.
inline __m256 two_to_the(__m256 n) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23));
}
inline __m256d two_to_the(__m256d n) {
    const __m256d whole_below = set(6755399441055744.0);  // 1.5 x 2^52: adding it leaves n in the lowest bits
    const __m256i bits = _mm256_castpd_si256(add(n, whole_below));
    return _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_add_epi64(bits, _mm256_set1_epi64x(1023)), 52));
}

// The lanes added in pairs at distance 4, 2, 1: a fixed order.
inline double sum(__m256d a) {
    const __m128d b = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    return _mm_cvtsd_f64(_mm_add_sd(b, _mm_unpackhi_pd(b, b)));
}
inline float sum(__m256 a) {
    __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_add_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_add_ss(b, _mm_shuffle_ps(b, b, 1)));
}

// The largest lane, whatever it is where one is NaN.
inline double largest(__m256d a) {
    const __m128d b = _mm_max_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    return _mm_cvtsd_f64(_mm_max_sd(b, _mm_unpackhi_pd(b, b)));
}
inline float largest(__m256 a) {
    __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    b = _mm_max_ps(b, _mm_movehl_ps(b, b));
    return _mm_cvtss_f32(_mm_max_ss(b, _mm_shuffle_ps(b, b, 1)));
}

// Whole numbers of 64 bits, as many as lanes<double>; and the products of their low halves.
typedef uint64_t Whole __attribute__((vector_size(sizeof(__m256i))));
inline Whole product_of_low_halves(Whole a, Whole b) { return Whole(_mm256_mul_epu32(__m256i(a), __m256i(b))); }

// The four bytes of the words at some whole places, the lowest first.
inline void gather_bytes(const uint32_t* from, __m256 at, __m256 (&bytes)[4]) {
    const __m256i words = _mm256_i32gather_epi32(reinterpret_cast<const int*>(from), _mm256_cvtps_epi32(at), 4);
    const __m256i low = _mm256_set1_epi32(255);
    bytes[0] = _mm256_cvtepi32_ps(_mm256_and_si256(words, low));
    bytes[1] = _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(words, 8), low));
    bytes[2] = _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(words, 16), low));
    bytes[3] = _mm256_cvtepi32_ps(_mm256_srli_epi32(words, 24));
}
inline void gather_bytes(const uint32_t* from, __m256d at, __m256d (&bytes)[4]) {
    const __m128i words = _mm_i32gather_epi32(reinterpret_cast<const int*>(from), _mm256_cvtpd_epi32(at), 4);
    const __m128i low = _mm_set1_epi32(255);
    bytes[0] = _mm256_cvtepi32_pd(_mm_and_si128(words, low));
    bytes[1] = _mm256_cvtepi32_pd(_mm_and_si128(_mm_srli_epi32(words, 8), low));
    bytes[2] = _mm256_cvtepi32_pd(_mm_and_si128(_mm_srli_epi32(words, 16), low));
    bytes[3] = _mm256_cvtepi32_pd(_mm_srli_epi32(words, 24));
}
// The numbers at some whole places.
inline __m256 gather(const float* from, __m256 at) { return _mm256_i32gather_ps(from, _mm256_cvtps_epi32(at), 4); }
inline __m256d gather(const double* from, __m256d at) { return _mm256_i32gather_pd(from, _mm256_cvtpd_epi32(at), 8); }

// As many bytes as there are lanes, from memory and back; numbers are rounded to the nearest whole one.
template <class T> inline Vector<T> of_bytes(const uint8_t* p);
template <> inline __m256 of_bytes<float>(const uint8_t* p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
template <> inline __m256d of_bytes<double>(const uint8_t* p) {
    int four;
    __builtin_memcpy(&four, p, sizeof four);
    return _mm256_cvtepi32_pd(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(four)));
}
inline void to_bytes(uint8_t* p, __m256 a) {
    const __m256i whole = _mm256_cvtps_epi32(a);
    const __m128i halves = _mm_packus_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(halves, halves));
}
inline void to_bytes(uint8_t* p, __m256d a) {
    const __m128i whole = _mm256_cvtpd_epi32(a), halves = _mm_packus_epi32(whole, whole);
    const int four = _mm_cvtsi128_si32(_mm_packus_epi16(halves, halves));
    __builtin_memcpy(p, &four, sizeof four);
}

// Which of 64 bytes are not zero: one bit a byte.
inline uint64_t nonzero_bytes(const uint8_t* p) {
    const __m256i zero = _mm256_setzero_si256();
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32));
    const uint64_t low_zeros = uint32_t(_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, zero)));
    const uint64_t high_zeros = uint32_t(_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, zero)));
    return ~(low_zeros | high_zeros << 32);
}
