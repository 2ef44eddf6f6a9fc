// A third way to divide a step: by rows, where a batch has many of them.
//
// Such a batch is cut into sections, as many as its size and the network's say, whoever is there to work on them. A member takes
// whole sections through the network and back by itself, and the gradient of each is summed on its own. So the members meet
// twice: when all gradients are there, and when each has updated its part of the weights by their sum, in the order of the
// sections. The number of members changes no bit.

#pragma once

#include <cstdint>
#include <vector>

#include "gradient.h"
#include "meetings.h"
#include "threads.h"

namespace pellucid {

// A section costs as much again as its gradient takes to be written and read: few rows are not worth it, the fewer the less
// the gradient is, and where weights are many nothing is.
inline int sections_of_a_batch(int64_t rows, int64_t weights) {
    constexpr int64_t many_weights = 1 << 20, weights_in_the_first_cache = 1 << 13;
    if (weights > many_weights) return 1;
    const int64_t fewest_rows = weights <= weights_in_the_first_cache ? 64 : 128;
    int sections = 1;
    while (sections < most_summands && rows >= 2 * sections * fewest_rows) sections *= 2;
    return sections;
}

template <class T> struct Section {
    Gradient<T> gradient;
    Range rows{0, 0};  // of the batch
    double loss = 0;
    int64_t correct = 0;
};

// What the members have in common.
template <class T> struct Sections {
    std::vector<Section<T>> all;
    Meetings meetings;

    Sections(const std::vector<PackedLayer<T>>& layers, int count) {
        for (int i = 0; i < count; ++i) all.push_back({Gradient<T>(layers, true)});
    }
    int count() const { return int(all.size()); }
    // The last batch of an epoch may have fewer rows than there are sections.
    Gradients<T> gradients() const {
        Gradients<T> gradients;
        for (const Section<T>& section : all)
            if (section.rows.begin < section.rows.end) gradients.add(section.gradient);
        return gradients;
    }
};

}  // namespace pellucid
