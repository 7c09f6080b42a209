"""Fully connected autoencoders: simple, deep and sparse."""

from skae import _defaults, _validation
from skae._base import BaseAutoencoder
from skae._objective import Objective
from skae.networks import DenseNetwork


class AutoencoderTransformer(BaseAutoencoder):
    """Dimensionality reduction by an autoencoder that starts as PCA.

    Encoder and decoder are each a linear map plus a neural network. The linear maps
    start as the principal axes of the training rows and the networks at zero, so
    training begins at PCA; it ends with the weights that reconstruct held-out rows
    best, and falls back to PCA where no others do so by more than chance.

    Like PCA, it centres the features and keeps their relative variances; the unit of
    the data does not matter. Codes and reconstructions are in the unit of the data.

    Parameters
    ----------
    encoding_dim : int, default=32
        Number of codes. It may exceed the number of features or rows.

    hidden_layer_sizes : int, tuple of int or "auto", default="auto"
        Units of the encoder's hidden layers, from the input to the code; the decoder
        mirrors them. ``()`` is the simple autoencoder without hidden layers. "auto"
        is one layer of 256 units.

    activation : str, default="relu"
        Name of the Keras activation of the hidden layers.

    code_activation : {"linear", "relu", "tanh", "sigmoid"}, default="linear"
        Activation of the code. "relu" with ``init="random"`` is the classic
        autoencoder.

    l1_activity : float, default=0.0
        Weight of the sum of the absolute codes of a row, added to its loss: the
        larger, the sparser the codes. In units of the standardised data.

    loss : {"mse", "binary_crossentropy"}, default="mse"
        What training minimises: the mean squared error over the features, or their
        mean cross-entropy in nats, for data in [0, 1]. With "binary_crossentropy" the
        data enter as they are, the decoder ends in a sigmoid (trained on logits), and
        the start is PCA's code with a logistic regression from it to the data.

    init : {"pca", "random"}, default="pca"
        Where training starts. "random" gives the plain network of the textbooks,
        without linear maps beside the hidden layers.

    optimizer : str or keras.optimizers.Optimizer, default="auto"
        Keras optimizer, by name or as an instance, which is copied. "auto" is Adam.

    learning_rate : float or "auto", default="auto"
        Largest learning rate of the schedule. "auto" is 0.01 for Adam and its kin,
        and the optimizer's own for others and for instances. With ``init="pca"``,
        steps are measured in what PCA leaves unexplained.

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
        Keras callbacks, driven as Keras would drive them. Copies are used, so the
        instances stay as they are; what they would collect is in `history_`. Their
        ``model`` works in the network's scale, before it is wrapped as `encoder_` and
        `decoder_`. A learning rate that a callback sets is multiplied by the schedule;
        ``learning_rate_schedule="constant"`` leaves it alone.

    warm_start : bool, default=False
        Whether another call of `fit` continues from the present weights, with a new
        optimizer.

    random_state : int, RandomState instance or None, default=None
        Seed of the held-out rows, the initial weights and the order of the batches.
        With an int, every fit gives the same bits. None takes fresh entropy; no
        global generator is used or changed.

    verbose : int, default=0
        Above 0, prints a line per epoch.

    Attributes
    ----------
    encoder_, decoder_ : keras.Model
        Standalone copies of the fitted networks, in the unit of the data.

    history_ : dict of lists
        One value per epoch of "loss", "val_loss" (where rows are held out) and
        "learning_rate", and what callbacks add. Losses are in the squared unit of the
        data, or in nats. Without values where PCA was exact and nothing was left to
        learn.

    n_iter_ : int
        Number of epochs run.

    best_epoch_ : int
        Number of epochs behind the weights kept; 0 is the start.

    initial_loss_, best_loss_ : float or None
        Validation loss of the start (PCA's with ``init="pca"``) and of the weights
        kept.

    mean_ : ndarray of shape (n_features,)
        Mean of the training rows.

    compression_factor_ : float
        Number of features over number of codes.

    sample_shape_ : tuple of int
        Shape of one row.

    hidden_layer_sizes_, optimizer_, learning_rate_, batch_size_, epochs_, \
validation_fraction_, patience_
        What was used, with every "auto" resolved.

    n_features_in_ : int
        Number of features seen in `fit`.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features; only where all are strings.

    See Also
    --------
    sklearn.decomposition.PCA : The linear start of this estimator.

    References
    ----------
    Hinton and Salakhutdinov (2006), Reducing the dimensionality of data with neural
    networks, Science 313.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = AutoencoderTransformer(8, epochs=5, random_state=0).fit(X)
    >>> autoencoder.transform(X).shape
    (1797, 8)
    """

    _parameter_constraints = {
        "encoding_dim": [_validation.COUNT],
        "hidden_layer_sizes": [_validation.AUTO, _validation.COUNT, tuple, list],
        "activation": [str],
        "code_activation": [
            _validation.StrOptions({"linear", "relu", "tanh", "sigmoid"})
        ],
        "l1_activity": [_validation.NOT_NEGATIVE],
        **_validation.SHARED_CONSTRAINTS,
    }

    _network_parameters = ("hidden_layer_sizes",)

    def __init__(
        self,
        encoding_dim=32,
        *,
        hidden_layer_sizes="auto",
        activation="relu",
        code_activation="linear",
        l1_activity=0.0,
        loss="mse",
        init="pca",
        optimizer="auto",
        learning_rate="auto",
        learning_rate_schedule="cosine",
        batch_size="auto",
        epochs="auto",
        validation_fraction="auto",
        early_stopping=True,
        patience="auto",
        callbacks=None,
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        self.encoding_dim = encoding_dim
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.code_activation = code_activation
        self.l1_activity = l1_activity
        self.loss = loss
        self.init = init
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.learning_rate_schedule = learning_rate_schedule
        self.batch_size = batch_size
        self.epochs = epochs
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.patience = patience
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def _check_parameters(self):
        """Check what the constraints cannot say."""
        _validation.check_activation("activation", self.activation)

    def _network(self, sample_shape):
        sizes = self.hidden_layer_sizes
        if isinstance(sizes, str):
            sizes = _defaults.HIDDEN_LAYER_SIZES
        return DenseNetwork(
            _validation.check_layer_sizes("hidden_layer_sizes", sizes),
            activation=self.activation,
            code_activation=self.code_activation,
            linear_shortcut=self.init == "pca",
        )

    def _objective(self):
        return Objective(self.loss, float(self.l1_activity))
