// The words for AVX-512 (F, BW, DQ, VL): sixteen float32 or eight float64 in a register, thirty-two registers.
//
// Included inside an open target region and namespace: no other header may be included here.

template <class T> struct Register;
template <> struct Register<float> { using type = __m512; };
template <> struct Register<double> { using type = __m512d; };
template <class T> using Vector = typename Register<T>::type;
template <class T> constexpr int lanes = 64 / int(sizeof(T));
constexpr int tile_rows = 8;  // 8 rows x 2 vectors of sums: enough to hide the latency; A is broadcast from memory

inline __m512 load(const float* p) { return _mm512_loadu_ps(p); }
inline __m512d load(const double* p) { return _mm512_loadu_pd(p); }
inline void store(float* p, __m512 a) { _mm512_storeu_ps(p, a); }
inline void store(double* p, __m512d a) { _mm512_storeu_pd(p, a); }
inline __m512 set(float a) { return _mm512_set1_ps(a); }
inline __m512d set(double a) { return _mm512_set1_pd(a); }

inline __m512 add(__m512 a, __m512 b) { return _mm512_add_ps(a, b); }
inline __m512d add(__m512d a, __m512d b) { return _mm512_add_pd(a, b); }
inline __m512 sub(__m512 a, __m512 b) { return _mm512_sub_ps(a, b); }
inline __m512d sub(__m512d a, __m512d b) { return _mm512_sub_pd(a, b); }
inline __m512 mul(__m512 a, __m512 b) { return _mm512_mul_ps(a, b); }
inline __m512d mul(__m512d a, __m512d b) { return _mm512_mul_pd(a, b); }
inline __m512 div(__m512 a, __m512 b) { return _mm512_div_ps(a, b); }
inline __m512d div(__m512d a, __m512d b) { return _mm512_div_pd(a, b); }
inline __m512 fma(__m512 a, __m512 b, __m512 c) { return _mm512_fmadd_ps(a, b, c); }
inline __m512d fma(__m512d a, __m512d b, __m512d c) { return _mm512_fmadd_pd(a, b, c); }
// fnma(a, b, c) is c - a b, rounded once.
inline __m512 fnma(__m512 a, __m512 b, __m512 c) { return _mm512_fnmadd_ps(a, b, c); }
inline __m512d fnma(__m512d a, __m512d b, __m512d c) { return _mm512_fnmadd_pd(a, b, c); }
inline __m512 sqrt(__m512 a) { return _mm512_sqrt_ps(a); }
inline __m512d sqrt(__m512d a) { return _mm512_sqrt_pd(a); }

// max(a, b) and min(a, b) are b where either is NaN, or where both are zeros.
inline __m512 max(__m512 a, __m512 b) { return _mm512_max_ps(a, b); }
inline __m512d max(__m512d a, __m512d b) { return _mm512_max_pd(a, b); }
inline __m512 min(__m512 a, __m512 b) { return _mm512_min_ps(a, b); }
inline __m512d min(__m512d a, __m512d b) { return _mm512_min_pd(a, b); }

// For sums of zeros that must show a NaN: a or b, bit by bit, quicker than an addition. Lanes of 0 or -0 stay so.
inline __m512 zero_or_nan(__m512 a, __m512 b) { return _mm512_or_ps(a, b); }
inline __m512d zero_or_nan(__m512d a, __m512d b) { return _mm512_or_pd(a, b); }

// positive(a) is 1 where a > 0, else 0.
inline __m512 positive(__m512 a) { return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, set(0.0f), _CMP_GT_OQ), set(1.0f)); }
inline __m512d positive(__m512d a) { return _mm512_maskz_mov_pd(_mm512_cmp_pd_mask(a, set(0.0), _CMP_GT_OQ), set(1.0)); }

