// The kernels of [bfloat16], callable from Python on plain arrays: what rounds, turns round and pairs, and the products of what
// was rounded. bindings_kernels.cpp says how. What comes out of the rounding kernels has its padding with it, as it must be 0.

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <string>
#include <vector>

#include "bindings_kernels.h"

using namespace nanobind::literals;

namespace pellucid {
namespace {

const Kernels<float>& kernels_named(const std::string& target) { return *target_named(target).float32; }

// A bfloat16 is the upper half of a float32.
float number(uint16_t upper_half) {
    const uint32_t bits = uint32_t(upper_half) << 16;
    float result;
    std::memcpy(&result, &bits, sizeof result);
    return result;
}

// The first rows of a left operand, with all columns of its groups.
NewMatrix<float> numbers(Rounded from, int64_t rows, int64_t groups) {
    const int64_t columns = groups * rounded_group;
    NewMatrix<float> result = new_matrix<float>(rows, columns);
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t k = 0; k < columns; ++k)
            result.data()[r * columns + k] = number(from.data[(k / rounded_group * from.rows + r) * rounded_group + k % rounded_group]);
    return result;
}
// A right operand, with all rows of its groups and all columns of its panels.
NewMatrix<float> numbers(Paired from, int64_t panels, int width) {
    const int64_t columns = panels * width;
    NewMatrix<float> result = new_matrix<float>(from.rows, columns);
    for (int64_t k = 0; k < from.rows; ++k)
        for (int64_t j = 0; j < columns; ++j)
            result.data()[k * columns + j] = number(from.data[(j / width * from.rows + k / 2 * 2) * width + j % width * 2 + k % 2]);
    return result;
}

RoundedBuffer rounded(const Kernels<float>& kernels, const float* a, int64_t n, int64_t columns, const Cuts& row_cuts = {},
                      const Cuts& panel_cuts = {}) {
    const RoundedBuffer result(n, columns);
    const PanelBuffer<float> panels = packed(a, n, columns, kernels.panel_width);
    for (const Range rows : pieces(n, row_cuts))
        for (const Range some : pieces(panels.number_of_panels(), panel_cuts))
            kernels.roundings->round(panels.view(n), result.view(), rows, some);
    return result;
}
RoundedBuffer rounded(const Kernels<float>& kernels, const uint8_t* X, int64_t n, int64_t columns, const Cuts& row_cuts = {}) {
    const RoundedBuffer result(n, columns);
    std::vector<const uint8_t*> rows_of_X(size_t(n) + 1);
    for (int64_t r = 0; r < n; ++r) rows_of_X[size_t(r)] = X + r * columns;
    for (const Range rows : pieces(n, row_cuts)) kernels.roundings->round_bytes(rows_of_X.data(), columns, result.view(), rows);
    return result;
}
TurnedBuffer turned(const Kernels<float>& kernels, const RoundedBuffer& a, int64_t n, int64_t columns, const Cuts& group_cuts = {}) {
    const TurnedBuffer result(columns, n);
    for (const Range groups : pieces(a.groups(), group_cuts))
        kernels.roundings->turn(a.view(), n, result.view(), result.in_use(), groups);
    return result;
}
PairedBuffer paired(const Kernels<float>& kernels, const float* b, int64_t n, int64_t columns, const Cuts& panel_cuts = {}) {
    const PairedBuffer result(n, columns, kernels.panel_width);
    const PanelBuffer<float> panels = packed(b, n, columns, kernels.panel_width);
    for (const Range some : pieces(panels.number_of_panels(), panel_cuts))
        kernels.roundings->pair(panels.view(n), result.view(n), some);
    return result;
}

template <class Number> NewMatrix<float> round(const std::string& target, const Matrix<Number>& a, const Cuts& row_cuts) {
    const int64_t n = int64_t(a.shape(0));
    const RoundedBuffer result = rounded(kernels_named(target), a.data(), n, int64_t(a.shape(1)), row_cuts);
    return numbers(result.view(), n, result.groups());
}

// (the transpose, which of its rows are not all zero).
nb::tuple turn(const std::string& target, const Matrix<float>& a, const Cuts& group_cuts) {
    const Kernels<float>& kernels = kernels_named(target);
    const int64_t n = int64_t(a.shape(0)), columns = int64_t(a.shape(1));
    const TurnedBuffer result = turned(kernels, rounded(kernels, a.data(), n, columns), n, columns, group_cuts);
    NewArray<bool> in_use = new_array<bool>(columns);
    for (int64_t k = 0; k < columns; ++k) in_use.data()[k] = result.in_use()[k / rounded_group] >> k % rounded_group & 1;
    return nb::make_tuple(numbers(result.view(), columns, result.groups()), in_use);
}

NewMatrix<float> pair(const std::string& target, const Matrix<float>& b, const Cuts& panel_cuts) {
    const Kernels<float>& kernels = kernels_named(target);
    const int64_t n = int64_t(b.shape(0)), columns = int64_t(b.shape(1));
    const PairedBuffer result = paired(kernels, b.data(), n, columns, panel_cuts);
    return numbers(result.view(n), divided_up(columns, kernels.panel_width), kernels.panel_width);
}

// Some inputs of W, counted in panels of W_back: a kernel is asked for whole ones.
std::vector<Range> pieces_of_inputs(int64_t fan_in, int64_t width, const Cuts& cuts) {
    std::vector<Range> result = pieces(divided_up(fan_in, width), cuts);
    for (Range& some : result) some = {some.begin * width, std::min(some.end * width, fan_in)};
    return result;
}

// A layer with its weights as both right operands.
PackedLayer<float> paired_layer(const Kernels<float>& kernels, const Matrix<float>& W, int moments, const Cuts& input_cuts = {},
                                const Cuts& panel_cuts = {}) {
    PackedLayer<float> layer(int64_t(W.shape(1)), int64_t(W.shape(0)), kernels.panel_width, moments);
    layer.pack(W.data(), layer.W.theta);
    layer.keep_pairs(true);
    for (const Range inputs : pieces_of_inputs(layer.fan_in, kernels.panel_width, input_cuts))
        for (const Range panels : pieces(layer.panels, panel_cuts))
            kernels.roundings->pair_weights(layer.weights(), layer.pairs(), inputs, panels);
    return layer;
}
nb::tuple numbers_of_pairs(const PackedLayer<float>& layer) {
    const int width = layer.panel_width;
    return nb::make_tuple(numbers(layer.pairs().W, layer.panels, width), numbers(layer.pairs().W_back, divided_up(layer.fan_in, width), width));
}

Operand<float> left(int64_t n, int64_t columns, Rounded rounded, const uint32_t* in_use, bool may_skip, float factor) {
    return {{nullptr, n, columns}, nullptr, nullptr, {nullptr, 0}, rounded, may_skip ? in_use : nullptr, may_skip, factor};
}

template <class Number>
NewMatrix<float> affine(const std::string& target, const Matrix<Number>& a, const Matrix<float>& W, const Array<float>& b, bool relu,
                        bool may_skip, double factor, const Cuts& row_cuts, const Cuts& panel_cuts) {
    const Kernels<float>& kernels = kernels_named(target);
    const int64_t n = int64_t(a.shape(0)), fan_in = int64_t(a.shape(1));
    require(int64_t(W.shape(1)) == fan_in && b.shape(0) == W.shape(0), "shapes that fit");
    PackedLayer<float> layer = paired_layer(kernels, W, 0);
    std::copy_n(b.data(), layer.fan_out, layer.b.theta.data());
    const RoundedBuffer rows_of_a = rounded(kernels, a.data(), n, fan_in);
    const PanelBuffer<float> out(n, layer.fan_out, kernels.panel_width);
    for (const Range rows : pieces(n, row_cuts))
        for (const Range panels : pieces(layer.panels, panel_cuts))
            kernels.affine(left(n, fan_in, rows_of_a.view(), nullptr, may_skip, float(factor)), {layer.weights(), layer.pairs().W},
                           layer.b.theta.data(), relu ? Activation::relu : Activation::identity, out.panels(n), rows, panels);
    return unpacked(out.panels(n), kernels.panel_width);
}

nb::tuple affine_backward_inputs(const std::string& target, const Matrix<float>& dz, const Matrix<float>& W, const Matrix<float>& a,
                                 bool relu, const Cuts& row_cuts, const Cuts& panel_cuts) {
    const Kernels<float>& kernels = kernels_named(target);
    require(W.shape(0) == dz.shape(1) && a.shape(0) == dz.shape(0) && a.shape(1) == W.shape(1), "shapes that fit");
    const int64_t n = int64_t(dz.shape(0)), fan_in = int64_t(W.shape(1)), fan_out = int64_t(W.shape(0));
    const PackedLayer<float> layer = paired_layer(kernels, W, 0);
    const RoundedBuffer rows_of_dz = rounded(kernels, dz.data(), n, fan_out);
    const PanelBuffer<float> forward = packed(a, kernels.panel_width), out(n, fan_in, kernels.panel_width);
    bool finite = true;
    for (const Range rows : pieces(n, row_cuts))
        for (const Range panels : pieces(out.number_of_panels(), panel_cuts))
            finite &= kernels.affine_backward_inputs(left(n, fan_out, rows_of_dz.view(), nullptr, false, 1),
                                                     {{nullptr, fan_out, fan_in}, layer.pairs().W_back},
                                                     relu ? Activation::relu : Activation::identity, forward.view(n), out.panels(n),
                                                     rows, panels);
    return nb::make_tuple(unpacked(out.panels(n), kernels.panel_width), finite);
}

// (dW where the rule is none, else W; the moments; whether all that was written is finite; the pairs of W and of W_back).
template <class Number>
nb::tuple affine_backward_weights(const std::string& target, const Matrix<Number>& a, const Matrix<float>& dz, const Matrix<float>& W,
                                  const std::vector<Matrix<float>>& moments, const Step& step, bool may_skip, double factor,
                                  const Cuts& row_cuts, const Cuts& input_cuts, const Cuts& panel_cuts) {
    const Kernels<float>& kernels = kernels_named(target);
    const int64_t n = int64_t(a.shape(0)), fan_in = int64_t(a.shape(1)), fan_out = int64_t(dz.shape(1));
    require(int64_t(dz.shape(0)) == n && int64_t(W.shape(0)) == fan_out && int64_t(W.shape(1)) == fan_in, "shapes that fit");
    require(int(moments.size()) == step.settings.moments(), "as many moments as the rule keeps");
    PackedLayer<float> layer = paired_layer(kernels, W, int(moments.size()));
    Buffer<float>* const memory[] = {&layer.W.m, &layer.W.v};
    for (size_t i = 0; i < moments.size(); ++i) {
        require(moments[i].shape(0) == W.shape(0) && moments[i].shape(1) == W.shape(1), "moments shaped like W");
        layer.pack(moments[i].data(), *memory[i]);
    }
    const bool none = step.settings.optimizer == Optimizer::none;
    const std::vector<Range> chunks = pieces(n, row_cuts);
    const Buffer<float> sums = none || chunks.size() > 1 ? Buffer<float>(layer.W.theta.size()) : Buffer<float>();
    bool finite = true;
    for (const Range& chunk : chunks) {
        const int64_t rows = chunk.end - chunk.begin;
        require(rows > 0, "a chunk has rows");
        const RoundedBuffer rows_of_a = rounded(kernels, a.data() + chunk.begin * fan_in, rows, fan_in);
        const TurnedBuffer inputs_of_a = turned(kernels, rows_of_a, rows, fan_in);
        const PairedBuffer dz_here = paired(kernels, dz.data() + chunk.begin * fan_out, rows, fan_out);
        for (const Range inputs : pieces_of_inputs(fan_in, kernels.panel_width, input_cuts))
            for (const Range panels : pieces(layer.panels, panel_cuts))
                finite &= kernels.affine_backward_weights(
                    left(rows, fan_in, inputs_of_a.view(), inputs_of_a.in_use(), may_skip, float(factor)),
                    {{nullptr, rows, fan_out}, dz_here.view(rows)},
                    {sums.data(), &chunk == &chunks.front(), &chunk == &chunks.back()}, layer.W.all(), layer.pairs(),
                    step.rule<float>(), fan_in, inputs, panels);
    }
    NewMatrix<float> result = new_matrix<float>(fan_out, fan_in);
    layer.unpack(none ? sums : layer.W.theta, result.data());
    nb::list memories;
    for (size_t i = 0; i < moments.size(); ++i) {
        NewMatrix<float> moment = new_matrix<float>(fan_out, fan_in);
        layer.unpack(*memory[i], moment.data());
        memories.append(moment);
    }
    return nb::make_tuple(result, memories, finite, numbers_of_pairs(layer));
}

template <class Number> void bind(nb::module_& module, const char* of) {
    const Cuts whole;
    const auto name = [&](const char* kernel) { return std::string(kernel) + of + "_in_bfloat16"; };
    module.def(name("rounded").c_str(), &round<Number>, "target"_a, "a"_a.noconvert(), "row_cuts"_a = whole);
    module.def(name("affine").c_str(), &affine<Number>, "target"_a, "a"_a.noconvert(), "W"_a.noconvert(), "b"_a.noconvert(),
               "relu"_a = false, "may_skip"_a = false, "factor"_a = 1.0, "row_cuts"_a = whole, "panel_cuts"_a = whole);
    module.def(name("affine_backward_weights").c_str(), &affine_backward_weights<Number>, "target"_a, "a"_a.noconvert(),
               "dz"_a.noconvert(), "W"_a.noconvert(), "moments"_a.noconvert(), "step"_a, "may_skip"_a = false, "factor"_a = 1.0,
               "row_cuts"_a = whole, "input_cuts"_a = whole, "panel_cuts"_a = whole);
}

}  // namespace

void bind_kernels_in_bfloat16(nb::module_& module) {
    const Cuts whole;
    bind<float>(module, "");
    bind<uint8_t>(module, "_of_bytes");
    module.def("turned_in_bfloat16", &turn, "target"_a, "a"_a.noconvert(), "group_cuts"_a = whole);
    module.def("paired_in_bfloat16", &pair, "target"_a, "b"_a.noconvert(), "panel_cuts"_a = whole);
    module.def("weights_paired_in_bfloat16", [](const std::string& target, const Matrix<float>& W, const Cuts& input_cuts,
                                                const Cuts& panel_cuts) {
        return numbers_of_pairs(paired_layer(kernels_named(target), W, 0, input_cuts, panel_cuts));
    }, "target"_a, "W"_a.noconvert(), "input_cuts"_a = whole, "panel_cuts"_a = whole);
    module.def("affine_backward_inputs_in_bfloat16", &affine_backward_inputs, "target"_a, "dz"_a.noconvert(), "W"_a.noconvert(),
               "a"_a.noconvert(), "relu"_a = false, "row_cuts"_a = whole, "panel_cuts"_a = whole);
}

}  // namespace pellucid
