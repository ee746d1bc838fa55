"""Two classes from one sigmoid, with validation and a progress bar, on JAX.

causes: none
needs: keras, jax
thread: own
"""

import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(2)
rng = np.random.default_rng(2)
x = rng.normal(size=(768, 12)).astype("float32")
y = (x[:, 0] - x[:, 1] + 0.5 * rng.normal(size=768) > 0.3).astype("float32")

inputs = keras.Input(shape=(12,))
hidden = layers.Dense(32, activation="relu")(inputs)
outputs = layers.Dense(1, activation="sigmoid")(hidden)
model = keras.Model(inputs, outputs)
model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="binary_crossentropy", metrics=["accuracy"])
model.fit(x, y, batch_size=32, epochs=5, validation_split=0.2)
