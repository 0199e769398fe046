"""The prompts of ``echotrace setup``: shows what the interview asks and reads the answers.

Everything goes to stderr; data is never markup; a key is read without echo.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from echotrace.cli.runner import run_until_signal
from echotrace.config.secrets import redact
from echotrace.errors import EchoTraceError, UsageError
from echotrace.printable import printable, printable_line
from echotrace.setup.answers import Plan, plan_of
from echotrace.setup.checks import CheckName, CheckResult, check_llm, check_ollama, check_stt
from echotrace.setup.interview import BACK, Check, Interview
from echotrace.setup.ollama import look_for_ollama
from echotrace.setup.providers import facts_of, provider_names
from echotrace.setup.question import Question

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from echotrace.setup.answers import Answers
    from echotrace.setup.detect import Detected

__all__ = ["Wizard"]

_LABELS = {
    "network": "network",
    "provider": "language model",
    "address": "its address",
    "key": "its key",
    "model": "its model",
    "stt": "engine under audit",
    "gold": "gold engine",
    "device": "computes on",
    "download": "may fetch models",
    "profile": "thresholds",
}
_UNNAMED = {"openai": "the server's first", "ollama": "the server's first"}
_CHECKED = {
    "ollama": "language model",
    "llm": "language model",
    "stt": "engine under audit",
    "gold": "gold engine",
}


class Wizard:
    """A terminal that asks.

    Args:
        environ: the environment that a run would have.
        color: None leaves it to the terminal and NO_COLOR.
    """

    def __init__(self, environ: Mapping[str, str], *, color: bool | None = None) -> None:
        self._environ = environ
        self._console = Console(
            stderr=True,
            highlight=False,
            markup=False,
            emoji=False,
            no_color=True if color is False else None,
            force_terminal=True if color else None,
        )

    def looking(self) -> AbstractContextManager[object]:
        """Return a context manager that shows that the machine is looked at."""
        return self._console.status(Text("looking at what is here"))

    def show_found(self, detected: Detected) -> None:
        """Show what is there before the first question."""
        machine, saved = detected.machine, detected.saved
        rows = []
        memory = f", {machine.memory_mb / 1000:.0f} GB memory" if machine.memory_mb else ""
        gpus = f", {machine.gpus} GPU{'s' * (machine.gpus != 1)}" if machine.gpus else ", no GPU"
        rows.append(("machine", f"{machine.cores} cores{memory}{gpus}"))
        for name in provider_names():
            variable = facts_of(name).key_variable
            if variable:
                found = detected.keys.get(variable)
                words = f"key {found.secret} {found.where}" if found else f"no {variable} yet"
                rows.append((name, words))
        ollama = detected.ollama
        words = ", ".join(ollama.models[:4]) + (", ..." if len(ollama.models) > 4 else "")
        where = f" at {ollama.address}" if ollama.address else ""
        rows.append(("ollama", f"{words or ollama.problem}{where}"))
        whisper = ", ".join(sorted(machine.whisper)) or "no model here yet"
        rows.append(("whisper", whisper))
        new = "" if saved.data is not None else " (new)"
        rows.append(("file", f"{printable(saved.config_path)}{new}"))
        self._line("EchoTrace setup", "bold")
        self._line("")
        self._grid(rows, indent=2)
        self._line("")
        self._line(f'Enter takes the [default], "{BACK}" goes back, Ctrl-C leaves.', "dim")
        self._line("Nothing is written before you say so.", "dim")

    def converse(self, interview: Interview) -> Plan | None:
        """Ask until everything is answered and confirmed; None when the user declines.

        Raises:
            EOFError, KeyboardInterrupt: the user left.
            EchoTraceError: the answers cannot be written.
        """
        while True:
            step = interview.next_step()
            if isinstance(step, Question):
                self._ask(interview, step)
            elif isinstance(step, Check):
                if step.name == "ollama":
                    self._look(interview)
                result = self.check(step.name, interview.detected, interview.answers)
                interview.record(step.name, result)
            else:
                plan = plan_of(interview.detected.saved, interview.answers)
                if not plan.changes or self._confirmed(interview, plan):
                    return plan
                if interview.next_step() is None:
                    return None

    def check(self, name: CheckName, detected: Detected, answers: Answers) -> CheckResult:
        """Try one choice and show what came out."""
        settings = answers.as_settings(detected.base)
        with self._console.status(Text(f"testing the {_CHECKED[name]}")):
            if name == "ollama":
                result = check_ollama(detected.ollama)
            elif name == "llm":
                environ = answers.key_environment(self._environ)
                result = run_until_signal(check_llm(settings, environ))
            else:
                engine = settings.stt.engine if name == "stt" else settings.stt.gold
                result = check_stt(engine or "", settings)
        self._show_result(name, result, detected, answers)
        return result

    def _look(self, interview: Interview) -> None:
        settings = interview.answers.as_settings(interview.detected.base)
        environ = interview.answers.key_environment(self._environ)
        with self._console.status(Text("looking for ollama")):
            interview.found_ollama(look_for_ollama(settings, environ))

    def show_plan(self, plan: Plan) -> None:
        """Show what would be written, and where."""
        for change in plan.changes:
            self._line(f"  {printable(change.path)}", "bold")
            if change.private:
                for key in plan.keys:
                    self._line(f"    {key.name} = {key}  (readable by you alone)")
                continue
            for name, value in plan.settings.items():
                shown = "(removed)" if value is None else f"= {_toml(value)}"
                self._line(f"    {name} {shown}")

    def note(self, text: str) -> None:
        """Say something aside."""
        self._line(text, "dim")

    def _ask(self, interview: Interview, question: Question) -> None:
        self._line("")
        self._line(question.title, "bold")
        for text in question.text:
            self._line(f"  {text}", "dim")
        rows = [
            (
                f"{number}  {option.value}" if len(question.options) > 2 else option.value,
                option.label,
            )
            for number, option in enumerate(question.options, start=1)
        ]
        self._grid(rows, indent=2)
        while True:
            typed = self._read(question.default, hidden=question.hidden)
            try:
                interview.reply(typed)
            except EchoTraceError as error:
                self._complain(error)
            else:
                return

    def _confirmed(self, interview: Interview, plan: Plan) -> bool:
        """Whether to write; a question that is to be asked again is opened again."""
        self._line("")
        self._line("Your choices", "bold")
        names = interview.changeable()
        values = [_value_of(name, interview.answers) for name in names]
        self._grid(
            [
                (f"{number}  {_LABELS[name]}", value)
                for number, (name, value) in enumerate(zip(names, values, strict=True), start=1)
            ],
            indent=2,
        )
        self._line("")
        self._line("This is written", "bold")
        self.show_plan(plan)
        self._line("")
        while True:
            self._line("Write it? yes, no, or the number of a choice to change", "bold")
            typed = self._read("yes").strip().lower()
            if typed in ("", "y", "yes"):
                return True
            if typed in ("n", "no"):
                return False
            if typed == BACK and names:
                interview.back()
                return False
            if typed.isascii() and typed.isdigit() and 1 <= int(typed[:4]) <= len(names):
                interview.reopen(names[int(typed[:4]) - 1])
                return False
            self._line("  type yes, no, or a number of the list", "yellow")

    def _read(self, default: str | None, *, hidden: bool = False) -> str:
        if hidden:
            return _read_hidden()
        prompt = f"[{printable_line(default)}]: " if default else ": "
        self._console.print(Text(prompt, "cyan"), end="")
        sys.stderr.flush()
        try:
            return input()
        except UnicodeDecodeError:
            return "\ufffd"

    def _complain(self, error: EchoTraceError) -> None:
        why = f" ({error.why})" if error.why else ""
        self._line(f"  {error.what}{why}", "yellow")
        if error.hint:
            self._line(f"  {error.hint}", "yellow")

    def _show_result(
        self, name: CheckName, result: CheckResult, detected: Detected, answers: Answers
    ) -> None:
        secrets = [*answers.keys, *(found.secret for found in detected.keys.values())]
        if result.ok:
            self._line(f"  ok: {redact(result.text, secrets)}", "green")
            return
        self._line(f"  {_CHECKED[name]}: {redact(result.text, secrets)}", "yellow")
        for word, text in (("why", result.why), ("try", result.hint)):
            if text:
                self._line(f"    {word}: {redact(text, secrets)}", "yellow")

    def _line(self, text: str, style: str = "") -> None:
        indent = len(text) - len(text.lstrip(" "))
        body = Text(printable_line(text), style)
        self._console.print(Padding(body, (0, 0, 0, indent)) if indent else body)

    def _grid(self, rows: list[tuple[str, str]], *, indent: int) -> None:
        if not rows:
            return
        table = Table.grid(padding=(0, 2), pad_edge=False)
        table.add_column(no_wrap=False)
        table.add_column(style="dim", overflow="fold")
        for left, right in rows:
            table.add_row(Text(printable(left)), Text(printable_line(right)))
        self._console.print(Padding(table, (0, 0, 0, indent)))


def _read_hidden() -> str:
    """Read a key from the terminal without echo.

    Raises:
        UsageError: the terminal cannot hide it.
    """
    import getpass
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass("(hidden): ")
        except getpass.GetPassWarning:
            raise UsageError(
                "this terminal cannot hide what is typed",
                hint="set the key in the environment and pass --from-env",
                code="NO_HIDDEN_INPUT",
            ) from None
        except UnicodeDecodeError:
            return "\ufffd"


def _value_of(name: str, answers: Answers) -> str:
    if name == "network":
        return "not used" if answers.offline else "may be used"
    if name == "key":
        return ", ".join(str(key) for key in answers.keys) or "stored already"
    if name == "download":
        return "yes, when first used" if answers.allow_download else "no"
    values = {
        "provider": answers.provider,
        "address": answers.base_url or "its own",
        "model": answers.model or _UNNAMED.get(answers.provider or ""),
        "stt": answers.stt,
        "gold": answers.gold,
        "device": answers.device,
        "profile": answers.profile,
    }
    return values[name] or "none"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"'
