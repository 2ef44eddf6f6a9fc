// Functions that a target calls but does not compile: code of the standard library must not be compiled in a target region.

#pragma once

namespace pellucid {

double natural_logarithm(double x);
float square_root(float x);
double square_root(double x);
float power_of_two(float n);
double power_of_two(double n);

}  // namespace pellucid
