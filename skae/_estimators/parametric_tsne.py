"""Parametric t-SNE: a map of neighbours that takes new rows."""

from __future__ import annotations

import numbers
from typing import Literal, Self

from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skae import _defaults
from skae._data.checks import check_codes
from skae._data.prepare import UserData
from skae._estimators.constraints import AUTO, COUNT, NOT_NEGATIVE, SIZE, fit_context
from skae._estimators.encoder import BaseEncoder
from skae._neighbors.trustworthiness import trustworthiness_of_some
from skae._objective.neighbor_embedding import NeighborEmbedding
from skae._runtime.annotations import (
    ArrayLike,
    Auto,
    Floats,
    KerasModel,
    Rows,
    Seed,
)
from skae._runtime.scikit_learn import Interval, StrOptions
from skae._training.embedding import fit_embedding
from skae.networks import DenseNetwork, Network


def _has_decoder(estimator):
    """Tell whether there is a decoder, or would be after a fit; see `available_if`."""
    if hasattr(estimator, "_fitted"):
        has_one = estimator._fitted.architecture.objective.has_decoder
    else:
        has_one = estimator.reconstruction_weight > 0
    if has_one:
        return True
    raise AttributeError(
        "ParametricTSNE has a decoder only if it learns to reconstruct: set "
        "reconstruction_weight=0.1, or the like, and fit again."
    )


