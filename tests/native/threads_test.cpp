// The pool, the barrier and the loop over batches, worked hard: to be run under ThreadSanitizer, and quick without it.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

#include "problem.h"

using namespace pellucid;

namespace {

bool good = true;
void expect(bool condition, const char* what) {
    if (condition) return;
    std::printf("not so: %s\n", what);
    good = false;
}

// Members add to plain numbers, with a meeting after each round: a barrier that let one through too early would be a race.
void the_barrier_keeps_members_in_step() {
    Team team(4);
    for (int members = 1; members <= team.size(); ++members) {
        Barrier barrier(members);
        std::vector<int64_t> sums(size_t(members), 0);
        team.run(members, [&](int member) {
            for (int64_t round = 0; round < 500; ++round) {
                sums[size_t((member + round) % members)] += round;
                barrier.wait();
            }
        });
        int64_t sum = 0;
        for (int64_t part : sums) sum += part;
        expect(sum == members * 500 * 499 / 2, "each member added each round");
    }
}

void a_team_that_is_lent_out_leaves_others_alone() {
    std::vector<std::thread> callers;
    std::vector<int64_t> counts(4);
    for (size_t caller = 0; caller < counts.size(); ++caller)
        callers.emplace_back([&counts, caller] {
            for (int round = 0; round < 200; ++round) {
                Team team(3);
                std::atomic<int64_t> count{0};
                team.run(team.size(), [&](int) { ++count; });
                counts[caller] += count == team.size();
            }
        });
    for (std::thread& caller : callers) caller.join();
    for (int64_t count : counts) expect(count == 200, "every member of every team did its task");
}

// Wherever its thread was before; and it may be moved as before.
void a_member_begins_on_a_core_of_its_own() {
#if defined(__linux__)
    cpu_set_t allowed, after;
    sched_getaffinity(0, sizeof allowed, &allowed);
    if (CPU_COUNT(&allowed) < 2) return;
    Team team(2);
    int apart = 0;
    constexpr int tasks = 200;
    for (int task = 0; task < tasks; ++task) {
        int cores[2];
        team.run(2, [&](int member) { cores[member] = sched_getcpu(); });
        apart += cores[0] != cores[1];
        team.run(2, [&](int member) {
            if (member == 0) return;
            sched_getaffinity(0, sizeof after, &after);
            expect(CPU_EQUAL(&after, &allowed), "it may run where it might before");
            cpu_set_t crowded;
            CPU_ZERO(&crowded);
            CPU_SET(cores[0], &crowded);
            sched_setaffinity(0, sizeof crowded, &crowded);
            sched_setaffinity(0, sizeof allowed, &allowed);
        });
    }
    expect(apart > tasks * 3 / 4, "members begin on different cores");
#endif
}

// A member of a crew whose rows held another number when it read them ends alone.
void whoever_leaves_a_crew_lets_the_others_end() {
    Team team(3);
    for (int members = 2; members <= team.size(); ++members)
        for (int64_t last = 0; last < 100; ++last) {
            Exchange exchange(members, 1, members);
            for (int stretch = 0; stretch < 2; ++stretch) {  // in the second, all have left
                std::vector<int64_t> meetings(size_t(members), 0);
                exchange.begin();
                team.run(members, [&](int member) {
                    std::vector<uint16_t> rows(size_t(members) * rounded_group);
                    for (int64_t number = 1; member != 0 || number <= last; ++number) {
                        if (!exchange.meet({rows.data(), 1}, 1, {member, member + 1}, number)) return;
                        ++meetings[size_t(member)];
                    }
                    exchange.leave();
                });
                for (int64_t met : meetings) expect(met <= (stretch == 0 ? last : 0), "nobody goes on without the one who left");
            }
        }
}

template <class T> void trainings_give_the_same_bits_with_any_number_of_threads(const Target& target, bool bfloat16 = false) {
    uint64_t seed = 1;
    for (const Shape& shape : awkward_shapes) {
        const Problem<T> problem(shape, seed, int(seed * 3 % 10), bfloat16);
        ++seed;
        for (Optimizer optimizer : {Optimizer::sgd, Optimizer::adam})
            for (const Extras& extras : {Extras{}, Extras{0.25, 0.5, 0.125, 0.5, 0.75, seed, 1}}) {
                const Augmentation augmentation = extras.drops() ? problem.distortions() : Augmentation{};
                const bool taught = seed % 2;
                const Trained<T> one = problem.train(target, optimizer, 1, 1, {}, extras, augmentation, taught);
                for (int threads : {2, 3})
                    expect(same_bits(problem.train(target, optimizer, threads, 1, {}, extras, augmentation, taught), one),
                           text(shape).c_str());
            }
    }
}

void trainings_side_by_side_do_not_disturb_each_other(const Target& target) {
    const Problem<float> problem({{40, 30, 20, 5}, 200, 11}, 7, 5);
    const Trained<float> one = problem.train(target, Optimizer::momentum, 1, 2);
    std::vector<std::thread> callers;
    std::vector<int> same(3);
    for (size_t caller = 0; caller < same.size(); ++caller)
        callers.emplace_back([&, caller] { same[caller] = same_bits(problem.train(target, Optimizer::momentum, 3, 2), one); });
    for (std::thread& caller : callers) caller.join();
    for (int as_alone : same) expect(as_alone, "a training beside others is as one alone");
}

void a_training_can_be_stopped(const Target& target) {
    const Problem<float> problem({{40, 30, 5}, 20000, 1}, 8, 5);
    int64_t asked = 0;
    const Trained<float> stopped = problem.train(target, Optimizer::sgd, 3, 1, [&] { return ++asked == 2; });
    expect(asked <= 2 && (asked < 2 || stopped.losses.size() < 20000), "it stops when it is told to");
    const Trained<float> cut =
        problem.train(target, Optimizer::sgd, 3, 1, [] { return true; }, {}, problem.distortions());
    expect(cut.losses.size() < 20000, "it stops while it distorts, too");
    const Trained<float> taught = problem.train(target, Optimizer::sgd, 3, 1, [] { return true; }, {}, {}, true);
    expect(taught.losses.size() < 20000, "it stops while it asks its teacher, too");
}

void a_container_is_given_no_more_threads_than_time() {
    namespace fs = std::filesystem;
    const fs::path folder = fs::temp_directory_path() / ("pellucid-quota-" + std::to_string(std::random_device()()));
    fs::create_directories(folder / "cpu");
    const auto says = [&](const char* name, const char* words) { std::ofstream(folder / name) << words; };
    expect(cores_of_a_quota(folder) == most_threads, "no group, no quota");
    says("cpu/cpu.cfs_quota_us", "-1\n"), says("cpu/cpu.cfs_period_us", "100000\n");
    expect(cores_of_a_quota(folder) == most_threads, "version 1: none");
    says("cpu/cpu.cfs_quota_us", "250000\n");
    expect(cores_of_a_quota(folder) == 3, "version 1: two and a half");
    for (const auto& [words, cores] : {std::pair{"max 100000\n", most_threads}, {"200000 100000\n", 2}, {"50000 100000\n", 1}, {"", most_threads}}) {
        says("cpu.max", words);
        expect(cores_of_a_quota(folder) == cores, words);
    }
    fs::remove_all(folder);
}

}  // namespace

int main() {
    a_container_is_given_no_more_threads_than_time();
    the_barrier_keeps_members_in_step();
    a_member_begins_on_a_core_of_its_own();
    whoever_leaves_a_crew_lets_the_others_end();
    a_team_that_is_lent_out_leaves_others_alone();
    for (int i = 0; i < number_of_targets; ++i) {
        if (!targets[i]->runs_here()) continue;
        trainings_give_the_same_bits_with_any_number_of_threads<float>(*targets[i]);
        trainings_give_the_same_bits_with_any_number_of_threads<double>(*targets[i]);
        trainings_give_the_same_bits_with_any_number_of_threads<float>(*targets[i], true);
        trainings_side_by_side_do_not_disturb_each_other(*targets[i]);
        a_training_can_be_stopped(*targets[i]);
    }
    std::printf("%s\n", good ? "as promised" : "not as promised");
    return good ? 0 : 1;
}
