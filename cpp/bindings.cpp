// What Python calls. It looks at what it is given as far as memory safety needs; sentences for people are native.py's.
// This file and bindings_kernels*.cpp know Python, and no other.

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include <cmath>
#include <exception>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "augmentation.h"
#include "epoch.h"
#include "plain_arrays.h"
#include "predict.h"
#include "python_arrays.h"
#include "random_streams.h"
#include "subnormals.h"

using namespace nanobind::literals;

namespace pellucid {

void bind_kernels(nb::module_& module);  // bindings_kernels.cpp

namespace {

template <class T> using Layers = std::vector<std::pair<Matrix<T>, Array<T>>>;

Architecture architecture_of(const std::vector<int64_t>& widths, const std::vector<std::string>& activations,
                             const Numbers& offset, const Numbers& scale, const std::string& loss, double setting) {
    require(widths.size() >= 2 && activations.size() == widths.size() - 2, "one activation for each hidden layer");
    for (int64_t width : widths) require(width > 0, "widths are at least 1");
    require_aligned(offset);
    require_aligned(scale);
    require(offset.size() == scale.size() && (offset.size() == 1 || int64_t(offset.size()) == widths[0]),
            "one offset and scale, or one for each input");
    Architecture architecture{widths, {}, {offset.data(), offset.data() + offset.size()}, {scale.data(), scale.data() + scale.size()},
                              loss_named(loss, setting)};
    for (const std::string& name : activations) architecture.activations.push_back(activation_named(name));
    architecture.activations.push_back(Activation::identity);
    return architecture;
}

Rows rows_of(const Data& X, int64_t inputs, const int64_t* order) {
    require(int64_t(X.shape(1)) == inputs, "X has another number of columns");
    return {X.data(), input_type_of(X), X.stride(0) * int64_t(X.itemsize()), order};
}

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

template <class T> Architecture fitting(Architecture architecture, const Layers<T>& layers) {
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

const nb::module_* threading = nullptr;  // lives as long as the process

// Asks Python whether to stop, with the interpreter held: has a signal come (Ctrl-C), and what does `stop` say, unless it is None?
// An exception is kept until the work has ended in good order.
// Who has no say, as nobody but the main thread hears signals, never waits for the interpreter: others may be using it, or it may be
// ending, with a thread that nobody waits for still at work.
class StopFromPython {
  public:
    explicit StopFromPython(nb::handle stop = nb::none())
        : stop_(nb::borrow(stop)), can_say_yes_(!stop.is_none() || is_main_thread()) {}
    bool operator()() {
        if (!can_say_yes_) return false;
        nb::gil_scoped_acquire held;
        const Subnormals here(Subnormals::Are::kept);  // for whatever Python does
        try {
            if (PyErr_CheckSignals() != 0) throw nb::python_error();
            return !stop_.is_none() && nb::cast<bool>(nb::bool_(stop_()));
        } catch (...) {
            error_ = std::current_exception();
            return true;
        }
    }
    void raise() const {
        if (error_) std::rethrow_exception(error_);
    }

  private:
    static bool is_main_thread() {
        return threading->attr("get_ident")().equal(threading->attr("main_thread")().attr("ident"));
    }

    const nb::object stop_;
    const bool can_say_yes_;
    std::exception_ptr error_;
};

void check_order(const Indices& order, int64_t begin, int64_t end, int64_t n) {
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

void check_extras(const Extras& extras) {
    for (double rate : {extras.input_dropout, extras.dropout}) require(rate >= 0 && rate < 1, "shares left out are below 1");
    require(extras.l2 >= 0 && std::isfinite(extras.l2), "l2 is not negative, and finite");
    require(extras.clip > 0, "clip is positive");
    require(extras.max_norm > 0, "max_norm is positive");
}

// The matrices of [gaussian], square; both or none.
void init_augmentation(Augmentation* self, double rotation, double scale, double shear, double shift,
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

template <class T> void check_precision(bool bfloat16) {
    require(!bfloat16 || sizeof(T) == sizeof(float), "bfloat16 products are summed in float32: the parameters must be float32");
}

template <class T> class PythonPredictor {
  public:
    PythonPredictor(const std::string& target, const std::vector<int64_t>& widths, const std::vector<std::string>& activations,
                    const Numbers& offset, const Numbers& scale, const std::string& loss, double setting, const Layers<T>& layers,
                    const std::vector<int64_t>& input_shape, int threads, bool bfloat16)
        : predictor_(kernels_of<T>(target_named(target)),
                     fitting(architecture_of(widths, activations, offset, scale, loss, setting), layers), bfloat16),
          input_shapes_{{widths[0]}, input_shape}, threads_(threads) {
        check_precision<T>(bfloat16);
        int64_t inputs = 1;
        for (int64_t size : input_shape) {
            require(size > 0 && size <= widths[0] / inputs, "the shape of an example has another number of inputs");
            inputs *= size;
        }
        require(inputs == widths[0], "the shape of an example has another number of inputs");
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
        constexpr double soon_done = 1e8;
        if (examples == 1) return work({});  // too short to be worth letting another thread in
        if (double(examples) * double(predictor_.weights()) < soon_done) {
            nb::gil_scoped_release released;
            return work({});
        }
        StopFromPython ask;
        {
            nb::gil_scoped_release released;
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

template <class T>
nb::tuple run(const std::string& target, const std::vector<int64_t>& widths, const std::vector<std::string>& activations,
              const Numbers& offset, const Numbers& scale, const std::string& loss, double setting, const std::string& optimizer,
              double mu, double beta_1, double beta_2, double epsilon, double weight_decay, const Layers<T>& layers,
              const std::vector<Layers<T>>& moments, int64_t steps_done, const Data& X, const Targets<T>& y,
              const Indices& order, const Numbers& rates, int64_t batch_size, int64_t first_step, int64_t n_steps,
              const std::optional<Numbers>& weights, double input_dropout, double dropout, double l2, double clip, double max_norm,
              const std::optional<Augmentation>& augmentation,
              const PythonPredictor<T>* teacher, double teacher_weight, double temperature, uint64_t seed, uint32_t epoch_number, const std::optional<Indices>& examples, int threads, const nb::object& stop, bool bfloat16) {
    check_precision<T>(bfloat16);
    const Extras extras{input_dropout, dropout, l2, clip, max_norm, seed, epoch_number};
    check_extras(extras);
    const Kernels<T>& kernels = kernels_of<T>(target_named(target));
    const Architecture architecture = architecture_of(widths, activations, offset, scale, loss, setting);
    require(!augmentation || augmentation->shape.pixels() * augmentation->shape.channels == widths[0],
            "the pictures have another number of pixels");
    require(!teacher || (teacher->network().architecture().widths.front() == widths.front() &&
                         teacher->network().architecture().widths.back() == widths.back() &&
                         teacher->network().architecture().loss.output() == architecture.loss.output()),
            "the teacher has other inputs or outputs");
    require(architecture.loss.output() == Output::softmax || architecture.loss.output() == Output::logistic || !teacher,
            "who is taught gives probabilities");
    require(teacher_weight >= 0 && teacher_weight <= 1 && temperature > 0, "lambda is a share, and T positive");
    const Teacher<T> taught_by{teacher ? &teacher->network() : nullptr, teacher_weight, temperature};
    const OptimizerSettings settings{optimizer_named(optimizer), mu, beta_1, beta_2, epsilon, weight_decay};
    require(int(moments.size()) == settings.moments(), "another number of moments");
    Rows data = rows_of(X, widths[0], order.data());
    require(!examples || examples->size() == X.shape(0), "one number an example");
    if (examples) require_aligned(*examples), data.numbers = examples->data();
    const int64_t n = int64_t(X.shape(0)), rows_in_all = int64_t(order.size());
    require(batch_size > 0 && first_step >= 0 && n_steps >= 0, "steps and batch sizes are not negative");
    batch_size = std::min(batch_size, std::max<int64_t>(rows_in_all, 1));
    const int64_t steps = divided_up(rows_in_all, batch_size);
    n_steps = std::max<int64_t>(0, std::min(n_steps, steps - first_step));
    require(int64_t(rates.size()) >= first_step + n_steps, "one rate a step");
    require_aligned(rates);
    const Range places{first_step * batch_size, std::min(rows_in_all, (first_step + n_steps) * batch_size)};
    check_order(order, places.begin, places.end, n);
    const Wishes<T> wishes = wishes_of<T>(y, weights, architecture, n, order.data(), places.begin, places.end);
    std::vector<PackedLayer<T>> parameters = packed<T>(kernels, architecture, layers, moments);
    Progress progress;
    if (n_steps > 0) {
        StopFromPython ask(stop);
        {
            nb::gil_scoped_release released;
            Epoch<T> epoch(kernels, architecture, parameters, data, wishes, settings,
                           {batch_size, rows_in_all, first_step, n_steps, steps_done, rates.data()}, bfloat16, extras,
                           augmentation.value_or(Augmentation{}), taught_by);
            progress = epoch.run(threads, std::ref(ask));
        }
        ask.raise();
    }
    auto losses = new_array<double>(int64_t(progress.losses.size()));
    std::copy(progress.losses.begin(), progress.losses.end(), losses.data());
    nb::list new_moments;
    if (settings.moments() > 0) new_moments.append(unpacked<T>(parameters, &Parameter<T>::m));
    if (settings.moments() > 1) new_moments.append(unpacked<T>(parameters, &Parameter<T>::v));
    nb::object bad = progress.non_finite_step < 0 ? nb::none() : nb::object(nb::int_(progress.non_finite_step));
    return nb::make_tuple(unpacked<T>(parameters, &Parameter<T>::theta), nb::tuple(new_moments), losses, progress.correct, bad);
}

template <class T>
std::optional<nb::tuple> loss_and_gradients(const std::string& target, const std::vector<int64_t>& widths,
                             const std::vector<std::string>& activations, const Numbers& offset, const Numbers& scale,
                             const std::string& loss, double setting, const Layers<T>& layers, const Data& X,
                             const Targets<T>& y, const std::optional<Numbers>& weights, double l2, int threads, const nb::object& stop, bool bfloat16) {
    check_precision<T>(bfloat16);
    Extras extras;
    extras.l2 = l2;
    check_extras(extras);
    const Kernels<T>& kernels = kernels_of<T>(target_named(target));
    const Architecture architecture = architecture_of(widths, activations, offset, scale, loss, setting);
    const int64_t n = int64_t(X.shape(0));
    require(n > 0, "there are no examples");
    const Wishes<T> wishes = wishes_of<T>(y, weights, architecture, n, nullptr, 0, n);
    std::vector<PackedLayer<T>> parameters = packed<T>(kernels, architecture, layers, {});
    const double rate = 0;
    Epoch<T> epoch(kernels, architecture, parameters, rows_of(X, widths[0], nullptr), wishes, OptimizerSettings{},
                   {n, n, 0, 1, 0, &rate}, bfloat16, extras);
    Progress progress;
    StopFromPython ask(stop);
    {
        nb::gil_scoped_release released;
        progress = epoch.run(threads, std::ref(ask));
    }
    ask.raise();
    if (progress.losses.empty()) return std::nullopt;
    nb::list gradients;
    for (size_t l = 0; l < parameters.size(); ++l) {
        const PackedLayer<T>& layer = parameters[l];
        auto dW = new_matrix<T>(layer.fan_out, layer.fan_in);
        auto db = new_array<T>(layer.fan_out);
        layer.unpack(epoch.dW(int64_t(l)), dW.data());
        std::copy_n(epoch.db(int64_t(l)).data(), layer.fan_out, db.data());
        gradients.append(nb::make_tuple(dW, db));
    }
    return nb::make_tuple(progress.losses[0], nb::tuple(gradients));
}

// Arrays are taken as they are: where NumPy's whole numbers are converted to C++'s, float64 must not become float32.
template <class T> void bind(nb::module_& module, const char* predictor_name) {
    const auto array = [](const char* name) { return nb::arg(name).noconvert(); };
    using P = PythonPredictor<T>;
    nb::class_<P>(module, predictor_name, "A packed network.")
        .def(nb::init<const std::string&, const std::vector<int64_t>&, const std::vector<std::string>&, const Numbers&,
                      const Numbers&, const std::string&, double, const Layers<T>&, const std::vector<int64_t>&, int, bool>(),
             "target"_a, "widths"_a, "activations"_a, array("offset"), array("scale"), "loss"_a, "loss_setting"_a, array("layers"),
             "input_shape"_a, "threads"_a, "bfloat16"_a = false)
        .def("logits", [](const P& p, const Data& X, int threads) { return p.predict(X, Wanted::logits, threads); }, array("X"),
             "threads"_a = 1)
        .def("outputs", [](const P& p, const Data& X, int threads) { return p.predict(X, Wanted::outputs, threads); },
             array("X"), "threads"_a = 1)
        .def("quick_logits", [](const P& p, nb::handle X) { return p.quick(X, Wanted::logits); },
             "Of an array of examples, or of one, in any shape that fits; None where that needs a longer look.")
        .def("quick_outputs", [](const P& p, nb::handle X) { return p.quick(X, Wanted::outputs); });
    module.def("run", &run<T>, "target"_a, "widths"_a, "activations"_a, array("offset"), array("scale"), "loss"_a,
               "loss_setting"_a, "optimizer"_a, "mu"_a, "beta_1"_a, "beta_2"_a, "epsilon"_a, "weight_decay"_a, array("layers"), array("moments"), "steps_done"_a,
               array("X"), array("y"), array("order"), array("rates"), "batch_size"_a, "first_step"_a, "n_steps"_a,
               array("weights").none(), "input_dropout"_a, "dropout"_a, "l2"_a, "clip"_a, "max_norm"_a, "augmentation"_a.none(), nb::arg("teacher").none(), "teacher_weight"_a, "temperature"_a, "seed"_a, "epoch"_a,
               array("examples").none(), "threads"_a, "stop"_a.none(), "bfloat16"_a = false,
               "Take steps: (layers, moments, losses, correct, non-finite step or None).");
    module.def("loss_and_gradients", &loss_and_gradients<T>, "target"_a, "widths"_a, "activations"_a, array("offset"),
               array("scale"), "loss"_a, "loss_setting"_a, array("layers"), array("X"), array("y"), array("weights").none(), "l2"_a,
               "threads"_a, "stop"_a.none(), "bfloat16"_a = false,
               "The mean loss, and a gradient for each W and b; None where `stop` ended it.");
}

}  // namespace
}  // namespace pellucid

NB_MODULE(_native, module) {
    using namespace pellucid;
    threading = new nb::module_(nb::module_::import_("threading"));
    module.doc() = "The fast twin of pellucid.equations: the same numbers, in C++.";
    module.def("targets", [] {
        std::vector<std::tuple<std::string, std::string, bool, bool>> result;
        for (int i = 0; i < number_of_targets; ++i)
            result.emplace_back(targets[i]->name, targets[i]->description, targets[i]->runs_here(),
                                targets[i]->multiplies_bfloat16);
        return result;
    }, "Each target of this build, best first: its name, what it needs, whether this processor runs it, whether it has instructions for bfloat16.");
    module.def("default_threads", &default_threads, "OMP_NUM_THREADS, else the cores that this process may run on.");
    module.def("permutation", [](uint64_t seed, uint32_t purpose, int64_t n, uint32_t epoch) {
        require(n >= 0, "n is not negative");
        auto order = new_array<int64_t>(n);
        nb::gil_scoped_release released;
        permutation(seed, purpose, epoch, n, order.data());
        return order;
    }, "seed"_a, "purpose"_a, "n"_a, "epoch"_a, "Shuffle 0 ... n - 1, as equations.random_streams does.");
    nb::class_<Augmentation>(module, "Augmentation", "How pictures are distorted; the rotation in radians.")
        .def("__init__", &init_augmentation, "rotation"_a, "scale"_a, "shear"_a, "shift"_a, "G_rows"_a.none(), "G_columns"_a.none(),
             "shape"_a);
    bind<float>(module, "Predictor32");
    bind<double>(module, "Predictor64");
    bind_kernels(module);
}
