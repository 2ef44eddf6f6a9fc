// [philox], [uniform], [permutation]: the same numbers as equations/random_streams.py.

#pragma once

#include <cstdint>

namespace pellucid {

// Purposes, as equations/random_streams.py numbers them; each part of one, a layer say, is so much further.
constexpr uint32_t purpose_of_dropout = 4, purpose_of_augmentation = 5, a_part_further = 65536;

// [uniform]: the first n numbers of an example's stream.
void uniforms(uint64_t seed, uint32_t purpose, uint32_t epoch, uint32_t example, int n, double* u);

// By their series, as equations/beyond/affine_map.py sums them: the same bits everywhere.
struct SineAndCosine {
    double sine, cosine;
};
SineAndCosine sine_and_cosine(double angle);

// Shuffle 0 ... n - 1 by sorting 64 random bits for each.
void permutation(uint64_t seed, uint32_t purpose, uint32_t epoch, int64_t n, int64_t* order);

}  // namespace pellucid
