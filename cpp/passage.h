// A chunk of a batch on its way through the phases of a step, taken by the members of a team or of a crew, or by one alone.
//
// There are four, with a meeting after each:
//   gather    who the rows of the batch are, what is left out, what is not zero           each member its rows
//   enter     the first layer, whose weights are many                                     each member its neurons
//   through   the other layers, the loss, and back to the first layer's dz                 each member its rows
//   learn     dW, db and the update of every layer                                        each member its part of W
// Every number is computed by one member alone, in an order that does not depend on who it is. A batch of more rows than a chunk goes
// through the phases chunk by chunk, while the gradients are summed.

#pragma once

#include <cmath>
#include <functional>
#include <vector>

#include "backward.h"
#include "crew.h"
#include "forward.h"
#include "gradient.h"
#include "marking.h"
#include "meetings.h"
#include "threads.h"

namespace pellucid {

struct Chunk {
    int64_t place, rows;
    bool first, last;  // of those whose gradients are summed
    double weight;  // of the whole batch
    Range ahead;  // the places that are next
};

template <class T> class Passage {
  public:
    Passage(const Kernels<T>& kernels, const Architecture& architecture, std::vector<PackedLayer<T>>& layers, Rows data,
            Wishes<T> wishes, bool bfloat16, const Extras& extras, int64_t most_rows)
        : kernels_(kernels), architecture_(architecture), layers_(layers), data_(data), extras_(extras), bfloat16_(bfloat16),
          bytes_of_a_row_(architecture.widths[0] * size_of(data.type)), most_rows_(most_rows),
          forward_(kernels, architecture, layers, most_rows, bfloat16, extras),
          back_(kernels, architecture, layers, forward_, most_rows, bfloat16), marking_(kernels, architecture, wishes, most_rows) {
        forward_.take(data);
    }

    // Before the first chunk: no more members than these will take part.
    void begin(int most_members) { forward_.make_room(most_members, true); }
    void ask(const std::function<bool()>& stop) { question_.is(stop); }
    bool wants_to_stop() { return question_.wants_to_stop(); }
    // What the next steps see.
    void take_rows(Rows data) {
        data_ = data;
        forward_.take(data);
    }
    const Rows& rows_taken() const { return data_; }
    // What a teacher says to the rows of the next steps is there when they begin.
    void learn_from(const Teaching<T>* teaching) { marking_.learn_from(teaching); }
    // Before a stretch of steps that so many members take together.
    void expect(int members) {
        tallies_ = std::vector<Tally>(size_t(members), Tally(L()));
        meetings_.begin();
    }
    void is_part(Part part) { part_ = part; }
    // A crew's others are not to wait for this member.
    void leave() {
        if (part_.exchange) part_.exchange->leave();
    }

    Backward<T>& back() { return back_; }
    double weight_of(Range places) const { return marking_.weight_of(data_, places); }

    // The first layer's neurons can be divided among so many, and nobody looks at the rows beforehand.
    bool suits_a_crew(int members) const {
        return by_panels(0, most_rows_) && !data_.made && !marking_.has_teacher() && layers_[0].panels >= members * panels_of_a_group();
    }
    int64_t groups_of_the_first_layer() const { return divided_up(layers_[0].panels, panels_of_a_group()); }

    // Wait for the others; false where all are to stop here. A crew meets once in a chunk, elsewhere.
    bool meet(Member& me) { return part_.exchange || meetings_.meet(me); }

    // gather, enter, through. False where all are to stop.
    bool forward_and_back(const Chunk& chunk, Member& me) {
        const int64_t n = chunk.rows;
        const Range rows = share_of({0, n}, me.number, me.members);
        Tally& tally = tallies_[me.number];
        ask(me);
        // gather
        marking_.gather(data_, chunk.place, chunk.weight, rows);
        tally.nonzero[0] = forward_.gather(chunk.place, n, rows);
        for (int64_t l = me.number; l < L(); l += me.members) back_.begin(l);
        if (!meet(me)) return false;
        // enter
        forward_.round_input(n, me.number);
        look_ahead(chunk, me, 0);
        const bool sparse = skip(me, 0, n), skip_input = sparse && layers_[0].is_finite();
        if (sparse) {  // dW may skip what W, which is not finite, may not
            const BitBuffer& bits = forward_.nonzero_of_input(0);
            bits.turn(n, share_of({0, bits.column_words()}, me.number, me.members));
        }
        if (forward_.needs_scaling(skip_input)) {
            forward_.scale(n, rows);
            if (!meet(me)) return false;
        }
        for (int64_t l = 0; l < L(); ++l) {
            if (by_panels(l, n)) {
                if (l > 0 && !meet(me)) return false;
                forward_.layer(l, n, l == 0 ? skip_input : skip(me, l, n), {0, n}, panels_of(l, me), me.number);
                if (!(l == 0 && part_.exchange ? hand_over_first_output(n, me) : meet(me))) return false;
            } else {
                const bool skip_here = l == 0 ? skip_input
                                              : skipping_pays(tally.nonzero[l], rows.end - rows.begin, layers_[l].fan_in,
                                                              layers_[l].panels);
                forward_.layer(l, n, skip_here, rows, {0, layers_[l].panels}, me.number);
            }
            if (l + 1 < L()) tally.nonzero[l + 1] = forward_.count(l, n, rows);
            ask(me);
        }
        // through
        look_ahead(chunk, me, 1);
        marking_.mark(forward_, back_, n, chunk.weight, rows);
        for (int64_t l = L() - 1; l > 0; --l) {
            const bool panels = by_panels(l, n);
            if (panels && !meet(me)) return false;
            const bool skip_dz = l + 1 < L() && skipping_pays(tally.nonzero[l + 1], rows.end - rows.begin, layers_[l].fan_out,
                                                              back_.panels_of_inputs(l));
            back_.to_inputs(l, n, skip_dz, panels ? Range{0, n} : rows,
                           panels || (l == 1 && part_.exchange) ? inputs_of(l, me) : Range{0, back_.panels_of_inputs(l)});
            if (panels && !meet(me)) return false;
            ask(me);
        }
        return meet(me);
    }

    // What the losses of a chunk add to those of its batch, or section.
    void count(const Chunk& chunk, double& loss, int64_t& correct) {
        marking_.count(chunk.rows, loss, correct);
        if (!std::isfinite(loss)) back_.is_not_finite(L() - 1);
    }
    // [dW], [db] and the updates. Where more chunks follow nothing is updated yet, and it is asked whether to stop.
    bool learn(const Chunk& chunk, const Rule<T>& rule, const Gradient<T>& sums, Member& me) {
        const int64_t n = chunk.rows;
        look_ahead(chunk, me, 2);
        bool turned = false;
        for (int64_t l = 1; l < L(); ++l) {
            if (!skip(me, l, n)) continue;
            const BitBuffer& bits = forward_.nonzero_of_input(l);
            bits.turn(n, share_of({0, bits.column_words()}, me.number, me.members));
            turned = true;
        }
        if (forward_.needs_scaling(false) && !back_.is_finite(0)) {
            forward_.scale(n, share_of({0, n}, me.number, me.members));  // their zeros meet what is not finite
            turned = true;
        }
        if (bfloat16_) {
            for (int64_t l = 0; l < L(); ++l) {
                forward_.turn(l, n, me.number, me.members);
                back_.pair(l, n, panels_of(l, me));
            }
            turned = true;
        }
        if (turned && !meet(me)) return false;
        Rule<T> now = rule;  // what is clipped must be whole before it is used
        if (extras_.clips()) now.optimizer = Optimizer::none;
        const bool updates = chunk.last && now.optimizer != Optimizer::none;
        Rule<T> of_biases = now;
        of_biases.pull = T(0);
        for (int64_t l = L() - 1; l >= 0; --l) {
            PackedLayer<T>& layer = layers_[l];
            if (l == 0) look_ahead(chunk, me, 3);
            if (!chunk.last) ask(me);
            const bool some_panels = (l == 0 && part_.exchange) || layer.panels >= (bfloat16_ ? 1 : 4) * me.members;
            const Range panels = some_panels ? panels_of(l, me) : Range{0, layer.panels};
            const Range inputs = some_panels ? Range{0, layer.fan_in}
                                             : share_of({0, layer.fan_in}, me.number, me.members, kernels_.panel_width);
            const bool skip_here = (bfloat16_ || skip(me, l, n)) && back_.is_finite(l);
            const bool finite = kernels_.affine_backward_weights(
                forward_.turned_input_of(l, n, skip_here, me.number), back_.of_the_weights(l, n),
                {sums.dW[size_t(l)].data(), chunk.first, chunk.last}, layer.W.all(), layer.pairs(), now, layer.fan_in, inputs, panels);
            if (!finite) layer.is_not_finite();
            kernels_.affine_backward_bias(back_.view(l, n), {sums.db[size_t(l)].data(), chunk.first, chunk.last}, layer.b.all(), of_biases,
                                          panels_of(l, me));
            if (updates && panels_of(l, me).end == layer.panels) layer.pad_biases(architecture_.padding(l));
            if (!bfloat16_ && updates && !extras_.constrains()) back_.turn_weights(l, inputs, panels);
        }
        return meet(me) || chunk.last;
    }

    Range panels_of(int64_t l, const Member& me) const {
        if (l == 0 && part_.exchange) return share_of({0, layers_[0].panels}, part_.number, part_.of, panels_of_a_group());
        return share_of({0, layers_[l].panels}, me.number, me.members);
    }

  private:
    // How much is not zero of the input of each layer, in the rows of one member.
    struct alignas(64) Tally {
        explicit Tally(int64_t layers) : nonzero(size_t(layers)) {}
        std::vector<int64_t> nonzero;
    };
    int64_t L() const { return architecture_.layers(); }

    // Whether to stop: at the next meeting, so that all members do.
    void ask(const Member& me) {
        if (me.number != 0 || part_.number != 0 || !wants_to_stop()) return;
        if (part_.exchange) part_.exchange->stop_at(me.meeting + 1);
        else meetings_.stop_at_next(me);
    }
    // A crew's only meeting.
    bool hand_over_first_output(int64_t n, Member& me) {
        const Range mine = panels_of(0, me);
        const Range groups{mine.begin / panels_of_a_group(), divided_up(mine.end, panels_of_a_group())};
        return part_.exchange->meet(forward_.rounded_output(0), n, groups, ++me.meeting);
    }

    // Few rows and many weights: each member reads only its part of W, and all the activations.
    bool by_panels(int64_t l, int64_t rows) const {
        const PackedLayer<T>& layer = layers_[l];
        return layer.fan_in * layer.fan_out > rows * (l == 0 ? layer.fan_out : layer.fan_in + layer.fan_out);
    }

    int64_t panels_of_a_group() const { return rounded_group / kernels_.panel_width; }

    // Panels of W_back: those of the layer before.
    Range inputs_of(int64_t l, const Member& me) const { return panels_of(l - 1, me); }

    int64_t nonzero_in_all(const Member& me, int64_t l) const {
        int64_t count = 0;
        for (int m = 0; m < me.members; ++m) count += tallies_[m].nonzero[l];
        return count;
    }
    bool skip(const Member& me, int64_t l, int64_t n) const {
        return skipping_pays(nonzero_in_all(me, l), n, layers_[l].fan_in, layers_[l].panels);
    }

    // Rows in a random order come from memory slowly. So those of the next chunk are asked for while this one is worked on,
    // a quarter at a time: a processor can wait for a few dozen cache lines at once.
    static constexpr int quarters = 4;
    void look_ahead(const Chunk& chunk, const Member& me, int quarter) const {
        if (data_.made) return;  // they were made a moment ago
        const Range rows = share_of(share_of(chunk.ahead, me.number, me.members), quarter, quarters);
        for (int64_t r = rows.begin; r < rows.end; ++r) {
            const char* const row = static_cast<const char*>(data_.at(r));
            for (int64_t at = 0; at < bytes_of_a_row_; at += 64) __builtin_prefetch(row + at, 0, 2);
        }
        __asm__ volatile("");  // else GCC takes the function for one that does nothing, and leaves its calls out
    }

    const Kernels<T>& kernels_;
    const Architecture& architecture_;
    std::vector<PackedLayer<T>>& layers_;
    Rows data_;
    const Extras& extras_;
    const bool bfloat16_;
    const int64_t bytes_of_a_row_, most_rows_;

    Forward<T> forward_;
    Backward<T> back_;
    Marking<T> marking_;
    std::vector<Tally> tallies_;
    Part part_;
    Meetings meetings_;
    Question question_;
};

}  // namespace pellucid
