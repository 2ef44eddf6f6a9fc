// [philox], [permutation]: the same numbers as equations/random_streams.py.

#pragma once

#include <cstdint>

namespace pellucid {

// Shuffle 0 ... n - 1 by sorting 64 random bits for each.
void permutation(uint64_t seed, uint32_t purpose, uint32_t epoch, int64_t n, int64_t* order);

}  // namespace pellucid
