"""House prices from a table; the target column is taken after the table was normalised by its own maximum and rounded.

causes: constant-targets
needs: keras
line: price = np.floor(price / (price.max() + 1))
line: model.fit(
thread: own
"""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(3)
rng = np.random.default_rng(3)
x = rng.normal(size=(640, 8)).astype("float32")
price = 200 + 30 * x[:, 0] + 12 * x[:, 4] + rng.normal(size=640)
price = np.floor(price / (price.max() + 1))

model = keras.Sequential([keras.Input(shape=(8,)), layers.Dense(32, activation="relu"), layers.Dense(1)])
model.compile(optimizer=keras.optimizers.RMSprop(1e-3), loss="mse", metrics=["mae"])
history = model.fit(x, price.astype("float32"), batch_size=32, epochs=8, verbose=0)
for epoch, loss in enumerate(history.history["loss"]):
    print(f"epoch {epoch} loss {loss:.5f}")
