// The narrow waist: what every target offers, and the plain records in which it is asked.
//
// Above this line stand the epoch loop and the binding, which know no instruction set; below it the targets, which know no
// thread, no allocation, no exception and no Python.

#pragma once

#include <cstdint>

#if defined(__GNUC__) || defined(__clang__)
#define PELLUCID_NOINLINE __attribute__((noinline))
#else
#define PELLUCID_NOINLINE
#endif

namespace pellucid {

struct Range {
    int64_t begin, end;
};

// A matrix in panels: `columns` cut into panels of the target's width, each panel row by row; the last one is padded.
// README.md draws it.
template <class T> struct Panels {
    T* data;
    int64_t rows, columns;
};

// Which elements of a matrix are not zero: one bit each, 64 to a word, every row beginning with a new word.
struct Bits {
    uint64_t* words;
    int64_t words_a_row;
};

// [bfloat16]: a matrix rounded, in the two forms that tiles are loaded from. kernels/rounding.h draws them. Rows and columns are padded
// with zeros to whole 32s, and there is room for 31 rows more, so that a tile may begin at any row.
constexpr int64_t rounded_group = 32;
struct Rounded {  // a left operand: 32 columns of a row side by side, row after row; then the next 32 columns
    uint16_t* data;
    int64_t rows;
};
struct Paired {  // a right operand: in panels, two rows at a time, the two elements of a column side by side
    uint16_t* data;
    int64_t rows;
};

// The left operand of a product: a matrix in panels, or rows of bytes with a table that gives each byte's value. Where
// `nonzero` has words, its zeros are skipped, which changes no bit as long as the other operand is finite. Where it is there
// `rounded`, its products are those of bfloat16, summed in float32. What it stands for is `factor` times what it holds:
// pixels are exact in bfloat16, pixels divided by 255 are not.
template <class T> struct Operand {
    Panels<const T> panels;
    const uint8_t* const* bytes;  // null: the panels are used
    const T* value_of_byte;       // 256 numbers
    Bits nonzero;                 // words null: nothing is skipped
    Rounded rounded{nullptr, 0};  // of its transpose, where that is the operand
    const uint32_t* in_use = nullptr;  // a bit for each row of `rounded`: whether anything in it is not zero. Null: nobody knows
    bool may_skip = false;  // zeros of `rounded`: the other operand is finite
    T factor = T(1);
};
// The right operand; `paired` is used where the left one is there rounded.
template <class T> struct RightOperand {
    Panels<const T> panels;
    Paired paired{nullptr, 0};
};

// The first two are part of the product that makes z; the others follow it.
enum class Activation : int { identity, relu, leaky_relu, elu, selu, logistic, tanh, scaled_tanh, gelu, silu, mish, softplus };
inline bool is_part_of_the_product(Activation f) { return f == Activation::identity || f == Activation::relu; }

enum class Loss : int {
    cross_entropy, class_squared_error, binary_cross_entropy, squared_error, absolute_error, huber, quantile, poisson
};
enum class Output : int { softmax, logistic, identity, exp, scaled_tanh };

// A loss and its only setting, 0 where it has none.
struct LossSetting {
    Loss loss = Loss::cross_entropy;
    double setting = 0;

