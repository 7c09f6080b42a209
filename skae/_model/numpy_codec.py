"""A network that NumPy computes: encode, decode, losses of rows."""

import numpy as np

from skae._model.mappings import Mappings


class NumpyCodec(Mappings):
    """The maps of one architecture, computed in NumPy.

    Parameters
    ----------
    architecture : Architecture
        Its objective gives the losses and what the decoder's outputs mean.

    graphs : tuple of Graph
        The encoder's and the decoder's.
    """

    def __init__(self, architecture, graphs):
        super().__init__(architecture)
        self.encoder, self.decoder = graphs
        n_weights = [len(graph.weights) for graph in graphs]
        n_weights.append(len(self.objective.variable_shapes(self.encoding_dim)))
        self._ends = np.cumsum(n_weights)

    @property
    def input_layers(self):
        """Positions of the kernels and biases that read the rows; see `InputLayers`."""
        operations = self.encoder.operations
        return [operations[i].weights for i in self.encoder.input_layers]

    def _encoder_outputs(self, standardized, weights):
        return self.encoder.run(standardized, weights[: self._ends[0]])

    def _encoder_outputs_from_sums(self, sums, weights):
        return self.encoder.run_from_products(sums, weights[: self._ends[0]])

    def _decoder_outputs(self, codes, weights):
        return self.decoder.run(codes, weights[self._ends[0] : self._ends[1]])
