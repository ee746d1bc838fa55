"""A watched program writes the same bytes and ends with the same status as a plain one."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from runs import Ended, assert_same, recording, write

TRAIN = """
    import torch
    from torch import nn
    import torch.nn.functional as F
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randn(16, 4), torch.randint(0, 3, (16,))
    for step in range(20):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step} loss {loss.item():.6f}")
"""

ENDS = {
    "training": TRAIN,
    "nothing": "",
    "without torch": "print('no torch here', sum(range(10)))",
    "syntax error": "print('never'\nx = = 1\n",
    "exit 3": "import sys; print('before'); sys.exit(3)",
    "exit message": "import sys; print('before'); sys.exit('it is over')",
    "exit none": "import sys; sys.exit(None)",
    "exit at once": "import os, sys; print('lost or not', flush=True); os._exit(4)",
    "exit without a status": "import os\ntry:\n    os._exit()\nexcept TypeError as e:\n    print(e)\n",
    "keyboard interrupt": "raise KeyboardInterrupt",
    "broken pipe of its own": "import signal, os; os.kill(os.getpid(), signal.SIGKILL)",
    "missing module": "import no_such_module_anywhere",
    "exception group": "raise ExceptionGroup('two', [ValueError(1), TypeError(2)])",
    "recursion": "def f(): f()\ntry:\n    f()\nexcept RecursionError as e:\n    print(e)\n",
}

LOOKS = {
    "itself": """
        import os, sys, __main__
        print(__file__, __name__, __doc__, __package__, __spec__, __cached__ if '__cached__' in globals() else None)
        print(sys.argv, sys.orig_argv[1:], sys.path, sys.flags, sys.warnoptions, sys._xoptions)
        print(sorted(sys.modules['__main__'].__dict__), __main__.__file__, type(__loader__).__name__)
        print(sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__, sys.stdin is sys.__stdin__)
        print(sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__)
        print(list(os.environ.items()), sys.executable, sys.prefix, 'sitecustomize' in sys.modules)
        print(os.path.dirname(__file__) in sys.path_importer_cache, sys.gettrace(), sys.getprofile())
    """,
    "its stack": """
        import inspect, traceback, sys, warnings, logging
        def f():
            traceback.print_stack()
            print([(s.filename, s.lineno, s.function) for s in inspect.stack()])
            warnings.warn('deep', stacklevel=50)
            logging.warning('with the stack', stack_info=True)
        f()
        depth = 0
        while True:
            try:
                sys._getframe(depth)
            except ValueError:
                break
            depth += 1
        print(depth)
    """,
    "threads": "import threading, signal; print([t.name for t in threading.enumerate()])\n"
    "print(threading.excepthook is threading.__excepthook__)\n"
    "print(signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), signal.pthread_sigmask(0, []))\n",
    "descriptors": "import os; print(sorted(set(os.listdir('/proc/self/fd')) & set('012')), os.getcwd(), os.listdir())",
    "its source": """
        import copy, dataclasses, inspect, io, pickle, torch
        from torch import nn
        @dataclasses.dataclass
        class Config:
            rate: float = 0.1
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(2, 2)
            def forward(self, x):
                return self.layer(x)
        print(inspect.getsource(Model), inspect.getsource(nn.functional.cross_entropy))
        print(inspect.signature(nn.functional.mse_loss), inspect.signature(nn.Module.__init__))
        print(nn.functional.mse_loss.__module__, nn.functional.mse_loss.__qualname__, nn.Module.__call__.__name__)
        print(pickle.loads(pickle.dumps(Config(0.5))))
        print(pickle.loads(pickle.dumps(nn.functional.cross_entropy)) is nn.functional.cross_entropy)
        model = Model()
        file = io.BytesIO()
        torch.save(model, file)
        file.seek(0)
        again = torch.load(file, weights_only=False)
        print(torch.equal(again.layer.weight, copy.deepcopy(model).layer.weight), type(again))
        print(len(pickle.dumps(model)), model, hash(type(model)) == hash(Model))
    """,
}

WRITES = {
    "streams": r"""
        import logging, sys
        logging.basicConfig(format='%(levelname)s:%(filename)s:%(lineno)d:%(funcName)s: %(message)s', level='INFO')
        for i in range(5):
            sys.stderr.write(f'\r{i * 20:3d}%|###')
            sys.stderr.flush()
            print('out', i, end='' if i % 2 else '\n')
            logging.getLogger('a.b').info('loss %.3f of %s', i / 7, object.__name__)
        sys.stdout.writelines(['a\n', 'b 1\n'])
        sys.stdout.buffer.write(b'\xff raw\n')
        print(sys.stdout.write('counted'), sys.stdout.encoding, sys.stdout.errors, sys.stdout.line_buffering)
        try:
            sys.stdout.write(3)
        except TypeError as e:
            print(e)
        class Tee:
            def __init__(self, stream): self.stream = stream
            def write(self, text): return self.stream.write(text.upper())
            def flush(self): self.stream.flush()
        sys.stdout = Tee(sys.stdout)
        print('through a tee 1.5')
    """,
    "at exit": """
        import atexit, sys, weakref
        atexit.register(print, 'first registered 1')
        atexit.register(print, 'second registered 2')
        class Last:
            def __del__(self):
                print('deleted at the end', 3)
        last = Last()
        last.itself = last
        sys.keeps = Last()
        weakref.finalize(last, print, 'finalised 4')
        import torch
    """,
    "excepthook": """
        import sys
        def hook(kind, value, trace):
            print('mine:', kind, value, trace.tb_lineno, file=sys.stderr)
            sys.__excepthook__(kind, value, trace)
        sys.excepthook = hook
        1 / 0
    """,
    "warnings": """
        import warnings, torch
        import torch.nn.functional as F
        def use():
            F.mse_loss(torch.zeros(3, 1), torch.zeros(3))
            torch.nn.L1Loss()(torch.zeros(3, 1), torch.zeros(3))
            torch.nn.KLDivLoss()(torch.zeros(3, 1), torch.zeros(3, 1))
            F.softmax(torch.zeros(3, 1))
        for _ in range(3):
            use()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            use()
            print([(w.filename, w.lineno, w.category) for w in caught])
    """,
}


@pytest.mark.parametrize("name", [*ENDS, *LOOKS, *WRITES])
def test_same_output_and_status(name: str, folder: Path) -> None:
    write(folder, "program.py", {**ENDS, **LOOKS, **WRITES}[name])
    assert_same(folder, "program.py", "--rate", "0.1", "-m", "--", "ünïcode")


def test_training_is_recorded_while_it_behaves_as_plain(folder: Path) -> None:
    write(folder, "program.py", TRAIN)
    assert_same(folder, "program.py")
    assert [len(curve) for curve in recording(folder).optimised] == [20]


def test_expected_statuses(folder: Path) -> None:
    """The programs above do end as their names say, so that equality means something."""
    seen: dict[str, Ended] = {}
    for name in ("exit 3", "exit message", "exit none", "exit at once", "syntax error", "keyboard interrupt"):
        write(folder, "program.py", ENDS[name])
        seen[name] = assert_same(folder, "program.py")
    assert [ended.status for ended in seen.values()] == [3, 1, 0, 4, 1, -2]
    assert seen["exit message"].err == b"it is over\n"


def test_paths_relative_to_another_folder(folder: Path) -> None:
    write(folder, "sub/data.txt", "42")
    write(folder, "sub/helper.py", "VALUE = 7\n")
    text = "import sys, helper\nprint(open('sub/data.txt').read(), helper.VALUE, __file__, sys.path[0], sys.argv)\n"
    write(folder, "sub/program.py", text)
    assert_same(folder, "sub/program.py", "a", "b")
    (folder / "link.py").symlink_to("sub/program.py")
    assert_same(folder, "./link.py")
    assert_same(folder, str(folder / "sub" / ".." / "sub" / "program.py"))


@pytest.mark.parametrize("own_path", [None, "", "lib", "lib:more"])
def test_modules_folders_and_pythonpath(folder: Path, own_path: str | None) -> None:
    """``-m``, a folder with ``__main__.py``; with and without a PYTHONPATH of the user's own."""
    text = """
        import os, sys
        print(__name__, __package__, __spec__ and __spec__.name, __file__, sys.argv, sys.path, sys.orig_argv[1:])
        print(os.environ.get('PYTHONPATH'), list(os.environ))
    """
    write(folder, "pack/__init__.py", "print('package')\n")
    write(folder, "pack/module.py", text)
    write(folder, "pack/__main__.py", text)
    more = {} if own_path is None else {"PYTHONPATH": own_path}
    assert_same(folder, "-m", "pack.module", "x", **more)
    assert_same(folder, "-m", "pack", "--flag", **more)
    assert_same(folder, "pack", "y", **more)


