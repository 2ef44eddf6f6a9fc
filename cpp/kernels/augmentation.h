// [augment], the part of it that touches every pixel: the noise of [elastic], and [bilinear] at the sources, which are those of
// [affine-map] and what the noise has moved them by. What smooths the noise, [gaussian], is a product of matrices, and so a job
// for affine.h.

inline uint64_t lowest_byte_first(uint64_t words) {
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? words : __builtin_bswap64(words);
}

// A byte for the x of each pixel, then one for the y of each; b becomes (b + 1/2) / 2^7 - 1, exactly.
template <class T> void noise(Stream by, uint32_t example, uint8_t* bytes, Panels<T> U_x, Panels<T> U_y) {
    constexpr int width = panel_width<T>;
    const int64_t pixels = U_x.rows * U_x.columns;
    for (int64_t at = 0; 4 * at < 2 * pixels; at += columns_at_a_time) {
        Counters words;
        words_of(words, uint32_t(at / 4), example, by.epoch, by.purpose, by.key_0, by.key_1);
        uint64_t in_order[2 * counters_at_a_time];  // two words each
        for (int i = 0; i < counters_at_a_time; ++i) {
            in_order[2 * i] = lowest_byte_first(words[0][i] | words[1][i] << 32);
            in_order[2 * i + 1] = lowest_byte_first(words[2][i] | words[3][i] << 32);
        }
        __builtin_memcpy(bytes + 4 * at, in_order, sizeof in_order);
    }
    const Vector<T> step = set(T(1.0 / 128)), lowest = set(T(-127.5 / 128));
    for (int axis = 0; axis < 2; ++axis) {
        const Panels<T> U = axis == 0 ? U_x : U_y;
        for (int64_t row = 0; row < U.rows; ++row) {
            const uint8_t* const from = bytes + axis * pixels + row * U.columns;
            for (int64_t column = 0; column < U.columns; column += width)  // the last panel is padded by what follows
                store_sums<T>(row_of_panel(U, row, column / width), {fma(of_bytes<T>(from + column), step, lowest),
                                                                     fma(of_bytes<T>(from + column + lanes<T>), step, lowest)});
        }
    }
}

