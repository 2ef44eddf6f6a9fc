// One step of training, taken by a team of threads in step with each other, or by one alone.
//
// A step has four phases, with a meeting after each:
//   gather    who the rows of the batch are, what is left out, what is not zero           each member its rows
//   enter     the first layer, whose weights are many                                     each member its neurons
//   through   the other layers, the loss, and back to the first layer's dz                 each member its rows
//   learn     dW, db and the update of every layer                                        each member its part of W
// Where the gradient is clipped, the update waits until all of it is there: two meetings more; where weights are constrained, one
// or two.
// Every number is computed by one member alone, in an order that does not depend on who it is: the number of members
// changes no bit. A batch of more rows than a chunk goes through the phases chunk by chunk, while the gradients are summed.

#pragma once

#include <atomic>
#include <cmath>
#include <vector>

#include "backward.h"
#include "crew.h"
#include "forward.h"
#include "meetings.h"
#include "optimizer_settings.h"
#include "teaching.h"
#include "threads.h"

namespace pellucid {

struct Steps {
    int64_t batch_size, rows_in_all;  // of an epoch
    int64_t first_step, n_steps;
    int64_t steps_done;  // since training began
    const double* rates;  // one a step of the epoch

    // Behind the last row that is used: what an order holds beyond may be anything.
    int64_t last_place() const { return std::min(rows_in_all, (first_step + n_steps) * batch_size); }
};

struct Progress {
    std::vector<double> losses;
    int64_t correct = 0;
    int64_t non_finite_step = -1;
};

// What the examples should give, with a row an example: their class, or a number for each output.
template <class T> struct Wishes {
    const int64_t* classes;
    const T* numbers;
    const double* weights;  // null: all 1
};

template <class T> class Stepper {
  public:
    Stepper(const Kernels<T>& kernels, const Architecture& architecture, std::vector<PackedLayer<T>>& layers, Rows data,
            Wishes<T> wishes, OptimizerSettings optimizer, Steps steps, bool bfloat16, const Extras& extras)
        : kernels_(kernels), architecture_(architecture), layers_(layers), data_(data), wishes_(wishes), optimizer_(optimizer),
          steps_(steps), extras_(extras), bfloat16_(bfloat16), chunk_(rows_of_a_chunk()),
          bytes_of_a_row_(architecture.widths[0] * size_of(data.type)),
          forward_(kernels, architecture, layers, chunk_, bfloat16, extras),
          back_(kernels, architecture, layers, forward_, chunk_, bfloat16, !is_fused()), classes_(chunk_), numbers_(chunk_), z_teacher_(chunk_),
          shares_(chunk_), losses_(chunk_), correct_(chunk_) {
        forward_.take(data);
        progress_.losses.reserve(size_t(steps.n_steps));  // a step finds all the memory that it needs
        for (int64_t l = 0; l < L(); ++l) {
            if (extras.l2 > 0) squared_weights_.of(layers[l].W.theta.data(), layers[l].W.theta.size());
            if (!extras.clips()) continue;
            squared_gradient_.of(back_.dW(l).data(), back_.dW(l).size());
            squared_gradient_.of(back_.db(l).data(), back_.db(l).size());
        }
    }

    // Of another member of its crew.
    Stepper(const Stepper& first, std::vector<PackedLayer<T>>& layers, Part part)
        : Stepper(first.kernels_, first.architecture_, layers, first.data_, first.wishes_, first.optimizer_, first.steps_,
                  first.bfloat16_, first.extras_) {
        begin(1);
        is_part(part);
        expect(1);
    }

    // Before the first step: no more members than these will take part.
    void begin(int most_members) { forward_.make_room(most_members, true); }
    void ask(const std::function<bool()>& stop) { question_.is(stop); }
    // What the next steps see.
    void take_rows(Rows data) {
        data_ = data;
        forward_.take(data);
    }
    const Rows& rows_taken() const { return data_; }
    // What a teacher says to the rows of the next steps is there when they begin.
    void learn_from(const Teaching<T>* teaching) { teaching_ = teaching; }
    // Before a stretch of steps that so many members take together.
    void expect(int members) {
        tallies_ = std::vector<Tally>(size_t(members), Tally(L()));
        meetings_.begin();
    }

    // As one of a crew; its own layers but the first are to be those of another, if they are not yet.
    void is_part(Part part) { part_ = part; }
    void join(const Stepper& first, Part part, bool is_alike) {
        is_part(part);
        progress_.losses.clear();
        if (is_alike) return;
        if (!first.layers_[0].is_finite()) layers_[0].is_not_finite();
        for (int64_t l = 1; l < L(); ++l) {
            layers_[l].copy_from(first.layers_[l]);
            back_.turn_weights(l, {0, layers_[l].fan_in}, {0, layers_[l].panels});
        }
    }
    // The other layers are little work beside the first, nothing has to be known of all weights at once, and products are so fast
    // that it matters what the phases hand over: with those of float32 a crew took no less time.
    bool is_for_a_crew(int members) const {
        const auto weights_of = [&](int64_t l) { return layers_[l].fan_in * layers_[l].fan_out; };
        const bool plain = bfloat16_ && !data_.made && !teaching_ && !extras_.clips() && !extras_.constrains() && extras_.l2 == 0 &&
                           extras_.input_dropout == 0 && extras_.dropout == 0 && optimizer_.optimizer != Optimizer::none;
        return plain && L() > 1 && by_panels(0, chunk_) && layers_[0].panels >= members * panels_of_a_group() &&
               4 * (number_of_weights() - weights_of(0)) <= weights_of(0);
    }
    int64_t groups_of_the_first_layer() const { return divided_up(layers_[0].panels, panels_of_a_group()); }

    int64_t rows_of_a_batch() const { return std::min(steps_.batch_size, steps_.rows_in_all); }
    int64_t rows_of_chunks() const { return chunk_; }
    int64_t work_of_a_step() const { return number_of_weights() * rows_of_a_batch(); }
    bool is_in_bfloat16() const { return bfloat16_; }

    // Whether no step will follow: asked to stop, or a loss was not finite.
    bool has_ended() const { return ended_.load(std::memory_order_relaxed); }
    void end() { ended_.store(true, std::memory_order_relaxed); }
    void diverged_at(int64_t step) {
        progress_.non_finite_step = step;
        end();
    }
    bool wants_to_stop() { return question_.wants_to_stop(); }
    Progress& progress() { return progress_; }
    const Buffer<T>& dW(int64_t l) const { return back_.dW(l); }
    const Buffer<T>& db(int64_t l) const { return back_.db(l); }

    // One step; false where training ends before it.
    bool take(int64_t step, Member& me) {
        const int64_t begin = step * steps_.batch_size, end = std::min(begin + steps_.batch_size, steps_.rows_in_all);
        double weight = double(end - begin), loss = 0;
        if (wishes_.weights) {
            weight = 0;
            for (int64_t i = begin; i < end; ++i) weight += wishes_.weights[row(i)];
        }
        int64_t correct = 0;
        Rule<T> rule = optimizer_.rule<T>(steps_.rates[step], steps_.steps_done + step - steps_.first_step + 1);
        rule.pull = weight == 0 ? T(0) : T(extras_.l2 / weight);
        for (int64_t place = begin; place < end; place += chunk_) {
            const int64_t rows = std::min(chunk_, end - place);
            const Chunk chunk{place, rows, place == begin, place + rows == end, weight};
            if (!forward_and_back(chunk, me)) return finish(me);
            for (int64_t i = 0; i < rows; ++i) loss += losses_[i], correct += correct_[i];
            if (!std::isfinite(loss)) back_.is_not_finite(L() - 1);
            if (chunk.last) {
                loss = weight == 0 ? 0 : loss / weight + penalty(weight);
                if (!std::isfinite(loss) && optimizer_.optimizer != Optimizer::none) {
                    if (me.number == 0) diverged_at(step);
                    if (part_.exchange) part_.exchange->leave();
                    return false;
                }
            }
            if (!learn(chunk, rule, me)) return finish(me);
        }
        if (me.number == 0) {
            progress_.losses.push_back(loss);
            progress_.correct += correct;
        }
        return true;
    }

  private:
    static constexpr int64_t few_parameters = 1 << 20;

    // How much is not zero of the input of each layer, in the rows of one member.
    struct alignas(64) Tally {
        explicit Tally(int64_t layers) : nonzero(size_t(layers)) {}
        std::vector<int64_t> nonzero;
    };
    struct Chunk {
        int64_t place, rows;
        bool first, last;
        double weight;  // of the whole batch
    };

    int64_t L() const { return architecture_.layers(); }

    // A gradient goes straight into the update.
    bool is_fused() const {
        return chunk_ >= rows_of_a_batch() && optimizer_.optimizer != Optimizer::none && !extras_.clips();
    }

    // Small chunks stay in the fastest cache; but the sums of gradients are read and written once a chunk, which is dear
    // where the parameters are many, and needless where one chunk can be the batch. Nor may a chunk take so long that whoever
    // asks to stop must wait.
    int64_t rows_of_a_chunk() const {
        const bool few = number_of_weights() <= few_parameters;
        const int64_t most = few && rows_of_a_batch() > 256 ? 128 : bfloat16_ ? 512 : 256;
        return std::min(rows_of_a_batch(), most);
    }
    int64_t number_of_weights() const {
        int64_t weights = 0;
        for (const PackedLayer<T>& layer : layers_) weights += layer.fan_in * layer.fan_out;
        return weights;
    }

    // Wait for the others; false where all are to stop here. A crew meets once in a chunk, elsewhere.
    bool meet(Member& me) { return part_.exchange || meetings_.meet(me); }
    // At the next meeting, so that all members do.
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
        const int64_t place = chunk.place + chunk.rows, end = std::min(place + chunk_, steps_.last_place());
        const Range rows = share_of(share_of({place, std::max(place, end)}, me.number, me.members), quarter, quarters);
        for (int64_t r = rows.begin; r < rows.end; ++r) {
            const char* const row = static_cast<const char*>(data_.at(r));
            for (int64_t at = 0; at < bytes_of_a_row_; at += 64) __builtin_prefetch(row + at, 0, 2);
        }
        __asm__ volatile("");  // else GCC takes the function for one that does nothing, and leaves its calls out
    }

