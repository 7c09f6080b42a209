"""Trainers that wait for the next fit: which are reused, and how many are kept."""

import keras
import numpy as np
from helpers import assert_same_bits, correlated

from skae import AutoencoderTransformer, _pool, _trainer

X = correlated(40, 4)


def fitted(**parameters):
    parameters = {"hidden_layer_sizes": (3,), "epochs": 2, **parameters}
    return AutoencoderTransformer(2, random_state=0, init="random", **parameters).fit(X)


def idle_trainers():
    return list(_trainer._idle_trainers.values())


def test_the_next_fit_of_the_same_architecture_compiles_nothing():
    fitted(optimizer="adam")
    (before,) = idle_trainers()[-1:]
    fitted(optimizer="adam", epochs=3)
    assert idle_trainers()[-1] is before


def test_a_redefined_optimizer_is_not_mistaken_for_the_old_one():
    def optimizer_class(factor):
        class Scaled(keras.optimizers.SGD):
            def update_step(self, gradient, variable, learning_rate):
                super().update_step(gradient * factor, variable, learning_rate)

        return Scaled

    first = fitted(optimizer=optimizer_class(1.0)(0.01))
    second = fitted(optimizer=optimizer_class(0.0)(0.01))
    assert not np.array_equal(first.transform(X), second.transform(X))


def test_callbacks_do_not_put_their_model_at_the_disposal_of_others():
    fitted(callbacks=[keras.callbacks.LambdaCallback()], hidden_layer_sizes=(19,))
    assert not any(
        getattr(layer, "units", None) == 19
        for trainer in idle_trainers()
        for layer in trainer.encoder.layers
    )


def test_few_trainers_and_codecs_are_kept(monkeypatch):
    for units in range(20, 22 + _trainer._MOST_IDLE_TRAINERS):
        fitted(hidden_layer_sizes=(units,))
    assert len(idle_trainers()) <= _trainer._MOST_IDLE_TRAINERS
    monkeypatch.setattr(_pool, "_MOST_WEIGHTS", 100)
    large = fitted(hidden_layer_sizes=(40,))
    assert sum(trainer.n_weights for trainer in idle_trainers()) <= 100
    assert_same_bits(large, fitted(hidden_layer_sizes=(40,)))
