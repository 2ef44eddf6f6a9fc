// What becomes of a gradient that waited until all of it was there: the update of every layer, each member's part of it.

#pragma once

#include <cmath>
#include <vector>

#include "backward.h"
#include "extras.h"
#include "gradient.h"

namespace pellucid {

template <class T> class Updates {
  public:
    Updates(const Kernels<T>& kernels, const Architecture& architecture, std::vector<PackedLayer<T>>& layers, Backward<T>& back,
            const Extras& extras)
        : kernels_(kernels), architecture_(architecture), layers_(layers), back_(back), extras_(extras) {}

    // [clip] needs the norm of this gradient.
    void will_measure(const Gradient<T>& gradient) {
        for (const std::vector<Buffer<T>>* arrays : {&gradient.dW, &gradient.db})
            for (const Buffer<T>& array : *arrays) squared_gradient_.of(array.data(), array.size());
    }
    void measure(int member, int members) { squared_gradient_.add_up(kernels_, member, members); }
    // What is left of it.
    T factor() const {
        const double norm = std::sqrt(squared_gradient_.total());
        return extras_.clip < norm && std::isfinite(norm) ? T(extras_.clip / norm) : T(1);
    }

    // The sum of several, and what [l2] adds to it.
    void add_up(const Gradients<T>& gradients, T pull, const Gradient<T>& sum, int member, int members) const {
        typename Gradients<T>::Room room;
        each_part(member, members, [&](int64_t l, Range W, Range b) {
            const PackedLayer<T>& layer = layers_[size_t(l)];
            kernels_.add_up(gradients.dW(l, W.begin, room), layer.W.theta.data() + W.begin, pull, sum.dW[size_t(l)].data() + W.begin,
                            W.end - W.begin);
            kernels_.add_up(gradients.db(l, b.begin, room), layer.b.theta.data() + b.begin, T(0), sum.db[size_t(l)].data() + b.begin,
                            b.end - b.begin);
        });
    }

    void take(const Gradients<T>& gradients, T factor, const Rule<T>& rule, int member, int members) {
        Rule<T> of_biases = rule;
        of_biases.pull = T(0);
        typename Gradients<T>::Room room;
        each_part(member, members, [&](int64_t l, Range W, Range b) {
            PackedLayer<T>& layer = layers_[size_t(l)];
            if (!kernels_.update(layer.W.from(W.begin), gradients.dW(l, W.begin, room), factor, rule, W.end - W.begin))
                layer.is_not_finite();
            kernels_.update(layer.b.from(b.begin), gradients.db(l, b.begin, room), factor, of_biases, b.end - b.begin);
            if (b.end == layer.b.theta.size() && b.begin < b.end) layer.pad_biases(architecture_.padding(l));
        });
    }

    // [max-norm]
    void constrain(int64_t l, Range panels) const {
        const PackedLayer<T>& layer = layers_[size_t(l)];
        kernels_.constrain({layer.W.theta.data(), layer.fan_in, layer.fan_out}, extras_.max_norm, panels);
    }

    // What is kept beside the weights that `take` has changed.
    void turn_weights(int member, int members) {
        for (int64_t l = 0; l < architecture_.layers(); ++l) {
            const Part part = part_of(l, member, members);
            back_.turn_weights(l, part.inputs, part.panels);
        }
    }

  private:
    struct Part {
        Range inputs, panels;
    };
    // By neurons or, where there are more panels of them, by inputs.
    Part part_of(int64_t l, int member, int members) const {
        const PackedLayer<T>& layer = layers_[size_t(l)];
        if (divided_up(layer.fan_in, layer.panel_width) <= layer.panels)
            return {{0, layer.fan_in}, share_of({0, layer.panels}, member, members)};
        return {share_of({0, layer.fan_in}, member, members, layer.panel_width), {0, layer.panels}};
    }
    // A member's places in W, a stretch of each panel, and in b.
    template <class Visit> void each_part(int member, int members, const Visit& visit) const {
        for (int64_t l = 0; l < architecture_.layers(); ++l) {
            const PackedLayer<T>& layer = layers_[size_t(l)];
            const int64_t width = layer.panel_width;
            const Part part = part_of(l, member, members);
            Range b = share_of({0, layer.b.theta.size()}, member, members, width);
            for (int64_t panel = part.panels.begin; panel < part.panels.end; ++panel) {
                const int64_t at = panel * layer.fan_in;
                visit(l, Range{(at + part.inputs.begin) * width, (at + part.inputs.end) * width}, b);
                b.begin = b.end;
            }
            if (b.begin < b.end) visit(l, Range{0, 0}, b);
        }
    }

    const Kernels<T>& kernels_;
    const Architecture& architecture_;
    std::vector<PackedLayer<T>>& layers_;
    Backward<T>& back_;
    const Extras& extras_;
    SumOfSquares<T> squared_gradient_;
};

}  // namespace pellucid
