"""Small data that are taken for large ones, and fits of every kind to try on them."""

from skae import (
    AutoencoderTransformer,
    ConvAutoencoder,
    DenoisingAutoencoder,
    SequenceAutoencoder,
    VAETransformer,
)
from skae._data import lazy, prepare, scaling, sparse
from skae._data import rows as rows_module
from skae._pca import axes
from skae._training import batches, bounds, closed_form, refinement
from skae.networks import DenseNetwork


def take_for_large(patch, n_features):
    """Have small data taken for large ones, in many pieces, by pytest.MonkeyPatch."""
    patch.setattr(rows_module, "MOST_VALUES_TO_MERGE", 0)
    patch.setattr(scaling, "_MOST_BYTES_ALWAYS_COPIED", 0)
    patch.setattr(rows_module, "_CHUNK_BYTES", 40 * 4 * n_features)
    patch.setattr(lazy, "_VALUES_AT_A_TIME", 7 * n_features)
    patch.setattr(sparse, "_VALUES_AT_A_TIME", 1000)
    patch.setattr(axes, "_VALUES_AT_A_TIME", 7 * n_features)
    patch.setattr(batches, "_BYTES_AT_A_TIME", 3 * 16 * 4 * n_features)
    patch.setattr(batches, "_PRODUCTS_WORTH_A_COPY", 0)
    patch.setattr(refinement, "_MANY_ROWS", 0)
    patch.setattr(bounds, "_ROWS_FOR_LIMIT", 10)
    for name in ("_ROWS_TO_CHOOSE", "_ROWS_TO_JUDGE"):
        patch.setattr(closed_form, name, 10)
    patch.setattr(prepare, "_DONOR_VALUES", 40 * n_features)
    patch.setattr(closed_form, "_VALUES_AT_A_TIME", 40 * n_features)


def sizes_written(patch, kind):
    """Return a list that gets the number of rows when lazy ones of a kind are made.

    By pytest.MonkeyPatch.
    """
    sizes = []
    write = kind.write

    def watched(self, dense):
        sizes.append(len(self))
        write(self, dense)

    patch.setattr(kind, "write", watched)
    return sizes


def autoencoder(kind=AutoencoderTransformer, encoding_dim=4, **changes):
    parameters = {"epochs": 3, "batch_size": 16, "random_state": 0}
    if kind is AutoencoderTransformer:
        parameters["hidden_layer_sizes"] = (8,)
    elif kind in (DenoisingAutoencoder, VAETransformer):
        parameters["network"] = DenseNetwork((8,))
    return kind(encoding_dim, **{**parameters, **changes})


FITS = {
    "mse": {},
    "relu code": {"code_activation": "relu"},
    "sigmoid code": {"code_activation": "sigmoid"},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "deep": {"hidden_layer_sizes": (12, 8), "activation": "elu"},
    "random start": {"init": "random"},
    "cross-entropy": {"loss": "binary_crossentropy"},
    "penalty": {"l1_activity": 0.1},
    "no row held out": {"validation_fraction": 0},
    "variational": {"kind": VAETransformer},
    "variational, cross-entropy": {
        "kind": VAETransformer,
        "loss": "binary_crossentropy",
    },
    "Gaussian noise": {"kind": DenoisingAutoencoder, "validation_fraction": 0},
    "convolutional": {
        "kind": ConvAutoencoder,
        "image_shape": (8, 8),
        "filters": (2,),
    },
    "sequence": {"kind": SequenceAutoencoder, "sequence_shape": (8, 8), "units": 4},
}
"""Parameters of `autoencoder` for images of 8 × 8 values in [0, 1]."""

WORK = {
    "fit": lambda one, rows: one.fit(rows, X_val=rows),
    "fit, all rows": lambda one, rows: one.set_params(validation_fraction=0).fit(rows),
    "partial_fit": lambda one, rows: one.partial_fit(rows),
    "transform": lambda one, rows: one.transform(rows),
    "reconstruct": lambda one, rows: one.reconstruct(rows),
    "score": lambda one, rows: one.score(rows),
    "score_samples": lambda one, rows: one.score_samples(rows),
}
"""What an estimator does with many rows."""
