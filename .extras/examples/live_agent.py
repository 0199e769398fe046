"""A home-made pipeline that tells EchoTrace what it did, with the tracker's ten lines in `answer`.

python .extras/examples/live_agent.py agent.trace.jsonl
echotrace analyze echotrace/demo/call.wav --caller-channel 0 --trace agent.trace.jsonl

Its services are a script that plays the demo call in a time of its own, so that the file lies over
that recording: a real pipeline leaves `clock` out, and its own code stands where `wait` is called.
"""

import sys

from echotrace.telemetry import PipelineTracker, timed

CALL = [  # when the caller began and stopped, when the agent did: seconds of the recording
    (None, None, 0.408, 4.056),
    (4.456, 9.072, 9.320, 12.728),
    (13.672, 16.600, 18.456, 21.696),
    (21.416, 24.176, 24.824, 28.288),
    (30.800, 32.456, 38.536, 39.928),
    (40.288, 42.832, None, None),
]
TRANSPORT_S = 0.06


class Script:
    """The time of the script, which passes when somebody waits."""

    now_s = 0.0

    def clock(self) -> int:
        return round(self.now_s * 1e9)

    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    def wait_until(self, at_s: float) -> None:
        self.now_s = max(self.now_s, at_s)


SCRIPT = Script()


@timed("search")
def search(seconds: float) -> None:
    SCRIPT.wait(seconds)


def answer(tracker: PipelineTracker, heard_s: float, work_s: float) -> None:
    """From the caller's end to the first sound; ``work_s`` is what all stages take together."""
    waited_s = 0.4 * work_s
    tracker.start_stage("stt", owner="acme:stt-1")
    SCRIPT.wait_until(heard_s + 0.5 * waited_s)
    tracker.end_stage("stt", ok=True)
    SCRIPT.wait_until(heard_s + waited_s)
    tracker.user_stopped(ago_s=waited_s)
    with tracker.stage("llm_inference", owner="acme:llm-1") as stage:
        search(0.05 * work_s)
        SCRIPT.wait(0.30 * work_s)
        stage.first_output()
        SCRIPT.wait(0.05 * work_s)
    with tracker.stage("speech_synthesis", owner="acme:tts-1") as stage:
        SCRIPT.wait(0.15 * work_s)
        stage.first_output()
    tracker.agent_started()


def main(path: str) -> None:
    with PipelineTracker("demo", "demo-call", path=path, clock=SCRIPT.clock) as tracker:
        for at, (begins_s, ends_s, speaks_s, falls_silent_s) in enumerate(CALL):
            if begins_s is None:
                SCRIPT.wait_until(speaks_s - TRANSPORT_S)
                tracker.agent_started()
            elif speaks_s is None:
                SCRIPT.wait_until(ends_s)
                tracker.user_stopped(ago_s=0.0)
                break
            else:
                answer(tracker, ends_s, speaks_s - TRANSPORT_S - ends_s)
            following_s = CALL[at + 1][0]
            if following_s < falls_silent_s:
                SCRIPT.wait_until(following_s)
                tracker.user_started(ago_s=0.0)
            SCRIPT.wait_until(falls_silent_s - TRANSPORT_S)
            tracker.agent_stopped()
            if following_s >= falls_silent_s:
                SCRIPT.wait_until(following_s)
                tracker.user_started(ago_s=0.0)


if __name__ == "__main__":
    main(sys.argv[1])
