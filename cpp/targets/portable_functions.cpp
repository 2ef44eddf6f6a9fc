#include "targets/portable_functions.h"

#include <cmath>

namespace pellucid {

double natural_logarithm(double x) { return std::log(x); }
float square_root(float x) { return std::sqrt(x); }
double square_root(double x) { return std::sqrt(x); }
float power_of_two(float n) { return std::ldexp(1.0f, int(n)); }
double power_of_two(double n) { return std::ldexp(1.0, int(n)); }

}  // namespace pellucid
