// What the two files that know Python share: arrays that come in, arrays that go out, names that mean something.

#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <limits>
#include <new>
#include <stdexcept>
#include <string>

#include "engine.h"

namespace pellucid {

namespace nb = nanobind;

template <class T> using Matrix = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class T> using Array = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T> using NewMatrix = nb::ndarray<nb::numpy, T, nb::ndim<2>>;
template <class T> using NewArray = nb::ndarray<nb::numpy, T, nb::ndim<1>>;
using Data = nb::ndarray<nb::ro, nb::ndim<2>, nb::device::cpu>;
using Indices = Array<int64_t>;
using Numbers = Array<double>;

inline void require(bool condition, const char* what) {
    if (!condition) throw std::invalid_argument(what);
}

// Numbers that lie astride what they should lie on are not read: C++ forbids it.
template <class A> void require_aligned(const A& array) {
    require(reinterpret_cast<uintptr_t>(array.data()) % array.itemsize() == 0, "an array is not aligned");
}

template <class T> NewArray<T> new_array(int64_t n) {
    T* data = new T[size_t(n)];
    return NewArray<T>(data, {size_t(n)}, nb::capsule(data, [](void* p) noexcept { delete[] static_cast<T*>(p); }));
}
template <class T> NewMatrix<T> new_matrix(int64_t n, int64_t k) {
    if (k > 0 && n > std::numeric_limits<int64_t>::max() / k) throw std::bad_alloc();
    T* data = new T[size_t(n * k)];
    return NewMatrix<T>(data, {size_t(n), size_t(k)},
                        nb::capsule(data, [](void* p) noexcept { delete[] static_cast<T*>(p); }));
}

inline const Target& target_named(const std::string& name) {
    for (int i = 0; i < number_of_targets; ++i)
        if (targets[i]->name == name) {
            require(targets[i]->runs_here(), "this processor does not run the target");
            return *targets[i];
        }
    throw std::invalid_argument("there is no such target");
}

// The place of a name among those of an enumeration, in its order.
template <class Enum, int n> Enum named(const std::string& name, const char* const (&names)[n], const char* what) {
    for (int i = 0; i < n; ++i)
        if (name == names[i]) return Enum(i);
    throw std::invalid_argument(what);
}
inline Optimizer optimizer_named(const std::string& name) {
    return named<Optimizer>(name, {"none", "sgd", "momentum", "nesterov", "adam", "adamw"}, "unknown optimizer");
}
inline Activation activation_named(const std::string& name) {
    return named<Activation>(name, {"identity", "relu", "leaky_relu", "elu", "selu", "logistic", "tanh", "scaled_tanh", "gelu",
                                    "silu", "mish", "softplus"}, "unknown activation");
}
inline LossSetting loss_named(const std::string& name, double setting) {
    return {named<Loss>(name, {"cross_entropy", "class_squared_error", "binary_cross_entropy", "squared_error", "absolute_error",
                               "huber", "quantile", "poisson"}, "unknown loss"), setting};
}
inline Output output_named(const std::string& name) {
    return named<Output>(name, {"softmax", "logistic", "identity", "exp", "scaled_tanh"}, "unknown output");
}

inline InputType input_type_of(const Data& X) {
    require_aligned(X);
    require(X.shape(1) <= 1 || X.stride(1) == 1, "the elements of a row of X are not neighbours");
    if (X.dtype() == nb::dtype<uint8_t>()) return InputType::uint8;
    if (X.dtype() == nb::dtype<float>()) return InputType::float32;
    if (X.dtype() == nb::dtype<double>()) return InputType::float64;
    throw std::invalid_argument("X is not uint8, float32 or float64");
}

}  // namespace pellucid
