"""What the estimators' docstrings share, written once."""

import re
import textwrap
from typing import TypeVar

_Documented = TypeVar("_Documented")

_LINE = re.compile(r"^(?P<indentation> *)%\((?P<name>\w+)\)s$", re.MULTILINE)

_SHARED = {
    "encoding_dim": """
    encoding_dim : int, float, "auto" or None, default=32
        Number of codes; it may exceed the number of features or rows. A fraction
        between 0 and 1 takes the fewest codes that explain this fraction of the
        variance: the network is fitted with as many codes as PCA needs, and then the
        codes that it can do without are removed. "auto" chooses by held-out rows: the
        fewest codes whose error is within one standard error of the best, from one
        nested fit (see `nested_dropout`), and never more than PCA needs for 99% of the
        variance. It needs linear codes. None takes the number of rows or of
        features, whichever is smaller, but at most 512. If the network fixes the number
        of codes, as ``bottleneck="spatial"`` and Keras models of your own do, None
        takes that number.
""",
    "dense_network": """
    hidden_layer_sizes : int, tuple of int or "auto", default="auto"
        Units of the encoder's hidden layers, from the input to the code; the decoder
        mirrors them. ``()`` is the simple autoencoder without hidden layers. "auto"
        is one layer of 256 units, or of 2,048 with `nested_dropout`.

    activation : str, default="relu"
        Name of the Keras activation of the hidden layers.

    code_activation : {"linear", "relu", "tanh", "sigmoid"}, default="linear"
        Activation of the code. "relu" with ``init="random"`` is the classic
        autoencoder.

    network : network or None, default=None
        A network of `skae.networks`, instead of the one that the three parameters
        above describe.
""",
    "code": """
    whiten : bool, default=False
        Whether to scale codes to a variance of one on the training rows, so that they
        have no unit, as with PCA's `whiten`. `inverse_transform` undoes it. Needs
        linear or ReLU codes.

    nested_dropout : bool, default=False
        Whether the first k codes are to be a good code by themselves, for every k
        (Rippel, Gelbart and Adams, 2014). In training the decoder gets no codes after a
        random one; each row draws its own. It reads values in their place that it has
        learnt for each k (zeros, if `encoding_dim` is a fraction). Then
        ``transform(X)[:, :k]`` is a code of k numbers, and `inverse_transform` takes
        it. Needs linear codes.

    missing_values : {"error", "allow"}, default="error"
        Whether X may have missing values, which are NaN. The network reads a missing
        value as the mean of its feature. The loss, `score` and `score_samples` count
        only observed values (a Keras loss must be zero where a value is reconstructed
        exactly). `impute` fills missing values; for it the fit keeps up to 5,000 of
        its rows, also in files. The PCA start is that of regularised iterative PCA
        (Josse and Husson, 2012).
""",
    "loss": """
    loss : {"mse", "binary_crossentropy", "poisson"} or keras.losses.Loss, \
default="mse"
        What training minimises, as a mean over the features.

        - "mse" is the squared error. The decoder has no output activation.
        - "binary_crossentropy" is the cross-entropy in nats, for data in [0, 1]. The
          network reads them unchanged, and the decoder ends in a sigmoid (trained on
          logits).
        - "poisson" is half the Poisson deviance, for counts. The network reads them
          divided by one number, and the decoder ends in an exponential.
        - An instance of a Keras loss compares standardised rows (centred, and divided
          by one number, the root of the features' mean variance) with the outputs of a
          decoder without activation. So ``keras.losses.Huber(delta=1)`` turns linear at
          one such deviation; in `history_` the loss stays in that unit. (Keras can copy
          a class of your own if it is registered as serializable.)

        With "binary_crossentropy" and "poisson" training starts at PCA's codes and a
        logistic or Poisson regression from them to the data.
""",
    "l1_activity": """
    l1_activity : float, default=0.0
        Weight of the penalty on the sum of a row's absolute codes. A larger weight
        makes sparser codes. In units of the standardised data.
""",
    "training_parameters": """
    init : {"auto", "pca", "random"}, default="auto"
        Where training starts. "pca" needs a network with a linear map and a dense code;
        "auto" takes it if there is one, otherwise "random". "random" gives the plain
        network of the textbooks, without linear maps, even if the network has
        ``linear_shortcut=True``.

    optimizer : str or keras.optimizers.Optimizer, default="auto"
        Keras optimizer, by name or as an instance, which is copied. "auto" is Adam.

    learning_rate : float or "auto", default="auto"
        Largest learning rate of the schedule. "auto" is 0.01 for "adam", "adamw" and
        "nadam" (0.003 in `partial_fit`, which has no schedule); other optimizers and
        instances keep their own. From a PCA start, steps are scaled by what PCA leaves
        unexplained.

    learning_rate_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" rises over the first tenth of the steps, then falls to zero as half a
        cosine. An optimizer with its own schedule keeps that.

    batch_size : int or "auto", default="auto"
        Rows in a step; all rows if there are fewer. "auto" grows with the number of
        rows, from 32 to 512.

    epochs : int or "auto", default="auto"
        Largest number of passes over the training rows. "auto" gives about 3,000
        steps, in 5 to 200 epochs; wide or many rows get fewer. With 0 nothing is
        trained: the fit is its start, which the closed form may improve (see
        `n_centers_`).

    validation_fraction : float in [0, 1) or "auto", default="auto"
        Fraction of the rows held out to choose the best weights. With 0, and without
        `X_val`, training uses all rows and keeps the last weights. "auto" is a fifth of
        fewer than 2,000 rows, and a tenth of more.

    early_stopping : bool, default=True
        Whether training ends when the validation loss has not improved for `patience`
        epochs.

    patience : int or "auto", default="auto"
        Number of epochs for `early_stopping`. "auto" is a third of `epochs`, and at
        least 5.

    callbacks : list of keras.callbacks.Callback or None, default=None
        Keras callbacks, called as Keras would call them. Their ``model`` works on
        standardised rows, and with cross-entropy gives logits; to keep a model, save
        `encoder_` and `decoder_`. A learning rate that a callback sets is multiplied by
        the schedule, unless ``learning_rate_schedule="constant"``. BackupAndRestore is
        refused, since it restores only a part of a fit.

    warm_start : bool, default=False
        Whether another call of `fit` continues from the fitted weights, with a new
        optimizer.

    random_state : int, RandomState instance or None, default=None
        Seed of the held-out rows, the initial weights and the order of the batches.
        With an int, every fit gives the same bits; with None, each fit differs. No
        global generator is used or changed.

    verbose : int, default=0
        1 shows a bar with the epoch, the losses, the loss of the start (PCA's) and the
        time left; if the output is neither a terminal nor a notebook, it prints one
        line at the end. 2 prints a line per epoch.
""",
    "encoding_dim_search": """
    encoding_dim_search_ : dict of ndarrays
        Why ``encoding_dim="auto"`` has chosen this number; not set otherwise. For some
        numbers of codes, "encoding_dim", the mean squared "error" of the held-out rows
        with so many of the first nested codes, in the squared unit of the data, and its
        "standard_error". ``pandas.DataFrame(encoding_dim_search_)`` makes a table.
""",
    "fitted_attributes": """
    inference_ : {"numpy", "keras"}
        What `transform` and its like compute with. Dense networks of Keras' own
        activations need NumPy alone, also where they are loaded; others need Keras.

    encoder_, decoder_ : keras.Model
        Standalone copies of the fitted networks, in the unit of the data. They raise a
        ValueError if the means are so large that float32 cannot hold the deviations
        from them.

    history_ : dict of lists
        One value per epoch of "loss", "val_loss" (if rows are held out) and
        "learning_rate", and what callbacks add. Losses are in the squared unit of the
        data, in nats, or in the unit of the counts. Empty lists if PCA was exact, since
        nothing was left to learn.

    n_iter_ : int
        Number of epochs run.

    best_epoch_ : int
        Number of epochs behind the weights kept; 0 is the start.

    n_centers_ : int
        Number of Gaussian kernels that the decoder adds to its network, in closed form:
        by kernel ridge regression of the rows on their codes. 0 if there is none. The
        fit is PCA if it starts there and `best_epoch_` and `n_centers_` are both 0.

    initial_loss_, best_loss_ : float or None
        Validation loss of the start and of the weights kept, before a fraction as
        `encoding_dim` removes codes. None if no rows are held out.

    mean_ : ndarray of shape sample_shape
        Mean of the training rows; after `partial_fit`, of those of its first call, or
        of the `fit` before it.

    encoding_dim_, n_components_ : int
        Number of codes; the second is PCA's name for it.

    explained_variance_ratio_ : ndarray of shape (n_codes,)
        Fraction of the variance of the training rows that each code explains. The sum
        is ``score(X)``, counted with the weights of the rows and, if given, on the
        clean rows. Each code has its share of it: that of what it explains alone in a
        linear regression of the rows on the code. For linear codes the ratios fall, and
        those of PCA are PCA's. With `nested_dropout` they are what reconstructions gain
        as the codes are added in turn, each time as `inverse_transform` takes the
        first of them; if rows times
        codes exceed 131,072, that is measured on a part of the rows. This attribute and
        the next five are set by `fit`, not by `partial_fit`.

    explained_variance_ : ndarray of shape (n_codes,)
        The same fractions of the variance of all features, as an estimate for the
        population (ddof=1), in the squared unit of the data.

    singular_values_ : ndarray of shape (n_codes,)
        Root of ``explained_variance_ * (n_samples_ - 1)``.

    components_ : ndarray of shape (n_codes, n_features)
        Mean directions of the decoder: average derivatives of the reconstructions by
        each code over the training rows (Härdle and Stoker, 1989), per unit in which
        the code's variance is what it explains in the linear regression. Plain linear
        codes are in this unit; whitened ones and those with an activation are not.
        Where the fit is PCA, these are its components. Otherwise a direction has about
        the length one. Derivatives are exact in dense networks, and central differences
        in others. They are averaged over all rows in dense networks with one hidden
        layer. Otherwise evenly spaced rows stand for many: ``32768 / n_codes`` in dense
        networks and ``8192 / n_codes`` in others, but at least 64.

    noise_variance_ : float
        Variance (ddof=1) that the codes leave unexplained, per axis that PCA could
        still have; 0 if there is none.

    n_samples_ : int or float
        Number of training rows, or the sum of their weights.

    pca_score_ : float
        Fraction of the variance of the training rows that as many principal components
        explain. Set by a `fit` that starts at PCA, unless values are missing or the
        loss is the cross-entropy or the Poisson deviance.

    compression_factor_ : float
        Number of features over number of codes.

    sample_shape_ : tuple of int
        Shape of one row.

    init_, optimizer_, learning_rate_, batch_size_, epochs_, validation_fraction_, \
patience_
        The values used, with every "auto" resolved.

    n_features_in_ : int
        Number of features seen in `fit`; for samples of several axes, the number of
        values in a sample.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features; only if all are strings.
""",
}


def documented(estimator: _Documented) -> _Documented:
    """Fill in the parts of a class's docstring that all estimators share."""
    return filled_in(estimator, _SHARED)


def filled_in(item: _Documented, texts: dict[str, str]) -> _Documented:
    """Replace each line ``%(name)s`` of a docstring by the text of that name.

    The text gets the indentation of that line, which differs between versions: Python
    3.13 removes the indentation that all lines of a docstring share.
    """

    def text(line: re.Match) -> str:
        shared = textwrap.dedent(texts[line["name"]]).strip("\n")
        return textwrap.indent(shared, line["indentation"])

    if item.__doc__:  # python -OO has none
        item.__doc__ = _LINE.sub(text, item.__doc__)
    return item
