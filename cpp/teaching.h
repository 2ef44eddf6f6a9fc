// [distillation]: what a teacher says to the rows of the steps ahead, a block of them at a time.
//
// All members of a team ask it together, each for some rows; nobody takes a step meanwhile. Its answer to a row has the same bits
// whoever asks, and among whatever rows.

#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <vector>

#include "engine.h"
#include "predict.h"

namespace pellucid {

// A teacher, lambda and T; nobody where it is null.
template <class T> struct Teacher {
    const Predictor<T>* network = nullptr;
    double weight = 0, temperature = 1;
};

template <class T> class Teaching {
  public:
    Teaching(const Teacher<T>& teacher, int64_t rows_of_a_block, int members)
        : teacher_(teacher), outputs_(teacher.network->architecture().widths.back()), logits_(rows_of_a_block * outputs_) {
        for (int i = 0; i < members; ++i) workspaces_.push_back(teacher.network->workspace());
    }

    // The block to be asked about: the rows at these places, as the steps will see them.
    void begin(Rows data, Range places) {
        data_ = data, places_ = places;
        for (const auto& each : workspaces_) each->take(data);  // here: a member that finds no memory could tell nobody
        next_.store(places.begin, std::memory_order_relaxed);
    }
    // Ask about some of them; false where none is left.
    bool work(int member) {
        const int64_t begin = next_.fetch_add(at_a_time, std::memory_order_relaxed), end = std::min(begin + at_a_time, places_.end);
        if (begin < end)
            teacher_.network->predict(*workspaces_[size_t(member)], data_, {begin, end}, Wanted::logits,
                                      logits_.data() + (begin - places_.begin) * outputs_);
        return begin < places_.end;
    }
    const T* logits(int64_t place) const { return logits_.data() + (place - places_.begin) * outputs_; }

    Distillation how() const { return {teacher_.network->architecture().loss.output(), teacher_.weight, teacher_.temperature}; }

  private:
    static constexpr int64_t at_a_time = Predictor<T>::rows_at_a_time;
    const Teacher<T> teacher_;
    const int64_t outputs_;
    const Buffer<T> logits_;
    std::vector<std::unique_ptr<Forward<T>>> workspaces_;
    Rows data_{};
    Range places_{0, 0};
    std::atomic<int64_t> next_{0};
};

}  // namespace pellucid
