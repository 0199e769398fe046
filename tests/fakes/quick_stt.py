"""A contributor's recogniser that costs nothing: what it hears follows from the samples alone.

``quick`` notes down what it does in the file ``QUICK_STT_LOG``: the word, its name, its process.
``quick:dies`` ends its process in the piece of this number (``QUICK_STT_DEADLY``), ``quick:waits``
does not go on until the file ``QUICK_STT_GO`` is there, ``quick:prints`` prints, and the model of
``quick:missing`` is missing.
"""

MODULE = """
import hashlib
import os
import signal
import sys
import time
from pathlib import Path

from echotrace.errors import MissingDependencyError
from echotrace.model.transcription import Word
from echotrace.providers.stt.base import SttStopped, Transcript, join_texts
from echotrace.providers.stt.pieces import PieceLimits

WORDS = "please book the blue room for nine people on the third of march at seven".split()


def heard(samples):
    digest = hashlib.sha256(samples.astype("<f4").tobytes()).digest()
    return [WORDS[byte % len(WORDS)] for byte in digest[: 4 + digest[0] % 6]]


class Quick:
    note = None
    limits = PieceLimits(max_s=30.0)
    sent_to = None
    times_by_attention = False

    def __init__(self, model):
        self.model = model
        self.name = f"quick:{model}" if model else "quick"

    @classmethod
    def create(cls, model, settings):
        return cls(model)

    def identity(self):
        return {"version": "1"}

    def check(self):
        if self.model == "missing":
            raise MissingDependencyError("the model of quick is missing", hint="get it")

    def load(self, collector):
        self.note_down("load")
        with collector.span("model_load", engine=self.name):
            return 1.0

    def warm_up(self, collector):
        return 0.0

    def transcribe(self, pieces, collector, *, is_stopped=lambda: False):
        words, audio_s = [], 0.0
        for piece in pieces:
            joined = piece.read()
            found = heard(joined.samples)
            times = self.note_down("hears")
            if self.model == "dies" and times == int(os.environ["QUICK_STT_DEADLY"]):
                sys.stderr.write("quick: a bad day\\n")
                sys.stderr.flush()
                os.kill(os.getpid(), signal.SIGKILL)
            if self.model == "waits":
                while not Path(os.environ["QUICK_STT_GO"]).exists():
                    time.sleep(0.01)
            if self.model == "prints":
                print("quick prints " * 50)
            audio_s += joined.duration_s
            step = joined.duration_s / (len(found) + 1)
            for at, text in enumerate(found):
                start_s, end_s = joined.on_recording(at * step, (at + 0.9) * step)
                words.append(Word(text=text, start_s=start_s, end_s=end_s, probability=0.9))
        return Transcript(
            text=join_texts(word.text for word in words),
            words=tuple(words),
            audio_s=audio_s,
            inference_ms=1.0,
            language="en",
        )

    def close(self):
        self.note_down("close")

    def note_down(self, what):
        log = os.environ.get("QUICK_STT_LOG")
        if not log:
            return 0
        with open(log, "a+") as file:
            file.write(f"{what} {self.name} {os.getpid()}\\n")
            file.seek(0)
            return sum(line.startswith(f"{what} ") for line in file)
"""


def install_quick_stt(folder):
    """Write the distribution into ``folder``, which is then for PYTHONPATH."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "quick_stt.py").write_text(MODULE, "utf-8")
    info = folder / "quick_stt-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: quick-stt\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[echotrace.stt]\nquick = quick_stt:Quick\n")
    return folder
