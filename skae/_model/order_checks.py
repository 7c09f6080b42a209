"""Which networks can have their codes in order, cut or whitened."""

from skae._model.coordinates import CodeLayers

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
