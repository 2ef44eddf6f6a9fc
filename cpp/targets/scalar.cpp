// Any processor: what the architecture guarantees, and no more.

#include "engine.h"
#include "targets/portable_functions.h"

namespace pellucid::scalar {
#include "simd/scalar.h"
#include "kernels/kernels.h"
}  // namespace pellucid::scalar

namespace pellucid {
static bool anywhere() { return true; }
extern const Target scalar_target{"scalar", "portable C++", anywhere, &scalar::table<float>, &scalar::table<double>, false};
}
