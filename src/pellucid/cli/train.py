"""``pellucid train``: the main job."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli.output import EXIT_INTERRUPTED, Json, Output, escape, print_error
from pellucid.cli.threads import EngineName, Threads, threads_in_use

if TYPE_CHECKING:
    from pellucid.datasets.dataset import Dataset
    from pellucid.datasets.streamed import StreamedDataset
    from pellucid.distributed.sharded_run import ShardedRun
    from pellucid.training.run_folder import RunFolder

RUNS = Path("runs")


def train(
    data: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="A known data set, or your own: CSV, Parquet, NPY, NPZ, IDX, a folder of images. (default: mnist)",
        ),
    ] = None,
    label: Annotated[str | None, typer.Option(help="The column, or key, that holds the label.")] = None,
    memory: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Train on a file larger than half of this, such as 1G, block by block. (default: half of the machine's)",
        ),
    ] = None,
    hidden: Annotated[
        str | None, typer.Option(metavar="WIDTHS", help="Neurons of each hidden layer. (default: 128,64)")
    ] = None,
    activation: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="relu, leaky_relu, elu, selu, gelu, silu, mish, softplus, tanh, scaled_tanh, logistic or identity; "
            "one for all hidden layers, or one for each, with commas between. (default: relu)",
        ),
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="cross_entropy, or class_squared_error with a scaled tanh. (default: cross_entropy)"
        ),
    ] = None,
    initialization: Annotated[
        str | None,
        typer.Option(
            metavar="RULE", help="he-uniform, he-normal, glorot-uniform or glorot-normal. (default: he-uniform)"
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training part. (default: 20)")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples a step. (default: 64)")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="The rate of a step. (default: by solver; sgd 0.2)")
    ] = None,
    solver: Annotated[str | None, typer.Option(help="sgd, momentum, nesterov, adam or adamw. (default: sgd)")] = None,
    schedule: Annotated[
        str | None, typer.Option(help="The rate over time: constant, linear, cosine or one-cycle. (default: constant)")
    ] = None,
    warm_up: Annotated[
        int | None, typer.Option(metavar="N", help="Let the rate rise over the first N epochs, before its schedule.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same bits. (default: 0)")] = None,
    validation: Annotated[
        int | None, typer.Option(metavar="N", help="Hold out the last N training rows. (default: 0)")
    ] = None,
    until: Annotated[
        float | None, typer.Option(metavar="ACCURACY", help="Stop when the validation part reaches it, e.g. 0.97.")
    ] = None,
    average: Annotated[
        int | None, typer.Option(metavar="N", help="Keep the mean of the networks at the ends of the last N epochs.")
    ] = None,
    augment: Annotated[
        str | None,
        typer.Option(
            metavar="STRENGTHS",
            help="Distort the pictures anew in each epoch: affine, elastic, both, none, or any of rotation, scale, shear, "
            "shift, alpha and sigma, such as rotation=15,alpha=34.",
        ),
    ] = None,
    dropout: Annotated[float | None, typer.Option(help="The share of hidden neurons left out of each step.")] = None,
    input_dropout: Annotated[float | None, typer.Option(help="The share of inputs left out of each step.")] = None,
    label_smoothing: Annotated[
        float | None, typer.Option(help="The share of each label that is spread over all classes.")
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="Learn from what a trained network says, too: a model file, a run, or mnist."
        ),
    ] = None,
    teacher_weight: Annotated[
        float | None,
        typer.Option(help="How much the teacher counts, from 0 to 1; the labels count for the rest. (default: 0.9)"),
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(help="What logits are divided by before both are compared. (default: 2)"),
    ] = None,
    l2: Annotated[float | None, typer.Option(help="The price on large weights, for a whole batch.")] = None,
    max_norm: Annotated[float | None, typer.Option(help="The most that the norm of a neuron's weights may be.")] = None,
    clip: Annotated[float | None, typer.Option(help="The most that the norm of the gradient may be.")] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="A network and its training by name: seed, plain, quick, best, limit; see reproduce."
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(metavar="N", help="Stop after N epochs without a lower validation loss; keep the best epoch."),
    ] = None,
    engine: EngineName = None,
    precision: Annotated[str | None, typer.Option(help="float32, float64 or bfloat16. (default: float32)")] = None,
    threads: Threads = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The run's folder. (default: a new one in runs/)")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Go on with the run in DIR, or begin it there.")
    ] = None,
    checkpoint_seconds: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="The time between two checkpoints within an epoch; one is kept at each epoch's end, too. (default: 60)",
        ),
    ] = None,
    report: Annotated[
        bool,
        typer.Option("--report", help="Write report.html into the run's folder: curves, mistakes, calibration."),
    ] = False,
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Train on the Dask cluster with that scheduler, in rounds over the files --data names: 'shards/*.parquet'.",
        ),
    ] = None,
    epochs_per_round: Annotated[
        int | None,
        typer.Option(metavar="N", help="With --dask: passes of each file over itself in a round. (default: 1)"),
    ] = None,
    steps_per_round: Annotated[
        int | None, typer.Option(metavar="N", help="With --dask: steps of each file in a round, in place of passes.")
    ] = None,
    outer_momentum: Annotated[
        float | None, typer.Option(help="With --dask: the share of a round's way that the next one keeps. (default: 0)")
    ] = None,
    outer_rate: Annotated[
        float | None, typer.Option(help="With --dask: the part of a round's way that is gone. (default: 1)")
    ] = None,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="With --dask: a round is one batch of all files together, as one machine would take it. --epochs then "
            "counts passes over all of them, else rounds.",
        ),
    ] = False,
    json: Json = False,
) -> int:
    """Train a network; by default 784-128-64-10 on MNIST, by plain stochastic gradient descent."""
    options = {
        "data": data,
        "label": label,
        "memory": memory,
        "hidden": hidden,
        "activation": activation,
        "loss": loss,
        "initialization": initialization,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "solver": solver,
        "schedule": schedule,
        "warm_up": warm_up,
        "seed": seed,
        "validation": validation,
        "until": until,
        "patience": patience,
        "average": average,
        "augment": augment,
        "dropout": dropout,
        "input_dropout": input_dropout,
        "label_smoothing": label_smoothing,
        "teacher": teacher,
        "teacher_weight": teacher_weight,
        "temperature": temperature,
        "l2": l2,
        "max_norm": max_norm,
        "clip": clip,
        "recipe": recipe,
        "engine": engine,
        "precision": precision,
        "threads": threads,
        "epochs_per_round": epochs_per_round,
        "steps_per_round": steps_per_round,
        "outer_momentum": outer_momentum,
        "outer_rate": outer_rate,
        "exact": exact or None,
    }
    given = {name: value for name, value in options.items() if value is not None}
    training = _Training(given, out, resume, report, Output(json), checkpoint_seconds, dask)
    try:
        return training.run()
    except KeyboardInterrupt:  # the second Ctrl-C, or one before the training began
        print_error("interrupted", training.how_to_go_on(), json)
        return EXIT_INTERRUPTED


class _Training:
    """One call of the verb: what was given, where it goes, what is said."""

    def __init__(
        self,
        given: dict[str, Any],
        out: Path | None,
        resume: Path | None,
        report: bool,
        output: Output,
        checkpoint_seconds: float | None,
        dask: str | None,
    ) -> None:
        from pellucid.errors import SettingError

        if out is not None and resume is not None:
            raise SettingError(
                "both --out and --resume are given", "one of them", "--resume names the run's folder, too."
            )
        self.given, self.out, self.resume, self.report, self.output = given, out, resume, report, output
        self.checkpoint_seconds, self.dask = checkpoint_seconds, dask
        self.folder: RunFolder | None = None

    def how_to_go_on(self) -> str:
        """Say what is left after an interruption that could not be waited for."""
        if self.folder is None or not self.folder.checkpoints.exist():
            return "Interrupted; nothing was trained yet."
        return f"Interrupted. Go on with: pellucid train --resume {shlex.quote(str(self.folder.path))}"

    def run(self) -> int:
        from pellucid.cli.cluster import on_cluster, refuse_rounds
        from pellucid.cli.stopped_run import options_of_the_stopped_run
        from pellucid.training.keeper import check_seconds

        if self.checkpoint_seconds is not None:  # refused here: nothing is loaded and no folder made yet
            check_seconds("--checkpoint-seconds", self.checkpoint_seconds)
        # A run that goes on has its recipe's options among its own.
        options = options_of_the_stopped_run(self.resume, self.given) or self._options_of_the_recipe()
        options |= self.given
        if self.dask is None:
            refuse_rounds(options)
            return self._run(options, None)
        with on_cluster(self.dask, options, self.given, report=self.report) as sharded:
            return self._run(options, sharded)

    def _run(self, options: dict[str, Any], sharded: ShardedRun | None) -> int:
        from pellucid.cli.cluster import settings_of_rounds
        from pellucid.cli.progress import ProgressDisplay
        from pellucid.cli.train_report import TrainReport
        from pellucid.engines import choose, name_of
        from pellucid.recipes.beside import architecture_and_settings
        from pellucid.training.keeper import SECONDS_BETWEEN_CHECKPOINTS
        from pellucid.training.run import Plan, run

        seconds = SECONDS_BETWEEN_CHECKPOINTS if self.checkpoint_seconds is None else self.checkpoint_seconds
        engine = sharded.engine if sharded else choose(options.get("engine"), threads=options.get("threads")).engine
        dataset = sharded.dataset if sharded else self._load(options)
        architecture, settings = architecture_and_settings(dataset, options, self.given)
        with threads_in_use(engine, options.get("threads")) as threads:
            label = _label(options.get("label"), options.get("data"))
            request = {"data": _absolute(options.get("data", dataset.name)), "label": label}
            if "recipe" in options:
                request["recipe"] = options["recipe"]
            if "teacher" in options:
                request["teacher"] = _absolute_model(options["teacher"])
            plan = Plan(dataset, architecture, settings, engine, threads, request, ["pellucid", *sys.argv[1:]])
            if sharded is not None:
                of_rounds, shards = settings_of_rounds(sharded.how), len(sharded.paths)
                plan = replace(plan, fits=sharded.fit, evaluates=sharded.evaluate, fits_by=of_rounds, shards=shards)
            self.output.say(
                f"[bold]{architecture}[/bold], {architecture.n_parameters:,} parameters, on {escape(dataset.name)} "
                f"({_rows(dataset, settings.validation)})"
            )
            self.output.say(
                f"[dim]{settings.solver}, rate {settings.learning_rate:g} ({settings.schedule}), batch "
                f"{settings.batch_size}, seed {settings.seed}; {name_of(engine)}, "
                f"{settings.precision}, {threads} thread{'s' * (threads != 1)}[/dim]"
            )
            if settings.precision in engine.slow_precisions:
                self.output.say(
                    f"This processor has no instructions for {settings.precision}: float32 is quicker here."
                )
            with ProgressDisplay(self.output, settings.epochs) as display:
                self.folder = self._folder(dataset)
                done = run(
                    plan, self.folder, resume=self.resume is not None, callbacks=[display], checkpoint_seconds=seconds
                )
        return TrainReport(plan, done, self.output, self.report).tell()

    def _options_of_the_recipe(self) -> dict[str, Any]:
        """Options that a recipe names; those that are given beside it hold instead."""
        from pellucid.recipes import find
        from pellucid.recipes.beside import options_of

        return options_of(find(self.given["recipe"]), self.given) if "recipe" in self.given else {}

    def _say_dimly(self, sentence: str) -> None:
        self.output.say(f"[dim]{escape(sentence)}[/dim]")

    def _say_that_it_streams(self, dataset: StreamedDataset) -> None:
        from pellucid.datasets.memory import size_in_words

        self._say_dimly(
            f"Of the {size_in_words(dataset.memory)} of memory, half holds two windows of {dataset.rows_of_a_window:,} rows."
        )

    def _load(self, options: Mapping[str, Any]) -> Dataset | StreamedDataset:
        from pellucid import datasets
        from pellucid.errors import DataUnavailableError, SettingError

        memory = options.get("memory")
        memory = None if memory is None else datasets.parse_size(str(memory))  # a run's record has a number
        if "data" in options:
            dataset = datasets.load_within_memory(options["data"], options.get("label"), memory, self._say_dimly)
            if isinstance(dataset, datasets.StreamedDataset):
                self._say_that_it_streams(dataset)
            return dataset
        if "label" in options:
            raise SettingError("--label is given without --data", "the data that it belongs to")
        try:
            return datasets.load("mnist")
        except DataUnavailableError:
            self.output.warn(
                "MNIST is not on this machine and could not be downloaded: training on scikit-learn's handwritten "
                "digits instead (8×8 pixels). With --data mnist you see what was tried."
            )
            return datasets.load("digits")

    def _folder(self, dataset: Dataset | StreamedDataset) -> RunFolder:
        from datetime import datetime

        from pellucid.training.run_folder import RunFolder, new_run_folder

        chosen = self.resume or self.out
        if chosen is not None:
            return RunFolder(chosen)
        stem = Path(dataset.name).stem or "data"
        return new_run_folder(RUNS, f"{datetime.now():%Y-%m-%d-%H%M%S}-{stem}")


def _rows(dataset: Dataset | StreamedDataset, validation: int) -> str:
    parts = {"training": dataset.n_train - validation, "validation": validation, "test": dataset.n_test}
    return ", ".join(f"{rows:,} {part}" for part, rows in parts.items() if rows) + " rows"


def _absolute(data: str) -> str:
    """Make a path absolute, so that it is found from anywhere; a name stays a name."""
    from pellucid.datasets import available

    known = data in {entry.name for entry in available()}
    return data if known else str(Path(data).expanduser().resolve())


def _absolute_model(model: str) -> str:
    """Make the path of a model absolute; the name of one that comes with the package stays a name."""
    from pellucid.loading import bundled_for

    place = Path(model).expanduser()
    return str(place.resolve()) if place.exists() and bundled_for(model) is None else model


def _label(label: str | None, data: str | None) -> str | None:
    """Make the path of a file of labels, or a pattern of such, absolute; a column's or an array's name stays a name.

    Whether it is a path depends on the ``data``: a file that is called as the column is may well lie here.
    """
    from pellucid.datasets.streaming import files_of, has_label_files

    if label is None or data is None or not has_label_files(data):
        return label
    return str(Path(label).resolve()) if any(each.is_file() for each in files_of(label)) else label
