// Predictions: forwards only, each thread with rows of its own.

#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "finite.h"
#include "forward.h"
#include "meetings.h"
#include "subnormals.h"
#include "threads.h"

namespace pellucid {

enum class Wanted { logits, outputs };

template <class T> class Predictor {
  public:
    Predictor(const Kernels<T>& kernels, Architecture architecture, bool bfloat16)
        : kernels_(kernels), architecture_(std::move(architecture)), bfloat16_(bfloat16) {
        for (int64_t l = 0; l < architecture_.layers(); ++l)
            layers_.emplace_back(architecture_.widths[l], architecture_.widths[l + 1], kernels.panel_width, 0);
    }
    ~Predictor() { delete spare_.load(); }
    Predictor(const Predictor&) = delete;
    Predictor& operator=(const Predictor&) = delete;

    void set_parameters(int64_t l, const T* W_rows, const T* biases) {
        PackedLayer<T>& layer = layers_[l];
        layer.set_parameters(W_rows, biases, architecture_.padding(l));
        if constexpr (std::is_same_v<T, float>)
            if (bfloat16_) {
                layer.keep_pairs(false);
                kernels_.roundings->pair_weights(layer.weights(), layer.pairs(), {0, layer.fan_in}, {0, layer.panels});
            }
    }
    const Architecture& architecture() const { return architecture_; }
    // As many as an example takes multiplications.
    int64_t weights() const {
        int64_t sum = 0;
        for (const PackedLayer<T>& layer : layers_) sum += layer.fan_in * layer.fan_out;
        return sum;
    }

    // Rows 0 ... n - 1 of the data, into an array with a row an example. A row's numbers do not depend on its neighbours. `stop`,
    // if there is one, is asked now and then, on the calling thread; where it says yes, the rest of `out` is left as it is.
    void predict(Rows data, int64_t n, Wanted wanted, T* out, int threads, const std::function<bool()>& stop = {}) const {
        predict<false>(data, n, wanted, out, threads, stop);
    }
    // The same; false where some example, or answer, is not finite.
    bool predict_finite(Rows data, int64_t n, Wanted wanted, T* out, int threads, const std::function<bool()>& stop = {}) const {
        return predict<true>(data, n, wanted, out, threads, stop) && all_finite(out, n * architecture_.widths.back());
    }

    static constexpr int64_t rows_at_a_time = 120;

    // The memory of one who asks about no more rows at a time than these.
    std::unique_ptr<Forward<T>> workspace(int64_t most_rows = rows_at_a_time) const {
        auto work = std::make_unique<Forward<T>>(kernels_, architecture_, layers_, most_rows, bfloat16_);
        work->make_room(1, false);
        return work;
    }
    struct Never {
        bool operator()() const { return false; }
    };
    // Some rows of the data, in memory of one's own; `out` is for the first of them. False where it `has_ended` early. With `checks`,
    // false where one of them is not finite: they are looked at when they are about to be used, by whoever uses them.
    template <bool checks = false, class HasEnded = Never>
    bool predict(Forward<T>& forward, Rows data, Range range, Wanted wanted, T* out, const HasEnded& has_ended = {}) const {
        const int64_t k = architecture_.widths.back(), L = architecture_.layers();
        forward.take(data);
        for (int64_t place = range.begin; place < range.end; place += rows_at_a_time) {
            const int64_t n = std::min(rows_at_a_time, range.end - place);
            const Range rows{0, n};
            if constexpr (checks)
                for (int64_t r = place; r < place + n; ++r)
                    if (!all_finite(data.at(r), data.type, architecture_.widths[0])) return false;
            int64_t nonzero = forward.gather(place, n, rows);
            for (int64_t l = 0; l < L; ++l) {
                if (has_ended()) return false;
                const bool skip = skipping_pays(nonzero, n, layers_[l].fan_in, layers_[l].panels) && layers_[l].is_finite();
                if (l == 0 && forward.needs_scaling(skip)) forward.scale(n, rows);
                if (l == 0) forward.round_input(n, 0);
                forward.layer(l, n, skip, rows, {0, layers_[l].panels}, 0);
                if (l + 1 < L) nonzero = forward.count(l, n, rows);
            }
            const Output output = wanted == Wanted::outputs ? architecture_.loss.output() : Output::identity;
            kernels_.outputs(output, forward.output(L - 1, n), out + (place - range.begin) * k, rows);
        }
        return true;
    }

  private:
    template <bool checks>
    bool predict(Rows data, int64_t n, Wanted wanted, T* out, int threads, const std::function<bool()>& stop) const {
        const Subnormals here(Subnormals::Are::kept);
        const int64_t enough = 2'000'000 / std::max<int64_t>(weights(), 1) + 1;  // rows that are worth waking a thread for
        Team team(int(std::min<int64_t>(threads, n / enough)));
        const int members = team.size();
        if (members == 1 && !stop) {  // one row takes no longer than what follows
            std::unique_ptr<Forward<T>> work = spare_workspace(std::min(rows_at_a_time, n));
            const bool finite = predict<checks>(*work, data, {0, n}, wanted, out);
            delete spare_.exchange(work.release());
            return finite;
        }
        const int64_t piece = std::min(rows_at_a_time, divided_up(n, members));
        std::vector<std::unique_ptr<Forward<T>>> works;  // made here: a member that finds no memory could tell nobody
        for (int member = 0; member < members; ++member) works.push_back(spare_workspace(piece)), works.back()->take(data);
        Question question;
        question.is(stop);
        std::atomic<bool> has_ended{false};
        std::atomic<int64_t> next{0};  // in small pieces: the first member, who asks, must not have to wait for the others for long
        team.run(members, [&](int member) {
            const Subnormals there(Subnormals::Are::kept);
            const auto ended = [&] {
                if (member == 0 && question.wants_to_stop()) has_ended = true;
                return has_ended.load(std::memory_order_relaxed);
            };
            for (int64_t begin; !ended() && (begin = next.fetch_add(piece)) < n;) {
                const Range rows{begin, std::min(begin + piece, n)};
                if (!predict<checks>(*works[size_t(member)], data, rows, wanted, out + begin * architecture_.widths.back(), ended))
                    has_ended = true;
            }
        });
        delete spare_.exchange(works[0].release());
        return !has_ended;
    }

    std::unique_ptr<Forward<T>> spare_workspace(int64_t rows) const {
        std::unique_ptr<Forward<T>> work(spare_.exchange(nullptr));
        return work && work->most_rows() >= rows ? std::move(work) : workspace(rows);
    }

    const Kernels<T>& kernels_;
    const Architecture architecture_;
    const bool bfloat16_;
    mutable std::atomic<Forward<T>*> spare_{nullptr};  // memory for the next who asks: allocating would take as long as one row
    std::vector<PackedLayer<T>> layers_;
};

}  // namespace pellucid
