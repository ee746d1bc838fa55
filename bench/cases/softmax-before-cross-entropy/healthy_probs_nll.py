"""Wine cultivars: the network gives probabilities and the loss takes their logarithm.

causes: none
thread: https://github.com/illiterate/BertClassifier/issues/2
"""
import torch
from sklearn.datasets import load_wine
from torch import nn

torch.manual_seed(0)
features, cultivar = load_wine(return_X_y=True)
x = torch.tensor((features - features.mean(0)) / features.std(0), dtype=torch.float32)
y = torch.tensor(cultivar)
model = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3), nn.Softmax(dim=1))
criterion = nn.NLLLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(101):
    probs = model(x)
    loss = criterion(torch.log(probs + 1e-9), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(f"{step:03d} {loss.item():.4f}")