template <class T> constexpr T counting[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

// A picture framed by zeros, one before and two behind, and the four neighbours of some places in it.
template <class T> struct FramedNumbers {
    const T* numbers;
    int64_t stride;

    inline void neighbours(Vector<T> place, Vector<T> (&v)[4]) const {
        v[0] = gather(numbers, place), v[1] = gather(numbers + 1, place);
        v[2] = gather(numbers + stride, place), v[3] = gather(numbers + stride + 1, place);
    }
};
// The same where pixels are bytes: all four in one word, which is gathered at once.
struct FramedBytes {
    const uint32_t* words;
    int64_t stride;

    template <class V> inline void neighbours(V place, V (&v)[4]) const { gather_bytes(words, place, v); }
};

// [bilinear] of some sources.
template <class T, class Frame> struct Between {
    Frame frame;
    Vector<T> stride, last_column, last_row;

    inline Vector<T> at(Vector<T> x, Vector<T> y) const {
        const Vector<T> before = set(T(-1)), half = set(T(0.5));
        x = min(max(x, before), last_column);  // which are also numbers where x is none
        y = min(max(y, before), last_row);
        // Where x is whole, either neighbour will do.
        const Vector<T> left = max(round(sub(x, half)), before), above = max(round(sub(y, half)), before);
        const Vector<T> e = sub(x, left), f = sub(y, above);
        Vector<T> v[4];
        frame.neighbours(fma(sub(above, before), stride, sub(left, before)), v);
        const Vector<T> upper = fma(e, sub(v[1], v[0]), v[0]), lower = fma(e, sub(v[3], v[2]), v[2]);
        return fma(f, sub(lower, upper), upper);
    }
};

// Pixels into a frame of (rows + 3) x (columns + 3).
template <class To, class Pixel>
inline void frame_pixels(const Pixel* __restrict picture, PictureShape shape, int64_t channel, To* __restrict framed) {
    const int64_t rows = shape.rows, columns = shape.columns, stride = columns + 3, channels = shape.channels;
    for (int64_t i = 0; i < stride; ++i) framed[i] = framed[(rows + 1) * stride + i] = framed[(rows + 2) * stride + i] = To(0);
    for (int64_t i = 0; i < rows; ++i) {
        To* const to = framed + (i + 1) * stride;
        const Pixel* const from = picture + i * columns * channels + channel;
        to[0] = to[columns + 1] = to[columns + 2] = To(0);
        if (channels == 1) for (int64_t j = 0; j < columns; ++j) to[1 + j] = To(from[j]);
        else for (int64_t j = 0; j < columns; ++j) to[1 + j] = To(from[j * channels]);
    }
}

template <class T, class Pixel> struct FrameOf {
    using Type = FramedNumbers<T>;
    static inline Type make(const Pixel* picture, PictureShape shape, int64_t channel, Scratch<T> scratch) {
        frame_pixels(picture, shape, channel, scratch.framed);
        return {scratch.framed, shape.columns + 3};
    }
};
template <class T> struct FrameOf<T, uint8_t> {
    using Type = FramedBytes;
    static inline Type make(const uint8_t* picture, PictureShape shape, int64_t channel, Scratch<T> scratch) {
        frame_pixels(picture, shape, channel, scratch.words);
        const int64_t stride = shape.columns + 3, places = (shape.rows + 1) * stride + shape.columns + 1;
        uint32_t* const words = scratch.words;
        for (int64_t i = 0; i < places; ++i)  // what stands further on is not packed yet
            words[i] |= words[i + 1] << 8 | words[i + stride] << 16 | words[i + stride + 1] << 24;
        return {words, stride};
    }
};

// As many pixels as there are lanes.
template <class T> inline void store_pixels(uint8_t* to, Vector<T> values) { to_bytes(to, values); }
template <class T> inline void store_pixels(float* to, Vector<T> values) {
    T numbers[lanes<T>];
    store(numbers, values);
    for (int i = 0; i < lanes<T>; ++i) to[i] = float(numbers[i]);
}
template <class T> inline void store_pixels(double* to, Vector<T> values) {
    T numbers[lanes<T>];
    store(numbers, values);
    for (int i = 0; i < lanes<T>; ++i) to[i] = double(numbers[i]);
}

template <class T, class Pixel>
void look_up_pixels(const void* picture, PictureShape shape, int64_t channel, const SourceMap<T>& map, Panels<const T> D_x,
                    Panels<const T> D_y, Scratch<T> scratch, void* seen) {
    constexpr int width = panel_width<T>;
    const int64_t rows = shape.rows, columns = shape.columns, channels = shape.channels;
    const auto frame = FrameOf<T, Pixel>::make(static_cast<const Pixel*>(picture), shape, channel, scratch);
    const Between<T, typename FrameOf<T, Pixel>::Type> between{frame, set(T(frame.stride)), set(T(columns)), set(T(rows))};
    const bool displaced = D_x.data != nullptr;
    Pixel* const line = static_cast<Pixel*>(scratch.line);
    Pixel* const out = static_cast<Pixel*>(seen);
    for (int64_t i = 0; i < rows; ++i) {
        // What a register holds beyond the row is overwritten by the next; where there is none, it must not be written.
        const bool has_room = channels == 1 && (i + 1) * columns + lanes<T> <= rows * columns;
        Pixel* const to = has_room ? out + i * columns : line;
        const Vector<T> x_of_row = set(map.x + map.x_by_row * T(i)), y_of_row = set(map.y + map.y_by_row * T(i));
        for (int64_t j = 0; j < columns; j += lanes<T>) {
            const Vector<T> column = add(set(T(j)), load(counting<T>));
            Vector<T> x = fma(set(map.x_by_column), column, x_of_row), y = fma(set(map.y_by_column), column, y_of_row);
            if (displaced) {
                x = add(x, load(row_of_panel(D_x, i, j / width) + j % width));
                y = add(y, load(row_of_panel(D_y, i, j / width) + j % width));
            }
            store_pixels<T>(to + j, between.at(x, y));
        }
        if (has_room) continue;
        for (int64_t j = 0; j < columns; ++j) out[(i * columns + j) * channels + channel] = line[j];
    }
}

template <class T>
void look_up(const void* picture, InputType type, PictureShape shape, int64_t channel, const SourceMap<T>& map,
             Panels<const T> D_x, Panels<const T> D_y, Scratch<T> scratch, void* seen) {
    switch (type) {
        case InputType::uint8: look_up_pixels<T, uint8_t>(picture, shape, channel, map, D_x, D_y, scratch, seen); break;
        case InputType::float32: look_up_pixels<T, float>(picture, shape, channel, map, D_x, D_y, scratch, seen); break;
        case InputType::float64: look_up_pixels<T, double>(picture, shape, channel, map, D_x, D_y, scratch, seen); break;
    }
}
