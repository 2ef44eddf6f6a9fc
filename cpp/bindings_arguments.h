// What Python hands over for training and prediction, and how it is looked at: as far as memory safety needs.

#pragma once

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include <cmath>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "augmentation.h"
#include "extras.h"
#include "network.h"
#include "optimizer_settings.h"
#include "python_arrays.h"
#include "step.h"

namespace pellucid {

// Records: each is checked once, where Python makes it.

// One activation for each hidden layer; one offset and scale, or one for each input.
inline void init_architecture(Architecture* self, const std::vector<int64_t>& widths, const std::vector<std::string>& activations,
                              const Numbers& offset, const Numbers& scale, const std::string& loss, double setting) {
    require(widths.size() >= 2 && activations.size() == widths.size() - 2, "one activation for each hidden layer");
    for (int64_t width : widths) require(width > 0, "widths are at least 1");
    require_aligned(offset);
    require_aligned(scale);
    require(offset.size() == scale.size() && (offset.size() == 1 || int64_t(offset.size()) == widths[0]),
            "one offset and scale, or one for each input");
    Architecture result{widths, {}, {offset.data(), offset.data() + offset.size()}, {scale.data(), scale.data() + scale.size()},
                        loss_named(loss, setting)};
    for (const std::string& name : activations) result.activations.push_back(activation_named(name));
    result.activations.push_back(Activation::identity);
    new (self) Architecture(std::move(result));
}

inline void init_extras(Extras* self, double input_dropout, double dropout, double l2, double clip, double max_norm, uint64_t seed,
                        uint32_t epoch) {
    for (double rate : {input_dropout, dropout}) require(rate >= 0 && rate < 1, "shares left out are below 1");
    require(l2 >= 0 && std::isfinite(l2), "l2 is not negative, and finite");
    require(clip > 0, "clip is positive");
    require(max_norm > 0, "max_norm is positive");
    new (self) Extras{input_dropout, dropout, l2, clip, max_norm, seed, epoch};
}

inline void init_optimizer(OptimizerSettings* self, const std::string& name, double mu, double beta_1, double beta_2, double epsilon,
                           double weight_decay) {
    new (self) OptimizerSettings{optimizer_named(name), mu, beta_1, beta_2, epsilon, weight_decay};
}

// The matrices of [gaussian], square; both or none.
inline void init_augmentation(Augmentation* self, double rotation, double scale, double shear, double shift,
                              const std::optional<Matrix<double>>& G_rows, const std::optional<Matrix<double>>& G_columns,
                              const std::tuple<int64_t, int64_t, int64_t>& shape) {
    const auto [rows, columns, channels] = shape;
    constexpr int64_t most = 1 << 24;  // places between pixels are reckoned in float32
    require(rows > 0 && columns > 0 && channels > 0 && rows < most && columns < most && (rows + 3) * (columns + 3) < most &&
                channels < most, "pictures have pixels, but not too many");
    for (double number : {rotation, scale, shear, shift}) require(std::isfinite(number), "strengths are finite");
    require(scale < 1 && std::abs(rotation) < 3.2, "scales are below 1, and rotations within half a turn");
    require(G_rows.has_value() == G_columns.has_value(), "both matrices, or none");
    Augmentation result{true, rotation, scale, shear, shift, {}, {}, {rows, columns, channels}};
    if (G_rows) {
        require(int64_t(G_rows->shape(0)) == rows && int64_t(G_rows->shape(1)) == rows &&
                    int64_t(G_columns->shape(0)) == columns && int64_t(G_columns->shape(1)) == columns, "matrices that fit");
        require_aligned(*G_rows);
        require_aligned(*G_columns);
        result.G_rows.assign(G_rows->data(), G_rows->data() + G_rows->size());
        result.G_columns.assign(G_columns->data(), G_columns->data() + G_columns->size());
    }
    new (self) Augmentation(std::move(result));
}

// Parameters: a pair (W, b) for each layer, W (fan_out, fan_in).
template <class T> using Layers = std::vector<std::pair<Matrix<T>, Array<T>>>;

template <class T> void check_layers(const Layers<T>& layers, const Architecture& architecture) {
    require(int64_t(layers.size()) == architecture.layers(), "another number of layers");
    for (size_t l = 0; l < layers.size(); ++l) {
        const auto& [W, b] = layers[l];
        require(int64_t(W.shape(0)) == architecture.widths[l + 1] && int64_t(W.shape(1)) == architecture.widths[l] &&
                    int64_t(b.shape(0)) == architecture.widths[l + 1],
                "a layer has another shape");
        require_aligned(W);
        require_aligned(b);
    }
}

template <class T> const Architecture& fitting(const Architecture& architecture, const Layers<T>& layers) {
    check_layers(layers, architecture);
    return architecture;
}

template <class T>
std::vector<PackedLayer<T>> packed(const Kernels<T>& kernels, const Architecture& architecture, const Layers<T>& layers,
                                   const std::vector<Layers<T>>& moments) {
    check_layers(layers, architecture);
    for (const Layers<T>& moment : moments) check_layers(moment, architecture);
    std::vector<PackedLayer<T>> result;
    for (size_t l = 0; l < layers.size(); ++l) {
        result.emplace_back(architecture.widths[l], architecture.widths[l + 1], kernels.panel_width, int(moments.size()));
        PackedLayer<T>& layer = result.back();
        layer.set_parameters(layers[l].first.data(), layers[l].second.data(), architecture.padding(int64_t(l)));
        for (size_t i = 0; i < moments.size(); ++i) {
            layer.pack(moments[i][l].first.data(), i == 0 ? layer.W.m : layer.W.v);
            std::copy_n(moments[i][l].second.data(), layer.fan_out, (i == 0 ? layer.b.m : layer.b.v).data());
        }
    }
    return result;
}

template <class T>
nb::tuple unpacked(const std::vector<PackedLayer<T>>& layers, Buffer<T> Parameter<T>::*which) {
    nb::list result;
    for (const PackedLayer<T>& layer : layers) {
        auto W = new_matrix<T>(layer.fan_out, layer.fan_in);
        auto b = new_array<T>(layer.fan_out);
        layer.unpack(layer.W.*which, W.data());
        std::copy_n((layer.b.*which).data(), layer.fan_out, b.data());
        result.append(nb::make_tuple(W, b));
    }
    return nb::tuple(result);
}

// Examples, and what they should give.

inline Rows rows_of(const Data& X, int64_t inputs, const int64_t* order) {
    require(int64_t(X.shape(1)) == inputs, "X has another number of columns");
    return {X.data(), input_type_of(X), X.stride(0) * int64_t(X.itemsize()), order};
}

inline void check_order(const Indices& order, int64_t begin, int64_t end, int64_t n) {
    require_aligned(order);
    for (int64_t place = begin; place < end; ++place)
        require(order.data()[place] >= 0 && order.data()[place] < n, "the order names a row that is not there");
}

// What the examples should give: class indices, or rows of numbers.
template <class T> using Targets = std::variant<Indices, Matrix<T>>;

// `order`: the rows whose classes are looked at, all where it is null.
template <class T>
Wishes<T> wishes_of(const Targets<T>& y, const std::optional<Numbers>& weights, const Architecture& architecture, int64_t n,
                    const int64_t* order, int64_t begin, int64_t end) {
    require(!weights || int64_t(weights->size()) == n, "one weight a row");
    if (weights) require_aligned(*weights);
    Wishes<T> wishes{nullptr, nullptr, weights ? weights->data() : nullptr};
    const int64_t outputs = architecture.widths.back();
    if (architecture.loss.is_of_classes()) {
        require(std::holds_alternative<Indices>(y), "the loss wants class indices");
        const Indices& classes = std::get<Indices>(y);
        require(int64_t(classes.size()) == n, "one label a row");
        require_aligned(classes);
        wishes.classes = classes.data();
        for (int64_t place = begin; place < end; ++place) {
            const int64_t label = classes.data()[order ? order[place] : place];
            require(label >= 0 && label < outputs, "a label is not among the classes");
        }
    } else {
        require(std::holds_alternative<Matrix<T>>(y), "the loss wants numbers of the type of the parameters");
        const Matrix<T>& numbers = std::get<Matrix<T>>(y);
        require(int64_t(numbers.shape(0)) == n && int64_t(numbers.shape(1)) == outputs, "a row of numbers for each example");
        require_aligned(numbers);
        wishes.numbers = numbers.data();
    }
    return wishes;
}

template <class T> void check_precision(bool bfloat16) {
    require(!bfloat16 || sizeof(T) == sizeof(float), "bfloat16 products are summed in float32: the parameters must be float32");
}

}  // namespace pellucid
