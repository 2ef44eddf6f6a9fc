"""What the page shows of a training: its layers, its last epochs, its curves, its first layer's weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.equations.architecture import Architecture
from pellucid.equations.parameters import Layers
from pellucid.explain.numerals import numeral, percent
from pellucid.report.charts import Curve, curves
from pellucid.report.png import SOON, mosaic, png, signed
from pellucid.training.health import LayerHealth
from pellucid.training.history import EpochRecord
from pellucid.web.points import Points

DEAD_LISTED = 50
TILES_SHOWN = 256


def layer_record(number: int, seen: LayerHealth) -> dict[str, Any]:
    """Write the health of a layer."""
    return {
        "layer": number,
        "width": seen.width,
        "gradient_norm": numeral(seen.gradient_norm),
        "update_ratio": numeral(seen.update_ratio),
        "dead": len(seen.dead),
        "dead_neurons": list(seen.dead[:DEAD_LISTED]),
    }


def epoch_record(record: EpochRecord) -> dict[str, Any]:
    """Write an epoch as a row of the table."""
    return {
        "epoch": record.epoch,
        "loss": f"{record.loss:.4f}",
        "validation_loss": "" if record.validation_loss is None else f"{record.validation_loss:.4f}",
        "accuracy": "" if record.accuracy is None else percent(record.accuracy),
        "validation_accuracy": "" if record.validation_accuracy is None else percent(record.validation_accuracy),
        "seconds": f"{record.seconds:.2f}",
    }


def charts_of(points: Points) -> dict[str, str] | None:
    """Draw the curves: rows of points are the epochs done, the loss, and on validation examples loss and share of errors."""
    at, losses, validation_losses, wrong = points.columns()
    if not at:
        return None
    loss = [Curve("training", losses), Curve("validation", validation_losses, dashed=True)]
    errors = [Curve("validation", [100 * share for share in wrong], dashed=True)]
    return {"loss": curves("Loss", at, loss), "errors": curves("Errors on validation examples, %", at, errors)}


def last_record(points: Points) -> dict[str, str] | None:
    """Write the numbers of the last point."""
    if not points.last:
        return None
    _, loss, validation_loss, wrong = points.last
    return {
        "loss": numeral(loss),
        "validation_loss": numeral(validation_loss),
        "validation_accuracy": percent(1 - wrong),
    }


def picture_of_first_layer(architecture: Architecture, layers: Layers) -> bytes:
    """Draw the weights of the first layer: a PNG, a tile a neuron where the inputs are a picture."""
    W, shape = np.nan_to_num(layers[0].W[:TILES_SHOWN]), architecture.input_shape
    return png(mosaic(W, (shape[0], shape[1])) if len(shape) == 2 else signed(W), SOON)
