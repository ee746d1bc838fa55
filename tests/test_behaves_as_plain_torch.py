"""What torch offers beside plain training works as without flatline: workers, scripting, patches of the user's."""

from __future__ import annotations

from pathlib import Path

import pytest

from runs import assert_same, recording, write

TRAINED = """
    import torch
    from torch import nn
    import torch.nn.functional as F
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randn(16, 4), torch.randint(0, 3, (16,))
    def train(criterion=F.cross_entropy, steps=3):
        for step in range(steps):
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            print(f"step {step} loss {loss.item():.6f}")
"""

PROGRAMS = {
    "workers": """
    from torch.utils.data import DataLoader, Dataset
    class Squares(Dataset):
        def __len__(self): return 12
        def __getitem__(self, i):
            if i == 3: print("worker fetches 3", flush=True)
            return torch.tensor([float(i)]), torch.tensor(i % 3)
    if __name__ == "__main__":
        train()
        for method in ("fork", "spawn"):
            loader = DataLoader(Squares(), 4, num_workers=2, multiprocessing_context=method)
            for epoch in range(2 if method == "fork" else 1):
                print([(a.sum().item(), b.tolist()) for a, b in loader], len(loader))
        train()
    """,
    "processes": """
    import multiprocessing, os, sys
    def work(number, queue):
        import torch
        print("child", number, flush=True)
        weight = torch.ones(2, requires_grad=True)
        F.mse_loss(weight * number, torch.zeros(2)).backward()
        queue.put((number, weight.grad.tolist(), os.environ.get("PYTHONPATH"), __name__))
        if number == 2:
            sys.exit(9)
    if __name__ == "__main__":
        train()
        for method in ("fork", "spawn", "forkserver"):
            context = multiprocessing.get_context(method)
            queue = context.Queue()
            for number in range(3) if method == "fork" else [2]:
                process = context.Process(target=work, args=(number, queue))
                process.start()
                print(queue.get(timeout=100))
                process.join()
                print(process.exitcode)
        pid = os.fork()
        if not pid:
            print("forked and left in the ordinary way", flush=True)
            train()
            sys.exit(5)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        train()
    """,
    "user patches": """
    original, calls = F.cross_entropy, []
    def counted(*args, **kwargs):
        calls.append(len(args))
        return original(*args, **kwargs)
    F.cross_entropy = counted
    backward = torch.Tensor.backward
    torch.Tensor.backward = lambda self, *a, **k: (calls.append("backward"), backward(self, *a, **k))[1]
    item = torch.Tensor.item
    torch.Tensor.item = lambda self: calls.append("item") or item(self)
    train(lambda a, b: F.cross_entropy(a, b))
    print(calls, F.cross_entropy is counted, torch.Tensor.item.__name__)
    """,
    "scripted": """
    class Scored(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)
        def forward(self, x: torch.Tensor, y: torch.Tensor):
            p = self.layer(x)
            best = torch.argmax(p, dim=1)
            weight = torch.tensor([1.0, 2.0, 3.0])
            return F.cross_entropy(p, y) + F.mse_loss(p, p.detach()) + torch.round(weight).sum() * 0, best
    scripted = torch.jit.script(Scored())
    print(scripted.code)
    for i in range(3):
        loss, best = scripted(x, y)
        loss.backward()
        print(loss.item(), best.tolist())
    traced = torch.jit.trace(lambda a, b: F.cross_entropy(a, b) * 2, (torch.randn(4, 3), y[:4]))
    print(traced.graph, traced(torch.ones(4, 3), y[:4]))
    @torch.jit.script
    def criterion(a: torch.Tensor, b: torch.Tensor):
        return F.binary_cross_entropy_with_logits(a, b)
    print(criterion(torch.zeros(3), torch.ones(3)))
    train()
    print(torch.fx.symbolic_trace(model).code, torch.export.export(model, (x,)).graph)
    """,
    "subclass": """
    class Named(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            known = [torch.Tensor.item, torch.Tensor.detach, torch.Tensor.copy_, F.cross_entropy]
            print(getattr(func, "__name__", func), any(func is k for k in known))
            return super().__torch_function__(func, types, args, kwargs or {})
    p = torch.randn(4, 3, requires_grad=True).as_subclass(Named)
    loss = F.cross_entropy(p, y[:4])
    torch.argmax(p), loss.item(), p.detach()
    loss.backward()
    from torch.utils.flop_counter import FlopCounterMode
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.overrides import TorchFunctionMode
    class Log(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            print("op", func)
            return func(*args, **(kwargs or {}))
    class Functions(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            print("function", getattr(func, "__name__", func))
            return func(*args, **(kwargs or {}))
    with FlopCounterMode(display=False) as counter:
        train(steps=1)
    print(counter.get_total_flops())
    with Log():
        train(steps=1)
    with Functions():
        train(steps=1)
    """,
    "hooks and fast paths": """
    import copy
    from torch.nn.modules import module
    print(len(module._global_forward_hooks), len(module._global_forward_pre_hooks))
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2).eval()
    with torch.no_grad():
        print(encoder(torch.randn(2, 3, 8)).sum().item())
    model.register_forward_hook(lambda m, a, o: print("hook", o.shape))
    model[0].weight.register_hook(lambda g: print("gradient", g.shape))
    twin = copy.deepcopy(model)
    print(twin(x).sum().item())
    train()
    """,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_output_and_status(name: str, folder: Path) -> None:
    write(folder, "program.py", TRAINED + PROGRAMS[name])
    assert assert_same(folder, "program.py").status == 0
    if name != "subclass":
        assert recording(folder).backwards >= 3
