// Every kernel of every target, callable from Python on plain arrays, so that nobody has to trust it. Arrays are packed into
// panels, the kernel does its work in the pieces that it is told to, and the result is unpacked: for tests, not for speed.
// Here: products, updates and the bits of what is not zero. Products of bfloat16: bindings_kernels_in_bfloat16.cpp. What is
// done to the numbers of a layer one by one: bindings_kernels_of_units.cpp.

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

#include "bindings_kernels.h"
#include "subnormals.h"

using namespace nanobind::literals;

namespace pellucid {
namespace {

template <class T>
NewMatrix<T> affine(const Kernels<T>& kernels, const Left<T>& a, const Matrix<T>& W, const Array<T>& b, bool relu,
                    const Cuts& row_cuts, const Cuts& panel_cuts) {
    require(int64_t(W.shape(1)) == a.columns() && b.shape(0) == W.shape(0), "shapes that fit");
    PackedLayer<T> layer(a.columns(), int64_t(W.shape(0)), kernels.panel_width, 0);
    layer.set_parameters(W.data(), b.data(), 0);
    PanelBuffer<T> out(a.rows(), layer.fan_out, kernels.panel_width);
    for (const Range rows : pieces(a.rows(), row_cuts))
        for (const Range panels : pieces(layer.panels, panel_cuts))
            kernels.affine(a.operand(false), {layer.weights()}, layer.b.theta.data(), relu ? Activation::relu : Activation::identity,
                           out.panels(a.rows()), rows, panels);
    return unpacked(out.panels(a.rows()), kernels.panel_width);
}

template <class T>
nb::tuple affine_backward_inputs(const std::string& target, const Matrix<T>& dz, const Matrix<T>& W, const Matrix<T>& a,
                                 bool relu, bool skip_zeros, const Cuts& row_cuts, const Cuts& panel_cuts) {
    const Kernels<T>& kernels = kernels_of<T>(target_named(target));
    require(W.shape(0) == dz.shape(1) && a.shape(0) == dz.shape(0) && a.shape(1) == W.shape(1), "shapes that fit");
    const int64_t n = int64_t(dz.shape(0)), fan_in = int64_t(W.shape(1));
    const Left<T> left(kernels, dz, {0, n}, skip_zeros);
    const PanelBuffer<T> W_back = packed(W, kernels.panel_width), forward = packed(a, kernels.panel_width);
    const PanelBuffer<T> out(n, fan_in, kernels.panel_width);
    bool finite = true;
    for (const Range rows : pieces(n, row_cuts))
        for (const Range panels : pieces(out.number_of_panels(), panel_cuts))
            finite &= kernels.affine_backward_inputs(left.operand(false), {W_back.view(left.columns())},
                                                     relu ? Activation::relu : Activation::identity, forward.view(n),
                                                     out.panels(n), rows, panels);
    return nb::make_tuple(unpacked(out.panels(n), kernels.panel_width), finite);
}

// (dW where the rule is none, else W; the moments; whether all that was written is finite). `left` gives some rows of a.
template <class T, class LeftOfRows>
nb::tuple affine_backward_weights(const Kernels<T>& kernels, const LeftOfRows& left, int64_t n, int64_t fan_in, const Matrix<T>& dz,
                                  const Matrix<T>& W, const std::vector<Matrix<T>>& moments, const Step& step,
                                  const Cuts& row_cuts, const Cuts& input_cuts, const Cuts& panel_cuts) {
    const int64_t fan_out = int64_t(dz.shape(1));
    require(int64_t(dz.shape(0)) == n && int64_t(W.shape(0)) == fan_out && int64_t(W.shape(1)) == fan_in, "shapes that fit");
    require(int(moments.size()) == step.settings.moments(), "as many moments as the rule keeps");
    PackedLayer<T> layer(fan_in, fan_out, kernels.panel_width, int(moments.size()));
    Buffer<T>* const memory[] = {&layer.W.m, &layer.W.v};
    layer.pack(W.data(), layer.W.theta);
    for (size_t i = 0; i < moments.size(); ++i) {
        require(moments[i].shape(0) == W.shape(0) && moments[i].shape(1) == W.shape(1), "moments shaped like W");
        layer.pack(moments[i].data(), *memory[i]);
    }
    const bool none = step.settings.optimizer == Optimizer::none;
    const std::vector<Range> chunks = pieces(n, row_cuts);
    const Buffer<T> sums = none || chunks.size() > 1 ? Buffer<T>(layer.W.theta.size()) : Buffer<T>();
    const Rule<T> rule = step.rule<T>();
    bool finite = true;
    for (const Range& chunk : chunks) {
        require(chunk.begin < chunk.end, "a chunk has rows");
        const Left<T> a = left(chunk);
        const PanelBuffer<T> dz_here = packed(dz.data() + chunk.begin * fan_out, a.rows(), fan_out, kernels.panel_width);
        for (const Range inputs : pieces(fan_in, input_cuts))
            for (const Range panels : pieces(layer.panels, panel_cuts))
                finite &= kernels.affine_backward_weights(a.operand(true), {dz_here.view(a.rows())},
                                                          {sums.data(), &chunk == &chunks.front(), &chunk == &chunks.back()},
                                                          layer.W.all(), {}, rule, fan_in, inputs, panels);
    }
    NewMatrix<T> result = new_matrix<T>(fan_out, fan_in);
    layer.unpack(none ? sums : layer.W.theta, result.data());
    nb::list memories;
    for (size_t i = 0; i < moments.size(); ++i) {
        memories.append(new_matrix<T>(fan_out, fan_in));
        layer.unpack(*memory[i], nb::cast<NewMatrix<T>>(memories[i]).data());
    }
    return nb::make_tuple(result, memories, finite);
}

// (db where the rule is none, else b; the moments; whether all that was written is finite).
template <class T>
nb::tuple affine_backward_bias(const std::string& target, const Matrix<T>& dz, const Array<T>& b,
                               const std::vector<Array<T>>& moments, const Step& step, const Cuts& row_cuts, const Cuts& panel_cuts) {
    const Kernels<T>& kernels = kernels_of<T>(target_named(target));
    const int64_t n = int64_t(dz.shape(0)), k = int64_t(dz.shape(1));
    require(int64_t(b.size()) == k && int(moments.size()) == step.settings.moments(), "shapes and moments that fit");
    const int64_t panels_in_all = divided_up(k, kernels.panel_width), size = panels_in_all * kernels.panel_width;
    const Parameter<T> parameter(size, int(moments.size()));
    const Buffer<T>* const memory[] = {&parameter.m, &parameter.v};
    std::copy_n(b.data(), k, parameter.theta.data());
    for (size_t i = 0; i < moments.size(); ++i) {
        require(int64_t(moments[i].size()) == k, "moments shaped like b");
        std::copy_n(moments[i].data(), k, memory[i]->data());
    }
    const Buffer<T> sums(size);
    const std::vector<Range> chunks = pieces(n, row_cuts);
    bool finite = true;
    for (const Range& chunk : chunks) {
        const int64_t rows = chunk.end - chunk.begin;
        require(rows > 0, "a chunk has rows");
        const PanelBuffer<T> dz_here = packed(dz.data() + chunk.begin * k, rows, k, kernels.panel_width);
        for (const Range panels : pieces(panels_in_all, panel_cuts))
            finite &= kernels.affine_backward_bias(dz_here.view(rows), {sums.data(), &chunk == &chunks.front(), &chunk == &chunks.back()},
                                                   parameter.all(), step.rule<T>(), panels);
    }
    const auto copied = [&](const Buffer<T>& from) {
        NewArray<T> result = new_array<T>(k);
        std::copy_n(from.data(), k, result.data());
        return result;
    };
    nb::list memories;
    for (size_t i = 0; i < moments.size(); ++i) memories.append(copied(*memory[i]));
    return nb::make_tuple(copied(step.settings.optimizer == Optimizer::none ? sums : parameter.theta), memories, finite);
}

// (theta, the moments, whether theta is finite), after a step with the sum of some gradients; with the rule `none` that sum.
template <class T>
nb::tuple update(const std::string& target, const Array<T>& theta, const std::vector<Array<T>>& summands,
                 const std::vector<Array<T>>& moments, const Step& step, double factor) {
    const Kernels<T>& kernels = kernels_of<T>(target_named(target));
    const int64_t n = int64_t(theta.size()), size = divided_up(n, kernels.panel_width) * kernels.panel_width;
    require(!summands.empty() && int(moments.size()) == step.settings.moments(), "gradients, and moments that fit");
    const Parameter<T> parameter(size, int(moments.size()));
    std::vector<Buffer<T>> gradients;
    std::vector<const T*> places;
    const Buffer<T>* const memory[] = {&parameter.m, &parameter.v};
    std::copy_n(theta.data(), n, parameter.theta.data());
    for (const Array<T>& g : summands) {
        require(int64_t(g.size()) == n, "gradients shaped like theta");
        gradients.emplace_back(size);
        std::copy_n(g.data(), n, gradients.back().data());
        places.push_back(gradients.back().data());
    }
    for (size_t i = 0; i < moments.size(); ++i) {
        require(int64_t(moments[i].size()) == n, "moments shaped like theta");
        std::copy_n(moments[i].data(), n, memory[i]->data());
    }
    const Summands<T> g{places.data(), int(places.size())};
    bool finite = true;
    if (step.settings.optimizer == Optimizer::none) {
        const Buffer<T> sum(size);
        kernels.add_up(g, parameter.theta.data(), step.rule<T>().pull, sum.data(), size);
        std::copy_n(sum.data(), size, parameter.theta.data());
    } else {
        finite = kernels.update(parameter.all(), g, T(factor), step.rule<T>(), size);
    }
    const auto copied = [&](const Buffer<T>& from) {
        NewArray<T> result = new_array<T>(n);
        std::copy_n(from.data(), n, result.data());
        return result;
    };
    nb::list memories;
    for (size_t i = 0; i < moments.size(); ++i) memories.append(copied(*memory[i]));
    return nb::make_tuple(copied(parameter.theta), memories, finite);
}

// All 64 bits of each word, so that those past the last column are seen, too.
NewMatrix<bool> spread(Bits bits, int64_t rows) {
    const int64_t columns = 64 * bits.words_a_row;
    NewMatrix<bool> result = new_matrix<bool>(rows, columns);
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t j = 0; j < columns; ++j)
            result.data()[r * columns + j] = bits.words[r * bits.words_a_row + j / 64] >> j % 64 & 1;
    return result;
}

template <class T> nb::tuple nonzero(const std::string& target, const Matrix<T>& a, T padding) {
    const Kernels<T>& kernels = kernels_of<T>(target_named(target));
    const int64_t n = int64_t(a.shape(0));
    const BitBuffer bits(n, int64_t(a.shape(1)));
    const int64_t count = kernels.nonzero(packed(a, kernels.panel_width, padding).view(n), bits.by_row(), {0, n});
    return nb::make_tuple(spread(bits.by_row(), n), count);
}

nb::tuple nonzero_bytes(const std::string& target, const Matrix<uint8_t>& a) {
    const int64_t n = int64_t(a.shape(0)), d = int64_t(a.shape(1));
    std::vector<const uint8_t*> rows(size_t(n) + 1);
    for (int64_t r = 0; r < n; ++r) rows[size_t(r)] = a.data() + r * d;
    const BitBuffer bits(n, d);
    const int64_t count = target_named(target).float32->nonzero_bytes(rows.data(), d, bits.by_row(), {0, n});
    return nb::make_tuple(spread(bits.by_row(), n), count);
}

NewMatrix<bool> turn(const Matrix<bool>& which, const Cuts& word_cuts) {
    const int64_t n = int64_t(which.shape(0)), d = int64_t(which.shape(1));
    const BitBuffer bits(n, d);
    const Bits rows = bits.by_row();
    for (int64_t r = 0; r < n; ++r)
        for (int64_t j = 0; j < d; ++j) rows.words[r * rows.words_a_row + j / 64] |= uint64_t(which.data()[r * d + j]) << j % 64;
    for (const Range words : pieces(bits.column_words(), word_cuts)) bits.turn(n, words);
    return spread(bits.by_column(n), d);
}

// W_back in rows: W again, after two packings. Cuts of inputs are counted in panels.
template <class T>
NewMatrix<T> transpose(const std::string& target, const Matrix<T>& W, const Cuts& input_cuts, const Cuts& panel_cuts) {
    const Kernels<T>& kernels = kernels_of<T>(target_named(target));
    const int64_t fan_out = int64_t(W.shape(0)), fan_in = int64_t(W.shape(1)), width = kernels.panel_width;
    PackedLayer<T> layer(fan_in, fan_out, kernels.panel_width, 0);
    layer.pack(W.data(), layer.W.theta);
    const PanelBuffer<T> W_back(fan_out, fan_in, kernels.panel_width);
    for (const Range inputs : pieces(W_back.number_of_panels(), input_cuts))
        for (const Range panels : pieces(layer.panels, panel_cuts))
            kernels.transpose(layer.weights(), W_back.panels(fan_out), {inputs.begin * width, std::min(inputs.end * width, fan_in)}, panels);
    return unpacked(W_back.panels(fan_out), kernels.panel_width);
}

template <class T> void bind(nb::module_& module, const char* width_name) {
    const Cuts whole;
    module.def(width_name, [](const std::string& target) { return kernels_of<T>(target_named(target)).panel_width; }, "target"_a);
    module.def("affine", [](const std::string& target, const Matrix<T>& a, const Matrix<T>& W, const Array<T>& b, bool relu,
                            bool skip_zeros, const Cuts& row_cuts, const Cuts& panel_cuts) {
        const Kernels<T>& kernels = kernels_of<T>(target_named(target));
        return affine<T>(kernels, Left<T>(kernels, a, {0, int64_t(a.shape(0))}, skip_zeros), W, b, relu, row_cuts, panel_cuts);
    }, "target"_a, "a"_a.noconvert(), "W"_a.noconvert(), "b"_a.noconvert(), "relu"_a = false, "skip_zeros"_a = false,
       "row_cuts"_a = whole, "panel_cuts"_a = whole);
    module.def("affine_of_bytes", [](const std::string& target, const Matrix<uint8_t>& a, const Array<T>& value_of_byte,
                                     const Matrix<T>& W, const Array<T>& b, bool relu, const Cuts& row_cuts, const Cuts& panel_cuts) {
        const Kernels<T>& kernels = kernels_of<T>(target_named(target));
        return affine<T>(kernels, Left<T>(kernels, a, value_of_byte, {0, int64_t(a.shape(0))}), W, b, relu, row_cuts, panel_cuts);
    }, "target"_a, "a"_a.noconvert(), "value_of_byte"_a.noconvert(), "W"_a.noconvert(), "b"_a.noconvert(), "relu"_a = false,
       "row_cuts"_a = whole, "panel_cuts"_a = whole);
    module.def("affine_backward_inputs", &affine_backward_inputs<T>, "target"_a, "dz"_a.noconvert(), "W"_a.noconvert(),
               "a"_a.noconvert(), "relu"_a = false, "skip_zeros"_a = false, "row_cuts"_a = whole, "panel_cuts"_a = whole);
    module.def("affine_backward_weights", [](const std::string& target, const Matrix<T>& a, const Matrix<T>& dz, const Matrix<T>& W,
                                             const std::vector<Matrix<T>>& moments, const Step& step, bool skip_zeros,
                                             const Cuts& row_cuts, const Cuts& input_cuts, const Cuts& panel_cuts) {
        const Kernels<T>& kernels = kernels_of<T>(target_named(target));
        const auto left = [&](Range rows) { return Left<T>(kernels, a, rows, skip_zeros); };
        return affine_backward_weights<T>(kernels, left, int64_t(a.shape(0)), int64_t(a.shape(1)), dz, W, moments, step, row_cuts,
                                          input_cuts, panel_cuts);
    }, "target"_a, "a"_a.noconvert(), "dz"_a.noconvert(), "W"_a.noconvert(), "moments"_a.noconvert(), "step"_a, "skip_zeros"_a = false,
       "row_cuts"_a = whole, "input_cuts"_a = whole, "panel_cuts"_a = whole);
    module.def("affine_backward_weights_of_bytes", [](const std::string& target, const Matrix<uint8_t>& a, const Array<T>& value_of_byte,
                                                      const Matrix<T>& dz, const Matrix<T>& W, const std::vector<Matrix<T>>& moments,
                                                      const Step& step, const Cuts& row_cuts, const Cuts& input_cuts,
                                                      const Cuts& panel_cuts) {
        const Kernels<T>& kernels = kernels_of<T>(target_named(target));
        const auto left = [&](Range rows) { return Left<T>(kernels, a, value_of_byte, rows); };
        return affine_backward_weights<T>(kernels, left, int64_t(a.shape(0)), int64_t(a.shape(1)), dz, W, moments, step, row_cuts,
                                          input_cuts, panel_cuts);
    }, "target"_a, "a"_a.noconvert(), "value_of_byte"_a.noconvert(), "dz"_a.noconvert(), "W"_a.noconvert(), "moments"_a.noconvert(),
       "step"_a, "row_cuts"_a = whole, "input_cuts"_a = whole, "panel_cuts"_a = whole);
    module.def("affine_backward_bias", &affine_backward_bias<T>, "target"_a, "dz"_a.noconvert(), "b"_a.noconvert(),
               "moments"_a.noconvert(), "step"_a, "row_cuts"_a = whole, "panel_cuts"_a = whole);
    module.def("sum_of_squares", [](const std::string& target, const Array<T>& numbers) {
        return kernels_of<T>(target_named(target)).sum_of_squares(numbers.data(), int64_t(numbers.size()));
    }, "target"_a, "numbers"_a.noconvert());
    module.def("update", &update<T>, "target"_a, "theta"_a.noconvert(), "summands"_a, "moments"_a.noconvert(), "step"_a,
               "factor"_a = 1.0);
    module.def("nonzero", &nonzero<T>, "target"_a, "a"_a.noconvert(), "padding"_a = 0);
    module.def("transpose", &transpose<T>, "target"_a, "W"_a.noconvert(), "input_cuts"_a = whole, "panel_cuts"_a = whole);
}

}  // namespace

