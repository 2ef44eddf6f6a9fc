// AVX512-BF16: products of bfloat16 on the vector units, on AMD since Zen 4 and some of Intel's. Whatever is not bfloat16 is
// AVX-512's.

#include "engine.h"

#ifdef PELLUCID_X86
#include <immintrin.h>

#include "cpu_features.h"
#include "targets/portable_functions.h"

#define PELLUCID_TILES "simd/tiles_avx512bf16.h"
#define PELLUCID_MULTIPLIES_PAIRS
#include "targets/open_avx512bf16.h"
namespace pellucid::avx512bf16 {
#include "simd/avx512.h"
#include "kernels/kernels.h"
}  // namespace pellucid::avx512bf16
#include "targets/close.h"

namespace pellucid {
extern const Target avx512bf16_target{"avx512bf16", "AVX-512, AVX512-BF16", has_avx512bf16, &avx512bf16::table<float>, &avx512bf16::table<double>, true};
}
#endif
