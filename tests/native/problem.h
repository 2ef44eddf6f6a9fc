// A network, its data, and what training made of it: for programs that test the engine without Python.

#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "augmentation.h"
#include "epoch.h"
#include "predict.h"
#include "random_streams.h"

namespace pellucid {

// Numbers that are the same on every machine: whole ones, divided by a power of two.
class Random {
  public:
    explicit Random(uint64_t seed) : state_(seed * 2 + 1) {}
    uint64_t bits() {
        state_ = state_ * 6364136223846793005u + 1442695040888963407u;
        return state_ >> 33;
    }
    int64_t below(int64_t n) { return int64_t(bits() % uint64_t(n)); }
    double between_minus_one_and_one() { return double(below(1 << 20)) / (1 << 19) - 1; }

  private:
    uint64_t state_;
};

struct Shape {
    std::vector<int64_t> widths;
    int64_t n, batch_size;
};

inline std::string text(const Shape& shape) {
    std::string result;
    for (int64_t width : shape.widths) result.append(result.empty() ? "" : "-").append(std::to_string(width));
    return result.append(" n=").append(std::to_string(shape.n)).append(" batch=").append(std::to_string(shape.batch_size));
}

const Shape awkward_shapes[] = {
    {{1, 2}, 1, 1},           {{3, 2, 2}, 5, 2},         {{63, 7, 3}, 20, 7},         {{64, 8, 16, 10}, 33, 33},
    {{65, 31, 17, 5}, 64, 9}, {{257, 33, 65, 4}, 40, 16}, {{130, 129, 9}, 260, 257},  {{784, 40, 24, 10}, 64, 64},
    {{9, 200, 3}, 150, 1},    {{20, 15, 14, 13, 12}, 70, 70}, {{130, 97, 9}, 260, 40},
    {{130, 97, 9}, 1500, 600}, {{30, 20, 5}, 2100, 1024},  // in sections
};

template <class T> struct Trained {
    std::vector<double> losses;
    std::vector<T> parameters, probabilities;
    int64_t correct = 0;
};

template <class T> class Problem {
  public:
    Problem(const Shape& shape, uint64_t seed, int zeros_in_ten, bool bfloat16 = false) : shape_(shape), bfloat16_(bfloat16) {
        Random random(seed);
        architecture_.widths = shape.widths;
        for (size_t l = 0; l + 1 < shape.widths.size(); ++l)  // every second network is the text's; the others bend otherwise
            architecture_.activations.push_back(seed % 2 ? Activation::relu : Activation((seed + l) % 11));
        architecture_.activations.back() = Activation::identity;
        architecture_.offset = {0}, architecture_.scale = {256};
        X_.resize(size_t(shape.n * shape.widths[0]));
        for (uint8_t& pixel : X_) pixel = random.below(10) < zeros_in_ten ? 0 : uint8_t(random.below(256));
        for (int64_t i = 0; i < shape.n; ++i) y_.push_back(random.below(shape.widths.back()));
        order_.resize(size_t(shape.n));
        permutation(seed, 2, 1, shape.n, order_.data());
        for (size_t l = 0; l + 1 < shape.widths.size(); ++l) {
            std::vector<T> W(size_t(shape.widths[l] * shape.widths[l + 1])), b(size_t(shape.widths[l + 1]));
            const double size = 1 / std::sqrt(double(shape.widths[l]));
            for (T& w : W) w = T(random.between_minus_one_and_one() * size);
            for (T& w : b) w = T(random.between_minus_one_and_one() * 0.125);
            initial_.emplace_back(W, b);
        }
    }

    Trained<T> train(const Target& target, Optimizer optimizer, int threads, int epochs, const std::function<bool()>& stop = {},
                     const Extras& extras = {}, const Augmentation& augmentation = {}, bool taught = false) const {
        const Kernels<T>& kernels = kernels_of<T>(target);
        const OptimizerSettings settings{optimizer, 0.875, 0.875, 0.984375, 1e-6, 0.0625};
        std::vector<PackedLayer<T>> layers;
        for (size_t l = 0; l < initial_.size(); ++l) {
            layers.emplace_back(shape_.widths[l], shape_.widths[l + 1], kernels.panel_width, settings.moments());
            layers[l].set_parameters(initial_[l].first.data(), initial_[l].second.data(), architecture_.padding(int64_t(l)));
        }
        const int64_t steps = divided_up(shape_.n, shape_.batch_size);
        Predictor<T> beginning(kernels, architecture_, bfloat16_);  // in the place of a teacher: what the training began with
        for (size_t l = 0; l < initial_.size(); ++l)
            beginning.set_parameters(int64_t(l), initial_[l].first.data(), initial_[l].second.data());
        const Teacher<T> teacher{taught ? &beginning : nullptr, 0.75, 2};
        const std::vector<double> rates(size_t(steps), optimizer == Optimizer::sgd ? 0.125 : 0.0078125);
        Trained<T> result;
        for (int epoch = 0; epoch < epochs; ++epoch) {
            Epoch<T> loop(kernels, architecture_, layers, {X_.data(), InputType::uint8, shape_.widths[0], order_.data()},
                          {y_.data(), nullptr, nullptr}, settings,
                          {shape_.batch_size, shape_.n, 0, steps, epoch * steps, rates.data()}, bfloat16_, extras,
                          augmentation, teacher);
            const Progress progress = loop.run(threads, stop);
            result.losses.insert(result.losses.end(), progress.losses.begin(), progress.losses.end());
            result.correct += progress.correct;
        }
        Predictor<T> predictor(kernels, architecture_, bfloat16_);
        for (size_t l = 0; l < layers.size(); ++l) {
            std::vector<T> W(initial_[l].first.size());
            layers[l].unpack(layers[l].W.theta, W.data());
            const T* const b = layers[l].b.theta.data();
            predictor.set_parameters(int64_t(l), W.data(), b);
            result.parameters.insert(result.parameters.end(), W.begin(), W.end());
            result.parameters.insert(result.parameters.end(), b, b + layers[l].fan_out);
        }
        result.probabilities.resize(size_t(shape_.n * shape_.widths.back()));
        predictor.predict({X_.data(), InputType::uint8, shape_.widths[0], nullptr}, shape_.n, Wanted::outputs,
                          result.probabilities.data(), threads);
        return result;
    }

    // Every distortion at once, of the inputs as pictures: as nearly square as their number permits.
    Augmentation distortions() const {
        int64_t rows = 1;
        for (int64_t r = 1; r * r <= shape_.widths[0]; ++r) rows = shape_.widths[0] % r == 0 ? r : rows;
        const int64_t columns = shape_.widths[0] / rows;
        return {true, 0.25, 0.25, 0.25, 1, smoothing(rows), smoothing(columns), {rows, columns, 1}};
    }
    const std::vector<uint8_t>& X() const { return X_; }

  private:
    // In the place of [gaussian]: numbers that are the same on every machine.
    static std::vector<double> smoothing(int64_t size) {
        std::vector<double> result;
        for (int64_t i = 0; i < size; ++i)
            for (int64_t j = 0; j < size; ++j) result.push_back(0.5 / double(1 + (i - j) * (i - j)));
        return result;
    }

    Shape shape_;
    bool bfloat16_;
    Architecture architecture_;
    std::vector<uint8_t> X_;
    std::vector<int64_t> y_, order_;
    std::vector<std::pair<std::vector<T>, std::vector<T>>> initial_;
};

// FNV-1a of the numbers' bytes.
template <class T> uint64_t checksum(const std::vector<T>& numbers) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (const T& number : numbers) {
        unsigned char bytes[sizeof number];
        std::memcpy(bytes, &number, sizeof number);
        for (unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001b3u;
    }
    return hash;
}

template <class T> bool same_bits(const std::vector<T>& one, const std::vector<T>& other) {
    return one.size() == other.size() && (one.empty() || std::memcmp(one.data(), other.data(), one.size() * sizeof(T)) == 0);
}
template <class T> bool same_bits(const Trained<T>& one, const Trained<T>& other) {
    return same_bits(one.losses, other.losses) && same_bits(one.parameters, other.parameters) &&
           same_bits(one.probabilities, other.probabilities) && one.correct == other.correct;
}

const Optimizer optimizers[] = {Optimizer::sgd, Optimizer::momentum, Optimizer::nesterov, Optimizer::adam, Optimizer::adamw};
inline const char* name(Optimizer optimizer) {
    const char* const names[] = {"none", "sgd", "momentum", "nesterov", "adam", "adamw"};
    return names[int(optimizer)];
}

}  // namespace pellucid
