// AMX: bfloat16 tiles, on Intel's servers since 2023 (Sapphire Rapids). Whatever is not bfloat16 is AVX-512's.

#include "engine.h"

#ifdef PELLUCID_X86
#include <immintrin.h>

#include "cpu_features.h"
#include "targets/portable_functions.h"

#define PELLUCID_TILES "simd/tiles_amx.h"
#include "targets/open_amx.h"
namespace pellucid::amx {
#include "simd/avx512.h"
#include "kernels/kernels.h"
}  // namespace pellucid::amx
#include "targets/close.h"

namespace pellucid {
extern const Target amx_target{"amx", "AVX-512, AVX512-BF16, AMX-TILE, AMX-BF16", has_amx, &amx::table<float>, &amx::table<double>, true};
}
#endif
