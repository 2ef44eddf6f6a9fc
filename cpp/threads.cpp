#include "threads.h"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <exception>
#include <fstream>
#include <thread>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif
#ifdef PELLUCID_X86
#include <immintrin.h>
#endif

namespace pellucid {

namespace {

constexpr int spins_before_sleep = 4000;  // about 0.1 ms: longer than the steps of a small network take

void pause() {
#ifdef PELLUCID_X86
    _mm_pause();
#endif
}

// Spin, then sleep, until `word` is no longer `old`.
void wait_for_change(const std::atomic<uint32_t>& word, uint32_t old) {
    for (int i = 0; i < spins_before_sleep; ++i) {
        if (word.load(std::memory_order_acquire) != old) return;
        pause();
    }
    while (word.load(std::memory_order_acquire) == old) word.wait(old, std::memory_order_acquire);
}

constexpr int nowhere = -1;

// The core that this thread runs on.
int core_of_this_thread() {
#if defined(__linux__)
    return sched_getcpu();
#else
    return nowhere;
#endif
}

// Who has been woken often begins on the core of whoever woke it, and shares that one for many milliseconds while another is idle.
// So this thread goes elsewhere, if it may, and stays as free to be moved as it was. → the core that it runs on.
template <class IsTaken> int leave_taken_cores(const IsTaken& is_taken) {
    const int here = core_of_this_thread();
#if defined(__linux__)
    cpu_set_t allowed;
    if (!is_taken(here) || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return here;
    cpu_set_t others = allowed;
    for (int core = 0; core < CPU_SETSIZE; ++core)
        if (CPU_ISSET(core, &others) && is_taken(core)) CPU_CLR(core, &others);
    if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof others, &others) != 0) return here;
    sched_setaffinity(0, sizeof allowed, &allowed);
    return core_of_this_thread();
#else
    (void)is_taken;
    return here;
#endif
}

}  // namespace

void Barrier::wait() {
    const uint32_t meeting = meetings_.load(std::memory_order_acquire);
    if (is_open_.load(std::memory_order_relaxed)) return;  // else the meeting is one that opening ends
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == members_) {
        arrived_.store(0, std::memory_order_relaxed);
        meetings_.store(meeting + 1, std::memory_order_release);
        meetings_.notify_all();
    } else {
        wait_for_change(meetings_, meeting);
    }
}

void Barrier::open() {
    is_open_.store(true, std::memory_order_relaxed);
    meetings_.fetch_add(1, std::memory_order_release);
    meetings_.notify_all();
}

int cores_of_a_quota(const std::string& folder) {
    int64_t quota = -1, period = 0;  // microseconds
    if (std::ifstream both(folder + "/cpu.max"); both) both >> quota >> period;  // "max" is no number: no quota
    else std::ifstream(folder + "/cpu/cpu.cfs_quota_us") >> quota, std::ifstream(folder + "/cpu/cpu.cfs_period_us") >> period;
    if (quota <= 0 || period <= 0) return most_threads;
    return int(std::min<int64_t>((quota + period - 1) / period, most_threads));
}

int default_threads() {
    if (const char* text = std::getenv("OMP_NUM_THREADS")) {
        const long wanted = std::strtol(text, nullptr, 10);  // of a list "4,2" the first number counts
        if (wanted > 0) return int(std::min<long>(wanted, most_threads));
    }
#if defined(__linux__)
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
        return std::min({CPU_COUNT(&allowed), cores_of_a_quota("/sys/fs/cgroup"), most_threads});
#endif
    const unsigned cores = std::thread::hardware_concurrency();
    return cores ? int(std::min<unsigned>(cores, most_threads)) : 1;
}

// The threads are never joined: they sleep until the process ends. Each has a bell of its own, so that a task wakes those who
// have a part in it, and waits for no other.
struct Pool {
    struct alignas(64) Bell {
        std::atomic<uint32_t> tasks{0};
        std::atomic<int> core{nowhere};  // where its thread was last seen
    };

    std::atomic<bool> in_use{false};  // no mutex: who has the pool may ask for it again, from within `stop`
    std::deque<Bell> bells;           // of threads 1, 2 ...
    std::atomic<uint32_t> unfinished{0};
    const std::function<void(int)>* task = nullptr;
    int core_of_caller = nowhere;

    // Have at least `wanted` members, the caller among them, or as many as the system gives.
    int grow(int wanted) {
        while (int(bells.size()) + 1 < wanted) {
            const size_t before = bells.size();
            try {
                std::thread(&Pool::serve, this, int(before) + 1, &bells.emplace_back()).detach();
            } catch (const std::exception&) {  // no thread, or no memory
                bells.resize(before);
                break;
            }
        }
        return std::min(wanted, int(bells.size()) + 1);
    }

    void serve(int member, Bell* bell) {
        const auto is_taken = [&](int core) {  // by the caller, or by a member before this one
            const auto is_there = [&](const Bell& other) { return other.core.load(std::memory_order_relaxed) == core; };
            return core == core_of_caller || std::any_of(bells.begin(), bells.begin() + (member - 1), is_there);
        };
        for (uint32_t seen = 0;; ++seen) {  // one task at a time: none is missed
            wait_for_change(bell->tasks, seen);
            bell->core.store(leave_taken_cores(is_taken), std::memory_order_relaxed);
            (*task)(member);
            unfinished.fetch_sub(1, std::memory_order_release);
            unfinished.notify_one();
        }
    }
};

namespace {

std::atomic<Pool*> the_pool{nullptr};

// The threads of a parent do not exist in its child; neither may its locks be trusted. The child starts anew.
void forget_the_pool() { the_pool.store(nullptr); }

Pool* pool_of_this_process() {
#if defined(__unix__) || defined(__APPLE__)
    static const int registered = pthread_atfork(nullptr, nullptr, forget_the_pool);
    (void)registered;
#endif
    Pool* pool = the_pool.load();
    if (!pool) {
        Pool* fresh = new Pool;  // lives as long as the process
        if (the_pool.compare_exchange_strong(pool, fresh)) pool = fresh;
        else delete fresh;
    }
    return pool;
}

}  // namespace

Team::Team(int wanted) {
    wanted = std::min(wanted, most_threads);
    if (wanted <= 1) return;
    Pool* pool = pool_of_this_process();
    if (pool->in_use.exchange(true, std::memory_order_acquire)) return;
    pool_ = pool;
    size_ = pool->grow(wanted);
}

Team::~Team() {
    if (pool_) pool_->in_use.store(false, std::memory_order_release);
}

void Team::run(int members, const std::function<void(int)>& task) {
    if (members <= 1 || !pool_) {
        task(0);
        return;
    }
    struct Others {  // they use what the caller has: it must not leave before them, not even by an exception
        std::atomic<uint32_t>& unfinished;
        ~Others() {
            for (uint32_t left; (left = unfinished.load(std::memory_order_acquire)) != 0;) wait_for_change(unfinished, left);
        }
    };
    pool_->task = &task;
    pool_->core_of_caller = core_of_this_thread();
    pool_->unfinished.store(uint32_t(members - 1), std::memory_order_relaxed);
    const Others others{pool_->unfinished};
    for (int member = 1; member < members; ++member) {
        std::atomic<uint32_t>& tasks = pool_->bells[size_t(member - 1)].tasks;
        tasks.fetch_add(1, std::memory_order_release);
        tasks.notify_one();
    }
    task(0);
}

}  // namespace pellucid
