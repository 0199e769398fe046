"""``echotrace analyze``: profile one recording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from echotrace.cli.document import DOCUMENT
from echotrace.cli.probe_options import (
    Concurrency,
    EndpointingWait,
    LlmBaseUrl,
    Probes,
    PromptFile,
    SystemPrompt,
    TtsBaseUrl,
    TtsVoice,
)
from echotrace.errors import UsageError
from echotrace.printable import printable

__all__ = ["analyze"]


def analyze(
    file: Annotated[
        str | None,
        typer.Argument(help="The recording; - reads it from stdin.", show_default=False),
    ] = None,
    caller: Annotated[
        str | None,
        typer.Option("--caller", help="The caller's side as a mono file, instead of FILE."),
    ] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", help="The agent's side as a mono file.")
    ] = None,
    agent_offset_ms: Annotated[
        float | None,
        typer.Option(
            "--agent-offset-ms",
            help="How much later than the caller's file the agent's begins; negative: earlier.",
        ),
    ] = None,
    reference: Annotated[
        str | None, typer.Option("--reference", help="What was really said.")
    ] = None,
    reference_file: Annotated[
        Path | None, typer.Option("--reference-file", help="A text file with what was really said.")
    ] = None,
    transcript: Annotated[
        str | None,
        typer.Option(
            "--transcript",
            help="What your own pipeline heard: text, or JSON with word times. No engine runs.",
        ),
    ] = None,
    stt: Annotated[
        str | None,
        typer.Option(
            "--stt",
            help="The engine under audit: faster-whisper:SIZE, faster-whisper:FOLDER, sphinx, "
            "groq:MODEL or openai:MODEL (these two are sent the audio). "
            "Default: faster-whisper tiny when it is cached, else sphinx.",
        ),
    ] = None,
    stt_base_url: Annotated[
        str | None,
        typer.Option(
            "--stt-base-url",
            help="The address of an OpenAI-compatible transcription server, for openai:MODEL.",
        ),
    ] = None,
    stt_device: Annotated[
        str | None, typer.Option("--stt-device", help="Where faster-whisper computes: cpu or cuda.")
    ] = None,
    stt_compute_type: Annotated[
        str | None,
        typer.Option(
            "--stt-compute-type", help="Number format of its weights: int8, float16, float32."
        ),
    ] = None,
    gold: Annotated[
        str | None,
        typer.Option(
            "--gold", help="An engine that gives the gold transcript: faster-whisper:large-v2."
        ),
    ] = None,
    normalizer: Annotated[
        str | None,
        typer.Option(
            "--normalizer",
            help="How both texts are made alike: none, basic or whisper-en. "
            "Default: whisper-en for English, else basic.",
        ),
    ] = None,
    key_terms: Annotated[
        Path | None,
        typer.Option("--key-terms", help="A file of words that must not be misheard, one a line."),
    ] = None,
    streaming: Annotated[
        bool,
        typer.Option(
            "--streaming",
            help="Replay the recording in chunks, and measure the engine's partial results.",
        ),
    ] = False,
    no_cache: Annotated[
        bool,
        typer.Option("--no-cache", help="Transcribe anew, and keep nothing for the next run."),
    ] = False,
    llm: Annotated[
        str | None,
        typer.Option(
            "--llm",
            help="The language model to probe: groq:MODEL, ollama:MODEL, openai:MODEL, mock, "
            "or a plug-in's.",
        ),
    ] = None,
    llm_base_url: LlmBaseUrl = None,
    tts: Annotated[
        str | None,
        typer.Option(
            "--tts",
            help="The speech synthesiser to probe: openai:MODEL, groq:MODEL, "
            '"command:PROGRAM ARGUMENTS", or a plug-in\'s. Default: none.',
        ),
    ] = None,
    tts_base_url: TtsBaseUrl = None,
    tts_voice: TtsVoice = None,
    probes: Probes = None,
    concurrency: Concurrency = None,
    system_prompt: SystemPrompt = None,
    prompt_file: PromptFile = None,
    prompt_from_call: Annotated[
        bool,
        typer.Option(
            "--prompt-from-call",
            help="Ask the language model what the caller said: the call's words are sent to it.",
        ),
    ] = False,
    endpointing_wait_ms: EndpointingWait = None,
    trace: Annotated[
        str | None,
        typer.Option(
            "--trace",
            help="What your pipeline wrote down of the call: spans of pipecat or LiveKit, a "
            "platform's call JSON. Without FILE: what it claims alone.",
        ),
    ] = None,
    trace_kind: Annotated[
        str | None,
        typer.Option("--trace-kind", help="Its format, where the content is not to tell it."),
    ] = None,
    offset_ms: Annotated[
        float | None,
        typer.Option(
            "--offset-ms",
            help="Where the trace's first speech event lies in the recording; found by default.",
        ),
    ] = None,
    stages: Annotated[
        str | None,
        typer.Option(
            "--stages", help="Only these: signal,turns,transcription,llm,tts,trace. Default: all."
        ),
    ] = None,
    start: Annotated[
        float | None, typer.Option("--start", help="Begin here, in seconds of the recording.")
    ] = None,
    end: Annotated[
        float | None, typer.Option("--end", help="Stop here, in seconds of the recording.")
    ] = None,
    caller_channel: Annotated[
        str | None,
        typer.Option("--caller-channel", help="The caller's channel: left, right or a number."),
    ] = None,
    spectral: Annotated[
        bool,
        typer.Option("--spectral", help="Add spectral flatness (librosa; slow to load)."),
    ] = False,
    mos: Annotated[
        bool,
        typer.Option(
            "--mos",
            help="Add predicted opinion scores (DNSMOS): takes about a third of real time. "
            "Needs pip install 'echotrace[mos]'.",
        ),
    ] = False,
    export_only: Annotated[
        bool,
        typer.Option(
            "--export-only", "--json", help="Print exactly one JSON document and nothing else."
        ),
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the report's JSON to this file.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Let --output and --export replace files that exist.")
    ] = False,
    export: Annotated[
        list[str] | None,
        typer.Option(
            "--export",
            metavar="FORMAT=PATH",
            help="Also write html, markdown, junit, csv, json, perfetto, otlp or github=PATH; "
            "several times. github=- prints annotations for a workflow.",
        ),
    ] = None,
    embed_audio: Annotated[
        bool,
        typer.Option("--embed-audio", help="Put the recording's sound into the HTML export."),
    ] = False,
    fail_under: Annotated[
        float | None, typer.Option("--fail-under", help="Gate: the lowest score to accept.")
    ] = None,
    max_wer: Annotated[
        float | None, typer.Option("--max-wer", help="Gate: the highest WER, as a ratio (0.10).")
    ] = None,
    max_ttft_ms: Annotated[
        float | None, typer.Option("--max-ttft-ms", help="Gate: the longest time to first token.")
    ] = None,
    min_snr_db: Annotated[
        float | None, typer.Option("--min-snr-db", help="Gate: the lowest SNR to accept.")
    ] = None,
    max_heard_gap_ms: Annotated[
        float | None,
        typer.Option("--max-heard-gap-ms", help="Gate: the longest heard gap of any turn."),
    ] = None,
    max_heard_p50_ms: Annotated[
        float | None, typer.Option("--max-heard-p50-ms", help="Gate: the longest median heard gap.")
    ] = None,
    max_heard_p95_ms: Annotated[
        float | None,
        typer.Option("--max-heard-p95-ms", help="Gate: the longest 95th percentile of heard gaps."),
    ] = None,
    max_yield_ms: Annotated[
        float | None,
        typer.Option("--max-yield-ms", help="Gate: the slowest yield to a barge-in."),
    ] = None,
    max_dead_air_s: Annotated[
        float | None,
        typer.Option("--max-dead-air-s", help="Gate: the longest silence of both sides."),
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option("--fail-on", help='Gate: an expression that must not hold: "wer > 0.10".'),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Forbid every connection but to this machine.")
    ] = False,
    allow_download: Annotated[
        bool, typer.Option("--allow-download", help="Let a missing speech model be downloaded.")
    ] = False,
    profile: Annotated[
        str | None, typer.Option("--profile", help="The threshold profile to judge by.")
    ] = None,
    max_duration: Annotated[
        float | None,
        typer.Option("--max-duration", help="The longest recording to accept, in seconds."),
    ] = None,
    max_decoded_mib: Annotated[
        int | None,
        typer.Option("--max-decoded-mib", help="The most that a file may unpack to, in MiB."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="Use this file as the user's configuration.")
    ] = None,
    no_tui: Annotated[
        bool, typer.Option("--no-tui", help="Print the report instead of opening the app.")
    ] = False,
    color: Annotated[
        bool | None, typer.Option("--color/--no-color", help="Force colour on or off.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Tell no progress.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> int:
    """Profile one recording: what the caller heard, the signal, the transcript, the latency."""
    from echotrace.cli.execute import Presentation, execute
    from echotrace.cli.idle_flags import (
        AuditFlags,
        ProbeFlags,
        refuse_idle_flags,
        refuse_idle_probe_flags,
    )
    from echotrace.cli.options import (
        caller_index,
        load,
        read_gates,
        read_reference,
        read_terms,
        recording_path,
        server_address,
        split_stages,
    )
    from echotrace.cli.probe_options import probe_settings, read_prompt
    from echotrace.cli.trace_options import read_trace_options, refuse_without_recording
    from echotrace.model.outcome import Inputs
    from echotrace.model.report import NO_RECORDING
    from echotrace.model.run import RunRequest

    has_recording = trace is None or any((file, caller, agent))
    traced = read_trace_options(trace, trace_kind, offset_ms, has_recording=has_recording)
    if has_recording:
        path = recording_path(file, caller, agent, agent_offset_ms)
    else:
        path = NO_RECORDING
        refuse_without_recording(
            {
                "--agent-offset-ms": agent_offset_ms,
                "--reference": reference,
                "--reference-file": reference_file,
                "--transcript": transcript,
                "--stt": stt,
                "--gold": gold,
                "--key-terms": key_terms,
                "--streaming": streaming,
                "--prompt-from-call": prompt_from_call,
                "--start": start,
                "--end": end,
                "--caller-channel": caller_channel,
                "--spectral": spectral,
                "--mos": mos,
                "--embed-audio": embed_audio,
                "--max-duration": max_duration,
            }
        )
    DOCUMENT.path = printable(path if agent is None else f"{path} + {agent}")
    gates = read_gates(
        {
            "--fail-under": fail_under,
            "--max-wer": max_wer,
            "--max-ttft-ms": max_ttft_ms,
            "--min-snr-db": min_snr_db,
            "--max-heard-gap-ms": max_heard_gap_ms,
            "--max-heard-p50-ms": max_heard_p50_ms,
            "--max-heard-p95-ms": max_heard_p95_ms,
            "--max-yield-ms": max_yield_ms,
            "--max-dead-air-s": max_dead_air_s,
        },
        fail_on or [],
    )
    if transcript and stt:
        raise UsageError("--transcript and --stt exclude each other: one of them is audited")
    if transcript and streaming:
        raise UsageError(
            "--streaming replays the recording against an engine, and --transcript names none",
            hint='put the partial results of your own pipeline into the transcript: "partials"',
        )
    if agent is not None and caller_channel is not None:
        raise UsageError("--caller-channel has no meaning beside --caller and --agent")
    flags: dict[str, Any] = {
        "audio.caller_channel": caller_index(caller_channel),
        "audio.max_duration_s": max_duration,
        "audio.max_decoded_mib": max_decoded_mib,
        "stt.engine": stt,
        "stt.gold": gold,
        "stt.base_url": server_address("--stt-base-url", stt_base_url),
        "stt.device": stt_device,
        "stt.compute_type": stt_compute_type,
        "stt.normalizer": normalizer,
        "cache.enabled": False if no_cache else None,
        "stt.allow_download": allow_download or None,
        **probe_settings(
            llm=llm,
            llm_base_url=llm_base_url,
            tts=tts,
            tts_base_url=tts_base_url,
            tts_voice=tts_voice,
            probes=probes,
            concurrency=concurrency,
            system_prompt=system_prompt,
            endpointing_wait_ms=endpointing_wait_ms,
        ),
        "offline": offline or None,
        "profile": profile,
    }
    required = tuple(name for name, given in (("llm", llm), ("tts", tts)) if given)
    alone = None if has_recording else (*required, "trace")
    request = RunRequest(
        path=path,
        agent_path=agent,
        agent_offset_ms=agent_offset_ms or 0.0,
        stages=split_stages(stages) or alone,
        inputs=Inputs(
            reference=read_reference(reference, reference_file),
            transcript_path=transcript,
            key_terms=read_terms(key_terms),
            prompt=read_prompt(prompt_file, from_call=prompt_from_call),
            prompt_from_call=prompt_from_call,
            trace_path=traced.path,
            trace_kind=traced.kind,
            trace_offset_ms=traced.offset_ms,
        ),
        start_s=start,
        end_s=end,
        spectral=spectral,
        mos=mos,
        streaming=streaming,
        required=required,
        has_recording=has_recording,
    )
    show = Presentation(
        as_json=export_only,
        output=output,
        force=force,
        quiet=quiet,
        debug=debug,
        color=color,
        no_tui=no_tui,
        exports=tuple(export or ()),
        embed_audio=embed_audio,
        inputs=tuple(
            str(item)
            for item in (reference_file, transcript, key_terms, prompt_file, config, agent, trace)
            if item
        ),
    )
    settings = load(flags, config, quiet=quiet)
    refuse_idle_flags(
        AuditFlags(
            streaming=streaming,
            base_url=stt_base_url is not None,
            device=stt_device is not None,
            compute_type=stt_compute_type is not None,
            normalizer=normalizer is not None,
            key_terms=key_terms is not None,
            transcript=transcript is not None,
            reference=request.inputs.reference is not None,
            stages=request.stages,
        ),
        settings.stt,
    )
    refuse_idle_probe_flags(
        ProbeFlags(
            llm={
                "--llm": bool(llm),
                "--llm-base-url": llm_base_url is not None,
                "--system-prompt": system_prompt is not None,
                "--prompt-file": prompt_file is not None,
                "--prompt-from-call": prompt_from_call,
            },
            tts={
                "--tts": bool(tts),
                "--tts-base-url": tts_base_url is not None,
                "--tts-voice": tts_voice is not None,
            },
            from_call=prompt_from_call,
            stages=request.stages,
        ),
        settings,
    )
    return execute(request, settings, gates, show)
