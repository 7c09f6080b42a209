"""An autoencoder after TableEncoder: never worse than FAMD, and back to a table."""

import numpy as np
import pandas as pd
from helpers import correlated
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from skae import AutoencoderTransformer, TableEncoder

BRIEFLY = {"epochs": 4, "random_state": 0}


def table():
    X = correlated()
    frame = pd.DataFrame(X, columns=list("abcde"))
    return frame.assign(
        a=np.where(X[:, 0] > 3, "high", "low"), b=pd.cut(X[:, 1], [-9, 2, 4, 9])
    )


def test_it_is_never_worse_than_the_factor_analysis_of_mixed_data():
    frame = table()
    pipeline = make_pipeline(TableEncoder(), AutoencoderTransformer(2, **BRIEFLY))
    famd = make_pipeline(TableEncoder(sparse_output=False), PCA(2)).fit(frame)
    explained = famd[-1].explained_variance_ratio_.sum()
    assert pipeline.fit(frame).score(frame) > explained - 1e-3
    np.testing.assert_allclose(pipeline[-1].pca_score_, explained, rtol=1e-5)
    again = pipeline.inverse_transform(pipeline.transform(frame))
    assert again.dtypes.equals(frame.dtypes)
    assert set(again["a"]) <= {"high", "low"}


def test_missing_values_pass_on_and_are_filled():
    frame = table()
    frame.loc[::9, "a"] = None
    frame.loc[1::9, "c"] = None
    autoencoder = AutoencoderTransformer(2, missing_values="allow", **BRIEFLY)
    pipeline = make_pipeline(TableEncoder(sparse_output=False), autoencoder).fit(frame)
    again = pipeline.inverse_transform(pipeline.transform(frame))
    assert not again.isna().any(axis=None)
