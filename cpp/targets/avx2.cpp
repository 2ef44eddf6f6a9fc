// AVX2 + FMA: every x86-64 processor since about 2015.

#include "engine.h"

#ifdef PELLUCID_X86
#include <immintrin.h>

#include "cpu_features.h"
#include "targets/portable_functions.h"

#include "targets/open_avx2.h"
namespace pellucid::avx2 {
#include "simd/avx2.h"
#include "kernels/kernels.h"
}  // namespace pellucid::avx2
#include "targets/close.h"

namespace pellucid {
extern const Target avx2_target{"avx2", "AVX2, FMA, BMI, LZCNT", has_avx2, &avx2::table<float>, &avx2::table<double>, false};
}
#endif
