#include "random_streams.h"

#include <array>
#include <bit>
#include <memory>
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
    bool goes_before(const Ticket& other) const { return bits < other.bits || (bits == other.bits && example < other.example); }
};

// From here to there, in the order of `width` of their bits, those from `lowest` on; those that are alike in them as they came.
void sort_by_some_bits(const Ticket* from, Ticket* to, int64_t n, int lowest, int width) {
    const auto some_bits = [&](const Ticket& ticket) { return size_t(ticket.bits >> lowest & ((uint64_t(1) << width) - 1)); };
    std::vector<int64_t> places((size_t(1) << width) + 1);
    for (int64_t i = 0; i < n; ++i) ++places[some_bits(from[i]) + 1];
    for (size_t i = 1; i < places.size(); ++i) places[i] += places[i - 1];
    for (int64_t i = 0; i < n; ++i) to[places[some_bits(from[i])]++] = from[i];
}

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
    const auto tickets = std::make_unique_for_overwrite<Ticket[]>(size_t(n) + 1);
    const auto sorted = std::make_unique_for_overwrite<Ticket[]>(size_t(n));
    for (int64_t i = 0; i < n; i += 2) {
        const Words w = philox({uint32_t(i / 2), 0, epoch, purpose}, uint32_t(seed), uint32_t(seed >> 32));
        tickets[size_t(i)] = {w[0] | uint64_t(w[1]) << 32, i};
        tickets[size_t(i) + 1] = {w[2] | uint64_t(w[3]) << 32, i + 1};
    }
    // The bits are random: by the highest of them, about two more than it takes to tell n apart, next to all are where they belong.
    const int half = (int(std::bit_width(uint64_t(n))) + 3) / 2;
    sort_by_some_bits(tickets.get(), sorted.get(), n, 64 - 2 * half, half);
    sort_by_some_bits(sorted.get(), tickets.get(), n, 64 - half, half);
    for (int64_t i = 0; i < n; ++i) {
        const Ticket ticket = tickets[size_t(i)];
        int64_t place = i;
        for (; place > 0 && ticket.goes_before(tickets[size_t(place - 1)]); --place) tickets[size_t(place)] = tickets[size_t(place - 1)];
        tickets[size_t(place)] = ticket;
    }
    for (int64_t i = 0; i < n; ++i) order[i] = tickets[size_t(i)].example;
}

}  // namespace pellucid
