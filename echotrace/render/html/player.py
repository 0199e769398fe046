"""The controls over the timeline: the place of the play head, sound where there is some, zoom."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from echotrace.render.console.timeline import stamp
from echotrace.render.html.markup import Markup, el

if TYPE_CHECKING:
    from echotrace.render.embed import EmbeddedAudio
    from echotrace.render.html.svg import Scale

__all__ = ["player"]


def player(scale: Scale, audio: EmbeddedAudio | None) -> Markup:
    """Return the bar with the play head's place; a button to hear it where sound is embedded."""
    sound, play = None, None
    if audio is not None:
        source = f"data:{audio.mime};base64,{base64.b64encode(audio.data).decode('ascii')}"
        sound = el(
            "audio", id="sound", src=source, preload="auto", data_start=f"{audio.start_s:.3f}"
        )
        play = el("button", "Play", type="button", id="play", class_="primary")
    place = el("output", stamp(scale.first), id="place", aria_live="off")
    hint = "click a turn, a word or the picture to move the play head"
    hint += " and hear it" if audio is not None else "; no sound is embedded (--embed-audio)"
    return el(
        "div",
        play,
        place,
        el("span", f"/ {stamp(scale.last)}", class_="dim"),
        el("span", hint, class_="dim hint-line"),
        el(
            "span",
            el("button", "-", type="button", id="zoom-out", aria_label="zoom out"),
            el("button", "+", type="button", id="zoom-in", aria_label="zoom in"),
            class_="zoom",
        ),
        sound,
        class_="player",
    )
