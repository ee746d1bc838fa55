"""Rows are sorted by one column for a plot, and the labels are not.

causes: inputs-unrelated
needs: keras, jax
line: x = x[np.argsort(x[:, 0])]
line: model.fit(
thread: own
"""

import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(4)
rng = np.random.default_rng(4)
centres = rng.normal(size=(3, 8))
y = rng.integers(0, 3, 960)
x = (centres[y] + 0.7 * rng.normal(size=(960, 8))).astype("float32")
x = x[np.argsort(x[:, 0])]

model = keras.Sequential(
    [keras.Input(shape=(8,)), layers.Dense(32, activation="relu"), layers.Dense(3, activation="softmax")]
)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, batch_size=64, epochs=8, verbose=2)
