// The stages of a training step of 784-128-64-10 on MNIST, batch 64, plain SGD, one thread: what each takes, what it computes, what it
// moves. stages.py compiles this, runs it and prints the table.
//
//   stages TARGET float32|bfloat16|pictures FILE      60,000 × 784 bytes, in the order in which they are trained on, and 60,000 labels

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "epoch.h"

using namespace pellucid;
using Clock = std::chrono::steady_clock;

constexpr int64_t batch = 64, images = 60000, steps = images / batch, rounds = 5;
const std::vector<int64_t> widths{784, 128, 64, 10};

double nanoseconds(Clock::duration d) { return std::chrono::duration<double, std::nano>(d).count(); }
// Of this thread, in nanoseconds: so long an interval is interrupted by others.
double processor_time() {
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return double(now.tv_sec) * 1e9 + double(now.tv_nsec);
}
double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
    return values[values.size() / 2];
}

// What one stage took in each step, and how much there was to do in all of them: multiply-adds, and bytes read and written.
struct Stage {
    std::string name;
    std::vector<double> took;
    double multiply_adds = 0, bytes = 0;
};
std::vector<Stage> stages;
void time(const std::string& name, double multiply_adds, double bytes, const std::function<void()>& work) {
    auto stage = std::find_if(stages.begin(), stages.end(), [&](const Stage& s) { return s.name == name; });
    if (stage == stages.end()) stage = stages.insert(stages.end(), Stage{name, {}});
    const Clock::time_point began = Clock::now();
    work();
    stage->took.push_back(nanoseconds(Clock::now() - began));
    stage->multiply_adds += multiply_adds, stage->bytes += bytes;
}

std::vector<PackedLayer<float>> network(const Kernels<float>& kernels) {
    std::vector<PackedLayer<float>> layers;
    uint64_t state = 1;
    for (size_t l = 0; l + 1 < widths.size(); ++l) {
        std::vector<float> W(size_t(widths[l] * widths[l + 1])), b(size_t(widths[l + 1]));
        for (float& w : W) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            w = float((double(state >> 33) / (1u << 30) - 1) * std::sqrt(6.0 / double(widths[l])));
        }
        layers.emplace_back(widths[l], widths[l + 1], kernels.panel_width, 0);
        layers.back().set_parameters(W.data(), b.data(), l + 2 == widths.size() ? -INFINITY : 0.0);
    }
    return layers;
}

// How many inputs are not 0 in the whole batch: the others' weights are left alone.
double inputs_in_use(const uint8_t* X) {
    std::vector<uint8_t> any(784, 0);
    for (int64_t i = 0; i < batch; ++i)
        for (size_t k = 0; k < 784; ++k) any[k] |= X[size_t(i) * 784 + k];
    return double(std::count_if(any.begin(), any.end(), [](uint8_t each) { return each != 0; }));
}

