// The module that Python calls: training, prediction, an epoch's order. What it is handed is looked at as far as memory safety
// needs (bindings_arguments.h); sentences for people are native.py's. The files named bindings* know Python, and no others but those
// that they include for it: python_arrays.h, plain_arrays.h.

#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "bindings_arguments.h"
#include "bindings_interpreter.h"
#include "bindings_predictor.h"
#include "bindings_stop.h"
#include "epoch.h"
#include "random_streams.h"

using namespace nanobind::literals;

namespace pellucid {

void bind_kernels(nb::module_& module);  // bindings_kernels.cpp

namespace {

template <class T>
Teacher<T> teacher_of(const PythonPredictor<T>* teacher, double weight, double temperature, const Architecture& pupil) {
    require(weight >= 0 && weight <= 1 && temperature > 0, "lambda is a share, and T positive");
    if (!teacher) return {nullptr, weight, temperature};
    const Architecture& architecture = teacher->network().architecture();
    const Output output = pupil.loss.output();
    require(architecture.widths.front() == pupil.widths.front() && architecture.widths.back() == pupil.widths.back() &&
                architecture.loss.output() == output,
            "the teacher has other inputs or outputs");
    require(output == Output::softmax || output == Output::logistic, "who is taught gives probabilities");
    return {&teacher->network(), weight, temperature};
}

template <class T>
nb::tuple run(const std::string& target, const Architecture& architecture, const OptimizerSettings& optimizer, const Layers<T>& layers,
              const std::vector<Layers<T>>& moments, int64_t steps_done, const Data& X, const Targets<T>& y, const Indices& order,
              const Numbers& rates, int64_t batch_size, int64_t first_step, int64_t n_steps, const std::optional<Numbers>& weights,
              const Extras& extras, const std::optional<Augmentation>& augmentation, const PythonPredictor<T>* teacher,
              double teacher_weight, double temperature, const std::optional<Indices>& examples, int threads, const nb::object& stop,
              bool bfloat16) {
    check_precision<T>(bfloat16);
    const Kernels<T>& kernels = kernels_of<T>(target_named(target));
    const int64_t inputs = architecture.widths[0];
    require(!augmentation || augmentation->shape.pixels() * augmentation->shape.channels == inputs,
            "the pictures have another number of pixels");
    const Teacher<T> taught_by = teacher_of(teacher, teacher_weight, temperature, architecture);
    require(int(moments.size()) == optimizer.moments(), "another number of moments");
    Rows data = rows_of(X, inputs, order.data());
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
            const InterpreterReleased released;
            Epoch<T> epoch(kernels, architecture, parameters, data, wishes, optimizer,
                           {batch_size, rows_in_all, first_step, n_steps, steps_done, rates.data()}, bfloat16, extras,
                           augmentation.value_or(Augmentation{}), taught_by);
            progress = epoch.run(threads, std::ref(ask));
        }
        ask.raise();
    }
    auto losses = new_array<double>(int64_t(progress.losses.size()));
    std::copy(progress.losses.begin(), progress.losses.end(), losses.data());
    nb::list new_moments;
    if (optimizer.moments() > 0) new_moments.append(unpacked<T>(parameters, &Parameter<T>::m));
    if (optimizer.moments() > 1) new_moments.append(unpacked<T>(parameters, &Parameter<T>::v));
    nb::object bad = progress.non_finite_step < 0 ? nb::none() : nb::object(nb::int_(progress.non_finite_step));
    return nb::make_tuple(unpacked<T>(parameters, &Parameter<T>::theta), nb::tuple(new_moments), losses, progress.correct, bad);
}

template <class T>
std::optional<nb::tuple> loss_and_gradients(const std::string& target, const Architecture& architecture, const Layers<T>& layers,
                                            const Data& X, const Targets<T>& y, const std::optional<Numbers>& weights,
                                            const Extras& extras, int threads, const nb::object& stop, bool bfloat16) {
    check_precision<T>(bfloat16);
    const Kernels<T>& kernels = kernels_of<T>(target_named(target));
    require(!extras.clips() && !extras.constrains(), "bounds are for a step, and none is taken");
    const int64_t n = int64_t(X.shape(0));
    require(n > 0, "there are no examples");
    const Wishes<T> wishes = wishes_of<T>(y, weights, architecture, n, nullptr, 0, n);
    std::vector<PackedLayer<T>> parameters = packed<T>(kernels, architecture, layers, {});
    const double rate = 0;
    Epoch<T> epoch(kernels, architecture, parameters, rows_of(X, architecture.widths[0], nullptr), wishes, OptimizerSettings{},
                   {n, n, 0, 1, 0, &rate}, bfloat16, extras);
    Progress progress;
    StopFromPython ask(stop);
    {
        const InterpreterReleased released;
        progress = epoch.run(threads, std::ref(ask));
    }
    ask.raise();
    if (progress.losses.empty()) return std::nullopt;
    nb::list gradients;
    for (size_t l = 0; l < parameters.size(); ++l) {
        const PackedLayer<T>& layer = parameters[l];
        auto dW = new_matrix<T>(layer.fan_out, layer.fan_in);
        auto db = new_array<T>(layer.fan_out);
        layer.unpack(epoch.gradient().dW[l], dW.data());
        std::copy_n(epoch.gradient().db[l].data(), layer.fan_out, db.data());
        gradients.append(nb::make_tuple(dW, db));
    }
    return nb::make_tuple(progress.losses[0], nb::tuple(gradients));
}

