// One step of training: taken by a team of threads, by a crew, or by one alone, chunk by chunk (passage.h); or in sections (sections.h).
//
// Whoever takes it, every number is computed in the same order: the number of members changes no bit. Where the gradient is clipped,
// the update waits until all of it is there: two meetings more; where weights are constrained, one or two.

#pragma once

#include <atomic>
#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "gradient.h"
#include "optimizer_settings.h"
#include "passage.h"
#include "sections.h"
#include "updates.h"

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

template <class T> class Stepper {
  public:
    Stepper(const Kernels<T>& kernels, const Architecture& architecture, std::vector<PackedLayer<T>>& layers, Rows data,
            Wishes<T> wishes, OptimizerSettings optimizer, Steps steps, bool bfloat16, const Extras& extras)
        : kernels_(kernels), architecture_(architecture), layers_(layers), wishes_(wishes), optimizer_(optimizer),
          steps_(steps), extras_(extras), bfloat16_(bfloat16),
          sections_in_a_batch_(sections_of_a_batch(rows_of_a_batch(), number_of_weights())), chunk_(rows_of_a_chunk()),
          passage_(kernels, architecture, layers, data, wishes, bfloat16, extras_, chunk_), gradient_(layers, !is_fused()),
          updates_(kernels, architecture, layers, passage_.back(), extras_) {
        progress_.losses.reserve(size_t(steps.n_steps));  // a step finds all the memory that it needs
        if (extras.l2 > 0)
            for (const PackedLayer<T>& layer : layers) squared_weights_.of(layer.W.theta.data(), layer.W.theta.size());
        if (extras.clips()) updates_.will_measure(gradient_);
    }

    // Of another member of its crew.
    Stepper(const Stepper& first, std::vector<PackedLayer<T>>& layers, Part part)
        : Stepper(first.kernels_, first.architecture_, layers, first.rows_taken(), first.wishes_, first.optimizer_, first.steps_,
                  first.bfloat16_, first.extras_) {
        begin(1);
        is_part(part);
        expect(1);
    }
    // Of another who works on sections of the same batches.
    explicit Stepper(Stepper& first)
        : Stepper(first.kernels_, first.architecture_, first.layers_, first.rows_taken(), first.wishes_, first.optimizer_, first.steps_,
                  first.bfloat16_, first.extras_) {
        first_ = &first, sections_ = first.sections_;
        passage_.back().share_weights_of(first.passage_.back());
        passage_.begin(1);
    }

    // Before the first step: no more members than these will take part.
    void begin(int most_members) {
        if (is_in_sections()) sections_ = std::make_shared<Sections<T>>(layers_, sections_in_a_batch_);
        passage_.begin(is_in_sections() ? 1 : most_members);
    }
    int most_members(int threads) const { return is_in_sections() ? std::min(threads, sections_in_a_batch_) : threads; }
    bool is_in_sections() const { return sections_in_a_batch_ > 1; }
    void ask(const std::function<bool()>& stop) { passage_.ask(stop); }
    // What the next steps see.
    void take_rows(Rows data) { passage_.take_rows(data); }
    const Rows& rows_taken() const { return passage_.rows_taken(); }
    // What a teacher says to the rows of the next steps is there when they begin.
    void learn_from(const Teaching<T>* teaching) { passage_.learn_from(teaching); }
    // Before a stretch of steps that so many members take together.
    void expect(int members) {
        passage_.expect(members);
        if (is_in_sections() && !first_) sections_->meetings.begin();
    }
    // As one who works on sections: what the other's next steps see.
    void follow(const Stepper& first, const Teaching<T>* teaching) {
        take_rows(first.rows_taken());
        learn_from(teaching);
        expect(1);
    }

    // As one of a crew; its own layers but the first are to be those of another, if they are not yet.
    void is_part(Part part) { passage_.is_part(part); }
    void join(const Stepper& first, Part part, bool is_alike) {
        is_part(part);
        progress_.losses.clear();
        if (is_alike) return;
        if (!first.layers_[0].is_finite()) layers_[0].is_not_finite();
        for (int64_t l = 1; l < L(); ++l) {
            layers_[l].copy_from(first.layers_[l]);
            passage_.back().turn_weights(l, {0, layers_[l].fan_in}, {0, layers_[l].panels});
        }
    }
    // The other layers are little work beside the first, nothing has to be known of all weights at once, and products are so fast
    // that it matters what the phases hand over: with those of float32 a crew took no less time.
    bool is_for_a_crew(int members) const {
        const auto weights_of = [&](int64_t l) { return layers_[l].fan_in * layers_[l].fan_out; };
        const bool plain = bfloat16_ && !is_in_sections() && !wants_all_of_the_gradient() && !extras_.constrains() && extras_.l2 == 0 &&
                           !extras_.drops();
        return plain && L() > 1 && passage_.suits_a_crew(members) && 4 * (number_of_weights() - weights_of(0)) <= weights_of(0);
    }
    int64_t groups_of_the_first_layer() const { return passage_.groups_of_the_first_layer(); }

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
    bool wants_to_stop() { return passage_.wants_to_stop(); }
    Progress& progress() { return progress_; }
    const Gradient<T>& gradient() const { return gradient_; }

    // One step; false where training ends before it.
    bool take(int64_t step, Member& me) {
        Batch batch{step, places_of(step)};
        batch.weight = passage_.weight_of(batch.places);
        batch.rule = optimizer_.rule<T>(steps_.rates[step], steps_.steps_done + step - steps_.first_step + 1);
        batch.rule.pull = batch.weight == 0 ? T(0) : T(extras_.l2 / batch.weight);
        return is_in_sections() ? take_in_sections(batch, me) : take_together(batch, me);
    }

  private:
    struct Batch {
        int64_t step;
        Range places;
        double weight = 0;
        Rule<T> rule{};
    };
    int64_t L() const { return architecture_.layers(); }

    bool wants_all_of_the_gradient() const { return optimizer_.optimizer == Optimizer::none || extras_.clips(); }
    // A gradient goes straight into the update, or is summed in sections: no other memory is wanted for it.
    bool is_fused() const {
        return !wants_all_of_the_gradient() && (is_in_sections() || chunk_ >= rows_of_a_batch());
    }

    // Of few weights small chunks stay in the fastest cache. Of many the sums of gradients, read and written once a chunk, are dear,
    // and needless where one chunk can be the batch; but a chunk may not take so long that whoever asks to stop must wait.
    int64_t rows_of_a_chunk() const {
        if (!is_in_sections()) return std::min<int64_t>(rows_of_a_batch(), bfloat16_ ? 512 : 256);
        const int64_t rows = divided_up(rows_of_a_batch(), sections_in_a_batch_);
        return divided_up(rows, divided_up(rows, 128));
    }
    int64_t number_of_weights() const {
        int64_t weights = 0;
        for (const PackedLayer<T>& layer : layers_) weights += layer.fan_in * layer.fan_out;
        return weights;
    }

    // The rows of a step, and of a section of them.
    Range places_of(int64_t step) const {
        const int64_t end = steps_.last_place(), begin = std::min(step * steps_.batch_size, end);
        return {begin, std::min(begin + steps_.batch_size, end)};
    }
    Range section_of(Range batch, int i) const { return share_of(batch, i, sections_in_a_batch_); }
    Range first_chunk_of(Range places) const { return {places.begin, std::min(places.begin + chunk_, places.end)}; }

    bool take_together(const Batch& batch, Member& me) {
        double loss = 0;
        int64_t correct = 0;
        for (int64_t place = batch.places.begin; place < batch.places.end; place += chunk_) {
            const int64_t end = std::min(place + chunk_, batch.places.end);
            const Chunk chunk{place, end - place, place == batch.places.begin, end == batch.places.end, batch.weight,
                              first_chunk_of({end, std::max(end, steps_.last_place())})};
            if (chunk.first) squared_weights_.add_up(kernels_, me.number, me.members);
            if (!passage_.forward_and_back(chunk, me)) return finish(me);
            passage_.count(chunk, loss, correct);
            if (chunk.last && has_diverged(batch, loss, me)) {
                passage_.leave();
                return false;
            }
            if (!passage_.learn(chunk, batch.rule, gradient_, me)) return finish(me);
        }
        change_again(batch.rule, me);
        if (me.number == 0) note(loss, correct);
        return true;
    }

    bool take_in_sections(const Batch& batch, Member& me) {
        Stepper& first = first_ ? *first_ : *this;
        const Range mine = share_of({0, sections_->count()}, me.number, me.members);
        for (int64_t i = mine.begin; i < mine.end; ++i) {
            if (sum_section(batch, i, mine)) continue;
            sections_->meetings.stop_at_next(me);
            break;
        }
        first.squared_weights_.add_up(kernels_, me.number, me.members);
        if (!sections_->meetings.meet(me)) return finish(me);
        double loss = 0;
        int64_t correct = 0;
        for (const Section<T>& section : sections_->all) loss += section.loss, correct += section.correct;
        if (first.has_diverged(batch, loss, me)) return false;
        first.update_by_sections(batch.rule, me);
        if (me.number == 0) note(loss, correct);
        return true;
    }
    // By one member alone; false where it is asked to stop.
    bool sum_section(const Batch& batch, int64_t i, Range mine) {
        Section<T>& section = sections_->all[size_t(i)];
        const Range places = section_of(batch.places, int(i));
        const Range next = i + 1 < mine.end ? section_of(batch.places, int(i + 1)) : section_of(places_of(batch.step + 1), int(mine.begin));
        section.rows = places;
        double loss = 0;
        int64_t correct = 0;
        Member alone;
        for (int64_t place = places.begin; place < places.end; place += chunk_) {
            const int64_t end = std::min(place + chunk_, places.end);
            const Chunk chunk{place, end - place, place == places.begin, end == places.end, batch.weight,
                              first_chunk_of(end < places.end ? Range{end, places.end} : next)};
            if (!passage_.forward_and_back(chunk, alone)) return false;
            passage_.count(chunk, loss, correct);
            Rule<T> none{};
            none.optimizer = Optimizer::none;
            if (!passage_.learn(chunk, none, section.gradient, alone)) return false;
        }
        section.loss = loss, section.correct = correct;
        return true;
    }
    void update_by_sections(const Rule<T>& rule, Member& me) {
        const Gradients<T> gradients = sections_->gradients();
        const auto all_are_here = [&] { sections_->meetings.meet(me); };
        if (wants_all_of_the_gradient()) {
            updates_.add_up(gradients, rule.pull, gradient_, me.number, me.members);
            all_are_here();
            if (rule.optimizer != Optimizer::none) update_within_bounds(rule, me, all_are_here);
        } else {
            updates_.take(gradients, T(1), rule, me.number, me.members);
            if (!extras_.constrains()) updates_.turn_weights(me.number, me.members);
            all_are_here();
        }
        if (extras_.constrains() && rule.optimizer != Optimizer::none) constrain(me, all_are_here);
    }

    // A loss that is not finite ends the training before its step, where there is one to take. `loss` becomes that of the batch.
    bool has_diverged(const Batch& batch, double& loss, const Member& me) {
        loss = batch.weight == 0 ? 0 : loss / batch.weight + penalty(batch.weight);
        if (std::isfinite(loss) || optimizer_.optimizer == Optimizer::none) return false;
        if (me.number == 0) diverged_at(batch.step);
        return true;
    }
    void note(double loss, int64_t correct) {
        progress_.losses.push_back(loss);
        progress_.correct += correct;
    }
    bool finish(const Member& me) {
        if (me.number == 0) end();
        return false;
    }

    // [l2]. The squares were added up when the step began.
    double penalty(double weight) const { return extras_.l2 > 0 ? extras_.l2 / (2 * weight) * squared_weights_.total() : 0; }

    // What has to wait until a step's gradient is whole, or its update done.
    void change_again(const Rule<T>& rule, Member& me) {
        const auto all_are_here = [&] { passage_.meet(me); };
        if (extras_.clips()) update_within_bounds(rule, me, all_are_here);
        if (extras_.constrains()) constrain(me, all_are_here);
    }

    // [clip], and the update with what is left of the gradient. The pull of [l2] is in it.
    template <class Meet> void update_within_bounds(Rule<T> rule, const Member& me, const Meet& all_are_here) {
        updates_.measure(me.number, me.members);
        all_are_here();
        rule.pull = T(0);
        Gradients<T> whole;
        whole.add(gradient_);
        updates_.take(whole, updates_.factor(), rule, me.number, me.members);
        if (!extras_.constrains()) updates_.turn_weights(me.number, me.members);
        all_are_here();
    }
    // [max-norm]
    template <class Meet> void constrain(const Member& me, const Meet& all_are_here) {
        for (int64_t l = 0; l < L(); ++l) updates_.constrain(l, share_of({0, layers_[l].panels}, me.number, me.members));
        all_are_here();
        updates_.turn_weights(me.number, me.members);
        all_are_here();
    }

    const Kernels<T>& kernels_;
    const Architecture& architecture_;
    std::vector<PackedLayer<T>>& layers_;
    const Wishes<T> wishes_;
    const OptimizerSettings optimizer_;
    const Steps steps_;
    const Extras extras_;
    const bool bfloat16_;
    const int sections_in_a_batch_;
    const int64_t chunk_;

    Passage<T> passage_;
    const Gradient<T> gradient_;  // empty where nobody wants the sums
    Updates<T> updates_;
    SumOfSquares<T> squared_weights_;
    Stepper* first_ = nullptr;  // of those who work on sections; null: it is this one
    std::shared_ptr<Sections<T>> sections_;
    std::atomic<bool> ended_{false};
    Progress progress_;
};

}  // namespace pellucid
