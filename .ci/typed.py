"""What type checkers know of skae, for mypy to check; it is never run."""

from typing import Any, assert_type

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from skae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    ConvAutoencoder,
    DenoisingAutoencoder,
    VAETransformer,
)
from skae.displays import LatentDisplay, LatentManifoldDisplay
from skae.networks import DenseNetwork

Floats = NDArray[np.floating[Any]]

X = np.eye(9)
fitted = AutoencoderTransformer(2, hidden_layer_sizes=(8,)).fit(X)
assert_type(fitted, AutoencoderTransformer)
assert_type(AutoencoderTransformer(2).fit(X).transform(X), Floats)
assert_type(AutoencoderTransformer(2).fit_transform(X), Floats)
assert_type(fitted.inverse_transform([[1.0, 2.0]]), Floats)
assert_type(fitted.score(pd.DataFrame(X)), float)
assert_type(fitted.get_covariance(), Floats)
assert_type(fitted.components_, Floats)
assert_type(fitted.set_params(encoding_dim=3), AutoencoderTransformer)
assert_type(fitted.partial_fit(csr_array(X)), AutoencoderTransformer)

denoiser = DenoisingAutoencoder(noise_scale=2, corruption=lambda samples, seed: samples)
assert_type(denoiser.fit(X, X_clean=X).denoise(X), Floats)
detector = AutoencoderOutlierDetector(AutoencoderTransformer("auto"), novelty=True)
assert_type(detector.fit(X), AutoencoderOutlierDetector)
assert_type(detector.explain(X), pd.DataFrame)
assert_type(VAETransformer(network=DenseNetwork(8)).fit(X).sample(3), Floats)
assert_type(ConvAutoencoder(filters=4, image_shape=(3, 3)).fit(X), ConvAutoencoder)
assert_type(LatentDisplay.from_estimator(fitted, X), LatentDisplay)
assert_type(LatentManifoldDisplay.from_estimator(fitted).plot(), LatentManifoldDisplay)

# Mistakes are found: mypy would report an "ignore" without one.
AutoencoderTransformer(init="zeros")  # type: ignore[arg-type]
AutoencoderTransformer(2, 8)  # type: ignore[call-arg]
VAETransformer(whiten=True)  # type: ignore[call-arg]
ConvAutoencoder(filters="16")  # type: ignore[arg-type]
fitted.transform()  # type: ignore[call-arg]
