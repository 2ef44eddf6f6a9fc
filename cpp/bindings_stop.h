// How work in C++ asks Python whether to stop.

#pragma once

#include <exception>

#include "bindings_interpreter.h"
#include "python_arrays.h"
#include "subnormals.h"

namespace pellucid {

inline const nb::module_* threading = nullptr;  // Python's; lives as long as the process

// Asks Python whether to stop, with the interpreter held: has a signal come (Ctrl-C), and what does `stop` say, unless it is None?
// An exception is kept until the work has ended in good order.
// Who has no say, as nobody but the main thread hears signals, never waits for the interpreter: others may be using it, or it may be
// ending, with a thread that nobody waits for still at work.
class StopFromPython {
  public:
    explicit StopFromPython(nb::handle stop = nb::none())
        : stop_(nb::borrow(stop)), can_say_yes_(!stop.is_none() || is_main_thread()) {}
    bool operator()() {
        if (!can_say_yes_) return false;
        const InterpreterHeld held(was_there_);
        const Subnormals here(Subnormals::Are::kept);  // for whatever Python does
        try {
            if (PyErr_CheckSignals() != 0) throw nb::python_error();
            return !stop_.is_none() && nb::cast<bool>(nb::bool_(stop_()));
        } catch (...) {
            error_ = std::current_exception();
            return true;
        }
    }
    void raise() const {
        if (error_) std::rethrow_exception(error_);
    }

  private:
    static bool is_main_thread() {
        return threading->attr("get_ident")().equal(threading->attr("main_thread")().attr("ident"));
    }

    const nb::object stop_;
    const bool can_say_yes_, was_there_ = Py_IsInitialized();
    std::exception_ptr error_;
};

}  // namespace pellucid
