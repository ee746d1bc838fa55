"""A training step of the program's own, as the guide for the torch backend writes it.

causes: none
needs: keras
thread: https://keras.io/guides/custom_train_step_in_torch/
"""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from keras import layers

keras.utils.set_random_seed(3)
rng = np.random.default_rng(3)
x = rng.random((640, 32)).astype("float32")
y = (x[:, :4].sum(1, keepdims=True) + 0.05 * rng.normal(size=(640, 1))).astype("float32")


class Own(keras.Model):
    def train_step(self, data):
        inputs, targets = data
        self.zero_grad()
        predicted = self(inputs, training=True)
        loss = self.compute_loss(y=targets, y_pred=predicted)
        loss.backward()
        weights = [v for v in self.trainable_weights]
        gradients = [v.value.grad for v in weights]
        with torch.no_grad():
            self.optimizer.apply(gradients, weights)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(targets, predicted)
        return {m.name: m.result() for m in self.metrics}


inputs = keras.Input(shape=(32,))
model = Own(inputs, layers.Dense(1)(layers.Dense(32, activation="relu")(inputs)))
model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="mse", metrics=["mae"])
model.fit(x, y, epochs=4, verbose=2)
