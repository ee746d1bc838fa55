"""Programs that are started by torchrun or by ``accelerate launch``: the processes that these start are recorded.

``flatline run -m torch.distributed.run --nproc-per-node 2 train.py`` watches the starter, which trains nothing. Both
start their ranks through one class of torch's; each rank is given what it takes to be recorded beside the starter.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from flatline.changes import decode
from flatline.environment import Program, watched_environment
from flatline.observe.imports import AfterImport
from flatline.observe.patching import Patches, unseen
from flatline.processes import rank_store

# https://docs.pytorch.org/docs/stable/elastic/multiprocessing.html
HANDLER = "torch.distributed.elastic.multiprocessing.subprocess_handler.subprocess_handler"
ACCELERATE = "accelerate.commands.launch"
# How they are called as a command, and as a module.
COMMANDS = {"torchrun": "torch.distributed.run", "accelerate": "accelerate.commands.accelerate_cli"}
_MODULES = {*COMMANDS.values(), "torch.distributed.launch", ACCELERATE}


def is_starter(program: Program) -> bool:
    """Whether a program starts others that train.

    >>> is_starter(Program(["python3"], True, ["torch.distributed.run", "train.py"]))
    True
    >>> is_starter(Program(["python3"], False, ["train.py"]))
    False
    """
    return program.argv[0] in _MODULES if program.module else os.path.basename(program.argv[0]) in COMMANDS


def follow_starter(patches: Patches, starter: Program, settings: Mapping[str, Any]) -> None:
    """Records the ranks that this process starts through torch's elastic agent.

    Each has ``starter`` on record as its program: that is what would start all of them again.
    """

    def elastic() -> None:
        handler = sys.modules[HANDLER].SubprocessHandler
        patches.replace(handler, "_popen", lambda original: _starting(original, starter, settings))

    def single() -> None:
        launch = sys.modules[ACCELERATE]
        patches.replace(
            launch, "prepare_simple_launcher_cmd_env", lambda original: _preparing(original, starter, settings)
        )

    AfterImport({HANDLER: elastic, ACCELERATE: single}).start()


def _starting(original: Callable[..., Any], starter: Program, settings: Mapping[str, Any]) -> Callable[..., Any]:
    def _popen(self: Any, args: Sequence[str], env: dict[str, str]) -> Any:
        return original(self, args, _recorded(list(args), env, env.get("RANK", ""), starter, settings))

    return unseen(_popen, original)


def _preparing(original: Callable[..., Any], starter: Program, settings: Mapping[str, Any]) -> Callable[..., Any]:
    """``accelerate launch`` of one process does without torch's agent."""

    def prepare_simple_launcher_cmd_env(*args: Any, **kwargs: Any) -> Any:
        command, env = original(*args, **kwargs)
        return command, _recorded(command, env, "0", starter, settings)

    return unseen(prepare_simple_launcher_cmd_env, original)


def _recorded(
    args: list[str], env: dict[str, str], rank: str, starter: Program, settings: Mapping[str, Any]
) -> dict[str, str]:
    try:
        return {**env, **_environment(args, env, rank, starter, settings)}
    except Exception as error:
        # The rank must start; it is not recorded.
        print(f"flatline: this rank is not recorded: {type(error).__name__}: {error}", file=sys.__stderr__)
        return env


def _environment(
    args: list[str], env: Mapping[str, str], rank: str, starter: Program, settings: Mapping[str, Any]
) -> dict[str, str]:
    """What a rank's environment needs; nothing for a rank that is no Python program, which could not be recorded."""
    program = _program(args)
    if program is None or not rank.isdecimal():
        return {}
    changes = decode(settings["changes"]) if settings["changes"] else []
    store = Path(rank_store(settings["store"], int(rank)))
    ours = {"BUDGET": str(settings["budget"]), "STARTER": msgspec.json.encode(starter).decode()}
    if settings["check"] is not None:
        ours["CHECK"] = settings["check"]
    return watched_environment(
        program, store, os.getcwd(), env, changes=changes, steps=settings["limit"], settings=ours
    )


def _program(args: list[str]) -> Program | None:
    """The Python program that a command runs; None when it runs none.

    >>> import sys
    >>> program = _program([sys.executable, "-u", "-m", "train", "--lr", "1"])
    >>> program.module, program.argv
    (True, ['train', '--lr', '1'])
    >>> _program(["bash", "train.sh"])
    """
    # Before the interpreter there may be what binds it to a part of the machine (numactl).
    at = next((i for i, word in enumerate(args) if os.path.realpath(word) == os.path.realpath(sys.executable)), None)
    if at is None:
        return None
    first = at + 1
    while first < len(args) and args[first].startswith("-") and args[first] != "-m":
        first += 1
    module = args[first : first + 1] == ["-m"]
    rest = args[first + module :]
    return Program(args[:first], module, rest) if rest else None
