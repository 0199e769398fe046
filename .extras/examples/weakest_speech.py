"""The stretches of speech with the lowest SNR: a report read from Python.

python .extras/examples/weakest_speech.py call.wav
"""

import sys

from echotrace import analyze


def main(path: str) -> None:
    report = analyze(path, stages=["signal"])
    stretches = [
        (segment.snr_db.value, channel.index, segment)
        for channel in report.signal.channels
        for segment in channel.segments
        if segment.snr_db.value is not None
    ]
    for snr_db, channel, segment in sorted(stretches, key=lambda item: item[0])[:5]:
        place = f"{segment.start_s:7.2f} to {segment.end_s:7.2f} s"
        print(f"{snr_db:6.1f} dB  channel {channel}  {place}  {segment.snr_db.status.value}")


if __name__ == "__main__":
    main(sys.argv[1])
