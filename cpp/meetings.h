// Where the members of a team meet within a step, and how all of them stop at the same meeting.

#pragma once

#include <atomic>
#include <chrono>
#include <functional>

#include "threads.h"

namespace pellucid {

// Whoever takes steps: one of so many, who has come to so many meetings.
struct Member {
    int number = 0, members = 1;
    int64_t meeting = 0;
    Barrier* barrier = nullptr;  // null: there is nobody to meet
};

// Asks whether to stop, at most every 20 ms, until the answer is yes.
class Question {
  public:
    void is(const std::function<bool()>& stop) {
        if (!stop) return;
        stop_ = &stop;
        asked_ = Clock::now();
    }
    bool wants_to_stop() {
        if (!stop_ || yes_) return yes_;
        const Clock::time_point now = Clock::now();
        if (now - asked_ < std::chrono::milliseconds(20)) return false;
        asked_ = now;
        return yes_ = (*stop_)();
    }

  private:
    using Clock = std::chrono::steady_clock;
    const std::function<bool()>* stop_ = nullptr;  // null: there is nobody to ask
    Clock::time_point asked_;
    bool yes_ = false;
};

class Meetings {
  public:
    void begin() { stop_at_ = none; }
    // Wait for the others; false where all are to stop here.
    bool meet(Member& me) {
        const int64_t meeting = ++me.meeting;
        if (me.members > 1) me.barrier->wait();
        return stop_at_.load(std::memory_order_relaxed) != meeting;
    }
    // At the next meeting of this member, to which nobody has come who has not heard of it.
    void stop_at_next(const Member& me) { stop_at_.store(me.meeting + 1, std::memory_order_relaxed); }

  private:
    static constexpr int64_t none = -1;
    std::atomic<int64_t> stop_at_{none};
};

}  // namespace pellucid