@pytest.mark.parametrize("own", [None, "import sys; sys.mine = 1\n"])
def test_sitecustomize_of_the_user(folder: Path, own: str | None) -> None:
    """Flatline comes in under that name; the user's own module is imported as ever, or as ever not found."""
    if own is not None:
        write(folder, "lib/sitecustomize.py", own)
    write(folder, "program.py", "import sys; print(sys.modules.get('sitecustomize'), getattr(sys, 'mine', 0))\n")
    assert_same(folder, "program.py", PYTHONPATH="lib")


NAMES = ("status", "click", "msgspec", "sqlite3", "queue", "linecache", "sysconfig", "datetime", "program", "array")


@pytest.mark.parametrize("place", ["beside the program", "on PYTHONPATH"])
def test_local_modules_with_names_that_we_use(folder: Path, place: str) -> None:
    where = "" if place == "beside the program" else "lib/"
    for name in NAMES:
        write(folder, f"{where}{name}.py", f"print('own {name}')\nVALUE = '{name}'\n")
    imports = "".join(f"import {name}; print({name}.VALUE, {name}.__file__)\n" for name in NAMES)
    write(folder, "main.py", imports)
    assert_same(folder, "main.py", PYTHONPATH="lib" if where else "")


def test_shadowed_helpers_do_not_stop_the_recording(folder: Path) -> None:
    for name in ("status", "click", "msgspec", "sqlite3", "program"):
        write(folder, f"{name}.py", "VALUE = 1\n")
    write(folder, "main.py", "import status, click, msgspec, sqlite3, program\n" + textwrap.dedent(TRAIN))
    assert_same(folder, "main.py")
    assert [len(curve) for curve in recording(folder).optimised] == [20]
    for data in ("json", "logging", "threading"):
        (folder / data).mkdir()
    assert_same(folder, "main.py")
