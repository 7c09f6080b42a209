"""Average derivatives of a fitted network: of its decoder, and of its encoder."""

import numpy as np

from skae._model.dense_derivatives import DenseDerivatives
from skae._runtime.interrupts import interrupts_deferred, let_interrupts_in
from skae._runtime.tensorflow import tensor
from skae._runtime.threads import one_blas_thread

# 8 MB in float32. A row has a value for each code and feature, in several tensors.
_VALUES_AT_A_TIME = 2**21


@one_blas_thread()
def of_decoder(fitted, codes, shares):
    """Return the average derivatives of the reconstructions by the codes.

    They are exact: of dense networks in NumPy, of others by Keras.

    Parameters
    ----------
    fitted : FittedNetwork
        In the network's scale.

    codes : float array of shape (n_rows, n_codes)
        Where the derivatives are taken.

    shares : float64 array of shape (n_rows,)
        Weights of the rows in the average.

    Returns
    -------
    float64 array of shape (n_codes, n_features)
    """
    dense = DenseDerivatives.of(fitted)
    if dense is not None:
        return dense.of_decoder(codes, shares)
    return _by_keras(fitted, "decoder_derivatives", codes, shares)


@one_blas_thread()
def of_encoder(fitted, rows, shares):
    """Return the average derivatives of the codes by the features; see `of_decoder`.

    Parameters
    ----------
    rows : float array of shape (n_rows, n_features)
        Or lazy ones.
    """
    dense = DenseDerivatives.of(fitted)
    if dense is not None:
        return dense.of_encoder(rows, shares)
    return _by_keras(fitted, "encoder_derivatives", rows, shares)


@interrupts_deferred()
def _by_keras(fitted, name, inputs, shares):
    """Add up derivatives over chunks of the inputs; memory stays bounded."""
    codec = fitted.codec
    run = codec.compiled(name, np.float32, fitted.correction)
    arrays = [*fitted.weights, *fitted.correction.arrays]
    weights = [tensor(values) for values in arrays]
    mean, scale = tensor(fitted.scaling.mean, "float32"), tensor(1.0, "float32")
    step = max(1, _VALUES_AT_A_TIME // (codec.encoding_dim * codec.n_features))
    total = np.zeros((codec.encoding_dim, codec.n_features))
    for start in range(0, len(inputs), step):
        some = slice(start, start + step)
        chunk = np.ascontiguousarray(inputs[some], np.float32)
        of_chunk = shares[some].astype(np.float32)
        total += run(chunk, of_chunk, weights, mean, scale).numpy()
        let_interrupts_in()
    return total
