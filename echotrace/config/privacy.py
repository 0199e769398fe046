"""Libraries that report home on their own are told not to, before they are loaded."""

from __future__ import annotations

import os

__all__ = ["forbid_telemetry"]

_OFF = {
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime >= 1.29 sends events, writes ~/.cache/Microsoft
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface_hub adds usage data to its requests
}


def forbid_telemetry() -> None:
    """Switch off what onnxruntime and huggingface_hub send; call it before importing either.

    Both read the environment when they load. The user asked for no such connection, so this is not
    a setting.
    """
    os.environ.update(_OFF)