// One step, stage by stage, as Stepper takes it where it is alone.
void take(const Kernels<float>& kernels, const Architecture& architecture, std::vector<PackedLayer<float>>& layers,
          Forward<float>& forward, Backward<float>& back, const uint8_t* X, const int64_t* y, bool bfloat16, int64_t step) {
    const Range rows{0, batch};
    const int64_t L = architecture.layers();
    std::vector<int64_t> nonzero(size_t(L), 0);
    std::vector<float> shares(batch, 1.0f / batch);
    std::vector<double> losses(batch);
    std::vector<uint8_t> correct(batch);
    const auto pays = [&](int64_t l) { return skipping_pays(nonzero[size_t(l)], batch, widths[size_t(l)], layers[size_t(l)].panels); };
    const auto weights = [&](int64_t l) { return double(widths[size_t(l)] * widths[size_t(l) + 1]); };
    // Multiply-adds of a product with layer l's input: those whose factor is not skipped.
    const auto products = [&](int64_t l) { return (pays(l) ? double(nonzero[size_t(l)]) : double(batch * widths[size_t(l)])) * double(widths[size_t(l) + 1]); };
    const auto number = [](const char* what, int64_t l) { return std::string(what) + std::to_string(l + 1); };

    time("gather", 0, batch * 784, [&] { nonzero[0] = forward.gather(step * batch, batch, rows); });
    if (bfloat16) time("round x", 0, batch * 784 * 3, [&] { forward.round_input(batch, 0); });
    else if (pays(0)) time("turn bits", 0, batch * 784 / 4, [&] { forward.nonzero_of_input(0).turn(batch, {0, forward.nonzero_of_input(0).column_words()}); });
    else time("scale x", 0, batch * 784 * 5, [&] { forward.scale(batch, rows); });
    for (int64_t l = 0; l < L; ++l) {
        time(number("z", l), products(l), weights(l) * (bfloat16 ? 2 : 4), [&] {
            forward.layer(l, batch, pays(l), rows, {0, layers[size_t(l)].panels}, 0);
            if (l + 1 < L) nonzero[size_t(l) + 1] = forward.count(l, batch, rows);
        });
    }
    time("loss", 0, 0, [&] {
        kernels.loss_of_classes({}, forward.output(L - 1, batch), y + step * batch, shares.data(), back.dz(L - 1, batch),
                                losses.data(), correct.data(), rows);
        back.round(L - 1, batch, rows, {0, layers[size_t(L) - 1].panels});
    });
    for (int64_t l = 0; l < L; ++l) back.begin(l);
    for (int64_t l = L - 1; l > 0; --l) {
        const bool skip = l + 1 < L && pays(l + 1);
        time(number("da", l - 1), double(batch) * weights(l), weights(l) * (bfloat16 ? 2 : 4),
             [&] { back.to_inputs(l, batch, skip, rows, {0, back.panels_of_inputs(l)}); });
    }
    for (int64_t l = 0; bfloat16 && l < L; ++l) {
        time("turn", 0, double(batch * widths[size_t(l)] * 4), [&] { forward.turn(l, batch, 0, 1); });
        time("pair dz", 0, double(batch * widths[size_t(l) + 1] * 6), [&] { back.pair(l, batch, {0, layers[size_t(l)].panels}); });
    }
    for (int64_t l = 1; !bfloat16 && l < L; ++l)
        if (pays(l)) time("turn bits", 0, 0, [&] { forward.nonzero_of_input(l).turn(batch, {0, forward.nonzero_of_input(l).column_words()}); });
    Rule<float> rule = OptimizerSettings{Optimizer::sgd}.rule<float>(0.1, 1);
    for (int64_t l = L - 1; l >= 0; --l) {
        PackedLayer<float>& layer = layers[size_t(l)];
        const double in_use = l == 0 ? inputs_in_use(X + step * batch * 784) * double(widths[1]) : weights(l);
        const double bytes = in_use * (l == 0 ? 8 : 12) + (bfloat16 ? in_use * 2 : 0);  // W read and written, and what is kept beside it
        time(number("dW", l), products(l), bytes, [&] {
            kernels.affine_backward_weights(forward.turned_input_of(l, batch, bfloat16 || pays(l), 0), back.of_the_weights(l, batch),
                                            {nullptr, true, true}, layer.W.all(), layer.pairs(), rule, layer.fan_in,
                                            {0, layer.fan_in}, {0, layer.panels});
            kernels.affine_backward_bias(back.view(l, batch), {nullptr, true, true}, layer.b.all(), rule, {0, layer.panels});
            layer.pad_biases(architecture.padding(l));
            if (!bfloat16) back.turn_weights(l, {0, layer.fan_in}, {0, layer.panels});
        });
    }
}

// What the target's own product reaches where everything is in the first cache and nothing is 0: multiply-adds a nanosecond.
double rate_of_products(const Kernels<float>& kernels, bool bfloat16) {
    const int64_t n = 96, k = 256, m = 4 * kernels.panel_width;
    PanelBuffer<float> a(n, k, kernels.panel_width), W(k, m, kernels.panel_width), out(n, m, kernels.panel_width);
    RoundedBuffer rounded(n, k);
    PairedBuffer paired(k, m, kernels.panel_width);
    const Buffer<float> b(m);
    std::fill_n(a.data(), a.size(), 0.5f), std::fill_n(W.data(), W.size(), 0.5f);
    if (bfloat16) {
        kernels.roundings->round(a.view(n), rounded.view(), {0, n}, {0, a.number_of_panels()});
        kernels.roundings->pair_weights(W.view(k), {paired.view(), {nullptr, 0}}, {0, k}, {0, 4});
    }
    double best = 0;
    for (int i = 0; i < 2000; ++i) {
        const Clock::time_point began = Clock::now();
        kernels.affine({a.view(n), nullptr, nullptr, {nullptr, 0}, bfloat16 ? rounded.view() : Rounded{nullptr, 0}},
                       {W.view(k), bfloat16 ? paired.view() : Paired{nullptr, 0}}, b.data(), Activation::identity, out.panels(n), {0, n}, {0, 4});
        best = std::max(best, double(n * k * m) / nanoseconds(Clock::now() - began));
    }
    return best;
}
// Bytes read and written a nanosecond, of a block as large as the first layer's weights.
double rate_of_memory() {
    Buffer<float> from(784 * 128), to(784 * 128);
    double best = 0;
    for (int i = 0; i < 2000; ++i) {
        const Clock::time_point began = Clock::now();
        std::memcpy(to.data(), from.data(), size_t(from.size()) * 4);
        __asm__ volatile("" ::"r"(to.data()) : "memory");
        best = std::max(best, double(from.size()) * 8 / nanoseconds(Clock::now() - began));
    }
    return best;
}

