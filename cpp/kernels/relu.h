// [a]: a = max(0, z), NaN where z is NaN; and back, [dz]: dz = da where z > 0, else da times 0. As a > 0 where z > 0, a will
// do in place of z. Or [identity]: nothing happens either way.

template <class T> inline Vector<T> activate(Activation f, Vector<T> z) {
    return f == Activation::relu ? max(set(T(0)), z) : z;
}
template <class T> inline Vector<T> activate_backward(Activation f, Vector<T> da, Vector<T> a) {
    return f == Activation::relu ? mul(da, positive(a)) : da;
}
