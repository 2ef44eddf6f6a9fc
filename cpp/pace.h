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
        if (most_ == 1) trying_ = 1, stretch_ = steps_left;
        else if (!known(0) || !known(1)) trying_ = known(0) ? 1 : 0, stretch_ = first_steps;
        else if (since_trial_ >= seconds_between_trials) trying_ = 1 - best(), stretch_ = steps_in(seconds_of_a_trial), since_trial_ = 0;
        else trying_ = best(), stretch_ = steps_in(seconds_of_a_stretch);
        if (stretch_ > steps_left) stretch_ = steps_left;
        began_ = Clock::now();
        return {members_[trying_], stretch_};
    }

    void took(int64_t steps) {
        const double seconds = std::chrono::duration<double>(Clock::now() - began_).count();
        if (steps > 0) seconds_[trying_] = seconds / double(steps);
        if (trying_ == best()) since_trial_ += seconds;
    }

  private:
    using Clock = std::chrono::steady_clock;
    static constexpr int64_t first_steps = 4;
    static constexpr double seconds_of_a_stretch = 0.02, seconds_of_a_trial = 0.001, seconds_between_trials = 0.1;

    bool known(int i) const { return seconds_[i] > 0; }
    int best() const { return known(0) && (!known(1) || seconds_[0] < seconds_[1]) ? 0 : 1; }
    int64_t steps_in(double seconds) const {
        const int64_t steps = int64_t(seconds / seconds_[trying_]);
        return steps > 0 ? steps : 1;
    }

    const int most_;
    const int members_[2];
    double seconds_[2] = {0, 0};  // of a step, with all members and with one
    double since_trial_ = 0;
    int trying_ = 0;
    int64_t stretch_ = 0;
    Clock::time_point began_;
};

}  // namespace pellucid
