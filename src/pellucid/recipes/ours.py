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
    options={
        "epochs": 20,
        "batch_size": 64,
        "solver": "sgd",
        "learning_rate": 0.2,
        "schedule": "constant",
        "initialization": "he-uniform",
    },
    reasons={
        "epochs": "the error on the validation part has settled",
        "batch_size": "many steps an epoch, and products large enough for the processor",
        "solver": "the text's: W ← W − η dL/dW, and nothing else",
        "learning_rate": "as high as is safe for ReLU on pixels",
        "schedule": "the text's η is one number",
        "initialization": "He's, for ReLU: it keeps the spread of what passes through the layers",
    },
)

PLAIN = Recipe(
    name="plain",
    title="the text's network as good as plain SGD gets it without distortions",
    options={"epochs": 80, "learning_rate": 0.3, "schedule": "linear", "input_dropout": 0.2},
    reasons={
        "epochs": "what is left out makes each epoch a little different, so that more of them help",
        "learning_rate": "a higher rate finds flatter valleys, and need not be safe for long, as it falls",
        "schedule": "the last steps are small, and settle",
        "input_dropout": "109,386 numbers learn 60,000 images by heart if nothing keeps them from it",
    },
)

QUICK = Recipe(
    name="quick",
    title="98 % of the test images in the least time",
    options={
        "epochs": 5,
        "learning_rate": 0.4,
        "schedule": "one-cycle",
        "augment": "rotation=5,scale=0.06,shear=0.06,shift=0.7",
    },
    reasons={
        "epochs": "of 3 to 10, the fewest whose five seeds read 97.9 % of the validation part at 50,000 training images",
        "learning_rate": "as high as a rate that soon falls may be",
        "schedule": "a rise lets the highest rate be higher, a fall to 0 makes the most of few epochs",
        "augment": "mild distortions cost half an epoch each, and save more than they cost",
    },
)

BEST = Recipe(
    name="best",
    title="the text's network in about a minute: distorted pictures",
    options={"epochs": 130, "batch_size": 32, "learning_rate": 0.2, "schedule": "linear", "augment": DISTORTIONS},
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
    reasons={
        **BEST.reasons,
        "epochs": "there are always new pictures; after a thousand epochs the gain of more is small",
    },
)

OURS = (SEED, PLAIN, QUICK, BEST, LIMIT)
