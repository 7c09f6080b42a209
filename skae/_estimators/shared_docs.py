"""What the estimators' docstrings share, written once."""

import re
import textwrap
from typing import TypeVar

_Documented = TypeVar("_Documented")

_LINE = re.compile(r"^(?P<indentation> *)%\((?P<name>\w+)\)s$", re.MULTILINE)

_SHARED = {
    "encoding_dim": """
    encoding_dim : int, float or None, default=32
        Number of codes; it may exceed the number of features or rows. A share between
        0 and 1 takes the fewest codes that explain it of the variance: the network is
        fitted with as many as PCA needs, and those that it can spare are left out. None
        takes as many as there are rows or features, whichever are fewer, and at most
        512; where the network makes its size itself, as ``bottleneck="spatial"`` and
        Keras models of your own do, it takes that.
""",
    "code": """
    whiten : bool, default=False
        Whether codes have a variance of one on the training rows, and no unit, as with
        PCA's `whiten`; `inverse_transform` undoes it. Needs codes that are linear or
        of a ReLU.

    nested_dropout : bool, default=False
        Whether every first part of the codes is to be a good code in itself (Rippel,
        Gelbart and Adams, 2014): in training all codes after a random one are zero, for
        each row another. Then ``transform(X)[:, :k]`` is the code of k numbers, which
        `inverse_transform` takes, for every k. Needs linear codes.

    missing_values : {"error", "allow"}, default="error"
        Whether X may have missing values, which are NaN. They are read as their
        feature's mean, and the loss, `score` and `score_samples` count the observed
        values alone (a Keras loss must be zero where a value is reconstructed exactly);
        `impute` fills them. The PCA start is that of regularised
        iterative PCA (Josse and Husson, 2012).
""",
    "loss": """
    loss : {"mse", "binary_crossentropy", "poisson"} or keras.losses.Loss, \
default="mse"
        What training minimises, a mean over the features. "mse" is the squared error;
        the decoder has no output activation. "binary_crossentropy" is the cross-entropy
        in nats, for data in [0, 1]: they enter as they are, and the decoder ends in a
        sigmoid (trained on logits). "poisson" is half the Poisson deviance, for counts:
        they enter divided by one number, and the decoder ends in an exponential. The
        start is PCA's code then, with a logistic or Poisson regression from it to the
        data. An instance of a Keras loss compares standardised rows (centred, and
        divided by one number, the root of the features' mean variance) with the outputs
        of a decoder without activation, so ``keras.losses.Huber(delta=1)`` turns linear
        at one such deviation; in `history_` it stays in that unit. (Keras can copy a
        class of your own if it is registered as serializable.)
""",
    "l1_activity": """
    l1_activity : float, default=0.0
        Weight of the sum of the absolute codes of a row, added to its loss: the
        larger, the sparser the codes. In units of the standardised data.
""",
    "training_parameters": """
    init : {"auto", "pca", "random"}, default="auto"
        Where training starts. "pca" needs a linear map beside a dense code, and is
        the choice of "auto" where there is one; "random" gives the plain network of
        the textbooks, without linear maps, whatever the network's `linear_shortcut`.

    optimizer : str or keras.optimizers.Optimizer, default="auto"
        Keras optimizer, by name or as an instance, which is copied. "auto" is Adam.

    learning_rate : float or "auto", default="auto"
        Largest learning rate of the schedule. "auto" is 0.01 for Adam and its kin
        (0.003 in `partial_fit`, which has no schedule), and the optimizer's own for
        others and for instances. From a PCA start, steps are measured in what PCA
        leaves unexplained.

    learning_rate_schedule : {"cosine", "constant"}, default="cosine"
        "cosine" rises over the first tenth of the steps, and falls to zero as half a
        cosine. An optimizer with a schedule of its own keeps that.

    batch_size : int or "auto", default="auto"
        Rows in a step; all rows if there are fewer.

    epochs : int or "auto", default="auto"
        Passes over the training rows, at most.

    validation_fraction : float in [0, 1) or "auto", default="auto"
        Share of the rows held out to choose the best weights. 0, without `X_val`,
        trains on all rows and keeps the last weights. "auto" is a fifth of fewer
        than 2,000 rows and a tenth of more.

    early_stopping : bool, default=True
        Whether training ends when the validation loss has not become better for
        `patience` epochs.

    patience : int or "auto", default="auto"
        Number of epochs for `early_stopping`.

    callbacks : list of keras.callbacks.Callback or None, default=None
        Keras callbacks, driven as Keras would drive them. Their ``model`` works in the
        network's scale, and with cross-entropy gives logits; to keep a model, save
        `encoder_` and `decoder_`. A learning rate that a callback sets is multiplied by
        the schedule; ``learning_rate_schedule="constant"`` leaves it alone.
        BackupAndRestore is refused, since it keeps only a part of a fit.

    warm_start : bool, default=False
        Whether another call of `fit` continues from the present weights, with a new
        optimizer.

    random_state : int, RandomState instance or None, default=None
        Seed of the held-out rows, the initial weights and the order of the batches.
        With an int, every fit gives the same bits. None takes fresh entropy; no
        global generator is used or changed.

    verbose : int, default=0
        1 shows a bar with the epoch, the losses, the loss of the start (PCA's) and the
        time left; where output is no terminal or notebook, it prints one line at the
        end. 2 prints a line per epoch.
""",
    "fitted_attributes": """
    encoder_, decoder_ : keras.Model
        Standalone copies of the fitted networks, in the unit of the data; a ValueError
        where the means are so large that float32 cannot hold the deviations.

    history_ : dict of lists
        One value per epoch of "loss", "val_loss" (where rows are held out) and
        "learning_rate", and what callbacks add. Losses are in the squared unit of the
        data, in nats, or in the unit of the counts. Without values where PCA was exact
        and nothing was left to learn.

    n_iter_ : int
        Number of epochs run.

    best_epoch_ : int
        Number of epochs behind the weights kept; 0 is the start.

    initial_loss_, best_loss_ : float or None
        Validation loss of the start and of the weights kept, before a share as
        `encoding_dim` leaves codes out.

    mean_ : ndarray of shape sample_shape
        Mean of the training rows.

    encoding_dim_ : int
        Number of codes.

    explained_variance_ratio_ : ndarray of shape (n_codes,)
        Gain in the share of the variance of the training rows that reconstructions
        explain, as each code is added in turn and those after it are held at their mean
        (at zero with `nested_dropout`). It adds up to ``score(X)``, counted with the
        weights of the rows and, where given, on the clean rows. Where rows times
        codes exceed 131,072, the shares of single codes are those of a part of the
        rows. Set by `fit`, not by `partial_fit`.

    pca_score_ : float
        Share of the variance of the training rows that as many principal components
        explain. Set by a `fit` that starts at PCA, without missing values and without a
        link between codes and data, as cross-entropy and the Poisson deviance have it.

    compression_factor_ : float
        Number of features over number of codes.

    sample_shape_ : tuple of int
        Shape of one row.

    init_, optimizer_, learning_rate_, batch_size_, epochs_, validation_fraction_, \
patience_
        What was used, with every "auto" resolved.

    n_features_in_ : int
        Number of features seen in `fit`; of samples of several axes, the number of
        their values.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features; only where all are strings.
""",
}


def documented(estimator: _Documented) -> _Documented:
    """Fill in what the docstring of an estimator class shares with the others."""
    return filled_in(estimator, _SHARED)


def filled_in(item: _Documented, texts: dict[str, str]) -> _Documented:
    """Turn each line ``%(name)s`` of a docstring into the text of that name.

    The text gets the line's indentation: Python 3.13 removes what all lines have.
    """

    def text(line: re.Match) -> str:
        shared = textwrap.dedent(texts[line["name"]]).strip("\n")
        return textwrap.indent(shared, line["indentation"])

    if item.__doc__:  # python -OO has none
        item.__doc__ = _LINE.sub(text, item.__doc__)
    return item
