"""Our own recipes: the seed's network, 784-128-64-10, trained in a plain way, quickly, well, and as well as we can.

Every setting was chosen by the error on the last 10,000 training images, never by the test images; docs/accuracy.md tells
how.
"""

from __future__ import annotations

from pellucid.recipes.recipe import Recipe

DISTORTIONS = "rotation=10,scale=0.12,shear=0.15,shift=1.5,alpha=24,sigma=4"

SEED = Recipe(
    name="seed",
    title="the text's experiment: plain SGD at a constant rate",
    options={},
    reasons={},
)

PLAIN = Recipe(
    name="plain",
    title="the text's network as good as plain SGD gets it without distortions",
    options={"epochs": 40, "learning_rate": 0.3, "schedule": "linear", "dropout": 0.1, "average": 5},
    reasons={
        "epochs": "twice the usual: with a rate that falls, the network goes on improving",
        "learning_rate": "a higher rate finds flatter valleys, and need not be safe for long, as it falls",
        "schedule": "the last steps are small, and settle",
        "dropout": "109,386 numbers remember 60,000 images if nothing keeps them from it",
        "average": "the mean of the last five epochs takes out what is left of the leaping about",
    },
)

QUICK = Recipe(
    name="quick",
    title="98 % of the test images in the least time",
    options={"epochs": 5, "batch_size": 64, "learning_rate": 0.3, "schedule": "one-cycle"},
    reasons={
        "epochs": "the fewest with which all seeds reached 98 % of the validation part with something to spare",
        "batch_size": "larger batches take less time an epoch, but more epochs",
        "learning_rate": "as high as a rate that soon falls may be",
        "schedule": "a rise lets the highest rate be higher, a fall to 0 makes the most of few epochs",
    },
)

BEST = Recipe(
    name="best",
    title="the text's network in about a minute: distorted pictures",
    options={"epochs": 120, "batch_size": 32, "learning_rate": 0.2, "schedule": "linear", "augment": DISTORTIONS},
    reasons={
        "epochs": "about a minute on two cores",
        "batch_size": "twice as many steps from as many pictures",
        "learning_rate": "as high as the smaller batch bears",
        "schedule": "the last steps are small, and settle",
        "augment": "60,000 new pictures in each epoch: more than anything else, that keeps from learning by heart",
    },
)

LIMIT = Recipe(
    name="limit",
    title="the text's network at its limit: distorted pictures for as long as it helps",
    options={**BEST.options, "epochs": 1000},
    reasons={**BEST.reasons, "epochs": "there are always new pictures; after a thousand epochs the gain is small"},
)

OURS = (SEED, PLAIN, QUICK, BEST, LIMIT)
