// The loop over the batches of an epoch: which steps are next, who takes them, and what the others do meanwhile.
//
// As many threads as pay take the steps together, as a team (step.h); where nearly all the work is the first layer's, as a crew
// (crew.h); where a batch has many rows, in sections (sections.h). Where pictures are distorted, whoever has no part in the steps, or
// has done it, makes the next block of them. Where there is a teacher, all ask it about a block of rows before its steps are taken.

#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "augmentation.h"
#include "pace.h"
#include "step.h"
#include "subnormals.h"
#include "teaching.h"

namespace pellucid {

template <class T> class Epoch {
  public:
    Epoch(const Kernels<T>& kernels, const Architecture& architecture, std::vector<PackedLayer<T>>& layers, Rows data,
          Wishes<T> wishes, OptimizerSettings optimizer, Steps steps, bool bfloat16, const Extras& extras = {},
          const Augmentation& augmentation = {}, const Teacher<T>& teacher = {})
        : kernels_(kernels), layers_(layers), data_(data), steps_(steps), extras_(extras), augmentation_(augmentation),
          teacher_(teacher), stepper_(kernels, architecture, layers, data, wishes, optimizer, steps, bfloat16, extras) {}

    // Take the steps, with at most so many threads. `stop` is asked now and then, on the calling thread.
    Progress run(int threads, const std::function<bool()>& stop) {
        Team team(threads);
        Pace pace({&kernels_, stepper_.is_in_bfloat16(), augmentation_.is_there, stepper_.work_of_a_step(), stepper_.most_members(team.size())});
        stepper_.begin(team.size());
        stepper_.ask(stop);
        const int64_t end = steps_.first_step + steps_.n_steps;
        int64_t step = steps_.first_step;
        if (augmentation_.is_there) make_first_block(team);
        if (teacher_.network) find_teacher(team);
        while (step < end && !stepper_.has_ended()) {
            if (teaching_ && !ask_teacher(team, step)) break;
            Pace::Stretch stretch = pace.next(end - step);
            if (augmenter_ || teaching_) stretch.steps = std::min(steps_of_a_block(), end - step);
            const bool as_crew = stretch.members > 1 && stepper_.is_for_a_crew(stretch.members);
            const int64_t taken = as_crew ? run_crew(team, stretch.members, step, stretch.steps)
                                          : run_team(team, stretch.members, step, stretch.steps);
            pace.took(taken);
            step += taken;
        }
        return std::move(stepper_.progress());
    }

    // After a step with the rule `none`.
    const Gradient<T>& gradient() const { return stepper_.gradient(); }

  private:
    // → the steps taken.
    int64_t run_team(Team& team, int members, int64_t first, int64_t steps) {
        stepper_.expect(stepper_.is_in_sections() ? 1 : members);
        is_crew_alike_ = false;
        for (int i = 1; i < members && stepper_.is_in_sections(); ++i) {
            if (int(others_.size()) < i) others_.push_back(std::make_unique<Stepper<T>>(stepper_));
            others_[size_t(i - 1)]->follow(stepper_, teaching_.get());
        }
        Barrier barrier(members);
        if (augmenter_) begin_block(first + steps);
        int64_t taken = 0;
        team.run(augmenter_ ? team.size() : members, [&](int number) {
            const Subnormals here(Subnormals::Are::zero);
            Member me{number, members, 0, &barrier};
            Stepper<T>& mine = number > 0 && number < members && stepper_.is_in_sections() ? *others_[size_t(number - 1)] : stepper_;
            for (int64_t i = 0; i < steps && number < members && mine.take(first + i, me); ++i)
                if (number == 0) ++taken;
            if (augmenter_) make_block(number);
        });
        if (augmenter_) use_block();
        return taken;
    }

    // Whoever is not the first of a crew has the layers but the first for itself.
    struct CrewMember {
        std::vector<PackedLayer<T>> layers;
        std::unique_ptr<Stepper<T>> stepper;
    };
    // → the steps taken. A stretch may be a single step: what it needs is there from the one before.
    int64_t run_crew(Team& team, int members, int64_t first, int64_t steps) {
        if (!exchange_) exchange_.emplace(members, stepper_.rows_of_chunks(), stepper_.groups_of_the_first_layer());
        exchange_->begin();
        for (int i = 1; i < members; ++i) join_crew(i, {i, members, &*exchange_});
        stepper_.is_part({0, members, &*exchange_});
        stepper_.expect(1);
        int64_t taken = 0;
        team.run(members, [&](int number) {
            const Subnormals here(Subnormals::Are::zero);
            Stepper<T>& mine = number == 0 ? stepper_ : *crew_[size_t(number - 1)].stepper;
            Member me;
            for (int64_t i = 0; i < steps && mine.take(first + i, me); ++i)
                if (number == 0) ++taken;
        });
        stepper_.is_part({});
        is_crew_alike_ = true;
        for (const CrewMember& other : crew_) {
            if (!other.layers[0].is_finite()) layers_[0].is_not_finite();
            if (other.stepper->progress().non_finite_step >= 0) stepper_.diverged_at(other.stepper->progress().non_finite_step);
        }
        return taken;
    }
    void join_crew(int i, Part part) {
        if (int(crew_.size()) >= i) return crew_[size_t(i - 1)].stepper->join(stepper_, part, is_crew_alike_);
        CrewMember& another = crew_.emplace_back();
        for (size_t l = 0; l < layers_.size(); ++l)
            another.layers.emplace_back(layers_[l], l == 0 ? PackedLayer<T>::Copy::shared : PackedLayer<T>::Copy::own);
        another.stepper = std::make_unique<Stepper<T>>(stepper_, another.layers, part);
    }

    // Blocks: some thousand rows, or a step. They are the stretches of the training, too.
    static constexpr int64_t rows_of_a_block = 1024;
    int64_t steps_of_a_block() const { return std::max<int64_t>(1, rows_of_a_block / stepper_.rows_of_a_batch()); }
    int64_t most_rows_of_a_block() const { return std::min(steps_of_a_block() * steps_.batch_size, steps_.rows_in_all); }
    // The places of the block that begins with a step.
    Range block_from(int64_t step) const {
        const int64_t end = std::min(step + steps_of_a_block(), steps_.first_step + steps_.n_steps), place = step * steps_.batch_size;
        return {place, std::max(place, std::min(end * steps_.batch_size, steps_.rows_in_all))};
    }

    // Blocks of pictures.
    void make_first_block(Team& team) {
        augmenter_ = std::make_unique<Augmenter<T>>(kernels_, augmentation_, extras_.seed, extras_.epoch, data_, most_rows_of_a_block(), team.size());
        begin_block(steps_.first_step);
        team.run(team.size(), [&](int member) { make_block(member); });
        use_block();
    }
    void begin_block(int64_t step) { augmenter_->begin(block_from(step)); }
    // A block that will not be wanted is left as it is. Made ahead of all steps or beside some, pictures have the same bits.
    void make_block(int member) {
        const Subnormals here(Subnormals::Are::kept);
        while (!stepper_.has_ended() && augmenter_->work(member))
            if (member == 0 && stepper_.wants_to_stop()) stepper_.end();
    }
    void use_block() { stepper_.take_rows(augmenter_->finished()); }

    void find_teacher(Team& team) {
        teaching_ = std::make_unique<Teaching<T>>(teacher_, most_rows_of_a_block(), team.size());
        stepper_.learn_from(teaching_.get());
    }
    // About the block that begins with this step. False where training ends before it: whoever wants to stop need not wait.
    bool ask_teacher(Team& team, int64_t step) {
        teaching_->begin(stepper_.rows_taken(), block_from(step));
        team.run(team.size(), [&](int member) {
            const Subnormals here(Subnormals::Are::kept);
            while (!stepper_.has_ended() && teaching_->work(member))
                if (member == 0 && stepper_.wants_to_stop()) stepper_.end();
        });
        return !stepper_.has_ended();
    }

    const Kernels<T>& kernels_;
    std::vector<PackedLayer<T>>& layers_;
    const Rows data_;
    const Steps steps_;
    const Extras extras_;
    const Augmentation augmentation_;
    const Teacher<T> teacher_;

    Stepper<T> stepper_;
    std::vector<std::unique_ptr<Stepper<T>>> others_;  // who work on sections of a batch
    std::deque<CrewMember> crew_;  // their steppers keep references to their layers: nothing of them may move
    std::optional<Exchange> exchange_;  // between the members of the crew
    bool is_crew_alike_ = false;        // their layers are what those of the first are
    std::unique_ptr<Augmenter<T>> augmenter_;  // null: rows are taken as they are
    std::unique_ptr<Teaching<T>> teaching_;    // null: nobody teaches
};

}  // namespace pellucid
