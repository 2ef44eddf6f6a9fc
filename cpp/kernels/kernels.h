// All kernels of a target, gathered into its two tables. Included inside an open target region and namespace, after the
// target's words.

#include "kernels/matmul.h"
#ifdef PELLUCID_TILES
#include PELLUCID_TILES
#else
#include "simd/tiles_vector.h"
#endif
#include "kernels/rounding.h"
#include "kernels/matmul_bfloat16.h"
#ifdef PELLUCID_MULTIPLIES_PAIRS
#include "kernels/matmul_pairs.h"
#endif
#include "kernels/product.h"
#include "kernels/optimizers.h"
#include "kernels/functions.h"
#include "kernels/relu.h"
#include "kernels/affine.h"
#include "kernels/activations.h"
#include "kernels/softmax_cross_entropy.h"
#include "kernels/losses.h"
#include "kernels/distillation.h"
#include "kernels/dropout.h"
#include "kernels/max_norm.h"
#include "kernels/augmentation.h"
#include "kernels/layout.h"
#include "kernels/scaling.h"

constexpr Roundings roundings{round_panels, round_bytes, turn, pair, pair_weights};

template <class T> constexpr Kernels<T> table{
    panel_width<T>,
    affine<T>,
    affine_backward_inputs<T>,
    affine_backward_weights<T>,
    affine_backward_bias<T>,
    activation<T>,
    activation_backward<T>,
    loss_of_classes<T>,
    loss_of_numbers<T>,
    distil<T>,
    outputs<T>,
    scale<T>,
    nonzero<T>,
    nonzero_of_bytes,
    transpose<T>,
    update<T>,
    add_up<T>,
    sum_of_squares<T>,
    dropout<T>,
    leave_out<T>,
    constrain<T>,
    noise<T>,
    look_up<T>,
    sizeof(T) == sizeof(float) ? &roundings : nullptr,
};
