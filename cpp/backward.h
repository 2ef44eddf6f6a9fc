// A chunk of rows on its way back: what each layer's output should have been, down to the first layer's dz.

#pragma once

#include <atomic>
#include <type_traits>
#include <vector>

#include "forward.h"

namespace pellucid {

template <class T> class Backward {
  public:
    Backward(const Kernels<T>& kernels, const Architecture& architecture, std::vector<PackedLayer<T>>& layers,
             const Forward<T>& forward, int64_t most_rows, bool bfloat16)
        : kernels_(kernels), architecture_(architecture), layers_(layers), forward_(forward), bfloat16_(bfloat16), of_(layers.size()) {
        const int width = kernels.panel_width;
        for (int64_t l = 0; l < architecture.layers(); ++l) {
            const PackedLayer<T>& layer = layers[l];
            of_[l].dz = PanelBuffer<T>(most_rows, layer.fan_out, width);
            of_[l].W_back = PanelBuffer<T>(l == 0 || bfloat16 ? 0 : layer.fan_out, layer.fan_in, width);
            if (bfloat16) {
                of_[l].dz_rounded = RoundedBuffer(l == 0 ? 0 : most_rows, l == 0 ? 0 : layer.fan_out);
                of_[l].dz_paired = PairedBuffer(most_rows, layer.fan_out, width);
                layers[l].keep_pairs(l > 0);
            }
            turn_weights(l, {0, layer.fan_in}, {0, layer.panels});
        }
    }

    // Another's W_back.
    void share_weights_of(const Backward& other) {
        for (size_t l = 0; l < of_.size(); ++l) of_[l].W_back = other.of_[l].W_back;
    }

    // What is kept beside W: W_back, in bfloat16 both in pairs.
    void turn_weights(int64_t l, Range inputs, Range panels) {
        PackedLayer<T>& layer = layers_[l];
        if constexpr (std::is_same_v<T, float>)
            if (bfloat16_) return kernels_.roundings->pair_weights(layer.weights(), layer.pairs(), inputs, panels);
        if (l > 0) kernels_.transpose(layer.weights(), of_[l].W_back.panels(layer.fan_out), inputs, panels);
    }

    // [da] of layer l, [dz] of the one before. `skip`: enough of dz is 0.
    void to_inputs(int64_t l, int64_t n, bool skip, Range rows, Range panels) {
        // What ReLU gave as 0 gets no gradient: dz is 0 wherever a is.
        const bool skip_here = architecture_.activations[l] == Activation::relu && skip && !bfloat16_ && layers_[l].is_finite() &&
                               is_finite(l);
        const Operand<T> dz{view(l, n), nullptr, nullptr, skip_here ? forward_.nonzero_of_input(l + 1).by_row() : Bits{nullptr, 0},
                            bfloat16_ ? of_[l].dz_rounded.view() : Rounded{nullptr, 0}};
        const Activation f = architecture_.activations[l - 1];
        const bool at_once = is_part_of_the_product(f);
        const Panels<T> dz_below = of_[l - 1].dz.panels(n);
        bool finite = kernels_.affine_backward_inputs(dz, {of_[l].W_back.view(layers_[l].fan_out), layers_[l].pairs().W_back},
                                                      at_once ? f : Activation::identity, forward_.output(l - 1, n), dz_below,
                                                      rows, panels);
        if (forward_.drops(l)) finite = forward_.leave_out(l, dz_below, rows, panels);
        if (!at_once) finite = kernels_.activation_backward(f, forward_.z(l - 1, n), dz_below, rows, panels);
        if (!finite) is_not_finite(l - 1);
        round(l - 1, n, rows, panels);
    }

    // [bfloat16]: dz of a layer, on its way to the one before; and as the right operand of [dW].
    void round(int64_t l, int64_t n, Range rows, Range panels) {
        if (bfloat16_ && l > 0) forward_.round(view(l, n), of_[l].dz_rounded.view(), rows, panels);
    }
    void pair(int64_t l, int64_t n, Range panels) {
        if constexpr (std::is_same_v<T, float>) kernels_.roundings->pair(view(l, n), of_[l].dz_paired.view(n), panels);
    }

    // What is not finite must meet the zeros that would be skipped else: 0 times infinity is NaN.
    bool is_finite(int64_t l) const { return of_[l].dz_is_finite.load(std::memory_order_relaxed); }
    void is_not_finite(int64_t l) { of_[l].dz_is_finite.store(false, std::memory_order_relaxed); }
    void begin(int64_t l) { of_[l].dz_is_finite.store(true, std::memory_order_relaxed); }

    Panels<T> dz(int64_t l, int64_t n) const { return of_[l].dz.panels(n); }
    Panels<const T> view(int64_t l, int64_t n) const { return of_[l].dz.view(n); }
    RightOperand<T> of_the_weights(int64_t l, int64_t n) const { return {view(l, n), of_[l].dz_paired.view(n)}; }
    int64_t panels_of_inputs(int64_t l) const { return of_[l].W_back.number_of_panels(); }

  private:
    struct Layer {
        PanelBuffer<T> dz, W_back;
        RoundedBuffer dz_rounded;  // [bfloat16]
        PairedBuffer dz_paired;
        std::atomic<bool> dz_is_finite{true};
    };

    const Kernels<T>& kernels_;
    const Architecture& architecture_;
    std::vector<PackedLayer<T>>& layers_;
    const Forward<T>& forward_;
    const bool bfloat16_;
    std::vector<Layer> of_;
};

}  // namespace pellucid
