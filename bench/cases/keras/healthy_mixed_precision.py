"""Two classes from one sigmoid, in mixed bfloat16 precision, gradients accumulated over two batches.

causes: none
needs: keras
thread: own
"""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(2)
keras.mixed_precision.set_global_policy("mixed_bfloat16")
rng = np.random.default_rng(2)
x = rng.normal(size=(768, 12)).astype("float32")
y = (x[:, 0] - x[:, 1] + 0.5 * rng.normal(size=768) > 0.3).astype("float32")

inputs = keras.Input(shape=(12,))
hidden = layers.Dense(32, activation="relu")(inputs)
outputs = layers.Dense(1, activation="sigmoid", dtype="float32")(hidden)
model = keras.Model(inputs, outputs)
model.compile(
    optimizer=keras.optimizers.Adam(5e-3, gradient_accumulation_steps=2),
    loss=keras.losses.BinaryCrossentropy(),
    metrics=["accuracy"],
)
model.fit(x, y, batch_size=16, epochs=4, verbose=2)
