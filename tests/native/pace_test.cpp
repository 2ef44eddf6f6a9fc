// How many members take steps, by a clock that is set: what a trial costs, and what is made of it.

#include <cstdio>

#include "pace.h"

using namespace pellucid;

namespace {

struct SetClock {
    using duration = std::chrono::duration<double>;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<SetClock>;
    static constexpr bool is_steady = true;
    inline static time_point at{};
    static time_point now() { return at; }
};
using SetPace = PaceBy<SetClock>;

bool good = true;
void expect(bool condition, const char* what, double number) {
    if (condition) return;
    std::printf("not so: %s: %g\n", what, number);
    good = false;
}

// Seconds of a step, with all members and alone; of waking the others, whenever they are called after one was alone; and for how
// long all are no faster than one then.
struct Machine {
    double all, alone, waking = 0, slow_for = 0;
    double best() const { return all < alone ? all : alone; }
};
struct Taken {
    double seconds = 0, steps = 0, steps_alone = 0;
    double too_long_by(const Machine& machine) const { return seconds / (steps * machine.best()) - 1; }
    double share_alone() const { return steps_alone / steps; }
};

// Something else that keeps the processor, every so often.
struct Pauses {
    double seconds = 0, every = 1e9;
};

// Calls of so many steps each, of which at least `block` are taken at once.
Taken train(const Work& work, const Machine& machine, int calls, int64_t steps_of_a_call, int64_t block = 1, Pauses pauses = {}) {
    Taken taken;
    double until_a_pause = pauses.every;
    static double awake_for = 0;
    for (int call = 0; call < calls; ++call) {
        SetPace pace(work);
        for (int64_t left = steps_of_a_call; left > 0;) {
            const SetPace::Stretch stretch = pace.next(left);
            const int64_t steps = block < left ? (stretch.steps > block ? stretch.steps : block) : left;
            double seconds = double(steps) * (stretch.members > 1 && awake_for >= machine.slow_for ? machine.all : machine.alone);
            if (stretch.members > 1 && awake_for == 0) seconds += machine.waking;
            awake_for = stretch.members > 1 ? awake_for + seconds : 0;
            SetClock::at += SetClock::duration(seconds);
            if ((until_a_pause -= seconds) <= 0) {
                SetClock::at += SetClock::duration(pauses.seconds);
                until_a_pause = pauses.every;
            }
            pace.took(steps);
            taken.seconds += seconds, taken.steps += double(steps), left -= steps;
            if (stretch.members == 1) taken.steps_alone += double(steps);
        }
    }
    return taken;
}

int kinds = 0;
Work another_kind_of_work() {
    static char kernels[1000];
    return {&kernels[kinds++], false, false, 1000, 2};
}

void trials_cost_little_however_short_the_calls() {
    struct Case {
        Machine machine;
        int calls;
        int64_t steps_of_a_call, block;
    };
    for (const Case& each : {Case{{0.030, 0.048}, 300, 24, 8}, Case{{0.048, 0.030}, 300, 24, 8},  // a large network, distorted pictures
                             Case{{0.030, 0.048}, 300, 24, 1}, Case{{0.300, 0.480}, 300, 3, 1},   // and plain, a second a call
                             Case{{1, 1.3}, 300, 3, 1},                                              // a step a second
                             Case{{100e-6, 160e-6}, 300, 938, 1}, Case{{160e-6, 100e-6}, 300, 938, 1}}) {  // a small one, an epoch a call
        const Work work = another_kind_of_work();
        train(work, each.machine, 30, each.steps_of_a_call, each.block);
        const Taken taken = train(work, each.machine, each.calls, each.steps_of_a_call, each.block);
        expect(taken.too_long_by(each.machine) < 0.02, "trials cost less than a fiftieth", taken.too_long_by(each.machine));
        expect(taken.seconds < 60 || (taken.share_alone() > 0 && taken.share_alone() < 1), "both are tried again", taken.share_alone());
    }
}

void calls_of_a_few_steps_are_taken_by_whom_they_pay() {
    for (int64_t steps_of_a_call : {1, 2, 4, 5, 8, 16})
        for (double step : {30e-6, 100e-6, 2e-3, 8e-3})
            for (const Machine& machine : {Machine{5 * step, step}, Machine{step, 1.6 * step}}) {
                const Taken taken = train(another_kind_of_work(), machine, 5000, steps_of_a_call);
                expect(taken.too_long_by(machine) < 0.03, "calls of a few steps", taken.too_long_by(machine));
            }
}

void what_it_takes_to_wake_the_others_is_not_held_against_them() {
    const Taken taken = train(another_kind_of_work(), {60e-6, 100e-6, 3e-3}, 1, 1000);
    expect(taken.share_alone() < 0.1, "alone, though the others are awake", taken.share_alone());
}

void a_core_that_is_slow_at_first_is_found_out() {
    for (double slow_for : {0.002, 0.01, 0.03}) {
        const Taken taken = train(another_kind_of_work(), {60e-6, 100e-6, 0, slow_for}, 100, 1000);
        expect(taken.share_alone() < 0.25, "alone, though all would be faster soon", taken.share_alone());
    }
}

void a_pause_now_and_then_changes_little() {
    for (const Machine& machine : {Machine{0.003, 0.0048}, Machine{0.030, 0.048}, Machine{0.0048, 0.003}})
        for (const Pauses& pauses : {Pauses{0.1, 60}, Pauses{0.5, 60}, Pauses{5, 60}}) {
            const int64_t steps = int64_t(1 / machine.best());
            const Taken taken = train(another_kind_of_work(), machine, 3000, steps, 1, pauses);
            expect(taken.too_long_by(machine) < 0.05, "pauses", taken.too_long_by(machine));
        }
}

void a_member_that_brings_little_is_left_to_others() {
    const Taken taken = train(another_kind_of_work(), {0.0095, 0.010}, 100, 100);
    expect(taken.share_alone() > 0.95, "alone", taken.share_alone());
}

void a_machine_that_changes_is_noticed() {
    struct Case {
        Machine quiet, busy;
        int64_t steps_of_a_call, block;
    };
    for (const Case& each : {Case{{0.003, 0.005}, {0.010, 0.005}, 200, 1}, Case{{0.030, 0.048}, {0.100, 0.050}, 24, 8}}) {
        const Work work = another_kind_of_work();
        train(work, each.quiet, 600, each.steps_of_a_call, each.block);
        const Taken crowded = train(work, each.busy, 40, each.steps_of_a_call, each.block),
                    again = train(work, each.quiet, 100, each.steps_of_a_call, each.block);
        expect(crowded.too_long_by(each.busy) < 0.05, "a busy machine", crowded.too_long_by(each.busy));
        expect(again.too_long_by(each.quiet) < 0.15, "a quiet one again", again.too_long_by(each.quiet));
    }
}

void what_is_known_of_one_kind_of_work_says_nothing_of_another() {
    const Work one = another_kind_of_work();
    for (int kind = 0; kind < 5; ++kind) {
        Work other = one;
        if (kind == 0) other.bfloat16 = true;
        if (kind == 1) other.beside_pictures = true;
        if (kind == 2) other.weights_times_rows = 999;
        if (kind == 3) other.most_members = 3;
        if (kind == 4) other = another_kind_of_work();
        train(one, {0.010, 0.005}, 10, 100);
        const SetPace::Stretch same = SetPace(one).next(100), different = SetPace(other).next(100);
        expect(same.members == 1, "it begins as it ended", same.members);
        expect(different.members == other.most_members, "another begins with all", different.members);
    }
}

void trainings_that_take_turns_are_known_each_by_itself() {
    const Machine sooner{0.0005, 0.0009}, later{0.0009, 0.0005};  // together or alone
    Work works[8];
    for (Work& work : works) work = another_kind_of_work();
    Taken taken[8];
    for (int round = 0; round < 200; ++round)
        for (int i = 0; i < 8; ++i) {
            const Taken call = train(works[i], i % 2 ? sooner : later, 1, 100);
            if (round >= 20) taken[i].seconds += call.seconds, taken[i].steps += call.steps;
        }
    for (int i = 0; i < 8; ++i)
        expect(taken[i].too_long_by(i % 2 ? sooner : later) < 0.03, "trainings in turns", taken[i].too_long_by(i % 2 ? sooner : later));
}

}  // namespace

int main() {
    trials_cost_little_however_short_the_calls();
    calls_of_a_few_steps_are_taken_by_whom_they_pay();
    what_it_takes_to_wake_the_others_is_not_held_against_them();
    a_core_that_is_slow_at_first_is_found_out();
    a_pause_now_and_then_changes_little();
    a_member_that_brings_little_is_left_to_others();
    a_machine_that_changes_is_noticed();
    what_is_known_of_one_kind_of_work_says_nothing_of_another();
    trainings_that_take_turns_are_known_each_by_itself();
    std::printf("%s\n", good ? "as promised" : "not as promised");
    return good ? 0 : 1;
}
