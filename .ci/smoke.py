"""Smoke test of an installed skae: python smoke.py FOLDER_IT_IS_INSTALLED_IN."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import skae

root = Path(sys.argv[1]).resolve()
package = Path(skae.__file__).resolve().parent
assert package == root / "skae", f"imported from {package}, not from {root}"
assert (package / "py.typed").is_file()
installed = {path.name for path in root.iterdir()}
assert installed == {"skae", f"skae-{skae.__version__}.dist-info"}, installed
assert metadata.version("skae") == skae.__version__

heavy = {"keras", "matplotlib", "tensorflow"} & set(sys.modules)
assert not heavy, f"import skae imports {sorted(heavy)}"

from sklearn.datasets import load_digits  # noqa: E402
from sklearn.decomposition import PCA  # noqa: E402

X = load_digits().data
train, test = X[:1500], X[1500:]
autoencoder = skae.AutoencoderTransformer(8, random_state=0).fit(train)
assert autoencoder.transform(test).shape == (len(test), 8)
pca = PCA(8).fit(train)


def error(model):
    return ((model.inverse_transform(model.transform(test)) - test) ** 2).mean()


assert error(autoencoder) <= 1.005 * error(pca), (error(autoencoder), error(pca))

usage = subprocess.run(
    [sys.executable, "-m", "skae", "compare", "--help"],
    check=True,
    capture_output=True,
    text=True,
).stdout
assert "compare" in usage, usage
print(f"skae {skae.__version__}: the installed wheel works")