// Arrays are taken as they are: where NumPy's whole numbers are converted to C++'s, float64 must not become float32.
template <class T> void bind(nb::module_& module, const char* predictor_name) {
    const auto array = [](const char* name) { return nb::arg(name).noconvert(); };
    using P = PythonPredictor<T>;
    nb::class_<P>(module, predictor_name, "A packed network.")
        .def(nb::init<const std::string&, const Architecture&, const Layers<T>&, const std::vector<int64_t>&, int, bool>(),
             "target"_a, "architecture"_a, array("layers"), "input_shape"_a, "threads"_a, "bfloat16"_a = false)
        .def("logits", [](const P& p, const Data& X, int threads) { return p.predict(X, Wanted::logits, threads); }, array("X"),
             "threads"_a = 1)
        .def("outputs", [](const P& p, const Data& X, int threads) { return p.predict(X, Wanted::outputs, threads); },
             array("X"), "threads"_a = 1)
        .def("quick_logits", [](const P& p, nb::handle X) { return p.quick(X, Wanted::logits); },
             "Of an array of examples, or of one, in any shape that fits; None where that needs a longer look.")
        .def("quick_outputs", [](const P& p, nb::handle X) { return p.quick(X, Wanted::outputs); });
    module.def("run", &run<T>, "target"_a, "architecture"_a, "optimizer"_a, array("layers"), array("moments"), "steps_done"_a, array("X"),
               array("y"), array("order"), array("rates"), "batch_size"_a, "first_step"_a, "n_steps"_a, array("weights").none(),
               "extras"_a, "augmentation"_a.none(), nb::arg("teacher").none(), "teacher_weight"_a, "temperature"_a,
               array("examples").none(), "threads"_a, "stop"_a.none(), "bfloat16"_a = false,
               "Take steps: (layers, moments, losses, correct, non-finite step or None).");
    module.def("loss_and_gradients", &loss_and_gradients<T>, "target"_a, "architecture"_a, array("layers"), array("X"), array("y"),
               array("weights").none(), "extras"_a, "threads"_a, "stop"_a.none(), "bfloat16"_a = false,
               "The mean loss, and a gradient for each W and b; None where `stop` ended it.");
}

void bind_records(nb::module_& module) {
    nb::class_<Architecture>(module, "Architecture", "What is fixed before training begins.")
        .def("__init__", &init_architecture, "widths"_a, "activations"_a, nb::arg("offset").noconvert(), nb::arg("scale").noconvert(),
             "loss"_a, "loss_setting"_a);
    nb::class_<OptimizerSettings>(module, "Optimizer", "An optimiser by name; 0 for what it does not have.")
        .def("__init__", &init_optimizer, "name"_a, "mu"_a, "beta_1"_a, "beta_2"_a, "epsilon"_a, "weight_decay"_a);
    nb::class_<Extras>(module, "Extras", "What is added to a step, and where its random numbers stand.")
        .def("__init__", &init_extras, "input_dropout"_a, "dropout"_a, "l2"_a, "clip"_a, "max_norm"_a, "seed"_a, "epoch"_a);
    nb::class_<Augmentation>(module, "Augmentation", "How pictures are distorted; the rotation in radians.")
        .def("__init__", &init_augmentation, "rotation"_a, "scale"_a, "shear"_a, "shift"_a, "G_rows"_a.none(), "G_columns"_a.none(),
             "shape"_a);
}

}  // namespace
}  // namespace pellucid

NB_MODULE(_native, module) {
    using namespace pellucid;
    nb::set_leak_warnings(false);  // a thread that nobody waits for may hold a network to the end
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
        const InterpreterReleased released;
        permutation(seed, purpose, epoch, n, order.data());
        return order;
    }, "seed"_a, "purpose"_a, "n"_a, "epoch"_a, "Shuffle 0 ... n - 1, as equations.random_streams does.");
    bind_records(module);
    bind<float>(module, "Predictor32");
    bind<double>(module, "Predictor64");
    bind_kernels(module);
}