void bind_kernels(nb::module_& parent) {
    nb::module_ module = parent.def_submodule("kernels", "Each kernel of each target, on plain arrays: for tests.");
    nb::class_<Step>(module, "Step", "An optimiser's step: the rule, its settings, the rate, and t, from 1.")
        .def("__init__", [](Step* self, const std::string& optimizer, double learning_rate, int64_t t, double mu, double beta_1,
                            double beta_2, double epsilon, double weight_decay, double pull) {
            new (self) Step{{optimizer_named(optimizer), mu, beta_1, beta_2, epsilon, weight_decay}, learning_rate, t, pull};
        }, "optimizer"_a, "learning_rate"_a = 0.0, "t"_a = 1, "mu"_a = 0.0, "beta_1"_a = 0.0, "beta_2"_a = 0.0, "epsilon"_a = 0.0,
           "weight_decay"_a = 0.0, "pull"_a = 0.0);
    bind<float>(module, "panel_width32");
    bind<double>(module, "panel_width64");
    bind_kernels_in_bfloat16(module);
    bind_kernels_of_units(module);
    module.def("nonzero_bytes", &nonzero_bytes, "target"_a, "a"_a.noconvert());
    module.def("turn", &turn, "which"_a.noconvert(), "word_cuts"_a = Cuts());
    module.def("where_subnormals_are_zero", [](const nb::callable& work) {
        const Subnormals here(Subnormals::Are::zero);
        return work();
    }, "work"_a, "Do something as a caller for whom they count as 0.");
}

}  // namespace pellucid
