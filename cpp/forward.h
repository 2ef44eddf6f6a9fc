// A chunk of rows on its way through the network.

#pragma once

#include <type_traits>
#include <vector>

#include "extras.h"
#include "network.h"
#include "threads.h"

namespace pellucid {

// Rows of data, and the order in which they are taken.
struct Rows {
    const void* X;
    InputType type;
    int64_t stride;        // bytes from one row to the next; within a row the elements are neighbours
    const int64_t* order;  // null: as they stand
    const int64_t* numbers = nullptr;  // of the rows among all examples; null: their place in X

    // A block of rows that were made of those of X, in their order; null: there is none.
    const char* made = nullptr;
    int64_t made_from = 0, bytes_of_a_made_row = 0;

    int64_t row(int64_t place) const { return order ? order[place] : place; }
    const void* source(int64_t place) const { return static_cast<const char*>(X) + row(place) * stride; }
    const void* at(int64_t place) const { return made ? made + (place - made_from) * bytes_of_a_made_row : source(place); }
    int64_t number(int64_t place) const { return numbers ? numbers[row(place)] : row(place); }
};

// Whether skipping zeros pays. Four panels at once keep the multiply-adders busy, fewer wait for each other. Without skipping
// it takes a tile of several rows to keep them busy.
inline bool skipping_pays(int64_t nonzero, int64_t rows, int64_t fan_in, int64_t panels) {
    if (rows < 4) return panels >= 4 || nonzero * 2 < rows * fan_in;
    return double(nonzero) < (panels >= 4 ? 0.6 : 0.15 * double(panels)) * double(rows * fan_in);
}

template <class T> class Forward {
  public:
    Forward(const Kernels<T>& kernels, const Architecture& architecture, const std::vector<PackedLayer<T>>& layers,
            int64_t most_rows, bool bfloat16, const Extras& extras = {})
        : kernels(kernels), architecture(architecture), layers(layers), bfloat16(bfloat16), extras_(extras), rows_(most_rows),
          examples_(most_rows) {
        const int width = kernels.panel_width;
        const int64_t d = architecture.widths[0];
        x_ = PanelBuffer<T>(most_rows, d, width);
        nonzero_.emplace_back(most_rows, d);
        for (int64_t l = 0; l < architecture.layers(); ++l) {
            masks_.emplace_back(drops(l) ? most_rows : 0, architecture.widths[l], width);
            const Activation f = architecture.activations[l];
            a_.emplace_back(most_rows, architecture.widths[l + 1], width);
            z_.emplace_back(is_part_of_the_product(f) ? 0 : most_rows, architecture.widths[l + 1], width);
            nonzero_.emplace_back(most_rows, l + 1 < architecture.layers() ? architecture.widths[l + 1] : 0);
            if (!makes_zeros(l)) nonzero_.back().set_all();
            const bool is_rounded = bfloat16 && l + 1 < architecture.layers();
            a_rounded_.emplace_back(is_rounded ? most_rows : 0, is_rounded ? architecture.widths[l + 1] : 0);
            a_turned_.emplace_back();
        }
    }

    int64_t most_rows() const { return rows_.size(); }

    // [bfloat16]: so many members round the input, each for itself: to fetch what another has rounded takes longer. `turned`: it is
    // wanted turned round, too.
    void make_room(int members, bool turned) {
        if (!bfloat16) return;
        const int64_t d = architecture.widths[0], most_rows = rows_.size();
        x_rounded_.clear(), x_turned_.clear();
        for (int member = 0; member < members; ++member) {
            x_rounded_.emplace_back(most_rows, d);
            x_turned_.emplace_back(turned ? d : 0, turned ? most_rows : 0);
        }
        for (int64_t l = 0; turned && l + 1 < architecture.layers(); ++l) a_turned_[l] = TurnedBuffer(architecture.widths[l + 1], most_rows);
    }

    // What is to go through.
    void take(Rows data) {
        const bool another_type = !begun_ || data.type != data_.type;
        data_ = data;
        if (another_type) prepare_input();
        begun_ = true;
    }

    // Look up some rows of the chunk that begins at `place`, and count what is not zero.
    int64_t gather(int64_t place, int64_t n, Range rows) {
        for (int64_t r = rows.begin; r < rows.end; ++r) rows_[r] = data_.at(place + r), examples_[r] = data_.number(place + r);
        for (int64_t l = 0; l < architecture.layers(); ++l)
            if (drops(l)) kernels.dropout(extras_.dropout_of<T>(l), examples_.data(), masks_[l].panels(n), rows);
        if (bytes_) return kernels.nonzero_bytes(byte_rows(), architecture.widths[0], nonzero_[0].by_row(), rows);
        if (rounds_bytes_) return (rows.end - rows.begin) * architecture.widths[0];
        scale(n, rows);
        leave_out(0, x_.panels(n), rows, {0, x_.number_of_panels()});
        return nonzero_of(x_, 0, n, rows);
    }

    // Bytes with many zeros are multiplied as they stand; others must be scaled first.
    bool needs_scaling(bool skip) const { return bytes_ && !skip; }
    void scale(int64_t n, Range rows) {
        kernels.scale(rows_.data(), data_.type, scaling_, x_.panels(n), rows);
    }

    // [bfloat16]: the whole chunk, once it is gathered.
    void round_input(int64_t n, int member) {
        if (rounds_bytes_) kernels.roundings->round_bytes(byte_rows(), architecture.widths[0], x_rounded_[member].view(), {0, n});
        else if (bfloat16) round(x_.view(n), x_rounded_[member].view(), {0, n}, {0, x_.number_of_panels()});
    }
    void round(Panels<const T> a, Rounded to, Range rows, Range panels) const {
        if constexpr (std::is_same_v<T, float>) kernels.roundings->round(a, to, rows, panels);
    }
    // What goes into layer l, turned round: all of the member's own x, or its share of a.
    void turn(int64_t l, int64_t n, int member, int members) const {
        const RoundedBuffer& from = l == 0 ? x_rounded_[member] : a_rounded_[l - 1];
        const Range all{0, from.groups()};
        const TurnedBuffer& to = l == 0 ? x_turned_[member] : a_turned_[l - 1];
        kernels.roundings->turn(from.view(), n, to.view(), to.in_use(), l == 0 ? all : share_of(all, member, members));
    }

    // [z], [a] of one layer (0, 1, ...), for some rows and panels.
    void layer(int64_t l, int64_t n, bool skip, Range rows, Range panels, int member) {
        const Activation f = architecture.activations[l];
        const bool at_once = is_part_of_the_product(f);
        kernels.affine(input_of(l, n, (skip || bfloat16) && layers[l].is_finite(), member), {layers[l].weights(), layers[l].pairs().W},
                       layers[l].b.theta.data(), at_once ? f : Activation::identity, at_once ? a_[l].panels(n) : z_[l].panels(n), rows, panels);
        if (!at_once) kernels.activation(f, z_[l].view(n), a_[l].panels(n), rows, panels);
        leave_out(l + 1, a_[l].panels(n), rows, panels);
        if (bfloat16 && l + 1 < architecture.layers()) round(a_[l].view(n), a_rounded_[l].view(), rows, panels);
    }
    // What goes into layer l, or comes back from there: times the mask, if there is one.
    bool drops(int64_t l) const { return l < architecture.layers() && extras_.rate_of(l) > 0; }
    bool leave_out(int64_t l, Panels<T> a, Range rows, Range panels) const {
        return !drops(l) || kernels.leave_out(masks_[l].view(a.rows), a, rows, panels);
    }
    // Count what is not zero of what a layer gave.
    int64_t count(int64_t l, int64_t n, Range rows) {
        return makes_zeros(l) ? nonzero_of(a_[l], l + 1, n, rows) : (rows.end - rows.begin) * architecture.widths[l + 1];
    }
    bool makes_zeros(int64_t l) const { return architecture.activations[l] == Activation::relu || drops(l + 1); }

    // What layer l is given, row by row; or, turned, input by input.
    Operand<T> input_of(int64_t l, int64_t n, bool skip, int member) const {
        const bool by_bits = skip && !bfloat16;
        return {given(l, n), by_bits && l == 0 && bytes_ ? byte_rows() : nullptr, value_of_byte_.data(),
                by_bits ? nonzero_[l].by_row() : Bits{nullptr, 0}, rounded(l, member), nullptr, skip, l == 0 ? factor_ : T(1)};
    }
    Operand<T> turned_input_of(int64_t l, int64_t n, bool skip, int member) const {
        Operand<T> operand = input_of(l, n, skip, member);
        if (operand.nonzero.words) operand.nonzero = nonzero_[l].by_column(n);
        if (bfloat16) {
            const TurnedBuffer& turned = l == 0 ? x_turned_[member] : a_turned_[l - 1];
            operand.rounded = turned.view();
            if (skip) operand.in_use = turned.in_use();
        }
        return operand;
    }
    Rounded rounded_output(int64_t l) const { return a_rounded_[l].view(); }
    const BitBuffer& nonzero_of_input(int64_t l) const { return nonzero_[l]; }
    Panels<const T> z(int64_t l, int64_t n) const { return z_[l].view(n); }  // of activations that are not part of the product
    Panels<const T> output(int64_t l, int64_t n) const { return a_[l].view(n); }

    const Kernels<T>& kernels;
    const Architecture& architecture;
    const std::vector<PackedLayer<T>>& layers;
    const bool bfloat16;

  private:
    Panels<const T> given(int64_t l, int64_t n) const { return l == 0 ? x_.view(n) : a_[l - 1].view(n); }
    const uint8_t* const* byte_rows() const { return reinterpret_cast<const uint8_t* const*>(rows_.data()); }

    Rounded rounded(int64_t l, int member) const {
        if (!bfloat16) return {nullptr, 0};
        return l == 0 ? x_rounded_[member].view() : a_rounded_[l - 1].view();
    }

    // Tiles of bfloat16 are multiplied whole: there, everything counts as not zero.
    int64_t nonzero_of(const PanelBuffer<T>& a, int64_t l, int64_t n, Range rows) const {
        if (bfloat16) return (rows.end - rows.begin) * architecture.widths[l];
        return kernels.nonzero(a.view(n), nonzero_[l].by_row(), rows);
    }

    // Bytes that share one scaling need no conversion: a table gives the number for each, and 0 for 0. In bfloat16 they stay
    // what they are, as 0 ... 255 are exact, and it is their products that are scaled. Where some are left out, they are numbers.
    void prepare_input() {
        scaling_ = architecture.scaling();
        const bool alike = data_.type == InputType::uint8 && !scaling_.each && scaling_.offset[0] == 0 && !drops(0);
        bytes_ = alike && !bfloat16;
        rounds_bytes_ = alike && bfloat16;
        value_of_byte_ = Buffer<T>(bytes_ ? 256 : 0);
        if (bytes_)
            for (int i = 0; i < 256; ++i) value_of_byte_[i] = T(i / scaling_.scale[0]);
        factor_ = T(1);
        if (rounds_bytes_) factor_ = T(1 / scaling_.scale[0]);
    }

    const Extras extras_;
    Rows data_{};
    bool begun_ = false;
    Buffer<const void*> rows_;
    Buffer<int64_t> examples_;
    Buffer<T> value_of_byte_;
    bool bytes_ = false, rounds_bytes_ = false;
    InputScaling scaling_;
    T factor_ = T(1);
    PanelBuffer<T> x_;
    std::vector<PanelBuffer<T>> a_, z_, masks_;
    std::vector<BitBuffer> nonzero_;  // of the input of each layer
    std::vector<RoundedBuffer> x_rounded_, a_rounded_;  // of x one a member
    std::vector<TurnedBuffer> x_turned_, a_turned_;
};

}  // namespace pellucid
