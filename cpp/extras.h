// What may be added to a step, and what it takes beside the kernels: names of streams, sums over all parameters.

#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include "engine.h"
#include "random_streams.h"
#include "threads.h"
#include "workspace.h"

namespace pellucid {

// As equations/beyond/extras.py has them; and where the random numbers stand.
struct Extras {
    double input_dropout = 0, dropout = 0, l2 = 0;
    double clip = std::numeric_limits<double>::infinity(), max_norm = std::numeric_limits<double>::infinity();
    uint64_t seed = 0;
    uint32_t epoch = 0;

    bool clips() const { return clip < std::numeric_limits<double>::infinity(); }
    bool drops() const { return input_dropout > 0 || dropout > 0; }
    bool constrains() const { return max_norm < std::numeric_limits<double>::infinity(); }
    // Of layer 0, the inputs, or of a hidden layer: 1, 2 ...
    double rate_of(int64_t layer) const { return layer == 0 ? input_dropout : dropout; }

    // [dropout]: a word below round(rate 2^32) leaves a unit out. Where even the highest word does, none is kept.
    template <class T> Dropout<T> dropout_of(int64_t layer) const {
        constexpr double highest = 4294967295.0;
        const double rate = rate_of(layer), threshold = std::nearbyint(rate * 4294967296.0);
        const bool all = threshold > highest;
        return {uint32_t(seed), uint32_t(seed >> 32), epoch, purpose_of_dropout + a_part_further * uint32_t(layer),
                all ? uint32_t(highest) : uint32_t(threshold), all ? T(0) : T(1 / (1 - rate))};
    }
};

// The sum of the squares of many numbers. Each block of them is added up by one member, and the sums of the blocks in their
// order: how many members there are changes no bit.
template <class T> class SumOfSquares {
  public:
    void of(const T* numbers, int64_t n) {
        for (int64_t at = 0; at < n; at += block_size) blocks_.push_back({numbers + at, std::min(block_size, n - at)});
        sums_ = Buffer<double>(int64_t(blocks_.size()));
    }
    void add_up(const Kernels<T>& kernels, int member, int members) {
        const Range mine = share_of({0, int64_t(blocks_.size())}, member, members);
        for (int64_t i = mine.begin; i < mine.end; ++i) {
            const Block& block = blocks_[size_t(i)];
            sums_[i] = kernels.sum_of_squares(block.numbers, block.n);
        }
    }
    // After all members have added up theirs.
    double total() const {
        double sum = 0;
        for (int64_t i = 0; i < sums_.size(); ++i) sum += sums_[i];
        return sum;
    }

  private:
    static constexpr int64_t block_size = 8192;
    struct Block {
        const T* numbers;
        int64_t n;
    };
    std::vector<Block> blocks_;
    Buffer<double> sums_;
};

}  // namespace pellucid
