// Whether no number is infinite or NaN: their exponents have all bits set.

#pragma once

#include <cstdint>
#include <cstring>

#include "engine.h"

namespace pellucid {

template <class T, class Word, Word exponent> bool all_finite_words(const void* data, int64_t n) {
    const char* from = static_cast<const char*>(data);
    constexpr int64_t block = 4096;  // a bad number ends the search
    for (int64_t begin = 0; begin < n; begin += block) {
        Word bad = 0;
        for (int64_t i = begin; i < (n - begin < block ? n : begin + block); ++i) {
            Word word;
            std::memcpy(&word, from + i * int64_t(sizeof word), sizeof word);
            bad |= (word & exponent) == exponent;
        }
        if (bad) return false;
    }
    return true;
}
inline bool all_finite(const float* data, int64_t n) { return all_finite_words<float, uint32_t, 0x7F800000>(data, n); }
inline bool all_finite(const double* data, int64_t n) {
    return all_finite_words<double, uint64_t, 0x7FF0000000000000>(data, n);
}
inline bool all_finite(const void* data, InputType type, int64_t n) {
    if (type == InputType::uint8) return true;
    return type == InputType::float32 ? all_finite(static_cast<const float*>(data), n)
                                      : all_finite(static_cast<const double*>(data), n);
}

}  // namespace pellucid
