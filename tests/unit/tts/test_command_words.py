"""Where the text may stand in a command: nothing may read it as a script."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.errors import UsageError
from echotrace.providers.tts.command_words import TEXT, split_command, worded

SPEAKS = "'espeak-ng --stdout \"$1\"'"


@pytest.mark.parametrize(
    "command",
    [
        "sh -c 'espeak-ng --stdout {text}'",
        "bash -c -e 'espeak-ng {text}'",
        "bash -c -- 'espeak-ng {text}'",
        "rbash -c 'echo {text}'",
        "script -qc 'espeak-ng {text}' /dev/null",
        "ssh host 'espeak-ng {text}'",
        "say --text={text}",
        "ffmpeg -i 'flite=text={text}' -",
        "{text}.sh",
    ],
)
def test_the_text_is_no_part_of_a_word(command):
    with pytest.raises(UsageError) as caught:
        split_command(command)
    assert caught.value.what == "{text} stands inside another word of the command"
    assert "standard input" in caught.value.hint


@pytest.mark.parametrize(
    ("command", "reader"),
    [
        ("{text}", "{text}"),
        ("sh {text}", "sh"),
        ("zsh -x {text}", "zsh"),
        ("/bin/bash -lc {text}", "/bin/bash"),
        ("env A=1 dash -c {text}", "dash"),
        ("bash -c -e {text}", "bash"),
        ("bash -c -- {text}", "bash"),
        ("bash -c +x {text}", "bash"),
        ("rbash -c {text}", "rbash"),
        ("bash -c -o pipefail {text}", "-c"),
        ("bash -o pipefail -c {text}", "-c"),
        ("bash -co pipefail {text}", "-co"),
        ("bash -oc pipefail {text}", "-oc"),
        ("myshell -xc {text}", "-xc"),
        ("script -qc {text} /dev/null", "-qc"),
        ("script -q --command {text} /dev/null", "--command"),
        ("su bob -c {text}", "-c"),
        *(
            (f"{shell} -c {{text}}", shell)
            for shell in ("csh", "tcsh", "mksh", "fish", "busybox sh")
        ),
        ("pwsh -c {text}", "pwsh"),
        ("pwsh -Command 'speak $args' {text}", "pwsh"),
        ("python3.11 -u -c {text}", "python3.11"),
        ("perl -e {text}", "perl"),
        ("perl -I lib -E {text}", "-E"),
        ("perl -e 1 -e {text}", "-e"),
        ("node --eval {text}", "node"),
        ("find . -exec {text}", "-exec"),
        ("ssh host espeak-ng --stdout {text}", "ssh"),
        ("timeout 9 ssh host {text}", "ssh"),
        ("env -S {text}", "-S"),
        ("env -S 'bash -c' {text}", "-S"),
        ("env -iS 'bash -c' {text}", "-iS"),
        ("env '--split-string=bash -c' {text}", "--split-string=bash -c"),
        ("watch espeak-ng {text}", "watch"),
        ("awk {text}", "awk"),
        ("festival -b {text}", "festival"),
        (f"sh -c {SPEAKS} sh {{text}} -c {{text}}", "-c"),
    ],
)
def test_the_text_is_never_where_it_could_be_run(command, reader):
    with pytest.raises(UsageError) as caught:
        split_command(command)
    shown = reader.removeprefix("busybox ")
    assert caught.value.what == f"{{text}} stands where {shown!r} could run it"
    assert caught.value.code == "TTS_COMMAND"


@pytest.mark.parametrize(
    "command",
    [
        "espeak-ng --stdout",
        "espeak-ng --stdout {text}",
        "espeak-ng -v en -s 150 --stdout {text}",
        "flite -voice slt -t {text} -o /dev/stdout",
        "flite -text {text}",
        "piper -c config.json --text {text}",
        "python3 -S -E speak.py {text}",
        "python -m kokoro -t {text}",
        "bash -e -x speak.sh {text}",
        f"sh -c {SPEAKS} sh {{text}}",
        f"bash -euo pipefail -c {SPEAKS} bash {{text}}",
        f"ash -ec {SPEAKS} ash {{text}}",
        f"nice -n 5 sh -c {SPEAKS} sh {{text}} {{text}}",
        "perl -e 'print shift' {text}",
        "ssh host espeak-ng --stdout",
        "watch -c date",
        "sh -c 'espeak-ng --stdout'",
    ],
)
def test_what_cannot_run_the_text_is_left_alone(command):
    assert split_command(command) == tuple(shlex.split(command))


@given(st.text(max_size=30), st.lists(st.sampled_from(["-t", TEXT, "say", "--x y"]), max_size=4))
def test_a_text_is_one_word_or_goes_to_standard_input(text, more):
    words = ("say", *more)
    started, spoken = worded(words, text)
    assert len(started) == len(words)
    assert (spoken is None) == (TEXT in words)
    for before, after in zip(words, started, strict=True):
        if before != TEXT:
            assert after == before
        else:
            assert after.isprintable()
            assert not after.startswith("-")
    if spoken is not None:
        assert spoken.decode().removesuffix("\n") == text.encode("utf-8", "replace").decode()
