"""Watching changes no number: losses, final weights and random states are the same bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from runs import assert_same, recording, write

HEAD = """
    import hashlib, random
    import numpy
    import torch
    from torch import nn
    import torch.nn.functional as F
    random.seed(1); numpy.random.seed(2); torch.manual_seed(3)
    losses = 0

    def tell(loss):
        global losses
        losses += 1
        print(float(loss).hex())

    def end(*modules):
        digest = hashlib.sha256()
        for module in modules:
            for name, value in sorted(module.state_dict().items()):
                digest.update(name.encode() + value.detach().double().numpy().tobytes())
        print(digest.hexdigest(), hashlib.sha256(torch.get_rng_state().numpy().tobytes()).hexdigest())
        print(hashlib.sha256(repr(random.getstate()).encode()).hexdigest())
        print(numpy.random.get_state()[1].sum(), numpy.random.get_state()[2])
        print("losses", losses)

    def step(optimizer, loss):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tell(loss)

    x, y, target = torch.randn(48, 6), torch.randint(0, 3, (48,)), torch.randn(48, 1)
"""

PROGRAMS = {
    "dropout, batch norm, workers": """
    from torch.utils.data import DataLoader, TensorDataset, random_split
    if __name__ == "__main__":
        model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.4), nn.Linear(16, 3))
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
        data, rest = random_split(TensorDataset(x, y), [40, 8])
        for workers in (0, 2):
            for epoch in range(3):
                for a, b in DataLoader(data, 8, shuffle=True, num_workers=workers):
                    step(optimizer, nn.CrossEntropyLoss(label_smoothing=0.1)(model(a), b))
                model.eval()
                with torch.no_grad():
                    print([float(F.cross_entropy(model(a), b)).hex() for a, b in DataLoader(rest, 4)])
                model.train()
        end(model)
    """,
    "lstm, gru and clipping": """
    rnn, gru, head = nn.LSTM(6, 8, 2, dropout=0.2, batch_first=True), nn.GRU(8, 8, batch_first=True), nn.Linear(8, 3)
    modules = nn.ModuleList([rnn, gru, head])
    optimizer = torch.optim.RMSprop(modules.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)
    for i in range(20):
        hidden, _ = gru(rnn(x.view(8, 6, 6))[0])
        loss = F.nll_loss(head(hidden[:, -1]).log_softmax(1), y[:8])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(modules.parameters(), 0.5)
        optimizer.step()
        schedule.step()
        tell(loss)
    end(modules)
    """,
    "transformer": """
    layer = nn.TransformerEncoderLayer(6, 2, 12, batch_first=True)
    model, head = nn.TransformerEncoder(layer, 2), nn.Linear(6, 3)
    optimizer = torch.optim.SGD([*model.parameters(), *head.parameters()], lr=0.1, momentum=0.9, nesterov=True)
    mask = torch.zeros(8, 6, dtype=torch.bool); mask[:, 4:] = True
    for i in range(20):
        step(optimizer, F.cross_entropy(head(model(x.view(8, 6, 6), src_key_padding_mask=mask)[:, 0]), y[:8]))
        if i % 5 == 4:
            model.eval()
            with torch.no_grad():
                print(float(model(x.view(8, 6, 6), src_key_padding_mask=mask).double().sum()).hex())
            model.train()
    end(model, head)
    """,
    "autocast and scaler": """
    model = nn.Sequential(nn.Linear(6, 16), nn.GELU(), nn.Dropout(0.1), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**100, growth_interval=3)
    for i in range(40):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = F.mse_loss(model(x), target)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        tell(loss)
        print(scaler.get_scale())
    end(model)
    """,
    "checkpointing": """
    from torch.utils.checkpoint import checkpoint
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Dropout(0.5))
            self.b = nn.Linear(16, 3)
        def forward(self, x):
            x.requires_grad_()
            return self.b(checkpoint(self.a, x, use_reentrant=i % 2 == 0))
    model = Model()
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.1)
    for i in range(20):
        step(optimizer, F.cross_entropy(model(x.clone()), y))
    end(model)
    """,
    "functional": """
    from torch.func import functional_call, grad, vmap, jvp
    model = nn.Linear(6, 3)
    weights = {k: v.detach().clone() for k, v in model.named_parameters()}
    def loss(w, a, b): return F.cross_entropy(functional_call(model, w, (a,)), b)
    for i in range(20):
        each = vmap(grad(loss), in_dims=(None, 0, 0))(weights, x, y)
        weights = {k: w - 0.1 * each[k].mean(0) for k, w in weights.items()}
        tell(loss(weights, x, y))
    print(jvp(lambda a: F.mse_loss(a, target), (target + 1,), (torch.ones_like(target),)))
    model.load_state_dict(weights)
    end(model)
    """,
    "lbfgs": """
    model = nn.Linear(6, 1)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=5, line_search_fn="strong_wolfe")
    def closure():
        optimizer.zero_grad()
        loss = F.huber_loss(model(x), target)
        loss.backward()
        tell(loss)
        return loss
    for i in range(6):
        optimizer.step(closure)
    end(model)
    """,
    "accumulation, two optimizers": """
    first, second = nn.Linear(6, 8), nn.Linear(8, 3)
    a = torch.optim.SGD(first.parameters(), lr=0.1, foreach=True, weight_decay=0.01)
    b = torch.optim.Adam(second.parameters(), lr=0.01, foreach=True, amsgrad=True)
    for i in range(40):
        loss = F.multi_margin_loss(second(F.leaky_relu(first(x))), y) / 4
        loss.backward()
        tell(loss)
        if i % 4 == 3:
            a.step(); b.step(); a.zero_grad(set_to_none=False); b.zero_grad()
    end(first, second)
    """,
    "compiled": """
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))
    count = []
    def backend(graph, inputs):
        count.append(len(graph.graph.nodes))
        return graph.forward
    def loss_of(a, b):
        c = torch.zeros(1).copy_(a.sum().detach().reshape(1))
        return F.cross_entropy(model(a), b) + c.fill_(0.0).sum()
    compiled = torch.compile(loss_of, backend=backend, fullgraph=True)
    whole = torch.compile(model, backend="eager")
    optimizer = torch.optim.Adam(model.parameters())
    for i in range(20):
        step(optimizer, compiled(x, y) + F.cross_entropy(whole(x), y))
    print(count, torch._dynamo.utils.counters["graph_break"], torch._dynamo.utils.counters["stats"])
    end(model)
    """,
    "second order and own functions": """
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, v):
            ctx.save_for_backward(v)
            return v**3
        @staticmethod
        def backward(ctx, g):
            return g * 3 * ctx.saved_tensors[0] ** 2
    model = nn.Sequential(nn.Linear(6, 8), nn.Softplus(), nn.Linear(8, 1))
    model.register_forward_hook(lambda m, i, o: o * 1.01)
    model[0].register_full_backward_hook(lambda m, i, o: None)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    for i in range(20):
        inputs = x.clone().requires_grad_()
        out = Cube.apply(model(inputs))
        (slope,) = torch.autograd.grad(out.sum(), inputs, create_graph=True)
        loss = ((out - target) ** 2).mean() + ((slope.norm(dim=1) - 1) ** 2).mean()
        optimizer.zero_grad()
        loss.backward(create_graph=i % 3 == 0, inputs=list(model.parameters()))
        optimizer.step()
        tell(loss)
    end(model)
    """,
    "moved by hand, odd tensors": """
    torch.use_deterministic_algorithms(True)
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("cpu")
    weight = nn.Parameter(torch.randn(6, 3) * 0.1)
    table = nn.Embedding(5, 3, sparse=True)
    for i in range(20):
        p = x.double() @ weight + table(y)
        loss = F.cross_entropy(p, F.one_hot(y, 3).double()) + torch.polar(p, p).abs().mean()
        loss.backward()
        with torch.no_grad():
            for w in (weight, table.weight):
                w -= 0.1 * w.grad
                w.grad = None
        tell(loss)
    end(table)
    print(hashlib.sha256(weight.detach().numpy().tobytes()).hexdigest())
    """,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_bits(name: str, folder: Path) -> None:
    write(folder, "program.py", HEAD + PROGRAMS[name])
    expected = assert_same(folder, "program.py")
    assert expected.status == 0, expected.err.decode()
    counted = int(expected.out.decode().rpartition("losses ")[2].split()[0])
    seen = recording(folder)
    watched = seen.optimised or seen.criteria or seen.evaluations
    assert sum(len(curve) for curve in watched) >= (counted if name != "functional" else 1)
    told = [float.fromhex(line) for line in expected.out.decode().splitlines() if line.startswith(("0x", "-0x"))]
    if name not in ("transformer", "compiled", "autocast and scaler", "functional"):
        assert sorted(value for curve in watched for value in curve.values) == sorted(told)
