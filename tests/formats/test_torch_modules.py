from __future__ import annotations

import copy
import pickle
import sys

import numpy as np
import pytest

from pellucid import Network
from pellucid.answers import Task
from pellucid.equations.activations import ACTIVATIONS
from pellucid.equations.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from pellucid.equations.scaling import Scaling
from pellucid.errors import MissingExtraError, SettingError, ShapeError

torch = pytest.importorskip("torch", reason="PyTorch is not installed (group 'compare')")
nn = torch.nn
pytestmark = pytest.mark.peer


def logits(module, X):
    with torch.no_grad():
        return module(torch.tensor(X)).numpy()


def same(network, other):
    assert other.architecture.hidden == network.architecture.hidden
    assert other.architecture.scaling == network.architecture.scaling
    for ours, theirs in zip(network.layers, other.layers, strict=True):
        for tensor, again in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(again, tensor)
            assert again.dtype == tensor.dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_goes_there_and_back(traveller, differences, activation, dtype):
    network, X = traveller("words", activation, dtype)
    module = network.to_torch()
    of_z, _ = differences(network, X, dtype)
    assert (np.abs(logits(module, X) - network.forward(X).logits) <= of_z).all()
    same(network, Network.from_torch(module, network.classes))


@pytest.mark.slow
def test_all_mnist_test_images_are_read_alike(mnist, differences):
    (network, X), _ = mnist
    of_z, _ = differences(network, X, np.float32)
    z = logits(network.to_torch(), X)
    assert (np.abs(z - network.forward(X).logits) <= of_z).all()
    np.testing.assert_array_equal(z.argmax(axis=1), network.predict(X))


@pytest.mark.parametrize("task", ["words", "yes or no", "several labels", "numbers", "counts"])
def test_the_outputs_are_the_logits_whatever_the_task(traveller, differences, task):
    network, X = traveller(task)
    module = network.to_torch()
    of_z, _ = differences(network, X, np.float32)
    z = logits(module, X)
    assert (np.abs(z - network.forward(X).logits) <= of_z).all()
    assert isinstance(module[-1], nn.Linear)
    again = Network.from_torch(module, network.classes, loss=network.architecture.loss, engine=network.engine)
    assert again.task is network.task
    np.testing.assert_array_equal(again.predict(X), network.predict(X))


def test_the_names_are_those_of_a_plain_sequential(traveller):
    module = traveller(scaling="none").network.to_torch()
    plain = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 3))
    assert list(module.state_dict()) == list(plain.state_dict())
    plain.load_state_dict(module.state_dict())
    scaled = traveller(scaling="pixels").network.to_torch()
    assert list(scaled.state_dict()) == ["scaling.offset", "scaling.scale", *plain.state_dict()]


def test_pixels_may_be_bytes(traveller):
    network, _ = traveller(scaling="pixels")
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5), dtype=np.uint8)
    assert (logits(network.to_torch(), pixels) == logits(network.to_torch(), pixels.astype(np.float32))).all()


def test_no_memory_is_shared(traveller):
    network, X = traveller()
    before = network.predict_proba(X)
    module = network.to_torch()
    again = Network.from_torch(module, network.classes, engine=network.engine)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    np.testing.assert_array_equal(network.predict_proba(X), before)
    np.testing.assert_array_equal(again.predict_proba(X), before)


def test_the_module_trains_and_is_copied_and_pickled(traveller):
    network, X = traveller()
    module = network.to_torch()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    nn.functional.cross_entropy(module(torch.tensor(X)), torch.zeros(len(X), dtype=torch.long)).backward()
    optimizer.step()
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        np.testing.assert_array_equal(logits(twin, X), logits(module, X))
    assert (Network.from_torch(module, network.classes).layers[0].W != network.layers[0].W).any()


@pytest.mark.parametrize("scaling", ["none", "years"])
def test_a_written_state_dict_is_loaded_without_pickle_and_read_back(traveller, tmp_path, scaling):
    network, X = traveller(scaling=scaling)
    network.export(tmp_path / "model.pt", "torch")
    tensors = torch.load(tmp_path / "model.pt", weights_only=True)
    module = network.to_torch()
    module.load_state_dict(tensors)
    again = Network.from_torch(tensors, network.classes, activation="relu", engine=network.engine)
    same(network, again)
    np.testing.assert_array_equal(again.predict(X), network.predict(X))


@pytest.mark.parametrize(
    ("ending", "outputs", "loss", "task"),
    [
        ([], 3, CrossEntropy(), Task.ONE_OF_SEVERAL),
        ([nn.Softmax(dim=1)], 3, CrossEntropy(), Task.ONE_OF_SEVERAL),
        ([nn.LogSoftmax(dim=-1)], 3, CrossEntropy(), Task.ONE_OF_SEVERAL),
        ([nn.Sigmoid()], 1, BinaryCrossEntropy(), Task.YES_OR_NO),
        ([nn.Sigmoid()], 3, BinaryCrossEntropy(), Task.SEVERAL_LABELS),
    ],
)
def test_the_last_module_says_what_the_outputs_mean(ending, outputs, loss, task):
    network = Network.from_torch(nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, outputs), *ending))
    assert (network.architecture.loss, network.task) == (loss, task)


