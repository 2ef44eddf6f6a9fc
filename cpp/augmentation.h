// [augment]: pictures distorted before a step sees them, block by block, while the block before is trained on.
//
// Whoever has nothing else to do takes the next few pictures. Each is addressed by seed, epoch and its own number, so that who
// distorts it, and when, changes no bit.

#pragma once

#include <algorithm>
#include <atomic>
#include <vector>

#include "engine.h"
#include "forward.h"
#include "random_streams.h"
#include "workspace.h"

namespace pellucid {

// As equations/beyond/augmentation.py has it; the rotation in radians. G_rows and G_columns are [gaussian], the first times
// alpha; both are empty where there is no elastic distortion.
struct Augmentation {
    bool is_there = false;
    double rotation = 0, scale = 0, shear = 0, shift = 0;
    std::vector<double> G_rows, G_columns;
    PictureShape shape{1, 1, 1};

    bool elastic() const { return !G_rows.empty(); }
};

// [affine-map] of an example, operation by operation as NumPy does it.
template <class T> SourceMap<T> source_map(const Augmentation& by, uint64_t seed, uint32_t epoch, uint32_t example) {
    double u[6];
    uniforms(seed, purpose_of_augmentation, epoch, example, 6, u);
    for (double& number : u) number = 2 * number - 1;
    const SineAndCosine of = sine_and_cosine(u[0] * by.rotation);
    const double s_x = 1 + u[1] * by.scale, s_y = 1 + u[2] * by.scale, h = u[3] * by.shear;
    const double m_xx = (of.cosine + h * of.sine) / s_x, m_xy = (of.sine - h * of.cosine) / s_x;
    const double m_yx = -of.sine / s_y, m_yy = of.cosine / s_y;
    const double middle_x = double(by.shape.columns - 1) / 2, middle_y = double(by.shape.rows - 1) / 2;
    const double first_x = -middle_x - u[4] * by.shift, first_y = -middle_y - u[5] * by.shift;
    return {T(m_xx * first_x + m_xy * first_y + middle_x), T(m_xx), T(m_xy),
            T(m_yx * first_x + m_yy * first_y + middle_y), T(m_yx), T(m_yy)};
}

// What distorts one picture after another: its matrices and its memory. One for each member of a team.
template <class T> class Distorter {
  public:
    Distorter(const Kernels<T>& kernels, const Augmentation& by, uint64_t seed, uint32_t epoch)
        : kernels_(kernels), by_(by), seed_(seed), epoch_(epoch), framed_((by.shape.rows + 3) * (by.shape.columns + 3)),
          words_(framed_.size()), line_(divided_up(by.shape.columns, kernels.panel_width) * kernels.panel_width) {
        if (!by.elastic()) return;
        const int64_t rows = by.shape.rows, columns = by.shape.columns;
        bytes_ = Buffer<uint8_t>(divided_up(2 * by.shape.pixels(), 256) * 256 + 64);
        no_bias_ = Buffer<T>(divided_up(columns, kernels.panel_width) * kernels.panel_width);
        G_rows_ = matrix(by.G_rows, rows), G_columns_ = matrix(by.G_columns, columns);
        for (PanelBuffer<T>* each : {&U_x_, &U_y_, &smoothed_, &D_x_, &D_y_}) *each = PanelBuffer<T>(rows, columns, kernels.panel_width);
    }

    void distort(const void* picture, InputType type, uint32_t example, void* out) {
        const int64_t rows = by_.shape.rows;
        Panels<const T> D_x{nullptr, 0, 0}, D_y{nullptr, 0, 0};
        if (by_.elastic()) {
            const Stream stream{uint32_t(seed_), uint32_t(seed_ >> 32), epoch_, purpose_of_augmentation + a_part_further};
            kernels_.noise(stream, example, bytes_.data(), U_x_.panels(rows), U_y_.panels(rows));
            smooth(U_x_, D_x_), smooth(U_y_, D_y_);
            D_x = D_x_.view(rows), D_y = D_y_.view(rows);
        }
        const SourceMap<T> map = source_map<T>(by_, seed_, epoch_, example);
        for (int64_t channel = 0; channel < by_.shape.channels; ++channel)
            kernels_.look_up(picture, type, by_.shape, channel, map, D_x, D_y, {framed_.data(), line_.data(), words_.data()}, out);
    }

  private:
    PanelBuffer<T> matrix(const std::vector<double>& numbers, int64_t size) const {
        const int width = kernels_.panel_width;
        PanelBuffer<T> result(size, size, width);
        for (int64_t i = 0; i < size; ++i)
            for (int64_t j = 0; j < size; ++j) result.data()[(j / width * size + i) * width + j % width] = T(numbers[size_t(i * size + j)]);
        return result;
    }
    // alpha G U G^T: two affine maps without a bias. G is its own transpose.
    void smooth(const PanelBuffer<T>& U, const PanelBuffer<T>& D) const {
        const int64_t rows = by_.shape.rows, columns = by_.shape.columns;
        const Range panels{0, U.number_of_panels()};
        multiply(G_rows_.view(rows), U.view(rows), smoothed_.panels(rows), panels);
        multiply(smoothed_.view(rows), G_columns_.view(columns), D.panels(rows), panels);
    }
    void multiply(Panels<const T> a, Panels<const T> b, Panels<T> out, Range panels) const {
        kernels_.affine({a, nullptr, nullptr, {nullptr, 0}}, {b}, no_bias_.data(), Activation::identity, out, {0, a.rows}, panels);
    }

    const Kernels<T>& kernels_;
    const Augmentation& by_;
    const uint64_t seed_;
    const uint32_t epoch_;
    Buffer<T> framed_;
    Buffer<uint32_t> words_;
    Buffer<double> line_;  // wide enough for pixels of any type
    Buffer<T> no_bias_;
    Buffer<uint8_t> bytes_;
    PanelBuffer<T> G_rows_, G_columns_, U_x_, U_y_, smoothed_, D_x_, D_y_;
};

// Two blocks of pictures: one that is trained on, and one in the making.
template <class T> class Augmenter {
  public:
    Augmenter(const Kernels<T>& kernels, const Augmentation& by, uint64_t seed, uint32_t epoch, Rows data, int64_t rows_of_a_block,
              int members)
        : data_(data), bytes_of_a_row_(by.shape.pixels() * by.shape.channels * size_of(data.type)) {
        for (Buffer<char>& block : blocks_) block = Buffer<char>(rows_of_a_block * bytes_of_a_row_);
        distorters_.reserve(size_t(members));
        for (int i = 0; i < members; ++i) distorters_.emplace_back(kernels, by, seed, epoch);
    }

    // The block in the making: the rows that are taken at these places of the order.
    void begin(Range places) {
        places_ = places;
        next_.store(places.begin, std::memory_order_relaxed);
    }
    // Distort a few of them; false where none is left.
    bool work(int member) {
        const int64_t begin = next_.fetch_add(at_a_time, std::memory_order_relaxed), end = std::min(begin + at_a_time, places_.end);
        char* const block = blocks_[1 - finished_].data();
        for (int64_t place = begin; place < end; ++place) {
            if (place + 1 < end) {
                const char* const later = static_cast<const char*>(data_.source(place + 1));
                for (int64_t at = 0; at < bytes_of_a_row_; at += 64) __builtin_prefetch(later + at);
            }
            distorters_[size_t(member)].distort(data_.source(place), data_.type, uint32_t(data_.number(place)),
                                                block + (place - places_.begin) * bytes_of_a_row_);
        }
        return begin < places_.end;
    }
    // After all work on it: the block that was in the making is the one to train on.
    Rows finished() {
        finished_ = 1 - finished_;
        data_.made = blocks_[finished_].data();
        data_.made_from = places_.begin;
        data_.bytes_of_a_made_row = bytes_of_a_row_;
        return data_;
    }

  private:
    static constexpr int64_t at_a_time = 8;
    Rows data_;
    const int64_t bytes_of_a_row_;
    Buffer<char> blocks_[2];
    int finished_ = 0;
    Range places_{0, 0};
    std::atomic<int64_t> next_{0};
    std::vector<Distorter<T>> distorters_;
};

}  // namespace pellucid
