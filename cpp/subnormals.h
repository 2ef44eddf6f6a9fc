// Numbers so near to 0 that they have no room for all their digits. To compute with one takes some hundred cycles.
//
// The moments of what has no gradient any more shrink step by step, m <- 0.9 m, and never come to 0: the smallest numbers are
// rounded back to themselves. After some thousand steps most of a network's vectors hold such a number. So they count as 0 in a
// step; no weight is changed by that, as all that they are added to is larger by far.

#pragma once

#include <cstdint>

#ifdef PELLUCID_X86
#include <immintrin.h>
#endif

namespace pellucid {

// How this thread computes while an object of this class lives. Where a processor is not known they are kept, slowly.
class Subnormals {
  public:
    enum class Are { zero, kept };

    explicit Subnormals(Are they) : before_(mode()) {
        set_mode(they == Are::zero ? before_ | as_zero : before_ & ~as_zero);
    }
    ~Subnormals() { set_mode(before_); }
    Subnormals(const Subnormals&) = delete;
    Subnormals& operator=(const Subnormals&) = delete;

  private:
#if defined(PELLUCID_X86)
    using Mode = unsigned;
    static constexpr Mode as_zero = 0x8000 | 0x0040;  // what comes out, what goes in
    static Mode mode() { return _mm_getcsr(); }
    static void set_mode(Mode mode) { _mm_setcsr(mode); }
#elif defined(__aarch64__)
    using Mode = uint64_t;
    static constexpr Mode as_zero = uint64_t(1) << 24;
    static Mode mode() {
        Mode mode;
        __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
        return mode;
    }
    static void set_mode(Mode mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode)); }
#else
    using Mode = unsigned;
    static constexpr Mode as_zero = 0;
    static Mode mode() { return 0; }
    static void set_mode(Mode) {}
#endif

    const Mode before_;
};

}  // namespace pellucid
