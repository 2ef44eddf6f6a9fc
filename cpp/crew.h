// A crew: a second way to divide a step, for networks whose first layer is nearly all the work.
//
// Each member has the panels of the first layer that are its own, forwards and in the update, and takes the whole batch through
// all other layers by itself, on its own copy of their weights: to do a little twice is sooner done than to hand it over. So the
// members meet once in a chunk, when each gives the others its part of the first layer's output. All compute the same numbers in
// the same order, and so their copies stay alike.

#pragma once

#include <algorithm>
#include <atomic>

#include "threads.h"
#include "workspace.h"

namespace pellucid {

class Exchange {
  public:
    Exchange(int members, int64_t most_rows, int64_t groups)
        : barrier_(members), groups_(groups), room_(most_rows * rounded_group), boxes_{Buffer<uint16_t>(groups * room_), Buffer<uint16_t>(groups * room_)} {}

    // Before the first meeting of a stretch.
    void begin() { stop_at_.store(-1, std::memory_order_relaxed); }
    // Give the groups of n rows that are mine, take those of the others. False where all are to stop here. There are two boxes:
    // nobody writes to one of them again before all have met once more, and so have read it.
    bool meet(Rounded a, int64_t n, Range mine, int64_t number) {
        uint16_t* const box = boxes_[number % 2].data();
        for (int64_t i = mine.begin; i < mine.end; ++i) copy(group_of(a, i), n, box + i * room_);
        barrier_.wait();
        if (has_left_.load(std::memory_order_relaxed) || stop_at_.load(std::memory_order_relaxed) == number) return false;
        for (int64_t i = 0; i < groups_; ++i)
            if (i < mine.begin || i >= mine.end) copy(box + i * room_, n, group_of(a, i));
        return true;
    }
    // For a member that has not yet come to that meeting.
    void stop_at(int64_t number) { stop_at_.store(number, std::memory_order_relaxed); }
    // For a member that comes no more, as a loss was not finite. The others find the same loss, unless somebody writes to the rows
    // that they read; they, too, are not to wait for it.
    void leave() {
        has_left_.store(true, std::memory_order_relaxed);
        barrier_.open();
    }

  private:
    static uint16_t* group_of(Rounded a, int64_t i) { return a.data + i * a.rows * rounded_group; }
    static void copy(const uint16_t* from, int64_t n, uint16_t* to) { std::copy_n(from, n * rounded_group, to); }

    Barrier barrier_;
    const int64_t groups_, room_;
    const Buffer<uint16_t> boxes_[2];
    std::atomic<int64_t> stop_at_{-1};
    std::atomic<bool> has_left_{false};
};

// Which part of the first layer a member of a crew has.
struct Part {
    int number = 0, of = 1;
    Exchange* exchange = nullptr;
};

}  // namespace pellucid