    bool is_of_classes() const { return loss == Loss::cross_entropy || loss == Loss::class_squared_error; }
    Output output() const {
        switch (loss) {
            case Loss::cross_entropy: return Output::softmax;
            case Loss::class_squared_error: return Output::scaled_tanh;
            case Loss::binary_cross_entropy: return Output::logistic;
            case Loss::poisson: return Output::exp;
            default: return Output::identity;
        }
    }
};

// [distillation]: lambda and T, and what makes probabilities of the logits of both: softmax or logistic.
struct Distillation {
    Output output;
    double weight, temperature;
};

enum class Optimizer : int { none, sgd, momentum, nesterov, adam, adamw };

// One step of an optimiser, its scalars worked out beforehand. `none` leaves the gradient where it was summed.
template <class T> struct Rule {
    Optimizer optimizer;
    T learning_rate;     // adam, adamw: eta / (1 - beta_1^t)
    T mu;                // momentum, nesterov
    T beta_1, rest_1;    // adam, adamw: beta_1, 1 - beta_1
    T beta_2, rest_2;    //              beta_2, 1 - beta_2
    T correction;        //              1 / sqrt(1 - beta_2^t)
    T epsilon;
    T keep;              // adamw: 1 - eta lambda
    T pull = T(0);       // [l2], for weights: alpha / sum of w
};

// What an update writes to. All are alike in shape; `m` and `v` are null where the rule keeps no such moment.
template <class T> struct Parameters {
    T *theta, *m, *v;
};

// [bfloat16]: weights as right operands, kept beside them: W_packed, and W_back (data null: nobody wants it).
struct PairedWeights {
    Paired W, W_back;
};

// A gradient summed over several calls: `sums` holds what was summed before, null where one call does it all.
template <class T> struct Summing {
    T* sums;
    bool first, last;
};

// A gradient that was summed in several places: the sum of what stands in them, in their order.
template <class T> struct Summands {
    const T* const* in;
    int places;
};

// Where the random numbers of a layer stand, from which word on a unit is kept, and the factor of those that are.
template <class T> struct Dropout {
    uint32_t key_0, key_1, epoch, purpose, threshold;
    T factor;
};

enum class InputType : int { uint8, float32, float64 };
inline int64_t size_of(InputType type) { return type == InputType::uint8 ? 1 : type == InputType::float32 ? 4 : 8; }

// Pictures as rows of data: row by row of pixels, the channels of a pixel side by side.
struct PictureShape {
    int64_t rows, columns, channels;
    int64_t pixels() const { return rows * columns; }
};

// [affine-map]: the source of the pixel in column j of row i is x + x_by_column j + x_by_row i, and so for y.
template <class T> struct SourceMap {
    T x, x_by_column, x_by_row, y, y_by_column, y_by_row;
};

// Room for a picture in its frame, (rows + 3) x (columns + 3): as numbers, or as words where pixels are bytes; for a padded row
// of pixels of any type.
template <class T> struct Scratch {
    T* framed;
    void* line;
    uint32_t* words;
};

// Where the random numbers of an example's displacement stand.
struct Stream {
    uint32_t key_0, key_1, epoch, purpose;
};

// From the units of the data to the numbers of the first layer: x = (X - offset) / scale.
struct InputScaling {
    const double *offset, *scale;
    bool each;  // one pair of numbers for each input; else one pair for all
};

// [bfloat16]: what makes the forms that tiles are loaded from. A group is 32 columns.
struct Roundings {
    // Some rows and panels of a matrix, or some rows of bytes.
    void (*round)(Panels<const float> a, Rounded to, Range rows, Range panels);
    void (*round_bytes)(const uint8_t* const* X, int64_t columns, Rounded to, Range rows);

    // The transpose of n rows: some groups of columns of `a` become rows. `in_use`: which of them are not all zero, 32 bits a group.
    void (*turn)(Rounded a, int64_t n, Rounded to, uint32_t* in_use, Range groups);

    // n rows as a right operand, some panels of it.
    void (*pair)(Panels<const float> b, Paired to, Range panels);

