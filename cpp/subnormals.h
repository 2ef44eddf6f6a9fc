// Numbers so near to 0 that they have no room for all their digits. To compute with one takes some hundred cycles.
//
// The moments of what has no gradient any more shrink step by step, m <- 0.9 m, and never come to 0: the smallest numbers are
// rounded back to themselves. After some thousand steps most of a network's vectors hold such a number. So they count as 0 in a
// step; what they would add to a weight is lost in rounding, unless the weight itself, or Adam's epsilon, is next to nothing.
//
// Elsewhere they are kept, however whoever calls computes: what is predicted must not depend on who asks, or on which thread.

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

    explicit Subnormals(Are they) : before_(mode()), here_(they == Are::zero ? before_ | as_zero : before_ & ~as_zero) {
        if (here_ != before_) set_mode(here_);  // which takes longer than to look
    }
    ~Subnormals() {
        if (here_ != before_) set_mode(before_);
    }
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

    const Mode before_, here_;
};

}  // namespace pellucid