// The stages of a picture that is distorted as the recipe `best` does it, as Distorter takes them.
void distort(const Kernels<float>& kernels, const uint8_t* X) {
    constexpr int64_t size = 28, pixels = size * size;
    const int width = kernels.panel_width;
    PanelBuffer<float> G(size, size, width), U_x(size, size, width), U_y(size, size, width), half(size, size, width),
        D_x(size, size, width), D_y(size, size, width);
    for (int64_t i = 0; i < size; ++i)
        for (int64_t j = 0; j < size; ++j)
            G.data()[(j / width * size + i) * width + j % width] = float(std::exp(-double((i - j) * (i - j)) / 32) / 10.03);
    const Buffer<float> no_bias(divided_up(size, width) * width), framed((size + 3) * (size + 3));
    const Buffer<double> line(divided_up(size, width) * width);
    const Buffer<uint32_t> words(framed.size());
    const Buffer<uint8_t> bytes(divided_up(2 * pixels, 256) * 256 + 64), seen(pixels);
    const Range rows{0, size}, panels{0, U_x.number_of_panels()};
    Augmentation by;
    by.rotation = 0.17, by.scale = 0.12, by.shear = 0.15, by.shift = 1.5, by.shape = {size, size, 1};
    for (int64_t i = 0; i < images; ++i) {
        const uint32_t example = uint32_t(i);
        time("noise", 0, 2 * pixels * 5, [&] { kernels.noise({0, 0, 1, purpose_of_augmentation + a_part_further}, example, bytes.data(), U_x.panels(size), U_y.panels(size)); });
        time("smooth", 4 * size * pixels, 0, [&] {
            for (auto [U, D] : {std::pair{&U_x, &D_x}, {&U_y, &D_y}}) {
                kernels.affine({G.view(size), nullptr, nullptr, {nullptr, 0}}, {U->view(size)}, no_bias.data(), Activation::identity, half.panels(size), rows, panels);
                kernels.affine({half.view(size), nullptr, nullptr, {nullptr, 0}}, {G.view(size)}, no_bias.data(), Activation::identity, D->panels(size), rows, panels);
            }
        });
        SourceMap<float> map;
        time("map", 0, 0, [&] { map = source_map<float>(by, 0, 1, example); });
        time("look up", 0, 2 * pixels, [&] {
            kernels.look_up(X + i * pixels, InputType::uint8, by.shape, 0, map, D_x.view(size), D_y.view(size),
                            {framed.data(), line.data(), words.data()}, seen.data());
        });
    }
}

int main(int, char** argv) {
    const Target* target = nullptr;
    for (int i = 0; i < number_of_targets; ++i)
        if (std::string(targets[i]->name) == argv[1]) target = targets[i];
    if (!target || !target->runs_here()) return std::fprintf(stderr, "%s does not run here\n", argv[1]), 2;
    const bool bfloat16 = std::string(argv[2]) == "bfloat16";
    const Kernels<float>& kernels = *target->float32;
    std::vector<uint8_t> X(size_t(images * 785));
    std::FILE* const file = std::fopen(argv[3], "rb");
    if (!file || std::fread(X.data(), 1, X.size(), file) != X.size()) return std::fprintf(stderr, "%s is not MNIST\n", argv[3]), 2;
    std::fclose(file);
    const std::vector<int64_t> y(X.begin() + images * 784, X.end());

    Architecture architecture;
    architecture.widths = widths, architecture.offset = {0}, architecture.scale = {255};
    architecture.activations = {Activation::relu, Activation::relu, Activation::identity};
    const Rows data{X.data(), InputType::uint8, 784, nullptr};

    std::vector<double> whole;
    const bool pictures = std::string(argv[2]) == "pictures";
    if (pictures) {
        const double began = processor_time();
        distort(kernels, X.data());
        whole.push_back((processor_time() - began) / images);
    }
    const std::vector<double> rates(steps, 0.1);
    for (int round = 0; round < rounds && !pictures; ++round) {
        {
            std::vector<PackedLayer<float>> layers = network(kernels);
            Epoch<float> epoch(kernels, architecture, layers, data, {y.data(), nullptr, nullptr}, {Optimizer::sgd},
                               {batch, images, 0, steps, 0, rates.data()}, bfloat16);
            const double began = processor_time();
            epoch.run(1, {});
            whole.push_back((processor_time() - began) / steps);
        }
        std::vector<PackedLayer<float>> layers = network(kernels);
        Forward<float> forward(kernels, architecture, layers, batch, bfloat16);
        forward.take(data);
        forward.make_room(1, true);
        Backward<float> back(kernels, architecture, layers, forward, batch, bfloat16);
        for (int64_t step = 0; step < steps; ++step) take(kernels, architecture, layers, forward, back, X.data(), y.data(), bfloat16, step);
    }
    std::printf("{\"step\": %.1f, \"products\": %.4f, \"memory\": %.4f, \"stages\": [", *std::min_element(whole.begin(), whole.end()),
                rate_of_products(kernels, bfloat16), rate_of_memory());
    const double taken = double(pictures ? images : rounds * steps);
    for (size_t i = 0; i < stages.size(); ++i) {
        const Stage& stage = stages[i];
        const double calls = double(stage.took.size()) / taken;  // of a step
        std::printf("%s{\"name\": \"%s\", \"took\": %.1f, \"multiply_adds\": %.0f, \"bytes\": %.0f}", i ? ", " : "", stage.name.c_str(),
                    median(stage.took) * calls, stage.multiply_adds / taken, stage.bytes / taken);
    }
    std::printf("]}\n");
}
