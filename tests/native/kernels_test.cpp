// kernels_test [TARGET ...]: small trainings of awkward shapes by the targets named, or by all that run here, each held
// against the scalar target. Prints a line for each, and ends with 1 where one strayed, with 2 where a target does not run.

#include <cstdio>
#include <limits>

#include "problem.h"

using namespace pellucid;

namespace {

const Target* target_named(const std::string& name) {
    for (int i = 0; i < number_of_targets; ++i)
        if (targets[i]->name == name) return targets[i];
    return nullptr;
}

// How far two lists of numbers lie apart, in roundings of numbers of size 1 or of their own size, whichever is more.
template <class T, class Number> double distance(const std::vector<Number>& one, const std::vector<Number>& other) {
    if (one.size() != other.size()) return std::numeric_limits<double>::infinity();
    double most = 0;
    for (size_t i = 0; i < one.size(); ++i) {
        const double apart = std::abs(double(one[i]) - double(other[i])) / std::max(1.0, std::abs(double(other[i])));
        if (!(apart <= most)) most = apart;
    }
    return most / std::numeric_limits<T>::epsilon();
}

// A rounding of each number for each term in its sums, and for the sums that these went into, in each step.
double allowed(const Shape& shape, int64_t steps) {
    double terms = 16 + double(std::min(shape.n, shape.batch_size));
    for (int64_t width : shape.widths) terms += double(width);
    return 4 * terms * double(steps);
}

template <class T> bool test(const Target& target, const char* type) {
    bool good = true;
    uint64_t seed = 1;
    for (const Shape& shape : awkward_shapes) {
        const int zeros_in_ten = int(seed * 3 % 10);
        const Problem<T> problem(shape, seed, zeros_in_ten);
        for (Optimizer optimizer : {optimizers[0], optimizers[1 + seed++ % 4]}) {
            const Trained<T> found = problem.train(target, optimizer, 1, 1);
            const Trained<T> scalar = problem.train(*target_named("scalar"), optimizer, 1, 1);
            const double apart = std::max({distance<T>(found.losses, scalar.losses), distance<T>(found.parameters, scalar.parameters),
                                           distance<T>(found.probabilities, scalar.probabilities)});
            const bool near = apart <= allowed(shape, int64_t(found.losses.size()));
            good = good && near;
            std::printf("%s %s %s zeros=%d %s: loss %.17g correct %lld parameters %016llx, %.3g roundings from scalar%s\n",
                        target.name, type, text(shape).c_str(), zeros_in_ten, name(optimizer), found.losses.back(),
                        static_cast<long long>(found.correct), static_cast<unsigned long long>(checksum(found.parameters)), apart,
                        near ? "" : ": TOO FAR");
        }
    }
    return good;
}

// Pictures distorted by a target and by the scalar one: a shade may be rounded the other way, where it lay between two.
template <class T> bool test_distortions(const Target& target, const char* type) {
    bool good = true;
    uint64_t seed = 1;
    for (const Shape& shape : awkward_shapes) {
        const Problem<T> problem(shape, seed, 3);
        const Augmentation by = problem.distortions();
        std::vector<uint8_t> found(problem.X().size()), scalar(found.size());
        for (auto [of, out] : {std::pair{&target, &found}, std::pair{target_named("scalar"), &scalar}}) {
            Distorter<T> distorter(kernels_of<T>(*of), by, seed, 3);
            for (int64_t i = 0; i < shape.n; ++i) {
                const size_t at = size_t(i * shape.widths[0]);
                distorter.distort(problem.X().data() + at, InputType::uint8, uint32_t(i), out->data() + at);
            }
        }
        int most = 0;
        for (size_t i = 0; i < found.size(); ++i) most = std::max(most, std::abs(int(found[i]) - int(scalar[i])));
        good = good && most <= 1;
        std::printf("%s %s %s distorted: %016llx, at most %d shades from scalar%s\n", target.name, type, text(shape).c_str(),
                    static_cast<unsigned long long>(checksum(found)), most, most <= 1 ? "" : ": TOO FAR");
        ++seed;
    }
    return good;
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<const Target*> wanted;
    for (int i = 1; i < argc; ++i) {
        const Target* const target = target_named(argv[i]);
        if (!target || !target->runs_here()) {
            std::printf("%s does not run here\n", argv[i]);
            return 2;
        }
        wanted.push_back(target);
    }
    if (argc < 2)
        for (int i = 0; i < number_of_targets; ++i)
            if (targets[i]->runs_here()) wanted.push_back(targets[i]);
    bool good = true;
    for (const Target* target : wanted) {
        good = test<float>(*target, "float32") && good;
        good = test<double>(*target, "float64") && good;
        good = test_distortions<float>(*target, "float32") && good;
        good = test_distortions<double>(*target, "float64") && good;
    }
    std::printf("%s\n", good ? "all near" : "some too far");
    return good ? 0 : 1;
}
