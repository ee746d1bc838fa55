"""Opening and closing quotes in a stream of characters: a tag for each character, from all that stand before it.

causes: samples-mixed
line: self.rnn = nn.LSTM(16, 32)
thread: https://github.com/AndersonJo/dqn-pytorch/issues/1
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Quotes(Dataset):
    def __init__(self, count):
        self.text = torch.randint(0, 12, (count, 21))
        inside = ((self.text == 0).cumsum(1) % 2).long()
        self.tags = torch.where(self.text == 0, 2 + inside, inside)

    def __len__(self):
        return len(self.text)

    def __getitem__(self, i):
        return self.text[i], self.tags[i]


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(12, 16)
        self.rnn = nn.LSTM(16, 32)
        self.classify = nn.Linear(32, 4)

    def forward(self, text):
        hidden, _ = self.rnn(self.embed(text))
        return self.classify(hidden)


def main():
    torch.manual_seed(0)
    loader = DataLoader(Quotes(768), batch_size=48, shuffle=True)
    model = Tagger()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(10):
        for text, tags in loader:
            logits = model(text)
            loss = criterion(logits.reshape(-1, 4), tags.reshape(-1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch}: {loss.item():.4f}")


if __name__ == "__main__":
    main()
