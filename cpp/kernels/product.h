// Which way a product is taken.

// A B, row by row of A; or, transposed, row by row of the transpose of A.
template <bool transposed, class T, class Epilogue>
inline void product(const Operand<T>& A, const RightOperand<T>& right, Range rows, Range panels, Epilogue& epilogue) {
    const Panels<const T> B = right.panels;
    if constexpr (sizeof(T) == sizeof(float)) {
        if (A.rounded.data) {
#ifdef PELLUCID_MULTIPLIES_PAIRS
            if (A.may_skip && skipping_pairs_pays(A.rounded, right.paired.rows / bf_group, rows, panels)) {
                multiply_skipping_pairs(A.rounded, right.paired, rows, panels, epilogue);
                return;
            }
#endif
            multiply_bfloat16(A.rounded, right.paired, rows, panels, epilogue);
            return;
        }
    }
    if (!A.nonzero.words) {
        multiply<transposed, T>(A.panels, B, rows, panels, epilogue);
    } else if constexpr (transposed) {
        if (A.bytes) multiply_skipping_zeros<T>(A.nonzero, ElementsOfBytesTransposed<T>{A.bytes, A.value_of_byte}, B, rows, panels, epilogue);
        else multiply_skipping_zeros<T>(A.nonzero, ElementsOfPanelsTransposed<T>{A.panels}, B, rows, panels, epilogue);
    } else {
        if (A.bytes) multiply_skipping_zeros<T>(A.nonzero, ElementsOfBytes<T>{A.bytes, A.value_of_byte}, B, rows, panels, epilogue);
        else multiply_skipping_zeros<T>(A.nonzero, ElementsOfPanels<T>{A.panels}, B, rows, panels, epilogue);
    }
}
