// dW and db of all layers, and gradients that are the sum of several.

#pragma once

#include <algorithm>
#include <vector>

#include "network.h"

namespace pellucid {

// Where dW and db are added up, or wait for what becomes of them.
template <class T> struct Gradient {
    std::vector<Buffer<T>> dW, db;

    Gradient(const std::vector<PackedLayer<T>>& layers, bool is_there) {
        for (const PackedLayer<T>& layer : layers) {
            dW.push_back(is_there ? Buffer<T>(layer.W.theta.size()) : Buffer<T>());
            db.push_back(is_there ? Buffer<T>(layer.b.theta.size()) : Buffer<T>());
        }
    }
};

constexpr int most_summands = 8;

// Their sum, in this order.
template <class T> class Gradients {
  public:
    void add(const Gradient<T>& gradient) { of_[count_++] = &gradient; }

    // From an element of dW, or of db, on. Good as long as `room` is.
    using Room = const T* [most_summands];
    Summands<T> dW(int64_t l, int64_t at, Room& room) const {
        std::transform(of_, of_ + count_, room, [&](const Gradient<T>* each) { return each->dW[size_t(l)].data() + at; });
        return {room, count_};
    }
    Summands<T> db(int64_t l, int64_t at, Room& room) const {
        std::transform(of_, of_ + count_, room, [&](const Gradient<T>* each) { return each->db[size_t(l)].data() + at; });
        return {room, count_};
    }

  private:
    const Gradient<T>* of_[most_summands];
    int count_ = 0;
};

}  // namespace pellucid
