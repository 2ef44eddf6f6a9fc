// What the examples of a chunk should give, what it costs that they do not, and the first gradient on the way back.

#pragma once

#include <algorithm>
#include <cmath>

#include "backward.h"
#include "forward.h"
#include "teaching.h"

namespace pellucid {

// With a row an example: their class, or a number for each output.
template <class T> struct Wishes {
    const int64_t* classes;
    const T* numbers;
    const double* weights;  // null: all 1
};

template <class T> class Marking {
  public:
    Marking(const Kernels<T>& kernels, const Architecture& architecture, Wishes<T> wishes, int64_t most_rows)
        : kernels_(kernels), architecture_(architecture), wishes_(wishes), rows_(most_rows), classes_(most_rows), numbers_(most_rows),
          z_teacher_(most_rows), shares_(most_rows), losses_(most_rows), correct_(most_rows) {}

    // Null: the labels are all there is.
    void learn_from(const Teaching<T>* teaching) { teaching_ = teaching; }
    bool has_teacher() const { return teaching_; }

    double weight_of(const Rows& data, Range places) const {
        double weight = double(places.end - places.begin);
        if (!wishes_.weights) return weight;
        weight = 0;
        for (int64_t place = places.begin; place < places.end; ++place) weight += wishes_.weights[data.row(place)];
        return weight;
    }

    // Some rows of the chunk that begins at `place`, of a batch of that weight.
    void gather(const Rows& data, int64_t place, double weight_of_batch, Range rows) {
        for (int64_t r = rows.begin; r < rows.end; ++r) {
            const int64_t here = rows_[r] = data.row(place + r);
            const double w = wishes_.weights ? wishes_.weights[here] : 1;
            if (wishes_.numbers) numbers_[r] = wishes_.numbers + here * architecture_.widths.back();
            else classes_[r] = wishes_.classes[here];
            shares_[r] = weight_of_batch == 0 ? T(0) : T(w / weight_of_batch);
            if (teaching_) z_teacher_[r] = teaching_->logits(place + r);
        }
    }

    // [loss] and [dz_out]; [distillation]. Where all weights are 0 there is nothing to learn from, even if nothing is finite.
    void mark(const Forward<T>& forward, Backward<T>& back, int64_t n, double weight_of_batch, Range rows) {
        const int64_t last = architecture_.layers() - 1;
        const Panels<const T> z = forward.output(last, n);
        const Panels<T> dz = back.dz(last, n);
        const LossSetting by = architecture_.loss;
        if (by.is_of_classes())
            kernels_.loss_of_classes(by, z, classes_.data(), shares_.data(), dz, losses_.data(), correct_.data(), rows);
        else
            kernels_.loss_of_numbers(by, z, numbers_.data(), shares_.data(), dz, losses_.data(), correct_.data(), rows);
        if (teaching_)
            kernels_.distil(teaching_->how(), z, z_teacher_.data(), shares_.data(), dz, losses_.data(), rows);
        const int width = kernels_.panel_width;
        const int64_t panels = divided_up(architecture_.widths.back(), width);
        for (int64_t r = rows.begin; r < rows.end; ++r) {
            if (wishes_.weights) losses_[r] *= wishes_.weights[rows_[r]];
            if (weight_of_batch != 0) continue;
            losses_[r] = 0;
            for (int64_t panel = 0; panel < panels; ++panel) std::fill_n(dz.data + (panel * dz.rows + r) * width, width, T(0));
        }
        back.round(last, n, rows, {0, panels});
    }

    // What n rows add to the losses of their batch, or section.
    void count(int64_t n, double& loss, int64_t& correct) const {
        for (int64_t r = 0; r < n; ++r) loss += losses_[r], correct += correct_[r];
    }

  private:
    const Kernels<T>& kernels_;
    const Architecture& architecture_;
    const Wishes<T> wishes_;
    const Teaching<T>* teaching_ = nullptr;
    Buffer<int64_t> rows_, classes_;
    Buffer<const T*> numbers_, z_teacher_;
    Buffer<T> shares_;  // w_r / sum of w
    Buffer<double> losses_;
    Buffer<uint8_t> correct_;
};

}  // namespace pellucid
