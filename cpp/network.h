// A network as the kernels want it: every matrix in panels.

#pragma once

#include <atomic>
#include <limits>
#include <utility>
#include <vector>

#include "engine.h"
#include "workspace.h"

namespace pellucid {

// What is fixed before training begins.
struct Architecture {
    std::vector<int64_t> widths;          // inputs, neurons of each layer
    std::vector<Activation> activations;  // one a layer; the last is the identity
    std::vector<double> offset, scale;    // of one length: 1, or the number of inputs
    LossSetting loss;

    int64_t layers() const { return int64_t(widths.size()) - 1; }
    bool is_last(int64_t l) const { return l + 1 == layers(); }
    // What stands behind the last column of z. Softmax must not see it: what is minus infinity is never the
    // largest, and its exponential is 0.
    double padding(int64_t l) const {
        return is_last(l) && loss.output() == Output::softmax ? -std::numeric_limits<double>::infinity() : 0;
    }
    InputScaling scaling() const { return {offset.data(), scale.data(), offset.size() > 1}; }
};

// One layer's W or b with the optimiser's moments, alike in shape.
template <class T> struct Parameter {
    Buffer<T> theta, m, v;

    Parameter(int64_t size, int moments) : theta(size), m(moments > 0 ? size : 0), v(moments > 1 ? size : 0), moments_(moments) {}
    Parameters<T> all() const { return {theta.data(), moments_ > 0 ? m.data() : nullptr, moments_ > 1 ? v.data() : nullptr}; }
    Parameters<T> from(int64_t at) const {
        return {theta.data() + at, moments_ > 0 ? m.data() + at : nullptr, moments_ > 1 ? v.data() + at : nullptr};
    }

  private:
    int moments_;
};

// W^T in panels, a row an input; b padded to whole panels.
template <class T> struct PackedLayer {
    int64_t fan_in, fan_out, panels;
    int panel_width;
    Parameter<T> W, b;
    PackedLayer(int64_t fan_in, int64_t fan_out, int panel_width, int moments)
        : fan_in(fan_in), fan_out(fan_out), panels(divided_up(fan_out, panel_width)), panel_width(panel_width),
          W(panels * fan_in * panel_width, moments), b(panels * panel_width, moments) {}

    PackedLayer(PackedLayer&& other) noexcept
        : fan_in(other.fan_in), fan_out(other.fan_out), panels(other.panels), panel_width(other.panel_width),
          W(std::move(other.W)), b(std::move(other.b)), W_pairs_(std::move(other.W_pairs_)),
          W_back_pairs_(std::move(other.W_back_pairs_)), finite_(other.is_finite()) {}

    enum class Copy { shared, own };
    // The same memory, or the same numbers in memory of its own.
    PackedLayer(const PackedLayer& other, Copy copy)
        : fan_in(other.fan_in), fan_out(other.fan_out), panels(other.panels), panel_width(other.panel_width), W(other.W), b(other.b),
          W_pairs_(other.W_pairs_), W_back_pairs_(other.W_back_pairs_), finite_(other.is_finite()) {
        if (copy == Copy::shared) return;
        for (Buffer<T>* buffer : {&W.theta, &W.m, &W.v, &b.theta, &b.m, &b.v}) *buffer = buffer->copy();
        W_pairs_ = PairedBuffer(), W_back_pairs_ = PairedBuffer();
    }
    void copy_from(const PackedLayer& other) {
        for (auto [to, from] : {std::pair{&W, &other.W}, {&b, &other.b}})
            for (Buffer<T> Parameter<T>::* each : {&Parameter<T>::theta, &Parameter<T>::m, &Parameter<T>::v})
                std::copy_n((from->*each).data(), (from->*each).size(), (to->*each).data());
        finite_.store(other.is_finite());
    }

    // Where W is not finite, zeros that meet it must not be skipped: 0 times infinity is NaN. Once lost, finiteness does
    // not come back.
    bool is_finite() const { return finite_.load(std::memory_order_relaxed); }
    void is_not_finite() { finite_.store(false, std::memory_order_relaxed); }

    Panels<const T> weights() const { return {W.theta.data(), fan_in, fan_out}; }

    // [bfloat16]: keep the weights as right operands, too, and W_back where it is wanted.
    void keep_pairs(bool of_W_back) {
        if (W_pairs_) return;
        W_pairs_ = PairedBuffer(fan_in, fan_out, panel_width);
        if (of_W_back) W_back_pairs_ = PairedBuffer(fan_out, fan_in, panel_width);
    }
    PairedWeights pairs() const { return {W_pairs_.view(), W_back_pairs_.view()}; }

    // Between rows of neurons, (fan_out, fan_in) as Python has them, and panels.
    void pack(const T* W_rows, Buffer<T>& to) const {
        T* const out = to.data();
        each_block([&](int64_t in_panels, int64_t in_rows, int64_t neurons, int64_t inputs) {
            for (int64_t j = 0; j < neurons; ++j)
                for (int64_t k = 0; k < inputs; ++k) out[in_panels + k * panel_width + j] = W_rows[in_rows + j * fan_in + k];
        });
    }
    void unpack(const Buffer<T>& from, T* W_rows) const {
        const T* const in = from.data();
        each_block([&](int64_t in_panels, int64_t in_rows, int64_t neurons, int64_t inputs) {
            for (int64_t j = 0; j < neurons; ++j)
                for (int64_t k = 0; k < inputs; ++k) W_rows[in_rows + j * fan_in + k] = in[in_panels + k * panel_width + j];
        });
    }
    // An update may have changed the padding: AdamW multiplies by 1 - eta lambda, which may be 0 or negative.
    void pad_biases(double padding) { std::fill(b.theta.data() + fan_out, b.theta.data() + b.theta.size(), T(padding)); }
    void set_parameters(const T* W_rows, const T* biases, double padding) {
        pack(W_rows, W.theta);
        std::copy_n(biases, fan_out, b.theta.data());
        pad_biases(padding);
        bool finite = true;
        for (int64_t i = 0; i < W.theta.size(); ++i) {
            const T more = W.theta[i] * T(1.00390625);  // what a bfloat16 rounds to infinity counts as infinite, too
            finite &= more - more == 0;
        }
        finite_.store(finite);
    }

  private:
    // The panels a few inputs at a time, so that both sides of a block stay in the fastest cache: where each stands, and its size.
    template <class Visit> void each_block(const Visit& visit) const {
        constexpr int64_t inputs_of_a_block = 64 / sizeof(T);  // a cache line of each neuron's row
        for (int64_t panel = 0; panel < panels; ++panel)
            for (int64_t k = 0; k < fan_in; k += inputs_of_a_block)
                visit((panel * fan_in + k) * panel_width, panel * panel_width * fan_in + k,
                      std::min<int64_t>(panel_width, fan_out - panel * panel_width), std::min(inputs_of_a_block, fan_in - k));
    }

    PairedBuffer W_pairs_, W_back_pairs_;
    std::atomic<bool> finite_{true};
};

}  // namespace pellucid
