from dataclasses import replace

import pytest

from echotrace.analyzers.probing.prompts import prompt_of
from echotrace.config.settings import LlmSettings, Settings
from echotrace.errors import UsageError
from echotrace.model.outcome import Inputs
from echotrace.model.report import Utterance
from echotrace.providers.llm.base import BUILT_IN_PROMPT
from tests.fakes.audit_reports import audited_call_report

SETTINGS = Settings()


def line(role, text, at_s=0.0):
    return Utterance(channel_index=0, role=role, start_s=at_s, end_s=at_s + 1, text=text)


def call(*lines, actual="my card is gone"):
    return replace(audited_call_report().transcription, dialogue=tuple(lines), actual=actual)


def from_call(transcription, settings=SETTINGS):
    return prompt_of(Inputs(prompt_from_call=True), settings, transcription)


def test_without_a_word_of_the_user_the_prompt_is_built_in():
    assert prompt_of(None, SETTINGS, call(line("caller", "secret"))) == BUILT_IN_PROMPT
    assert prompt_of(Inputs(), SETTINGS, call(line("caller", "secret"))) == BUILT_IN_PROMPT


def test_a_prompt_of_a_file_is_asked_as_the_user():
    found = prompt_of(Inputs(prompt=" Where is my parcel? \n"), SETTINGS, None)
    assert found.source == "file"
    assert [(turn.role, turn.text) for turn in found.turns] == [("user", "Where is my parcel?")]


def test_an_empty_prompt_is_refused():
    with pytest.raises(UsageError, match="prompt is empty"):
        prompt_of(Inputs(prompt="  "), SETTINGS, None)


def test_a_system_prompt_of_the_user_replaces_the_built_in_one_and_is_told():
    mine = replace(SETTINGS, llm=replace(LlmSettings(), system_prompt="You sell hats."))
    found = prompt_of(Inputs(), mine, None)
    assert (found.system, found.system_source) == ("You sell hats.", "set")
    assert found.messages()[0] == {"role": "system", "content": "You sell hats."}


def test_the_call_gives_its_dialogue_up_to_the_callers_last_words():
    found = from_call(
        call(
            line("agent", "Hello."),
            line("caller", "I lost my card."),
            line("agent", "Which one?"),
            line("caller", "The blue one."),
            line("agent", "Done."),
        )
    )
    assert found.source == "call"
    assert [(turn.role, turn.text) for turn in found.turns] == [
        ("assistant", "Hello."),
        ("user", "I lost my card."),
        ("assistant", "Which one?"),
        ("user", "The blue one."),
    ]


def test_without_known_sides_all_that_was_heard_is_the_callers():
    assert from_call(call()).turns[0].text == "my card is gone"


def test_a_call_without_words_gives_no_prompt():
    assert from_call(call(actual=" ")) is None
    assert from_call(None) is None


def test_a_long_call_gives_its_latest_words():
    lines = [line("caller", f"{number:05d} " * 200) for number in range(40)]
    found = from_call(call(*lines))
    assert sum(len(turn.text) for turn in found.turns) <= 8_000
    assert found.turns[-1].text.startswith("00039")


def test_a_last_turn_that_is_too_long_gives_its_end():
    found = from_call(call(line("caller", "old " * 10), line("caller", "x" * 9_000 + " the end")))
    assert [len(turn.text) for turn in found.turns] == [8_000]
    assert found.turns[0].text.endswith(" the end")
