"""One step of training with all its numbers: an ``Explanation``, a list of steps that each bear the tag of an equation.

``explaining.explain`` lists the steps; ``forwards``, ``backwards`` and ``updates`` make them, of what ``one_step`` has had
computed by ``equations``; ``checking`` holds gradients against differences. The dresses print them:
``text`` for the terminal, ``html`` for the browser and the notebook, ``markdown``, ``Explanation.to_record`` for JSON. Each
number is written once, by ``numerals``, so that all dresses say the same.

>>> from pellucid.equations.worked_example import ARCHITECTURE, LAYERS, X, Y
>>> explanation = explain(ARCHITECTURE, LAYERS, X, int(Y[0]), learning_rate=0.1)
>>> explanation.step("z₁").lines[0].text
'z₁[0] = 0.5 · 1 + (−0.2) · 0 + 0.4 · 0.5 + 0.1 · (−1) + 0.1 = 0.7'
"""

from pellucid.explain.along import Along, loss_along
from pellucid.explain.explaining import explain
from pellucid.explain.explanation import Explanation, Step
from pellucid.explain.neuron import Neuron, neuron

__all__ = ["Along", "Explanation", "Neuron", "Step", "explain", "loss_along", "neuron"]
