// A team of threads that take the same steps together.

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "engine.h"

namespace pellucid {

// Where the members of a team wait for each other. They spin for a while, as the work between two meetings takes
// microseconds, then sleep, so that a busy machine gets its cores back.
class Barrier {
  public:
    explicit Barrier(int members) : members_(members) {}
    void wait();
    // From now on nobody waits here, and whoever does goes on.
    void open();

  private:
    const int members_;
    std::atomic<bool> is_open_{false};
    std::atomic<int> arrived_{0};
    alignas(64) std::atomic<uint32_t> meetings_{0};
};

constexpr int most_threads = 1024;

// How many threads this process should use unless told otherwise: OMP_NUM_THREADS, else the cores it may run on, but no more than
// its control group (a container) gives it the time of.
int default_threads();
// How many cores a control group may keep busy, rounded up, by its files in this folder; `most_threads` where it says nothing.
int cores_of_a_quota(const std::string& folder);

// The process's pool of threads, borrowed for a while. Where another thread has it (or the machine gives no more threads)
// the team is the caller alone. A process made by fork() gets a pool of its own.
class Team {
  public:
    explicit Team(int wanted);
    ~Team();
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;

    int size() const { return size_; }
    // Calls task(0) here and task(1) ... task(members - 1) on other threads, and waits for all of them, and for nobody else. Where
    // there are other threads, tasks must not throw there.
    void run(int members, const std::function<void(int)>& task);

  private:
    struct Pool* pool_ = nullptr;
    int size_ = 1;
};

// The part of `whole` that falls to a member, in multiples of `grain`.
inline Range share_of(Range whole, int member, int members, int64_t grain = 1) {
    const int64_t grains = (whole.end - whole.begin + grain - 1) / grain;
    const auto bound = [&](int64_t m) {
        const int64_t at = whole.begin + grains * m / members * grain;
        return at < whole.end ? at : whole.end;
    };
    return {bound(member), bound(member + 1)};
}

}  // namespace pellucid
