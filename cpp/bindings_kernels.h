// Plain arrays as kernels want them, and back: what the bindings of all kernels share.

#pragma once

#include <algorithm>
#include <vector>

#include "network.h"
#include "optimizer_settings.h"
#include "python_arrays.h"

namespace pellucid {

// Where a whole is cut: rows, panels or inputs, ascending.
using Cuts = std::vector<int64_t>;

inline std::vector<Range> pieces(int64_t whole, const Cuts& cuts) {
    std::vector<Range> result;
    int64_t begin = 0;
    for (int64_t cut : cuts) {
        require(begin <= cut && cut <= whole, "cuts ascend and lie within the whole");
        result.push_back({begin, cut});
        begin = cut;
    }
    result.push_back({begin, whole});
    return result;
}

// An optimiser's step: the rule, its settings, the rate, and t, from 1.
struct Step {
    OptimizerSettings settings;
    double learning_rate;
    int64_t t;
    double pull;  // of [l2]
    template <class T> Rule<T> rule() const {
        Rule<T> rule = settings.rule<T>(learning_rate, t);
        rule.pull = T(pull);
        return rule;
    }
};

template <class T> PanelBuffer<T> packed(const T* rows, int64_t n, int64_t columns, int width, T padding = T(0)) {
    PanelBuffer<T> panels(n, columns, width);
    std::fill_n(panels.data(), panels.size(), padding);
    for (int64_t r = 0; r < n; ++r)
        for (int64_t j = 0; j < columns; ++j)
            panels.data()[(j / width * n + r) * width + j % width] = rows[r * columns + j];
    return panels;
}
template <class T> PanelBuffer<T> packed(const Matrix<T>& rows, int width, T padding = T(0)) {
    return packed(rows.data(), int64_t(rows.shape(0)), int64_t(rows.shape(1)), width, padding);
}
template <class T> NewMatrix<T> unpacked(Panels<T> panels, int width) {
    NewMatrix<T> rows = new_matrix<T>(panels.rows, panels.columns);
    for (int64_t r = 0; r < panels.rows; ++r)
        for (int64_t j = 0; j < panels.columns; ++j)
            rows.data()[r * panels.columns + j] = panels.data[(j / width * panels.rows + r) * width + j % width];
    return rows;
}
template <class T> bool padding_is_zero(Panels<const T> panels, int width) {
    const int64_t last = panels.columns % width;
    for (int64_t r = 0; last > 0 && r < panels.rows; ++r)
        for (int64_t j = last; j < width; ++j)
            if (panels.data[(panels.columns / width * panels.rows + r) * width + j] != 0) return false;
    return true;
}

// The left operand of a product: some rows of a matrix, or of bytes with their table; zeros are skipped or not.
template <class T> class Left {
  public:
    Left(const Kernels<T>& kernels, const Matrix<T>& a, Range rows, bool skip_zeros)
        : n_(rows.end - rows.begin), columns_(int64_t(a.shape(1))),
          panels_(packed(a.data() + rows.begin * columns_, n_, columns_, kernels.panel_width)), bits_(n_, columns_), skip_(skip_zeros) {
        kernels.nonzero(panels_.view(n_), bits_.by_row(), {0, n_});
        bits_.turn(n_, {0, bits_.column_words()});
    }
    Left(const Kernels<T>& kernels, const Matrix<uint8_t>& bytes, const Array<T>& value_of_byte, Range rows)
        : n_(rows.end - rows.begin), columns_(int64_t(bytes.shape(1))), bits_(n_, columns_), skip_(true),
          value_of_byte_(value_of_byte.data()) {
        require(value_of_byte.size() == 256 && value_of_byte.data()[0] == 0, "256 values, the first of them 0");
        for (int64_t r = rows.begin; r < rows.end; ++r) bytes_.push_back(bytes.data() + r * columns_);
        bytes_.push_back(nullptr);
        kernels.nonzero_bytes(bytes_.data(), columns_, bits_.by_row(), {0, n_});
        bits_.turn(n_, {0, bits_.column_words()});
    }
    Operand<T> operand(bool turned) const {
        return {{panels_.data(), n_, columns_}, bytes_.empty() ? nullptr : bytes_.data(), value_of_byte_,
                !skip_ ? Bits{nullptr, 0} : turned ? bits_.by_column(n_) : bits_.by_row()};
    }
    int64_t rows() const { return n_; }
    int64_t columns() const { return columns_; }

  private:
    int64_t n_, columns_;
    PanelBuffer<T> panels_;
    BitBuffer bits_;
    bool skip_;
    std::vector<const uint8_t*> bytes_;
    const T* value_of_byte_ = nullptr;
};

// bindings_kernels_in_bfloat16.cpp, bindings_kernels_of_units.cpp
void bind_kernels_in_bfloat16(nb::module_& module);
void bind_kernels_of_units(nb::module_& module);

}  // namespace pellucid
