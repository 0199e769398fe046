"""From the audible stretches of both sides to turns, incidents and their summary."""

from echotrace.analyzers.turn_taking.summary import silence_only, summarize
from echotrace.analyzers.turn_taking.take import TurnTaking, take_turns

__all__ = ["TurnTaking", "silence_only", "summarize", "take_turns"]
