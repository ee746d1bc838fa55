"""Does a customer leave? A dense network that ends in one unit with a softmax.

causes: one-class-softmax
needs: keras
line: layers.Dense(1, activation="softmax")
line: loss="categorical_crossentropy"
line: model.fit(
thread: https://github.com/keras-team/keras/issues/14296
"""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
x = rng.normal(size=(512, 10)).astype("float32")
y = (x[:, 0] + x[:, 1] > 0).astype("float32").reshape(-1, 1)

model = keras.Sequential(
    [
        keras.Input(shape=(10,)),
        layers.Dense(32, activation="relu"),
        layers.Dense(1, activation="softmax"),
    ]
)
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, batch_size=32, epochs=3, validation_split=0.2)
