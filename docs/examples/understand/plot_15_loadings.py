"""
What each code means
====================

``loadings`` says which features go with a code, on average or in one row. Here each row
is a tumour, described by thirty measurements of the nuclei of its cells.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer
from skae.displays import BiplotDisplay, LoadingsDisplay

cancer = load_breast_cancer(as_frame=True)
scaler = StandardScaler().set_output(transform="pandas")
X = scaler.fit_transform(cancer.data)
autoencoder = AutoencoderTransformer(2, random_state=0).fit(X)
print("epochs kept:", autoencoder.best_epoch_)  # 0 would be PCA

# %%
# A loading of 0.9 says: if the code rises by one of its standard deviations, the
# feature's reconstruction rises by 0.9 of the feature's. The first code is large where
# nuclei are dented, the second where they are small and rough.

LoadingsDisplay.from_estimator(autoencoder)
plt.show()

# %%
# In the plane of both codes each feature is an arrow, in the direction in which it
# rises.

diagnosis = cancer.target_names[cancer.target]
BiplotDisplay.from_estimator(autoencoder, X, diagnosis, n_features=8)
plt.show()

# %%
# The map is bent, so a code means something else in every row. For some features the
# loading even changes its sign from row to row, which an average does not show.

feature = "area error"
code = autoencoder.transform(X)[:, 0]
some = np.argsort(code)[::20]
each = [autoencoder.loadings(X.iloc[[i]]).loc[feature].iloc[0] for i in some]
fig, ax = plt.subplots(figsize=(5.5, 3.6), layout="constrained")
ax.plot(code[some], each, "o", label="in one row")
average = autoencoder.loadings().loc[feature].iloc[0]
ax.axhline(average, color="C1", label="average of all rows")
ax.set(xlabel="code 0", ylabel=f"loading of '{feature}' on code 0")
ax.legend()
plt.show()

# sphinx_gallery_thumbnail_number = 2
