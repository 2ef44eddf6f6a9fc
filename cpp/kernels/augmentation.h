// [augment], the part of it that touches every pixel: the noise of [elastic], and [bilinear] at the sources, which are those of
// [affine-map] and what the noise has moved them by. What smooths the noise, [gaussian], is a product of matrices, and so a job
// for affine.h.

inline uint32_t lowest_byte_first(uint32_t word) {
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? word : __builtin_bswap32(word);
}

// A byte for the x of each pixel, then one for the y of each; b becomes (b + 1/2) / 2^7 - 1, exactly.
template <class T> void noise(Stream by, uint32_t example, uint8_t* bytes, Panels<T> U_x, Panels<T> U_y) {
    constexpr int width = panel_width<T>;
    const int64_t pixels = U_x.rows * U_x.columns;
    for (int64_t at = 0; 4 * at < 2 * pixels; at += columns_at_a_time) {
        Counters words;
        words_of(words, uint32_t(at / 4), example, by.epoch, by.purpose, by.key_0, by.key_1);
        uint32_t in_order[columns_at_a_time];
#pragma GCC unroll 1
        for (int i = 0; i < counters_at_a_time; ++i)
            for (int word = 0; word < 4; ++word) in_order[4 * i + word] = lowest_byte_first(uint32_t(words[word][i]));
        __builtin_memcpy(bytes + 4 * at, in_order, sizeof in_order);
    }
    for (int axis = 0; axis < 2; ++axis) {
        const Panels<T> U = axis == 0 ? U_x : U_y;
        for (int64_t row = 0; row < U.rows; ++row) {
            const uint8_t* const from = bytes + axis * pixels + row * U.columns;
            for (int64_t column = 0; column < U.columns; column += width) {
                uint8_t here[width];
                T u[width];
                __builtin_memcpy(here, from + column, width);  // the last one is padded by what follows
#pragma GCC unroll 1
                for (int j = 0; j < width; ++j) u[j] = (T(here[j]) - T(127.5)) * T(1.0 / 128);
                store_sums(row_of_panel(U, row, column / width), load_sums(u));
            }
        }
    }
}

template <class T> constexpr T counting[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

// A picture framed by zeros, one before and two behind, looked up between its pixels.
template <class T> struct Framed {
    const T* numbers;
    Vector<T> stride, last_column, last_row;

    inline Vector<T> at(Vector<T> x, Vector<T> y) const {
        const Vector<T> before = set(T(-1)), half = set(T(0.5));
        x = min(max(x, before), last_column);  // which are also numbers where x is none
        y = min(max(y, before), last_row);
        // Where x is whole, either neighbour will do.
        const Vector<T> left = max(round(sub(x, half)), before), above = max(round(sub(y, half)), before);
        const Vector<T> e = sub(x, left), f = sub(y, above);
        const Vector<T> place = fma(sub(above, before), stride, sub(left, before));
        const Vector<T> v_00 = gather(numbers, place), v_01 = gather(numbers + 1, place);
        const Vector<T> below = add(place, stride);
        const Vector<T> v_10 = gather(numbers, below), v_11 = gather(numbers + 1, below);
        const Vector<T> upper = fma(e, sub(v_01, v_00), v_00), lower = fma(e, sub(v_11, v_10), v_10);
        return fma(f, sub(lower, upper), upper);
    }
};

template <class T, class Pixel> inline Pixel pixel_of(T value) { return Pixel(value); }
template <> inline uint8_t pixel_of<float, uint8_t>(float value) { return uint8_t(int32_t(value)); }  // whole already
template <> inline uint8_t pixel_of<double, uint8_t>(double value) { return uint8_t(int32_t(value)); }

template <class T, class Pixel>
void look_up_pixels(const Pixel* __restrict picture, PictureShape shape, int64_t channel, const SourceMap<T>& map,
                    Panels<const T> D_x, Panels<const T> D_y, T* __restrict framed, T* __restrict line, Pixel* __restrict out) {
    constexpr int width = panel_width<T>;
    constexpr bool whole = sizeof(Pixel) == 1;
    const int64_t rows = shape.rows, columns = shape.columns, stride = columns + 3, channels = shape.channels;
    for (int64_t i = 0; i < stride; ++i) framed[i] = framed[(rows + 1) * stride + i] = framed[(rows + 2) * stride + i] = T(0);
    for (int64_t i = 0; i < rows; ++i) {
        T* const to = framed + (i + 1) * stride;
        const Pixel* const from = picture + i * columns * channels + channel;
        to[0] = to[columns + 1] = to[columns + 2] = T(0);
        if (channels == 1) for (int64_t j = 0; j < columns; ++j) to[1 + j] = T(from[j]);
        else for (int64_t j = 0; j < columns; ++j) to[1 + j] = T(from[j * channels]);
    }
    const Framed<T> numbers{framed, set(T(stride)), set(T(columns)), set(T(rows))};
    const bool displaced = D_x.data != nullptr;
    for (int64_t i = 0; i < rows; ++i) {
        const Vector<T> x_of_row = set(map.x + map.x_by_row * T(i)), y_of_row = set(map.y + map.y_by_row * T(i));
        for (int64_t j = 0; j < columns; j += lanes<T>) {
            const Vector<T> column = add(set(T(j)), load(counting<T>));
            Vector<T> x = fma(set(map.x_by_column), column, x_of_row), y = fma(set(map.y_by_column), column, y_of_row);
            if (displaced) {
                x = add(x, load(row_of_panel(D_x, i, j / width) + j % width));
                y = add(y, load(row_of_panel(D_y, i, j / width) + j % width));
            }
            const Vector<T> value = numbers.at(x, y);
            store(line + j, whole ? round(value) : value);
        }
        Pixel* const to = out + i * columns * channels + channel;
        if (channels == 1) for (int64_t j = 0; j < columns; ++j) to[j] = pixel_of<T, Pixel>(line[j]);
        else for (int64_t j = 0; j < columns; ++j) to[j * channels] = pixel_of<T, Pixel>(line[j]);
    }
}

template <class T>
void look_up(const void* picture, InputType type, PictureShape shape, int64_t channel, const SourceMap<T>& map,
             Panels<const T> D_x, Panels<const T> D_y, T* framed, T* line, void* out) {
    switch (type) {
        case InputType::uint8:
            look_up_pixels<T>(static_cast<const uint8_t*>(picture), shape, channel, map, D_x, D_y, framed, line,
                              static_cast<uint8_t*>(out));
            break;
        case InputType::float32:
            look_up_pixels<T>(static_cast<const float*>(picture), shape, channel, map, D_x, D_y, framed, line,
                              static_cast<float*>(out));
            break;
        case InputType::float64:
            look_up_pixels<T>(static_cast<const double*>(picture), shape, channel, map, D_x, D_y, framed, line,
                              static_cast<double*>(out));
            break;
    }
}
