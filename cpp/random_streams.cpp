#include "random_streams.h"

#include <algorithm>
#include <array>
#include <vector>

namespace pellucid {

namespace {

using Words = std::array<uint32_t, 4>;

// [philox]: ten rounds that multiply, swap and mix.
Words philox(Words counter, uint32_t key_0, uint32_t key_1) {
    for (int round = 0; round < 10; ++round) {
        const uint64_t product_0 = uint64_t(0xD2511F53) * counter[0], product_1 = uint64_t(0xCD9E8D57) * counter[2];
        counter = {uint32_t(product_1 >> 32) ^ counter[1] ^ key_0, uint32_t(product_1),
                   uint32_t(product_0 >> 32) ^ counter[3] ^ key_1, uint32_t(product_0)};
        key_0 += 0x9E3779B9;
        key_1 += 0xBB67AE85;
    }
    return counter;
}

struct Ticket {
    uint64_t bits;
    int64_t example;
};

}  // namespace

void uniforms(uint64_t seed, uint32_t purpose, uint32_t epoch, uint32_t example, int n, double* u) {
    for (int i = 0; i < n; i += 2) {
        const Words w = philox({uint32_t(i / 2), example, epoch, purpose}, uint32_t(seed), uint32_t(seed >> 32));
        for (int j = 0; j < 2 && i + j < n; ++j)
            u[i + j] = double((w[size_t(2 * j)] | uint64_t(w[size_t(2 * j + 1)]) << 32) >> 11) * 0x1p-53;
    }
}

SineAndCosine sine_and_cosine(double angle) {
    constexpr int terms = 14;
    const double square = angle * angle;
    double sine = 1, cosine = 1;
    for (int k = terms; k > 0; --k) {
        sine = 1 - square / (2 * k * (2 * k + 1)) * sine;
        cosine = 1 - square / (2 * k * (2 * k - 1)) * cosine;
    }
    return {angle * sine, cosine};
}

void permutation(uint64_t seed, uint32_t purpose, uint32_t epoch, int64_t n, int64_t* order) {
    std::vector<Ticket> tickets(size_t(n) + 1);
    for (int64_t i = 0; i < n; i += 2) {
        const Words w = philox({uint32_t(i / 2), 0, epoch, purpose}, uint32_t(seed), uint32_t(seed >> 32));
        tickets[size_t(i)] = {w[0] | uint64_t(w[1]) << 32, i};
        tickets[size_t(i) + 1] = {w[2] | uint64_t(w[3]) << 32, i + 1};
    }
    tickets.resize(size_t(n));
    // The bits are random: after one pass of counting by the highest 12, each bucket holds a few.
    std::vector<int64_t> starts(4097);
    for (const Ticket& ticket : tickets) ++starts[(ticket.bits >> 52) + 1];
    for (size_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
    std::vector<int64_t> place(starts.begin(), starts.end() - 1);
    std::vector<Ticket> sorted(tickets.size());
    for (const Ticket& ticket : tickets) sorted[size_t(place[ticket.bits >> 52]++)] = ticket;
    for (size_t i = 0; i + 1 < starts.size(); ++i)
        std::sort(sorted.begin() + starts[i], sorted.begin() + starts[i + 1],
                  [](const Ticket& a, const Ticket& b) { return a.bits < b.bits || (a.bits == b.bits && a.example < b.example); });
    for (int64_t i = 0; i < n; ++i) order[i] = sorted[size_t(i)].example;
}

}  // namespace pellucid