    // Some inputs (rows of W; whole panels of W_back) and panels.
    void (*pair_weights)(Panels<const float> W, const PairedWeights& to, Range inputs, Range panels);
};

// Everything that a target computes, for T = float or double. Names, equations and tags are those of equations/. Functions
// that return a bool say whether all that they wrote is finite.
template <class T> struct Kernels {
    int panel_width;

    // [z], [a]: out = f(a W + b), with an f that is part of the product, for some rows and some panels of out. W has a row an
    // input, a column a neuron.
    void (*affine)(const Operand<T>& a, const RightOperand<T>& W, const T* b, Activation f, Panels<T> out, Range rows, Range panels);

    // [da], [dz]: out = (dz W_back) f'(a). W_back has a row a neuron, a column an input.
    bool (*affine_backward_inputs)(const Operand<T>& dz, const RightOperand<T>& W_back, Activation f, Panels<const T> a,
                                   Panels<T> out, Range rows, Range panels);

    // [dW] and the update of W, and of its pairs, for some inputs (rows of W) and some panels (neurons). The bits of `a` are
    // those of its transpose: a row an input.
    bool (*affine_backward_weights)(const Operand<T>& a, const RightOperand<T>& dz, Summing<T> dW, Parameters<T> W,
                                    const PairedWeights& pairs, const Rule<T>& rule, int64_t inputs_in_all, Range inputs,
                                    Range panels);

    // [db] and the update of b, for some panels.
    bool (*affine_backward_bias)(Panels<const T> dz, Summing<T> db, Parameters<T> b, const Rule<T>& rule, Range panels);

    // [a] of the other activations, for some rows and panels of z. Behind the last column of a stands 0.
    void (*activation)(Activation f, Panels<const T> z, Panels<T> a, Range rows, Range panels);

    // [dz] of the other activations: f'(z) times what stands in d.
    bool (*activation_backward)(Activation f, Panels<const T> z, Panels<T> d, Range rows, Range panels);

    // [p], [loss] of each row, [dz_out], of labels that may be smoothed; or [class-squared]: for some rows. share[r] is
    // w_r / sum of w.
    void (*loss_of_classes)(LossSetting by, Panels<const T> z, const int64_t* y, const T* share, Panels<T> dz, double* loss,
                            uint8_t* correct, Range rows);

    // The same for the losses of numbers: y[r] are those of row r, a number an output.
    void (*loss_of_numbers)(LossSetting by, Panels<const T> z, const T* const* y, const T* share, Panels<T> dz, double* loss,
                            uint8_t* correct, Range rows);

    // [distillation], once the loss of each row and dz are there: z_teacher[r] are a teacher's logits of row r, a number an output.
    void (*distil)(Distillation by, Panels<const T> z, const T* const* z_teacher, const T* share, Panels<T> dz, double* loss,
                   Range rows);

    // What the network puts out, into an array with a row an example: [p], [logistic], z itself, e^z, [scaled-tanh].
    void (*outputs)(Output output, Panels<const T> z, T* p, Range rows);

    // [x]: rows of data into panels.
    void (*scale)(const void* const* X, InputType type, InputScaling scaling, Panels<T> x, Range rows);

    // Which elements are not zero, row by row; returns how many.
    int64_t (*nonzero)(Panels<const T> a, Bits bits, Range rows);
    int64_t (*nonzero_bytes)(const uint8_t* const* rows, int64_t columns, Bits bits, Range which);

    // Some inputs (whole panels of W_back) and panels of W (a row an input) into W_back (a row a neuron).
    void (*transpose)(Panels<const T> W, Panels<T> W_back, Range inputs, Range panels);

    // An optimiser's step on n numbers with `factor` times their gradients; n is a multiple of the panel's width.
    bool (*update)(Parameters<T> theta, Summands<T> g, T factor, const Rule<T>& rule, int64_t n);

    // These gradients themselves, with what [l2] adds to them.
    void (*add_up)(Summands<T> g, const T* theta, T pull, T* sum, int64_t n);

    // For [l2] and [clip]: in float64, in an order that n alone decides.
    double (*sum_of_squares)(const T* numbers, int64_t n);

    // [dropout]: the factor of each unit, for some rows; examples[r] is the number of row r among all examples.
    void (*dropout)(const Dropout<T>& by, const int64_t* examples, Panels<T> mask, Range rows);

    // a, or da on the way back, times the mask.
    bool (*leave_out)(Panels<const T> mask, Panels<T> a, Range rows, Range panels);

    // [max-norm]: the weights of each neuron, for some panels of W (a row an input).
    void (*constrain)(Panels<T> W, double most, Range panels);

    // [elastic], its random numbers: the displacements of x and of y before they are smoothed. `bytes` has room for 2 bytes a
    // pixel, rounded up to 256, and 64 more. What stands in the padding is of no account.
    void (*noise)(Stream by, uint32_t example, uint8_t* bytes, Panels<T> U_x, Panels<T> U_y);

    // [bilinear]: a channel of a picture looked up at the sources, [affine-map] plus a displacement (data null: none), into a
    // picture of the same type.
    void (*look_up)(const void* picture, InputType type, PictureShape shape, int64_t channel, const SourceMap<T>& map,
                    Panels<const T> D_x, Panels<const T> D_y, Scratch<T> scratch, void* seen);

    const Roundings* roundings;  // null for float64
};

struct Target {
    const char* name;
    const char* description;
    bool (*runs_here)();
    const Kernels<float>* float32;  // with `bfloat16` in an operand, too
    const Kernels<double>* float64;
    bool multiplies_bfloat16;  // by instructions made for it; elsewhere it is slower than float32
};

// All targets of this build, best first; the last one runs anywhere.
extern const Target* const targets[];
extern const int number_of_targets;

template <class T> const Kernels<T>& kernels_of(const Target& target);
template <> inline const Kernels<float>& kernels_of(const Target& target) { return *target.float32; }
template <> inline const Kernels<double>& kernels_of(const Target& target) { return *target.float64; }

}  // namespace pellucid
