// How many members of a team pay. Nobody can know beforehand: it depends on the network, on the machine, and on who else is
// using it at the moment. So it is measured as the work goes on. The number of members changes no bit of the result.

#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace pellucid {

// What steps are made of. A second member pays for all alike or for none.
struct Work {
    const void* kernels = nullptr;
    bool bfloat16 = false, beside_pictures = false;  // which whoever takes no steps distorts meanwhile
    int64_t weights_times_rows = 0;
    int most_members = 1;

    bool operator==(const Work&) const = default;
};

template <class Clock> class PaceBy {
  public:
    struct Stretch {
        int members;
        int64_t steps;
    };

    explicit PaceBy(Work work) : work_(work), known_(memory_.recall(work)) {}
    ~PaceBy() { memory_.keep(work_, known_); }
    PaceBy(const PaceBy&) = delete;
    PaceBy& operator=(const PaceBy&) = delete;

    // The next steps are to be taken by so many members, and then reported.
    Stretch next(int64_t steps_left) {
        if (work_.most_members == 1) return begin(alone, steps_left, steps_left);
        if (!warming_) choose();
        warming_ = trying_ != warm_for_;
        warm_for_ = trying_;
        return begin(trying_, warming_ ? steps_to_warm() : steps_in(seconds_of_a_stretch, known_.seconds[trying_]), steps_left);
    }

    void took(int64_t steps) {
        const double seconds = std::chrono::duration<double>(Clock::now() - began_).count();
        (trying_ == best() ? known_.since_trial : known_.of_trial) += seconds;
        if (steps == 0) return;
        if (steps > most_steps_to_warm || seconds > seconds_that_warm) warming_ = false;  // more than was asked for
        note(seconds / double(steps));
    }

  private:
    static constexpr int all = 0, alone = 1, neither = -1;
    static constexpr int64_t most_steps_to_warm = 16;
    // Both are tried for as long: on a busy machine a short trial sees nothing of those who interrupt.
    static constexpr double seconds_of_a_stretch = 0.004, seconds_to_warm = 0.0005, seconds_that_warm = 0.04;
    static constexpr double longest_trial = 0.064;
    static constexpr double least_patience = 20, most_patience = 320;
    static constexpr double longest_wait = 10;  // seconds: a machine that was busy for a moment is soon tried again
    static constexpr double clearly_less = 0.92;

    struct Known {
        double seconds[2] = {0, 0};  // of a step, with all members and alone; 0 where not known yet
        bool roughly[2] = {false, false};  // of first steps alone
        double since_trial = 1e9;    // the first is due at once
        double of_trial = 0;         // how long the last one took; on a busy machine more than was meant
        double trial = seconds_of_a_stretch;  // how long the next one of all members may take
        double patience = least_patience;  // twice as much after each trial: what was tried often is known
    };

    // What is known when steps end is known when steps of the same kind begin: a training is taken in many calls, of an epoch or
    // a second each, and a trial in each of them would cost a large network a good part of its time. Of the last few kinds, as
    // some trainings take turns.
    class Memory {
      public:
        Known recall(const Work& work) {
            Known known;
            if (busy_.test_and_set(std::memory_order_acquire)) return known;
            if (const Entry* const entry = of(work)) known = entry->known;
            busy_.clear(std::memory_order_release);
            return known;
        }
        void keep(const Work& work, const Known& known) {
            if (work.most_members == 1 || busy_.test_and_set(std::memory_order_acquire)) return;
            Entry* entry = of(work);
            if (!entry) entry = &entries_[next_++ % kinds_of_work];
            *entry = {work, known};
            busy_.clear(std::memory_order_release);
        }

      private:
        struct Entry {
            Work work;
            Known known;
        };
        Entry* of(const Work& work) {
            Entry* const end = entries_ + kinds_of_work;
            Entry* const found = std::find_if(entries_, end, [&](const Entry& entry) { return entry.work == work; });
            return found == end ? nullptr : found;
        }

        static constexpr unsigned kinds_of_work = 8;
        std::atomic_flag busy_ = ATOMIC_FLAG_INIT;  // nobody waits: a child of fork() may find it set for ever, and forgets
        Entry entries_[kinds_of_work];
        unsigned next_ = 0;  // the place of what was kept first
    };

    // What first steps took is better than nothing: a call may be over with them. Of what is in use one interruption counts for
    // little; a trial, which comes seldom, counts in full.
    void note(double step) {
        double& known = known_.seconds[trying_];
        if (warming_ && measured(trying_) && !known_.roughly[trying_]) return;
        if (!measured(trying_) || trying_ != best() || known_.roughly[trying_] != warming_) known = step;
        else known = (known + std::min(step, 2 * known)) / 2;
        known_.roughly[trying_] = warming_;
    }
    // A core that slept may be slow at first, for tens of milliseconds where it is a virtual one. So where all members have lost by
    // little they get more time in their next trial, which ends when they win.
    bool have_lost_by_little() const { return measured(all) && measured(alone) && known_.seconds[all] < 1.5 * known_.seconds[alone]; }
    void choose() {
        if (trying_ == all && best() == alone && have_lost_by_little() && known_.of_trial > 0 && known_.of_trial < known_.trial) return;
        trying_ = best();
        if (!measured(trying_)) return;
        const int other = 1 - trying_;
        // All members may be much faster than one, or much slower: a trial waits until it costs little.
        const double step_of_other = measured(other) ? known_.seconds[other] : work_.most_members * known_.seconds[all];
        const double price = std::max(seconds_of_a_stretch + step_of_other, known_.of_trial);
        if (known_.since_trial <= std::max(least_patience * price, std::min(known_.patience * price, longest_wait))) return;
        known_.since_trial = known_.of_trial = 0;
        if (other == all && have_lost_by_little() && known_.trial < longest_trial) known_.trial *= 2;
        else if (measured(other) && known_.patience < most_patience) known_.patience *= 2;
        trying_ = other;
    }
    // The first steps wake threads and fill caches: they say little of those to come.
    int64_t steps_to_warm() const {
        const double step = std::max(known_.seconds[all], known_.seconds[alone]);
        return step > 0 ? std::min(steps_in(seconds_to_warm, step), most_steps_to_warm) : 4;
    }
    bool measured(int i) const { return known_.seconds[i] > 0; }
    // Alone, unless all are clearly faster: on a busy machine threads that were asleep are let in at once, so that a trial
    // promises more than the steps after it hold; and others may have a use for the cores.
    int best() const {
        if (!measured(alone)) return all;
        return known_.seconds[all] <= clearly_less * known_.seconds[alone] ? all : alone;
    }
    static int64_t steps_in(double seconds, double seconds_a_step) { return 1 + int64_t(seconds / std::max(seconds_a_step, 1e-9)); }
    Stretch begin(int trying, int64_t steps, int64_t steps_left) {
        began_ = Clock::now();
        return {trying == all ? work_.most_members : 1, steps < steps_left ? steps : steps_left};
    }

    inline static Memory memory_;
    const Work work_;
    Known known_;
    int trying_ = all, warm_for_ = neither;  // who is to take the steps, who has taken some lately
    bool warming_ = false;
    typename Clock::time_point began_;
};
using Pace = PaceBy<std::chrono::steady_clock>;

}  // namespace pellucid
