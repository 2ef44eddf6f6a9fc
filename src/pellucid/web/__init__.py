"""The page: draw a digit and watch it being read, take a step of training with its numbers, train, look at mistakes.

::

    server.py    a socket on this machine, and uvicorn            guard.py   who may ask, how much, how long
    app.py       the routes: a request in, a record out           wanted.py  what a request may hold
    aside.py     work that the event loop does not wait for
    session.py   the network that the page is about, and its undo
    digits.py    a drawing → picture, activations, probabilities  steps.py   an explanation for the page
    runs.py      a training that can be paused, and what is seen of it
    mistakes.py  the confusion matrix, the gallery, the calibration
    static/      the page itself: HTML, CSS, ES modules as written
    openapi.json what can be asked, written by hand

It computes nothing: numbers come from ``network``, ``explain`` and ``training``, and the page's scripts only show them.
"""
