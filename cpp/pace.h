// How many members of a team pay. Nobody can know beforehand: it depends on the network, on the machine, and on who else is
// using it at the moment. So it is measured as the work goes on. The number of members changes no bit of the result.

#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace pellucid {

class Pace {
  public:
    struct Stretch {
        int members;
        int64_t steps;
    };

    // `work` is the size of a step. If one was better off alone when steps of this size ended, one begins alone, and the time
    // until the next trial goes on: an epoch may be shorter than that.
    Pace(int most_members, int64_t work)
        : most_(most_members), work_(work), first_(work == best_alone_ ? alone : all), since_trial_(first_ == all ? 1e9 : alone_for_.load()),
          patience_(first_ == all ? least_patience : patience_then_.load()) {}
    ~Pace() {
        if (most_ == 1) return;
        if (best() == alone) best_alone_ = work_, alone_for_ = since_trial_, patience_then_ = patience_;
        else if (first_ == alone) best_alone_ = no_work;
    }
    Pace(const Pace&) = delete;
    Pace& operator=(const Pace&) = delete;

    // The next steps are to be taken by so many members, and then reported.
    Stretch next(int64_t steps_left) {
        if (most_ == 1) return begin(alone, steps_left, steps_left);
        if (!warming_) choose();
        warming_ = trying_ != warm_for_;
        warm_for_ = trying_;
        return begin(trying_, warming_ ? steps_to_warm() : steps_in(seconds_of_a_stretch, known(trying_) ? seconds_[trying_] : first_step_),
                     steps_left);
    }

    void took(int64_t steps) {
        const double seconds = std::chrono::duration<double>(Clock::now() - began_).count();
        (trying_ == best() ? since_trial_ : seconds_of_trial_) += seconds;
        if (steps == 0) return;
        const double step = seconds / double(steps);
        if (steps > most_steps_to_warm) warming_ = false;  // more than was asked for
        if (warming_) first_step_ = step;
        else seconds_[trying_] = known(trying_) ? (seconds_[trying_] + step) / 2 : step;
    }

  private:
    using Clock = std::chrono::steady_clock;
    static constexpr int all = 0, alone = 1, neither = -1;
    static constexpr int64_t most_steps_to_warm = 16;
    // Both are tried for as long: on a busy machine a short trial sees nothing of those who interrupt.
    static constexpr double seconds_of_a_stretch = 0.004, seconds_to_warm = 0.0005, least_patience = 20, most_patience = 320;
    static constexpr double clearly_less = 0.92;

    void choose() {
        trying_ = best();
        if (!known(trying_)) return;
        const int other = 1 - trying_;
        // All members may be much faster than one, or much slower: a trial waits until it costs little.
        const double step_of_other = known(other) ? seconds_[other] : other == alone ? most_ * seconds_[all] : seconds_[alone];
        const double price = std::max(seconds_of_a_stretch + step_of_other, seconds_of_trial_);
        if (since_trial_ <= patience_ * price) return;
        since_trial_ = seconds_of_trial_ = 0;
        if ((known(other) || first_ == alone) && patience_ < most_patience) patience_ *= 2;
        trying_ = other;
    }
    // The first steps wake threads and fill caches: they say little of those to come.
    int64_t steps_to_warm() const {
        const double step = std::max(seconds_[all], seconds_[alone]);
        return step > 0 ? std::min(steps_in(seconds_to_warm, step), most_steps_to_warm) : 4;
    }
    bool known(int i) const { return seconds_[i] > 0; }
    // Alone, unless all are clearly faster: on a busy machine threads that were asleep are let in at once, so that a trial
    // promises more than the steps after it hold; and others may have a use for the cores.
    int best() const {
        if (!known(1 - first_)) return first_;
        return seconds_[all] <= clearly_less * seconds_[alone] ? all : alone;
    }
    static int64_t steps_in(double seconds, double seconds_a_step) { return 1 + int64_t(seconds / std::max(seconds_a_step, 1e-9)); }
    Stretch begin(int trying, int64_t steps, int64_t steps_left) {
        began_ = Clock::now();
        return {trying == all ? most_ : 1, steps < steps_left ? steps : steps_left};
    }

    static constexpr int64_t no_work = -1;
    inline static std::atomic<int64_t> best_alone_{no_work};
    inline static std::atomic<double> alone_for_{0}, patience_then_{least_patience};
    const int most_;
    const int64_t work_;
    const int first_;
    double seconds_[2] = {0, 0};   // of a step, with all members and alone; 0 where not known yet
    double since_trial_;           // where all begin, the first trial is due at once
    double seconds_of_trial_ = 0;  // on a busy machine more than was meant
    double patience_;  // twice as much after each trial: what was tried often is known
    double first_step_ = 0;
    int trying_ = all, warm_for_ = neither;  // who is to take the steps, who has taken some lately
    bool warming_ = false;
    Clock::time_point began_;
};

}  // namespace pellucid
