"""Keeps passwords, tokens and keys out of records, and so out of reports.

What is hidden: values of arguments and of environment variables whose names say that they are secret, passwords in
addresses, and what has the shape of a token of a well-known service. Shapes are those that the services publish, such as
https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github,
https://huggingface.co/docs/hub/security-tokens and https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html.
A secret that has no such name and no such shape cannot be told from other text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from flatline.observe import events as e

HIDDEN = "[hidden]"
# A name that ends in one of these holds a secret, unless another word before it makes it a part of a vocabulary.
_NAME = re.compile(
    r"(?i)(?:^|.*[-_.])(?:(?:api|access|secret|private|auth|signing|encryption|account|license|wandb|openai|comet|neptune)"
    r"[-_.]?key|apikey|token|secret|password|passwd|passphrase|pwd|credentials?)$"
)
_VOCABULARY = re.compile(
    r"(?i)(?:^|[-_.])(?:pad|eos|bos|unk|mask|sep|cls|start|end|stop|special|new|next|last|first|max|min|num|n|per|image|prefix|"
    r"class|extra|blank|sot|eot|empty)[-_.]token$"
)
_SHAPE = re.compile(
    r"(?<![\w-])(?:gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_\w{20,255}|glpat-[\w-]{20,255}|hf_[A-Za-z0-9]{20,255}"
    r"|sk-[\w-]{20,255}|xox[abeoprs]-[\w-]{10,255}|A[KS]IA[0-9A-Z]{16}(?!\w)|AIza[\w-]{35}(?!\w)|npm_[A-Za-z0-9]{36}(?!\w)"
    r"|pypi-[\w-]{50,255}|eyJ[\w-]{10,2000}\.eyJ[\w-]{10,2000}\.[\w-]{10,2000})"
)
_ADDRESS = re.compile(r"(://[^/\s:@'\"]{0,200}:)([^/\s@'\"]{1,200})(?=@)")
_QUERY = re.compile(r"(?i)([?&](?:access_token|token|api_?key|key|password|secret|sig|signature)=)[^&\s'\"#]{1,500}")
_QUOTED = re.compile(
    r"(?i)((?<![a-z])(?:api_?key|access_?key|secret_?key|secret|password|passwd|(?:access|auth|api|hub|hf)_?token|token)"
    r"['\"]?\s{0,4}[=:]\s{0,4}['\"])[^'\"\s]{6,200}(?=['\"])"
)
_PEM = re.compile(r"(-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----).{1,8000}?(?=-----END )", re.DOTALL)
# So that a line that holds none of these words is not looked at further.
_ANY = re.compile(
    r"(?i)://|gh[pousr]_|github_pat|glpat-|hf_|sk-|xox|a[ks]ia|aiza|npm_|pypi-|eyj|key|token|secret|passw|private"
)
_LEAST_LENGTH = 8


def is_secret(name: str) -> bool:
    """Whether a name says that its value is secret.

    >>> [is_secret(n) for n in ("--api-key", "WANDB_API_KEY", "hf_token", "--pad-token", "--tokens", "--key")]
    [True, True, True, False, False, False]
    """
    return bool(_NAME.match(name)) and not _VOCABULARY.search(name)


class Secrets:
    """Hides secrets in text.

    Args:
        environment: the variables of the program; the values of those with a secret name are hidden wherever they stand.

    >>> secrets = Secrets({"WANDB_API_KEY": "0123456789abcdef"})
    >>> secrets.arguments(["train.py", "--api-key", "X", "--lr=1", "--token=Y1", "https://me:pw@host/"])
    ['train.py', '--api-key', '[hidden]', '--lr=1', '--token=[hidden]', 'https://me:[hidden]@host/']
    >>> secrets.text("logged in with 0123456789abcdef")
    'logged in with [hidden]'
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._values: list[str] = []
        self._learn(value for name, value in (environment or {}).items() if is_secret(name))

    def _learn(self, values: Iterable[str]) -> None:
        """Values to be hidden wherever they stand; the longest first, since one may hold another."""
        found = {*self._values, *filter(_could_be_secret, values)}
        self._values = sorted(found, key=lambda value: (-len(value), value))

    def text(self, text: str) -> str:
        """The text without secrets; the number of its lines stays."""
        for value in self._values:
            text = text.replace(value, HIDDEN)
        if not _ANY.search(text):
            return text
        for pattern in (_ADDRESS, _QUERY, _QUOTED):
            text = pattern.sub(rf"\1{HIDDEN}", text)
        text = _PEM.sub(lambda match: match[1] + HIDDEN + "\n" * match[0].count("\n"), text)
        return _SHAPE.sub(HIDDEN, text)

    def arguments(self, arguments: list[str]) -> list[str]:
        """The arguments of a program without secrets: ``--api-key X``, ``--token=X``, ``login.password=X``."""
        hidden = self._hidden_values(arguments)
        return [
            argument.removesuffix(value) + HIDDEN if value else self.text(argument)
            for argument, value in zip(arguments, hidden)
        ]

    @staticmethod
    def _hidden_values(arguments: list[str]) -> list[str]:
        """For each argument, what of its end is secret by its name."""
        found: list[str] = []
        next_is = False
        for argument in arguments:
            name, equals, value = argument.partition("=")
            if next_is and not argument.startswith("--"):
                found.append(argument if _is_value(argument) else "")
            else:
                found.append(value if equals and is_secret(name.lstrip("-+")) and _is_value(value) else "")
            next_is = not equals and argument.startswith("-") and is_secret(argument.lstrip("-"))
        return found

    def record(self, record: e.Event) -> e.Event:
        """A record without secrets in the text that came from the program."""
        if isinstance(record, e.Printed):
            return _changed(record, text=self.text(record.text))
        if isinstance(record, e.RunStarted):
            # What the program was given, it may print.
            self._learn(self._hidden_values(record.argv))
            self._learn(match[2] for argument in record.argv for match in _ADDRESS.finditer(argument))
            return _changed(record, argv=self.arguments(record.argv), python=self.arguments(record.python))
        if isinstance(record, e.Source):
            return _changed(record, text=self.text(record.text))
        if isinstance(record, e.RunEnded):
            return _changed(record, message=self.text(record.message) if record.message else record.message)
        if isinstance(record, e.ProbeFailed):
            return _changed(record, message=self.text(record.message))
        return record


def same_but_hidden(text: str, kept: str) -> bool:
    """Whether a text is the one that was kept, apart from what was hidden in that.

    >>> same_but_hidden('key = "abc"', 'key = "[hidden]"'), same_but_hidden("x = 1", "x = 2")
    (True, False)
    """
    if HIDDEN not in kept:
        return text == kept
    return re.fullmatch(".{1,9000}?".join(map(re.escape, kept.split(HIDDEN))), text, re.DOTALL) is not None


def _changed(record: e.Event, **fields: object) -> e.Event:
    # The program's side goes on with its own record.
    if all(getattr(record, name) == value for name, value in fields.items()):
        return record
    return msgspec.structs.replace(record, **fields)


def _is_value(value: str) -> bool:
    """A number or nothing is no secret: ``--max-token 5`` is not meant, and must stay to start the run again."""
    return bool(value) and re.fullmatch(r"[\d.,eE+-]{1,20}|(?i:true|false|none|null|yes|no)", value) is None


def _could_be_secret(value: str) -> bool:
    return len(value) >= _LEAST_LENGTH and not value.isdigit() and not value.startswith(("/", "~"))
