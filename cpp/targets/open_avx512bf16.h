// Opens a region whose functions may use AVX-512, AVX512-BF16 and the bit instructions that come with them.
#ifdef PELLUCID_EMULATED_BFLOAT16  // for tests: AVX-512 does, and what more there should be is made of it
#include "targets/open_avx512.h"
#include "emulated_bfloat16.h"
#elif defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,bmi,bmi2,popcnt,lzcnt"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,bmi,bmi2,popcnt,lzcnt")
#endif
