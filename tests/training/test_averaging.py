"""The mean of the last epochs: what is kept, judged, and gone on with."""

import numpy as np
import pytest

from pellucid.training.run import run
from pellucid.training.run_folder import RunFolder


def averaging(plan, tmp_path, name, **settings):
    made = plan(epochs=6, validation=30, **settings)
    return made, RunFolder(tmp_path / name)


def test_the_mean_of_the_last_epochs_is_kept_and_judged(plan, tmp_path) -> None:
    ends = []
    for epochs in (4, 5, 6):
        made = plan(epochs=epochs, validation=30)
        ends.append(run(made, RunFolder(tmp_path / f"of-{epochs}"), resume=False).fit.layers)
    made, folder = averaging(plan, tmp_path, "mean", average=3)
    done = run(made, folder, resume=False)
    for number, layer in enumerate(done.fit.layers):
        np.testing.assert_allclose(layer.W, np.mean([end[number].W for end in ends], axis=0), rtol=1e-5, atol=1e-7)
    plain = run(plan(epochs=6, validation=30), RunFolder(tmp_path / "plain"), resume=False)
    losses = [[record.validation_loss for record in each.history] for each in (done, plain)]
    assert losses[0][:4] == losses[1][:4]  # the mean of one is itself
    assert losses[0][4:] != losses[1][4:]
    assert [record.loss for record in done.history] == [record.loss for record in plain.history]


@pytest.mark.parametrize("killed_after", [2, 3, 4, 5])
def test_a_mean_goes_on_to_the_bit_where_it_was_killed(plan, tmp_path, killed_after) -> None:
    def kill(record):
        if record.epoch == killed_after:
            raise KeyboardInterrupt

    made, whole = averaging(plan, tmp_path, "whole", average=3)
    run(made, whole, resume=False)
    made, killed = averaging(plan, tmp_path, "killed", average=3)
    with pytest.raises(KeyboardInterrupt):
        run(made, killed, resume=False, callbacks=[kill])
    run(made, killed, resume=True)
    assert killed.model.read_bytes() == whole.model.read_bytes()
