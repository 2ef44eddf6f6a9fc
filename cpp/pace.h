// How many members of a team pay. Nobody can know beforehand: it depends on the network, on the machine, and on who else is
// using it at the moment. So it is measured as the work goes on. The number of members changes no bit of the result.

#pragma once

#include <chrono>
#include <cstdint>

namespace pellucid {

class Pace {
  public:
    struct Stretch {
        int members;
        int64_t steps;
    };

    explicit Pace(int most_members) : most_(most_members), members_{most_members, 1} {}

    // The next steps are to be taken by so many members, and then reported.
    Stretch next(int64_t steps_left) {
        trying_ = best();
        if (most_ == 1) return begin(1, steps_left, steps_left);
        if (!known(all)) return begin(most_, first_steps, steps_left);
        const int other = 1 - best();
        // A trial may be dear, as where all members are much faster than one: it must wait until it costs little.
        const double price = seconds_of_a_trial + (known(other) ? seconds_[other] : most_ * seconds_[all]);
        if (since_trial_ > price * patience) {
            trying_ = other;
            since_trial_ = 0;
            return begin(members_[other], steps_in(seconds_of_a_trial, seconds_[known(other) ? other : all]), steps_left);
        }
        return begin(members_[trying_], steps_in(seconds_of_a_stretch, seconds_[trying_]), steps_left);
    }

    void took(int64_t steps) {
        const double seconds = std::chrono::duration<double>(Clock::now() - began_).count();
        if (steps > 0) {
            double& known_so_far = seconds_[trying_];
            const double now = seconds / double(steps);
            known_so_far = known(trying_) ? (known_so_far + now) / 2 : now;
        }
        if (trying_ == best()) since_trial_ += seconds;
    }

  private:
    using Clock = std::chrono::steady_clock;
    static constexpr int all = 0;
    static constexpr int64_t first_steps = 4;
    static constexpr double seconds_of_a_stretch = 0.01, seconds_of_a_trial = 0.0005, patience = 30;

    bool known(int i) const { return seconds_[i] > 0; }
    int best() const { return !known(1) || seconds_[all] <= seconds_[1] ? all : 1; }
    static int64_t steps_in(double seconds, double seconds_a_step) { return 1 + int64_t(seconds / seconds_a_step); }
    Stretch begin(int members, int64_t steps, int64_t steps_left) {
        began_ = Clock::now();
        return {members, steps < steps_left ? steps : steps_left};
    }

    const int most_;
    const int members_[2];
    double seconds_[2] = {0, 0};  // of a step, with all members and with one; 0 where not known yet
    double since_trial_ = 0;
    int trying_ = all;
    Clock::time_point began_;
};

}  // namespace pellucid
