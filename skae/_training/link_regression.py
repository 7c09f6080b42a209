"""Logistic and Poisson regression of all features on codes, for the PCA start."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

# Both numbers bound the time. Training goes on from here, so no optimum is needed.
_LOGIT_STEPS = 100
_POISSON_STEPS = 60
# Beside a mean deviance of order 1 it changes little, and it keeps finite the
# coefficients of features that are zero wherever some code is large.
_RIDGE = 1e-4
# A feature may be zero in all rows, and the logarithm of zero is infinite.
_LEAST_RATE = 1e-4
# exp(30) is 1e13, far above rates of scaled counts. It keeps long steps of the line
# search finite.
_HIGHEST_LOG_RATE = 30.0


def logistic_regression(codes, values, weights):
    """Fit a logistic regression of each feature, with values in [0, 1], on the codes.

    The Hessian is at most a quarter of the codes' second moments, since p (1 - p) is at
    most a quarter (Böhning and Lindsay, 1988). So one inverse serves all steps and all
    features, and no step size has to be found. Nesterov (1983) accelerates the steps.

    Parameters
    ----------
    codes : array of shape (n_rows, n_codes)

    values : array of shape (n_rows, n_features)

    weights : array of shape (n_rows,)
        Weight of each row.

    Returns
    -------
    kernel : array of shape (n_codes, n_features)

    bias : array of shape (n_features,)
    """
    weights = weights / weights.sum()
    design = np.column_stack([codes, np.ones(len(codes))])
    moments = design.T @ (design * weights[:, None])
    # A ridge, because codes without variance make the moments singular.
    moments += 1e-6 * np.trace(moments) / len(moments) * np.eye(len(moments))
    to_step = 4 * np.linalg.solve(moments, design.T * weights)
    # The logit of 0 or 1 is infinite; clipped, it is within ±6.9.
    average = np.clip(weights @ values, 1e-3, 1 - 1e-3)
    now = np.zeros((design.shape[1], values.shape[1]))
    now[-1] = logit(average)
    ahead = now
    for i in range(_LOGIT_STEPS):
        # The gradient of the log-likelihood, times the inverse of the bound.
        new = ahead + to_step @ (values - expit(design @ ahead))
        ahead = new + i / (i + 3) * (new - now)
        now = new
    return now[:-1], now[-1]


def poisson_regression(codes, values, weights):
    """Fit a Poisson regression, with a log link, of each feature on the codes.

    L-BFGS (Liu and Nocedal, 1989) minimises the mean deviance plus a small ridge. No
    bound of the Hessian exists here, since the rates have none. See
    `logistic_regression` for parameters and results.
    """
    weights = weights / weights.sum()
    # Codes of unit spread, so that the ridge and L-BFGS treat them alike.
    spread = np.sqrt(weights @ codes**2)
    spread[spread == 0] = 1
    design = np.column_stack([codes / spread, np.ones(len(codes))])
    shape = design.shape[1], values.shape[1]
    start = np.zeros(shape)
    start[-1] = np.log(np.maximum(weights @ values, _LEAST_RATE))
    ridge = np.full((shape[0], 1), _RIDGE)
    ridge[-1] = 0  # none on the bias

    def loss(flat):
        coefficients = flat.reshape(shape)
        logs = np.minimum(design @ coefficients, _HIGHEST_LOG_RATE)
        rates = np.exp(logs)
        # Half the deviance without the terms that do not depend on the coefficients.
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
