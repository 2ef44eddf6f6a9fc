// Kernels that work on the numbers of a layer one by one, or row by row: activations, what is left out, losses, outputs, pixels.

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "augmentation.h"
#include "bindings_kernels.h"
#include "extras.h"

using namespace nanobind::literals;

namespace pellucid {
namespace {

// (a or dz, whether all of dz is finite, whether the padding of a is zero). What stands in the padding of z must not matter.
template <class T>
nb::tuple activation(const std::string& target, const std::string& name, const Matrix<T>& z, const std::optional<Matrix<T>>& da,
                     T padding, const Cuts& row_cuts, const Cuts& panel_cuts) {
    const Kernels<T>& kernels = kernels_of<T>(target_named(target));
    const int64_t n = int64_t(z.shape(0)), k = int64_t(z.shape(1));
    require(!da || (da->shape(0) == z.shape(0) && da->shape(1) == z.shape(1)), "shapes that fit");
    const Activation f = activation_named(name);
    require(!is_part_of_the_product(f), "an activation that is not part of the product");
    const PanelBuffer<T> before = packed(z, kernels.panel_width, padding);
    const PanelBuffer<T> out = da ? packed(*da, kernels.panel_width) : PanelBuffer<T>(n, k, kernels.panel_width);
    bool finite = true;
    for (const Range rows : pieces(n, row_cuts))
        for (const Range panels : pieces(before.number_of_panels(), panel_cuts)) {
            if (da) finite &= kernels.activation_backward(f, before.view(n), out.panels(n), rows, panels);
            else kernels.activation(f, before.view(n), out.panels(n), rows, panels);
        }
    return nb::make_tuple(unpacked(out.panels(n), kernels.panel_width), finite, padding_is_zero(out.view(n), kernels.panel_width));
}

// The mask of a layer for some examples.
template <class T>
NewMatrix<T> dropout(const std::string& target, uint64_t seed, uint32_t epoch, const Indices& examples, int64_t layer,
                     int64_t columns, double rate, const Array<T>&, const Cuts& row_cuts) {
    const Kernels<T>& kernels = kernels_of<T>(target_named(target));
    require(columns > 0 && layer >= 0 && rate >= 0 && rate < 1, "a layer with units, and a rate below 1");
    const int64_t n = int64_t(examples.size());
    const PanelBuffer<T> mask(n, columns, kernels.panel_width);
    Extras extras;
    extras.input_dropout = extras.dropout = rate, extras.seed = seed, extras.epoch = epoch;
    for (const Range rows : pieces(n, row_cuts))
        kernels.dropout(extras.dropout_of<T>(layer), examples.data(), mask.panels(n), rows);
    return unpacked(mask.panels(n), kernels.panel_width);
}

// (a times the mask, whether all of it is finite).
template <class T>
nb::tuple leave_out(const std::string& target, const Matrix<T>& mask, const Matrix<T>& a, const Cuts& row_cuts, const Cuts& panel_cuts) {
    const Kernels<T>& kernels = kernels_of<T>(target_named(target));
    require(mask.shape(0) == a.shape(0) && mask.shape(1) == a.shape(1), "shapes that fit");
    const int64_t n = int64_t(a.shape(0));
    const PanelBuffer<T> factors = packed(mask, kernels.panel_width), out = packed(a, kernels.panel_width);
    bool finite = true;
    for (const Range rows : pieces(n, row_cuts))
        for (const Range panels : pieces(out.number_of_panels(), panel_cuts))
            finite &= kernels.leave_out(factors.view(n), out.panels(n), rows, panels);
    return nb::make_tuple(unpacked(out.panels(n), kernels.panel_width), finite);
}

// Some pictures as they are seen in an epoch.
template <class T>
nb::object distort(const std::string& target, const Augmentation& by, uint64_t seed, uint32_t epoch, const Indices& examples,
                   const Data& X, const Array<T>&) {
    const int64_t n = int64_t(X.shape(0)), d = int64_t(X.shape(1));
    const InputType type = input_type_of(X);
    require(int64_t(examples.size()) == n && d == by.shape.pixels() * by.shape.channels, "shapes that fit");
    Distorter<T> distorter(kernels_of<T>(target_named(target)), by, seed, epoch);
    const auto all = [&](auto out) {
        for (int64_t r = 0; r < n; ++r)
            distorter.distort(static_cast<const char*>(X.data()) + r * X.stride(0) * int64_t(X.itemsize()), type,
                              uint32_t(examples.data()[r]), out.data() + r * d);
        return nb::cast(out);
    };
    switch (type) {
        case InputType::uint8: return all(new_matrix<uint8_t>(n, d));
        case InputType::float32: return all(new_matrix<float>(n, d));
        default: return all(new_matrix<double>(n, d));
    }
}

// W (a row an input, a column a neuron), no column longer than `most`.
template <class T>
NewMatrix<T> constrain(const std::string& target, const Matrix<T>& W, double most, const Cuts& panel_cuts) {
    const Kernels<T>& kernels = kernels_of<T>(target_named(target));
    const PanelBuffer<T> out = packed(W, kernels.panel_width);
    for (const Range panels : pieces(out.number_of_panels(), panel_cuts))
        kernels.constrain(out.panels(int64_t(W.shape(0))), most, panels);
    return unpacked(out.panels(int64_t(W.shape(0))), kernels.panel_width);
}

// (dz, the loss of each row, whether its label won).
template <class T>
nb::tuple loss_of_classes(const std::string& target, const std::string& loss_name, double setting, const Matrix<T>& z,
                          const Indices& y, const Array<T>& share, T padding, const Cuts& row_cuts) {
    const Kernels<T>& kernels = kernels_of<T>(target_named(target));
    const int64_t n = int64_t(z.shape(0)), k = int64_t(z.shape(1));
    require(k > 0 && int64_t(y.size()) == n && int64_t(share.size()) == n, "shapes that fit");
    for (int64_t r = 0; r < n; ++r) require(y.data()[r] >= 0 && y.data()[r] < k, "labels among the classes");
    const LossSetting by = loss_named(loss_name, setting);
    require(by.is_of_classes(), "a loss of classes");
    if (by.loss == Loss::cross_entropy) padding = -std::numeric_limits<T>::infinity();
    const PanelBuffer<T> logits = packed(z, kernels.panel_width, padding);
    const PanelBuffer<T> dz(n, k, kernels.panel_width);
    NewArray<double> loss = new_array<double>(n);
    NewArray<uint8_t> correct = new_array<uint8_t>(n);
    for (const Range rows : pieces(n, row_cuts))
        kernels.loss_of_classes(by, logits.view(n), y.data(), share.data(), dz.panels(n), loss.data(), correct.data(), rows);
    return nb::make_tuple(unpacked(dz.panels(n), kernels.panel_width), loss, correct);
}

// The same for the losses of numbers. What stands in the padding must not matter.
template <class T>
nb::tuple loss_of_numbers(const std::string& target, const std::string& loss_name, double setting, const Matrix<T>& z,
                          const Matrix<T>& y, const Array<T>& share, T padding, const Cuts& row_cuts) {
    const Kernels<T>& kernels = kernels_of<T>(target_named(target));
    const int64_t n = int64_t(z.shape(0)), k = int64_t(z.shape(1));
    require(k > 0 && y.shape(0) == z.shape(0) && y.shape(1) == z.shape(1) && int64_t(share.size()) == n, "shapes that fit");
    const LossSetting by = loss_named(loss_name, setting);
    require(!by.is_of_classes(), "a loss of numbers");
    std::vector<const T*> wanted(size_t(n) + 1);
    for (int64_t r = 0; r < n; ++r) wanted[size_t(r)] = y.data() + r * k;
    const PanelBuffer<T> logits = packed(z, kernels.panel_width, padding);
    const PanelBuffer<T> dz(n, k, kernels.panel_width);
    NewArray<double> loss = new_array<double>(n);
    NewArray<uint8_t> correct = new_array<uint8_t>(n);
    for (const Range rows : pieces(n, row_cuts))
        kernels.loss_of_numbers(by, logits.view(n), wanted.data(), share.data(), dz.panels(n), loss.data(), correct.data(), rows);
    return nb::make_tuple(unpacked(dz.panels(n), kernels.panel_width), loss, correct, padding_is_zero(dz.view(n), kernels.panel_width));
}

// (dz, the loss of each row, whether the padding of dz is zero), mixed with what a teacher says.
template <class T>
nb::tuple distil(const std::string& target, const std::string& output, double weight, double temperature, const Matrix<T>& z,
                 const Matrix<T>& z_teacher, const Array<T>& share, const Matrix<T>& dz, const Array<double>& loss, T padding,
                 const Cuts& row_cuts) {
    const Kernels<T>& kernels = kernels_of<T>(target_named(target));
    const int64_t n = int64_t(z.shape(0)), k = int64_t(z.shape(1));
    for (const Matrix<T>& each : {z_teacher, dz}) require(int64_t(each.shape(0)) == n && int64_t(each.shape(1)) == k, "shapes that fit");
    require(k > 0 && int64_t(share.size()) == n && int64_t(loss.size()) == n, "shapes that fit");
    const Distillation by{output_named(output), weight, temperature};
    require(by.output == Output::softmax || by.output == Output::logistic, "probabilities");
    if (by.output == Output::softmax) padding = -std::numeric_limits<T>::infinity();
    std::vector<const T*> said(size_t(n) + 1);
    for (int64_t r = 0; r < n; ++r) said[size_t(r)] = z_teacher.data() + r * k;
    const PanelBuffer<T> logits = packed(z, kernels.panel_width, padding), slope = packed(dz, kernels.panel_width);
    NewArray<double> mixed = new_array<double>(n);
    std::copy_n(loss.data(), n, mixed.data());
    for (const Range rows : pieces(n, row_cuts))
        kernels.distil(by, logits.view(n), said.data(), share.data(), slope.panels(n), mixed.data(), rows);
    return nb::make_tuple(unpacked(slope.panels(n), kernels.panel_width), mixed, padding_is_zero(slope.view(n), kernels.panel_width));
}

template <class T>
NewMatrix<T> outputs(const std::string& target, const std::string& output, const Matrix<T>& z, const Cuts& row_cuts) {
    const Kernels<T>& kernels = kernels_of<T>(target_named(target));
    const int64_t n = int64_t(z.shape(0));
    require(z.shape(1) > 0, "outputs");
    const PanelBuffer<T> logits = packed(z, kernels.panel_width, output == "softmax" ? -std::numeric_limits<T>::infinity() : T(0));
    NewMatrix<T> p = new_matrix<T>(n, int64_t(z.shape(1)));
    for (const Range rows : pieces(n, row_cuts)) kernels.outputs(output_named(output), logits.view(n), p.data(), rows);
    return p;
}

template <class T>
NewMatrix<T> scale(const std::string& target, const Data& X, const Numbers& offset, const Numbers& scale, const Cuts& row_cuts) {
    const Kernels<T>& kernels = kernels_of<T>(target_named(target));
    const int64_t n = int64_t(X.shape(0)), d = int64_t(X.shape(1));
    require(offset.size() == scale.size() && (offset.size() == 1 || int64_t(offset.size()) == d), "one, or one for each input");
    std::vector<const void*> rows(size_t(n) + 1);
    for (int64_t r = 0; r < n; ++r)
        rows[size_t(r)] = static_cast<const char*>(X.data()) + r * X.stride(0) * int64_t(X.itemsize());
    const PanelBuffer<T> x(n, d, kernels.panel_width);
    for (const Range range : pieces(n, row_cuts))
        kernels.scale(rows.data(), input_type_of(X), {offset.data(), scale.data(), offset.size() > 1}, x.panels(n), range);
    return unpacked(x.panels(n), kernels.panel_width);
}

template <class T> void bind(nb::module_& module, const char* scale_name) {
    const Cuts whole;
    module.def("activation", &activation<T>, "target"_a, "name"_a, "z"_a.noconvert(), "da"_a.noconvert() = nb::none(),
               "padding"_a = 0, "row_cuts"_a = whole, "panel_cuts"_a = whole);
    module.def("dropout", &dropout<T>, "target"_a, "seed"_a, "epoch"_a, "examples"_a.noconvert(), "layer"_a, "columns"_a, "rate"_a,
               "like"_a.noconvert(), "row_cuts"_a = whole, "The mask, of the type of the array `like`.");
    module.def("leave_out", &leave_out<T>, "target"_a, "mask"_a.noconvert(), "a"_a.noconvert(), "row_cuts"_a = whole,
               "panel_cuts"_a = whole);
    module.def("distort", &distort<T>, "target"_a, "augmentation"_a, "seed"_a, "epoch"_a, "examples"_a.noconvert(),
               "X"_a.noconvert(), "like"_a.noconvert(), "Reckoned in the type of the array `like`.");
    module.def("constrain", &constrain<T>, "target"_a, "W"_a.noconvert(), "most"_a, "panel_cuts"_a = whole);
    module.def("loss_of_classes", &loss_of_classes<T>, "target"_a, "loss"_a, "setting"_a, "z"_a.noconvert(), "y"_a.noconvert(),
               "share"_a.noconvert(), "padding"_a = 0, "row_cuts"_a = whole);
    module.def("distil", &distil<T>, "target"_a, "output"_a, "weight"_a, "temperature"_a, "z"_a.noconvert(), "z_teacher"_a.noconvert(),
               "share"_a.noconvert(), "dz"_a.noconvert(), "loss"_a.noconvert(), "padding"_a = T(0), "row_cuts"_a = whole);
    module.def("loss_of_numbers", &loss_of_numbers<T>, "target"_a, "loss"_a, "setting"_a, "z"_a.noconvert(), "y"_a.noconvert(),
               "share"_a.noconvert(), "padding"_a = 0, "row_cuts"_a = whole);
    module.def("outputs", &outputs<T>, "target"_a, "output"_a, "z"_a.noconvert(), "row_cuts"_a = whole);
    module.def(scale_name, &scale<T>, "target"_a, "X"_a, "offset"_a, "scale"_a, "row_cuts"_a = whole);
}

}  // namespace

void bind_kernels_of_units(nb::module_& module) {
    bind<float>(module, "scale32");
    bind<double>(module, "scale64");
}

}  // namespace pellucid
