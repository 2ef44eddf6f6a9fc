// Memory, allocated before the work begins and never during it.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "engine.h"

namespace pellucid {

// Zeros to begin with, aligned to a cache line. A copy shares the memory.
template <class T> class Buffer {
  public:
    Buffer() = default;
    explicit Buffer(int64_t size)
        : data_(static_cast<T*>(::operator new(sizeof(T) * size_t(std::max<int64_t>(size, 1)), alignment)), Free()), size_(size) {
        std::fill_n(data_.get(), size, T());
    }
    Buffer copy() const {
        Buffer result(size_);
        std::copy_n(data(), size_, result.data());
        return result;
    }
    T* data() const { return data_.get(); }
    int64_t size() const { return size_; }
    T& operator[](int64_t i) const { return data_.get()[i]; }
    explicit operator bool() const { return data_ != nullptr; }

  private:
    static constexpr std::align_val_t alignment{64};
    struct Free {
        void operator()(T* p) const { ::operator delete(p, alignment); }
    };
    std::shared_ptr<T> data_;
    int64_t size_ = 0;
};

inline int64_t divided_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// A matrix in panels with memory of its own.
template <class T> class PanelBuffer {
  public:
    PanelBuffer() = default;
    PanelBuffer(int64_t rows, int64_t columns, int panel_width)
        : buffer_(divided_up(columns, panel_width) * rows * panel_width), columns_(columns), width_(panel_width) {}
    // A smaller matrix in the same memory.
    Panels<T> panels(int64_t rows) const { return {buffer_.data(), rows, columns_}; }
    Panels<const T> view(int64_t rows) const { return {buffer_.data(), rows, columns_}; }
    int64_t number_of_panels() const { return divided_up(columns_, width_); }
    T* data() const { return buffer_.data(); }
    int64_t size() const { return buffer_.size(); }

  private:
    Buffer<T> buffer_;
    int64_t columns_ = 0;
    int width_ = 1;
};

// [bfloat16]: the two forms of matrices rounded, with memory of their own. The one of at most so many rows, and one more: where
// its groups stood a multiple of 4 KiB apart, all that is known of a row would compete for the same places of the cache.
class RoundedBuffer {
  public:
    RoundedBuffer() = default;
    RoundedBuffer(int64_t rows, int64_t columns)
        : rows_(divided_up(rows, rounded_group) * rounded_group + 1), groups_(divided_up(columns, rounded_group)),
          buffer_(groups_ == 0 ? 0 : (groups_ * rows_ + rounded_group - 1) * rounded_group) {}
    Rounded view() const { return {buffer_.data(), rows_}; }
    int64_t groups() const { return groups_; }

  private:
    int64_t rows_ = 0, groups_ = 0;
    Buffer<uint16_t> buffer_;
};
// The transpose of such a matrix, and which of its rows are not all zero.
class TurnedBuffer : public RoundedBuffer {
  public:
    TurnedBuffer() = default;
    TurnedBuffer(int64_t rows, int64_t columns) : RoundedBuffer(rows, columns), in_use_(divided_up(rows, rounded_group)) {}
    uint32_t* in_use() const { return in_use_.data(); }

  private:
    Buffer<uint32_t> in_use_;
};
class PairedBuffer {
  public:
    PairedBuffer() = default;
    PairedBuffer(int64_t rows, int64_t columns, int panel_width)
        : whole_rows_(divided_up(rows, rounded_group) * rounded_group), buffer_(divided_up(columns, panel_width) * panel_width * whole_rows_) {}
    // Of the first so many rows.
    Paired view(int64_t rows) const { return {buffer_.data(), divided_up(rows, rounded_group) * rounded_group}; }
    Paired view() const { return {buffer_.data(), whole_rows_}; }
    explicit operator bool() const { return bool(buffer_); }

  private:
    int64_t whole_rows_ = 0;
    Buffer<uint16_t> buffer_;
};

// Which elements of a matrix of at most `rows` x `columns` are not zero, and the same turned round.
class BitBuffer {
  public:
    BitBuffer() = default;
    BitBuffer(int64_t rows, int64_t columns)
        : columns_(columns), by_row_(rows * divided_up(columns, 64)), by_column_(divided_up(columns, 64) * 64 * divided_up(rows, 64)) {}
    Bits by_row() const { return {by_row_.data(), divided_up(columns_, 64)}; }
    Bits by_column(int64_t rows) const { return {by_column_.data(), divided_up(rows, 64)}; }
    int64_t column_words() const { return divided_up(columns_, 64); }

    // As if nothing were zero.
    void set_all() const {
        const int64_t words = column_words();
        for (int64_t i = 0; i < by_row_.size(); ++i) {
            const int64_t columns = std::min<int64_t>(64, columns_ - i % words * 64);
            by_row_[i] = ~uint64_t(0) >> (64 - columns);
        }
    }

    // Turn some words' worth of columns round, 64 x 64 bits at a time.
    void turn(int64_t rows, Range words) const {
        const Bits from = by_row(), to = by_column(rows);
        for (int64_t word = words.begin; word < words.end; ++word) {
            for (int64_t block = 0; block < to.words_a_row; ++block) {
                uint64_t bits[64];
                for (int64_t i = 0; i < 64; ++i) {
                    const int64_t row = 64 * block + i;
                    bits[i] = row < rows ? from.words[row * from.words_a_row + word] : 0;
                }
                turn_block(bits);
                for (int64_t i = 0; i < 64; ++i) to.words[(64 * word + i) * to.words_a_row + block] = bits[i];
            }
        }
    }

  private:
    // Swap the off-diagonal halves, then those of each half, down to single bits (Hacker's Delight, section 7-3).
    static void turn_block(uint64_t (&bits)[64]) {
        uint64_t mask = 0x00000000FFFFFFFF;
        for (int distance = 32; distance; distance >>= 1, mask ^= mask << distance) {
            for (int i = 0; i < 64; i = (i + distance + 1) & ~distance) {
                const uint64_t swapped = (bits[i] >> distance ^ bits[i + distance]) & mask;
                bits[i] ^= swapped << distance;
                bits[i + distance] ^= swapped;
            }
        }
    }

    int64_t columns_ = 0;
    Buffer<uint64_t> by_row_, by_column_;
};

}  // namespace pellucid
