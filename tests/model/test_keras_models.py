"""Keras models of a fit, in other programs."""

from importlib.util import find_spec

import pytest
from helpers import correlated

from skae import AutoencoderTransformer


@pytest.mark.filterwarnings("ignore:In the future:FutureWarning")  # of NumPy, to Keras
def test_models_are_exported_to_onnx_as_the_guide_says(tmp_path):
    estimator = AutoencoderTransformer(2, hidden_layer_sizes=(), epochs=1)
    path = tmp_path / "encoder.onnx"
    for model in (estimator.fit(correlated()).encoder_, estimator.decoder_):
        if find_spec("tf2onnx") is None:
            with pytest.raises(ImportError, match="tf2onnx"):
                model.export(str(path), format="onnx", verbose=False)
        else:
            model.export(str(path), format="onnx", verbose=False)
            assert path.stat().st_size > 0
            path.unlink()
