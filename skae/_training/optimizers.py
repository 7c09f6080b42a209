"""The optimizer of a fit: a fresh one, by the user's name or like the user's own."""

from skae._keras.objects import plain, restored
from skae._runtime.tensorflow import float32_by_default, load_keras


def check_optimizer(optimizer, learning_rate):
    """Return a fresh Keras optimizer of the fit's own.

    Parameters
    ----------
    optimizer : str or keras.optimizers.Optimizer
        Name, or an instance to copy.

    learning_rate : float or None
        Replaces the optimizer's own where given.
    """
    try:
        with float32_by_default():
            fresh = _fresh(optimizer)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"optimizer={optimizer!r} is not the name of a Keras optimizer. Use "
            "'auto', a name such as 'adam', or an instance from keras.optimizers."
        ) from error
    _refuse_loss_scaling(fresh)
    fresh.name = type(fresh).__name__.lower()
    if learning_rate is not None:
        _set_learning_rate(fresh, learning_rate)
    return fresh


def _fresh(optimizer):
    keras = load_keras()
    if isinstance(optimizer, keras.optimizers.Optimizer):
        return restored(plain(optimizer))
    if not isinstance(optimizer, str):
        raise TypeError("it is no instance of Keras' class")
    # TensorFlow keeps what it compiles for each name of a variable, so it gets no
    # number here either.
    config = {"name": optimizer.lower()}
    return keras.optimizers.get({"class_name": optimizer, "config": config})


def _refuse_loss_scaling(optimizer):
    """Raise a ValueError for an optimizer that wraps another one to scale losses."""
    keras = load_keras()
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        raise ValueError(
            f"optimizer={optimizer!r} scales losses for gradients in float16, but skae "
            "computes in float32. Give its inner_optimizer alone, such as 'adam'."
        )


def _set_learning_rate(optimizer, learning_rate):
    keras = load_keras()
    if not isinstance(optimizer.learning_rate, keras.Variable):
        raise ValueError(
            f"learning_rate={learning_rate!r} cannot replace the schedule of the "
            "optimizer given. Leave learning_rate='auto', or pass an optimizer without "
            "a schedule."
        )
    optimizer.learning_rate = learning_rate
