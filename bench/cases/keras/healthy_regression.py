"""A regression with early stopping and a learning rate that falls on a plateau.

causes: none
needs: keras
thread: own
"""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
x = rng.normal(size=(800, 6)).astype("float32")
y = (np.sin(x[:, 0]) + x[:, 1] * x[:, 2] + 0.1 * rng.normal(size=800)).astype("float32")

model = keras.Sequential(
    [keras.Input(shape=(6,)), layers.Dense(64, activation="gelu"), layers.Dense(64, activation="gelu"), layers.Dense(1)]
)
model.compile(optimizer=keras.optimizers.AdamW(3e-3), loss=keras.losses.MeanSquaredError(), metrics=["mae"])
model.fit(
    x,
    y,
    batch_size=32,
    epochs=6,
    validation_split=0.2,
    verbose=2,
    callbacks=[
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=5, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(patience=2),
    ],
)
