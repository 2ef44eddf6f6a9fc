// A packed network, as Python calls it.

#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "bindings_arguments.h"
#include "bindings_interpreter.h"
#include "bindings_stop.h"
#include "plain_arrays.h"
#include "predict.h"

namespace pellucid {

template <class T> class PythonPredictor {
  public:
    PythonPredictor(const std::string& target, const Architecture& architecture, const Layers<T>& layers,
                    const std::vector<int64_t>& input_shape, int threads, bool bfloat16)
        : predictor_(kernels_of<T>(target_named(target)), fitting(architecture, layers), bfloat16),
          input_shapes_{{architecture.widths[0]}, input_shape}, threads_(threads) {
        check_precision<T>(bfloat16);
        int64_t inputs = 1;
        for (int64_t size : input_shape) {
            require(size > 0 && size <= architecture.widths[0] / inputs, "the shape of an example has another number of inputs");
            inputs *= size;
        }
        require(inputs == architecture.widths[0], "the shape of an example has another number of inputs");
        for (size_t l = 0; l < layers.size(); ++l)
            predictor_.set_parameters(int64_t(l), layers[l].first.data(), layers[l].second.data());
    }
    NewMatrix<T> predict(const Data& X, Wanted wanted, int threads) const {
        const Rows data = rows_of(X, predictor_.architecture().widths[0], nullptr);
        const int64_t n = int64_t(X.shape(0));
        auto out = new_matrix<T>(n, predictor_.architecture().widths.back());
        at_work(n, [&](const std::function<bool()>& stop) { predictor_.predict(data, n, wanted, out.data(), threads, stop); });
        return out;
    }
    // Of examples as they come, if they are plain, fit and give finite numbers: one -> (k,), several -> (n, k). Else None.
    nb::object quick(nb::handle examples, Wanted wanted) const {
        const PlainArray X(numpy_, examples);
        bool single = false;
        if (!X.is_plain() || !fits(X, single) || X.size() == 0) return nb::none();
        const int64_t d = predictor_.architecture().widths[0], k = predictor_.architecture().widths.back(), n = X.size() / d;
        NewPlainArray<T> out(numpy_, single ? nb::make_tuple(k) : nb::make_tuple(n, k));
        const Rows data{X.data(), X.type(), d * X.itemsize(), nullptr};
        bool finite = false;
        at_work(n, [&](const std::function<bool()>& stop) {
            finite = predictor_.predict_finite(data, n, wanted, out.data(), threads_, stop);
        });
        return finite ? out.array() : nb::object(nb::none());
    }

    const Predictor<T>& network() const { return predictor_; }

  private:
    // Calls work(stop): with the interpreter released, and somebody to ask where it takes longer than some milliseconds.
    template <class Work> void at_work(int64_t examples, const Work& work) const {
        constexpr double soon_done = 1e8, at_once = 1e6;
        if (examples == 1 && double(predictor_.weights()) < at_once) return work({});  // too short to be worth letting another thread in
        if (double(examples) * double(predictor_.weights()) < soon_done) {
            const InterpreterReleased released;
            return work({});
        }
        StopFromPython ask;
        {
            const InterpreterReleased released;
            work(std::ref(ask));
        }
        ask.raise();
    }

    bool fits(const PlainArray& X, bool& single) const {
        for (const std::vector<int64_t>& shape : input_shapes_) {
            const int several = X.dimensions() - int(shape.size());
            if ((several == 0 || several == 1) && std::equal(shape.begin(), shape.end(), X.shape() + several)) {
                single = several == 0;
                return true;
            }
        }
        return false;
    }

    Predictor<T> predictor_;
    const std::vector<int64_t> input_shapes_[2];  // flat, and as people see it
    const int threads_;
    const NumPy numpy_{sizeof(T) == 4 ? "float32" : "float64"};
};

}  // namespace pellucid
