// The one list of targets, best first.

#include "engine.h"

namespace pellucid {

extern const Target amx_target, avx512bf16_target, avx512_target, avx2_target, scalar_target;

const Target* const targets[] = {
#ifdef PELLUCID_X86
    &amx_target,
    &avx512bf16_target,
    &avx512_target,
    &avx2_target,
#endif
    &scalar_target,
};
const int number_of_targets = sizeof targets / sizeof *targets;

}  // namespace pellucid