class ParametricTSNE(BaseEncoder):
    """A t-SNE map by a neural network, which places new rows too.

    Rows become points of the plane so that neighbours stay neighbours, as by t-SNE, but
    a network says where (van der Maaten, 2009). So `transform` takes new rows, in
    milliseconds, and needs no other row.

    Affinities between neighbours are those of t-SNE. The network is trained by
    contrastive learning (Damrich et al., 2023): neighbours attract each other, and all
    rows of a batch repel each other, with the heavy-tailed kernel of t-SNE. It is the
    sum of a linear map, which starts as PCA, and hidden layers, which start at zero.

    The network reads rows as they are: like PCA, it centres the features and keeps
    their relative variances. Of wide rows, such as images, take the codes of an
    autoencoder, as in ``make_pipeline(AutoencoderTransformer(32), ParametricTSNE())``.

    Parameters
    ----------
    n_components : int, default=2
        Number of dimensions of the map.

    perplexity : float, default=30.0
        About the number of neighbours of a row that attract it, at least 1 and less
        than the number of rows. Usual values are from 5 to 50; more rows allow more.

    exaggeration : float, default=1.0
        What multiplies attraction, above 0. With 1 the map is that of t-SNE. Larger
        numbers pull groups together: about 4 gives maps like UMAP's, and 30 like those
        of Laplacian eigenmaps (Böhm, Berens and Kobak, 2022).

    early_exaggeration : float, default=4.0
        What multiplies attraction besides in the first tenth of the steps, so that
        groups find together before they spread; at least 1.

    network : network or None, default=None
        A network of `skae.networks`, such as ``ConvNetwork()`` for images. None is
        ``DenseNetwork((256, 256, 256, 256), activation="silu")``.

    reconstruction_weight : float, default=0.0
        Weight of the mean squared error of reconstruction in the loss, in units of the
        standardised data. Above 0, a decoder is trained beside the encoder (Sainburg,
        McInnes and Gentner, 2021), and there is `inverse_transform`.

    neighbors : {"auto", "exact", "approximate"}, default="auto"
        How neighbours are found: by comparing all rows (scikit-learn), whose time grows
        with the square of their number, or by `pynndescent`, which needs the extra
        ``skae[neighbors]``. "auto" is "approximate" for more than 100,000 rows, if it
        is installed. Where rows have more than 50 features, neighbours are those among
        50 principal components.

    init : {"auto", "pca", "random"}, default="auto"
        Where training starts. "pca" needs a network with a linear map and a dense code;
        "auto" takes it if there is one, otherwise "random". "random" is the plain
        network, without linear maps, even if the network has ``linear_shortcut=True``.

    learning_rate : float or "auto", default="auto"
        Largest learning rate of Adam. It rises over the first tenth of the steps, then
        falls to zero as half a cosine. "auto" is 0.01.

    batch_size : int or "auto", default="auto"
        Pairs of neighbours in a step; as many as rows if there are fewer. "auto" is
        256.

    epochs : int or "auto", default="auto"
        Number of passes over the rows. "auto" gives about 10,000 steps, in 5 to 200
        epochs. With 0 the map is its start.

    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, of the order of the rows and of their neighbours.
        With an int, every fit gives the same bits; with None, each fit differs. No
        global generator is used or changed.

    verbose : int, default=0
        1 shows a bar with the epoch, the loss and the time left; if the output is
        neither a terminal nor a notebook, it prints one line at the end. 2 prints a
        line per epoch.

    Attributes
    ----------
    kl_divergence_ : float
        The loss of t-SNE: Kullback-Leibler divergence of the map from the affinities of
        the training rows, in nats. Beyond 4,096 rows the normaliser, a sum over all
        pairs, is estimated from so many rows and all others.

    history_ : dict of lists
        One value per epoch: "loss" is "attraction" times `exaggeration`, plus
        "repulsion", plus the weighted "reconstruction" if there is a decoder; these
        are in the list too, and "learning_rate".

    n_iter_ : int
        Number of epochs run.

    inference_ : {"numpy", "keras"}
        What `transform` computes with. Dense networks of Keras' own activations need
        NumPy alone, also where they are loaded; others need Keras.

    encoder_ : keras.Model
        Standalone copy of the network, from rows in the user's units to the map.

    decoder_ : keras.Model
        Standalone copy of the decoder; only with `reconstruction_weight`.

    mean_ : ndarray of shape sample_shape
        Mean of the training rows.

    sample_shape_ : tuple of int
        Shape of one row.

    init_, learning_rate_, batch_size_, epochs_
        The values used, with every "auto" resolved.

    n_features_in_ : int
        Number of features seen in `fit`; for samples of several axes, the number of
        values in a sample.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features; only if all are strings.

    See Also
    --------
    sklearn.manifold.TSNE : Places each row by itself, and only those of the fit.
    AutoencoderTransformer : Codes to lay out, of wide rows.
    skae.displays.LatentDisplay : Draws the map.

    References
    ----------
    Van der Maaten (2009), Learning a parametric embedding by preserving local
    structure, AISTATS.

    Damrich, Böhm, Hamprecht and Kobak (2023), From t-SNE to UMAP with contrastive
    learning, ICLR.

    Böhm, Berens and Kobak (2022), Attraction-repulsion spectrum in neighbor embeddings,
    Journal of Machine Learning Research 23.

    Sainburg, McInnes and Gentner (2021), Parametric UMAP embeddings for representation
    and semisupervised learning, Neural Computation 33.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import ParametricTSNE
    >>> X, _ = load_digits(return_X_y=True)
    >>> tsne = ParametricTSNE(epochs=5, random_state=0).fit(X[:1500])
    >>> tsne.transform(X[1500:]).shape
    (297, 2)
    """

    _parameter_constraints = {
        "n_components": [SIZE],
        "perplexity": [Interval(numbers.Real, 1, None, closed="left")],
        "exaggeration": [Interval(numbers.Real, 0, None, closed="neither")],
        "early_exaggeration": [Interval(numbers.Real, 1, None, closed="left")],
        "network": [Network, None],
        "reconstruction_weight": [NOT_NEGATIVE],
        "neighbors": [StrOptions({"auto", "exact", "approximate"})],
        "init": [StrOptions({"auto", "pca", "random"})],
        "learning_rate": [AUTO, Interval(numbers.Real, 0, None, closed="neither")],
        "batch_size": [AUTO, COUNT],
        "epochs": [AUTO, Interval(numbers.Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_components: int = 2,
        *,
        perplexity: float = 30.0,
        exaggeration: float = 1.0,
        early_exaggeration: float = 4.0,
        network: Network | None = None,
        reconstruction_weight: float = 0.0,
        neighbors: Literal["auto", "exact", "approximate"] = "auto",
        init: Literal["auto", "pca", "random"] = "auto",
        learning_rate: float | Auto = "auto",
        batch_size: int | Auto = "auto",
        epochs: int | Auto = "auto",
        random_state: Seed = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.perplexity = perplexity
        self.exaggeration = exaggeration
        self.early_exaggeration = early_exaggeration
        self.network = network
        self.reconstruction_weight = reconstruction_weight
        self.neighbors = neighbors
        self.init = init
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.random_state = random_state
        self.verbose = verbose

    @fit_context
    def fit(self, X: Rows, y: object = None) -> Self:
        """Learn a map of rows.

        If anything fails, the estimator stays as it was.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape)
            Training rows, in any unit; at least two.

        y : None
            Ignored; present so that pipelines can pass labels.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            When a parameter or the data cannot be used; the message says which and
            what would do.

        ImportError
            When ``neighbors="approximate"`` and pynndescent is not installed.
        """
        return self._after(fit_embedding, UserData(X))

    @available_if(_has_decoder)
    def inverse_transform(self, X: ArrayLike) -> Floats:
        """Return rows for points of the map. Only with `reconstruction_weight`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Points, as `transform` returns them, or others.

        Returns
        -------
        rows : ndarray of shape (n_samples, *sample_shape)
            In the unit of the training rows, and in their shape; float32 for float32
            points, else float64.
        """
        check_is_fitted(self)
        name, dim = type(self).__name__, self._n_features_out
        points = check_codes(X, dim, name, parameter="n_components")
        rows = self._fitted.decode(points)
        return rows.reshape(len(rows), *self.sample_shape_)

    def score(self, X: Rows, y: object = None) -> float:
        """Return the trustworthiness of the map of X.

        It is `sklearn.manifold.trustworthiness` with five neighbours (fewer where X has
        at most ten rows): 1 if all neighbours in the map are neighbours in X, less the
        farther away they are there. Of more than 5,000 rows, 5,000 evenly spaced ones
        are taken, whose distances take 600 MB.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features) or \
(n_samples, *sample_shape)
            Rows like those of `fit`, or the same flattened; at least three.

        y : None
            Ignored.

        Returns
        -------
        score : float
            From 0 to 1.

        Raises
        ------
        ValueError
            When X has fewer than three rows, which have no neighbours to compare.
        """
        rows, _ = self._checked(X)
        return trustworthiness_of_some(rows, self._fitted.encode)

    @property
    def decoder_(self) -> KerasModel:
        """Keras model from points to rows in the user's units; a copy of the fit."""
        _has_decoder(self)
        return self._fitted.models[1]

    def _network(self) -> Network:
        if self.network is not None:
            return self.network
        sizes, activation = _defaults.network_of_map()
        return DenseNetwork(sizes, activation=activation)

    def _objective(self) -> NeighborEmbedding:
        return NeighborEmbedding(reconstructs=self.reconstruction_weight > 0)
