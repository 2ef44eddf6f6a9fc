"""How a training ended, in words and as JSON."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.cli.output import EXIT_INTERRUPTED, Output, escape, loss_in_words, percent

if TYPE_CHECKING:
    from pellucid.training.run import Plan, Run
    from pellucid.training.stopping import Ending


LEAST_EPOCHS_OF_A_CURVE = 5


class TrainReport:
    """What is said of a run, and the exit code that it deserves."""

    def __init__(self, plan: Plan, done: Run, output: Output, wants_page: bool = False) -> None:
        self.plan, self.done, self.output, self.wants_page = plan, done, output, wants_page

    def tell(self) -> int:
        """Say how the run ended: → the exit code. Raises ``TrainingError`` for a run that failed."""
        from pellucid import errors
        from pellucid.training.stopping import Ending

        done, folder, record = self.done, self.done.folder, self.done.record
        ending = Ending(record["ending"])
        if done.unsaved is not None:
            self.output.warn(f"{done.unsaved}.")
        if ending is Ending.DIVERGED:
            self._draw_curves()
            raise errors.DivergedError(self._diverged())
        if ending is Ending.INTERRUPTED:
            kept, epoch = record["kept_epoch"], len(done.history) + 1
            watched = self.plan.settings.patience is not None and kept is not None
            what = f"the best so far, epoch {kept}," if watched else "what was learned"
            self.output.say(
                f"Interrupted in epoch {epoch}; {what} is in {escape(str(done.model))}.\n"
                f"Go on with: pellucid train --resume {escape(shlex.quote(str(folder.path)))}"
            )
            self.output.result(self._summary())
            self._draw_curves()
            return EXIT_INTERRUPTED
        curves, page = self._draw_curves(), self._write_page()
        if done.fit is None:
            self.output.say(f"The run in {escape(str(folder.path))} is finished:")
        self._say_result([each for each in (curves, page) if each is not None])
        if done.fit is not None:  # a finished run is reported, whatever came of it
            self._raise_if_failed(ending)
        if done.unsaved is not None:
            raise errors.StorageError(done.unsaved, advice=f"Make room in {folder.path}, and resume the run there.")
        self.output.result(self._summary())
        return 0

    def _raise_if_failed(self, ending: Ending) -> None:
        from pellucid import errors
        from pellucid.training.stopping import Ending

        done, settings = self.done, self.plan.settings
        saved = f"The model is in {done.model}."
        if settings.until is not None and ending is not Ending.TARGET_REACHED:
            best = max((each.validation_accuracy or 0.0) for each in done.history)
            got = f"the validation accuracy reached {percent(best)} in {len(done.history)} epochs"
            raise errors.TargetNotReachedError(got, percent(settings.until), saved)
        if done.record["trouble"] is not None:
            raise errors.NothingLearnedError(done.record["trouble"], advice=saved)

    def _draw_curves(self) -> Path | None:
        """Draw the curves where there is something to draw, and something to draw with; a picture is never worth a run.

        To load what draws takes longer than two epochs of MNIST; of so few, the lines on the screen say it all.
        """
        from pellucid.errors import MissingExtraError, StorageError

        done = self.done
        if done.fit is not None and len(done.history) >= LEAST_EPOCHS_OF_A_CURVE:
            from pellucid.report.curves import draw_curves

            try:
                draw_curves(done.history, done.folder.curves)
            except MissingExtraError:
                return None
            except StorageError as error:
                self.output.warn(str(error))
        return done.folder.curves if done.folder.curves.is_file() else None

    def _write_page(self) -> Path | None:
        """Write the report where it was asked for; as little as a picture is it worth a run."""
        from pellucid.cli.page import write_page
        from pellucid.datasets.dataset import Dataset
        from pellucid.errors import PellucidError
        from pellucid.loading import load
        from pellucid.training.evaluation import Evaluation
        from pellucid.training.mistakes import shown_of
        from pellucid.training.run import tally_test_part
        from pellucid.training.tally import Tally

        if not self.wants_page:
            return None
        folder, data = self.done.folder, self.plan.dataset
        assert self.done.model is not None, "a run that has ended well has a model"
        network = load(self.done.model, engine=self.plan.engine)
        found = self.done.test
        if isinstance(data, Dataset):
            found = found if isinstance(found, Evaluation) else network.evaluate(data.X_test, data.y_test)
            shown = shown_of(found, data.X_test, data.y_test)
        else:
            found = found if isinstance(found, Tally) else tally_test_part(self.plan, data, network.layers)
            shown = found.shown
        try:
            write_page(folder.report, network, folder.path, found, shown, f"the test part of {data.name}")
        except PellucidError as error:  # no room, or numbers that no step can be worked with
            self.output.warn(str(error))
            return None
        return folder.report

    def _say_result(self, pictures: list[Path]) -> None:
        done, record, folder, say = self.done, self.done.record, self.done.folder, self.output.say
        epochs, kept = len(done.history), record["kept_epoch"]
        best = f", of which epoch {kept} was best and is kept" if kept != epochs else ""
        say()
        say(f"{epochs} epoch{'s' * (epochs != 1)} in {record['train_seconds']:.1f} s{best}.")
        rows = self.plan.dataset.n_test
        wrong = round((1 - record["test_accuracy"]) * rows)
        say(
            f"Test accuracy [bold green]{percent(record['test_accuracy'])}[/bold green] "
            f"({wrong:,} of {rows:,} wrong), loss {loss_in_words(record['test_loss'])}"
        )
        if done.test is not None:
            self.output.warn_of_unanswered(done.test)
        if done.test is not None and (pairs := done.test.most_confused(3)):
            names = self.plan.dataset.classes
            words = (f"{names[pair.true]} for {names[pair.taken_for]} ({pair.times}×)" for pair in pairs)
            say(f"Most often taken: {escape(', '.join(words))}")
        files = [path for path in (done.model, folder.history, folder.record, *pictures) if path is not None]
        say("Wrote" if done.fit is not None else "Its files")
        for path in files if done.unsaved is None else [done.model]:
            say(f"  {escape(str(path))}")

    def _diverged(self) -> str:
        done = self.done
        step, where = done.record["non_finite_step"], f"epoch {len(done.history) + 1}"
        where = f"in {where}" if step is None else f"at step {step:,} of {where}"  # None: it was taken elsewhere
        kept = done.record["kept_epoch"]
        saved = (
            f"The model of epoch {kept} is in {done.model}." if kept else "No epoch was finished: there is no model."
        )
        return f"the loss became infinite or NaN {where}. {saved} {self._how_to_be_safer()}"

    def _how_to_be_safer(self) -> str:
        rises = " Or let it rise: --warm-up 1." if not self.done.history and not self.plan.settings.warm_up else ""
        return f"Try a lower --learning-rate.{rises}"

    def _summary(self) -> dict[str, Any]:
        """The object that ``--json`` prints. A run that was finished before does not read the test part again."""
        plan, done, record = self.plan, self.done, self.done.record
        settings, names = plan.settings, plan.dataset.classes
        pairs = done.test.most_confused(3) if done.test is not None else None
        return {
            "data": plan.dataset.name,
            "layers": list(plan.architecture.widths),
            "parameters": plan.architecture.n_parameters,
            "epochs": len(done.history),
            "epoch_seconds": [each.seconds for each in done.history],
            "train_seconds": record["train_seconds"],
            "validation_accuracy": next(
                (each.validation_accuracy for each in done.history if each.epoch == record["kept_epoch"]), None
            ),
            "test_accuracy": record["test_accuracy"],
            "test_loss": record["test_loss"],
            "most_confused": pairs and [{"true": names[a], "taken_for": names[b], "times": n} for a, b, n in pairs],
            "engine": plan.engine.name,
            "target": plan.engine.target,
            "precision": settings.precision,
            "threads": plan.threads,
            "seed": settings.seed,
            "ending": record["ending"],
            "kept_epoch": record["kept_epoch"],
            "run": str(done.folder.path),
            "model": str(done.model),
        }
