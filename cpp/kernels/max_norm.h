// [max-norm]: W_j times min(1, most / |W_j|) for each neuron j, a column of the panels.

template <class T> void constrain(Panels<T> W, double most, Range panels) {
    constexpr int width = panel_width<T>;
    for (int64_t panel = panels.begin; panel < panels.end; ++panel) {
        T* const weights = row_of_panel(W, 0, panel);
        double squares[width] = {};
        for (int64_t input = 0; input < W.rows; ++input)
            for (int j = 0; j < width; ++j) {
                const double w = double(weights[input * width + j]);
                squares[j] += w * w;
            }
        T factors[width];
        bool any = false;
        for (int j = 0; j < width; ++j) {
            const double norm = square_root(squares[j]);
            const bool too_long = norm > most && norm - norm == 0;  // what is not finite must be seen
            factors[j] = too_long ? T(most / norm) : T(1);
            any |= too_long;
        }
        if (!any) continue;
        const Sums<T> by = load_sums(factors);
        for (int64_t input = 0; input < W.rows; ++input) {
            T* const place = weights + input * width;
            const Sums<T> w = load_sums(place);
            store_sums<T>(place, {mul(w.left, by.left), mul(w.right, by.right)});
        }
    }
}
