"""Which networks can have their codes in order, and which codes to warn of."""

from skae._model.coordinates import CodeLayers
from skae._runtime.warnings import warn

# Activations that commute with a positive factor, so that codes can be scaled.
_SCALABLE = ("linear", "relu")


def check_order(fraction, codec, goes_on, searches=False):
    """Raise a ValueError if codes cannot be changed as the parameters ask.

    Parameters
    ----------
    fraction : float or None
        Fraction of the variance that as few codes as possible are to explain.

    codec : Codec
        Of the network.

    goes_on : bool
        Whether this goes on from an earlier fit.

    searches : bool, default=False
        Whether nested codes are there to choose their number.
    """
    network, objective = codec.architecture.network, codec.objective
    activation = network.code_activation
    nested = "encoding_dim='auto'" if searches else "nested_dropout=True"
    wishes = {
        "whiten=True": (objective.whiten, _SCALABLE),
        nested: (objective.nested_dropout, ("linear",)),
        f"encoding_dim={fraction}": (fraction is not None and not searches, _SCALABLE),
    }
    can_change = CodeLayers(codec.encoder, codec.decoder).can_change
    for name, (is_wish, activations) in wishes.items():
        if is_wish and not (can_change and activation in activations):
            raise ValueError(
                f"{name} needs a dense code with the activation "
                f"{' or '.join(map(repr, activations))} in one of skae's own networks, "
                f"which {network!r} does not have. Change the network, or leave "
                f"{name.partition('=')[0]} at its default."
            )
    if objective.whiten and objective.l1_activity and goes_on:
        raise ValueError(
            "l1_activity cannot go on from codes that whiten=True has scaled. Fit anew "
            "with warm_start=False, or leave whiten=False."
        )


def check_parts(objective):
    """Raise a ValueError where codes cannot be changed without seeing all rows."""
    if objective.whiten:
        raise ValueError(
            "partial_fit cannot give codes a variance of one, since it never sees all "
            "rows. Fit anew with whiten=False, or use fit."
        )


def warn_if_short(ratios, fraction):
    """Warn if codes explain less of the variance than the fraction asked for."""
    explained = ratios.sum()
    if explained < fraction:
        warn(
            f"The codes explain {explained:.3g} of the variance, less than "
            f"encoding_dim={fraction:g}; all are kept. Train longer, or give a number "
            "of codes."
        )


def warn_if_constant(codes):
    """Warn if there are more `OrderedCodes` than the rows can fill.

    Those of variational fits have a warning of their own.
    """
    codec, n_constant = codes.fitted.codec, codes.n_constant
    if n_constant and codec.objective.outputs_per_code == 1:
        n_codes = codec.encoding_dim
        n_filled = max(n_codes - n_constant, 1)
        network = codec.architecture.network
        state = "zero" if network.code_activation == "linear" else "constant"
        warn(
            f"{n_constant} of {n_codes} codes are {state} for all rows: encoding_dim "
            f"exceeds the rows or features of X, which fill {n_filled}. Set "
            f"encoding_dim={n_filled} or less."
        )
