"""How the gallery saves the examples' pictures."""

import matplotlib.pyplot as plt


def save_without_margins(gallery_conf, name):
    """Cut the white around pictures off, so that they are larger on a phone."""
    plt.rcParams["savefig.bbox"] = "tight"
