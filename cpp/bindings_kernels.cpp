// Every kernel of every target, callable from Python on plain arrays, so that nobody has to trust it. Arrays are packed into
// panels, the kernel does its work in the pieces that it is told to, and the result is unpacked: for tests, not for speed.

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "augmentation.h"
#include "extras.h"
#include "network.h"
#include "optimizer_settings.h"
#include "python_arrays.h"

using namespace nanobind::literals;

namespace pellucid {
namespace {

// Where a whole is cut: rows, panels or inputs, ascending.
using Cuts = std::vector<int64_t>;

std::vector<Range> pieces(int64_t whole, const Cuts& cuts) {
    std::vector<Range> result;
    int64_t begin = 0;
    for (int64_t cut : cuts) {
        require(begin <= cut && cut <= whole, "cuts ascend and lie within the whole");
        result.push_back({begin, cut});
        begin = cut;
    }
    result.push_back({begin, whole});
    return result;
}

// An optimiser's step: the rule, its settings, the rate, and t, from 1.
struct Step {
    OptimizerSettings settings;
    double learning_rate;
    int64_t t;
    double pull;  // of [l2]
    template <class T> Rule<T> rule() const {
        Rule<T> rule = settings.rule<T>(learning_rate, t);
        rule.pull = T(pull);
        return rule;
    }
};

template <class T> PanelBuffer<T> packed(const T* rows, int64_t n, int64_t columns, int width, T padding = T(0)) {
    PanelBuffer<T> panels(n, columns, width);
    std::fill_n(panels.data(), panels.size(), padding);
    for (int64_t r = 0; r < n; ++r)
        for (int64_t j = 0; j < columns; ++j)
            panels.data()[(j / width * n + r) * width + j % width] = rows[r * columns + j];
    return panels;
}
template <class T> PanelBuffer<T> packed(const Matrix<T>& rows, int width, T padding = T(0)) {
    return packed(rows.data(), int64_t(rows.shape(0)), int64_t(rows.shape(1)), width, padding);
}
template <class T> NewMatrix<T> unpacked(Panels<T> panels, int width) {
    NewMatrix<T> rows = new_matrix<T>(panels.rows, panels.columns);
    for (int64_t r = 0; r < panels.rows; ++r)
        for (int64_t j = 0; j < panels.columns; ++j)
            rows.data()[r * panels.columns + j] = panels.data[(j / width * panels.rows + r) * width + j % width];
    return rows;
}
template <class T> bool padding_is_zero(Panels<const T> panels, int width) {
    const int64_t last = panels.columns % width;
    for (int64_t r = 0; last > 0 && r < panels.rows; ++r)
        for (int64_t j = last; j < width; ++j)
            if (panels.data[(panels.columns / width * panels.rows + r) * width + j] != 0) return false;
    return true;
}

// The left operand of a product: some rows of a matrix, or of bytes with their table; zeros are skipped or not.
template <class T> class Left {
  public:
    Left(const Kernels<T>& kernels, const Matrix<T>& a, Range rows, bool skip_zeros)
        : n_(rows.end - rows.begin), columns_(int64_t(a.shape(1))),
          panels_(packed(a.data() + rows.begin * columns_, n_, columns_, kernels.panel_width)), bits_(n_, columns_), skip_(skip_zeros) {
        kernels.nonzero(panels_.view(n_), bits_.by_row(), {0, n_});
        bits_.turn(n_, {0, bits_.column_words()});
    }
    Left(const Kernels<T>& kernels, const Matrix<uint8_t>& bytes, const Array<T>& value_of_byte, Range rows)
        : n_(rows.end - rows.begin), columns_(int64_t(bytes.shape(1))), bits_(n_, columns_), skip_(true),
          value_of_byte_(value_of_byte.data()) {
        require(value_of_byte.size() == 256 && value_of_byte.data()[0] == 0, "256 values, the first of them 0");
        for (int64_t r = rows.begin; r < rows.end; ++r) bytes_.push_back(bytes.data() + r * columns_);
        bytes_.push_back(nullptr);
        kernels.nonzero_bytes(bytes_.data(), columns_, bits_.by_row(), {0, n_});
        bits_.turn(n_, {0, bits_.column_words()});
    }
    Operand<T> operand(bool turned) const {
        return {{panels_.data(), n_, columns_}, bytes_.empty() ? nullptr : bytes_.data(), value_of_byte_,
                !skip_ ? Bits{nullptr, 0} : turned ? bits_.by_column(n_) : bits_.by_row()};
    }
    int64_t rows() const { return n_; }
    int64_t columns() const { return columns_; }

  private:
    int64_t n_, columns_;
    PanelBuffer<T> panels_;
    BitBuffer bits_;
    bool skip_;
    std::vector<const uint8_t*> bytes_;
    const T* value_of_byte_ = nullptr;
};

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

// (theta, the moments, whether theta is finite).
template <class T>
nb::tuple update(const std::string& target, const Array<T>& theta, const Array<T>& g, const std::vector<Array<T>>& moments,
                 const Step& step, double factor) {
    const Kernels<T>& kernels = kernels_of<T>(target_named(target));
    const int64_t n = int64_t(theta.size()), size = divided_up(n, kernels.panel_width) * kernels.panel_width;
    require(int64_t(g.size()) == n && int(moments.size()) == step.settings.moments(), "shapes and moments that fit");
    require(step.settings.optimizer != Optimizer::none, "a rule");
    const Parameter<T> parameter(size, int(moments.size()));
    const Buffer<T> gradient(size);
    const Buffer<T>* const memory[] = {&parameter.m, &parameter.v};
    std::copy_n(theta.data(), n, parameter.theta.data());
    std::copy_n(g.data(), n, gradient.data());
    for (size_t i = 0; i < moments.size(); ++i) {
        require(int64_t(moments[i].size()) == n, "moments shaped like theta");
        std::copy_n(moments[i].data(), n, memory[i]->data());
    }
    const bool finite = kernels.update(parameter.all(), gradient.data(), T(factor), step.rule<T>(), size);
    const auto copied = [&](const Buffer<T>& from) {
        NewArray<T> result = new_array<T>(n);
        std::copy_n(from.data(), n, result.data());
        return result;
    };
    nb::list memories;
    for (size_t i = 0; i < moments.size(); ++i) memories.append(copied(*memory[i]));
    return nb::make_tuple(copied(parameter.theta), memories, finite);
}

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

template <class T> void bind(nb::module_& module, const char* scale_name, const char* width_name) {
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
    module.def("activation", &activation<T>, "target"_a, "name"_a, "z"_a.noconvert(), "da"_a.noconvert() = nb::none(),
               "padding"_a = 0, "row_cuts"_a = whole, "panel_cuts"_a = whole);
    module.def("dropout", &dropout<T>, "target"_a, "seed"_a, "epoch"_a, "examples"_a.noconvert(), "layer"_a, "columns"_a, "rate"_a,
               "like"_a.noconvert(), "row_cuts"_a = whole, "The mask, of the type of the array `like`.");
    module.def("leave_out", &leave_out<T>, "target"_a, "mask"_a.noconvert(), "a"_a.noconvert(), "row_cuts"_a = whole,
               "panel_cuts"_a = whole);
    module.def("distort", &distort<T>, "target"_a, "augmentation"_a, "seed"_a, "epoch"_a, "examples"_a.noconvert(),
               "X"_a.noconvert(), "like"_a.noconvert(), "Reckoned in the type of the array `like`.");
    module.def("constrain", &constrain<T>, "target"_a, "W"_a.noconvert(), "most"_a, "panel_cuts"_a = whole);
    module.def("sum_of_squares", [](const std::string& target, const Array<T>& numbers) {
        return kernels_of<T>(target_named(target)).sum_of_squares(numbers.data(), int64_t(numbers.size()));
    }, "target"_a, "numbers"_a.noconvert());
    module.def("update", &update<T>, "target"_a, "theta"_a.noconvert(), "g"_a.noconvert(), "moments"_a.noconvert(), "step"_a,
               "factor"_a = 1.0);
    module.def("loss_of_classes", &loss_of_classes<T>, "target"_a, "loss"_a, "setting"_a, "z"_a.noconvert(), "y"_a.noconvert(),
               "share"_a.noconvert(), "padding"_a = 0, "row_cuts"_a = whole);
    module.def("distil", &distil<T>, "target"_a, "output"_a, "weight"_a, "temperature"_a, "z"_a.noconvert(), "z_teacher"_a.noconvert(),
               "share"_a.noconvert(), "dz"_a.noconvert(), "loss"_a.noconvert(), "padding"_a = T(0), "row_cuts"_a = whole);
    module.def("loss_of_numbers", &loss_of_numbers<T>, "target"_a, "loss"_a, "setting"_a, "z"_a.noconvert(), "y"_a.noconvert(),
               "share"_a.noconvert(), "padding"_a = 0, "row_cuts"_a = whole);
    module.def("outputs", &outputs<T>, "target"_a, "output"_a, "z"_a.noconvert(), "row_cuts"_a = whole);
    module.def(scale_name, &scale<T>, "target"_a, "X"_a, "offset"_a, "scale"_a, "row_cuts"_a = whole);
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
    bind<float>(module, "scale32", "panel_width32");
    bind<double>(module, "scale64", "panel_width64");
    module.def("nonzero_bytes", &nonzero_bytes, "target"_a, "a"_a.noconvert());
    module.def("turn", &turn, "which"_a.noconvert(), "word_cuts"_a = Cuts());
}

}  // namespace pellucid
