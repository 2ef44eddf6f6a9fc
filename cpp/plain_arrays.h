// NumPy's arrays, read and made with as little ceremony as there can be: for predictions of one example, which take no longer
// than the usual conversions. What is not plain is left to the usual way.

#pragma once

#include <cstdint>

#include "python_arrays.h"

namespace pellucid {

// What is needed of NumPy, looked up once.
struct NumPy {
    nb::object ndarray, empty, dtype;
    explicit NumPy(const char* type) {
        const nb::module_ numpy = nb::module_::import_("numpy");
        ndarray = numpy.attr("ndarray"), empty = numpy.attr("empty"), dtype = numpy.attr("dtype")(type);
    }
};

// An array of uint8, float32 or float64 whose elements lie side by side: exactly numpy.ndarray, no subclass of it.
class PlainArray {
  public:
    PlainArray(const NumPy& numpy, nb::handle object) {
        if (!object.type().is(numpy.ndarray)) return;
        if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS) != 0) {
            PyErr_Clear();
            return;
        }
        held_ = true;
        is_plain_ = set_type(view_.format) && uintptr_t(view_.buf) % uintptr_t(view_.itemsize) == 0;
    }
    ~PlainArray() {
        if (held_) PyBuffer_Release(&view_);
    }
    PlainArray(const PlainArray&) = delete;
    PlainArray& operator=(const PlainArray&) = delete;

    bool is_plain() const { return is_plain_; }
    void* data() const { return view_.buf; }
    InputType type() const { return type_; }
    int64_t size() const { return view_.len / view_.itemsize; }
    int64_t itemsize() const { return view_.itemsize; }
    int dimensions() const { return view_.ndim; }
    const Py_ssize_t* shape() const { return view_.shape; }

  private:
    bool set_type(const char* format) {
        if (!std::strcmp(format, "B")) type_ = InputType::uint8;
        else if (!std::strcmp(format, "f")) type_ = InputType::float32;
        else if (!std::strcmp(format, "d")) type_ = InputType::float64;
        else return false;
        return true;
    }

    Py_buffer view_;
    InputType type_ = InputType::uint8;
    bool held_ = false, is_plain_ = false;
};

// A new array, not yet filled.
template <class T> class NewPlainArray {
  public:
    NewPlainArray(const NumPy& numpy, const nb::tuple& shape)
        : object_(numpy.empty(shape, numpy.dtype)), view_(numpy, object_) {}
    T* data() const { return static_cast<T*>(view_.data()); }
    nb::object array() const { return object_; }

  private:
    nb::object object_;
    const PlainArray view_;
};

}  // namespace pellucid
