"""The guide's table of what PCA has: complete, and of names that exist."""

import re
from pathlib import Path

import pandas as pd
import pytest
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "pca.rst"

pytestmark = pytest.mark.skipif(
    not PAGE.exists(), reason="the page comes with the repository, not with the wheel"
)


def rows_of_table():
    """Return the names that PCA has and the text of ours, of each row."""
    table = PAGE.read_text().partition(".. list-table::")[2]
    rows = re.findall(r"^    \* - (.+)\n      - (.+)\n      - ", table, re.MULTILINE)
    return [(re.findall(r"``(\w+)``", names), ours) for names, ours in rows[1:]]


@pytest.fixture(scope="module")
def fits():
    """PCA and an autoencoder, fitted to the same frame."""
    X = pd.DataFrame({"a": [1.0, 2, 4, 8, 3], "b": [3.0, 1, 4, 1, 5]})
    autoencoder = AutoencoderTransformer(1, hidden_layer_sizes=(), epochs=1)
    return PCA(1).fit(X), autoencoder.fit(X)


def test_the_table_has_all_that_pca_has(fits):
    pca, _ = fits
    public = {name for name in dir(pca) if not name.startswith("_")}
    listed = [name for names, _ in rows_of_table() for name in names]
    assert sorted(listed) == sorted(public)


def test_the_table_names_what_we_have(fits):
    _, autoencoder = fits
    for names, ours in rows_of_table():
        named = re.findall(r"``(\w+)``", ours)
        assert bool(named) != (ours in ("the same", "none"))
        for name in named or names:
            assert hasattr(autoencoder, name) == (ours != "none"), name