    bool finish(const Member& me) {
        if (me.number == 0) end();
        return false;
    }

    // [l2]. The squares were added up when the batch was gathered.
    double penalty(double weight) const { return extras_.l2 > 0 ? extras_.l2 / (2 * weight) * squared_weights_.total() : 0; }

    int64_t row(int64_t place) const { return data_.row(place); }

    bool forward_and_back(const Chunk& chunk, Member& me) {
        const int64_t n = chunk.rows;
        const Range rows = share_of({0, n}, me.number, me.members);
        Tally& tally = tallies_[me.number];
        ask(me);
        // gather
        for (int64_t r = rows.begin; r < rows.end; ++r) {
            const int64_t here = row(chunk.place + r);
            const double w = wishes_.weights ? wishes_.weights[here] : 1;
            if (wishes_.numbers) numbers_[r] = wishes_.numbers + here * architecture_.widths.back();
            else classes_[r] = wishes_.classes[here];
            shares_[r] = chunk.weight == 0 ? T(0) : T(w / chunk.weight);
            if (teaching_) z_teacher_[r] = teaching_->logits(chunk.place + r);
        }
        tally.nonzero[0] = forward_.gather(chunk.place, n, rows);
        if (chunk.first) squared_weights_.add_up(kernels_, me.number, me.members);
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
        measure(chunk, rows);
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

    // [loss] and [dz_out]; [distillation]. Where all weights are 0 there is nothing to learn from, even if nothing is finite.
    void measure(const Chunk& chunk, Range rows) {
        const Panels<const T> z = forward_.output(L() - 1, chunk.rows);
        const Panels<T> dz = back_.dz(L() - 1, chunk.rows);
        const LossSetting by = architecture_.loss;
        if (by.is_of_classes())
            kernels_.loss_of_classes(by, z, classes_.data(), shares_.data(), dz, losses_.data(), correct_.data(), rows);
        else
            kernels_.loss_of_numbers(by, z, numbers_.data(), shares_.data(), dz, losses_.data(), correct_.data(), rows);
        if (teaching_)
            kernels_.distil(teaching_->how(), z, z_teacher_.data(), shares_.data(), dz, losses_.data(), rows);
        const int width = kernels_.panel_width;
        for (int64_t r = rows.begin; r < rows.end; ++r) {
            if (wishes_.weights) losses_[r] *= wishes_.weights[row(chunk.place + r)];
            if (chunk.weight != 0) continue;
            losses_[r] = 0;
            for (int64_t panel = 0; panel < layers_[L() - 1].panels; ++panel)
                std::fill_n(dz.data + (panel * dz.rows + r) * width, width, T(0));
        }
        back_.round(L() - 1, chunk.rows, rows, {0, layers_[L() - 1].panels});
    }

    Range panels_of(int64_t l, const Member& me) const {
        if (l == 0 && part_.exchange) return share_of({0, layers_[0].panels}, part_.number, part_.of, panels_of_a_group());
        return share_of({0, layers_[l].panels}, me.number, me.members);
    }
    // Panels of W_back: those of the layer before.
    Range inputs_of(int64_t l, const Member& me) const { return panels_of(l - 1, me); }

    // [dW], [db] and the updates. Where more chunks follow nothing is updated yet, and it is asked whether to stop.
    bool learn(const Chunk& chunk, const Rule<T>& rule, Member& me) {
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
        const bool changes_again = extras_.clips() || extras_.constrains();
        Rule<T> now = rule;  // what is clipped must be whole before it is used
        if (extras_.clips()) now.optimizer = Optimizer::none;
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
                {back_.dW(l).data(), chunk.first, chunk.last}, layer.W.all(), layer.pairs(), now, layer.fan_in, inputs, panels);
            if (!finite) layer.is_not_finite();
            kernels_.affine_backward_bias(back_.view(l, n), {back_.db(l).data(), chunk.first, chunk.last}, layer.b.all(), of_biases,
                                          panels_of(l, me));
            if (panels_of(l, me).end == layer.panels) layer.pad_biases(architecture_.padding(l));
            if (!bfloat16_ && chunk.last && now.optimizer != Optimizer::none && !changes_again) back_.turn_weights(l, inputs, panels);
        }
        const bool goes_on = meet(me);
        if (!chunk.last) return goes_on;
        if (extras_.clips()) update_within_bounds(rule, me);
        if (extras_.constrains()) constrain(me);
        if (changes_again) turn_weights(me);
        return true;
    }

    // [clip], and the update with what is left of the gradient. The pull of [l2] is in it.
    void update_within_bounds(Rule<T> rule, Member& me) {
        squared_gradient_.add_up(kernels_, me.number, me.members);
        meet(me);
        const double norm = std::sqrt(squared_gradient_.total());
        const T factor = extras_.clip < norm && std::isfinite(norm) ? T(extras_.clip / norm) : T(1);
        rule.pull = T(0);
        for (int64_t l = 0; l < L(); ++l) {
            PackedLayer<T>& layer = layers_[l];
            const Range W = share_of({0, layer.W.theta.size()}, me.number, me.members, kernels_.panel_width);
            const Range b = share_of({0, layer.b.theta.size()}, me.number, me.members, kernels_.panel_width);
            const T *const dW = back_.dW(l).data() + W.begin, *const db = back_.db(l).data() + b.begin;
            if (!kernels_.update(layer.W.from(W.begin), dW, factor, rule, W.end - W.begin)) layer.is_not_finite();
            kernels_.update(layer.b.from(b.begin), db, factor, rule, b.end - b.begin);
            if (b.end == layer.b.theta.size()) layer.pad_biases(architecture_.padding(l));
        }
        meet(me);
    }

    // [max-norm]
    void constrain(Member& me) {
        for (int64_t l = 0; l < L(); ++l)
            kernels_.constrain({layers_[l].W.theta.data(), layers_[l].fan_in, layers_[l].fan_out}, extras_.max_norm, panels_of(l, me));
        meet(me);
    }

    void turn_weights(Member& me) {
        for (int64_t l = 0; l < L(); ++l) back_.turn_weights(l, {0, layers_[l].fan_in}, panels_of(l, me));
        meet(me);
    }

    const Kernels<T>& kernels_;
    const Architecture& architecture_;
    std::vector<PackedLayer<T>>& layers_;
    Rows data_;
    const Wishes<T> wishes_;
    const OptimizerSettings optimizer_;
    const Steps steps_;
    const Extras extras_;
    const bool bfloat16_;
    const int64_t chunk_;
    const int64_t bytes_of_a_row_;

    Forward<T> forward_;
    Backward<T> back_;
    Buffer<int64_t> classes_;
    Buffer<const T*> numbers_, z_teacher_;
    Buffer<T> shares_;  // w_r / sum of w
    Buffer<double> losses_;
    Buffer<uint8_t> correct_;
    SumOfSquares<T> squared_weights_, squared_gradient_;
    std::vector<Tally> tallies_;

    const Teaching<T>* teaching_ = nullptr;  // null: the labels are all there is
    Part part_;
    Meetings meetings_;
    Question question_;
    std::atomic<bool> ended_{false};
    Progress progress_;
};

}  // namespace pellucid
