"""Regressions of all features on codes at once, through a link, for the PCA start."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

_LOGIT_STEPS = 100
_POISSON_STEPS = 60
_RIDGE = 1e-4
_LEAST_RATE = 1e-4
_HIGHEST_LOG_RATE = 30.0


def logistic_regression(codes, values, weights):
    """Regress values in [0, 1] on codes, each feature through its own logit.

    The Hessian is bounded by a quarter of the codes' second moments (Böhning and
    Lindsay, 1988), so one inverse serves all steps and all features; the steps are
    accelerated (Nesterov, 1983).

    Parameters
    ----------
    codes : array of shape (n_rows, n_codes)

    values : array of shape (n_rows, n_features)

    weights : array of shape (n_rows,)
        What each row counts.

    Returns
    -------
    kernel : array of shape (n_codes, n_features)

    bias : array of shape (n_features,)
    """
    weights = weights / weights.sum()
    design = np.column_stack([codes, np.ones(len(codes))])
    moments = design.T @ (design * weights[:, None])
    moments += 1e-6 * np.trace(moments) / len(moments) * np.eye(len(moments))
    to_step = 4 * np.linalg.solve(moments, design.T * weights)
    average = np.clip(weights @ values, 1e-3, 1 - 1e-3)
    now = np.zeros((design.shape[1], values.shape[1]))
    now[-1] = logit(average)
    ahead = now
    for i in range(_LOGIT_STEPS):
        new = ahead + to_step @ (values - expit(design @ ahead))
        ahead = new + i / (i + 3) * (new - now)
        now = new
    return now[:-1], now[-1]


def poisson_regression(codes, values, weights):
    """Regress counts on codes, each feature through the logarithm of its rate.

    The mean Poisson deviance and a small ridge are minimised by L-BFGS (Liu and
    Nocedal, 1989). See `logistic_regression` for parameters and results.
    """
    weights = weights / weights.sum()
    spread = np.sqrt(weights @ codes**2)
    spread[spread == 0] = 1
    design = np.column_stack([codes / spread, np.ones(len(codes))])
    shape = design.shape[1], values.shape[1]
    start = np.zeros(shape)
    start[-1] = np.log(np.maximum(weights @ values, _LEAST_RATE))
    ridge = np.full((shape[0], 1), _RIDGE)
    ridge[-1] = 0

    def loss(flat):
        coefficients = flat.reshape(shape)
        logs = np.minimum(design @ coefficients, _HIGHEST_LOG_RATE)
        rates = np.exp(logs)
        total = weights @ (rates - values * logs).sum(axis=1)
        total += (ridge * coefficients**2).sum() / 2
        gradient = design.T @ ((rates - values) * weights[:, None])
        return total, (gradient + ridge * coefficients).ravel()

    found = minimize(
        loss,
        start.ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _POISSON_STEPS},
    ).x.reshape(shape)
    return found[:-1] / spread[:, None], found[-1]
