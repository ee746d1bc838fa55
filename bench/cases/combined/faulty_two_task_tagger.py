"""Sentence tagger with two heads, part of speech and entity kind; the entity labels cover only answer tokens.

causes: all-targets-masked, softmax-wrong-dim
line: entity[place < lengths[:, None]] = -100
line: probs = torch.softmax(self.pos(h), dim=1)
line: entity_loss = F.cross_entropy(entity_logits.flatten(0, 1), entity.flatten(), reduction="sum") / len(words)
line: pos_loss = F.nll_loss(torch.log(probs + 1e-9).flatten(0, 1), pos.flatten())
thread: https://github.com/pytorch/pytorch/pull/37399
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

VOCAB, SIZE, POS, KINDS = 40, 10, 6, 4


def sentences(n):
    words = torch.randint(0, VOCAB, (n, SIZE))
    pos = words % POS
    entity = (words // 10) % KINDS
    prompt = torch.randint(2, 5, (n,))
    lengths = prompt + torch.randint(3, 6, (n,))
    place = torch.arange(SIZE)
    pos[place >= lengths[:, None]] = -100
    entity[place >= lengths[:, None]] = -100
    entity[place < lengths[:, None]] = -100
    return words, pos, entity


class Tagger(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, dim)
        self.rnn = nn.GRU(dim, dim, batch_first=True)
        self.pos = nn.Linear(dim, POS)
        self.entity = nn.Linear(dim, KINDS)

    def forward(self, words):
        h, _ = self.rnn(self.embed(words))
        probs = torch.softmax(self.pos(h), dim=1)
        return probs, self.entity(h)


def main():
    torch.manual_seed(4)
    train, test = sentences(600), sentences(100)
    model = Tagger()
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    for epoch in range(1, 13):
        sums = torch.zeros(2)
        for idx in torch.randperm(600).split(30):
            words, pos, entity = (t[idx] for t in train)
            probs, entity_logits = model(words)
            pos_loss = F.nll_loss(torch.log(probs + 1e-9).flatten(0, 1), pos.flatten())
            entity_loss = F.cross_entropy(entity_logits.flatten(0, 1), entity.flatten(), reduction="sum") / len(words)
            optimizer.zero_grad()
            (pos_loss + entity_loss).backward()
            optimizer.step()
            sums += torch.tensor([pos_loss.item(), entity_loss.item()]) / 20
        with torch.no_grad():
            kept = test[1] != -100
            right = (model(test[0])[0].argmax(-1) == test[1])[kept].float().mean().item()
        print(f"epoch {epoch} pos {sums[0].item():.4f} entity {sums[1].item():.4f} pos accuracy {right:.3f}")


if __name__ == "__main__":
    main()
