// The interpreter, let go of and taken up again.
//
// A thread that nobody waits for may want it when Python is ending. Before 3.14 Python then ends that thread by an exception of the
// system's, which no destructor lets through: all of the process would be aborted. So that thread sleeps for as long as there is a
// process, as Python itself makes it do since.

#pragma once

#include <nanobind/nanobind.h>

#include <chrono>
#include <thread>
#if defined(__GLIBCXX__)
#include <cxxabi.h>
#endif

namespace pellucid {

[[noreturn]] inline void sleep_to_the_end() {
    for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

// `was_there`: Python was not ending when the thread last held the interpreter. Else it is the thread that ends it.
template <class Take> auto taken_up(bool was_there, const Take& take) {
    if (was_there && !Py_IsInitialized()) sleep_to_the_end();
#if defined(__GLIBCXX__)
    try {
        return take();
    } catch (const abi::__forced_unwind&) {
        sleep_to_the_end();
    }
#else
    return take();
#endif
}

class InterpreterReleased {
  public:
    InterpreterReleased() : was_there_(Py_IsInitialized()), state_(PyEval_SaveThread()) {}
    ~InterpreterReleased() {
        taken_up(was_there_, [this] { PyEval_RestoreThread(state_); });
    }
    InterpreterReleased(const InterpreterReleased&) = delete;
    InterpreterReleased& operator=(const InterpreterReleased&) = delete;

  private:
    const bool was_there_;
    PyThreadState* const state_;
};

class InterpreterHeld {
  public:
    explicit InterpreterHeld(bool was_there) : state_(taken_up(was_there, [] { return PyGILState_Ensure(); })) {}
    ~InterpreterHeld() { PyGILState_Release(state_); }
    InterpreterHeld(const InterpreterHeld&) = delete;
    InterpreterHeld& operator=(const InterpreterHeld&) = delete;

  private:
    const PyGILState_STATE state_;
};

}  // namespace pellucid
