"""Trainers that wait for the next fit: which are reused, and how many are kept."""

from collections import OrderedDict

import keras
import numpy as np
import pytest
from helpers import NO_STEP, assert_same_bits, correlated, each_of, weights

from skae import AutoencoderTransformer
from skae._runtime import caches
from skae._training import steps_pool
from skae.networks import DenseNetwork

X = correlated()


def fitted(**parameters):
    parameters = {"hidden_layer_sizes": (8,), "epochs": 2, **parameters}
    return AutoencoderTransformer(2, random_state=0, init="random", **parameters).fit(X)


def idle_trainers():
    return list(steps_pool._idle.values())


def test_the_next_fit_of_the_same_architecture_compiles_nothing():
    fitted(optimizer="adam")
    (before,) = idle_trainers()[-1:]
    fitted(optimizer="adam", epochs=3)
    assert idle_trainers()[-1] is before


@pytest.mark.slow
def test_a_redefined_optimizer_is_not_mistaken_for_the_old_one():
    def optimizer_class(factor):
        class Scaled(keras.optimizers.SGD):
            def update_step(self, gradient, variable, learning_rate):
                super().update_step(gradient * factor, variable, learning_rate)

        return Scaled

    first = fitted(optimizer=optimizer_class(1.0)(0.01))
    second = fitted(optimizer=optimizer_class(0.0)(0.01))
    assert not np.array_equal(first.transform(X), second.transform(X))


class Masked(DenseNetwork):
    """Sees some features only."""

    def __init__(self, mask=None):
        super().__init__((), linear_shortcut=False)
        self.mask = mask

    def build_encoder(self, sample_shape, encoding_dim):
        inputs = keras.Input(sample_shape)
        # The first features, so often that `repr` would shorten the mask.
        masked = keras.layers.Rescaling(self.mask[1000 : 1000 + X.shape[1]])(inputs)
        return keras.Model(inputs, keras.layers.Dense(encoding_dim)(masked))


def test_networks_whose_long_arrays_differ_share_nothing_compiled():
    everything, nothing = np.ones(2000), np.ones(2000)
    nothing[1000:1005] = 0
    how = {"epochs": 2, "random_state": 0, "init": "random"}
    codes = [
        AutoencoderTransformer(2, network=Masked(mask), **how).fit_transform(X)
        for mask in (everything, nothing)
    ]
    assert np.ptp(codes[0], axis=0).min() > 0
    assert np.ptp(codes[1], axis=0).max() == 0


@pytest.mark.parametrize(
    ("make", "batch_size"),
    each_of(
        {
            "AdamW": (keras.optimizers.AdamW, 60),
            "SGD": (keras.optimizers.SGD, 60),
            # One update after two batches, before which nothing decays.
            "accumulated gradients": (
                lambda *a, **k: keras.optimizers.Adam(
                    *a, gradient_accumulation_steps=2, **k
                ),
                30,
            ),
        },
        ["AdamW"],
    ),
)
def test_an_optimizers_own_decay_is_not_multiplied_by_the_size_of_steps(
    make, batch_size
):
    """A step takes the learning rate times the decay of each weight, besides."""

    def weights_after_one_step(optimizer):
        return weights(
            AutoencoderTransformer(
                2,
                hidden_layer_sizes=(8,),
                batch_size=batch_size,
                optimizer=optimizer,
                random_state=0,
            ).partial_fit(X)
        )

    rate, decay = 1e-3, 50.0
    start = weights_after_one_step(keras.optimizers.SGD(NO_STEP))
    plain = weights_after_one_step(make(rate, weight_decay=0.0))
    decayed = weights_after_one_step(make(rate, weight_decay=decay))
    for old, without, found in zip(start, plain, decayed, strict=True):
        np.testing.assert_allclose(
            found, without - rate * decay * old, rtol=1e-4, atol=1e-6
        )


def test_callbacks_do_not_put_their_model_at_the_disposal_of_others(monkeypatch):
    monkeypatch.setattr(steps_pool, "_idle", OrderedDict())
    fitted(callbacks=[keras.callbacks.LambdaCallback()])
    assert not idle_trainers()


@pytest.mark.slow
def test_few_trainers_and_codecs_are_kept(monkeypatch):
    monkeypatch.setattr(steps_pool, "_idle", OrderedDict())
    monkeypatch.setattr(steps_pool, "_MOST_IDLE", 2)
    for units in range(20, 23):
        fitted(hidden_layer_sizes=(units,))
    assert len(idle_trainers()) == 2
    monkeypatch.setattr(caches, "MOST_WEIGHTS", 100)
    large = fitted(hidden_layer_sizes=(40,))
    assert sum(trainer.n_weights for trainer in idle_trainers()) <= 100
    assert_same_bits(large, fitted(hidden_layer_sizes=(40,)))