def test_chains_of_chains_dropout_flatten_missing_biases_and_bare_pairs_of_layers_are_read():
    module = nn.Sequential(
        nn.Flatten(),
        nn.Sequential(nn.Linear(4, 5, bias=False), nn.GELU(), nn.Dropout(0.5)),
        nn.Linear(5, 6),
        nn.Linear(6, 3),
    ).eval()
    network = Network.from_torch(module, scaling=Scaling((1.0,), (2.0,)))
    assert [layer.activation for layer in network.architecture.hidden] == ["gelu", "identity"]
    X = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    z = network.forward(2 * X + 1).logits
    np.testing.assert_allclose(z, logits(module, X), rtol=0, atol=32 * np.finfo(np.float32).eps)


def test_a_softplus_as_pytorch_makes_it_is_ours():
    network = Network.from_torch(nn.Sequential(nn.Linear(4, 5), nn.Softplus(), nn.Linear(5, 3)))
    assert [layer.activation for layer in network.architecture.hidden] == ["softplus"]


def test_short_floats_are_widened():
    module = nn.Sequential(nn.Linear(4, 3)).to(torch.bfloat16)
    network = Network.from_torch(module)
    np.testing.assert_array_equal(network.layers[0].W, module[0].weight.detach().float().numpy())


LINEAR = nn.Linear(4, 4)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Sequential(nn.Conv2d(1, 2, 3)), "the module Conv2d is in the chain; expected Linear layers"),
        (nn.Sequential(LINEAR, nn.BatchNorm1d(4), LINEAR), "the module BatchNorm1d is in the chain"),
        (nn.Sequential(LINEAR, nn.ReLU(), nn.ReLU(), LINEAR), "the module ReLU is in the chain"),
        (nn.Sequential(nn.ReLU(), LINEAR), "the module ReLU is in the chain"),
        (nn.Sequential(LINEAR, nn.ReLU()), "does not end in a Linear layer"),
        (nn.Sequential(), "does not end in a Linear layer"),
        (nn.Sequential(LINEAR, nn.LeakyReLU(0.2), LINEAR), "LeakyReLU has negative_slope 0.2"),
        (nn.Sequential(LINEAR, nn.ELU(0.5), LINEAR), "ELU has alpha 0.5"),
        (nn.Sequential(LINEAR, nn.GELU("tanh"), LINEAR), "GELU has approximate 'tanh'"),
        (nn.Sequential(LINEAR, nn.Softplus(2), LINEAR), "Softplus has beta 2"),
        (nn.Sequential(LINEAR, nn.Softplus(threshold=1), LINEAR), "Softplus has threshold 1; expected at least 20"),
        (nn.Sequential(LINEAR, nn.Softmax(dim=0)), "Softmax has dim 0"),
        (nn.LSTM(3, 4), "the module LSTM is in the chain"),
        ({}, "the state_dict holds nothing"),
        ({"0.weight": torch.ones(2, 3, 3, 3)}, "the state_dict holds 0.weight; expected"),
        ({"0.weight": torch.ones(2, 3), "1.running_mean": torch.ones(2)}, "the state_dict holds 1.running_mean"),
        ({"0.weight": torch.ones(2, 3), "1.weight": torch.ones(2, 2)}, "does not know its activations"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, nn.Module) else None,
)
def test_what_is_no_multilayer_perceptron_is_refused_in_a_sentence(module, message):
    with pytest.raises(SettingError) as caught:
        Network.from_torch(module)
    assert message in str(caught.value)


def test_a_single_output_must_be_told_its_meaning():
    module = nn.Sequential(nn.Linear(4, 1))
    with pytest.raises(ShapeError, match="which may be yes or no, or a number"):
        Network.from_torch(module)
    assert Network.from_torch(module, loss=SquaredError()).task is Task.NUMBERS
    assert Network.from_torch(module, loss=BinaryCrossEntropy()).task is Task.YES_OR_NO


def test_a_module_that_ends_otherwise_than_the_loss_is_refused():
    module = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1))
    with pytest.raises(SettingError, match="the module ends in softmax, and the loss squared_error in identity"):
        Network.from_torch(module, loss=SquaredError())


def test_layers_that_do_not_fit_each_other_are_refused():
    with pytest.raises(ShapeError, match="the weights of layer 2 have shape"):
        Network.from_torch(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(2, 2)))


def test_activations_are_one_a_hidden_layer_and_belong_to_a_state_dict():
    module = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    network = Network.from_torch(module.state_dict(), activation=["tanh", "relu"])
    assert [layer.activation for layer in network.architecture.hidden] == ["tanh", "relu"]
    with pytest.raises(SettingError, match="there are 1 activations; expected 2, one a hidden layer"):
        Network.from_torch(module.state_dict(), activation=["tanh"])
    with pytest.raises(SettingError, match="activation is given beside a module"):
        Network.from_torch(module, activation="tanh")


def test_without_the_package_it_says_how_to_get_it(traveller, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r'pip install "pellucid\[torch\]"'):
        traveller().network.to_torch()
