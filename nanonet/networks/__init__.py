"""Neural networks: their architectures, how one is fitted, and how it runs without Keras.

The only place of the package that imports Keras, and only inside functions, so that predicting
from a checkpoint never does.
"""
