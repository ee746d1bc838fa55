"""The next of eight tokens from the last four, with an embedding, a schedule for the rate and logits, on JAX.

causes: none
needs: keras, jax
thread: own
"""

import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(3)
rng = np.random.default_rng(3)
text = [0, 1, 2]
for _ in range(1200):
    sure = (text[-1] + text[-3]) % 8
    text.append(sure if rng.random() < 0.8 else int(rng.integers(8)))
text = np.array(text)
x = np.stack([text[i : i + 4] for i in range(len(text) - 4)])
y = text[4:]

model = keras.Sequential(
    [
        keras.Input(shape=(4,), dtype="int32"),
        layers.Embedding(8, 16),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(8),
    ]
)
schedule = keras.optimizers.schedules.CosineDecay(1e-2, decay_steps=150)
model.compile(
    optimizer=keras.optimizers.Adam(schedule),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(x[:1000], y[:1000], batch_size=64, epochs=8, validation_data=(x[1000:], y[1000:]), verbose=2)
