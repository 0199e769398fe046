"""From the audible stretches of both sides to turns, incidents and their summary."""

from echotrace.analyzers.turn_taking.summary import silence_only, summarize
from echotrace.analyzers.turn_taking.take import TurnTaking, take_turns
from echotrace.analyzers.turn_taking.under import with_snr

__all__ = ["TurnTaking", "silence_only", "summarize", "take_turns", "with_snr"]
