// AVX-512 (F, BW, DQ, VL): servers since 2017, AMD since Zen 4.

#include "engine.h"

#ifdef PELLUCID_X86
#include <immintrin.h>

#include "cpu_features.h"
#include "targets/portable_functions.h"

#include "targets/open_avx512.h"
namespace pellucid::avx512 {
#include "simd/avx512.h"
#include "kernels/kernels.h"
}  // namespace pellucid::avx512
#include "targets/close.h"

namespace pellucid {
extern const Target avx512_target{"avx512", "AVX-512 (F, BW, DQ, VL)", has_avx512, &avx512::table<float>, &avx512::table<double>, false};
}
#endif
