// What the processor and the operating system let us use.

#pragma once

namespace pellucid {

bool has_avx2();        // AVX2, FMA, BMI1 and 2, and the system saves the registers
bool has_avx512();      // and AVX-512 F, BW, DQ, VL
bool has_avx512bf16();  // and AVX512-BF16
bool has_amx();         // and AMX-TILE, AMX-BF16, which the system must be asked for

}  // namespace pellucid
