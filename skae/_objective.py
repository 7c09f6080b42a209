"""Objectives: what an autoencoder learns to do."""

import dataclasses

from skae import _backend


@dataclasses.dataclass(frozen=True)
class Objective:
    """What one row costs.

    Parameters
    ----------
    loss : {"mse", "binary_crossentropy"}
        Mean over the features of the squared error, or of the cross-entropy in nats
        with the decoder's outputs as logits.

    l1_activity : float
        Weight of the sum of the absolute codes.
    """

    loss: str = "mse"
    l1_activity: float = 0.0

    @property
    def has_logits(self):
        """Whether the decoder's outputs are logits of values in [0, 1]."""
        return self.loss == "binary_crossentropy"

    @property
    def is_plain_error(self):
        """Whether the loss is zero where the reconstruction is exact."""
        return not self.has_logits and not self.l1_activity

    def row_losses(self, targets, codes, outputs):
        """Return the loss of each row, shape (n_rows,)."""
        ops = _backend.load()[0].ops
        if self.has_logits:
            losses = _mean_per_row(ops.softplus(outputs) - targets * outputs)
        else:
            losses = _mean_per_row(ops.square(outputs - targets))
        if self.l1_activity:
            losses += self.l1_activity * ops.sum(ops.abs(codes), axis=-1)
        return losses

    def squared_errors(self, targets, outputs):
        """Return each row's mean squared error of reconstruction, shape (n_rows,)."""
        ops = _backend.load()[0].ops
        return _mean_per_row(ops.square(self.reconstructions(outputs) - targets))

    def reconstructions(self, outputs):
        """Turn the decoder's outputs into values of the network's scale."""
        ops = _backend.load()[0].ops
        return ops.sigmoid(outputs) if self.has_logits else outputs


def _mean_per_row(values):
    """Average over all axes but the first."""
    ops = _backend.load()[0].ops
    return ops.mean(values, axis=tuple(range(1, len(values.shape))))
