"""Who may leave the choice of a model to the server."""

import pytest

from echotrace.setup.answers import plan_of
from echotrace.setup.interview import Interview
from tests.fakes.llm_key import KEY
from tests.unit.setup.test_interview import LOCAL, names_until, refusal


@pytest.mark.parametrize("typed", ["", "first", "FIRST"])
def test_a_server_of_ones_own_may_choose_the_model(place, typed):
    interview = Interview.begin(place.detected())
    names_until(interview, {"provider": "openai", "address": LOCAL, "model": typed})
    assert interview.answers.model is None
    settings = dict(plan_of(interview.detected.saved, interview.answers).settings)
    assert settings == {"llm.provider": "openai", "llm.base_url": LOCAL}
    interview.reopen("model")
    assert interview.next_step().default == "first"


def test_the_vendor_and_ollama_have_no_first_model_to_take(place):
    interview = Interview.begin(place.detected())
    names_until(interview, {"provider": "openai", "key": KEY, "model": "first"})
    assert interview.answers.model == "first"  # a name as any other
    empty = Interview.begin(place.detected(), test=False)
    empty.reply("")
    empty.reply("ollama")
    assert refusal(empty, "").code == "NO_ANSWER"
