"""
Codes in order, and codes of every size
=======================================

The codes of a fit come in order, like principal components, and
``explained_variance_ratio_`` says what each explains. With ``nested_dropout=True`` the
first k codes are also trained to be a good code by themselves, for every k. So one fit
serves every size.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer

X = load_digits().data
X_train, X_test = train_test_split(X, random_state=0)
sizes = [2, 4, 8, 16]

pca = PCA(16).fit(X_train)
plain = AutoencoderTransformer(16, random_state=0).fit(X_train)
nested = AutoencoderTransformer(16, nested_dropout=True, random_state=0).fit(X_train)


def first_codes_explain(reducer, size):
    """Return the fraction that the first codes explain, with the others at zero."""
    codes = reducer.transform(X_test)
    codes[:, size:] = 0
    return explained(reducer.inverse_transform(codes))


def nested_codes_explain(size):
    """Return the fraction that the first nested codes explain."""
    codes = nested.transform(X_test)[:, :size]
    return explained(nested.inverse_transform(codes))


def explained(reconstructions):
    """Return the fraction of the variance that reconstructions explain."""
    errors = (X_test - reconstructions) ** 2
    return 1 - errors.mean() / X_test.var(axis=0).mean()


curves = {
    "PCA": [first_codes_explain(pca, size) for size in sizes],
    "the first codes of a plain fit of 16": [
        first_codes_explain(plain, size) for size in sizes
    ],
    "the first codes of a nested fit of 16": [
        nested_codes_explain(size) for size in sizes
    ],
    "a fit of its own for each size": [
        AutoencoderTransformer(size, random_state=0).fit(X_train).score(X_test)
        for size in sizes[:-1]
    ]
    + [plain.score(X_test)],
}
fig, ax = plt.subplots(figsize=(6.5, 4.5))
for name, shares in curves.items():
    ax.plot(sizes, shares, "o-", label=name)
ax.set_xscale("log", base=2)
ax.set_xticks(sizes, map(str, sizes))
ax.set(xlabel="codes used", ylabel="variance explained, test rows")
ax.legend()
plt.show()

# %%
# The first codes of a plain fit are no better than as many principal components: they
# were trained together with the others. Those of the nested fit are much better, and
# with all 16 it is nearly as good as the plain one. A fit for one size is still the
# best code of that size. So choose ``nested_dropout`` if you want to choose the size
# later, or to store codes that can be cut off. Otherwise fit the size that you need.