// One bit a lane: where a is not zero (NaN is not), where a equals b.
inline unsigned nonzero_bits(__m512 a) { return _mm512_cmp_ps_mask(a, set(0.0f), _CMP_NEQ_UQ); }
inline unsigned nonzero_bits(__m512d a) { return _mm512_cmp_pd_mask(a, set(0.0), _CMP_NEQ_UQ); }
inline unsigned equal_bits(__m512 a, __m512 b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
inline unsigned equal_bits(__m512d a, __m512d b) { return _mm512_cmp_pd_mask(a, b, _CMP_EQ_OQ); }

inline __m512 round(__m512 a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
inline __m512d round(__m512d a) { return _mm512_roundscale_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

// 2 to the power of a whole number within the exponents of normal numbers.
inline __m512 two_to_the(__m512 n) { return _mm512_scalef_ps(set(1.0f), n); }
inline __m512d two_to_the(__m512d n) { return _mm512_scalef_pd(set(1.0), n); }

// The lanes added in pairs: a fixed order, spelled out because a compiler may reduce in another.
inline double sum(__m512d a) {
    const __m256d b = _mm256_add_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd(a, 1));
    const __m128d c = _mm_add_pd(_mm256_castpd256_pd128(b), _mm256_extractf128_pd(b, 1));
    return _mm_cvtsd_f64(_mm_add_sd(c, _mm_unpackhi_pd(c, c)));
}
inline float sum(__m512 a) {
    const __m256 b = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
    c = _mm_add_ps(c, _mm_movehl_ps(c, c));
    return _mm_cvtss_f32(_mm_add_ss(c, _mm_shuffle_ps(c, c, 1)));
}

// The largest lane, whatever it is where one is NaN.
inline double largest(__m512d a) {
    const __m256d b = _mm256_max_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd(a, 1));
    const __m128d c = _mm_max_pd(_mm256_castpd256_pd128(b), _mm256_extractf128_pd(b, 1));
    return _mm_cvtsd_f64(_mm_max_sd(c, _mm_unpackhi_pd(c, c)));
}
inline float largest(__m512 a) {
    const __m256 b = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 c = _mm_max_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
    c = _mm_max_ps(c, _mm_movehl_ps(c, c));
    return _mm_cvtss_f32(_mm_max_ss(c, _mm_shuffle_ps(c, c, 1)));
}

// Whole numbers of 64 bits, as many as lanes<double>; and the products of their low halves.
typedef uint64_t Whole __attribute__((vector_size(sizeof(__m512i))));
inline Whole product_of_low_halves(Whole a, Whole b) { return Whole(_mm512_mul_epu32(__m512i(a), __m512i(b))); }

// The four bytes of the words at some whole places, the lowest first.
inline void gather_bytes(const uint32_t* from, __m512 at, __m512 (&bytes)[4]) {
    const __m512i words = _mm512_i32gather_epi32(_mm512_cvtps_epi32(at), from, 4), low = _mm512_set1_epi32(255);
    bytes[0] = _mm512_cvtepi32_ps(_mm512_and_si512(words, low));
    bytes[1] = _mm512_cvtepi32_ps(_mm512_and_si512(_mm512_srli_epi32(words, 8), low));
    bytes[2] = _mm512_cvtepi32_ps(_mm512_and_si512(_mm512_srli_epi32(words, 16), low));
    bytes[3] = _mm512_cvtepi32_ps(_mm512_srli_epi32(words, 24));
}
inline void gather_bytes(const uint32_t* from, __m512d at, __m512d (&bytes)[4]) {
    const __m256i words = _mm256_i32gather_epi32(reinterpret_cast<const int*>(from), _mm512_cvtpd_epi32(at), 4);
    const __m256i low = _mm256_set1_epi32(255);
    bytes[0] = _mm512_cvtepi32_pd(_mm256_and_si256(words, low));
    bytes[1] = _mm512_cvtepi32_pd(_mm256_and_si256(_mm256_srli_epi32(words, 8), low));
    bytes[2] = _mm512_cvtepi32_pd(_mm256_and_si256(_mm256_srli_epi32(words, 16), low));
    bytes[3] = _mm512_cvtepi32_pd(_mm256_srli_epi32(words, 24));
}
// The numbers at some whole places.
inline __m512 gather(const float* from, __m512 at) { return _mm512_i32gather_ps(_mm512_cvtps_epi32(at), from, 4); }
inline __m512d gather(const double* from, __m512d at) { return _mm512_i32gather_pd(_mm512_cvtpd_epi32(at), from, 8); }

// As many bytes as there are lanes, from memory and back; numbers are rounded to the nearest whole one.
template <class T> inline Vector<T> of_bytes(const uint8_t* p);
template <> inline __m512 of_bytes<float>(const uint8_t* p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
template <> inline __m512d of_bytes<double>(const uint8_t* p) {
    return _mm512_cvtepi32_pd(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
inline void to_bytes(uint8_t* p, __m512 a) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(a)));
}
inline void to_bytes(uint8_t* p, __m512d a) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm256_cvtepi32_epi8(_mm512_cvtpd_epi32(a)));
}

// Which of 64 bytes are not zero: one bit a byte.
inline uint64_t nonzero_bytes(const uint8_t* p) {
    const __m512i bytes = _mm512_loadu_si512(p);
    return _mm512_test_epi8_mask(bytes, bytes);
}
