#include "cpu_features.h"

#if defined(PELLUCID_X86) && (defined(__GNUC__) || defined(__clang__))
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace pellucid {

#if defined(PELLUCID_X86) && (defined(__GNUC__) || defined(__clang__))

// What the compiler has no test for.
static bool has_lzcnt() {
    unsigned a, b, c, d;
    constexpr unsigned lzcnt = 1u << 5;
    return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & lzcnt);
}

// The compiler's own tests look at the processor's flags and at what the operating system saves.
bool has_avx2() {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt") && has_lzcnt();
}
bool has_avx512() {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

#ifdef PELLUCID_EMULATED_BFLOAT16
bool has_avx512bf16() { return has_avx512(); }
bool has_amx() { return has_avx512(); }
#else
bool has_avx512bf16() { return has_avx512() && __builtin_cpu_supports("avx512bf16"); }

#if defined(__linux__)
// Linux saves tiles for processes that have asked for it, as they take 8 KiB.
static bool ask_for_tiles() {
    constexpr long request_permission = 0x1023, tile_data = 18;
    return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}
bool has_amx() {
    static const bool granted = [] {
        unsigned a, b, c, d;
        if (!has_avx512bf16() || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
        constexpr unsigned amx_bf16 = 1u << 22, amx_tile = 1u << 24;
        if (!(d & amx_bf16) || !(d & amx_tile)) return false;
        return ask_for_tiles();
    }();
    return granted;
}
#else
bool has_amx() { return false; }
#endif
#endif

#else

bool has_amx() { return false; }
bool has_avx2() { return false; }
bool has_avx512() { return false; }
bool has_avx512bf16() { return false; }

#endif

}  // namespace pellucid
