"""Two interleaved spirals, on JAX; the last layer has a sigmoid and the loss is told to expect logits.

causes: double-sigmoid
needs: keras, jax
line: layers.Dense(1, activation="sigmoid")
line: from_logits=True
line: model.fit(
thread: own
"""

import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
angle = 3 * rng.random(600)
label = rng.integers(0, 2, 600)
x = np.stack([angle * np.cos(angle + np.pi * label), angle * np.sin(angle + np.pi * label)], 1)
x = (x + 0.1 * rng.normal(size=x.shape)).astype("float32")

inputs = keras.Input(shape=(2,))
hidden = layers.Dense(48, activation="relu")(inputs)
hidden = layers.Dense(48, activation="relu")(hidden)
outputs = layers.Dense(1, activation="sigmoid")(hidden)
model = keras.Model(inputs, outputs)
model.compile(
    optimizer=keras.optimizers.Adam(1e-2),
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[keras.metrics.BinaryAccuracy()],
)
model.fit(x, label.astype("float32"), batch_size=32, epochs=6, verbose=2)
