// [x]: x = (X - offset) / scale, computed in float64 and rounded once; rows of data become panels.

template <class T, class Given, class Function> inline void scale_rows(const void* const* X, Panels<T> x, Range rows, Function f) {
    constexpr int width = panel_width<T>;
    for (int64_t row = rows.begin; row < rows.end; ++row) {
        const Given* const from = static_cast<const Given*>(X[row]);
        for (int64_t column = 0; column < x.columns; column += width) {
            T* const to = row_of_panel(x, row, column / width);
            const int64_t here = least(width, x.columns - column);
            if (here == width) {
                for (int j = 0; j < width; ++j) to[j] = f(from[column + j], column + j);
            } else {
                for (int j = 0; j < width; ++j) to[j] = j < here ? f(from[column + j], column + j) : T(0);
            }
        }
    }
}

// Dividing in T gives the same bits where nothing is subtracted and T holds both numbers exactly.
template <class T> struct Unscaled {
    template <class Given> inline T operator()(Given a, int64_t) const { return T(a); }
};
template <class T> struct Divided {
    T scale;
    template <class Given> inline T operator()(Given a, int64_t) const { return T(a) / scale; }
};
template <class T> struct Shifted {
    double offset, scale;
    template <class Given> inline T operator()(Given a, int64_t) const { return T((double(a) - offset) / scale); }
};
template <class T> struct ShiftedEach {
    const double *offset, *scale;
    template <class Given> inline T operator()(Given a, int64_t j) const { return T((double(a) - offset[j]) / scale[j]); }
};

template <class T, class Given> inline void scale_from(const void* const* X, InputScaling scaling, Panels<T> x, Range rows) {
    const double offset = scaling.offset[0], scale = scaling.scale[0];
    const bool exact = sizeof(Given) <= sizeof(T) && offset == 0 && double(T(scale)) == scale;
    if (scaling.each) scale_rows<T, Given>(X, x, rows, ShiftedEach<T>{scaling.offset, scaling.scale});
    else if (exact && scale == 1) scale_rows<T, Given>(X, x, rows, Unscaled<T>{});
    else if (exact) scale_rows<T, Given>(X, x, rows, Divided<T>{T(scale)});
    else scale_rows<T, Given>(X, x, rows, Shifted<T>{offset, scale});
}

template <class T> void scale(const void* const* X, InputType type, InputScaling scaling, Panels<T> x, Range rows) {
    switch (type) {
        case InputType::uint8: scale_from<T, uint8_t>(X, scaling, x, rows); break;
        case InputType::float32: scale_from<T, float>(X, scaling, x, rows); break;
        case InputType::float64: scale_from<T, double>(X, scaling, x, rows); break;
    }
}
